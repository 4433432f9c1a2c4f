/* gradient_neon.c: the kernels of training for one instruction set; see gradient_body.h and vec_neon.h. */
#include "kernels/vec_neon.h"

#include "kernels/gradient_body.h"
