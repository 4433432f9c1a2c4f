/* siren.h: the angle networks f(φ): a sine branch and a ReLU branch over the same features, added. Siren models only. */
#ifndef SROPE_NN_SIREN_H
#define SROPE_NN_SIREN_H

#include "model/model.h"

/* f (m, A) from phi (m, F). work: m · (2·max_hidden + A) floats. */
void srope_siren_forward(const srope_model *model, srope_network network, const float *phi, size_t m, float *work,
                         float *f);

#endif
