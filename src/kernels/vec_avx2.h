/* vec_avx2.h: the vector vocabulary with AVX2 and fused multiply-add, eight lanes. */
#ifndef SROPE_KERNELS_VEC_H
#define SROPE_KERNELS_VEC_H

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SROPE_ISA avx2
enum { VL = 8, TILE_ROWS = 6, TILE_VECS = 2 };
typedef __m256 vec;

static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
static inline vec v_splat(float x) { return _mm256_set1_ps(x); }
static inline vec v_constant(float x) { return v_splat(x); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_madd(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_swap_pairs(vec a) { return _mm256_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1)); }
static inline float v_sum(vec a) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float v_largest(vec a) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* t = n + 1.5·2^23 for a whole number n: 2^n, and x with its sign turned when n is odd. */
static inline vec v_power_of_two(vec t) {
  __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(0x3f800000)));
}
static inline vec v_negate_if_odd(vec x, vec t) {
  return _mm256_xor_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(t), 31)));
}

/* int8: VL sums of whole numbers. A step adds, for each of `rows` rows of quanta ldq apart, the products of K_STEP of them with a
 * panel's; `is_tight` is srope_int8_is_tight. q_store takes 4·VL floats ROUNDER + n, 0 <= n <= 127. */
enum { K_GROUP = 4, K_STEP = 8, INT8_ROWS = 4, INT8_VECS = 2, STEPS_ARE_FASTER_TIGHT = true };
typedef __m256i ivec;
typedef uint8_t quantum;
static inline ivec i_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline ivec i_splat(int32_t x) { return _mm256_set1_epi32(x); }
static inline ivec i_mul(ivec a, ivec b) { return _mm256_mullo_epi32(a, b); }
static inline vec i_to_float(ivec a) { return _mm256_cvtepi32_ps(a); }
static inline void q_store(quantum *q, const vec v[4]) {
  const __m256i rounder = _mm256_set1_epi32(0x4b400000); /* ROUNDER's bits */
  __m256i whole[4];
  for (int i = 0; i < 4; i++) whole[i] = _mm256_sub_epi32(_mm256_castps_si256(v[i]), rounder);
  __m256i low = _mm256_packs_epi32(whole[0], whole[1]), high = _mm256_packs_epi32(whole[2], whole[3]);
  __m256i fours = _mm256_packus_epi16(low, high); /* of the lower and the upper halves in turn */
  fours = _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256((__m256i *)(void *)q, fours);
}
static inline ivec q_splat(const quantum *q) { /* a group */
  int32_t four;
  memcpy(&four, q, sizeof four);
  return _mm256_set1_epi32(four);
}
static inline __attribute__((always_inline)) void i_step(ivec sum[INT8_ROWS][INT8_VECS], const int8_t *w,
                                                         const quantum *q, size_t ldq, int rows, bool is_tight) {
  const __m256i ones = _mm256_set1_epi16(1), *wv = (const __m256i *)(const void *)w;
  __m256i w0[INT8_VECS], w1[INT8_VECS];
  for (int j = 0; j < INT8_VECS; j++) w0[j] = _mm256_loadu_si256(wv + j);
  for (int j = 0; j < INT8_VECS; j++) w1[j] = _mm256_loadu_si256(wv + INT8_VECS + j);
  for (int i = 0; i < rows; i++) {
    __m256i q0 = q_splat(q + (size_t)i * ldq), q1 = q_splat(q + (size_t)i * ldq + 4);
    for (int j = 0; j < INT8_VECS; j++) {
      __m256i p0 = _mm256_maddubs_epi16(q0, w0[j]), p1 = _mm256_maddubs_epi16(q1, w1[j]);
      if (is_tight) {
        sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(_mm256_add_epi16(p0, p1), ones));
      } else {
        sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(p0, ones));
        sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(p1, ones));
      }
    }
  }
}

#endif
