/* bench_train.c: `siren-rope bench train`: how long an epoch of training takes on a folder of events: steps alone, without evaluations,
 * files or the packing of the data, one epoch after another on the same model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "model/model.h"
#include "train/run.h"

enum { MAX_EPOCHS = 100 };

typedef struct bench {
  const char *data_path, *recipe_path, *cache, *isa;
  size_t n_threads, n_epochs;
  bool json;

  char *recipe_text, *description;
  size_t n_recipe, n_description;
  srope_recipe recipe;
  srope_dataset *data;
  srope_pool *pool;
  srope_run *run;
  uint64_t n_batches, n_tokens;
  double wall_s[MAX_EPOCHS], cpu_s[MAX_EPOCHS], loss[MAX_EPOCHS], weight; /* by epoch; of the epoch at work */
  double start_wall_s, start_cpu_s;
} bench;

static double read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void start_clocks(bench *b) {
  b->start_wall_s = read_clock(CLOCK_MONOTONIC);
  b->start_cpu_s = read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static bool listen(void *context, srope_run *run, const srope_run_event *event) {
  bench *b = context;
  (void)run;
  if (event->kind == SROPE_RUN_EVALUATION) start_clocks(b); /* it does not count */
  if (event->kind != SROPE_RUN_STEP) return true;
  uint64_t epoch = (event->step - 1) / b->n_batches;
  if (event->result.weight > 0) b->loss[epoch] += event->result.loss * event->result.weight;
  b->weight += event->result.weight;
  if (event->step % b->n_batches != 0) return true;
  b->wall_s[epoch] = read_clock(CLOCK_MONOTONIC) - b->start_wall_s;
  b->cpu_s[epoch] = read_clock(CLOCK_PROCESS_CPUTIME_ID) - b->start_cpu_s;
  b->loss[epoch] /= b->weight;
  b->weight = 0;
  b->n_tokens = event->n_tokens / (epoch + 1);
  return event->step < event->n_steps;
}

static srope_status read_recipe(bench *b, srope_error *error) {
  srope_status status = cli_file_read_recipe(b->recipe_path, &b->recipe_text, &b->n_recipe, error);
  if (status == SROPE_OK) status = srope_dataset_describe(b->data_path, &b->description, &b->n_description, error);
  if (status == SROPE_OK)
    status = srope_recipe_read(b->recipe_text, b->n_recipe, b->description, b->n_description, &b->recipe, error);
  b->recipe.epochs = (double)b->n_epochs;
  b->recipe.evaluations = 1;
  b->recipe.patience = 0;
  return status;
}

static srope_status measure(bench *b, srope_error *error) {
  static const srope_distributed alone = {0, 1};
  srope_status status = read_recipe(b, error);
  const srope_dataset_options data = {.path = b->data_path, .cache = b->cache};
  if (status == SROPE_OK) status = srope_dataset_open(&data, b->recipe.config, b->recipe.n_config, &b->data, error);
  if (status == SROPE_OK) status = srope_pool_create((uint32_t)b->n_threads, &b->pool, error);
  const srope_run_options options = {&b->recipe, b->data, b->pool, &alone, b->isa, 0};
  if (status == SROPE_OK) status = srope_run_create(&options, &b->run, error);
  if (status != SROPE_OK) return status;
  uint64_t batch = (uint64_t)b->recipe.batch;
  b->n_batches = (srope_run_windows(b->run)->n + batch - 1) / batch;
  start_clocks(b);
  return srope_run_train(b->run, listen, b, error);
}

static void print_list(const char *key, const double *x, size_t n) {
  printf(",\"%s\":[", key);
  for (size_t i = 0; i < n; i++) {
    if (i > 0) putchar(',');
    cli_json_double(stdout, x[i]);
  }
  putchar(']');
}

static void print_result(const bench *b) {
  const srope_info *info = &srope_trainer_model(srope_run_trainer(b->run))->info;
  if (b->json) {
    printf("{\"isa\":\"%s\",\"threads\":%u,\"parameters\":%llu,\"batches\":%llu,\"tokens\":%llu", info->isa,
           srope_pool_threads(b->pool), (unsigned long long)info->n_parameters, (unsigned long long)b->n_batches,
           (unsigned long long)b->n_tokens);
    print_list("seconds", b->wall_s, b->n_epochs);
    print_list("cpu_seconds", b->cpu_s, b->n_epochs);
    print_list("loss", b->loss, b->n_epochs);
    puts("}");
    return;
  }
  printf("%llu parameters, %llu tokens in %llu batches, %s, %u threads\n%6s %10s %12s %12s %10s\n",
         (unsigned long long)info->n_parameters, (unsigned long long)b->n_tokens, (unsigned long long)b->n_batches,
         info->isa, srope_pool_threads(b->pool), "epoch", "seconds", "of processor", "tokens/s", "loss");
  for (size_t i = 0; i < b->n_epochs; i++)
    printf("%6zu %10.2f %12.2f %12.0f %10.5f\n", i + 1, b->wall_s[i], b->cpu_s[i], (double)b->n_tokens / b->wall_s[i],
           b->loss[i]);
}

static void free_bench(bench *b) {
  srope_run_free(b->run);
  srope_pool_free(b->pool);
  srope_dataset_close(b->data);
  srope_recipe_free(&b->recipe);
  free(b->recipe_text);
  srope_free(b->description);
}

static const char about[] =
    "Measures epochs of training on a folder of events: the steps alone, without evaluations, files, or packing.\n"
    "For comparisons on one machine: seconds vary from day to day, ratios of medians taken in turn vary less.";

int cli_bench_train(int n, char **arguments) {
  bench b = {.n_threads = 1, .n_epochs = 1};
  const cli_option options[] = {
      {"--data", "DIR", "the folder of events", CLI_TEXT, &b.data_path, 0, 0, 1},
      {"--recipe", "FILE", "what to train; without it all defaults", CLI_TEXT, &b.recipe_path, 0, 0, 0},
      {"--threads", "N", "threads", CLI_COUNT, &b.n_threads, 1, 1024, 0},
      {"--epochs", "N", "epochs, each measured", CLI_COUNT, &b.n_epochs, 1, MAX_EPOCHS, 0},
      {"--cache", "FILE", "where to keep the packed events", CLI_TEXT, &b.cache, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &b.json, 0, 0, 0},
      CLI_OPTION_ISA(&b.isa),
  };
  const cli_syntax syntax = {.command = "bench train",
                             .usage = "--data DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error = {0};
  srope_status status = measure(&b, &error);
  if (status == SROPE_OK) print_result(&b);
  free_bench(&b);
  return status == SROPE_OK ? cli_report_end("bench train") : cli_report_error("bench train", &error);
}
