/* rank_test.c: probabilities against libm, and the order of a feed against a naive stable sort: ties, limits, negative
 * weights. */
#include "property/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_probabilities(fixture *f) {
  enum { N = 37 };
  size_t n = N * f->info->n_tasks;
  float *logits = calloc(n, sizeof *logits), *p = calloc(n, sizeof *p);
  for (size_t i = 0; i < n; i++) logits[i] = (float)random_between(&f->random, -1, 1) * (i % 3 == 0 ? 100 : 5);
  srope_probabilities(f->model, logits, N, p);
  for (size_t i = 0; i < n; i++) {
    double expected = 1 / (1 + exp(-(double)logits[i]));
    assert_true(fabs(p[i] - expected) <= 1e-37 + 1e-6 * expected);
    assert_true(p[i] >= 0 && p[i] <= 1);
  }
  srope_probabilities(f->model, logits, N, logits); /* in place */
  assert_memory_equal(logits, p, n * sizeof *p);
  free(logits);
  free(p);
}

typedef struct place { /* what the naive sort sorts */
  uint32_t index;
  double score;
} place;

static int by_score_then_index(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

static void check_order(fixture *f, size_t n, size_t limit, const double *weights, int levels) {
  size_t t = f->info->n_tasks, expected_n = limit && limit < n ? limit : n, n_out = 12345;
  float *p = malloc((n * t + 1) * sizeof *p);
  place *expected = malloc((n + 1) * sizeof *expected);
  srope_ranked *out = malloc((expected_n ? expected_n : 1) * sizeof *out); /* exactly as many as are asked for */
  const double *used = weights ? weights : srope_model_score_weights(f->model);
  for (size_t i = 0; i < n; i++) {
    expected[i] = (place){(uint32_t)i, 0};
    for (size_t j = 0; j < t; j++) {
      p[i * t + j] = (float)random_below(&f->random, (size_t)levels) / (float)levels; /* few levels: many ties */
      expected[i].score += used[j] * (double)p[i * t + j];
    }
  }
  qsort(expected, n, sizeof *expected, by_score_then_index);
  srope_error error = {0};
  assert_ok(srope_rank(f->model, p, n, weights, limit, out, &n_out, &error), error);
  assert_int_equal(n_out, expected_n);
  for (size_t i = 0; i < n_out; i++) {
    assert_int_equal(out[i].index, expected[i].index);
    assert_true(out[i].score == expected[i].score);
  }
  free(p);
  free(expected);
  free(out);
}

static void test_order(fixture *f) {
  double weights[8], zeros[8] = {0};
  for (int i = 0; i < 40; i++) {
    for (int j = 0; j < 8; j++) weights[j] = random_below(&f->random, 3) ? random_between(&f->random, -2, 2) : 0;
    size_t n = random_below(&f->random, i < 30 ? 40 : 3000),
           limit = random_below(&f->random, 3) ? random_below(&f->random, n + 5) : 0;
    check_order(f, n, limit, random_below(&f->random, 4) ? weights : NULL, i % 2 ? 3 : 1000000);
  }
  check_order(f, 0, 0, NULL, 2);
  check_order(f, 1, 1, weights, 2);
  check_order(f, 500, 10, zeros, 1000); /* all tie: the request's order */
}

static void test_order_refused(fixture *f) {
  float p[8] = {0};
  double weights[8] = {0};
  srope_ranked out[1] = {{77, 7}};
  size_t n_out = 5;
  srope_error error = {0};
  static const double nothings[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; i++) {
    weights[f->info->n_tasks - 1] = nothings[i];
    assert_int_equal(srope_rank(f->model, p, 1, weights, 0, out, &n_out, &error), SROPE_ERR_VALUE);
    assert_true(out[0].index == 77 && out[0].score == 7 && n_out == 5);
  }
  assert_int_equal(srope_rank(NULL, p, 1, NULL, 0, out, &n_out, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_rank(f->model, NULL, 1, NULL, 0, out, &n_out, &error), SROPE_ERR_ARGUMENT);
}

int main(void) {
  static const fixture_test tests[] = {FIXTURE_TEST(test_probabilities), FIXTURE_TEST(test_order),
                                       FIXTURE_TEST(test_order_refused)};
  return fixture_run(tests, sizeof tests / sizeof *tests);
}
