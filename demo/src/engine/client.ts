/* client.ts: the page's side of the engine: a request is a promise. `latest` asks again and again for something that changes
 * faster than it is answered, a frame's angles say: one request is on its way, and only the newest of those that wait goes next. */
import type { Answer, CallName, Calls, Failure } from './protocol.js';

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: string;
  readonly where: string;
  constructor({ code, message, where }: Failure) {
    super(message);
    this.code = code;
    this.where = where;
  }
}

interface Waiting {
  resolve: (out: never) => void;
  reject: (error: EngineError) => void;
  onProgress: ((loadedBytes: number, totalBytes: number | undefined) => void) | undefined;
}

export class Engine {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => this.#receive(data));
    this.#worker.addEventListener('error', ({ message }) => {
      const error = new EngineError({ code: 'internal', message: message || 'the worker could not start', where: '' });
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** @throws EngineError with the package's code and place */
  ask<K extends CallName>(call: K, input: Calls[K]['in'], onProgress?: Waiting['onProgress']): Promise<Calls[K]['out']> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, call, in: input });
    });
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) return;
    if ('progress' in answer) return waiting.onProgress?.(answer.progress.loadedBytes, answer.progress.totalBytes);
    this.#waiting.delete(answer.id);
    if ('failure' in answer) waiting.reject(new EngineError(answer.failure));
    else waiting.resolve(answer.out as never);
  }
}

/** One at a time of `run`, the newest argument next; what came between is left out. */
export function latest<T>(run: (argument: T) => Promise<unknown>): (argument: T) => void {
  let next: { argument: T } | undefined;
  let busy = false;
  const go = async (): Promise<void> => {
    busy = true;
    while (next) {
      const { argument } = next;
      next = undefined;
      await run(argument);
    }
    busy = false;
  };
  return (argument) => {
    next = { argument };
    if (!busy) void go();
  };
}
