/* load_model.ts: weights and wasm -> a Model. The weights go chunk by chunk into wasm memory, with no second copy in
 * JavaScript. */
import { SirenRopeError } from './error.js';
import { checkInstanceOptions, openInstance } from './instance.js';
import { nameOf } from './kinds.js';
import { Model } from './model.js';
import { checkObject } from './records.js';
import { looksLikeHtml, openSource } from './source.js';
import type { LoadOptions } from './types.js';
import { Wasm } from './wasm.js';
import { wasmUrl } from './wasm_url.js';

const FIRST_ROOM_BYTES = 1 << 20;

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

  let wasm: Wasm | undefined;
  let loadedBytes = 0;
  let room = Math.max(totalBytes ?? FIRST_ROOM_BYTES, 1);
  const head = new Uint8Array(64);
  for await (const chunk of chunks) {
    if (!wasm) (wasm = await instance).reserve(room);
    if (loadedBytes + chunk.length > room) wasm.reserve((room = Math.max(2 * room, loadedBytes + chunk.length)));
    wasm.write(chunk, loadedBytes);
    if (loadedBytes < head.length) head.set(chunk.subarray(0, head.length - loadedBytes), loadedBytes);
    loadedBytes += chunk.length;
    options.onProgress?.({ loadedBytes, totalBytes });
    if (!mayBeWeights(head, loadedBytes, wasm.abi.max_header_bytes)) break; // spares the rest; C says what is wrong
  }
  wasm ??= await instance;
  signal?.throwIfAborted();
  if (name && looksLikeHtml(head)) throw new SirenRopeError('network', 'gave HTML, expected a .safetensors file', name);
  wasm.reserve(loadedBytes);
  wasm.loadModel(loadedBytes);
  return new Model(wasm, options.limits);
}

/** Eight bytes of header length within the bound, then the header's first brace. */
function mayBeWeights(head: Uint8Array, n: number, maxHeaderBytes: number): boolean {
  return n < 9 || (head[8] === 0x7b && new DataView(head.buffer).getBigUint64(0, true) <= BigInt(maxHeaderBytes));
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
