#include "model/config.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

enum { CONFIG_DEPTH = 32 };

static const char *const variant_names[] = {"ordinal", "torope", "siren"}; /* by srope_variant */
static const char *const angle_feature_names[] = {"order",    "year",     "sin_day", "cos_day",
                                                  "sin_week", "cos_week", "trend"}; /* by srope_angle_feature */
enum { N_VARIANTS = 3, N_ANGLE_FEATURES = sizeof angle_feature_names / sizeof *angle_feature_names };

static const double rope_bases[] = {100000, 10000, 100000}; /* by srope_variant: model.md's defaults */

/* The bounds keep every product of them with a time or a position finite. A softmax scale must be above 0; the offset of
 * a clock is at most a day; a trend's scale of less than a microsecond would leave float32. */
#define NUMBER(key, fallback, low, high, whole, required) \
  { #key, offsetof(srope_config, key), fallback, low, high, whole, required }
const srope_config_number srope_config_numbers[] = {
    NUMBER(num_heads, 0, 1, SROPE_MAX_WIDTH, true, true),
    NUMBER(max_history, 1024, 1, SROPE_MAX_HISTORY, true, false),
    NUMBER(attn_scale, 0.025, 1e-9, 1e9, false, false),
    NUMBER(skip_scale, 0.1, -1e9, 1e9, false, false),
    NUMBER(rope_base, NAN, 1, 1e15, false, false), /* its default is the variant's */
    NUMBER(time_scale, 0.01, -1e9, 1e9, false, false),
    NUMBER(omega_0, 10, -1e9, 1e9, false, false),
    NUMBER(trend_center, 0, -1e12, 1e12, false, false),
    NUMBER(trend_scale, 1, 1e-6, 1e15, false, false),
    NUMBER(utc_offset_minutes, 0, -1440, 1440, false, false),
};
const size_t srope_config_n_numbers = sizeof srope_config_numbers / sizeof *srope_config_numbers;

const char *srope_variant_name(srope_variant variant) { return variant_names[variant]; }
const char *srope_angle_feature_name(srope_angle_feature feature) { return angle_feature_names[feature]; }

double srope_config_score_weight(const srope_config *config, const char *label) {
  return config->score_weights ? yyjson_get_num(yyjson_obj_get(config->score_weights, label)) : 1;
}

/* The functions below fail at the key's name; srope_config_read puts "siren_rope" before it. */

/* A key's value, NULL when it is absent or null. A key that is there twice is an error: nobody knows which is meant. */
static srope_status find(const srope_config *config, const char *key, yyjson_val **out, srope_error *error) {
  yyjson_val *other_key, *value, *found = NULL;
  size_t i, n, count = 0;
  yyjson_obj_foreach(config->root, i, n, other_key, value) {
    if (!yyjson_equals_str(other_key, key)) continue;
    found = value;
    count++;
  }
  if (count > 1) return srope_fail(error, SROPE_ERR_CONFIG, key, "the key is there %zu times", count);
  *out = yyjson_is_null(found) ? NULL : found;
  return SROPE_OK;
}

static srope_status read_number(srope_config *config, const srope_config_number *number, srope_error *error) {
  double *out = (double *)((char *)config + number->offset);
  yyjson_val *value;
  srope_status status = find(config, number->key, &value, error);
  if (status) return status;
  *out = number->fallback;
  if (!value && !number->required) return SROPE_OK;
  if (!yyjson_is_num(value))
    return srope_fail(error, SROPE_ERR_CONFIG, number->key, "expected a number, found %s", srope_json_kind(value));
  double found = yyjson_get_num(value);
  if (!(found >= number->low && found <= number->high) || (number->whole && found != floor(found)))
    return srope_fail(error, number->whole && found > number->high ? SROPE_ERR_LIMIT : SROPE_ERR_CONFIG, number->key,
                      "expected a %snumber from %.9g to %.9g, found %.17g", number->whole ? "whole " : "", number->low,
                      number->high, found);
  *out = found;
  return SROPE_OK;
}

static srope_status read_variant(srope_config *config, srope_error *error) {
  yyjson_val *value;
  srope_status status = find(config, "variant", &value, error);
  if (status) return status;
  for (int i = 0; i < N_VARIANTS; i++)
    if (yyjson_equals_str(value, variant_names[i])) {
      config->variant = (srope_variant)i;
      return SROPE_OK;
    }
  bool is_text = yyjson_is_str(value);
  return srope_fail(error, SROPE_ERR_CONFIG, "variant", "expected ordinal, torope or siren, found %s%s",
                    is_text ? "the string " : "", is_text ? yyjson_get_str(value) : srope_json_kind(value));
}

/* A list of at most `maximum` strings, none of them empty and no two the same. */
static srope_status read_names(const srope_config *config, const char *key, uint32_t maximum, yyjson_val **list,
                               uint32_t *n_names, srope_error *error) {
  srope_status status = find(config, key, list, error);
  if (status || !*list) return status;
  if (!yyjson_is_arr(*list))
    return srope_fail(error, SROPE_ERR_CONFIG, key, "expected a list of strings, found %s", srope_json_kind(*list));
  if (yyjson_arr_size(*list) > maximum)
    return srope_fail(error, SROPE_ERR_LIMIT, key, "expected at most %u names, found %zu", maximum,
                      yyjson_arr_size(*list));
  size_t i, n, j, m;
  yyjson_val *name, *other;
  yyjson_arr_foreach(*list, i, n, name) {
    const char *text = yyjson_get_str(name);
    if (!text || !text[0] || strlen(text) != yyjson_get_len(name))
      return srope_fail(error, SROPE_ERR_CONFIG, key, "expected strings only, none empty, found %s at %zu",
                        srope_json_kind(name), i);
    yyjson_arr_foreach(*list, j, m, other) {
      if (j == i) break;
      if (yyjson_equals_str(other, text))
        return srope_fail(error, SROPE_ERR_CONFIG, key, "the name \"%s\" is there twice", text);
    }
  }
  *n_names = (uint32_t)yyjson_arr_size(*list);
  return SROPE_OK;
}

static srope_status read_score_weights(srope_config *config, srope_error *error) {
  srope_status status = find(config, "score_weights", &config->score_weights, error);
  if (status || !config->score_weights) return status;
  if (!yyjson_is_obj(config->score_weights))
    return srope_fail(error, SROPE_ERR_CONFIG, "score_weights", "expected an object from label to number, found %s",
                      srope_json_kind(config->score_weights));
  size_t i, n, j, m;
  yyjson_val *key, *value, *label;
  yyjson_obj_foreach(config->score_weights, i, n, key, value) {
    bool known = false;
    yyjson_arr_foreach(config->labels, j, m, label) known =
        known || yyjson_equals_strn(label, yyjson_get_str(key), yyjson_get_len(key));
    if (!known)
      return srope_fail(error, SROPE_ERR_CONFIG, "score_weights", "\"%s\" is none of the labels", yyjson_get_str(key));
    if (!yyjson_is_num(value))
      return srope_fail(error, SROPE_ERR_CONFIG, "score_weights", "expected a number for \"%s\", found %s",
                        yyjson_get_str(key), srope_json_kind(value));
  }
  return SROPE_OK;
}

static srope_status read_angle_feature(srope_config *config, yyjson_val *name, srope_error *error) {
  for (int f = 0; f < N_ANGLE_FEATURES; f++)
    if (yyjson_equals_str(name, angle_feature_names[f])) {
      config->angle_features[config->n_time_features++] = (srope_angle_feature)f;
      return SROPE_OK;
    }
  bool is_text = yyjson_is_str(name);
  return srope_fail(error, SROPE_ERR_CONFIG, "angle_features",
                    "expected order, year, sin_day, cos_day, sin_week, cos_week or trend, found %s%s",
                    is_text ? "the string " : "", is_text ? yyjson_get_str(name) : srope_json_kind(name));
}

static srope_status read_angle_features(srope_config *config, srope_error *error) {
  yyjson_val *list, *name, *center, *scale;
  srope_status status = find(config, "angle_features", &list, error);
  if (status) return status;
  if (!list) { /* the authors' six */
    for (int f = 0; f <= SROPE_ANGLE_COS_WEEK; f++) config->angle_features[f] = (srope_angle_feature)f;
    config->n_time_features = SROPE_ANGLE_COS_WEEK + 1;
    return SROPE_OK;
  }
  if (!yyjson_is_arr(list))
    return srope_fail(error, SROPE_ERR_CONFIG, "angle_features", "expected a list of names, found %s",
                      srope_json_kind(list));
  if (yyjson_arr_size(list) > SROPE_MAX_ANGLE_FEATURES)
    return srope_fail(error, SROPE_ERR_LIMIT, "angle_features", "expected at most %d names, found %zu",
                      SROPE_MAX_ANGLE_FEATURES, yyjson_arr_size(list));
  size_t i, n;
  yyjson_arr_foreach(list, i, n, name) {
    if ((status = read_angle_feature(config, name, error))) return status;
    if (config->angle_features[i] != SROPE_ANGLE_TREND) continue;
    if ((status = find(config, "trend_center", &center, error))) return status;
    if ((status = find(config, "trend_scale", &scale, error))) return status;
    if (!center || !scale)
      return srope_fail(error, SROPE_ERR_CONFIG, center ? "trend_scale" : "trend_center",
                        "expected a number, because `trend` is among the angle features, found nothing");
  }
  return SROPE_OK;
}

static srope_status read_config(srope_config *config, srope_error *error) {
  srope_status status;
  if (!yyjson_is_obj(config->root))
    return srope_fail(error, SROPE_ERR_CONFIG, NULL, "expected a JSON object, found %s", srope_json_kind(config->root));
  if ((status = read_variant(config, error))) return status;
  for (size_t i = 0; i < srope_config_n_numbers; i++)
    if ((status = read_number(config, &srope_config_numbers[i], error))) return status;
  if (isnan(config->rope_base)) config->rope_base = rope_bases[config->variant];
  if ((status = read_names(config, "labels", SROPE_MAX_LABELS, &config->labels, &config->n_labels, error)))
    return status;
  if (config->n_labels == 0)
    return srope_fail(error, SROPE_ERR_CONFIG, "labels", "expected a list of the tasks' names, not empty, found %s",
                      srope_json_kind(config->labels));
  if ((status = read_names(config, "angle_signals", SROPE_MAX_FEATURES, &config->signals, &config->n_signals, error)))
    return status;
  if ((status = read_score_weights(config, error))) return status;
  if ((status = read_angle_features(config, error))) return status;
  return find(config, "features", &config->features, error);
}

srope_status srope_config_read(const char *text, size_t n, srope_config *config, srope_error *error) {
  memset(config, 0, sizeof *config);
  srope_status status =
      srope_json_read(text, n, CONFIG_DEPTH, SROPE_ERR_CONFIG, "siren_rope", &config->document, error);
  if (status) return status;
  config->root = yyjson_doc_get_root(config->document);
  status = read_config(config, error);
  if (status) srope_error_prefix(error, "siren_rope");
  return status;
}

void srope_config_free(srope_config *config) {
  yyjson_doc_free(config->document);
  memset(config, 0, sizeof *config);
}
