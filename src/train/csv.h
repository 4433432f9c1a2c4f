/* csv.h: the records of a CSV file (RFC 4180), plain or gzip, streamed in bounded memory.
 * In: a path. Out: one record of NUL-terminated fields at a time; the first record is the header, whose names find
 * columns. Not here: what the columns mean. Blank lines are skipped; a UTF-8 byte order mark and CR LF are taken. */
#ifndef SROPE_TRAIN_CSV_H
#define SROPE_TRAIN_CSV_H

#include "sirenrope/sirenrope.h"

enum { SROPE_CSV_MAX_FIELDS = 1024, SROPE_CSV_MAX_RECORD_BYTES = 1 << 20 };

typedef struct srope_csv srope_csv; /* owns its buffers and the open file */

typedef struct srope_csv_record { /* valid until the next one */
  const char *const *fields;
  uint32_t n_fields; /* 0 = the file has ended */
  const char *bytes; /* the fields one after the other, each with its NUL: */
  size_t n_bytes;    /* the same for records with the same fields */
} srope_csv_record;

/* Opens the file and reads the header. Errors: IO, FORMAT, LIMIT, MEMORY; where = "<file name> line <n>". */
srope_status srope_csv_open(const char *path, srope_csv **out, srope_error *error);
void srope_csv_close(srope_csv *csv);

/* Every record must have as many fields as the header. */
srope_status srope_csv_next(srope_csv *csv, srope_csv_record *out, srope_error *error);

/* The place of a column. Errors: FORMAT when there is none of that name. */
srope_status srope_csv_find_column(const srope_csv *csv, const char *name, uint32_t *column, srope_error *error);

/* For places and progress: the file's name, a column's, the last record's first line, the bytes of the file that were read. */
const char *srope_csv_name(const srope_csv *csv);
const char *srope_csv_column(const srope_csv *csv, uint32_t column);
uint64_t srope_csv_line(const srope_csv *csv);
uint64_t srope_csv_offset(const srope_csv *csv);

/* A field of the last record as a whole number ("5", "-5", "5.0"), within ±2^53. Errors: FORMAT, naming the column. */
srope_status srope_csv_read_integer(const srope_csv *csv, uint32_t column, int64_t *out, srope_error *error);

/* A FORMAT error at the last record's line and this column. */
srope_status srope_csv_fail(const srope_csv *csv, uint32_t column, const char *expected, srope_error *error);

#endif
