/* memory_dataset.h: a small packed data set (train/dataset.h) in memory, of random users, for models with the
 * features of property/random_model.h: hashed lists, an index whose table two lists share, numbers, vectors, missing
 * values; requests of several events, also interleaved ones; missing labels and offsets. And its vectors, naively. */
#ifndef SROPE_TESTS_MEMORY_DATASET_H
#define SROPE_TESTS_MEMORY_DATASET_H

#include "property/random_model.h"
#include "property/reference.h"
#include "train/dataset.h"

typedef struct memory_dataset { /* free with memory_dataset_free */
  srope_dataset data;
  uint64_t *user_first, *word_first;
  double *time_s;
  uint32_t *request_back, *words;
  float *utc_offset_minutes, *label, *signal;
} memory_dataset;

/* n_users of 0 .. most_events events each (the first has most_events), over three splits, for a model of these
 * sizes. */
memory_dataset memory_dataset_random(random_source *random, const srope_info *info, size_t n_users, size_t most_events);
void memory_dataset_free(memory_dataset *d);

/* The three vectors of an event, one after the other: (X + Y + Z), from the model file's tables as they are now. */
void memory_dataset_vectors(const memory_dataset *d, const reference *r, uint64_t event, double *out);

#endif
