/* windows.h: which stretches of users' events go through the network together: for training every event of a split once,
 * for evaluation every event as it would have been served. */
#ifndef SROPE_TRAIN_WINDOWS_H
#define SROPE_TRAIN_WINDOWS_H

#include "train/dataset.h"

typedef struct srope_window {
  uint64_t first;      /* event of the dataset */
  uint32_t n;          /* events */
  uint32_t score_from; /* events from there on count; those before are history only */
  uint32_t order_s;    /* S of the `order` feature */
} srope_window;

typedef struct srope_windows { /* owns */
  srope_window *list;
  size_t n;
  uint64_t n_events; /* that count */
  uint32_t max_n;    /* of the longest */
} srope_windows;
void srope_windows_free(srope_windows *windows);

/* Every training event once: a user's events before the validation split in windows of at most `length`; a window after
 * the first begins `overlap` < length events early, with history that does not count. Errors: MEMORY. */
srope_status srope_windows_for_training(const srope_dataset *data, uint32_t length, uint32_t overlap,
                                        srope_windows *out, srope_error *error);

/* Every event of a split, in the dataset's order, as a candidate of its own request after the newest `max_history` events
 * before that request. Requests that see a user's whole past share a window unless the model uses `order`, whose S each
 * has for itself. Errors: MEMORY. */
srope_status srope_windows_for_serving(const srope_dataset *data, srope_split split, uint32_t max_history,
                                       bool uses_order, srope_windows *out, srope_error *error);

#endif
