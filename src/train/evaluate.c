/* evaluate.c: see evaluate.h. */
#include "train/evaluate.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "features/words.h"
#include "model/model.h"
#include "yyjson.h"

enum { CHUNK = 256 }; /* events expanded at a time */

typedef struct evaluating { /* what the servers share */
  const srope_model *model;
  const srope_dataset *data;
  const srope_evaluate_options *options;
  float *logit, *label; /* (T, n_split) */
  size_t n_split;
  size_t *first;          /* by user: events of the split before the user's own, where the rows of these begin */
  struct server *servers; /* by thread */
  atomic_size_t n_done;   /* events scored, for the progress */
} evaluating;

typedef struct server { /* of one thread */
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
  float *logit, *label;     /* (T, n_split): borrowed */
  size_t n_split, n_scored; /* the row of the next event */
  uint64_t n_requests, n_users;
  srope_error error; /* what it stopped at */
  uint64_t user;     /* the last that it began with */
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

/* Counts the split's events, user by user. */
static srope_status count_split(evaluating *e, srope_error *error) {
  const srope_dataset *data = e->data;
  e->first = calloc((size_t)data->n_users + 1, sizeof *e->first);
  if (e->first == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %llu users", (unsigned long long)data->n_users);
  for (uint64_t user = 0; user < data->n_users; user++) {
    e->first[user] = e->n_split;
    for (uint64_t i = data->user_first[user]; i < data->user_first[user + 1]; i++)
      e->n_split += srope_dataset_split(data, data->time_s[i]) == e->options->split;
  }
  if (e->n_split == 0)
    return srope_fail(error, SROPE_ERR_VALUE, srope_split_name(e->options->split),
                      "expected events in this split, found none among %llu", (unsigned long long)data->n_events);
  return SROPE_OK;
}

static float *place(size_t rows, size_t columns, bool *refused) {
  float *floats =
      columns + 1 <= SIZE_MAX / sizeof(float) / (rows + 1) ? calloc(rows * columns + 1, sizeof(float)) : NULL;
  *refused = *refused || floats == NULL;
  return floats;
}

static srope_status create_server(const evaluating *e, server *s, srope_error *error) {
  const srope_info *info = srope_model_info(e->model);
  bool refused = false;
  *s = (server){.model = e->model,
                .info = info,
                .data = e->data,
                .split = e->options->split,
                .logit = e->logit,
                .label = e->label,
                .n_split = e->n_split};
  s->item = place(CHUNK, info->n_item, &refused);
  s->action = place(CHUNK, info->n_action, &refused);
  s->context = place(CHUNK, info->n_context, &refused);
  s->signal = place(CHUNK, info->n_signals, &refused);
  s->logits = place(CHUNK, info->n_tasks, &refused);
  s->time_s = calloc(CHUNK, sizeof *s->time_s);
  s->utc_offset_minutes = calloc(CHUNK, sizeof *s->utc_offset_minutes);
  s->request = calloc(CHUNK, sizeof *s->request);
  if (refused || s->time_s == NULL || s->utc_offset_minutes == NULL || s->request == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to score %d events with", CHUNK);
  return srope_session_create(s->model, NULL, &s->session, error);
}

static void free_server(server *s) {
  void *const pointers[] = {s->item,    s->action, s->context, s->signal, s->logits, s->time_s, s->utc_offset_minutes,
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

/* A user, by a thread that has had no error yet: so the first user with one is always come to. */
static void serve_user(void *context, size_t user, uint32_t thread) {
  evaluating *e = context;
  const srope_dataset *data = e->data;
  server *s = &e->servers[thread];
  if (s->error.status != SROPE_OK) return;
  uint64_t user_first = data->user_first[user], user_end = data->user_first[user + 1], first = user_first;
  while (first < user_end && srope_dataset_split(data, data->time_s[first]) != s->split) first++;
  uint64_t end = first;
  while (end < user_end && srope_dataset_split(data, data->time_s[end]) == s->split) end++;
  s->user = user;
  s->n_scored = e->first[user];
  if (first == end || serve_split(s, user_first, first, end, &s->error) != SROPE_OK) return;
  size_t n = (size_t)(end - first), before = atomic_fetch_add(&e->n_done, n), done = before + n;
  if (thread == 0 && e->options->progress != NULL && done / CHUNK > before / CHUNK && done < e->n_split)
    e->options->progress(e->options->context, done, e->n_split);
}

static srope_status serve_users(evaluating *e, srope_error *error) {
  uint32_t n_threads = srope_pool_threads(e->options->pool);
  srope_pool_run(e->options->pool, (size_t)e->data->n_users, serve_user, e);
  const server *first = NULL;
  for (uint32_t i = 0; i < n_threads; i++)
    if (e->servers[i].error.status != SROPE_OK && (first == NULL || e->servers[i].user < first->user))
      first = &e->servers[i];
  if (first != NULL) {
    *error = first->error;
    return first->error.status;
  }
  if (e->options->progress != NULL) e->options->progress(e->options->context, e->n_split, e->n_split);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- all */

static srope_status measure(const evaluating *e, srope_evaluation *out, srope_error *error) {
  srope_evaluation evaluation = {.n_events = e->n_split};
  uint32_t n_tasks = srope_model_info(e->model)->n_tasks;
  for (uint32_t i = 0; i < srope_pool_threads(e->options->pool); i++) {
    evaluation.n_requests += e->servers[i].n_requests;
    evaluation.n_users += e->servers[i].n_users;
  }
  evaluation.tasks = calloc(n_tasks, sizeof *evaluation.tasks);
  srope_status status = evaluation.tasks != NULL
                            ? SROPE_OK
                            : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %u tasks", n_tasks);
  for (uint32_t task = 0; status == SROPE_OK && task < n_tasks; task++)
    status = srope_metrics_compute(e->logit + task * e->n_split, e->label + task * e->n_split, e->n_split,
                                   &evaluation.tasks[task], error);
  if (status == SROPE_OK)
    *out = evaluation;
  else
    srope_evaluation_free(&evaluation);
  return status;
}

static srope_status create_servers(evaluating *e, srope_error *error) {
  uint32_t n_tasks = srope_model_info(e->model)->n_tasks, n_threads = srope_pool_threads(e->options->pool);
  bool refused = false;
  e->logit = place(e->n_split, n_tasks, &refused);
  e->label = place(e->n_split, n_tasks, &refused);
  e->servers = calloc(n_threads, sizeof *e->servers);
  if (refused || e->servers == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the scores of %zu events", e->n_split);
  srope_status status = SROPE_OK;
  for (uint32_t i = 0; status == SROPE_OK && i < n_threads; i++) status = create_server(e, &e->servers[i], error);
  return status;
}

static void free_evaluating(evaluating *e) {
  for (uint32_t i = 0; e->servers != NULL && i < srope_pool_threads(e->options->pool); i++) free_server(&e->servers[i]);
  free(e->servers);
  free(e->logit);
  free(e->label);
  free(e->first);
}

srope_status srope_evaluate(const srope_model *model, const srope_dataset *data, const srope_evaluate_options *options,
                            srope_evaluation *out, srope_error *error) {
  srope_status status = check_model(model, data, error);
  if (status != SROPE_OK) return status;
  evaluating e = {.model = model, .data = data, .options = options};
  status = count_split(&e, error);
  if (status == SROPE_OK) status = create_servers(&e, error);
  if (status == SROPE_OK) status = serve_users(&e, error);
  if (status == SROPE_OK) status = measure(&e, out, error);
  free_evaluating(&e);
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
