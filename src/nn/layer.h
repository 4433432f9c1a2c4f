/* layer.h: one transformer layer, for history tokens (which leave their key and value behind) and for candidates.
 * The rows that go through together may be of several sequences. */
#ifndef SROPE_NN_LAYER_H
#define SROPE_NN_LAYER_H

#include "nn/attention.h"
#include "nn/linear.h"

/* Rotations of m rows, in the form of the `rotate` kernel: row i's at cosine + i·stride (stride 0 = one for all). */
typedef struct srope_turns {
  float *cosine, *sine; /* (m, K) or (1, K) */
  size_t stride;        /* K or 0 */
} srope_turns;

typedef struct srope_span { /* the next m rows: tokens first .. first+m-1 of one sequence, or candidates after it */
  srope_cache cache;
  size_t first, m;
} srope_span;

typedef struct
    srope_rows { /* what one pass takes through a layer; row i sees tokens 0 .. visible[i]-1 of its sequence */
  const srope_span *spans;
  size_t n_spans, m; /* all rows */
  const uint32_t *visible;
  const srope_turns *query_turns, *key_turns; /* key_turns NULL: candidates, which leave nothing behind */
  const srope_hook *hook;                     /* NULL when serving */
} srope_rows;

/* Scratch of m rows for serving, where arrays may be shared: valued = attended, projected = after_1 = normed_2 = normed,
 * activated = hidden, fed = attended. Training keeps all of them apart for the backward pass. */
typedef struct srope_layer_work {
  float *normed, *valued, *q, *k, *v;           /* (m, D) each: LN1(x), LN1(x + a), turned q and k, v */
  float *attended, *projected, *normed_2, *fed; /* (m, D) each: before and after W_o, LN2, the feed-forward's output */
  float *hidden, *activated;                    /* (m, ffwd) before and after SiLU; serving: 2 · m · max_hidden */
  float *scores;                                /* srope_attention_work_size of the longest sequence */
} srope_layer_work;

/* x (m, D) rotated in place, row by row. */
void srope_turn_rows(const srope_model *model, const srope_turns *turns, size_t m, float *x);

/* out (m, D), before W_o, of queries x · W_q, turned, into work->q. */
void srope_attend(const srope_model *model, const srope_attention *weights, const srope_rows *rows, const float *x,
                  const srope_layer_work *work, float *out);
/* Keys x · W_k, turned, and values y · W_v of all rows into their sequences' caches. Into work's k and v. */
void srope_remember(const srope_model *model, const srope_attention *weights, const srope_rows *rows, const float *x,
                    const float *y, const srope_layer_work *work);

/* A layer in two halves, so that threads can take rows each and meet in between. First LN1(x) into work->normed and, of
 * history tokens, keys and values into the caches; a (m, D), or NULL: the rows are candidates, whom nobody remembers.
 * Then, once everyone that is seen is remembered, x (m, D) += skip · Attn + skip · FFN. The hook sees both outputs before
 * they are added. */
void srope_layer_begin(const srope_model *model, const srope_layer *layer, const srope_rows *rows, const float *x,
                       const float *a, const srope_layer_work *work);
void srope_layer_finish(const srope_model *model, const srope_layer *layer, const srope_rows *rows, float *x,
                        const srope_layer_work *work);

typedef struct srope_dturns { /* (m, P) each, added to: the gradients of the angles that turned queries and keys */
  float *query, *key;
} srope_dturns;

typedef struct srope_layer_gradient_work {      /* scratch of the backward passes of m rows */
  float *dout, *dq, *dk, *dv, *dnormed, *other; /* (m, D) each */
  float *hidden;                                /* 2 · m · max_hidden */
  float *scores;                                /* srope_attention_backward_work_size of the longest sequence */
} srope_layer_gradient_work;

/* dx (m, D) is the gradient of what came out and becomes that of what went in, x; da (m, D) is added to. x, a and work as
 * the forward pass left them (x as it went in). The rows must be whole sequences. */
void srope_layer_backward(const srope_model *model, const srope_layer *layer, const srope_gradients *gradients,
                          const srope_rows *rows, const float *x, const float *a, const srope_layer_work *work,
                          const srope_layer_gradient_work *scratch, const srope_dturns *dturns, float *dx, float *da);

/* From du (m, D): dx and da (m, D) are added to. */
void srope_action_attention_backward(const srope_model *model, const srope_gradients *gradients, const srope_rows *rows,
                                     const float *x, const float *a, const srope_layer_work *work,
                                     const srope_layer_gradient_work *scratch, const srope_dturns *dturns,
                                     const float *du, float *dx, float *da);

/* u (m, D): the attention over what was done, q = x (m, D), over keys and values remembered of (x, a). */
void srope_action_attention_forward(const srope_model *model, const srope_rows *rows, const float *x,
                                    const srope_layer_work *work, float *u);

#endif
