// models.mjs: small model files of any number of rotation pairs, made by the package's own trainer: its tensors as they begin, so that
// angles move with the time, and a few steps.
import { createTraining } from '../../dist/train.js';

/** The bytes of a model with this many pairs in its one head. variant: 'siren' or 'ordinal'. */
export async function makeModel(pairs, { variant = 'siren' } = {}) {
  const recipe = {
    model: {
      variant, d_model: 2 * pairs, num_heads: 1, n_layers: 1, max_history: 48, attn_scale: 0.25, skip_scale: 0.5,
      ffwd_width: 16, head_widths: [16], table_scale: 1, ...(variant === 'siren' && { angle_width: 16, angle_depth: 2 }),
    },
    training: { epochs: 1, batch: 16, learning_rate: 0.01, warmup: 0, weight_decay: 0, dropout: 0 },
  };
  const training = await createTraining({ recipe, build: 'simd', simulation: { users: 20 } });
  training.run(10);
  const bytes = training.model().slice();
  training.dispose();
  return bytes;
}
