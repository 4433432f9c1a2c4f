/* peak.c: the highest rate of multiply-adds: registers alone, in 4 to 16 independent chains, of which the best counts (few do
 * not hide the latency, many spill). PEAK_ISA names the instruction set that this file is compiled for.
 * Float: acc = acc · x + y. Int8: sums of products of bytes added to acc, by the instructions that the kernels use. Operands
 * depend on the accumulator wherever a compiler could otherwise take the product out of the loop, and on k (1), because engines of
 * WebAssembly build a constant anew at every use. */
#include "machine.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
typedef v128_t vec;
typedef v128_t ivec;
enum { LANES = 4 };
#define SPLAT(x) wasm_f32x4_splat(x)
#define ISPLAT(x) wasm_i8x16_splat(x)
#define FIRST(v) wasm_f32x4_extract_lane(v, 0)
#define IFIRST(v) wasm_i32x4_extract_lane(v, 0)
#if defined(__wasm_relaxed_simd__)
#define MADD(acc, x, y) wasm_f32x4_relaxed_madd(acc, x, y)
/* Two products of bytes to a widening, as where sums of four stay within 16 bits: engines take fewer instructions for it than
 * for two of wasm_i32x4_relaxed_dot_i8x16_i7x16_add. */
#define DOT(acc, a, b)                                                                                            \
  wasm_i32x4_add(acc, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_add(wasm_i16x8_relaxed_dot_i8x16_i7x16(acc, b), \
                                                                      wasm_i16x8_relaxed_dot_i8x16_i7x16(b, acc))))
enum { BYTES = 32 };
#else
#define MADD(acc, x, y) wasm_f32x4_add(wasm_f32x4_mul(acc, x), y)
#define DOT(acc, a, b) wasm_i32x4_add(acc, wasm_i32x4_dot_i16x8(acc, b))
enum { BYTES = 8 };
#endif
#elif defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 vec;
typedef __m512i ivec;
enum { LANES = 16, BYTES = 64 };
#define SPLAT(x) _mm512_set1_ps(x)
#define ISPLAT(x) _mm512_set1_epi8(x)
#define FIRST(v) _mm512_cvtss_f32(v)
#define IFIRST(v) _mm_cvtsi128_si32(_mm512_castsi512_si128(v))
#define MADD(acc, x, y) _mm512_fmadd_ps(acc, x, y)
#define DOT(acc, a, b) _mm512_dpbusd_epi32(acc, a, b)
#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256 vec;
typedef __m256i ivec;
enum { LANES = 8, BYTES = 64 };
#define SPLAT(x) _mm256_set1_ps(x)
#define ISPLAT(x) _mm256_set1_epi8(x)
#define FIRST(v) _mm256_cvtss_f32(v)
#define IFIRST(v) _mm_cvtsi128_si32(_mm256_castsi256_si128(v))
#define MADD(acc, x, y) _mm256_fmadd_ps(acc, x, y)
#define DOT(acc, a, b) /* as relaxed */                                                                            \
  _mm256_add_epi32(acc,                                                                                            \
                   _mm256_madd_epi16(_mm256_add_epi16(_mm256_maddubs_epi16(acc, b), _mm256_maddubs_epi16(b, acc)), \
                                     _mm256_set1_epi16(1)))
#else
typedef float vec __attribute__((vector_size(16)));
enum { LANES = 4 };
#define SPLAT(x) ((vec){(x), (x), (x), (x)})
#define FIRST(v) (v)[0]
#define MADD(acc, x, y) ((acc) * (x) + (y))
#endif

enum { STEPS = 64 }; /* of every chain, a repeat */

#define FLOAT_LOOP(n)                                                                                              \
  static float float_##n(uint32_t repeats, uint32_t k) {                                                           \
    vec acc[n], x = SPLAT(0.999F * (float)k), y = SPLAT(0.001F * (float)k);                                        \
    UNROLL for (int i = 0; i < n; i++) acc[i] = SPLAT((float)i);                                                   \
    for (uint32_t r = 0; r < repeats; r++)                                                                         \
      for (int step = 0; step < STEPS; step++) { UNROLL for (int i = 0; i < n; i++) acc[i] = MADD(acc[i], x, y); } \
    float sum = 0;                                                                                                 \
    UNROLL for (int i = 0; i < n; i++) sum += FIRST(acc[i]);                                                       \
    return sum;                                                                                                    \
  }
#define FLOAT_ROW(n) \
  { PEAK_ISA " " #n, 2.0 * LANES *STEPS *n, float_##n, 1 }

#define INT8_LOOP(n)                                                                                              \
  static float int8_##n(uint32_t repeats, uint32_t k) {                                                           \
    ivec acc[n], a = ISPLAT((char)k), b = ISPLAT((char)(3 * k));                                                  \
    (void)a;                                                                                                      \
    UNROLL for (int i = 0; i < n; i++) acc[i] = ISPLAT((char)i);                                                  \
    for (uint32_t r = 0; r < repeats; r++)                                                                        \
      for (int step = 0; step < STEPS; step++) { UNROLL for (int i = 0; i < n; i++) acc[i] = DOT(acc[i], a, b); } \
    float sum = 0;                                                                                                \
    UNROLL for (int i = 0; i < n; i++) sum += (float)IFIRST(acc[i]);                                              \
    return sum;                                                                                                   \
  }
#define INT8_ROW(n) \
  { PEAK_ISA "-int8 " #n, 2.0 * BYTES *STEPS *n, int8_##n, 1 }

FLOAT_LOOP(4)
FLOAT_LOOP(6)
FLOAT_LOOP(8)
FLOAT_LOOP(10)
FLOAT_LOOP(11)
FLOAT_LOOP(12)
FLOAT_LOOP(13)
FLOAT_LOOP(14)
FLOAT_LOOP(16)
#ifdef DOT
INT8_LOOP(4)
INT8_LOOP(6)
INT8_LOOP(8)
INT8_LOOP(10)
INT8_LOOP(12)
INT8_LOOP(14)
#endif

static const machine_loop loops[] = {
    FLOAT_ROW(4),  FLOAT_ROW(6),  FLOAT_ROW(8),  FLOAT_ROW(10), FLOAT_ROW(11), FLOAT_ROW(12),
    FLOAT_ROW(13), FLOAT_ROW(14), FLOAT_ROW(16),
#ifdef DOT
    INT8_ROW(4),   INT8_ROW(6),   INT8_ROW(8),   INT8_ROW(10),  INT8_ROW(12),  INT8_ROW(14),
#endif
};

static int runs_here(void) {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 1;
#endif
}

machine_loops PEAK_FUNCTION(void) { return (machine_loops){loops, runs_here() ? sizeof loops / sizeof loops[0] : 0}; }
