/* random_model.h: seeded random numbers, and model files of odd sizes made from them.
 * In: a seed. Out: the bytes of a valid .safetensors file whose every part matters to its logits. The same seed gives
 * the same bytes everywhere. Not here: invalid files (tests/unit, tests/fuzz). */
#ifndef SROPE_TESTS_RANDOM_MODEL_H
#define SROPE_TESTS_RANDOM_MODEL_H

#include <stddef.h>
#include <stdint.h>

typedef struct random_source {
  uint64_t state;
} random_source;

uint64_t random_next(random_source *random);
size_t random_below(random_source *random, size_t n); /* 0 .. n-1 */
double random_between(random_source *random, double low, double high);

typedef struct model_sizes {
  int variant;                      /* srope_variant */
  size_t l, k, h, a, x, y, z, g, t; /* the public header's letters; D = K·H, A divides K/2 */
  size_t action_hidden[2], feed_forward;
  size_t head_hidden[2];                       /* the second 0: one hidden layer; both: none */
  size_t sine_depth, relu_depth, angle_hidden; /* hidden layers of the two branches, and their width */
  size_t n_time_features, time_features[8];    /* places in random_model.c's list of names */
  int bf16;                                    /* else F32 */
  int has_features;                            /* vectors come of named values: see below */
} model_sizes;

/* The features that a model with named values has, and what X, Y and Z then are: set them with
 * model_sizes_add_features. item: id (hash, 13 rows, dim 3), tags (hash, 7 rows, dim 2), tab (index, 5 rows, dim 2),
 * length (number), place (vector of 2); action: like (number), kind (index, 3 rows, dim 2); context: tab (index,
 * item's table), hour (number). */
enum { FEATURED_X = 10, FEATURED_Y = 3, FEATURED_Z = 3 };
void model_sizes_add_features(model_sizes *sizes);

model_sizes model_sizes_random(random_source *random);
/* Tiny and plain, for a corpus or a test that needs any model: one layer, D = 4, two tasks. */
model_sizes model_sizes_tiny(int variant);
/* free() the bytes. */
unsigned char *model_write(const model_sizes *sizes, random_source *random, size_t *n_bytes);

#endif
