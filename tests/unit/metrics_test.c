/* metrics_test.c: the metrics of train/metrics.h on cases small enough to work out: missing, soft and one-sided labels. */
#include "files.h"

#include <math.h>

#include "train/metrics.h"

enum { N = 6 };
static const float logits[N] = {-2, -1, 0, 0, 1, 3};

static void check_near(double found, double expected, const char *what) {
  if (!(fabs(found - expected) < 1e-12)) fail_msg("%s is %.15g, not %.15g", what, found, expected);
}

static double log_loss(double z, double y) { return log1p(exp(-fabs(z))) + fmax(z, 0) - z * y; }

static void test_hard_labels(void **state) {
  (void)state;
  const float labels[N] = {0, 0, 1, 0, 0, 1};
  srope_metrics m;
  double loss = 0;
  for (int i = 0; i < N; i++) loss += log_loss((double)logits[i], (double)labels[i]);
  assert_int_equal(srope_metrics_compute(logits, labels, N, &m, NULL), SROPE_OK);
  assert_int_equal(m.n, N);
  check_near(m.base_rate, 1.0 / 3, "base rate");
  check_near(m.auc, (2 + 0.5 + 4) / 8, "AUC"); /* pairs: 0 beats -2, -1, ties 0, loses to 1; 3 beats all four */
  check_near(m.ne, loss / N / -(log(1.0 / 3) / 3 + 2 * log(2.0 / 3) / 3), "NE");
}

static void test_missing_labels_are_left_out(void **state) {
  (void)state;
  const float labels[N] = {0, NAN, 1, 0, 0, 1};
  const float kept_logits[] = {-2, 0, 0, 1, 3}, kept_labels[] = {0, 1, 0, 0, 1};
  srope_metrics m, expected;
  assert_int_equal(srope_metrics_compute(logits, labels, N, &m, NULL), SROPE_OK);
  assert_int_equal(srope_metrics_compute(kept_logits, kept_labels, N - 1, &expected, NULL), SROPE_OK);
  assert_memory_equal(&m, &expected, sizeof m);
  assert_int_equal(m.n, N - 1);
}

/* A label of 1/4 is one yes and three noes of the same logit: nothing that is measured can tell them apart. */
static void test_soft_labels_weigh_as_fractions(void **state) {
  (void)state;
  const float labels[N] = {0.25f, 0, 1, 0.5f, 0.75f, 1};
  float many_logits[4 * N], many_labels[4 * N];
  srope_metrics m, expected;
  for (int i = 0; i < 4 * N; i++) {
    many_logits[i] = logits[i / 4];
    many_labels[i] = (float)(i % 4) < 4 * labels[i / 4] ? 1 : 0;
  }
  assert_int_equal(srope_metrics_compute(logits, labels, N, &m, NULL), SROPE_OK);
  assert_int_equal(srope_metrics_compute(many_logits, many_labels, 4 * N, &expected, NULL), SROPE_OK);
  check_near(m.base_rate, expected.base_rate, "base rate");
  check_near(m.ne, expected.ne, "NE");
  check_near(m.auc, expected.auc, "AUC");
  check_near(m.ece, expected.ece, "ECE");
}

static void test_what_is_not_defined_is_nan(void **state) {
  (void)state;
  const float none[N] = {NAN, NAN, NAN, NAN, NAN, NAN}, all[N] = {1, 1, 1, 1, NAN, 1}, zero[N] = {0};
  srope_metrics m;
  assert_int_equal(srope_metrics_compute(logits, none, N, &m, NULL), SROPE_OK);
  assert_true(m.n == 0 && isnan(m.base_rate) && isnan(m.ne) && isnan(m.auc) && isnan(m.ece));
  assert_int_equal(srope_metrics_compute(logits, all, N, &m, NULL), SROPE_OK);
  assert_true(m.n == 5 && m.base_rate == 1 && isnan(m.ne) && isnan(m.auc) && m.ece > 0);
  assert_int_equal(srope_metrics_compute(logits, zero, N, &m, NULL), SROPE_OK);
  assert_true(m.base_rate == 0 && isnan(m.ne) && isnan(m.auc));
  assert_int_equal(srope_metrics_compute(logits, zero, 0, &m, NULL), SROPE_OK);
  assert_true(m.n == 0 && isnan(m.auc));
}

static void test_a_nan_logit_is_an_error(void **state) {
  (void)state;
  const float bad[2] = {0, NAN}, labels[2] = {1, NAN};
  srope_metrics m = {.n = 77};
  srope_error error;
  assert_int_equal(srope_metrics_compute(bad, labels, 2, &m, &error), SROPE_ERR_VALUE);
  assert_string_equal(error.message, "expected a number as logit 1, found NaN");
  assert_int_equal(m.n, 77);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hard_labels),
      cmocka_unit_test(test_missing_labels_are_left_out),
      cmocka_unit_test(test_soft_labels_weigh_as_fractions),
      cmocka_unit_test(test_what_is_not_defined_is_nan),
      cmocka_unit_test(test_a_nan_logit_is_an_error),
  };
  return cmocka_run_group_tests_name("unit_metrics", tests, NULL, NULL);
}
