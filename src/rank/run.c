/* run.c: the network over a session: history tokens into the caches, candidates against them.
 * Tokens go through in blocks of at most SROPE_ROWS, which threads share; what a token comes out as does not depend on the
 * block it is in. */
#include <string.h>

#include "nn/embed.h"
#include "nn/head.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "nn/siren.h"
#include "nn/time_features.h"
#include "rank/session.h"

enum {
  ROWS = SROPE_ROWS,
  LEAST_ROWS = 24 /* of one block of several for a thread: whole tiles, and each weight is used as often */
};
static const double DAY_S = 86400.0;

static bool is_siren(const srope_session *session) { return session->model->info.variant == SROPE_SIREN; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* ---------------------------------------------------------------- threads */

/* Who runs m rows: the pool, or NULL where that is too little to wake it for. A row takes about as many multiply-adds as
 * its matrices have elements, and two for each channel of what it sees. */
static srope_pool *pool_for(const srope_session *session, size_t m) {
  const srope_model *model = session->model;
  const srope_mlp *head = &model->head;
  double d = model->info.d_model, layers = model->info.n_layers, row = 0;
  if (!SROPE_HAS_THREADS || !session->pool) return NULL;
  for (uint32_t i = 0; i < head->n; i++) row += (double)head->layer[i].n_in * head->layer[i].n_out;
  row += layers * (4 * d * d + 2 * d * model->layers[0].up.n_out) + (layers + 1) * 2 * d * (double)session->count;
  return (double)m * row >= session->least_work ? session->pool : NULL;
}

/* Rows of a block of candidates: a block for each thread where they are few, else several, so that a thread which is held
 * up holds up little. */
static size_t candidates_together(size_t n, uint32_t n_threads) {
  size_t each = (n + n_threads - 1) / n_threads, part = each / 4 / LEAST_ROWS * LEAST_ROWS;
  if (n_threads == 1) return ROWS;
  if (each <= 2 * LEAST_ROWS) return each;
  return part < LEAST_ROWS ? LEAST_ROWS : smaller(part, ROWS);
}

/* ---------------------------------------------------------------- angles */

static void forward_angles(const srope_session *session, srope_workspace *work, srope_network network, size_t m) {
  srope_siren_states states = srope_siren_scratch(session->model, m, work->layer.hidden);
  srope_siren_forward(session->model, network, work->phi, m, &states, work->f);
}

void srope_session_run_angles(const srope_session *session, srope_workspace *work, srope_network network, size_t s,
                              size_t first, size_t m, bool as_query) {
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

void srope_session_run_candidate_angles(const srope_session *session, srope_workspace *work,
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
static void make_both_turns(const srope_session *session, srope_workspace *work, srope_network network, size_t s,
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

/* The head over m rows, of which work->x and work->u are there. shared_part: of their context, where that is one for all;
 * else NULL. */
static void run_head(const srope_session *session, srope_workspace *work, const float *context,
                     const float *shared_part, size_t m, float *logits) {
  const srope_model *model = session->model;
  srope_mlp_states states = srope_mlp_scratch(model, m, work->layer.hidden);
  float *part = states.before[1]; /* free until the second layer */
  bool parts = srope_head_parts_context(model);
  if (parts && !shared_part) srope_head_context(model, context, m, part);
  srope_head_join(model, work->x, work->u, parts ? NULL : context, m, work->joined);
  srope_head_forward(model, work->joined,
                     shared_part ? shared_part
                     : parts     ? part
                                 : NULL,
                     shared_part ? 0 : model->head.layer[0].n_out, m, &states, NULL, logits);
}

typedef struct stretch { /* tokens that go through together: a block of them in each of some workspaces */
  srope_session *session;
  size_t s, first, m, share; /* tokens first .. first+m-1 of S, `share` to a block */
  const float *context;
  const srope_sequence_outputs *out; /* may be NULL */
  uint32_t stage;                    /* what is being done: see run_block */
} stretch;

/* What the tokens first .. first+m-1 are, and where and when. */
static void begin_block(const stretch *t, srope_workspace *work, size_t first, size_t m) {
  const srope_session *session = t->session;
  const srope_model *model = session->model;
  const srope_sequence_outputs *out = t->out;
  srope_mlp_states states = srope_mlp_scratch(model, m, work->layer.hidden);
  srope_embed_items(model, session->log.item + first * model->info.n_item, m, work->x, work->x);
  srope_embed_actions(model, session->log.action + first * model->info.n_action, m, &states, work->a);
  for (size_t i = 0; i < m; i++) work->visible[i] = session->log.request_start[first + i];
  make_both_turns(session, work, SROPE_NETWORK_LAYERS, t->s, first, m, &work->key_turns, &work->query_turns,
                  out ? out->angle : NULL);
  make_both_turns(session, work, SROPE_NETWORK_ACTION, t->s, first, m, &work->action_turns,
                  out ? &work->action_query_turns : NULL, out ? out->action_angle : NULL);
}

/* What only whole sequences ask for: every token as a query of the action attention, and its logits. */
static void run_outputs(const stretch *t, srope_workspace *work, const srope_rows *rows, size_t first) {
  const srope_info *info = &t->session->model->info;
  const srope_sequence_outputs *out = t->out;
  srope_action_attention_forward(t->session->model, rows, work->x, &work->layer, work->u);
  if (out->action_attention)
    memcpy(out->action_attention + first * info->d_model, work->u, rows->m * info->d_model * sizeof(float));
  if (out->logits)
    run_head(t->session, work, info->n_context ? t->context + first * info->n_context : NULL, NULL, rows->m,
             out->logits + first * info->n_tasks);
}

/* Stage l of a block: layer l-1 from its attention on, now that all blocks have left their keys and values for it; then
 * what layer l (L: the action attention) is to remember. No stage reads a cache that it writes. Stage L+1: the outputs. */
static void run_block(void *context, size_t block, uint32_t thread) {
  (void)thread; /* the workspace is the block's, from stage to stage */
  const stretch *t = context;
  const srope_session *session = t->session;
  const srope_model *model = session->model;
  srope_workspace *work = &session->works[block];
  size_t first = t->first + block * t->share, m = smaller(t->share, t->first + t->m - first), d = model->info.d_model;
  uint32_t n_layers = model->info.n_layers;
  srope_span span = {.first = first, .m = m};
  srope_rows rows = {&span, 1, m, work->visible, &work->query_turns, &work->key_turns, NULL};

  if (t->stage == 0) {
    begin_block(t, work, first, m);
  } else if (t->stage <= n_layers) {
    uint32_t l = t->stage - 1;
    span.cache = session->caches[l];
    srope_layer_finish(model, &model->layers[l], &rows, work->x, &work->layer);
    if (t->out && t->out->layers)
      memcpy(t->out->layers + (l * session->count + first) * d, work->x, m * d * sizeof(float));
  }
  span.cache = session->caches[smaller(t->stage, n_layers)];
  if (t->stage < n_layers) {
    srope_layer_begin(model, &model->layers[t->stage], &rows, work->x, work->a, &work->layer);
    return;
  }
  rows.query_turns = &work->action_query_turns;
  rows.key_turns = &work->action_turns;
  if (t->stage == n_layers)
    srope_remember(model, &model->action_attention, &rows, work->x, work->a, &work->layer);
  else
    run_outputs(t, work, &rows, first);
}

void srope_session_run(srope_session *session, size_t s, const float *context, const srope_sequence_outputs *out) {
  if (session->model->info.uses_order && session->computed_s != s) session->computed = 0;
  session->computed_s = s;
  uint32_t n_stages = session->model->info.n_layers + (out && (out->logits || out->action_attention) ? 2 : 1);
  srope_pool *pool = pool_for(session, session->count - session->computed);
  size_t n_threads = srope_pool_threads(pool);
  while (session->computed < session->count) {
    size_t m = smaller(session->count - session->computed, n_threads * ROWS), share = (m + n_threads - 1) / n_threads;
    stretch t = {session, s, session->computed, m, share, context, out, 0};
    for (; t.stage < n_stages; t.stage++) srope_pool_run(pool, (m + share - 1) / share, run_block, &t);
    session->computed += m;
  }
}

/* ---------------------------------------------------------------- candidates */

typedef struct slate { /* the candidates of a request, and what they have in common */
  srope_session *session;
  const srope_candidates *candidates;
  size_t share;                    /* to a block */
  srope_turns turns, action_turns; /* cosine NULL: every candidate has its own */
  const float *context_part;       /* NULL: likewise */
  float *logits;
} slate;

/* Are all n rows the same bits? What is given as NULL is. */
static bool are_equal(const float *rows, size_t n, size_t width) {
  for (size_t i = 1; rows && width && i < n; i++)
    if (memcmp(rows, rows + i * width, width * sizeof *rows) != 0) return false;
  return true;
}

/* The turns of candidates first .. first+m-1, which all stand at index C. */
static void make_candidate_turns(const slate *all, srope_workspace *work, srope_network network, size_t first, size_t m,
                                 const srope_turns *turns) {
  const srope_session *session = all->session;
  const srope_info *info = &session->model->info;
  double days = session->count ? (all->candidates->now_s - session->log.time_s[0]) / DAY_S : 0;
  if (is_siren(session)) {
    const float *signal = all->candidates->signal ? all->candidates->signal + first * info->n_signals : NULL;
    srope_session_run_candidate_angles(session, work, all->candidates, signal, network, m);
  }
  for (size_t i = 0; i < m; i++)
    srope_rotary_turn(session->model, is_siren(session) ? work->f + i * info->n_angles : NULL, (double)session->count,
                      days, turns->cosine + i * info->d_head, turns->sine + i * info->d_head);
}

/* What is the same for all is computed once, in the first workspace. Candidates without signals of their own are all
 * turned alike. */
static void find_common(slate *all) {
  const srope_info *info = &all->session->model->info;
  const srope_candidates *candidates = all->candidates;
  srope_workspace *work = &all->session->works[0];
  if (are_equal(candidates->signal, candidates->n, info->n_signals)) {
    all->turns = work->query_turns;
    all->action_turns = work->action_turns;
    all->turns.stride = all->action_turns.stride = 0;
    make_candidate_turns(all, work, SROPE_NETWORK_LAYERS, 0, 1, &all->turns);
    make_candidate_turns(all, work, SROPE_NETWORK_ACTION, 0, 1, &all->action_turns);
  }
  if (srope_head_parts_context(all->session->model) && are_equal(candidates->context, candidates->n, info->n_context)) {
    srope_head_context(all->session->model, candidates->context, 1, all->session->context_part);
    all->context_part = all->session->context_part;
  }
}

static void run_candidate_block(void *context, size_t block, uint32_t thread) {
  const slate *all = context;
  const srope_session *session = all->session;
  const srope_candidates *candidates = all->candidates;
  const srope_model *model = session->model;
  const srope_info *info = &model->info;
  srope_workspace *work = &session->works[thread];
  size_t first = block * all->share, m = smaller(all->share, candidates->n - first);
  bool turned = all->turns.cosine != NULL;
  if (!turned) {
    make_candidate_turns(all, work, SROPE_NETWORK_LAYERS, first, m, &work->query_turns);
    make_candidate_turns(all, work, SROPE_NETWORK_ACTION, first, m, &work->action_turns);
  }
  for (size_t i = 0; i < m; i++) work->visible[i] = (uint32_t)session->count;
  srope_embed_items(model, candidates->item + first * info->n_item, m, work->x, work->x);
  srope_span span = {.m = m};
  srope_rows rows = {&span, 1, m, work->visible, turned ? &all->turns : &work->query_turns, NULL, NULL};
  for (uint32_t l = 0; l < info->n_layers; l++) {
    span.cache = session->caches[l];
    srope_layer_begin(model, &model->layers[l], &rows, work->x, NULL, &work->layer);
    srope_layer_finish(model, &model->layers[l], &rows, work->x, &work->layer);
  }
  span.cache = session->caches[info->n_layers];
  rows.query_turns = turned ? &all->action_turns : &work->action_turns;
  srope_action_attention_forward(model, &rows, work->x, &work->layer, work->u);
  run_head(session, work, info->n_context ? candidates->context + first * info->n_context : NULL, all->context_part, m,
           all->logits + first * info->n_tasks);
}

void srope_session_run_candidates(srope_session *session, const srope_candidates *candidates, float *logits) {
  srope_pool *pool = pool_for(session, candidates->n);
  slate all = {.session = session, .candidates = candidates, .logits = logits};
  all.share = candidates_together(candidates->n, srope_pool_threads(pool));
  find_common(&all);
  srope_pool_run(pool, (candidates->n + all.share - 1) / all.share, run_candidate_block, &all);
}
