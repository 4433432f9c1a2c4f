/* kernels_relaxed.c: the kernels for relaxed SIMD; see body.h and vec_simd128.h. */
#define SROPE_RELAXED
#include "kernels/vec_simd128.h"

#include "kernels/body.h"
