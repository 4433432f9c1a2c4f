/* lines.c: see lines.h. */
#include "cli/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { READ_BYTES = 1 << 16 };

static char *unread(const cli_lines *lines) { return (char *)lines->buffer.data + lines->begin; }

/* The newline among the unread bytes, or NULL; no byte is looked at twice. */
static char *find_newline(cli_lines *lines) {
  size_t n = lines->end - lines->begin;
  char *newline = n > lines->scanned ? memchr(unread(lines) + lines->scanned, '\n', n - lines->scanned) : NULL;
  lines->scanned = newline != NULL ? (size_t)(newline - unread(lines)) : n;
  return newline;
}

/* Reads what is there, at most READ_BYTES, behind the unread bytes. */
static srope_status fill(cli_lines *lines, srope_error *error) {
  if (lines->begin > 0) {
    memmove(lines->buffer.data, unread(lines), lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
  }
  srope_status status = cli_buffer_reserve(&lines->buffer, lines->end + READ_BYTES + lines->padding_bytes, 1, error);
  if (status != SROPE_OK) { return status; }
  ssize_t n;
  do { n = read(lines->descriptor, unread(lines) + lines->end, READ_BYTES); } while (n < 0 && errno == EINTR);
  if (n < 0) { return srope_fail(error, SROPE_ERR_IO, "standard input", "could not be read: %s", strerror(errno)); }
  lines->ended = n == 0;
  lines->end += (size_t)n;
  return SROPE_OK;
}

/* Drops bytes up to the end of the line that is too long. */
static cli_line skip_line(cli_lines *lines, srope_error *error) {
  char *newline;
  while ((newline = find_newline(lines)) == NULL && !lines->ended) {
    lines->begin = lines->end = lines->scanned = 0;
    if (fill(lines, error) != SROPE_OK) { return CLI_LINE_FAILED; }
  }
  lines->begin = newline != NULL ? lines->begin + lines->scanned + 1 : lines->end;
  lines->scanned = 0;
  return CLI_LINE_TOO_LONG;
}

bool cli_lines_ready(cli_lines *lines) { return lines->ended || find_newline(lines) != NULL; }

cli_line cli_lines_next(cli_lines *lines, char **text, size_t *n, srope_error *error) {
  char *newline;
  while ((newline = find_newline(lines)) == NULL && !lines->ended) {
    if (lines->scanned > lines->limit_bytes) { return skip_line(lines, error); }
    if (fill(lines, error) != SROPE_OK) { return CLI_LINE_FAILED; }
  }
  if (newline == NULL && lines->begin == lines->end) { return CLI_LINE_NONE; }
  if (lines->scanned > lines->limit_bytes) { return skip_line(lines, error); }
  *text = unread(lines);
  *n = lines->scanned;
  lines->begin += lines->scanned + (newline != NULL);
  lines->scanned = 0;
  return CLI_LINE;
}

void cli_lines_free(cli_lines *lines) { cli_buffer_free(&lines->buffer); }
