// The peer: onnxruntime-web on one thread of WebAssembly, set up once, and sessions of it (or of onnxruntime-node).
import { createRequire } from 'node:module';

/** onnxruntime-web, CPU (WebAssembly SIMD), one thread, in this thread. */
export function startWebRuntime() {
  const ort = createRequire(import.meta.url)('onnxruntime-web/wasm');
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.logLevel = 'error';
  return ort;
}

/** A session with every optimisation on. */
export function createSession(ort, bytes) {
  return ort.InferenceSession.create(bytes, {
    executionProviders: ['cpu'], // in onnxruntime-web another name of 'wasm'
    graphOptimizationLevel: 'all', intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
    enableCpuMemArena: true, enableMemPattern: true,
  });
}

/** { name: { data, dims } } -> the runtime's tensors. */
export function toTensors(ort, values) {
  return Object.fromEntries(Object.entries(values)
    .map(([name, { data, dims }]) => [name, new ort.Tensor('float32', data, dims)]));
}

/** One run of a graph in a session of its own: { name: { data, dims } } in and out. */
export async function runPart(ort, bytes, values) {
  const session = await createSession(ort, bytes);
  const outputs = await session.run(toTensors(ort, values));
  await session.release();
  return outputs;
}
