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
    if (context) memcpy(row + 2 * d, context + i * z, z * sizeof *row);
  }
}

static bool is_split(const srope_model *model) {
  return model->info.n_context > 0 && model->head.n > 1 && !model->head.layer[0].int8.panels;
}

/* The contexts (m, Z), `stride` apart, through their columns of the first layer. */
static void begin(const srope_model *model, const float *context, size_t stride, size_t m, float *begun) {
  const srope_linear *first = &model->head.layer[0];
  size_t nr = model->kernels->nr, z = model->info.n_context;
  model->kernels->matmul(context, stride, first->weight + (first->n_in - z) * nr, first->n_in * nr, first->bias, 0,
                         begun, first->n_out, m, first->n_out, z);
}

bool srope_head_begin(const srope_model *model, const float *context, float *begun) {
  if (!is_split(model)) return false;
  begin(model, context, 0, 1, begun);
  return true;
}

void srope_head_forward(const srope_model *model, const float *joined, const float *begun, size_t m,
                        const srope_mlp_states *states, const srope_hook *hook, float *logits) {
  const srope_linear *first = &model->head.layer[0];
  if (!is_split(model)) {
    srope_mlp_forward(model, &model->head, srope_silu, joined, m, states, hook, logits);
    return;
  }
  size_t width = first->n_in, of_tokens = 2 * (size_t)model->info.d_model;
  float *before = states->before[0];
  if (!begun) begin(model, joined + of_tokens, width, m, before);
  model->kernels->matmul(joined, width, first->weight, width * model->kernels->nr, begun ? begun : before,
                         begun ? 0 : first->n_out, before, first->n_out, m, first->n_out, of_tokens);
  srope_mlp_finish(model, &model->head, srope_silu, m, states, hook, logits);
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
