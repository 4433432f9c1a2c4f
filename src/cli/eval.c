/* eval.c: `siren-rope eval`: how good a model is on a log, as it would have been served. Every event of the split is a
 * candidate of its own request, after the user's events before that request (the newest the model keeps); events of one
 * user at one instant are one request and do not see one another. One session serves the users in turn. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "train/kuairand.h"
#include "train/metrics.h"

/* The split of the reported figures: train before the first time, validation before the second, test from there on. */
static const int64_t validation_ms = 1651507200000, test_ms = 1651593600000; /* 2022-05-02 and -03, 16:00 UTC */
static const struct {
  const char *name;
  int64_t from_ms, to_ms;
} splits[] = {
    {"train", INT64_MIN, validation_ms}, {"validation", validation_ms, test_ms}, {"test", test_ms, INT64_MAX}};
enum { N_SPLITS = sizeof splits / sizeof splits[0] };

typedef struct evaluation {
  const srope_model *model;
  const srope_info *info;
  srope_kuairand data;
  srope_kuairand_encoder *encoder;
  srope_session *session;
  int64_t from_ms, to_ms;                         /* of the split */
  cli_buffer item, action, context, signal, time; /* of one request's events */
  cli_buffer logits;                              /* (events of the request, T) */
  cli_buffer logit, label;                        /* (T, n_split) floats and bytes */
  size_t n_split, n_events, n_requests, n_users;  /* events of the split; scored so far */
  double wall_s, cpu_s;
} evaluation;

static srope_status reserve_all(evaluation *e, srope_error *error) {
  size_t n_tasks = e->info->n_tasks;
  for (size_t i = 0; i < e->data.n_rows; i++)
    e->n_split += e->data.rows[i].time_ms >= e->from_ms && e->data.rows[i].time_ms < e->to_ms;
  srope_status status = cli_buffer_reserve(&e->logit, e->n_split * n_tasks + 1, sizeof(float), error);
  return status == SROPE_OK ? cli_buffer_reserve(&e->label, e->n_split * n_tasks + 1, 1, error) : status;
}

/* The vectors of a request's rows. */
static srope_status encode_request(evaluation *e, const srope_kuairand_row *rows, size_t n, srope_error *error) {
  const srope_info *info = e->info;
  srope_status status = cli_buffer_reserve(&e->item, n * info->n_item, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&e->action, n * info->n_action, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&e->context, n * info->n_context, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&e->signal, n * info->n_signals, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&e->time, n, sizeof(double), error);
  float *item = e->item.data, *action = e->action.data, *context = e->context.data, *signal = e->signal.data;
  double *time_s = e->time.data;
  for (size_t i = 0; status == SROPE_OK && i < n; i++) {
    time_s[i] = (double)rows[i].time_ms / 1000;
    if (info->n_signals > 0) srope_kuairand_read_signal(e->encoder, &rows[i], signal + i * info->n_signals);
    status = srope_kuairand_encode(e->encoder, SROPE_ITEM, &rows[i], item + i * info->n_item, error);
    if (status == SROPE_OK)
      status = srope_kuairand_encode(e->encoder, SROPE_ACTION, &rows[i], action + i * info->n_action, error);
    if (status == SROPE_OK && info->n_context > 0)
      status = srope_kuairand_encode(e->encoder, SROPE_CONTEXT, &rows[i], context + i * info->n_context, error);
  }
  return status;
}

static srope_status score_request(evaluation *e, const srope_kuairand_row *rows, size_t n, srope_error *error) {
  size_t n_tasks = e->info->n_tasks;
  const srope_candidates candidates = {.n = n,
                                       .item = e->item.data,
                                       .context = e->context.data,
                                       .signal = e->signal.data,
                                       .now_s = *(const double *)e->time.data,
                                       .utc_offset_minutes = NAN};
  srope_status status = cli_buffer_reserve(&e->logits, n * n_tasks, sizeof(float), error);
  if (status == SROPE_OK) status = srope_session_score(e->session, &candidates, e->logits.data, error);
  if (status != SROPE_OK) return status;
  for (size_t i = 0; i < n; i++)
    for (uint32_t task = 0; task < n_tasks; task++) {
      size_t at = task * e->n_split + e->n_events + i;
      ((float *)e->logit.data)[at] = ((const float *)e->logits.data)[i * n_tasks + task];
      ((uint8_t *)e->label.data)[at] = srope_kuairand_read_label(e->encoder, &rows[i], task);
    }
  e->n_events += n;
  e->n_requests++;
  return SROPE_OK;
}

/* Rows of one user and one time: scored if they are of the split, then history. */
static srope_status serve_request(evaluation *e, const srope_kuairand_row *rows, size_t n, srope_error *error) {
  srope_status status = encode_request(e, rows, n, error);
  if (status == SROPE_OK && rows->time_ms >= e->from_ms && rows->time_ms < e->to_ms)
    status = score_request(e, rows, n, error);
  if (status != SROPE_OK) return status;
  const srope_events events = {
      .n = n, .item = e->item.data, .action = e->action.data, .time_s = e->time.data, .signal = e->signal.data};
  return srope_session_append(e->session, &events, error);
}

static srope_status serve_log(evaluation *e, srope_error *error) {
  enum { PROGRESS_ROWS = 512 };
  const srope_kuairand_row *rows = e->data.rows;
  size_t n_rows = e->data.n_rows, drawn = 0, user_events = 0;
  srope_status status = SROPE_OK;
  for (size_t i = 0, end; status == SROPE_OK && i < n_rows; i = end) {
    for (end = i + 1; end < n_rows && rows[end].user_id == rows[i].user_id && rows[end].time_ms == rows[i].time_ms;)
      end++;
    if (i == 0 || rows[i].user_id != rows[i - 1].user_id) {
      srope_session_clear(e->session);
      user_events = e->n_events;
    }
    status = serve_request(e, rows + i, end - i, error);
    if (end == n_rows || rows[end].user_id != rows[i].user_id) e->n_users += e->n_events > user_events;
    if (i >= drawn) {
      cli_report_progress(stderr, "eval", i, n_rows);
      drawn = i + PROGRESS_ROWS;
    }
  }
  cli_report_progress(stderr, "eval", n_rows, n_rows);
  return status;
}

/* ---------------------------------------------------------------- output */

static srope_status print_metrics(const evaluation *e, bool json, srope_error *error) {
  if (!json) printf("%-20s %10s %10s %10s %10s\n", "task", "base rate", "NE", "AUC", "ECE");
  for (uint32_t task = 0; task < e->info->n_tasks; task++) {
    const char *name = srope_model_task(e->model, task);
    srope_metrics m;
    srope_status status =
        srope_metrics_compute((const float *)e->logit.data + task * e->n_split,
                              (const uint8_t *)e->label.data + task * e->n_split, e->n_split, &m, error);
    if (status != SROPE_OK) return status;
    if (!json) {
      printf("%-20s %10.4f %10.5f %10.5f %10.5f\n", name, m.base_rate, m.ne, m.auc, m.ece);
      continue;
    }
    const double values[] = {m.base_rate, m.ne, m.auc, m.ece};
    static const char *const keys[] = {",\"base_rate\":", ",\"ne\":", ",\"auc\":", ",\"ece\":"};
    fputs(task > 0 ? ",{\"task\":" : "{\"task\":", stdout);
    cli_json_text(stdout, name, strlen(name));
    for (int i = 0; i < 4; i++) {
      fputs(keys[i], stdout);
      cli_json_double(stdout, values[i]);
    }
    putchar('}');
  }
  return SROPE_OK;
}

static srope_status print_evaluation(const evaluation *e, const char *split, bool json, srope_error *error) {
  if (!json)
    printf("%s: %zu events in %zu requests of %zu users (%zu rows read, %zu exact duplicates dropped), %.1f s on %s\n",
           split, e->n_events, e->n_requests, e->n_users, e->data.n_rows + e->data.n_duplicates, e->data.n_duplicates,
           e->wall_s, e->info->isa);
  else
    printf("{\"split\":\"%s\",\"events\":%zu,\"requests\":%zu,\"users\":%zu,\"duplicates\":%zu,\"seconds\":%.3f,\"cpu_"
           "seconds\":%.3f,"
           "\"isa\":\"%s\",\"tasks\":[",
           split, e->n_events, e->n_requests, e->n_users, e->data.n_duplicates, e->wall_s, e->cpu_s, e->info->isa);
  srope_status status = print_metrics(e, json, error);
  if (json && status == SROPE_OK) puts("]}");
  return status;
}

static double read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static srope_status evaluate(evaluation *e, const char *folder, const char *split, bool json, srope_error *error) {
  double start = read_clock(CLOCK_MONOTONIC);
  srope_status status = srope_kuairand_load(folder, &e->data, error);
  if (status == SROPE_OK) status = srope_kuairand_encoder_create(e->model, &e->data, &e->encoder, error);
  if (status == SROPE_OK) status = srope_session_create(e->model, NULL, &e->session, error);
  if (status == SROPE_OK) status = reserve_all(e, error);
  if (status == SROPE_OK && e->data.n_videos == 0)
    cli_report_note("eval", "%s has no video_features_basic*.csv: authors and tags count as missing", folder);
  if (status == SROPE_OK) status = serve_log(e, error);
  e->wall_s = read_clock(CLOCK_MONOTONIC) - start;
  e->cpu_s = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  return status == SROPE_OK ? print_evaluation(e, split, json, error) : status;
}

static void free_evaluation(evaluation *e) {
  cli_buffer *const buffers[] = {&e->item, &e->action, &e->context, &e->signal,
                                 &e->time, &e->logits, &e->logit,   &e->label};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) cli_buffer_free(buffers[i]);
  srope_session_free(e->session);
  srope_kuairand_encoder_free(e->encoder);
  srope_kuairand_free(&e->data);
}

/* ---------------------------------------------------------------- the command */

static srope_status find_split(const char *name, evaluation *e, srope_error *error) {
  for (size_t i = 0; i < N_SPLITS; i++) {
    if (strcmp(name, splits[i].name) != 0) continue;
    e->from_ms = splits[i].from_ms;
    e->to_ms = splits[i].to_ms;
    return SROPE_OK;
  }
  return srope_fail(error, SROPE_ERR_ARGUMENT, "--split", "expected train, validation or test, found \"%.40s\"", name);
}

static const char about[] =
    "Prints base rate, normalized entropy, AUC and calibration error of every task on a KuaiRand log: a folder of "
    "log_*.csv\n"
    "and video_features_basic*.csv, plain or .gz. Every event is served as a candidate of its own request, after the\n"
    "user's events before that request. Train is before 2022-05-02T16:00:00Z, validation the day after, test the rest.";

int cli_eval(int n, char **arguments) {
  const char *model_path = NULL, *isa = NULL, *folder = NULL, *split = "test";
  bool json = false;
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--data", "DIR", "the folder of the log", CLI_TEXT, &folder, 0, 0, 1},
      {"--split", "NAME", "train, validation or test (default)", CLI_TEXT, &split, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &json, 0, 0, 0},
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "eval",
                             .usage = "--model FILE --data DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  evaluation e = {0};
  srope_model *model = NULL;
  srope_error error;
  srope_status status = find_split(split, &e, &error);
  if (status == SROPE_OK) status = cli_file_load_model(model_path, isa, &model, &error);
  if (status == SROPE_OK) {
    e.model = model;
    e.info = srope_model_info(model);
    status = evaluate(&e, folder, split, json, &error);
  }
  free_evaluation(&e);
  srope_model_free(model);
  return status == SROPE_OK ? cli_report_end("eval") : cli_report_error("eval", &error);
}
