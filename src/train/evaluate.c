/* evaluate.c: see evaluate.h. */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "features/words.h"
#include "model/model.h"
#include "yyjson.h"

enum { CHUNK = 256 }; /* events expanded at a time */

typedef struct server {
  const srope_model *model;
  const srope_info *info;
  const srope_dataset *data;
  srope_split split;
  srope_session *session;
  float *item, *action, *context, *signal, *logits; /* (CHUNK, X), (CHUNK, Y), (CHUNK, Z), (CHUNK, G), (CHUNK, T) */
  double *time_s, *utc_offset_minutes;              /* (CHUNK) */
  uint64_t *request;                                /* (CHUNK) */
  uint32_t *head,
      *next;      /* one user's events by request, from 1: the first of a request, the next of the same; 0 = none */
  size_t n_chain; /* room in both */
  float *logit, *label; /* (T, n_split) */
  size_t n_split, n_scored;
  uint64_t n_requests, n_users;
} server;

const char *srope_split_name(srope_split split) {
  static const char *const names[] = {"train", "validation", "test"}; /* by srope_split */
  return names[split];
}

/* ---------------------------------------------------------------- making and freeing */

static srope_status check_model(const srope_model *model, const srope_dataset *data, srope_error *error) {
  const srope_info *info = srope_model_info(model);
  const uint32_t widths[3] = {info->n_item, info->n_action, info->n_context};
  for (int list = 0; list < 3; list++)
    if (widths[list] > 0 && !info->has_schema[list])
      return srope_fail(error, SROPE_ERR_CONFIG, "features", "the model takes raw vectors, and events need a schema");
  if (data != NULL && (info->n_tasks != data->n_tasks || info->n_signals != data->n_signals))
    return srope_fail(error, SROPE_ERR_ARGUMENT, "data",
                      "was packed for %u tasks and %u signals, the model has %u and %u", data->n_tasks, data->n_signals,
                      info->n_tasks, info->n_signals);
  return SROPE_OK;
}

static size_t count_split(const srope_dataset *data, srope_split split) {
  size_t n = 0;
  for (uint64_t i = 0; i < data->n_events; i++) n += srope_dataset_split(data, data->time_s[i]) == split;
  return n;
}

static float *place(size_t rows, size_t columns, bool *refused) {
  float *floats =
      columns + 1 <= SIZE_MAX / sizeof(float) / (rows + 1) ? calloc(rows * columns + 1, sizeof(float)) : NULL;
  *refused = *refused || floats == NULL;
  return floats;
}

static srope_status create_server(server *s, srope_error *error) {
  const srope_info *info = s->info;
  bool refused = false;
  s->item = place(CHUNK, info->n_item, &refused);
  s->action = place(CHUNK, info->n_action, &refused);
  s->context = place(CHUNK, info->n_context, &refused);
  s->signal = place(CHUNK, info->n_signals, &refused);
  s->logits = place(CHUNK, info->n_tasks, &refused);
  s->logit = place(s->n_split, info->n_tasks, &refused);
  s->label = place(s->n_split, info->n_tasks, &refused);
  s->time_s = calloc(CHUNK, sizeof *s->time_s);
  s->utc_offset_minutes = calloc(CHUNK, sizeof *s->utc_offset_minutes);
  s->request = calloc(CHUNK, sizeof *s->request);
  if (refused || s->time_s == NULL || s->utc_offset_minutes == NULL || s->request == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to score %zu events with", s->n_split);
  return srope_session_create(s->model, NULL, &s->session, error);
}

static void free_server(server *s) {
  void *const pointers[] = {
      s->item,    s->action, s->context, s->signal, s->logits, s->logit, s->label, s->time_s, s->utc_offset_minutes,
      s->request, s->head,   s->next};
  for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) free(pointers[i]);
  srope_session_free(s->session);
}

/* ---------------------------------------------------------------- a user */

/* Event i as row `row`. Its request's key is the place of the request's first event. */
static void expand_event(server *s, uint64_t i, size_t row) {
  const srope_info *info = s->info;
  const srope_schema *schema = s->model->schema;
  const uint32_t *words = s->data->words + s->data->word_first[i];
  words += srope_schema_expand(&schema[SROPE_ITEM], words, s->item + row * info->n_item);
  words += srope_schema_expand(&schema[SROPE_ACTION], words, s->action + row * info->n_action);
  srope_schema_expand(&schema[SROPE_CONTEXT], words, s->context + row * info->n_context);
  if (info->n_signals > 0)
    memcpy(s->signal + row * info->n_signals, s->data->signal + i * info->n_signals, info->n_signals * sizeof(float));
  s->time_s[row] = s->data->time_s[i];
  s->utc_offset_minutes[row] = (double)s->data->utc_offset_minutes[i];
  s->request[row] = i - s->data->request_back[i] + 1;
}

static srope_status append_events(server *s, uint64_t first, uint64_t end, srope_error *error) {
  srope_status status = SROPE_OK;
  while (status == SROPE_OK && first < end) {
    size_t n = end - first < CHUNK ? (size_t)(end - first) : CHUNK;
    for (size_t row = 0; row < n; row++) expand_event(s, first + row, row);
    const srope_events events = {.n = n,
                                 .item = s->item,
                                 .action = s->action,
                                 .time_s = s->time_s,
                                 .signal = s->signal,
                                 .request = s->request,
                                 .utc_offset_minutes = s->utc_offset_minutes};
    status = srope_session_append(s->session, &events, error);
    first += n;
  }
  return status;
}

/* Rows 0 .. n-1, which have one time and offset; `labels` of their events. */
static srope_status score_rows(server *s, size_t n, srope_error *error) {
  const srope_candidates candidates = {.n = n,
                                       .item = s->item,
                                       .context = s->context,
                                       .signal = s->signal,
                                       .now_s = s->time_s[0],
                                       .utc_offset_minutes = s->utc_offset_minutes[0]};
  uint32_t n_tasks = s->info->n_tasks;
  srope_status status = srope_session_score(s->session, &candidates, s->logits, error);
  for (size_t row = 0; status == SROPE_OK && row < n; row++)
    for (uint32_t task = 0; task < n_tasks; task++)
      s->logit[task * s->n_split + s->n_scored + row] = s->logits[row * n_tasks + task];
  s->n_scored += n;
  return status;
}

static bool is_same_moment(const srope_dataset *data, uint64_t i, uint64_t j) {
  float a = data->utc_offset_minutes[i], b = data->utc_offset_minutes[j];
  return data->time_s[i] == data->time_s[j] && (a == b || (isnan(a) && isnan(b)));
}

/* The events of one request that are of the split: `chain` and what follows it, counted from `base`. */
static srope_status score_request(server *s, uint64_t base, uint32_t chain, srope_error *error) {
  uint32_t n_tasks = s->info->n_tasks;
  srope_status status = SROPE_OK;
  while (status == SROPE_OK && chain != 0) {
    uint64_t first = base + chain - 1;
    size_t n = 0;
    for (; chain != 0 && n < CHUNK && is_same_moment(s->data, first, base + chain - 1); chain = s->next[chain - 1]) {
      uint64_t i = base + chain - 1;
      expand_event(s, i, n);
      for (uint32_t task = 0; task < n_tasks; task++)
        s->label[task * s->n_split + s->n_scored + n] = s->data->label[i * n_tasks + task];
      n++;
    }
    status = score_rows(s, n, error);
  }
  s->n_requests++;
  return status;
}

/* Requests of the split's events first .. end-1 -> head and next, counted from the returned event. */
static srope_status chain_requests(server *s, uint64_t first, uint64_t end, uint64_t *base, srope_error *error) {
  *base = first;
  for (uint64_t i = first; i < end; i++)
    if (i - s->data->request_back[i] < *base) *base = i - s->data->request_back[i];
  size_t n = (size_t)(end - *base);
  if (n > s->n_chain) {
    free(s->head);
    free(s->next);
    s->head = calloc(2 * n, sizeof *s->head);
    s->next = calloc(2 * n, sizeof *s->next);
    s->n_chain = s->head != NULL && s->next != NULL && n < UINT32_MAX ? 2 * n : 0;
    if (s->n_chain == 0) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a user of %zu events", n);
  }
  memset(s->head, 0, n * sizeof *s->head);
  for (uint64_t i = end; i-- > first;) {
    size_t begin = (size_t)(i - s->data->request_back[i] - *base);
    s->next[i - *base] = s->head[begin];
    s->head[begin] = (uint32_t)(i - *base) + 1;
  }
  return SROPE_OK;
}

/* A user's times never decrease, so that the events of a split stand together: first .. end-1. */
static srope_status serve_split(server *s, uint64_t user_first, uint64_t first, uint64_t end, srope_error *error) {
  uint64_t base, appended = user_first; /* events before it are in the session, or too old for it */
  srope_status status = chain_requests(s, first, end, &base, error);
  srope_session_clear(s->session);
  for (uint64_t i = base; status == SROPE_OK && i < end; i++) {
    if (s->head[i - base] == 0) continue;
    uint64_t oldest = i - user_first > s->info->max_history ? i - s->info->max_history : user_first;
    if (oldest > appended) {
      srope_session_clear(s->session);
      appended = oldest;
    }
    status = append_events(s, appended, i, error);
    appended = i;
    if (status == SROPE_OK) status = score_request(s, base, s->head[i - base], error);
  }
  s->n_users++;
  return status;
}

static srope_status serve_users(server *s, const srope_evaluate_options *options, srope_error *error) {
  const srope_dataset *data = s->data;
  srope_status status = SROPE_OK;
  uint64_t reported = 0;
  for (uint64_t user = 0; status == SROPE_OK && user < data->n_users; user++) {
    uint64_t user_first = data->user_first[user], user_end = data->user_first[user + 1], first = user_first;
    while (first < user_end && srope_dataset_split(data, data->time_s[first]) != s->split) first++;
    uint64_t end = first;
    while (end < user_end && srope_dataset_split(data, data->time_s[end]) == s->split) end++;
    if (first < end) status = serve_split(s, user_first, first, end, error);
    if (options->progress != NULL && s->n_scored >= reported + CHUNK) {
      options->progress(options->context, s->n_scored, s->n_split);
      reported = s->n_scored;
    }
  }
  if (status == SROPE_OK && options->progress != NULL) options->progress(options->context, s->n_split, s->n_split);
  return status;
}

/* ---------------------------------------------------------------- all */

static srope_status measure(const server *s, srope_evaluation *out, srope_error *error) {
  srope_evaluation evaluation = {.n_events = s->n_scored, .n_requests = s->n_requests, .n_users = s->n_users};
  uint32_t n_tasks = s->info->n_tasks;
  evaluation.tasks = calloc(n_tasks, sizeof *evaluation.tasks);
  srope_status status = evaluation.tasks != NULL
                            ? SROPE_OK
                            : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %u tasks", n_tasks);
  for (uint32_t task = 0; status == SROPE_OK && task < n_tasks; task++)
    status = srope_metrics_compute(s->logit + task * s->n_split, s->label + task * s->n_split, s->n_split,
                                   &evaluation.tasks[task], error);
  if (status == SROPE_OK)
    *out = evaluation;
  else
    srope_evaluation_free(&evaluation);
  return status;
}

srope_status srope_evaluate(const srope_model *model, const srope_dataset *data, const srope_evaluate_options *options,
                            srope_evaluation *out, srope_error *error) {
  srope_status status = check_model(model, data, error);
  if (status != SROPE_OK) return status;
  server s = {.model = model, .info = srope_model_info(model), .data = data, .split = options->split};
  s.n_split = count_split(data, options->split);
  if (s.n_split == 0)
    return srope_fail(error, SROPE_ERR_VALUE, srope_split_name(options->split),
                      "expected events in this split, found none among %llu", (unsigned long long)data->n_events);
  status = create_server(&s, error);
  if (status == SROPE_OK) status = serve_users(&s, options, error);
  if (status == SROPE_OK) status = measure(&s, out, error);
  free_server(&s);
  return status;
}

void srope_evaluation_free(srope_evaluation *evaluation) {
  free(evaluation->tasks);
  *evaluation = (srope_evaluation){0};
}

srope_status srope_evaluate_config(const srope_model *model, char **text, size_t *n, srope_error *error) {
  char *described;
  size_t n_described;
  srope_status status = check_model(model, NULL, error);
  if (status == SROPE_OK) status = srope_model_describe(model, &described, &n_described, error);
  if (status != SROPE_OK) return status;
  yyjson_doc *document = yyjson_read(described, n_described, YYJSON_READ_NOFLAG);
  char *written = yyjson_val_write(yyjson_obj_get(yyjson_doc_get_root(document), "config"), YYJSON_WRITE_NOFLAG, n);
  yyjson_doc_free(document);
  srope_free(described);
  if (written == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the configuration");
  *text = written;
  return SROPE_OK;
}
