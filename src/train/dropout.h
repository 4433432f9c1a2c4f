/* dropout.h: dropout without state: whether an element is dropped follows from seed, step, token, site and element alone,
 * so that threads, shards and processes agree, and the backward pass sees what the forward pass saw. */
#ifndef SROPE_TRAIN_DROPOUT_H
#define SROPE_TRAIN_DROPOUT_H

#include "nn/linear.h"

typedef struct srope_dropout {
  float rate;             /* 0 .. 1, taken in steps of 1/65536 */
  uint64_t key;           /* of the step */
  const uint64_t *tokens; /* (m): what tells tokens apart */
} srope_dropout;

/* The hook of nn/ for it: kept elements are divided by 1 - rate. Borrows. */
srope_hook srope_dropout_hook(const srope_dropout *dropout);

/* Is a thing of a token dropped as a whole (an id's row of its table)? */
bool srope_dropout_drops(const srope_dropout *dropout, uint64_t token, uint32_t site);

#endif
