/* learner.h: what tests of gradients share: a random model, its naive twin in double precision, arrays for its
 * gradients, and random tokens for both. Arrays are exactly as long as they must be, so that the sanitizers see one
 * float too many. */
#ifndef SROPE_TESTS_LEARNER_H
#define SROPE_TESTS_LEARNER_H

#include "grad/differences.h"
#include "nn/gradient.h"
#include "property/random_model.h"
#include "property/reference.h"
#include "train/pass.h"

typedef struct learner {
  srope_model *model;
  const srope_info *info;
  reference *oracle;
  float **of, **before; /* by parameter: the gradient, and what was there before a backward pass added to it */
  float **back;         /* by parameter of a weight: packed for dx */
  srope_gradients gradients;
  void **owned;
  size_t n_owned;
} learner;

/* isa NULL: the best. NULL when this machine has no such instruction set. */
learner *learner_create(const model_sizes *sizes, uint64_t seed, const char *isa);
void learner_free(learner *l);

/* (n) zeros, aligned as malloc does, freed with the learner. */
float *learner_floats(learner *l, size_t n);
float *learner_random(learner *l, random_source *random, size_t n, double low, double high);
double *learner_doubles(learner *l, const float *x, size_t n); /* a copy; of zeros when x is NULL */

/* Small random numbers into every gradient: a backward pass must add to them. */
void learner_restart(learner *l, random_source *random);
/* check_gradient for every parameter whose name starts with `start`; returns how many. */
size_t learner_check(learner *l, gradient_check *check, const char *start);
/* No parameter's gradient has changed but those whose names start with one of the `n` starts. */
void learner_assert_others_kept(const learner *l, const char *const *starts, size_t n);

/* w (n_out, n_in) packed so that dx = dy · w */
void pack_for_back(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed);

/* ---------------------------------------------------------------- tokens for both */

typedef struct batch { /* the learner owns its arrays */
  srope_tokens tokens;
  uint32_t *length, *order_s, *start;
  float *item, *action, *context, *signal, *label;
  double *time_s, *offset_minutes;
  reference_tokens *sequence; /* (n_sequences): the same numbers */
} batch;

/* Sequences of these lengths: requests of several events, also interleaved ones; missing labels; offsets; S of `order`
 * sometimes larger than the sequence. */
batch batch_random(learner *l, random_source *random, const uint32_t *length, size_t n_sequences);
void batch_free(batch *b); /* what the learner does not own */

#endif
