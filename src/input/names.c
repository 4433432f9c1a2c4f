/* names.c: see names.h. */
#include "input/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

srope_status srope_names_create(uint32_t n, srope_names *out, srope_error *error) {
  srope_name *sorted = calloc(n > 0 ? n : 1, sizeof *sorted);
  if (sorted == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %u names", n);
  *out = (srope_names){.sorted = sorted, .n = n};
  return SROPE_OK;
}

void srope_names_set(srope_names *names, uint32_t index, const char *text) {
  names->sorted[index] = (srope_name){.text = text, .n = strlen(text), .index = index};
}

static int compare_names(const void *left, const void *right) {
  const srope_name *a = left, *b = right;
  int order = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);
  return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

void srope_names_sort(srope_names *names) { qsort(names->sorted, names->n, sizeof *names->sorted, compare_names); }

void srope_names_free(srope_names *names) {
  free(names->sorted);
  *names = (srope_names){0};
}

srope_status srope_names_pick(const srope_names *names, yyjson_val *object, bool strict, yyjson_val **found,
                              srope_error *error) {
  yyjson_obj_iter members = yyjson_obj_iter_with(object);
  yyjson_val *key, *unknown = NULL;
  memset(found, 0, names->n * sizeof *found);
  while ((key = yyjson_obj_iter_next(&members)) != NULL) {
    srope_name wanted = {.text = yyjson_get_str(key), .n = yyjson_get_len(key)};
    const srope_name *name = bsearch(&wanted, names->sorted, names->n, sizeof *names->sorted, compare_names);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (name != NULL)
      found[name->index] = yyjson_is_null(value) ? NULL : value;
    else if (unknown == NULL)
      unknown = key;
  }
  if (strict && unknown != NULL)
    return srope_fail(error, SROPE_ERR_FEATURE, yyjson_get_str(unknown), "is a name that nothing here uses");
  return SROPE_OK;
}
