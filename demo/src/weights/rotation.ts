/* rotation.ts: a model's rotation alone: its angle networks, `freq` and `order_scale`, in a model file of their own whose other
 * tensors are as few and as small as the format allows, and zero. So the package computes the angles of any moment of training,
 * and with a branch switched off, from a few kilobytes. */
import { numbersOf, readTensors, writeTensors, zeros, type Tensor, type TensorFile } from './safetensors.js';

export interface Rotation {
  /** Of the configuration: what angles depend on. */
  config: Record<string, unknown>;
  /** P */
  pairs: number;
  tensors: Map<string, Tensor>;
}

/** What of a rotation is on. */
export interface Switches {
  sine: boolean;
  relu: boolean;
  order: boolean;
}

export const ALL_ON: Switches = { sine: true, relu: true, order: true };

const OF_ROTATION = /^(rope\.|angle_nn\.|action_angle_nn\.)/;
const CONFIG_KEYS = ['variant', 'angle_features', 'angle_signals', 'omega_0', 'rope_base', 'time_scale', 'trend_center', 'trend_scale', 'utc_offset_minutes'];

/** @param pairs P of the model that the file holds or belongs to @param prefix of the tensors' names ("007.") */
export function rotationOf(file: TensorFile, pairs: number, prefix = ''): Rotation {
  const all = JSON.parse(file.metadata.siren_rope ?? '{}') as Record<string, unknown>;
  const config = Object.fromEntries(CONFIG_KEYS.filter((key) => key in all).map((key) => [key, all[key]]));
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.tensors)
    if (name.startsWith(prefix) && OF_ROTATION.test(name.slice(prefix.length))) tensors.set(name.slice(prefix.length), tensor);
  return { config, pairs, tensors };
}

/** The bytes of a model file that rotates as `rotation` does, with what is switched off at zero. */
export function rotationFile({ config, pairs, tensors }: Rotation, on: Switches): Uint8Array {
  const width = 2 * pairs;
  const square = zeros(width, width);
  const vector = zeros(width);
  const all = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) all.set(name, isOff(name, on) ? emptied(tensor) : tensor);
  const stub: [string, Tensor][] = [
    ['seq_projection.0.weight', zeros(width, 1)], ['seq_projection.0.bias', vector],
    ['seq_norm.weight', vector], ['seq_norm.bias', vector],
    ['action_embedding.0.weight', zeros(1, 1)], ['action_embedding.0.bias', zeros(1)],
    ['action_embedding.2.weight', zeros(1, 1)], ['action_embedding.2.bias', zeros(1)],
    ['action_embedding.4.weight', zeros(width, 1)], ['action_embedding.4.bias', vector],
    ...attention('transformer_layers.0.mha', square, vector),
    ...['prenorm_1.weight', 'prenorm_1.bias', 'prenorm_2.weight', 'prenorm_2.bias'].map((name): [string, Tensor] => [`transformer_layers.0.${name}`, vector]),
    ['transformer_layers.0.ffwd.0.weight', zeros(1, width)], ['transformer_layers.0.ffwd.0.bias', zeros(1)],
    ['transformer_layers.0.ffwd.2.weight', zeros(width, 1)], ['transformer_layers.0.ffwd.2.bias', vector],
    ...attention('action_attention', square, vector),
    ['head.0.weight', zeros(1, 2 * width)], ['head.0.bias', zeros(1)],
    ['head.2.weight', zeros(1, 1)], ['head.2.bias', zeros(1)],
    ['head.4.weight', zeros(1, 1)], ['head.4.bias', zeros(1)],
  ];
  for (const [name, tensor] of stub) all.set(name, tensor);
  const siren_rope = JSON.stringify({ ...config, num_heads: 1, labels: ['none'] });
  return writeTensors({ metadata: { siren_rope }, tensors: all });
}

function attention(name: string, square: Tensor, vector: Tensor): [string, Tensor][] {
  return [
    ...['W_q', 'W_k', 'W_v', 'W_o'].map((w): [string, Tensor] => [`${name}.${w}.weight`, square]),
    [`${name}.padding_embedding`, vector],
  ];
}

/** A branch whose weights are zero gives zero. */
function isOff(name: string, on: Switches): boolean {
  if (name === 'rope.order_scale') return !on.order;
  return (!on.sine && name.includes('_nn.net.')) || (!on.relu && name.includes('_nn.residual.'));
}

function emptied({ dtype, shape, bytes }: Tensor): Tensor {
  return { dtype, shape, bytes: new Uint8Array(bytes.length) };
}

/** A moment of training, in the order of its steps. */
export interface Moment {
  step: number;
  epoch: number;
  /** Mean over the batch before it; NaN where there was none. */
  loss: number;
  /** λ */
  orderScale: number;
  /** freq (A) */
  freq: number[];
}

export interface Evaluation {
  step: number;
  meanNe: number;
}

export interface History {
  moments: Moment[];
  rotations: Rotation[];
  evaluations: Evaluation[];
}

interface HistoryText {
  moments: { step: number; epoch: number; loss: number | null }[];
  evaluations?: { step: number; mean_ne: number }[];
}

/** A file of moments ("007.rope.freq") with the curves of its training in its metadata. */
export function historyOf(bytes: Uint8Array, pairs: number): History {
  const file = readTensors(bytes);
  const text = JSON.parse(file.metadata.history ?? '{"moments":[]}') as HistoryText;
  const rotations = text.moments.map((_, i) => rotationOf(file, pairs, `${String(i).padStart(3, '0')}.`));
  const moments = text.moments.map(({ step, epoch, loss }, i) => ({ step, epoch, loss: loss ?? NaN, ...numbersOfRotation(rotations[i]!) }));
  return { moments, rotations, evaluations: (text.evaluations ?? []).map(({ step, mean_ne }) => ({ step, meanNe: mean_ne })) };
}

export function numbersOfRotation({ tensors }: Rotation): Pick<Moment, 'orderScale' | 'freq'> {
  const order = tensors.get('rope.order_scale');
  const freq = tensors.get('rope.freq');
  return { orderScale: order ? numbersOf(order)[0]! : 1, freq: freq ? [...numbersOf(freq)] : [] };
}
