/* rng_test.c: base/rng: the generator's published numbers, streams, and that what is drawn is distributed as promised. */
#include "files.h"

#include <math.h>

#include "base/rng.h"

enum { MANY = 200000 };

/* The first numbers from the state 1, 2, 3, 4, as the test of the crate rand_xoshiro has them from the authors' C. */
static void test_published_numbers(void **state) {
  (void)state;
  static const uint64_t expected[] = {41943041u, 58720359u, 3588806011781223u, 3591011842654386u, 9228616714210784205u};
  srope_rng rng = {{1, 2, 3, 4}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) assert_true(srope_rng_next(&rng) == expected[i]);
}

static void test_streams_differ(void **state) {
  (void)state;
  srope_rng a, b;
  srope_rng_seed(&a, 5, 9);
  srope_rng_seed(&b, 5, 9);
  for (int i = 0; i < 100; i++) assert_true(srope_rng_next(&a) == srope_rng_next(&b));
  for (uint64_t seed = 0; seed < 4; seed++)
    for (uint64_t stream = 0; stream < 100; stream++) {
      if (seed == 2 && stream == 7) continue;
      srope_rng_seed(&a, 2, 7);
      srope_rng_seed(&b, seed, stream);
      assert_true(srope_rng_next(&a) != srope_rng_next(&b));
    }
}

/* Means and variances within five of their standard errors. */
static void test_distributions(void **state) {
  (void)state;
  static const struct {
    double (*draw)(srope_rng *);
    double mean, variance, fourth; /* the fourth central moment, for the variance's error */
  } cases[] = {
      {srope_rng_uniform, 0.5, 1 / 12.0, 1 / 80.0}, {srope_rng_normal, 0, 1, 3}, {srope_rng_exponential, 1, 1, 9}};
  srope_rng rng;
  srope_rng_seed(&rng, 1, 0);
  for (int i = 0; i < 3; i++) {
    double sum = 0, squares = 0;
    for (int j = 0; j < MANY; j++) {
      double x = cases[i].draw(&rng) - cases[i].mean;
      assert_true(isfinite(x));
      sum += x;
      squares += x * x;
    }
    assert_true(fabs(sum / MANY) < 5 * sqrt(cases[i].variance / MANY));
    double error = sqrt((cases[i].fourth - cases[i].variance * cases[i].variance) / MANY);
    assert_true(fabs(squares / MANY - cases[i].variance) < 5 * error);
  }
}

static void test_below_is_fair(void **state) {
  (void)state;
  static const uint32_t bounds[] = {1, 2, 7, 3000000000u};
  srope_rng rng;
  srope_rng_seed(&rng, 3, 0);
  for (int i = 0; i < 4; i++) {
    int counts[7] = {0};
    for (int j = 0; j < MANY; j++) {
      uint32_t x = srope_rng_below(&rng, bounds[i]);
      assert_true(x < bounds[i]);
      counts[bounds[i] <= 7 ? x : x / 428571429u]++; /* a seventh of 3e9 */
    }
    int n = bounds[i] <= 7 ? (int)bounds[i] : 7;
    for (int j = 0; j < n; j++) assert_true(fabs(counts[j] - (double)MANY / n) < 5 * sqrt((double)MANY / n));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_numbers),
      cmocka_unit_test(test_streams_differ),
      cmocka_unit_test(test_distributions),
      cmocka_unit_test(test_below_is_fair),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
