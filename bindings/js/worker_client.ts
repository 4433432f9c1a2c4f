/* worker_client.ts: one worker as its owner sees it: starts it, asks it, notices its end. Hosts: web workers, also Deno's and
 * Bun's, and Node's worker threads. */
import { SirenRopeError } from './error.js';
import { hasNodeModules, importNode } from './node.js';
import { fromPlain, type Answer, type Call, type Calls, type Reply } from './protocol.js';
import { reasonOf } from './source.js';
import { startWebWorker, workerUrl } from './worker_url.js';

/** What web workers and worker threads have in common. */
interface Thread {
  postMessage(message: unknown): void;
  terminate(): unknown;
  ref?(): void;
  unref?(): void;
}

interface Listener {
  reply(reply: Reply): void;
  /** It ended, or will never answer. */
  fail(reason: string): void;
}

interface Asked {
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/** A program may end while its workers have nothing to do. */
export class WorkerClient {
  readonly #thread: Thread;
  readonly #asked = new Map<number, Asked>();
  #asks = 0;
  #end: unknown;

  private constructor(start: (listener: Listener) => Thread) {
    this.#thread = start({
      reply: (reply) => this.#settle(reply),
      fail: (reason) => this.end(new SirenRopeError('worker', `the worker ended: ${reason}`)),
    });
    this.#thread.unref?.();
  }

  /**
   * @param url of the worker file, by default the package's.
   * @throws SirenRopeError `unsupported` (there are no workers here), `worker` (this one cannot be started)
   */
  static async start(url?: URL | string): Promise<WorkerClient> {
    const start = await threadStarter(url);
    try {
      return new WorkerClient(start);
    } catch (cause) {
      throw new SirenRopeError('worker', `cannot be started: ${reasonOf(cause)}`, String(url ?? workerUrl()), { cause });
    }
  }

  /** Rejects with a SirenRopeError: the call's own; or, once the worker has ended, what it ended with. */
  ask<K extends Call>(call: K, ...args: Parameters<Calls[K]>): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      if (this.hasEnded) throw this.#end;
      const id = this.#asks++;
      this.#thread.postMessage({ id, call, args });
      if (this.#asked.size === 0) this.#thread.ref?.();
      this.#asked.set(id, { resolve: resolve as Asked['resolve'], reject });
    });
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Ends the worker; what is still asked and what will be is rejected with the reason. */
  end(reason: unknown): void {
    if (this.hasEnded) return;
    this.#end = reason;
    for (const { reject } of this.#asked.values()) reject(reason);
    this.#asked.clear();
    this.#thread.terminate();
  }

  #settle(reply: Reply): void {
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (this.#asked.size === 0) this.#thread.unref?.();
    if ('error' in reply) asked?.reject(fromPlain(reply.error));
    else asked?.resolve(reply.result);
  }
}

async function threadStarter(url?: URL | string): Promise<(listener: Listener) => Thread> {
  if (typeof Worker === 'function') return (listener) => startOnWeb(listener, url);
  if (!hasNodeModules()) throw new SirenRopeError('unsupported', 'there are no workers here; loadModel needs none');
  const { Worker: NodeWorker } = await importNode<typeof import('node:worker_threads')>('worker_threads');
  return (listener) => {
    const worker = new NodeWorker(toFileUrl(url ?? workerUrl()));
    worker.on('message', (reply: Reply) => listener.reply(reply));
    worker.on('messageerror', (error) => listener.fail(error.message));
    worker.on('error', (error) => listener.fail(reasonOf(error)));
    worker.on('exit', (code) => listener.fail(`its exit code is ${code}`));
    return worker;
  };
}

/** Worker threads take a path or a URL object, but no URL text. */
function toFileUrl(url: URL | string): URL | string {
  return typeof url === 'string' && url.startsWith('file:') ? new URL(url) : url;
}

function startOnWeb(listener: Listener, url?: URL | string): Thread {
  const worker = url === undefined ? startWebWorker() : new Worker(url, { type: 'module' });
  worker.addEventListener('message', ({ data }) => listener.reply(data as Reply));
  worker.addEventListener('messageerror', () => listener.fail('a message could not be read'));
  worker.addEventListener('error', (event) => {
    event.preventDefault(); // Deno would end the program
    listener.fail(event.message || 'its file cannot be loaded');
  });
  worker.addEventListener('close', () => listener.fail('it was closed')); // Bun
  return worker;
}
