/* vec_simd128.h: the vector vocabulary in WebAssembly SIMD. Strict by default; with SROPE_RELAXED the multiply-add is the
 * relaxed one, which engines may fuse. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

#ifdef SROPE_RELAXED
#define SROPE_ISA relaxed
#else
#define SROPE_ISA simd128
#endif
enum { VL = 4, TILE_ROWS = 4, TILE_VECS = 2 };
typedef v128_t vec;

static inline vec v_load(const float *p) { return wasm_v128_load(p); }
static inline void v_store(float *p, vec a) { wasm_v128_store(p, a); }
static inline vec v_splat(float x) { return wasm_f32x4_splat(x); }
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
static inline vec v_power_of_two(vec t) { return wasm_i32x4_add(wasm_i32x4_shl(t, 23), wasm_i32x4_splat(0x3f800000)); }
static inline vec v_negate_if_odd(vec x, vec t) { return wasm_v128_xor(x, wasm_i32x4_shl(t, 31)); }

#endif
