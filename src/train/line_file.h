/* line_file.h: the lines of a file, plain or gzip, one at a time, in memory bounded by the longest line allowed.
 * A UTF-8 byte order mark is left out; blank lines are not. Not here: what is in a line. */
#ifndef SROPE_TRAIN_LINE_FILE_H
#define SROPE_TRAIN_LINE_FILE_H

#include "sirenrope/sirenrope.h"

enum { SROPE_MAX_LINE_BYTES = 16 << 20, SROPE_LINE_PADDING_BYTES = 16 }; /* the latter writable after every line */

typedef struct srope_line_file srope_line_file; /* owns its buffer and the open file */

/* Errors: IO, MEMORY; where = path. */
srope_status srope_line_file_open(const char *path, srope_line_file **out, srope_error *error);
void srope_line_file_close(srope_line_file *file);

/* The next line without its newline: *text (*n bytes, writable until the next call), NULL at the end. Errors: IO (also a
 * gzip file that is cut short or damaged), LIMIT, MEMORY; where = "", the caller knows the line. */
srope_status srope_line_file_next(srope_line_file *file, char **text, size_t *n, srope_error *error);

uint64_t srope_line_file_line(const srope_line_file *file);   /* of the last line, from 1; also after an error */
uint64_t srope_line_file_offset(const srope_line_file *file); /* bytes of the file, compressed or not, that were read */

#endif
