/* fresh.h: a new model with random weights, as the bytes of a model file: what an untrained network of given sizes is.
 * Initial values are PyTorch's for nn.Linear and nn.LayerNorm and SIREN's (Sitzmann et al. 2020, §3.2) for sine layers.
 * The list of tensors is checked by the loader, which everything that is made here goes through. */
#ifndef SROPE_MODEL_FRESH_H
#define SROPE_MODEL_FRESH_H

#include "sirenrope/sirenrope.h"

enum { SROPE_MAX_HEAD_LAYERS = 8 };

typedef struct srope_architecture {
  uint32_t d_model, n_layers, ffwd_width, action_width;
  uint32_t n_angles, angle_width, angle_depth; /* A; hidden layers of both branches: angle_depth of angle_width */
  uint32_t head_widths[SROPE_MAX_HEAD_LAYERS], n_head_widths;
  double table_scale;              /* standard deviation of embedding tables */
  bool start_at_zero;              /* the last layers of both branches are zero: training begins as ordinal RoPE */
  bool silence_sine, silence_relu; /* the last layer of that branch is zero */
} srope_architecture;

/* config: the JSON of the metadata key siren_rope, with `features` that give X, Y and Z. Free *bytes with srope_free.
 * Errors: CONFIG, LIMIT, MEMORY. */
srope_status srope_model_make(const char *config, size_t n_config, const srope_architecture *architecture,
                              uint64_t seed, void **bytes, size_t *n_bytes, srope_error *error);

#endif
