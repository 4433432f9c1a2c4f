/* embed.h: what a token is, before any attention: x from its item, a from its actions. */
#ifndef SROPE_NN_EMBED_H
#define SROPE_NN_EMBED_H

#include "nn/linear.h"

/* x (m, D) = LayerNorm(ReLU(item (m, X) · Wp + bp)). rectified (m, D): what goes into the norm; may be x. */
void srope_embed_items(const srope_model *model, const float *item, size_t m, float *rectified, float *x);
/* a (m, D) = ReLU(W4 · SiLU(W2 · SiLU(W0 · action (m, Y)))). */
void srope_embed_actions(const srope_model *model, const float *action, size_t m, const srope_mlp_states *states,
                         float *a);

/* ditem (m, X), or NULL, from dx (m, D). work: m · D floats. */
void srope_embed_items_backward(const srope_model *model, const srope_gradients *gradients, const float *item, size_t m,
                                const float *rectified, const float *dx, float *work, float *ditem);
/* daction (m, Y), or NULL, from da (m, D), which is overwritten. work: 2 · m · max_hidden floats. */
void srope_embed_actions_backward(const srope_model *model, const srope_gradients *gradients, const float *action,
                                  size_t m, const srope_mlp_states *states, const float *a, float *da, float *work,
                                  float *daction);

#endif
