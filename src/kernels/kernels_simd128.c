/* kernels_simd128.c: the kernels for one instruction set; see body.h and vec_simd128.h. */
#include "kernels/vec_simd128.h"

#include "kernels/body.h"
