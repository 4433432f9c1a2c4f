/* snapshot_test.c: a session as bytes and back: the same logits to the bit, whatever the session went through; damaged,
 * cut, foreign and longer bytes refused, with nothing made. */
#include "property/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_CANDIDATES = 3 };

static unsigned char *snapshot(const fixture *f, const srope_session *session, size_t *n) {
  srope_error error = {0};
  *n = srope_session_snapshot_size(session);
  unsigned char *bytes = malloc(*n);
  memset(bytes, 0xa5, *n);
  assert_ok(srope_session_snapshot(session, bytes, *n, &error), error);
  return bytes;
}

static srope_session *restore(const fixture *f, const unsigned char *bytes, size_t n) {
  srope_error error = {0};
  srope_session *session = NULL;
  assert_ok(srope_session_restore(f->model, bytes, n, &session, &error), error);
  return session;
}

static void assert_alike(const fixture *f, srope_session *a, srope_session *b, const srope_candidates *candidates) {
  assert_int_equal(srope_session_count(a), srope_session_count(b));
  float *of_a = session_score(f, a, candidates), *of_b = session_score(f, b, candidates);
  assert_same_logits(f, of_a, of_b, N_CANDIDATES);
  free(of_a);
  free(of_b);
}

/* Snapshots `session` (which has seen `seen` of the events), and takes both it and what is restored through the rest.
 */
static void check_round_trip(fixture *f, srope_session *session, const srope_events *events, size_t seen,
                             unsigned has) {
  size_t n, n_again;
  unsigned char *bytes = snapshot(f, session, &n);
  srope_session *restored = restore(f, bytes, n);
  unsigned char *again = snapshot(f, restored, &n_again);
  assert_int_equal(n, n_again);
  assert_memory_equal(bytes, again, n); /* the state has one form */
  free(again);
  free(bytes);
  srope_candidates candidates = candidates_random(f, N_CANDIDATES, has, events, 50);
  assert_alike(f, session, restored, &candidates);
  srope_events rest = events_slice(f, events, seen, events->n - seen);
  session_append(f, session, &rest);
  session_append(f, restored, &rest);
  assert_alike(f, session, restored, &candidates);
  srope_session_free(restored);
  candidates_free(&candidates);
}

static void test_round_trip(fixture *f) {
  for (int i = 0; i < 6; i++) {
    unsigned has = (unsigned)random_below(&f->random, HISTORY_ALL + 1);
    size_t n = 1 + random_below(&f->random, 20), seen = random_below(&f->random, n + 1);
    srope_session_options options = {.max_history = (uint32_t[]){0, 3, 7}[i % 3],
                                     .utc_offset_minutes = i % 2 ? NAN : -300};
    srope_events events = events_random(f, n, has), first = events_slice(f, &events, 0, seen);
    srope_session *session = session_create(f, &options);
    session_append(f, session, &first);
    if (random_below(&f->random, 2)) { /* else between append and score */
      srope_candidates candidates = candidates_random(f, N_CANDIDATES, has, &first, 1);
      free(session_score(f, session, &candidates));
      candidates_free(&candidates);
    }
    check_round_trip(f, session, &events, seen, has);
    srope_session_free(session);
    events_free(&events);
  }
}

static void refuse(const fixture *f, const srope_model *model, const unsigned char *bytes, size_t n, const char *what) {
  srope_error error = {0};
  srope_session *untouched = (srope_session *)&error, *session = untouched;
  unsigned char *exact = malloc(n ? n : 1); /* so that the sanitizers see one byte too many */
  memcpy(exact, bytes, n);
  srope_status status = srope_session_restore(model, exact, n, &session, &error);
  free(exact);
  if (status != SROPE_ERR_SNAPSHOT || error.status != status || !error.message[0])
    fail_msg("%s: %s: found %s: %s", f->name, what, srope_status_code(status), error.message);
  assert_ptr_equal(session, untouched);
}

static void test_refused(fixture *f) {
  srope_events events = events_random(f, 3, HISTORY_ALL);
  srope_session *session = session_create(f, NULL);
  session_append(f, session, &events);
  size_t n;
  unsigned char *bytes = snapshot(f, session, &n), *longer = calloc(n + 8, 1);
  memcpy(longer, bytes, n);
  for (size_t i = 0; i < n; i++) {
    unsigned char flip = (unsigned char)(1 + random_below(&f->random, 255));
    longer[i] ^= flip;
    refuse(f, f->model, longer, n, "a flipped byte");
    longer[i] ^= flip;
    refuse(f, f->model, bytes, i, "cut short");
  }
  for (size_t extra = 1; extra <= 8; extra++) refuse(f, f->model, longer, n + extra, "bytes after the end");
  srope_error error = {0};
  assert_int_equal(srope_session_snapshot(session, longer, n - 1, &error), SROPE_ERR_ARGUMENT);
  srope_session *usable = restore(f, bytes, n);
  srope_candidates candidates = candidates_random(f, N_CANDIDATES, 0, &events, 50);
  assert_alike(f, session, usable, &candidates);
  candidates_free(&candidates);
  srope_session_free(usable);
  srope_session_free(session);
  free(bytes);
  free(longer);
  events_free(&events);
}

/* Another model's snapshot, even if that model differs in one weight only. */
static void test_other_model(fixture *f) {
  srope_error error = {0};
  srope_model *other = NULL;
  unsigned char *bytes_of_other = malloc(f->n_bytes);
  memcpy(bytes_of_other, f->bytes, f->n_bytes);
  bytes_of_other[f->n_bytes - 4] ^= 1; /* the lowest bits of the last weight */
  assert_ok(srope_model_load(bytes_of_other, f->n_bytes, NULL, &other, &error), error);
  srope_events events = events_random(f, 2, 0);
  srope_session *session = session_create(f, NULL);
  session_append(f, session, &events);
  size_t n;
  unsigned char *bytes = snapshot(f, session, &n);
  refuse(f, other, bytes, n, "another model");
  free(bytes);
  free(bytes_of_other);
  events_free(&events);
  srope_session_free(session);
  srope_model_free(other);
}

int main(void) {
  static const fixture_test tests[] = {FIXTURE_TEST(test_round_trip), FIXTURE_TEST(test_refused),
                                       FIXTURE_TEST(test_other_model)};
  return fixture_run(tests, sizeof tests / sizeof *tests);
}
