/* threads_test.c: a request on several threads gives what it gives on one, to the bit: any number of threads, histories and
 * candidates around the sizes of pieces, appended at once and little by little, with rotations and contexts shared and not. */
#include "property/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rank/session.h"

static srope_session *create(fixture *f, srope_pool *pool) {
  srope_session_options options = {.max_history = 400, .utc_offset_minutes = NAN, .pool = pool};
  srope_session *session = session_create(f, &options);
  session->thread_work = 1; /* these models are small: wake all threads always */
  return session;
}

static void check(fixture *f, srope_pool *pool, size_t n_events, size_t n_candidates, size_t most) {
  srope_events events = events_random(f, n_events, HISTORY_NAMED);
  srope_candidates candidates = candidates_random(f, n_candidates, n_events % 2 ? HISTORY_SIGNALS : 0, &events, 50);
  size_t z = f->info->n_context;
  if (n_candidates % 2) /* one context for all */
    for (size_t i = 1; i < n_candidates; i++)
      memcpy((float *)candidates.context + i * z, candidates.context, z * sizeof(float));
  srope_session *alone = create(f, NULL), *shared = create(f, pool);
  session_append(f, alone, &events);
  for (size_t at = 0, n; at < n_events; at += n) {
    n = n_events - at < most ? n_events - at : most;
    srope_events chunk = events_slice(f, &events, at, n);
    session_append(f, shared, &chunk);
    if (at % 2) free(session_score(f, shared, &candidates));
  }
  float *expected = session_score(f, alone, &candidates), *found = session_score(f, shared, &candidates);
  assert_same_logits(f, found, expected, n_candidates);
  for (size_t i = 0; i < n_candidates; i++) { /* and each alone, whose context is not shared with anybody */
    size_t place = i;
    srope_candidates one = candidates_gather(f, &candidates, &place, 1);
    float *logits = session_score(f, alone, &one);
    assert_same_logits(f, logits, expected + i * f->info->n_tasks, 1);
    free(logits);
    candidates_free(&one);
    i += n_candidates / 4;
  }
  free(expected);
  free(found);
  srope_session_free(alone);
  srope_session_free(shared);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_same_bits(fixture *f) {
  static const size_t cases[][3] = {{0, 5, 1}, {1, 1, 1}, {6, 13, 2}, {71, 72, 100}, {73, 146, 40}, {250, 217, 200}};
  for (uint32_t n_threads = 1; n_threads <= 5; n_threads += n_threads == 3 ? 2 : 1) {
    srope_pool *pool;
    srope_error error;
    assert_ok(srope_pool_create(n_threads, &pool, &error), error);
    assert_int_equal(srope_pool_threads(pool), n_threads);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(f, pool, cases[i][0], cases[i][1], cases[i][2]);
    srope_pool_free(pool);
  }
}

int main(void) {
  static const fixture_test tests[] = {FIXTURE_TEST(test_same_bits)};
  return fixture_run(tests, sizeof tests / sizeof *tests);
}
