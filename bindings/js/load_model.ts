/* load_model.ts: weights and wasm -> a Model. The weights go through wasm chunk by chunk, as they come: the file is whole
 * nowhere, and most of the work is done while the rest is on its way. */
import { SirenRopeError } from './error.js';
import { checkInstanceOptions, openInstance } from './instance.js';
import { nameOf } from './kinds.js';
import { Model } from './model.js';
import { checkObject } from './records.js';
import { looksLikeHtml, openSource } from './source.js';
import type { LoadOptions } from './types.js';
import { Wasm } from './wasm.js';
import { wasmUrl } from './wasm_url.js';

/**
 * Loads a model from a `.safetensors` file.
 *
 * @param source a `URL` or URL text; a `Response`; a `ReadableStream` of bytes; the bytes, as an `ArrayBuffer` or any
 * view; in Node, Deno and Bun also a path (elsewhere such a text is a URL relative to the page).
 * @throws SirenRopeError `network` (a URL gave an error or HTML), `io` (a file cannot be read), `format`, `config`,
 * `tensor`, `value`, `limit` (the file is wrong), `unsupported` (no such SIMD here, or a foreign `wasm`), `memory`,
 * `argument`. The signal's reason (by default an `AbortError`) where it was aborted.
 */
export async function loadModel(
  source: URL | string | Response | ReadableStream<Uint8Array> | ArrayBuffer | ArrayBufferView,
  options: LoadOptions = {},
): Promise<Model> {
  checkLoadOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const instance = abortable(openInstance(options, wasmUrl, Wasm.of), signal);
  instance.catch(() => undefined); // awaited below, unless the source fails first
  const { name, totalBytes, chunks } = await openSource(source, signal);

  let loadedBytes = 0;
  const head = new Uint8Array(64);
  try {
    let wasm: Wasm | undefined;
    for await (const chunk of chunks) {
      if (loadedBytes < head.length) head.set(chunk.subarray(0, head.length - loadedBytes), loadedBytes);
      loadedBytes += chunk.length;
      (wasm ??= await instance).loadPiece(chunk);
      options.onProgress?.({ loadedBytes, totalBytes });
    }
    wasm ??= await instance;
    signal?.throwIfAborted();
    wasm.finishLoading();
    return new Model(wasm, options.limits);
  } catch (error) {
    if (error instanceof SirenRopeError && name && looksLikeHtml(head))
      throw new SirenRopeError('network', 'gave HTML, expected a .safetensors file', name, { cause: error });
    throw error;
  }
}

export function checkLoadOptions(options: LoadOptions): void {
  checkObject(options, 'options');
  const { signal, onProgress, limits } = options;
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.throwIfAborted !== 'function')
    throw new SirenRopeError('argument', `expected an AbortSignal, found ${nameOf(signal)}`, 'signal');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new SirenRopeError('argument', `expected a function, found ${nameOf(onProgress)}`, 'onProgress');
  if (limits !== undefined) checkObject(limits, 'limits');
  checkInstanceOptions(options);
}

/** The promise, or the signal's reason if that comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
