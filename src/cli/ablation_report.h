/* ablation_report.h: what an ablation found, as a table for a person, as JSON, and as a plot.
 * In: the metrics of R rows (configurations) on T tasks over E seeds; all borrowed. Out: text on a stream. Every row is compared
 * with one of them, the baseline, seed by seed: paired t-tests over seeds, Holm-adjusted over the other rows of one task and
 * metric. Not here: training, measuring, choosing the rows. */
#ifndef SROPE_CLI_ABLATION_REPORT_H
#define SROPE_CLI_ABLATION_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "train/metrics.h"
#include "train/statistics.h"

typedef struct cli_ablation_row {
  const char *name;  /* short, without blanks */
  const char *about; /* one line */
  size_t n_parameters;
  double seconds; /* of all its seeds together; NaN where not measured */
} cli_ablation_row;

typedef struct cli_ablation {
  const char *about;            /* one line: which data, which split; NULL for none */
  const cli_ablation_row *rows; /* (R) */
  size_t n_rows, baseline;      /* baseline: which row */
  const uint64_t *seeds;        /* (E) */
  size_t n_seeds;
  const char *const *tasks; /* (T) */
  size_t n_tasks;
  const srope_metrics *metrics; /* (R, E, T) */

  const srope_bootstrap
      *bootstrap;              /* (R, T) each row against the baseline (whose own are not looked at); NULL for none */
  const char *bootstrap_about; /* "1000 times, the models of seed 1"; NULL for none */
} cli_ablation;

typedef enum cli_ablation_metric { CLI_NE, CLI_AUC, CLI_ECE, CLI_N_METRICS } cli_ablation_metric;

typedef struct cli_ablation_cell { /* a row on a task; what is not defined is NaN */
  srope_mean level[CLI_N_METRICS];
  srope_paired_test change[CLI_N_METRICS]; /* against the baseline; of the baseline itself all zero and NaN */
  double p_holm[CLI_N_METRICS];            /* change's p, adjusted */
} cli_ablation_cell;

/* cells (R, T). Errors: ARGUMENT (no rows, seeds or tasks, no such baseline), MEMORY. */
srope_status cli_ablation_summarize(const cli_ablation *ablation, cli_ablation_cell *cells, srope_error *error);

/* Each prints all of it. A failed write is the stream's own error. Errors: as above. */
srope_status cli_ablation_print_text(const cli_ablation *ablation, FILE *out, bool colours, srope_error *error);
srope_status cli_ablation_print_json(const cli_ablation *ablation, FILE *out, srope_error *error);
srope_status cli_ablation_print_svg(const cli_ablation *ablation, FILE *out, srope_error *error);

#endif
