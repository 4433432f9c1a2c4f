/* statistics.c: see statistics.h. Sums are in double precision, in the order of the input. */
#include "train/statistics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/finite.h"
#include "base/math64.h"
#include "base/rng.h"

/* ---------------------------------------------------------------- means */

/* In two passes: the sum of squares of a metric that hardly differs between seeds cancels in one. */
srope_mean srope_statistics_mean(const double *x, size_t n) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  double mean = n > 0 ? sum / (double)n : NAN;
  for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  double se = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN;
  return (srope_mean){n, mean, se};
}

/* ---------------------------------------------------------------- the incomplete beta function */

/* log Γ(x), x > 0: Stirling's series (DLMF 5.11.1) to x^-13 from 12 on, where the next term is below 3e-18; smaller x are
 * shifted up by Γ(x + 1) = x Γ(x). libm's lgamma writes a global and differs between machines. */
static double log_gamma(double x) {
  static const double coefficients[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                        1.0 / 1188, -691.0 / 360360, 1.0 / 156}; /* B_2k / (2k (2k - 1)) */
  static const double half_log_2pi = 0.91893853320467274178;
  double shift = 1, series = 0;
  for (; x < 12; x++) shift *= x;
  for (int k = 6; k >= 0; k--) series = series / (x * x) + coefficients[k];
  return (x - 0.5) * srope_log64(x) - x + half_log_2pi + series / x - srope_log64(shift);
}

/* The continued fraction 1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, inverted, by Lentz's method (Lentz 1976) with the
 * guard against zeros of Thompson and Barnett (1986). Converges in O(sqrt(max(a, b))) steps for x < (a + 1)/(a + b + 2). */
static double beta_fraction(double a, double b, double x) {
  enum { MAX_STEPS = 10000 };
  static const double tiny = 1e-300;
  double c = 1, d = 1 / fmax(1 - (a + b) * x / (a + 1), tiny), value = d;
  for (int m = 1; m < MAX_STEPS; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (int half = 0; half < 2; half++) {
      double numerator = half == 0 ? even : odd;
      d = 1 + numerator * d;
      c = 1 + numerator / c;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      if (fabs(c) < tiny) c = tiny;
      value *= c * d;
    }
    if (fabs(c * d - 1) < 4 * DBL_EPSILON) return value;
  }
  return NAN;
}

/* I_x(a, b) where the fraction converges fast; y = 1 - x, given apart so that it is not rounded away. */
static double beta_lower(double a, double b, double x, double y) {
  double log_front = a * srope_log64(x) + b * srope_log64(y) + log_gamma(a + b) - log_gamma(a) - log_gamma(b);
  return log_front < -700 ? 0 : srope_exp64(log_front) / a * beta_fraction(a, b, x); /* below 1e-304: nothing */
}

/* With x + y = 1. */
static double beta_regularised(double a, double b, double x, double y) {
  if (!(a > 0 && b > 0 && x >= 0 && y >= 0)) return NAN;
  if (x < DBL_MIN) return 0;
  if (y < DBL_MIN) return 1;
  return x < (a + 1) / (a + b + 2) ? beta_lower(a, b, x, y) : 1 - beta_lower(b, a, y, x); /* DLMF 8.17.4 */
}

double srope_statistics_beta(double a, double b, double x) { return beta_regularised(a, b, x, 1 - x); }

/* ---------------------------------------------------------------- the paired t-test */

/* P(|T| >= |t|) = I_x(df/2, 1/2) at x = df / (df + t²), Student's distribution (DLMF 8.17, Abramowitz and Stegun 26.7.1).
 * x = 1/(1 + ratio) and y = ratio/(1 + ratio) overflow for no t that a double holds but one beyond 1e154, whose p is 0. */
static double student_two_sided(double t, double df) {
  double ratio = t / df * t;
  if (isinf(ratio)) return 0;
  return beta_regularised(df / 2, 0.5, 1 / (1 + ratio), ratio / (1 + ratio));
}

srope_paired_test srope_statistics_compare(const double *x, const double *baseline, size_t n) {
  double sum = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i] - baseline[i];
    largest = fmax(largest, fmax(fabs(x[i]), fabs(baseline[i])));
  }
  srope_paired_test test = {.n = n, .mean = n > 0 ? sum / (double)n : NAN, .se = NAN, .t = NAN, .df = NAN, .p = NAN};
  if (n == 0) return test;
  test.df = (double)(n - 1);
  if (n == 1) return test;
  for (size_t i = 0; i < n; i++) {
    double apart = x[i] - baseline[i] - test.mean;
    squares += apart * apart;
  }
  test.se = sqrt(squares / (double)(n - 1) / (double)n);
  if (!(test.se > 2 * DBL_EPSILON * largest)) return test; /* no spread but that of rounding, or NaN */
  test.t = test.mean / test.se;
  test.p = student_two_sided(test.t, test.df);
  return test;
}

/* ---------------------------------------------------------------- many tests */

void srope_statistics_adjust_holm(const double *p, size_t n, double *adjusted) {
  static const double to_do = -1;
  size_t left = 0;
  double floor_p = 0; /* what the smaller ones came to */
  for (size_t i = 0; i < n; i++) {
    adjusted[i] = isnan(p[i]) ? NAN : to_do;
    left += !isnan(p[i]);
  }
  for (; left > 0; left--) {
    size_t smallest = n;
    for (size_t i = 0; i < n; i++)
      if (adjusted[i] == to_do && (smallest == n || p[i] < p[smallest])) smallest = i;
    floor_p = fmax(floor_p, fmin(1, (double)left * p[smallest]));
    adjusted[smallest] = floor_p;
  }
}

/* ---------------------------------------------------------------- the bootstrap over users */

typedef struct ranked { /* an event in the order of one model's logits */
  float logit, label;
  uint32_t user;
} ranked;

typedef struct place { /* the same once sorted: what a replicate reads */
  float label;
  unsigned user : 31, tied : 1; /* tied: its logit is that of the event before */
} place;

typedef struct bootstrap {
  const srope_user_outcomes *outcomes;
  double *loss[2];         /* (n_users) summed over a user's events; 0 the model, 1 the baseline, as below */
  double *n_yes, *n_label; /* (n_users) sum and number of a user's labels */
  place *places[2];        /* (n_labels) lowest logit first */
  size_t n_labels;         /* that are not missing */
  uint32_t *weight;        /* (n_users) how often a user was drawn */
  double *ne, *auc;        /* (n_replicates) differences of the replicates that have a yes and a no */
} bootstrap;

static int compare_ranked(const void *left, const void *right) {
  float a = ((const ranked *)left)->logit, b = ((const ranked *)right)->logit;
  return (a > b) - (a < b);
}

static int compare_doubles(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static srope_status check_outcomes(const srope_user_outcomes *o, size_t n_replicates, srope_error *error) {
  if (n_replicates == 0) return srope_fail(error, SROPE_ERR_ARGUMENT, "n_replicates", "expected at least one");
  if (n_replicates > SROPE_BOOTSTRAP_MAX_REPLICATES)
    return srope_fail(error, SROPE_ERR_LIMIT, "n_replicates", "expected at most %d, found %zu",
                      SROPE_BOOTSTRAP_MAX_REPLICATES, n_replicates);
  if (o->n_users > SROPE_BOOTSTRAP_MAX_USERS || o->n > SIZE_MAX / 32) /* so that no size below overflows */
    return srope_fail(error, SROPE_ERR_LIMIT, "n_users", "expected at most %d users, found %zu with %zu events",
                      SROPE_BOOTSTRAP_MAX_USERS, o->n_users, o->n);
  if (o->user_begin[0] != 0 || o->user_begin[o->n_users] != o->n)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "user_begin", "expected 0 first and %zu last, found %zu and %zu", o->n,
                      o->user_begin[0], o->user_begin[o->n_users]);
  for (size_t u = 0; u < o->n_users; u++)
    if (o->user_begin[u] > o->user_begin[u + 1])
      return srope_fail(error, SROPE_ERR_ARGUMENT, "user_begin", "falls after user %zu", u);
  for (size_t i = 0; i < o->n; i++) {
    if (!srope_is_finite(o->logit[i]) || !srope_is_finite(o->baseline[i]))
      return srope_fail(error, SROPE_ERR_VALUE, NULL, "expected finite logits, found one that is not at event %zu", i);
    if (!isnan(o->label[i]) && !(o->label[i] >= 0 && o->label[i] <= 1))
      return srope_fail(error, SROPE_ERR_VALUE, NULL, "expected 0 to 1 as label %zu, found %g", i, o->label[i]);
  }
  return SROPE_OK;
}

/* log(1 + exp(-|z|)) + max(z, 0) - z·y, which overflows nowhere; beyond 40 the logarithm is below 5e-18. */
static double log_loss(double z, double label) {
  double size = fabs(z), soft = size < 40 ? srope_log1p64(srope_exp64(-size)) : 0;
  return soft + label * fmax(-z, 0) + (1 - label) * fmax(z, 0);
}

static void sum_users(bootstrap *b) {
  const srope_user_outcomes *o = b->outcomes;
  for (size_t u = 0; u < o->n_users; u++)
    for (size_t i = o->user_begin[u]; i < o->user_begin[u + 1]; i++) {
      if (isnan(o->label[i])) continue;
      b->n_label[u]++;
      b->n_yes[u] += o->label[i];
      b->loss[0][u] += log_loss(o->logit[i], o->label[i]);
      b->loss[1][u] += log_loss(o->baseline[i], o->label[i]);
      b->n_labels++;
    }
}

/* `sorted` (n) is scratch. */
static void rank_events(const srope_user_outcomes *o, const float *logit, ranked *sorted, place *places) {
  size_t n = 0;
  for (uint32_t u = 0; u < o->n_users; u++)
    for (size_t i = o->user_begin[u]; i < o->user_begin[u + 1]; i++)
      if (!isnan(o->label[i])) sorted[n++] = (ranked){logit[i], o->label[i], u};
  qsort(sorted, n, sizeof *sorted, compare_ranked);
  for (size_t i = 0; i < n; i++)
    places[i] = (place){.label = sorted[i].label,
                        .user = sorted[i].user & 0x7fffffffu,
                        .tied = i > 0 && sorted[i].logit == sorted[i - 1].logit};
}

/* Rank sum over groups of equal logits, every event counted as often as its user was drawn. */
static double measure_auc(const bootstrap *b, const place *places) {
  double pairs = 0, below = 0, yes = 0, group_yes = 0, group_no = 0;
  for (size_t i = 0; i <= b->n_labels; i++) {
    if (i == b->n_labels || !places[i].tied) { /* the group before this place is over */
      pairs += group_yes * (below + group_no / 2);
      below += group_no;
      yes += group_yes;
      group_yes = group_no = 0;
      if (i == b->n_labels) break;
    }
    double weight = b->weight[places[i].user], label = places[i].label;
    group_yes += weight * label;
    group_no += weight * (1 - label);
  }
  return pairs / (yes * below);
}

/* The differences for the users as they are weighted now; false where they have no yes or no no. */
static int measure_differences(const bootstrap *b, double *ne, double *auc) {
  double n = 0, yes = 0, loss[2] = {0, 0};
  for (size_t u = 0; u < b->outcomes->n_users; u++) {
    double weight = b->weight[u];
    n += weight * b->n_label[u];
    yes += weight * b->n_yes[u];
    loss[0] += weight * b->loss[0][u];
    loss[1] += weight * b->loss[1][u];
  }
  if (!(yes > 0 && yes < n)) return 0;
  double entropy = -(yes * srope_log64(yes / n) + (n - yes) * srope_log64((n - yes) / n)); /* summed, as losses are */
  *ne = (loss[0] - loss[1]) / entropy;
  *auc = measure_auc(b, b->places[0]) - measure_auc(b, b->places[1]);
  return 1;
}

/* One stream per replicate, so that a replicate does not depend on how many there are. */
static void draw_users(bootstrap *b, uint64_t seed, uint64_t replicate) {
  size_t n_users = b->outcomes->n_users;
  srope_rng rng;
  srope_rng_seed(&rng, seed, replicate);
  for (size_t u = 0; u < n_users; u++) b->weight[u] = 0;
  for (size_t u = 0; u < n_users; u++) b->weight[srope_rng_below(&rng, (uint32_t)n_users)]++;
}

/* Of sorted x (n), n > 0: linear between the neighbours of place q (n - 1). */
static double read_quantile(const double *x, size_t n, double q) {
  double at = q * (double)(n - 1);
  size_t i = (size_t)floor(at);
  return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[n - 1];
}

static void read_interval(double *differences, size_t n, srope_interval *out) {
  size_t not_above = 0, not_below = 0;
  qsort(differences, n, sizeof *differences, compare_doubles);
  for (size_t i = 0; i < n; i++) {
    not_above += differences[i] <= 0;
    not_below += differences[i] >= 0;
  }
  out->low = read_quantile(differences, n, 0.025);
  out->high = read_quantile(differences, n, 0.975);
  double rarer = (double)(not_above < not_below ? not_above : not_below);
  out->p = fmin(1, 2 * (rarer + 1) / (double)(n + 1));
}

static void run_bootstrap(bootstrap *b, size_t n_replicates, uint64_t seed, srope_bootstrap *out) {
  const srope_interval nothing = {NAN, NAN, NAN, NAN};
  *out = (srope_bootstrap){.ne = nothing, .auc = nothing, .n_replicates = n_replicates};
  for (size_t u = 0; u < b->outcomes->n_users; u++) b->weight[u] = 1;
  if (!measure_differences(b, &out->ne.difference, &out->auc.difference) || b->outcomes->n_users < 2) return;
  for (size_t r = 0; r < n_replicates; r++) {
    draw_users(b, seed, r);
    out->n_defined += (size_t)measure_differences(b, b->ne + out->n_defined, b->auc + out->n_defined);
  }
  if (out->n_defined == 0) return;
  read_interval(b->ne, out->n_defined, &out->ne);
  read_interval(b->auc, out->n_defined, &out->auc);
}

srope_status srope_statistics_bootstrap(const srope_user_outcomes *outcomes, size_t n_replicates, uint64_t seed,
                                        srope_bootstrap *out, srope_error *error) {
  srope_status status = check_outcomes(outcomes, n_replicates, error);
  if (status != SROPE_OK) return status;
  size_t n = outcomes->n, n_users = outcomes->n_users;
  ranked *sorted = malloc(n * sizeof *sorted + 1);
  place *places = malloc(2 * n * sizeof *places + 1);
  double *sums = calloc(4 * n_users + 2 * n_replicates, sizeof *sums);
  uint32_t *weight = calloc(n_users + 1, sizeof *weight);
  if (sorted != NULL && places != NULL && sums != NULL && weight != NULL) {
    bootstrap b = {.outcomes = outcomes,
                   .loss = {sums, sums + n_users},
                   .n_yes = sums + 2 * n_users,
                   .n_label = sums + 3 * n_users,
                   .places = {places, places + n},
                   .weight = weight,
                   .ne = sums + 4 * n_users,
                   .auc = sums + 4 * n_users + n_replicates};
    sum_users(&b);
    rank_events(outcomes, outcomes->logit, sorted, b.places[0]);
    rank_events(outcomes, outcomes->baseline, sorted, b.places[1]);
    run_bootstrap(&b, n_replicates, seed, out);
  } else {
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to resample %zu events of %zu users", n, n_users);
  }
  free(sorted);
  free(places);
  free(sums);
  free(weight);
  return status;
}
