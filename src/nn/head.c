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

bool srope_head_parts_context(const srope_model *model) { return model->info.n_context > 0 && model->head.n > 1; }

/* An int8 weight has x, u and the context as parts of their own. */
static const srope_int8_matrix *context_part(const srope_linear *first) { return first->int8.next->next; }

void srope_head_context(const srope_model *model, const float *context, size_t m, float *part) {
  const srope_linear *first = &model->head.layer[0];
  size_t nr = model->kernels->nr, z = model->info.n_context;
  if (first->int8.panels)
    srope_int8_forward(model, context_part(first), NULL, first->n_out, context, z, NULL, m, part);
  else
    model->kernels->matmul(context, z, first->weight + 2 * (size_t)model->info.d_model * nr, first->n_in * nr, NULL,
                           part, first->n_out, m, first->n_out, z);
}

/* y (m, n_out) = (W0 · [x ; u] + b) + part: in this order whether the part is shared or not. */
static void first_layer(const srope_model *model, const float *joined, const float *part, size_t stride, size_t m,
                        float *y) {
  const srope_linear *first = &model->head.layer[0];
  size_t n_in = first->n_in, n_out = first->n_out;
  if (first->int8.panels)
    srope_int8_forward(model, &first->int8, context_part(first), n_out, joined, n_in, first->bias, m, y);
  else
    model->kernels->matmul(joined, n_in, first->weight, n_in * model->kernels->nr, first->bias, y, n_out, m, n_out,
                           2 * (size_t)model->info.d_model);
  for (size_t i = 0; i < m; i++, y += n_out, part += stride) model->kernels->add(y, part, y, n_out);
}

void srope_head_forward(const srope_model *model, const float *joined, const float *part, size_t stride, size_t m,
                        const srope_mlp_states *states, const srope_hook *hook, float *logits) {
  const srope_mlp *head = &model->head;
  const float *x = joined;
  for (uint32_t i = 0; i + 1 < head->n; i++) {
    float *before = states->before[i], *after = states->after[i];
    size_t width = head->layer[i].n_out;
    if (i == 0 && part)
      first_layer(model, joined, part, stride, m, before);
    else
      srope_linear_forward(model, &head->layer[i], x, m, before);
    if (after != before) memcpy(after, before, m * width * sizeof *after);
    srope_silu(model, after, m * width);
    if (hook) hook->apply(hook, hook->site + i, after, m, width);
    x = after;
  }
  srope_linear_forward(model, &head->layer[head->n - 1], x, m, logits);
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
