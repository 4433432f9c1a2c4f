/* metrics.h: metrics of tasks as a table for a person and as JSON; what is not defined is `undefined` there and null here. */
#ifndef SROPE_CLI_METRICS_H
#define SROPE_CLI_METRICS_H

#include <stdio.h>

#include "train/metrics.h"

/* A head and a line a task: base rate, NE, AUC, ECE. metrics: (T) of the model. */
void cli_metrics_print_table(FILE *out, const srope_model *model, const srope_metrics *metrics);

/* {"task":..,"labels":..,"base_rate":..,"ne":..,"auc":..,"ece":..} */
void cli_metrics_print_task(FILE *out, const char *task, const srope_metrics *metrics);

/* [task,task,..] */
void cli_metrics_print_tasks(FILE *out, const srope_model *model, const srope_metrics *metrics);

#endif
