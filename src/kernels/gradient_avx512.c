/* gradient_avx512.c: the kernels of training for one instruction set; see gradient_body.h and vec_avx512.h. */
#include "kernels/vec_avx512.h"

#include "kernels/gradient_body.h"
