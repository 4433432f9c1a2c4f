/* head.c: see head.h. */
#include "nn/head.h"

#include <string.h>

void srope_head_join(const srope_model *model, const float *x, const float *u, const float *context, size_t m,
                     float *joined) {
  size_t d = model->info.d_model, z = model->info.n_context;
  for (size_t i = 0; i < m; i++) {
    float *row = joined + i * (2 * d + z);
    memcpy(row, x + i * d, d * sizeof *row);
    memcpy(row + d, u + i * d, d * sizeof *row);
    if (z) memcpy(row + 2 * d, context + i * z, z * sizeof *row);
  }
}

void srope_head_forward(const srope_model *model, const float *joined, size_t m, const srope_mlp_states *states,
                        const srope_hook *hook, float *logits) {
  srope_mlp_forward(model, &model->head, srope_silu, joined, m, states, hook, logits);
}

void srope_head_backward(const srope_model *model, const srope_gradients *gradients, const float *joined, size_t m,
                         const srope_mlp_states *states, const srope_hook *hook, const float *dlogits, float *work,
                         float *djoined) {
  srope_mlp_backward(model, &model->head, srope_silu_backward, gradients, joined, m, states, hook, dlogits, work,
                     djoined);
}

void srope_head_join_backward(const srope_model *model, const float *djoined, size_t m, float *dx, float *du,
                              float *dcontext) {
  size_t d = model->info.d_model, z = model->info.n_context;
  for (size_t i = 0; i < m; i++) {
    const float *row = djoined + i * (2 * d + z);
    memcpy(dx + i * d, row, d * sizeof *row);
    memcpy(du + i * d, row + d, d * sizeof *row);
    if (z && dcontext) memcpy(dcontext + i * z, row + 2 * d, z * sizeof *row);
  }
}
