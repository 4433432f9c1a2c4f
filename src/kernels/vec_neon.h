/* vec_neon.h: the vector vocabulary with 64-bit Arm's NEON, four lanes. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <arm_neon.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SROPE_ISA neon
enum { VL = 4, TILE_ROWS = 6, TILE_VECS = 4 };
typedef float32x4_t vec;

static inline vec v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vec a) { vst1q_f32(p, a); }
static inline vec v_splat(float x) { return vdupq_n_f32(x); }
static inline vec v_constant(float x) { return v_splat(x); }
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

/* int8: VL sums of whole numbers. A step adds, for each of `rows` rows of quanta ldq apart, the products of K_STEP of them with a
 * panel's; `is_tight` is srope_int8_is_tight. q_store takes 4·VL floats ROUNDER + n, 0 <= n <= 127. */
enum { K_GROUP = 4, K_STEP = 4, INT8_ROWS = 4, INT8_VECS = 4, STEPS_ARE_FASTER_TIGHT = false };
typedef int32x4_t ivec;
typedef int8_t quantum;
static inline ivec i_load(const int32_t *p) { return vld1q_s32(p); }
static inline ivec i_splat(int32_t x) { return vdupq_n_s32(x); }
static inline ivec i_mul(ivec a, ivec b) { return vmulq_s32(a, b); }
static inline vec i_to_float(ivec a) { return vcvtq_f32_s32(a); }
static inline void q_store(quantum *q, const vec v[4]) { /* ROUNDER's last byte is 0 */
  int16x4_t whole[4];
  for (int i = 0; i < 4; i++) whole[i] = vmovn_s32(vreinterpretq_s32_f32(v[i]));
  vst1_s8(q, vmovn_s16(vcombine_s16(whole[0], whole[1])));
  vst1_s8(q + 8, vmovn_s16(vcombine_s16(whole[2], whole[3])));
}
static inline __attribute__((always_inline)) void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w,
                                                         const quantum *q, size_t ldq, int rows, bool is_tight) {
  (void)is_tight;
  for (int i = 0; i < rows; i++) {
    int32_t four;
    memcpy(&four, q + (size_t)i * ldq, sizeof four);
    int8x8_t qi = vreinterpret_s8_s32(vdup_n_s32(four));
    for (int j = 0; j < INT8_VECS; j++) {
      int8x16_t wj = vld1q_s8(w + j * 16);
      int32x4_t low = vpaddlq_s16(vmull_s8(qi, vget_low_s8(wj))), high = vpaddlq_s16(vmull_s8(qi, vget_high_s8(wj)));
      sum[i][j] = vaddq_s32(sum[i][j], vpaddq_s32(low, high));
    }
  }
}

#endif
