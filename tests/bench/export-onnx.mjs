// A siren-rope model (.safetensors, any of the three variants) as an ONNX graph that ranks N candidates after C
// events, written from the mathematics in src/README.md, not from the C core. The history is run once; every candidate
// attends to its keys and values; the candidates never see one another. Parts that can be had:
//   request     history and candidates in, logits (N, T) out
//   history     history in, the keys and values of every layer and of the action attention out
//   candidates  candidates and those keys and values in, logits (N, T) out
//   append      the newest event, the keys and values of the C - 1 before it, and candidates in; logits (N, T) and the
//               event's own keys and values out
//   naive       the request as one would write it first, straight from the training code: every candidate appended to a
//               copy of the history of its own, a batch of N sequences of S = C + 1 tokens; logits (N, T) out
// sharedContext: all candidates have the same context, given once (1, Z), and the head's part of it is computed once.
// The cos and sin of all rotations are inputs (feeds() computes them, outside of any timed region): the graph is spared
// the two angle networks. Whatever else can be done before the run is done here: the attention scale is folded into
// W_q, the skip scale into W_o and the last feed-forward layer, and W_q and W_k are permuted so that the pairs of a
// rotation lie in two contiguous halves. Standard operators of opset 17 only. C and N are fixed in the graph; C >= 1, for `append` >= 2.
//
// Usage: node export-onnx.mjs MODEL.safetensors OUT.onnx [--history C] [--candidates N] [--part request] [--shared-context]
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Graph } from './onnx-graph.mjs';
import { angleFunction, requestStarts } from './rotation.mjs';
import { parseSafetensors } from './safetensors.mjs';

const OPSET = 17;
const MASKED = -1e9; // in place of -infinity, which would make a wholly masked row NaN
export const PARTS = ['request', 'history', 'candidates', 'append', 'naive'];

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

/** What goes into a part: lists of [name, shape], by part. Rotations have one row where all candidates share their angles. */
function inputShapes({ H, P, X, Y, Z, G, L }, { C, N, sharedContext }) {
  const S = C + 1;
  const rotation = (name, n) => [[`${name}.cos`, [n, H * P]], [`${name}.sin`, [n, H * P]]];
  const rotations = (list, n) => list.flatMap((name) => rotation(name, n));
  const caches = (n) => [...Array.from({ length: L }, (_, l) => `layer.${l}`), 'action']
    .flatMap((name) => [[`${name}.key`, [H, 2 * P, n]], [`${name}.value`, [H, n, 2 * P]]]);
  const context = Z > 0 ? [['candidate.context', [sharedContext ? 1 : N, Z]]] : [];
  const history = [
    ['history.item', [C, X]], ['history.action', [C, Y]], ['history.mask', [C, C]], ['history.empty', [C, 1]],
    ...rotations(['history.query', 'history.key', 'history.action'], C),
  ];
  const candidates = [
    ['candidate.item', [N, X]], ...context, ...rotations(['candidate.layers', 'candidate.action'], G > 0 ? N : 1),
  ];
  return {
    caches: caches(C),
    request: [...history, ...candidates],
    history,
    candidates: [...caches(C), ...candidates],
    append: [
      ...caches(C - 1), ['event.item', [1, X]], ['event.action', [1, Y]],
      ...rotations(['event.query', 'event.key', 'event.action'], 1), ...candidates,
    ],
    naive: [
      ['sequence.item', [N, S, X]], ['sequence.action', [N, S, Y]], ['sequence.mask', [S, S]], ['sequence.empty', [S, 1]],
      ...rotations(['sequence.query', 'sequence.key', 'sequence.action'], S), ...rotation('candidate.action', 1), ...context,
    ],
  };
}

/** Writes the network's pieces into a graph; every method returns a value's name. */
class Writer {
  constructor(model, graph = new Graph()) {
    this.model = model;
    this.graph = graph;
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

  /** W_q or W_k (D, D) with the rotation's pairs in two halves, [even | odd] of (H·P). */
  permuted(name, scale = 1) {
    const { H, P, D, tensors } = this.model;
    const source = tensors[`${name}.weight`].data;
    const permuted = new Float32Array(source.length);
    for (let h = 0; h < H; h++) {
      for (let j = 0; j < 2 * P; j++) {
        const to = (j % 2) * H * P + h * P + (j >> 1);
        for (let i = 0; i < D; i++) permuted[to * D + i] = scale * source[(h * 2 * P + j) * D + i];
      }
    }
    return permuted;
  }

  /** Halves [even | odd] on the axis, turned by the cos and sin rows (n or 1, H·P). */
  rotatedRows(flat, rotation, axis) {
    const [even, odd] = this.graph.op('Split', [flat], { axis }, 2);
    const times = (a, part) => this.graph.op('Mul', [a, `${rotation}.${part}`]);
    return this.graph.op('Concat', [
      this.graph.op('Sub', [times(even, 'cos'), times(odd, 'sin')]),
      this.add(times(even, 'sin'), times(odd, 'cos')),
    ], { axis });
  }

  /** x (n, D) -> its query or key, turned: halves [even | odd] of (n, H·P). */
  rotated(x, name, rotation, scale = 1) {
    const { D } = this.model;
    const weight = this.graph.constant(this.permuted(name, scale), [D, D]);
    return this.rotatedRows(this.graph.op('Gemm', [x, weight], { transB: 1 }), rotation, 1);
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

  /**
   * Runs n events; returns their keys and values, { 'layer.0': { key, value }, ..., action: { key, value } }.
   * source: the prefix of their inputs. Without `past` they are a whole history and see one another through the mask;
   * with it (the same form, of all earlier events) there is one event, which sees those alone.
   */
  events(source, n, past) {
    const caches = {};
    let x = this.embed(`${source}.item`);
    const action = this.graph.op('Relu', [this.mlp(`${source}.action`, 'action_embedding')]);
    for (let l = 0; l < this.model.L; l++) {
      const name = `transformer_layers.${l}`;
      const normed = this.norm(x, `${name}.prenorm_1`);
      const values = this.norm(this.add(x, action), `${name}.prenorm_1`);
      const own = this.keysAndValues(`${name}.mha`, normed, values, `${source}.key`, n);
      const seen = past?.[`layer.${l}`] ?? own;
      const options = { scale: this.skip, mask: !past };
      x = this.layer(l, x, this.attention(`${name}.mha`, normed, `${source}.query`, seen, n, options));
      caches[`layer.${l}`] = own;
    }
    caches.action = this.keysAndValues('action_attention', x, action, `${source}.action`, n);
    return caches;
  }

  /** Two histories' keys and values, one after the other. */
  joined(first, second) {
    return Object.fromEntries(Object.keys(first).map((name) => [name, {
      key: this.graph.op('Concat', [first[name].key, second[name].key], { axis: 2 }),
      value: this.graph.op('Concat', [first[name].value, second[name].value], { axis: 1 }),
    }]));
  }

  /** The head over x and u (N, D), its context's part once where all candidates share it. */
  head(x, u, sharedContext) {
    const { D, Z, tensors } = this.model;
    const both = this.graph.op('Concat', [x, u], { axis: 1 });
    if (Z === 0) return this.mlp(both, 'head');
    if (!sharedContext) return this.mlp(this.graph.op('Concat', [both, 'candidate.context'], { axis: 1 }), 'head');
    const { data, shape: [n] } = tensors['head.0.weight'];
    const columns = (from, to) => {
      const part = new Float32Array(n * (to - from));
      for (let o = 0; o < n; o++) part.set(data.subarray(o * (2 * D + Z) + from, o * (2 * D + Z) + to), o * (to - from));
      return this.graph.constant(part, [n, to - from]);
    };
    const shared = this.graph.op('Gemm', ['candidate.context', columns(2 * D, 2 * D + Z), this.tensor('head.0.bias')], { transB: 1 });
    const first = this.graph.op('Gemm', [both, columns(0, 2 * D), shared], { transB: 1 });
    return this.linear(this.silu(this.linear(this.silu(first), 'head.2')), 'head.4');
  }

  candidates(N, caches, sharedContext) {
    let x = this.embed('candidate.item');
    for (let l = 0; l < this.model.L; l++) {
      const name = `transformer_layers.${l}`;
      const normed = this.norm(x, `${name}.prenorm_1`);
      const options = { scale: this.skip };
      const cache = caches[`layer.${l}`];
      x = this.layer(l, x, this.attention(`${name}.mha`, normed, 'candidate.layers', cache, N, options));
    }
    const u = this.attention('action_attention', x, 'candidate.action', caches.action, N);
    return this.head(x, u, sharedContext);
  }
}

/** The naive form: (N, S, D) all the way, linears as MatMul and Add, the last token's row taken for the head. */
class NaiveWriter extends Writer {
  linear(x, name, { bias = true, scale = 1 } = {}) {
    const { data, shape } = this.model.tensors[`${name}.weight`];
    const product = this.graph.op('MatMul', [x, this.transposed(data, shape, scale)]);
    return bias ? this.add(product, this.tensor(`${name}.bias`, scale)) : product;
  }

  transposed(data, [nOut, nIn], scale = 1) {
    const turned = new Float32Array(data.length);
    for (let o = 0; o < nOut; o++) for (let i = 0; i < nIn; i++) turned[i * nOut + o] = scale * data[o * nIn + i];
    return this.graph.constant(turned, [nIn, nOut]);
  }

  /** x (N, n, D) -> (N, H, n, 2P), halves [even | odd]; rotation: names of (n, H·P). */
  turned(x, name, rotation, N, n, scale = 1) {
    const { H, P, D } = this.model;
    const flat = this.graph.op('MatMul', [x, this.transposed(this.permuted(name, scale), [D, D])]);
    const rows = this.rotatedRows(flat, rotation, 2);
    const split = this.graph.op('Reshape', [rows, this.graph.shape(N, n, 2, H, P)]);
    const moved = this.graph.op('Transpose', [split], { perm: [0, 3, 1, 2, 4] });
    return this.graph.op('Reshape', [moved, this.graph.shape(N, H, n, 2 * P)]);
  }

  /** queries (N, n, D) to all S tokens of their own sequence. */
  attend(name, { query, key, value, queryTurn, keyTurn, N, n, S, scale = 1 }) {
    const { H, P, D, config } = this.model;
    const q = this.turned(query, `${name}.W_q`, queryTurn, N, n, config.attn_scale ?? 0.025);
    const k = this.graph.op('Transpose', [this.turned(key, `${name}.W_k`, keyTurn, N, S)], { perm: [0, 1, 3, 2] });
    const split = this.graph.op('Reshape', [this.linear(value, `${name}.W_v`, { bias: false }), this.graph.shape(N, S, H, 2 * P)]);
    const v = this.graph.op('Transpose', [split], { perm: [0, 2, 1, 3] });
    const mask = n === S ? 'sequence.mask' : this.graph.op('Slice', ['sequence.mask', this.graph.shape(S - 1), this.graph.shape(S)]);
    const weights = this.graph.op('Softmax', [this.add(this.graph.op('MatMul', [q, k]), mask)], { axis: -1 });
    const rows = this.graph.op('Transpose', [this.graph.op('MatMul', [weights, v])], { perm: [0, 2, 1, 3] });
    let out = this.graph.op('Reshape', [rows, this.graph.shape(N, n, D)]);
    if (n === S) {
      const difference = this.graph.op('Sub', [this.tensor(`${name}.padding_embedding`), out]);
      out = this.add(out, this.graph.op('Mul', [difference, 'sequence.empty']));
    }
    return this.linear(out, `${name}.W_o`, { bias: false, scale });
  }

  sequences(N, S, sharedContext) {
    const { D, L } = this.model;
    let x = this.embed('sequence.item');
    const action = this.graph.op('Relu', [this.mlp('sequence.action', 'action_embedding')]);
    for (let l = 0; l < L; l++) {
      const name = `transformer_layers.${l}`;
      const normed = this.norm(x, `${name}.prenorm_1`);
      const value = this.norm(this.add(x, action), `${name}.prenorm_1`);
      x = this.layer(l, x, this.attend(`${name}.mha`, {
        query: normed, key: normed, value, queryTurn: 'sequence.query', keyTurn: 'sequence.key', N, n: S, S, scale: this.skip,
      }));
    }
    const { graph } = this;
    const last = graph.op('Slice', [x, graph.shape(S - 1), graph.shape(S), graph.shape(1)]);
    const u = this.attend('action_attention', {
      query: last, key: x, value: action, queryTurn: 'candidate.action', keyTurn: 'sequence.action', N, n: 1, S,
    });
    const flat = (value) => graph.op('Reshape', [value, graph.shape(N, D)]);
    return new Writer(this.model, graph).head(flat(last), flat(u), sharedContext);
  }
}

/** model (readModel) -> bytes of a .onnx file. part: one of PARTS. */
export function exportOnnx(model, { C, N, part = 'request', sharedContext = false }) {
  if (!(C >= (part === 'append' ? 2 : 1)) || !(N >= 1) || !PARTS.includes(part) || (part === 'naive' && model.G > 0)) {
    throw new Error(`cannot export ${part} for C = ${C}, N = ${N}, G = ${model.G}`);
  }
  const writer = new (part === 'naive' ? NaiveWriter : Writer)(model);
  const { graph } = writer;
  const shapes = inputShapes(model, { C, N, sharedContext });
  for (const [name, dims] of shapes[part]) graph.input(name, dims);
  const given = Object.fromEntries([...Array.from({ length: model.L }, (_, l) => `layer.${l}`), 'action']
    .map((name) => [name, { key: `${name}.key`, value: `${name}.value` }]));
  const outputCaches = (caches, n) => {
    for (const [name, { key, value }] of Object.entries(caches)) {
      graph.output(key, `${part === 'append' ? 'event.' : ''}${name}.key`, [model.H, 2 * model.P, n]);
      graph.output(value, `${part === 'append' ? 'event.' : ''}${name}.value`, [model.H, n, 2 * model.P]);
    }
  };
  const logits = (value) => graph.output(value, 'logits', [N, model.T]);
  switch (part) {
    case 'request': logits(writer.candidates(N, writer.events('history', C), sharedContext)); break;
    case 'history': outputCaches(writer.events('history', C), C); break;
    case 'candidates': logits(writer.candidates(N, given, sharedContext)); break;
    case 'naive': logits(writer.sequences(N, C + 1, sharedContext)); break;
    case 'append': {
      const own = writer.events('event', 1, given);
      logits(writer.candidates(N, writer.joined(given, own), sharedContext));
      outputCaches(own, 1);
    }
  }
  return graph.encode(OPSET);
}

/**
 * What a part is fed: { name: { data: Float32Array, dims } }. inputs: item, action, time_s, signal of the history
 * (row-major, signal optional), item, context, signal of the candidates, now_s. Caches are not among them. `append` takes
 * the last event from the history, which must be of another request than the one before; the keys and values of those before it are what `earlierFeeds` gives.
 */
export function feeds(model, inputs, part = 'request', { sharedContext = false } = {}) {
  const C = inputs.history.time_s.length;
  const N = inputs.candidate.item.length / model.X;
  const data = { ...historyData(model, inputs), ...candidateData(model, inputs, sharedContext) };
  if (part === 'append') Object.assign(data, lastEvent(data, C));
  if (part === 'naive') Object.assign(data, sequenceData(model, data, C, N));
  const wanted = inputShapes(model, { C, N, sharedContext })[part].filter(([name]) => name in data);
  return Object.fromEntries(wanted.map(([name, dims]) => [name, { data: data[name], dims }]));
}

/** The feeds of `history` for all events but the last, turned as they are in a history of all C. */
export function earlierFeeds(model, inputs) {
  const C = inputs.history.time_s.length;
  const all = historyData(model, inputs);
  const n = C - 1;
  return Object.fromEntries(inputShapes(model, { C: n, N: 1 }).history.map(([name, dims]) => {
    const width = all[name].length / C;
    const rows = name === 'history.mask' ? Float32Array.from({ length: n * n }, (_, at) => all[name][Math.floor(at / n) * C + (at % n)])
      : all[name].subarray(0, n * width);
    return [name, { data: rows, dims }];
  }));
}

/** name.cos and name.sin of n tokens, each token's (P) angles once for every head. row(i) -> angles */
function rotationData(name, n, H, row) {
  const angles = Array.from({ length: n }, (_, i) => row(i)).flatMap((pairs) => Array(H).fill(pairs).flat());
  return { [`${name}.cos`]: Float32Array.from(angles, Math.cos), [`${name}.sin`]: Float32Array.from(angles, Math.sin) };
}

const signalOf = (data, i, G) => Array.from((data ?? []).subarray?.(i * G, (i + 1) * G) ?? new Array(G).fill(0));

function historyData(model, { history }) {
  const C = history.time_s.length;
  const angle = angleFunction(model, C, history.time_s[0]);
  const starts = requestStarts(history.time_s);
  const allowed = (at) => at % C < starts[Math.floor(at / C)];
  const turns = (name, network, placeOf) => rotationData(`history.${name}`, C, model.H,
    (i) => angle(network, placeOf(i), history.time_s[i], signalOf(history.signal, i, model.G)));
  return {
    'history.item': history.item, 'history.action': history.action,
    'history.mask': Float32Array.from({ length: C * C }, (_, at) => (allowed(at) ? 0 : MASKED)),
    'history.empty': Float32Array.from(starts, (start) => (start === 0 ? 1 : 0)),
    ...turns('query', 'angle_nn', (i) => starts[i]),
    ...turns('key', 'angle_nn', (i) => i),
    ...turns('action', 'action_angle_nn', (i) => i),
  };
}

function candidateData(model, { history, candidate, now_s }, sharedContext) {
  const { G, H, X, Z } = model;
  const C = history.time_s.length;
  const angle = angleFunction(model, C, history.time_s[0]);
  const rows = G > 0 ? candidate.item.length / X : 1;
  const turns = (name, network) => rotationData(`candidate.${name}`, rows, H,
    (i) => angle(network, C, now_s, signalOf(candidate.signal, i, G)));
  const context = sharedContext ? candidate.context?.subarray(0, Z) : candidate.context;
  return {
    'candidate.item': candidate.item, ...(Z > 0 ? { 'candidate.context': context } : {}),
    ...turns('layers', 'angle_nn'), ...turns('action', 'action_angle_nn'),
  };
}

/** event.*: the last row of each of the history's inputs. */
function lastEvent(data, C) {
  if (data['history.mask'].at(-2) === MASKED) throw new Error('the last event is of the same request as the one before');
  const names = Object.keys(data).filter((name) => /^history\.(item|action|(query|key|action)\.(cos|sin))$/.test(name));
  return Object.fromEntries(names.map((name) => [name.replace('history', 'event'), data[name].slice(-data[name].length / C)]));
}

/** sequence.*: N copies of the history, each with a candidate behind it, which did nothing yet. */
function sequenceData({ X, Y }, data, C, N) {
  const S = C + 1;
  const item = new Float32Array(N * S * X);
  const action = new Float32Array(N * S * Y);
  for (let n = 0; n < N; n++) {
    item.set(data['history.item'], n * S * X);
    item.set(data['candidate.item'].subarray(n * X, (n + 1) * X), (n * S + C) * X);
    action.set(data['history.action'], n * S * Y);
  }
  const mask = new Float32Array(S * S).fill(MASKED);
  for (let i = 0; i < C; i++) mask.set(data['history.mask'].subarray(i * C, (i + 1) * C), i * S);
  mask.fill(0, C * S, C * S + C);
  const both = (of, last, part) => Float32Array.of(...data[`history.${of}.${part}`], ...data[`candidate.${last}.${part}`]);
  const turns = [['query', 'layers'], ['key', 'layers'], ['action', 'action']].flatMap(([of, last]) =>
    ['cos', 'sin'].map((part) => [`sequence.${of}.${part}`, both(of, last, part)]));
  return {
    'sequence.item': item, 'sequence.action': action, 'sequence.mask': mask,
    'sequence.empty': Float32Array.of(...data['history.empty'], 0), ...Object.fromEntries(turns),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      history: { type: 'string', default: '50' }, candidates: { type: 'string', default: '200' },
      part: { type: 'string', default: 'request' }, 'shared-context': { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 2) {
    console.error('usage: export-onnx.mjs MODEL.safetensors OUT.onnx [--history C] [--candidates N] [--part request] [--shared-context]');
    process.exit(2);
  }
  const model = readModel(readFileSync(positionals[0]));
  const { history, candidates, part, 'shared-context': sharedContext } = values;
  const bytes = exportOnnx(model, { C: Number(history), N: Number(candidates), part, sharedContext });
  writeFileSync(positionals[1], bytes);
  console.error(`${positionals[1]}: ${part} in ${bytes.length} bytes, C = ${history}, N = ${candidates}`);
}
