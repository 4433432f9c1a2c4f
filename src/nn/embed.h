/* embed.h: what a token is, before any attention: x from its item, a from its actions. */
#ifndef SROPE_NN_EMBED_H
#define SROPE_NN_EMBED_H

#include "nn/linear.h"

/* x (m, D) = LayerNorm(ReLU(item (m, X) · Wp + bp)). rectified (m, D): what goes into the norm; may be x. */
void srope_embed_items(const srope_model *model, const float *item, size_t m, float *rectified, float *x);
/* a (m, D) = ReLU(W4 · SiLU(W2 · SiLU(W0 · action (m, Y)))). */
void srope_embed_actions(const srope_model *model, const float *action, size_t m, const srope_mlp_states *states,
                         float *a);

#endif
