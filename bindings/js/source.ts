/* source.ts: whatever bytes may come from -> a run of chunks. URL | Response | ReadableStream | bytes | path in Node.
 * Errors: network (a URL gave an error), io (a file could not be read), argument (no such source), the signal's reason.
 * Node's file system is imported when a file is read. */
import { SirenRopeError } from './error.js';
import { bytesOf, nameOf, tagOf } from './kinds.js';
import { hasNodeModules, importNode } from './node.js';

export interface Source {
  /** For messages: the URL or path, or `''`. */
  name: string;
  totalBytes: number | undefined;
  chunks: AsyncIterable<Uint8Array>;
}

type FileSystem = typeof import('node:fs/promises');

const FILE_CHUNK_BYTES = 1 << 20;

export async function openSource(source: unknown, signal?: AbortSignal): Promise<Source> {
  signal?.throwIfAborted();
  if (tagOf(source) === 'URL') return openLocation(source as URL, signal);
  if (typeof source === 'string') {
    const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(source); // one letter before the colon is a Windows drive
    if (isUrl) return openLocation(parseUrl(source), signal);
    return hasNodeModules() ? openFile(source, signal) : openResponse(await request(source, signal), source, signal);
  }
  if (tagOf(source) === 'Response') return openResponse(source as Response, (source as Response).url, signal);
  if (tagOf(source) === 'ReadableStream')
    return { name: '', totalBytes: undefined, chunks: streamChunks(source as ReadableStream, '', signal) };
  const bytes = bytesOf(source);
  if (bytes) return openBytes(bytes);
  throw new SirenRopeError(
    'argument',
    `expected a URL, a path, a Response, a ReadableStream or bytes, found ${nameOf(source)}`,
    'source',
  );
}

/** How a text begins that should have been bytes: servers answer with a page where a file is missing. */
export function looksLikeHtml(bytes: Uint8Array): boolean {
  return /^\uFEFF?\s*<[!a-z]/i.test(new TextDecoder().decode(bytes.subarray(0, 64)));
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new SirenRopeError('argument', `'${text}' is no URL`, 'source', { cause });
  }
}

async function openLocation(url: URL, signal?: AbortSignal): Promise<Source> {
  if (url.protocol === 'file:' && hasNodeModules()) return openFile(url, signal);
  return openResponse(await request(url, signal), url.href, signal);
}

async function request(url: string | URL, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw new SirenRopeError('network', `could not be fetched: ${reasonOf(cause)}`, String(url), { cause });
  }
}

function openResponse(response: Response, url: string, signal?: AbortSignal): Source {
  if (!response.ok)
    throw new SirenRopeError('network', `answered ${response.status} ${response.statusText}`.trimEnd(), url);
  if (!response.body) throw new SirenRopeError('network', 'answered without a body', url);
  const length = response.headers.get('content-encoding') ? NaN : Number(response.headers.get('content-length') ?? NaN);
  return {
    name: url,
    totalBytes: Number.isSafeInteger(length) ? length : undefined,
    chunks: streamChunks(response.body, url, signal),
  };
}

async function* streamChunks(stream: ReadableStream, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (stream.locked)
    throw new SirenRopeError('argument', 'the stream is being read by somebody else or was read', 'source');
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as { done: boolean; value: unknown };
      signal?.throwIfAborted();
      if (done) return;
      const bytes = bytesOf(value);
      if (!bytes) throw new SirenRopeError('argument', `the stream gave ${nameOf(value)}, expected bytes`, 'source');
      yield bytes;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof SirenRopeError) throw cause;
    throw new SirenRopeError('network', `broke off: ${reasonOf(cause)}`, name, { cause });
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

async function openFile(path: string | URL, signal?: AbortSignal): Promise<Source> {
  const name = String(path);
  try {
    const fs = await importNode<FileSystem>('fs/promises');
    const file = await fs.open(path);
    const { size } = await file.stat();
    return { name, totalBytes: size, chunks: fileChunks(file, name, signal) };
  } catch (cause) {
    throw new SirenRopeError('io', `cannot be read: ${reasonOf(cause)}`, name, { cause });
  }
}

type FileHandle = Awaited<ReturnType<FileSystem['open']>>;

async function* fileChunks(file: FileHandle, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(FILE_CHUNK_BYTES);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null).catch((cause: unknown) => {
        throw new SirenRopeError('io', `cannot be read: ${reasonOf(cause)}`, name, { cause });
      });
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function openBytes(bytes: Uint8Array): Source {
  return {
    name: '',
    totalBytes: bytes.length,
    chunks: oneChunk(bytes),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- asynchronous as the other sources are
async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
