// Who is measured. An engine is { name, open(case) }, and an opened one:
//   variant            what ran
//   firstLoadMs        loading the model once in a process that has not yet loaded this engine
//   rows               { request, warm, load }: async functions, one timed run each; the first two give logits (N·T)
//   close()
// A new engine is an entry in ENGINES; a new row is a function in every engine and a line in bench.mjs.
import { PARTS, exportOnnx, feeds } from './export-onnx.mjs';
import { createSession, startWebRuntime, toTensors } from './onnxruntime.mjs';

const PACKAGE = new URL('../../dist/index.js', import.meta.url);

async function timed(run) {
  const start = performance.now();
  const value = await run();
  return [value, performance.now() - start];
}

/** siren-rope in one of its two builds, by its typed-array calls. */
function ours(build) {
  return async ({ bytes, model, request }) => {
    const { loadModel } = await import(PACKAGE);
    const [loaded, firstLoadMs] = await timed(() => loadModel(bytes, { build }));
    const { history, candidate, now_s } = request;
    const events = { item: history.item, action: history.action, timestamp: Float64Array.from(history.time_s) };
    const candidates = { item: candidate.item, now: now_s };
    if (model.Z > 0) candidates.context = candidate.context;
    if (model.G > 0) [events.signal, candidates.signal] = [history.signal, candidate.signal];
    const createSessionWith = () => {
      const session = loaded.createSession();
      session.appendTensors(events);
      return session;
    };
    const warm = createSessionWith();
    return {
      variant: `${loaded.info.build} (${loaded.info.isa})`,
      firstLoadMs,
      rows: {
        async request() {
          const session = createSessionWith();
          const logits = session.scoreTensors(candidates);
          session.dispose();
          return logits;
        },
        async warm() {
          return warm.scoreTensors(candidates);
        },
        async load() {
          (await loadModel(bytes, { build })).dispose();
        },
      },
      close() {
        warm.dispose();
        loaded.dispose();
      },
    };
  };
}

/** onnxruntime-web: a graph for a whole request, and one for candidates that is fed the history's keys and values. */
async function onnxruntimeWeb({ model, request, C, N }) {
  const ort = startWebRuntime();
  const graphs = Object.fromEntries(PARTS.map((part) => [part, exportOnnx(model, { C, N, part })]));
  const [whole, firstLoadMs] = await timed(() => createSession(ort, graphs.request));
  const historySession = await createSession(ort, graphs.history);
  const caches = await historySession.run(toTensors(ort, feeds(model, request, 'history')));
  const candidatesSession = await createSession(ort, graphs.candidates);
  const requestTensors = toTensors(ort, feeds(model, request));
  const candidateTensors = { ...toTensors(ort, feeds(model, request, 'candidates')), ...caches };
  return {
    variant: `wasm simd, 1 thread, ${ort.env.versions.web}`,
    firstLoadMs,
    rows: {
      request: async () => (await whole.run(requestTensors)).logits.data,
      warm: async () => (await candidatesSession.run(candidateTensors)).logits.data,
      load: async () => (await createSession(ort, graphs.request)).release(),
    },
    async close() {
      for (const session of [whole, historySession, candidatesSession]) await session.release();
    },
  };
}

export const PEER = 'onnxruntime-web';

/** canRelax: whether this JavaScript engine runs relaxed SIMD. */
export function engines({ canRelax }) {
  return [
    { name: PEER, open: onnxruntimeWeb },
    { name: 'siren-rope strict', open: ours('simd') },
    ...(canRelax ? [{ name: 'siren-rope relaxed', open: ours('relaxed') }] : []),
  ];
}
