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

/* ---------------------------------------------------------------- int8 */

static int8_t *random_bytes(random_source *random, size_t n, int most) {
  int8_t *w = malloc(n);
  assert_non_null(w);
  for (size_t i = 0; i < n; i++) w[i] = (int8_t)((int)random_below(random, (size_t)(2 * most + 1)) - most);
  return w;
}

static int quantum_at(const srope_kernels *kernels, const void *quanta, size_t i) {
  return kernels->quantum_bytes == 1 ? ((const uint8_t *)quanta)[i] : ((const int16_t *)quanta)[i];
}

/* The row's quanta must be what a float of whole numbers says, within half a step, and the same on every set. */
static void check_quantize(const srope_kernels *kernels, const srope_kernels *oracle, const float *x, size_t m,
                           size_t k) {
  size_t stride = srope_quanta_stride(kernels, k), oracle_stride = srope_quanta_stride(oracle, k);
  float scale[2][8];
  int32_t zero[2][8];
  const srope_quanta q = {malloc(m * stride * kernels->quantum_bytes), scale[0], zero[0]};
  const srope_quanta expected = {malloc(m * oracle_stride * oracle->quantum_bytes), scale[1], zero[1]};
  kernels->quantize(x, k, &q, m, k);
  oracle->quantize(x, k, &expected, m, k);
  for (size_t i = 0; i < m; i++) {
    assert_memory_equal(&q.scale[i], &expected.scale[i], sizeof *q.scale);
    assert_int_equal(q.zero[i], expected.zero[i]);
    for (size_t p = 0; p < k; p++) {
      int quantum = quantum_at(kernels, q.quantum, i * stride + p);
      assert_int_equal(quantum, quantum_at(oracle, expected.quantum, i * oracle_stride + p));
      assert_in_range(quantum, 0, 127);
      assert_near((quantum - q.zero[i]) * (double)q.scale[i], x[i * k + p], 0.502 * (double)q.scale[i] + 1e-30,
                  "quantize", k, p); /* rounding of the zero's own place besides */
    }
  }
  free(q.quantum);
  free(expected.quantum);
}

static void test_quantize(void **state) {
  const srope_kernels *kernels = kernels_of(state), *oracle = srope_kernels_find("scalar");
  random_source random = {12};
  static const double ranges[][2] = {{-1, 1}, {0, 3},          {-5, 0},       {-0.3, 9},
                                     {2, 3},  {-1e-20, 1e-20}, {-1e30, 1e30}, {0, 0}};
  for (size_t k = 1; k <= 150; k += k < 70 ? 1 : 9)
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
      float *x = random_floats(&random, 3 * k, ranges[r][0], ranges[r][1]);
      check_quantize(kernels, oracle, x, 3, k);
      free(x);
    }
  float tiny[3] = {1e-38f, -1e-40f, 1e-45f}; /* too small a range to divide by: zeros */
  check_quantize(kernels, oracle, tiny, 1, 3);
}

/* An overflowed network's numbers: the row means nothing, but its quanta are quanta. */
static void test_quantize_nothings(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  float x[70];
  for (int i = 0; i < 70; i++) x[i] = (const float[]){NAN, INFINITY, -INFINITY, 1, -2}[i % 5];
  unsigned char quanta[4 * 80];
  float scale;
  int32_t zero;
  const srope_quanta q = {quanta, &scale, &zero};
  kernels->quantize(x, 70, &q, 1, 70);
  for (size_t i = 0; i < 70; i++) assert_in_range(quantum_at(kernels, quanta, i), 0, 127);
  assert_in_range(zero, 0, 127);
}

static void check_matmul_int8(const srope_kernels *kernels, random_source *random, size_t m, size_t n, size_t k,
                              int most) {
  uint32_t nr = kernels->nr_int8;
  size_t n_padded = srope_padded_size(nr, n), stride = srope_quanta_stride(kernels, k),
         ldc = n + random_below(random, 3);
  int8_t *w = random_bytes(random, n * k, most), *panels = malloc(srope_packed_int8_size(kernels, n, k));
  float *x = random_floats(random, m * k, -1, 2), *scale = calloc(n_padded, sizeof *scale),
        *bias = random_floats(random, n, -1, 1), *row = malloc(n * sizeof *row),
        *c = random_floats(random, m * ldc, 0, 1);
  for (size_t j = 0; j < n; j++) scale[j] = (float)random_between(random, 0.001, 0.01);
  int32_t *sum = malloc(n_padded * sizeof *sum), zero[20];
  float row_scale[20];
  srope_int8_matrix b = {panels, scale, sum, srope_pack_int8(kernels, w, k, n, k, panels, sum), (uint32_t)k, NULL};
  srope_quanta q = {malloc(m * stride * kernels->quantum_bytes), row_scale, zero};
  kernels->quantize(x, k, &q, m, k);
  const float *bias_or_null = random_below(random, 2) ? bias : NULL;
  kernels->matmul_int8(&q, &b, bias_or_null, 0, c, ldc, m, n);
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      int64_t exact = 0;
      for (size_t p = 0; p < k; p++) exact += w[j * k + p] * (quantum_at(kernels, q.quantum, i * stride + p) - zero[i]);
      float expected = (float)exact * (row_scale[i] * scale[j]); /* to the bit, on every instruction set */
      if (bias_or_null) expected += bias[j];
      assert_memory_equal(&expected, &c[i * ldc + j], sizeof expected);
    }
    srope_quanta alone = {(char *)q.quantum + i * stride * kernels->quantum_bytes, row_scale + i, zero + i};
    kernels->matmul_int8(&alone, &b, bias_or_null, 0, row, n, 1, n);
    assert_memory_equal(row, c + i * ldc, n * sizeof *row);
    for (size_t j = 0; j < n; j++) row[j] = bias_or_null ? bias[j] : 0; /* onto what is there */
    kernels->matmul_int8(&alone, &b, row, n, row, n, 1, n);
    assert_memory_equal(row, c + i * ldc, n * sizeof *row);
  }
  void *owned[] = {w, panels, x, scale, bias, row, c, sum, q.quantum};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static void test_matmul_int8(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  random_source random = {13};
  static const size_t ns[] = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 70};
  static const size_t ks[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 128};
  for (size_t m = 1; m <= 19; m++)
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
      for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) /* bytes of any size, and tight ones */
        check_matmul_int8(kernels, &random, m, ns[i], ks[j], random_below(&random, 2) ? 127 : 64);
}

/* The largest sums there are: all bytes and quanta at their ends, as long as a row may be. */
static void test_matmul_int8_ends(void **state) {
  const srope_kernels *kernels = kernels_of(state);
  enum { K = SROPE_INT8_MAX_K };
  for (int tight = 0; tight < 2; tight++) {
    int8_t *w = malloc(K), *panels = malloc(srope_packed_int8_size(kernels, 1, K));
    float *x = malloc(K * sizeof *x), scale[64] = {1}, c, row_scale;
    for (size_t p = 0; p < K; p++) {
      w[p] = tight ? 64 : 127;
      x[p] = 127;
    }
    x[0] = 0; /* a range of 0 .. 127 */
    int32_t sum[64], zero;
    srope_int8_matrix b = {panels, scale, sum, srope_pack_int8(kernels, w, K, 1, K, panels, sum), K, NULL};
    assert_int_equal(b.is_tight, tight);
    assert_int_equal(sum[0], K * w[0]);
    srope_quanta q = {malloc(srope_quanta_stride(kernels, K) * kernels->quantum_bytes), &row_scale, &zero};
    kernels->quantize(x, K, &q, 1, K);
    kernels->matmul_int8(&q, &b, NULL, 0, &c, 1, 1, 1);
    assert_true(c == (float)(127 * w[0] * (K - 1)));
    void *owned[] = {w, panels, x, q.quantum};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  }
}

static void test_int8_is_tight(void **state) {
  (void)state;
  int8_t w[16] = {65, -64, 127, 0, 65, 64, -127, 4, 0};
  assert_true(srope_int8_is_tight(w, 16));
  w[3] = 1; /* 127 + 1 + 127 + 4 */
  assert_false(srope_int8_is_tight(w, 16));
  w[3] = 0;
  w[9] = -127; /* another eight */
  w[12] = 127;
  w[13] = 5;
  assert_false(srope_int8_is_tight(w, 16));
  assert_true(srope_int8_is_tight(w, 13));
  assert_true(srope_int8_is_tight(w, 0));
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
  for (int e = 10; e < 300; e++) { /* far beyond: taken modulo 2π exactly, still on the circle */
    double x = pow(10, e), s, c;
    srope_sincos64(-x, &s, &c);
    assert_near(s * s + c * c, 1, 1e-12, "sincos64", 0, (size_t)e);
    double reduced_s, reduced_c;
    srope_sincos64(fmod(-x, 6.28318530717958647692), &reduced_s, &reduced_c);
    assert_true(s == reduced_s && c == reduced_c);
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
      cmocka_unit_test(test_pack),
      cmocka_unit_test(test_matmul),
      cmocka_unit_test(test_elements),
      cmocka_unit_test(test_sigmoid_between_arrays),
      cmocka_unit_test(test_add),
      cmocka_unit_test(test_layer_norm),
      cmocka_unit_test(test_softmax),
      cmocka_unit_test(test_softmax_padding),
      cmocka_unit_test(test_rotate),
      cmocka_unit_test(test_quantize),
      cmocka_unit_test(test_quantize_nothings),
      cmocka_unit_test(test_matmul_int8),
      cmocka_unit_test(test_matmul_int8_ends),
  };
  enum { N_PER_ISA = sizeof per_isa / sizeof *per_isa, N_OTHERS = 5 };
  static struct CMUnitTest tests[GOLDEN_ISA_COUNT * N_PER_ISA + N_OTHERS] = {
      cmocka_unit_test(test_int8_is_tight), cmocka_unit_test(test_find), cmocka_unit_test(test_exp64),
      cmocka_unit_test(test_log64), cmocka_unit_test(test_sincos64)};
  static char names[GOLDEN_ISA_COUNT * N_PER_ISA][64];
  for (size_t i = 0; i < GOLDEN_ISA_COUNT * N_PER_ISA; i++) {
    const char *isa = golden_isas[i / N_PER_ISA];
    snprintf(names[i], sizeof names[i], "%s %s", per_isa[i % N_PER_ISA].name, isa);
    tests[N_OTHERS + i] = per_isa[i % N_PER_ISA];
    tests[N_OTHERS + i].name = names[i];
    tests[N_OTHERS + i].initial_state = (void *)isa;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
