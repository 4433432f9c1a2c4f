/* json.c: see json.h. A reader of our own beside yyjson's, which is 5 KB of a gzipped WebAssembly module; it makes the same values. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "yyjson.h"

size_t srope_json_find_too_deep(const char *text, size_t n, uint32_t max_depth) {
  uint32_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < n; i++) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return i;
    } else if ((c == ']' || c == '}') && depth > 0) {
      depth--;
    }
  }
  return n;
}

static void *allocate(void *refused, size_t size) {
  void *pointer = malloc(size);
  if (!pointer) *(bool *)refused = true;
  return pointer;
}

static void *reallocate(void *refused, void *pointer, size_t old_size, size_t size) {
  (void)old_size;
  pointer = realloc(pointer, size);
  if (!pointer) *(bool *)refused = true;
  return pointer;
}

static void release(void *refused, void *pointer) {
  (void)refused;
  free(pointer);
}

void srope_json_watch_memory(struct yyjson_alc *allocator, bool *refused) {
  *allocator = (yyjson_alc){allocate, reallocate, release, refused};
}

/* ---------------------------------------------------------------- reading */

typedef struct reader {
  char *text; /* n bytes and a NUL, which no JSON has; strings are decoded in place */
  size_t n, at;
  yyjson_val *values; /* the first ones are the yyjson_doc */
  size_t n_values, capacity;
  uint32_t max_depth;
  const char *problem; /* after a failure */
} reader;

enum { DOCUMENT_VALUES = (sizeof(yyjson_doc) + sizeof(yyjson_val) - 1) / sizeof(yyjson_val) };

static srope_status fail(reader *r, const char *problem) {
  r->problem = r->at < r->n ? problem : "unexpected end";
  return SROPE_ERR_JSON;
}

/* Room for one more value, whose place goes to *index; earlier ones may move. */
static srope_status add_value(reader *r, size_t *index) {
  if (r->n_values == r->capacity) {
    size_t capacity = 2 * r->capacity + 64;
    yyjson_val *values = capacity <= SIZE_MAX / sizeof *values ? realloc(r->values, capacity * sizeof *values) : NULL;
    if (!values) return SROPE_ERR_MEMORY;
    r->values = values;
    r->capacity = capacity;
  }
  *index = r->n_values++;
  return SROPE_OK;
}

static void skip_space(reader *r) {
  while (r->text[r->at] == ' ' || r->text[r->at] == '\n' || r->text[r->at] == '\t' || r->text[r->at] == '\r') r->at++;
}

/* The four digits of \u at `text`; anything else gives a number that is no surrogate and no character. */
static uint32_t read_hex(const char *text) {
  uint32_t code = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t c = (unsigned char)text[i], letter = (c | 32) - 'a';
    if (c - '0' < 10)
      code = 16 * code + (c - '0');
    else if (letter < 6)
      code = 16 * code + 10 + letter;
    else
      return UINT32_MAX;
  }
  return code;
}

static char *put_character(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
    return to;
  }
  int n_more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
  *to++ = (char)(first[n_more] | code >> 6 * n_more);
  while (n_more-- > 0) *to++ = (char)(0x80 | (code >> 6 * n_more & 0x3F));
  return to;
}

/* What stands behind a backslash at r->at; at the backslash still after a failure. */
static srope_status read_escape(reader *r, char **to) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  const char *text = r->text + r->at + 1, *letter = *text ? strchr(letters, *text) : NULL;
  if (letter) {
    *(*to)++ = meant[letter - letters];
    r->at += 2;
    return SROPE_OK;
  }
  uint32_t code = *text == 'u' ? read_hex(text + 1) : UINT32_MAX;
  if (code == UINT32_MAX) return fail(r, "an unknown escape in a string");
  size_t n = 6;
  if ((code & 0xFC00) == 0xD800 && text[5] == '\\' && text[6] == 'u') {
    uint32_t low = read_hex(text + 7);
    if (low >> 10 == 0xDC00 >> 10) code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF), n = 12;
  }
  if (code >> 11 == 0xD800 >> 11) return fail(r, "half a surrogate pair in a string");
  *to = put_character(*to, code);
  r->at += n;
  return SROPE_OK;
}

static srope_status read_string(reader *r, yyjson_val *value) {
  char *begin = r->text + ++r->at, *to = begin;
  while (r->text[r->at] != '"') {
    if (r->text[r->at] == '\\') {
      srope_status status = read_escape(r, &to);
      if (status) return status;
      continue;
    }
    size_t n = srope_text_character(r->text + r->at);
    if (n == 0) return fail(r, "bytes that are no UTF-8 in a string");
    if ((unsigned char)r->text[r->at] < ' ') return fail(r, "a control character in a string");
    while (n-- > 0) *to++ = r->text[r->at++];
  }
  r->at++;
  *to = 0;
  value->tag = (uint64_t)(to - begin) << YYJSON_TAG_BIT | YYJSON_TYPE_STR;
  value->uni.str = begin;
  return SROPE_OK;
}

static bool take_digits(reader *r) {
  size_t first = r->at;
  while (r->text[r->at] >= '0' && r->text[r->at] <= '9') r->at++;
  return r->at > first;
}

static srope_status read_number(reader *r, yyjson_val *value) {
  size_t first = r->at;
  bool negative = r->text[first] == '-', whole = true;
  r->at += negative;
  if (r->text[r->at] == '0')
    r->at++;
  else if (!take_digits(r))
    return fail(r, "unexpected character");
  uint64_t size = 0;
  for (size_t i = first + negative; i < r->at; i++) {
    uint64_t digit = (uint64_t)(r->text[i] - '0');
    whole = whole && size <= (UINT64_MAX - digit) / 10;
    size = 10 * size + digit;
  }
  if (r->text[r->at] == '.') {
    r->at++;
    whole = false;
    if (!take_digits(r)) return fail(r, "a number without digits behind its point");
  }
  if ((r->text[r->at] | 32) == 'e') {
    r->at++;
    whole = false;
    if (r->text[r->at] == '+' || r->text[r->at] == '-') r->at++;
    if (!take_digits(r)) return fail(r, "a number without digits in its exponent");
  }
  if (whole && (!negative || size <= (uint64_t)1 << 63)) {
    value->tag = YYJSON_TYPE_NUM | (negative ? YYJSON_SUBTYPE_SINT : YYJSON_SUBTYPE_UINT);
    value->uni.u64 = negative ? 0 - size : size;
    return SROPE_OK;
  }
  value->tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
  value->uni.f64 = srope_decimal_read(r->text + first, r->at - first);
  if (isfinite(value->uni.f64)) return SROPE_OK;
  r->at = first;
  return fail(r, "a number that is too large");
}

static srope_status read_word(reader *r, yyjson_val *value) {
  static const struct {
    const char *word;
    uint64_t tag;
  } words[] = {{"null", YYJSON_TYPE_NULL},
               {"true", YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE},
               {"false", YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE}};
  for (int i = 0; i < 3; i++) {
    size_t n = strlen(words[i].word);
    if (strncmp(r->text + r->at, words[i].word, n) != 0) continue;
    value->tag = words[i].tag;
    r->at += n;
    return SROPE_OK;
  }
  return fail(r, "unexpected character");
}

static srope_status read_value(reader *r, uint32_t depth);

/* A list's or object's values from its bracket on; its own value lies at `index`. */
static srope_status read_members(reader *r, uint32_t depth, size_t index) {
  bool is_object = r->text[r->at] == '{';
  char close = is_object ? '}' : ']';
  uint64_t count = 0;
  if (depth == r->max_depth) return SROPE_ERR_LIMIT;
  do {
    r->at++; /* the bracket or a comma */
    skip_space(r);
    if (count == 0 && r->text[r->at] == close) break;
    if (is_object) {
      if (r->text[r->at] != '"') return fail(r, "unexpected character");
      srope_status status = read_value(r, depth + 1);
      if (status) return status;
      skip_space(r);
      if (r->text[r->at] != ':') return fail(r, "unexpected character");
      r->at++;
    }
    srope_status status = read_value(r, depth + 1);
    if (status) return status;
    count++;
    skip_space(r);
  } while (r->text[r->at] == ',');
  if (r->text[r->at] != close) return fail(r, "unexpected character");
  r->at++;
  yyjson_val *value = &r->values[index];
  value->tag = count << YYJSON_TAG_BIT | (is_object ? YYJSON_TYPE_OBJ : YYJSON_TYPE_ARR);
  value->uni.ofs = (r->n_values - index) * sizeof *value;
  return SROPE_OK;
}

static srope_status read_value(reader *r, uint32_t depth) {
  size_t index;
  srope_status status = add_value(r, &index);
  if (status) return status;
  skip_space(r);
  char c = r->text[r->at];
  if (c == '{' || c == '[') return read_members(r, depth, index);
  if (c == '"') return read_string(r, &r->values[index]);
  if (c == '-' || (c >= '0' && c <= '9')) return read_number(r, &r->values[index]);
  return read_word(r, &r->values[index]);
}

static srope_status read_document(reader *r) {
  size_t index;
  for (int i = 0; i < DOCUMENT_VALUES; i++)
    if (add_value(r, &index)) return SROPE_ERR_MEMORY;
  srope_status status = r->text ? read_value(r, 0) : SROPE_ERR_MEMORY;
  if (status) return status;
  skip_space(r);
  if (r->at < r->n) return fail(r, "something behind the value");
  yyjson_doc *doc = (yyjson_doc *)(void *)r->values;
  *doc = (yyjson_doc){.root = r->values + DOCUMENT_VALUES,
                      .alc = {.free = release},
                      .dat_read = r->n,
                      .val_read = r->n_values - DOCUMENT_VALUES,
                      .str_pool = r->text};
  return SROPE_OK;
}

srope_status srope_json_read(const char *text, size_t n, uint32_t max_depth, srope_status status, const char *what,
                             struct yyjson_doc **out, srope_error *error) {
  reader r = {.text = n < SIZE_MAX ? malloc(n + 1) : NULL, .n = n, .max_depth = max_depth};
  if (r.text) {
    if (n > 0) memcpy(r.text, text, n);
    r.text[n] = 0;
  }
  srope_status found = read_document(&r);
  if (!found) {
    *out = (yyjson_doc *)(void *)r.values;
    return SROPE_OK;
  }
  free(r.values);
  free(r.text);
  char where[64];
  srope_text_print(where, sizeof where, "%s byte %zu", what, r.at);
  if (found == SROPE_ERR_MEMORY) return srope_fail(error, found, what, "no memory for %zu bytes of JSON", n);
  if (found == SROPE_ERR_LIMIT)
    return srope_fail(error, found, where, "expected at most %u lists and objects inside one another", max_depth);
  return srope_fail(error, status, where, "expected JSON, found an error: %s", r.problem);
}

const char *srope_json_kind(const void *value) {
  switch (yyjson_get_type((yyjson_val *)(uintptr_t)value)) {
    case YYJSON_TYPE_NULL: return "null";
    case YYJSON_TYPE_BOOL: return "a boolean";
    case YYJSON_TYPE_NUM: return "a number";
    case YYJSON_TYPE_STR: return "a string";
    case YYJSON_TYPE_ARR: return "a list";
    case YYJSON_TYPE_OBJ: return "an object";
    default: return "nothing";
  }
}

/* ---------------------------------------------------------------- writing */

/* Room for n more bytes and a NUL. */
static bool reserve(srope_json_text *to, size_t n) {
  if (to->refused || n < to->capacity - to->n) return !to->refused;
  size_t capacity = 2 * to->capacity + n + 256;
  char *text = capacity > n ? realloc(to->text, capacity) : NULL;
  if (!text) {
    to->refused = true;
    return false;
  }
  to->text = text;
  to->capacity = capacity;
  return true;
}

void srope_json_add(srope_json_text *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t n = srope_text_print_list(NULL, 0, format, arguments);
  if (reserve(to, n)) to->n += srope_text_print_list(to->text + to->n, n + 1, format, arguments);
  va_end(arguments);
}

void srope_json_add_string(srope_json_text *to, const char *text, size_t n) {
  static const char meant[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  srope_json_add(to, "\"");
  for (size_t i = 0; i < n && reserve(to, 6); i++) {
    const char *escaped = text[i] ? strchr(meant, text[i]) : NULL;
    if (escaped)
      srope_json_add(to, "\\%.1s", letters + (escaped - meant));
    else if ((unsigned char)text[i] < ' ')
      srope_json_add(to, "\\u%04x", (unsigned)text[i]);
    else
      to->text[to->n++] = text[i];
  }
  srope_json_add(to, "\"");
}

void srope_json_add_real(srope_json_text *to, double x) {
  char text[32];
  size_t n = 0;
  for (int precision = 15; precision <= 17; precision++) {
    n = srope_text_print(text, sizeof text, "%.*g", precision, x);
    if (srope_decimal_read(text, n) == x) break;
  }
  srope_json_add(to, "%s%s", text, strchr(text, '.') || strchr(text, 'e') ? "" : ".0");
}

void srope_json_add_value(srope_json_text *to, const void *any) {
  yyjson_val *value = (yyjson_val *)(uintptr_t)any, *key, *member;
  size_t i, n;
  switch (yyjson_get_tag(value)) {
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT: srope_json_add(to, "%" PRIu64, yyjson_get_uint(value)); return;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT: srope_json_add(to, "%" PRId64, yyjson_get_sint(value)); return;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL: srope_json_add_real(to, yyjson_get_real(value)); return;
    case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE: srope_json_add(to, "true"); return;
    case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE: srope_json_add(to, "false"); return;
    case YYJSON_TYPE_STR: srope_json_add_string(to, yyjson_get_str(value), yyjson_get_len(value)); return;
    case YYJSON_TYPE_ARR:
      srope_json_add(to, "[");
      yyjson_arr_foreach(value, i, n, member) {
        if (i > 0) srope_json_add(to, ",");
        srope_json_add_value(to, member);
      }
      srope_json_add(to, "]");
      return;
    case YYJSON_TYPE_OBJ:
      srope_json_add(to, "{");
      yyjson_obj_foreach(value, i, n, key, member) {
        if (i > 0) srope_json_add(to, ",");
        srope_json_add_value(to, key);
        srope_json_add(to, ":");
        srope_json_add_value(to, member);
      }
      srope_json_add(to, "}");
      return;
    default: srope_json_add(to, "null");
  }
}
