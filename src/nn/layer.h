/* layer.h: one transformer layer, for history tokens (which leave their key and value behind) and for candidates. */
#ifndef SROPE_NN_LAYER_H
#define SROPE_NN_LAYER_H

#include "nn/attention.h"

/* Rotations of m rows, in the form of the `rotate` kernel: row i's at cosine + i·stride (stride 0 = one for all). */
typedef struct srope_turns {
  float *cosine, *sine; /* (m, K) or (1, K) */
  size_t stride;        /* K or 0 */
} srope_turns;

typedef struct srope_layer_work {       /* scratch for m rows */
  float *normed, *q, *k, *v, *attended; /* (m, D) each */
  float *hidden;                        /* 2 · m · max_hidden */
  float *scores;                        /* srope_attention_work_size */
} srope_layer_work;

/* x (m, D) rotated in place, row by row. */
void srope_turn_rows(const srope_model *model, const srope_turns *turns, size_t m, float *x);

/* q (m, D) = x · W_q, turned. */
void srope_attention_queries(const srope_model *model, const srope_attention *weights, const srope_turns *turns,
                             const float *x, size_t m, float *q);
/* Keys x · W_k, turned, and values y · W_v of m rows into the cache from token `first` on. Scratch: work's k and v. */
void srope_attention_remember(const srope_model *model, const srope_attention *weights, const srope_turns *turns,
                              const float *x, const float *y, size_t m, const srope_cache *cache, size_t first,
                              const srope_layer_work *work);

/* x (m, D) += skip · Attn + skip · FFN. With a (m, D): the rows are history tokens first .. first+m-1, whose keys
 * (turned by key_turns) and values enter the cache before anyone attends. With a NULL: candidates, key_turns unused. */
void srope_layer_forward(const srope_model *model, const srope_layer *layer, const srope_cache *cache, float *x,
                         const float *a, size_t first, const srope_turns *query_turns, const srope_turns *key_turns,
                         const uint32_t *visible, size_t m, const srope_layer_work *work);

#endif
