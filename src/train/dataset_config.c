/* dataset_config.c: see dataset_config.h. */
#include "train/dataset_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/config.h"
#include "yyjson.h"

enum { MAX_DEPTH = 32 };

/* A list of strings -> pointers into the document. */
static srope_status read_names(yyjson_val *root, const char *key, uint32_t maximum, const char ***names, uint32_t *n,
                               srope_error *error) {
  yyjson_val *list = yyjson_obj_get(root, key), *name;
  size_t count = yyjson_arr_size(list), i, end;
  if (list != NULL && !yyjson_is_null(list) && !yyjson_is_arr(list))
    return srope_fail(error, SROPE_ERR_CONFIG, key, "expected a list of strings, found %s", srope_json_kind(list));
  if (count > maximum)
    return srope_fail(error, SROPE_ERR_LIMIT, key, "expected at most %u names, found %zu", maximum, count);
  *names = calloc(count + 1, sizeof **names);
  if (*names == NULL) return srope_fail(error, SROPE_ERR_MEMORY, key, "no memory for %zu names", count);
  yyjson_arr_foreach(list, i, end, name) {
    (*names)[i] = yyjson_get_str(name);
    if (!yyjson_is_str(name) || yyjson_get_len(name) == 0 || strlen((*names)[i]) != yyjson_get_len(name))
      return srope_fail(error, SROPE_ERR_CONFIG, key, "expected strings only, none empty, found %s at %zu",
                        srope_json_kind(name), i);
    for (size_t j = 0; j < i; j++)
      if (strcmp((*names)[i], (*names)[j]) == 0)
        return srope_fail(error, SROPE_ERR_CONFIG, key, "the name \"%s\" is there twice", (*names)[i]);
  }
  *n = (uint32_t)count;
  return SROPE_OK;
}

static srope_status read_number(yyjson_val *root, const char *key, double fallback, double *out, srope_error *error) {
  yyjson_val *value = yyjson_obj_get(root, key);
  *out = fallback;
  if (value == NULL || yyjson_is_null(value)) return SROPE_OK;
  *out = yyjson_get_num(value);
  return yyjson_is_num(value) && isfinite(*out)
             ? SROPE_OK
             : srope_fail(error, SROPE_ERR_CONFIG, key, "expected a number, found %s", srope_json_kind(value));
}

/* Which features are computed when the data has them not; *any and *trend: whether there are some, and a trend. */
static srope_status find_time_values(srope_dataset_config *config, bool *any, bool *trend, srope_error *error) {
  for (int list = 0; list < 3; list++) {
    const srope_schema *schema = &config->schema[list];
    config->time_values[list] = calloc(schema->n_fields + (size_t)1, sizeof *config->time_values[list]);
    if (config->time_values[list] == NULL)
      return srope_fail(error, SROPE_ERR_MEMORY, "features", "no memory for %u features", schema->n_fields);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
      if (list == SROPE_ACTION || schema->fields[i].kind != SROPE_KIND_NUMBER) continue;
      srope_time_value value = srope_time_value_find(schema->fields[i].public_view.name);
      config->time_values[list][i] = value;
      *any = *any || value != SROPE_TIME_NONE;
      *trend = *trend || value == SROPE_TIME_TREND;
    }
  }
  return SROPE_OK;
}

static srope_status read_times(yyjson_val *root, srope_dataset_config *config, bool *any, srope_error *error) {
  bool trend = false;
  srope_status status = find_time_values(config, any, &trend, error);
  if (status == SROPE_OK) status = read_number(root, "trend_center", NAN, &config->trend_center, error);
  if (status == SROPE_OK) status = read_number(root, "trend_scale", NAN, &config->trend_scale, error);
  if (status == SROPE_OK) status = read_number(root, "utc_offset_minutes", 0, &config->utc_offset_minutes, error);
  if (status != SROPE_OK || !trend) return status;
  if (isnan(config->trend_center) || !(config->trend_scale > 0))
    return srope_fail(error, SROPE_ERR_CONFIG, isnan(config->trend_center) ? "trend_center" : "trend_scale",
                      "expected a number%s, because a feature is called time.trend",
                      isnan(config->trend_center) ? "" : " above 0");
  return SROPE_OK;
}

/* Text of the three keys as they stand: another order of their members counts as other. */
static srope_status hash_config(yyjson_val *root, bool any_times, srope_dataset_config *config, srope_error *error) {
  static const char *const keys[] = {"features", "labels", "angle_signals"};
  uint64_t parts[6] = {0};
  for (int i = 0; i < 3; i++) {
    yyjson_val *value = yyjson_obj_get(root, keys[i]);
    if (value == NULL || yyjson_is_null(value)) continue;
    srope_json_text text = {0};
    srope_json_add_value(&text, value);
    if (!text.refused) parts[i] = srope_hash64(text.text, text.n);
    free(text.text);
    if (text.refused) return srope_fail(error, SROPE_ERR_MEMORY, keys[i], "no memory for its text");
  }
  if (any_times) {
    const double times[] = {config->trend_center, config->trend_scale, config->utc_offset_minutes};
    memcpy(parts + 3, times, sizeof times);
  }
  config->hash = srope_hash64(parts, sizeof parts);
  return SROPE_OK;
}

srope_status srope_dataset_config_read(const char *text, size_t n, srope_dataset_config *out, srope_error *error) {
  bool any_times = false;
  *out = (srope_dataset_config){0};
  srope_status status = srope_json_read(text, n, MAX_DEPTH, SROPE_ERR_CONFIG, "configuration", &out->document, error);
  if (status != SROPE_OK) return status;
  yyjson_val *root = yyjson_doc_get_root(out->document);
  if (!yyjson_is_obj(root))
    return srope_fail(error, SROPE_ERR_CONFIG, "configuration", "expected an object, found %s", srope_json_kind(root));
  status = srope_schema_read(yyjson_obj_get(root, "features"), out->schema, error);
  if (status == SROPE_OK) status = read_names(root, "labels", SROPE_MAX_LABELS, &out->labels, &out->n_tasks, error);
  if (status == SROPE_OK && out->n_tasks == 0)
    status = srope_fail(error, SROPE_ERR_CONFIG, "labels", "expected a list of the tasks' names, not empty");
  if (status == SROPE_OK)
    status = read_names(root, "angle_signals", SROPE_MAX_FEATURES, &out->signals, &out->n_signals, error);
  if (status == SROPE_OK) status = read_times(root, out, &any_times, error);
  return status == SROPE_OK ? hash_config(root, any_times, out, error) : status;
}

void srope_dataset_config_free(srope_dataset_config *config) {
  srope_schema_free(config->schema);
  for (int list = 0; list < 3; list++) free(config->time_values[list]);
  free(config->labels);
  free(config->signals);
  yyjson_doc_free(config->document);
  *config = (srope_dataset_config){0};
}

void srope_dataset_config_fill_times(const srope_dataset_config *config, srope_list list, double time_s,
                                     double utc_offset_minutes, srope_value *values) {
  double offset = isnan(utc_offset_minutes) ? config->utc_offset_minutes : utc_offset_minutes;
  for (uint32_t i = 0; i < config->schema[list].n_fields; i++) {
    srope_time_value value = config->time_values[list][i];
    if (value == SROPE_TIME_NONE || values[i].kind != SROPE_VALUE_MISSING) continue;
    double number = srope_time_value_compute(value, time_s, offset, config->trend_center, config->trend_scale);
    values[i] = (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = number};
  }
}
