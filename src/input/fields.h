/* fields.h: JSON values as requests (`siren-rope rank`) and event files write them: a line's document, named values, numbers,
 * times, request names, signals. Errors say what was expected and what was found; where = the field's name, to which
 * callers put what is before it. Not here: which fields there are (cli/request.c, train/event_json.c). */
#ifndef SROPE_INPUT_FIELDS_H
#define SROPE_INPUT_FIELDS_H

#include "input/names.h"
#include "sirenrope/sirenrope.h"
#include "yyjson.h"

/* One line -> its document, the caller's to free. `line` is overwritten; YYJSON_PADDING_SIZE bytes after its n must be
 * writable and come back as they were. what: "a request". Errors: JSON, LIMIT, MEMORY; where = "byte 12". */
srope_status srope_input_parse(char *line, size_t n, const char *what, yyjson_doc **out, srope_error *error);

/* "expected <expected>, found a list": a JSON error. */
srope_status srope_input_fail_kind(yyjson_val *value, const char *where, const char *expected, srope_error *error);

/* Numbers that no double holds exactly come raw: whole ones over 64 bits, and infinities, which stay infinite here. */
bool srope_input_is_number(yyjson_val *value);
double srope_input_get_number(yyjson_val *value);

/* Elements of list values; used again. Owns. */
typedef struct srope_input_elements {
  srope_value *data;
  size_t capacity;
} srope_input_elements;
void srope_input_elements_free(srope_input_elements *elements);

/* values (n) of found (n), NULL = missing; lists through `elements`, valid until its next use. Errors: MEMORY. */
srope_status srope_input_make_values(yyjson_val *const *found, uint32_t n, srope_input_elements *elements,
                                     srope_value *values, srope_error *error);

/* Errors: JSON, VALUE (not in float32's range), FEATURE (another number of numbers). */
srope_status srope_input_read_number(yyjson_val *value, const char *where, float *out, srope_error *error);
srope_status srope_input_read_numbers(yyjson_val *list, uint32_t n, const char *where, float *out, srope_error *error);

/* `signal` as an object: out (n) by name, 0 where missing. found (n): scratch. With `strict` other names are errors. */
srope_status srope_input_read_named_numbers(const srope_names *names, yyjson_val *object, bool strict,
                                            const char *where, yyjson_val **found, float *out, srope_error *error);

/* Unix milliseconds or ISO 8601 text -> Unix seconds, finite. Errors: JSON, TIME. */
srope_status srope_input_read_time(yyjson_val *value, const char *where, double *time_s, srope_error *error);

/* NULL leaves *minutes as it is. Errors: JSON, VALUE. */
srope_status srope_input_read_utc_offset(yyjson_val *value, double *minutes, srope_error *error);

/* The key of a request's name; 0 for NULL. Errors: JSON. */
srope_status srope_input_read_request_key(yyjson_val *value, uint64_t *key, srope_error *error);

#endif
