/* ablate.c: `siren-rope ablate`: every row of the ablation (train/ablation.h) trained with every seed, each measured on the test
 * split at its best validation, and compared with ordinal RoPE. Trainings run side by side, one thread each; what one found is
 * written to OUT/results.ndjson at once, and a second call goes on where the first stopped. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/ablation_report.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "cli/report.h"
#include "model/model.h"
#include "train/ablation.h"
#include "train/run.h"
#include "yyjson.h"

enum { MAX_ROWS = 16, MAX_SEEDS = 1000, MAX_PATH_BYTES = 4096, MAX_TASKS = 4096 };
static const uint64_t MAX_RESULT_BYTES = (uint64_t)1 << 32;

typedef struct one_row {
  const srope_ablation_row *row;
  srope_dataset *data;
  size_t n_parameters;
  double seconds;
} one_row;

typedef struct cell { /* one training */
  bool is_done;
  double seconds;
  uint64_t steps, best_step;
  srope_metrics *metrics; /* (T) */
} cell;

typedef struct ablation {
  const char *data_path, *recipe_path, *out, *only, *flag, *isa;
  size_t n_seeds, first_seed, n_threads, n_replicates, min_history;
  bool json;

  char *recipe_text, *description;
  size_t n_recipe, n_description;
  one_row rows[MAX_ROWS];
  size_t n_rows, baseline;
  char **tasks; /* (T) */
  size_t n_tasks;
  cell *cells; /* (rows, seeds) */
  FILE *results;
  pthread_mutex_t lock; /* of the results, the progress line and the error */
  size_t n_done;
  srope_status status;
  srope_error error;
} ablation;

static volatile sig_atomic_t interrupted;
static void interrupt(int number) { interrupted = number; }

static double read_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static srope_status name_file(const ablation *a, char path[MAX_PATH_BYTES], srope_error *error, const char *format, ...)
    SROPE_PRINTF(4, 5);
static srope_status name_file(const ablation *a, char path[MAX_PATH_BYTES], srope_error *error, const char *format,
                              ...) {
  char name[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  int n = snprintf(path, MAX_PATH_BYTES, "%s/%s", a->out, name);
  return n > 0 && n < MAX_PATH_BYTES
             ? SROPE_OK
             : srope_fail(error, SROPE_ERR_LIMIT, a->out, "expected a path under %d bytes", MAX_PATH_BYTES);
}

static uint64_t seed_of(const ablation *a, size_t seed) { return a->first_seed + seed; }

/* ---------------------------------------------------------------- a training's recipe */

static srope_status read_recipe(const ablation *a, const srope_ablation_row *row, uint64_t seed, srope_recipe *recipe,
                                srope_error *error) {
  char *text = NULL;
  size_t n = 0;
  srope_status status = srope_ablation_recipe(row, a->recipe_text, a->n_recipe, a->description, a->n_description,
                                              a->flag, seed, &text, &n, error);
  memset(recipe, 0, sizeof *recipe);
  if (status == SROPE_OK) status = srope_recipe_read(text, n, a->description, a->n_description, recipe, error);
  srope_free(text);
  if (status != SROPE_OK) srope_error_prefix(error, "%s", row->name);
  return status;
}

/* ---------------------------------------------------------------- results */

/* Names a training by all that it depends on. */
static uint64_t identify(const srope_recipe *recipe, const srope_dataset *data) {
  uint64_t parts[3] = {srope_hash64(recipe->text, recipe->n_text), srope_hash64(recipe->config, recipe->n_config),
                       data->hash};
  return srope_hash64(parts, sizeof parts);
}

static void print_result(FILE *out, const ablation *a, size_t row, size_t seed, uint64_t identity) {
  const cell *c = &a->cells[row * a->n_seeds + seed];
  fprintf(out,
          "{\"row\":\"%s\",\"seed\":%llu,\"identity\":\"%016llx\",\"parameters\":%zu,\"seconds\":%.2f,\"steps\":%llu,"
          "\"best_step\":%llu,\"tasks\":[",
          a->rows[row].row->name, (unsigned long long)seed_of(a, seed), (unsigned long long)identity,
          a->rows[row].n_parameters, c->seconds, (unsigned long long)c->steps, (unsigned long long)c->best_step);
  for (size_t task = 0; task < a->n_tasks; task++) {
    if (task > 0) putc(',', out);
    cli_metrics_print_task(out, a->tasks[task], &c->metrics[task]);
  }
  fputs("]}\n", out);
  fflush(out);
}

static double number_or_nan(yyjson_val *value) { return yyjson_is_num(value) ? yyjson_get_num(value) : NAN; }

/* A line of an earlier call, if it is of this very training. */
static void take_result(ablation *a, yyjson_val *result) {
  for (size_t row = 0; row < a->n_rows; row++)
    for (size_t seed = 0; seed < a->n_seeds; seed++) {
      cell *c = &a->cells[row * a->n_seeds + seed];
      srope_recipe recipe;
      char identity[24];
      yyjson_val *tasks = yyjson_obj_get(result, "tasks");
      if (!yyjson_equals_str(yyjson_obj_get(result, "row"), a->rows[row].row->name) ||
          yyjson_get_uint(yyjson_obj_get(result, "seed")) != seed_of(a, seed) || yyjson_arr_size(tasks) != a->n_tasks)
        continue;
      if (read_recipe(a, a->rows[row].row, seed_of(a, seed), &recipe, NULL) == SROPE_OK) {
        snprintf(identity, sizeof identity, "%016llx", (unsigned long long)identify(&recipe, a->rows[row].data));
        c->is_done = yyjson_equals_str(yyjson_obj_get(result, "identity"), identity);
      }
      srope_recipe_free(&recipe);
      if (!c->is_done) return;
      c->seconds = number_or_nan(yyjson_obj_get(result, "seconds"));
      a->rows[row].n_parameters = (size_t)yyjson_get_uint(yyjson_obj_get(result, "parameters"));
      for (size_t task = 0; task < a->n_tasks; task++) {
        yyjson_val *m = yyjson_arr_get(tasks, task);
        c->metrics[task] =
            (srope_metrics){(size_t)yyjson_get_uint(yyjson_obj_get(m, "labels")),
                            number_or_nan(yyjson_obj_get(m, "base_rate")), number_or_nan(yyjson_obj_get(m, "ne")),
                            number_or_nan(yyjson_obj_get(m, "auc")), number_or_nan(yyjson_obj_get(m, "ece"))};
      }
      return;
    }
}

static srope_status open_results(ablation *a, srope_error *error) {
  char path[MAX_PATH_BYTES];
  void *text = NULL;
  size_t n = 0;
  srope_status status = name_file(a, path, error, "results.ndjson");
  if (status != SROPE_OK) return status;
  if (cli_file_read(path, MAX_RESULT_BYTES, &text, &n, NULL) != SROPE_OK) n = 0;
  for (size_t at = 0; at < n;) {
    const char *line = (const char *)text + at, *end = memchr(line, '\n', n - at);
    size_t length = end != NULL ? (size_t)(end - line) + 1 : n - at;
    yyjson_doc *doc = yyjson_read(line, length, 0);
    if (doc != NULL) take_result(a, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    at += length;
  }
  bool is_cut = n > 0 && ((const char *)text)[n - 1] != '\n'; /* by a kill */
  free(text);
  a->results = fopen(path, "a");
  if (a->results == NULL) return srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
  if (is_cut) putc('\n', a->results);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- one training */

static bool listen(void *context, srope_run *run, const srope_run_event *event) {
  (void)context;
  (void)run;
  (void)event;
  return interrupted == 0;
}

static srope_status name_logits(const ablation *a, size_t row, size_t seed, char path[MAX_PATH_BYTES],
                                srope_error *error) {
  return name_file(a, path, error, "%s-%llu.logits", a->rows[row].row->name, (unsigned long long)seed_of(a, seed));
}

/* Of the test split's events, (n, T) as they come from the run: what reports on a part of the events are made from. */
static srope_status write_logits(const ablation *a, size_t row, size_t seed, const float *logits, size_t n,
                                 srope_error *error) {
  char path[MAX_PATH_BYTES];
  srope_status status = name_logits(a, row, seed, path, error);
  return status == SROPE_OK ? cli_file_write(path, logits, n * sizeof *logits, error) : status;
}

static srope_status run_one(ablation *a, size_t row, size_t seed, srope_pool *pool, srope_error *error) {
  static const srope_distributed alone = {0, 1};
  cell *c = &a->cells[row * a->n_seeds + seed];
  one_row *r = &a->rows[row];
  srope_recipe recipe;
  srope_run *run = NULL;
  float *logits = NULL;
  size_t n_events = 0;
  double start_s = read_clock(), best_ne;
  srope_status status = read_recipe(a, r->row, seed_of(a, seed), &recipe, error);
  const srope_run_options options = {&recipe, r->data, pool, &alone, a->isa, 0};
  if (status == SROPE_OK) status = srope_run_create(&options, &run, error);
  if (status == SROPE_OK) status = srope_run_train(run, listen, NULL, error);
  if (status == SROPE_OK && interrupted == 0) {
    status = srope_run_evaluate(run, SROPE_TEST, true, c->metrics, &logits, NULL, &n_events, error);
    if (status == SROPE_OK) status = write_logits(a, row, seed, logits, n_events * a->n_tasks, error);
    pthread_mutex_lock(&a->lock);
    c->is_done = status == SROPE_OK;
    c->seconds = round((read_clock() - start_s) * 100) / 100; /* as it is written and read again */
    c->steps = srope_trainer_steps(srope_run_trainer(run));
    (void)srope_run_best(run, &c->best_step, &best_ne);
    r->n_parameters = (size_t)srope_trainer_model(srope_run_trainer(run))->info.n_parameters;
    if (c->is_done) print_result(a->results, a, row, seed, identify(&recipe, r->data));
    if (ferror(a->results))
      status = srope_fail(error, SROPE_ERR_IO, "results.ndjson", "could not be written: %s", strerror(errno));
    pthread_mutex_unlock(&a->lock);
  }
  free(logits);
  srope_run_free(run);
  srope_recipe_free(&recipe);
  return status;
}

static void show_done(ablation *a, size_t row, size_t seed) {
  size_t all = a->n_rows * a->n_seeds;
  if (isatty(fileno(stderr)))
    cli_report_progress(stderr, "ablate", a->n_done, all);
  else
    cli_report_note("ablate", "%zu of %zu trainings: %s, seed %llu, %.1f s", a->n_done, all, a->rows[row].row->name,
                    (unsigned long long)seed_of(a, seed), a->cells[row * a->n_seeds + seed].seconds);
}

/* Piece i is a seed of a row; rows go by fastest, so that what is done of an interrupted ablation is of whole seeds. */
static void work(void *context, size_t piece, uint32_t thread) {
  ablation *a = context;
  size_t seed = piece / a->n_rows, row = piece % a->n_rows;
  srope_pool *pool = NULL;
  srope_error error;
  (void)thread;
  pthread_mutex_lock(&a->lock);
  bool skips = a->cells[row * a->n_seeds + seed].is_done || a->status != SROPE_OK || interrupted != 0;
  a->n_done += a->cells[row * a->n_seeds + seed].is_done;
  pthread_mutex_unlock(&a->lock);
  if (skips) return;
  srope_status status = srope_pool_create(1, &pool, &error);
  if (status == SROPE_OK) status = run_one(a, row, seed, pool, &error);
  srope_pool_free(pool);
  pthread_mutex_lock(&a->lock);
  if (status != SROPE_OK && a->status == SROPE_OK) {
    srope_error_prefix(&error, "%s, seed %llu", a->rows[row].row->name, (unsigned long long)seed_of(a, seed));
    a->status = status;
    a->error = error;
  }
  if (status == SROPE_OK && interrupted == 0) {
    a->n_done++;
    show_done(a, row, seed);
  }
  pthread_mutex_unlock(&a->lock);
}

/* ---------------------------------------------------------------- getting ready */

static bool is_wanted(const ablation *a, const char *name) {
  size_t n = strlen(name);
  if (a->only == NULL) return true;
  for (const char *at = a->only; (at = strstr(at, name)) != NULL; at += n)
    if ((at == a->only || at[-1] == ',') && (at[n] == ',' || at[n] == '\0')) return true;
  return false;
}

static srope_status choose_rows(ablation *a, srope_error *error) {
  for (uint32_t i = 0; i < srope_ablation_n_rows; i++) {
    const srope_ablation_row *row = &srope_ablation_rows[i];
    if (i != SROPE_ABLATION_BASELINE && !is_wanted(a, row->name)) continue;
    if (row->needs_flag && a->flag == NULL) {
      cli_report_note("ablate", "the row %s needs a static flag of the data: --flag NAME; it is left out", row->name);
      continue;
    }
    a->rows[a->n_rows++].row = row;
  }
  for (const char *at = a->only; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
    size_t n = strcspn(at, ",");
    bool known = false;
    for (uint32_t i = 0; i < srope_ablation_n_rows; i++)
      known = known || (strlen(srope_ablation_rows[i].name) == n && strncmp(srope_ablation_rows[i].name, at, n) == 0);
    if (!known)
      return srope_fail(error, SROPE_ERR_ARGUMENT, "--rows", "there is no row \"%.*s\"; see --help", (int)n, at);
  }
  return SROPE_OK;
}

static void show_packing(void *context, uint64_t done, uint64_t total) {
  cli_report_progress(stderr, context, (size_t)done, (size_t)total);
}

/* Rows of the same schema share a cache file only in time: each has its own, since some ask for other features. */
static srope_status open_rows(ablation *a, srope_error *error) {
  for (size_t i = 0; i < a->n_rows; i++) {
    char path[MAX_PATH_BYTES];
    srope_recipe recipe;
    srope_status status = read_recipe(a, a->rows[i].row, 1, &recipe, error);
    if (status == SROPE_OK)
      status = name_file(a, path, error, "events-%s.cache",
                         a->rows[i].row->time_as_items ? "time"
                         : a->rows[i].row->needs_flag  ? "flag"
                                                       : "plain");
    const srope_dataset_options options = {a->data_path, path, show_packing, "pack"};
    if (status == SROPE_OK)
      status = srope_dataset_open(&options, recipe.config, recipe.n_config, &a->rows[i].data, error);
    srope_recipe_free(&recipe);
    if (status != SROPE_OK) return status;
  }
  return SROPE_OK;
}

/* The tasks' names, from the first row's configuration. */
static srope_status read_tasks(ablation *a, srope_error *error) {
  srope_recipe recipe;
  srope_status status = read_recipe(a, a->rows[0].row, 1, &recipe, error);
  yyjson_doc *doc = status == SROPE_OK ? yyjson_read(recipe.config, recipe.n_config, 0) : NULL;
  yyjson_val *labels = yyjson_obj_get(yyjson_doc_get_root(doc), "labels");
  a->n_tasks = yyjson_arr_size(labels);
  a->tasks = calloc(a->n_tasks + 1, sizeof *a->tasks);
  bool placed = a->tasks != NULL;
  for (size_t i = 0; placed && i < a->n_tasks; i++)
    placed = (a->tasks[i] = strdup(yyjson_get_str(yyjson_arr_get(labels, i)))) != NULL;
  yyjson_doc_free(doc);
  srope_recipe_free(&recipe);
  a->cells = calloc(a->n_rows * a->n_seeds, sizeof *a->cells);
  for (size_t i = 0; a->cells != NULL && placed && i < a->n_rows * a->n_seeds; i++)
    placed = (a->cells[i].metrics = calloc(a->n_tasks, sizeof(srope_metrics))) != NULL;
  if (status == SROPE_OK && (!placed || a->cells == NULL))
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for results");
  return status;
}

static srope_status read_base(ablation *a, srope_error *error) {
  srope_status status = cli_file_read_recipe(a->recipe_path, &a->recipe_text, &a->n_recipe, error);
  return status == SROPE_OK ? srope_dataset_describe(a->data_path, &a->description, &a->n_description, error) : status;
}

/* ---------------------------------------------------------------- the report */

typedef struct report {
  cli_ablation ablation;
  cli_ablation_row *rows;
  uint64_t *seeds;
  srope_metrics *metrics;
  srope_bootstrap *bootstrap;
  char about[256], bootstrap_about[96];
} report;

/* The test split's events that are looked at, in the order of the logits. */
typedef struct test_events {
  float *label;  /* (n, T) */
  size_t *place; /* (n) among all of the split's events */
  size_t *begin; /* (n_users + 1) */
  size_t n, n_users, n_all;
} test_events;

static void free_test_events(test_events *events) {
  free(events->label);
  free(events->place);
  free(events->begin);
}

static srope_status list_test_events(const ablation *a, test_events *out, srope_error *error) {
  const srope_dataset *data = a->rows[a->baseline].data;
  size_t n_tasks = data->n_tasks;
  *out = (test_events){.label = malloc((data->n_events * n_tasks + 1) * sizeof(float)),
                       .place = malloc((data->n_events + 1) * sizeof(size_t)),
                       .begin = malloc((data->n_users + 1) * sizeof(size_t))};
  if (out->label == NULL || out->place == NULL || out->begin == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the test split");
  for (uint64_t user = 0; user < data->n_users; user++) {
    size_t first = out->n;
    for (uint64_t i = data->user_first[user]; i < data->user_first[user + 1]; i++) {
      if (srope_dataset_split(data, data->time_s[i]) != SROPE_TEST) continue;
      out->n_all++;
      if (i - data->request_back[i] - data->user_first[user] < a->min_history) continue;
      memcpy(out->label + out->n * n_tasks, data->label + i * n_tasks, n_tasks * sizeof(float));
      out->place[out->n++] = out->n_all - 1;
    }
    if (out->n > first) out->begin[out->n_users++] = first;
  }
  out->begin[out->n_users] = out->n;
  return SROPE_OK;
}

/* (n, T) of the events that are looked at; NULL where they were not kept. */
static float *read_logits(const ablation *a, size_t row, size_t seed, const test_events *events) {
  char path[MAX_PATH_BYTES];
  void *bytes = NULL;
  size_t n_bytes = 0, row_bytes = a->n_tasks * sizeof(float);
  if (name_logits(a, row, seed, path, NULL) != SROPE_OK ||
      cli_file_read(path, MAX_RESULT_BYTES, &bytes, &n_bytes, NULL) != SROPE_OK)
    return NULL;
  for (size_t i = 0; n_bytes == events->n_all * row_bytes && i < events->n; i++)
    memmove((char *)bytes + i * row_bytes, (char *)bytes + events->place[i] * row_bytes, row_bytes);
  if (n_bytes == events->n_all * row_bytes) return bytes;
  free(bytes);
  return NULL;
}

/* columns (3, n): model, baseline, labels of one task. */
static void take_columns(const ablation *a, const test_events *events, const float *logits, const float *baseline,
                         size_t task, float *columns) {
  size_t n = events->n;
  for (size_t i = 0; i < n; i++) {
    columns[i] = logits[i * a->n_tasks + task];
    columns[n + i] = baseline[i * a->n_tasks + task];
    columns[2 * n + i] = events->label[i * a->n_tasks + task];
  }
}

static srope_status bootstrap_row(const ablation *a, const test_events *events, const float *logits,
                                  const float *baseline, float *columns, srope_bootstrap *out, srope_error *error) {
  size_t n = events->n;
  for (size_t task = 0; task < a->n_tasks; task++) {
    take_columns(a, events, logits, baseline, task, columns);
    const srope_user_outcomes outcomes = {n, columns, columns + n, columns + 2 * n, events->n_users, events->begin};
    srope_status status = srope_statistics_bootstrap(&outcomes, a->n_replicates, 1, &out[task], error);
    if (status != SROPE_OK) return status;
  }
  return SROPE_OK;
}

/* The models of the first seed, where all their logits are there. */
static srope_status bootstrap(const ablation *a, const test_events *events, report *r, srope_error *error) {
  float *columns = malloc((3 * events->n + 1) * sizeof(float)), *baseline = read_logits(a, a->baseline, 0, events);
  r->bootstrap = calloc(a->n_rows * a->n_tasks, sizeof *r->bootstrap);
  srope_status status = columns != NULL && r->bootstrap != NULL
                            ? SROPE_OK
                            : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the bootstrap");
  bool whole = status == SROPE_OK && baseline != NULL;
  for (size_t row = 0; status == SROPE_OK && whole && row < a->n_rows; row++) {
    cli_report_progress(stderr, "bootstrap", row, a->n_rows);
    if (row == a->baseline) continue;
    float *logits = read_logits(a, row, 0, events);
    whole = logits != NULL;
    if (whole) status = bootstrap_row(a, events, logits, baseline, columns, r->bootstrap + row * a->n_tasks, error);
    free(logits);
  }
  cli_report_progress(stderr, "bootstrap", a->n_rows, a->n_rows);
  if (status == SROPE_OK && whole) {
    snprintf(r->bootstrap_about, sizeof r->bootstrap_about, "%zu times over users, the models of seed %llu",
             a->n_replicates, (unsigned long long)a->first_seed);
    r->ablation.bootstrap = r->bootstrap;
    r->ablation.bootstrap_about = r->bootstrap_about;
  }
  free(columns);
  free(baseline);
  return status;
}

/* The metrics of all trainings on the events that are looked at, from their logits. */
static srope_status measure_part(const ablation *a, const test_events *events, report *r, srope_error *error) {
  float *columns = malloc((3 * events->n + 1) * sizeof(float));
  srope_status status = columns != NULL ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for logits");
  for (size_t i = 0; status == SROPE_OK && i < a->n_rows * a->n_seeds; i++) {
    float *logits = read_logits(a, i / a->n_seeds, i % a->n_seeds, events);
    if (logits == NULL)
      status = srope_fail(error, SROPE_ERR_IO, a->out, "expected the logits of %s, seed %llu, found none that fit",
                          a->rows[i / a->n_seeds].row->name, (unsigned long long)seed_of(a, i % a->n_seeds));
    for (size_t task = 0; status == SROPE_OK && task < a->n_tasks; task++) {
      take_columns(a, events, logits, logits, task, columns);
      status =
          srope_metrics_compute(columns, columns + 2 * events->n, events->n, &r->metrics[i * a->n_tasks + task], error);
    }
    free(logits);
  }
  free(columns);
  return status;
}

static srope_status look_at_events(const ablation *a, report *r, srope_error *error) {
  test_events events = {0};
  srope_status status = list_test_events(a, &events, error);
  if (status == SROPE_OK && a->min_history > 0) status = measure_part(a, &events, r, error);
  if (status == SROPE_OK && a->n_replicates > 0) status = bootstrap(a, &events, r, error);
  free_test_events(&events);
  return status;
}

static srope_status make_report(const ablation *a, report *r, srope_error *error) {
  r->rows = calloc(a->n_rows, sizeof *r->rows);
  r->seeds = calloc(a->n_seeds, sizeof *r->seeds);
  r->metrics = calloc(a->n_rows * a->n_seeds * a->n_tasks, sizeof *r->metrics);
  if (r->rows == NULL || r->seeds == NULL || r->metrics == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the report");
  for (size_t seed = 0; seed < a->n_seeds; seed++) r->seeds[seed] = seed_of(a, seed);
  for (size_t row = 0; row < a->n_rows; row++) {
    r->rows[row] = (cli_ablation_row){a->rows[row].row->name, a->rows[row].row->about, a->rows[row].n_parameters, 0};
    for (size_t seed = 0; seed < a->n_seeds; seed++) {
      const cell *c = &a->cells[row * a->n_seeds + seed];
      r->rows[row].seconds += c->seconds;
      memcpy(r->metrics + (row * a->n_seeds + seed) * a->n_tasks, c->metrics, a->n_tasks * sizeof *c->metrics);
    }
  }
  const srope_dataset *data = a->rows[0].data;
  const char *name = strrchr(a->data_path, '/');
  int n = snprintf(r->about, sizeof r->about, "%.80s, test split, %llu events of %llu users in all",
                   name != NULL && name[1] != '\0' ? name + 1 : a->data_path, (unsigned long long)data->n_events,
                   (unsigned long long)data->n_users);
  if (a->min_history > 0)
    snprintf(r->about + n, sizeof r->about - (size_t)n, ", those after at least %zu others of the user",
             a->min_history);
  r->ablation = (cli_ablation){.about = r->about,
                               .rows = r->rows,
                               .n_rows = a->n_rows,
                               .baseline = a->baseline,
                               .seeds = r->seeds,
                               .n_seeds = a->n_seeds,
                               .tasks = (const char *const *)a->tasks,
                               .n_tasks = a->n_tasks,
                               .metrics = r->metrics};
  return look_at_events(a, r, error);
}

typedef srope_status (*printer)(const cli_ablation *ablation, FILE *out, srope_error *error);
static srope_status print_plain_text(const cli_ablation *ablation, FILE *out, srope_error *error) {
  return cli_ablation_print_text(ablation, out, false, error);
}

static srope_status write_report(const ablation *a, const report *r, const char *ending, printer print,
                                 srope_error *error) {
  char path[MAX_PATH_BYTES], name[64], *text = NULL;
  size_t n = 0;
  FILE *stream = open_memstream(&text, &n);
  if (stream == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a report");
  if (a->min_history > 0)
    snprintf(name, sizeof name, "report-after-%zu.%s", a->min_history, ending);
  else
    snprintf(name, sizeof name, "report.%s", ending);
  srope_status status = print(&r->ablation, stream, error);
  fclose(stream);
  if (status == SROPE_OK) status = name_file(a, path, error, "%s", name);
  if (status == SROPE_OK) status = cli_file_write(path, text, n, error);
  free(text);
  return status;
}

static srope_status report_all(const ablation *a, srope_error *error) {
  report r = {0};
  srope_status status = make_report(a, &r, error);
  if (status == SROPE_OK) status = write_report(a, &r, "txt", print_plain_text, error);
  if (status == SROPE_OK) status = write_report(a, &r, "json", cli_ablation_print_json, error);
  if (status == SROPE_OK) status = write_report(a, &r, "svg", cli_ablation_print_svg, error);
  if (status == SROPE_OK && a->json) status = cli_ablation_print_json(&r.ablation, stdout, error);
  if (status == SROPE_OK && !a->json)
    status = cli_ablation_print_text(&r.ablation, stdout, cli_report_colours(stdout), error);
  free(r.rows);
  free(r.seeds);
  free(r.metrics);
  free(r.bootstrap);
  return status;
}

/* ---------------------------------------------------------------- the command */

static srope_status ablate(ablation *a, srope_error *error) {
  srope_pool *pool = NULL;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t n_threads = (uint32_t)(a->n_threads > 0 ? a->n_threads : cores > 0 ? (size_t)cores : 1);
  srope_status status = choose_rows(a, error);
  if (status == SROPE_OK && mkdir(a->out, 0777) != 0 && errno != EEXIST)
    status = srope_fail(error, SROPE_ERR_IO, a->out, "could not be made: %s", strerror(errno));
  if (status == SROPE_OK) status = read_base(a, error);
  if (status == SROPE_OK) status = read_tasks(a, error);
  if (status == SROPE_OK) status = open_rows(a, error);
  if (status == SROPE_OK) status = open_results(a, error);
  if (status == SROPE_OK) status = srope_pool_create(n_threads, &pool, error);
  if (status != SROPE_OK) return status;
  struct sigaction action = {.sa_handler = interrupt};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  srope_pool_run(pool, a->n_rows * a->n_seeds, work, a);
  srope_pool_free(pool);
  if (a->status != SROPE_OK) {
    *error = a->error;
    return a->status;
  }
  if (interrupted != 0) {
    cli_report_note("ablate", "stopped; the same command goes on, results so far are in %s", a->out);
    return SROPE_OK;
  }
  return report_all(a, error);
}

static void free_ablation(ablation *a) {
  for (size_t i = 0; a->cells != NULL && i < a->n_rows * a->n_seeds; i++) free(a->cells[i].metrics);
  for (size_t i = 0; a->tasks != NULL && i < a->n_tasks; i++) free(a->tasks[i]);
  for (size_t i = 0; i < a->n_rows; i++) srope_dataset_close(a->rows[i].data);
  if (a->results != NULL) fclose(a->results);
  free(a->cells);
  free(a->tasks);
  free(a->recipe_text);
  srope_free(a->description);
  pthread_mutex_destroy(&a->lock);
}

static const char about[] =
    "Trains every row of the paper's ablation with several seeds and compares each with ordinal RoPE on the test "
    "split:\n"
    "  ordinal, time-as-items, torope, flag, trend, trend-relu, sine, relu, full, full-zero, six\n"
    "Prints a table of NE, AUC and ECE with standard errors and paired tests; OUT gets it as report.txt, report.json "
    "and\n"
    "report.svg, and every training's result as a line of results.ndjson. Called again it trains what is missing.";

int cli_ablate(int n, char **arguments) {
  ablation a = {.n_seeds = 5, .first_seed = 1, .n_replicates = 1000, .lock = PTHREAD_MUTEX_INITIALIZER};
  const cli_option options[] = {
      {"--data", "DIR", "the folder of events", CLI_TEXT, &a.data_path, 0, 0, 1},
      {"--out", "DIR", "where the results go; made when missing", CLI_TEXT, &a.out, 0, 0, 1},
      {"--recipe", "FILE", "what all rows share; without it all defaults", CLI_TEXT, &a.recipe_path, 0, 0, 0},
      {"--rows", "NAMES", "rows to train, with commas between; ordinal is always one", CLI_TEXT, &a.only, 0, 0, 0},
      {"--flag", "NAME", "the signal of the row flag (of KuaiRand: main_tab)", CLI_TEXT, &a.flag, 0, 0, 0},
      {"--seeds", "N", "how many seeds", CLI_COUNT, &a.n_seeds, 1, MAX_SEEDS, 0},
      {"--first-seed", "N", "the first of them", CLI_COUNT, &a.first_seed, 0, 1000000000, 0},
      {"--threads", "N", "trainings at a time; 0 = one per core", CLI_COUNT, &a.n_threads, 0, 1024, 0},
      {"--min-history", "N", "measure only events after at least N others of the user", CLI_COUNT, &a.min_history, 0,
       SROPE_MAX_HISTORY, 0},
      {"--replicates", "N", "of the bootstrap over users; 0 = none", CLI_COUNT, &a.n_replicates, 0, 100000, 0},
      {"--json", NULL, "print JSON instead of the table", CLI_FLAG, &a.json, 0, 0, 0},
      CLI_OPTION_ISA(&a.isa),
  };
  const cli_syntax syntax = {.command = "ablate",
                             .usage = "--data DIR --out DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error = {0};
  srope_status status = ablate(&a, &error);
  int exit_status = status == SROPE_OK ? cli_report_end("ablate") : cli_report_error("ablate", &error);
  if (status == SROPE_OK && interrupted != 0) exit_status = 128 + interrupted;
  free_ablation(&a);
  return exit_status;
}
