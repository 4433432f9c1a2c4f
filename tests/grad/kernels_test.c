/* kernels_test.c: every kernel of training, for every instruction set of this machine, against plain loops in double
 * precision: sizes around every vector, panel and block, arrays that begin one float off any alignment, and what a
 * kernel adds to or leaves alone. Arrays are exactly as long as the kernels may touch, so that the sanitizers see
 * one float too many. Adam is compared with PyTorch's documented update. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden_list.h"
#include "kernels/gradient.h"
#include "kernels/kernels.h"
#include "property/random_model.h"

enum { OFF = 1 }; /* floats before an array: nothing may ask for more than a float's alignment */

static float *floats(size_t n) {
  float *block = malloc((n + OFF) * sizeof *block);
  assert_non_null(block);
  return block + OFF;
}
static void free_floats(float *x) { free(x - OFF); }

static float *random_floats(random_source *random, size_t n, double low, double high) {
  float *x = floats(n);
  for (size_t i = 0; i < n; i++) x[i] = (float)random_between(random, low, high);
  return x;
}

static float *copy_floats(const float *x, size_t n) {
  float *y = floats(n);
  memcpy(y, x, n * sizeof *y);
  return y;
}

static void assert_near(double found, double expected, double tolerance, const char *what, size_t n, size_t i) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%s of %zu, [%zu]: expected %.9g, found %.9g, tolerance %.2g", what, n, i, expected, found, tolerance);
}

static const srope_gradient_kernels *kernels_of(void **state) {
  if (!srope_kernels_find(*state)) {
    assert_string_not_equal(*state, "scalar");
    skip();
  }
  const srope_gradient_kernels *kernels = srope_gradient_kernels_find(*state);
  assert_non_null(kernels);
  assert_string_equal(kernels->isa, *state);
  return kernels;
}

/* ---------------------------------------------------------------- outer, column_sum */

typedef struct outer_case {
  size_t m, n_a, n_b, lda, ldb, ldc;
} outer_case;

static void check_outer(const srope_gradient_kernels *kernels, random_source *random, const outer_case *x) {
  size_t last = x->m ? x->m - 1 : 0, n_c = (x->n_a - 1) * x->ldc + x->n_b;
  float *a = random_floats(random, last * x->lda + x->n_a, -1, 1);
  float *b = random_floats(random, last * x->ldb + x->n_b, -1, 1);
  float *c = random_floats(random, n_c, -1, 1), *before = copy_floats(c, n_c);
  kernels->outer(a, x->lda, b, x->ldb, c, x->ldc, x->m, x->n_a, x->n_b);
  for (size_t i = 0; i < x->n_a; i++) {
    for (size_t j = 0; j < x->n_b; j++) {
      double sum = before[i * x->ldc + j], size = 1;
      for (size_t r = 0; r < x->m; r++) {
        double product = (double)a[r * x->lda + i] * b[r * x->ldb + j];
        sum += product;
        size += fabs(product);
      }
      assert_near(c[i * x->ldc + j], sum, 6e-8 * ((double)x->m + 2) * size, "outer", x->m, i * x->n_b + j);
    }
    if (i + 1 < x->n_a) /* what lies between rows stays */
      assert_memory_equal(c + i * x->ldc + x->n_b, before + i * x->ldc + x->n_b, (x->ldc - x->n_b) * sizeof *c);
  }
  free_floats(a);
  free_floats(b);
  free_floats(c);
  free_floats(before);
}

static void test_outer(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {21};
  static const size_t ms[] = {0, 1, 2, 3, 7, 64, 127, 128, 129, 130, 256, 300};
  static const size_t ns_a[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 70};
  static const size_t ns_b[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70};
  for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
    for (size_t j = 0; j < sizeof ns_a / sizeof *ns_a; j++)
      for (size_t k = 0; k < sizeof ns_b / sizeof *ns_b; k++) {
        outer_case x = {.m = ms[i], .n_a = ns_a[j], .n_b = ns_b[k]};
        x.lda = x.n_a + random_below(&random, 4);
        x.ldb = x.n_b + random_below(&random, 4);
        x.ldc = x.n_b + random_below(&random, 4);
        check_outer(kernels, &random, &x);
      }
}

static void test_column_sum(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {22};
  for (size_t m = 0; m <= 9; m++)
    for (size_t n = 1; n <= 70; n++) {
      float *x = random_floats(&random, m * n, -2, 2), *sum = random_floats(&random, n, -1, 1),
            *before = copy_floats(sum, n);
      kernels->column_sum(x, sum, m, n);
      for (size_t j = 0; j < n; j++) {
        double expected = before[j];
        for (size_t i = 0; i < m; i++) expected += x[i * n + j];
        assert_near(sum[j], expected, 1.2e-7 * (2 * (double)m + 1) * ((double)m + 1), "column_sum", n, j);
      }
      free_floats(x);
      free_floats(sum);
      free_floats(before);
    }
}

/* ---------------------------------------------------------------- activations */

static void test_silu_backward(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {23};
  static const double ranges[] = {1e-6, 1, 10, 90, 1e6};
  for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
    for (size_t n = 0; n <= 70; n++) {
      float *x = random_floats(&random, n, -ranges[r], ranges[r]), *dy = random_floats(&random, n, -2, 2),
            *dx = copy_floats(dy, n);
      kernels->silu_backward(x, dx, n);
      for (size_t i = 0; i < n; i++) {
        double s = 1 / (1 + exp(-(double)x[i])), slope = s + x[i] * s * (1 - s);
        /* 1 - s is off by 1.2e-7 until s is 1; exp stops at e^88 */
        double tolerance = 4e-7 + 1.2e-7 * fmin(fabs(x[i]), 17) + 1e-37 * ranges[r];
        assert_near(dx[i], dy[i] * slope, fabs(dy[i]) * tolerance, "silu_backward", n, i);
      }
      free_floats(x);
      free_floats(dy);
      free_floats(dx);
    }
}

static void test_relu_backward(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {24};
  for (size_t n = 0; n <= 70; n++) {
    float *y = random_floats(&random, n, -1, 1), *dy = random_floats(&random, n, -2, 2), *dx = copy_floats(dy, n);
    for (size_t i = 0; i < n; i++) y[i] = y[i] > 0 ? y[i] : 0; /* as it comes out of the forward pass */
    kernels->relu_backward(y, dx, n);
    for (size_t i = 0; i < n; i++) assert_true(dx[i] == (y[i] > 0 ? dy[i] : 0.0f));
    free_floats(y);
    free_floats(dy);
    free_floats(dx);
  }
}

/* The gradient of the function that the forward pass computes: sin of the float32 product. Rounding π/2 and its sum
 * costs an ulp of the argument while that is small; beyond SINE_LIMIT (8192) double precision takes over. */
static void check_sine_backward(const srope_gradient_kernels *kernels, random_source *random, size_t n, float omega,
                                double range, int n_large) {
  float *x = random_floats(random, n, -range, range), *dy = random_floats(random, n, -2, 2), *dx = copy_floats(dy, n);
  for (int i = 0; i < n_large && n; i++)
    x[random_below(random, n)] = (float)(random_between(random, 0.9, 1e3) * 8192 / omega * (i % 2 ? 1 : -1));
  kernels->sine_backward(x, dx, n, omega);
  for (size_t i = 0; i < n; i++) {
    double argument = (double)(omega * x[i]), ulp = fabs(argument) < 8192 ? 1.2e-7 * fabs(argument) : 0;
    assert_near(dx[i], dy[i] * omega * cos(argument), fabs((double)dy[i] * omega) * (6e-7 + ulp), "sine_backward", n,
                i);
  }
  free_floats(x);
  free_floats(dy);
  free_floats(dx);
}

static void test_sine_backward(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {25};
  static const float omegas[] = {1, 10, 30};
  static const double ranges[] = {1e-3, 1, 20, 200, 800, 1e4, 1e7};
  for (size_t n = 0; n <= 70; n++)
    for (size_t o = 0; o < 3; o++) {
      for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
        check_sine_backward(kernels, &random, n, omegas[o], ranges[r], 0);
      check_sine_backward(kernels, &random, n, omegas[o], 1, 1); /* one large among small ones */
      check_sine_backward(kernels, &random, n, omegas[o], 1, 5);
    }
}

/* ---------------------------------------------------------------- rows */

typedef struct norm_sums {
  double *dgain, *dbias, *size_gain, *size_bias;
} norm_sums;

/* One row, with what it adds to the sums. */
static void check_norm_row(const float *x, const float *gain, const float *dy, const float *before, const float *dx,
                           size_t d, norm_sums *sums) {
  double mean = 0, variance = 0, mean_g = 0, mean_gx = 0, largest = 0;
  for (size_t j = 0; j < d; j++) mean += x[j] / (double)d;
  for (size_t j = 0; j < d; j++) variance += pow(x[j] - mean, 2) / (double)d;
  double scale = 1 / sqrt(variance + 1e-5);
  for (size_t j = 0; j < d; j++) {
    double g = (double)dy[j] * gain[j], xhat = (x[j] - mean) * scale;
    mean_g += g / (double)d;
    mean_gx += g * xhat / (double)d;
    largest = fmax(largest, fabs(g) * fmax(1, fabs(xhat)));
    sums->dgain[j] += dy[j] * xhat;
    sums->size_gain[j] += fabs(dy[j] * xhat) + fabs((double)dy[j]) * 1e-3 * scale; /* x - mean is off by 1e-7 |x| */
    sums->dbias[j] += dy[j];
    sums->size_bias[j] += fabs((double)dy[j]);
  }
  for (size_t j = 0; j < d; j++) {
    double expected = before[j] + scale * ((double)dy[j] * gain[j] - mean_g - (x[j] - mean) * scale * mean_gx);
    assert_near(dx[j], expected, 5e-6 * scale * largest + 1e-6, "layer_norm_backward", d, j);
  }
}

static void test_layer_norm_backward(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {26};
  enum { M = 5 };
  for (size_t d = 1; d <= 140; d += d < 70 ? 1 : 7) {
    float *x = random_floats(&random, M * d, -2, 5), *gain = random_floats(&random, d, -2, 2),
          *dy = random_floats(&random, M * d, -1, 1), *dx = random_floats(&random, M * d, -1, 1);
    float *both = random_floats(&random, 2 * d, -1, 1), *dx_before = copy_floats(dx, M * d),
          *both_before = copy_floats(both, 2 * d);
    double *doubles = calloc(4 * d, sizeof *doubles);
    norm_sums sums = {doubles, doubles + d, doubles + 2 * d, doubles + 3 * d};
    kernels->layer_norm_backward(x, gain, dy, dx, both, both + d, M, d);
    for (size_t i = 0; i < M; i++) check_norm_row(x + i * d, gain, dy + i * d, dx_before + i * d, dx + i * d, d, &sums);
    for (size_t j = 0; j < d; j++) {
      assert_near(both[j], both_before[j] + sums.dgain[j], 1e-6 * (1 + sums.size_gain[j]), "dgain", d, j);
      assert_near(both[d + j], both_before[d + j] + sums.dbias[j], 1e-6 * (1 + sums.size_bias[j]), "dbias", d, j);
    }
    float *owned[] = {x, gain, dy, dx, both, dx_before, both_before};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free_floats(owned[i]);
    free(doubles);
  }
}

static void test_softmax_backward(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {27};
  for (size_t n = 0; n <= 200; n += n < 70 ? 1 : 13) {
    float *p = random_floats(&random, n, 0, 1), *dp = random_floats(&random, n, -3, 3);
    double total = 0, mean = 0;
    for (size_t i = 0; i < n; i++) total += i % 5 == 3 ? 0 : p[i];
    for (size_t i = 0; i < n; i++) p[i] = i % 5 == 3 ? 0 : (float)(p[i] / total); /* some are not seen */
    for (size_t i = 0; i < n; i++) mean += (double)p[i] * dp[i];
    float *ds = copy_floats(dp, n);
    kernels->softmax_backward(p, ds, n, 0.7f);
    for (size_t i = 0; i < n; i++)
      assert_near(ds[i], 0.7 * p[i] * (dp[i] - mean), 4e-6 * p[i], "softmax_backward", n, i);
    free_floats(p);
    free_floats(dp);
    free_floats(ds);
  }
}

/* ---------------------------------------------------------------- the optimizer */

static void test_sum_squares(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {28};
  for (size_t n = 0; n <= 300; n++) {
    float *x = random_floats(&random, n, -1e15, 1e15); /* their squares leave float32 */
    double expected = 0;
    for (size_t i = 0; i < n; i++) expected += (double)x[i] * x[i];
    assert_near(kernels->sum_squares(x, n), expected, 1e-13 * expected, "sum_squares", n, 0);
    free_floats(x);
  }
}

typedef struct adam_case {
  double rate, decay, l2, beta1, beta2, eps, scale;
} adam_case;

typedef struct adam_state { /* of one number, in double precision */
  double value, first, second;
} adam_state;

/* PyTorch's documented algorithms: torch.optim.AdamW with weight_decay = decay, torch.optim.Adam with weight_decay =
 * l2. */
static void step_naive(const adam_case *c, int t, double gradient, adam_state *s) {
  double g = gradient * c->scale + c->l2 * s->value;
  s->value -= c->rate * c->decay * s->value;
  s->first = c->beta1 * s->first + (1 - c->beta1) * g;
  s->second = c->beta2 * s->second + (1 - c->beta2) * g * g;
  double first_hat = s->first / (1 - pow(c->beta1, t)), second_hat = s->second / (1 - pow(c->beta2, t));
  s->value -= c->rate * first_hat / (sqrt(second_hat) + c->eps);
}

static srope_adam adam_step(const adam_case *c, int t) {
  return (srope_adam){.rate = (float)(c->rate / (1 - pow(c->beta1, t))),
                      .keep = (float)(1 - c->rate * c->decay),
                      .l2 = (float)c->l2,
                      .beta1 = (float)c->beta1,
                      .beta2 = (float)c->beta2,
                      .rest1 = (float)(1 - c->beta1),
                      .rest2 = (float)(1 - c->beta2),
                      .eps = (float)c->eps,
                      .inverse_root = (float)(1 / sqrt(1 - pow(c->beta2, t))),
                      .scale = (float)c->scale};
}

/* Gradients of at least a tenth of their range: where they cancel in the first moment, float32's rounding of it is
 * its own affair. Every step is taken from the same state, so that what is compared is one step. */
static void check_adam(const srope_gradient_kernels *kernels, random_source *random, size_t n, const adam_case *c) {
  float *value = random_floats(random, n, -1, 1), *first = floats(n), *second = floats(n);
  for (size_t i = 0; i < n; i++) first[i] = second[i] = 0;
  for (int t = 1; t <= 20; t++) {
    float *gradient = random_floats(random, n, 0.1, 1), *before = copy_floats(gradient, n);
    adam_state *expected = malloc((n + 1) * sizeof *expected);
    srope_adam step = adam_step(c, t);
    for (size_t i = 0; i < n; i++) {
      before[i] = gradient[i] *= i % 2 ? 1 : -1;
      expected[i] = (adam_state){value[i], first[i], second[i]};
      step_naive(c, t, gradient[i], &expected[i]);
    }
    kernels->adam(value, gradient, first, second, n, &step);
    for (size_t i = 0; i < n; i++) {
      adam_state e = expected[i];
      assert_near(first[i], e.first, 5e-7 * (fabs(e.first) + fabs(gradient[i] * c->scale)), "adam first", n, i);
      assert_near(second[i], e.second, 1e-6 * e.second, "adam second", n, i);
      assert_near(value[i], e.value, 1.2e-7 * fabs(e.value) + 4e-6 * c->rate, "adam value", n, i);
    }
    assert_memory_equal(gradient, before, n * sizeof *gradient);
    free_floats(gradient);
    free_floats(before);
    free(expected);
  }
  free_floats(value);
  free_floats(first);
  free_floats(second);
}

static void test_adam(void **state) {
  const srope_gradient_kernels *kernels = kernels_of(state);
  random_source random = {29};
  static const adam_case cases[] = {{1e-3, 0, 0, 0.9, 0.999, 1e-8, 1},
                                    {1e-2, 0.01, 0, 0.9, 0.999, 1e-8, 1},
                                    {1e-3, 0, 0.02, 0.9, 0.999, 1e-8, 1},
                                    {0.1, 0.3, 0, 0.8, 0.95, 1e-3, 0.125},
                                    {1e-3, 0, 1e-3, 0.9, 0.98, 1e-6, 1 / 48.0}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (size_t n = 0; n <= 70; n++) check_adam(kernels, &random, n, &cases[c]);
}

int main(void) {
  static const struct CMUnitTest per_isa[] = {
      cmocka_unit_test(test_outer),
      cmocka_unit_test(test_column_sum),
      cmocka_unit_test(test_silu_backward),
      cmocka_unit_test(test_relu_backward),
      cmocka_unit_test(test_sine_backward),
      cmocka_unit_test(test_layer_norm_backward),
      cmocka_unit_test(test_softmax_backward),
      cmocka_unit_test(test_sum_squares),
      cmocka_unit_test(test_adam),
  };
  enum { N_PER_ISA = sizeof per_isa / sizeof *per_isa, N = GOLDEN_ISA_COUNT * N_PER_ISA };
  static struct CMUnitTest tests[N];
  static char names[N][64];
  for (size_t i = 0; i < N; i++) {
    const char *isa = golden_isas[i / N_PER_ISA];
    snprintf(names[i], sizeof names[i], "%s %s", per_isa[i % N_PER_ISA].name, isa);
    tests[i] = per_isa[i % N_PER_ISA];
    tests[i].name = names[i];
    tests[i].initial_state = (void *)isa;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
