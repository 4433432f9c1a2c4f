/* train.c: `siren-rope train`: a model from a recipe and a folder of events, in a folder of its own: model.safetensors (the
 * best so far), checkpoint.safetensors (to go on from), log.ndjson, moments/ (the rotation over the course of training),
 * events.cache. Every file is replaced as a whole. One training at a time uses a folder. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/train_log.h"
#include "model/safetensors.h"
#include "train/checkpoint.h"
#include "yyjson.h"

enum { MAX_MOMENTS = 999 };
static const uint64_t MAX_CHECKPOINT_BYTES = (uint64_t)64 << 30;
static const double CHECKPOINT_S = 60; /* between checkpoints, besides those of evaluations */

typedef struct training {
  const char *data_path, *recipe_path, *out, *cache, *isa, *patch;
  size_t n_threads, n_moments;
  bool resume, overwrite, json;

  srope_distributed all;
  int lock;
  char *recipe_text, *description;
  size_t n_recipe, n_description;
  srope_recipe recipe;
  srope_dataset *data;
  srope_pool *pool;
  srope_run *run;
  void *checkpoint; /* to resume from */
  size_t n_checkpoint;
  cli_train_log log;
  double saved_s;
  bool is_due;       /* a checkpoint, at the next step that is whole */
  bool asks_to_stop; /* some file could not be written */
  bool is_quiet;     /* another process says what went wrong */
  srope_error file_error;
} training;

static volatile sig_atomic_t interrupted;
static void interrupt(int number) { interrupted = number; }

static double read_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool is_first(const training *t) { return t->all.rank == 0; }

/* Processes go on together or not at all; all call this. Of errors that all have alike the first process's is told. */
static srope_status agree(training *t, srope_status status, srope_error *error) {
  bool first_failed = srope_distributed_any(&t->all, is_first(t) && status != SROPE_OK);
  if (!srope_distributed_any(&t->all, status != SROPE_OK)) return SROPE_OK;
  t->is_quiet = first_failed ? !is_first(t) : status == SROPE_OK;
  return status != SROPE_OK ? status : srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "another process failed");
}

/* ---------------------------------------------------------------- the folder */

static srope_status name_file(const training *t, const char *name, char path[4096], srope_error *error) {
  int n = snprintf(path, 4096, "%s/%s", t->out, name);
  return n > 0 && n < 4096 ? SROPE_OK : srope_fail(error, SROPE_ERR_LIMIT, t->out, "expected a path under 4096 bytes");
}

static srope_status make_folder(const char *path, srope_error *error) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_IO, path, "could not be made: %s", strerror(errno));
}

/* The lock ends with the process, however that ends. */
static srope_status lock_folder(training *t, srope_error *error) {
  char path[4096];
  srope_status status = make_folder(t->out, error);
  if (status == SROPE_OK) status = name_file(t, "lock", path, error);
  if (status != SROPE_OK) return status;
  t->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (t->lock < 0) return srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
  if (flock(t->lock, LOCK_EX | LOCK_NB) == 0) return SROPE_OK;
  bool is_mpi = t->all.size == 1 && getenv("OMPI_COMM_WORLD_SIZE") != NULL;
  return srope_fail(error, SROPE_ERR_IO, t->out, "another training is at work in this folder%s",
                    is_mpi ? " (mpirun wants siren-rope-mpi)" : "");
}

static srope_status check_folder(training *t, srope_error *error) {
  char path[4096];
  srope_status status = name_file(t, "checkpoint.safetensors", path, error);
  if (status != SROPE_OK) return status;
  if (t->resume) {
    status = cli_file_read(path, MAX_CHECKPOINT_BYTES, &t->checkpoint, &t->n_checkpoint, error);
    if (status == SROPE_OK && t->recipe_path == NULL)
      status = srope_checkpoint_recipe(t->checkpoint, t->n_checkpoint, &t->recipe_text, &t->n_recipe, error);
    return status;
  }
  if (t->overwrite) return SROPE_OK;
  if (access(path, F_OK) == 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, t->out,
                      "there is a training in this folder: --resume goes on with it, --overwrite begins anew");
  status = name_file(t, "model.safetensors", path, error);
  if (status != SROPE_OK || access(path, F_OK) != 0) return status;
  return srope_fail(error, SROPE_ERR_ARGUMENT, path, "there is a model in this folder; --overwrite replaces it");
}

static srope_status remove_file(const training *t, const char *name, srope_error *error) {
  char path[4096];
  srope_status status = name_file(t, name, path, error);
  if (status != SROPE_OK || remove(path) == 0 || errno == ENOENT) return status;
  return srope_fail(error, SROPE_ERR_IO, path, "could not be removed: %s", strerror(errno));
}

/* What an earlier training left, so that nobody takes it for this one's. */
static srope_status clear_folder(const training *t, srope_error *error) {
  char name[64];
  srope_status status = remove_file(t, "checkpoint.safetensors", error);
  if (status == SROPE_OK) status = remove_file(t, "model.safetensors", error);
  for (int i = 0; i < MAX_MOMENTS && status == SROPE_OK; i++) {
    snprintf(name, sizeof name, "moments/%03d.safetensors", i);
    status = remove_file(t, name, error);
  }
  return status;
}

static srope_status write_bytes(training *t, const char *name, srope_status made, void *bytes, size_t n_bytes,
                                srope_error *error) {
  char path[4096];
  if (made != SROPE_OK) return made;
  srope_status status = name_file(t, name, path, error);
  if (status == SROPE_OK) status = cli_file_write(path, bytes, n_bytes, error);
  srope_free(bytes);
  return status;
}

static srope_status save_checkpoint(training *t, srope_error *error) {
  void *bytes = NULL;
  size_t n = 0;
  t->saved_s = read_clock();
  t->is_due = false;
  srope_status made = cli_train_log_flush(&t->log, error);
  if (made == SROPE_OK) made = srope_run_save(t->run, &bytes, &n, error);
  return write_bytes(t, "checkpoint.safetensors", made, bytes, n, error);
}

static srope_status save_best(training *t, srope_error *error) {
  void *bytes = NULL;
  size_t n = 0;
  srope_status made = srope_run_save_model(t->run, true, &bytes, &n, error);
  return write_bytes(t, "model.safetensors", made, bytes, n, error);
}

/* The rotation's tensors alone, with the step. */
static srope_status save_moment(training *t, const srope_run_event *event, srope_error *error) {
  enum { MOST = 128 };
  srope_trainer *trainer = srope_run_trainer(t->run);
  const srope_model *model = srope_trainer_model(trainer);
  srope_tensor_output tensors[MOST];
  uint32_t n = 0;
  char name[64], step[32];
  void *bytes = NULL;
  size_t n_bytes = 0;
  if (model->info.variant != SROPE_SIREN) return SROPE_OK;
  for (uint32_t i = 0; i < model->n_parameters && n < MOST; i++) {
    const srope_parameter *p = &model->parameters[i];
    if (strstr(p->name, "angle_nn.") == NULL && strncmp(p->name, "rope.", 5) != 0) continue;
    tensors[n++] = (srope_tensor_output){p->name,
                                         p->n_dims,
                                         {p->shape[0], p->shape[1]},
                                         srope_trainer_part_of(trainer, SROPE_VALUE, i),
                                         SROPE_DTYPE_F32};
  }
  snprintf(step, sizeof step, "%llu", (unsigned long long)event->step);
  snprintf(name, sizeof name, "moments/%03u.safetensors", event->moment);
  const srope_metadata_output metadata[] = {{"siren_rope", t->recipe.config}, {"step", step}};
  srope_status made = srope_safetensors_write(tensors, n, metadata, 2, &bytes, &n_bytes, error);
  return write_bytes(t, name, made, bytes, n_bytes, error);
}

/* ---------------------------------------------------------------- while it goes on */

static bool listen(void *context, srope_run *run, const srope_run_event *event) {
  training *t = context;
  cli_train_log_event(&t->log, run, event);
  srope_status status = SROPE_OK;
  if (is_first(t)) {
    t->is_due = t->is_due || event->kind == SROPE_RUN_EVALUATION || read_clock() - t->saved_s > CHECKPOINT_S;
    if (t->asks_to_stop)
      ; /* what is still told of this step is not for a disk that is full */
    else if (event->kind == SROPE_RUN_EVALUATION && event->is_best)
      status = save_best(t, &t->file_error);
    else if (event->kind == SROPE_RUN_MOMENT)
      status = save_moment(t, event, &t->file_error);
    if (status == SROPE_OK && !t->asks_to_stop && t->is_due && event->is_whole)
      status = save_checkpoint(t, &t->file_error);
  }
  t->asks_to_stop = t->asks_to_stop || status != SROPE_OK;
  return !srope_distributed_any(&t->all, t->asks_to_stop || interrupted != 0);
}

/* ---------------------------------------------------------------- getting ready */

/* The recipe's text with a patch over it (RFC 7386). */
static srope_status patch_recipe(training *t, srope_error *error) {
  if (t->patch == NULL) return SROPE_OK;
  yyjson_doc *recipe = yyjson_read(t->recipe_text, t->n_recipe, 0), *patch = yyjson_read(t->patch, strlen(t->patch), 0);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  srope_status status = SROPE_OK;
  if (recipe == NULL)
    status = srope_fail(error, SROPE_ERR_JSON, "recipe", "is not JSON");
  else if (!yyjson_is_obj(yyjson_doc_get_root(patch)))
    status = srope_fail(error, SROPE_ERR_JSON, "--set", "expected a JSON object like {\"training\":{\"epochs\":5}}");
  if (status == SROPE_OK) {
    yyjson_mut_doc_set_root(doc, yyjson_merge_patch(doc, yyjson_doc_get_root(recipe), yyjson_doc_get_root(patch)));
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY, &t->n_recipe);
    srope_free(t->recipe_text);
    t->recipe_text = text;
    if (text == NULL) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the recipe");
  }
  yyjson_mut_doc_free(doc);
  yyjson_doc_free(patch);
  yyjson_doc_free(recipe);
  return status;
}

static srope_status read_recipe(training *t, srope_error *error) {
  srope_status status = SROPE_OK;
  if (t->recipe_text == NULL) status = cli_file_read_recipe(t->recipe_path, &t->recipe_text, &t->n_recipe, error);
  if (status == SROPE_OK) status = patch_recipe(t, error);
  if (status == SROPE_OK) status = srope_dataset_describe(t->data_path, &t->description, &t->n_description, error);
  if (status == SROPE_OK)
    status = srope_recipe_read(t->recipe_text, t->n_recipe, t->description, t->n_description, &t->recipe, error);
  return status;
}

static void show_packing(void *context, uint64_t done, uint64_t total) {
  (void)context;
  cli_report_progress(stderr, "pack", (size_t)done, (size_t)total);
}

/* The first process packs, then the others find the cache. */
static srope_status open_data(training *t, srope_error *error) {
  char path[4096];
  srope_status status = name_file(t, "events.cache", path, error);
  srope_dataset_options options = {t->data_path, t->cache != NULL ? t->cache : path, is_first(t) ? show_packing : NULL,
                                   NULL};
  if (!is_first(t)) srope_distributed_wait(&t->all);
  if (status == SROPE_OK) status = srope_dataset_open(&options, t->recipe.config, t->recipe.n_config, &t->data, error);
  if (is_first(t)) srope_distributed_wait(&t->all);
  return status;
}

static srope_status create_run(training *t, srope_error *error) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t own = t->recipe.trainer.shards / (uint32_t)t->all.size;
  int local = srope_distributed_local(&t->all);
  size_t n = t->n_threads > 0 ? t->n_threads : cores > local ? (size_t)(cores / local) : 1;
  srope_status status = srope_pool_create((uint32_t)(n < own || own == 0 ? n : own), &t->pool, error);
  const srope_run_options options = {&t->recipe, t->data, t->pool, &t->all, t->isa, (uint32_t)t->n_moments};
  if (status == SROPE_OK) status = srope_run_create(&options, &t->run, error);
  if (status == SROPE_OK && t->resume) status = srope_run_resume(t->run, t->checkpoint, t->n_checkpoint, error);
  return status;
}

static srope_status begin(training *t, srope_error *error) {
  char path[4096];
  srope_status status = is_first(t) ? lock_folder(t, error) : SROPE_OK;
  if (status == SROPE_OK) status = check_folder(t, error);
  if (status == SROPE_OK) status = read_recipe(t, error);
  status = agree(t, status, error);
  if (status != SROPE_OK) return status;
  status = agree(t, open_data(t, error), error);
  if (status != SROPE_OK) return status;
  status = create_run(t, error);
  if (status == SROPE_OK) status = name_file(t, "moments", path, error);
  if (status == SROPE_OK && is_first(t)) status = make_folder(path, error);
  if (status == SROPE_OK && is_first(t) && !t->resume) status = clear_folder(t, error);
  if (status == SROPE_OK) status = name_file(t, "log.ndjson", path, error);
  t->log.silent = !is_first(t);
  if (status == SROPE_OK)
    status = cli_train_log_open(&t->log, path, t->resume, srope_trainer_steps(srope_run_trainer(t->run)), error);
  return agree(t, status, error);
}

/* ---------------------------------------------------------------- the end */

static void print_json(training *t, const srope_metrics *metrics, size_t n_events) {
  char path[4096];
  uint64_t best_step;
  double best_ne;
  if (!srope_run_best(t->run, &best_step, &best_ne) || name_file(t, "model.safetensors", path, NULL) != SROPE_OK)
    return;
  fputs("{\"model\":", stdout);
  cli_json_text(stdout, path, strlen(path));
  printf(",\"steps\":%llu,\"best_step\":%llu,\"validation_ne\":",
         (unsigned long long)srope_trainer_steps(srope_run_trainer(t->run)), (unsigned long long)best_step);
  cli_json_double(stdout, best_ne);
  printf(",\"split\":\"test\",\"events\":%zu,\"tasks\":", n_events);
  if (n_events > 0)
    cli_metrics_print_tasks(stdout, srope_trainer_model(srope_run_trainer(t->run)), metrics);
  else
    fputs("[]", stdout);
  puts("}");
}

static srope_status print_test(training *t, srope_error *error) {
  const srope_model *model = srope_trainer_model(srope_run_trainer(t->run));
  srope_metrics *metrics = calloc(model->info.n_tasks, sizeof *metrics);
  size_t n_events = 0;
  if (metrics == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for metrics");
  srope_status status = srope_run_evaluate(t->run, SROPE_TEST, true, metrics, NULL, NULL, &n_events, error);
  if (n_events == 0) status = SROPE_OK;
  if (status == SROPE_OK && is_first(t)) {
    if (n_events == 0) cli_report_note("train", "the data has no events in the test split");
    if (t->json) print_json(t, metrics, n_events);
    if (!t->json && n_events > 0) {
      printf("%s/model.safetensors on the test split, %zu events:\n", t->out, n_events);
      cli_metrics_print_table(stdout, model, metrics);
    }
  }
  free(metrics);
  return status;
}

/* Where a training that went wrong can be gone on from. */
static void tell_kept(training *t) {
  char path[4096];
  uint64_t step;
  double ne;
  if (!is_first(t) || name_file(t, "checkpoint.safetensors", path, NULL) != SROPE_OK) return;
  if (access(path, F_OK) != 0)
    cli_report_note("train", "no evaluation was reached, so nothing is kept");
  else if (srope_run_best(t->run, &step, &ne))
    cli_report_note("train", "kept: %s, and in %s/model.safetensors the best model, of step %llu", path, t->out,
                    (unsigned long long)step);
  else
    cli_report_note("train", "kept: %s", path);
}

static srope_status finish(training *t, srope_status trained, srope_error *error) {
  srope_error other;
  if (trained == SROPE_OK && t->asks_to_stop) {
    *error = t->file_error;
    trained = t->file_error.status;
  } else if (trained == SROPE_OK && is_first(t)) {
    trained = save_checkpoint(t, error);
  }
  srope_status closed = cli_train_log_close(&t->log, &other);
  if (trained != SROPE_OK) {
    tell_kept(t);
  } else if (closed != SROPE_OK) {
    *error = other;
    trained = closed;
  }
  return agree(t, trained, error);
}

static srope_status train(training *t, srope_error *error) {
  srope_status status = begin(t, error);
  if (status != SROPE_OK) return status;
  t->saved_s = read_clock();
  struct sigaction action = {.sa_handler = interrupt};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  status = srope_run_train(t->run, listen, t, error);
  if (status != SROPE_OK && status != SROPE_ERR_VALUE && t->all.size > 1) { /* this process alone */
    cli_report_error("train", error);
    srope_distributed_abort(&t->all);
  }
  status = finish(t, status, error);
  if (status != SROPE_OK) return status;
  if (!srope_run_is_done(t->run)) {
    if (is_first(t))
      cli_report_note("train", "stopped at step %llu; --resume goes on from %s/checkpoint.safetensors",
                      (unsigned long long)srope_trainer_steps(srope_run_trainer(t->run)), t->out);
    return SROPE_OK;
  }
  return print_test(t, error);
}

static void free_training(training *t) {
  srope_run_free(t->run);
  srope_pool_free(t->pool);
  srope_dataset_close(t->data);
  srope_recipe_free(&t->recipe);
  srope_free(t->recipe_text);
  srope_free(t->description);
  free(t->checkpoint);
  if (t->lock > 0) close(t->lock);
}

static const char about[] =
    "Trains a model on a folder of events (KuaiRand CSV files, or event files with their schema.json; see\n"
    "src/train/README.md) after a recipe, a JSON file of which every key has a default. The folder OUT gets\n"
    "  model.safetensors       the best model so far, by normalized entropy on the validation split\n"
    "  checkpoint.safetensors  all there is to go on with --resume, to the bit; written at every evaluation, every\n"
    "                          minute, and on Ctrl-C\n"
    "  log.ndjson              every step, evaluation and moment\n"
    "  moments/                the rotation's weights over the course of training\n"
    "  events.cache            the events, packed once\n"
    "The same seed and the same number of shards give the same bits on any number of threads. Under mpirun all "
    "processes\n"
    "of siren-rope-mpi train one model; each takes an equal part of every batch.";

int cli_train(int n, char **arguments) {
  training t = {.n_moments = 24, .lock = -1};
  const cli_option options[] = {
      {"--data", "DIR", "the folder of events", CLI_TEXT, &t.data_path, 0, 0, 1},
      {"--out", "DIR", "where the results go; made when missing", CLI_TEXT, &t.out, 0, 0, 1},
      {"--recipe", "FILE", "what to train and how; without it all defaults", CLI_TEXT, &t.recipe_path, 0, 0, 0},
      {"--set", "JSON", "changes to the recipe, like {\"training\":{\"epochs\":5}}", CLI_TEXT, &t.patch, 0, 0, 0},
      {"--resume", NULL, "go on from OUT/checkpoint.safetensors", CLI_FLAG, &t.resume, 0, 0, 0},
      {"--overwrite", NULL, "begin anew in a folder that has a training", CLI_FLAG, &t.overwrite, 0, 0, 0},
      {"--threads", "N", "threads of this process; 0 = one per core", CLI_COUNT, &t.n_threads, 0, 1024, 0},
      {"--moments", "N", "snapshots of the rotation to keep", CLI_COUNT, &t.n_moments, 0, MAX_MOMENTS, 0},
      {"--cache", "FILE", "where to keep the packed events, instead of in OUT", CLI_TEXT, &t.cache, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &t.json, 0, 0, 0},
      CLI_OPTION_ISA(&t.isa),
  };
  const cli_syntax syntax = {.command = "train",
                             .usage = "--data DIR --out DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error = {0};
  t.all = srope_distributed_begin();
  srope_status status = train(&t, &error);
  int exit_status = EXIT_FAILURE;
  if (status == SROPE_OK)
    exit_status = cli_report_end("train");
  else if (!t.is_quiet)
    cli_report_error("train", &error);
  if (status == SROPE_OK && interrupted != 0 && !srope_run_is_done(t.run)) exit_status = 128 + interrupted;
  free_training(&t);
  srope_distributed_end();
  return exit_status;
}
