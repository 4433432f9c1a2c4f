/* linear.h: y (m, n_out) = x (m, n_in) · W^T + b, and rows of such layers. Dense rows; widths come from the layer. */
#ifndef SROPE_NN_LINEAR_H
#define SROPE_NN_LINEAR_H

#include "model/model.h"

static inline void srope_linear_forward(const srope_model *model, const srope_linear *linear, const float *x, size_t m,
                                        float *y) {
  model->kernels->matmul(x, linear->n_in, linear->weight, (size_t)linear->n_in * model->kernels->nr, linear->bias, y,
                         linear->n_out, m, linear->n_out, linear->n_in);
}

/* All layers but the last, each followed by `activate`; then the last, alone. y (m, n_out of the last).
 * work: 2 · m · max_hidden floats. */
typedef void (*srope_activation)(const srope_model *model, float *y, size_t n);
void srope_mlp_forward(const srope_model *model, const srope_mlp *mlp, srope_activation activate, const float *x,
                       size_t m, float *work, float *y);

/* Activations: y (n) in place. sine is sin(omega_0 · y). */
void srope_relu(const srope_model *model, float *y, size_t n);
void srope_silu(const srope_model *model, float *y, size_t n);
void srope_sine(const srope_model *model, float *y, size_t n);

#endif
