/* gather.h: windows of a dataset -> the tokens of a pass: words expanded to vectors, requests counted from the window's
 * first event. And back: the vectors' gradients into those of the tables. */
#ifndef SROPE_TRAIN_GATHER_H
#define SROPE_TRAIN_GATHER_H

#include "train/dropout.h"
#include "train/pass.h"
#include "train/windows.h"

/* How many tokens go through a pass together, unless one window alone is longer. */
enum { SROPE_PASS_TOKENS = 256, SROPE_PASS_ROUNDED = 2048 };

typedef struct srope_gather { /* of one thread; owns */
  srope_tokens tokens;        /* of the last call */
  float *label;               /* (m, T); NaN = missing or not to count */
  uint64_t *events, *keys;    /* (m): the event of the dataset; what tells a token of this window from others */
  uint32_t *length, *order_s, *request_start;
  float *item, *action, *context, *signal;
  double *time_s, *utc_offset_minutes;
  void *block;
} srope_gather;

/* Room for a pass of windows of at most `max_n` events. Errors: MEMORY. */
srope_status srope_gather_create(const srope_model *model, uint32_t max_n, srope_gather *out, srope_error *error);
void srope_gather_free(srope_gather *gather);
/* The pass that fits it. */
srope_status srope_gather_create_pass(const srope_model *model, uint32_t max_n, bool trains, srope_pass **out,
                                      srope_error *error);

/* How many of the next windows, list[order[0 .. n-1]] (order NULL = 0 .. n-1), fit into one pass; at least 1. */
size_t srope_gather_fit(const srope_model *model, const srope_window *list, const uint32_t *order, size_t n);

/* Fills `tokens` with them. `ids` (NULL = none) drops whole rows of the item's hashed features. */
void srope_gather_fill(srope_gather *gather, const srope_model *model, const srope_dataset *data,
                       const srope_window *list, const uint32_t *order, size_t n, const srope_dropout *ids);

/* dtable: by list and field, as in srope_schema_expand_backward. Vectors' gradients of m events; ids as when filled. */
void srope_gather_scatter(const srope_model *model, const srope_dataset *data, const uint64_t *events,
                          const uint64_t *keys, size_t m, const srope_vector_gradients *dvectors,
                          const srope_dropout *ids, float *const *const dtable[3]);

#endif
