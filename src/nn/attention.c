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

size_t srope_attention_rows(size_t capacity) {
  enum { MOST = 64, LEAST = 8, FLOATS = 1 << 18 };
  size_t rows = capacity ? FLOATS / capacity : MOST;
  return rows > MOST ? MOST : rows < LEAST ? LEAST : rows;
}

size_t srope_attention_work_size(size_t capacity) { return srope_attention_rows(capacity) * capacity; }

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
  size_t d = model->info.d_model, rows = srope_attention_rows(cache->capacity);
  for (size_t first = 0; first < m; first += rows) {
    size_t here = m - first < rows ? m - first : rows, most = 0;
    for (size_t i = first; i < first + here; i++)
      if (visible[i] > most) most = visible[i];
    if (most) attend(model, cache, q + first * d, visible + first, here, most, work, out + first * d);
    for (size_t i = first; i < first + here; i++)
      if (!visible[i]) memcpy(out + i * d, padding, d * sizeof *out);
  }
}
