/* protocol.ts: what a worker (worker.ts) can be asked and what it answers. One message is one call, answered in order by
 * one reply of the same id. Values are checked and written on the asking side (Encoding); they travel as bytes. */
import { SirenRopeError, type SirenRopeErrorCode } from './error.js';
import type { Ranking } from './ranking.js';
import type { Build, ModelInfo } from './types.js';
import type { Tags } from './writer.js';

/** A session's name, the asking side's choice. */
export type SessionId = number;

type Columns = readonly (ArrayBufferView | undefined)[];

/** What the asking side needs in order to write calls. */
export interface Loaded {
  info: ModelInfo;
  abi: { tags: Tags; max_list: number; max_history: number };
}

export interface Calls {
  /** Begins to load a model from bytes that `write` brings; `totalBytes` is how many, where that is known. */
  load(options: { wasm: WebAssembly.Module; build: Build | 'auto' }, totalBytes: number | undefined): void;
  /** Some bytes more. Fails with the load's error once it has failed. */
  write(chunk: Uint8Array): void;
  /** There are no more. */
  loaded(): Loaded;
  createSession(session: SessionId, maxHistory: number, utcOffsetMinutes: number): void;
  disposeSession(session: SessionId): void;
  /** C: how many events the session holds now. */
  append(session: SessionId, events: Uint8Array): number;
  /** columns: item, action, time, signal, request, offset. C likewise. */
  appendTensors(session: SessionId, n: number, columns: Columns): number;
  /** limit 0 = all. With `explain` also influence (N, C), then timeless (N). */
  rank(
    session: SessionId,
    n: number,
    candidates: Uint8Array,
    limit: number,
    explain: boolean,
  ): { ranking: Ranking; influences: Float64Array | undefined };
  /** columns: item, context, signal. (N, T) */
  scoreTensors(session: SessionId, n: number, columns: Columns, nowS: number, utcOffsetMinutes: number): Float32Array;
}

export type Call = keyof Calls;
export type Answer<K extends Call> = ReturnType<Calls[K]>;

export interface Message<K extends Call = Call> {
  id: number;
  call: K;
  args: Parameters<Calls[K]>;
}

export interface PlainError {
  code: SirenRopeErrorCode;
  message: string;
  where: string;
}

export type Reply = { id: number; result: unknown } | { id: number; error: PlainError };

export function toPlain({ code, message, where }: SirenRopeError): PlainError {
  return { code, where, message: where ? message.slice(where.length + 2) : message };
}

export function fromPlain({ code, message, where }: PlainError): SirenRopeError {
  return new SirenRopeError(code, message, where);
}
