/* event_schema.c: see event_schema.h. */
#include "train/event_schema.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "input/fields.h"
#include "model/config.h"
#include "train/place.h"

enum { MAX_BYTES = 64 << 20, MAX_DEPTH = 32 };

/* ---------------------------------------------------------------- the file */

static srope_status read_file(const char *path, char **text, size_t *n, srope_error *error) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
  long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  rewind(file);
  *text = size >= 0 && size <= MAX_BYTES ? malloc((size_t)size + 1) : NULL;
  srope_status status = SROPE_OK;
  if (size < 0)
    status = srope_fail(error, SROPE_ERR_IO, path, "could not be read: %s", strerror(errno));
  else if (size > MAX_BYTES)
    status = srope_fail(error, SROPE_ERR_LIMIT, path, "expected at most %d bytes, found %ld", MAX_BYTES, size);
  else if (*text == NULL)
    status = srope_fail(error, SROPE_ERR_MEMORY, path, "no memory for %ld bytes", size);
  if (status == SROPE_OK) *n = fread(*text, 1, (size_t)size, file);
  fclose(file);
  return status;
}

/* ---------------------------------------------------------------- its keys */

static srope_status check_name(yyjson_val *name, const char *where, const char **out, srope_error *error) {
  *out = yyjson_get_str(name);
  if (*out != NULL && (*out)[0] != 0 && strlen(*out) == yyjson_get_len(name)) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_CONFIG, where, "expected strings only, none empty, found %s",
                    srope_json_kind(name));
}

static srope_status check_once(const char *const *names, uint32_t n, const char *where, srope_error *error) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(names[i], names[j]) == 0)
        return srope_fail(error, SROPE_ERR_CONFIG, where, "the name \"%s\" is there twice", names[i]);
  return SROPE_OK;
}

/* A list of names, or an object from name to what it is called in the data. */
static srope_status read_labels(yyjson_val *value, srope_event_schema *schema, srope_error *error) {
  size_t n = yyjson_is_arr(value) ? yyjson_arr_size(value) : yyjson_obj_size(value), i, end;
  yyjson_val *key, *name;
  srope_status status = SROPE_OK;
  if (n == 0)
    return srope_fail(error, SROPE_ERR_CONFIG, "labels", "expected a list of names or an object, not empty, found %s",
                      srope_json_kind(value));
  if (n > SROPE_MAX_LABELS)
    return srope_fail(error, SROPE_ERR_LIMIT, "labels", "expected at most %d, found %zu", SROPE_MAX_LABELS, n);
  schema->labels = calloc(n, sizeof *schema->labels);
  schema->label_columns = calloc(n, sizeof *schema->label_columns);
  if (schema->labels == NULL || schema->label_columns == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, "labels", "no memory for %zu labels", n);
  schema->n_labels = (uint32_t)n;
  if (yyjson_is_arr(value)) {
    yyjson_arr_foreach(value, i, end, name) {
      if (status == SROPE_OK) status = check_name(name, "labels", &schema->labels[i], error);
    }
  } else {
    yyjson_obj_foreach(value, i, end, key, name) {
      if (status == SROPE_OK) status = check_name(key, "labels", &schema->labels[i], error);
      if (status == SROPE_OK) status = check_name(name, "labels", &schema->label_columns[i], error);
    }
  }
  return status == SROPE_OK ? check_once(schema->labels, schema->n_labels, "labels", error) : status;
}

static srope_status read_signals(yyjson_val *value, srope_event_schema *schema, srope_error *error) {
  size_t n = yyjson_arr_size(value), i, end;
  yyjson_val *name;
  srope_status status = SROPE_OK;
  if (value == NULL || yyjson_is_null(value)) return SROPE_OK;
  if (!yyjson_is_arr(value))
    return srope_fail(error, SROPE_ERR_CONFIG, "signals", "expected a list of names, found %s", srope_json_kind(value));
  if (n > SROPE_MAX_FEATURES)
    return srope_fail(error, SROPE_ERR_LIMIT, "signals", "expected at most %d, found %zu", SROPE_MAX_FEATURES, n);
  schema->signals = calloc(n + 1, sizeof *schema->signals);
  if (schema->signals == NULL) return srope_fail(error, SROPE_ERR_MEMORY, "signals", "no memory for %zu signals", n);
  schema->n_signals = (uint32_t)n;
  yyjson_arr_foreach(value, i, end, name) {
    if (status == SROPE_OK) status = check_name(name, "signals", &schema->signals[i], error);
  }
  return status == SROPE_OK ? check_once(schema->signals, schema->n_signals, "signals", error) : status;
}

static srope_status read_splits(yyjson_val *value, srope_event_schema *schema, srope_error *error) {
  if (!yyjson_is_obj(value))
    return srope_fail(error, SROPE_ERR_CONFIG, "splits", "expected an object with validation and test, found %s",
                      srope_json_kind(value));
  srope_status status =
      srope_input_read_time(yyjson_obj_get(value, "validation"), "splits.validation", &schema->validation_s, error);
  if (status == SROPE_OK)
    status = srope_input_read_time(yyjson_obj_get(value, "test"), "splits.test", &schema->test_s, error);
  if (status != SROPE_OK) {
    if (error != NULL) error->status = SROPE_ERR_CONFIG;
    return SROPE_ERR_CONFIG;
  }
  return schema->validation_s <= schema->test_s
             ? SROPE_OK
             : srope_fail(error, SROPE_ERR_CONFIG, "splits", "expected validation not after test");
}

static srope_status read_separator(yyjson_val *value, srope_event_schema *schema, srope_error *error) {
  const char *text = yyjson_get_str(value);
  schema->list_separator = '|';
  if (value == NULL || yyjson_is_null(value)) return SROPE_OK;
  if (text == NULL || yyjson_get_len(value) > 1 || (text[0] != 0 && strchr("|,;:/ \t&^~!_#", text[0]) == NULL))
    return srope_fail(error, SROPE_ERR_CONFIG, "list_separator",
                      "expected \"\" for none or one of | , ; : / & ^ ~ ! _ # space and tab");
  schema->list_separator = text[0];
  return SROPE_OK;
}

static srope_status read_columns(yyjson_val *value, srope_event_schema *schema, srope_error *error) {
  size_t i, end;
  yyjson_val *key, *name;
  const char *text;
  srope_status status = SROPE_OK;
  if (value == NULL || yyjson_is_null(value)) return SROPE_OK;
  if (!yyjson_is_obj(value))
    return srope_fail(error, SROPE_ERR_CONFIG, "columns", "expected an object from name to column, found %s",
                      srope_json_kind(value));
  yyjson_obj_foreach(value, i, end, key, name) {
    if (status == SROPE_OK) status = check_name(name, "columns", &text, error);
  }
  schema->columns = value;
  return status;
}

static srope_status read_keys(srope_event_schema *schema, srope_error *error) {
  yyjson_val *root = yyjson_doc_get_root(schema->document);
  if (!yyjson_is_obj(root))
    return srope_fail(error, SROPE_ERR_CONFIG, NULL, "expected an object, found %s", srope_json_kind(root));
  schema->features = yyjson_obj_get(root, "features");
  if (!yyjson_is_obj(schema->features))
    return srope_fail(error, SROPE_ERR_CONFIG, "features",
                      "expected an object with the lists item, action, context, "
                      "found %s",
                      srope_json_kind(schema->features));
  srope_status status = srope_schema_read(schema->features, schema->schema, error);
  if (status == SROPE_OK) status = read_labels(yyjson_obj_get(root, "labels"), schema, error);
  if (status == SROPE_OK) status = read_signals(yyjson_obj_get(root, "signals"), schema, error);
  if (status == SROPE_OK) status = read_splits(yyjson_obj_get(root, "splits"), schema, error);
  if (status == SROPE_OK) status = read_separator(yyjson_obj_get(root, "list_separator"), schema, error);
  return status == SROPE_OK ? read_columns(yyjson_obj_get(root, "columns"), schema, error) : status;
}

srope_status srope_event_schema_parse(const char *text, size_t n, srope_event_schema *out, srope_error *error) {
  *out = (srope_event_schema){0};
  srope_status status =
      srope_json_read(text, n, MAX_DEPTH, SROPE_ERR_CONFIG, SROPE_EVENT_SCHEMA_NAME, &out->document, error);
  if (status != SROPE_OK) return status;
  status = read_keys(out, error);
  if (status != SROPE_OK) srope_place_before(error, SROPE_EVENT_SCHEMA_NAME);
  return status;
}

srope_status srope_event_schema_read(const char *folder, srope_event_schema *out, srope_error *error) {
  size_t n_path = strlen(folder) + sizeof "/" SROPE_EVENT_SCHEMA_NAME, n = 0;
  char *path = malloc(n_path), *text = NULL;
  *out = (srope_event_schema){0};
  if (path == NULL) return srope_fail(error, SROPE_ERR_MEMORY, folder, "no memory for its path");
  snprintf(path, n_path, "%s/" SROPE_EVENT_SCHEMA_NAME, folder);
  srope_status status = read_file(path, &text, &n, error);
  if (status == SROPE_OK) status = srope_event_schema_parse(text, n, out, error);
  free(path);
  free(text);
  return status;
}

void srope_event_schema_free(srope_event_schema *schema) {
  srope_schema_free(schema->schema);
  free(schema->labels);
  free(schema->label_columns);
  free(schema->signals);
  yyjson_doc_free(schema->document);
  *schema = (srope_event_schema){0};
}

/* ---------------------------------------------------------------- what is asked of it */

static uint32_t find_text(const char *const *texts, uint32_t n, const char *text) {
  uint32_t i = 0;
  while (i < n && strcmp(texts[i], text) != 0) i++;
  return i;
}

static bool has_feature(const srope_schema *schema, const char *name) {
  for (uint32_t i = 0; i < schema->n_fields; i++)
    if (strcmp(schema->fields[i].public_view.name, name) == 0) return true;
  return false;
}

uint32_t srope_event_schema_find_label(const srope_event_schema *schema, const char *name) {
  return find_text(schema->labels, schema->n_labels, name);
}

uint32_t srope_event_schema_find_signal(const srope_event_schema *schema, const char *name) {
  return find_text(schema->signals, schema->n_signals, name);
}

static srope_status fail_absent(const char *where, const char *what, srope_error *error) {
  return srope_fail(error, SROPE_ERR_CONFIG, where,
                    "the model asks for it, and " SROPE_EVENT_SCHEMA_NAME " has no such %s", what);
}

srope_status srope_event_schema_check(const srope_event_schema *schema, const srope_dataset_config *config,
                                      srope_error *error) {
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < config->schema[list].n_fields; i++) {
      const srope_field *field = &config->schema[list].fields[i];
      if (config->time_values[list][i] == SROPE_TIME_NONE &&
          !has_feature(&schema->schema[list], field->public_view.name))
        return fail_absent(field->place, "feature", error);
    }
  for (uint32_t i = 0; i < config->n_tasks; i++)
    if (srope_event_schema_find_label(schema, config->labels[i]) == schema->n_labels)
      return fail_absent(config->labels[i], "label", error);
  for (uint32_t i = 0; i < config->n_signals; i++)
    if (srope_event_schema_find_signal(schema, config->signals[i]) == schema->n_signals)
      return fail_absent(config->signals[i], "signal", error);
  return SROPE_OK;
}

const char *srope_event_schema_column(const srope_event_schema *schema, const char *name) {
  const char *column = yyjson_get_str(yyjson_obj_get(schema->columns, name));
  return column != NULL ? column : name;
}

/* ---------------------------------------------------------------- what it says */

static yyjson_mut_val *make_names(yyjson_mut_doc *doc, const char *const *names, uint32_t n) {
  yyjson_mut_val *list = yyjson_mut_arr(doc);
  for (uint32_t i = 0; i < n; i++) yyjson_mut_arr_add_str(doc, list, names[i]);
  return list;
}

srope_status srope_event_schema_describe(const srope_event_schema *schema, char **text, size_t *n, srope_error *error) {
  bool refused = false;
  yyjson_alc allocator;
  srope_json_watch_memory(&allocator, &refused);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  yyjson_mut_obj_add_val(doc, root, "features", yyjson_val_mut_copy(doc, schema->features));
  yyjson_mut_obj_add_val(doc, root, "labels", make_names(doc, schema->labels, schema->n_labels));
  yyjson_mut_obj_add_val(doc, root, "angle_signals", make_names(doc, schema->signals, schema->n_signals));
  yyjson_mut_obj_add_real(doc, root, "trend_center", schema->validation_s); /* where what is learned from ends */
  yyjson_mut_obj_add_real(doc, root, "trend_scale", 1e6);                   /* 12 days */
  char *written = refused ? NULL : yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, n);
  yyjson_mut_doc_free(doc);
  if (written == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the description");
  *text = written;
  return SROPE_OK;
}
