/* dispatch.c: which kernel tables this build has and which this machine can run. A new instruction set is a block here,
 * a line in src/CMakeLists.txt, a vec_*.h and a two-line kernels_*.c. */
#include <stdbool.h>
#include <string.h>

#include "kernels/kernels.h"

typedef struct candidate {
  const srope_kernels *kernels;
  bool (*runs_here)(void);
} candidate;

#ifdef SROPE_HAVE_avx512
extern const srope_kernels srope_kernels_avx512;
static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}
#endif
#ifdef SROPE_HAVE_avx2
extern const srope_kernels srope_kernels_avx2;
static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
#ifdef SROPE_HAVE_neon
extern const srope_kernels srope_kernels_neon;
#endif
#ifdef SROPE_HAVE_relaxed
extern const srope_kernels srope_kernels_relaxed;
#endif
#ifdef SROPE_HAVE_simd128
extern const srope_kernels srope_kernels_simd128;
#endif
#ifdef SROPE_HAVE_scalar
extern const srope_kernels srope_kernels_scalar;
#endif

static bool always(void) { return true; }

/* Best first. */
static const candidate CANDIDATES[] = {
#ifdef SROPE_HAVE_avx512
    {&srope_kernels_avx512, has_avx512},
#endif
#ifdef SROPE_HAVE_avx2
    {&srope_kernels_avx2, has_avx2},
#endif
#ifdef SROPE_HAVE_neon
    {&srope_kernels_neon, always},
#endif
#ifdef SROPE_HAVE_relaxed
    {&srope_kernels_relaxed, always},
#endif
#ifdef SROPE_HAVE_simd128
    {&srope_kernels_simd128, always},
#endif
#ifdef SROPE_HAVE_scalar
    {&srope_kernels_scalar, always},
#endif
};

const srope_kernels *srope_kernels_find(const char *isa) {
  for (size_t i = 0; i < sizeof CANDIDATES / sizeof *CANDIDATES; i++)
    if ((!isa || strcmp(isa, CANDIDATES[i].kernels->isa) == 0) && CANDIDATES[i].runs_here())
      return CANDIDATES[i].kernels;
  return NULL;
}
