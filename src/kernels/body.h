/* body.h: every kernel, written once over the vector vocabulary (vec_*.h) that was included before it, ending in the
 * table srope_kernels_<isa>. Included by kernels_<isa>.c and nothing else.
 *
 * The float contract: additions happen in the order written here, products are rounded before they are added unless
 * v_madd fuses them, and no result depends on how many rows or elements are computed together. */
#include "kernels/elementwise.h"
#include "kernels/kernels.h"

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
  /* 2. exponentials and their sum; the padding's become zeros, whose adding changes no bit */
  const vec top = v_splat(v_largest(largest));
  vec sum = v_splat(0.0f);
  size_t at = 0;
  for (; at + VL <= n; at += VL) {
    vec e = v_exp(v_sub(v_mul(s, v_load(x + at)), top));
    v_store(x + at, e);
    sum = v_add(sum, e);
  }
  if (at < n) {
    v_store(x + at, v_exp(v_sub(v_mul(s, v_load(x + at)), top)));
    for (size_t i = n; i < at + VL; i++) x[i] = 0.0f;
    sum = v_add(sum, v_load(x + at));
    at += VL;
  }
  for (; at < n_padded; at += VL) v_store(x + at, v_splat(0.0f));
  /* 3. their shares */
  const vec inverse = v_splat(1.0f / v_sum(sum));
  for (size_t i = 0; i < n; i += VL) v_store(x + i, v_mul(v_load(x + i), inverse));
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

/* ---------------------------------------------------------------- int8 */

enum { NR_INT8 = VL * INT8_VECS, QUANTA = 4 * VL }; /* floats that become quanta together */

/* Numbers of one row from x on; `offset` has the 1.5·2^23 that makes a float's last bits a whole number. */
static inline void quantize_some(const float *x, quantum *q, vec inverse, vec offset) {
  const vec least = v_constant(ROUNDER), most = v_constant(ROUNDER + SROPE_INT8_MAX);
  vec whole[4];
  for (int i = 0; i < 4; i++)
    whole[i] = v_min(v_max(least, v_add(v_mul(v_load(x + i * VL), inverse), offset)), most); /* NaN too */
  q_store(q, whole);
}

static void quantize(const float *x, size_t ldx, const srope_quanta *to, size_t m, size_t k) {
  size_t stride = (k + K_STEP - 1) / K_STEP * K_STEP;
  quantum *q = to->quantum;
  for (size_t row = 0; row < m; row++, x += ldx, q += stride) {
    /* 1. the range, with 0 in it */
    vec low = v_splat(0.0f), high = low;
    size_t i = 0;
    for (; i + VL <= k; i += VL) {
      vec v = v_load(x + i);
      low = v_min(low, v);
      high = v_max(high, v);
    }
    if (i < k) {
      vec v = load_tail(x + i, k - i);
      low = v_min(low, v);
      high = v_max(high, v);
    }
    float lowest = -v_largest(v_sub(v_splat(0.0f), low)), range = v_largest(high) - lowest;
    float inverse = range > 1e-30f ? SROPE_INT8_MAX / range : 0.0f;
    float zero = (-lowest * inverse + ROUNDER) - ROUNDER;
    to->scale[row] = inverse > 0.0f ? range / SROPE_INT8_MAX : 0.0f;
    to->zero[row] = zero >= 0.0f && zero <= SROPE_INT8_MAX ? (int32_t)zero : 0; /* a NaN among x is no number */
    /* 2. the quanta */
    const vec scale = v_splat(inverse), offset = v_splat(ROUNDER + zero);
    for (i = 0; i + QUANTA <= k; i += QUANTA) quantize_some(x + i, q + i, scale, offset);
    if (i < k) {
      float rest[QUANTA] = {0};
      quantum quanta[QUANTA];
      memcpy(rest, x + i, (k - i) * sizeof *rest);
      quantize_some(rest, quanta, scale, offset);
      for (size_t j = i; j < stride; j++) q[j] = j - i < QUANTA ? quanta[j - i] : 0; /* padding meets zeros */
    } else
      for (; i < stride; i++) q[i] = 0;
  }
}

/* `rows` rows of quanta, from `first` on, times the panel of b that begins at `column`. */
static inline __attribute__((always_inline)) void tile_int8(const srope_quanta *a, size_t first, size_t k,
                                                            const srope_int8_matrix *b, size_t column,
                                                            const float *bias, size_t ldbias, float *c, size_t ldc,
                                                            size_t n, int rows, bool is_tight) {
  const int8_t *w = b->panels + column * k;
  const quantum *q = (const quantum *)a->quantum + first * k;
  ivec sum[INT8_ROWS][INT8_VECS];
  for (int j = 0; j < INT8_VECS; j++) {
    ivec columns = i_load(b->sum + column + j * VL);
    for (int i = 0; i < rows; i++) sum[i][j] = i_mul(i_splat(-a->zero[first + (size_t)i]), columns);
  }
  for (size_t p = 0; p < k; p += K_STEP, w += K_STEP * NR_INT8) i_step(sum, w, q + p, k, rows, is_tight);
  for (int i = 0; i < rows; i++) {
    float whole[NR_INT8], rest[NR_INT8] = {0};
    float *row = c + (size_t)i * ldc, *to = n == NR_INT8 ? row : whole;
    const float *start = bias ? bias + (size_t)i * ldbias : rest;
    if (bias && n < NR_INT8) start = memcpy(rest, start, n * sizeof *rest);
    const vec scale = v_splat(a->scale[first + (size_t)i]);
    for (int j = 0; j < INT8_VECS; j++) { /* never fused, so that it is the same everywhere */
      vec product = v_mul(i_to_float(sum[i][j]), v_mul(scale, v_load(b->scale + column + j * VL)));
      v_store(to + j * VL, v_add(product, v_load(start + j * VL)));
    }
    if (to == whole) memcpy(row, whole, n * sizeof *row);
  }
}

static inline __attribute__((always_inline)) void panel_int8(const srope_quanta *a, const srope_int8_matrix *b,
                                                             size_t column, const float *bias, size_t ldbias, float *c,
                                                             size_t ldc, size_t m, size_t n, bool is_tight) {
  size_t row = 0, k = (b->n_in + K_STEP - 1) / K_STEP * K_STEP;
  for (; row + INT8_ROWS <= m; row += INT8_ROWS, c += INT8_ROWS * ldc) {
    tile_int8(a, row, k, b, column, bias, ldbias, c, ldc, n, INT8_ROWS, is_tight);
    if (bias) bias += INT8_ROWS * ldbias;
  }
  for (; row < m; row++, c += ldc) {
    tile_int8(a, row, k, b, column, bias, ldbias, c, ldc, n, 1, is_tight);
    if (bias) bias += ldbias;
  }
}

static void matmul_int8(const srope_quanta *a, const srope_int8_matrix *b, const float *bias, size_t ldbias, float *c,
                        size_t ldc, size_t m, size_t n) {
  for (size_t column = 0; column < n; column += NR_INT8) {
    size_t width = n - column < NR_INT8 ? n - column : NR_INT8;
    const float *bias_here = bias ? bias + column : NULL;
    if (STEPS_ARE_FASTER_TIGHT && b->is_tight)
      panel_int8(a, b, column, bias_here, ldbias, c + column, ldc, m, width, true);
    else
      panel_int8(a, b, column, bias_here, ldbias, c + column, ldc, m, width, false);
  }
}

/* ---------------------------------------------------------------- the table */

#define JOIN(a, b) a##b
#define TEXT(a) #a
#define TABLE(name, isa)                                                                                      \
  extern const srope_kernels JOIN(name, isa);                                                                 \
  const srope_kernels JOIN(name, isa) = {TEXT(isa),  NR,         NR_INT8, K_GROUP, K_STEP,   sizeof(quantum), \
                                         matmul,     relu,       silu,    sine,    sigmoid,  add,             \
                                         add_scaled, layer_norm, softmax, rotate,  quantize, matmul_int8};
#define TABLE_OF(isa) TABLE(srope_kernels_, isa)
TABLE_OF(SROPE_ISA)
