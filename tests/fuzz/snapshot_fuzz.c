/* snapshot_fuzz.c: any bytes as a snapshot of a small model, as they are and with the model's hash and the checksum
 * made right, so that what lies behind those checks is reached. What is restored must be usable, and its own snapshot a
 * fixed point. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "property/random_model.h"
#include "sirenrope/sirenrope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static const srope_model *small_model(void) {
  static srope_model *model;
  if (!model) {
    random_source random = {1};
    model_sizes sizes = model_sizes_tiny(SROPE_SIREN);
    size_t n;
    unsigned char *bytes = model_write(&sizes, &random, &n);
    require(srope_model_load(bytes, n, "scalar", &model, NULL) == SROPE_OK);
    free(bytes);
  }
  return model;
}

static uint8_t *snapshot(const srope_session *session, size_t size) {
  uint8_t *bytes = malloc(size);
  require(srope_session_snapshot_size(session) == size);
  require(srope_session_snapshot(session, bytes, size, NULL) == SROPE_OK);
  return bytes;
}

static void use(const srope_model *model, srope_session *session, size_t size) {
  const srope_info *info = srope_model_info(model);
  float *zeros = calloc(info->n_item + info->n_context + 1, sizeof *zeros),
        *logits = calloc(info->n_tasks, sizeof *logits);
  srope_candidates one = {.n = 1, .item = zeros, .context = zeros, .now_s = 1e9, .utc_offset_minutes = NAN};
  require(srope_session_score(session, &one, logits, NULL) == SROPE_OK);
  free(zeros);
  free(logits);

  srope_session *twin = NULL;
  uint8_t *bytes = snapshot(session, size);
  require(srope_session_restore(model, bytes, size, &twin, NULL) == SROPE_OK);
  uint8_t *again = snapshot(twin, size);
  require(memcmp(bytes, again, size) == 0);
  srope_session_free(twin);
  free(bytes);
  free(again);
}

static void restore(const srope_model *model, const uint8_t *bytes, size_t size) {
  srope_session *session = NULL;
  srope_error error = {0};
  srope_status status = srope_session_restore(model, bytes, size, &session, &error);
  if (status == SROPE_OK) {
    use(model, session, size);
    srope_session_free(session);
  } else {
    require(session == NULL && error.status == status && error.message[0] != 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { MODEL_HASH = 16, AT_LEAST = 72 }; /* where the model's hash lies: src/rank/snapshot.c */
  const srope_model *model = small_model();
  restore(model, data, size);
  if (size < AT_LEAST) return 0;
  uint8_t *mended = malloc(size);
  memcpy(mended, data, size);
  memcpy(mended + MODEL_HASH, &srope_model_info(model)->hash, 8);
  uint64_t hash = srope_hash64(mended, size - 8);
  memcpy(mended + size - 8, &hash, 8);
  restore(model, mended, size);
  free(mended);
  return 0;
}
