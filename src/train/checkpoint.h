/* checkpoint.h: the state of a training as bytes of a .safetensors file, and back, to the bit. A checkpoint is a model file
 * (values under the model's names) with more tensors, which loaders ignore: adam.first.NAME, adam.second.NAME, best.NAME; and
 * with two more metadata keys: `recipe`, its text, and `training`, JSON of srope_run_state. */
#ifndef SROPE_TRAIN_CHECKPOINT_H
#define SROPE_TRAIN_CHECKPOINT_H

#include "model/model.h"
#include "train/recipe.h"

typedef struct srope_run_state {
  uint64_t steps; /* filled in when written */
  uint64_t evaluations, since_best, best_step;
  uint32_t moments;
  double best_ne, first_loss, recent_loss; /* NaN before there was one */
} srope_run_state;

typedef struct srope_checkpoint { /* borrows */
  srope_trainer *trainer;
  const srope_recipe *recipe;
  const srope_dataset *data;
  srope_run_state *state;
  float **best; /* by parameter */
} srope_checkpoint;

srope_status srope_checkpoint_write_model(const srope_checkpoint *checkpoint, bool best, void **bytes, size_t *n_bytes,
                                          srope_error *error);
srope_status srope_checkpoint_write(const srope_checkpoint *checkpoint, void **bytes, size_t *n_bytes,
                                    srope_error *error);
/* Nothing is changed on failure. Errors: FORMAT, TENSOR, CONFIG: another recipe or other data. */
srope_status srope_checkpoint_read(const srope_checkpoint *checkpoint, const void *bytes, size_t n_bytes,
                                   srope_error *error);

/* The recipe's text in a checkpoint's bytes, to be freed with srope_free. Errors: FORMAT. */
srope_status srope_checkpoint_recipe(const void *bytes, size_t n_bytes, char **text, size_t *n, srope_error *error);

#endif
