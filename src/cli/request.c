/* request.c: see request.h. */
#include "cli/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/buffer.h"
#include "input/fields.h"

enum { REQUEST_ID, REQUEST_NOW, REQUEST_UTC_OFFSET, REQUEST_HISTORY, REQUEST_CANDIDATES, N_REQUEST };
static const char *const request_fields[N_REQUEST] = {"id", "now", "utc_offset_minutes", "history", "candidates"};

enum { EVENT_TIME, EVENT_ITEM, EVENT_ACTION, EVENT_CONTEXT, EVENT_SIGNAL, EVENT_REQUEST, EVENT_UTC_OFFSET, N_EVENT };
static const char *const event_fields[N_EVENT] = {
    "time", "item", "action", "context", "signal", "request", "utc_offset_minutes"};

enum { CANDIDATE_ID, CANDIDATE_ITEM, CANDIDATE_CONTEXT, CANDIDATE_SIGNAL, N_CANDIDATE };
static const char *const candidate_fields[N_CANDIDATE] = {"id", "item", "context", "signal"};

static const char *const list_names[] = {"item", "action", "context"}; /* by srope_list */

typedef struct timed_event {
  yyjson_val *fields[N_EVENT];
  double time_s;
  size_t index; /* in the request */
} timed_event;

struct cli_request_reader {
  const srope_model *model;
  const srope_info *info;
  cli_request_rules rules;
  yyjson_doc *document;
  srope_names request_names, event_names, candidate_names, signal_names;
  srope_names feature_names[3]; /* by srope_list */
  yyjson_val **found;           /* one per name of the largest set above */
  srope_value *values;          /* likewise */
  float *vector[3], *signal;    /* one event's */
  srope_input_elements elements;
  cli_buffer events; /* timed_event */
};

/* ---------------------------------------------------------------- making and freeing */

static srope_status name_fixed(srope_names *names, const char *const *fields, uint32_t n, srope_error *error) {
  srope_status status = srope_names_create(n, names, error);
  for (uint32_t i = 0; status == SROPE_OK && i < n; i++) srope_names_set(names, i, fields[i]);
  if (status == SROPE_OK) srope_names_sort(names);
  return status;
}

static srope_status name_features(cli_request_reader *reader, srope_list list, srope_error *error) {
  uint32_t n = srope_model_feature_count(reader->model, list);
  srope_status status = srope_names_create(n, &reader->feature_names[list], error);
  for (uint32_t i = 0; status == SROPE_OK && i < n; i++)
    srope_names_set(&reader->feature_names[list], i, srope_model_feature(reader->model, list, i)->name);
  if (status == SROPE_OK) srope_names_sort(&reader->feature_names[list]);
  return status;
}

static srope_status name_signals(cli_request_reader *reader, srope_error *error) {
  uint32_t n = reader->info->n_signals;
  srope_status status = srope_names_create(n, &reader->signal_names, error);
  for (uint32_t i = 0; status == SROPE_OK && i < n; i++)
    srope_names_set(&reader->signal_names, i, srope_model_signal(reader->model, i));
  if (status == SROPE_OK) srope_names_sort(&reader->signal_names);
  return status;
}

static srope_status name_all(cli_request_reader *reader, srope_error *error) {
  srope_status status = name_fixed(&reader->request_names, request_fields, N_REQUEST, error);
  if (status == SROPE_OK) status = name_fixed(&reader->event_names, event_fields, N_EVENT, error);
  if (status == SROPE_OK) status = name_fixed(&reader->candidate_names, candidate_fields, N_CANDIDATE, error);
  if (status == SROPE_OK) status = name_signals(reader, error);
  for (int list = 0; status == SROPE_OK && list < 3; list++) status = name_features(reader, (srope_list)list, error);
  return status;
}

static srope_status place_scratch(cli_request_reader *reader, srope_error *error) {
  const srope_info *info = reader->info;
  uint32_t widths[3] = {info->n_item, info->n_action, info->n_context};
  size_t n = N_EVENT > info->n_signals ? N_EVENT : info->n_signals;
  bool placed = true;
  for (int list = 0; list < 3; list++) {
    if (reader->feature_names[list].n > n) n = reader->feature_names[list].n;
    reader->vector[list] = calloc(widths[list] + (size_t)1, sizeof(float));
    placed = placed && reader->vector[list] != NULL;
  }
  reader->signal = calloc(info->n_signals + (size_t)1, sizeof(float));
  reader->found = calloc(n, sizeof *reader->found);
  reader->values = calloc(n, sizeof *reader->values);
  if (!placed || reader->signal == NULL || reader->found == NULL || reader->values == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to read requests with");
  return SROPE_OK;
}

srope_status cli_request_reader_create(const srope_model *model, const cli_request_rules *rules,
                                       cli_request_reader **out, srope_error *error) {
  cli_request_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to read requests with");
  reader->model = model;
  reader->info = srope_model_info(model);
  reader->rules = *rules;
  srope_status status = name_all(reader, error);
  if (status == SROPE_OK) status = place_scratch(reader, error);
  if (status == SROPE_OK)
    *out = reader;
  else
    cli_request_reader_free(reader);
  return status;
}

void cli_request_reader_free(cli_request_reader *reader) {
  if (reader == NULL) return;
  yyjson_doc_free(reader->document);
  srope_names_free(&reader->request_names);
  srope_names_free(&reader->event_names);
  srope_names_free(&reader->candidate_names);
  srope_names_free(&reader->signal_names);
  for (int list = 0; list < 3; list++) {
    srope_names_free(&reader->feature_names[list]);
    free(reader->vector[list]);
  }
  free(reader->signal);
  free(reader->found);
  free(reader->values);
  srope_input_elements_free(&reader->elements);
  cli_buffer_free(&reader->events);
  free(reader);
}

/* ---------------------------------------------------------------- values */

static bool is_scalar(yyjson_val *value) { return value == NULL || !yyjson_is_ctn(value); }

/* `item`, `action` or `context`: named values where the model has a schema, else numbers. out (X), (Y), (Z). */
static srope_status read_vector(cli_request_reader *reader, srope_list list, yyjson_val *value, float *out,
                                srope_error *error) {
  uint32_t widths[3] = {reader->info->n_item, reader->info->n_action, reader->info->n_context};
  const srope_names *names = &reader->feature_names[list];
  srope_status status = SROPE_OK;
  if (!reader->info->has_schema[list])
    return value == NULL && widths[list] == 0
               ? SROPE_OK
               : srope_input_read_numbers(value, widths[list], list_names[list], out, error);
  if (value != NULL && !yyjson_is_obj(value))
    return srope_input_fail_kind(value, list_names[list], "an object of named values", error);
  if (value != NULL) {
    status = srope_names_pick(names, value, reader->rules.strict, reader->found, error);
    if (status != SROPE_OK) srope_error_prefix(error, "%s", list_names[list]);
  } else {
    memset(reader->found, 0, names->n * sizeof *reader->found);
  }
  if (status == SROPE_OK)
    status = srope_input_make_values(reader->found, names->n, &reader->elements, reader->values, error);
  return status == SROPE_OK ? srope_encode(reader->model, list, reader->values, out, error) : status;
}

/* `signal`: an object by name (missing is 0) or a list in order; out (G). */
static srope_status read_signal(cli_request_reader *reader, yyjson_val *value, float *out, srope_error *error) {
  uint32_t n = reader->info->n_signals;
  memset(out, 0, n * sizeof *out);
  if (value == NULL) return SROPE_OK;
  if (yyjson_is_arr(value)) return srope_input_read_numbers(value, n, "signal", out, error);
  if (!yyjson_is_obj(value)) return srope_input_fail_kind(value, "signal", "an object or a list of numbers", error);
  return srope_input_read_named_numbers(&reader->signal_names, value, reader->rules.strict, "signal", reader->found,
                                        out, error);
}

/* ---------------------------------------------------------------- a request */

/* A list of at most `limit`; NULL where it is missing. */
static srope_status check_list(yyjson_val *value, const char *where, size_t limit, srope_error *error) {
  if (value == NULL) return SROPE_OK;
  if (!yyjson_is_arr(value)) return srope_input_fail_kind(value, where, "a list", error);
  if (yyjson_arr_size(value) > limit)
    return srope_fail(error, SROPE_ERR_LIMIT, where, "expected at most %zu, found %zu", limit, yyjson_arr_size(value));
  return SROPE_OK;
}

srope_status cli_request_parse(cli_request_reader *reader, char *line, size_t n, cli_request *request,
                               srope_error *error) {
  yyjson_val **found = reader->found;
  *request = (cli_request){.utc_offset_minutes = NAN};
  yyjson_doc_free(reader->document);
  reader->document = NULL;
  srope_status status = srope_input_parse(line, n, "a request", &reader->document, error);
  if (status != SROPE_OK) return status;
  yyjson_val *root = yyjson_doc_get_root(reader->document);
  if (!yyjson_is_obj(root)) return srope_input_fail_kind(root, "", "a request, which is an object", error);
  status = srope_names_pick(&reader->request_names, root, reader->rules.strict, found, error);
  request->id = is_scalar(found[REQUEST_ID]) ? found[REQUEST_ID] : NULL;
  if (status != SROPE_OK) return status;
  request->history = found[REQUEST_HISTORY];
  yyjson_val *candidates = found[REQUEST_CANDIDATES];
  if (!is_scalar(found[REQUEST_ID]))
    return srope_input_fail_kind(found[REQUEST_ID], "id", "a string or a number", error);
  status = srope_input_read_time(found[REQUEST_NOW], "now", &request->now_s, error);
  if (status == SROPE_OK)
    status = srope_input_read_utc_offset(found[REQUEST_UTC_OFFSET], &request->utc_offset_minutes, error);
  if (status == SROPE_OK) status = check_list(request->history, "history", reader->rules.max_events, error);
  if (status == SROPE_OK && candidates == NULL) return srope_input_fail_kind(NULL, "candidates", "a list", error);
  if (status == SROPE_OK) status = check_list(candidates, "candidates", reader->rules.max_candidates, error);
  if (status != SROPE_OK) return status;
  request->candidates = candidates;
  request->n_candidates = yyjson_arr_size(candidates);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- history */

static int compare_events(const void *left, const void *right) {
  const timed_event *a = left, *b = right;
  if (a->time_s != b->time_s) return a->time_s < b->time_s ? -1 : 1;
  return (a->index > b->index) - (a->index < b->index);
}

/* The fields and times of all events, in the order of their times. */
static srope_status read_events(cli_request_reader *reader, yyjson_val *history, srope_error *error) {
  size_t index, n;
  yyjson_val *value;
  srope_status status = cli_buffer_reserve(&reader->events, yyjson_arr_size(history), sizeof(timed_event), error);
  if (status != SROPE_OK) return status;
  timed_event *events = reader->events.data;
  bool decreases = false;
  yyjson_arr_foreach(history, index, n, value) {
    timed_event *event = &events[index];
    status = yyjson_is_obj(value)
                 ? srope_names_pick(&reader->event_names, value, reader->rules.strict, event->fields, error)
                 : srope_input_fail_kind(value, "", "an event, which is an object", error);
    if (status == SROPE_OK) status = srope_input_read_time(event->fields[EVENT_TIME], "time", &event->time_s, error);
    event->index = index;
    if (status == SROPE_OK && index > 0 && event->time_s < events[index - 1].time_s) {
      decreases = true;
      if (!reader->rules.sort_history)
        status = srope_fail(error, SROPE_ERR_TIME, "time",
                            "expected no time before the one before it (%.3f s), found %.3f s; --sort-history sorts",
                            events[index - 1].time_s, event->time_s);
    }
    if (status != SROPE_OK) {
      srope_error_prefix(error, "history[%zu]", index);
      return status;
    }
  }
  if (decreases) qsort(events, n, sizeof *events, compare_events);
  return SROPE_OK;
}

/* Checks one event and, unless `session` is NULL, appends it. */
static srope_status append_event(cli_request_reader *reader, const cli_request *request, const timed_event *event,
                                 srope_session *session, srope_error *error) {
  double utc_offset_minutes = request->utc_offset_minutes;
  uint64_t key;
  srope_status status = read_vector(reader, SROPE_ITEM, event->fields[EVENT_ITEM], reader->vector[SROPE_ITEM], error);
  if (status == SROPE_OK)
    status = read_vector(reader, SROPE_ACTION, event->fields[EVENT_ACTION], reader->vector[SROPE_ACTION], error);
  if (status == SROPE_OK && event->fields[EVENT_CONTEXT] != NULL) /* ranking does not use it, but wrong is wrong */
    status = read_vector(reader, SROPE_CONTEXT, event->fields[EVENT_CONTEXT], reader->vector[SROPE_CONTEXT], error);
  if (status == SROPE_OK) status = read_signal(reader, event->fields[EVENT_SIGNAL], reader->signal, error);
  if (status == SROPE_OK) status = srope_input_read_request_key(event->fields[EVENT_REQUEST], &key, error);
  if (status == SROPE_OK)
    status = srope_input_read_utc_offset(event->fields[EVENT_UTC_OFFSET], &utc_offset_minutes, error);
  if (status != SROPE_OK) {
    srope_error_prefix(error, "history[%zu]", event->index);
    return status;
  }
  if (session == NULL) return SROPE_OK;
  srope_events one = {.n = 1,
                      .item = reader->vector[SROPE_ITEM],
                      .action = reader->vector[SROPE_ACTION],
                      .time_s = &event->time_s,
                      .signal = reader->signal,
                      .request = &key,
                      .utc_offset_minutes = &utc_offset_minutes};
  status = srope_session_append(session, &one, error);
  if (status != SROPE_OK && strncmp(error->where, "history[0]", 10) == 0) {
    memmove(error->where, error->where + 10, strlen(error->where + 10) + 1);
    if (error->where[0] == '.') memmove(error->where, error->where + 1, strlen(error->where));
    srope_error_prefix(error, "history[%zu]", event->index);
  }
  return status;
}

srope_status cli_request_append_history(cli_request_reader *reader, const cli_request *request, srope_session *session,
                                        srope_error *error) {
  size_t n = yyjson_arr_size(request->history), newest = reader->info->max_history;
  srope_status status = read_events(reader, request->history, error);
  const timed_event *events = reader->events.data;
  for (size_t i = 0; status == SROPE_OK && i < n; i++)
    status = append_event(reader, request, &events[i], i + newest >= n ? session : NULL, error);
  return status;
}

size_t cli_request_find_event(const cli_request_reader *reader, const cli_request *request,
                              const srope_session *session, size_t event) {
  size_t dropped = yyjson_arr_size(request->history) - srope_session_count(session);
  return ((const timed_event *)reader->events.data)[dropped + event].index;
}

/* ---------------------------------------------------------------- candidates */

srope_status cli_request_read_candidate(cli_request_reader *reader, yyjson_val *candidate, size_t index, float *item,
                                        float *context, float *signal, yyjson_val **id, srope_error *error) {
  yyjson_val *fields[N_CANDIDATE] = {NULL};
  srope_status status = yyjson_is_obj(candidate)
                            ? srope_names_pick(&reader->candidate_names, candidate, reader->rules.strict, fields, error)
                            : srope_input_fail_kind(candidate, "", "a candidate, which is an object", error);
  *id = fields[CANDIDATE_ID];
  if (status == SROPE_OK && !is_scalar(*id)) status = srope_input_fail_kind(*id, "id", "a string or a number", error);
  if (status == SROPE_OK) status = read_vector(reader, SROPE_ITEM, fields[CANDIDATE_ITEM], item, error);
  if (status == SROPE_OK) status = read_vector(reader, SROPE_CONTEXT, fields[CANDIDATE_CONTEXT], context, error);
  if (status == SROPE_OK) status = read_signal(reader, fields[CANDIDATE_SIGNAL], signal, error);
  if (status != SROPE_OK) srope_error_prefix(error, "candidates[%zu]", index);
  return status;
}
