/* kernels_avx2.c: the kernels for one instruction set; see body.h and vec_avx2.h. */
#include "kernels/vec_avx2.h"

#include "kernels/body.h"
