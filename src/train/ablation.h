/* ablation.h: the rows of the paper's ablation (arXiv 2604.24717, its table of ablations) and two more, each as changes to one
 * recipe. In: a base recipe and what the data says of itself. Out: a recipe's text per row and seed. */
#ifndef SROPE_TRAIN_ABLATION_H
#define SROPE_TRAIN_ABLATION_H

#include "sirenrope/sirenrope.h"

typedef struct srope_ablation_row {
  const char *name, *about;
  const char *patch;  /* JSON over the recipe (RFC 7386) */
  bool time_as_items; /* the item has the time features, too */
  bool needs_flag;    /* the rotation's only input is a static flag of the event, named by the caller */
} srope_ablation_row;

extern const srope_ablation_row srope_ablation_rows[];
extern const uint32_t srope_ablation_n_rows;
enum { SROPE_ABLATION_BASELINE = 0 }; /* ordinal RoPE */

/* The recipe's text of a row: base, the row's changes, the seed. flag: the signal of rows that need one. Free *text with
 * srope_free. Errors: JSON, MEMORY. */
srope_status srope_ablation_recipe(const srope_ablation_row *row, const char *base, size_t n_base,
                                   const char *description, size_t n_description, const char *flag, uint64_t seed,
                                   char **text, size_t *n, srope_error *error);

#endif
