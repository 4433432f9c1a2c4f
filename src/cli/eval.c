/* eval.c: `siren-rope eval`: how good a model is on a log, as it would have been served (train/evaluate.h): the command, its
 * progress and what it prints. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "cli/report.h"
#include "train/evaluate.h"

typedef struct evaluation_run {
  const srope_model *model;
  const char *folder, *cache;
  srope_split split;
  bool json;
  srope_dataset *data;
  srope_pool *pool;
  srope_evaluation result;
  double wall_s, cpu_s;
} evaluation_run;

/* ---------------------------------------------------------------- output */

static void print_json(const evaluation_run *run) {
  printf("{\"split\":\"%s\",\"events\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"users\":%" PRIu64 ",\"read\":%" PRIu64
         ",\"duplicates\":%" PRIu64 ",\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"isa\":\"%s\",\"tasks\":",
         srope_split_name(run->split), run->result.n_events, run->result.n_requests, run->result.n_users,
         run->data->n_read, run->data->n_duplicates, run->wall_s, run->cpu_s, srope_model_info(run->model)->isa);
  cli_metrics_print_tasks(stdout, run->model, run->result.tasks);
  puts("}");
}

static void print_evaluation(const evaluation_run *run) {
  if (run->json) {
    print_json(run);
    return;
  }
  printf("%s: %" PRIu64 " events in %" PRIu64 " requests of %" PRIu64 " users (%" PRIu64 " events read, %" PRIu64
         " exact duplicates dropped), %.1f s on %s\n",
         srope_split_name(run->split), run->result.n_events, run->result.n_requests, run->result.n_users,
         run->data->n_read, run->data->n_duplicates, run->wall_s, srope_model_info(run->model)->isa);
  cli_metrics_print_table(stdout, run->model, run->result.tasks);
}

/* ---------------------------------------------------------------- the work */

static void show_progress(void *label, uint64_t done, uint64_t total) {
  cli_report_progress(stderr, label, (size_t)done, (size_t)total);
}

static double read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static srope_status open_data(evaluation_run *run, srope_error *error) {
  const srope_dataset_options options = {
      .path = run->folder, .cache = run->cache, .progress = show_progress, .context = "pack"};
  char *config;
  size_t n_config;
  srope_status status = srope_evaluate_config(run->model, &config, &n_config, error);
  if (status != SROPE_OK) return status;
  status = srope_dataset_open(&options, config, n_config, &run->data, error);
  srope_free(config);
  return status;
}

static srope_status evaluate(evaluation_run *run, srope_error *error) {
  const srope_evaluate_options options = {
      .split = run->split, .progress = show_progress, .context = "eval", .pool = run->pool};
  double start = read_clock(CLOCK_MONOTONIC);
  srope_status status = open_data(run, error);
  if (status != SROPE_OK) return status;
  if (!run->data->has_videos)
    cli_report_note("eval", "%s has no video_features_basic*.csv: authors and tags count as missing", run->folder);
  status = srope_evaluate(run->model, run->data, &options, &run->result, error);
  run->wall_s = read_clock(CLOCK_MONOTONIC) - start;
  run->cpu_s = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  return status;
}

static srope_status find_split(const char *name, srope_split *split, srope_error *error) {
  for (*split = SROPE_TRAIN; *split <= SROPE_TEST; ++*split)
    if (strcmp(name, srope_split_name(*split)) == 0) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_ARGUMENT, "--split", "expected train, validation or test, found \"%.40s\"", name);
}

/* ---------------------------------------------------------------- the command */

static const char about[] =
    "Prints base rate, normalized entropy, AUC and calibration error of every task on a log: a folder of event files\n"
    "(schema.json and events*.ndjson or events*.csv; src/train/README.md has the format) or of KuaiRand's log_*.csv "
    "and\n"
    "video_features_basic*.csv, plain or .gz. Every event is served as a candidate of its own request, after the "
    "user's\n"
    "events before that request. schema.json names the times of the splits; of KuaiRand, train is before\n"
    "2022-05-02T16:00:00Z, validation the day after, test the rest. What is not defined (no labels, or only one kind) "
    "is\n"
    "printed as undefined, in JSON as null.";

int cli_eval(int n, char **arguments) {
  const char *model_path = NULL, *isa = NULL, *split = "test";
  size_t n_threads = 1;
  evaluation_run run = {0};
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--data", "DIR", "the folder of the log", CLI_TEXT, &run.folder, 0, 0, 1},
      {"--split", "NAME", "train, validation or test (default)", CLI_TEXT, &split, 0, 0, 0},
      {"--cache", "FILE", "keep the packed log there, and use it while the log stays as it is", CLI_TEXT, &run.cache, 0,
       0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &run.json, 0, 0, 0},
      CLI_OPTION_THREADS(&n_threads, "threads that share the users; the metrics are the same"),
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "eval",
                             .usage = "--model FILE --data DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_model *model = NULL;
  srope_error error;
  srope_status status = find_split(split, &run.split, &error);
  if (status == SROPE_OK) status = cli_file_load_model(model_path, isa, &model, &error);
  run.model = model;
  if (status == SROPE_OK) status = srope_pool_create((uint32_t)n_threads, &run.pool, &error);
  if (status == SROPE_OK) status = evaluate(&run, &error);
  if (status == SROPE_OK) print_evaluation(&run);
  srope_evaluation_free(&run.result);
  srope_dataset_close(run.data);
  srope_pool_free(run.pool);
  srope_model_free(model);
  return status == SROPE_OK ? cli_report_end("eval") : cli_report_error("eval", &error);
}
