/* layer.c: see layer.h. */
#include "nn/layer.h"

#include <string.h>

#include "nn/rotary.h"

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

void srope_layer_begin(const srope_model *model, const srope_layer *layer, const srope_rows *rows, const float *x,
                       const float *a, const srope_layer_work *work) {
  const srope_kernels *kernels = model->kernels;
  size_t m = rows->m, d = model->info.d_model;
  const srope_norm *norm = &layer->norm_1;
  /* LN1 is applied to all three inputs, v's being x + a */
  kernels->layer_norm(x, norm->gain, norm->bias, work->normed, m, d);
  if (!a) return;
  kernels->add(x, a, work->valued, m * d);
  kernels->layer_norm(work->valued, norm->gain, norm->bias, work->valued, m, d);
  srope_remember(model, &layer->mha, rows, work->normed, work->valued, work);
}

void srope_layer_finish(const srope_model *model, const srope_layer *layer, const srope_rows *rows, float *x,
                        const srope_layer_work *work) {
  const srope_kernels *kernels = model->kernels;
  size_t m = rows->m, d = model->info.d_model;

  /* 1. attention */
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

/* ---------------------------------------------------------------- backward */

/* From the gradient of W_o's output, scratch->dout: dq, dk (turned back) and dv into scratch. */
static void attention_backward(const srope_model *model, const srope_attention *weights,
                               const srope_gradients *gradients, const srope_rows *rows, const srope_layer_work *work,
                               const srope_layer_gradient_work *scratch, const srope_dturns *dturns) {
  size_t d = model->info.d_model, pairs = model->info.n_pairs, row = 0;
  const srope_turns *query = rows->query_turns, *key = rows->key_turns;
  float *dattended = scratch->dnormed;
  srope_linear_backward(model, &weights->o, gradients, work->attended, scratch->dout, rows->m, dattended);
  for (const srope_span *span = rows->spans; span < rows->spans + rows->n_spans; row += span->m, span++) {
    size_t at = row * d;
    srope_attention_backward(model, gradients, &span->cache, work->q + at, work->k + at, work->v + at,
                             rows->visible + row, span->m, dattended + at, scratch->scores,
                             gradients->of[weights->padding_parameter], scratch->dq + at, scratch->dk + at,
                             scratch->dv + at);
  }
  for (size_t i = 0; i < rows->m; i++) {
    srope_rotate_backward(model, query->cosine + i * query->stride, query->sine + i * query->stride, work->q + i * d,
                          scratch->dq + i * d, dturns->query + i * pairs);
    srope_rotate_backward(model, key->cosine + i * key->stride, key->sine + i * key->stride, work->k + i * d,
                          scratch->dk + i * d, dturns->key + i * pairs);
  }
}

/* scratch->dout = skip · dx, as the hook let it through. */
static void branch_backward(const srope_model *model, const srope_rows *rows, uint32_t site, const float *dx,
                            const srope_layer_gradient_work *scratch) {
  size_t n = rows->m * model->info.d_model;
  for (size_t i = 0; i < n; i++) scratch->dout[i] = model->info.skip_scale * dx[i];
  apply(rows->hook, site, scratch->dout, rows->m, model->info.d_model);
}

void srope_layer_backward(const srope_model *model, const srope_layer *layer, const srope_gradients *gradients,
                          const srope_rows *rows, const float *x, const float *a, const srope_layer_work *work,
                          const srope_layer_gradient_work *scratch, const srope_dturns *dturns, float *dx, float *da) {
  const srope_kernels *kernels = model->kernels;
  size_t m = rows->m, d = model->info.d_model, n = m * d;
  float *dnormed = scratch->dnormed, *other = scratch->other;

  /* 2. feed-forward; x between the branches is x + skip · projected */
  branch_backward(model, rows, SITE_FEED_FORWARD, dx, scratch);
  srope_linear_backward(model, &layer->down, gradients, work->activated, scratch->dout, m, scratch->hidden);
  gradients->kernels->silu_backward(work->hidden, scratch->hidden, m * layer->up.n_out);
  srope_linear_backward(model, &layer->up, gradients, work->normed_2, scratch->hidden, m, dnormed);
  memcpy(other, x, n * sizeof *other);
  kernels->add_scaled(other, work->projected, model->info.skip_scale, n);
  srope_norm_backward(&layer->norm_2, gradients, other, dnormed, m, d, dx);

  /* 1. attention: LN1 has three inputs, x twice and x + a */
  branch_backward(model, rows, SITE_ATTENTION, dx, scratch);
  attention_backward(model, &layer->mha, gradients, rows, work, scratch, dturns);
  srope_linear_backward(model, &layer->mha.q, gradients, work->normed, scratch->dq, m, dnormed);
  srope_linear_backward(model, &layer->mha.k, gradients, work->normed, scratch->dk, m, other);
  kernels->add(dnormed, other, dnormed, n);
  srope_norm_backward(&layer->norm_1, gradients, x, dnormed, m, d, dx);
  srope_linear_backward(model, &layer->mha.v, gradients, work->valued, scratch->dv, m, dnormed);
  float *dsum = scratch->dq;
  memset(dsum, 0, n * sizeof *dsum);
  kernels->add(x, a, other, n);
  srope_norm_backward(&layer->norm_1, gradients, other, dnormed, m, d, dsum);
  kernels->add(dx, dsum, dx, n);
  kernels->add(da, dsum, da, n);
}

void srope_action_attention_backward(const srope_model *model, const srope_gradients *gradients, const srope_rows *rows,
                                     const float *x, const float *a, const srope_layer_work *work,
                                     const srope_layer_gradient_work *scratch, const srope_dturns *dturns,
                                     const float *du, float *dx, float *da) {
  const srope_attention *weights = &model->action_attention;
  const float *const from[3] = {scratch->dq, scratch->dk, scratch->dv};
  const srope_linear *const linear[3] = {&weights->q, &weights->k, &weights->v};
  size_t n = rows->m * model->info.d_model;
  memcpy(scratch->dout, du, n * sizeof *du);
  attention_backward(model, weights, gradients, rows, work, scratch, dturns);
  for (int i = 0; i < 3; i++) {
    float *to = i < 2 ? dx : da;
    srope_linear_backward(model, linear[i], gradients, i < 2 ? x : a, from[i], rows->m, scratch->other);
    model->kernels->add(to, scratch->other, to, n);
  }
}
