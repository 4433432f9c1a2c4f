/* statistics.h: whether one model is better than another, or only luckier.
 * In: a metric's values over seeds, or two models' logits on the same events. Out: means with standard errors, a paired
 * t-test over seeds, Holm's adjustment for many tests, and a paired bootstrap over users.
 * What is not defined (one seed, no spread, one label) is NaN, never 0 or 1. The same bits on every machine: what libm
 * computes inexactly is taken from base/math64. Not here: printing, the metrics of one model (metrics.h). */
#ifndef SROPE_TRAIN_STATISTICS_H
#define SROPE_TRAIN_STATISTICS_H

#include "sirenrope/sirenrope.h"

/* ---------------------------------------------------------------- over seeds */

typedef struct srope_mean {
  size_t n;
  double mean; /* NaN for n = 0, or where a value is NaN: none is left out */
  double se;   /* sample standard deviation / sqrt(n); NaN for n < 2 */
} srope_mean;

srope_mean srope_statistics_mean(const double *x, size_t n);

typedef struct srope_paired_test { /* of the differences x - baseline, pair by pair */
  size_t n;
  double mean, se; /* as in srope_mean */
  double t, df;    /* mean / se; n - 1 */
  double p;        /* two-sided: the chance of so large a |t| where there is no difference */
} srope_paired_test;

/* Student's paired t-test of x (n) against baseline (n). t and p are NaN for n < 2 and where the differences spread no more
 * than rounding does (their distribution is then unknown, not certain); n = 0 has no df either. */
srope_paired_test srope_statistics_compare(const double *x, const double *baseline, size_t n);

/* Holm's adjustment of p (n), so that the chance of one false find among all of them stays what a single test promises:
 * the k-th smallest of m is multiplied by m - k + 1, made no smaller than the one before, at most 1. NaN stays NaN and does not
 * count among the m. `adjusted` (n) may not be p. O(n²). */
void srope_statistics_adjust_holm(const double *p, size_t n, double *adjusted);

/* I_x(a, b), the regularised incomplete beta function, for a, b > 0 and x in [0, 1]; with a, b in [0.5, 1000] the error is
 * below 1e-12, and below 1e-11 of the value. NaN for other a, b or x. */
double srope_statistics_beta(double a, double b, double x);

/* ---------------------------------------------------------------- over users */

enum { SROPE_BOOTSTRAP_MAX_REPLICATES = 1000000, SROPE_BOOTSTRAP_MAX_USERS = 1 << 28 };

typedef struct srope_user_outcomes { /* of one task; borrowed */
  size_t n;
  const float *logit, *baseline; /* (n) of the model and of the one it is compared with */
  const float *label;            /* (n) 0, 1, a fraction or NaN (missing), as in metrics.h */
  size_t n_users;
  const size_t *user_begin; /* (n_users + 1): user u has events user_begin[u] .. user_begin[u + 1] - 1; from 0 to n */
} srope_user_outcomes;

typedef struct srope_interval {
  double difference; /* model - baseline, on the events as they are */
  double low, high;  /* 2.5 % and 97.5 % quantiles of the resampled differences */
  double p;          /* two-sided: twice the share of them, with the data as one more, on the rarer side of 0 */
} srope_interval;

typedef struct srope_bootstrap {
  srope_interval ne, auc;
  size_t n_replicates, n_defined; /* asked for; those with some yes and some no, which alone count */
} srope_bootstrap;

/* Draws n_users users with replacement, each with all of its events, n_replicates times (the percentile bootstrap); events of
 * one user are not independent of one another, users are. Equal seeds, users and replicates draw the same users, whatever the
 * task or model. low, high and p are NaN for fewer than two users and where no replicate has a yes and a no.
 * O(n log n + n_replicates · n) time, about 24·n + 48·n_users + 16·n_replicates bytes. Errors: ARGUMENT (offsets that do not
 * rise from 0 to n, no replicates), LIMIT, MEMORY, VALUE (a logit that is not finite, a label not in [0, 1]). */
srope_status srope_statistics_bootstrap(const srope_user_outcomes *outcomes, size_t n_replicates, uint64_t seed,
                                        srope_bootstrap *out, srope_error *error);

#endif
