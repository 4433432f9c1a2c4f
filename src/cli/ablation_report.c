/* ablation_report.c: see ablation_report.h. */
#include "cli/ablation_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/json.h"
#include "cli/plot.h"

static const char *const metric_names[CLI_N_METRICS] = {"NE", "AUC", "ECE"};
static const char *const metric_keys[CLI_N_METRICS] = {"ne", "auc", "ece"};
static const double significant = 0.05;

typedef struct report { /* what the three kinds of printing share */
  const cli_ablation *ablation;
  cli_ablation_cell *cells; /* (R, T) */
  FILE *out;
  bool colours;
  int name_width; /* of the longest row's name, in characters */
} report;

/* ---------------------------------------------------------------- figures */

static const srope_metrics *metrics_at(const cli_ablation *a, size_t row, size_t seed, size_t task) {
  return &a->metrics[(row * a->n_seeds + seed) * a->n_tasks + task];
}

static double value_at(const cli_ablation *a, size_t row, size_t seed, size_t task, int metric) {
  const srope_metrics *m = metrics_at(a, row, seed, task);
  return metric == CLI_NE ? m->ne : metric == CLI_AUC ? m->auc : m->ece;
}

static const cli_ablation_cell *cell_at(const report *r, size_t row, size_t task) {
  return &r->cells[row * r->ablation->n_tasks + task];
}

/* One task and metric of all rows: a family of tests. x, baseline (E) and p, adjusted (R) are scratch. */
static void summarize_family(const cli_ablation *a, size_t task, int metric, cli_ablation_cell *cells, double *x,
                             double *baseline, double *p, double *adjusted) {
  for (size_t seed = 0; seed < a->n_seeds; seed++) baseline[seed] = value_at(a, a->baseline, seed, task, metric);
  for (size_t row = 0; row < a->n_rows; row++) {
    cli_ablation_cell *cell = &cells[row * a->n_tasks + task];
    for (size_t seed = 0; seed < a->n_seeds; seed++) x[seed] = value_at(a, row, seed, task, metric);
    cell->level[metric] = srope_statistics_mean(x, a->n_seeds);
    cell->change[metric] = srope_statistics_compare(x, baseline, a->n_seeds);
    p[row] = cell->change[metric].p; /* of the baseline against itself NaN, which does not count */
  }
  srope_statistics_adjust_holm(p, a->n_rows, adjusted);
  for (size_t row = 0; row < a->n_rows; row++) cells[row * a->n_tasks + task].p_holm[metric] = adjusted[row];
}

srope_status cli_ablation_summarize(const cli_ablation *a, cli_ablation_cell *cells, srope_error *error) {
  if (a->n_rows == 0 || a->n_seeds == 0 || a->n_tasks == 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected rows, seeds and tasks, found %zu, %zu and %zu",
                      a->n_rows, a->n_seeds, a->n_tasks);
  if (a->baseline >= a->n_rows)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "baseline", "expected one of %zu rows, found row %zu", a->n_rows,
                      a->baseline);
  double *scratch = calloc(a->n_seeds + a->n_rows, 2 * sizeof *scratch);
  if (scratch == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu rows", a->n_rows);
  double *baseline = scratch + a->n_seeds, *p = baseline + a->n_seeds, *adjusted = p + a->n_rows;
  for (size_t task = 0; task < a->n_tasks; task++)
    for (int metric = 0; metric < CLI_N_METRICS; metric++)
      summarize_family(a, task, metric, cells, scratch, baseline, p, adjusted);
  free(scratch);
  return SROPE_OK;
}

/* Characters of UTF-8. */
static int count_characters(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}

static srope_status begin_report(report *r, srope_error *error) {
  const cli_ablation *a = r->ablation;
  r->cells = calloc(a->n_rows * a->n_tasks + 1, sizeof *r->cells);
  if (r->cells == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu rows", a->n_rows);
  for (size_t row = 0; row < a->n_rows; row++) {
    int width = count_characters(a->rows[row].name);
    r->name_width = width > r->name_width ? width : r->name_width;
  }
  return cli_ablation_summarize(a, r->cells, error);
}

static const char *stars(double p) { return p < 0.001 ? "***" : p < 0.01 ? "**" : p < significant ? "*" : ""; }

/* Lower is better for all but AUC. NaN is neither. */
static bool is_better(int metric, double change) { return metric == CLI_AUC ? change > 0 : change < 0; }

/* ---------------------------------------------------------------- the table */

/* A printf-like cell in `width` characters (printf counts bytes), to the left, or to the right where width < 0. */
static void print_cell(const report *r, int width, const char *format, ...) SROPE_PRINTF(3, 4);
static void print_cell(const report *r, int width, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  int blanks = abs(width) - count_characters(text);
  blanks = blanks > 0 ? blanks : 0;
  fprintf(r->out, "%*s%s%*s", width < 0 ? blanks : 0, "", text, width < 0 ? 0 : blanks, "");
}

static void print_styled(const report *r, const char *style, const char *text) {
  fprintf(r->out, "%s%s%s", r->colours ? style : "", text, r->colours ? "\033[0m" : "");
}

static void print_level(const report *r, const srope_mean *level) {
  if (isnan(level->mean))
    print_cell(r, 19, "undefined");
  else if (isnan(level->se))
    print_cell(r, 19, "%.5f ± undef.", level->mean);
  else
    print_cell(r, 19, "%.5f ± %.5f", level->mean, level->se);
}

/* "-0.00240   0.003", green or red where it is significant. */
static void print_change(const report *r, const cli_ablation_cell *cell, int metric) {
  double change = cell->change[metric].mean, p = cell->p_holm[metric];
  bool coloured = r->colours && p < significant;
  if (coloured) fputs(is_better(metric, change) ? "\033[32m" : "\033[31m", r->out);
  if (isnan(change))
    print_cell(r, -9, "undefined");
  else
    print_cell(r, -9, "%+.5f", change);
  if (isnan(p))
    print_cell(r, -8, "undef.");
  else if (p < 0.001)
    print_cell(r, -8, "<0.001");
  else
    print_cell(r, -8, "%.3f", p);
  if (coloured) fputs("\033[0m", r->out);
}

static int name_column(const report *r) { return (r->name_width > 13 ? r->name_width : 13) + 2; }

static void print_task_head(const report *r, size_t task) {
  const cli_ablation *a = r->ablation;
  const srope_metrics *m = metrics_at(a, a->baseline, 0, task);
  fputc('\n', r->out);
  print_styled(r, "\033[1m", a->tasks[task]);
  if (m->n > 0) /* else the base rate is undefined */
    fprintf(r->out, ": %zu events, base rate %.4f\n", m->n, m->base_rate);
  else
    fputs(": no events\n", r->out);
  print_cell(r, name_column(r), "configuration");
  for (int metric = 0; metric < CLI_N_METRICS; metric++) print_cell(r, 19, "%s ± se", metric_names[metric]);
  fputs("     Δ NE       p         Δ AUC       p\n", r->out);
}

static void print_task(const report *r, size_t task) {
  const cli_ablation *a = r->ablation;
  print_task_head(r, task);
  for (size_t row = 0; row < a->n_rows; row++) {
    const cli_ablation_cell *cell = cell_at(r, row, task);
    print_cell(r, name_column(r), "%s", a->rows[row].name);
    for (int metric = 0; metric < CLI_N_METRICS; metric++) print_level(r, &cell->level[metric]);
    if (row == a->baseline) {
      print_styled(r, "\033[2m", " baseline");
    } else {
      print_change(r, cell, CLI_NE);
      print_cell(r, 5, " %s", stars(cell->p_holm[CLI_NE]));
      print_change(r, cell, CLI_AUC);
      fprintf(r->out, "%s%s", stars(cell->p_holm[CLI_AUC])[0] != '\0' ? " " : "", stars(cell->p_holm[CLI_AUC]));
    }
    fputc('\n', r->out);
  }
}

static void print_interval(const report *r, const srope_interval *interval) {
  if (isnan(interval->p)) {
    print_cell(r, -39, "undefined");
    return;
  }
  print_cell(r, -31, "%+.5f [%+.5f, %+.5f]", interval->difference, interval->low, interval->high);
  print_cell(r, -8, "%.4f", interval->p);
}

static void print_bootstrap(const report *r, size_t task) {
  const cli_ablation *a = r->ablation;
  if (a->bootstrap == NULL) return;
  print_cell(r, name_column(r), "over users");
  print_cell(r, -31, "Δ NE [95 %% of resamples]");
  print_cell(r, -8, "p");
  print_cell(r, -31, "Δ AUC [95 %% of resamples]");
  print_cell(r, -8, "p");
  fputc('\n', r->out);
  for (size_t row = 0; row < a->n_rows; row++) {
    const srope_bootstrap *b = &a->bootstrap[row * a->n_tasks + task];
    if (row == a->baseline) continue;
    print_cell(r, name_column(r), "%s", a->rows[row].name);
    print_interval(r, &b->ne);
    print_interval(r, &b->auc);
    fputc('\n', r->out);
  }
}

static bool any_undefined(const report *r) {
  for (size_t row = 0; row < r->ablation->n_rows; row++)
    for (size_t task = 0; task < r->ablation->n_tasks; task++)
      for (int metric = 0; metric < CLI_N_METRICS; metric++) {
        const cli_ablation_cell *cell = cell_at(r, row, task);
        if (isnan(cell->level[metric].se) || (row != r->ablation->baseline && isnan(cell->p_holm[metric]))) return true;
      }
  return false;
}

static void print_legend(const report *r) {
  const cli_ablation *a = r->ablation;
  fprintf(r->out,
          "\nNE and ECE: lower is better; AUC: higher. se: standard error over seeds. Δ: mean difference from %s with "
          "the same seed.\n"
          "p: two-sided paired t-test over seeds, Holm-adjusted over the other rows of a task and metric; "
          "* < 0.05, ** < 0.01, *** < 0.001.\n",
          a->rows[a->baseline].name);
  if (a->n_seeds == 1)
    fputs("undef.: standard errors and p are undefined for one seed; two are the least.\n", r->out);
  else if (any_undefined(r))
    fputs("undef.: undefined, where seeds do not differ or a task has only one label.\n", r->out);
  if (a->bootstrap != NULL)
    fprintf(r->out, "over users: users of the split resampled with all their events%s%s%s; p not adjusted.\n",
            a->bootstrap_about != NULL ? " (" : "", a->bootstrap_about != NULL ? a->bootstrap_about : "",
            a->bootstrap_about != NULL ? ")" : "");
}

static void print_rows(const report *r) {
  const cli_ablation *a = r->ablation;
  fputc('\n', r->out);
  print_cell(r, name_column(r), "configuration");
  fputs("parameters    seconds  what it is\n", r->out);
  for (size_t row = 0; row < a->n_rows; row++) {
    print_cell(r, name_column(r), "%s", a->rows[row].name);
    print_cell(r, -10, "%zu", a->rows[row].n_parameters);
    if (isnan(a->rows[row].seconds))
      print_cell(r, -11, "undefined");
    else
      print_cell(r, -11, "%.1f", a->rows[row].seconds);
    fprintf(r->out, "  %s\n", a->rows[row].about);
  }
}

srope_status cli_ablation_print_text(const cli_ablation *a, FILE *out, bool colours, srope_error *error) {
  report r = {.ablation = a, .out = out, .colours = colours};
  srope_status status = begin_report(&r, error);
  if (status == SROPE_OK) {
    fprintf(out, "%s%s%zu configurations, %zu seed%s:", a->about != NULL ? a->about : "", a->about != NULL ? "; " : "",
            a->n_rows, a->n_seeds, a->n_seeds == 1 ? "" : "s");
    for (size_t i = 0; i < a->n_seeds; i++) fprintf(out, " %" PRIu64, a->seeds[i]);
    fputc('\n', out);
    for (size_t task = 0; task < a->n_tasks; task++) {
      print_task(&r, task);
      print_bootstrap(&r, task);
    }
    print_rows(&r);
    print_legend(&r);
  }
  free(r.cells);
  return status;
}

/* ---------------------------------------------------------------- JSON */

/* `key` has its quotes, the colon and what goes before. */
static void write_number(FILE *out, const char *key, double value) {
  fputs(key, out);
  cli_json_double(out, value);
}

static void write_text(FILE *out, const char *key, const char *text) {
  fputs(key, out);
  if (text != NULL)
    cli_json_text(out, text, strlen(text));
  else
    fputs("null", out);
}

static void write_metric(const report *r, size_t row, size_t task, int metric) {
  const cli_ablation_cell *cell = cell_at(r, row, task);
  const srope_paired_test *change = &cell->change[metric];
  fprintf(r->out, ",\n  \"%s\":", metric_keys[metric]);
  write_number(r->out, "{\"mean\":", cell->level[metric].mean);
  write_number(r->out, ",\"standard_error\":", cell->level[metric].se);
  fputs(",\"difference\":", r->out);
  if (row == r->ablation->baseline) {
    fputs("null}", r->out);
    return;
  }
  write_number(r->out, "{\"mean\":", change->mean);
  write_number(r->out, ",\"standard_error\":", change->se);
  write_number(r->out, ",\"t\":", change->t);
  write_number(r->out, ",\"degrees_of_freedom\":", change->df);
  write_number(r->out, ",\"p\":", change->p);
  write_number(r->out, ",\"p_holm\":", cell->p_holm[metric]);
  fputs("}}", r->out);
}

static void write_interval(FILE *out, const char *key, const srope_interval *interval) {
  fputs(key, out);
  write_number(out, "{\"difference\":", interval->difference);
  write_number(out, ",\"low\":", interval->low);
  write_number(out, ",\"high\":", interval->high);
  write_number(out, ",\"p\":", interval->p);
  fputc('}', out);
}

static void write_bootstrap(const report *r, size_t row, size_t task) {
  const cli_ablation *a = r->ablation;
  if (a->bootstrap == NULL || row == a->baseline) return;
  const srope_bootstrap *b = &a->bootstrap[row * a->n_tasks + task];
  fprintf(r->out, ",\n  \"bootstrap_over_users\":{\"replicates\":%zu,\"defined\":%zu", b->n_replicates, b->n_defined);
  write_interval(r->out, ",\"ne\":", &b->ne);
  write_interval(r->out, ",\"auc\":", &b->auc);
  fputc('}', r->out);
}

static void write_seeds(const report *r, size_t row, size_t task) {
  const cli_ablation *a = r->ablation;
  fputs(",\n  \"seeds\":[", r->out);
  for (size_t seed = 0; seed < a->n_seeds; seed++) {
    const srope_metrics *m = metrics_at(a, row, seed, task);
    fprintf(r->out, "%s{\"seed\":%" PRIu64 ",\"events\":%zu", seed > 0 ? "," : "", a->seeds[seed], m->n);
    write_number(r->out, ",\"base_rate\":", m->base_rate);
    for (int metric = 0; metric < CLI_N_METRICS; metric++) {
      fprintf(r->out, ",\"%s\":", metric_keys[metric]);
      cli_json_double(r->out, value_at(a, row, seed, task, metric));
    }
    fputc('}', r->out);
  }
  fputc(']', r->out);
}

static void write_row(const report *r, size_t row) {
  const cli_ablation *a = r->ablation;
  write_text(r->out, row > 0 ? ",\n{\"name\":" : "\n{\"name\":", a->rows[row].name);
  write_text(r->out, ",\"description\":", a->rows[row].about);
  fprintf(r->out, ",\"parameters\":%zu", a->rows[row].n_parameters);
  write_number(r->out, ",\"seconds\":", a->rows[row].seconds);
  fputs(",\"tasks\":[", r->out);
  for (size_t task = 0; task < a->n_tasks; task++) {
    write_text(r->out, task > 0 ? ",\n {\"task\":" : "\n {\"task\":", a->tasks[task]);
    for (int metric = 0; metric < CLI_N_METRICS; metric++) write_metric(r, row, task, metric);
    write_bootstrap(r, row, task);
    write_seeds(r, row, task);
    fputc('}', r->out);
  }
  fputs("]}", r->out);
}

srope_status cli_ablation_print_json(const cli_ablation *a, FILE *out, srope_error *error) {
  report r = {.ablation = a, .out = out};
  srope_status status = begin_report(&r, error);
  if (status == SROPE_OK) {
    write_text(out, "{\"about\":", a->about);
    write_text(out, ",\"baseline\":", a->rows[a->baseline].name);
    fputs(",\"test\":\"paired t over seeds, two-sided\",\"adjustment\":\"Holm, over the other rows of a task and "
          "metric\"",
          out);
    if (a->bootstrap != NULL) write_text(out, ",\"bootstrap_about\":", a->bootstrap_about);
    fputs(",\"seeds\":[", out);
    for (size_t i = 0; i < a->n_seeds; i++) fprintf(out, "%s%" PRIu64, i > 0 ? "," : "", a->seeds[i]);
    fputs("],\"rows\":[", out);
    for (size_t row = 0; row < a->n_rows; row++) write_row(&r, row);
    fputs("\n]}\n", out);
  }
  free(r.cells);
  return status;
}

/* ---------------------------------------------------------------- the plot: layout */

/* Pixels. The widths of texts are guessed from above: no viewer's font is known here. */
enum {
  WIDTH = 960,
  MARGIN = 24,
  TOP = 76,         /* title and what it is about */
  ROW_HEIGHT = 30,  /* the bar, and the seeds' dots below it */
  PANEL_HEAD = 30,  /* the task's name */
  PANEL_FOOT = 58,  /* ticks, which side is better */
  PANEL_GAP = 26,   /* between the columns of panels */
  VALUE_WIDTH = 96, /* the number on the right of a row */
  MIN_SCALE = 130,  /* the narrowest axis */
  TICK_WIDTH = 58,
  LEGEND = 74,
  MAX_NAME = 30,  /* characters of a row's or task's name */
  MAX_ABOUT = 120 /* of the line below the title */
};

typedef struct layout {
  int columns, lines; /* panels beside and below one another */
  double label_width, panel_width, panel_height;
} layout;

static layout lay_out(const report *r) {
  int n_tasks = (int)r->ablation->n_tasks;
  int name = r->name_width < MAX_NAME ? r->name_width : MAX_NAME;
  double label_width = name * 8.2 + 12, inner = WIDTH - 2 * MARGIN - label_width;
  int fit = (int)((inner + PANEL_GAP) / (MIN_SCALE + VALUE_WIDTH + PANEL_GAP));
  int lines = (n_tasks + fit - 1) / fit, columns = (n_tasks + lines - 1) / lines; /* as even as can be */
  return (layout){.columns = columns,
                  .lines = lines,
                  .label_width = label_width,
                  .panel_width = (inner - (columns - 1) * PANEL_GAP) / columns,
                  .panel_height = PANEL_HEAD + ROW_HEIGHT * (double)r->ablation->n_rows + PANEL_FOOT};
}

/* `name`, or its first characters and an ellipsis, `most` in all; `text` (size) has room for four bytes each. */
static const char *shorten(char *text, size_t size, const char *name, int most) {
  size_t n = 0;
  if (count_characters(name) <= most) return name;
  for (int characters = 0; n + 4 < size; n++)
    if (((unsigned char)name[n] & 0xc0) != 0x80 && ++characters == most) break;
  snprintf(text, size, "%.*s…", (int)n, name);
  return text;
}

/* The axis around zero, all rows' bars and all seeds. */
static cli_plot_axis fit_changes(const report *r, size_t task, double from_px, double to_px) {
  const cli_ablation *a = r->ablation;
  double low = 0, high = 0;
  for (size_t row = 0; row < a->n_rows; row++) {
    const srope_paired_test *change = &cell_at(r, row, task)->change[CLI_NE];
    double se = isnan(change->se) ? 0 : change->se;
    low = fmin(low, change->mean - se); /* fmin and fmax pass over NaN */
    high = fmax(high, change->mean + se);
    for (size_t seed = 0; seed < a->n_seeds; seed++) {
      double apart = value_at(a, row, seed, task, CLI_NE) - value_at(a, a->baseline, seed, task, CLI_NE);
      low = fmin(low, apart);
      high = fmax(high, apart);
    }
  }
  return cli_plot_fit_axis(low, high, (int)((to_px - from_px) / TICK_WIDTH), from_px + 8, to_px - 8);
}

/* ---------------------------------------------------------------- the plot: drawing */

static const char *tone(const cli_ablation_cell *cell, bool baseline) {
  double change = cell->change[CLI_NE].mean;
  if (baseline || isnan(change) || change == 0) return "neutral";
  return is_better(CLI_NE, change) ? "better" : "worse";
}

/* "-0.00240 ± 0.00008, adjusted p 0.0031" */
static void describe_change(char *text, size_t size, const cli_ablation_cell *cell) {
  char change[32], se[32], p[32];
  snprintf(text, size, "%s ± %s, adjusted p %s",
           cli_plot_format(change, sizeof change, cell->change[CLI_NE].mean, 5, true),
           cli_plot_format(se, sizeof se, cell->change[CLI_NE].se, 5, false),
           cli_plot_format(p, sizeof p, cell->p_holm[CLI_NE], 4, false));
}

static void draw_value(const report *r, size_t row, size_t task, double x, double y) {
  const cli_ablation_cell *cell = cell_at(r, row, task);
  char number[32], text[64], class[32];
  bool baseline = row == r->ablation->baseline;
  snprintf(class, sizeof class, "value %s", cell->p_holm[CLI_NE] < significant ? tone(cell, baseline) : "neutral");
  snprintf(text, sizeof text, "%s %s", cli_plot_format(number, sizeof number, cell->change[CLI_NE].mean, 5, true),
           stars(cell->p_holm[CLI_NE]));
  cli_plot_text(r->out, x, y + 4, class, "start", baseline ? "baseline" : text);
}

static void draw_row(const report *r, size_t row, size_t task, const cli_plot_axis *axis, double y) {
  const cli_ablation *a = r->ablation;
  const cli_ablation_cell *cell = cell_at(r, row, task);
  const srope_paired_test *change = &cell->change[CLI_NE];
  char tip[512], numbers[128], class[32], name[4 * MAX_NAME], task_name[4 * MAX_NAME];
  const char *colour = tone(cell, row == a->baseline);
  describe_change(numbers, sizeof numbers, cell);
  snprintf(tip, sizeof tip, "%s, %s: %s", shorten(name, sizeof name, a->rows[row].name, MAX_NAME),
           shorten(task_name, sizeof task_name, a->tasks[task], MAX_NAME),
           row == a->baseline ? "the baseline" : numbers);
  cli_plot_begin_group(r->out, tip);
  snprintf(class, sizeof class, "%s faint", colour);
  for (size_t seed = 0; row != a->baseline && seed < a->n_seeds; seed++) {
    double apart = value_at(a, row, seed, task, CLI_NE) - value_at(a, a->baseline, seed, task, CLI_NE);
    if (isfinite(apart)) cli_plot_dot(r->out, cli_plot_place(axis, apart), y + 9, 2.2, class);
  }
  if (isfinite(change->mean) && isfinite(change->se))
    cli_plot_line(r->out, cli_plot_place(axis, change->mean - change->se), y,
                  cli_plot_place(axis, change->mean + change->se), y, colour);
  snprintf(class, sizeof class, "%s%s", colour, cell->p_holm[CLI_NE] < significant ? "" : " hollow");
  if (isfinite(change->mean)) cli_plot_dot(r->out, cli_plot_place(axis, change->mean), y, 4.5, class);
  draw_value(r, row, task, axis->to_px + 18, y);
  cli_plot_end_group(r->out);
}

static void draw_axis(const report *r, const cli_plot_axis *axis, double top, double bottom) {
  char text[32];
  for (int i = 0; i < cli_plot_count_ticks(axis); i++) {
    double tick = cli_plot_tick(axis, i), x = cli_plot_place(axis, tick);
    cli_plot_line(r->out, x, top, x, bottom, tick == 0 ? "zero" : "grid");
    cli_plot_text(r->out, x, bottom + 17, "note", "middle",
                  tick == 0 ? "0" : cli_plot_format(text, sizeof text, tick, axis->decimals, true));
  }
  cli_plot_text(r->out, axis->from_px - 8, bottom + 36, "note", "start", "← better");
  cli_plot_text(r->out, axis->to_px + 8, bottom + 36, "note", "end", "worse →");
}

static void draw_panel(const report *r, const layout *l, size_t task, double x, double y) {
  const cli_ablation *a = r->ablation;
  char name[256];
  double top = y + PANEL_HEAD, bottom = top + ROW_HEIGHT * (double)a->n_rows;
  cli_plot_axis axis = fit_changes(r, task, x, x + l->panel_width - VALUE_WIDTH);
  cli_plot_text(r->out, x, y + 16, "head", "start", shorten(name, sizeof name, a->tasks[task], MAX_NAME));
  draw_axis(r, &axis, top, bottom);
  for (size_t row = 0; row < a->n_rows; row++) draw_row(r, row, task, &axis, top + ROW_HEIGHT * ((double)row + 0.45));
}

static void draw_labels(const report *r, const layout *l, double y) {
  const cli_ablation *a = r->ablation;
  char name[256];
  for (size_t row = 0; row < a->n_rows; row++) {
    cli_plot_begin_group(r->out, a->rows[row].about);
    cli_plot_text(r->out, MARGIN + l->label_width - 12, y + PANEL_HEAD + ROW_HEIGHT * ((double)row + 0.45) + 4.5,
                  "label", "end", shorten(name, sizeof name, a->rows[row].name, MAX_NAME));
    cli_plot_end_group(r->out);
  }
}

static void draw_legend(const report *r, double y) {
  double x = MARGIN + 6;
  cli_plot_dot(r->out, x, y, 4.5, "neutral");
  cli_plot_text(r->out, x + 12, y + 4, "note", "start", "adjusted p below 0.05");
  cli_plot_dot(r->out, x + 170, y, 4.5, "neutral hollow");
  cli_plot_text(r->out, x + 182, y + 4, "note", "start", "above it, or undefined");
  cli_plot_line(r->out, x + 340, y, x + 364, y, "neutral");
  cli_plot_text(r->out, x + 372, y + 4, "note", "start", "± 1 standard error over seeds");
  for (int i = 0; i < 3; i++) cli_plot_dot(r->out, x + 580 + 7 * i, y, 2.2, "neutral faint");
  cli_plot_text(r->out, x + 604, y + 4, "note", "start", "single seeds");
  cli_plot_text(r->out, MARGIN, y + 28, "note", "start",
                "* p < 0.05, ** p < 0.01, *** p < 0.001: paired t-test over seeds, Holm-adjusted within a task. Every "
                "panel has its own scale.");
}

/* What the plot shows, in words. The caller frees it; NULL where there is no memory. */
static char *describe_plot(const report *r) {
  const cli_ablation *a = r->ablation;
  char *text = NULL, numbers[128];
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return NULL;
  fprintf(out, "For every task and configuration, the mean change over %zu seed%s, below zero is better.", a->n_seeds,
          a->n_seeds == 1 ? "" : "s");
  for (size_t task = 0; task < a->n_tasks; task++) {
    fprintf(out, " %s:", a->tasks[task]);
    for (size_t row = 0; row < a->n_rows; row++) {
      if (row == a->baseline) continue;
      describe_change(numbers, sizeof numbers, cell_at(r, row, task));
      fprintf(out, " %s %s;", a->rows[row].name, numbers);
    }
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

static void draw_plot(const report *r, const char *description) {
  const cli_ablation *a = r->ablation;
  const layout l = lay_out(r);
  double height = TOP + l.lines * l.panel_height + LEGEND;
  char title[256], name[4 * MAX_NAME], about[4 * MAX_ABOUT], line_below[5 * MAX_ABOUT];
  snprintf(title, sizeof title, "Change in normalized entropy (NE) against %s",
           shorten(name, sizeof name, a->rows[a->baseline].name, MAX_NAME));
  snprintf(line_below, sizeof line_below, "%s%s%zu seed%s",
           a->about != NULL ? shorten(about, sizeof about, a->about, MAX_ABOUT) : "", a->about != NULL ? "; " : "",
           a->n_seeds, a->n_seeds == 1 ? ", so no standard errors and no tests" : "s");
  cli_plot_begin(r->out, WIDTH, height, title, description);
  cli_plot_text(r->out, MARGIN, 36, "title", "start", title);
  cli_plot_text(r->out, MARGIN, 58, "note", "start", line_below);
  for (int line = 0; line < l.lines; line++) {
    double y = TOP + line * l.panel_height;
    draw_labels(r, &l, y);
    for (int column = 0; column < l.columns; column++) {
      size_t task = (size_t)(line * l.columns + column);
      if (task < a->n_tasks) draw_panel(r, &l, task, MARGIN + l.label_width + column * (l.panel_width + PANEL_GAP), y);
    }
  }
  draw_legend(r, height - LEGEND + 22);
  cli_plot_end(r->out);
}

srope_status cli_ablation_print_svg(const cli_ablation *a, FILE *out, srope_error *error) {
  report r = {.ablation = a, .out = out};
  srope_status status = begin_report(&r, error);
  if (status == SROPE_OK) {
    char *description = describe_plot(&r);
    if (description != NULL)
      draw_plot(&r, description);
    else
      status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the plot's description");
    free(description);
  }
  free(r.cells);
  return status;
}
