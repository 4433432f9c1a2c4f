/* vec_simd128.h: the vector vocabulary in WebAssembly SIMD. Strict by default; with SROPE_RELAXED the multiply-add is the
 * relaxed one, which engines may fuse. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

#ifdef SROPE_RELAXED
#define SROPE_ISA relaxed
enum { VL = 4, TILE_ROWS = 6, TILE_VECS = 2 };
#else
#define SROPE_ISA simd128
enum { VL = 4, TILE_ROWS = 2, TILE_VECS = 4 }; /* an engine has 15 registers, and a product needs one */
#endif
typedef v128_t vec;

static inline vec v_load(const float *p) { return wasm_v128_load(p); }
static inline void v_store(float *p, vec a) { wasm_v128_store(p, a); }
static inline vec v_splat(float x) { return wasm_f32x4_splat(x); }
/* A splat from memory: an engine builds a constant from its bits at every use, in three instructions, which is most of the
 * time of an exponential. The optimisers may not know that the memory is constant. */
#define v_constant(x)              \
  (__extension__({                 \
    static const float number = x; \
    const float *place = &number;  \
    __asm__("" : "+r"(place));     \
    wasm_v128_load32_splat(place); \
  }))
static inline vec v_add(vec a, vec b) { return wasm_f32x4_add(a, b); }
static inline vec v_sub(vec a, vec b) { return wasm_f32x4_sub(a, b); }
static inline vec v_mul(vec a, vec b) { return wasm_f32x4_mul(a, b); }
static inline vec v_div(vec a, vec b) { return wasm_f32x4_div(a, b); }
#ifdef SROPE_RELAXED
static inline vec v_madd(vec a, vec b, vec c) { return wasm_f32x4_relaxed_madd(a, b, c); }
#else
static inline vec v_madd(vec a, vec b, vec c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
#endif
static inline vec v_min(vec a, vec b) { return wasm_f32x4_pmin(a, b); }
static inline vec v_max(vec a, vec b) { return wasm_f32x4_pmax(a, b); }
static inline vec v_swap_pairs(vec a) { return wasm_i32x4_shuffle(a, a, 1, 0, 3, 2); }
static inline float v_sum(vec a) {
  vec pairs = wasm_f32x4_add(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(pairs, 0) + wasm_f32x4_extract_lane(pairs, 1);
}
static inline float v_largest(vec a) {
  vec pairs = wasm_f32x4_pmax(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_pmax(pairs, wasm_i32x4_shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

/* t = n + 1.5·2^23 for a whole number n: 2^n, and x with its sign turned when n is odd. */
static inline vec v_power_of_two(vec t) { return wasm_i32x4_add(wasm_i32x4_shl(t, 23), v_constant(1.0f)); }
static inline vec v_negate_if_odd(vec x, vec t) { return wasm_v128_xor(x, wasm_i32x4_shl(t, 31)); }

/* int8: VL sums of whole numbers. A step adds, for each of `rows` rows of quanta ldq apart, the products of K_STEP of them with a
 * panel's; `is_tight` is srope_int8_is_tight. q_store takes 4·VL floats ROUNDER + n, 0 <= n <= 127. */
typedef v128_t ivec;
static inline ivec i_load(const int32_t *p) { return wasm_v128_load(p); }
static inline ivec i_splat(int32_t x) { return wasm_i32x4_splat(x); }
static inline ivec i_mul(ivec a, ivec b) { return wasm_i32x4_mul(a, b); }
static inline vec i_to_float(ivec a) { return wasm_f32x4_convert_i32x4(a); }
static inline ivec i_of_rounded(vec v) { return wasm_i32x4_sub(v, v_constant(12582912.0f)); } /* ROUNDER's bits */

#ifdef SROPE_RELAXED
enum { K_GROUP = 4, K_STEP = 8, INT8_ROWS = 3, INT8_VECS = 2, STEPS_ARE_FASTER_TIGHT = true };
typedef uint8_t quantum;
static inline void q_store(quantum *q, const vec v[4]) {
  vec low = wasm_i16x8_narrow_i32x4(i_of_rounded(v[0]), i_of_rounded(v[1]));
  vec high = wasm_i16x8_narrow_i32x4(i_of_rounded(v[2]), i_of_rounded(v[3]));
  wasm_v128_store(q, wasm_u8x16_narrow_i16x8(low, high));
}
/* An x86 multiplies sixteen bytes and adds pairs twice a cycle: two multiplications for sixteen products; three for thirty-two
 * where rows are tight. Quanta are below 128, so that the relaxed product is exact. */
static inline __attribute__((always_inline)) void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w,
                                                         const quantum *q, size_t ldq, int rows, bool is_tight) {
  v128_t q0[INT8_ROWS], q1[INT8_ROWS];
  for (int i = 0; i < rows; i++) {
    q0[i] = wasm_v128_load32_splat(q + (size_t)i * ldq);
    q1[i] = wasm_v128_load32_splat(q + (size_t)i * ldq + 4);
  }
  for (int j = 0; j < INT8_VECS; j++) {
    v128_t w0 = wasm_v128_load(w + j * 16), w1 = wasm_v128_load(w + (INT8_VECS + j) * 16);
    for (int i = 0; i < rows; i++) {
      v128_t p0 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w0, q0[i]), p1 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w1, q1[i]);
      if (is_tight) {
        sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_add(p0, p1)));
      } else {
        sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_extadd_pairwise_i16x8(p0));
        sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_extadd_pairwise_i16x8(p1));
      }
    }
  }
}
#else
enum { K_GROUP = 2, K_STEP = 2, INT8_ROWS = 4, INT8_VECS = 2, STEPS_ARE_FASTER_TIGHT = false };
typedef int16_t quantum; /* as the dot product takes them */
static inline void q_store(quantum *q, const vec v[4]) {
  wasm_v128_store(q, wasm_i16x8_narrow_i32x4(i_of_rounded(v[0]), i_of_rounded(v[1])));
  wasm_v128_store(q + 8, wasm_i16x8_narrow_i32x4(i_of_rounded(v[2]), i_of_rounded(v[3])));
}
static inline __attribute__((always_inline)) void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w,
                                                         const quantum *q, size_t ldq, int rows, bool is_tight) {
  (void)is_tight;
  v128_t wj[INT8_VECS];
  for (int j = 0; j < INT8_VECS; j++) wj[j] = wasm_i16x8_load8x8(w + j * 8);
  for (int i = 0; i < rows; i++) {
    v128_t qi = wasm_v128_load32_splat(q + (size_t)i * ldq);
    for (int j = 0; j < INT8_VECS; j++) sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_dot_i16x8(qi, wj[j]));
  }
}
#endif

#endif
