/* metrics.c: see metrics.h. Sums are in double precision. */
#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

typedef struct outcome {
  float logit, label;
} outcome;

static int compare_outcomes(const void *left, const void *right) {
  float a = ((const outcome *)left)->logit, b = ((const outcome *)right)->logit;
  return (a > b) - (a < b);
}

/* Rank sum over groups of equal logits, lowest first. */
static double measure_auc(outcome *outcomes, size_t n) {
  double below = 0, positives = 0, pairs = 0; /* negatives below; positives so far; pairs in the right order */
  qsort(outcomes, n, sizeof *outcomes, compare_outcomes);
  for (size_t i = 0; i < n;) {
    double group_yes = 0, group_no = 0;
    float logit = outcomes[i].logit;
    for (; i < n && outcomes[i].logit == logit; i++) {
      group_yes += (double)outcomes[i].label;
      group_no += 1 - (double)outcomes[i].label;
    }
    pairs += group_yes * (below + group_no / 2);
    below += group_no;
    positives += group_yes;
  }
  return positives > 0 && below > 0 ? pairs / (positives * below) : NAN;
}

static double measure_ne(const outcome *outcomes, size_t n, double base_rate) {
  double loss = 0;
  for (size_t i = 0; i < n; i++) { /* log(1 + exp(-|z|)) + max(z, 0) - z·y, which overflows nowhere */
    double z = (double)outcomes[i].logit;
    loss += log1p(exp(-fabs(z))) + fmax(z, 0) - z * (double)outcomes[i].label;
  }
  double entropy = -(base_rate * log(base_rate) + (1 - base_rate) * log1p(-base_rate));
  return base_rate > 0 && base_rate < 1 ? loss / (double)n / entropy : NAN;
}

static double measure_ece(const outcome *outcomes, size_t n) {
  double gap[SROPE_METRICS_BINS] = {0}, sum = 0; /* yes minus probability, summed over a bin */
  for (size_t i = 0; i < n; i++) {
    double probability = 1 / (1 + exp(-(double)outcomes[i].logit));
    int bin = (int)(probability * SROPE_METRICS_BINS);
    gap[bin < SROPE_METRICS_BINS ? bin : SROPE_METRICS_BINS - 1] += (double)outcomes[i].label - probability;
  }
  for (int bin = 0; bin < SROPE_METRICS_BINS; bin++) sum += fabs(gap[bin]);
  return n > 0 ? sum / (double)n : NAN;
}

srope_status srope_metrics_compute(const float *logit, const float *label, size_t n, srope_metrics *out,
                                   srope_error *error) {
  outcome *outcomes = n < SIZE_MAX / sizeof *outcomes ? malloc(n * sizeof *outcomes + 1) : NULL;
  size_t n_labels = 0;
  double sum = 0;
  if (outcomes == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu outcomes", n);
  for (size_t i = 0; i < n; i++) {
    if (isnan(logit[i])) {
      free(outcomes);
      return srope_fail(error, SROPE_ERR_VALUE, NULL, "expected a number as logit %zu, found NaN", i);
    }
    if (isnan(label[i])) continue;
    outcomes[n_labels++] = (outcome){logit[i], label[i]};
    sum += (double)label[i];
  }
  double base_rate = n_labels > 0 ? sum / (double)n_labels : NAN;
  *out = (srope_metrics){.n = n_labels,
                         .base_rate = base_rate,
                         .ne = measure_ne(outcomes, n_labels, base_rate),
                         .ece = measure_ece(outcomes, n_labels)};
  out->auc = measure_auc(outcomes, n_labels); /* last, because it sorts them */
  free(outcomes);
  return SROPE_OK;
}
