/* run.c: the network over a session: history tokens into the caches, candidates against them.
 * Tokens go through in chunks of SROPE_ROWS; what a token comes out as does not depend on the chunk it is in. */
#include <string.h>

#include "nn/embed.h"
#include "nn/head.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "nn/siren.h"
#include "nn/time_features.h"
#include "rank/session.h"

enum { ROWS = SROPE_ROWS };
static const double DAY_S = 86400.0;

static bool is_siren(const srope_session *session) { return session->model->info.variant == SROPE_SIREN; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* ---------------------------------------------------------------- angles */

static void forward_angles(srope_session *session, srope_network network, size_t m) {
  srope_workspace *work = &session->work;
  srope_siren_states states = srope_siren_scratch(session->model, m, work->layer.hidden);
  srope_siren_forward(session->model, network, work->phi, m, &states, work->f);
}

void srope_session_run_angles(srope_session *session, srope_network network, size_t s, size_t first, size_t m,
                              bool as_query) {
  const srope_info *info = &session->model->info;
  const srope_log *log = &session->log;
  for (size_t i = first; i < first + m; i++) {
    size_t index = as_query ? log->request_start[i] : i;
    double order = (double)(s - 1 - index) / (double)s;
    srope_time_features(session->model, log->time_s[i], log->utc_offset_minutes[i], order,
                        log->signal + i * info->n_signals, session->work.phi + (i - first) * info->n_angle_features);
  }
  forward_angles(session, network, m);
}

void srope_session_run_candidate_angles(srope_session *session, const srope_candidates *candidates, const float *signal,
                                        srope_network network, size_t m) {
  const srope_info *info = &session->model->info;
  double offset = candidates->utc_offset_minutes;
  if (offset != offset) offset = session->utc_offset_minutes;
  for (size_t i = 0; i < m; i++)
    srope_time_features(session->model, candidates->now_s, offset, 0, signal ? signal + i * info->n_signals : NULL,
                        session->work.phi + i * info->n_angle_features);
  forward_angles(session, network, m);
}

/* The turns of m events from work.f (siren) and their places. */
static void make_turns(srope_session *session, size_t first, size_t m, bool as_query, const srope_turns *turns) {
  const srope_log *log = &session->log;
  for (size_t i = first; i < first + m; i++) {
    size_t row = i - first;
    double index = as_query ? log->request_start[i] : (double)i;
    const float *f = is_siren(session) ? session->work.f + row * session->model->info.n_angles : NULL;
    srope_rotary_turn(session->model, f, index, (log->time_s[i] - log->time_s[0]) / DAY_S,
                      turns->cosine + row * turns->stride, turns->sine + row * turns->stride);
  }
}

/* One network's turns of m events, as keys and (where wanted) as queries. */
static void make_both_turns(srope_session *session, srope_network network, size_t s, size_t first, size_t m,
                            const srope_turns *keys, const srope_turns *queries, float *angle_out) {
  const srope_info *info = &session->model->info;
  if (is_siren(session)) {
    srope_session_run_angles(session, network, s, first, m, false);
    if (angle_out) memcpy(angle_out + first * info->n_angles, session->work.f, m * info->n_angles * sizeof(float));
  }
  make_turns(session, first, m, false, keys);
  if (!queries) return;
  if (info->uses_order) srope_session_run_angles(session, network, s, first, m, true);
  make_turns(session, first, m, true, queries);
}

/* ---------------------------------------------------------------- history */

/* The head over m rows, of which work.x and work.u are there. */
static void run_head(srope_session *session, const float *context, size_t m, float *logits) {
  srope_workspace *work = &session->work;
  srope_mlp_states states = srope_mlp_scratch(session->model, m, work->layer.hidden);
  srope_head_join(session->model, work->x, work->u, context, m, work->joined);
  srope_head_forward(session->model, work->joined, m, &states, NULL, logits);
}

/* What only whole sequences ask for: every token as a query of the action attention, and its logits. */
static void run_outputs(srope_session *session, const srope_rows *rows, size_t first, const float *context,
                        const srope_sequence_outputs *out) {
  const srope_info *info = &session->model->info;
  srope_workspace *work = &session->work;
  srope_action_attention_forward(session->model, rows, work->x, &work->layer, work->u);
  if (out->action_attention)
    memcpy(out->action_attention + first * info->d_model, work->u, rows->m * info->d_model * sizeof(float));
  if (out->logits)
    run_head(session, info->n_context ? context + first * info->n_context : NULL, rows->m,
             out->logits + first * info->n_tasks);
}

static void run_chunk(srope_session *session, size_t s, size_t first, size_t m, const float *context,
                      const srope_sequence_outputs *out) {
  const srope_model *model = session->model;
  const srope_info *info = &model->info;
  srope_workspace *work = &session->work;
  size_t d = info->d_model;

  /* 1. what the tokens are */
  srope_mlp_states states = srope_mlp_scratch(model, m, work->layer.hidden);
  srope_embed_items(model, session->log.item + first * info->n_item, m, work->x, work->x);
  srope_embed_actions(model, session->log.action + first * info->n_action, m, &states, work->a);
  for (size_t i = 0; i < m; i++) work->visible[i] = session->log.request_start[first + i];

  /* 2. where and when they are */
  make_both_turns(session, SROPE_NETWORK_LAYERS, s, first, m, &work->key_turns, &work->query_turns,
                  out ? out->angle : NULL);
  make_both_turns(session, SROPE_NETWORK_ACTION, s, first, m, &work->action_turns,
                  out ? &work->action_query_turns : NULL, out ? out->action_angle : NULL);

  /* 3. through the layers, each leaving keys and values behind */
  srope_span span = {.first = first, .m = m};
  srope_rows rows = {&span, 1, m, work->visible, &work->query_turns, &work->key_turns, NULL};
  for (uint32_t l = 0; l < info->n_layers; l++) {
    span.cache = session->caches[l];
    srope_layer_forward(model, &model->layers[l], &rows, work->x, work->a, &work->layer);
    if (out && out->layers) memcpy(out->layers + (l * session->count + first) * d, work->x, m * d * sizeof(float));
  }
  span.cache = session->caches[info->n_layers];
  rows.query_turns = &work->action_query_turns;
  rows.key_turns = &work->action_turns;
  srope_remember(model, &model->action_attention, &rows, work->x, work->a, &work->layer);
  if (out && (out->logits || out->action_attention)) run_outputs(session, &rows, first, context, out);
}

void srope_session_run(srope_session *session, size_t s, const float *context, const srope_sequence_outputs *out) {
  if (session->model->info.uses_order && session->computed_s != s) session->computed = 0;
  session->computed_s = s;
  while (session->computed < session->count) {
    size_t m = smaller(session->count - session->computed, ROWS);
    run_chunk(session, s, session->computed, m, context, out);
    session->computed += m;
  }
}

/* ---------------------------------------------------------------- candidates */

/* Candidates without signals of their own are all turned alike: one row serves all. */
static bool share_turns(const srope_session *session, const srope_candidates *candidates) {
  size_t g = session->model->info.n_signals;
  if (!candidates->signal || g == 0) return true;
  for (size_t i = 1; i < candidates->n; i++)
    if (memcmp(candidates->signal, candidates->signal + i * g, g * sizeof(float)) != 0) return false;
  return true;
}

/* The turns of candidates first .. first+m-1, which all stand at index C. */
static void make_candidate_turns(srope_session *session, const srope_candidates *candidates, srope_network network,
                                 size_t first, size_t m, srope_turns *turns) {
  const srope_info *info = &session->model->info;
  double days = session->count ? (candidates->now_s - session->log.time_s[0]) / DAY_S : 0;
  if (is_siren(session)) {
    const float *signal = candidates->signal ? candidates->signal + first * info->n_signals : NULL;
    srope_session_run_candidate_angles(session, candidates, signal, network, m);
  }
  for (size_t i = 0; i < m; i++)
    srope_rotary_turn(session->model, is_siren(session) ? session->work.f + i * info->n_angles : NULL,
                      (double)session->count, days, turns->cosine + i * info->d_head, turns->sine + i * info->d_head);
}

static void run_candidate_chunk(srope_session *session, const srope_candidates *candidates, size_t first, size_t m,
                                const srope_turns *turns, const srope_turns *action_turns, float *logits) {
  const srope_model *model = session->model;
  const srope_info *info = &model->info;
  srope_workspace *work = &session->work;
  for (size_t i = 0; i < m; i++) work->visible[i] = (uint32_t)session->count;
  srope_embed_items(model, candidates->item + first * info->n_item, m, work->x, work->x);
  srope_span span = {.m = m};
  srope_rows rows = {&span, 1, m, work->visible, turns, NULL, NULL};
  for (uint32_t l = 0; l < info->n_layers; l++) {
    span.cache = session->caches[l];
    srope_layer_forward(model, &model->layers[l], &rows, work->x, NULL, &work->layer);
  }
  span.cache = session->caches[info->n_layers];
  rows.query_turns = action_turns;
  srope_action_attention_forward(model, &rows, work->x, &work->layer, work->u);
  run_head(session, info->n_context ? candidates->context + first * info->n_context : NULL, m,
           logits + first * info->n_tasks);
}

void srope_session_run_candidates(srope_session *session, const srope_candidates *candidates, float *logits) {
  srope_workspace *work = &session->work;
  srope_turns turns = work->query_turns, action_turns = work->action_turns;
  bool shared = share_turns(session, candidates);
  if (shared) turns.stride = action_turns.stride = 0;
  for (size_t first = 0; first < candidates->n; first += ROWS) {
    size_t m = smaller(candidates->n - first, ROWS);
    if (!shared || first == 0) {
      make_candidate_turns(session, candidates, SROPE_NETWORK_LAYERS, first, shared ? 1 : m, &turns);
      make_candidate_turns(session, candidates, SROPE_NETWORK_ACTION, first, shared ? 1 : m, &action_turns);
    }
    run_candidate_chunk(session, candidates, first, m, &turns, &action_turns, logits);
  }
}
