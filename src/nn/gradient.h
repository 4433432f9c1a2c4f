/* gradient.h: what every backward pass adds to. A backward pass takes d<output> and gives d<input>, and adds to the
 * gradients of the weights it passes; `x`, states and sizes are those of the forward pass beside it. */
#ifndef SROPE_NN_GRADIENT_H
#define SROPE_NN_GRADIENT_H

#include "kernels/gradient.h"
#include "model/model.h"

typedef struct srope_gradients {
  const srope_gradient_kernels *kernels;
  float *const *of; /* by parameter: its gradient, in the file's layout; NULL = not wanted (held still, tables) */
  const float *const *back; /* by parameter of a weight (n_out, n_in): packed with columns n_in, for dx = dy · W */
} srope_gradients;

#endif
