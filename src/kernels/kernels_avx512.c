/* kernels_avx512.c: the kernels for one instruction set; see body.h and vec_avx512.h. */
#include "kernels/vec_avx512.h"

#include "kernels/body.h"
