/* gradient_body.h: the kernels of training, written once over the vector vocabulary (vec_*.h) included before it, ending in
 * the table srope_gradient_<isa>. Included by gradient_<isa>.c and nothing else. Simple loops over elements are left to the
 * compiler: without fast-math it may not reorder their additions. */
#include "kernels/elementwise.h"
#include "kernels/gradient.h"

/* ---------------------------------------------------------------- outer */

enum { BLOCK = 128 }; /* rows of b that are packed at a time: BLOCK · NR floats stay in the first cache */

/* `rows` columns of a (stride lda between its rows) against one packed panel of b; c's `width` columns. */
static inline __attribute__((always_inline)) void outer_tile(const float *a, size_t lda, const float *b, float *c,
                                                             size_t ldc, size_t m, size_t width, int rows) {
  vec sum[TILE_ROWS][TILE_VECS];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < TILE_VECS; j++) sum[i][j] = v_splat(0.0f);
  for (size_t r = 0; r < m; r++, a += lda, b += NR) {
    vec bj[TILE_VECS];
    for (int j = 0; j < TILE_VECS; j++) bj[j] = v_load(b + j * VL);
    for (int i = 0; i < rows; i++) {
      vec ai = v_splat(a[i]);
      for (int j = 0; j < TILE_VECS; j++) sum[i][j] = v_madd(ai, bj[j], sum[i][j]);
    }
  }
  for (int i = 0; i < rows; i++, c += ldc) {
    if (width == NR) {
      for (int j = 0; j < TILE_VECS; j++) v_store(c + j * VL, v_add(v_load(c + j * VL), sum[i][j]));
    } else {
      float whole[NR];
      for (int j = 0; j < TILE_VECS; j++) v_store(whole + j * VL, sum[i][j]);
      for (size_t j = 0; j < width; j++) c[j] += whole[j];
    }
  }
}

static void outer(const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc, size_t m, size_t n_a,
                  size_t n_b) {
  float panel[BLOCK * NR];
  for (size_t first = 0; first < m; first += BLOCK) {
    size_t rows = m - first < BLOCK ? m - first : BLOCK;
    for (size_t column = 0; column < n_b; column += NR) {
      size_t width = n_b - column < NR ? n_b - column : NR, i = 0;
      for (size_t r = 0; r < rows; r++) {
        memcpy(panel + r * NR, b + (first + r) * ldb + column, width * sizeof *panel);
        for (size_t j = width; j < NR; j++) panel[r * NR + j] = 0;
      }
      const float *a_here = a + first * lda;
      float *c_here = c + column;
      for (; i + TILE_ROWS <= n_a; i += TILE_ROWS)
        outer_tile(a_here + i, lda, panel, c_here + i * ldc, ldc, rows, width, TILE_ROWS);
      for (; i < n_a; i++) outer_tile(a_here + i, lda, panel, c_here + i * ldc, ldc, rows, width, 1);
    }
  }
}

static void column_sum(const float *x, float *sum, size_t m, size_t n) {
  for (size_t i = 0; i < m; i++, x += n)
    for (size_t j = 0; j < n; j++) sum[j] += x[j];
}

/* ---------------------------------------------------------------- elementwise */

#define MAP_2(n, x, dy, operation) /* dy (n) = operation on vec v of x and vec d of dy */            \
  do {                                                                                               \
    size_t map_at = 0, map_n = (n);                                                                  \
    for (; map_at + VL <= map_n; map_at += VL) {                                                     \
      vec v = v_load((x) + map_at), d = v_load((dy) + map_at);                                       \
      v_store((dy) + map_at, (operation));                                                           \
    }                                                                                                \
    if (map_at < map_n) {                                                                            \
      vec v = load_tail((x) + map_at, map_n - map_at), d = load_tail((dy) + map_at, map_n - map_at); \
      store_tail((dy) + map_at, map_n - map_at, (operation));                                        \
    }                                                                                                \
  } while (0)

/* (x·s)' = s + x·s·(1 - s) with s = sigmoid(x) */
static inline vec silu_slope(vec x) {
  vec s = v_sigmoid(x);
  return v_madd(v_mul(x, s), v_sub(v_splat(1.0f), s), s);
}
static void silu_backward(const float *x, float *dy, size_t n) { MAP_2(n, x, dy, v_mul(d, silu_slope(v))); }

static void relu_backward(const float *y, float *dy, size_t n) {
  for (size_t i = 0; i < n; i++) dy[i] = y[i] > 0 ? dy[i] : 0.0f;
}

/* sin(ω·x)' = ω·cos(ω·x) = ω·sin(ω·x + π/2): the sum's rounding costs up to ulp(ω·x)/2, far below what a gradient needs. */
static void sine_backward(const float *x, float *dy, size_t n, float omega) {
  const vec w = v_splat(omega), quarter = v_splat(1.57079633f);
  float largest = 0;
  for (size_t i = 0; i < n; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  if (largest * fabsf(omega) + 2 <= SINE_LIMIT) {
    MAP_2(n, x, dy, v_mul(v_mul(w, d), v_sin(v_add(v_mul(w, v), quarter))));
    return;
  }
  for (size_t i = 0; i < n; i++) {
    double s, c; /* of the product as the forward pass rounded it */
    srope_sincos64((double)(omega * x[i]), &s, &c);
    dy[i] *= omega * (float)c;
  }
}

/* ---------------------------------------------------------------- rows */

static void layer_norm_backward(const float *x, const float *gain, const float *dy, float *dx, float *dgain,
                                float *dbias, size_t m, size_t d) {
  for (size_t row = 0; row < m; row++, x += d, dy += d, dx += d) {
    /* 1. the row as the forward pass saw it: xhat = (x - mean) · scale */
    float mean = row_mean(x, d), scale = 1.0f / sqrtf(row_variance(x, mean, d) + 1e-5f);
    /* 2. the means of g and g·xhat, with g = dy·gain */
    vec sum_g = v_splat(0.0f), sum_gx = v_splat(0.0f);
    const vec vm = v_splat(mean), vs = v_splat(scale);
    size_t i = 0;
    for (; i + VL <= d; i += VL) {
      vec g = v_mul(v_load(dy + i), v_load(gain + i));
      sum_g = v_add(sum_g, g);
      sum_gx = v_madd(g, v_mul(v_sub(v_load(x + i), vm), vs), sum_gx);
    }
    if (i < d) { /* g is 0 in the filled lanes */
      vec g = v_mul(load_tail(dy + i, d - i), load_tail(gain + i, d - i));
      sum_g = v_add(sum_g, g);
      sum_gx = v_madd(g, v_mul(v_sub(load_tail(x + i, d - i), vm), vs), sum_gx);
    }
    float mean_g = v_sum(sum_g) / (float)d, mean_gx = v_sum(sum_gx) / (float)d;
    /* 3. dx += scale · (g - mean g - xhat · mean g·xhat) */
    for (i = 0; i < d; i++) {
      float xhat = (x[i] - mean) * scale;
      dgain[i] += dy[i] * xhat;
      dbias[i] += dy[i];
      dx[i] += scale * (dy[i] * gain[i] - mean_g - xhat * mean_gx);
    }
  }
}

static void softmax_backward(const float *p, float *dp, size_t n, float scale) {
  vec sum = v_splat(0.0f);
  size_t i = 0;
  for (; i + VL <= n; i += VL) sum = v_madd(v_load(p + i), v_load(dp + i), sum);
  if (i < n) sum = v_madd(load_tail(p + i, n - i), load_tail(dp + i, n - i), sum);
  float mean = v_sum(sum);
  for (i = 0; i < n; i++) dp[i] = scale * p[i] * (dp[i] - mean);
}

/* ---------------------------------------------------------------- the optimizer */

/* Eight partial sums, added in order at the end. */
static double sum_squares(const float *x, size_t n) {
  double sum[8] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) sum[j] += (double)x[i + j] * x[i + j];
  for (; i < n; i++) sum[0] += (double)x[i] * x[i];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void adam(float *restrict value, const float *restrict gradient, float *restrict first, float *restrict second,
                 size_t n, const srope_adam *step) {
  const float b1 = step->beta1, b2 = step->beta2, rate = step->rate, keep = step->keep, l2 = step->l2;
  const float rest1 = step->rest1, rest2 = step->rest2;
  const float eps = step->eps, inverse_root = step->inverse_root, scale = step->scale;
  for (size_t i = 0; i < n; i++) {
    float g = scale * gradient[i] + l2 * value[i];
    first[i] = b1 * first[i] + rest1 * g;
    second[i] = b2 * second[i] + rest2 * g * g;
    value[i] = keep * value[i] - rate * first[i] / (sqrtf(second[i]) * inverse_root + eps);
  }
}

#define JOIN(a, b) a##b
#define TEXT(a) #a
#define TABLE(name, isa)                                                                                               \
  extern const srope_gradient_kernels JOIN(name, isa);                                                                 \
  const srope_gradient_kernels JOIN(name, isa) = {TEXT(isa),     outer,         column_sum,          silu_backward,    \
                                                  relu_backward, sine_backward, layer_norm_backward, softmax_backward, \
                                                  sum_squares,   adam};
#define TABLE_OF(isa) TABLE(srope_gradient_, isa)
TABLE_OF(SROPE_ISA)
