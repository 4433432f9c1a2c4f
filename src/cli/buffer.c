/* buffer.c: see buffer.h. */
#include "cli/buffer.h"

#include <stdlib.h>

#include "base/error.h"

srope_status cli_buffer_reserve(cli_buffer *buffer, size_t count, size_t size, srope_error *error) {
  if (size != 0 && count > SIZE_MAX / 2 / size) {
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "%zu elements of %zu bytes are too many", count, size);
  }
  size_t need = count * size;
  if (need <= buffer->capacity_bytes) { return SROPE_OK; }
  size_t capacity = need < buffer->capacity_bytes * 2 ? buffer->capacity_bytes * 2 : need;
  void *data = realloc(buffer->data, capacity);
  if (data == NULL) { return srope_fail(error, SROPE_ERR_MEMORY, NULL, "%zu bytes were refused", capacity); }
  buffer->data = data;
  buffer->capacity_bytes = capacity;
  return SROPE_OK;
}

void cli_buffer_free(cli_buffer *buffer) {
  free(buffer->data);
  *buffer = (cli_buffer){0};
}
