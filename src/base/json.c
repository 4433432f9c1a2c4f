#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

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

srope_status srope_json_read(const char *text, size_t n, uint32_t max_depth, srope_status status, const char *what,
                             struct yyjson_doc **out, srope_error *error) {
  char where[64];
  size_t too_deep = srope_json_find_too_deep(text, n, max_depth);
  if (too_deep < n) {
    snprintf(where, sizeof where, "%s byte %zu", what, too_deep);
    return srope_fail(error, SROPE_ERR_LIMIT, where, "expected at most %u lists and objects inside one another",
                      max_depth);
  }
  yyjson_read_err parse_error;
  yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text, n, YYJSON_READ_NOFLAG, NULL, &parse_error);
  if (!doc && parse_error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
    return srope_fail(error, SROPE_ERR_MEMORY, what, "no memory for %zu bytes of JSON", n);
  if (!doc) {
    snprintf(where, sizeof where, "%s byte %zu", what, parse_error.pos);
    return srope_fail(error, status, where, "expected JSON, found an error: %s", parse_error.msg);
  }
  *out = doc;
  return SROPE_OK;
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
