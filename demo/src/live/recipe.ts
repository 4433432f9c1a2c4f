/* recipe.ts: the small model that trains in the page, and on how many simulated people. Chosen so that it takes well over twenty
 * steps a second in a browser and finds a planted day in some ten seconds (docs/notes.md has what was tried). */
export const RECIPE = {
  model: {
    d_model: 32,
    num_heads: 2,
    n_layers: 1,
    max_history: 48,
    attn_scale: 0.25,
    skip_scale: 0.5,
    ffwd_width: 64,
    head_widths: [32],
    angle_width: 16,
    angle_depth: 2,
    start_at_zero: true,
    table_scale: 1,
  },
  training: { epochs: 10, batch: 16, learning_rate: 0.003, warmup: 0, weight_decay: 0, dropout: 0, clip_norm: 1 },
} as const;

export const USERS = 1000;
