/* metrics.h: how good predicted probabilities of a label are. In: logits (n) and labels (n) of one task; a label is 0, 1, a
 * fraction between (that share of a yes, the rest of a no) or NaN (missing: left out).
 * Out: normalized entropy, area under the ROC curve, expected calibration error. Not here: splits, models. */
#ifndef SROPE_TRAIN_METRICS_H
#define SROPE_TRAIN_METRICS_H

#include "sirenrope/sirenrope.h"

enum { SROPE_METRICS_BINS = 15 };

typedef struct srope_metrics {
  size_t n;         /* labels that are there */
  double base_rate; /* mean label */
  double ne;        /* mean log loss / entropy of the base rate; below 1 beats predicting the base rate */
  double auc;       /* chance that a yes is above a no; ties count half */
  double ece;       /* mean |share of yes - mean probability| over 15 equal-width bins of probability, by their size */
} srope_metrics;

/* What is not defined (no labels, or all of them 0 or all 1) is NaN. Errors: MEMORY, VALUE (a NaN logit). */
srope_status srope_metrics_compute(const float *logit, const float *label, size_t n, srope_metrics *out,
                                   srope_error *error);

#endif
