/* describe.c: see describe.h. The configuration stands as the file has it, unknown keys too, with what it leaves out
 * (or null) filled in; then the file's tensors in the order of their data, whether the model uses them or not. */
#include "model/describe.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

/* A config key's value is put where the file says nothing. */
static void add_default(yyjson_mut_doc *doc, yyjson_mut_val *config, const char *key, yyjson_mut_val *value) {
  yyjson_mut_val *present = yyjson_mut_obj_get(config, key);
  if (!present || yyjson_mut_is_null(present)) yyjson_mut_obj_put(config, yyjson_mut_str(doc, key), value);
}

static yyjson_mut_val *number_value(yyjson_mut_doc *doc, double value) {
  bool whole = value >= -1e15 && value <= 1e15 && value == (double)(int64_t)value;
  return whole ? yyjson_mut_sint(doc, (int64_t)value) : yyjson_mut_real(doc, value);
}

static yyjson_mut_val *describe_config(yyjson_mut_doc *doc, const srope_model *model, const srope_config *config) {
  yyjson_mut_val *object = yyjson_val_mut_copy(doc, config->root);
  for (size_t i = 0; i < srope_config_n_numbers; i++) {
    const srope_config_number *number = &srope_config_numbers[i];
    double value = *(const double *)((const char *)config + number->offset);
    add_default(doc, object, number->key, number_value(doc, value));
  }
  yyjson_mut_val *features = yyjson_mut_arr(doc), *weights = yyjson_mut_obj(doc);
  for (uint32_t i = 0; i < config->n_time_features; i++)
    yyjson_mut_arr_add_str(doc, features, srope_angle_feature_name(config->angle_features[i]));
  for (uint32_t i = 0; i < model->info.n_tasks; i++)
    yyjson_mut_obj_add_val(doc, weights, model->tasks[i], number_value(doc, model->score_weights[i]));
  add_default(doc, object, "angle_features", features);
  add_default(doc, object, "angle_signals", yyjson_mut_arr(doc));
  add_default(doc, object, "score_weights", weights);
  return object;
}

static yyjson_mut_val *describe_tensors(yyjson_mut_doc *doc, const srope_safetensors *file) {
  yyjson_mut_val *list = yyjson_mut_arr(doc);
  for (uint32_t i = 0; i < file->n_tensors; i++) {
    const srope_tensor *tensor = &file->tensors[i];
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, object, "name", tensor->name);
    yyjson_mut_obj_add_str(doc, object, "dtype", srope_dtype_name(tensor->dtype));
    yyjson_mut_obj_add_val(doc, object, "shape", yyjson_mut_arr_with_uint64(doc, tensor->shape, tensor->n_dims));
  }
  return list;
}

static yyjson_mut_val *describe_sizes(yyjson_mut_doc *doc, const srope_info *info) {
  const struct {
    const char *letter;
    uint32_t size;
  } sizes[] = {{"L", info->n_layers}, {"D", info->d_model},   {"H", info->n_heads},          {"K", info->d_head},
               {"P", info->n_pairs},  {"A", info->n_angles},  {"F", info->n_angle_features}, {"X", info->n_item},
               {"Y", info->n_action}, {"Z", info->n_context}, {"G", info->n_signals},        {"T", info->n_tasks}};
  yyjson_mut_val *object = yyjson_mut_obj(doc);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    yyjson_mut_obj_add_uint(doc, object, sizes[i].letter, sizes[i].size);
  return object;
}

srope_status srope_describe(const srope_model *model, const srope_config *config, const srope_safetensors *file,
                            char **text, size_t *n, srope_error *error) {
  const srope_info *info = &model->info;
  char hash[17];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)info->hash);
  bool refused = false;
  yyjson_alc allocator;
  srope_json_watch_memory(&allocator, &refused);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  yyjson_mut_obj_add_val(doc, root, "config", describe_config(doc, model, config));
  yyjson_mut_obj_add_val(doc, root, "tensors", describe_tensors(doc, file));
  yyjson_mut_obj_add_uint(doc, root, "parameters", info->n_parameters);
  yyjson_mut_obj_add_str(doc, root, "hash", hash);
  yyjson_mut_obj_add_str(doc, root, "isa", info->isa);
  yyjson_mut_obj_add_val(doc, root, "sizes", describe_sizes(doc, info));
  yyjson_mut_obj_add_real(doc, root, "order_scale", info->order_scale);
  yyjson_mut_obj_add_val(doc, root, "ordinal_frequencies",
                         yyjson_mut_arr_with_real(doc, model->inverse_frequency, info->n_pairs));
  char *written = refused ? NULL : yyjson_mut_write(doc, 0, n);
  yyjson_mut_doc_free(doc);
  if (!written) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the model's description");
  *text = written;
  return SROPE_OK;
}
