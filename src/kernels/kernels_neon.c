/* kernels_neon.c: the kernels for one instruction set; see body.h and vec_neon.h. */
#include "kernels/vec_neon.h"

#include "kernels/body.h"
