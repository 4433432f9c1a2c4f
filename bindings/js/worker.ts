/* worker.ts: the worker file, dist/siren-rope-worker.js: a model and its sessions behind the calls of protocol.ts. For web
 * workers (also Deno's and Bun's) and Node's worker threads. It takes the rest of the package from index.js beside it. */
import { SirenRopeError } from './error.js';
import { loadModel } from './load_model.js';
import { importNode } from './node.js';
import { PARTS, type ModelParts } from './parts.js';
import { toPlain, type Call, type Calls, type Message, type Reply, type SessionId } from './protocol.js';
import type { SessionHandle } from './wasm.js';

let loading: Promise<ModelParts>;
let weights: ReadableStreamDefaultController<Uint8Array> | undefined;
let model: ModelParts;
const sessions = new Map<SessionId, SessionHandle>();

const calls: { [K in Call]: (...args: Parameters<Calls[K]>) => ReturnType<Calls[K]> | Promise<ReturnType<Calls[K]>> } = {
  load(options, totalBytes) {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (weights = controller),
      cancel: () => void (weights = undefined),
    });
    const headers: HeadersInit = totalBytes === undefined ? {} : { 'content-length': String(totalBytes) };
    loading = loadModel(new Response(stream, { headers }), options).then((loaded) => loaded[PARTS]);
    loading.catch(() => (weights = undefined)); // `write` and `loaded` say so
  },
  async write(chunk) {
    if (weights) weights.enqueue(chunk);
    else await loading;
  },
  async loaded() {
    weights?.close();
    model = await loading;
    const { tags, max_list, max_history } = model.wasm.abi;
    return { info: model.info, abi: { tags, max_list, max_history } };
  },
  createSession(session, maxHistory, utcOffsetMinutes) {
    sessions.set(session, model.wasm.createSession(maxHistory, utcOffsetMinutes));
  },
  disposeSession(session) {
    const handle = sessions.get(session); // none where it could not be created
    if (handle !== undefined) model.wasm.freeSession(handle);
    sessions.delete(session);
  },
  append(session, events) {
    const handle = sessions.get(session)!;
    model.wasm.append(handle, events);
    return model.wasm.countSession(handle);
  },
  appendTensors(session, n, columns) {
    const handle = sessions.get(session)!;
    model.wasm.appendTensors(handle, n, columns);
    return model.wasm.countSession(handle);
  },
  rank(session, n, candidates, limit, explain) {
    const handle = sessions.get(session)!;
    const ranking = model.wasm.rank(handle, candidates, limit, n * model.info.tasks.length);
    return { ranking, influences: explain ? model.wasm.explain(handle, candidates) : undefined };
  },
  scoreTensors(session, n, columns, nowS, utcOffsetMinutes) {
    return model.wasm.scoreTensors(sessions.get(session)!, n, columns, nowS, utcOffsetMinutes);
  },
};

async function answer<K extends Call>({ id, call, args }: Message<K>): Promise<Reply> {
  try {
    return { id, result: await calls[call](...args) };
  } catch (error) {
    if (error instanceof SirenRopeError) return { id, error: toPlain(error) };
    // A trap leaves the instance in no known state: the worker ends, and whoever asked learns it.
    queueMicrotask(() => {
      throw error;
    });
    return new Promise(() => undefined);
  }
}

interface Port {
  postMessage(reply: Reply): void;
}

function serve(port: Port, message: Message): void {
  void answer(message).then((reply) => port.postMessage(reply));
}

if (typeof postMessage === 'function') {
  const port = globalThis as unknown as Port;
  addEventListener('message', ({ data }) => serve(port, data as Message));
} else {
  // Not awaited: bundlers make classic scripts of workers, which cannot. Messages wait for the listener.
  void importNode<typeof import('node:worker_threads')>('worker_threads').then(({ parentPort }) =>
    parentPort!.on('message', (message: Message) => serve(parentPort!, message)),
  );
}
