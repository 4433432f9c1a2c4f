/* gradient_relaxed.c: the kernels of training for relaxed SIMD; see gradient_body.h and vec_simd128.h. */
#define SROPE_RELAXED
#include "kernels/vec_simd128.h"

#include "kernels/gradient_body.h"
