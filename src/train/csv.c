/* csv.c: see csv.h. */
#include "train/csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"

enum { READ_BYTES = 1 << 17, END = -1, FAILED = -2 };

struct srope_csv {
  gzFile file; /* reads plain files as they are */
  char name[96];
  uint64_t line, record_line; /* of the next byte, of the last record's first byte; from 1 */
  size_t at, n_read;
  char **columns; /* the header's names, in one block with header_bytes */
  uint32_t n_columns;
  const char *fields[SROPE_CSV_MAX_FIELDS];
  uint32_t n_fields;
  size_t starts[SROPE_CSV_MAX_FIELDS];
  size_t n_bytes;
  unsigned char read[READ_BYTES];
  char bytes[SROPE_CSV_MAX_RECORD_BYTES];
};

static srope_status fail_at_line(const srope_csv *csv, srope_status status, uint64_t line, const char *message,
                                 srope_error *error) {
  char where[sizeof csv->name + 32];
  snprintf(where, sizeof where, "%s line %llu", csv->name, (unsigned long long)line);
  return srope_fail(error, status, where, "%s", message);
}

/* ---------------------------------------------------------------- bytes */

/* The next byte, END or FAILED (the file itself is damaged or unreadable). */
static int next_byte(srope_csv *csv) {
  if (csv->at == csv->n_read) {
    int n = gzread(csv->file, csv->read, READ_BYTES);
    int code = Z_OK;
    gzerror(csv->file, &code);
    if (n < 0 || (n == 0 && code != Z_OK && code != Z_STREAM_END)) return FAILED;
    csv->at = 0;
    csv->n_read = (size_t)n;
    if (n == 0) return END;
  }
  int byte = csv->read[csv->at++];
  csv->line += byte == '\n';
  return byte;
}

static srope_status fail_byte(const srope_csv *csv, int byte, srope_error *error) {
  int code;
  if (byte == END)
    return fail_at_line(csv, SROPE_ERR_FORMAT, csv->record_line, "expected a closing quote, found the file's end",
                        error);
  if (byte == 0) return fail_at_line(csv, SROPE_ERR_FORMAT, csv->line, "expected text, found a NUL byte", error);
  return fail_at_line(csv, SROPE_ERR_IO, csv->line, gzerror(csv->file, &code), error);
}

/* ---------------------------------------------------------------- a record */

static srope_status put(srope_csv *csv, int byte, srope_error *error) {
  if (csv->n_bytes == sizeof csv->bytes)
    return fail_at_line(csv, SROPE_ERR_LIMIT, csv->record_line, "the record is longer than 1 MiB", error);
  csv->bytes[csv->n_bytes++] = (char)byte;
  return SROPE_OK;
}

static srope_status begin_field(srope_csv *csv, srope_error *error) {
  if (csv->n_fields == SROPE_CSV_MAX_FIELDS)
    return fail_at_line(csv, SROPE_ERR_LIMIT, csv->record_line, "the record has more than 1024 fields", error);
  csv->starts[csv->n_fields++] = csv->n_bytes;
  return SROPE_OK;
}

/* A field after its opening quote; *byte is then what follows the closing one. */
static srope_status read_quoted(srope_csv *csv, int *byte, srope_error *error) {
  for (;;) {
    *byte = next_byte(csv);
    if (*byte == '"') {
      *byte = next_byte(csv);
      if (*byte != '"') return SROPE_OK;
    } else if (*byte <= 0) {
      return fail_byte(csv, *byte, error);
    }
    srope_status status = put(csv, *byte, error);
    if (status != SROPE_OK) return status;
  }
}

/* The fields of one line, `byte` its first; the newline or END is taken. */
static srope_status read_fields(srope_csv *csv, int byte, srope_error *error) {
  srope_status status = begin_field(csv, error);
  bool quoted = false;
  while (status == SROPE_OK) {
    if (byte == '"' && csv->starts[csv->n_fields - 1] == csv->n_bytes && !quoted) {
      status = read_quoted(csv, &byte, error);
      quoted = true;
      continue;
    }
    if (byte == FAILED || byte == 0) return fail_byte(csv, byte, error);
    if (byte == '\r') {
      byte = next_byte(csv);
      if (byte != '\n' && byte != END)
        return fail_at_line(csv, SROPE_ERR_FORMAT, csv->line, "expected a line feed after a carriage return", error);
    }
    if (byte == '\n' || byte == END) return put(csv, 0, error);
    if (byte == ',') {
      status = put(csv, 0, error);
      if (status == SROPE_OK) status = begin_field(csv, error);
      quoted = false;
    } else if (quoted || byte == '"') {
      return fail_at_line(
          csv, SROPE_ERR_FORMAT, csv->line,
          "expected a comma or the line's end after a closing quote, and quotes around whole fields only", error);
    } else {
      status = put(csv, byte, error);
    }
    byte = next_byte(csv);
  }
  return status;
}

/* The next line that is not blank; n_fields 0 at the end. */
static srope_status read_record(srope_csv *csv, srope_error *error) {
  int byte;
  csv->n_fields = 0;
  csv->n_bytes = 0;
  do {
    csv->record_line = csv->line;
    byte = next_byte(csv);
  } while (byte == '\n' || byte == '\r');
  if (byte == END) return SROPE_OK;
  srope_status status = read_fields(csv, byte, error);
  for (uint32_t i = 0; i < csv->n_fields; i++) csv->fields[i] = csv->bytes + csv->starts[i];
  return status;
}

srope_status srope_csv_next(srope_csv *csv, srope_csv_record *out, srope_error *error) {
  srope_status status = read_record(csv, error);
  if (status != SROPE_OK) return status;
  if (csv->n_fields != 0 && csv->n_fields != csv->n_columns) {
    char message[96];
    snprintf(message, sizeof message, "expected %u fields as in the header, found %u", csv->n_columns, csv->n_fields);
    return fail_at_line(csv, SROPE_ERR_FORMAT, csv->record_line, message, error);
  }
  *out = (srope_csv_record){csv->fields, csv->n_fields, csv->bytes, csv->n_bytes};
  return SROPE_OK;
}

/* ---------------------------------------------------------------- the header */

static srope_status read_header(srope_csv *csv, srope_error *error) {
  static const char mark[] = "\xEF\xBB\xBF"; /* UTF-8 byte order mark */
  srope_status status = read_record(csv, error);
  if (status != SROPE_OK) return status;
  if (csv->n_fields == 0)
    return fail_at_line(csv, SROPE_ERR_FORMAT, 1, "expected a header, found an empty file", error);
  csv->columns = malloc(csv->n_fields * sizeof *csv->columns + csv->n_bytes);
  if (csv->columns == NULL) return fail_at_line(csv, SROPE_ERR_MEMORY, 1, "no memory for the header", error);
  char *names = (char *)(csv->columns + csv->n_fields);
  memcpy(names, csv->bytes, csv->n_bytes);
  csv->n_columns = csv->n_fields;
  for (uint32_t i = 0; i < csv->n_columns; i++) csv->columns[i] = names + csv->starts[i];
  if (strncmp(csv->columns[0], mark, 3) == 0) csv->columns[0] += 3;
  return SROPE_OK;
}

srope_status srope_csv_open(const char *path, srope_csv **out, srope_error *error) {
  const char *slash = strrchr(path, '/');
  srope_csv *csv = calloc(1, sizeof *csv);
  if (csv == NULL) return srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to read it with");
  snprintf(csv->name, sizeof csv->name, "%s", slash != NULL ? slash + 1 : path);
  csv->line = 1;
  errno = 0;
  csv->file = gzopen(path, "rb");
  srope_status status = csv->file != NULL ? read_header(csv, error)
                                          : srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s",
                                                       errno != 0 ? strerror(errno) : "no memory");
  if (status == SROPE_OK)
    *out = csv;
  else
    srope_csv_close(csv);
  return status;
}

void srope_csv_close(srope_csv *csv) {
  if (csv == NULL) return;
  if (csv->file != NULL) gzclose_r(csv->file);
  free(csv->columns);
  free(csv);
}

srope_status srope_csv_find_column(const srope_csv *csv, const char *name, uint32_t *column, srope_error *error) {
  char message[128];
  for (uint32_t i = 0; i < csv->n_columns; i++) {
    if (strcmp(csv->columns[i], name) == 0) {
      *column = i;
      return SROPE_OK;
    }
  }
  snprintf(message, sizeof message, "expected a column \"%.60s\" in the header, found none", name);
  return fail_at_line(csv, SROPE_ERR_FORMAT, 1, message, error);
}

const char *srope_csv_name(const srope_csv *csv) { return csv->name; }
const char *srope_csv_column(const srope_csv *csv, uint32_t column) { return csv->columns[column]; }
uint64_t srope_csv_line(const srope_csv *csv) { return csv->record_line; }

uint64_t srope_csv_offset(const srope_csv *csv) {
  z_off_t offset = gzoffset(csv->file);
  return offset > 0 ? (uint64_t)offset : 0;
}

/* ---------------------------------------------------------------- numbers */

srope_status srope_csv_fail(const srope_csv *csv, uint32_t column, const char *expected, srope_error *error) {
  char message[200];
  snprintf(message, sizeof message, "expected %.60s in column %.40s, found \"%.40s\"", expected, csv->columns[column],
           csv->fields[column]);
  return fail_at_line(csv, SROPE_ERR_FORMAT, csv->record_line, message, error);
}

srope_status srope_csv_read_integer(const srope_csv *csv, uint32_t column, int64_t *out, srope_error *error) {
  const char *text = csv->fields[column];
  const int64_t limit = (int64_t)1 << 53;
  bool negative = *text == '-';
  int64_t value = 0;
  text += negative;
  if (*text < '0' || *text > '9') return srope_csv_fail(csv, column, "a whole number", error);
  for (; *text >= '0' && *text <= '9' && value <= limit; text++) value = 10 * value + (*text - '0');
  if (*text == '.') text += 1 + strspn(text + 1, "0");
  if (*text != '\0' || value > limit) return srope_csv_fail(csv, column, "a whole number up to 2^53", error);
  *out = negative ? -value : value;
  return SROPE_OK;
}
