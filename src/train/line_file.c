/* line_file.c: see line_file.h. */
#include "train/line_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"

enum { READ_BYTES = 1 << 17 };

struct srope_line_file {
  gzFile file; /* reads plain files as they are */
  char *buffer;
  size_t capacity, begin, end; /* unread bytes: begin .. end */
  size_t scanned;              /* of these, known to hold no newline */
  uint64_t line;
  bool ended;
};

srope_status srope_line_file_open(const char *path, srope_line_file **out, srope_error *error) {
  srope_line_file *file = calloc(1, sizeof *file);
  if (file == NULL) return srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to read it with");
  errno = 0;
  file->file = gzopen(path, "rb");
  if (file->file == NULL) {
    srope_line_file_close(file);
    return srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", errno != 0 ? strerror(errno) : "no memory");
  }
  gzbuffer(file->file, READ_BYTES);
  *out = file;
  return SROPE_OK;
}

void srope_line_file_close(srope_line_file *file) {
  if (file == NULL) return;
  if (file->file != NULL) gzclose_r(file->file);
  free(file->buffer);
  free(file);
}

static srope_status make_room(srope_line_file *file, srope_error *error) {
  if (file->begin > 0) {
    memmove(file->buffer, file->buffer + file->begin, file->end - file->begin);
    file->end -= file->begin;
    file->begin = 0;
  }
  size_t need = file->end + READ_BYTES + SROPE_LINE_PADDING_BYTES;
  if (need <= file->capacity) return SROPE_OK;
  size_t capacity = need > 2 * file->capacity ? need : 2 * file->capacity;
  char *buffer = realloc(file->buffer, capacity);
  if (buffer == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a line of %zu bytes", file->end);
  file->buffer = buffer;
  file->capacity = capacity;
  return SROPE_OK;
}

static srope_status fill(srope_line_file *file, srope_error *error) {
  srope_status status = make_room(file, error);
  if (status != SROPE_OK) return status;
  int n = gzread(file->file, file->buffer + file->end, READ_BYTES), code = Z_OK;
  const char *message = gzerror(file->file, &code);
  if (n < 0 || (n == 0 && code != Z_OK && code != Z_STREAM_END))
    return srope_fail(error, SROPE_ERR_IO, NULL, "could not be read: %s", code == Z_ERRNO ? strerror(errno) : message);
  file->ended = n == 0;
  file->end += (size_t)n;
  return SROPE_OK;
}

/* Until the unread bytes hold a newline or the file ends; *n of the line. */
static srope_status find_end(srope_line_file *file, size_t *n, bool *newline, srope_error *error) {
  for (;;) {
    size_t unread = file->end - file->begin;
    const char *from = file->buffer != NULL ? file->buffer + file->begin : ""; /* before the first read */
    const char *found = unread > file->scanned ? memchr(from + file->scanned, '\n', unread - file->scanned) : NULL;
    *n = found != NULL ? (size_t)(found - from) : unread;
    *newline = found != NULL;
    if (*n > SROPE_MAX_LINE_BYTES)
      return srope_fail(error, SROPE_ERR_LIMIT, NULL, "expected a line of at most %d bytes", SROPE_MAX_LINE_BYTES);
    if (found != NULL || file->ended) return SROPE_OK;
    file->scanned = unread;
    srope_status status = fill(file, error);
    if (status != SROPE_OK) return status;
  }
}

srope_status srope_line_file_next(srope_line_file *file, char **text, size_t *n, srope_error *error) {
  static const char mark[3] = "\xEF\xBB\xBF"; /* UTF-8 byte order mark */
  bool newline;
  file->line++;
  srope_status status = find_end(file, n, &newline, error);
  if (status != SROPE_OK) return status;
  *text = !newline && *n == 0 ? NULL : file->buffer + file->begin;
  file->begin += *n + newline;
  file->scanned = 0;
  if (file->line == 1 && *n >= sizeof mark && memcmp(*text, mark, sizeof mark) == 0) {
    *text += sizeof mark;
    *n -= sizeof mark;
  }
  return SROPE_OK;
}

uint64_t srope_line_file_line(const srope_line_file *file) { return file->line; }

uint64_t srope_line_file_offset(const srope_line_file *file) {
  z_off_t offset = gzoffset(file->file);
  return offset > 0 ? (uint64_t)offset : 0;
}
