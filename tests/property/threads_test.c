/* threads_test.c: a session with a pool is the session without one, to the bit: any number of threads, histories shorter
 * than a block and longer than several, come in at once or one by one, pools changed in between; also its explanations.
 * Every request is shared here, however small. */
#include "property/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rank/session.h"

enum { N_POOLS = 4, N_CANDIDATES = 80, MOST_EVENTS = 300 };
static const uint32_t n_threads[N_POOLS] = {1, 2, 3, 5};
static srope_pool *pools[N_POOLS];

static const srope_session_options options = {.max_history = MOST_EVENTS, .utc_offset_minutes = NAN};

static void use_pool(const fixture *f, srope_session *session, srope_pool *pool) {
  srope_error error = {0};
  session->least_work = 0;
  assert_ok(srope_session_use_pool(session, pool, &error), error);
}

/* The same session without a pool and with each of them. */
typedef struct sessions {
  srope_session *alone, *shared[N_POOLS];
} sessions;

static sessions sessions_create(const fixture *f) {
  sessions all = {.alone = session_create(f, &options)};
  for (size_t p = 0; p < N_POOLS; p++) {
    all.shared[p] = session_create(f, &options);
    use_pool(f, all.shared[p], pools[p]);
  }
  return all;
}

static void sessions_free(sessions *all) {
  srope_session_free(all->alone);
  for (size_t p = 0; p < N_POOLS; p++) srope_session_free(all->shared[p]);
}

static void assert_scores_alike(const fixture *f, const sessions *all, const srope_candidates *candidates) {
  float *expected = session_score(f, all->alone, candidates);
  for (size_t p = 0; p < N_POOLS; p++) {
    float *found = session_score(f, all->shared[p], candidates);
    assert_same_logits(f, found, expected, candidates->n);
    free(found);
  }
  free(expected);
}

/* Signals and contexts of their own, or the same for all: each goes another way. */
static void assert_all_alike(const fixture *f, const sessions *all, const srope_candidates *candidates) {
  size_t z = f->info->n_context;
  srope_candidates same = *candidates;
  float *context = malloc((candidates->n * z + 1) * sizeof *context);
  for (size_t i = 0; i < candidates->n * z; i++) context[i] = candidates->context[i % z];
  same.context = context;
  same.signal = NULL;
  assert_scores_alike(f, all, candidates);
  for (size_t n = 0; n <= 3; n++) {
    same.n = n < 3 ? n : candidates->n;
    assert_scores_alike(f, all, &same);
  }
  free(context);
}

/* Appends events to all, `together` at a time, scoring one candidate in between. */
static void append_to_all(const fixture *f, const sessions *all, const srope_events *events, size_t together,
                          const srope_candidates *candidates) {
  srope_candidates one = *candidates;
  one.n = 1;
  for (size_t at = 0, n; at < events->n; at += n) {
    n = events->n - at < together ? events->n - at : together;
    srope_events some = events_slice(f, events, at, n);
    session_append(f, all->alone, &some);
    for (size_t p = 0; p < N_POOLS; p++) session_append(f, all->shared[p], &some);
    if (at + n < events->n) assert_scores_alike(f, all, &one);
  }
}

static void check_history(fixture *f, size_t n_events, size_t together, unsigned has) {
  srope_events events = events_random(f, n_events, has);
  srope_candidates candidates = candidates_random(f, N_CANDIDATES, HISTORY_SIGNALS, &events, 20);
  sessions all = sessions_create(f);
  append_to_all(f, &all, &events, together, &candidates);
  assert_all_alike(f, &all, &candidates);
  sessions_free(&all);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_histories(fixture *f) {
  static const size_t n_events[] = {0, 1, 63, 64, 65, 2 * SROPE_ROWS + 1, MOST_EVENTS};
  for (size_t i = 0; i < sizeof n_events / sizeof *n_events; i++)
    check_history(f, n_events[i], MOST_EVENTS, i % 2 ? 0 : HISTORY_NAMED);
}

static void test_one_by_one(fixture *f) {
  check_history(f, 12, 1, HISTORY_NAMED);
  check_history(f, SROPE_ROWS + 3, 29, HISTORY_ALL);
}

/* What is computed stays when threads come and go. */
static void test_pools_in_turn(fixture *f) {
  enum { TURNS = 6, EACH = 15 };
  srope_pool *const turns[TURNS] = {pools[1], NULL, pools[3], pools[2], NULL, pools[1]};
  srope_events events = events_random(f, TURNS * EACH, HISTORY_NAMED);
  srope_candidates candidates = candidates_random(f, 30, 0, &events, 20);
  srope_session *alone = session_create(f, &options), *shared = session_create(f, &options);
  for (size_t turn = 0; turn < TURNS; turn++) {
    srope_events some = events_slice(f, &events, turn * EACH, EACH);
    use_pool(f, shared, turns[turn]);
    session_append(f, alone, &some);
    session_append(f, shared, &some);
    float *expected = session_score(f, alone, &candidates), *found = session_score(f, shared, &candidates);
    assert_same_logits(f, found, expected, candidates.n);
    free(expected);
    free(found);
  }
  srope_session_free(alone);
  srope_session_free(shared);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_explanations(fixture *f) {
  enum { N = 7, C = 5 };
  srope_events events = events_random(f, C, 0);
  srope_candidates candidates = candidates_random(f, N, 0, &events, 20);
  srope_session *session = session_create(f, &options);
  session_append(f, session, &events);
  double influence[2][N * C], timeless[2][N];
  srope_error error = {0};
  for (int i = 0; i < 2; i++) {
    use_pool(f, session, i ? pools[2] : NULL);
    assert_ok(srope_session_explain(session, &candidates, NULL, influence[i], timeless[i], &error), error);
  }
  assert_memory_equal(influence[0], influence[1], sizeof influence[0]);
  assert_memory_equal(timeless[0], timeless[1], sizeof timeless[0]);
  srope_session_free(session);
  candidates_free(&candidates);
  events_free(&events);
}

int main(void) {
  for (size_t p = 0; p < N_POOLS; p++)
    if (srope_pool_create(n_threads[p], &pools[p], NULL)) return 1;
  static const fixture_test tests[] = {FIXTURE_TEST(test_histories), FIXTURE_TEST(test_one_by_one),
                                       FIXTURE_TEST(test_pools_in_turn), FIXTURE_TEST(test_explanations)};
  int failed = fixture_run(tests, sizeof tests / sizeof *tests);
  for (size_t p = 0; p < N_POOLS; p++) srope_pool_free(pools[p]);
  return failed;
}
