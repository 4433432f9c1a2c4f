/* linear.c: see linear.h. */
#include "nn/linear.h"

#include <string.h>

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

void srope_relu(const srope_model *model, float *y, size_t n) { model->kernels->relu(y, n); }

void srope_silu(const srope_model *model, float *y, size_t n) { model->kernels->silu(y, n); }

void srope_sine(const srope_model *model, float *y, size_t n) { model->kernels->sine(y, n, model->info.omega_0); }
