/* run.h: a training from a recipe and a data set: epochs of shuffled batches, warm-up and cosine, evaluations on the
 * validation split, early stopping, checkpoints from which it goes on to the bit. It reads and writes no files: what it
 * has to say and to keep goes through one callback. A run belongs to one thread; its steps use the pool's. */
#ifndef SROPE_TRAIN_RUN_H
#define SROPE_TRAIN_RUN_H

#include "train/metrics.h"
#include "train/recipe.h"

typedef struct srope_run_options {
  const srope_recipe *recipe; /* borrowed, like all of these */
  const srope_dataset *data;
  srope_pool *pool;
  const srope_distributed *distributed;
  const char *isa;    /* NULL = the best there is */
  uint32_t n_moments; /* MOMENT events over the course of training, early ones closer together */
} srope_run_options;

typedef enum srope_run_kind {
  SROPE_RUN_STEP,       /* after every step */
  SROPE_RUN_EVALUATION, /* on the validation split; is_best: keep the model */
  SROPE_RUN_MOMENT,     /* a picture of the rotation is due; first before any step, last after all */
} srope_run_kind;

typedef struct srope_run srope_run;

typedef struct srope_run_event {
  srope_run_kind kind;
  uint64_t step, n_steps; /* steps taken; in all */
  uint64_t n_tokens;      /* of this process's and all others' windows since the run began or was resumed */
  double epoch, rate;     /* epochs done, with fraction; the step's learning rate */
  srope_step_result result;
  const srope_metrics *metrics; /* (T) of an evaluation */
  double mean_ne;               /* over the tasks where it is defined; NaN where it is nowhere */
  bool is_best;
  uint32_t moment;
  bool is_whole; /* all of the step has been told: what is saved now goes on to the bit */
} srope_run_event;

/* false: stop here, after this event; srope_run_train then returns SROPE_OK and the run can be saved and resumed. All
 * processes must agree (srope_distributed_any). */
typedef bool (*srope_run_listener)(void *context, srope_run *run, const srope_run_event *event);

/* Errors: CONFIG (no training events, nothing to validate on), and those of srope_model_load. */
srope_status srope_run_create(const srope_run_options *options, srope_run **out, srope_error *error);
void srope_run_free(srope_run *run);

/* Goes on until the end, early stopping or the listener's no, of which it tells all of a step first. Errors: VALUE: the loss
 * or an evaluation is not finite, or the loss explodes, in all processes alike; what is saved after that is of no use. */
srope_status srope_run_train(srope_run *run, srope_run_listener listener, void *context, srope_error *error);
bool srope_run_is_done(const srope_run *run); /* nothing is left to train */

/* The step and the NE of the best evaluation so far; false: there was none. NE is NaN where no task has one. */
bool srope_run_best(const srope_run *run, uint64_t *step, double *mean_ne);

srope_trainer *srope_run_trainer(srope_run *run);
const srope_windows *srope_run_windows(const srope_run *run); /* of training */

/* The model as a file: as it is now, or as it was at the best evaluation. Free the bytes with srope_free. */
srope_status srope_run_save_model(srope_run *run, bool best, void **bytes, size_t *n_bytes, srope_error *error);
/* All of the run's state as a model file with more tensors. Errors of reading: FORMAT, CONFIG (another recipe or data). */
srope_status srope_run_save(srope_run *run, void **bytes, size_t *n_bytes, srope_error *error);
srope_status srope_run_resume(srope_run *run, const void *bytes, size_t n_bytes, srope_error *error);

/* Metrics (T) of the model as it is, or as it was at its best, on a split, every event as it would have been served. logits
 * and label, when not NULL, get (events of the split, T) in the data's order; free() them. */
srope_status srope_run_evaluate(srope_run *run, srope_split split, bool best, srope_metrics *metrics, float **logits,
                                float **label, size_t *n_events, srope_error *error);

#endif
