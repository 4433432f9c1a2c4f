/* workloads.c: fixed pieces of the core's work, for their instructions to be counted (README.md).
 * `guard_workloads` lists them, WORKLOAD ISA a line. `guard_workloads WORKLOAD ISA` makes what the work needs from a
 * seed and calls counted_<workload>, whose instructions are those that count; exit status 77: this machine does not
 * have that instruction set. Everything is the same in every run; the system takes the memory back.
 * Not here: counting, and whether results are right (the other tests). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "grad/memory_dataset.h"
#include "model/quantize.h"
#include "property/random_model.h"
#include "sirenrope/sirenrope.h"
#include "train/trainer.h"

enum { NOT_HERE = 77, N_TIMES = 1000 };

/* The paper's sizes, with its five angle features: without `order`, so that an appended event costs one token. */
static const model_sizes paper = {.variant = SROPE_SIREN,
                                  .l = 2,
                                  .k = 32,
                                  .h = 4,
                                  .a = 16,
                                  .x = 128,
                                  .y = 3,
                                  .z = 64,
                                  .t = 3,
                                  .action_hidden = {64, 64},
                                  .feed_forward = 512,
                                  .head_hidden = {512, 256},
                                  .sine_depth = 3,
                                  .relu_depth = 3,
                                  .angle_hidden = 64,
                                  .n_time_features = 5,
                                  .time_features = {1, 2, 3, 4, 5}};

/* Narrow, so that a long history's attention is most of the work. */
static const model_sizes narrow = {.variant = SROPE_SIREN,
                                   .l = 1,
                                   .k = 16,
                                   .h = 2,
                                   .a = 8,
                                   .x = 8,
                                   .y = 1,
                                   .z = 4,
                                   .t = 1,
                                   .action_hidden = {8, 8},
                                   .feed_forward = 32,
                                   .head_hidden = {16, 8},
                                   .sine_depth = 1,
                                   .relu_depth = 1,
                                   .angle_hidden = 8,
                                   .n_time_features = 3,
                                   .time_features = {2, 3, 6}};

/* With named values (model_sizes_add_features): so small that reading them is most of a request's work, ... */
static const model_sizes reader = {.variant = SROPE_SIREN,
                                   .l = 1,
                                   .k = 4,
                                   .h = 2,
                                   .a = 2,
                                   .t = 2,
                                   .action_hidden = {8, 8},
                                   .feed_forward = 8,
                                   .head_hidden = {8, 8},
                                   .sine_depth = 1,
                                   .relu_depth = 1,
                                   .angle_hidden = 8,
                                   .n_time_features = 3,
                                   .time_features = {2, 3, 6}};

/* ... and of the bundled models' sizes, to be trained. */
static const model_sizes learner = {.variant = SROPE_SIREN,
                                    .l = 2,
                                    .k = 16,
                                    .h = 4,
                                    .a = 8,
                                    .t = 4,
                                    .action_hidden = {64, 64},
                                    .feed_forward = 128,
                                    .head_hidden = {128, 64},
                                    .sine_depth = 2,
                                    .relu_depth = 2,
                                    .angle_hidden = 32,
                                    .n_time_features = 5,
                                    .time_features = {2, 3, 4, 5, 6}};

typedef struct scene { /* what workloads have at hand; each uses some of it */
  const char *isa;
  random_source random;
  unsigned char *bytes; /* (n_bytes) the model file */
  size_t n_bytes;
  srope_model *model;
  srope_session *session;
  srope_events events;
  srope_candidates candidates;
  float *logits;      /* (N, T) */
  srope_ranked *feed; /* (N) */
  double *time_s;     /* (N_TIMES) */
  double *angle;      /* (N_TIMES, P) */
  char model_path[64];
  srope_trainer *trainer;
  memory_dataset dataset;
  srope_windows windows;
  uint32_t *order; /* (windows.n) */
} scene;

static void require(srope_status status, const srope_error *error) {
  if (status == SROPE_OK) return;
  fprintf(stderr, "guard_workloads: [%s] %s (%s)\n", srope_status_code(status), error->message, error->where);
  exit(status == SROPE_ERR_UNSUPPORTED ? NOT_HERE : EXIT_FAILURE);
}

static void require_system(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(EXIT_FAILURE);
}

static void *many(size_t n, size_t size) {
  void *block = calloc(n + 1, size);
  require_system(block != NULL, "guard_workloads");
  return block;
}

/* ---------------------------------------------------------------- what the work needs */

static void load_model(scene *s) {
  srope_error error;
  require(srope_model_load(s->bytes, s->n_bytes, s->isa, &s->model, &error), &error);
}

static void write_model(scene *s, const model_sizes *sizes) { s->bytes = model_write(sizes, &s->random, &s->n_bytes); }

static void make_model(scene *s, const model_sizes *sizes) {
  write_model(s, sizes);
  load_model(s);
}

static float *random_floats(scene *s, size_t n) {
  float *x = many(n, sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = (float)random_between(&s->random, -1, 1);
  return x;
}

/* Unix seconds, some hours apart. */
static double *random_times(scene *s, size_t n) {
  double *time_s = many(n, sizeof *time_s);
  time_s[0] = 1.65e9;
  for (size_t i = 1; i < n; i++) time_s[i] = time_s[i - 1] + random_between(&s->random, 10, 2e4);
  return time_s;
}

static void make_request(scene *s, const model_sizes *sizes, size_t n_events, size_t n_candidates) {
  s->events = (srope_events){.n = n_events,
                             .item = random_floats(s, n_events * sizes->x),
                             .action = random_floats(s, n_events * sizes->y),
                             .time_s = random_times(s, n_events)};
  s->candidates = (srope_candidates){.n = n_candidates,
                                     .item = random_floats(s, n_candidates * sizes->x),
                                     .context = random_floats(s, n_candidates * sizes->z),
                                     .now_s = s->events.time_s[n_events - 1] + 60,
                                     .utc_offset_minutes = NAN};
  s->logits = many(n_candidates * sizes->t, sizeof *s->logits);
  s->feed = many(n_candidates, sizeof *s->feed);
}

static void create_session(scene *s) { /* random models keep 40 events; ours one more than it gets, to be appended */
  srope_error error;
  const srope_session_options options = {.max_history = (uint32_t)s->events.n + 1, .utc_offset_minutes = NAN};
  require(srope_session_create(s->model, &options, &s->session, &error), &error);
}

static void append(scene *s, const srope_events *events) {
  srope_error error;
  require(srope_session_append(s->session, events, &error), &error);
}

static void score(scene *s) {
  srope_error error;
  require(srope_session_score(s->session, &s->candidates, s->logits, &error), &error);
}

static void answer(scene *s) {
  srope_error error;
  size_t n_ranked;
  create_session(s);
  append(s, &s->events);
  score(s);
  srope_probabilities(s->model, s->logits, s->candidates.n, s->logits);
  require(srope_rank(s->model, s->logits, s->candidates.n, NULL, 0, s->feed, &n_ranked, &error), &error);
}

/* ---------------------------------------------------------------- load: a model file's bytes -> a model */

static void prepare_load(scene *s) { write_model(s, &paper); }

static void counted_load(scene *s) { load_model(s); }

/* ---------------------------------------------------------------- request: a user unknown so far -> a feed */

static void prepare_request(scene *s) {
  make_model(s, &paper);
  make_request(s, &paper, 50, 200);
}

static void counted_request(scene *s) { answer(s); }

/* ---------------------------------------------------------------- int8: a request, with weights and activations in bytes */

static void prepare_int8(scene *s) {
  srope_error error;
  void *bytes;
  size_t n_bytes;
  write_model(s, &paper);
  require(srope_model_quantize(s->bytes, s->n_bytes, SROPE_TO_INT8, &bytes, &n_bytes, &error), &error);
  s->bytes = bytes;
  s->n_bytes = n_bytes;
  load_model(s);
  make_request(s, &paper, 50, 200);
}

static void counted_int8(scene *s) { answer(s); }

/* ---------------------------------------------------------------- history: it is run, for one candidate */

static void prepare_history(scene *s) {
  make_model(s, &paper);
  make_request(s, &paper, 50, 1);
  create_session(s);
}

static void counted_history(scene *s) {
  append(s, &s->events);
  score(s);
}

/* ---------------------------------------------------------------- warm: candidates in a session that has been run */

static void prepare_warm(scene *s) {
  make_model(s, &paper);
  make_request(s, &paper, 50, 64);
  create_session(s);
  append(s, &s->events);
  score(s);
}

static void counted_warm(scene *s) { score(s); }

/* ---------------------------------------------------------------- append: one more event, for one candidate */

static void prepare_append(scene *s) {
  make_model(s, &paper);
  make_request(s, &paper, 50, 1);
  create_session(s);
  append(s, &s->events);
  score(s);
}

static void counted_append(scene *s) {
  srope_events one = s->events;
  one.n = 1;
  one.time_s = &s->candidates.now_s;
  append(s, &one);
  score(s);
}

/* ---------------------------------------------------------------- long: a long history, and some candidates */

static void prepare_long(scene *s) {
  make_model(s, &narrow);
  make_request(s, &narrow, 512, 32);
  create_session(s);
}

static void counted_long(scene *s) {
  append(s, &s->events);
  score(s);
}

/* ---------------------------------------------------------------- angles: the rotation's time part at many times */

static void prepare_angles(scene *s) {
  make_model(s, &paper);
  s->time_s = random_times(s, N_TIMES);
  s->angle = many(N_TIMES * paper.k / 2, sizeof *s->angle);
}

static void counted_angles(scene *s) {
  srope_error error;
  require(srope_model_angles(s->model, SROPE_NETWORK_LAYERS, N_TIMES, s->time_s, NULL, NAN, s->angle, &error), &error);
}

/* ---------------------------------------------------------------- feed: `siren-rope rank`, lines in, lines out */

static void write_item(scene *s, FILE *file) {
  fprintf(file, "\"item\":{\"id\":%u,\"tags\":[%u,\"tag %u\"],\"tab\":%u,\"length\":%.3f,\"place\":[%.6f,%.6f]}",
          (unsigned)random_below(&s->random, 100000), (unsigned)random_below(&s->random, 50),
          (unsigned)random_below(&s->random, 50), (unsigned)random_below(&s->random, 5),
          random_between(&s->random, 0, 60), random_between(&s->random, -1, 1), random_between(&s->random, -1, 1));
}

static void write_line(scene *s, FILE *file, int day) {
  fprintf(file, "{\"id\":\"user %d\",\"now\":\"2022-05-%02dT09:30:00+02:00\",\"history\":[", day, 10 + day);
  for (int i = 0; i < 30; i++) {
    fprintf(file, "%s{\"time\":\"2022-05-%02dT%02d:%02d:30Z\",", i ? "," : "", day + 1, i * 3 / 4, i);
    write_item(s, file);
    fprintf(file, ",\"action\":{\"like\":%u,\"kind\":%u}}", (unsigned)random_below(&s->random, 2),
            (unsigned)random_below(&s->random, 3));
  }
  fputs("],\"candidates\":[", file);
  for (int i = 0; i < 200; i++) {
    fprintf(file, "%s{\"id\":%d,", i ? "," : "", i);
    write_item(s, file);
    fprintf(file, ",\"context\":{\"tab\":%u,\"hour\":%.2f}}", (unsigned)random_below(&s->random, 5),
            random_between(&s->random, 0, 24));
  }
  fputs("]}\n", file);
}

/* The program reads its requests on standard input and its model from a file. */
static void prepare_feed(scene *s) {
  model_sizes sizes = reader;
  model_sizes_add_features(&sizes);
  write_model(s, &sizes);
  load_model(s); /* is the instruction set here? */
  strcpy(s->model_path, "/tmp/siren-rope-guard-XXXXXX");
  int descriptor = mkstemp(s->model_path);
  require_system(descriptor >= 0 && write(descriptor, s->bytes, s->n_bytes) == (ssize_t)s->n_bytes, s->model_path);
  FILE *lines = tmpfile();
  require_system(lines != NULL, "tmpfile");
  for (int day = 0; day < 3; day++) write_line(s, lines, day);
  require_system(fflush(lines) == 0 && lseek(fileno(lines), 0, SEEK_SET) == 0, "tmpfile");
  require_system(dup2(fileno(lines), STDIN_FILENO) == STDIN_FILENO, "standard input");
}

static void counted_feed(scene *s) {
  char *arguments[] = {"--model", s->model_path, "--isa", (char *)s->isa, NULL};
  int status = cli_rank(4, arguments);
  unlink(s->model_path);
  if (status != EXIT_SUCCESS) exit(status);
}

/* ---------------------------------------------------------------- step: one step of training, one thread */

static void prepare_step(scene *s) {
  static const srope_distributed alone = {0, 1};
  const srope_trainer_options options = {.shards = 2,
                                         .seed = 5,
                                         .optimizer = SROPE_ADAMW,
                                         .beta1 = 0.9,
                                         .beta2 = 0.999,
                                         .eps = 1e-8,
                                         .weight_decay = 0.01,
                                         .table_decay = -1,
                                         .rotation_rate = 1,
                                         .table_rate = 1,
                                         .clip_norm = 1,
                                         .dropout = 0.1};
  srope_error error;
  srope_pool *pool;
  model_sizes sizes = learner;
  model_sizes_add_features(&sizes);
  make_model(s, &sizes);
  s->dataset = memory_dataset_random(&s->random, srope_model_info(s->model), 3, 60);
  require(srope_windows_for_training(&s->dataset.data, 40, 10, &s->windows, &error), &error);
  require(srope_pool_create(1, &pool, &error), &error);
  require(srope_trainer_create(s->model, &options, s->windows.max_n, pool, &alone, &s->trainer, &error), &error);
  s->order = many(s->windows.n, sizeof *s->order);
  for (uint32_t i = 0; i < s->windows.n; i++) s->order[i] = i;
}

static void counted_step(scene *s) {
  srope_error error;
  srope_step_result result;
  require(
      srope_trainer_step(s->trainer, &s->dataset.data, s->windows.list, s->order, s->windows.n, 1e-3, &result, &error),
      &error);
}

/* ---------------------------------------------------------------- the list */

typedef struct workload {
  const char *name;
  void (*prepare)(scene *s);
  void (*counted)(scene *s);
} workload;

#define WORKLOAD(name) \
  { #name, prepare_##name, counted_##name }
static const workload workloads[] = {WORKLOAD(load), WORKLOAD(request), WORKLOAD(int8), WORKLOAD(history),
                                     WORKLOAD(warm), WORKLOAD(append),  WORKLOAD(long), WORKLOAD(angles),
                                     WORKLOAD(feed), WORKLOAD(step)};
static const char *const isas[] = {"scalar", "avx2"};
enum { N_WORKLOADS = sizeof workloads / sizeof *workloads, N_ISAS = sizeof isas / sizeof *isas };

int main(int n, char **arguments) {
  if (n == 1)
    for (size_t i = 0; i < N_WORKLOADS * N_ISAS; i++) printf("%s %s\n", workloads[i / N_ISAS].name, isas[i % N_ISAS]);
  if (n == 1) return EXIT_SUCCESS;
  for (size_t i = 0; n == 3 && i < N_WORKLOADS; i++) {
    if (strcmp(arguments[1], workloads[i].name) != 0) continue;
    scene s = {.isa = arguments[2], .random = {7}};
    workloads[i].prepare(&s);
    workloads[i].counted(&s);
    return EXIT_SUCCESS;
  }
  fputs("usage: guard_workloads [WORKLOAD ISA]\n", stderr);
  return 2;
}
