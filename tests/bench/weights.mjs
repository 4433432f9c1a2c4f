// Models of any size with weights from a seed, as the bytes of a model file: named and shaped as PyTorch's are in
// tests/golden/vectors/siren-paper, and scaled like those, so that attention is neither flat nor a choice of one event,
// every part moves the logits, and these are of order 1. The same bytes on every machine. In: sizes; out: bytes.
import { generator } from './inputs.mjs';
import { parseSafetensors, writeSafetensors } from './safetensors.mjs';

const ACTION_HIDDEN = 64; // as in the paper's model, like the width of the angle networks
const ANGLE_HIDDEN = 64;
const QUERY_RMS = 3.5; // a query's and a key's elements; scores are then of QUERY_RMS² · √K · attn_scale: about 2.5 for K = 64
const FOUR_NORMAL_SD = Math.sqrt(4 / 12); // of a sum of four uniform numbers

/** { name: { data, shape } } being filled from one stream of random numbers. */
class Maker {
  tensors = {};

  constructor(seed) {
    this.random = generator(seed);
  }

  /** Nearly normal numbers of that mean and standard deviation. */
  tensor(name, shape, deviation, mean = 0) {
    const { random } = this;
    const n = shape.reduce((a, b) => a * b, 1);
    const scale = deviation / FOUR_NORMAL_SD;
    const data = new Float32Array(n);
    for (let i = 0; i < n; i++) data[i] = mean + scale * (random() + random() + random() + random() - 2);
    this.tensors[name] = { data, shape };
  }

  linear(name, nOut, nIn, gain, { bias = true } = {}) {
    this.tensor(`${name}.weight`, [nOut, nIn], gain / Math.sqrt(nIn));
    if (bias) this.tensor(`${name}.bias`, [nOut], 0.05);
  }

  norm(name, D) {
    this.tensor(`${name}.weight`, [D], 0.05, 1);
    this.tensor(`${name}.bias`, [D], 0.05);
  }

  attention(name, D) {
    this.tensor(`${name}.padding_embedding`, [D], 0.05);
    for (const [part, gain] of [['W_q', QUERY_RMS], ['W_k', QUERY_RMS], ['W_v', 3], ['W_o', 3]]) {
      this.linear(`${name}.${part}`, D, D, gain, { bias: false });
    }
  }

  angleNetwork(name, F, A) {
    const widths = [F, ANGLE_HIDDEN, ANGLE_HIDDEN, ANGLE_HIDDEN, A];
    for (let i = 0; i < 4; i++) {
      this.linear(`${name}.net.${i}${i < 3 ? '.linear' : ''}`, widths[i + 1], widths[i], 0.2);
      this.linear(`${name}.residual.${2 * i}`, widths[i + 1], widths[i], 0.6);
    }
  }
}

/** Bytes of a siren model of the sizes and angle features given; head: the widths of its two hidden layers. */
export function makeModel({ D, H, L, X, Y, Z, labels, head, features, maxHistory, seed }) {
  const maker = new Maker(seed);
  const A = D / H / 2;
  maker.linear('seq_projection.0', D, X, 0.65);
  maker.norm('seq_norm', D);
  maker.linear('action_embedding.0', ACTION_HIDDEN, Y, 0.6);
  maker.linear('action_embedding.2', ACTION_HIDDEN, ACTION_HIDDEN, 0.7);
  maker.linear('action_embedding.4', D, ACTION_HIDDEN, 0.7);
  maker.tensor('rope.order_scale', [], 0, 0.37);
  maker.tensor('rope.freq', [A], 0.1, Math.PI);
  maker.angleNetwork('angle_nn', features.length, A);
  maker.angleNetwork('action_angle_nn', features.length, A);
  for (let l = 0; l < L; l++) {
    const name = `transformer_layers.${l}`;
    maker.attention(`${name}.mha`, D);
    maker.linear(`${name}.ffwd.0`, 4 * D, D, 1.5);
    maker.linear(`${name}.ffwd.2`, D, 4 * D, 1.3);
    maker.norm(`${name}.prenorm_1`, D);
    maker.norm(`${name}.prenorm_2`, D);
  }
  maker.attention('action_attention', D);
  const widths = [2 * D + Z, ...head];
  for (let i = 0; i < head.length; i++) maker.linear(`head.${2 * i}`, widths[i + 1], widths[i], 1.3);
  maker.linear(`head.${2 * head.length}`, labels.length, head.at(-1), 1);
  const config = {
    variant: 'siren', num_heads: H, max_history: maxHistory, attn_scale: 0.025, skip_scale: 0.1, labels,
    rope_base: 100000, omega_0: 10, angle_features: features, angle_signals: [],
  };
  return writeSafetensors(maker.tensors, { siren_rope: JSON.stringify(config) });
}

/** The same weights with ordinal rotation: what SIREN-RoPE costs is the difference. bytes -> bytes */
export function ordinalCopy(bytes) {
  const { tensors, metadata } = parseSafetensors(bytes);
  for (const name of Object.keys(tensors)) if (/^rope\.|angle_nn\./.test(name)) delete tensors[name];
  const { angle_features, angle_signals, omega_0, ...config } = JSON.parse(metadata.siren_rope);
  return writeSafetensors(tensors, { siren_rope: JSON.stringify({ ...config, variant: 'ordinal' }) });
}
