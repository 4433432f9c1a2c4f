/* writer.ts: JavaScript values -> the tagged bytes of bindings/wasm/abi.c. Numbers stay numbers (JSON would turn NaN
 * into null). In: any value. Out: bytes, good until the next reset(). What a value may be is C's business, not decided
 * here. */
import { SirenRopeError } from './error.js';
import { isList, nameOf, tagOf } from './kinds.js';

/** The tag bytes, as C tells them. */
export type Tags = Record<'missing' | 'number' | 'boolean' | 'string' | 'list' | 'other' | 'named', number>;

export class Writer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #text = new TextEncoder();
  readonly #tags: Tags;
  readonly #maxList: number;
  readonly #maxBytes: number;

  constructor(tags: Tags, maxList: number, maxBytes: number) {
    this.#tags = tags;
    this.#maxList = maxList;
    this.#maxBytes = maxBytes;
  }

  /** What was written since the last reset. Borrowed. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** How many bytes those are. */
  get length(): number {
    return this.#length;
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  count(n: number): void {
    this.#room(4);
    this.#u32(n);
  }

  /** A value that may be a list. One over the bound goes without elements: C refuses it by its count. */
  value(value: unknown): void {
    if (!isList(value)) return this.scalar(value);
    this.#room(5);
    this.#tag(this.#tags.list);
    this.#u32(value.length);
    if (value.length > this.#maxList) return;
    for (let i = 0; i < value.length; i++) this.scalar(value[i]);
  }

  scalar(value: unknown): void {
    this.#room(9);
    if (value === undefined || value === null) this.#tag(this.#tags.missing);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#string(this.#tags.string, value);
    else if (typeof value === 'boolean') {
      this.#tag(this.#tags.boolean);
      this.#tag(Number(value));
    } else this.#string(this.#tags.other, nameOf(value));
  }

  time(value: unknown): void {
    this.scalar(tagOf(value) === 'Date' ? (value as Date).getTime() : value);
  }

  /** `item`, `signal`, ...: named values in the model's order of names, or a list, or whatever else is there. */
  values(value: unknown, names: readonly string[] | undefined): void {
    if (typeof value !== 'object' || value === null || isList(value) || !names) return this.value(value);
    this.#room(1);
    this.#tag(this.#tags.named);
    for (const name of names) this.value(read(value, name));
  }

  #tag(byte: number): void {
    this.#bytes[this.#length++] = byte;
  }

  #u32(n: number): void {
    this.#view.setUint32(this.#length, n, true);
    this.#length += 4;
  }

  #number(x: number): void {
    this.#tag(this.#tags.number);
    this.#view.setFloat64(this.#length, x, true);
    this.#length += 8;
  }

  #string(tag: number, text: string): void {
    this.#room(5 + 3 * text.length); // UTF-8 needs at most three bytes for each UTF-16 unit
    this.#tag(tag);
    const { written } = this.#text.encodeInto(text, this.#bytes.subarray(this.#length + 4));
    this.#u32(written);
    this.#length += written;
  }

  #room(n: number): void {
    const need = this.#length + n;
    if (need <= this.#bytes.length) return;
    if (need > this.#maxBytes)
      throw new SirenRopeError('limit', `the values of one call take more than ${this.#maxBytes} bytes`);
    const grown = new Uint8Array(Math.max(need, 2 * this.#bytes.length));
    grown.set(this.bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Own or inherited (getters of classes count), but not what every object has: a feature may be named `constructor`. */
function read(object: object, name: string): unknown {
  const value: unknown = Reflect.get(object, name);
  return value === Reflect.get(Object.prototype, name) ? undefined : value;
}
