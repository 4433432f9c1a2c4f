/* vec_scalar.h: the vector vocabulary in plain C, four lanes wide so that it computes what simd128 computes, to the bit. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SROPE_ISA scalar
enum { VL = 4, TILE_ROWS = 4, TILE_VECS = 2 };
typedef struct vec {
  float lane[VL];
} vec;

#define LANEWISE(expression)                             \
  vec r;                                                 \
  for (int i = 0; i < VL; i++) r.lane[i] = (expression); \
  return r

static inline vec v_load(const float *p) { LANEWISE(p[i]); }
static inline void v_store(float *p, vec a) { memcpy(p, a.lane, sizeof a.lane); }
static inline vec v_splat(float x) { LANEWISE(x); }
static inline vec v_constant(float x) { return v_splat(x); }
static inline vec v_add(vec a, vec b) { LANEWISE(a.lane[i] + b.lane[i]); }
static inline vec v_sub(vec a, vec b) { LANEWISE(a.lane[i] - b.lane[i]); }
static inline vec v_mul(vec a, vec b) { LANEWISE(a.lane[i] * b.lane[i]); }
static inline vec v_div(vec a, vec b) { LANEWISE(a.lane[i] / b.lane[i]); }
static inline vec v_madd(vec a, vec b, vec c) { LANEWISE(a.lane[i] * b.lane[i] + c.lane[i]); }
static inline vec v_min(vec a, vec b) { LANEWISE(b.lane[i] < a.lane[i] ? b.lane[i] : a.lane[i]); }
static inline vec v_max(vec a, vec b) { LANEWISE(a.lane[i] < b.lane[i] ? b.lane[i] : a.lane[i]); }
static inline vec v_swap_pairs(vec a) { LANEWISE(a.lane[i ^ 1]); }
static inline float v_sum(vec a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }
static inline float v_largest(vec a) {
  float m = a.lane[0];
  for (int i = 1; i < VL; i++) m = m < a.lane[i] ? a.lane[i] : m;
  return m;
}

/* t = n + 1.5·2^23 for a whole number n: 2^n, and x with its sign turned when n is odd. */
static inline vec v_power_of_two(vec t) {
  uint32_t bits[VL];
  memcpy(bits, t.lane, sizeof bits);
  for (int i = 0; i < VL; i++) bits[i] = (bits[i] << 23) + 0x3f800000u;
  memcpy(t.lane, bits, sizeof bits);
  return t;
}
static inline vec v_negate_if_odd(vec x, vec t) {
  uint32_t xb[VL], tb[VL];
  memcpy(xb, x.lane, sizeof xb);
  memcpy(tb, t.lane, sizeof tb);
  for (int i = 0; i < VL; i++) xb[i] ^= tb[i] << 31;
  memcpy(x.lane, xb, sizeof xb);
  return x;
}

/* int8: VL sums of whole numbers. A step adds, for each of `rows` rows of quanta ldq apart, the products of K_STEP of them with a
 * panel's; `is_tight` is srope_int8_is_tight. q_store takes 4·VL floats ROUNDER + n, 0 <= n <= 127. */
enum { K_GROUP = 4, K_STEP = 4, INT8_ROWS = 4, INT8_VECS = 2, STEPS_ARE_FASTER_TIGHT = false };
typedef struct ivec {
  int32_t lane[VL];
} ivec;
typedef uint8_t quantum;
static inline ivec i_load(const int32_t *p) {
  ivec r;
  memcpy(r.lane, p, sizeof r.lane);
  return r;
}
static inline ivec i_splat(int32_t x) {
  ivec r;
  for (int i = 0; i < VL; i++) r.lane[i] = x;
  return r;
}
static inline ivec i_mul(ivec a, ivec b) {
  for (int i = 0; i < VL; i++) a.lane[i] *= b.lane[i];
  return a;
}
static inline vec i_to_float(ivec a) { LANEWISE((float)a.lane[i]); }
static inline void q_store(quantum *q, const vec v[4]) {
  for (int i = 0; i < 4 * VL; i++) q[i] = (quantum)(v[i / VL].lane[i % VL] - 12582912.0f);
}
static inline void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w, const quantum *q, size_t ldq, int rows,
                          bool is_tight) {
  (void)is_tight;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < INT8_VECS * VL; j++)
      for (int p = 0; p < K_GROUP; p++)
        sum[i][j / VL].lane[j % VL] += w[j * K_GROUP + p] * q[(size_t)i * ldq + (size_t)p];
}

#undef LANEWISE
#endif
