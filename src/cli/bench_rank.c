/* bench_rank.c: `siren-rope bench rank`: how long a model takes to load and to rank, run after run in one process.
 * In:  a model and a request's tensors (inputs.h) with C >= 1 events and N >= 1 candidates.
 * Out: per row the time of every run, and of ranking rows a checksum of the logits; --out: rank.logits (N,T).
 * Rows: load     the file's bytes in memory -> a model that can rank
 *       request  a new session, C events, N candidates
 *       warm     N candidates in a session that has its history
 *       append   one event more in a session that has C-1, then N candidates
 * The last three give the same logits to the bit, or that is an error. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/inputs.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"

enum { MAX_RUNS = 10000, N_ROWS = 4, LOAD = 0 };
static const uint64_t max_model_bytes = (uint64_t)8 << 30;

typedef struct bench {
  const char *model_path, *in_path, *out_path, *isa, *row; /* `row`: measured alone; NULL = all */
  size_t n_runs, n_warm_up, n_threads;
  bool json;

  void *bytes; /* of the model's file */
  size_t n_bytes;
  srope_model *model, *loaded; /* `loaded`: by the row `load` */
  srope_pool *pool;
  cli_inputs in;
  srope_session *session; /* of the row at work */
  cli_buffer logits;      /* (N, T) */
  size_t n_logits;
  double *ms[N_ROWS]; /* (runs) by row */
  uint32_t checksum;
  bool has_checksum;
} bench;

/* ---------------------------------------------------------------- rows: what is done before a run, in it and after */

static srope_events slice(const srope_events *all, const srope_info *info, size_t first, size_t n) {
  srope_events events = {.n = n, .item = all->item + first * info->n_item, .time_s = all->time_s + first};
  events.action = all->action + first * info->n_action;
  if (all->signal != NULL) events.signal = all->signal + first * info->n_signals;
  if (all->request != NULL) events.request = all->request + first;
  if (all->utc_offset_minutes != NULL) events.utc_offset_minutes = all->utc_offset_minutes + first;
  return events;
}

static srope_status nothing(bench *b, srope_error *error) {
  (void)b, (void)error;
  return SROPE_OK;
}

static srope_status load(bench *b, srope_error *error) {
  return srope_model_load(b->bytes, b->n_bytes, b->isa, &b->loaded, error);
}

static srope_status drop_model(bench *b, srope_error *error) {
  (void)error;
  srope_model_free(b->loaded);
  b->loaded = NULL;
  return SROPE_OK;
}

static srope_status score(bench *b, srope_error *error) {
  return srope_session_score(b->session, &b->in.candidates, b->logits.data, error);
}

/* A new session with the first n events. */
static srope_status begin(bench *b, size_t n, srope_error *error) {
  const srope_session_options options = {.utc_offset_minutes = b->in.candidates.utc_offset_minutes};
  srope_status status = srope_session_create(b->model, &options, &b->session, error);
  if (status == SROPE_OK) status = srope_session_use_pool(b->session, b->pool, error);
  if (status != SROPE_OK) return status;
  srope_events events = slice(&b->in.history, b->in.info, 0, n);
  return srope_session_append(b->session, &events, error);
}

static srope_status drop_session(bench *b, srope_error *error) {
  (void)error;
  srope_session_free(b->session);
  b->session = NULL;
  return SROPE_OK;
}

static srope_status request(bench *b, srope_error *error) {
  srope_status status = begin(b, b->in.history.n, error);
  if (status == SROPE_OK) status = score(b, error);
  drop_session(b, error);
  return status;
}

static srope_status begin_warm(bench *b, srope_error *error) {
  srope_status status = begin(b, b->in.history.n, error);
  return status == SROPE_OK ? score(b, error) : status;
}

/* The history is run by the score of one candidate. */
static srope_status begin_append(bench *b, srope_error *error) {
  srope_candidates one = b->in.candidates;
  one.n = 1;
  srope_status status = begin(b, b->in.history.n - 1, error);
  return status == SROPE_OK ? srope_session_score(b->session, &one, b->logits.data, error) : status;
}

static srope_status append(bench *b, srope_error *error) {
  srope_events last = slice(&b->in.history, b->in.info, b->in.history.n - 1, 1);
  srope_status status = srope_session_append(b->session, &last, error);
  return status == SROPE_OK ? score(b, error) : status;
}

static const struct row {
  const char *name;
  srope_status (*before)(bench *, srope_error *), (*run)(bench *, srope_error *), (*after)(bench *, srope_error *);
} rows[N_ROWS] = {
    {"load", nothing, load, drop_model},
    {"request", nothing, request, nothing},
    {"warm", begin_warm, score, drop_session},
    {"append", begin_append, append, drop_session},
};

static bool is_wanted(const bench *b, size_t r) { return b->row == NULL || strcmp(b->row, rows[r].name) == 0; }

/* ---------------------------------------------------------------- measuring */

static double read_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* FNV-1a of the logits' bytes. */
static uint32_t hash_logits(const bench *b) {
  const unsigned char *bytes = b->logits.data;
  uint32_t hash = 0x811c9dc5U;
  for (size_t i = 0; i < b->n_logits * sizeof(float); i++) hash = (hash ^ bytes[i]) * 0x01000193U;
  return hash;
}

static srope_status check_logits(bench *b, const char *row, srope_error *error) {
  uint32_t checksum = hash_logits(b);
  if (b->has_checksum && checksum != b->checksum)
    return srope_fail(error, SROPE_ERR_VALUE, row,
                      "expected the logits of the other rows, checksum %08" PRIx32 ", found %08" PRIx32, b->checksum,
                      checksum);
  b->checksum = checksum;
  b->has_checksum = true;
  return SROPE_OK;
}

static srope_status measure_row(bench *b, size_t r, srope_error *error) {
  const struct row *row = &rows[r];
  for (size_t i = 0; i < b->n_warm_up + b->n_runs; i++) {
    srope_status status = row->before(b, error);
    if (status != SROPE_OK) return status;
    if (r != LOAD) memset(b->logits.data, 0, b->n_logits * sizeof(float));
    double start_ms = read_clock_ms();
    status = row->run(b, error);
    double end_ms = read_clock_ms();
    if (status == SROPE_OK) status = row->after(b, error);
    if (status == SROPE_OK && r != LOAD) status = check_logits(b, row->name, error);
    if (status != SROPE_OK) return status;
    if (i >= b->n_warm_up) b->ms[r][i - b->n_warm_up] = end_ms - start_ms;
  }
  return SROPE_OK;
}

static srope_status prepare(bench *b, srope_error *error) {
  bool any = false;
  for (size_t r = 0; r < N_ROWS; r++) any = any || is_wanted(b, r);
  if (!any)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "--row", "expected load, request, warm or append, found \"%s\"",
                      b->row);
  srope_status status = cli_file_read(b->model_path, max_model_bytes, &b->bytes, &b->n_bytes, error);
  if (status != SROPE_OK) return status;
  status = srope_model_load(b->bytes, b->n_bytes, b->isa, &b->model, error);
  if (status != SROPE_OK) srope_error_prefix(error, "%s", b->model_path);
  if (status == SROPE_OK) status = srope_pool_create((uint32_t)b->n_threads, &b->pool, error);
  if (status == SROPE_OK) status = cli_inputs_read(&b->in, b->in_path, srope_model_info(b->model), error);
  if (status != SROPE_OK) return status;
  if (b->in.history.n == 0 || b->in.candidates.n == 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, b->in_path,
                      "expected an event and a candidate at the least, found %zu and %zu", b->in.history.n,
                      b->in.candidates.n);
  b->n_logits = b->in.candidates.n * b->in.info->n_tasks;
  for (size_t r = 0; r < N_ROWS; r++) {
    b->ms[r] = malloc(b->n_runs * sizeof *b->ms[r]);
    if (b->ms[r] == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu runs", b->n_runs);
  }
  return cli_buffer_reserve(&b->logits, b->n_logits, sizeof(float), error);
}

static srope_status write_logits(const bench *b, srope_error *error) {
  const srope_tensor_output output = {
      "rank.logits", 2, {b->in.candidates.n, b->in.info->n_tasks}, b->logits.data, SROPE_DTYPE_F32};
  const srope_metadata_output metadata = {"isa", b->in.info->isa};
  void *bytes;
  size_t n_bytes;
  srope_status status = srope_safetensors_write(&output, 1, &metadata, 1, &bytes, &n_bytes, error);
  if (status != SROPE_OK) return status;
  status = cli_file_write(b->out_path, bytes, n_bytes, error);
  srope_free(bytes);
  return status;
}

static srope_status measure(bench *b, srope_error *error) {
  srope_status status = prepare(b, error);
  for (size_t r = 0; r < N_ROWS && status == SROPE_OK; r++)
    if (is_wanted(b, r)) status = measure_row(b, r, error);
  return status == SROPE_OK && b->out_path != NULL ? write_logits(b, error) : status;
}

/* ---------------------------------------------------------------- output */

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_json(const bench *b) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"isa\":\"%s\",\"runs\":%zu,\"checksum\":\"%08" PRIx32 "\",\"peak_bytes\":%lld,\"ms\":{", b->in.info->isa,
         b->n_runs, b->checksum, (long long)usage.ru_maxrss * 1024);
  const char *between = "";
  for (size_t r = 0; r < N_ROWS; r++) {
    if (!is_wanted(b, r)) continue;
    printf("%s\"%s\":[", between, rows[r].name);
    between = ",";
    for (size_t i = 0; i < b->n_runs; i++) {
      if (i > 0) putchar(',');
      cli_json_double(stdout, b->ms[r][i]);
    }
    putchar(']');
  }
  puts("}}");
}

static void print_table(bench *b) {
  printf("C = %zu, N = %zu, %s, checksum %08" PRIx32 ", %zu runs\n%-8s %12s %12s\n", b->in.history.n,
         b->in.candidates.n, b->in.info->isa, b->checksum, b->n_runs, "", "median ms", "best ms");
  for (size_t r = 0; r < N_ROWS; r++) {
    if (!is_wanted(b, r)) continue;
    qsort(b->ms[r], b->n_runs, sizeof *b->ms[r], compare);
    printf("%-8s %12.3f %12.3f\n", rows[r].name, b->ms[r][b->n_runs / 2], b->ms[r][0]);
  }
}

static void free_bench(bench *b) {
  for (size_t r = 0; r < N_ROWS; r++) free(b->ms[r]);
  cli_buffer_free(&b->logits);
  cli_inputs_free(&b->in);
  srope_session_free(b->session);
  srope_pool_free(b->pool);
  srope_model_free(b->loaded);
  srope_model_free(b->model);
  free(b->bytes);
}

static const char about[] =
    "Measures ranking in this process, one run after the other: load (bytes in memory -> a model), request (a new\n"
    "session, all events, all candidates), warm (all candidates, the history being there) and append (the last event,\n"
    "then all candidates). --json prints the time of every run. In, times in seconds:\n" CLI_INPUTS_ABOUT;

int cli_bench_rank(int n, char **arguments) {
  bench b = {.n_runs = 50, .n_warm_up = 5, .n_threads = 1};
  const cli_option options[] = {
      CLI_OPTION_MODEL(&b.model_path),
      {"--io", "FILE", "the request, a .safetensors file", CLI_TEXT, &b.in_path, 0, 0, 1},
      {"--row", "NAME", "load, request, warm or append alone", CLI_TEXT, &b.row, 0, 0, 0},
      {"--runs", "R", "runs of each row", CLI_COUNT, &b.n_runs, 1, MAX_RUNS, 0},
      {"--warm-up", "R", "runs of each row before those", CLI_COUNT, &b.n_warm_up, 0, MAX_RUNS, 0},
      CLI_OPTION_THREADS(&b.n_threads, "threads that share a request"),
      {"--out", "FILE", "where to write the logits", CLI_TEXT, &b.out_path, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &b.json, 0, 0, 0},
      CLI_OPTION_ISA(&b.isa),
  };
  const cli_syntax syntax = {.command = "bench rank",
                             .usage = "--model FILE --io FILE [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error = {0};
  srope_status status = measure(&b, &error);
  if (status == SROPE_OK && b.json) print_json(&b);
  if (status == SROPE_OK && !b.json) print_table(&b);
  free_bench(&b);
  return status == SROPE_OK ? cli_report_end("bench rank") : cli_report_error("bench rank", &error);
}
