/* train_abi.c: what the two training modules export: one training (train/run.h) on simulated users (train/simulated_dataset.h).
 *
 * One instance holds one training: dropping the instance is how JavaScript gives memory back. So the training, the last error,
 * the last result and the buffers are this file's static state. Every call returns 0 or a srope_status; after a failure
 * `error` says why. Results lie where `result` points until the next call. JavaScript learns offsets, names, defaults and
 * bounds from srope_abi_describe. What C has to tell is JSON: only here null is NaN, for every number that is told may be
 * undefined. Not here: any rule about recipes, users or training. Those are the core's. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"
#include "train/run.h"
#include "train/simulated_dataset.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name)
#endif

enum { DEFAULT_USERS = 1000 };

static struct {
  srope_error error;
  struct {
    const void *data;
    uint32_t n;
  } result;
  void *input; /* what JavaScript wrote for this call */
  char *text;  /* what is told: grows, never shrinks */
  size_t n_text, text_capacity;
  bool text_refused;
  void *file; /* the model that was asked for last */

  srope_simulated_options options;
  srope_sim sim;
  srope_recipe recipe;
  srope_dataset *data;
  srope_pool *pool;
  srope_distributed alone;
  srope_run *run;
  uint64_t last_step; /* where the run at work ends */
} abi;

/* ---------------------------------------------------------------- the simulation's options */

/* In the order in which JavaScript gives them: its names, and those of the core's errors. */
typedef enum option { SEED, USERS, STRENGTH, WEEK_SHARE, DAY_HOURS, WEEK_DAYS, EVENTS, DAYS, START, N_OPTIONS } option;
static const struct {
  const char *name, *core_name;
} option_names[N_OPTIONS] = {
    [SEED] = {"seed", "seed"},
    [USERS] = {"users", "users"},
    [STRENGTH] = {"strength", "strength"},
    [WEEK_SHARE] = {"weekShare", "week_share"},
    [DAY_HOURS] = {"dayHours", "day_hours"},
    [WEEK_DAYS] = {"weekDays", "week_days"},
    [EVENTS] = {"eventsPerUser", "events_per_user"},
    [DAYS] = {"days", "days"},
    [START] = {"startMs", "start_ms"},
};

static void list_options(const srope_simulated_options *o, double out[N_OPTIONS]) {
  const double values[N_OPTIONS] = {(double)o->sim.seed,    (double)o->n_users, o->sim.strength,
                                    o->sim.week_share,      o->sim.day_hours,   o->sim.week_days,
                                    o->sim.events_per_user, o->sim.days,        (double)o->sim.start_ms};
  memcpy(out, values, sizeof values);
}

static bool is_whole(double x, double low, double high) { return x >= low && x <= high && x == floor(x); }

static srope_status fail_whole(option which, double found, double low, double high) {
  return srope_fail(&abi.error, SROPE_ERR_ARGUMENT, option_names[which].core_name,
                    "expected a whole number from %.17g to %.17g, found %.17g", low, high, found);
}

/* Whole numbers become integers; all other bounds are the core's. */
static srope_status read_options(const double values[N_OPTIONS], srope_simulated_options *out) {
  const double most = 9007199254740992.0, most_ms = 1e14; /* 2^53; as srope_sim_init */
  if (!is_whole(values[SEED], 0, most)) return fail_whole(SEED, values[SEED], 0, most);
  if (!is_whole(values[USERS], 1, most)) return fail_whole(USERS, values[USERS], 1, SROPE_SIMULATED_MAX_USERS);
  if (!is_whole(values[START], -most_ms, most_ms)) return fail_whole(START, values[START], -most_ms, most_ms);
  out->n_users = (uint64_t)values[USERS];
  out->sim = (srope_sim_options){.seed = (uint64_t)values[SEED],
                                 .strength = values[STRENGTH],
                                 .week_share = values[WEEK_SHARE],
                                 .day_hours = values[DAY_HOURS],
                                 .week_days = values[WEEK_DAYS],
                                 .events_per_user = values[EVENTS],
                                 .days = values[DAYS],
                                 .start_ms = (int64_t)values[START]};
  return SROPE_OK;
}

/* An error of the simulation's options names them as JavaScript does: "simulation.weekShare"; any other is the recipe's,
 * which asks for something that the events have not. */
static srope_status name_place(srope_status status) {
  if (status == SROPE_OK || status == SROPE_ERR_MEMORY) return status;
  for (int i = 0; i < N_OPTIONS; i++)
    if (strcmp(abi.error.where, option_names[i].core_name) == 0) {
      snprintf(abi.error.where, sizeof abi.error.where, "simulation.%s", option_names[i].name);
      return status;
    }
  srope_error_prefix(&abi.error, "recipe.model");
  return status;
}

/* ---------------------------------------------------------------- telling */

static void say(const char *format, ...) SROPE_PRINTF(1, 2);

static bool reserve_text(size_t n) {
  if (n <= abi.text_capacity) return true;
  size_t capacity = 2 * abi.text_capacity > n ? 2 * abi.text_capacity : n + 4096;
  char *text = realloc(abi.text, capacity);
  if (!text) return false;
  abi.text = text;
  abi.text_capacity = capacity;
  return true;
}

static void say(const char *format, ...) {
  for (int attempt = 0; attempt < 2; attempt++) {
    va_list arguments;
    size_t room = abi.text_capacity - abi.n_text;
    va_start(arguments, format);
    size_t n = (size_t)vsnprintf(room ? abi.text + abi.n_text : NULL, room, format, arguments);
    va_end(arguments);
    if (n < room) {
      abi.n_text += n;
      return;
    }
    if (reserve_text(abi.n_text + n + 1)) continue;
    abi.text_refused = true;
    return;
  }
}

static void say_number(const char *before, double x) {
  if (isfinite(x))
    say("%s%.17g", before, x);
  else
    say("%snull", before);
}

static void begin_telling(void) {
  abi.n_text = 0;
  abi.text_refused = false;
  say("%s", "");
}

static srope_status end_telling(void) {
  abi.result.data = abi.text;
  abi.result.n = (uint32_t)abi.n_text;
  return abi.text_refused ? srope_fail(&abi.error, SROPE_ERR_MEMORY, NULL, "no memory for what is to be told")
                          : SROPE_OK;
}

/* ---------------------------------------------------------------- exports: the instance */

/* JSON: where error and result lie, the simulation's options by name with their defaults, in order. The text stays. */
EXPORT(describe) const char *srope_abi_describe(void) {
  static char text[768];
  const srope_simulated_options defaults = {srope_sim_defaults(), DEFAULT_USERS};
  double values[N_OPTIONS];
  list_options(&defaults, values);
  size_t n = (size_t)snprintf(text, sizeof text,
                              "{\"version\":\"%s\",\"build\":\"%s\","
                              "\"error\":{\"message\":%zu,\"where\":%zu},\"result\":{\"data\":%zu,\"n\":%zu},"
                              "\"simulation\":{",
                              SROPE_VERSION, SROPE_ABI_BUILD, (size_t)abi.error.message, (size_t)abi.error.where,
                              (size_t)&abi.result.data, (size_t)&abi.result.n);
  for (int i = 0; i < N_OPTIONS; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\":%.17g", i ? "," : "", option_names[i].name, values[i]);
  snprintf(text + n, sizeof text - n, "}}");
  return text;
}

EXPORT(error_code) const char *srope_abi_error_code(void) { return srope_status_code(abi.error.status); }

/* Room for n bytes of input; what was there is gone. result.data = where to write, 8-byte aligned. */
EXPORT(reserve) int32_t srope_abi_reserve(uint32_t n) {
  free(abi.input);
  abi.input = malloc((size_t)n + 1);
  abi.result.data = abi.input;
  return abi.input ? SROPE_OK : srope_fail(&abi.error, SROPE_ERR_MEMORY, NULL, "%u bytes were refused", (unsigned)n);
}

/* ---------------------------------------------------------------- exports: the training */

static srope_status read_recipe(const char *text, size_t n) {
  char *description;
  size_t n_description;
  srope_status status = name_place(srope_simulated_describe(&abi.options, &description, &n_description, &abi.error));
  if (status) return status;
  status = srope_recipe_read(text, n, description, n_description, &abi.recipe, &abi.error);
  srope_free(description);
  if (status) srope_error_prefix(&abi.error, "recipe"); /* "recipe.training.batch" */
  return status;
}

static srope_status begin(const char *text, size_t n) {
  srope_status status = read_recipe(text, n);
  if (!status)
    status = name_place(
        srope_simulated_dataset_create(&abi.options, abi.recipe.config, abi.recipe.n_config, &abi.data, &abi.error));
  if (!status) status = srope_sim_init(&abi.options.sim, &abi.sim, &abi.error);
  if (!status) status = srope_pool_create(1, &abi.pool, &abi.error);
  abi.alone = srope_distributed_begin();
  const srope_run_options options = {&abi.recipe, abi.data, abi.pool, &abi.alone, NULL, 0};
  return status ? status : srope_run_create(&options, &abi.run, &abi.error);
}

/* Input: the simulation's options, doubles in the order of `describe`, and after them n bytes of the recipe's JSON. Once in an
 * instance; after a failure the instance is of no more use. */
EXPORT(create) int32_t srope_abi_create(uint32_t n) {
  double values[N_OPTIONS];
  memcpy(values, abi.input, sizeof values);
  srope_status status = name_place(read_options(values, &abi.options));
  return status ? status : begin((const char *)abi.input + sizeof values, n);
}

/* result: JSON of what was made. `config` is the model's, as in its file. */
EXPORT(info) int32_t srope_abi_info(void) {
  const srope_model *model = srope_trainer_model(srope_run_trainer(abi.run));
  const srope_windows *windows = srope_run_windows(abi.run);
  double values[N_OPTIONS], n_parameters = 0, batch = abi.recipe.batch;
  double per_epoch = floor(((double)windows->n + batch - 1) / batch);
  uint64_t n_split[3] = {0};
  for (uint64_t i = 0; i < abi.data->n_events; i++) n_split[srope_dataset_split(abi.data, abi.data->time_s[i])]++;
  for (uint32_t i = 0; i < model->n_parameters; i++) n_parameters += (double)model->parameters[i].n;
  list_options(&abi.options, values);
  begin_telling();
  say("{\"steps\":%.0f,\"stepsPerEpoch\":%.0f,\"users\":%" PRIu64 ",\"events\":%" PRIu64, per_epoch * abi.recipe.epochs,
      per_epoch, abi.data->n_users, abi.data->n_events);
  say(",\"splits\":{\"train\":%" PRIu64 ",\"validation\":%" PRIu64 ",\"test\":%" PRIu64 "}", n_split[SROPE_TRAIN],
      n_split[SROPE_VALIDATION], n_split[SROPE_TEST]);
  say_number(",\"validationMs\":", abi.data->validation_s * 1000);
  say_number(",\"testMs\":", abi.data->test_s * 1000);
  say(",\"windows\":%zu,\"parameters\":%.0f,\"labels\":[", windows->n, n_parameters);
  for (uint32_t i = 0; i < model->info.n_tasks; i++) say("%s\"%s\"", i ? "," : "", srope_model_task(model, i));
  say("],\"isa\":\"%s\",\"simulation\":{", model->kernels->isa);
  for (int i = 0; i < N_OPTIONS; i++) say("%s\"%s\":%.17g", i ? "," : "", option_names[i].name, values[i]);
  say("},\"config\":%s}", abi.recipe.config);
  return end_telling();
}

static void tell_step(srope_run *run, const srope_run_event *event) {
  srope_trainer *trainer = srope_run_trainer(run);
  const srope_model *model = srope_trainer_model(trainer);
  say("{\"kind\":\"step\",\"step\":%" PRIu64, event->step);
  say_number(",\"epoch\":", event->epoch);
  say_number(",\"loss\":", event->result.loss);
  say_number(",\"rate\":", event->rate);
  say_number(",\"gradientNorm\":", event->result.norm);
  bool turns = model->info.variant == SROPE_SIREN;
  float *scale = turns ? srope_trainer_part_of(trainer, SROPE_VALUE, model->order_scale_parameter) : NULL;
  float *freq = turns ? srope_trainer_part_of(trainer, SROPE_VALUE, model->frequency_parameter) : NULL;
  say_number(",\"orderScale\":", turns ? (double)*scale : 1);
  say(",\"freq\":[");
  for (uint32_t i = 0; turns && i < model->info.n_angles; i++) say_number(i ? "," : "", (double)freq[i]);
  say("]}");
}

static void tell_evaluation(srope_run *run, const srope_run_event *event) {
  const srope_model *model = srope_trainer_model(srope_run_trainer(run));
  say("{\"kind\":\"evaluation\",\"step\":%" PRIu64, event->step);
  say_number(",\"epoch\":", event->epoch);
  say_number(",\"meanNe\":", event->mean_ne);
  say(",\"best\":%s,\"tasks\":{", event->is_best ? "true" : "false");
  for (uint32_t i = 0; i < model->info.n_tasks; i++) {
    const srope_metrics *m = &event->metrics[i];
    say("%s\"%s\":{\"n\":%zu", i ? "," : "", srope_model_task(model, i), m->n);
    say_number(",\"baseRate\":", m->base_rate);
    say_number(",\"ne\":", m->ne);
    say_number(",\"auc\":", m->auc);
    say_number(",\"ece\":", m->ece);
    say("}");
  }
  say("}}");
}

static bool listen(void *context, srope_run *run, const srope_run_event *event) {
  (void)context;
  if (event->kind == SROPE_RUN_MOMENT) return true; /* none were asked for */
  say(abi.n_text > 1 ? ",\n" : "");
  if (event->kind == SROPE_RUN_STEP)
    tell_step(run, event);
  else
    tell_evaluation(run, event);
  return event->step < abi.last_step;
}

/* Up to n steps. result: JSON, a list of what happened. */
EXPORT(run) int32_t srope_abi_run(uint32_t n) {
  abi.last_step = srope_trainer_steps(srope_run_trainer(abi.run)) + n;
  begin_telling();
  say("[");
  srope_status status = n ? srope_run_train(abi.run, listen, NULL, &abi.error) : SROPE_OK;
  say("]");
  return status ? status : end_telling();
}

EXPORT(is_done) int32_t srope_abi_is_done(void) { return srope_run_is_done(abi.run); }
EXPORT(step_count) uint32_t srope_abi_step_count(void) {
  return (uint32_t)srope_trainer_steps(srope_run_trainer(abi.run));
}

/* result: the bytes of a .safetensors file of the model as it is, or as it was at its best evaluation. */
EXPORT(model) int32_t srope_abi_model(uint32_t best) {
  size_t n = 0;
  srope_free(abi.file);
  abi.file = NULL;
  srope_status status = srope_run_save_model(abi.run, best != 0, &abi.file, &n, &abi.error);
  abi.result.data = abi.file;
  abi.result.n = (uint32_t)n;
  return status;
}

/* result: JSON, a list of the first n events of a simulated user, whether trained on or not. */
EXPORT(feed) int32_t srope_abi_feed(double number, uint32_t n) {
  srope_sim_user user;
  srope_sim_event e;
  if (!is_whole(number, 0, 9007199254740992.0))
    return srope_fail(&abi.error, SROPE_ERR_ARGUMENT, "user", "expected a whole number from 0 to 2^53, found %.17g",
                      number);
  srope_sim_start_user(&abi.sim, (uint64_t)number, &user);
  begin_telling();
  say("[");
  for (uint32_t i = 0; i < n && srope_sim_next(&abi.sim, &user, &e); i++) {
    say("%s{\"time\":%" PRId64 ",\"item\":{\"topic\":%u,\"id\":%u},\"action\":{\"engage\":%d,\"like\":%d},",
        i ? ",\n" : "", e.time_ms, (unsigned)e.topic, (unsigned)e.item, e.label[0], e.label[1]);
    say("\"context\":{\"place\":%u},\"truth\":{\"engage\":%.17g,\"like\":%.17g}}", (unsigned)e.place, e.p[0], e.p[1]);
  }
  say("]");
  return end_telling();
}
