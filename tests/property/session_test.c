/* session_test.c: what a session promises whatever the numbers are: a candidate's logits do not depend on the others, a
 * history does not depend on how it came in, dropped events leave no trace, and a refused call changes nothing. To the
 * bit, but for models with the `order` feature appended in pieces (1e-6; the output says how many were not equal to the
 * bit). */
#include "property/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CANDIDATES = 130, SOME_CANDIDATES = 5 };

static size_t n_order_cases, n_order_not_equal; /* appended in pieces: see assert_appended_alike */

/* ---------------------------------------------------------------- candidates among others */

static void check_subset(fixture *f, srope_session *session, const srope_candidates *all, const float *logits,
                         size_t n) {
  size_t places[MOST_CANDIDATES], t = f->info->n_tasks;
  for (size_t i = 0; i < all->n; i++) places[i] = i;
  for (size_t i = 0; i < n; i++) { /* a random permutation's first n */
    size_t j = i + random_below(&f->random, all->n - i), place = places[i];
    places[i] = places[j];
    places[j] = place;
  }
  srope_candidates some = candidates_gather(f, all, places, n);
  float *found = session_score(f, session, &some);
  for (size_t i = 0; i < n; i++) assert_same_logits(f, found + i * t, logits + places[i] * t, 1);
  free(found);
  candidates_free(&some);
}

static void test_batching(fixture *f) {
  srope_events events = events_random(f, random_below(&f->random, 12), HISTORY_SIGNALS);
  for (int with_signals = 0; with_signals <= (f->info->n_signals > 0); with_signals++) {
    srope_candidates all = candidates_random(f, MOST_CANDIDATES, with_signals ? HISTORY_SIGNALS : 0, &events, 30);
    srope_session *session = session_create(f, NULL);
    session_append(f, session, &events);
    float *logits = session_score(f, session, &all);
    for (size_t i = 0; i < MOST_CANDIDATES; i++) { /* alone */
      srope_candidates one = candidates_gather(f, &all, &i, 1);
      float *found = session_score(f, session, &one);
      assert_same_logits(f, found, logits + i * f->info->n_tasks, 1);
      free(found);
      candidates_free(&one);
    }
    for (size_t n = 2; n <= MOST_CANDIDATES; n += n < 12 ? 1 : 1 + random_below(&f->random, 40))
      check_subset(f, session, &all, logits, n);
    check_subset(f, session, &all, logits, MOST_CANDIDATES);
    free(logits);
    srope_session_free(session);
    candidates_free(&all);
  }
  events_free(&events);
}

static void test_no_candidates(fixture *f) {
  srope_events events = events_random(f, 3, 0);
  srope_session *session = session_create(f, NULL);
  session_append(f, session, &events);
  srope_candidates none = {.n = 0, .now_s = events.time_s[2], .utc_offset_minutes = NAN};
  srope_error error = {0};
  assert_ok(srope_session_score(session, &none, NULL, &error), error);
  srope_session_free(session);
  events_free(&events);
}

/* ---------------------------------------------------------------- histories in pieces */

static void assert_appended_alike(fixture *f, const float *a, const float *b, size_t n_candidates) {
  if (!f->info->uses_order) {
    assert_same_logits(f, a, b, n_candidates);
    return;
  }
  size_t n = n_candidates * f->info->n_tasks;
  n_order_cases++;
  n_order_not_equal += memcmp(a, b, n * sizeof *a) != 0;
  for (size_t i = 0; i < n; i++) assert_true(fabs((double)a[i] - (double)b[i]) <= 1e-6);
}

/* Appends events in chunks of 1 .. most, scoring now and then in between. */
static void append_in_chunks(fixture *f, srope_session *session, const srope_events *events, size_t most) {
  for (size_t at = 0, n; at < events->n; at += n) {
    n = 1 + random_below(&f->random, most);
    n = n < events->n - at ? n : events->n - at;
    srope_events chunk = events_slice(f, events, at, n);
    session_append(f, session, &chunk);
    if (random_below(&f->random, 3) == 0) {
      srope_candidates between = candidates_random(f, 2, 0, &chunk, 5);
      free(session_score(f, session, &between));
      candidates_free(&between);
    }
  }
}

static void check_append(fixture *f, size_t n_events, unsigned has) {
  srope_events events = events_random(f, n_events, has);
  srope_candidates candidates = candidates_random(f, SOME_CANDIDATES, has, &events, 100);
  srope_session_options options = {.max_history = 200, .utc_offset_minutes = NAN};
  float *together = score_afresh(f, &options, &events, &candidates);
  static const size_t most_of_chunk[] = {100, 30, 4, 1}; /* long histories in large chunks only: it takes its time */
  for (size_t i = 0; i < (n_events > 100 ? 2 : 4); i++) {
    srope_session *session = session_create(f, &options);
    append_in_chunks(f, session, &events, most_of_chunk[i]);
    assert_int_equal(srope_session_count(session), n_events);
    float *logits = session_score(f, session, &candidates);
    assert_appended_alike(f, logits, together, SOME_CANDIDATES);
    float *again = session_score(f, session, &candidates);
    assert_same_logits(f, again, logits, SOME_CANDIDATES);
    free(again);
    free(logits);
    srope_session_free(session);
  }
  free(together);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_append(fixture *f) {
  check_append(f, 1, HISTORY_ALL);
  check_append(f, 13, HISTORY_ALL & ~HISTORY_NEGATIVE);
  check_append(f, 20, HISTORY_SIGNALS);
  check_append(f, 131,
               HISTORY_NAMED); /* over what a session first makes room for, and over two chunks of the network */
}

/* A session that dropped old events is one that never had them, also where the window begins inside a request. */
static void test_max_history(fixture *f) {
  for (int i = 0; i < 6; i++) {
    uint32_t most = 1 + (uint32_t)random_below(&f->random, 9);
    size_t n = most + 1 + random_below(&f->random, 20);
    unsigned has = (unsigned)random_below(&f->random, HISTORY_ALL + 1);
    srope_events events = events_random(f, n, has), newest = events_slice(f, &events, n - most, most);
    srope_candidates candidates = candidates_random(f, SOME_CANDIDATES, has, &events, 100);
    srope_session_options options = {.max_history = most, .utc_offset_minutes = 90};
    float *expected = score_afresh(f, &options, &newest, &candidates);
    size_t most_of_chunk[] = {1, 3, most, 40};
    for (size_t j = 0; j < sizeof most_of_chunk / sizeof *most_of_chunk; j++) {
      srope_session *session = session_create(f, &options);
      append_in_chunks(f, session, &events, most_of_chunk[j]);
      assert_int_equal(srope_session_count(session), most);
      float *logits = session_score(f, session, &candidates);
      assert_same_logits(f, logits, expected, SOME_CANDIDATES);
      free(logits);
      srope_session_free(session);
    }
    free(expected);
    candidates_free(&candidates);
    events_free(&events);
  }
}

static void test_clear(fixture *f) {
  srope_events events = events_random(f, 9, HISTORY_NAMED), none = {0};
  srope_candidates candidates = candidates_random(f, SOME_CANDIDATES, 0, &events, 7);
  float *cold = score_afresh(f, NULL, &none, &candidates), *warm = score_afresh(f, NULL, &events, &candidates);
  srope_session *session = session_create(f, NULL);
  for (int i = 0; i < 2; i++) {
    session_append(f, session, &events);
    float *logits = session_score(f, session, &candidates);
    assert_same_logits(f, logits, warm, SOME_CANDIDATES);
    free(logits);
    srope_session_clear(session);
    assert_int_equal(srope_session_count(session), 0);
    logits = session_score(f, session, &candidates);
    assert_same_logits(f, logits, cold, SOME_CANDIDATES);
    free(logits);
  }
  srope_session_free(session);
  free(cold);
  free(warm);
  candidates_free(&candidates);
  events_free(&events);
}

/* Names are only names; naming what equal times say anyway changes nothing; zeros are the signals that are not given.
 */
static void test_requests_and_defaults(fixture *f) {
  enum { N = 16 };
  srope_events events = events_random(f, N, HISTORY_NAMED);
  srope_candidates candidates = candidates_random(f, SOME_CANDIDATES, 0, &events, 7);
  uint64_t key[N];
  double offset[N];
  float *zeros = calloc(N * f->info->n_signals + 1, sizeof *zeros);
  srope_events renamed = events, by_time = events, named = events;
  renamed.request = named.request = key;
  by_time.request = NULL;
  for (size_t i = 0; i < N; i++) key[i] = events.request[i] ? events.request[i] * 0x9e3779b97f4a7c15ULL : 0;
  float *a = score_afresh(f, NULL, &events, &candidates), *b = score_afresh(f, NULL, &renamed, &candidates);
  assert_same_logits(f, a, b, SOME_CANDIDATES);
  free(a);
  free(b);
  for (size_t i = 0; i < N; i++) {
    key[i] = i && events.time_s[i] == events.time_s[i - 1] ? key[i - 1] : i + 1;
    offset[i] = NAN;
  }
  named.signal = zeros;
  named.utc_offset_minutes = offset;
  a = score_afresh(f, NULL, &named, &candidates);
  b = score_afresh(f, NULL, &by_time, &candidates);
  assert_same_logits(f, a, b, SOME_CANDIDATES);
  free(a);
  free(b);
  free(zeros);
  candidates_free(&candidates);
  events_free(&events);
}

/* ---------------------------------------------------------------- refused calls */

typedef struct witness { /* a session and what it says before the refused call */
  srope_session *session;
  srope_candidates candidates;
  float *logits;
} witness;

static void assert_unchanged(fixture *f, const witness *w, size_t count) {
  assert_int_equal(srope_session_count(w->session), count);
  float *logits = session_score(f, w->session, &w->candidates);
  assert_same_logits(f, logits, w->logits, SOME_CANDIDATES);
  free(logits);
}

static void refuse_append(fixture *f, const witness *w, const srope_events *events, srope_status expected,
                          const char *where) {
  size_t count = srope_session_count(w->session);
  srope_error error = {0};
  srope_status status = srope_session_append(w->session, events, &error);
  if (status != expected || error.status != expected || !strstr(error.where, where) || !error.message[0])
    fail_msg("%s: expected %s at %s, found %s at %s: %s", f->name, srope_status_code(expected), where,
             srope_status_code(status), error.where, error.message);
  assert_int_equal(srope_session_append(w->session, events, NULL), expected);
  assert_unchanged(f, w, count);
}

static void refuse_appends(fixture *f, const witness *w, double last_s) {
  const srope_info *info = f->info;
  static const double nothings[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; i++) {
    srope_events events = events_random(f, 4, HISTORY_SIGNALS | HISTORY_OFFSETS);
    double *time_s = (double *)events.time_s, *offset = (double *)events.utc_offset_minutes;
    float *rows[] = {(float *)events.item, (float *)events.action, (float *)events.signal};
    size_t widths[] = {info->n_item, info->n_action, info->n_signals};
    static const char *const where[] = {"history[2].item", "history[2].action", "history[2].signal"};
    for (size_t j = 0; j < 4; j++) time_s[j] = last_s + (double)j;
    for (size_t list = 0; list < 3; list++)
      if (widths[list]) {
        float *x = &rows[list][3 * widths[list] - 1], before = *x;
        *x = (float)nothings[i];
        refuse_append(f, w, &events, SROPE_ERR_VALUE, where[list]);
        *x = before;
      }
    time_s[3] = nothings[i];
    refuse_append(f, w, &events, SROPE_ERR_TIME, "history[3].time");
    time_s[3] = last_s + 1; /* decreases within the events */
    refuse_append(f, w, &events, SROPE_ERR_TIME, "history[3].time");
    time_s[3] = last_s + 3;
    time_s[0] = last_s - 0.001; /* decreases against the session */
    if (srope_session_count(w->session)) refuse_append(f, w, &events, SROPE_ERR_TIME, "history[0].time");
    time_s[0] = last_s;
    if (!isnan(nothings[i])) {
      offset[1] = nothings[i];
      refuse_append(f, w, &events, SROPE_ERR_VALUE, "history[1].utc_offset_minutes");
      offset[1] = NAN;
    }
    events_free(&events);
  }
  srope_events without = {.n = 1};
  refuse_append(f, w, &without, SROPE_ERR_ARGUMENT, "history");
  assert_int_equal(srope_session_append(w->session, NULL, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_session_append(NULL, &without, NULL), SROPE_ERR_ARGUMENT);
}

static void refuse_score(fixture *f, const witness *w, const srope_candidates *candidates, srope_status expected,
                         const char *where) {
  size_t count = srope_session_count(w->session), n = SOME_CANDIDATES * f->info->n_tasks;
  float *logits = malloc(n * sizeof *logits);
  for (size_t i = 0; i < n; i++) logits[i] = 12345;
  srope_error error = {0};
  srope_status status = srope_session_score(w->session, candidates, logits, &error);
  if (status != expected || error.status != expected || !strstr(error.where, where) || !error.message[0])
    fail_msg("%s: expected %s at %s, found %s at %s: %s", f->name, srope_status_code(expected), where,
             srope_status_code(status), error.where, error.message);
  for (size_t i = 0; i < n; i++) assert_true(logits[i] == 12345); /* results are untouched on failure */
  free(logits);
  assert_unchanged(f, w, count);
}

static void refuse_scores(fixture *f, const witness *w) {
  const srope_info *info = f->info;
  static const double nothings[] = {NAN, INFINITY, -INFINITY};
  srope_candidates good = candidates_random(f, SOME_CANDIDATES, HISTORY_SIGNALS, &(srope_events){0}, 0);
  float *rows[] = {(float *)good.item, (float *)good.context, (float *)good.signal};
  size_t widths[] = {info->n_item, info->n_context, info->n_signals};
  static const char *const where[] = {"candidates[3].item", "candidates[3].context", "candidates[3].signal"};
  for (size_t i = 0; i < 3; i++) {
    for (size_t list = 0; list < 3; list++)
      if (widths[list]) {
        float *x = &rows[list][3 * widths[list]], before = *x;
        *x = (float)nothings[i];
        refuse_score(f, w, &good, SROPE_ERR_VALUE, where[list]);
        *x = before;
      }
    srope_candidates bad = good;
    bad.now_s = nothings[i];
    refuse_score(f, w, &bad, SROPE_ERR_TIME, "now");
  }
  srope_candidates bad = good;
  bad.utc_offset_minutes = INFINITY;
  refuse_score(f, w, &bad, SROPE_ERR_VALUE, "utc_offset_minutes");
  bad = good;
  bad.item = NULL;
  refuse_score(f, w, &bad, SROPE_ERR_ARGUMENT, "");
  bad = good;
  bad.context = NULL;
  if (info->n_context) refuse_score(f, w, &bad, SROPE_ERR_ARGUMENT, "");
  assert_int_equal(srope_session_score(w->session, &good, NULL, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_session_score(w->session, NULL, w->logits, NULL), SROPE_ERR_ARGUMENT);
  candidates_free(&good);
}

static void test_refused_calls(fixture *f) {
  srope_events events = events_random(f, 8, HISTORY_NAMED);
  witness w = {.session = session_create(f, NULL), .candidates = candidates_random(f, SOME_CANDIDATES, 0, &events, 1)};
  w.logits = session_score(f, w.session, &w.candidates);
  refuse_appends(f, &w, 1.7e9); /* a session without events */
  refuse_scores(f, &w);
  free(w.logits);
  session_append(f, w.session, &events);
  w.logits = session_score(f, w.session, &w.candidates);
  refuse_appends(f, &w, events.time_s[7]);
  refuse_scores(f, &w);
  free(w.logits);
  candidates_free(&w.candidates);
  srope_session_free(w.session);
  events_free(&events);
}

static void test_refused_sessions(fixture *f) {
  srope_error error = {0};
  srope_session *untouched = (srope_session *)&error, *session = untouched;
  srope_session_options over = {.max_history = SROPE_MAX_HISTORY + 1, .utc_offset_minutes = NAN};
  assert_int_equal(srope_session_create(f->model, &over, &session, &error), SROPE_ERR_LIMIT);
  srope_session_options infinite = {.utc_offset_minutes = INFINITY};
  assert_int_equal(srope_session_create(f->model, &infinite, &session, &error), SROPE_ERR_VALUE);
  assert_int_equal(srope_session_create(NULL, NULL, &session, &error), SROPE_ERR_ARGUMENT);
  assert_ptr_equal(session, untouched);
  srope_session_free(NULL);
}

int main(void) {
  static const fixture_test tests[] = {FIXTURE_TEST(test_batching),      FIXTURE_TEST(test_no_candidates),
                                       FIXTURE_TEST(test_append),        FIXTURE_TEST(test_max_history),
                                       FIXTURE_TEST(test_clear),         FIXTURE_TEST(test_requests_and_defaults),
                                       FIXTURE_TEST(test_refused_calls), FIXTURE_TEST(test_refused_sessions)};
  int failed = fixture_run(tests, sizeof tests / sizeof *tests);
  printf("histories appended in pieces to models with `order`: %zu, of which %zu not equal to the bit\n", n_order_cases,
         n_order_not_equal);
  return failed;
}
