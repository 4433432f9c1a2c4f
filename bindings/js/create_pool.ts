/* create_pool.ts: weights, wasm and workers -> a Pool. The weights are fetched once and go chunk by chunk to every worker; the
 * wasm is compiled once. */
import { boundsOf, wholeOr } from './checks.js';
import { chooseBuild, compileBuild } from './compile.js';
import { SirenRopeError } from './error.js';
import { abortable, checkLoadOptions } from './load_model.js';
import { hasNodeModules, importNode } from './node.js';
import { Crew } from './pool_crew.js';
import type { PoolOptions } from './pool_types.js';
import type { Answer, Call, Calls, Loaded } from './protocol.js';
import { namesOf } from './records.js';
import { looksLikeHtml, openSource } from './source.js';
import { wasmUrl } from './wasm_url.js';
import { WorkerClient } from './worker_client.js';
import { Pool } from './worker_pool.js';
import { Writer } from './writer.js';

const MAX_WORKERS = 64;
const MAX_AUTO_WORKERS = 4;

/**
 * Loads a model into several workers, which then share each request's candidates among them; the results are those of one, to
 * the bit. It pays for large models and many candidates, needs no SharedArrayBuffer and takes the model's memory once a worker.
 *
 * @param source as `loadModel` takes it; it is read once.
 * @throws SirenRopeError as `loadModel`, `unsupported` also where there are no workers, and `worker` (one could not start or
 * ended). The signal's reason where it was aborted. Then no worker is left.
 */
export async function createPool(
  source: URL | string | Response | ReadableStream<Uint8Array> | ArrayBuffer | ArrayBufferView,
  options: PoolOptions = {},
): Promise<Pool> {
  checkLoadOptions(options);
  const { signal, build = 'auto', workerUrl } = options;
  const limits = boundsOf(options.limits ?? {});
  const count = await countWorkers(options.workers);
  signal?.throwIfAborted();
  const starting = Array.from({ length: count }, () => WorkerClient.start(workerUrl));
  try {
    const chosen = chooseBuild(build);
    const compiling = options.wasm ? Promise.resolve(options.wasm) : compileBuild(chosen, wasmUrl(chosen));
    const ready = Promise.all([compiling, ...starting]);
    const begin = async (totalBytes: number | undefined): Promise<WorkerClient[]> => {
      const [wasm, ...workers] = await ready;
      await askEach(workers, 'load', { wasm, build }, totalBytes);
      return workers;
    };
    const filling = fill(begin, source, options);
    const [[{ info, abi }, workers]] = await abortable(Promise.all([filling, ready]), signal);
    const writer = new Writer(abi.tags, abi.max_list, limits.bytes);
    return new Pool(new Crew(workers, { info, names: namesOf(info.config), limits, writer }, abi.max_history));
  } catch (error) {
    for (const start of starting)
      start.then(
        (worker) => worker.end(error),
        () => undefined,
      );
    throw error;
  }
}

/** Every chunk goes to every worker before the next is read; a file that is none is refused at its first. What can fail does
 * so while the source is read, which then is closed. */
async function fill(
  begin: (totalBytes: number | undefined) => Promise<WorkerClient[]>,
  source: unknown,
  { signal, onProgress }: PoolOptions,
): Promise<[Loaded, WorkerClient[]]> {
  const { name, totalBytes, chunks } = await openSource(source, signal);
  const beginning = begin(totalBytes);
  beginning.catch(() => undefined); // awaited below, unless the source fails first
  let loadedBytes = 0;
  for await (const chunk of chunks) {
    if (loadedBytes === 0 && name && looksLikeHtml(chunk))
      throw new SirenRopeError('network', 'gave HTML, expected a .safetensors file', name);
    const copy = chunk.slice(); // a message takes a view's whole buffer along
    await askEach(await beginning, 'write', copy);
    loadedBytes += chunk.length;
    onProgress?.({ loadedBytes, totalBytes });
  }
  const workers = await beginning;
  const [loaded] = await askEach(workers, 'loaded');
  return [loaded!, workers];
}

function askEach<K extends Call>(
  workers: readonly WorkerClient[],
  call: K,
  ...args: Parameters<Calls[K]>
): Promise<Answer<K>[]> {
  return Promise.all(workers.map((worker) => worker.ask(call, ...args)));
}

async function countWorkers(workers: unknown): Promise<number> {
  if (workers === undefined || workers === 'auto') return Math.min(await countCores(), MAX_AUTO_WORKERS);
  const count = wholeOr(workers, Infinity, 'workers');
  if (count <= MAX_WORKERS) return count;
  throw new SirenRopeError('limit', `${count} of them, the bound is ${MAX_WORKERS}`, 'workers');
}

async function countCores(): Promise<number> {
  const { hardwareConcurrency } = (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator ?? {};
  if (hardwareConcurrency) return hardwareConcurrency;
  if (!hasNodeModules()) return 1;
  return (await importNode<typeof import('node:os')>('os')).availableParallelism(); // Node 20 has no navigator
}
