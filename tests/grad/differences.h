/* differences.h: found gradients against central differences of a loss in double precision. The loss weighs its
 * outputs with random numbers (a plain sum would let a zero softmax gradient pass). Fails the cmocka test that calls
 * it.
 *
 * Differences over 2e-5 in double precision are good to about 1e-9 of the loss, so what is left between them and a
 * backward pass is float32's rounding: 1e-6 to 1e-5 of a tensor's largest element in practice. */
#ifndef SROPE_TESTS_DIFFERENCES_H
#define SROPE_TESTS_DIFFERENCES_H

#include <stddef.h>

#include "property/random_model.h"

typedef struct gradient_check {
  const char *test;              /* for messages */
  double (*loss)(void *context); /* of what `variable` holds */
  void *context;
  random_source *random;
  double tolerance; /* of the largest element of the tensor's gradient ... */
  double floor;     /* ... and at least this, for gradients that are zero in exact arithmetic */
  size_t most;      /* elements to look at; where there are more, these many random ones, and one random direction */
  double worst;     /* out: of all checks so far, the largest difference, as a part of what is allowed */
  size_t n_checked; /* out: elements and directions so far */
} gradient_check;

/* found (n) - before (n) against differences by variable (n), which is left as it was. before NULL: found was
 * written, not added to. `what` names the tensor. */
void check_gradient(gradient_check *check, const char *what, double *variable, size_t n, const float *found,
                    const float *before);

#endif
