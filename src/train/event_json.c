/* event_json.c: see event_json.h. */
#include "train/event_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "features/names.h"
#include "input/fields.h"

enum { USER, TIME, REQUEST, UTC_OFFSET, ITEM, ACTION, CONTEXT, SIGNAL, LABEL, N_FIELDS };
static const char *const field_names[N_FIELDS] = {
    "user", "time", "request", "utc_offset_minutes", "item", "action", "context", "signal", "label"};

struct srope_event_json {
  const srope_event_schema *schema;
  const srope_dataset_config *config;
  yyjson_doc *document;
  srope_names fields, labels, signals, features[3]; /* features by srope_list */
  uint32_t *signal_places;                          /* (G): of every signal in a list of all */
  float *all_signals;                               /* one event's, as the data lists them */
  yyjson_val **found;                               /* one per name of the largest set */
  srope_input_elements elements[3];                 /* by srope_list */
};

/* ---------------------------------------------------------------- making and freeing */

static srope_status name_all(srope_event_json *reader, srope_error *error) {
  const srope_dataset_config *config = reader->config;
  srope_status status = srope_names_create(N_FIELDS, &reader->fields, error);
  for (uint32_t i = 0; status == SROPE_OK && i < N_FIELDS; i++) srope_names_set(&reader->fields, i, field_names[i]);
  if (status == SROPE_OK) status = srope_names_create(config->n_tasks, &reader->labels, error);
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_tasks; i++) {
    uint32_t label = srope_event_schema_find_label(reader->schema, config->labels[i]);
    const char *column = reader->schema->label_columns[label];
    srope_names_set(&reader->labels, i, column != NULL ? column : config->labels[i]);
  }
  if (status == SROPE_OK) status = srope_names_create(config->n_signals, &reader->signals, error);
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_signals; i++) {
    srope_names_set(&reader->signals, i, config->signals[i]);
    reader->signal_places[i] = srope_event_schema_find_signal(reader->schema, config->signals[i]);
  }
  for (int list = 0; status == SROPE_OK && list < 3; list++) {
    const srope_schema *schema = &config->schema[list];
    status = srope_names_create(schema->n_fields, &reader->features[list], error);
    for (uint32_t i = 0; status == SROPE_OK && i < schema->n_fields; i++)
      srope_names_set(&reader->features[list], i, schema->fields[i].public_view.name);
  }
  return status;
}

static void sort_all(srope_event_json *reader) {
  srope_names_sort(&reader->fields);
  srope_names_sort(&reader->labels);
  srope_names_sort(&reader->signals);
  for (int list = 0; list < 3; list++) srope_names_sort(&reader->features[list]);
}

srope_status srope_event_json_create(const srope_event_schema *schema, const srope_dataset_config *config,
                                     srope_event_json **out, srope_error *error) {
  srope_event_json *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to read events with");
  reader->schema = schema;
  reader->config = config;
  size_t n = config->n_tasks > config->n_signals ? config->n_tasks : config->n_signals;
  for (int list = 0; list < 3; list++)
    if (config->schema[list].n_fields > n) n = config->schema[list].n_fields;
  reader->found = calloc(n + 1, sizeof *reader->found);
  reader->signal_places = calloc(config->n_signals + (size_t)1, sizeof *reader->signal_places);
  reader->all_signals = calloc(schema->n_signals + (size_t)1, sizeof *reader->all_signals);
  srope_status status = SROPE_OK;
  if (reader->found == NULL || reader->signal_places == NULL || reader->all_signals == NULL)
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to read events with");
  if (status == SROPE_OK) status = name_all(reader, error);
  if (status == SROPE_OK) {
    sort_all(reader);
    *out = reader;
  } else {
    srope_event_json_free(reader);
  }
  return status;
}

void srope_event_json_free(srope_event_json *reader) {
  if (reader == NULL) return;
  yyjson_doc_free(reader->document);
  srope_names_free(&reader->fields);
  srope_names_free(&reader->labels);
  srope_names_free(&reader->signals);
  for (int list = 0; list < 3; list++) {
    srope_names_free(&reader->features[list]);
    srope_input_elements_free(&reader->elements[list]);
  }
  free(reader->signal_places);
  free(reader->all_signals);
  free(reader->found);
  free(reader);
}

/* ---------------------------------------------------------------- values */

/* An integer and its decimal text are one user, as with requests. */
static srope_status read_user(yyjson_val *value, uint64_t *user, srope_error *error) {
  double number = srope_input_is_number(value) ? srope_input_get_number(value) : 0.5;
  char text[SROPE_DECIMAL_BYTES];
  if (yyjson_is_str(value) && yyjson_get_len(value) > 0)
    *user = srope_hash64(yyjson_get_str(value), yyjson_get_len(value));
  else if (number == floor(number) && fabs(number) <= 9007199254740992.0) /* 2^53 */
    *user = srope_hash64(text, srope_decimal_text((int64_t)number, text));
  else if (srope_input_is_number(value))
    return srope_fail(error, SROPE_ERR_JSON, "user", "expected a whole number up to 2^53, found %.17g", number);
  else
    return yyjson_is_str(value) ? srope_fail(error, SROPE_ERR_JSON, "user", "expected a user's name, found \"\"")
                                : srope_input_fail_kind(value, "user", "a string or a whole number", error);
  return SROPE_OK;
}

static srope_status read_features(srope_event_json *reader, srope_list list, yyjson_val *value, srope_value *values,
                                  srope_error *error) {
  const srope_names *names = &reader->features[list];
  if (value != NULL && !yyjson_is_obj(value))
    return srope_input_fail_kind(value, srope_list_name(list), "an object of named values", error);
  if (value != NULL)
    (void)srope_names_pick(names, value, false, reader->found, NULL);
  else
    memset(reader->found, 0, names->n * sizeof(yyjson_val *));
  return srope_input_make_values(reader->found, names->n, &reader->elements[list], values, error);
}

static srope_status read_signals(srope_event_json *reader, yyjson_val *value, float *out, srope_error *error) {
  uint32_t n = reader->config->n_signals;
  memset(out, 0, n * sizeof *out);
  if (value == NULL) return SROPE_OK;
  if (yyjson_is_obj(value))
    return srope_input_read_named_numbers(&reader->signals, value, false, "signal", reader->found, out, error);
  if (!yyjson_is_arr(value)) return srope_input_fail_kind(value, "signal", "an object or a list of numbers", error);
  srope_status status =
      srope_input_read_numbers(value, reader->schema->n_signals, "signal", reader->all_signals, error);
  for (uint32_t i = 0; status == SROPE_OK && i < n; i++) out[i] = reader->all_signals[reader->signal_places[i]];
  return status;
}

static srope_status read_label(yyjson_val *value, float *out, srope_error *error) {
  *out = NAN;
  if (value == NULL) return SROPE_OK;
  double number = yyjson_is_bool(value) ? yyjson_is_true(value) : srope_input_get_number(value);
  if (!yyjson_is_bool(value) && !srope_input_is_number(value))
    return srope_input_fail_kind(value, "", "a number from 0 to 1 or a boolean", error);
  if (!(number >= 0 && number <= 1))
    return srope_fail(error, SROPE_ERR_VALUE, "", "expected a label from 0 to 1, found %.9g", number);
  *out = (float)number;
  return SROPE_OK;
}

static srope_status read_labels(srope_event_json *reader, yyjson_val *value, float *out, srope_error *error) {
  const srope_names *names = &reader->labels;
  if (value != NULL && !yyjson_is_obj(value))
    return srope_input_fail_kind(value, "label", "an object of named labels", error);
  if (value != NULL)
    (void)srope_names_pick(names, value, false, reader->found, NULL);
  else
    memset(reader->found, 0, names->n * sizeof(yyjson_val *));
  for (uint32_t i = 0; i < names->n; i++) {
    const srope_name *name = &names->sorted[i];
    srope_status status = read_label(reader->found[name->index], &out[name->index], error);
    if (status != SROPE_OK) {
      srope_error_prefix(error, "label.%s", name->text);
      return status;
    }
  }
  return SROPE_OK;
}

srope_status srope_event_json_read(srope_event_json *reader, char *line, size_t n, srope_event *event, uint64_t *user,
                                   srope_error *error) {
  yyjson_val *found[N_FIELDS];
  yyjson_doc_free(reader->document);
  reader->document = NULL;
  srope_status status = srope_input_parse(line, n, "an event", &reader->document, error);
  if (status != SROPE_OK) return status;
  yyjson_val *root = yyjson_doc_get_root(reader->document);
  if (!yyjson_is_obj(root)) return srope_input_fail_kind(root, "", "an event, which is an object", error);
  (void)srope_names_pick(&reader->fields, root, false, found, NULL);
  event->utc_offset_minutes = NAN;
  status = read_user(found[USER], user, error);
  if (status == SROPE_OK) status = srope_input_read_time(found[TIME], "time", &event->time_s, error);
  if (status == SROPE_OK) status = srope_input_read_request_key(found[REQUEST], &event->request, error);
  if (status == SROPE_OK) status = srope_input_read_utc_offset(found[UTC_OFFSET], &event->utc_offset_minutes, error);
  for (int list = 0; status == SROPE_OK && list < 3; list++)
    status = read_features(reader, (srope_list)list, found[ITEM + list], event->values[list], error);
  if (status == SROPE_OK) status = read_signals(reader, found[SIGNAL], event->signal, error);
  return status == SROPE_OK ? read_labels(reader, found[LABEL], event->label, error) : status;
}
