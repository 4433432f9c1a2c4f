/* checkpoint.c: see checkpoint.h. */
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "yyjson.h"

static const char *const prefixes[] = {"", "adam.first.", "adam.second.", "best."};
enum { VALUES, FIRST, SECOND, BEST, N_PARTS };

static const float *part_of(const srope_checkpoint *c, int part, uint32_t parameter) {
  static const srope_trainer_part parts[] = {SROPE_VALUE, SROPE_FIRST_MOMENT, SROPE_SECOND_MOMENT};
  return part == BEST ? c->best[parameter] : srope_trainer_part_of(c->trainer, parts[part], parameter);
}

/* ---------------------------------------------------------------- writing */

/* Tensors of parts from .. to-1, named after `prefixes`; names in `names`. */
static void list_tensors(const srope_checkpoint *c, int from, int to, bool named, srope_tensor_output *out,
                         char (*names)[SROPE_MAX_NAME_BYTES]) {
  const srope_model *model = srope_trainer_model(c->trainer);
  for (int part = from; part < to; part++)
    for (uint32_t i = 0; i < model->n_parameters; i++, out++, names++) {
      const srope_parameter *parameter = &model->parameters[i];
      snprintf(*names, sizeof *names, "%s%s", named ? prefixes[part] : "", parameter->name);
      *out = (srope_tensor_output){
          *names, parameter->n_dims, {parameter->shape[0], parameter->shape[1]}, part_of(c, part, i), SROPE_DTYPE_F32};
    }
}

static srope_status write_parts(const srope_checkpoint *c, int from, int to, const srope_metadata_output *metadata,
                                uint32_t n_metadata, void **bytes, size_t *n_bytes, srope_error *error) {
  uint32_t n = srope_trainer_count(c->trainer) * (uint32_t)(to - from);
  srope_tensor_output *tensors = calloc(n, sizeof *tensors);
  char(*names)[SROPE_MAX_NAME_BYTES] = calloc(n, sizeof *names);
  srope_status status = SROPE_OK;
  if (!tensors || !names) {
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the names of %u tensors", n);
  } else {
    list_tensors(c, from, to, to - from > 1, tensors, names);
    status = srope_safetensors_write(tensors, n, metadata, n_metadata, bytes, n_bytes, error);
  }
  free(tensors);
  free(names);
  return status;
}

srope_status srope_checkpoint_write_model(const srope_checkpoint *c, bool best, void **bytes, size_t *n_bytes,
                                          srope_error *error) {
  const srope_metadata_output metadata = {"siren_rope", c->recipe->config};
  int part = best ? BEST : VALUES;
  return write_parts(c, part, part + 1, &metadata, 1, bytes, n_bytes, error);
}

/* The numbers of a state that are not whole may be NaN, which JSON has not: null. */
static void add_number(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, double value) {
  yyjson_mut_obj_add_val(doc, root, key, isnan(value) ? yyjson_mut_null(doc) : yyjson_mut_real(doc, value));
}

static void print_hash(const srope_dataset *data, char text[17]) {
  snprintf(text, 17, "%016llx", (unsigned long long)data->hash);
}

static char *state_text(const srope_checkpoint *c) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  const srope_run_state *state = c->state;
  char hash[17];
  print_hash(c->data, hash);
  yyjson_mut_doc_set_root(doc, root);
  yyjson_mut_obj_add_int(doc, root, "version", 1);
  yyjson_mut_obj_add_uint(doc, root, "steps", srope_trainer_steps(c->trainer));
  yyjson_mut_obj_add_uint(doc, root, "evaluations", state->evaluations);
  yyjson_mut_obj_add_uint(doc, root, "since_best", state->since_best);
  yyjson_mut_obj_add_uint(doc, root, "best_step", state->best_step);
  yyjson_mut_obj_add_uint(doc, root, "moments", state->moments);
  yyjson_mut_obj_add_uint(doc, root, "events", c->data->n_events);
  yyjson_mut_obj_add_uint(doc, root, "users", c->data->n_users);
  yyjson_mut_obj_add_strcpy(doc, root, "data", hash);
  add_number(doc, root, "best_ne", state->best_ne);
  add_number(doc, root, "first_loss", state->first_loss);
  add_number(doc, root, "recent_loss", state->recent_loss);
  char *text = doc && root ? yyjson_mut_write(doc, 0, NULL) : NULL;
  yyjson_mut_doc_free(doc);
  return text;
}

srope_status srope_checkpoint_write(const srope_checkpoint *c, void **bytes, size_t *n_bytes, srope_error *error) {
  char *state = state_text(c);
  if (!state) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a checkpoint");
  const srope_metadata_output metadata[] = {
      {"siren_rope", c->recipe->config}, {"recipe", c->recipe->text}, {"training", state}};
  srope_status status = write_parts(c, VALUES, N_PARTS, metadata, 3, bytes, n_bytes, error);
  free(state);
  return status;
}

/* ---------------------------------------------------------------- reading */

static srope_status check_text(const srope_safetensors *file, const char *key, const char *expected, const char *what,
                               srope_error *error) {
  size_t n;
  const char *found = srope_safetensors_metadata(file, key, &n);
  if (!found)
    return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "expected a checkpoint, with the key %s, found none",
                      key);
  if (n != strlen(expected) || memcmp(found, expected, n) != 0)
    return srope_fail(error, SROPE_ERR_CONFIG, key, "the checkpoint was made with another %s", what);
  return SROPE_OK;
}

static srope_status read_state(const srope_checkpoint *c, const srope_safetensors *file, srope_run_state *out,
                               srope_error *error) {
  size_t n;
  const char *text = srope_safetensors_metadata(file, "training", &n);
  yyjson_doc *doc;
  if (!text)
    return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__",
                      "expected a checkpoint, with the key training, found none");
  srope_status status = srope_json_read(text, n, 4, SROPE_ERR_FORMAT, "training", &doc, error);
  if (status) return status;
  yyjson_val *root = yyjson_doc_get_root(doc);
  static const char *const whole[] = {"version",   "steps",   "evaluations", "since_best",
                                      "best_step", "moments", "events",      "users"};
  uint64_t number[8];
  for (int i = 0; i < 8 && !status; i++) {
    yyjson_val *value = yyjson_obj_get(root, whole[i]);
    number[i] = yyjson_get_uint(value);
    if (!yyjson_is_uint(value))
      status = srope_fail(error, SROPE_ERR_FORMAT, "training", "expected a whole number as %s, found %s", whole[i],
                          srope_json_kind(value));
  }
  static const char *const real[] = {"best_ne", "first_loss", "recent_loss"};
  double *const to[] = {&out->best_ne, &out->first_loss, &out->recent_loss};
  for (int i = 0; i < 3; i++) {
    yyjson_val *value = yyjson_obj_get(root, real[i]);
    *to[i] = yyjson_is_num(value) ? yyjson_get_num(value) : NAN;
  }
  char hash[17];
  print_hash(c->data, hash);
  bool same_data = yyjson_equals_str(yyjson_obj_get(root, "data"), hash);
  yyjson_doc_free(doc);
  if (status) return status;
  if (number[0] != 1)
    return srope_fail(error, SROPE_ERR_FORMAT, "training", "expected version 1, found %llu",
                      (unsigned long long)number[0]);
  if (number[6] != c->data->n_events || number[7] != c->data->n_users)
    return srope_fail(error, SROPE_ERR_CONFIG, "training",
                      "the checkpoint was made with other data: %llu events of %llu users, here are %llu of %llu",
                      (unsigned long long)number[6], (unsigned long long)number[7],
                      (unsigned long long)c->data->n_events, (unsigned long long)c->data->n_users);
  if (!same_data)
    return srope_fail(error, SROPE_ERR_CONFIG, "training", "the checkpoint was made with other data of the same size");
  out->steps = number[1];
  out->evaluations = number[2];
  out->since_best = number[3];
  out->best_step = number[4];
  out->moments = (uint32_t)number[5];
  return SROPE_OK;
}

/* First checks that all tensors are there, then takes them. */
static srope_status read_tensors(const srope_checkpoint *c, const srope_safetensors *file, bool takes,
                                 srope_error *error) {
  const srope_model *model = srope_trainer_model(c->trainer);
  for (int part = 0; part < N_PARTS; part++)
    for (uint32_t i = 0; i < model->n_parameters; i++) {
      char name[SROPE_MAX_NAME_BYTES];
      const srope_parameter *parameter = &model->parameters[i];
      snprintf(name, sizeof name, "%s%s", prefixes[part], parameter->name);
      const srope_tensor *tensor = srope_safetensors_find(file, name);
      if (!tensor || tensor->dtype != SROPE_DTYPE_F32 || tensor->n != parameter->n)
        return srope_fail(error, SROPE_ERR_TENSOR, name, "expected %zu float32 numbers, found %s", parameter->n,
                          tensor ? "something else" : "none");
      if (takes) srope_tensor_read_float(tensor, 0, parameter->n, (float *)part_of(c, part, i));
    }
  return SROPE_OK;
}

srope_status srope_checkpoint_read(const srope_checkpoint *c, const void *bytes, size_t n_bytes, srope_error *error) {
  srope_safetensors file;
  srope_run_state state = {0};
  srope_status status = srope_safetensors_open(bytes, n_bytes, &file, error);
  if (status) return status;
  status = check_text(&file, "recipe", c->recipe->text, "recipe", error);
  if (!status) status = check_text(&file, "siren_rope", c->recipe->config, "data schema", error);
  if (!status) status = read_state(c, &file, &state, error);
  if (!status) status = read_tensors(c, &file, false, error);
  if (!status) {
    (void)read_tensors(c, &file, true, NULL);
    *c->state = state;
    srope_trainer_set_steps(c->trainer, state.steps);
    srope_trainer_changed(c->trainer);
  }
  srope_safetensors_close(&file);
  return status;
}

srope_status srope_checkpoint_recipe(const void *bytes, size_t n_bytes, char **text, size_t *n, srope_error *error) {
  srope_safetensors file;
  srope_status status = srope_safetensors_open(bytes, n_bytes, &file, error);
  if (status) return status;
  const char *found = srope_safetensors_metadata(&file, "recipe", n);
  char *copy = found ? malloc(*n + 1) : NULL;
  if (!found)
    status =
        srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "expected a checkpoint, with the key recipe, found none");
  else if (!copy)
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a recipe");
  else {
    memcpy(copy, found, *n);
    copy[*n] = 0;
    *text = copy;
  }
  srope_safetensors_close(&file);
  return status;
}
