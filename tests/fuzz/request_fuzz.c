/* request_fuzz.c: any bytes as a line of `siren-rope rank`, with a model that takes raw vectors and signals and with
 * one that has a schema; what reads well is scored. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/request.h"
#include "golden/tensor_file.h"
#include "property/random_model.h"
#include "sirenrope/sirenrope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static srope_model *load_raw(void) { /* X 2, Y 1, Z 1, one signal */
  random_source random = {1};
  model_sizes sizes = model_sizes_tiny(SROPE_SIREN);
  size_t n;
  unsigned char *bytes = model_write(&sizes, &random, &n);
  srope_model *model = NULL;
  require(srope_model_load(bytes, n, "scalar", &model, NULL) == SROPE_OK);
  free(bytes);
  return model;
}

static srope_model *load_with_schema(void) {
  size_t n;
  unsigned char *bytes = tensor_file_read(SROPE_SOURCE_DIR "/tests/unit/good/features.safetensors", &n);
  srope_model *model = NULL;
  require(srope_model_load(bytes, n, "scalar", &model, NULL) == SROPE_OK);
  free(bytes);
  return model;
}

static void score_candidates(const srope_model *model, cli_request_reader *reader, const cli_request *request,
                             srope_session *session) {
  const srope_info *info = srope_model_info(model);
  float *item = malloc((info->n_item + 1) * sizeof *item), *context = malloc((info->n_context + 1) * sizeof *context);
  float *signal = malloc((info->n_signals + 1) * sizeof *signal), *logits = malloc(info->n_tasks * sizeof *logits);
  size_t index, n;
  yyjson_val *candidate, *id;
  yyjson_arr_foreach(request->candidates, index, n, candidate) {
    srope_candidates one = {.n = 1,
                            .item = item,
                            .context = context,
                            .signal = signal,
                            .now_s = request->now_s,
                            .utc_offset_minutes = request->utc_offset_minutes};
    srope_error error = {0};
    srope_status status = cli_request_read_candidate(reader, candidate, index, item, context, signal, &id, &error);
    if (status == SROPE_OK) status = srope_session_score(session, &one, logits, &error);
    require(status == error.status);
  }
  free(item);
  free(context);
  free(signal);
  free(logits);
}

static void answer(const srope_model *model, cli_request_reader *reader, const uint8_t *data, size_t size) {
  char *line = calloc(size + YYJSON_PADDING_SIZE, 1);
  srope_session *session = NULL;
  cli_request request;
  srope_error error = {0};
  memcpy(line, data, size);
  require(srope_session_create(model, NULL, &session, NULL) == SROPE_OK);
  srope_status status = cli_request_parse(reader, line, size, &request, &error);
  if (status == SROPE_OK) status = cli_request_append_history(reader, &request, session, &error);
  if (status == SROPE_OK) {
    for (size_t i = 0; i < srope_session_count(session); i++)
      require(cli_request_find_event(reader, &request, session, i) < yyjson_arr_size(request.history));
    score_candidates(model, reader, &request, session);
  } else {
    require(error.status == status && error.message[0] != 0);
  }
  srope_session_free(session);
  free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static srope_model *models[2]; /* loaded once: a fuzzer runs this millions of times */
  if (!models[0]) {
    models[0] = load_raw();
    models[1] = load_with_schema();
  }
  for (int i = 0; i < 2; i++)
    for (int lenient = 0; lenient < 2; lenient++) {
      cli_request_rules rules = {.max_candidates = 50, .max_events = 50, .strict = !lenient, .sort_history = lenient};
      cli_request_reader *reader = NULL;
      require(cli_request_reader_create(models[i], &rules, &reader, NULL) == SROPE_OK);
      answer(models[i], reader, data, size);
      cli_request_reader_free(reader);
    }
  return 0;
}
