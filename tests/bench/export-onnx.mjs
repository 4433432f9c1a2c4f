// A siren-rope model (.safetensors, any of the three variants) as an ONNX graph that ranks N candidates after C
// events, written from the mathematics in src/README.md, not from the C core. The history is run once; every candidate
// attends to its keys and values; the candidates never see one another. Three parts can be had:
//   request     history and candidates in, logits (N, T) out
//   history     history in, the keys and values of every layer and of the action attention out
//   candidates  candidates and those keys and values in, logits (N, T) out
// The cos and sin of all rotations are inputs (feeds() computes them, outside of any timed region): the graph is spared
// the two angle networks. Whatever else can be done before the run is done here: the attention scale is folded into
// W_q, the skip scale into W_o and the last feed-forward layer, and W_q and W_k are permuted so that the pairs of a
// rotation lie in two contiguous halves. Standard operators of opset 17 only. C and N are fixed in the graph; C >= 1.
//
// Usage: node export-onnx.mjs MODEL.safetensors OUT.onnx [--history C] [--candidates N] [--part request]
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Graph } from './onnx-graph.mjs';
import { angleFunction, requestStarts } from './rotation.mjs';
import { parseSafetensors } from './safetensors.mjs';

const OPSET = 17;
const MASKED = -1e9; // in place of -infinity, which would make a wholly masked row NaN
export const PARTS = ['request', 'history', 'candidates'];

/** bytes of a model file -> { tensors, config, D, H, P, X, Y, Z, T, L } */
export function readModel(bytes) {
  const { tensors, metadata } = parseSafetensors(bytes);
  const config = JSON.parse(metadata.siren_rope);
  const [D, X] = tensors['seq_projection.0.weight'].shape;
  const H = config.num_heads;
  let L = 0;
  while (`transformer_layers.${L}.mha.W_q.weight` in tensors) L++;
  return {
    tensors, config, D, X, H, L, P: D / H / 2, G: config.angle_signals?.length ?? 0,
    Y: tensors['action_embedding.0.weight'].shape[1],
    Z: tensors['head.0.weight'].shape[1] - 2 * D,
    T: tensors['head.4.weight'].shape[0],
  };
}

/** The inputs of a part with their shapes. rotation rows: 1 when all candidates share their angles (no signals). */
function inputShapes({ H, P, X, Y, Z, G, L }, C, N) {
  const rows = G > 0 ? N : 1;
  const rotation = (name, n) => [[`${name}.cos`, [n, H * P]], [`${name}.sin`, [n, H * P]]];
  const cache = (name) => [[`${name}.key`, [H, 2 * P, C]], [`${name}.value`, [H, C, 2 * P]]];
  return {
    history: [
      ['history.item', [C, X]], ['history.action', [C, Y]], ['history.mask', [C, C]], ['history.empty', [C, 1]],
      ...['query', 'key', 'action'].flatMap((name) => rotation(`history.${name}`, C)),
    ],
    candidates: [
      ['candidate.item', [N, X]], ...(Z > 0 ? [['candidate.context', [N, Z]]] : []),
      ...rotation('candidate.layers', rows), ...rotation('candidate.action', rows),
    ],
    caches: [...Array.from({ length: L }, (_, l) => cache(`layer.${l}`)).flat(), ...cache('action')],
  };
}

/** Writes the network's pieces into a graph; every method returns a value's name. */
class Writer {
  constructor(model) {
    this.model = model;
    this.graph = new Graph();
  }

  tensor(name, scale = 1) {
    const { data, shape } = this.model.tensors[name];
    return this.graph.constant(scale === 1 ? data : data.map((x) => x * scale), shape);
  }

  linear(x, name, { bias = true, scale = 1 } = {}) {
    const b = bias ? [this.tensor(`${name}.bias`, scale)] : [];
    return this.graph.op('Gemm', [x, this.tensor(`${name}.weight`, scale), ...b], { transB: 1 });
  }

  silu(x) {
    return this.graph.op('Mul', [x, this.graph.op('Sigmoid', [x])]);
  }

  norm(x, name) {
    const parts = [x, this.tensor(`${name}.weight`), this.tensor(`${name}.bias`)];
    return this.graph.op('LayerNormalization', parts, { axis: -1, epsilon: { f: 1e-5 } });
  }

  add(x, y) {
    return this.graph.op('Add', [x, y]);
  }

  /** x (n, D) -> its query or key, turned: halves [even | odd] of (n, H·P), by the cos and sin rows (n or 1, H·P). */
  rotated(x, name, rotation, scale = 1) {
    const { H, P, D, tensors } = this.model;
    const source = tensors[`${name}.weight`].data;
    const permuted = new Float32Array(source.length);
    for (let h = 0; h < H; h++) {
      for (let j = 0; j < 2 * P; j++) {
        const to = (j % 2) * H * P + h * P + (j >> 1);
        for (let i = 0; i < D; i++) permuted[to * D + i] = scale * source[(h * 2 * P + j) * D + i];
      }
    }
    const flat = this.graph.op('Gemm', [x, this.graph.constant(permuted, [D, D])], { transB: 1 });
    const [even, odd] = this.graph.op('Split', [flat], { axis: 1 }, 2);
    const times = (a, part) => this.graph.op('Mul', [a, `${rotation}.${part}`]);
    return this.graph.op('Concat', [
      this.graph.op('Sub', [times(even, 'cos'), times(odd, 'sin')]),
      this.add(times(even, 'sin'), times(odd, 'cos')),
    ], { axis: 1 });
  }

  /** [even | odd] halves (n, 2·H·P) -> (H, n, 2P) for queries, (H, 2P, n) for keys. */
  heads(x, n, { transposed = false } = {}) {
    const { H, P } = this.model;
    const split = this.graph.op('Reshape', [x, this.graph.shape(n, 2, H, P)]);
    const moved = this.graph.op('Transpose', [split], { perm: transposed ? [2, 1, 3, 0] : [2, 0, 1, 3] });
    const dims = transposed ? [H, 2 * P, n] : [H, n, 2 * P];
    return this.graph.op('Reshape', [moved, this.graph.shape(...dims)]);
  }

  /** Keys (H, 2P, C) and values (H, C, 2P) of an attention. */
  keysAndValues(name, keyRows, valueRows, rotation, C) {
    const { H, P } = this.model;
    const value = this.linear(valueRows, `${name}.W_v`, { bias: false });
    const split = this.graph.op('Reshape', [value, this.graph.shape(C, H, 2 * P)]);
    return {
      key: this.heads(this.rotated(keyRows, `${name}.W_k`, rotation), C, { transposed: true }),
      value: this.graph.op('Transpose', [split], { perm: [1, 0, 2] }),
    };
  }

  /** Softmax attention of x (n, D) to a cache, through W_o. scale multiplies the result; mask: with the history's. */
  attention(name, x, rotation, { key, value }, n, { scale = 1, mask = false } = {}) {
    const { D, config } = this.model;
    const query = this.heads(this.rotated(x, `${name}.W_q`, rotation, config.attn_scale ?? 0.025), n);
    let score = this.graph.op('MatMul', [query, key]);
    if (mask) score = this.add(score, 'history.mask');
    const mixed = this.graph.op('MatMul', [this.graph.op('Softmax', [score], { axis: -1 }), value]);
    const rows = this.graph.op('Transpose', [mixed], { perm: [1, 0, 2] });
    let out = this.graph.op('Reshape', [rows, this.graph.shape(n, D)]);
    if (mask) { // rows with nothing to attend to: mixed is finite there, and replaced
      const difference = this.graph.op('Sub', [this.tensor(`${name}.padding_embedding`), out]);
      out = this.add(out, this.graph.op('Mul', [difference, 'history.empty']));
    }
    return this.linear(out, `${name}.W_o`, { bias: false, scale });
  }

  layer(l, x, attended) {
    const name = `transformer_layers.${l}`;
    const y = this.add(x, attended);
    const up = this.silu(this.linear(this.norm(y, `${name}.prenorm_2`), `${name}.ffwd.0`));
    return this.add(y, this.linear(up, `${name}.ffwd.2`, { scale: this.skip }));
  }

  get skip() {
    return this.model.config.skip_scale ?? 0.1;
  }

  embed(item) {
    return this.norm(this.graph.op('Relu', [this.linear(item, 'seq_projection.0')]), 'seq_norm');
  }

  mlp(x, name) {
    return this.linear(this.silu(this.linear(this.silu(this.linear(x, `${name}.0`)), `${name}.2`)), `${name}.4`);
  }

  /** Runs the history; returns { 'layer.0': { key, value }, ..., action: { key, value } }. */
  history(C) {
    const caches = {};
    let x = this.embed('history.item');
    const action = this.graph.op('Relu', [this.mlp('history.action', 'action_embedding')]);
    for (let l = 0; l < this.model.L; l++) {
      const name = `transformer_layers.${l}`;
      const normed = this.norm(x, `${name}.prenorm_1`);
      const values = this.norm(this.add(x, action), `${name}.prenorm_1`);
      const cache = this.keysAndValues(`${name}.mha`, normed, values, 'history.key', C);
      const options = { scale: this.skip, mask: true };
      x = this.layer(l, x, this.attention(`${name}.mha`, normed, 'history.query', cache, C, options));
      caches[`layer.${l}`] = cache;
    }
    caches.action = this.keysAndValues('action_attention', x, action, 'history.action', C);
    return caches;
  }

  candidates(N, caches) {
    let x = this.embed('candidate.item');
    for (let l = 0; l < this.model.L; l++) {
      const name = `transformer_layers.${l}`;
      const normed = this.norm(x, `${name}.prenorm_1`);
      const options = { scale: this.skip };
      const cache = caches[`layer.${l}`];
      x = this.layer(l, x, this.attention(`${name}.mha`, normed, 'candidate.layers', cache, N, options));
    }
    const u = this.attention('action_attention', x, 'candidate.action', caches.action, N);
    const context = this.model.Z > 0 ? ['candidate.context'] : [];
    return this.mlp(this.graph.op('Concat', [x, u, ...context], { axis: 1 }), 'head');
  }
}

/** model (readModel) -> bytes of a .onnx file. part: one of PARTS. */
export function exportOnnx(model, { C, N, part = 'request' }) {
  if (!(C >= 1) || !(N >= 1) || !PARTS.includes(part)) throw new Error(`cannot export ${part} for C = ${C}, N = ${N}`);
  const writer = new Writer(model);
  const shapes = inputShapes(model, C, N);
  const declare = (list) => list.forEach(([name, dims]) => writer.graph.input(name, dims));
  let caches;
  if (part === 'candidates') {
    declare(shapes.caches);
    caches = Object.fromEntries(shapes.caches.map(([name]) => name.replace(/\.\w+$/, ''))
      .map((name) => [name, { key: `${name}.key`, value: `${name}.value` }]));
  } else {
    declare(shapes.history);
    caches = writer.history(C);
  }
  if (part === 'history') {
    for (const [name, dims] of shapes.caches) {
      const [, cache, which] = name.match(/(.*)\.(\w+)$/);
      writer.graph.output(caches[cache][which], name, dims);
    }
  } else {
    declare(shapes.candidates);
    writer.graph.output(writer.candidates(N, caches), 'logits', [N, model.T]);
  }
  return writer.graph.encode(OPSET);
}

/**
 * What a part is fed: { name: { data: Float32Array, dims } }. inputs: item, action, time_s, signal of the history
 * (row-major, signal optional), item, context, signal of the candidates, now_s. Caches are not among them.
 */
export function feeds(model, { history, candidate, now_s }, part = 'request') {
  const { H, G, X, Z } = model;
  const C = history.time_s.length;
  const N = candidate.item.length / X;
  const angle = angleFunction(model, C, history.time_s[0]);
  const signal = (data, i) => Array.from((data ?? []).subarray?.(i * G, (i + 1) * G) ?? new Array(G).fill(0));
  const starts = requestStarts(history.time_s);
  const allowed = (at) => at % C < starts[Math.floor(at / C)];
  const data = { 'history.item': history.item, 'history.action': history.action, 'candidate.item': candidate.item };
  if (Z > 0) data['candidate.context'] = candidate.context;
  data['history.mask'] = Float32Array.from({ length: C * C }, (_, at) => (allowed(at) ? 0 : MASKED));
  data['history.empty'] = Float32Array.from(starts, (start) => (start === 0 ? 1 : 0));

  const rotation = (name, n, row) => { // each token's (P) angles, once for every head
    const angles = Array.from({ length: n }, (_, i) => row(i)).flatMap((pairs) => Array(H).fill(pairs).flat());
    data[`${name}.cos`] = Float32Array.from(angles, Math.cos);
    data[`${name}.sin`] = Float32Array.from(angles, Math.sin);
  };
  const event = (network, place, i) => angle(network, place, history.time_s[i], signal(history.signal, i));
  const asked = (network, i) => angle(network, C, now_s, signal(candidate.signal, i));
  rotation('history.query', C, (i) => event('angle_nn', starts[i], i));
  rotation('history.key', C, (i) => event('angle_nn', i, i));
  rotation('history.action', C, (i) => event('action_angle_nn', i, i));
  rotation('candidate.layers', G > 0 ? N : 1, (i) => asked('angle_nn', i));
  rotation('candidate.action', G > 0 ? N : 1, (i) => asked('action_angle_nn', i));

  const shapes = inputShapes(model, C, N);
  const wanted = part === 'request' ? [...shapes.history, ...shapes.candidates] : shapes[part];
  return Object.fromEntries(wanted.map(([name, dims]) => [name, { data: data[name], dims }]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      history: { type: 'string', default: '50' }, candidates: { type: 'string', default: '200' },
      part: { type: 'string', default: 'request' },
    },
  });
  if (positionals.length !== 2) {
    console.error('usage: export-onnx.mjs MODEL.safetensors OUT.onnx [--history C] [--candidates N] [--part request]');
    process.exit(2);
  }
  const model = readModel(readFileSync(positionals[0]));
  const bytes = exportOnnx(model, { C: Number(values.history), N: Number(values.candidates), part: values.part });
  writeFileSync(positionals[1], bytes);
  const { history, candidates, part } = values;
  console.error(`${positionals[1]}: ${part} in ${bytes.length} bytes, C = ${history}, N = ${candidates}`);
}
