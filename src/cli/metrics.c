/* metrics.c: see metrics.h. */
#include "cli/metrics.h"

#include <math.h>
#include <string.h>

#include "cli/json.h"

static void print_cell(FILE *out, double value, int digits) {
  if (isnan(value))
    fprintf(out, " %10s", "undefined");
  else
    fprintf(out, " %10.*f", digits, value);
}

void cli_metrics_print_table(FILE *out, const srope_model *model, const srope_metrics *metrics) {
  fprintf(out, "%-20s %10s %10s %10s %10s\n", "task", "base rate", "NE", "AUC", "ECE");
  for (uint32_t task = 0; task < srope_model_info(model)->n_tasks; task++) {
    const srope_metrics *m = &metrics[task];
    fprintf(out, "%-20s", srope_model_task(model, task));
    print_cell(out, m->base_rate, 4);
    print_cell(out, m->ne, 5);
    print_cell(out, m->auc, 5);
    print_cell(out, m->ece, 5);
    putc('\n', out);
  }
}

void cli_metrics_print_task(FILE *out, const char *task, const srope_metrics *m) {
  const double values[] = {m->base_rate, m->ne, m->auc, m->ece};
  static const char *const keys[] = {",\"base_rate\":", ",\"ne\":", ",\"auc\":", ",\"ece\":"};
  fputs("{\"task\":", out);
  cli_json_text(out, task, strlen(task));
  fprintf(out, ",\"labels\":%zu", m->n);
  for (int i = 0; i < 4; i++) {
    fputs(keys[i], out);
    cli_json_double(out, values[i]);
  }
  putc('}', out);
}

void cli_metrics_print_tasks(FILE *out, const srope_model *model, const srope_metrics *metrics) {
  putc('[', out);
  for (uint32_t task = 0; task < srope_model_info(model)->n_tasks; task++) {
    if (task > 0) putc(',', out);
    cli_metrics_print_task(out, srope_model_task(model, task), &metrics[task]);
  }
  putc(']', out);
}
