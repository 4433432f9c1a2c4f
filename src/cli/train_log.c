/* train_log.c: see train_log.h. */
#include "cli/train_log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/metrics.h"
#include "cli/report.h"

static const double DRAW_S = 0.2, LINE_S = 10; /* between lines: drawn on a terminal, plain elsewhere */
static const uint64_t MAX_LOG_BYTES = (uint64_t)1 << 32;

static double read_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---------------------------------------------------------------- the file */

/* The lines of steps up to `keep_steps`, as one text. */
static size_t cut_lines(char *text, size_t n, uint64_t keep_steps) {
  size_t kept = 0;
  for (size_t at = 0; at < n;) {
    char *end = memchr(text + at, '\n', n - at);
    size_t length = end != NULL ? (size_t)(end - text) - at + 1 : n - at;
    yyjson_doc *doc = yyjson_read(text + at, length, 0);
    yyjson_val *step = yyjson_obj_get(yyjson_doc_get_root(doc), "step");
    bool keeps = end != NULL && yyjson_is_uint(step) && yyjson_get_uint(step) <= keep_steps;
    yyjson_doc_free(doc);
    if (keeps) {
      memmove(text + kept, text + at, length);
      kept += length;
    }
    at += length;
  }
  return kept;
}

srope_status cli_train_log_open(cli_train_log *log, const char *path, bool goes_on, uint64_t keep_steps,
                                srope_error *error) {
  void *text = NULL;
  size_t n = 0;
  log->start_s = log->line_s = read_clock();
  log->first_step = keep_steps;
  log->loss = NAN;
  if (log->silent) return SROPE_OK;
  if (goes_on && cli_file_read(path, MAX_LOG_BYTES, &text, &n, NULL) == SROPE_OK) n = cut_lines(text, n, keep_steps);
  srope_status status = cli_file_write(path, text, n, error);
  free(text);
  if (status != SROPE_OK) return status;
  log->file = fopen(path, "a");
  return log->file != NULL ? SROPE_OK
                           : srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
}

static void write_doubles(FILE *out, const char *key, const float *x, size_t n) {
  fprintf(out, ",\"%s\":[", key);
  for (size_t i = 0; i < n; i++) {
    if (i > 0) putc(',', out);
    cli_json_float(out, x[i]);
  }
  putc(']', out);
}

static void write_number(FILE *out, const char *key, double x) {
  fprintf(out, ",\"%s\":", key);
  cli_json_double(out, x);
}

static void write_rotation(FILE *out, srope_run *run) {
  srope_trainer *trainer = srope_run_trainer(run);
  const srope_model *model = srope_trainer_model(trainer);
  if (model->info.variant != SROPE_SIREN) return;
  write_number(out, "order_scale", *srope_trainer_part_of(trainer, SROPE_VALUE, model->order_scale_parameter));
  write_doubles(out, "freq", srope_trainer_part_of(trainer, SROPE_VALUE, model->frequency_parameter),
                model->info.n_angles);
}

static void write_metrics(FILE *out, const srope_model *model, const srope_run_event *event) {
  fputs(",\"tasks\":", out);
  cli_metrics_print_tasks(out, model, event->metrics);
  write_number(out, "mean_ne", event->mean_ne);
  fprintf(out, ",\"best\":%s", event->is_best ? "true" : "false");
}

static void write_event(FILE *out, srope_run *run, const srope_run_event *event) {
  static const char *const kinds[] = {"step", "evaluation", "moment"}; /* by srope_run_kind */
  fprintf(out, "{\"event\":\"%s\",\"step\":%" PRIu64, kinds[event->kind], event->step);
  write_number(out, "epoch", event->epoch);
  if (event->kind == SROPE_RUN_STEP) {
    write_number(out, "loss", event->result.loss);
    write_number(out, "norm", event->result.norm);
    write_number(out, "rate", event->rate);
    write_rotation(out, run);
  } else if (event->kind == SROPE_RUN_EVALUATION) {
    write_metrics(out, srope_trainer_model(srope_run_trainer(run)), event);
  } else {
    fprintf(out, ",\"moment\":%u", event->moment);
    write_rotation(out, run);
  }
  fputs("}\n", out);
}

/* ---------------------------------------------------------------- the person */

/* "1 min 02 s" into a text of 32. */
static void format_time(double seconds, char *text) {
  unsigned s = seconds > 0 && seconds < 1e8 ? (unsigned)(seconds + 0.5) : 0;
  if (s >= 3600)
    snprintf(text, 32, "%u h %02u min", s / 3600, s / 60 % 60);
  else if (s >= 60)
    snprintf(text, 32, "%u min %02u s", s / 60, s % 60);
  else
    snprintf(text, 32, "%u s", s);
}

static size_t count_columns(void) {
  struct winsize size;
  return ioctl(fileno(stderr), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* A bar as wide as the line leaves room for; what does not fit is cut, since a line that wraps cannot be drawn over. */
static void draw(cli_train_log *log, double done, const char *text) {
  enum { WIDEST = 32 };
  static const char full[] = "################################", empty[] = "................................";
  size_t columns = count_columns() - 1, taken = strlen(text) + sizeof "train [] " - 1;
  size_t width = columns > taken ? columns - taken : 0, filled;
  if (width > WIDEST) width = WIDEST;
  filled = (size_t)(done * (double)width);
  char line[320];
  snprintf(line, sizeof line, "train [%.*s%.*s] %s", (int)filled, full, (int)(width - filled), empty, text);
  fprintf(stderr, "\r%.*s\033[K", (int)columns, line);
  log->drawn = true;
}

static void show_step(cli_train_log *log, const srope_run_event *event) {
  bool terminal = isatty(fileno(stderr));
  double now_s = read_clock(), loss = event->result.loss;
  if (!isnan(loss)) log->loss = isnan(log->loss) ? loss : 0.95 * log->loss + 0.05 * loss;
  if (now_s - log->line_s < (terminal ? DRAW_S : LINE_S)) return;
  log->line_s = now_s;
  double spent_s = now_s - log->start_s, done = (double)event->step / (double)event->n_steps;
  double left_s = spent_s / (double)(event->step - log->first_step) * (double)(event->n_steps - event->step);
  char left[32], text[192];
  format_time(left_s, left);
  snprintf(text, sizeof text, "%.0f %%, epoch %.2f, loss %.5f, %.0f events/s, %s left", 100 * done, event->epoch,
           log->loss, (double)event->n_tokens / spent_s, left);
  if (terminal)
    draw(log, done, text);
  else
    cli_report_note("train", "step %" PRIu64 " of %" PRIu64 ", %s", event->step, event->n_steps, text);
  fflush(stderr);
}

static void remove_line(cli_train_log *log) {
  if (log->drawn) fputs("\r\033[K", stderr);
  log->drawn = false;
}

static void print_ne(double ne) {
  if (isnan(ne))
    fputs(" undefined", stderr);
  else
    fprintf(stderr, " %.5f", ne);
}

static void show_evaluation(cli_train_log *log, const srope_model *model, const srope_run_event *event) {
  remove_line(log);
  fprintf(stderr, "siren-rope train: step %" PRIu64 ", validation NE", event->step);
  print_ne(event->mean_ne);
  fprintf(stderr, "%s:", event->is_best ? " (the best so far)" : "");
  for (uint32_t task = 0; task < model->info.n_tasks; task++) {
    fprintf(stderr, " %s", srope_model_task(model, task));
    print_ne(event->metrics[task].ne);
  }
  putc('\n', stderr);
}

void cli_train_log_event(cli_train_log *log, srope_run *run, const srope_run_event *event) {
  if (log->silent) return;
  if (event->kind == SROPE_RUN_STEP) show_step(log, event);
  if (event->kind == SROPE_RUN_EVALUATION) show_evaluation(log, srope_trainer_model(srope_run_trainer(run)), event);
  if (log->file != NULL) write_event(log->file, run, event);
}

static srope_status fail_write(srope_error *error) {
  return srope_fail(error, SROPE_ERR_IO, "log.ndjson", "could not be written: %s", strerror(errno));
}

srope_status cli_train_log_flush(cli_train_log *log, srope_error *error) {
  if (log->file == NULL || (fflush(log->file) == 0 && !ferror(log->file))) return SROPE_OK;
  return fail_write(error);
}

srope_status cli_train_log_close(cli_train_log *log, srope_error *error) {
  if (log->silent) return SROPE_OK;
  remove_line(log);
  if (log->file == NULL) return SROPE_OK;
  bool written = !ferror(log->file);
  written = fclose(log->file) == 0 && written;
  log->file = NULL;
  return written ? SROPE_OK : fail_write(error);
}
