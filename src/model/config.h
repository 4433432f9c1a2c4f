/* config.h: the JSON of the metadata key `siren_rope` -> checked values, defaults filled in.
 * In: text (borrowed). Out: srope_config, whose strings live in its document. Not here: tensors, and whether their shapes
 * agree with what the configuration says (tensors.c).
 */
#ifndef SROPE_MODEL_CONFIG_H
#define SROPE_MODEL_CONFIG_H

#include "model/model.h"

struct yyjson_doc;
struct yyjson_val;

enum { SROPE_MAX_LABELS = 4096 }; /* tasks */

typedef struct srope_config {
  srope_variant variant;
  double num_heads, max_history; /* whole */
  double attn_scale, skip_scale, omega_0, rope_base, time_scale, trend_center, trend_scale, utc_offset_minutes;
  srope_angle_feature angle_features[SROPE_MAX_ANGLE_FEATURES];
  uint32_t n_time_features; /* named angle features; signals not counted */
  uint32_t n_labels, n_signals;
  struct yyjson_val *root, *labels, *signals, *score_weights, *features; /* NULL where the file says nothing */
  struct yyjson_doc *document;                                           /* owns all of them */
} srope_config;

/* Errors: CONFIG, LIMIT, MEMORY; where = "siren_rope.<key>". Free it with srope_config_free, also after a failure. */
srope_status srope_config_read(const char *text, size_t n, srope_config *config, srope_error *error);
void srope_config_free(srope_config *config);

/* The weight of a task as the file says it: 1 for all without `score_weights`, 0 for one that it does not name. */
double srope_config_score_weight(const srope_config *config, const char *label);

const char *srope_variant_name(srope_variant variant);
const char *srope_angle_feature_name(srope_angle_feature feature);

/* The keys that are numbers, for reading and describing. */
typedef struct srope_config_number {
  const char *key;
  size_t offset; /* of the double in srope_config */
  double fallback, low, high;
  bool whole, required;
} srope_config_number;
extern const srope_config_number srope_config_numbers[];
extern const size_t srope_config_n_numbers;

#endif
