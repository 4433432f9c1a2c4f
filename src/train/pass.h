/* pass.h: several whole sequences through the network at once, forward and backward: the functions of nn/ that serve, with
 * their states kept. A pass owns its arrays and belongs to one thread; nothing is allocated after it was made.
 * In: tokens as vectors. Out: logits, the gradients of all weights, and those of the vectors (for embedding tables).
 * Not here: where tokens come from (gather.h), the optimizer. */
#ifndef SROPE_TRAIN_PASS_H
#define SROPE_TRAIN_PASS_H

#include "nn/gradient.h"
#include "nn/linear.h"

typedef struct srope_tokens {                /* borrows; sequence after sequence, each oldest first */
  size_t n_sequences, m;                     /* m tokens in all */
  const uint32_t *length;                    /* (n_sequences), 1 or more */
  const uint32_t *order_s;                   /* (n_sequences): S of the `order` feature; NULL = the lengths */
  const float *item, *action;                /* (m, X), (m, Y) */
  const float *context;                      /* (m, Z); NULL when Z = 0 */
  const float *signal;                       /* (m, G); NULL = zeros */
  const double *time_s, *utc_offset_minutes; /* (m), never NaN */
  const uint32_t *request_start;             /* (m): g, counted from the sequence's first token */
} srope_tokens;

typedef struct srope_vector_gradients { /* each may be NULL */
  float *item, *action, *context;       /* (m, X), (m, Y), (m, Z), written */
} srope_vector_gradients;

typedef struct srope_pass srope_pass;

/* For at most `max_tokens` tokens in sequences whose lengths, each rounded up to srope_pass_rounding, add up to at most
 * `max_rounded`; `max_length` is that of the longest. trains false: forward only. Errors: MEMORY. */
srope_status srope_pass_create(const srope_model *model, size_t max_tokens, size_t max_rounded, size_t max_length,
                               bool trains, srope_pass **out, srope_error *error);
void srope_pass_free(srope_pass *pass);
size_t srope_pass_rounding(const srope_model *model);

/* Logits (m, T), in the pass until the next call. `hook` (NULL = none) sees the embedded tokens (site 0), every layer's
 * two branches (1 + 2l, 2 + 2l) and the head's hidden layers (1 + 2L + i). */
const float *srope_pass_forward(srope_pass *pass, const srope_tokens *tokens, const srope_hook *hook);

/* After a forward pass of the same tokens and hook: dlogits (m, T) -> gradients. */
void srope_pass_backward(srope_pass *pass, const srope_tokens *tokens, const srope_hook *hook, const float *dlogits,
                         const srope_gradients *gradients, const srope_vector_gradients *dvectors);

#endif
