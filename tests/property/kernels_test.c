/* kernels_test.c: every kernel of every instruction set against plain loops in double precision, for sizes around every
 * vector and panel width; rows and elements alone equal those together, to the bit. And base/math64 against libm's long
 * doubles. Buffers are exactly as long as the kernels may touch, so that the sanitizers see one float too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/math64.h"
#include "golden/golden_list.h"
#include "kernels/kernels.h"
#include "property/random_model.h"

static float *random_floats(random_source *random, size_t n, double low, double high) {
  float *x = malloc((n ? n : 1) * sizeof *x);
  assert_non_null(x);
  for (size_t i = 0; i < n; i++) x[i] = (float)random_between(random, low, high);
  return x;
}

static float *copy_floats(const float *x, size_t n) {
  float *y = malloc((n ? n : 1) * sizeof *y);
  assert_non_null(y);
  memcpy(y, x, n * sizeof *y);
  return y;
}

static void assert_near(double found, double expected, double tolerance, const char *what, size_t n, size_t i) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%s of %zu, [%zu]: expected %.9g, found %.9g", what, n, i, expected, found);
}

static const srope_kernels *kernels_of(void **state) {
  const srope_kernels *kernels = srope_kernels_find(*state);
  if (!kernels && strcmp(*state, "scalar") != 0) skip();
  assert_non_null(kernels);
  assert_string_equal(kernels->isa, *state);
  return kernels;
}

/* ---------------------------------------------------------------- matmul */

typedef struct matmul_case {
  size_t m, n, k, lda, ldc, stride;
  int has_bias;
} matmul_case;

static void check_matmul(const srope_kernels *kernels, random_source *random, const matmul_case *x) {
  uint32_t nr = kernels->nr;
  size_t n_padded = srope_padded_size(nr, x->n), n_panels = n_padded / nr, n_b = (n_panels - 1) * x->stride + x->k * nr;
  float *a = random_floats(random, (x->m - 1) * x->lda + x->k, -1, 1), *w = random_floats(random, x->n * x->k, -1, 1);
  float *packed = malloc(srope_packed_size(nr, x->n, x->k) * sizeof *packed), *b = calloc(n_b, sizeof *b);
  float *bias = calloc(n_padded, sizeof *bias), *row = malloc(x->n * sizeof *row);
  size_t n_c = (x->m - 1) * x->ldc + x->n;
  float *c = random_floats(random, n_c, -1, 1), *before = copy_floats(c, n_c);
  for (size_t j = 0; j < x->n; j++) bias[j] = (float)random_between(random, -1, 1);
  const float *bias_or_null = x->has_bias ? bias : NULL;
  srope_pack(nr, w, x->n, x->k, packed);
  for (size_t p = 0; p < n_panels; p++) memcpy(b + p * x->stride, packed + p * x->k * nr, x->k * nr * sizeof *b);

  kernels->matmul(a, x->lda, b, x->stride, bias_or_null, c, x->ldc, x->m, x->n, x->k);
  for (size_t i = 0; i < x->m; i++) {
    for (size_t j = 0; j < x->n; j++) {
      double sum = x->has_bias ? bias[j] : 0, size = 1;
      for (size_t p = 0; p < x->k; p++) {
        sum += (double)a[i * x->lda + p] * w[j * x->k + p];
        size += fabs((double)a[i * x->lda + p] * w[j * x->k + p]);
      }
      assert_near(c[i * x->ldc + j], sum, 6e-8 * (double)(x->k + 1) * size, "matmul", x->n, j);
    }
    kernels->matmul(a + i * x->lda, x->lda, b, x->stride, bias_or_null, row, x->n, 1, x->n, x->k);
    assert_memory_equal(row, c + i * x->ldc, x->n * sizeof *row); /* a row alone is the row among others */
    if (i + 1 < x->m)                                             /* what lies between rows stays */
      assert_memory_equal(c + i * x->ldc + x->n, before + i * x->ldc + x->n, (x->ldc - x->n) * sizeof *c);
  }
  void *owned[] = {a, w, packed, b, bias, row, c, before};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static void test_matmul(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {1};
  static const size_t ns[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
  static const size_t ks[] = {1, 2, 3, 8, 16, 33, 128};
  for (size_t m = 1; m <= 19; m++)
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
      for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) {
        matmul_case x = {.m = m, .n = ns[i], .k = ks[j], .has_bias = (int)random_below(&random, 2)};
        x.lda = x.k + random_below(&random, 4);
        x.ldc = x.n + random_below(&random, 4);
        x.stride = x.k * kernels->nr + (random_below(&random, 2) ? kernels->nr * 3 : 0);
        check_matmul(kernels, &random, &x);
      }
}

static void test_pack(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {2};
  uint32_t nr = kernels->nr;
  assert_true(nr > 0);
  for (size_t n_out = 1; n_out <= 70; n_out += 3)
    for (size_t n_in = 1; n_in <= 20; n_in += 3) {
      size_t n = srope_packed_size(nr, n_out, n_in);
      assert_int_equal(n, (n_out + nr - 1) / nr * nr * n_in);
      assert_int_equal(srope_padded_size(nr, n_out), (n_out + nr - 1) / nr * nr);
      float *w = random_floats(&random, n_out * n_in, 1, 2), *packed = random_floats(&random, n, 1, 2);
      srope_pack(nr, w, n_out, n_in, packed);
      for (size_t i = 0; i < n; i++) {
        size_t out = i / (n_in * nr) * nr + i % nr, in = i / nr % n_in;
        assert_true(packed[i] == (out < n_out ? w[out * n_in + in] : 0.0f));
      }
      free(w);
      free(packed);
    }
}

/* ---------------------------------------------------------------- elements */

typedef void (*element_kernel)(const srope_kernels *kernels, float *x, size_t n);

static void run_relu(const srope_kernels *kernels, float *x, size_t n) { kernels->relu(x, n); }
static void run_silu(const srope_kernels *kernels, float *x, size_t n) { kernels->silu(x, n); }
static void run_sigmoid(const srope_kernels *kernels, float *x, size_t n) { kernels->sigmoid(x, x, n); }
static void run_sine(const srope_kernels *kernels, float *x, size_t n) { kernels->sine(x, n, 10.0f); }

static double relu(double x) { return x > 0 ? x : 0; }
static double silu(double x) { return x / (1 + exp(-x)); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double sine(double x) { return sin((double)(10.0f * (float)x)); } /* of the float it is asked for */

/* Every length 0..70, values within ±range; found within absolute + relative · |expected|; alone as together. */
static void check_elements(const srope_kernels *kernels, const char *what, element_kernel run, double (*naive)(double),
                           double range, double absolute, double relative) {
  random_source random = {3};
  for (size_t n = 0; n <= 70; n++) {
    float *x = random_floats(&random, n, -range, range), *y = copy_floats(x, n);
    run(kernels, y, n);
    for (size_t i = 0; i < n; i++) {
      double expected = naive(x[i]);
      assert_near(y[i], expected, absolute + relative * fabs(expected), what, n, i);
      float *alone = copy_floats(x + i, 1);
      run(kernels, alone, 1);
      assert_memory_equal(alone, y + i, sizeof *alone);
      free(alone);
    }
    free(x);
    free(y);
  }
}

static void test_elements(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  static const double ranges[] = {1e-6, 0.1, 1, 10, 80, 1e4, 1e30};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    double range = ranges[i];
    check_elements(kernels, "relu", run_relu, relu, range, 0, 0);
    check_elements(kernels, "silu", run_silu, silu, range, 1e-37 * fmax(range, 1), 1e-6); /* exp stops at 1e-38 */
    check_elements(kernels, "sigmoid", run_sigmoid, sigmoid, range, 1e-37, 1e-6);
    check_elements(kernels, "sine", run_sine, sine, range < 1e20 ? range : 1e7, 3e-7, 0);
  }
}

static void test_sigmoid_between_arrays(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {4};
  float *x = random_floats(&random, 37, -9, 9), *before = copy_floats(x, 37), *y = random_floats(&random, 37, 0, 1);
  kernels->sigmoid(x, y, 37);
  assert_memory_equal(x, before, 37 * sizeof *x);
  kernels->sigmoid(x, x, 37);
  assert_memory_equal(x, y, 37 * sizeof *x);
  free(x);
  free(before);
  free(y);
}

static void test_add(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {5};
  for (size_t n = 0; n <= 70; n++) {
    float *x = random_floats(&random, n, -3, 3), *y = random_floats(&random, n, -3, 3),
          *z = random_floats(&random, n, -3, 3);
    float *scaled = copy_floats(x, n);
    kernels->add(x, y, z, n);
    kernels->add_scaled(scaled, y, 0.3f, n);
    for (size_t i = 0; i < n; i++) {
      assert_true(z[i] == x[i] + y[i]);
      assert_near(scaled[i], x[i] + (double)0.3f * y[i], 4e-7, "add_scaled", n, i);
      float alone = x[i];
      kernels->add_scaled(&alone, y + i, 0.3f, 1);
      assert_memory_equal(&alone, scaled + i, sizeof alone);
    }
    free(x);
    free(y);
    free(z);
    free(scaled);
  }
}

/* ---------------------------------------------------------------- rows */

static void test_layer_norm(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {6};
  enum { M = 3 };
  for (size_t d = 1; d <= 140; d += d < 70 ? 1 : 7) {
    float *x = random_floats(&random, M * d, -2, 5), *gain = random_floats(&random, d, -2, 2),
          *bias = random_floats(&random, d, -2, 2);
    float *y = random_floats(&random, M * d, 0, 1), *row = random_floats(&random, d, 0, 1);
    kernels->layer_norm(x, gain, bias, y, M, d);
    for (size_t i = 0; i < M; i++) {
      double mean = 0, variance = 0;
      for (size_t j = 0; j < d; j++) mean += x[i * d + j] / (double)d;
      for (size_t j = 0; j < d; j++) variance += pow(x[i * d + j] - mean, 2) / (double)d;
      for (size_t j = 0; j < d; j++)
        assert_near(y[i * d + j], (x[i * d + j] - mean) / sqrt(variance + 1e-5) * gain[j] + bias[j],
                    d == 1 ? 1e-3 : 2e-5, "layer_norm", d, j);
      kernels->layer_norm(x + i * d, gain, bias, row, 1, d);
      assert_memory_equal(row, y + i * d, d * sizeof *row);
    }
    void *owned[] = {x, gain, bias, y, row};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  }
}

/* n numbers in a buffer of n_padded, whose rest is rubbish */
static void check_softmax(const srope_kernels *kernels, random_source *random, size_t n, size_t n_padded,
                          double range) {
  const float scale = 0.7f;
  float *x = random_floats(random, n_padded, -range, range), *y = copy_floats(x, n_padded);
  for (size_t i = n; i < n_padded; i++) y[i] = 1e30f;
  kernels->softmax(y, n, n_padded, scale);
  double largest = -INFINITY, total = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, (double)scale * x[i]);
  for (size_t i = 0; i < n; i++) total += exp((double)scale * x[i] - largest);
  for (size_t i = 0; i < n; i++) {
    double expected = exp((double)scale * x[i] - largest) / total;
    assert_near(y[i], expected, 1e-36 + (1e-6 + 2e-7 * range) * expected, "softmax", n, i);
  }
  for (size_t i = n; i < n_padded; i++) assert_true(y[i] == 0.0f);
  free(x);
  free(y);
}

static void test_softmax(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {7};
  for (size_t n = 1; n <= 200; n += n < 70 ? 1 : 13)
    for (int extra = 0; extra < 2; extra++) {
      size_t n_padded = srope_padded_size(kernels->nr, n) + (size_t)extra * kernels->nr;
      check_softmax(kernels, &random, n, n_padded, 0.1);
      check_softmax(kernels, &random, n, n_padded, 20);
      check_softmax(kernels, &random, n, n_padded, 1e4);
    }
}

/* More padding (a cache that has grown) must not change a bit. */
static void test_softmax_padding(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {8};
  for (size_t n = 1; n <= 100; n++) {
    size_t small = srope_padded_size(kernels->nr, n), large = small + 3 * kernels->nr;
    float *x = random_floats(&random, large, -5, 5), *y = copy_floats(x, small);
    kernels->softmax(x, n, large, 0.9f);
    kernels->softmax(y, n, small, 0.9f);
    assert_memory_equal(x, y, n * sizeof *x);
    free(x);
    free(y);
  }
}

static void test_rotate(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {9};
  for (size_t n_heads = 1; n_heads <= 5; n_heads++)
    for (size_t k = 2; k <= 40; k += 2) {
      float *x = random_floats(&random, n_heads * k, -2, 2), *y = copy_floats(x, n_heads * k);
      float *cosine = random_floats(&random, k, 0, 1), *turn = random_floats(&random, k, 0, 1);
      double theta[20];
      for (size_t j = 0; j < k / 2; j++) {
        theta[j] = random_between(&random, -30, 30);
        cosine[2 * j] = cosine[2 * j + 1] = (float)cos(theta[j]);
        turn[2 * j + 1] = (float)sin(theta[j]);
        turn[2 * j] = -turn[2 * j + 1];
      }
      kernels->rotate(y, cosine, turn, n_heads, k);
      for (size_t i = 0; i < n_heads * k; i += 2) {
        double c = cos(theta[i % k / 2]), s = sin(theta[i % k / 2]);
        assert_near(y[i], x[i] * c - x[i + 1] * s, 5e-7, "rotate", k, i);
        assert_near(y[i + 1], x[i] * s + x[i + 1] * c, 5e-7, "rotate", k, i + 1);
      }
      void *owned[] = {x, y, cosine, turn};
      for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    }
}

static void test_find(void **state) {
  (void)state;
  assert_null(srope_kernels_find("no such instruction set"));
  assert_null(srope_kernels_find(""));
  assert_non_null(srope_kernels_find(NULL));
}

/* ---------------------------------------------------------------- math64 */

static void test_exp64(void **state) {
  (void)state;
  random_source random = {10};
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = random_between(&random, -700, 700) * (i % 2 ? 1 : 1e-3);
    worst = fmax(worst, (double)fabsl(srope_exp64(x) / expl(x) - 1));
  }
  print_message("  exp64: relative error %.1e\n", worst);
  assert_true(worst < 4e-16);
  assert_true(srope_exp64(0) == 1);
  assert_true(isnan(srope_exp64(NAN)));
}

static void test_log64(void **state) {
  (void)state;
  random_source random = {11};
  double worst = 0, worst_1p = 0;
  for (int i = 0; i < 400000; i++) {
    double x = exp(random_between(&random, -700, 700) * (i % 2 ? 1 : 1e-3));
    long double expected = logl(x);
    worst = fmax(worst, (double)(fabsl(srope_log64(x) - expected) / fmaxl(1, fabsl(expected))));
    x = exp(random_between(&random, -100, 100));
    worst_1p = fmax(worst_1p, (double)fabsl(srope_log1p64(x) / log1pl(x) - 1));
  }
  print_message("  log64: error %.1e, log1p64: relative error %.1e\n", worst, worst_1p);
  assert_true(worst < 4e-16);
  assert_true(worst_1p < 1e-15);
  assert_true(srope_log64(1) == 0);
  assert_true(srope_log1p64(0) == 0);
}

static void test_sincos64(void **state) {
  (void)state;
  random_source random = {12};
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = random_between(&random, -1, 1) * pow(10, random_between(&random, -3, 9)), s, c;
    srope_sincos64(x, &s, &c);
    double bound = 2e-15 + 1.2e-16 * fabs(x);
    double error = fmax((double)fabsl(s - sinl(x)), (double)fabsl(c - cosl(x)));
    worst = fmax(worst, error / bound);
  }
  print_message("  sincos64: error over the stated bound %.2f\n", worst);
  assert_true(worst <= 1);
  for (int e = 10; e < 300; e++) { /* far beyond: reduced with fmod, still on the circle */
    double x = pow(10, e), s, c;
    srope_sincos64(-x, &s, &c);
    assert_near(s * s + c * c, 1, 1e-12, "sincos64", 0, (size_t)e);
  }
  static const double nothings[] = {NAN, INFINITY, -INFINITY}; /* what an overflowed network gives */
  for (int i = 0; i < 3; i++) {
    double s = 0, c = 0;
    srope_sincos64(nothings[i], &s, &c);
    assert_true(isnan(s) && isnan(c));
  }
}

int main(void) {
  static const struct CMUnitTest per_isa[] = {
      cmocka_unit_test(test_pack),     cmocka_unit_test(test_matmul),
      cmocka_unit_test(test_elements), cmocka_unit_test(test_sigmoid_between_arrays),
      cmocka_unit_test(test_add),      cmocka_unit_test(test_layer_norm),
      cmocka_unit_test(test_softmax),  cmocka_unit_test(test_softmax_padding),
      cmocka_unit_test(test_rotate),
  };
  enum { N_PER_ISA = sizeof per_isa / sizeof *per_isa };
  static struct CMUnitTest tests[GOLDEN_ISA_COUNT * N_PER_ISA + 4] = {
      cmocka_unit_test(test_find), cmocka_unit_test(test_exp64), cmocka_unit_test(test_log64),
      cmocka_unit_test(test_sincos64)};
  static char names[GOLDEN_ISA_COUNT * N_PER_ISA][64];
  for (size_t i = 0; i < GOLDEN_ISA_COUNT * N_PER_ISA; i++) {
    const char *isa = golden_isas[i / N_PER_ISA];
    snprintf(names[i], sizeof names[i], "%s %s", per_isa[i % N_PER_ISA].name, isa);
    tests[4 + i] = per_isa[i % N_PER_ISA];
    tests[4 + i].name = names[i];
    tests[4 + i].initial_state = (void *)isa;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
