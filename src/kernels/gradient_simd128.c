/* gradient_simd128.c: the kernels of training for one instruction set; see gradient_body.h and vec_simd128.h. */
#include "kernels/vec_simd128.h"

#include "kernels/gradient_body.h"
