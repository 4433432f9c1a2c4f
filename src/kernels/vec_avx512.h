/* vec_avx512.h: the vector vocabulary with AVX-512 (F, BW, DQ, VL, VNNI), sixteen lanes. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SROPE_ISA avx512
enum { VL = 16, TILE_ROWS = 8, TILE_VECS = 2 };
typedef __m512 vec;

static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
static inline vec v_splat(float x) { return _mm512_set1_ps(x); }
static inline vec v_constant(float x) { return v_splat(x); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_madd(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_swap_pairs(vec a) { return _mm512_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1)); }
static inline float v_sum(vec a) { return _mm512_reduce_add_ps(a); }
static inline float v_largest(vec a) { return _mm512_reduce_max_ps(a); }

/* t = n + 1.5·2^23 for a whole number n: 2^n, and x with its sign turned when n is odd. */
static inline vec v_power_of_two(vec t) {
  __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32(0x3f800000)));
}
static inline vec v_negate_if_odd(vec x, vec t) {
  return _mm512_xor_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(t), 31)));
}

/* int8: VL sums of whole numbers. A step adds, for each of `rows` rows of quanta ldq apart, the products of K_STEP of them with a
 * panel's; `is_tight` is srope_int8_is_tight. q_store takes 4·VL floats ROUNDER + n, 0 <= n <= 127. */
enum { K_GROUP = 4, K_STEP = 4, INT8_ROWS = 8, INT8_VECS = 2, STEPS_ARE_FASTER_TIGHT = false };
typedef __m512i ivec;
typedef uint8_t quantum;
static inline ivec i_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline ivec i_splat(int32_t x) { return _mm512_set1_epi32(x); }
static inline ivec i_mul(ivec a, ivec b) { return _mm512_mullo_epi32(a, b); }
static inline vec i_to_float(ivec a) { return _mm512_cvtepi32_ps(a); }
static inline void q_store(quantum *q, const vec v[4]) { /* ROUNDER's last byte is 0 */
  for (int i = 0; i < 4; i++)
    _mm_storeu_si128((__m128i *)(void *)(q + i * VL), _mm512_cvtepi32_epi8(_mm512_castps_si512(v[i])));
}
static inline __attribute__((always_inline)) void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w,
                                                         const quantum *q, size_t ldq, int rows, bool is_tight) {
  (void)is_tight;
  __m512i wj[INT8_VECS];
  for (int j = 0; j < INT8_VECS; j++) wj[j] = _mm512_loadu_si512(w + j * 64);
  for (int i = 0; i < rows; i++) {
    int32_t four;
    memcpy(&four, q + (size_t)i * ldq, sizeof four);
    for (int j = 0; j < INT8_VECS; j++) sum[i][j] = _mm512_dpbusd_epi32(sum[i][j], _mm512_set1_epi32(four), wj[j]);
  }
}

#endif
