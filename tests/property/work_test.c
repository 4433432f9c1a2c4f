/* work_test.c: what a score computes, counted: a kernel table that counts rows by weight stands in for the model's. A
 * second request pays for its candidates only, an appended event for one token, and what all candidates have in common
 * is computed once, on any number of threads. */
#include "property/fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "rank/session.h"

/* ---------------------------------------------------------------- counting */

enum { MOST_WEIGHTS = 64 };

static struct {
  const srope_kernels *kernels; /* the model's own */
  const float *weight[MOST_WEIGHTS];
  atomic_size_t rows[MOST_WEIGHTS]; /* that went through each */
  size_t n_weights;
  atomic_size_t unknown; /* multiply-adds with matrices that are no weights: attention */
  pthread_t caller;
  atomic_size_t n_elsewhere; /* calls by other threads */
} counts;

static void counted_matmul(const float *a, size_t lda, const float *b, size_t stride, const float *bias, float *c,
                           size_t ldc, size_t m, size_t n, size_t k) {
  counts.kernels->matmul(a, lda, b, stride, bias, c, ldc, m, n, k);
  size_t i = 0;
  while (i < counts.n_weights && counts.weight[i] != b) i++;
  if (i < counts.n_weights)
    atomic_fetch_add(&counts.rows[i], m);
  else
    atomic_fetch_add(&counts.unknown, m * n * k);
  if (!pthread_equal(pthread_self(), counts.caller)) atomic_fetch_add(&counts.n_elsewhere, 1);
}

static void watch(const float *weight) {
  assert_true(counts.n_weights < MOST_WEIGHTS);
  counts.weight[counts.n_weights++] = weight;
}

static size_t rows_of(const float *weight) {
  size_t i = 0;
  while (counts.weight[i] != weight) i++;
  return atomic_load(&counts.rows[i]);
}

static void start_counting(void) {
  for (size_t i = 0; i < counts.n_weights; i++) atomic_store(&counts.rows[i], 0);
  atomic_store(&counts.unknown, 0);
}

/* The first numbers of the head's weight that meet the context. */
static const float *context_weight(const srope_model *model) {
  return model->head.layer[0].weight + 2 * model->info.d_model * model->kernels->nr;
}

static void begin_counts(fixture *f, srope_kernels *table) {
  srope_model *model = f->model;
  counts.kernels = model->kernels;
  counts.n_weights = 0;
  counts.caller = pthread_self();
  *table = *model->kernels;
  table->matmul = counted_matmul;
  model->kernels = table;
  for (uint32_t i = 0; i < model->n_parameters; i++)
    if (model->parameters[i].layout == SROPE_LAYOUT_PACKED) watch(model->parameters[i].place);
  watch(context_weight(model));
}

/* ---------------------------------------------------------------- what is expected */

typedef struct expected { /* rows */
  size_t tokens, candidates, candidate_angles, contexts;
} expected;

#define assert_rows(weight, n)                                                                                       \
  do {                                                                                                               \
    if (rows_of(weight) != (n))                                                                                      \
      fail_msg("%s: line %d: %s: %zu rows, expected %zu", f->name, __LINE__, #weight, rows_of(weight), (size_t)(n)); \
  } while (0)

static void check_counts(const fixture *f, const expected *e) {
  const srope_model *model = f->model;
  size_t all = e->tokens + e->candidates, query_angles = f->info->uses_order ? e->tokens : 0;
  assert_rows(model->projection.weight, all);
  assert_rows(model->action_embedding.layer[0].weight, e->tokens);
  for (uint32_t l = 0; l < f->info->n_layers; l++) {
    assert_rows(model->layers[l].mha.k.weight, e->tokens);
    assert_rows(model->layers[l].mha.v.weight, e->tokens);
    assert_rows(model->layers[l].mha.q.weight, all);
    assert_rows(model->layers[l].down.weight, all);
  }
  assert_rows(model->action_attention.k.weight, e->tokens);
  assert_rows(model->action_attention.q.weight, e->candidates);
  assert_rows(model->head.layer[0].weight, e->candidates);
  assert_rows(model->head.layer[model->head.n - 1].weight, e->candidates);
  if (f->info->n_context && model->head.n > 1) assert_rows(context_weight(model), e->contexts);
  if (f->info->variant != SROPE_SIREN) return;
  assert_rows(model->angles[SROPE_NETWORK_LAYERS].sine.layer[0].weight, e->tokens + query_angles + e->candidate_angles);
  assert_rows(model->angles[SROPE_NETWORK_ACTION].sine.layer[0].weight, e->tokens + e->candidate_angles);
}

static void check_score(const fixture *f, srope_session *session, const srope_candidates *candidates, size_t n_tokens,
                        size_t n_angles, size_t n_contexts) {
  const expected e = {n_tokens, candidates->n, n_angles, n_contexts};
  start_counting();
  free(session_score(f, session, candidates));
  check_counts(f, &e);
}

/* ---------------------------------------------------------------- cases */

enum { C = 100, N = 90 };
static srope_pool *pool; /* of three threads */
static size_t n_shared;  /* calls by threads other than the caller's, in all */

static srope_session *begin_session(const fixture *f, bool shared) {
  srope_session_options options = {.max_history = 300, .utc_offset_minutes = NAN};
  srope_session *session = session_create(f, &options);
  srope_error error = {0};
  assert_ok(srope_session_use_pool(session, pool, &error), error);
  if (shared) session->least_work = 0;
  return session;
}

static void check_requests(fixture *f, bool shared) {
  srope_events events = events_random(f, C + 1, HISTORY_NAMED);
  srope_candidates own = candidates_random(f, N, HISTORY_SIGNALS, &events, 10), same = own;
  size_t z = f->info->n_context, g = f->info->n_signals;
  float *context = malloc((N * z + 1) * sizeof *context);
  for (size_t i = 0; i < N * z; i++) context[i] = own.context[i % z];
  same.signal = NULL;
  same.context = context;
  srope_session *session = begin_session(f, shared);
  srope_events most = events_slice(f, &events, 0, C), last = events_slice(f, &events, C, 1);

  session_append(f, session, &most);
  check_score(f, session, &same, C, 1, 1);
  check_score(f, session, &same, 0, 1, 1);
  check_score(f, session, &own, 0, g ? N : 1, N);
  session_append(f, session, &last);
  check_score(f, session, &same, f->info->uses_order ? C + 1 : 1, 1, 1);
  check_score(f, session, &own, 0, g ? N : 1, N);

  srope_session_free(session);
  free(context);
  candidates_free(&own);
  events_free(&events);
}

static void test_requests(fixture *f) {
  srope_kernels table;
  begin_counts(f, &table);
  atomic_store(&counts.n_elsewhere, 0);
  check_requests(f, true);
  n_shared += atomic_load(&counts.n_elsewhere);
  f->model->kernels = counts.kernels;
}

/* A small request wakes nobody. */
static void test_small_requests(fixture *f) {
  srope_kernels table;
  srope_session *session = begin_session(f, false);
  srope_candidates few = candidates_random(f, 2, 0, &(srope_events){0}, 0);
  begin_counts(f, &table);
  atomic_store(&counts.n_elsewhere, 0);
  check_score(f, session, &few, 0, 1, 2);
  assert_int_equal(atomic_load(&counts.n_elsewhere), 0);
  f->model->kernels = counts.kernels;
  candidates_free(&few);
  srope_session_free(session);
}

/* Attention computes what is seen, and of a block of rows no more than that its last row sees. */
static void test_attention(fixture *f) {
  enum { EVENTS = 3 * SROPE_ROWS, BLOCK = 24 };
  srope_kernels table;
  srope_events events = events_random(f, EVENTS, 0);
  srope_candidates one = candidates_random(f, 1, 0, &events, 10);
  srope_session *session = begin_session(f, true);
  session_append(f, session, &events);
  size_t seen = 0, layers = f->info->n_layers, in_a_row = 0;
  for (size_t i = 0; i < EVENTS; i++) {
    seen += session->log.request_start[i];
    in_a_row +=
        i - session->log.request_start[i]; /* rows of a block may see others of their own request, with weight 0 */
  }
  begin_counts(f, &table);
  start_counting();
  free(session_score(f, session, &one));
  size_t pairs = atomic_load(&counts.unknown) / (2 * f->info->d_model);
  assert_true(pairs >= layers * seen + (layers + 1) * EVENTS - layers * EVENTS);
  assert_true(pairs <= layers * (seen + in_a_row + EVENTS * BLOCK / 2) + (layers + 1) * EVENTS);
  f->model->kernels = counts.kernels;
  srope_session_free(session);
  candidates_free(&one);
  events_free(&events);
}

int main(void) {
  if (srope_pool_create(3, &pool, NULL)) return 1;
  static const fixture_test tests[] = {FIXTURE_TEST(test_requests), FIXTURE_TEST(test_small_requests),
                                       FIXTURE_TEST(test_attention)};
  int failed = fixture_run(tests, sizeof tests / sizeof *tests);
  srope_pool_free(pool);
  print_message("%zu products by other threads than the caller's\n", n_shared);
  return failed || n_shared == 0;
}
