/* gradient_dispatch.c: the training kernels that belong to a table of ranking kernels, by its name. */
#include <string.h>

#include "kernels/gradient.h"

#ifdef SROPE_HAVE_scalar
extern const srope_gradient_kernels srope_gradient_scalar;
#endif
#ifdef SROPE_HAVE_avx2
extern const srope_gradient_kernels srope_gradient_avx2;
#endif
#ifdef SROPE_HAVE_avx512
extern const srope_gradient_kernels srope_gradient_avx512;
#endif
#ifdef SROPE_HAVE_neon
extern const srope_gradient_kernels srope_gradient_neon;
#endif
#ifdef SROPE_HAVE_simd128
extern const srope_gradient_kernels srope_gradient_simd128;
#endif
#ifdef SROPE_HAVE_relaxed
extern const srope_gradient_kernels srope_gradient_relaxed;
#endif

static const srope_gradient_kernels *const TABLES[] = {
#ifdef SROPE_HAVE_scalar
    &srope_gradient_scalar,
#endif
#ifdef SROPE_HAVE_avx2
    &srope_gradient_avx2,
#endif
#ifdef SROPE_HAVE_avx512
    &srope_gradient_avx512,
#endif
#ifdef SROPE_HAVE_neon
    &srope_gradient_neon,
#endif
#ifdef SROPE_HAVE_simd128
    &srope_gradient_simd128,
#endif
#ifdef SROPE_HAVE_relaxed
    &srope_gradient_relaxed,
#endif
};

const srope_gradient_kernels *srope_gradient_kernels_find(const char *isa) {
  for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
    if (strcmp(isa, TABLES[i]->isa) == 0) return TABLES[i];
  return NULL;
}
