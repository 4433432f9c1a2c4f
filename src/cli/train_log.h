/* train_log.h: what a training says while it goes on: a line that is drawn over itself on a terminal, plain lines elsewhere,
 * and a file with one JSON object a line for every step, evaluation and moment. */
#ifndef SROPE_CLI_TRAIN_LOG_H
#define SROPE_CLI_TRAIN_LOG_H

#include <stdio.h>

#include "model/model.h"
#include "train/run.h"

typedef struct cli_train_log { /* zeroed, but for `silent` = says and writes nothing (not the first process) */
  bool silent;
  FILE *file; /* owned; NULL = none */
  double start_s, line_s;
  bool drawn; /* a line is on the terminal */
  uint64_t first_step;
  double loss; /* smoothed */
} cli_train_log;

/* Opens OUT/log.ndjson: empty, or with what it held up to `keep_steps` when a run goes on. Errors: IO, MEMORY. */
srope_status cli_train_log_open(cli_train_log *log, const char *path, bool goes_on, uint64_t keep_steps,
                                srope_error *error);
void cli_train_log_event(cli_train_log *log, srope_run *run, const srope_run_event *event);
/* What was told is in the file after it. Errors: IO. */
srope_status cli_train_log_flush(cli_train_log *log, srope_error *error);
/* Removes the drawn line. Errors: IO (the file could not be written). */
srope_status cli_train_log_close(cli_train_log *log, srope_error *error);
#endif
