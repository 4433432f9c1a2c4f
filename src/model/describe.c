/* describe.c: see describe.h. The configuration stands as the file has it, unknown keys too, after what it leaves out
 * (or has null), filled in; then the file's tensors in the order of their data, whether the model uses them or not. */
#include "model/describe.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

static const char *const list_keys[] = {"angle_features", "angle_signals",
                                        "score_weights"}; /* with a default, as the numbers */

static bool has_default(const char *key) {
  for (size_t i = 0; i < srope_config_n_numbers; i++)
    if (strcmp(key, srope_config_numbers[i].key) == 0) return true;
  for (size_t i = 0; i < sizeof list_keys / sizeof *list_keys; i++)
    if (strcmp(key, list_keys[i]) == 0) return true;
  return false;
}

/* Writes the key where the file says nothing under it; its value is the caller's to write. */
static bool begin_default(srope_json_text *to, const srope_config *config, const char *key) {
  yyjson_val *present = yyjson_obj_get(config->root, key);
  if (present && !yyjson_is_null(present)) return false;
  srope_json_add(to, "\"%s\":", key);
  return true;
}

static void add_string(srope_json_text *to, const char *text) { srope_json_add_string(to, text, strlen(text)); }

static void add_number(srope_json_text *to, double value) {
  if (value >= -1e15 && value <= 1e15 && value == (double)(int64_t)value)
    srope_json_add(to, "%lld", (long long)value);
  else
    srope_json_add_real(to, value);
}

static void add_score_weights(srope_json_text *to, const srope_model *model) {
  srope_json_add(to, "{");
  for (uint32_t i = 0; i < model->info.n_tasks; i++) {
    if (i > 0) srope_json_add(to, ",");
    add_string(to, model->tasks[i]);
    srope_json_add(to, ":");
    add_number(to, model->score_weights[i]);
  }
  srope_json_add(to, "},");
}

static void add_config(srope_json_text *to, const srope_model *model, const srope_config *config) {
  srope_json_add(to, "{");
  for (size_t i = 0; i < srope_config_n_numbers; i++) {
    const srope_config_number *number = &srope_config_numbers[i];
    if (!begin_default(to, config, number->key)) continue;
    add_number(to, *(const double *)((const char *)config + number->offset));
    srope_json_add(to, ",");
  }
  if (begin_default(to, config, list_keys[0])) {
    for (uint32_t i = 0; i < config->n_time_features; i++)
      srope_json_add(to, "%s\"%s\"", i > 0 ? "," : "[", srope_angle_feature_name(config->angle_features[i]));
    srope_json_add(to, "],"); /* without the key there are six */
  }
  if (begin_default(to, config, list_keys[1])) srope_json_add(to, "[],");
  if (begin_default(to, config, list_keys[2])) add_score_weights(to, model);

  yyjson_val *key, *value;
  size_t i, n;
  bool first = true;
  yyjson_obj_foreach(config->root, i, n, key, value) { /* `variant` is there, so this does not end with a comma */
    if (yyjson_is_null(value) && has_default(yyjson_get_str(key))) continue;
    if (!first) srope_json_add(to, ",");
    first = false;
    srope_json_add_value(to, key);
    srope_json_add(to, ":");
    srope_json_add_value(to, value);
  }
  srope_json_add(to, "}");
}

static void add_tensors(srope_json_text *to, const srope_safetensors *file) {
  for (uint32_t i = 0; i < file->n_tensors; i++) {
    const srope_tensor *tensor = &file->tensors[i];
    srope_json_add(to, "%s{\"name\":", i > 0 ? "," : "");
    add_string(to, tensor->name);
    srope_json_add(to, ",\"dtype\":\"%s\",\"shape\":[", srope_dtype_name(tensor->dtype));
    for (uint32_t dim = 0; dim < tensor->n_dims; dim++)
      srope_json_add(to, "%s%llu", dim > 0 ? "," : "", (unsigned long long)tensor->shape[dim]);
    srope_json_add(to, "]}");
  }
}

static void add_sizes(srope_json_text *to, const srope_info *info) {
  const struct {
    char letter[2];
    uint32_t size;
  } sizes[] = {{"L", info->n_layers}, {"D", info->d_model},   {"H", info->n_heads},          {"K", info->d_head},
               {"P", info->n_pairs},  {"A", info->n_angles},  {"F", info->n_angle_features}, {"X", info->n_item},
               {"Y", info->n_action}, {"Z", info->n_context}, {"G", info->n_signals},        {"T", info->n_tasks}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    srope_json_add(to, "%s\"%s\":%u", i > 0 ? "," : "", sizes[i].letter, sizes[i].size);
}

srope_status srope_describe(const srope_model *model, const srope_config *config, const srope_safetensors *file,
                            char **text, size_t *n, srope_error *error) {
  const srope_info *info = &model->info;
  srope_json_text to = {0};
  srope_json_add(&to, "{\"config\":");
  add_config(&to, model, config);
  srope_json_add(&to, ",\"tensors\":[");
  add_tensors(&to, file);
  srope_json_add(&to, "],\"parameters\":%llu,\"hash\":\"%016llx\",\"isa\":\"%s\",\"sizes\":{",
                 (unsigned long long)info->n_parameters, (unsigned long long)info->hash, info->isa);
  add_sizes(&to, info);
  srope_json_add(&to, "},\"order_scale\":");
  srope_json_add_real(&to, info->order_scale);
  srope_json_add(&to, ",\"ordinal_frequencies\":[");
  for (uint32_t j = 0; j < info->n_pairs; j++) {
    if (j > 0) srope_json_add(&to, ",");
    srope_json_add_real(&to, model->inverse_frequency[j]);
  }
  srope_json_add(&to, "]}");
  if (to.refused) {
    free(to.text);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the model's description");
  }
  *text = to.text;
  *n = to.n;
  return SROPE_OK;
}
