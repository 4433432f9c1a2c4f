/* safetensors.ts: a .safetensors file as a list of tensors, and back. Only for cutting a rotation out of a model's file: what a
 * file may hold is the package's to judge (`loadModel`), and it does so before or after. Bounded by the bytes given. */

export interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array; // borrowed from the file
}

export interface TensorFile {
  metadata: Record<string, string>;
  tensors: Map<string, Tensor>;
}

const MAX_HEADER_BYTES = 64 << 20;

/** @throws Error where the bytes are no such file. */
export function readTensors(file: Uint8Array): TensorFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = file.length < 8 ? NaN : Number(view.getBigUint64(0, true));
  if (!(length <= Math.min(file.length - 8, MAX_HEADER_BYTES)))
    throw new Error(`expected a .safetensors file, found a header of ${length} bytes in ${file.length}`);
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<string, unknown>;
  const data = file.subarray(8 + length);
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: [from, to] } = value as { dtype: string; shape: number[]; data_offsets: [number, number] };
    if (!(from >= 0 && from <= to && to <= data.length)) throw new Error(`${name}: its bytes ${from} to ${to} are not in the file`);
    tensors.set(name, { dtype, shape, bytes: data.subarray(from, to) });
  }
  return { metadata: (header.__metadata__ ?? {}) as Record<string, string>, tensors };
}

export function writeTensors({ metadata, tensors }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors)
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + at).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(text, 8);
  at = 8 + padded;
  for (const { bytes } of tensors.values()) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

export function zeros(...shape: number[]): Tensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) };
}

/** The numbers of a tensor in F32, F16 or BF16. */
export function numbersOf({ dtype, bytes }: Tensor): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'F32') return Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const half = view.getUint16(2 * i, true);
    return dtype === 'BF16' ? fromBrain(half) : fromHalf(half);
  });
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function fromBrain(half: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, half, false);
  return view.getFloat32(0, false);
}
