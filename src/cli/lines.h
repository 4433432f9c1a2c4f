/* lines.h: lines of a file descriptor, one at a time, in memory bounded by the longest line allowed.
 * A line over the limit is skipped to its end without being kept. Reads what is there and no more, so that a caller who
 * waits for an answer before writing the next line gets it. Not here: what is in a line. */
#ifndef SROPE_CLI_LINES_H
#define SROPE_CLI_LINES_H

#include <stdbool.h>

#include "cli/buffer.h"

typedef struct cli_lines {
  int descriptor;       /* borrows */
  size_t limit_bytes;   /* of one line, its newline not counted */
  size_t padding_bytes; /* writable bytes after every line, for parsers that want them */
  cli_buffer buffer;
  size_t begin, end; /* unread bytes of the buffer */
  size_t scanned;    /* of these, known to hold no newline */
  bool ended;        /* the descriptor has no more */
} cli_lines;

typedef enum cli_line { CLI_LINE, CLI_LINE_TOO_LONG, CLI_LINE_NONE, CLI_LINE_FAILED } cli_line;

/* The next line without its newline: *text (*n bytes, writable until the next call). FAILED: `error` is set,
 * IO or MEMORY. */
cli_line cli_lines_next(cli_lines *lines, char **text, size_t *n, srope_error *error);

/* Whether the next call can answer without reading: nobody is kept waiting. */
bool cli_lines_ready(cli_lines *lines);

void cli_lines_free(cli_lines *lines);

#endif
