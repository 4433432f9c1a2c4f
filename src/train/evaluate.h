/* evaluate.h: how good a model is on a split of a data set, as it would have been served: every event of the split is a
 * candidate of its own request, after the user's events before that request (the newest the model keeps); events of one
 * request do not see one another. A session for each thread serves users in turn; users and events that change nothing are
 * skipped. The same bits on any number of threads.
 * In: a model and a data set packed for its configuration. Out: metrics by task. Not here: printing. */
#ifndef SROPE_TRAIN_EVALUATE_H
#define SROPE_TRAIN_EVALUATE_H

#include "train/dataset.h"
#include "train/metrics.h"

typedef struct srope_evaluation { /* owns tasks */
  uint64_t n_events, n_requests, n_users;
  srope_metrics *tasks; /* (T) */
} srope_evaluation;

typedef struct srope_evaluate_options {
  srope_split split;
  void (*progress)(void *context, uint64_t events_done, uint64_t events_total); /* may be NULL */
  void *context;
  srope_pool *pool; /* whose threads share the users; NULL = the caller's alone, which also tells the progress */
} srope_evaluate_options;

/* Errors: VALUE (no event is in the split; where = its name), CONFIG (the model takes raw vectors), ARGUMENT (the data was
 * packed for another number of tasks or signals), MEMORY, those of a session. */
srope_status srope_evaluate(const srope_model *model, const srope_dataset *data, const srope_evaluate_options *options,
                            srope_evaluation *out, srope_error *error);
void srope_evaluation_free(srope_evaluation *evaluation);

/* A model's configuration as srope_dataset_open takes it; free *text with srope_free. Errors: MEMORY. */
srope_status srope_evaluate_config(const srope_model *model, char **text, size_t *n, srope_error *error);

const char *srope_split_name(srope_split split); /* "train", "validation", "test". Static */

#endif
