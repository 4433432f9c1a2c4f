// make_files.mjs: writes the small model files of bad/ and good/, which the unit tests read. `node make_files.mjs` again
// gives the same bytes; the tests do not run it. What each bad file must be rejected with stands in bad_files.h.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sizes = { F32: 4, F16: 2, BF16: 2, F64: 8, I64: 8, I32: 4, I8: 1, U8: 1, BOOL: 1 };
const product = (shape) => shape.reduce((n, size) => n * size, 1);

// ---------------------------------------------------------------- bytes

/** A safetensors file of a header's text (or bytes) and data; `length` overrides the 8-byte length. */
function raw(header, data = Buffer.alloc(0), length = undefined) {
  const text = Buffer.from(header);
  const first = Buffer.alloc(8);
  first.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([first, text, data]);
}

/** The given numbers, or else element i is ((7·i) mod 19 − 9) / 16, in a dtype; in I8 sixteen times that. */
function encode(dtype, shape, values) {
  const n = product(shape);
  const bytes = Buffer.alloc(n * sizes[dtype]);
  for (let i = 0; i < n; i++) {
    const value = values ? values[i] : (((i * 7) % 19) - 9) / 16; // exact in every float dtype here
    if (dtype === 'F32') bytes.writeFloatLE(value, 4 * i);
    else if (dtype === 'F64') bytes.writeDoubleLE(value, 8 * i);
    else if (dtype === 'BF16') {
      const word = Buffer.alloc(4);
      word.writeFloatLE(value);
      word.copy(bytes, 2 * i, 2, 4);
    } else if (dtype === 'F16') bytes.writeUInt16LE(half(value), 2 * i);
    else if (dtype === 'I8') bytes.writeInt8(values ? value : 16 * value, i);
    else bytes.writeInt8(0, i);
  }
  return bytes;
}

/** float16 bits of a number that float16 holds exactly. */
function half(value) {
  if (value === 0) return 0;
  const sign = value < 0 ? 0x8000 : 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return sign | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

/** A well-formed file. tensors: name -> [dtype, shape, values?]; pad: spaces after the header. */
function file(tensors, config, { pad = 0 } = {}) {
  const header = {};
  if (config !== undefined) header.__metadata__ = { siren_rope: typeof config === 'string' ? config : JSON.stringify(config) };
  let offset = 0;
  const parts = [];
  for (const [name, [dtype, shape, values]] of Object.entries(tensors)) {
    const bytes = encode(dtype, shape, values);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    parts.push(bytes);
  }
  return raw(JSON.stringify(header) + ' '.repeat(pad), Buffer.concat(parts));
}

// ---------------------------------------------------------------- a tiny model: X=2 Y=1 D=4 H=1 K=4 P=2 Z=1 T=1 L=1

const ordinalConfig = { variant: 'ordinal', num_heads: 1, labels: ['like'] };
const sirenConfig = { variant: 'siren', num_heads: 1, labels: ['like'], angle_features: ['cos_day', 'sin_day'] };

function attention(prefix, d = 4, dtype = 'F32') {
  const tensors = {};
  for (const name of ['W_q', 'W_k', 'W_v', 'W_o']) tensors[`${prefix}.${name}.weight`] = [dtype, [d, d]];
  tensors[`${prefix}.padding_embedding`] = [dtype, [d]];
  return tensors;
}

function linear(name, nOut, nIn, dtype = 'F32') {
  return { [`${name}.weight`]: [dtype, [nOut, nIn]], [`${name}.bias`]: [dtype, [nOut]] };
}

function norm(name, d = 4, dtype = 'F32') {
  return { [`${name}.weight`]: [dtype, [d]], [`${name}.bias`]: [dtype, [d]] };
}

function ordinal({ x = 2, z = 1, dtype = 'F32' } = {}) {
  const layer = 'transformer_layers.0';
  return {
    ...linear('seq_projection.0', 4, x, dtype), ...norm('seq_norm', 4, dtype),
    ...linear('action_embedding.0', 3, 1, dtype), ...linear('action_embedding.2', 4, 3, dtype),
    ...attention(`${layer}.mha`, 4, dtype), ...norm(`${layer}.prenorm_1`, 4, dtype), ...norm(`${layer}.prenorm_2`, 4, dtype),
    ...linear(`${layer}.ffwd.0`, 5, 4, dtype), ...linear(`${layer}.ffwd.2`, 4, 5, dtype),
    ...attention('action_attention', 4, dtype), ...linear('head.0', 3, 8 + z, dtype), ...linear('head.2', 1, 3, dtype),
  };
}

function siren({ a = 1, f = 2, dtype = 'F32' } = {}) {
  const tensors = { ...ordinal({ dtype }), 'rope.order_scale': [dtype, [], [0.5]], 'rope.freq': [dtype, [a]] };
  for (const network of ['angle_nn', 'action_angle_nn'])
    Object.assign(tensors, linear(`${network}.net.0.linear`, 3, f, dtype), linear(`${network}.net.1`, a, 3, dtype),
      linear(`${network}.residual.0`, 2, f, dtype), linear(`${network}.residual.2`, a, 2, dtype));
  return tensors;
}

/** The weights of linear layers outside the angle networks as bytes of 1/16 each; the first scale stands before its weight. */
function quantised(tensors) {
  const all = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const isLinear = name.endsWith('.weight') && tensor[1].length === 2 && !/angle_nn|encoder/.test(name);
    const scale = { [`${name}_scale`]: ['F32', [tensor[1][0]], Array(tensor[1][0]).fill(1 / 16)] };
    const isFirst = name === 'seq_projection.0.weight';
    Object.assign(all, isFirst && scale, { [name]: isLinear ? ['I8', tensor[1]] : tensor }, isLinear && !isFirst && scale);
  }
  return all;
}

/** The tensors with some replaced, added (after the others) or, with null, left out. */
function but(tensors, changes) {
  return Object.fromEntries(Object.entries({ ...tensors, ...changes }).filter(([, tensor]) => tensor !== null));
}

// ---------------------------------------------------------------- bad files: the format

const one = (name, dtype, shape, offsets) => `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const bad = {};
bad['empty'] = Buffer.alloc(0);
bad['length-cut'] = Buffer.from([5, 0, 0]);
bad['header-truncated'] = raw(`{${one('a', 'F32', '[1]', '[0,4]')}`.slice(0, 30), Buffer.alloc(0), 64);
bad['header-beyond-file'] = raw('{}', Buffer.alloc(0), 0xffffffffffffffffn);
bad['header-beyond-by-one'] = raw('{} ', Buffer.alloc(0), 4);
bad['header-empty'] = raw('');
bad['header-not-object'] = raw('[1]');
bad['header-leading-space'] = raw(' {}');
bad['header-not-json'] = raw('{"a":}');
bad['header-json-cut'] = raw('{"a":{"dtype":"F32"');
bad['header-broken-utf8'] = raw(Buffer.concat([Buffer.from('{"'), Buffer.from([0xc3, 0x28]), Buffer.from('":{}}')]));
bad['header-deep-nesting'] = raw(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`);
bad['header-nul-name'] = raw(`{"a\\u0000b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, Buffer.alloc(4));
bad['header-long-name'] = raw(`{${one('n'.repeat(600), 'F32', '[1]', '[0,4]')}}`, Buffer.alloc(4));
bad['tensor-not-object'] = raw('{"a":7}');
bad['tensor-extra-key'] = raw('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[1]}}', Buffer.alloc(4));
bad['tensor-without-shape'] = raw('{"a":{"dtype":"F32","data_offsets":[0,4]}}', Buffer.alloc(4));
bad['dtype-unknown'] = raw(`{${one('a', 'F33', '[1]', '[0,4]')}}`, Buffer.alloc(4));
bad['dtype-number'] = raw('{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}', Buffer.alloc(4));
bad['shape-text'] = raw(`{${one('a', 'F32', '"1"', '[0,4]')}}`, Buffer.alloc(4));
bad['shape-negative'] = raw(`{${one('a', 'F32', '[-1]', '[0,4]')}}`, Buffer.alloc(4));
bad['shape-fraction'] = raw(`{${one('a', 'F32', '[1.5]', '[0,4]')}}`, Buffer.alloc(4));
bad['shape-nine-dimensions'] = raw(`{${one('a', 'F32', '[1,1,1,1,1,1,1,1,1]', '[0,4]')}}`, Buffer.alloc(4));
bad['shape-overflow'] = raw(`{${one('a', 'F32', '[4294967296,4294967296]', '[0,0]')}}`);
bad['shape-overflow-hidden'] = raw(`{${one('a', 'F32', '[4294967296,4294967296,0]', '[0,0]')}}`);
bad['shape-terabytes'] = raw(`{${one('a', 'F32', '[1099511627776]', '[0,4398046511104]')}}`, Buffer.alloc(4));
bad['offsets-leave-file'] = raw(`{${one('a', 'F32', '[2]', '[0,8]')}}`, Buffer.alloc(4));
bad['offsets-reversed'] = raw(`{${one('a', 'F32', '[1]', '[4,0]')}}`, Buffer.alloc(4));
bad['offsets-huge'] = raw(`{${one('a', 'F32', '[1]', '[18446744073709551612,18446744073709551615]')}}`, Buffer.alloc(4));
bad['offsets-over-64-bits'] = raw(`{${one('a', 'F32', '[1]', '[0,36893488147419103232]')}}`, Buffer.alloc(4));
bad['offsets-negative'] = raw(`{${one('a', 'F32', '[1]', '[-4,0]')}}`, Buffer.alloc(4));
bad['offsets-three'] = raw(`{${one('a', 'F32', '[1]', '[0,4,8]')}}`, Buffer.alloc(8));
bad['offsets-other-size'] = raw(`{${one('a', 'F32', '[2]', '[0,4]')}}`, Buffer.alloc(4));
bad['overlap'] = raw(`{${one('a', 'F32', '[2]', '[0,8]')},${one('b', 'F32', '[1]', '[4,8]')}}`, Buffer.alloc(8));
bad['overlap-same'] = raw(`{${one('a', 'F32', '[1]', '[0,4]')},${one('b', 'F32', '[1]', '[0,4]')}}`, Buffer.alloc(4));
bad['hole'] = raw(`{${one('a', 'F32', '[1]', '[0,4]')},${one('b', 'F32', '[1]', '[8,12]')}}`, Buffer.alloc(12));
bad['hole-at-begin'] = raw(`{${one('a', 'F32', '[1]', '[4,8]')}}`, Buffer.alloc(8));
bad['trailing-bytes'] = raw(`{${one('a', 'F32', '[1]', '[0,4]')}}`, Buffer.alloc(5));
bad['duplicate-name'] = raw(`{${one('a', 'F32', '[1]', '[0,4]')},${one('a', 'F32', '[1]', '[4,8]')}}`, Buffer.alloc(8));
bad['metadata-number'] = raw('{"__metadata__":{"a":1}}');
bad['metadata-list'] = raw('{"__metadata__":[]}');
bad['metadata-twice'] = raw('{"__metadata__":{},"__metadata__":{}}');
bad['metadata-key-twice'] = raw('{"__metadata__":{"siren_rope":"{}","siren_rope":"{}"}}');
bad['metadata-too-many'] = raw(JSON.stringify({ __metadata__: Object.fromEntries([...Array(257).keys()].map((i) => [i, ''])) }));

// ---------------------------------------------------------------- bad files: the configuration

const badConfig = (name, changes) => {
  bad[name] = file({}, typeof changes === 'string' ? changes : { ...sirenConfig, ...changes });
};
bad['config-missing'] = raw('{"__metadata__":{"format":"pt"}}');
bad['config-no-metadata'] = raw('{}');
badConfig('config-not-json', '{"variant": siren}');
badConfig('config-not-object', '["siren"]');
badConfig('config-deep-nesting', `{"x":${'['.repeat(40)}${']'.repeat(40)}}`);
badConfig('config-key-twice', '{"variant":"siren","variant":"ordinal"}');
badConfig('config-no-variant', { variant: undefined });
badConfig('config-unknown-variant', { variant: 'yarn' });
badConfig('config-variant-number', { variant: 2 });
badConfig('config-no-heads', { num_heads: undefined });
badConfig('config-heads-zero', { num_heads: 0 });
badConfig('config-heads-fraction', { num_heads: 1.5 });
badConfig('config-heads-text', { num_heads: '4' });
badConfig('config-history-zero', { max_history: 0 });
badConfig('config-history-absurd', { max_history: 1e12 });
badConfig('config-attn-scale-zero', { attn_scale: 0 });
badConfig('config-attn-scale-list', { attn_scale: [0.1] });
badConfig('config-skip-scale-absurd', { skip_scale: 1e300 });
badConfig('config-rope-base-zero', { rope_base: 0 });
badConfig('config-time-scale-text', { time_scale: 'fast' });
badConfig('config-omega-boolean', { omega_0: true });
badConfig('config-offset-absurd', { utc_offset_minutes: 100000 });
badConfig('config-trend-missing', { angle_features: ['trend'] });
badConfig('config-trend-scale-missing', { angle_features: ['trend'], trend_center: 0 });
badConfig('config-trend-scale-zero', { angle_features: ['trend'], trend_center: 0, trend_scale: 0 });
badConfig('config-no-labels', { labels: undefined });
badConfig('config-labels-empty', { labels: [] });
badConfig('config-labels-text', { labels: 'like' });
badConfig('config-labels-number', { labels: ['like', 1] });
badConfig('config-labels-twice', { labels: ['like', 'like'] });
badConfig('config-angle-features-unknown', { angle_features: ['cos_month'] });
badConfig('config-angle-features-text', { angle_features: 'order' });
badConfig('config-angle-features-number', { angle_features: [1] });
badConfig('config-angle-features-many', { angle_features: Array(65).fill('order') });
badConfig('config-signals-number', { angle_signals: [3] });
badConfig('config-signals-twice', { angle_signals: ['s', 's'] });
badConfig('config-weights-list', { score_weights: [1] });
badConfig('config-weights-unknown', { score_weights: { share: 1 } });
badConfig('config-weights-text', { score_weights: { like: '1' } });

const badFeatures = (name, features) => badConfig(`features-${name}`, { features });
const tab = { name: 'tab', kind: 'index', size: 4, dim: 2 };
badFeatures('list', []);
badFeatures('item-object', { item: {} });
badFeatures('feature-text', { item: ['tab'] });
badFeatures('no-name', { item: [{ kind: 'number' }] });
badFeatures('name-empty', { item: [{ name: '', kind: 'number' }] });
badFeatures('name-long', { item: [{ name: 'n'.repeat(81), kind: 'number' }] });
badFeatures('name-twice', { item: [{ name: 'a', kind: 'number' }, { name: 'a', kind: 'number' }] });
badFeatures('kind-unknown', { item: [{ name: 'a', kind: 'text' }] });
badFeatures('no-dim', { item: [{ name: 'a', kind: 'vector' }] });
badFeatures('dim-zero', { item: [{ name: 'a', kind: 'vector', dim: 0 }] });
badFeatures('dim-absurd', { item: [{ name: 'a', kind: 'vector', dim: 1e9 }] });
badFeatures('no-buckets', { item: [{ name: 'a', kind: 'hash', dim: 2 }] });
badFeatures('buckets-fraction', { item: [{ name: 'a', kind: 'hash', buckets: 2.5, dim: 2 }] });
badFeatures('buckets-absurd', { item: [{ name: 'a', kind: 'hash', buckets: 2 ** 40, dim: 2 }] });
badFeatures('no-size', { item: [{ name: 'a', kind: 'index', dim: 2 }] });
badFeatures('words-empty', { item: [{ name: 'a', kind: 'vocab', words: [], dim: 2 }] });
badFeatures('words-number', { item: [{ name: 'a', kind: 'vocab', words: [1], dim: 2 }] });
badFeatures('words-empty-word', { item: [{ name: 'a', kind: 'vocab', words: ['x', ''], dim: 2 }] });
badFeatures('words-twice', { item: [{ name: 'a', kind: 'vocab', words: ['x', 'y', 'x'], dim: 2 }] });
badFeatures('transform-unknown', { item: [{ name: 'a', kind: 'number', transform: 'sqrt' }] });
badFeatures('clip-one', { item: [{ name: 'a', kind: 'number', clip: [1] }] });
badFeatures('clip-reversed', { item: [{ name: 'a', kind: 'number', clip: [1, 0] }] });
badFeatures('scale-text', { item: [{ name: 'a', kind: 'number', scale: '2' }] });
badFeatures('required-number', { item: [{ name: 'a', kind: 'number', required: 1 }] });
badFeatures('table-unknown', { context: [{ ...tab, table: 'item.tab' }] });
badFeatures('table-number', { item: [tab], context: [{ ...tab, table: 3 }] });
badFeatures('table-of-number', { item: [{ name: 'a', kind: 'number' }], context: [{ ...tab, table: 'item.a' }] });
badFeatures('table-itself', { item: [{ ...tab, table: 'item.tab' }] });
badFeatures('table-circle', { item: [{ ...tab, table: 'context.tab' }], context: [{ ...tab, table: 'item.tab' }] });
badFeatures('table-other-size', { item: [tab], context: [{ ...tab, size: 5, table: 'item.tab' }] });
badFeatures('table-other-dim', { item: [tab], context: [{ ...tab, dim: 3, table: 'item.tab' }] });
badFeatures('too-wide', { item: ['a', 'b'].map((name) => ({ name, kind: 'vector', dim: 40000 })) });

// ---------------------------------------------------------------- bad files: the tensors

const badModel = (name, tensors, config = ordinalConfig) => { bad[`model-${name}`] = file(tensors, config); };
badModel('no-tensors', {});
badModel('missing', but(ordinal(), { 'transformer_layers.0.ffwd.2.bias': null }));
badModel('missing-many', but(ordinal(), { 'seq_norm.weight': null, 'seq_norm.bias': null, 'head.2.bias': null }));
badModel('no-layers', Object.fromEntries(Object.entries(ordinal()).filter(([name]) => !name.startsWith('transformer'))));
badModel('layer-gap', but(ordinal(), { 'transformer_layers.2.mha.W_q.weight': ['F32', [4, 4]] }));
badModel('layers-absurd', but(ordinal(), { 'transformer_layers.9999.mha.W_q.weight': ['F32', [4, 4]] }));
badModel('shape', but(ordinal(), { 'transformer_layers.0.mha.W_k.weight': ['F32', [4, 3]] }));
badModel('rank', but(ordinal(), { 'seq_norm.weight': ['F32', [4, 1]] }));
badModel('projection-rank', but(ordinal(), { 'seq_projection.0.weight': ['F32', [8]] }));
badModel('projection-empty', but(ordinal(), { 'seq_projection.0.weight': ['F32', [4, 0]] }));
badModel('too-wide', but(ordinal(), { 'seq_projection.0.weight': ['F32', [0, 70000]] }));
badModel('head-narrow', but(ordinal(), { 'head.0.weight': ['F32', [3, 7]] }));
badModel('tasks', ordinal(), { ...ordinalConfig, labels: ['like', 'share'] });
badModel('hidden-mismatch', but(ordinal(), { 'head.2.weight': ['F32', [1, 4]] }));
badModel('head-too-deep', but(ordinal(), { 'head.40.weight': ['F32', [1, 1]] }));
badModel('dtype', but(ordinal(), { 'seq_norm.bias': ['I8', [4]] }));
badModel('dtype-f64', but(ordinal(), { 'seq_norm.bias': ['F64', [4]] }));
badModel('nan', but(ordinal(), { 'head.0.bias': ['F32', [3], [0, 0, NaN]] }));
badModel('infinity', but(ordinal(), { 'seq_projection.0.weight': ['F32', [4, 2], [0, 0, 0, 0, 0, -Infinity, 0, 0]] }));
badModel('heads', ordinal(), { ...ordinalConfig, num_heads: 3 });
badModel('odd-head', ordinal(), { ...ordinalConfig, num_heads: 4 });
badModel('bias-of-query', but(ordinal(), { 'transformer_layers.0.mha.W_q.bias': ['F32', [4]] }));
badModel('angles-in-ordinal', siren());
badModel('angles-not-dividing', siren({ a: 3 }), sirenConfig);
badModel('no-frequency', but(siren(), { 'rope.freq': null }), sirenConfig);
badModel('no-angle-network', ordinal(), sirenConfig);
badModel('no-relu-branch', but(siren(), Object.fromEntries(Object.keys(siren()).filter((n) => n.startsWith('action_angle_nn.residual')).map((n) => [n, null]))), sirenConfig);
badModel('angle-features', siren({ f: 3 }), sirenConfig);
badModel('no-angle-features', siren(), { ...sirenConfig, angle_features: [] });
badModel('order-scale-nan', but(siren(), { 'rope.order_scale': ['F32', [], [NaN]] }), sirenConfig);
badModel('order-scale-shape', but(siren(), { 'rope.order_scale': ['F32', [2]] }), sirenConfig);
badModel('duplicate-differs', but(siren(), { 'transformer_layers.0.mha.rope.freq': ['F32', [1], [3.25]] }), sirenConfig);
badModel('duplicate-scale-differs', but(siren(), { 'action_attention.rope.order_scale': ['F32', [], [0.25]] }), sirenConfig);
badModel('features-other-width', ordinal({ x: 3 }), { ...ordinalConfig, features: { item: [{ name: 'a', kind: 'vector', dim: 2 }] } });
badModel('table-missing', ordinal(), { ...ordinalConfig, features: { item: [tab] } });
badModel('table-shape', but(ordinal(), { 'encoder.item.tab.weight': ['F32', [5, 2]] }), { ...ordinalConfig, features: { item: [tab] } });
badModel('table-copy-differs', but(ordinal({ z: 2 }), { 'encoder.item.tab.weight': ['F32', [4, 2]], 'encoder.context.tab.weight': ['F32', [4, 2], Array(8).fill(1)] }),
  { ...ordinalConfig, features: { item: [tab], context: [{ ...tab, table: 'item.tab' }] } });

const badInt8 = (name, changes, config = ordinalConfig) =>
  badModel(`int8-${name}`, but(quantised(config === sirenConfig ? siren() : ordinal()), changes), config);
badInt8('no-scale', { 'head.0.weight_scale': null });
badInt8('scale-shape', { 'head.0.weight_scale': ['F32', [1]] });
badInt8('scale-dtype', { 'head.0.weight_scale': ['F16', [3]] });
badInt8('scale-nan', { 'head.0.weight_scale': ['F32', [3], [1, 0, NaN]] });
badInt8('scale-negative', { 'head.0.weight_scale': ['F32', [3], [1, 0, -0.5]] });
badInt8('scale-of-floats', { 'head.0.weight': ['F32', [3, 9]] });
badInt8('byte', { 'head.2.weight': ['I8', [1, 3], [127, -127, -128]] });
badInt8('too-wide', {
  'action_embedding.0.weight': ['I8', [1, 32769]], 'action_embedding.0.weight_scale': ['F32', [1]],
  'action_embedding.0.bias': ['F32', [1]], 'action_embedding.2.weight': ['I8', [4, 1]],
});
badInt8('angle-network', { 'angle_nn.residual.0.weight': ['I8', [2, 2]], 'angle_nn.residual.0.weight_scale': ['F32', [2]] }, sirenConfig);
badModel('dtype-of-weight', but(ordinal(), { 'head.2.weight': ['F64', [1, 3]] }));

// ---------------------------------------------------------------- good files

const good = {};
good['ordinal'] = file(ordinal(), ordinalConfig);
good['torope'] = file(ordinal(), { ...ordinalConfig, variant: 'torope' });
good['siren'] = file(siren(), sirenConfig);
good['bf16'] = file(ordinal({ dtype: 'BF16' }), ordinalConfig);
good['f16'] = file(ordinal({ dtype: 'F16' }), ordinalConfig);
good['int8'] = file(quantised(ordinal()), ordinalConfig);
good['siren-int8'] = file(but(quantised(siren()), { 'head.0.weight': ['I8', [3, 9], Array(27).fill(0).fill(127, 9, 18)], 'transformer_layers.0.ffwd.2.weight': ['I8', [4, 5], Array(20).fill(0).fill(127, 5, 10)] }), sirenConfig); // the second's row is not tight
good['unaligned'] = file(ordinal(), ordinalConfig, { pad: (8 - (file(ordinal(), ordinalConfig).readUInt32LE() % 8) + 1) % 8 });
good['duplicates'] = file(but(siren(), {
  'transformer_layers.0.mha.rope.freq': siren()['rope.freq'], 'transformer_layers.0.mha.rope.order_scale': ['F32', [], [0.5]],
  'action_attention.rope.freq': siren()['rope.freq'], 'some.rope.angle_nn.net.1.bias': siren()['angle_nn.net.1.bias'],
  'optimizer.step': ['I8', []], 'transformer_layers.0.mha.mask': ['BOOL', [2, 2]],
}), sirenConfig);
good['config'] = file(siren({ a: 2, f: 4 }), {
  ...sirenConfig, max_history: 7, attn_scale: 0.5, skip_scale: -1, rope_base: 500, omega_0: 30, time_scale: null,
  angle_features: ['trend', 'order'], angle_signals: ['network', 'café'], trend_center: 1e9, trend_scale: 5e5,
  utc_offset_minutes: -210, score_weights: { like: -2.5 }, note: { deep: [1, { x: 'kept' }], text: '"' + '['.repeat(40) }, // brackets in a string nest nothing
});

const features = {
  item: [
    { name: 'plain', kind: 'number' }, { name: 'log', kind: 'number', transform: 'log1p', clip: [0, 3], shift: 1, scale: 2 },
    { name: 'vec', kind: 'vector', dim: 3 }, { name: 'id', kind: 'hash', buckets: 101, dim: 2 },
    { name: 'tab', kind: 'index', size: 5, dim: 2 },
    { name: 'word', kind: 'vocab', words: ['zebra', 'ant', 'über', 'bee', 'an'], dim: 2, note: 'kept' },
  ],
  action: [{ name: 'like', kind: 'number', required: true }],
  context: [{ name: 'tab', kind: 'index', size: 5, dim: 2, table: 'item.tab', required: true },
    { name: 'word', kind: 'vocab', words: ['a', 'b', 'c', 'd', 'e'], dim: 2, table: 'item.word', required: true }],
};
const rows = (n) => [...Array(2 * n).keys()].map((i) => (i >> 1) + (i & 1) / 4); // row r is (r, r + 1/4)
good['features'] = file({
  ...ordinal({ x: 11, z: 4 }), 'encoder.item.id.weight': ['F32', [101, 2], rows(101)],
  'encoder.item.tab.weight': ['F32', [5, 2], rows(5)], 'encoder.item.word.weight': ['F32', [5, 2], rows(5)],
  'encoder.context.tab.weight': ['F32', [5, 2], rows(5)],
}, { ...ordinalConfig, features });

for (const [folder, files] of Object.entries({ bad, good })) {
  mkdirSync(join(here, folder), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(here, folder, `${name}.safetensors`), bytes);
}
