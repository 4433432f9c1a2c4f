/* linear.c: see linear.h. */
#include "nn/linear.h"

void srope_mlp_forward(const srope_model *model, const srope_mlp *mlp, srope_activation activate, const float *x,
                       size_t m, float *work, float *y) {
  for (uint32_t i = 0; i + 1 < mlp->n; i++) {
    float *hidden = work + (i % 2) * m * model->max_hidden;
    srope_linear_forward(model, &mlp->layer[i], x, m, hidden);
    activate(model, hidden, m * mlp->layer[i].n_out);
    x = hidden;
  }
  srope_linear_forward(model, &mlp->layer[mlp->n - 1], x, m, y);
}

void srope_relu(const srope_model *model, float *y, size_t n) { model->kernels->relu(y, n); }

void srope_silu(const srope_model *model, float *y, size_t n) { model->kernels->silu(y, n); }

void srope_sine(const srope_model *model, float *y, size_t n) { model->kernels->sine(y, n, model->info.omega_0); }
