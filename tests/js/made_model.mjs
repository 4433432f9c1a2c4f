// made_model.mjs: ordinal models of any size, of random weights, in any dtype, for tests of loading and memory. Raw vectors
// of X = 64 item, Y = 4 action and Z = 8 context numbers; one task; heads of 32.
const X = 64, Y = 4, Z = 8;
const bytesOf = { F32: 4, F16: 2, I8: 1 };

/** name -> shape of all weights. */
function shapesOf({ layers, width, hidden }) {
  const d = width, shapes = {};
  const linear = (name, nOut, nIn, hasBias = true) => {
    shapes[`${name}.weight`] = [nOut, nIn];
    if (hasBias) shapes[`${name}.bias`] = [nOut];
  };
  const attention = (name) => {
    for (const part of ['W_q', 'W_k', 'W_v', 'W_o']) linear(`${name}.${part}`, d, d, false);
    shapes[`${name}.padding_embedding`] = [d];
  };
  const norm = (name) => Object.assign(shapes, { [`${name}.weight`]: [d], [`${name}.bias`]: [d] });
  linear('seq_projection.0', d, X);
  norm('seq_norm');
  linear('action_embedding.0', d, Y);
  linear('action_embedding.2', d, d);
  for (let l = 0; l < layers; l++) {
    attention(`transformer_layers.${l}.mha`);
    norm(`transformer_layers.${l}.prenorm_1`);
    norm(`transformer_layers.${l}.prenorm_2`);
    linear(`transformer_layers.${l}.ffwd.0`, hidden, d);
    linear(`transformer_layers.${l}.ffwd.2`, d, hidden);
  }
  attention('action_attention');
  linear('head.0', d, 2 * d + Z);
  linear('head.2', 1, d);
  return shapes;
}

/**
 * The file's header (bytes) and its tensors: name, dtype, shape, n. `dtype` F32, F16 or I8: in I8 matrices are bytes with
 * scales and all else is F32.
 */
export function describeModel({ dtype, ...sizes }) {
  const tensors = [];
  for (const [name, shape] of Object.entries(shapesOf(sizes))) {
    const add = (suffix, kind, shape) =>
      tensors.push({ name: name + suffix, dtype: kind, shape, n: shape.reduce((n, size) => n * size, 1) });
    const isMatrix = shape.length === 2;
    add('', dtype === 'I8' && !isMatrix ? 'F32' : dtype, shape);
    if (dtype === 'I8' && isMatrix) add('_scale', 'F32', [shape[0]]);
  }
  const config = { variant: 'ordinal', num_heads: sizes.width / 32, labels: ['like'], max_history: 256 };
  const header = { __metadata__: { siren_rope: JSON.stringify(config) } };
  let offset = 0;
  for (const { name, dtype, shape, n } of tensors)
    header[name] = { dtype, shape, data_offsets: [offset, (offset += n * bytesOf[dtype])] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return { header: bytes, tensors };
}

/** The whole file, as pieces. */
export function* modelPieces(sizes) {
  const { header, tensors } = describeModel(sizes);
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8; // 24 bits
  yield header;
  for (const { name, dtype, shape, n } of tensors) {
    const size = 1 / Math.sqrt(shape.at(-1));
    if (name.endsWith('_scale')) yield new Uint8Array(new Float32Array(n).fill(size / 127).buffer);
    else if (dtype === 'F32') yield new Uint8Array(Float32Array.from({ length: n }, () => (next() / 2 ** 23 - 1) * size).buffer);
    else if (dtype === 'I8') yield new Uint8Array(Int8Array.from({ length: n }, () => (next() % 255) - 127).buffer);
    else yield new Uint8Array(Uint16Array.from({ length: n }, () => (next() & 0x83ff) | 0x2400).buffer); // ± 1/64 .. 1/32
  }
}

/** Bytes of the weights where they are used: int8 stays, all floats are 32 bits wide. */
export function weightBytes(sizes) {
  return describeModel(sizes).tensors.reduce((sum, { dtype, n }) => sum + n * (dtype === 'I8' ? 1 : 4), 0);
}

/** Raw vectors: `events` events, `candidates` candidates. */
export function rawRequest(events, candidates) {
  const vector = (n, seed) => Array.from({ length: n }, (_, i) => Math.sin(seed * 31 + i));
  return {
    history: Array.from({ length: events }, (_, i) => ({ time: 1.7e12 + i * 6e4, item: vector(X, i), action: vector(Y, i) })),
    candidates: Array.from({ length: candidates }, (_, i) => ({ item: vector(X, -i - 1), context: vector(Z, i) })),
    now: 1.7e12 + events * 6e4,
  };
}
