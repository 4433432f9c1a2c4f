/* head.h: a token's state -> its task logits. */
#ifndef SROPE_NN_HEAD_H
#define SROPE_NN_HEAD_H

#include "nn/linear.h"

/* joined (m, 2D + Z) = [x ; u ; context], with x, u (m, D), context (m, Z) or NULL: Z = 0, or its place stays as it is. */
void srope_head_join(const srope_model *model, const float *x, const float *u, const float *context, size_t m,
                     float *joined);
/* begun (n_out of the first layer, padded to nr): what one context (Z) gives the first layer, W0[:, 2D:] · context + b, for
 * all rows that have it. False, and nothing, where the first layer is not computed in two parts: no context, no other
 * layer, or int8 weights, whose rows are quantised whole. */
bool srope_head_begin(const srope_model *model, const float *context, float *begun);
/* logits (m, T) = W4 · SiLU(W2 · SiLU(W0 · joined)); the context's part is added up first. With begun, joined's contexts are
 * not read: the result is the same to the bit. */
void srope_head_forward(const srope_model *model, const float *joined, const float *begun, size_t m,
                        const srope_mlp_states *states, const srope_hook *hook, float *logits);

/* djoined (m, 2D + Z) from dlogits (m, T). work: 2 · m · max_hidden floats. */
void srope_head_backward(const srope_model *model, const srope_gradients *gradients, const float *joined, size_t m,
                         const srope_mlp_states *states, const srope_hook *hook, const float *dlogits, float *work,
                         float *djoined);
/* djoined -> dx, du (m, D) and dcontext (m, Z) or NULL. */
void srope_head_join_backward(const srope_model *model, const float *djoined, size_t m, float *dx, float *du,
                              float *dcontext);

#endif
