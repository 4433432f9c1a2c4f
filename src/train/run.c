/* run.c: see run.h. The order of an epoch follows from the seed and the epoch's number alone, so a run is resumed by its
 * count of steps. */
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "train/checkpoint.h"

static const double PI = 3.14159265358979323846;
/* A loss this many times the first one, over some steps, comes back from nowhere. */
static const double EXPLOSION = 4, EXPLOSION_MEMORY = 0.8;

struct srope_run {
  srope_run_options options;
  const srope_recipe *recipe;
  srope_trainer *trainer;
  srope_windows windows, validation;
  uint32_t *order; /* (windows.n) of `order_epoch` */
  uint64_t order_epoch, n_batches, n_steps, n_tokens;
  srope_run_state state;
  float **best; /* by parameter: values at the best evaluation */
};

enum { NO_EPOCH = -1 };

/* ---------------------------------------------------------------- making one */

static srope_status make_trainer(srope_run *run, srope_error *error) {
  const srope_recipe *recipe = run->recipe;
  void *bytes;
  size_t n_bytes;
  srope_model *model;
  srope_status status = srope_model_make(recipe->config, recipe->n_config, &recipe->architecture, recipe->trainer.seed,
                                         &bytes, &n_bytes, error);
  if (status) return status;
  status = srope_model_load(bytes, n_bytes, run->options.isa, &model, error);
  srope_free(bytes);
  if (status) return status;
  uint32_t longest = run->windows.max_n;
  if (run->validation.max_n > longest) longest = run->validation.max_n;
  if (longest < (uint32_t)recipe->max_history + 1) longest = (uint32_t)recipe->max_history + 1;
  status = srope_trainer_create(model, &recipe->trainer, longest, run->options.pool, run->options.distributed,
                                &run->trainer, error);
  if (status) srope_model_free(model);
  return status;
}

static srope_status make_windows(srope_run *run, srope_error *error) {
  uint32_t length = (uint32_t)run->recipe->max_history;
  srope_status status = srope_windows_for_training(run->options.data, length, (uint32_t)(length * run->recipe->overlap),
                                                   &run->windows, error);
  if (!status)
    status = srope_windows_for_serving(run->options.data, SROPE_VALIDATION, length, run->recipe->uses_order,
                                       &run->validation, error);
  if (status) return status;
  if (run->windows.n == 0)
    return srope_fail(error, SROPE_ERR_CONFIG, "splits.validation",
                      "expected events before the validation split to train on, found none");
  if (run->validation.n == 0)
    return srope_fail(error, SROPE_ERR_CONFIG, "splits.validation",
                      "expected events from the validation split's time to the test split's, found none");
  if (run->windows.n > UINT32_MAX)
    return srope_fail(error, SROPE_ERR_LIMIT, NULL, "expected at most 2^32 windows, found %zu", run->windows.n);
  run->order = malloc(run->windows.n * sizeof *run->order);
  return run->order ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for an epoch's order");
}

static srope_status make_best(srope_run *run, srope_error *error) {
  uint32_t n = srope_trainer_count(run->trainer);
  const srope_parameter *parameters = srope_trainer_model(run->trainer)->parameters;
  run->best = calloc(n, sizeof *run->best);
  bool placed = run->best != NULL;
  for (uint32_t i = 0; placed && i < n; i++) placed = (run->best[i] = calloc(parameters[i].n, sizeof(float))) != NULL;
  return placed ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the best model");
}

srope_status srope_run_create(const srope_run_options *options, srope_run **out, srope_error *error) {
  srope_run *run = calloc(1, sizeof *run);
  if (!run) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a run");
  run->options = *options;
  run->recipe = options->recipe;
  run->order_epoch = (uint64_t)NO_EPOCH;
  srope_status status = SROPE_OK;
  uint32_t shards = run->recipe->trainer.shards;
  if (shards % (uint32_t)options->distributed->size != 0)
    status = srope_fail(error, SROPE_ERR_CONFIG, "training.shards",
                        "expected a number that %d processes divide, found %u", options->distributed->size, shards);
  if (!status) status = make_windows(run, error);
  if (!status) status = make_trainer(run, error);
  if (!status) status = make_best(run, error);
  if (status) {
    srope_run_free(run);
    return status;
  }
  uint64_t batch = (uint64_t)run->recipe->batch;
  run->n_batches = (run->windows.n + batch - 1) / batch;
  run->n_steps = run->n_batches * (uint64_t)run->recipe->epochs;
  run->state.best_ne = run->state.first_loss = run->state.recent_loss = NAN;
  *out = run;
  return SROPE_OK;
}

void srope_run_free(srope_run *run) {
  if (!run) return;
  for (uint32_t i = 0; run->best && i < srope_trainer_count(run->trainer); i++) free(run->best[i]);
  free(run->best);
  srope_trainer_free(run->trainer);
  srope_windows_free(&run->windows);
  srope_windows_free(&run->validation);
  free(run->order);
  free(run);
}

srope_trainer *srope_run_trainer(srope_run *run) { return run->trainer; }
const srope_windows *srope_run_windows(const srope_run *run) { return &run->windows; }

/* ---------------------------------------------------------------- evaluation */

/* This process's run of the windows, with the place of its first event. */
static srope_windows own_part(const srope_run *run, const srope_windows *windows, uint64_t *first_event) {
  size_t size = (size_t)run->options.distributed->size, rank = (size_t)run->options.distributed->rank;
  size_t from = windows->n * rank / size, to = windows->n * (rank + 1) / size;
  *first_event = 0;
  for (size_t i = 0; i < from; i++) *first_event += windows->list[i].n - windows->list[i].score_from;
  return (srope_windows){.list = windows->list + from, .n = to - from, .max_n = windows->max_n};
}

static srope_status predict(srope_run *run, const srope_windows *windows, float *logits, float *label,
                            srope_error *error) {
  size_t n_tasks = srope_trainer_model(run->trainer)->info.n_tasks, n = (size_t)windows->n_events * n_tasks;
  uint64_t first;
  srope_windows part = own_part(run, windows, &first);
  srope_status status = srope_trainer_predict(run->trainer, run->options.data, &part, logits + first * n_tasks,
                                              label + first * n_tasks, error);
  srope_distributed_sum_floats(run->options.distributed, logits, n);
  srope_distributed_sum_floats(run->options.distributed, label, n);
  return status;
}

/* (n, T) -> the metrics of every task. */
static srope_status measure(const float *logits, const float *label, size_t n, size_t n_tasks, srope_metrics *metrics,
                            srope_error *error) {
  float *column = malloc((2 * n + 1) * sizeof *column);
  if (!column) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the logits of %zu events", n);
  srope_status status = SROPE_OK;
  for (size_t task = 0; task < n_tasks && !status; task++) {
    for (size_t i = 0; i < n; i++) {
      column[i] = logits[i * n_tasks + task];
      column[n + i] = label[i * n_tasks + task];
    }
    status = srope_metrics_compute(column, column + n, n, &metrics[task], error);
  }
  free(column);
  return status;
}

static srope_status evaluate(srope_run *run, const srope_windows *windows, srope_metrics *metrics, float **logits,
                             float **label, srope_error *error) {
  size_t n_tasks = srope_trainer_model(run->trainer)->info.n_tasks, n = (size_t)windows->n_events;
  float *z = calloc(n * n_tasks + 1, sizeof *z), *y = calloc(n * n_tasks + 1, sizeof *y);
  srope_status status = z && y ? predict(run, windows, z, y, error)
                               : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the logits of %zu events", n);
  if (!status) status = measure(z, y, n, n_tasks, metrics, error);
  if (!status && logits) *logits = z;
  if (!status && label) *label = y;
  if (status || !logits) free(z);
  if (status || !label) free(y);
  return status;
}

static void exchange_best(srope_run *run) {
  const srope_parameter *parameters = srope_trainer_model(run->trainer)->parameters;
  for (uint32_t i = 0; i < srope_trainer_count(run->trainer); i++) {
    float *value = srope_trainer_part_of(run->trainer, SROPE_VALUE, i);
    for (size_t e = 0; e < parameters[i].n; e++) {
      float kept = value[e];
      value[e] = run->best[i][e];
      run->best[i][e] = kept;
    }
  }
  srope_trainer_changed(run->trainer);
}

srope_status srope_run_evaluate(srope_run *run, srope_split split, bool best, srope_metrics *metrics, float **logits,
                                float **label, size_t *n_events, srope_error *error) {
  srope_windows windows;
  bool exchanged = best && !isnan(run->state.best_ne);
  srope_status status = srope_windows_for_serving(run->options.data, split, (uint32_t)run->recipe->max_history,
                                                  run->recipe->uses_order, &windows, error);
  if (status) return status;
  if (windows.n == 0)
    status = srope_fail(error, SROPE_ERR_CONFIG, "splits", "expected events in the split, found none");
  if (exchanged) exchange_best(run);
  if (!status) status = evaluate(run, &windows, metrics, logits, label, error);
  if (exchanged) exchange_best(run);
  if (n_events) *n_events = (size_t)windows.n_events;
  srope_windows_free(&windows);
  return status;
}

static double mean_ne(const srope_metrics *metrics, size_t n_tasks) {
  double sum = 0, n = 0;
  for (size_t i = 0; i < n_tasks; i++)
    if (!isnan(metrics[i].ne)) {
      sum += metrics[i].ne;
      n++;
    }
  return sum / n;
}

static srope_status run_evaluation(srope_run *run, srope_run_event *event, srope_metrics *metrics, srope_error *error) {
  srope_status status = evaluate(run, &run->validation, metrics, NULL, NULL, error);
  event->mean_ne = status ? NAN : mean_ne(metrics, srope_trainer_model(run->trainer)->info.n_tasks);
  if (status == SROPE_ERR_VALUE || isinf(event->mean_ne))
    return srope_fail(error, SROPE_ERR_VALUE, NULL,
                      "the model's logits on the validation split are not finite after %llu steps",
                      (unsigned long long)event->step);
  if (status) return status;
  event->kind = SROPE_RUN_EVALUATION;
  event->metrics = metrics;
  bool is_first = isnan(run->state.best_ne); /* or no task has an NE: then the last is kept */
  event->is_best = is_first || event->mean_ne < run->state.best_ne;
  run->state.evaluations++;
  run->state.since_best = event->is_best ? 0 : run->state.since_best + 1;
  if (!event->is_best) return SROPE_OK;
  run->state.best_ne = event->mean_ne;
  run->state.best_step = event->step;
  const srope_parameter *parameters = srope_trainer_model(run->trainer)->parameters;
  for (uint32_t i = 0; i < srope_trainer_count(run->trainer); i++)
    memcpy(run->best[i], srope_trainer_part_of(run->trainer, SROPE_VALUE, i), parameters[i].n * sizeof(float));
  return SROPE_OK;
}

/* ---------------------------------------------------------------- schedule */

/* Warm-up in a straight line, then a cosine down to final_rate. */
static double rate_at(const srope_run *run, uint64_t step) {
  const srope_recipe *recipe = run->recipe;
  double warm = recipe->warmup * (double)run->n_steps, at = (double)step;
  if (at < warm) return recipe->learning_rate * (at + 1) / (warm + 1);
  double done = run->n_steps > warm ? (at - warm) / ((double)run->n_steps - warm) : 1;
  return recipe->learning_rate * (recipe->final_rate + (1 - recipe->final_rate) * (1 + cos(PI * done)) / 2);
}

/* The order of an epoch's windows (Fisher and Yates). */
static void shuffle(srope_run *run, uint64_t epoch) {
  if (run->order_epoch == epoch) return;
  srope_rng rng;
  srope_rng_seed(&rng, run->recipe->trainer.seed, epoch + 1);
  for (size_t i = 0; i < run->windows.n; i++) run->order[i] = (uint32_t)i;
  for (size_t i = run->windows.n; i-- > 1;) {
    uint32_t j = srope_rng_below(&rng, (uint32_t)i + 1), kept = run->order[i];
    run->order[i] = run->order[j];
    run->order[j] = kept;
  }
  run->order_epoch = epoch;
}

/* The step after which evaluation number i (from 1) is due. */
static uint64_t evaluation_step(const srope_run *run, uint64_t i) {
  double all = run->recipe->epochs * run->recipe->evaluations;
  return (uint64_t)floor((double)run->n_steps * (double)i / all + 0.5);
}

/* The steps before which moments are due grow with the square of their number. */
static uint64_t moment_step(const srope_run *run, uint32_t i) {
  double part = run->options.n_moments > 1 ? (double)i / (run->options.n_moments - 1) : 1;
  return (uint64_t)floor((double)run->n_steps * part * part + 0.5);
}

/* ---------------------------------------------------------------- the loop */

static srope_status watch_loss(srope_run *run, double loss, srope_error *error) {
  srope_run_state *state = &run->state;
  if (isnan(loss)) return SROPE_OK; /* a batch without labels */
  if (isnan(state->first_loss)) state->first_loss = state->recent_loss = loss;
  state->recent_loss = EXPLOSION_MEMORY * state->recent_loss + (1 - EXPLOSION_MEMORY) * loss;
  if (!(state->recent_loss > EXPLOSION * state->first_loss)) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_VALUE, NULL, "the loss explodes: from %g at first to %g after %llu steps",
                    state->first_loss, loss, (unsigned long long)srope_trainer_steps(run->trainer));
}

static srope_status take_step(srope_run *run, srope_run_event *event, srope_error *error) {
  uint64_t step = srope_trainer_steps(run->trainer), batch = (uint64_t)run->recipe->batch;
  uint64_t first = step % run->n_batches * batch;
  uint64_t n = run->windows.n - first < batch ? run->windows.n - first : batch;
  shuffle(run, step / run->n_batches);
  *event = (srope_run_event){.kind = SROPE_RUN_STEP, .n_steps = run->n_steps, .rate = rate_at(run, step)};
  srope_status status = srope_trainer_step(run->trainer, run->options.data, run->windows.list, run->order + first,
                                           (size_t)n, event->rate, &event->result, error);
  if (status) return status;
  for (uint64_t i = first; i < first + n; i++) run->n_tokens += run->windows.list[run->order[i]].n;
  if (event->result.weight == 0) srope_trainer_set_steps(run->trainer, step + 1); /* nothing to learn, but done */
  event->step = step + 1;
  event->n_tokens = run->n_tokens;
  event->epoch = (double)event->step / (double)run->n_batches;
  return watch_loss(run, event->result.loss, error);
}

bool srope_run_is_done(const srope_run *run) {
  bool early = run->recipe->patience > 0 && run->state.since_best >= run->recipe->patience;
  return early || srope_trainer_steps(run->trainer) >= run->n_steps;
}

static bool moment_is_due(const srope_run *run, uint64_t step) {
  return run->state.moments < run->options.n_moments && moment_step(run, run->state.moments) <= step;
}

static bool evaluation_is_due(const srope_run *run, uint64_t step) {
  return (double)run->state.evaluations < run->recipe->epochs * run->recipe->evaluations &&
         evaluation_step(run, run->state.evaluations + 1) <= step;
}

static bool tell(srope_run *run, srope_run_event *event, srope_run_listener listener, void *context) {
  event->is_whole = !moment_is_due(run, event->step) && !evaluation_is_due(run, event->step);
  return listener(context, run, event);
}

static bool tell_moments(srope_run *run, srope_run_event event, srope_run_listener listener, void *context) {
  bool go_on = true;
  event.kind = SROPE_RUN_MOMENT;
  while (moment_is_due(run, event.step)) {
    event.moment = run->state.moments++;
    go_on = tell(run, &event, listener, context) && go_on;
  }
  return go_on;
}

srope_status srope_run_train(srope_run *run, srope_run_listener listener, void *context, srope_error *error) {
  srope_metrics *metrics = calloc(srope_trainer_model(run->trainer)->info.n_tasks, sizeof *metrics);
  srope_status status = metrics ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for metrics");
  srope_run_event event = {.step = srope_trainer_steps(run->trainer), .n_steps = run->n_steps};
  bool go_on = !status && tell_moments(run, event, listener, context);
  while (!status && go_on && !srope_run_is_done(run)) {
    status = take_step(run, &event, error);
    if (status) break;
    go_on = tell(run, &event, listener, context);
    go_on = tell_moments(run, event, listener, context) && go_on;
    while (!status && evaluation_is_due(run, event.step)) {
      status = run_evaluation(run, &event, metrics, error);
      go_on = !status && tell(run, &event, listener, context) && go_on;
    }
  }
  free(metrics);
  return status;
}

bool srope_run_best(const srope_run *run, uint64_t *step, double *best_ne) {
  *step = run->state.best_step;
  *best_ne = run->state.best_ne;
  return run->state.evaluations > 0;
}

/* ---------------------------------------------------------------- saving */

static srope_checkpoint as_checkpoint(srope_run *run) {
  return (srope_checkpoint){run->trainer, run->recipe, run->options.data, &run->state, run->best};
}

srope_status srope_run_save_model(srope_run *run, bool best, void **bytes, size_t *n_bytes, srope_error *error) {
  srope_checkpoint checkpoint = as_checkpoint(run);
  return srope_checkpoint_write_model(&checkpoint, best && !isnan(run->state.best_ne), bytes, n_bytes, error);
}

srope_status srope_run_save(srope_run *run, void **bytes, size_t *n_bytes, srope_error *error) {
  srope_checkpoint checkpoint = as_checkpoint(run);
  return srope_checkpoint_write(&checkpoint, bytes, n_bytes, error);
}

srope_status srope_run_resume(srope_run *run, const void *bytes, size_t n_bytes, srope_error *error) {
  srope_checkpoint checkpoint = as_checkpoint(run);
  return srope_checkpoint_read(&checkpoint, bytes, n_bytes, error);
}
