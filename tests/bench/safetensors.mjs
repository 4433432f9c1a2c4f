// Reads and writes the safetensors files that the bench compares on (our own models and golden vectors): F64, F32, F16 and BF16 as
// { data: Float64Array | Float32Array, shape }. A file that is not what it should be throws; it does not guard against
// hostile files as the C loader does.
const READERS = {
  F16: (view, i) => half(view.getUint16(2 * i, true)),
  BF16: (view, i) => bfloat(view.getUint16(2 * i, true)),
};
const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 };

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const bits = new DataView(new ArrayBuffer(4));
function bfloat(upper) {
  bits.setUint32(0, upper << 16);
  return bits.getFloat32(0);
}

/** bytes: Uint8Array -> { tensors: { name: { data, shape } }, metadata: { key: text } } */
export function parseSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
    const n = shape.reduce((a, b) => a * b, 1);
    if (!(dtype in BYTES) || to - from !== n * BYTES[dtype]) {
      throw new Error(`${name}: cannot read ${dtype} [${shape}] from ${to - from} bytes`);
    }
    const Plain = { F32: Float32Array, F64: Float64Array }[dtype];
    if (Plain) { // as the numbers lie in the file, at an alignment of its own
      tensors[name] = { data: new Plain(Uint8Array.from(bytes.subarray(8 + headerBytes + from, 8 + headerBytes + to)).buffer), shape };
      continue;
    }
    const part = new DataView(bytes.buffer, bytes.byteOffset + 8 + headerBytes + from, to - from);
    const data = new Float32Array(n);
    for (let i = 0; i < n; i++) data[i] = READERS[dtype](part, i);
    tensors[name] = { data, shape };
  }
  return { tensors, metadata };
}

const DTYPES = new Map([[Float32Array, 'F32'], [Float64Array, 'F64']]);

/** { name: { data: Float32Array | Float64Array, shape } }, { key: text } -> the bytes of a file */
export function writeSafetensors(tensors, metadata = {}) {
  const header = { __metadata__: metadata };
  let size = 0;
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    header[name] = { dtype: DTYPES.get(data.constructor), shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  for (const [name, { data }] of Object.entries(tensors)) {
    const at = 8 + text.length + header[name].data_offsets[0];
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
  }
  return bytes;
}
