/* file.c: see file.h. */
#include "cli/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/buffer.h"

enum { READ_BYTES = 1 << 20 };
static const uint64_t max_recipe_bytes = 16 << 20;

static srope_status fail_io(const char *path, const char *what, srope_error *error) {
  return srope_fail(error, SROPE_ERR_IO, path, "could not be %s: %s", what, strerror(errno));
}

static srope_status read_stream(FILE *file, const char *path, uint64_t limit_bytes, cli_buffer *buffer, size_t *n_bytes,
                                srope_error *error) {
  size_t n = 0, got;
  do {
    srope_status status = cli_buffer_reserve(buffer, n + READ_BYTES, 1, error);
    if (status != SROPE_OK) return status;
    got = fread((char *)buffer->data + n, 1, READ_BYTES, file);
    n += got;
    if (n > limit_bytes)
      return srope_fail(error, SROPE_ERR_LIMIT, path, "expected at most %llu bytes, found more",
                        (unsigned long long)limit_bytes);
  } while (got == READ_BYTES);
  if (ferror(file)) return fail_io(path, "read", error);
  *n_bytes = n;
  return SROPE_OK;
}

srope_status cli_file_read(const char *path, uint64_t limit_bytes, void **bytes, size_t *n_bytes, srope_error *error) {
  cli_buffer buffer = {0};
  FILE *file = fopen(path, "rb");
  if (file == NULL) return fail_io(path, "opened", error);
  srope_status status = read_stream(file, path, limit_bytes, &buffer, n_bytes, error);
  fclose(file);
  if (status == SROPE_OK)
    *bytes = buffer.data;
  else
    cli_buffer_free(&buffer);
  return status;
}

srope_status cli_file_read_recipe(const char *path, char **text, size_t *n, srope_error *error) {
  void *bytes = NULL;
  srope_status status = SROPE_OK;
  if (path != NULL) {
    status = cli_file_read(path, max_recipe_bytes, &bytes, n, error);
  } else {
    bytes = strdup("{}");
    *n = 2;
    if (bytes == NULL) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a recipe");
  }
  if (status == SROPE_OK) *text = bytes;
  return status;
}

/* On the disk before it takes the other's place, so that a crash of the machine leaves one of the two. Pipes and the like have no
 * disk: EINVAL. */
static bool sync_file(FILE *file) { return fsync(fileno(file)) == 0 || errno == EINVAL; }

srope_status cli_file_write(const char *path, const void *bytes, size_t n_bytes, srope_error *error) {
  char temporary[4096];
  int n = snprintf(temporary, sizeof temporary, "%s.part", path);
  if (n < 0 || (size_t)n >= sizeof temporary)
    return srope_fail(error, SROPE_ERR_LIMIT, path, "expected a path under %zu bytes", sizeof temporary - 5);
  FILE *file = fopen(temporary, "wb");
  if (file == NULL) return fail_io(temporary, "opened for writing", error);
  bool written = fwrite(bytes, 1, n_bytes, file) == n_bytes && fflush(file) == 0 && sync_file(file);
  written = fclose(file) == 0 && written;
  if (written && rename(temporary, path) == 0) return SROPE_OK;
  fail_io(path, "written", error);
  remove(temporary);
  return SROPE_ERR_IO;
}

srope_status cli_file_load_model(const char *path, const char *isa, srope_model **out, srope_error *error) {
  void *bytes;
  size_t n_bytes;
  srope_status status = cli_file_read(path, CLI_MAX_MODEL_BYTES, &bytes, &n_bytes, error);
  if (status != SROPE_OK) return status;
  status = srope_model_load(bytes, n_bytes, isa, out, error);
  if (status != SROPE_OK) srope_error_prefix(error, "%s", path);
  free(bytes);
  return status;
}
