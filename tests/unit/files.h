/* files.h: the bytes of a file of the source tree, for the unit tests. */
#ifndef SROPE_TESTS_UNIT_FILES_H
#define SROPE_TESTS_UNIT_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sirenrope/sirenrope.h"

/* The caller frees them. `path` is from the repository's root. */
static inline unsigned char *read_bytes(const char *path, size_t *n) {
  char full[1024];
  snprintf(full, sizeof full, "%s/%s", SROPE_SOURCE_DIR, path);
  FILE *file = fopen(full, "rb");
  if (!file) fail_msg("cannot open %s", full);
  fseek(file, 0, SEEK_END);
  *n = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*n + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *n, file), *n);
  fclose(file);
  return bytes;
}

/* The bytes are gone when this returns: a model keeps none of them. */
static inline srope_model *load_model(const char *path) {
  size_t n;
  unsigned char *bytes = read_bytes(path, &n);
  srope_model *model = NULL;
  srope_error error;
  srope_status status = srope_model_load(bytes, n, NULL, &model, &error);
  memset(bytes, 0xA5, n);
  free(bytes);
  if (status) fail_msg("%s: %s: %s: %s", path, srope_status_code(status), error.where, error.message);
  return model;
}

#endif
