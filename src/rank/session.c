/* session.c: a user's state: making it, adding events, dropping old ones, scoring. The network itself runs in run.c. */
#include "rank/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/finite.h"

/* ---------------------------------------------------------------- requests */

/* The first event of event i's named request, entering i where it is the first. Interleaved requests are found too. */
static uint32_t find_named(srope_log *log, size_t i) {
  size_t slot = (size_t)((log->request[i] * 0x9e3779b97f4a7c15u) >> 32) & (log->n_slots - 1); /* 2^64 / golden ratio */
  while (log->named[slot] && log->request[log->named[slot] - 1] != log->request[i])
    slot = (slot + 1) & (log->n_slots - 1);
  if (!log->named[slot]) log->named[slot] = (uint32_t)i + 1;
  return log->named[slot] - 1;
}

/* g of events first .. n-1: the first event of each one's request in the window, g of those before being known. Without
 * names a request is a run of neighbours of equal time. */
static void find_request_starts(srope_log *log, size_t first, size_t n) {
  if (first == 0) memset(log->named, 0, log->n_slots * sizeof *log->named);
  for (size_t i = first; i < n; i++) {
    bool same = i > 0 && !log->request[i - 1] && log->time_s[i - 1] == log->time_s[i];
    log->request_start[i] = log->request[i] ? find_named(log, i) : same ? log->request_start[i - 1] : (uint32_t)i;
  }
}

/* ---------------------------------------------------------------- memory */

/* A fifth of a millisecond of one core with AVX-512; waking a thread takes some tens of microseconds. */
static const double LEAST_WORK = 1e7;

static void place_turns(const srope_model *model, srope_arena *arena, srope_turns *turns) {
  turns->stride = model->info.d_head;
  turns->cosine = srope_arena_place(arena, SROPE_ROWS * turns->stride, sizeof(float));
  turns->sine = srope_arena_place(arena, SROPE_ROWS * turns->stride, sizeof(float));
}

static void place_workspace(const srope_model *model, size_t capacity, srope_arena *arena, srope_workspace *work) {
  const srope_info *info = &model->info;
  size_t r = SROPE_ROWS, d = info->d_model;
  work->x = srope_arena_place(arena, r * d, sizeof(float));
  work->a = srope_arena_place(arena, r * d, sizeof(float));
  work->u = srope_arena_place(arena, r * d, sizeof(float));
  work->joined = srope_arena_place(arena, r * (2 * d + info->n_context), sizeof(float));
  work->phi = srope_arena_place(arena, r * (info->n_angle_features + 1), sizeof(float));
  work->f = srope_arena_place(arena, r * (info->n_angles + 1), sizeof(float));
  place_turns(model, arena, &work->query_turns);
  place_turns(model, arena, &work->key_turns);
  place_turns(model, arena, &work->action_turns);
  place_turns(model, arena, &work->action_query_turns);
  work->visible = srope_arena_place(arena, r, sizeof(uint32_t));
  work->layer.normed = srope_arena_place(arena, r * d, sizeof(float));
  work->layer.q = srope_arena_place(arena, r * d, sizeof(float));
  work->layer.k = srope_arena_place(arena, r * d, sizeof(float));
  work->layer.v = srope_arena_place(arena, r * d, sizeof(float));
  work->layer.attended = srope_arena_place(arena, r * d, sizeof(float));
  work->layer.hidden = srope_arena_place(arena, r * (2 * (size_t)model->max_hidden + info->n_angles), sizeof(float));
  /* serving keeps no states: see layer.h */
  work->layer.valued = work->layer.fed = work->layer.attended;
  work->layer.projected = work->layer.normed_2 = work->layer.normed;
  work->layer.activated = work->layer.hidden;
  work->layer.scores = srope_arena_place(arena, srope_attention_work_size(capacity), sizeof(float));
}

/* Places everything that depends on the capacity; called once to measure and once to place. */
static void place(const srope_model *model, size_t capacity, srope_arena *arena, srope_session *session) {
  const srope_info *info = &model->info;
  srope_log *log = &session->log;
  log->item = srope_arena_place(arena, capacity * info->n_item, sizeof(float));
  log->action = srope_arena_place(arena, capacity * info->n_action, sizeof(float));
  log->signal = srope_arena_place(arena, capacity * info->n_signals, sizeof(float));
  log->time_s = srope_arena_place(arena, capacity, sizeof(double));
  log->utc_offset_minutes = srope_arena_place(arena, capacity, sizeof(double));
  log->request = srope_arena_place(arena, capacity, sizeof(uint64_t));
  log->request_start = srope_arena_place(arena, capacity, sizeof(uint32_t));
  for (log->n_slots = 1; log->n_slots < 2 * capacity;) log->n_slots *= 2;
  log->named = srope_arena_place(arena, log->n_slots, sizeof(uint32_t));
  session->caches = srope_arena_place(arena, info->n_layers + 1u, sizeof(srope_cache));
  for (uint32_t l = 0; l <= info->n_layers; l++) {
    float *keys = srope_arena_place(arena, srope_cache_keys_size(model, capacity), sizeof(float));
    float *values = srope_arena_place(arena, srope_cache_values_size(model, capacity), sizeof(float));
    if (arena->base) session->caches[l] = (srope_cache){keys, values, capacity};
  }
  session->context_part = srope_arena_place(arena, model->head.layer[0].n_out, sizeof(float));
  session->works = srope_arena_place(arena, session->n_works, sizeof *session->works);
  srope_workspace measured;
  for (uint32_t i = 0; i < session->n_works; i++)
    place_workspace(model, capacity, arena, arena->base ? &session->works[i] : &measured);
  session->capacity = capacity;
}

static void copy_log(const srope_model *model, const srope_log *from, size_t first, size_t n, srope_log *to,
                     size_t at) {
  const srope_info *info = &model->info;
  memmove(to->item + at * info->n_item, from->item + first * info->n_item, n * info->n_item * sizeof(float));
  memmove(to->action + at * info->n_action, from->action + first * info->n_action, n * info->n_action * sizeof(float));
  memmove(to->signal + at * info->n_signals, from->signal + first * info->n_signals,
          n * info->n_signals * sizeof(float));
  memmove(to->time_s + at, from->time_s + first, n * sizeof(double));
  memmove(to->utc_offset_minutes + at, from->utc_offset_minutes + first, n * sizeof(double));
  memmove(to->request + at, from->request + first, n * sizeof(uint64_t));
  memmove(to->request_start + at, from->request_start + first, n * sizeof(uint32_t));
}

/* The same events in a new block, for this capacity and this many threads. On failure nothing has changed. */
static srope_status rebuild(srope_session *session, size_t capacity, uint32_t n_works, srope_error *error) {
  const srope_model *model = session->model;
  srope_session built = *session;
  built.n_works = n_works;
  srope_arena arena = {NULL, 0, false};
  place(model, capacity, &arena, &built);
  built.block = arena.overflow ? NULL : srope_aligned_alloc(arena.used);
  if (!built.block)
    return srope_fail(error, SROPE_ERR_MEMORY, "session", "no memory for a history of %zu events (%zu bytes)", capacity,
                      arena.used);
  arena = (srope_arena){built.block, 0, false};
  place(model, capacity, &arena, &built);
  if (session->block) {
    copy_log(model, &session->log, 0, session->count, &built.log, 0);
    find_request_starts(&built.log, 0, session->count);
    for (uint32_t l = 0; l <= model->info.n_layers; l++)
      srope_cache_copy(model, &session->caches[l], &built.caches[l], session->computed);
    srope_aligned_free(session->block);
  }
  *session = built;
  return SROPE_OK;
}

/* Room for n events, keeping what is there. On failure nothing has changed. */
static srope_status reserve(srope_session *session, size_t n, srope_error *error) {
  if (session->block && n <= session->capacity) return SROPE_OK;
  size_t capacity = 2 * session->capacity > n ? 2 * session->capacity : n;
  if (capacity > session->max_history) capacity = session->max_history;
  if (capacity < n) capacity = n;
  capacity = srope_padded_size(session->model->kernels->nr, capacity ? capacity : 1);
  return rebuild(session, capacity, session->n_works, error);
}

static srope_status check_offset(double minutes, const char *where, srope_error *error) {
  if (minutes >= -SROPE_MAX_UTC_OFFSET_MINUTES && minutes <= SROPE_MAX_UTC_OFFSET_MINUTES) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_VALUE, where, "a UTC offset is between -1440 and 1440 minutes, found %g", minutes);
}

srope_status srope_session_create(const srope_model *model, const srope_session_options *options, srope_session **out,
                                  srope_error *error) {
  if (!model || !out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "model and out must be given");
  uint32_t max_history = options && options->max_history ? options->max_history : model->info.max_history;
  if (max_history > SROPE_MAX_HISTORY)
    return srope_fail(error, SROPE_ERR_LIMIT, "max_history", "at most %d events, asked for %u", SROPE_MAX_HISTORY,
                      max_history);
  double offset = model->info.utc_offset_minutes;
  if (options && options->utc_offset_minutes == options->utc_offset_minutes) offset = options->utc_offset_minutes;
  srope_status status = check_offset(offset, "utc_offset_minutes", error);
  if (status) return status;

  srope_session *session = calloc(1, sizeof *session);
  if (!session) return srope_fail(error, SROPE_ERR_MEMORY, "session", "no memory for a session");
  session->model = model;
  session->max_history = max_history;
  session->utc_offset_minutes = offset;
  session->n_works = 1;
  session->least_work = LEAST_WORK;
  enum { FIRST_ROOM = 64 };
  status = reserve(session, max_history < FIRST_ROOM ? max_history : FIRST_ROOM, error);
  if (status) {
    free(session);
    return status;
  }
  *out = session;
  return SROPE_OK;
}

void srope_session_free(srope_session *session) {
  if (!session) return;
  srope_aligned_free(session->block);
  free(session);
}

srope_status srope_session_use_pool(srope_session *session, srope_pool *pool, srope_error *error) {
  if (!session) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "a session must be given");
  uint32_t n = srope_pool_threads(pool);
  if (n != session->n_works) {
    srope_status status = rebuild(session, session->capacity, n, error);
    if (status) return status;
  }
  session->pool = pool;
  return SROPE_OK;
}

void srope_session_clear(srope_session *session) { session->count = session->computed = 0; }

size_t srope_session_count(const srope_session *session) { return session->count; }

/* ---------------------------------------------------------------- checks */

/* rows (n, width) all finite? Names the row and the list: "history[3].item". */
static srope_status check_rows(const float *rows, size_t n, size_t width, const char *place, const char *list,
                               srope_error *error) {
  size_t total = n * width, bad = srope_first_not_finite(rows, total);
  if (bad == total) return SROPE_OK;
  srope_status status = srope_fail(error, SROPE_ERR_VALUE, list, "element %zu is %g, expected a finite number",
                                   bad % width, (double)rows[bad]);
  srope_error_prefix(error, "%s[%zu]", place, bad / width);
  return status;
}

static srope_status check_time(double time_s, const char *where, srope_error *error) {
  if (time_s >= -SROPE_MAX_TIME_S && time_s <= SROPE_MAX_TIME_S) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_TIME, where, "a time is a number of seconds up to 8.64e12 in size, found %g",
                    time_s);
}

srope_status srope_events_check(const srope_model *model, const srope_events *events, double last_time_s,
                                srope_error *error) {
  const srope_info *info = &model->info;
  if (events->n == 0) return SROPE_OK;
  if (!events->item || !events->action || !events->time_s)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "history", "item, action and time_s must be given");
  srope_status status = check_rows(events->item, events->n, info->n_item, "history", "item", error);
  if (!status) status = check_rows(events->action, events->n, info->n_action, "history", "action", error);
  if (!status && events->signal && info->n_signals)
    status = check_rows(events->signal, events->n, info->n_signals, "history", "signal", error);
  for (size_t i = 0; i < events->n && !status; i++) {
    status = check_time(events->time_s[i], "time", error);
    if (!status && events->time_s[i] < last_time_s)
      status = srope_fail(error, SROPE_ERR_TIME, "time", "times may not decrease: %.3f s comes after %.3f s",
                          events->time_s[i], last_time_s);
    last_time_s = events->time_s[i];
    double offset = events->utc_offset_minutes ? events->utc_offset_minutes[i] : 0;
    if (!status && offset == offset) status = check_offset(offset, "utc_offset_minutes", error);
    if (status) srope_error_prefix(error, "history[%zu]", i);
  }
  return status;
}

srope_status srope_candidates_check(const srope_model *model, const srope_candidates *candidates, srope_error *error) {
  const srope_info *info = &model->info;
  srope_status status = check_time(candidates->now_s, "now", error);
  double offset = candidates->utc_offset_minutes;
  if (!status && offset == offset) status = check_offset(offset, "utc_offset_minutes", error);
  if (status || candidates->n == 0) return status;
  if (!candidates->item || (info->n_context && !candidates->context))
    return srope_fail(error, SROPE_ERR_ARGUMENT, "candidates", "item and context must be given");
  status = check_rows(candidates->item, candidates->n, info->n_item, "candidates", "item", error);
  if (!status && info->n_context)
    status = check_rows(candidates->context, candidates->n, info->n_context, "candidates", "context", error);
  if (!status && candidates->signal && info->n_signals)
    status = check_rows(candidates->signal, candidates->n, info->n_signals, "candidates", "signal", error);
  return status;
}

/* ---------------------------------------------------------------- events */

static void put_events(srope_session *session, const srope_events *events, size_t first, size_t n) {
  const srope_info *info = &session->model->info;
  srope_log *log = &session->log;
  size_t at = session->count;
  memcpy(log->item + at * info->n_item, events->item + first * info->n_item, n * info->n_item * sizeof(float));
  memcpy(log->action + at * info->n_action, events->action + first * info->n_action,
         n * info->n_action * sizeof(float));
  if (events->signal && info->n_signals)
    memcpy(log->signal + at * info->n_signals, events->signal + first * info->n_signals,
           n * info->n_signals * sizeof(float));
  else if (info->n_signals)
    memset(log->signal + at * info->n_signals, 0, n * info->n_signals * sizeof(float));
  memcpy(log->time_s + at, events->time_s + first, n * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    double offset = events->utc_offset_minutes ? events->utc_offset_minutes[first + i] : session->utc_offset_minutes;
    log->utc_offset_minutes[at + i] = offset == offset ? offset : session->utc_offset_minutes;
    log->request[at + i] = events->request ? events->request[first + i] : 0;
  }
  session->count += n;
}

srope_status srope_session_append(srope_session *session, const srope_events *events, srope_error *error) {
  if (!session || !events) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "session and events must be given");
  double last = session->count ? session->log.time_s[session->count - 1] : -SROPE_MAX_TIME_S;
  srope_status status = srope_events_check(session->model, events, last, error);
  if (status || events->n == 0) return status;

  size_t skip = events->n > session->max_history ? events->n - session->max_history : 0;
  size_t n = events->n - skip, most = session->max_history;
  size_t drop = session->count + n > most ? session->count + n - most : 0;
  status = reserve(session, session->count - drop + n, error);
  if (status) return status;

  if (drop) { /* states of later events saw the dropped ones: all is run anew */
    copy_log(session->model, &session->log, drop, session->count - drop, &session->log, 0);
    session->count -= drop;
    session->computed = 0;
  }
  size_t first_new = drop ? 0 : session->count;
  put_events(session, events, skip, n);
  find_request_starts(&session->log, first_new, session->count);
  return SROPE_OK;
}

srope_status srope_session_score(srope_session *session, const srope_candidates *candidates, float *logits,
                                 srope_error *error) {
  if (!session || !candidates || (candidates->n && !logits))
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "session, candidates and logits must be given");
  srope_status status = srope_candidates_check(session->model, candidates, error);
  if (status || candidates->n == 0) return status;
  srope_session_run(session, session->count + 1, NULL, NULL);
  srope_session_run_candidates(session, candidates, logits);
  return SROPE_OK;
}
