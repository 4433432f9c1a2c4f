/* wasm.ts: one instance of a wasm module, holding one model: the only file that knows pointers. In: bytes, typed
 * arrays, tagged values. Out: copies of the results, typed errors. Offsets and bounds are C's, read once. Not here:
 * shapes and names, which Model and Session check. */
import { SirenRopeError, type SirenRopeErrorCode } from './error.js';
import type { Build } from './types.js';
import type { Tags, Writer } from './writer.js';

/** A session inside the instance. Opaque outside of this file. */
export type SessionHandle = number & { readonly session: unique symbol };
export type Network = 'layers' | 'action';

/** The ceiling that bindings/CMakeLists.txt sets; beyond it a count would wrap on its way into wasm. */
const MAX_MEMORY_BYTES = 2 ** 31;

type Pointer = number;
type Call = (...values: number[]) => number;

type Exports = { memory: WebAssembly.Memory } & Record<
  | '_initialize'
  | 'describe'
  | 'error_code'
  | 'reserve'
  | 'load_model'
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
  | 'session_snapshot',
  Call
>;

/** What C says of itself (srope_abi_describe). */
interface Abi {
  version: string;
  build: Build;
  error: { message: Pointer; where: Pointer };
  result: { data: Pointer; n: Pointer; ranked: Pointer };
  ranked: { size: number; index: number; score: number };
  tags: Tags;
  networks: Record<Network, number>;
  max_header_bytes: number;
  max_list: number;
  max_history: number;
}

/** The order of `rank`: `index` and `score` (n), best first; `probabilities` (N, T) of all candidates. */
export interface Ranking {
  index: number[];
  score: number[];
  probabilities: Float32Array;
}

export class Wasm {
  readonly abi: Abi;
  #exports: Exports | undefined;

  private constructor(exports: Exports) {
    this.#exports = exports;
    exports._initialize();
    this.abi = JSON.parse(this.#text(exports.describe())) as Abi;
  }

  static async instantiate(module: WebAssembly.Module): Promise<Wasm> {
    let wasm: Wasm;
    try {
      const imports = { env: { emscripten_notify_memory_growth: () => undefined } };
      wasm = new Wasm((await WebAssembly.instantiate(module, imports)).exports as Exports);
    } catch (cause) {
      throw new SirenRopeError(
        'unsupported',
        "the wasm module is not this package's, or there is no memory for it",
        'wasm',
        {
          cause,
        },
      );
    }
    if (wasm.abi.version !== __VERSION__)
      throw new SirenRopeError('unsupported', `expected version ${__VERSION__}, found ${wasm.abi.version}`, 'wasm');
    return wasm;
  }

  /** Lets go of the instance and with it of all its memory. */
  dispose(): void {
    this.#exports = undefined;
  }

  get memoryBytes(): number {
    return this.#exports?.memory.buffer.byteLength ?? 0;
  }

  /** Room for n bytes of input, keeping what is there. */
  reserve(n: number): void {
    if (n > MAX_MEMORY_BYTES) throw new SirenRopeError('memory', `${n} bytes of memory are more than wasm can hold`);
    this.#check(this.#live.reserve(n));
  }

  /** Copies into reserved input. */
  write(bytes: Uint8Array, at: number): void {
    new Uint8Array(this.#live.memory.buffer).set(bytes, this.#result('data') + at);
  }

  /** The first n bytes of input are the model file. */
  loadModel(n: number): void {
    this.#check(this.#live.load_model(n));
  }

  describeModel(): string {
    this.#check(this.#live.describe_model());
    return new TextDecoder().decode(new Uint8Array(this.#live.memory.buffer, this.#result('data'), this.#result('n')));
  }

  modelAngles(times: Writer, network: Network): Float64Array {
    this.#check(this.#live.model_angles(this.#input(times.bytes), this.abi.networks[network]));
    return this.#doubles();
  }

  /** columns: item, action, time, signal, request, offset, context. */
  sequence(n: number, columns: readonly (ArrayBufferView | undefined)[], utcOffsetMinutes: number): Float32Array {
    this.#check(this.#live.sequence(n, ...this.#place(columns), utcOffsetMinutes));
    return this.#floats();
  }

  createSession(maxHistory: number, utcOffsetMinutes: number): SessionHandle {
    this.#check(this.#live.session_create(maxHistory, utcOffsetMinutes));
    return this.#result('data') as SessionHandle;
  }

  restoreSession(snapshot: Uint8Array): SessionHandle {
    this.#check(this.#live.session_restore(this.#input(snapshot)));
    return this.#result('data') as SessionHandle;
  }

  /** Quiet after dispose(): then the session is gone with everything else. */
  freeSession(session: SessionHandle): void {
    this.#exports?.session_free(session);
  }

  clearSession(session: SessionHandle): void {
    this.#live.session_clear(session);
  }

  countSession(session: SessionHandle): number {
    return this.#live.session_count(session);
  }

  append(session: SessionHandle, events: Writer): void {
    this.#check(this.#live.session_append(session, this.#input(events.bytes)));
  }

  /** columns: item, action, time, signal, request, offset. */
  appendTensors(session: SessionHandle, n: number, columns: readonly (ArrayBufferView | undefined)[]): void {
    this.#check(this.#live.session_append_tensors(session, n, ...this.#place(columns)));
  }

  /** limit 0 = all. nProbabilities = N·T. */
  rank(session: SessionHandle, candidates: Writer, limit: number, nProbabilities: number): Ranking {
    this.#check(this.#live.session_rank(session, this.#input(candidates.bytes), limit));
    const { memory } = this.#live;
    const { size, index, score } = this.abi.ranked;
    const n = this.#result('n');
    const view = new DataView(memory.buffer, this.#result('ranked'), n * size);
    const ranking: Ranking = {
      index: new Array<number>(n),
      score: new Array<number>(n),
      probabilities: new Float32Array(memory.buffer, this.#result('data'), nProbabilities).slice(),
    };
    for (let i = 0; i < n; i++) {
      ranking.index[i] = view.getUint32(i * size + index, true);
      ranking.score[i] = view.getFloat64(i * size + score, true);
    }
    return ranking;
  }

  /** Of what `rank` was given. influence (N, C), then timeless (N). */
  explain(session: SessionHandle, candidates: Writer): Float64Array {
    this.#check(this.#live.session_explain(session, this.#input(candidates.bytes)));
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
    this.#check(this.#live.session_score_tensors(session, n, ...this.#place(columns), nowS, utcOffsetMinutes));
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
    this.#check(this.#live.session_angles(session, ...placed, nowS, utcOffsetMinutes, this.abi.networks[network]));
    return this.#floats();
  }

  snapshot(session: SessionHandle): Uint8Array {
    this.#check(this.#live.session_snapshot(session));
    return new Uint8Array(this.#live.memory.buffer, this.#result('data'), this.#result('n')).slice();
  }

  get #live(): Exports {
    if (!this.#exports) throw new SirenRopeError('disposed', 'the model was disposed of');
    return this.#exports;
  }

  #check(status: number): void {
    if (status === 0) return;
    const { message, where } = this.abi.error;
    const code = this.#text(this.#live.error_code()) as SirenRopeErrorCode;
    throw new SirenRopeError(code, this.#text(message), this.#text(where));
  }

  #result(field: keyof Abi['result']): number {
    return new DataView(this.#live.memory.buffer).getUint32(this.abi.result[field], true);
  }

  #floats(): Float32Array {
    return new Float32Array(this.#live.memory.buffer, this.#result('data'), this.#result('n')).slice();
  }

  #doubles(): Float64Array {
    return new Float64Array(this.#live.memory.buffer, this.#result('data'), this.#result('n')).slice();
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
    const start = this.#result('data');
    let at = 0;
    return arrays.map((array) => {
      if (!array) return 0;
      const here = at;
      this.write(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), here);
      at += aligned(array.byteLength);
      return start + here;
    });
  }

  /** A NUL-terminated text of C's. */
  #text(at: Pointer): string {
    const bytes = new Uint8Array(this.#live.memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}
