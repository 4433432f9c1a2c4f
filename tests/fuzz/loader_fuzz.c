/* loader_fuzz.c: any bytes as a model file, whole and in pieces; a small model that loads must also describe itself and score. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "sirenrope/sirenrope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void score(const srope_model *model) {
  enum { N = 2 };
  const srope_info *info = srope_model_info(model);
  double time_s[N] = {1e9, 1e9 + 1};
  float *item = calloc(N * info->n_item + 1, sizeof *item), *action = calloc(N * info->n_action + 1, sizeof *action);
  float *context = calloc(N * info->n_context + 1, sizeof *context),
        *logits = calloc(N * info->n_tasks, sizeof *logits);
  srope_events events = {.n = N, .item = item, .action = action, .time_s = time_s};
  srope_candidates candidates = {.n = N, .item = item, .context = context, .now_s = 1e9 + 2, .utc_offset_minutes = NAN};
  srope_session_options options = {.max_history = 4, .utc_offset_minutes = NAN};
  srope_session *session;
  require(srope_session_create(model, &options, &session, NULL) == SROPE_OK);
  require(srope_session_append(session, &events, NULL) == SROPE_OK);
  require(srope_session_score(session, &candidates, logits, NULL) == SROPE_OK);
  srope_session_free(session);
  free(item);
  free(action);
  free(context);
  free(logits);
}

/* The file in pieces of odd sizes must come to the same. */
static void load_in_pieces(const uint8_t *data, size_t size, srope_status expected, const srope_model *whole) {
  srope_model *model = NULL;
  srope_loader *loader;
  srope_status status = srope_loader_create("scalar", size, &loader, NULL);
  require(status == SROPE_OK);
  for (size_t at = 0, piece = 0; at < size && status == SROPE_OK; at += piece) {
    piece = 1 + (7 * piece + data[at]) % 300;
    if (piece > size - at) piece = size - at;
    status = srope_loader_push(loader, data + at, piece, NULL);
  }
  if (status == SROPE_OK) status = srope_loader_finish(loader, &model, NULL);
  require(status == expected);
  require(!model || srope_model_info(model)->hash == srope_model_info(whole)->hash);
  srope_loader_free(loader);
  srope_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  srope_model *model = NULL;
  srope_error error = {0};
  srope_status status = srope_model_load(data, size, "scalar", &model, &error);
  if (size > 0) load_in_pieces(data, size, status, model);
  if (status != SROPE_OK) {
    require(model == NULL && error.status == status && error.message[0] != 0);
    return 0;
  }
  char *text;
  size_t n;
  require(srope_model_describe(model, &text, &n, &error) == SROPE_OK);
  srope_free(text);
  if (srope_model_info(model)->n_parameters < 100000 && srope_model_info(model)->n_item < 10000) score(model);
  srope_model_free(model);
  return 0;
}
