/* vec_neon.h: the vector vocabulary with 64-bit Arm's NEON, four lanes. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <arm_neon.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SROPE_ISA neon
enum { VL = 4, TILE_ROWS = 6, TILE_VECS = 4 };
typedef float32x4_t vec;

static inline vec v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vec a) { vst1q_f32(p, a); }
static inline vec v_splat(float x) { return vdupq_n_f32(x); }
static inline vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
static inline vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
static inline vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
static inline vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
static inline vec v_madd(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
static inline vec v_min(vec a, vec b) { return vminq_f32(a, b); }
static inline vec v_max(vec a, vec b) { return vmaxq_f32(a, b); }
static inline vec v_swap_pairs(vec a) { return vrev64q_f32(a); }
static inline float v_sum(vec a) { return vaddvq_f32(a); }
static inline float v_largest(vec a) { return vmaxvq_f32(a); }

/* t = n + 1.5·2^23 for a whole number n: 2^n, and x with its sign turned when n is odd. */
static inline vec v_power_of_two(vec t) {
  uint32x4_t shifted = vshlq_n_u32(vreinterpretq_u32_f32(t), 23);
  return vreinterpretq_f32_u32(vaddq_u32(shifted, vdupq_n_u32(0x3f800000u)));
}
static inline vec v_negate_if_odd(vec x, vec t) {
  uint32x4_t sign = vshlq_n_u32(vreinterpretq_u32_f32(t), 31);
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), sign));
}

#endif
