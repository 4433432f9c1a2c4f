/* metrics.h: how good predicted probabilities of a yes-or-no label are. In: logits (n) and labels (n) of one task.
 * Out: normalized entropy, area under the ROC curve, expected calibration error. Not here: splits, models. */
#ifndef SROPE_TRAIN_METRICS_H
#define SROPE_TRAIN_METRICS_H

#include "sirenrope/sirenrope.h"

enum { SROPE_METRICS_BINS = 15 };

typedef struct srope_metrics {
  size_t n;
  double base_rate; /* mean label */
  double ne;        /* mean log loss / entropy of the base rate; below 1 beats predicting the base rate */
  double auc;       /* chance that a yes is above a no; ties count half */
  double ece;       /* mean |share of yes - mean probability| over 15 equal-width bins of probability, by their size */
} srope_metrics;

/* Labels are 0 or 1. What is not defined (no events, or only one label) is NaN. Errors: MEMORY, VALUE (a NaN logit). */
srope_status srope_metrics_compute(const float *logit, const uint8_t *label, size_t n, srope_metrics *out,
                                   srope_error *error);

#endif
