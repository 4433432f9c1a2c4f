/* dataset.h: users' events, packed once for a schema into a file that is memory-mapped: columns over all events, users one
 * after the other, a user's events oldest first. Made from a folder of KuaiRand CSV files (kuairand.h) or of event files
 * (README.md here). Reading is bounded in memory; what is mapped is shared and can be dropped by the system.
 * Not here: windows, batches, training. */
#ifndef SROPE_TRAIN_DATASET_H
#define SROPE_TRAIN_DATASET_H

#include "sirenrope/sirenrope.h"

typedef struct srope_dataset { /* borrowed views of the mapped file */
  uint64_t n_events, n_users;
  uint32_t n_tasks, n_signals; /* T, G */
  double validation_s,
      test_s; /* split times: train before the first, validation before the second, test from there on */
  const uint64_t *user_first;      /* (n_users + 1): user u's events are user_first[u] .. user_first[u + 1] - 1 */
  const double *time_s;            /* (n_events), never decreasing within a user */
  const uint32_t *request_back;    /* (n_events): event i's request began with event i - request_back[i] */
  const float *utc_offset_minutes; /* (n_events), NaN = the configuration's */
  const float *label;              /* (n_events, T), 0..1, NaN = missing */
  const float *signal;             /* (n_events, G) */
  const uint64_t *word_first;      /* (n_events + 1) */
  const uint32_t *words;           /* of event i from word_first[i] on: item, action, context (features/words.h) */
  uint64_t n_read, n_duplicates;   /* events in the source; exact duplicates that were dropped (KuaiRand) */
  bool has_videos;                 /* false: a KuaiRand log without its table of videos */
  uint64_t hash;                   /* of the events and the split times */
} srope_dataset;

typedef enum srope_split { SROPE_TRAIN, SROPE_VALIDATION, SROPE_TEST } srope_split;
static inline srope_split srope_dataset_split(const srope_dataset *data, double time_s) {
  return time_s < data->validation_s ? SROPE_TRAIN : time_s < data->test_s ? SROPE_VALIDATION : SROPE_TEST;
}

typedef struct srope_dataset_options {
  const char *path;  /* the folder */
  const char *cache; /* where to keep what was packed; NULL = a temporary file that is gone afterwards */
  void (*progress)(void *context, uint64_t bytes_done, uint64_t bytes_total); /* may be NULL */
  void *context;
} srope_dataset_options;

/* Opens the cache when it is there and was made from this folder (its files' names, sizes and dates) for this schema;
 * otherwise packs the folder first, into a new file that takes the cache's place when it is whole.
 * config: JSON of an object with `features`, `labels` (a list of names) and `angle_signals`, as a model's configuration.
 * Errors: IO, FORMAT, LIMIT, MEMORY, CONFIG (the schema asks for what the data has not), FEATURE, TIME, VALUE;
 * where = file, line, column. */
srope_status srope_dataset_open(const srope_dataset_options *options, const char *config, size_t n_config,
                                srope_dataset **out, srope_error *error);
void srope_dataset_close(srope_dataset *data);

/* What a folder says about its events, as JSON of an object with `features`, `labels`, `angle_signals`, and a `trend_center`
 * and `trend_scale` that fit its times: of event files
 * their schema.json, of a KuaiRand log the built-in schema. *text is NUL-terminated; free it with srope_free. */
srope_status srope_dataset_describe(const char *path, char **text, size_t *n, srope_error *error);

#endif
