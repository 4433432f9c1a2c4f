/* siren.h: the angle networks f(φ): a sine branch and a ReLU branch over the same features, added. Siren models only. */
#ifndef SROPE_NN_SIREN_H
#define SROPE_NN_SIREN_H

#include "nn/linear.h"

typedef struct srope_siren_states { /* of both branches; residual (m, A): the ReLU branch's output */
  srope_mlp_states sine, relu;
  float *residual;
} srope_siren_states;

/* f (m, A) from phi (m, F). */
void srope_siren_forward(const srope_model *model, srope_network network, const float *phi, size_t m,
                         const srope_siren_states *states, float *f);

/* df (m, A), whose columns add up to zero as attention makes them (it sees no constant on all angles), -> the gradients
 * of the network's weights. work: 2 · m · max_hidden floats. */
void srope_siren_backward(const srope_model *model, srope_network network, const srope_gradients *gradients,
                          const float *phi, size_t m, const srope_siren_states *states, const float *df, float *work);

/* States in scratch, for a pass whose states nobody wants. work: m · (2·max_hidden + A) floats. */
srope_siren_states srope_siren_scratch(const srope_model *model, size_t m, float *work);

#endif
