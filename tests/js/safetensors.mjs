// safetensors.mjs: the F32 and F64 tensors of a trusted .safetensors file as typed arrays, for tests. No imports: runs
// anywhere.

/** bytes: Uint8Array -> { name: { data: Float32Array | Float64Array, shape } } */
export function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const n = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + n)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: range }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const kind = { F32: Float32Array, F64: Float64Array }[dtype];
    if (!kind) throw new Error(`${name} is ${dtype}`);
    const part = new Uint8Array(bytes.subarray(8 + n + range[0], 8 + n + range[1])); // a copy, aligned
    tensors[name] = { data: new kind(part.buffer), shape };
  }
  return tensors;
}
