/* head.h: a token's state -> its task logits. */
#ifndef SROPE_NN_HEAD_H
#define SROPE_NN_HEAD_H

#include "model/model.h"

/* logits (m, T) = W4 · SiLU(W2 · SiLU(W0 · [x ; u ; context])) with x, u (m, D), context (m, Z) or NULL when Z = 0.
 * joined: m · (2D + Z) floats; work: 2 · m · max_hidden. */
void srope_head_forward(const srope_model *model, const float *x, const float *u, const float *context, size_t m,
                        float *joined, float *work, float *logits);

#endif
