/* model.c: what the public header lets one ask of a loaded model. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "yyjson.h"

void srope_model_free(srope_model *model) {
  if (!model) return;
  srope_schema_free(model->schema);
  srope_aligned_free(model->memory);
  free(model->parameters);
  free(model->description);
  yyjson_doc_free(model->config);
  free(model);
}

void srope_free(void *pointer) { free(pointer); }

const srope_info *srope_model_info(const srope_model *model) { return &model->info; }

const char *srope_model_task(const srope_model *model, uint32_t task) {
  return task < model->info.n_tasks ? model->tasks[task] : NULL;
}

const char *srope_model_signal(const srope_model *model, uint32_t signal) {
  return signal < model->info.n_signals ? model->signals[signal] : NULL;
}

const double *srope_model_score_weights(const srope_model *model) { return model->score_weights; }

srope_status srope_model_describe(const srope_model *model, char **text, size_t *n, srope_error *error) {
  char *copy = malloc(model->description_n + 1);
  if (!copy) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the model's description");
  memcpy(copy, model->description, model->description_n + 1);
  *text = copy;
  if (n) *n = model->description_n;
  return SROPE_OK;
}

uint32_t srope_model_feature_count(const srope_model *model, srope_list list) {
  return (unsigned)list <= SROPE_CONTEXT ? model->schema[list].n_fields : 0;
}

const srope_feature *srope_model_feature(const srope_model *model, srope_list list, uint32_t i) {
  return i < srope_model_feature_count(model, list) ? &model->schema[list].fields[i].public_view : NULL;
}

srope_status srope_encode(const srope_model *model, srope_list list, const srope_value *values, float *out,
                          srope_error *error) {
  if (srope_model_feature_count(model, list) == 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "the model builds no vector from named values for this list");
  if (!values || !out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected values and a place for the vector");
  return srope_schema_encode(&model->schema[list], values, out, error);
}
