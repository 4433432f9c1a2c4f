/* recipe.c: see recipe.h. The key "model" has the configuration's own keys (they go into the model file as they are) and
 * those of the network's sizes; "training" the rest. */
#include "train/recipe.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/config.h"
#include "yyjson.h"

enum { DEPTH = 32 };

/* What numbers the recipe has: sizes in a struct of doubles first, so that one table reads all of them. */
typedef struct numbers {
  double d_model, n_layers, ffwd_width, action_width, n_angles, angle_width, angle_depth, table_scale;
  double epochs, batch, learning_rate, warmup, final_rate, evaluations, patience, overlap;
  double beta1, beta2, eps, weight_decay, table_decay, rotation_rate, table_rate, clip_norm, dropout, id_dropout;
  double shards, seed;
} numbers;

typedef struct number {
  const char *section, *key;
  size_t offset;
  double fallback, low, high;
  bool whole;
} number;

#define MODEL(key, fallback, low, high, whole) \
  { "model", #key, offsetof(numbers, key), fallback, low, high, whole }
#define TRAINING(key, fallback, low, high, whole) \
  { "training", #key, offsetof(numbers, key), fallback, low, high, whole }
static const number table[] = {
    MODEL(d_model, 64, 2, SROPE_MAX_WIDTH, true),
    MODEL(n_layers, 2, 1, SROPE_MAX_LAYERS, true),
    MODEL(ffwd_width, 0, 0, SROPE_MAX_WIDTH, true),   /* 0 = 4 · d_model */
    MODEL(action_width, 0, 0, SROPE_MAX_WIDTH, true), /* 0 = d_model */
    MODEL(n_angles, 0, 0, SROPE_MAX_WIDTH, true),     /* 0 = all P pairs */
    MODEL(angle_width, 64, 1, SROPE_MAX_WIDTH, true),
    MODEL(angle_depth, 3, 1, SROPE_MAX_DEPTH - 1, true),
    MODEL(table_scale, 0.05, 0, 1e3, false),
    TRAINING(epochs, 3, 1, 1e6, true),
    TRAINING(batch, 256, 1, 1 << 24, true),
    TRAINING(learning_rate, 1e-3, 0, 1e3, false),
    TRAINING(warmup, 0.05, 0, 1, false),
    TRAINING(final_rate, 0, 0, 1, false),
    TRAINING(evaluations, 1, 1, 1e4, true),
    TRAINING(patience, 0, 0, 1e6, true),
    TRAINING(overlap, 0.5, 0, 0.99, false),
    TRAINING(beta1, 0.9, 0, 0.999999, false),
    TRAINING(beta2, 0.999, 0, 0.9999999, false),
    TRAINING(eps, 1e-8, 1e-20, 1, false),
    TRAINING(weight_decay, 0.01, 0, 100, false),
    TRAINING(table_decay, -1, -1, 100, false), /* -1 = weight_decay */
    TRAINING(rotation_rate, 1, 0, 1e3, false),
    TRAINING(table_rate, 1, 0, 1e3, false),
    TRAINING(clip_norm, 1, 0, 1e9, false),
    TRAINING(dropout, 0.2, 0, 0.99, false),
    TRAINING(id_dropout, 0, 0, 0.99, false),
    TRAINING(shards, 8, 1, 1024, true),
    TRAINING(seed, 1, 0, 9007199254740992.0, true),
};
enum { N_NUMBERS = sizeof table / sizeof *table };
static const char *const other_model_keys[] = {"head_widths", "start_at_zero"};
static const char *const config_keys[] = {"variant",      "num_heads",      "max_history",   "attn_scale",
                                          "skip_scale",   "rope_base",      "time_scale",    "omega_0",
                                          "trend_center", "angle_features", "angle_signals", "utc_offset_minutes",
                                          "trend_scale",  "labels",         "score_weights", "features"};
#define COUNT(list) (sizeof(list) / sizeof *(list))
static const char *const other_training_keys[] = {"optimizer", "decay_all", "hold", "task_weights"};

/* ---------------------------------------------------------------- values */

static srope_status fail_value(const char *section, const char *key, const char *expected, yyjson_val *found,
                               srope_error *error) {
  char where[96], text[48] = "";
  snprintf(where, sizeof where, "%s.%s", section, key);
  if (yyjson_is_num(found)) snprintf(text, sizeof text, " %.17g", yyjson_get_num(found));
  if (yyjson_is_str(found)) snprintf(text, sizeof text, " \"%.32s\"", yyjson_get_str(found));
  return srope_fail(error, SROPE_ERR_CONFIG, where, "expected %s, found %s%s", expected, srope_json_kind(found), text);
}

static srope_status read_numbers(yyjson_val *root, numbers *out, srope_error *error) {
  for (size_t i = 0; i < N_NUMBERS; i++) {
    const number *n = &table[i];
    double *to = (double *)((char *)out + n->offset);
    yyjson_val *value = yyjson_obj_get(yyjson_obj_get(root, n->section), n->key);
    *to = n->fallback;
    if (!value || yyjson_is_null(value)) continue;
    double found = yyjson_get_num(value);
    if (yyjson_is_num(value) && found >= n->low && found <= n->high && (!n->whole || found == floor(found))) {
      *to = found;
      continue;
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a %snumber from %.9g to %.9g", n->whole ? "whole " : "", n->low, n->high);
    return fail_value(n->section, n->key, expected, value, error);
  }
  return SROPE_OK;
}

static srope_status read_flag(yyjson_val *section, const char *section_name, const char *key, bool *out,
                              srope_error *error) {
  yyjson_val *value = yyjson_obj_get(section, key);
  *out = yyjson_is_true(value);
  return !value || yyjson_is_bool(value) ? SROPE_OK : fail_value(section_name, key, "true or false", value, error);
}

static srope_status read_head_widths(yyjson_val *model, srope_architecture *a, srope_error *error) {
  yyjson_val *list = yyjson_obj_get(model, "head_widths"), *width;
  size_t i, n;
  a->n_head_widths = 2;
  a->head_widths[0] = 512;
  a->head_widths[1] = 256;
  if (!list) return SROPE_OK;
  if (!yyjson_is_arr(list) || yyjson_arr_size(list) > SROPE_MAX_HEAD_LAYERS || yyjson_arr_size(list) == 0)
    return fail_value("model", "head_widths", "a list of 1 to 8 widths", list, error);
  a->n_head_widths = (uint32_t)yyjson_arr_size(list);
  yyjson_arr_foreach(list, i, n, width) {
    if (!yyjson_is_uint(width) || yyjson_get_uint(width) < 1 || yyjson_get_uint(width) > SROPE_MAX_WIDTH)
      return fail_value("model", "head_widths", "widths from 1 to 65536", width, error);
    a->head_widths[i] = (uint32_t)yyjson_get_uint(width);
  }
  return SROPE_OK;
}

/* One of the words, by number; the first where nothing is said. */
static srope_status read_word(yyjson_val *training, const char *key, const char *const *words, int n_words, int *out,
                              srope_error *error) {
  yyjson_val *value = yyjson_obj_get(training, key);
  char expected[96] = "";
  *out = 0;
  if (!value) return SROPE_OK;
  for (int i = 0; i < n_words; i++) {
    *out = i;
    if (yyjson_equals_str(value, words[i])) return SROPE_OK;
    snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s", i ? " or " : "", words[i]);
  }
  return fail_value("training", key, expected, value, error);
}

static bool is_in(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(name, list[i]) == 0) return true;
  return false;
}

static bool is_number(const char *section, const char *name) {
  for (size_t i = 0; i < N_NUMBERS; i++)
    if (strcmp(section, table[i].section) == 0 && strcmp(name, table[i].key) == 0) return true;
  return false;
}

static bool is_size(const char *name) {
  return is_number("model", name) || is_in(name, other_model_keys, COUNT(other_model_keys));
}

static srope_status check_section(const char *section, yyjson_val *object, srope_error *error) {
  bool is_model = strcmp(section, "model") == 0;
  yyjson_val *key, *value;
  size_t i, n;
  if (!is_model && strcmp(section, "training") != 0)
    return srope_fail(error, SROPE_ERR_CONFIG, section, "there is no such key; expected model or training");
  if (!yyjson_is_obj(object))
    return srope_fail(error, SROPE_ERR_CONFIG, section, "expected an object, found %s", srope_json_kind(object));
  yyjson_obj_foreach(object, i, n, key, value) {
    const char *name = yyjson_get_str(key);
    bool known = is_model ? is_size(name) || is_in(name, config_keys, COUNT(config_keys))
                          : is_number(section, name) || is_in(name, other_training_keys, COUNT(other_training_keys));
    if (known) continue;
    char where[96];
    snprintf(where, sizeof where, "%s.%s", section, name);
    return srope_fail(error, SROPE_ERR_CONFIG, where, "there is no such key");
  }
  return SROPE_OK;
}

static srope_status check_keys(yyjson_val *root, srope_error *error) {
  yyjson_val *section, *value;
  size_t i, n;
  srope_status status = SROPE_OK;
  yyjson_obj_foreach(root, i, n, section, value) if (!status) status =
      check_section(yyjson_get_str(section), value, error);
  return status;
}

/* ---------------------------------------------------------------- the model's configuration */

/* An object's pairs that are no sizes and not in `except`; either may be NULL. */
static void add_pairs(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_val *object, yyjson_val *except) {
  yyjson_val *key, *value;
  size_t i, n;
  if (!object) return; /* yyjson walks no NULL */
  yyjson_obj_foreach(object, i, n, key, value) {
    const char *name = yyjson_get_str(key);
    if (!is_size(name) && !yyjson_obj_get(except, name))
      yyjson_mut_obj_add_val(doc, to, name, yyjson_val_mut_copy(doc, value));
  }
}

/* The recipe's "model" without sizes, and what the data says where the recipe says nothing. */
static srope_status make_config(yyjson_val *model, yyjson_val *description, srope_recipe *recipe, srope_error *error) {
  bool refused = false;
  yyjson_alc allocator;
  srope_json_watch_memory(&allocator, &refused);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  if (!yyjson_obj_get(model, "variant")) yyjson_mut_obj_add_str(doc, root, "variant", "siren");
  if (!yyjson_obj_get(model, "num_heads")) yyjson_mut_obj_add_int(doc, root, "num_heads", 4);
  if (!yyjson_obj_get(model, "max_history")) yyjson_mut_obj_add_int(doc, root, "max_history", 50);
  if (!yyjson_obj_get(model, "angle_features")) { /* the paper's five, without `order` */
    static const char *five[] = {"sin_day", "cos_day", "sin_week", "cos_week", "trend"};
    yyjson_mut_obj_add_val(doc, root, "angle_features", yyjson_mut_arr_with_str(doc, five, 5));
  }
  add_pairs(doc, root, model, NULL);
  add_pairs(doc, root, description, model);
  recipe->config = refused ? NULL : yyjson_mut_write(doc, 0, &recipe->n_config);
  yyjson_mut_doc_free(doc);
  if (!recipe->config) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the model's configuration");
  return SROPE_OK;
}

/* What is wrong is the recipe's, or what the data's schema adds to it; its errors name keys of a model file. */
static void name_section(srope_error *error) {
  static const char file[] = "siren_rope.", recipe[] = "model.";
  size_t n = sizeof file - 1, n_new = sizeof recipe - 1;
  if (!error || strncmp(error->where, file, n) != 0) return;
  memmove(error->where + n_new, error->where + n, strlen(error->where + n) + 1);
  memcpy(error->where, recipe, n_new);
}

static srope_status check_weights(yyjson_val *weights, const srope_config *config, srope_error *error) {
  yyjson_val *key, *value;
  size_t i, n;
  yyjson_obj_foreach(weights, i, n, key, value) {
    bool known = false;
    for (uint32_t task = 0; task < config->n_labels; task++)
      known = known || yyjson_equals(yyjson_arr_get(config->labels, task), key);
    if (!known || !yyjson_is_num(value) || !(yyjson_get_num(value) >= 0) || yyjson_get_num(value) > 1e6)
      return fail_value("training.task_weights", yyjson_get_str(key), "one of the labels and a weight from 0 to 1e6",
                        value, error);
  }
  return SROPE_OK;
}

/* What of the configuration training needs. */
static srope_status use_config(yyjson_val *training, const numbers *found, srope_recipe *recipe, srope_error *error) {
  srope_config config = {0};
  srope_status status = srope_config_read(recipe->config, recipe->n_config, &config, error);
  if (status) name_section(error);
  yyjson_val *weights = yyjson_obj_get(training, "task_weights");
  if (!status) {
    recipe->max_history = config.max_history;
    for (uint32_t i = 0; i < config.n_time_features && config.variant == SROPE_SIREN; i++)
      recipe->uses_order = recipe->uses_order || config.angle_features[i] == SROPE_ANGLE_ORDER;
    double head = found->d_model / config.num_heads;
    if (head != floor(head) || fmod(head, 2) != 0)
      status = srope_fail(error, SROPE_ERR_CONFIG, "model.num_heads",
                          "expected a number of heads that divides d_model = %.0f into even parts, found %.0f",
                          found->d_model, config.num_heads);
    else if (found->n_angles > 0 && fmod(head / 2, found->n_angles) != 0)
      status = srope_fail(error, SROPE_ERR_CONFIG, "model.n_angles",
                          "expected a divisor of the %.0f pairs of a head, found %.0f", head / 2, found->n_angles);
    recipe->architecture.n_angles = (uint32_t)(found->n_angles > 0 ? found->n_angles : head / 2);
    recipe->task_weight = calloc(config.n_labels, sizeof *recipe->task_weight);
    if (!status && !recipe->task_weight) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for weights");
  }
  if (!status && weights && !yyjson_is_obj(weights))
    status = fail_value("training", "task_weights", "an object from label to number", weights, error);
  for (uint32_t task = 0; !status && task < config.n_labels; task++) {
    yyjson_val *weight = yyjson_obj_get(weights, yyjson_get_str(yyjson_arr_get(config.labels, task)));
    recipe->task_weight[task] = weights ? (float)yyjson_get_num(weight) : 1;
  }
  if (!status && weights) status = check_weights(weights, &config, error);
  bool weighs = !weights;
  for (uint32_t task = 0; !status && task < config.n_labels; task++) weighs = weighs || recipe->task_weight[task] > 0;
  if (!status && !weighs)
    status = srope_fail(error, SROPE_ERR_CONFIG, "training.task_weights", "expected a label with a weight above 0");
  srope_config_free(&config);
  return status;
}

/* ---------------------------------------------------------------- all of it */

static void use_numbers(const numbers *found, srope_recipe *recipe) {
  srope_architecture *a = &recipe->architecture;
  srope_trainer_options *t = &recipe->trainer;
  a->d_model = (uint32_t)found->d_model;
  a->n_layers = (uint32_t)found->n_layers;
  a->ffwd_width = (uint32_t)(found->ffwd_width > 0 ? found->ffwd_width : 4 * found->d_model);
  a->action_width = (uint32_t)(found->action_width > 0 ? found->action_width : found->d_model);
  a->angle_width = (uint32_t)found->angle_width;
  a->angle_depth = (uint32_t)found->angle_depth;
  a->table_scale = found->table_scale;
  recipe->epochs = found->epochs;
  recipe->batch = found->batch;
  recipe->learning_rate = found->learning_rate;
  recipe->warmup = found->warmup;
  recipe->final_rate = found->final_rate;
  recipe->evaluations = found->evaluations;
  recipe->patience = found->patience;
  recipe->overlap = found->overlap;
  t->shards = (uint32_t)found->shards;
  t->seed = (uint64_t)found->seed;
  t->beta1 = found->beta1;
  t->beta2 = found->beta2;
  t->eps = found->eps;
  t->weight_decay = found->weight_decay;
  t->table_decay = found->table_decay;
  t->rotation_rate = found->rotation_rate;
  t->table_rate = found->table_rate;
  t->clip_norm = found->clip_norm;
  t->dropout = found->dropout;
  t->id_dropout = found->id_dropout;
}

static srope_status read_training(yyjson_val *root, srope_recipe *recipe, srope_error *error) {
  static const char *const optimizers[] = {"adamw", "adam"}; /* by srope_optimizer */
  static const char *const holds[] = {"nothing", "sine", "relu"};
  yyjson_val *model = yyjson_obj_get(root, "model"), *training = yyjson_obj_get(root, "training");
  srope_trainer_options *t = &recipe->trainer;
  int optimizer, hold = 0;
  srope_status status = read_head_widths(model, &recipe->architecture, error);
  if (!status) status = read_flag(model, "model", "start_at_zero", &recipe->architecture.start_at_zero, error);
  if (!status) status = read_flag(training, "training", "decay_all", &t->decay_all, error);
  if (!status) status = read_word(training, "optimizer", optimizers, 2, &optimizer, error);
  if (!status) status = read_word(training, "hold", holds, 3, &hold, error);
  if (status) return status;
  t->optimizer = (srope_optimizer)optimizer;
  t->hold_sine = recipe->architecture.silence_sine = hold == 1;
  t->hold_relu = recipe->architecture.silence_relu = hold == 2;
  if (t->shards & (t->shards - 1))
    return fail_value("training", "shards", "a power of two", yyjson_obj_get(training, "shards"), error);
  return SROPE_OK;
}

static srope_status read_root(yyjson_val *root, yyjson_val *description, srope_recipe *recipe, srope_error *error) {
  numbers found;
  if (!yyjson_is_obj(root))
    return srope_fail(error, SROPE_ERR_CONFIG, NULL, "expected an object with \"model\" and \"training\", found %s",
                      srope_json_kind(root));
  srope_status status = check_keys(root, error);
  if (!status) status = read_numbers(root, &found, error);
  if (status) return status;
  use_numbers(&found, recipe);
  status = read_training(root, recipe, error);
  if (!status) status = make_config(yyjson_obj_get(root, "model"), description, recipe, error);
  if (!status) status = use_config(yyjson_obj_get(root, "training"), &found, recipe, error);
  recipe->trainer.task_weight = recipe->task_weight;
  return status;
}

srope_status srope_recipe_read(const char *text, size_t n, const char *description, size_t n_description,
                               srope_recipe *out, srope_error *error) {
  yyjson_doc *document = NULL, *described = NULL;
  memset(out, 0, sizeof *out);
  srope_status status = srope_json_read(text, n, DEPTH, SROPE_ERR_JSON, "recipe", &document, error);
  if (!status)
    status = srope_json_read(description, n_description, DEPTH, SROPE_ERR_JSON, "description", &described, error);
  if (!status) {
    out->text = malloc(n + 1);
    if (!out->text) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a recipe");
  }
  if (!status) {
    memcpy(out->text, text, n);
    out->text[n] = 0;
    out->n_text = n;
    status = read_root(yyjson_doc_get_root(document), yyjson_doc_get_root(described), out, error);
  }
  yyjson_doc_free(document);
  yyjson_doc_free(described);
  return status;
}

void srope_recipe_free(srope_recipe *recipe) {
  free(recipe->config);
  free(recipe->text);
  free(recipe->task_weight);
  memset(recipe, 0, sizeof *recipe);
}
