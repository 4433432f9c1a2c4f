/* linear.c: see linear.h. */
#include "nn/linear.h"

#include <string.h>

/* ---------------------------------------------------------------- forward */

enum { QUANTA_BYTES = 1 << 16, MANY_ROWS = 72 }; /* on the stack: the longest row, or many of the usual ones */

/* One part of an int8 weight: y (m, n_out) = bias + x (m, part->n_in), rows ldx apart, · W^T. */
static void part_forward(const srope_model *model, const srope_int8_matrix *part, size_t n_out, const float *x,
                         size_t ldx, const float *bias, size_t ldbias, size_t m, float *y) {
  _Alignas(64) unsigned char quantum[QUANTA_BYTES];
  float scale[MANY_ROWS];
  int32_t zero[MANY_ROWS];
  const srope_quanta quanta = {quantum, scale, zero};
  const srope_kernels *kernels = model->kernels;
  size_t most = QUANTA_BYTES / (srope_quanta_stride(kernels, part->n_in) * kernels->quantum_bytes);
  if (most > MANY_ROWS) most = MANY_ROWS;
  for (size_t first = 0; first < m; first += most) {
    size_t rows = m - first < most ? m - first : most;
    kernels->quantize(x + first * ldx, ldx, &quanta, rows, part->n_in);
    kernels->matmul_int8(&quanta, part, bias ? bias + first * ldbias : NULL, ldbias, y + first * n_out, n_out, rows,
                         n_out);
  }
}

void srope_int8_forward(const srope_model *model, const srope_int8_matrix *part, const srope_int8_matrix *end,
                        size_t n_out, const float *x, size_t ldx, const float *bias, size_t m, float *y) {
  size_t ldbias = 0;
  for (; part != end; x += part->n_in, part = part->next, bias = y, ldbias = n_out)
    part_forward(model, part, n_out, x, ldx, bias, ldbias, m, y);
}

void srope_linear_forward(const srope_model *model, const srope_linear *linear, const float *x, size_t m, float *y) {
  size_t n_in = linear->n_in, n_out = linear->n_out;
  if (linear->int8.panels)
    srope_int8_forward(model, &linear->int8, NULL, n_out, x, n_in, linear->bias, m, y);
  else
    model->kernels->matmul(x, n_in, linear->weight, n_in * model->kernels->nr, linear->bias, y, n_out, m, n_out, n_in);
}

void srope_mlp_forward(const srope_model *model, const srope_mlp *mlp, srope_activation activate, const float *x,
                       size_t m, const srope_mlp_states *states, const srope_hook *hook, float *y) {
  for (uint32_t i = 0; i + 1 < mlp->n; i++) {
    float *before = states->before[i], *after = states->after[i];
    size_t n = m * mlp->layer[i].n_out;
    srope_linear_forward(model, &mlp->layer[i], x, m, before);
    if (after != before) memcpy(after, before, n * sizeof *after);
    activate(model, after, n);
    if (hook) hook->apply(hook, hook->site + i, after, m, mlp->layer[i].n_out);
    x = after;
  }
  srope_linear_forward(model, &mlp->layer[mlp->n - 1], x, m, y);
}

srope_mlp_states srope_mlp_scratch(const srope_model *model, size_t m, float *work) {
  srope_mlp_states states;
  for (uint32_t i = 0; i < SROPE_MAX_DEPTH; i++)
    states.before[i] = states.after[i] = work + (i % 2) * m * model->max_hidden;
  return states;
}

void srope_linear_backward(const srope_model *model, const srope_linear *linear, const srope_gradients *gradients,
                           const float *x, const float *dy, size_t m, float *dx) {
  const srope_gradient_kernels *kernels = gradients->kernels;
  size_t n_in = linear->n_in, n_out = linear->n_out;
  float *dweight = gradients->of[linear->parameter];
  float *dbias = linear->bias ? gradients->of[linear->parameter + 1] : NULL;
  if (dweight) kernels->outer(dy, n_out, x, n_in, dweight, n_in, m, n_out, n_in);
  if (dbias) kernels->column_sum(dy, dbias, m, n_out);
  if (dx)
    model->kernels->matmul(dy, n_out, gradients->back[linear->parameter], n_out * model->kernels->nr, NULL, dx, n_in, m,
                           n_in, n_out);
}

void srope_norm_backward(const srope_norm *norm, const srope_gradients *gradients, const float *x, const float *dy,
                         size_t m, size_t d, float *dx) {
  gradients->kernels->layer_norm_backward(x, norm->gain, dy, dx, gradients->of[norm->parameter],
                                          gradients->of[norm->parameter + 1], m, d);
}

void srope_mlp_backward(const srope_model *model, const srope_mlp *mlp, srope_activation_backward activate_backward,
                        const srope_gradients *gradients, const float *x, size_t m, const srope_mlp_states *states,
                        const srope_hook *hook, const float *dy, float *work, float *dx) {
  for (uint32_t i = mlp->n; i-- > 0;) {
    if (i == 0) {
      srope_linear_backward(model, &mlp->layer[0], gradients, x, dy, m, dx);
      return;
    }
    float *dhidden = work + (i % 2) * m * model->max_hidden;
    size_t width = mlp->layer[i - 1].n_out;
    srope_linear_backward(model, &mlp->layer[i], gradients, states->after[i - 1], dy, m, dhidden);
    if (hook) hook->apply(hook, hook->site + i - 1, dhidden, m, width);
    activate_backward(model, gradients, states->before[i - 1], dhidden, m * width);
    dy = dhidden;
  }
}

void srope_relu(const srope_model *model, float *y, size_t n) { model->kernels->relu(y, n); }

void srope_silu(const srope_model *model, float *y, size_t n) { model->kernels->silu(y, n); }

void srope_sine(const srope_model *model, float *y, size_t n) { model->kernels->sine(y, n, model->info.omega_0); }

void srope_relu_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n) {
  (void)model;
  gradients->kernels->relu_backward(before, dy, n);
}

void srope_silu_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n) {
  (void)model;
  gradients->kernels->silu_backward(before, dy, n);
}

void srope_sine_backward(const srope_model *model, const srope_gradients *gradients, const float *before, float *dy,
                         size_t n) {
  gradients->kernels->sine_backward(before, dy, n, model->info.omega_0);
}
