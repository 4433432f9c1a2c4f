/* head.h: a token's state -> its task logits. */
#ifndef SROPE_NN_HEAD_H
#define SROPE_NN_HEAD_H

#include "nn/linear.h"

/* joined (m, 2D + Z) = [x ; u ; context], with x, u (m, D), context (m, Z) or NULL when Z = 0. */
void srope_head_join(const srope_model *model, const float *x, const float *u, const float *context, size_t m,
                     float *joined);
/* logits (m, T) = W4 · SiLU(W2 · SiLU(W0 · joined)) */
void srope_head_forward(const srope_model *model, const float *joined, size_t m, const srope_mlp_states *states,
                        const srope_hook *hook, float *logits);

/* djoined (m, 2D + Z) from dlogits (m, T). work: 2 · m · max_hidden floats. */
void srope_head_backward(const srope_model *model, const srope_gradients *gradients, const float *joined, size_t m,
                         const srope_mlp_states *states, const srope_hook *hook, const float *dlogits, float *work,
                         float *djoined);
/* djoined -> dx, du (m, D) and dcontext (m, Z) or NULL. */
void srope_head_join_backward(const srope_model *model, const float *djoined, size_t m, float *dx, float *du,
                              float *dcontext);

#endif
