/* body.h: every kernel, written once over the vector vocabulary (vec_*.h) that was included before it, ending in the
 * table srope_kernels_<isa>. Included by kernels_<isa>.c and nothing else.
 *
 * The float contract: additions happen in the order written here, products are rounded before they are added unless
 * v_madd fuses them, and no result depends on how many rows or elements are computed together. */
#include "base/math64.h"
#include "kernels/kernels.h"

enum { NR = VL * TILE_VECS };

/* ---------------------------------------------------------------- elementwise */

/* The last, partial vector, zero-filled, and back. Which elements end up in a tail depends on how many are computed
 * together, so a tail must see the same (fused) steps as a whole vector. */
static inline vec load_tail(const float *p, size_t n) {
  float tail[VL] = {0};
  memcpy(tail, p, n * sizeof *tail);
  return v_load(tail);
}
static inline void store_tail(float *p, size_t n, vec a) {
  float tail[VL];
  v_store(tail, a);
  memcpy(p, tail, n * sizeof *tail);
}

/* out (n) = operation on in (n), written in terms of `vec v`; the tail goes through a full vector, so its lanes see the
 * same steps. in and out may be one array. */
#define MAP(n, in, out, operation)                               \
  do {                                                           \
    const float *map_in = (in);                                  \
    float *map_out = (out);                                      \
    size_t map_at = 0, map_n = (n);                              \
    for (; map_at + VL <= map_n; map_at += VL) {                 \
      vec v = v_load(map_in + map_at);                           \
      v_store(map_out + map_at, (operation));                    \
    }                                                            \
    if (map_at < map_n) {                                        \
      vec v = load_tail(map_in + map_at, map_n - map_at);        \
      store_tail(map_out + map_at, map_n - map_at, (operation)); \
    }                                                            \
  } while (0)

/* exp: x = n·ln2 + r, |r| <= ln2/2; degree-6 polynomial fitted at Chebyshev nodes; relative error below 1.5e-7.
 * Arguments are clamped to [-87, 88], where the result is a normal number. */
static inline vec v_exp(vec x) {
  const vec rounder = v_splat(12582912.0f); /* 1.5·2^23 */
  x = v_max(v_min(x, v_splat(88.0f)), v_splat(-87.0f));
  vec t = v_madd(x, v_splat(1.44269504f), rounder);
  vec n = v_sub(t, rounder);
  vec r = v_madd(n, v_splat(-0x1.62e4p-1f), x); /* 15 bits of ln2: n times it is exact */
  r = v_madd(n, v_splat(-1.428606820309e-06f), r);
  vec p = v_splat(1.3926176120e-03f);
  p = v_madd(p, r, v_splat(8.3631730745e-03f));
  p = v_madd(p, r, v_splat(4.1666554662e-02f));
  p = v_madd(p, r, v_splat(1.6666577026e-01f));
  p = v_madd(p, r, v_splat(0.5f));
  p = v_madd(v_mul(p, r), r, r);
  return v_mul(v_add(p, v_splat(1.0f)), v_power_of_two(t));
}

/* sin for |x| <= SINE_LIMIT: x = n·π + r, |r| <= π/2; odd degree-11 polynomial fitted at Chebyshev nodes in r²;
 * absolute error below 1.5e-7. */
static const float SINE_LIMIT = 8192.0f; /* n < 2^12, so n times each 12-bit part of π is exact */
static inline vec v_sin(vec x) {
  const vec rounder = v_splat(12582912.0f);
  vec t = v_madd(x, v_splat(0.318309886f), rounder);
  vec n = v_sub(t, rounder);
  vec r = v_madd(n, v_splat(-0x1.92p+1f), x);
  r = v_madd(n, v_splat(-0x1.fb4p-11f), r);
  r = v_madd(n, v_splat(-1.509957990978e-07f), r);
  vec s = v_mul(r, r);
  vec p = v_splat(-2.4080190433e-08f);
  p = v_madd(p, s, v_splat(2.7536463563e-06f));
  p = v_madd(p, s, v_splat(-1.9841086561e-04f));
  p = v_madd(p, s, v_splat(8.3333327688e-03f));
  p = v_madd(p, s, v_splat(-1.6666666664e-01f));
  return v_negate_if_odd(v_madd(v_mul(p, s), r, r), t);
}

static inline vec v_sigmoid(vec x) {
  const vec one = v_splat(1.0f);
  return v_div(one, v_add(one, v_exp(v_sub(v_splat(0.0f), x))));
}

static void relu(float *x, size_t n) { MAP(n, x, x, v_max(v, v_splat(0.0f))); }

static void silu(float *x, size_t n) { MAP(n, x, x, v_mul(v, v_sigmoid(v))); }

static void sigmoid(const float *x, float *y, size_t n) { MAP(n, x, y, v_sigmoid(v)); }

static void sine(float *x, size_t n, float omega) {
  const vec w = v_splat(omega), zero = v_splat(0.0f);
  vec largest = zero;
  MAP(n, x, x, (v = v_mul(w, v), largest = v_max(largest, v_max(v, v_sub(zero, v))), v));
  if (v_largest(largest) <= SINE_LIMIT) {
    MAP(n, x, x, v_sin(v));
    return;
  }
  for (size_t i = 0; i < n; i++) { /* arguments no trained network has: slow, still right */
    if (x[i] <= SINE_LIMIT && x[i] >= -SINE_LIMIT) {
      MAP(1, x + i, x + i, v_sin(v));
    } else {
      double s, c;
      srope_sincos64(x[i], &s, &c);
      x[i] = (float)s;
    }
  }
}

static void add(const float *x, const float *y, float *z, size_t n) {
  size_t i = 0;
  for (; i + VL <= n; i += VL) v_store(z + i, v_add(v_load(x + i), v_load(y + i)));
  if (i < n) store_tail(z + i, n - i, v_add(load_tail(x + i, n - i), load_tail(y + i, n - i)));
}

static void add_scaled(float *x, const float *y, float scale, size_t n) {
  const vec s = v_splat(scale);
  size_t i = 0;
  for (; i + VL <= n; i += VL) v_store(x + i, v_madd(s, v_load(y + i), v_load(x + i)));
  if (i < n) store_tail(x + i, n - i, v_madd(s, load_tail(y + i, n - i), load_tail(x + i, n - i)));
}

/* ---------------------------------------------------------------- rows */

static float row_mean(const float *x, size_t d) {
  vec sum = v_splat(0.0f);
  size_t i = 0;
  for (; i + VL <= d; i += VL) sum = v_add(sum, v_load(x + i));
  if (i < d) sum = v_add(sum, load_tail(x + i, d - i));
  return v_sum(sum) / (float)d;
}

static float row_variance(const float *x, float mean, size_t d) {
  const vec m = v_splat(mean);
  vec sum = v_splat(0.0f);
  size_t i = 0;
  for (; i + VL <= d; i += VL) {
    vec c = v_sub(v_load(x + i), m);
    sum = v_madd(c, c, sum);
  }
  if (i < d) {
    float tail[VL] = {0};
    for (size_t j = 0; j < d - i; j++) tail[j] = x[i + j] - mean; /* the filled lanes stay 0 */
    vec c = v_load(tail);
    sum = v_madd(c, c, sum);
  }
  return v_sum(sum) / (float)d;
}

static void layer_norm(const float *x, const float *gain, const float *bias, float *y, size_t m, size_t d) {
  for (size_t row = 0; row < m; row++, x += d, y += d) {
    float mean = row_mean(x, d);
    float scale = 1.0f / sqrtf(row_variance(x, mean, d) + 1e-5f);
    const vec vm = v_splat(mean), vs = v_splat(scale);
    size_t i = 0;
    for (; i + VL <= d; i += VL) {
      vec c = v_mul(v_sub(v_load(x + i), vm), vs);
      v_store(y + i, v_madd(c, v_load(gain + i), v_load(bias + i)));
    }
    if (i < d) {
      vec c = v_mul(v_sub(load_tail(x + i, d - i), vm), vs);
      store_tail(y + i, d - i, v_madd(c, load_tail(gain + i, d - i), load_tail(bias + i, d - i)));
    }
  }
}

static void softmax(float *x, size_t n, size_t n_padded, float scale) {
  /* 1. the largest of scale·x; the padding repeats x[0] */
  for (size_t i = n; i < n_padded; i++) x[i] = x[0];
  const vec s = v_splat(scale);
  vec largest = v_mul(s, v_load(x));
  for (size_t i = VL; i < n_padded; i += VL) largest = v_max(largest, v_mul(s, v_load(x + i)));
  const vec top = v_splat(v_largest(largest));
  /* 2. exponentials */
  for (size_t i = 0; i < n_padded; i += VL) v_store(x + i, v_exp(v_sub(v_mul(s, v_load(x + i)), top)));
  for (size_t i = n; i < n_padded; i++) x[i] = 0.0f;
  /* 3. their sum; adding the padding's zeros changes no bit */
  vec sum = v_splat(0.0f);
  for (size_t i = 0; i < n_padded; i += VL) sum = v_add(sum, v_load(x + i));
  const vec inverse = v_splat(1.0f / v_sum(sum));
  for (size_t i = 0; i < n_padded; i += VL) v_store(x + i, v_mul(v_load(x + i), inverse));
}

static void rotate(float *x, const float *cosine, const float *sine, size_t n_heads, size_t d_head) {
  for (size_t h = 0; h < n_heads; h++, x += d_head) {
    size_t i = 0;
    for (; i + VL <= d_head; i += VL) {
      vec a = v_load(x + i);
      v_store(x + i, v_madd(a, v_load(cosine + i), v_mul(v_swap_pairs(a), v_load(sine + i))));
    }
    for (; i < d_head; i += 2) {
      float even = x[i], odd = x[i + 1];
      x[i] = even * cosine[i] + odd * sine[i];
      x[i + 1] = odd * cosine[i + 1] + even * sine[i + 1];
    }
  }
}

/* ---------------------------------------------------------------- matmul */

/* `rows` rows of a times one panel. Always inlined with a constant `rows`, so that the accumulators live in registers. */
static inline __attribute__((always_inline)) void tile(const float *a, size_t lda, const float *b, const float *bias,
                                                       float *c, size_t ldc, size_t n, size_t k, int rows) {
  vec sum[TILE_ROWS][TILE_VECS];
  for (int j = 0; j < TILE_VECS; j++) {
    vec start = bias ? v_load(bias + j * VL) : v_splat(0.0f);
    for (int i = 0; i < rows; i++) sum[i][j] = start;
  }
  for (size_t p = 0; p < k; p++, b += NR) {
    vec bj[TILE_VECS];
    for (int j = 0; j < TILE_VECS; j++) bj[j] = v_load(b + j * VL);
    for (int i = 0; i < rows; i++) {
      vec ai = v_splat(a[(size_t)i * lda + p]);
      for (int j = 0; j < TILE_VECS; j++) sum[i][j] = v_madd(ai, bj[j], sum[i][j]);
    }
  }
  for (int i = 0; i < rows; i++) {
    float *row = c + (size_t)i * ldc;
    if (n == NR) {
      for (int j = 0; j < TILE_VECS; j++) v_store(row + j * VL, sum[i][j]);
    } else {
      float whole[NR];
      for (int j = 0; j < TILE_VECS; j++) v_store(whole + j * VL, sum[i][j]);
      memcpy(row, whole, n * sizeof *row);
    }
  }
}

static void matmul(const float *a, size_t lda, const float *b, size_t stride, const float *bias, float *c, size_t ldc,
                   size_t m, size_t n, size_t k) {
  for (size_t column = 0; column < n; column += NR, b += stride) {
    size_t width = n - column < NR ? n - column : NR;
    const float *bias_here = bias ? bias + column : NULL;
    size_t row = 0;
    for (; row + TILE_ROWS <= m; row += TILE_ROWS)
      tile(a + row * lda, lda, b, bias_here, c + row * ldc + column, ldc, width, k, TILE_ROWS);
    const float *a_rest = a + row * lda;
    float *c_rest = c + row * ldc + column;
#define REST(rows)                                                                                             \
  case rows:                                                                                                   \
    if (rows < TILE_ROWS) tile(a_rest, lda, b, bias_here, c_rest, ldc, width, k, rows < TILE_ROWS ? rows : 1); \
    break;
    switch (m - row) { REST(1) REST(2) REST(3) REST(4) REST(5) REST(6) REST(7) }
#undef REST
  }
}

/* ---------------------------------------------------------------- the table */

#define JOIN(a, b) a##b
#define TEXT(a) #a
#define TABLE(name, isa)                                                                        \
  extern const srope_kernels JOIN(name, isa);                                                   \
  const srope_kernels JOIN(name, isa) = {TEXT(isa), NR,  matmul,     relu,       silu,    sine, \
                                         sigmoid,   add, add_scaled, layer_norm, softmax, rotate};
#define TABLE_OF(isa) TABLE(srope_kernels_, isa)
TABLE_OF(SROPE_ISA)
