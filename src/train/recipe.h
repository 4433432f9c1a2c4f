/* recipe.h: a JSON text that says what to train and how -> the model's configuration, its sizes, and the numbers of
 * training, with defaults filled in and everything checked. Keys and defaults: README.md here. */
#ifndef SROPE_TRAIN_RECIPE_H
#define SROPE_TRAIN_RECIPE_H

#include "model/fresh.h"
#include "train/trainer.h"

typedef struct srope_recipe { /* owns its texts */
  char *config;               /* JSON for the metadata key siren_rope, NUL-terminated */
  size_t n_config;
  char *text; /* the recipe as it was read, for checkpoints */
  size_t n_text;
  srope_architecture architecture;
  srope_trainer_options trainer;                           /* task_weight points into the recipe */
  float *task_weight;                                      /* (T) */
  double epochs, batch, learning_rate, warmup, final_rate; /* warmup: part of all steps; final_rate: part of the rate */
  double evaluations, patience; /* per epoch; without improvement before it stops, 0 = never */
  double overlap;               /* part of max_history that windows share, < 1 */
  double max_history;
  bool uses_order; /* the model that it makes has the `order` feature */
} srope_recipe;

/* `text` is an object with the keys "model" and "training", each optional. description: what the data says of itself
 * (srope_dataset_describe); its features, labels and signals are taken where the recipe names none.
 * Errors: CONFIG, JSON, LIMIT, MEMORY; where = "training.batch". Free it also after a failure. */
srope_status srope_recipe_read(const char *text, size_t n, const char *description, size_t n_description,
                               srope_recipe *out, srope_error *error);
void srope_recipe_free(srope_recipe *recipe);

#endif
