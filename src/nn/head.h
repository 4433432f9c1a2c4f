/* head.h: a token's state -> its task logits. */
#ifndef SROPE_NN_HEAD_H
#define SROPE_NN_HEAD_H

#include "nn/linear.h"

/* joined (m, 2D + Z) = [x ; u ; context], with x, u (m, D), context (m, Z) or NULL: left as it is. */
void srope_head_join(const srope_model *model, const float *x, const float *u, const float *context, size_t m,
                     float *joined);
/* What context (m, Z) adds to the head's first layer, which is linear: part (m, n_out of that layer). Candidates whose
 * contexts are equal can share one row. */
void srope_head_context(const srope_model *model, const float *context, size_t m, float *part);
/* Whether the first layer's context is taken apart: there is one, and other layers follow. */
bool srope_head_parts_context(const srope_model *model);

/* logits (m, T) = W4 · SiLU(W2 · SiLU(W0 · joined)). part, of srope_head_context, rows `stride` floats apart (0 = one for
 * all): where srope_head_parts_context, and joined's own context is then not read; else NULL. */
void srope_head_forward(const srope_model *model, const float *joined, const float *part, size_t stride, size_t m,
                        const srope_mlp_states *states, const srope_hook *hook, float *logits);

/* djoined (m, 2D + Z) from dlogits (m, T). work: 2 · m · max_hidden floats. */
void srope_head_backward(const srope_model *model, const srope_gradients *gradients, const float *joined, size_t m,
                         const srope_mlp_states *states, const srope_hook *hook, const float *dlogits, float *work,
                         float *djoined);
/* djoined -> dx, du (m, D) and dcontext (m, Z) or NULL. */
void srope_head_join_backward(const srope_model *model, const float *djoined, size_t m, float *dx, float *du,
                              float *dcontext);

#endif
