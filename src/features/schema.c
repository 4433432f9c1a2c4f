/* schema.c: the key `features` of a configuration, checked: kinds, parameters and their ranges, names used once, tables
 * shared only with a feature that has one of the same size. Unknown parameters are ignored, like all unknown keys. */
#include "features/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

static const char *const kind_names[] = {"number", "vector", "hash", "index", "vocab"}; /* by srope_kind */
static const char list_names[][8] = {"item", "action", "context"};                      /* by srope_list */
enum { N_KINDS = sizeof kind_names / sizeof *kind_names, N_LISTS = 3 };

const char *srope_list_name(srope_list list) { return list_names[list]; }

/* One feature's object. The functions that read it fail at the parameter's name; their caller puts the feature before. */
typedef struct reader {
  yyjson_val *object;
  srope_error *error;
} reader;

/* A parameter, NULL when it is absent or null. */
static yyjson_val *parameter(const reader *r, const char *key) {
  yyjson_val *value = yyjson_obj_get(r->object, key);
  return yyjson_is_null(value) ? NULL : value;
}

static srope_status read_count(const reader *r, const char *key, uint32_t maximum, uint32_t *out) {
  yyjson_val *value = parameter(r, key);
  uint64_t count = yyjson_get_uint(value);
  if (!yyjson_is_uint(value) || count == 0)
    return srope_fail(r->error, SROPE_ERR_CONFIG, key, "expected a whole number from 1 to %u, found %s", maximum,
                      yyjson_is_uint(value) ? "0" : srope_json_kind(value));
  if (count > maximum)
    return srope_fail(r->error, SROPE_ERR_LIMIT, key, "expected a whole number from 1 to %u, found %llu", maximum,
                      (unsigned long long)count);
  *out = (uint32_t)count;
  return SROPE_OK;
}

static srope_status read_number(const reader *r, const char *key, double *out) {
  yyjson_val *value = parameter(r, key);
  if (!value) return SROPE_OK;
  if (!yyjson_is_num(value) || !isfinite(yyjson_get_num(value)))
    return srope_fail(r->error, SROPE_ERR_CONFIG, key, "expected a number, found %s", srope_json_kind(value));
  *out = yyjson_get_num(value);
  return SROPE_OK;
}

static srope_status read_name(const reader *r, srope_list list, srope_field *field) {
  yyjson_val *value = parameter(r, "name");
  const char *name = yyjson_get_str(value);
  size_t n = yyjson_get_len(value);
  if (!name || n == 0 || strlen(name) != n)
    return srope_fail(r->error, SROPE_ERR_CONFIG, "name", "expected a string, not empty");
  if (n > SROPE_MAX_FEATURE_NAME_BYTES)
    return srope_fail(r->error, SROPE_ERR_LIMIT, "name", "expected at most %d bytes, found %zu",
                      SROPE_MAX_FEATURE_NAME_BYTES, n);
  field->public_view.name = name;
  srope_text_print(field->place, sizeof field->place, "%s.%s", list_names[list], name);
  return SROPE_OK;
}

static srope_status read_kind(const reader *r, srope_field *field) {
  yyjson_val *value = parameter(r, "kind");
  for (int kind = 0; kind < N_KINDS; kind++)
    if (yyjson_equals_str(value, kind_names[kind])) {
      field->kind = (srope_kind)kind;
      field->public_view.kind = kind_names[kind];
      return SROPE_OK;
    }
  return srope_fail(r->error, SROPE_ERR_CONFIG, "kind", "expected number, vector, hash, index or vocab, found %s%s",
                    yyjson_is_str(value) ? "the string " : "",
                    yyjson_is_str(value) ? yyjson_get_str(value) : srope_json_kind(value));
}

static srope_status read_number_parameters(const reader *r, srope_field *field) {
  yyjson_val *transform = parameter(r, "transform"), *clip = parameter(r, "clip");
  field->log1p = yyjson_equals_str(transform, "log1p");
  if (transform && !field->log1p && !yyjson_equals_str(transform, "none"))
    return srope_fail(r->error, SROPE_ERR_CONFIG, "transform", "expected none or log1p");
  field->clip_low = -INFINITY;
  field->clip_high = INFINITY;
  if (clip) {
    yyjson_val *low = yyjson_arr_get(clip, 0), *high = yyjson_arr_get(clip, 1);
    if (yyjson_arr_size(clip) != 2 || !yyjson_is_num(low) || !yyjson_is_num(high) ||
        !(yyjson_get_num(low) <= yyjson_get_num(high)))
      return srope_fail(r->error, SROPE_ERR_CONFIG, "clip", "expected [low, high], two numbers, low not above high");
    field->clip_low = yyjson_get_num(low);
    field->clip_high = yyjson_get_num(high);
  }
  field->scale = 1;
  field->public_view.dim = 1;
  srope_status status = read_number(r, "shift", &field->shift);
  return status ? status : read_number(r, "scale", &field->scale);
}

static int compare_words(const void *a, const void *b) {
  const srope_word *x = a, *y = b;
  return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : memcmp(x->text, y->text, x->n);
}

static srope_status read_words(const reader *r, srope_field *field) {
  yyjson_val *words = parameter(r, "words"), *word;
  size_t n_words = yyjson_arr_size(words), i, n;
  if (n_words == 0)
    return srope_fail(r->error, SROPE_ERR_CONFIG, "words", "expected a list of strings, not empty, found %s",
                      srope_json_kind(words));
  if (n_words > SROPE_MAX_TABLE_ROWS)
    return srope_fail(r->error, SROPE_ERR_LIMIT, "words", "expected at most %d words", SROPE_MAX_TABLE_ROWS);
  field->rows = (uint32_t)n_words;
  field->words = calloc(n_words, sizeof *field->words);
  if (!field->words) return srope_fail(r->error, SROPE_ERR_MEMORY, "words", "no memory for the words");
  yyjson_arr_foreach(words, i, n, word) {
    if (!yyjson_is_str(word) || yyjson_get_len(word) == 0)
      return srope_fail(r->error, SROPE_ERR_CONFIG, "words", "expected strings only, none empty");
    field->words[i] = (srope_word){yyjson_get_str(word), (uint32_t)yyjson_get_len(word), (uint32_t)i};
  }
  qsort(field->words, n_words, sizeof *field->words, compare_words);
  for (i = 1; i < n_words; i++)
    if (compare_words(&field->words[i - 1], &field->words[i]) == 0)
      return srope_fail(r->error, SROPE_ERR_CONFIG, "words", "the word \"%s\" is listed twice", field->words[i].text);
  return SROPE_OK;
}

static srope_status read_field(const reader *r, srope_list list, srope_field *field) {
  srope_status status;
  if (!yyjson_is_obj(r->object))
    return srope_fail(r->error, SROPE_ERR_CONFIG, NULL, "expected an object, found %s", srope_json_kind(r->object));
  if ((status = read_name(r, list, field))) return status;
  if ((status = read_kind(r, field))) return status;
  yyjson_val *required = parameter(r, "required");
  if (required && !yyjson_is_bool(required))
    return srope_fail(r->error, SROPE_ERR_CONFIG, "required", "expected true or false, found %s",
                      srope_json_kind(required));
  field->public_view.required = yyjson_get_bool(required);
  if (field->kind == SROPE_KIND_NUMBER) return read_number_parameters(r, field);

  if ((status = read_count(r, "dim", SROPE_MAX_WIDTH, &field->public_view.dim))) return status;
  if (field->kind == SROPE_KIND_VECTOR) return SROPE_OK;
  srope_text_print(field->table_name, sizeof field->table_name, "encoder.%s.weight", field->place);
  if (field->kind == SROPE_KIND_HASH) return read_count(r, "buckets", SROPE_MAX_TABLE_ROWS, &field->rows);
  if (field->kind == SROPE_KIND_INDEX) return read_count(r, "size", SROPE_MAX_TABLE_ROWS, &field->rows);
  return read_words(r, field);
}

static srope_status read_list(yyjson_val *list, srope_list which, srope_schema *schema, srope_error *error) {
  char where[64];
  srope_text_print(where, sizeof where, "features.%s", list_names[which]);
  if (!list || yyjson_is_null(list)) return SROPE_OK;
  if (!yyjson_is_arr(list))
    return srope_fail(error, SROPE_ERR_CONFIG, where, "expected a list of features, found %s", srope_json_kind(list));
  size_t n_fields = yyjson_arr_size(list), i, n;
  if (n_fields > SROPE_MAX_FEATURES)
    return srope_fail(error, SROPE_ERR_LIMIT, where, "expected at most %d features, found %zu", SROPE_MAX_FEATURES,
                      n_fields);
  if (n_fields == 0) return SROPE_OK;
  schema->fields = calloc(n_fields, sizeof *schema->fields);
  if (!schema->fields) return srope_fail(error, SROPE_ERR_MEMORY, where, "no memory for %zu features", n_fields);
  schema->n_fields = (uint32_t)n_fields;
  yyjson_val *object;
  uint64_t dim = 0;
  yyjson_arr_foreach(list, i, n, object) {
    reader r = {object, error};
    srope_status status = read_field(&r, which, &schema->fields[i]);
    for (size_t j = 0; j < i && !status; j++)
      if (strcmp(schema->fields[j].place, schema->fields[i].place) == 0)
        status = srope_fail(error, SROPE_ERR_CONFIG, "name", "two features of the list are called \"%s\"",
                            schema->fields[i].public_view.name);
    if (status) {
      srope_error_prefix(error, "features.%s[%zu]", list_names[which], i);
      return status;
    }
    dim += schema->fields[i].public_view.dim;
  }
  if (dim > SROPE_MAX_WIDTH)
    return srope_fail(error, SROPE_ERR_LIMIT, where, "expected features of at most %d numbers together, found %llu",
                      SROPE_MAX_WIDTH, (unsigned long long)dim);
  schema->dim = (uint32_t)dim;
  return SROPE_OK;
}

static srope_field *find_field(srope_schema schema[3], const char *place) {
  for (int list = 0; list < N_LISTS; list++)
    for (uint32_t i = 0; i < schema[list].n_fields; i++)
      if (strcmp(schema[list].fields[i].place, place) == 0) return &schema[list].fields[i];
  return NULL;
}

/* The field that a field's `table` names, itself without one. */
static srope_status find_owner(const reader *r, srope_schema schema[3], srope_field *field) {
  yyjson_val *table = parameter(r, "table");
  field->owner = field;
  if (!table) return SROPE_OK;
  if (!yyjson_is_str(table))
    return srope_fail(r->error, SROPE_ERR_CONFIG, "table", "expected a feature's name such as \"item.tab\", found %s",
                      srope_json_kind(table));
  const srope_field *owner = find_field(schema, yyjson_get_str(table));
  if (!owner || !owner->table_name[0] || owner == field)
    return srope_fail(r->error, SROPE_ERR_CONFIG, "table", "expected another feature with a table, found \"%s\"",
                      yyjson_get_str(table));
  if (owner->rows != field->rows || owner->public_view.dim != field->public_view.dim)
    return srope_fail(r->error, SROPE_ERR_CONFIG, "table", "the table of %s is (%u, %u), this feature needs (%u, %u)",
                      owner->place, owner->rows, owner->public_view.dim, field->rows, field->public_view.dim);
  field->owner = owner;
  return SROPE_OK;
}

/* Owners are found first and then asked whether they share themselves: no chains, so no circles. */
static srope_status check_owner(const reader *r, const srope_field *field) {
  if (field->owner->owner == field->owner) return SROPE_OK;
  return srope_fail(r->error, SROPE_ERR_CONFIG, "table", "%s shares a table itself: name the feature that owns it",
                    field->owner->place);
}

static srope_status resolve_tables(yyjson_val *features, srope_schema schema[3], srope_error *error) {
  for (int pass = 0; pass < 2; pass++)
    for (int list = 0; list < N_LISTS; list++) {
      yyjson_val *objects = yyjson_obj_get(features, list_names[list]);
      for (uint32_t i = 0; i < schema[list].n_fields; i++) {
        srope_field *field = &schema[list].fields[i];
        reader r = {yyjson_arr_get(objects, i), error};
        if (!field->table_name[0]) continue;
        srope_status status = pass == 0 ? find_owner(&r, schema, field) : check_owner(&r, field);
        if (status) {
          srope_error_prefix(error, "features.%s[%u]", list_names[list], i);
          return status;
        }
      }
    }
  return SROPE_OK;
}

srope_status srope_schema_read(struct yyjson_val *features, srope_schema schema[3], srope_error *error) {
  memset(schema, 0, N_LISTS * sizeof *schema);
  if (!features || yyjson_is_null(features)) return SROPE_OK;
  if (!yyjson_is_obj(features))
    return srope_fail(error, SROPE_ERR_CONFIG, "features",
                      "expected an object with the lists item, action and context, "
                      "found %s",
                      srope_json_kind(features));
  for (int list = 0; list < N_LISTS; list++) {
    srope_status status = read_list(yyjson_obj_get(features, list_names[list]), (srope_list)list, &schema[list], error);
    if (status) return status;
  }
  return resolve_tables(features, schema, error);
}

void srope_schema_free(srope_schema schema[3]) {
  for (int list = 0; list < N_LISTS; list++) {
    for (uint32_t i = 0; i < schema[list].n_fields; i++) free(schema[list].fields[i].words);
    free(schema[list].fields);
  }
  memset(schema, 0, N_LISTS * sizeof *schema);
}
