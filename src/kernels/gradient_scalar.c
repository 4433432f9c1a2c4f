/* gradient_scalar.c: the kernels of training for one instruction set; see gradient_body.h and vec_scalar.h. */
#include "kernels/vec_scalar.h"

#include "kernels/gradient_body.h"
