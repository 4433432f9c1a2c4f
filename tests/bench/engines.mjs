// How each engine that runs in a JavaScript process loads a model and ranks. OPEN[kind]({ bytes, request }, options)
// gives
//   variant        what runs
//   firstLoadMs    loading the model, as the first of the process
//   rows           { request, warm, append, load } each an async function that makes ready and gives { run, before, after, close };
//                  `run` alone is timed; ranking rows give logits (N·T), which are the same in all of them
//   close()        lets go of what would keep the process alive; may be missing
// worker.mjs opens them, one a process. A new engine is a function here and an entry in sides.mjs.
import { earlierFeeds, exportOnnx, feeds, readModel } from './export-onnx.mjs';
import { usesOrder } from './flops.mjs';
import { createSession, startWebRuntime, toTensors } from './onnxruntime.mjs';

const PACKAGE = new URL('../../dist/', import.meta.url);

async function timed(run) {
  const start = performance.now();
  const value = await run();
  return [value, performance.now() - start];
}

/** siren-rope by its typed-array calls: a model in this thread, or where options.workers says so a pool that shares candidates. */
async function ours({ bytes, request }, options) {
  const load = options.workers ? (await import(new URL('pool.js', PACKAGE))).createPool : (await import(new URL('index.js', PACKAGE))).loadModel;
  const [loaded, firstLoadMs] = await timed(() => load(bytes, options));
  const { C, history, candidate, now_s } = request;
  const rows = (from, to) => {
    const part = (data) => data.subarray((from * data.length) / C, (to * data.length) / C);
    const events = { timestamp: Float64Array.from(history.time_s.slice(from, to)) };
    for (const name of ['item', 'action', 'signal']) if (history[name]) events[name] = part(history[name]);
    return events;
  };
  const [all, earlier, last] = [rows(0, C), rows(0, C - 1), rows(C - 1, C)];
  const candidates = { item: candidate.item, context: candidate.context, now: now_s };
  if (candidate.signal) candidates.signal = candidate.signal;
  const sessionWith = async (events) => {
    const session = await loaded.createSession();
    await session.appendTensors(events);
    return session;
  };
  const score = (session) => session.scoreTensors(candidates, { workers: options.workers }); // a session of one thread takes no options
  return {
    variant: options.workers ? `${options.build}, ${options.workers} workers` : `${loaded.info.build} (${loaded.info.isa})`,
    firstLoadMs,
    close: () => loaded.dispose(),
    rows: {
      request: async () => ({
        async run() {
          const session = await sessionWith(all);
          const logits = await score(session);
          session.dispose();
          return logits;
        },
      }),
      async warm() {
        const session = await sessionWith(all);
        return { run: () => score(session), close: () => session.dispose() };
      },
      async append() {
        let session;
        return {
          async before() {
            session = await sessionWith(earlier);
            await score(session); // runs the history
          },
          async run() {
            await session.appendTensors(last);
            return score(session);
          },
          after: () => session.dispose(),
        };
      },
      async load() {
        let model;
        return { run: async () => { model = await load(bytes, options); }, after: () => model.dispose() };
      },
    },
  };
}

/**
 * A session of onnxruntime's. options.naive: the request in the naive form, and nothing else. Where every angle changes with an
 * appended event, appending is the whole request, as it is for us.
 */
async function onnxruntime(ort, variant, { bytes, request }, { naive = false }) {
  const model = readModel(bytes);
  const { C, N } = request;
  const sharedContext = true;
  const graph = (part, sizes = { C, N }) => exportOnnx(model, { ...sizes, part, sharedContext });
  const fed = (part) => toTensors(ort, feeds(model, request, part, { sharedContext }));
  const runPart = async (bytesOfPart, values) => {
    const session = await createSession(ort, bytesOfPart);
    return { run: async () => (await session.run(values)).logits.data, close: () => session.release() };
  };
  const cachesOf = async (values, n) => { // outputs are the runtime's own tensors, to be fed as they are
    const session = await createSession(ort, graph('history', { C: n, N }));
    const outputs = await session.run(toTensors(ort, values));
    await session.release();
    return outputs;
  };
  const whole = graph(naive ? 'naive' : 'request');
  const [first, firstLoadMs] = await timed(() => createSession(ort, whole));
  await first.release();
  const wholeRow = () => runPart(whole, fed(naive ? 'naive' : 'request'));
  if (naive) return { variant, firstLoadMs, rows: { request: wholeRow } };
  return {
    variant,
    firstLoadMs,
    rows: {
      request: wholeRow,
      async warm() {
        const caches = await cachesOf(feeds(model, request, 'history'), C);
        return runPart(graph('candidates'), { ...fed('candidates'), ...caches });
      },
      async append() {
        if (usesOrder(model)) return wholeRow();
        const caches = await cachesOf(earlierFeeds(model, request), C - 1);
        return runPart(graph('append'), { ...fed('append'), ...caches });
      },
      async load() {
        let session;
        return { run: async () => { session = await createSession(ort, whole); }, after: () => session.release() };
      },
    },
  };
}

export const OPEN = {
  ours,
  async 'onnxruntime-web'(given, options) {
    const ort = startWebRuntime();
    return onnxruntime(ort, `wasm simd, 1 thread, ${ort.env.versions.web}`, given, options);
  },
  async 'onnxruntime-node'(given, options) {
    const ort = await import('onnxruntime-node');
    return onnxruntime(ort, `native, 1 thread, ${ort.env?.versions?.node ?? '1.30.0'}`, given, options);
  },
};
