/* run.c: the network over a session: history tokens into the caches, candidates against them.
 * Tokens go through in pieces of up to SROPE_ROWS, each on one of the pool's threads with a workspace; what a token comes out
 * as depends neither on the piece it is in nor on the thread. */
#include <string.h>

#include "base/pool.h"
#include "nn/embed.h"
#include "nn/head.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "nn/siren.h"
#include "nn/time_features.h"
#include "rank/session.h"

static const double DAY_S = 86400.0;

static bool is_siren(const srope_session *session) { return session->model->info.variant == SROPE_SIREN; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* ---------------------------------------------------------------- pieces */

/* Rows of a piece when `rows` are shared out to `n_threads`: as even as whole tiles allow. */
static size_t piece_rows(size_t rows, uint32_t n_threads) {
  enum { TILE = 6 };
  size_t rounds = (rows + (size_t)n_threads * SROPE_ROWS - 1) / ((size_t)n_threads * SROPE_ROWS);
  size_t even = (rows + n_threads * rounds - 1) / (n_threads * rounds);
  return smaller((even + TILE - 1) / TILE * TILE, SROPE_ROWS);
}

/* Threads worth waking for that many rows: a round of work costs them some ten microseconds. */
static uint32_t threads_for(const srope_session *session, size_t rows) {
  enum { MULTIPLY_ADDS = 1 << 20 }; /* a layer's, of a thread: about as long as it takes to wake one */
  const srope_info *info = &session->model->info;
  double row = (double)info->d_model * (4.0 * info->d_model + 2.0 * session->model->layers[0].up.n_out);
  double useful = row * (double)rows / MULTIPLY_ADDS;
  return useful < session->n_threads ? (useful < 1 ? 1 : (uint32_t)useful) : session->n_threads;
}

/* work(context, piece, thread) for all pieces. */
static void share_out(const srope_session *session, uint32_t n_threads, size_t n, srope_work work, void *context) {
  if (n_threads > 1 && n > 1) {
    srope_pool_run(session->pool, n, work, context);
    return;
  }
  for (size_t piece = 0; piece < n; piece++) work(context, piece, 0);
}

/* ---------------------------------------------------------------- angles */

static void forward_angles(const srope_session *session, const srope_workspace *work, srope_network network, size_t m) {
  srope_siren_states states = srope_siren_scratch(session->model, m, work->layer.hidden);
  srope_siren_forward(session->model, network, work->phi, m, &states, work->f);
}

void srope_session_run_angles(const srope_session *session, const srope_workspace *work, srope_network network,
                              size_t s, size_t first, size_t m, bool as_query) {
  const srope_info *info = &session->model->info;
  const srope_log *log = &session->log;
  for (size_t i = first; i < first + m; i++) {
    size_t index = as_query ? log->request_start[i] : i;
    double order = (double)(s - 1 - index) / (double)s;
    srope_time_features(session->model, log->time_s[i], log->utc_offset_minutes[i], order,
                        log->signal + i * info->n_signals, work->phi + (i - first) * info->n_angle_features);
  }
  forward_angles(session, work, network, m);
}

void srope_session_run_candidate_angles(const srope_session *session, const srope_workspace *work,
                                        const srope_candidates *candidates, const float *signal, srope_network network,
                                        size_t m) {
  const srope_info *info = &session->model->info;
  double offset = candidates->utc_offset_minutes;
  if (offset != offset) offset = session->utc_offset_minutes;
  for (size_t i = 0; i < m; i++)
    srope_time_features(session->model, candidates->now_s, offset, 0, signal ? signal + i * info->n_signals : NULL,
                        work->phi + i * info->n_angle_features);
  forward_angles(session, work, network, m);
}

/* The turns of m events from work->f (siren) and their places. */
static void make_turns(const srope_session *session, const srope_workspace *work, size_t first, size_t m, bool as_query,
                       const srope_turns *turns) {
  const srope_log *log = &session->log;
  for (size_t i = first; i < first + m; i++) {
    size_t row = i - first;
    double index = as_query ? log->request_start[i] : (double)i;
    const float *f = is_siren(session) ? work->f + row * session->model->info.n_angles : NULL;
    srope_rotary_turn(session->model, f, index, (log->time_s[i] - log->time_s[0]) / DAY_S,
                      turns->cosine + row * turns->stride, turns->sine + row * turns->stride);
  }
}

/* One network's turns of m events, as keys and (where wanted) as queries. */
static void make_both_turns(const srope_session *session, const srope_workspace *work, srope_network network, size_t s,
                            size_t first, size_t m, const srope_turns *keys, const srope_turns *queries,
                            float *angle_out) {
  const srope_info *info = &session->model->info;
  if (is_siren(session)) {
    srope_session_run_angles(session, work, network, s, first, m, false);
    if (angle_out) memcpy(angle_out + first * info->n_angles, work->f, m * info->n_angles * sizeof(float));
  }
  make_turns(session, work, first, m, false, keys);
  if (!queries) return;
  if (info->uses_order) srope_session_run_angles(session, work, network, s, first, m, true);
  make_turns(session, work, first, m, true, queries);
}

/* ---------------------------------------------------------------- history */

/* The head over m rows, of which work->x and work->u are there. begun: session->begun of a context (Z) that all rows have,
 * or NULL: context is (m, Z). */
static void run_head(const srope_session *session, const srope_workspace *work, const float *context,
                     const float *begun, size_t m, float *logits) {
  const srope_model *model = session->model;
  srope_mlp_states states = srope_mlp_scratch(model, m, work->layer.hidden);
  srope_head_join(model, work->x, work->u, begun ? NULL : context, m, work->joined);
  srope_head_forward(model, work->joined, begun, m, &states, NULL, logits);
}

/* A run of history: `n_pieces` at a time, `rows` tokens each (the last fewer), piece p with work[p]. */
typedef struct history_run {
  srope_session *session;
  size_t s, first, n, rows; /* S; tokens first .. first+n-1 */
  const float *context;
  const srope_sequence_outputs *out;
  uint32_t layer; /* whose keys and values are there for all */
} history_run;

/* What only whole sequences ask for: every token as a query of the action attention, and its logits. */
static void run_outputs(const history_run *run, const srope_workspace *work, const srope_rows *rows, size_t first) {
  const srope_info *info = &run->session->model->info;
  const srope_sequence_outputs *out = run->out;
  srope_action_attention_forward(run->session->model, rows, work->x, &work->layer, work->u);
  if (out->action_attention)
    memcpy(out->action_attention + first * info->d_model, work->u, rows->m * info->d_model * sizeof(float));
  if (out->logits)
    run_head(run->session, work, info->n_context ? run->context + first * info->n_context : NULL, NULL, rows->m,
             out->logits + first * info->n_tasks);
}

typedef struct piece { /* of a run of history */
  const srope_workspace *work;
  size_t first, m;
  srope_span span;
  srope_rows rows;
} piece;

static piece piece_of(const history_run *run, size_t number) {
  const srope_workspace *work = &run->session->work[number];
  size_t first = run->first + number * run->rows, m = smaller(run->first + run->n - first, run->rows);
  return (piece){.work = work,
                 .first = first,
                 .m = m,
                 .span = {.first = first, .m = m},
                 .rows = {.n_spans = 1,
                          .m = m,
                          .visible = work->visible,
                          .query_turns = &work->query_turns,
                          .key_turns = &work->key_turns}};
}

/* What the tokens are, and where and when; then their keys and values of the first layer. */
static void begin_piece(void *context, size_t number, uint32_t thread) {
  (void)thread;
  const history_run *run = context;
  const srope_session *session = run->session;
  const srope_model *model = session->model;
  piece p = piece_of(run, number);
  const srope_workspace *work = p.work;
  srope_mlp_states states = srope_mlp_scratch(model, p.m, work->layer.hidden);
  srope_embed_items(model, session->log.item + p.first * model->info.n_item, p.m, work->x, work->x);
  srope_embed_actions(model, session->log.action + p.first * model->info.n_action, p.m, &states, work->a);
  for (size_t i = 0; i < p.m; i++) work->visible[i] = session->log.request_start[p.first + i];
  make_both_turns(session, work, SROPE_NETWORK_LAYERS, run->s, p.first, p.m, &work->key_turns, &work->query_turns,
                  run->out ? run->out->angle : NULL);
  make_both_turns(session, work, SROPE_NETWORK_ACTION, run->s, p.first, p.m, &work->action_turns,
                  run->out ? &work->action_query_turns : NULL, run->out ? run->out->action_angle : NULL);
  p.span.cache = session->caches[0];
  p.rows.spans = &p.span;
  srope_layer_remember(model, &model->layers[0], &p.rows, work->x, work->a, &work->layer);
}

/* Through run->layer, whose keys and values are there; then the keys and values of the next, or of the action attention. */
static void run_piece(void *context, size_t number, uint32_t thread) {
  (void)thread;
  const history_run *run = context;
  const srope_session *session = run->session;
  const srope_model *model = session->model;
  size_t d = model->info.d_model;
  uint32_t l = run->layer, n_layers = model->info.n_layers;
  piece p = piece_of(run, number);
  const srope_workspace *work = p.work;
  p.span.cache = session->caches[l];
  p.rows.spans = &p.span;
  srope_layer_attend(model, &model->layers[l], &p.rows, work->x, &work->layer);
  if (run->out && run->out->layers)
    memcpy(run->out->layers + (l * session->count + p.first) * d, work->x, p.m * d * sizeof(float));
  p.span.cache = session->caches[l + 1];
  if (l + 1 < n_layers) {
    srope_layer_remember(model, &model->layers[l + 1], &p.rows, work->x, work->a, &work->layer);
    return;
  }
  p.rows.key_turns = &work->action_turns;
  srope_remember(model, &model->action_attention, &p.rows, work->x, work->a, &work->layer);
}

static void finish_piece(void *context, size_t number, uint32_t thread) {
  (void)thread;
  const history_run *run = context;
  piece p = piece_of(run, number);
  p.span.cache = run->session->caches[run->session->model->info.n_layers];
  p.rows.spans = &p.span;
  p.rows.query_turns = &p.work->action_query_turns;
  p.rows.key_turns = &p.work->action_turns;
  run_outputs(run, p.work, &p.rows, p.first);
}

void srope_session_run(srope_session *session, size_t s, const float *context, const srope_sequence_outputs *out) {
  if (session->model->info.uses_order && session->computed_s != s) session->computed = 0;
  session->computed_s = s;
  while (session->computed < session->count) {
    size_t rest = session->count - session->computed;
    uint32_t n_threads = threads_for(session, rest);
    history_run run = {.session = session, .s = s, .first = session->computed, .context = context, .out = out};
    run.rows = piece_rows(rest, n_threads);
    run.n = smaller(rest, run.rows * n_threads);
    size_t n_pieces = (run.n + run.rows - 1) / run.rows;
    share_out(session, n_threads, n_pieces, begin_piece, &run);
    for (run.layer = 0; run.layer < session->model->info.n_layers; run.layer++)
      share_out(session, n_threads, n_pieces, run_piece, &run);
    if (out && (out->logits || out->action_attention)) share_out(session, n_threads, n_pieces, finish_piece, &run);
    session->computed += run.n;
  }
}

/* ---------------------------------------------------------------- candidates */

/* Are all rows (n, width) the same? */
static bool are_alike(const float *rows, size_t n, size_t width) {
  for (size_t i = 1; i < n; i++)
    if (memcmp(rows, rows + i * width, width * sizeof *rows) != 0) return false;
  return true;
}

typedef struct candidates_run {
  const srope_session *session;
  const srope_candidates *candidates;
  size_t rows; /* of a piece */
  float *logits;
  const srope_turns *turns, *action_turns; /* one row for all; NULL: signals differ, each has its own */
  const float *begun;                      /* of the context that all have; NULL: contexts differ */
} candidates_run;

/* The turns of candidates first .. first+m-1, which all stand at index C. */
static void make_candidate_turns(const srope_session *session, const srope_workspace *work,
                                 const srope_candidates *candidates, srope_network network, size_t first, size_t m,
                                 const srope_turns *turns) {
  const srope_info *info = &session->model->info;
  double days = session->count ? (candidates->now_s - session->log.time_s[0]) / DAY_S : 0;
  if (is_siren(session)) {
    const float *signal = candidates->signal ? candidates->signal + first * info->n_signals : NULL;
    srope_session_run_candidate_angles(session, work, candidates, signal, network, m);
  }
  for (size_t i = 0; i < m; i++)
    srope_rotary_turn(session->model, is_siren(session) ? work->f + i * info->n_angles : NULL, (double)session->count,
                      days, turns->cosine + i * info->d_head, turns->sine + i * info->d_head);
}

static void run_candidates(void *context, size_t number, uint32_t thread) {
  const candidates_run *run = context;
  const srope_session *session = run->session;
  const srope_candidates *candidates = run->candidates;
  const srope_model *model = session->model;
  const srope_info *info = &model->info;
  const srope_workspace *work = &session->work[thread];
  size_t first = number * run->rows, m = smaller(candidates->n - first, run->rows);
  if (!run->turns) {
    make_candidate_turns(session, work, candidates, SROPE_NETWORK_LAYERS, first, m, &work->query_turns);
    make_candidate_turns(session, work, candidates, SROPE_NETWORK_ACTION, first, m, &work->action_turns);
  }
  for (size_t i = 0; i < m; i++) work->visible[i] = (uint32_t)session->count;
  srope_embed_items(model, candidates->item + first * info->n_item, m, work->x, work->x);
  srope_span span = {.m = m};
  srope_rows rows = {.spans = &span, .n_spans = 1, .m = m, .visible = work->visible};
  rows.query_turns = run->turns ? run->turns : &work->query_turns;
  for (uint32_t l = 0; l < info->n_layers; l++) {
    span.cache = session->caches[l];
    srope_layer_forward(model, &model->layers[l], &rows, work->x, NULL, &work->layer);
  }
  span.cache = session->caches[info->n_layers];
  rows.query_turns = run->action_turns ? run->action_turns : &work->action_turns;
  srope_action_attention_forward(model, &rows, work->x, &work->layer, work->u);
  run_head(session, work, info->n_context ? candidates->context + first * info->n_context : NULL, run->begun, m,
           run->logits + first * info->n_tasks);
}

void srope_session_run_candidates(srope_session *session, const srope_candidates *candidates, float *logits) {
  const srope_model *model = session->model;
  size_t n = candidates->n, g = model->info.n_signals, z = model->info.n_context;
  const srope_workspace *work = session->work; /* the caller's */
  uint32_t n_threads = threads_for(session, n);
  candidates_run run = {.session = session, .candidates = candidates, .logits = logits};
  run.rows = piece_rows(n, n_threads);

  /* What is the same for all candidates of a request is computed once: rotations, and what the context gives the head. */
  srope_turns turns = work->key_turns, action_turns = work->action_query_turns; /* nobody else's here */
  turns.stride = action_turns.stride = 0;
  if (!candidates->signal || g == 0 || are_alike(candidates->signal, n, g)) {
    make_candidate_turns(session, work, candidates, SROPE_NETWORK_LAYERS, 0, 1, &turns);
    make_candidate_turns(session, work, candidates, SROPE_NETWORK_ACTION, 0, 1, &action_turns);
    run.turns = &turns;
    run.action_turns = &action_turns;
  }
  if (z > 0 && are_alike(candidates->context, n, z) && srope_head_begin(model, candidates->context, session->begun))
    run.begun = session->begun;
  share_out(session, n_threads, (n + run.rows - 1) / run.rows, run_candidates, &run);
}
