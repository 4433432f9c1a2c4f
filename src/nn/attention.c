/* attention.c: see attention.h. */
#include "nn/attention.h"

#include <string.h>

static size_t panels(const srope_model *model) { /* of one head's values */
  return srope_padded_size(model->kernels->nr, model->info.d_head) / model->kernels->nr;
}

size_t srope_cache_keys_size(const srope_model *model, size_t capacity) { return capacity * model->info.d_model; }

size_t srope_cache_values_size(const srope_model *model, size_t capacity) {
  return capacity * panels(model) * model->kernels->nr * model->info.n_heads;
}

void srope_cache_store(const srope_model *model, const srope_cache *cache, size_t index, const float *key,
                       const float *value) {
  size_t nr = model->kernels->nr, k = model->info.d_head, heads = model->info.n_heads;
  for (size_t h = 0; h < heads; h++, key += k, value += k) {
    float *column = cache->keys + h * k * cache->capacity + index / nr * nr * k + index % nr;
    for (size_t i = 0; i < k; i++) column[i * nr] = key[i];
    float *row = cache->values + h * panels(model) * nr * cache->capacity + index * nr;
    for (size_t i = 0; i < k; i++) row[i / nr * nr * cache->capacity + i % nr] = value[i];
  }
}

void srope_cache_copy(const srope_model *model, const srope_cache *from, const srope_cache *to, size_t n) {
  size_t nr = model->kernels->nr, k = model->info.d_head, heads = model->info.n_heads;
  size_t whole = srope_padded_size((uint32_t)nr, n);
  for (size_t h = 0; h < heads; h++)
    memcpy(to->keys + h * k * to->capacity, from->keys + h * k * from->capacity, whole * k * sizeof(float));
  for (size_t p = 0; p < heads * panels(model); p++)
    memcpy(to->values + p * nr * to->capacity, from->values + p * nr * from->capacity, n * nr * sizeof(float));
}

enum {
  MOST_ROWS = 72, /* of a block of scores */
  LEAST_ROWS = 8,
  CAUSAL_ROWS = 24, /* where the rows see ever more: what is computed and not seen is half of that, squared */
  SCORES = 1 << 18  /* the floats of scores a block aims at */
};

size_t srope_attention_rows(size_t capacity) {
  size_t rows = capacity ? SCORES / capacity : MOST_ROWS;
  return rows > MOST_ROWS ? MOST_ROWS : rows < LEAST_ROWS ? LEAST_ROWS : rows;
}

size_t srope_attention_work_size(size_t capacity) {
  size_t rows = srope_attention_rows(capacity);
  return rows == MOST_ROWS || rows == LEAST_ROWS ? rows * capacity : SCORES;
}

/* The largest of visible (m). */
static size_t most_visible(const uint32_t *visible, size_t m) {
  size_t most = 0;
  for (size_t i = 0; i < m; i++)
    if (visible[i] > most) most = visible[i];
  return most;
}

/* How many of the next m rows to take together: all that see alike, else a few. */
static size_t rows_together(const uint32_t *visible, size_t m) {
  for (size_t i = 1; i < m && m > CAUSAL_ROWS; i++)
    if (visible[i] != visible[0]) return CAUSAL_ROWS;
  return m;
}

/* Up to srope_attention_rows rows; `most` > 0 is the largest of visible. */
static void attend(const srope_model *model, const srope_cache *cache, const float *q, const uint32_t *visible,
                   size_t m, size_t most, float *scores, float *out) {
  const srope_kernels *kernels = model->kernels;
  size_t nr = kernels->nr, k = model->info.d_head, d = model->info.d_model;
  size_t padded = srope_padded_size((uint32_t)nr, most);
  for (size_t h = 0; h < model->info.n_heads; h++) {
    const float *keys = cache->keys + h * k * cache->capacity;
    const float *values = cache->values + h * panels(model) * nr * cache->capacity;
    kernels->matmul(q + h * k, d, keys, k * nr, NULL, scores, padded, m, most, k);
    /* What a row may not see gets weight 0, which adds nothing, not even a bit. */
    for (size_t i = 0; i < m; i++)
      if (visible[i]) kernels->softmax(scores + i * padded, visible[i], padded, model->info.attn_scale);
    kernels->matmul(scores, padded, values, cache->capacity * nr, NULL, out + h * k, d, m, k, most);
  }
}

void srope_attention_forward(const srope_model *model, const srope_cache *cache, const float *padding, const float *q,
                             const uint32_t *visible, size_t m, float *work, float *out) {
  size_t d = model->info.d_model, rows = srope_attention_rows(cache->capacity), here;
  for (size_t first = 0; first < m; first += here) {
    here = rows_together(visible + first, m - first < rows ? m - first : rows);
    size_t most = most_visible(visible + first, here);
    if (most) attend(model, cache, q + first * d, visible + first, here, most, work, out + first * d);
    for (size_t i = first; i < first + here; i++)
      if (!visible[i]) memcpy(out + i * d, padding, d * sizeof *out);
  }
}

/* ---------------------------------------------------------------- backward */

size_t srope_attention_backward_work_size(const srope_model *model, size_t capacity) {
  size_t k = model->info.d_head;
  return 2 * srope_attention_work_size(capacity) + capacity * k + capacity * srope_padded_size(model->kernels->nr, k);
}

typedef struct backward_head { /* one head of one sequence; arrays of width D begin at the head's columns */
  const float *keys, *q, *dout;
  float *dq, *dk, *dv;
  float *p, *dp;            /* (rows, padded): probabilities and their gradients */
  float *values_t, *keys_t; /* V^T (K, tokens) and K (tokens, K) in panels */
} backward_head;

/* The other way round than the caches hold them: values with columns = tokens, keys with columns = channels. */
static void pack_transposed(const srope_model *model, const float *k, const float *v, size_t n, backward_head *head) {
  size_t nr = model->kernels->nr, width = model->info.d_head, d = model->info.d_model;
  memset(head->values_t, 0, srope_padded_size((uint32_t)nr, n) * width * sizeof(float));
  memset(head->keys_t, 0, n * srope_padded_size((uint32_t)nr, width) * sizeof(float));
  for (size_t t = 0; t < n; t++, k += d, v += d) {
    float *column = head->values_t + t / nr * nr * width + t % nr;
    for (size_t i = 0; i < width; i++) column[i * nr] = v[i];
    for (size_t i = 0; i < width; i += nr)
      memcpy(head->keys_t + i * n + t * nr, k + i, (width - i < nr ? width - i : nr) * sizeof(float));
  }
}

/* Rows first .. first+m-1 of a head that sees `n` tokens in all, `most` > 0 in these rows. */
static void attend_backward(const srope_model *model, const srope_gradients *gradients, const backward_head *head,
                            const uint32_t *visible, size_t first, size_t m, size_t most, size_t n) {
  const srope_kernels *kernels = model->kernels;
  size_t nr = kernels->nr, width = model->info.d_head, d = model->info.d_model;
  size_t padded = srope_padded_size((uint32_t)nr, most);
  const float *q = head->q + first * d, *dout = head->dout + first * d;
  /* 1. the probabilities, as in the forward pass */
  kernels->matmul(q, d, head->keys, width * nr, NULL, head->p, padded, m, most, width);
  for (size_t i = 0; i < m; i++) {
    if (visible[first + i])
      kernels->softmax(head->p + i * padded, visible[first + i], padded, model->info.attn_scale);
    else
      memset(head->p + i * padded, 0, padded * sizeof(float));
  }
  /* 2. dv += p^T · dout, dp = dout · V^T */
  gradients->kernels->outer(head->p, padded, dout, d, head->dv, d, m, most, width);
  kernels->matmul(dout, d, head->values_t, width * nr, NULL, head->dp, padded, m, most, width);
  /* 3. through the softmax; what a row does not see has p = 0 */
  for (size_t i = 0; i < m; i++)
    gradients->kernels->softmax_backward(head->p + i * padded, head->dp + i * padded, most, model->info.attn_scale);
  /* 4. dq = dscores · K, dk += dscores^T · q */
  kernels->matmul(head->dp, padded, head->keys_t, n * nr, NULL, head->dq + first * d, d, m, width, most);
  gradients->kernels->outer(head->dp, padded, q, d, head->dk, d, m, most, width);
}

void srope_attention_backward(const srope_model *model, const srope_gradients *gradients, const srope_cache *cache,
                              const float *q, const float *k, const float *v, const uint32_t *visible, size_t m,
                              const float *dout, float *work, float *dpadding, float *dq, float *dk, float *dv) {
  size_t d = model->info.d_model, width = model->info.d_head, rows = srope_attention_rows(cache->capacity);
  size_t n = most_visible(visible, m);
  size_t scores = srope_attention_work_size(cache->capacity);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; dpadding && !visible[i] && j < d; j++) dpadding[j] += dout[i * d + j];
  memset(dq, 0, m * d * sizeof *dq);
  memset(dk, 0, m * d * sizeof *dk);
  memset(dv, 0, m * d * sizeof *dv);
  if (n == 0) return;
  for (size_t h = 0; h < model->info.n_heads; h++) {
    size_t at = h * width;
    backward_head head = {cache->keys + at * cache->capacity,
                          q + at,
                          dout + at,
                          dq + at,
                          dk + at,
                          dv + at,
                          work,
                          work + scores,
                          work + 2 * scores,
                          work + 2 * scores + cache->capacity * width};
    pack_transposed(model, k + at, v + at, n, &head);
    for (size_t first = 0; first < m; first += rows) {
      size_t here = m - first < rows ? m - first : rows, most = most_visible(visible + first, here);
      if (most) attend_backward(model, gradients, &head, visible, first, here, most, n);
    }
  }
}
