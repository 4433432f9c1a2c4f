/* linear.h: y (m, n_out) = x (m, n_in) · W^T + b, and rows of such layers. Dense rows; widths come from the layer. */
#ifndef SROPE_NN_LINEAR_H
#define SROPE_NN_LINEAR_H

#include "nn/gradient.h"

/* With int8 weights x is quantised on the way, row by row, each part of the weight's inputs by itself. */
void srope_linear_forward(const srope_model *model, const srope_linear *linear, const float *x, size_t m, float *y);
/* The parts of an int8 weight from one up to, not with, another (NULL: to the last): y (m, n_out) = bias (NULL = 0) + x · W^T,
 * x being the first part's first input, rows ldx apart. */
void srope_int8_forward(const srope_model *model, const srope_int8_matrix *part, const srope_int8_matrix *end,
                        size_t n_out, const float *x, size_t ldx, const float *bias, size_t m, float *y);

typedef void (*srope_activation)(const srope_model *model, float *y, size_t n);

/* What training does to states (m, width) on their way, in place: dropout. Serving has none (NULL). `site` tells the
 * places of a network apart. */
typedef struct srope_hook {
  void (*apply)(const struct srope_hook *hook, uint32_t site, float *x, size_t m, size_t width);
  const void *context; /* of whoever made it */
  uint32_t site;       /* of the first place */
} srope_hook;

/* What a pass leaves of the layers but the last: (m, n_out) before and after the activation (may be one array). */
typedef struct srope_mlp_states {
  float *before[SROPE_MAX_DEPTH], *after[SROPE_MAX_DEPTH];
} srope_mlp_states;

/* States in scratch, for a pass whose states nobody wants. work: 2 · m · max_hidden floats. */
srope_mlp_states srope_mlp_scratch(const srope_model *model, size_t m, float *work);

/* All layers but the last, each followed by `activate` and then `hook` (NULL = none; layer i's site is hook->site + i);
 * then the last, alone. y (m, n_out of the last). */
void srope_mlp_forward(const srope_model *model, const srope_mlp *mlp, srope_activation activate, const float *x,
                       size_t m, const srope_mlp_states *states, const srope_hook *hook, float *y);

/* dx (m, n_in), or NULL when nobody wants it, from dy (m, n_out). */
void srope_linear_backward(const srope_model *model, const srope_linear *linear, const srope_gradients *gradients,
                           const float *x, const float *dy, size_t m, float *dx);

/* dx (m, d) += the gradient through LayerNorm at x (m, d). */
void srope_norm_backward(const srope_norm *norm, const srope_gradients *gradients, const float *x, const float *dy,
                         size_t m, size_t d, float *dx);

/* dy (n) -> d of what went into the activation, in place; before (n). */
typedef void (*srope_activation_backward)(const srope_model *model, const srope_gradients *gradients,
                                          const float *before, float *dy, size_t n);
/* dx (m, n_in), or NULL, from dy (m, n_out of the last). work: 2 · m · max_hidden floats. */
void srope_mlp_backward(const srope_model *model, const srope_mlp *mlp, srope_activation_backward activate_backward,
                        const srope_gradients *gradients, const float *x, size_t m, const srope_mlp_states *states,
                        const srope_hook *hook, const float *dy, float *work, float *dx);

/* Activations: y (n) in place. sine is sin(omega_0 · y). */
void srope_relu(const srope_model *model, float *y, size_t n);
void srope_silu(const srope_model *model, float *y, size_t n);
void srope_sine(const srope_model *model, float *y, size_t n);
void srope_relu_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n);
void srope_silu_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n);
void srope_sine_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n);

#endif
