/* layer.c: see layer.h. */
#include "nn/layer.h"

#include "nn/linear.h"

void srope_turn_rows(const srope_model *model, const srope_turns *turns, size_t m, float *x) {
  for (size_t i = 0; i < m; i++)
    model->kernels->rotate(x + i * model->info.d_model, turns->cosine + i * turns->stride,
                           turns->sine + i * turns->stride, model->info.n_heads, model->info.d_head);
}

void srope_attention_queries(const srope_model *model, const srope_attention *weights, const srope_turns *turns,
                             const float *x, size_t m, float *q) {
  srope_linear_forward(model, &weights->q, x, m, q);
  srope_turn_rows(model, turns, m, q);
}

void srope_attention_remember(const srope_model *model, const srope_attention *weights, const srope_turns *turns,
                              const float *x, const float *y, size_t m, const srope_cache *cache, size_t first,
                              const srope_layer_work *work) {
  size_t d = model->info.d_model;
  srope_linear_forward(model, &weights->k, x, m, work->k);
  srope_turn_rows(model, turns, m, work->k);
  srope_linear_forward(model, &weights->v, y, m, work->v);
  for (size_t i = 0; i < m; i++) srope_cache_store(model, cache, first + i, work->k + i * d, work->v + i * d);
}

void srope_layer_forward(const srope_model *model, const srope_layer *layer, const srope_cache *cache, float *x,
                         const float *a, size_t first, const srope_turns *query_turns, const srope_turns *key_turns,
                         const uint32_t *visible, size_t m, const srope_layer_work *work) {
  const srope_kernels *kernels = model->kernels;
  size_t d = model->info.d_model;
  const srope_norm *norm = &layer->norm_1;

  /* 1. attention: LN1 is applied to all three inputs, v's being x + a */
  kernels->layer_norm(x, norm->gain, norm->bias, work->normed, m, d);
  if (a) {
    kernels->add(x, a, work->attended, m * d);
    kernels->layer_norm(work->attended, norm->gain, norm->bias, work->attended, m, d);
    srope_attention_remember(model, &layer->mha, key_turns, work->normed, work->attended, m, cache, first, work);
  }
  srope_attention_queries(model, &layer->mha, query_turns, work->normed, m, work->q);
  srope_attention_forward(model, cache, layer->mha.padding, work->q, visible, m, work->scores, work->attended);
  srope_linear_forward(model, &layer->mha.o, work->attended, m, work->normed);
  kernels->add_scaled(x, work->normed, model->info.skip_scale, m * d);

  /* 2. feed-forward */
  kernels->layer_norm(x, layer->norm_2.gain, layer->norm_2.bias, work->normed, m, d);
  srope_linear_forward(model, &layer->up, work->normed, m, work->hidden);
  kernels->silu(work->hidden, m * layer->up.n_out);
  srope_linear_forward(model, &layer->down, work->hidden, m, work->attended);
  kernels->add_scaled(x, work->attended, model->info.skip_scale, m * d);
}
