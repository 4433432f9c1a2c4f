/* trainer.h: a model that learns: values, gradients, moments, and one step of it all.
 *
 * A step takes a batch of windows. They are cut into `shards` of about as many tokens each; threads take shards, every
 * shard adds up its own gradient, and the shards' gradients are added in pairs, pairs of pairs, and so on. So the bits of a
 * result depend on the number of shards and not on threads. Processes (distributed.h) take equal runs of shards.
 * Not here: epochs, schedules, files (run.h). */
#ifndef SROPE_TRAIN_TRAINER_H
#define SROPE_TRAIN_TRAINER_H

#include "base/pool.h"
#include "train/distributed.h"
#include "train/windows.h"

typedef enum srope_optimizer { SROPE_ADAMW, SROPE_ADAM } srope_optimizer;

typedef struct srope_trainer_options {
  uint32_t shards; /* a power of two; also the most threads that help */
  uint64_t seed;   /* of dropout */
  srope_optimizer optimizer;
  double beta1, beta2, eps, weight_decay;
  bool decay_all;       /* else biases, norms, padding vectors and the rotation's scalars are spared */
  double table_decay;   /* of embedding tables, instead of weight_decay; negative = the same */
  double rotation_rate; /* learning rate of freq, order_scale and the angle networks, times the step's */
  double table_rate;    /* of embedding tables, times the step's */
  double clip_norm;     /* largest norm of the whole gradient; 0 = none */
  double dropout, id_dropout;
  const float *task_weight;  /* (T) or NULL for 1 each; borrowed */
  bool hold_sine, hold_relu; /* branches of the angle networks that do not learn */
} srope_trainer_options;

typedef struct srope_trainer srope_trainer;

/* Takes the model, which changes from then on; pool and distributed are borrowed. max_n: the longest window.
 * Errors: MEMORY, TENSOR (int8 weights), CONFIG (a model whose lists take raw vectors has no dataset: only its gradients can be asked for). */
srope_status srope_trainer_create(srope_model *model, const srope_trainer_options *options, uint32_t max_n,
                                  srope_pool *pool, const srope_distributed *distributed, srope_trainer **out,
                                  srope_error *error);
void srope_trainer_free(srope_trainer *trainer); /* and the model */
const srope_model *srope_trainer_model(const srope_trainer *trainer);

typedef struct srope_step_result {
  double loss;   /* mean over the batch's labels, before the step; NaN when it has none */
  double weight; /* labels, by their task weights, of all processes */
  double norm;   /* of the mean loss's gradient, before clipping */
} srope_step_result;

/* One step on windows list[order[0 .. n-1]] with this learning rate. Errors: VALUE: the loss or the gradient is not finite;
 * nothing was changed. */
srope_status srope_trainer_step(srope_trainer *trainer, const srope_dataset *data, const srope_window *list,
                                const uint32_t *order, size_t n, double rate, srope_step_result *out,
                                srope_error *error);

/* Logits (windows' events that count, T) in the order of the windows, without dropout, by this process's threads alone.
 * label (the same shape) gets what the dataset says, NaN = missing. Errors: MEMORY. */
srope_status srope_trainer_predict(srope_trainer *trainer, const srope_dataset *data, const srope_windows *windows,
                                   float *logits, float *label, srope_error *error);

/* The step's parts on tokens of the caller's, for tests and for programs without datasets: adds the gradient of the sum of
 * losses, and one step from what was added since the last, scaled by 1 / weight. tokens: at most max_n. */
struct srope_tokens;
struct srope_loss;
void srope_trainer_accumulate(srope_trainer *trainer, const struct srope_tokens *tokens, const float *label,
                              struct srope_loss *loss);
srope_status srope_trainer_apply(srope_trainer *trainer, const struct srope_loss *loss, double rate,
                                 srope_step_result *out, srope_error *error);

/* ---------------------------------------------------------------- state: parameters by number, as in srope_model */

typedef enum srope_trainer_part {
  SROPE_VALUE,
  SROPE_GRADIENT,
  SROPE_FIRST_MOMENT,
  SROPE_SECOND_MOMENT
} srope_trainer_part;
uint32_t srope_trainer_count(const srope_trainer *trainer);
/* (n elements of the parameter), in the file's layout. After writing values call srope_trainer_changed. */
float *srope_trainer_part_of(srope_trainer *trainer, srope_trainer_part part, uint32_t parameter);
void srope_trainer_changed(srope_trainer *trainer); /* values -> the model's packed weights */
uint64_t srope_trainer_steps(const srope_trainer *trainer);
void srope_trainer_set_steps(srope_trainer *trainer, uint64_t steps);
/* Does a parameter learn? The rotation's output biases do not (the gauge), nor do branches that are held. */
bool srope_trainer_learns(const srope_trainer *trainer, uint32_t parameter);

#endif
