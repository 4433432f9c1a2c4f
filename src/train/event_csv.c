/* event_csv.c: see event_csv.h. */
#include "train/event_csv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "train/csv.h"
#include "train/place.h"
#include "yyjson.h"

enum { NO_COLUMN = UINT32_MAX };

struct srope_event_csv {
  const srope_event_schema *schema;
  const srope_dataset_config *config;
  srope_csv *csv;
  srope_csv_record record;
  bool at_event; /* the last error is of the record's values */
  uint32_t user, time, request, utc_offset;
  uint32_t *features[3], *labels, *signals; /* columns by srope_list and feature, (T), (G) */
  srope_value *elements;                    /* of the record's lists */
  size_t n_elements, capacity;
};

/* ---------------------------------------------------------------- columns */

static srope_status find_column(srope_event_csv *reader, const char *name, bool required, uint32_t *column,
                                srope_error *error) {
  const char *called = srope_event_schema_column(reader->schema, name);
  *column = NO_COLUMN;
  return srope_csv_find_column(reader->csv, called, column, required ? error : NULL) == SROPE_OK || !required
             ? SROPE_OK
             : SROPE_ERR_FORMAT;
}

static srope_status find_named(srope_event_csv *reader, const char *prefix, const char *name, bool required,
                               uint32_t *column, srope_error *error) {
  char full[4096 + 16];
  int n = snprintf(full, sizeof full, "%s.%s", prefix, name);
  if (n < 0 || (size_t)n >= sizeof full)
    return srope_fail(error, SROPE_ERR_LIMIT, prefix, "expected a name of less than 4096 bytes");
  return find_column(reader, full, required, column, error);
}

/* A label's column is what the schema maps it to, else label.NAME. */
static srope_status find_label(srope_event_csv *reader, uint32_t task, srope_error *error) {
  const char *name = reader->config->labels[task];
  const char *column = reader->schema->label_columns[srope_event_schema_find_label(reader->schema, name)];
  if (column == NULL) return find_named(reader, "label", name, true, &reader->labels[task], error);
  return srope_csv_find_column(reader->csv, column, &reader->labels[task], error);
}

static srope_status find_columns(srope_event_csv *reader, srope_error *error) {
  const srope_dataset_config *config = reader->config;
  srope_status status = find_column(reader, "user", true, &reader->user, error);
  if (status == SROPE_OK) status = find_column(reader, "time", true, &reader->time, error);
  if (status == SROPE_OK) status = find_column(reader, "request", false, &reader->request, error);
  if (status == SROPE_OK) status = find_column(reader, "utc_offset_minutes", false, &reader->utc_offset, error);
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; status == SROPE_OK && i < config->schema[list].n_fields; i++)
      status = find_named(reader, srope_list_name((srope_list)list), config->schema[list].fields[i].public_view.name,
                          config->time_values[list][i] == SROPE_TIME_NONE, &reader->features[list][i], error);
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_signals; i++)
    status = find_named(reader, "signal", config->signals[i], true, &reader->signals[i], error);
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_tasks; i++) status = find_label(reader, i, error);
  return status;
}

srope_status srope_event_csv_open(const char *path, const srope_event_schema *schema,
                                  const srope_dataset_config *config, srope_event_csv **out, srope_error *error) {
  srope_event_csv *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to read events with");
  reader->schema = schema;
  reader->config = config;
  reader->labels = calloc(config->n_tasks + (size_t)1, sizeof(uint32_t));
  reader->signals = calloc(config->n_signals + (size_t)1, sizeof(uint32_t));
  bool placed = reader->labels != NULL && reader->signals != NULL;
  for (int list = 0; list < 3; list++) {
    reader->features[list] = calloc(config->schema[list].n_fields + (size_t)1, sizeof(uint32_t));
    placed = placed && reader->features[list] != NULL;
  }
  srope_status status = placed ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to read events with");
  if (status == SROPE_OK) status = srope_csv_open(path, &reader->csv, error);
  if (status == SROPE_OK) status = find_columns(reader, error);
  if (status == SROPE_OK)
    *out = reader;
  else
    srope_event_csv_close(reader);
  return status;
}

void srope_event_csv_close(srope_event_csv *reader) {
  if (reader == NULL) return;
  srope_csv_close(reader->csv);
  for (int list = 0; list < 3; list++) free(reader->features[list]);
  free(reader->labels);
  free(reader->signals);
  free(reader->elements);
  free(reader);
}

/* ---------------------------------------------------------------- cells */

static const char *get_cell(const srope_event_csv *reader, uint32_t column) {
  return column == NO_COLUMN ? "" : reader->record.fields[column];
}

/* A JSON number that is the whole of text (n), which something that is no part of a number follows. */
static bool read_json_number(const char *text, size_t n, double *out) {
  yyjson_val value;
  const char *end = n > 0 ? yyjson_read_number(text, &value, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL) : NULL;
  if (end != text + n || end == NULL) return false;
  *out = yyjson_is_raw(&value) ? strtod(text, NULL) : yyjson_get_num(&value);
  return true;
}

/* true, True, TRUE and the same of false, as programs write them. */
static bool read_boolean(const char *text, size_t n, double *out) {
  static const char *const names[2][3] = {{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};
  for (int value = 0; value < 2; value++)
    for (int form = 0; form < 3; form++)
      if (strlen(names[value][form]) == n && memcmp(names[value][form], text, n) == 0) {
        *out = value;
        return true;
      }
  return false;
}

static srope_value make_text(const char *text, size_t n) {
  return (srope_value){.kind = n > 0 ? SROPE_VALUE_STRING : SROPE_VALUE_MISSING, .n = (uint32_t)n, .as.string = text};
}

/* One value, or one of a list's. A text where a number should be stays one, for the feature to refuse. */
static srope_value make_value(const srope_field *field, const char *text, size_t n) {
  double number;
  bool takes_text = field->kind == SROPE_KIND_HASH || field->kind == SROPE_KIND_VOCAB;
  if (takes_text || n == 0) return make_text(text, n);
  if (read_json_number(text, n, &number)) return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = number};
  if (field->kind == SROPE_KIND_NUMBER && read_boolean(text, n, &number))
    return (srope_value){.kind = SROPE_VALUE_BOOLEAN, .as.number = number};
  return make_text(text, n);
}

/* Room for the lists of one record: a list has at most one element more than its cell has bytes. */
static srope_status reserve_elements(srope_event_csv *reader, srope_error *error) {
  size_t n = reader->record.n_bytes + 1;
  if (n <= reader->capacity) return SROPE_OK;
  size_t capacity = n > 2 * reader->capacity ? n : 2 * reader->capacity;
  srope_value *elements = realloc(reader->elements, capacity * sizeof *elements);
  if (elements == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu elements of lists", capacity);
  reader->elements = elements;
  reader->capacity = capacity;
  return SROPE_OK;
}

/* A cell with separators in it, and every cell of a vector, is a list. */
static srope_value read_cell(srope_event_csv *reader, const srope_field *field, const char *cell) {
  char separator = reader->schema->list_separator;
  if (cell[0] == 0) return (srope_value){.kind = SROPE_VALUE_MISSING};
  if (field->kind != SROPE_KIND_VECTOR &&
      (field->kind == SROPE_KIND_NUMBER || separator == 0 || strchr(cell, separator) == NULL))
    return make_value(field, cell, strlen(cell));
  srope_value *first = reader->elements + reader->n_elements;
  uint32_t n = 0;
  for (const char *end;; cell = end + 1) {
    end = separator != 0 ? strchr(cell, separator) : NULL;
    first[n++] = make_value(field, cell, end != NULL ? (size_t)(end - cell) : strlen(cell));
    if (end == NULL) break;
  }
  reader->n_elements += n;
  return (srope_value){.kind = SROPE_VALUE_LIST, .n = n, .as.elements = first};
}

static srope_status fail_cell(const char *where, const char *expected, const char *cell, srope_error *error) {
  return srope_fail(error, SROPE_ERR_FORMAT, where, "expected %s, found \"%.60s\"", expected, cell);
}

static srope_status read_time(const char *cell, double *time_s, srope_error *error) {
  double time_ms;
  if (cell[0] == 0) return fail_cell("time", "Unix milliseconds or an ISO 8601 time", cell, error);
  if (!read_json_number(cell, strlen(cell), &time_ms)) {
    srope_status status = srope_time_parse(cell, strlen(cell), &time_ms, error);
    if (status != SROPE_OK) {
      srope_error_prefix(error, "time");
      return status;
    }
  }
  *time_s = time_ms / 1000;
  return SROPE_OK;
}

static srope_status read_label(const char *cell, float *out, srope_error *error) {
  double number = NAN;
  bool reads =
      cell[0] == 0 || read_json_number(cell, strlen(cell), &number) || read_boolean(cell, strlen(cell), &number);
  *out = (float)number;
  if (!reads) return fail_cell("", "a number from 0 to 1, true or false", cell, error);
  if (number < 0 || number > 1)
    return srope_fail(error, SROPE_ERR_VALUE, "", "expected a label from 0 to 1, found %.9g", number);
  return SROPE_OK;
}

static srope_status read_signal(const char *cell, float *out, srope_error *error) {
  double number = 0;
  if (cell[0] != 0 && !read_json_number(cell, strlen(cell), &number)) return fail_cell("", "a number", cell, error);
  if (!(fabs(number) <= FLT_MAX))
    return srope_fail(error, SROPE_ERR_VALUE, "", "expected a number in float32's range, found %g", number);
  *out = (float)number;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- an event */

static srope_status read_moment(srope_event_csv *reader, srope_event *event, uint64_t *user, srope_error *error) {
  const char *name = get_cell(reader, reader->user), *request = get_cell(reader, reader->request);
  const char *offset = get_cell(reader, reader->utc_offset);
  if (name[0] == 0) return fail_cell("user", "a user's name", name, error);
  *user = srope_hash64(name, strlen(name));
  event->request = request[0] != 0 ? srope_request_key(request, strlen(request)) : 0;
  event->utc_offset_minutes = NAN;
  srope_status status = read_time(get_cell(reader, reader->time), &event->time_s, error);
  if (status == SROPE_OK && offset[0] != 0 &&
      (!read_json_number(offset, strlen(offset), &event->utc_offset_minutes) || isinf(event->utc_offset_minutes)))
    return fail_cell("utc_offset_minutes", "a number of minutes", offset, error);
  return status;
}

static srope_status read_event(srope_event_csv *reader, srope_event *event, uint64_t *user, srope_error *error) {
  const srope_dataset_config *config = reader->config;
  srope_status status = read_moment(reader, event, user, error);
  if (status == SROPE_OK) status = reserve_elements(reader, error);
  if (status != SROPE_OK) return status;
  reader->n_elements = 0;
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < config->schema[list].n_fields; i++)
      event->values[list][i] =
          read_cell(reader, &config->schema[list].fields[i], get_cell(reader, reader->features[list][i]));
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_signals; i++) {
    status = read_signal(get_cell(reader, reader->signals[i]), &event->signal[i], error);
    if (status != SROPE_OK) srope_error_prefix(error, "signal.%s", config->signals[i]);
  }
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_tasks; i++) {
    status = read_label(get_cell(reader, reader->labels[i]), &event->label[i], error);
    if (status != SROPE_OK) srope_error_prefix(error, "label.%s", config->labels[i]);
  }
  return status;
}

srope_status srope_event_csv_next(srope_event_csv *reader, srope_event *event, uint64_t *user, bool *ended,
                                  srope_error *error) {
  reader->at_event = false;
  srope_status status = srope_csv_next(reader->csv, &reader->record, error);
  if (status != SROPE_OK) return status;
  *ended = reader->record.n_fields == 0;
  reader->at_event = !*ended;
  return *ended ? SROPE_OK : read_event(reader, event, user, error);
}

/* ---------------------------------------------------------------- places */

/* The column that a place such as "item.tag[2]" or "time" is of, NO_COLUMN for another place. */
static uint32_t find_place(const srope_event_csv *reader, const char *place) {
  const srope_dataset_config *config = reader->config;
  if (strcmp(place, "user") == 0) return reader->user;
  if (strcmp(place, "time") == 0) return reader->time;
  if (strcmp(place, "utc_offset_minutes") == 0) return reader->utc_offset;
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < config->schema[list].n_fields; i++) {
      const char *field = config->schema[list].fields[i].place;
      size_t n = strlen(field);
      if (strncmp(place, field, n) == 0 && (place[n] == 0 || place[n] == '[')) return reader->features[list][i];
    }
  for (uint32_t i = 0; i < config->n_signals; i++)
    if (strncmp(place, "signal.", 7) == 0 && strcmp(place + 7, config->signals[i]) == 0) return reader->signals[i];
  for (uint32_t i = 0; i < config->n_tasks; i++)
    if (strncmp(place, "label.", 6) == 0 && strcmp(place + 6, config->labels[i]) == 0) return reader->labels[i];
  return NO_COLUMN;
}

void srope_event_csv_place(const srope_event_csv *reader, srope_error *error) {
  if (!reader->at_event || error == NULL) return;
  uint32_t column = find_place(reader, error->where);
  if (column != NO_COLUMN) {
    error->where[0] = 0;
    srope_place_before(error, "column %.80s", srope_csv_column(reader->csv, column));
  }
  srope_place_line(error, srope_csv_name(reader->csv), srope_csv_line(reader->csv));
}

uint64_t srope_event_csv_offset(const srope_event_csv *reader) { return srope_csv_offset(reader->csv); }
