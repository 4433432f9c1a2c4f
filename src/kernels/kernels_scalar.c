/* kernels_scalar.c: the kernels for one instruction set; see body.h and vec_scalar.h. */
#include "kernels/vec_scalar.h"

#include "kernels/body.h"
