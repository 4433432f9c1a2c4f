/* loss.h: logits and labels -> binary cross-entropy and its gradient. Sums are in double precision. */
#ifndef SROPE_NN_LOSS_H
#define SROPE_NN_LOSS_H

#include "model/model.h"

typedef struct srope_loss { /* sums, over tokens and tasks that have a label; the mean is sum / weight */
  double sum, weight;
} srope_loss;

/* Adds to `loss`: task weights (T) or NULL for 1 each, label (m, T) with NaN = missing. dlogits (m, T), or NULL, gets the
 * gradient of the sum: whoever uses it divides by the weight. */
void srope_loss_forward(const srope_model *model, const float *logits, const float *label, const float *task_weight,
                        size_t m, srope_loss *loss, float *dlogits);

#endif
