/* instance.ts: what the instances of both wasm modules have in common: their calls, errors, results and input. It and its
 * subclasses (wasm.ts, train_wasm.ts) are the only files that know pointers. Offsets and bounds are C's, read once. */
import { chooseBuild, compileBuild } from './compile.js';
import { SirenRopeError, type SirenRopeErrorCode } from './error.js';
import { nameOf, tagOf } from './kinds.js';
import type { Build } from './types.js';

/** The ceiling that bindings/CMakeLists.txt sets; beyond it a count would wrap on its way into wasm. */
const MAX_MEMORY_BYTES = 2 ** 31;

export type Pointer = number;
type Call = (...values: number[]) => number;
type Calls<Name extends string> = { memory: WebAssembly.Memory } & Record<
  Name | '_initialize' | 'describe' | 'error_code' | 'reserve',
  Call
>;

/** What C says of itself (srope_abi_describe). */
export interface Abi {
  version: string;
  build: Build;
  error: { message: Pointer; where: Pointer };
  result: { data: Pointer; n: Pointer };
}

/** `Name`: the module's exports, besides those that both modules have. */
export class Instance<Name extends string, A extends Abi> {
  readonly abi: A;
  readonly #holds: string;
  #exports: Calls<Name> | undefined;

  /** Throws something untyped where `exports` are those of another module: one without `call`. */
  protected constructor(exports: WebAssembly.Exports, call: Name, holds: string) {
    if (typeof exports[call] !== 'function') throw new TypeError(`no ${call}`);
    this.#exports = exports as Calls<Name>;
    this.#holds = holds;
    this.#exports._initialize();
    this.abi = JSON.parse(this.text(this.#exports.describe())) as A;
  }

  /** Lets go of the instance and with it of all its memory. */
  dispose(): void {
    this.#exports = undefined;
  }

  get memoryBytes(): number {
    return this.#exports?.memory.buffer.byteLength ?? 0;
  }

  /** Room for n bytes of input. */
  reserve(n: number): void {
    if (n > MAX_MEMORY_BYTES) throw new SirenRopeError('memory', `${n} bytes of memory are more than wasm can hold`);
    this.check(this.live.reserve(n));
  }

  /** Copies into reserved input. */
  write(bytes: Uint8Array, at: number): void {
    new Uint8Array(this.live.memory.buffer).set(bytes, this.result('data') + at);
  }

  protected get live(): Calls<Name> {
    if (!this.#exports) throw new SirenRopeError('disposed', `the ${this.#holds} was disposed of`);
    return this.#exports;
  }

  protected get isLive(): boolean {
    return this.#exports !== undefined;
  }

  protected check(status: number): void {
    if (status === 0) return;
    const { message, where } = this.abi.error;
    const code = this.text(this.live.error_code()) as SirenRopeErrorCode;
    throw new SirenRopeError(code, this.text(message), this.text(where));
  }

  protected result(field: string & keyof A['result']): number {
    const place = (this.abi.result as Record<string, Pointer>)[field]!;
    return new DataView(this.live.memory.buffer).getUint32(place, true);
  }

  /** The result's bytes, borrowed. */
  protected bytes(): Uint8Array {
    return new Uint8Array(this.live.memory.buffer, this.result('data'), this.result('n'));
  }

  /** A NUL-terminated text of C's. */
  protected text(at: Pointer): string {
    const bytes = new Uint8Array(this.live.memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}

export interface InstanceOptions {
  wasm?: WebAssembly.Module;
  build?: Build | 'auto';
}

export function checkInstanceOptions({ wasm, build }: InstanceOptions): void {
  if (wasm !== undefined && tagOf(wasm) !== 'WebAssembly.Module')
    throw new SirenRopeError('argument', `expected a WebAssembly.Module, found ${nameOf(wasm)}`, 'wasm');
  chooseBuild(build);
}

/** An instance of the given module, or of the package's own for that build. */
export async function openInstance<W extends { abi: Abi }>(
  { wasm, build }: InstanceOptions,
  urlOf: (build: Build) => URL | string,
  make: (exports: WebAssembly.Exports) => W,
): Promise<W> {
  if (wasm === undefined) {
    const chosen = chooseBuild(build);
    return instantiate(await compileBuild(chosen, urlOf(chosen)), make);
  }
  const instance = await instantiate(wasm, make);
  if (build && build !== 'auto' && build !== instance.abi.build)
    throw new SirenRopeError(
      'argument',
      `the module given is the ${instance.abi.build} build, asked for ${build}`,
      'build',
    );
  return instance;
}

async function instantiate<W extends { abi: Abi }>(
  module: WebAssembly.Module,
  make: (exports: WebAssembly.Exports) => W,
): Promise<W> {
  let instance: W;
  try {
    const imports = { env: { emscripten_notify_memory_growth: () => undefined } };
    instance = make((await WebAssembly.instantiate(module, imports)).exports);
  } catch (cause) {
    throw new SirenRopeError(
      'unsupported',
      "the wasm module is not this package's, or there is no memory for it",
      'wasm',
      { cause },
    );
  }
  if (instance.abi.version !== __VERSION__)
    throw new SirenRopeError('unsupported', `expected version ${__VERSION__}, found ${instance.abi.version}`, 'wasm');
  return instance;
}
