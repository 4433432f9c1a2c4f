/* ablation.c: see ablation.h. Every row says all that tells rows apart, so that the base recipe may be any of them. */
#include "train/ablation.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

enum { DEPTH = 32 };

#define ROW(variant, features, zero, held)                                \
  "{\"model\":{\"variant\":\"" variant "\",\"angle_features\":[" features \
  "],\"angle_signals\":[],\"rope_base\":null,\"start_at_zero\":" zero "},\"training\":{\"hold\":\"" held "\"}}"
#define FIVE "\"sin_day\",\"cos_day\",\"sin_week\",\"cos_week\",\"trend\""
#define SIX "\"order\",\"year\",\"sin_day\",\"cos_day\",\"sin_week\",\"cos_week\""

const srope_ablation_row srope_ablation_rows[] = {
    {"ordinal", "positions only: RoPE", ROW("ordinal", "", "false", "nothing"), false, false},
    {"time-as-items", "ordinal, with the time features in the item's embedding", ROW("ordinal", "", "false", "nothing"),
     true, false},
    {"torope", "TO-RoPE: position plus scaled time", ROW("torope", "", "false", "nothing"), false, false},
    {"flag", "semantic rotation by a static flag", ROW("siren", "", "false", "nothing"), false, true},
    {"trend", "the long-range trend only", ROW("siren", "\"trend\"", "false", "nothing"), false, false},
    {"trend-relu", "the long-range trend only, without the sine branch", ROW("siren", "\"trend\"", "false", "sine"),
     false, false},
    {"sine", "all time features, sine branch only", ROW("siren", FIVE, "false", "relu"), false, false},
    {"relu", "all time features, ReLU branch only", ROW("siren", FIVE, "false", "sine"), false, false},
    {"full", "all time features, both branches: SIREN-RoPE", ROW("siren", FIVE, "false", "nothing"), false, false},
    {"full-zero", "the same, started as ordinal RoPE exactly", ROW("siren", FIVE, "true", "nothing"), false, false},
    {"six", "the authors' six features, with order and year", ROW("siren", SIX, "false", "nothing"), false, false},
};
const uint32_t srope_ablation_n_rows = sizeof srope_ablation_rows / sizeof *srope_ablation_rows;

/* The item's features and the time's, as a list. */
static yyjson_mut_val *list_items(yyjson_mut_doc *doc, yyjson_val *features) {
  static const char *const names[] = {"time.sin_day", "time.cos_day", "time.sin_week", "time.cos_week", "time.trend"};
  yyjson_mut_val *list = yyjson_val_mut_copy(doc, yyjson_obj_get(features, "item"));
  if (!yyjson_mut_is_arr(list)) list = yyjson_mut_arr(doc);
  for (int i = 0; i < 5; i++) {
    yyjson_mut_val *feature = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, feature, "name", names[i]);
    yyjson_mut_obj_add_str(doc, feature, "kind", "number");
  }
  return list;
}

/* What a row's patch cannot say. */
static void add_changes(yyjson_mut_doc *doc, yyjson_mut_val *root, const srope_ablation_row *row, yyjson_val *base,
                        yyjson_val *description, const char *flag, uint64_t seed) {
  yyjson_mut_val *model = yyjson_mut_obj_get(root, "model"), *training = yyjson_mut_obj_get(root, "training");
  yyjson_mut_obj_remove_key(training, "seed");
  yyjson_mut_obj_add_uint(doc, training, "seed", seed);
  if (row->needs_flag) {
    yyjson_mut_obj_remove_key(model, "angle_signals");
    yyjson_mut_val *signals = yyjson_mut_obj_add_arr(doc, model, "angle_signals");
    yyjson_mut_arr_add_str(doc, signals, flag);
  }
  if (!row->time_as_items) return;
  yyjson_val *features = yyjson_obj_get(yyjson_obj_get(base, "model"), "features");
  if (!features) features = yyjson_obj_get(description, "features");
  yyjson_mut_val *changed = yyjson_val_mut_copy(doc, features);
  if (!yyjson_mut_is_obj(changed)) changed = yyjson_mut_obj(doc);
  yyjson_mut_obj_remove_key(changed, "item");
  yyjson_mut_obj_add_val(doc, changed, "item", list_items(doc, features));
  yyjson_mut_obj_remove_key(model, "features");
  yyjson_mut_obj_add_val(doc, model, "features", changed);
}

srope_status srope_ablation_recipe(const srope_ablation_row *row, const char *base, size_t n_base,
                                   const char *description, size_t n_description, const char *flag, uint64_t seed,
                                   char **text, size_t *n, srope_error *error) {
  yyjson_doc *base_doc = NULL, *description_doc = NULL, *patch = NULL;
  srope_status status = srope_json_read(base, n_base, DEPTH, SROPE_ERR_JSON, "recipe", &base_doc, error);
  if (!status)
    status = srope_json_read(description, n_description, DEPTH, SROPE_ERR_JSON, "description", &description_doc, error);
  if (!status) status = srope_json_read(row->patch, strlen(row->patch), DEPTH, SROPE_ERR_JSON, "row", &patch, error);
  if (!status) {
    bool refused = false;
    yyjson_alc allocator;
    srope_json_watch_memory(&allocator, &refused);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
    yyjson_mut_val *root = yyjson_merge_patch(doc, yyjson_doc_get_root(base_doc), yyjson_doc_get_root(patch));
    yyjson_mut_doc_set_root(doc, root);
    add_changes(doc, root, row, yyjson_doc_get_root(base_doc), yyjson_doc_get_root(description_doc), flag, seed);
    *text = refused ? NULL : yyjson_mut_write(doc, 0, n);
    yyjson_mut_doc_free(doc);
    if (!*text) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a recipe");
  }
  yyjson_doc_free(base_doc);
  yyjson_doc_free(description_doc);
  yyjson_doc_free(patch);
  return status;
}
