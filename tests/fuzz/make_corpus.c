/* make_corpus.c: writes the seeds of corpus/loader (tiny models) and corpus/snapshot into the folder given:
 * `make_corpus corpus`. Run it again when a format changes. Inputs that fuzzers found, and the texts of
 * corpus/{request,time}, are kept by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "property/random_model.h"
#include "sirenrope/sirenrope.h"

static void write_file(const char *folder, const char *name, const void *bytes, size_t n) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
    perror(path);
    exit(EXIT_FAILURE);
  }
}

static unsigned char *tiny_model(int variant, int bf16, size_t *n) {
  random_source random = {1};
  model_sizes sizes = model_sizes_tiny(variant);
  sizes.bf16 = bf16;
  return model_write(&sizes, &random, n);
}

static void write_models(const char *folder) {
  static const char *const names[] = {"loader/ordinal", "loader/torope", "loader/siren", "loader/siren-bf16"};
  for (int i = 0; i < 4; i++) {
    size_t n;
    unsigned char *bytes = tiny_model(i < 3 ? i : SROPE_SIREN, i == 3, &n);
    write_file(folder, names[i], bytes, n);
    if (i == SROPE_SIREN) write_file(folder, "loader/siren-cut", bytes, n - 40);
    free(bytes);
  }
}

static void write_snapshot(const char *folder, const char *name, const srope_session *session) {
  size_t n = srope_session_snapshot_size(session);
  unsigned char *bytes = malloc(n);
  if (srope_session_snapshot(session, bytes, n, NULL) != SROPE_OK) exit(EXIT_FAILURE);
  write_file(folder, name, bytes, n);
  if (n > 100) write_file(folder, "snapshot/cut", bytes, n - 24);
  free(bytes);
}

static void write_snapshots(const char *folder) {
  enum { N = 3 };
  size_t n;
  unsigned char *bytes = tiny_model(SROPE_SIREN, 0, &n);
  srope_model *model;
  srope_session *session;
  if (srope_model_load(bytes, n, "scalar", &model, NULL) != SROPE_OK) exit(EXIT_FAILURE);
  free(bytes);
  const float item[N * 2] = {1, 2, 3, 4, 5, 6}, action[N] = {1, 0, 1}, signal[N] = {0.5f, 0, -1};
  const double time_s[N] = {1.65e9, 1.65e9, 1.6501e9}, offset[N] = {NAN, 60, -60};
  const uint64_t request[N] = {7, 0, 7};
  const srope_events events = {.n = N,
                               .item = item,
                               .action = action,
                               .time_s = time_s,
                               .signal = signal,
                               .request = request,
                               .utc_offset_minutes = offset};
  if (srope_session_create(model, NULL, &session, NULL) != SROPE_OK) exit(EXIT_FAILURE);
  write_snapshot(folder, "snapshot/empty", session);
  if (srope_session_append(session, &events, NULL) != SROPE_OK) exit(EXIT_FAILURE);
  write_snapshot(folder, "snapshot/events", session);
  srope_session_free(session);
  srope_model_free(model);
}

int main(int n_arguments, char **arguments) {
  if (n_arguments != 2) {
    fprintf(stderr, "usage: make_corpus FOLDER\n");
    return EXIT_FAILURE;
  }
  write_models(arguments[1]);
  write_snapshots(arguments[1]);
  return EXIT_SUCCESS;
}
