/* names.c: see names.h. */
#include "cli/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

srope_status cli_names_create(uint32_t n, cli_names *out, srope_error *error) {
  cli_name *sorted = calloc(n > 0 ? n : 1, sizeof *sorted);
  if (sorted == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %u names", n);
  *out = (cli_names){.sorted = sorted, .n = n};
  return SROPE_OK;
}

void cli_names_set(cli_names *names, uint32_t index, const char *text) {
  names->sorted[index] = (cli_name){.text = text, .n = strlen(text), .index = index};
}

static int compare_names(const void *left, const void *right) {
  const cli_name *a = left, *b = right;
  int order = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);
  return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

void cli_names_sort(cli_names *names) { qsort(names->sorted, names->n, sizeof *names->sorted, compare_names); }

void cli_names_free(cli_names *names) {
  free(names->sorted);
  *names = (cli_names){0};
}

srope_status cli_names_pick(const cli_names *names, yyjson_val *object, bool strict, yyjson_val **found,
                            srope_error *error) {
  yyjson_obj_iter members = yyjson_obj_iter_with(object);
  yyjson_val *key, *unknown = NULL;
  memset(found, 0, names->n * sizeof *found);
  while ((key = yyjson_obj_iter_next(&members)) != NULL) {
    cli_name wanted = {.text = yyjson_get_str(key), .n = yyjson_get_len(key)};
    const cli_name *name = bsearch(&wanted, names->sorted, names->n, sizeof *names->sorted, compare_names);
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
