/* layer.c: see layer.h. */
#include "nn/layer.h"

#include <string.h>

enum { SITE_ATTENTION, SITE_FEED_FORWARD }; /* of the hook, after its first */

void srope_turn_rows(const srope_model *model, const srope_turns *turns, size_t m, float *x) {
  for (size_t i = 0; i < m; i++)
    model->kernels->rotate(x + i * model->info.d_model, turns->cosine + i * turns->stride,
                           turns->sine + i * turns->stride, model->info.n_heads, model->info.d_head);
}

void srope_attend(const srope_model *model, const srope_attention *weights, const srope_rows *rows, const float *x,
                  const srope_layer_work *work, float *out) {
  size_t d = model->info.d_model, row = 0;
  srope_linear_forward(model, &weights->q, x, rows->m, work->q);
  srope_turn_rows(model, rows->query_turns, rows->m, work->q);
  for (const srope_span *span = rows->spans; span < rows->spans + rows->n_spans; row += span->m, span++)
    srope_attention_forward(model, &span->cache, weights->padding, work->q + row * d, rows->visible + row, span->m,
                            work->scores, out + row * d);
}

void srope_remember(const srope_model *model, const srope_attention *weights, const srope_rows *rows, const float *x,
                    const float *y, const srope_layer_work *work) {
  size_t d = model->info.d_model;
  const float *k = work->k, *v = work->v;
  srope_linear_forward(model, &weights->k, x, rows->m, work->k);
  srope_turn_rows(model, rows->key_turns, rows->m, work->k);
  srope_linear_forward(model, &weights->v, y, rows->m, work->v);
  for (const srope_span *span = rows->spans; span < rows->spans + rows->n_spans; span++)
    for (size_t i = 0; i < span->m; i++, k += d, v += d) srope_cache_store(model, &span->cache, span->first + i, k, v);
}

static void apply(const srope_hook *hook, uint32_t site, float *x, size_t m, size_t width) {
  if (hook) hook->apply(hook, hook->site + site, x, m, width);
}

void srope_layer_forward(const srope_model *model, const srope_layer *layer, const srope_rows *rows, float *x,
                         const float *a, const srope_layer_work *work) {
  const srope_kernels *kernels = model->kernels;
  size_t m = rows->m, d = model->info.d_model;
  const srope_norm *norm = &layer->norm_1;

  /* 1. attention: LN1 is applied to all three inputs, v's being x + a */
  kernels->layer_norm(x, norm->gain, norm->bias, work->normed, m, d);
  if (a) {
    kernels->add(x, a, work->valued, m * d);
    kernels->layer_norm(work->valued, norm->gain, norm->bias, work->valued, m, d);
    srope_remember(model, &layer->mha, rows, work->normed, work->valued, work);
  }
  srope_attend(model, &layer->mha, rows, work->normed, work, work->attended);
  srope_linear_forward(model, &layer->mha.o, work->attended, m, work->projected);
  apply(rows->hook, SITE_ATTENTION, work->projected, m, d);
  kernels->add_scaled(x, work->projected, model->info.skip_scale, m * d);

  /* 2. feed-forward */
  size_t n_hidden = m * layer->up.n_out;
  kernels->layer_norm(x, layer->norm_2.gain, layer->norm_2.bias, work->normed_2, m, d);
  srope_linear_forward(model, &layer->up, work->normed_2, m, work->hidden);
  if (work->activated != work->hidden) memcpy(work->activated, work->hidden, n_hidden * sizeof *work->hidden);
  kernels->silu(work->activated, n_hidden);
  srope_linear_forward(model, &layer->down, work->activated, m, work->fed);
  apply(rows->hook, SITE_FEED_FORWARD, work->fed, m, d);
  kernels->add_scaled(x, work->fed, model->info.skip_scale, m * d);
}

void srope_action_attention_forward(const srope_model *model, const srope_rows *rows, const float *x,
                                    const srope_layer_work *work, float *u) {
  srope_attend(model, &model->action_attention, rows, x, work, work->attended);
  srope_linear_forward(model, &model->action_attention.o, work->attended, rows->m, u);
}
