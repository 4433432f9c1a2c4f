/* wasm.ts: one instance of the ranking module, holding one model. In: bytes, typed arrays, tagged values. Out: copies of
 * the results, typed errors. Not here: shapes and names, which Model and Session check. */
import { Instance, type Abi, type Pointer } from './instance.js';
import type { Ranking } from './ranking.js';
import type { Tags } from './writer.js';

/** A session inside the instance. Opaque outside of this file. */
export type SessionHandle = number & { readonly session: unique symbol };
export type Network = 'layers' | 'action';

const LOAD_BUFFER_BYTES = 1 << 16;

type Name =
  | 'load_piece'
  | 'load_finish'
  | 'describe_model'
  | 'model_angles'
  | 'sequence'
  | 'session_create'
  | 'session_restore'
  | 'session_free'
  | 'session_clear'
  | 'session_count'
  | 'session_append'
  | 'session_append_tensors'
  | 'session_rank'
  | 'session_explain'
  | 'session_score_tensors'
  | 'session_angles'
  | 'session_snapshot';

/** What C says of itself (srope_abi_describe). */
interface RankAbi extends Abi {
  result: { data: Pointer; n: Pointer; ranked: Pointer };
  ranked: { size: number; index: number; score: number };
  tags: Tags;
  networks: Record<Network, number>;
  max_list: number;
  max_history: number;
}

export class Wasm extends Instance<Name, RankAbi> {
  static readonly of = (exports: WebAssembly.Exports): Wasm => new Wasm(exports, 'load_piece', 'model');

  /** The model file's next bytes: through a small buffer to where they stay. */
  loadPiece(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += LOAD_BUFFER_BYTES)
      this.check(this.live.load_piece(this.#input(bytes.subarray(at, at + LOAD_BUFFER_BYTES))));
  }

  finishLoading(): void {
    this.check(this.live.load_finish());
  }

  describeModel(): string {
    this.check(this.live.describe_model());
    return new TextDecoder().decode(this.bytes());
  }

  modelAngles(times: Uint8Array, network: Network): Float64Array {
    this.check(this.live.model_angles(this.#input(times), this.abi.networks[network]));
    return this.#doubles();
  }

  /** columns: item, action, time, signal, request, offset, context. */
  sequence(n: number, columns: readonly (ArrayBufferView | undefined)[], utcOffsetMinutes: number): Float32Array {
    this.check(this.live.sequence(n, ...this.#place(columns), utcOffsetMinutes));
    return this.#floats();
  }

  createSession(maxHistory: number, utcOffsetMinutes: number): SessionHandle {
    this.check(this.live.session_create(maxHistory, utcOffsetMinutes));
    return this.result('data') as SessionHandle;
  }

  restoreSession(snapshot: Uint8Array): SessionHandle {
    this.check(this.live.session_restore(this.#input(snapshot)));
    return this.result('data') as SessionHandle;
  }

  /** Quiet after dispose(): then the session is gone with everything else. */
  freeSession(session: SessionHandle): void {
    if (this.isLive) this.live.session_free(session);
  }

  clearSession(session: SessionHandle): void {
    this.live.session_clear(session);
  }

  countSession(session: SessionHandle): number {
    return this.live.session_count(session);
  }

  append(session: SessionHandle, events: Uint8Array): void {
    this.check(this.live.session_append(session, this.#input(events)));
  }

  /** columns: item, action, time, signal, request, offset. */
  appendTensors(session: SessionHandle, n: number, columns: readonly (ArrayBufferView | undefined)[]): void {
    this.check(this.live.session_append_tensors(session, n, ...this.#place(columns)));
  }

  /** limit 0 = all. nProbabilities = N·T. */
  rank(session: SessionHandle, candidates: Uint8Array, limit: number, nProbabilities: number): Ranking {
    this.check(this.live.session_rank(session, this.#input(candidates), limit));
    const { memory } = this.live;
    const { size, index, score } = this.abi.ranked;
    const n = this.result('n');
    const view = new DataView(memory.buffer, this.result('ranked'), n * size);
    const ranking: Ranking = {
      index: new Uint32Array(n),
      score: new Float64Array(n),
      probabilities: new Float32Array(memory.buffer, this.result('data'), nProbabilities).slice(),
    };
    for (let i = 0; i < n; i++) {
      ranking.index[i] = view.getUint32(i * size + index, true);
      ranking.score[i] = view.getFloat64(i * size + score, true);
    }
    return ranking;
  }

  /** Of what `rank` was given. influence (N, C), then timeless (N). */
  explain(session: SessionHandle, candidates: Uint8Array): Float64Array {
    this.check(this.live.session_explain(session, this.#input(candidates)));
    return this.#doubles();
  }

  /** columns: item, context, signal. */
  scoreTensors(
    session: SessionHandle,
    n: number,
    columns: readonly (ArrayBufferView | undefined)[],
    nowS: number,
    utcOffsetMinutes: number,
  ): Float32Array {
    this.check(this.live.session_score_tensors(session, n, ...this.#place(columns), nowS, utcOffsetMinutes));
    return this.#floats();
  }

  angles(
    session: SessionHandle,
    signal: ArrayBufferView | undefined,
    nowS: number,
    utcOffsetMinutes: number,
    network: Network,
  ): Float32Array {
    const placed = this.#place([signal]);
    this.check(this.live.session_angles(session, ...placed, nowS, utcOffsetMinutes, this.abi.networks[network]));
    return this.#floats();
  }

  snapshot(session: SessionHandle): Uint8Array {
    this.check(this.live.session_snapshot(session));
    return this.bytes().slice();
  }

  #floats(): Float32Array {
    return new Float32Array(this.live.memory.buffer, this.result('data'), this.result('n')).slice();
  }

  #doubles(): Float64Array {
    return new Float64Array(this.live.memory.buffer, this.result('data'), this.result('n')).slice();
  }

  /** Bytes -> input; how many. */
  #input(bytes: Uint8Array): number {
    this.reserve(bytes.length);
    this.write(bytes, 0);
    return bytes.length;
  }

  /** Arrays -> input, one after the other on 8-byte boundaries; their addresses, 0 for what is not there. */
  #place(arrays: readonly (ArrayBufferView | undefined)[]): Pointer[] {
    const aligned = (n: number): number => Math.ceil(n / 8) * 8;
    this.reserve(arrays.reduce((n, array) => n + aligned(array?.byteLength ?? 0), 0));
    const start = this.result('data');
    let at = 0;
    return arrays.map((array) => {
      if (!array) return 0;
      const here = at;
      this.write(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), here);
      at += aligned(array.byteLength);
      return start + here;
    });
  }
}
