/* simulated_dataset.h: simulated users' events (simulate.h) as a data set in memory: what opening the folder that
 * `siren-rope simulate` writes gives, without files: the same events, words, splits and hash. And the schema of those events,
 * for the folder and for this. */
#ifndef SROPE_TRAIN_SIMULATED_DATASET_H
#define SROPE_TRAIN_SIMULATED_DATASET_H

#include "train/dataset.h"
#include "train/simulate.h"

enum {
  SROPE_SIMULATED_MAX_USERS = 1000000,
  SROPE_SIMULATED_MAX_EVENTS = 4000000, /* about 80 bytes each */
  SROPE_SIMULATED_SCHEMA_BYTES = 1024
};

typedef struct srope_simulated_options {
  srope_sim_options sim;
  uint64_t n_users; /* 1 .. SROPE_SIMULATED_MAX_USERS: those numbered from 0 on */
} srope_simulated_options;

/* Validation begins after 80 % of the days, test after 90 %: Unix milliseconds. */
void srope_simulated_splits(const srope_sim_options *options, int64_t split_ms[2]);

/* The members of schema.json (README.md here), without the braces around them. Returns their length. */
size_t srope_simulated_schema(const srope_sim_options *options, char text[SROPE_SIMULATED_SCHEMA_BYTES]);

/* As srope_dataset_describe. Errors: ARGUMENT (where = the option's name), MEMORY. */
srope_status srope_simulated_describe(const srope_simulated_options *options, char **text, size_t *n,
                                      srope_error *error);

/* All events of all users, for a configuration as in srope_dataset_open. Free it with srope_simulated_dataset_free.
 * Errors: ARGUMENT (an option, where = its name; no event at all), LIMIT (too many users or events), CONFIG (the
 * configuration is wrong or asks for what these events have not), FEATURE, MEMORY. */
srope_status srope_simulated_dataset_create(const srope_simulated_options *options, const char *config, size_t n_config,
                                            srope_dataset **out, srope_error *error);
void srope_simulated_dataset_free(srope_dataset *data);

#endif
