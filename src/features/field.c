/* field.c: see field.h. Rules: README.md here. No allocation. */
#include "features/field.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/math64.h"
#include "features/names.h"

#define LARGEST_INTEGER 9007199254740992.0 /* 2^53: up to it a double holds every integer */

typedef struct place { /* of a value, for errors */
  const srope_field *field;
  uint32_t element; /* of a list */
  bool in_list;
  srope_error *error;
} place;

static srope_status fail(const place *at, srope_status status, const char *expected, const char *found,
                         size_t n_found) {
  srope_fail(at->error, status, at->field->place, "expected %s, found %.*s", expected,
             (int)(n_found < 64 ? n_found : 64), found);
  if (at->in_list && at->error) {
    char where[sizeof at->error->where];
    srope_text_print(where, sizeof where, "%s[%u]", at->field->place, at->element);
    memcpy(at->error->where, where, sizeof where);
  }
  return status;
}

static srope_status fail_type(const place *at, const char *expected, const srope_value *value) {
  static const char *const found[] = {"nothing", "a number", "a boolean", "a string", "a list"}; /* by kind */
  if ((unsigned)value->kind < sizeof found / sizeof *found)
    return fail(at, SROPE_ERR_FEATURE, expected, found[value->kind], strlen(found[value->kind]));
  if (!value->as.string) return fail(at, SROPE_ERR_FEATURE, expected, "something else", 14);
  return fail(at, SROPE_ERR_FEATURE, expected, value->as.string, value->n);
}

static srope_status fail_number(const place *at, const char *expected, double found) {
  char text[32];
  size_t n = srope_text_print(text, sizeof text, "%.17g", found);
  return fail(at, SROPE_ERR_FEATURE, expected, text, n);
}

static bool is_missing(const srope_value *value) {
  return value->kind == SROPE_VALUE_MISSING ||
         ((value->kind == SROPE_VALUE_STRING || value->kind == SROPE_VALUE_LIST) && value->n == 0);
}

static srope_status check_float(const place *at, double value) {
  return fabs(value) <= FLT_MAX ? SROPE_OK : fail_number(at, "a finite number that a float32 holds", value);
}

/* ---------------------------------------------------------------- number and vector */

static srope_status read_number(const place *at, const srope_value *value, float *out) {
  const srope_field *field = at->field;
  if (value->kind != SROPE_VALUE_NUMBER && value->kind != SROPE_VALUE_BOOLEAN)
    return fail_type(at, "a number or a boolean", value);
  double v = value->as.number;
  if (value->kind == SROPE_VALUE_BOOLEAN) v = v != 0;
  if (!isfinite(v)) return fail_number(at, "a finite number", v);
  if (field->log1p) v = srope_log1p64(v > 0 ? v : 0);
  if (v < field->clip_low) v = field->clip_low;
  if (v > field->clip_high) v = field->clip_high;
  v = (v - field->shift) * field->scale;
  srope_status status = check_float(at, v);
  if (!status && out) *out = (float)v;
  return status;
}

static srope_status read_vector(place *at, const srope_value *value, float *out) {
  uint32_t dim = at->field->public_view.dim;
  char text[64];
  if (value->kind != SROPE_VALUE_LIST) return fail_type(at, "a list of numbers", value);
  if (value->n != dim) {
    char expected[32];
    srope_text_print(expected, sizeof expected, "%u numbers", dim);
    size_t n = srope_text_print(text, sizeof text, "%u", value->n);
    return fail(at, SROPE_ERR_FEATURE, expected, text, n);
  }
  at->in_list = true;
  for (uint32_t i = 0; i < dim; i++) {
    const srope_value *element = &value->as.elements[i];
    at->element = i;
    if (element->kind != SROPE_VALUE_NUMBER) return fail_type(at, "a number", element);
    srope_status status = check_float(at, element->as.number);
    if (status) return status;
    if (out) out[i] = (float)element->as.number;
  }
  return SROPE_OK;
}

/* ---------------------------------------------------------------- hash, index and vocab: rows of a table */

enum { NO_ROW = UINT32_MAX };

static srope_status check_integer(const place *at, double value) {
  return fabs(value) <= LARGEST_INTEGER && value == floor(value)
             ? SROPE_OK
             : fail_number(at, "a whole number of at most 2^53 in size", value);
}

static uint32_t find_word(const srope_field *field, const char *text, uint32_t n) {
  uint32_t low = 0, high = field->rows;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const srope_word *word = &field->words[middle];
    int order = n != word->n ? (n > word->n) - (n < word->n) : memcmp(text, word->text, n);
    if (order == 0) return word->row;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NO_ROW;
}

/* The row of one value; NO_ROW for a missing one and for a word not listed. */
static srope_status find_row(const place *at, const srope_value *value, uint32_t *row) {
  const srope_field *field = at->field;
  srope_status status;
  char text[SROPE_DECIMAL_BYTES];
  *row = NO_ROW;
  if (is_missing(value) && value->kind != SROPE_VALUE_LIST) return SROPE_OK;
  switch (field->kind) {
    case SROPE_KIND_HASH:
      if (value->kind == SROPE_VALUE_STRING) {
        *row = srope_fnv32(value->as.string, value->n) % field->rows;
        return SROPE_OK;
      }
      if (value->kind != SROPE_VALUE_NUMBER) return fail_type(at, "a string or an integer", value);
      if ((status = check_integer(at, value->as.number))) return status;
      *row = srope_fnv32(text, srope_decimal_text((int64_t)value->as.number, text)) % field->rows;
      return SROPE_OK;
    case SROPE_KIND_INDEX:
      if (value->kind != SROPE_VALUE_NUMBER) return fail_type(at, "an integer", value);
      if ((status = check_integer(at, value->as.number))) return status;
      if (value->as.number < 0 || value->as.number >= field->rows) {
        char expected[48];
        srope_text_print(expected, sizeof expected, "an integer from 0 to %u", field->rows - 1);
        return fail_number(at, expected, value->as.number);
      }
      *row = (uint32_t)value->as.number;
      return SROPE_OK;
    default: /* vocab */
      if (value->kind != SROPE_VALUE_STRING) return fail_type(at, "a string", value);
      *row = find_word(field, value->as.string, value->n);
      return SROPE_OK;
  }
}

void srope_field_add_row(const srope_field *field, uint32_t row, float *out) {
  uint32_t dim = field->public_view.dim;
  const float *from = field->table + (size_t)row * dim;
  for (uint32_t i = 0; i < dim; i++) out[i] += from[i];
}

void srope_field_divide(const srope_field *field, uint32_t n_rows, float *out) {
  if (n_rows > 1)
    for (uint32_t i = 0; i < field->public_view.dim; i++) out[i] /= (float)n_rows;
}

/* The rows that the value names: their number, themselves in the list's order, their mean. `out` holds zeros. */
static srope_status read_rows(place *at, const srope_value *value, float *out, uint32_t *rows, uint32_t *n_rows) {
  bool is_list = value->kind == SROPE_VALUE_LIST;
  const srope_value *elements = is_list ? value->as.elements : value;
  uint32_t n = is_list ? value->n : 1, row;
  if (n > SROPE_MAX_LIST) {
    char text[32];
    size_t n_text = srope_text_print(text, sizeof text, "%u", n);
    return fail(at, SROPE_ERR_LIMIT, "at most 65536 elements", text, n_text);
  }
  at->in_list = is_list;
  for (uint32_t i = 0; i < n; i++) {
    at->element = i;
    srope_status status = find_row(at, &elements[i], &row);
    if (status) return status;
    if (row == NO_ROW) continue;
    if (rows) rows[*n_rows] = row;
    if (out) srope_field_add_row(at->field, row, out);
    (*n_rows)++;
  }
  at->in_list = false;
  if (out) srope_field_divide(at->field, *n_rows, out);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- one value */

srope_status srope_field_read(const srope_field *field, const srope_value *value, float *out, uint32_t *rows,
                              uint32_t *n_rows, srope_error *error) {
  place at = {field, 0, false, error};
  srope_status status = SROPE_OK;
  bool missing = is_missing(value);
  *n_rows = 0;
  if (out) memset(out, 0, field->public_view.dim * sizeof *out);
  if (!missing && field->kind == SROPE_KIND_NUMBER)
    status = read_number(&at, value, out);
  else if (!missing && field->kind == SROPE_KIND_VECTOR)
    status = read_vector(&at, value, out);
  else if (!missing)
    status = read_rows(&at, value, out, rows, n_rows);
  if (!missing && srope_field_has_table(field)) missing = *n_rows == 0;
  if (!status && field->public_view.required && missing)
    status = fail(&at, SROPE_ERR_FEATURE, "a value, which is required", "none", 4);
  return status;
}
