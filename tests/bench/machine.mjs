// What this machine can do, measured in the same run as all else: the highest rate of multiply-adds of registers alone, and the rates of
// the matrix kernels alone. In: build/bench_machine and the two wasm modules of the target of the same name.
// -> { peaks: { avx2: GFLOP/s, 'wasm-relaxed-int8': Gop/s, … }, kernels: [{ isa, k, rate, share }] }
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './processes.mjs';

const ROUNDS = 200;
const BLOCK_MS = 0.5; // short, because engines are interrupted: the best of many is what the machine can do
const WARM_UP_MS = 60; // V8 compiles a wasm function a second time when it is hot

/** { loop's name: best rate } of a module. */
async function measureModule(path) {
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { env: { emscripten_notify_memory_growth() {} } });
  const { memory, machine_select: select, machine_operations: operations, machine_run: run, _initialize: initialize } = instance.exports;
  initialize?.();
  const text = (at) => {
    const bytes = new Uint8Array(memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  };
  const rates = {};
  for (let index = 0, at; (at = select(index)) !== 0; index++) {
    const name = text(at);
    let repeats = 1;
    let warm = 0;
    let best = 0;
    for (let round = 0; round < ROUNDS;) {
      const start = performance.now();
      run(repeats);
      const ms = performance.now() - start;
      warm += ms;
      if (ms < BLOCK_MS) repeats *= 2;
      else if (warm >= WARM_UP_MS) {
        best = Math.max(best, operations() * repeats / ms / 1e6);
        round++;
      }
    }
    rates[name] = best;
  }
  return rates;
}

function measureNative() {
  const { status, stdout, stderr, error } = spawnSync(join(root, 'build/bench_machine'), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bench_machine: ${error?.message ?? stderr}`);
  return JSON.parse(stdout);
}

export async function measureMachine() {
  const loops = Object.entries(measureNative());
  for (const isa of ['simd128', 'relaxed']) {
    const rates = await measureModule(join(root, `build-wasm/bench_machine_${isa}.wasm`));
    for (const [name, rate] of Object.entries(rates)) loops.push([name.replace(/^simd128/, 'wasm-simd').replace(/^relaxed/, 'wasm-relaxed'), rate]);
  }
  const peaks = {};
  for (const [name, rate] of loops) {
    const [isa, kind] = name.split(' ');
    if (kind !== 'matmul') peaks[isa] = Math.max(peaks[isa] ?? 0, rate);
  }
  const kernels = loops.filter(([name]) => name.includes(' matmul ')).map(([name, rate]) => {
    const [isa, , k] = name.split(' ');
    return { isa, k: Number(k), rate, share: rate / peaks[isa] };
  });
  return { peaks, kernels };
}
