/* explain.c: why a candidate scored as it did, by doing it again without: each history event left out in turn, and the
 * rotation's time part frozen. Exact, and priced accordingly: C + 2 full runs. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rank/session.h"

typedef struct explainer {
  const srope_session *session;
  srope_session *trial; /* scored in the session's stead */
  srope_events events;  /* the session's, or a changed copy of them */
  uint64_t *request;    /* (C) names that keep every request as it is */
  double *time_s;       /* (C) */
  float *values;        /* (N, T) */
  srope_ranked *ranked; /* (N) */
} explainer;

static srope_events slice(const explainer *e, size_t first, size_t n) {
  const srope_info *info = &e->session->model->info;
  srope_events part = e->events;
  part.n = n;
  part.item += first * info->n_item;
  part.action += first * info->n_action;
  part.signal += first * info->n_signals;
  part.time_s += first;
  part.request += first;
  part.utc_offset_minutes += first;
  return part;
}

/* scores (N) of the candidates after all events but `without` (C = none left out). */
static srope_status score_without(explainer *e, size_t without, const srope_candidates *candidates,
                                  const double *weights, double *scores, srope_error *error) {
  const srope_model *model = e->session->model;
  size_t c = e->session->count, n_ranked = 0;
  srope_session_clear(e->trial);
  srope_events before = slice(e, 0, without), after = slice(e, without + 1, without < c ? c - without - 1 : 0);
  srope_status status = srope_session_append(e->trial, &before, error);
  if (!status) status = srope_session_append(e->trial, &after, error);
  if (!status) status = srope_session_score(e->trial, candidates, e->values, error);
  if (status) return status;
  srope_probabilities(model, e->values, candidates->n, e->values);
  status = srope_rank(model, e->values, candidates->n, weights, 0, e->ranked, &n_ranked, error);
  for (size_t i = 0; i < n_ranked && !status; i++) scores[e->ranked[i].index] = e->ranked[i].score;
  return status;
}

static srope_status prepare(explainer *e, const srope_candidates *candidates, srope_error *error) {
  const srope_session *session = e->session;
  const srope_log *log = &session->log;
  size_t c = session->count, n = candidates->n;
  e->request = malloc((c + 1) * sizeof *e->request);
  e->time_s = malloc((c + 1) * sizeof *e->time_s);
  e->values = malloc((n * session->model->info.n_tasks + 1) * sizeof *e->values);
  e->ranked = malloc((n + 1) * sizeof *e->ranked);
  if (!e->request || !e->time_s || !e->values || !e->ranked)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to explain %zu candidates after %zu events", n, c);
  for (size_t i = 0; i < c; i++) e->request[i] = (uint64_t)log->request_start[i] + 1;
  memcpy(e->time_s, log->time_s, c * sizeof *e->time_s);
  e->events = (srope_events){.n = c,
                             .item = log->item,
                             .action = log->action,
                             .time_s = e->time_s,
                             .signal = log->signal,
                             .request = e->request,
                             .utc_offset_minutes = log->utc_offset_minutes};
  srope_session_options options = {session->max_history, session->utc_offset_minutes};
  srope_status status = srope_session_create(session->model, &options, &e->trial, error);
  if (status || !SROPE_HAS_THREADS) return status;
  e->trial->least_work = session->least_work;
  return srope_session_use_pool(e->trial, session->pool, error);
}

/* All tokens, the candidates too, at the newest event's time and offset. */
static srope_status score_timeless(explainer *e, const srope_candidates *candidates, const double *weights,
                                   double *scores, srope_error *error) {
  size_t c = e->session->count;
  srope_candidates frozen = *candidates;
  double *offsets = malloc((c + 1) * sizeof *offsets);
  if (!offsets) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to explain %zu events", c);
  if (c) {
    frozen.now_s = e->time_s[c - 1];
    frozen.utc_offset_minutes = e->events.utc_offset_minutes[c - 1];
  }
  for (size_t i = 0; i < c; i++) {
    e->time_s[i] = frozen.now_s;
    offsets[i] = frozen.utc_offset_minutes;
  }
  e->events.utc_offset_minutes = offsets;
  srope_status status = score_without(e, c, &frozen, weights, scores, error);
  free(offsets);
  return status;
}

srope_status srope_session_explain(const srope_session *session, const srope_candidates *candidates,
                                   const double *weights, double *influence, double *timeless, srope_error *error) {
  if (!session || !candidates || (candidates->n && (!influence || !timeless)))
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "session, candidates, influence and timeless must be given");
  size_t c = session->count, n = candidates->n;
  if (n && c > (SIZE_MAX - 8) / sizeof(double) / n)
    return srope_fail(error, SROPE_ERR_LIMIT, NULL, "%zu candidates times %zu events are too many to explain", n, c);
  explainer e = {.session = session};
  double *whole = malloc((n + 1) * sizeof *whole), *less = malloc((n + 1) * sizeof *less);
  double *changes = malloc((n * c + 1) * sizeof *changes);
  srope_status status = whole && less && changes
                            ? prepare(&e, candidates, error)
                            : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu × %zu numbers", n, c);
  if (!status) status = score_without(&e, c, candidates, weights, whole, error);
  for (size_t event = 0; event < c && !status; event++) {
    status = score_without(&e, event, candidates, weights, less, error);
    for (size_t i = 0; i < n && !status; i++) changes[i * c + event] = whole[i] - less[i];
  }
  if (!status) status = score_timeless(&e, candidates, weights, less, error);
  if (!status && n) {
    memcpy(influence, changes, n * c * sizeof *influence);
    memcpy(timeless, less, n * sizeof *timeless);
  }
  srope_session_free(e.trial);
  free(e.request);
  free(e.time_s);
  free(e.values);
  free(e.ranked);
  free(whole);
  free(less);
  free(changes);
  return status;
}
