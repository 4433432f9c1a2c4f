/* dataset_config.h: what is asked of a data set, read from a model's configuration: the feature lists, the tasks' and
 * signals' names, and what the time features (time_values.h) need. Not here: what the data has. */
#ifndef SROPE_TRAIN_DATASET_CONFIG_H
#define SROPE_TRAIN_DATASET_CONFIG_H

#include "features/schema.h"
#include "train/time_values.h"

struct yyjson_doc;

typedef struct srope_dataset_config { /* owns all */
  struct yyjson_doc *document;        /* the names' */
  srope_schema schema[3];             /* by srope_list; no tables */
  const char **labels, **signals;     /* (T), (G) */
  uint32_t n_tasks, n_signals;
  srope_time_value *time_values[3]; /* by srope_list, of every field; NONE where the data must have it */
  double trend_center, trend_scale, utc_offset_minutes;
  uint64_t hash; /* of all that changes what is packed */
} srope_dataset_config;

/* Free it also after a failure. Errors: CONFIG, LIMIT, MEMORY; where = the key. */
srope_status srope_dataset_config_read(const char *text, size_t n, srope_dataset_config *out, srope_error *error);
void srope_dataset_config_free(srope_dataset_config *config);

/* Fills missing time features among values (one per field of the list). utc_offset_minutes NaN = the configuration's. */
void srope_dataset_config_fill_times(const srope_dataset_config *config, srope_list list, double time_s,
                                     double utc_offset_minutes, srope_value *values);

#endif
