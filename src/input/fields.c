/* fields.c: see fields.h. */
#include "input/fields.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/json.h"

enum { MAX_DEPTH = 64 }; /* lists and objects inside one another; a request needs 6 */

/* ---------------------------------------------------------------- a line */

srope_status srope_input_parse(char *line, size_t n, const char *what, yyjson_doc **out, srope_error *error) {
  const yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_BIGNUM_AS_RAW;
  yyjson_read_err wrong;
  char next_line[YYJSON_PADDING_SIZE];
  size_t too_deep = srope_json_find_too_deep(line, n, MAX_DEPTH);
  if (too_deep < n) {
    srope_fail(error, SROPE_ERR_LIMIT, "", "expected at most %d lists and objects inside one another", MAX_DEPTH);
    srope_error_prefix(error, "byte %zu", too_deep);
    return SROPE_ERR_LIMIT;
  }
  memcpy(next_line, line + n, YYJSON_PADDING_SIZE); /* the parser wants zeros there, but only while it reads */
  memset(line + n, 0, YYJSON_PADDING_SIZE);
  yyjson_doc *document = yyjson_read_opts(line, n, flags, NULL, &wrong);
  memcpy(line + n, next_line, YYJSON_PADDING_SIZE);
  if (document == NULL) {
    srope_status status = wrong.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? SROPE_ERR_MEMORY : SROPE_ERR_JSON;
    srope_fail(error, status, "", "expected %s in JSON, found an error: %s", what, wrong.msg);
    srope_error_prefix(error, "byte %zu", wrong.pos);
    return status;
  }
  *out = document;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- values */

srope_status srope_input_fail_kind(yyjson_val *value, const char *where, const char *expected, srope_error *error) {
  const char *found = yyjson_is_raw(value) ? "a number" : srope_json_kind(value);
  return srope_fail(error, SROPE_ERR_JSON, where, "expected %s, found %s", expected, found);
}

bool srope_input_is_number(yyjson_val *value) { return yyjson_is_num(value) || yyjson_is_raw(value); }

/* Numbers that no double holds exactly come raw: whole ones over 64 bits, and infinities, which stay infinite here. */
double srope_input_get_number(yyjson_val *value) {
  return yyjson_is_raw(value) ? srope_decimal_read(yyjson_get_raw(value), yyjson_get_len(value))
                              : yyjson_get_num(value);
}

static srope_value make_value(yyjson_val *value) {
  if (value == NULL || yyjson_is_null(value)) return (srope_value){.kind = SROPE_VALUE_MISSING};
  if (yyjson_is_bool(value))
    return (srope_value){.kind = SROPE_VALUE_BOOLEAN, .as.number = yyjson_is_true(value) ? 1 : 0};
  if (srope_input_is_number(value))
    return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = srope_input_get_number(value)};
  const char *text = yyjson_is_str(value) ? yyjson_get_str(value) : srope_json_kind(value);
  return (srope_value){.kind = yyjson_is_str(value) ? SROPE_VALUE_STRING : SROPE_VALUE_OTHER,
                       .n = (uint32_t)(yyjson_is_str(value) ? yyjson_get_len(value) : strlen(text)),
                       .as.string = text};
}

void srope_input_elements_free(srope_input_elements *elements) {
  free(elements->data);
  *elements = (srope_input_elements){0};
}

static srope_status reserve(srope_input_elements *elements, size_t n, srope_error *error) {
  if (n <= elements->capacity) return SROPE_OK;
  size_t capacity = n > 2 * elements->capacity ? n : 2 * elements->capacity;
  srope_value *data = capacity <= SIZE_MAX / sizeof *data ? realloc(elements->data, capacity * sizeof *data) : NULL;
  if (data == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu elements of lists", capacity);
  *elements = (srope_input_elements){data, capacity};
  return SROPE_OK;
}

srope_status srope_input_make_values(yyjson_val *const *found, uint32_t n, srope_input_elements *elements,
                                     srope_value *values, srope_error *error) {
  size_t n_elements = 0, index, count;
  yyjson_val *element;
  for (uint32_t i = 0; i < n; i++)
    if (yyjson_is_arr(found[i])) n_elements += yyjson_arr_size(found[i]);
  srope_status status = reserve(elements, n_elements, error);
  if (status != SROPE_OK) return status;
  srope_value *next = elements->data;
  for (uint32_t i = 0; i < n; i++) {
    if (!yyjson_is_arr(found[i])) {
      values[i] = make_value(found[i]);
      continue;
    }
    values[i] = (srope_value){.kind = SROPE_VALUE_LIST, .n = (uint32_t)yyjson_arr_size(found[i]), .as.elements = next};
    yyjson_arr_foreach(found[i], index, count, element) *next++ = make_value(element);
  }
  return SROPE_OK;
}

srope_status srope_input_read_number(yyjson_val *value, const char *where, float *out, srope_error *error) {
  if (!srope_input_is_number(value)) return srope_input_fail_kind(value, where, "a number", error);
  double number = srope_input_get_number(value);
  if (!(fabs(number) <= FLT_MAX))
    return srope_fail(error, SROPE_ERR_VALUE, where, "expected a number in float32's range, found %g", number);
  *out = (float)number;
  return SROPE_OK;
}

/* A list of exactly n numbers. */
srope_status srope_input_read_numbers(yyjson_val *list, uint32_t n, const char *where, float *out, srope_error *error) {
  size_t index, count;
  yyjson_val *element;
  if (!yyjson_is_arr(list)) return srope_input_fail_kind(list, where, "a list of numbers", error);
  if (yyjson_arr_size(list) != n)
    return srope_fail(error, SROPE_ERR_FEATURE, where, "expected %u numbers, found %zu", n, yyjson_arr_size(list));
  yyjson_arr_foreach(list, index, count, element) {
    srope_status status = srope_input_read_number(element, "", &out[index], error);
    if (status != SROPE_OK) {
      srope_error_prefix(error, "%s[%zu]", where, index);
      return status;
    }
  }
  return SROPE_OK;
}

srope_status srope_input_read_named_numbers(const srope_names *names, yyjson_val *object, bool strict,
                                            const char *where, yyjson_val **found, float *out, srope_error *error) {
  srope_status status = srope_names_pick(names, object, strict, found, error);
  for (uint32_t i = 0; i < names->n; i++) {
    const srope_name *name = &names->sorted[i];
    out[name->index] = 0;
    if (status == SROPE_OK && found[name->index] != NULL)
      status = srope_input_read_number(found[name->index], name->text, &out[name->index], error);
  }
  if (status != SROPE_OK) srope_error_prefix(error, "%s", where);
  return status;
}

srope_status srope_input_read_time(yyjson_val *value, const char *where, double *time_s, srope_error *error) {
  double time_ms;
  if (yyjson_is_str(value)) {
    srope_status status = srope_time_parse(yyjson_get_str(value), yyjson_get_len(value), &time_ms, error);
    if (status != SROPE_OK) {
      srope_error_prefix(error, "%s", where);
      return status;
    }
  } else if (srope_input_is_number(value)) {
    time_ms = srope_input_get_number(value);
    if (!isfinite(time_ms))
      return srope_fail(error, SROPE_ERR_TIME, where, "expected a finite time, found %g", time_ms);
  } else {
    return srope_input_fail_kind(value, where, "Unix milliseconds or an ISO 8601 string", error);
  }
  *time_s = time_ms / 1000;
  return SROPE_OK;
}

/* NULL leaves *minutes as it is. */
srope_status srope_input_read_utc_offset(yyjson_val *value, double *minutes, srope_error *error) {
  if (value == NULL) return SROPE_OK;
  if (!srope_input_is_number(value)) return srope_input_fail_kind(value, "utc_offset_minutes", "a number", error);
  if (!isfinite(srope_input_get_number(value)))
    return srope_fail(error, SROPE_ERR_VALUE, "utc_offset_minutes", "expected a finite number of minutes");
  *minutes = srope_input_get_number(value);
  return SROPE_OK;
}

srope_status srope_input_read_request_key(yyjson_val *value, uint64_t *key, srope_error *error) {
  double number = srope_input_is_number(value) ? srope_input_get_number(value) : 0.5;
  *key = 0;
  if (yyjson_is_str(value))
    *key = srope_request_key(yyjson_get_str(value), yyjson_get_len(value));
  else if (srope_input_is_number(value) && number == floor(number) && fabs(number) <= 9007199254740992.0) /* 2^53 */
    *key = srope_request_key_integer((int64_t)number);
  else if (srope_input_is_number(value))
    return srope_fail(error, SROPE_ERR_JSON, "request", "expected a whole number up to 2^53, found %.17g", number);
  else if (value != NULL)
    return srope_input_fail_kind(value, "request", "a string or a whole number", error);
  return SROPE_OK;
}
