/* attention.h: rows of queries against cached, rotated keys and values. Softmax attention; who sees what is the caller's
 * (`visible`). A query's own key is never in the cache range it sees. */
#ifndef SROPE_NN_ATTENTION_H
#define SROPE_NN_ATTENTION_H

#include "nn/gradient.h"

/* One attention's cache for `capacity` tokens (a multiple of nr), both in the panels of kernels.h:
 * keys: per head a (K, capacity) matrix, columns = tokens; values: per head a (capacity, K) matrix. Zeroed at first. */
typedef struct srope_cache {
  float *keys, *values;
  size_t capacity;
} srope_cache;

size_t srope_cache_keys_size(const srope_model *model, size_t capacity);   /* floats */
size_t srope_cache_values_size(const srope_model *model, size_t capacity); /* floats */
/* Token `index`'s rotated key and value, (D) each. */
void srope_cache_store(const srope_model *model, const srope_cache *cache, size_t index, const float *key,
                       const float *value);
/* The first n tokens into a larger cache. */
void srope_cache_copy(const srope_model *model, const srope_cache *from, const srope_cache *to, size_t n);

/* Rows of scores held at a time, and floats that hold them, which never shrink as the capacity grows. */
size_t srope_attention_rows(size_t capacity);
size_t srope_attention_work_size(size_t capacity);

/* out (m, D), before W_o: row i attends to tokens 0 .. visible[i]-1; with none it is `padding (D)`.
 * q (m, D) is rotated. work: srope_attention_work_size floats. */
void srope_attention_forward(const srope_model *model, const srope_cache *cache, const float *padding, const float *q,
                             const uint32_t *visible, size_t m, float *work, float *out);

/* dq, dk, dv (m, D), written, of one whole sequence of m tokens, from dout (m, D); dpadding (D), which may be NULL, gets
 * the rows that saw nothing. q, k turned, v: (m, D) as remembered. Probabilities are computed anew, so memory grows with m
 * and not with m². work: srope_attention_backward_work_size floats. */
size_t srope_attention_backward_work_size(const srope_model *model, size_t capacity);
void srope_attention_backward(const srope_model *model, const srope_gradients *gradients, const srope_cache *cache,
                              const float *q, const float *k, const float *v, const uint32_t *visible, size_t m,
                              const float *dout, float *work, float *dpadding, float *dq, float *dk, float *dv);

#endif
