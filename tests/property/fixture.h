/* fixture.h: what the property suites share: every golden model and two dozen random ones, each on every instruction
 * set of this machine, and random events and candidates for them. One cmocka case per test, model and instruction set,
 * seeded by their names, so that a case alone does what it does among others. */
#ifndef SROPE_TESTS_FIXTURE_H
#define SROPE_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "property/random_model.h"
#include "property/reference.h"
#include "sirenrope/sirenrope.h"

typedef struct fixture {
  const char *name;     /* of the case, for messages */
  unsigned char *bytes; /* (n_bytes) the model file */
  size_t n_bytes;
  srope_model *model;
  const srope_info *info;
  reference *oracle;
  random_source random;
} fixture;

typedef struct fixture_test {
  const char *name;
  void (*body)(fixture *f);
} fixture_test;
#define FIXTURE_TEST(body) \
  { #body, body }

/* Runs every test for every model and instruction set: the result is main's. */
int fixture_run(const fixture_test *tests, size_t n_tests);

/* Asserts that `call`, which fills `error`, gave SROPE_OK. */
#define assert_ok(call, error)                                                                           \
  do {                                                                                                   \
    if ((call) != SROPE_OK) fail_msg("%s: %s: %s (%s)", f->name, #call, (error).message, (error).where); \
  } while (0)

/* ---------------------------------------------------------------- random events and candidates: owned copies */

/* What a history has beside items and actions; times always have pauses of 0 s, of seconds, hours and days. */
enum {
  HISTORY_NAMED = 1,    /* some events name their request, also interleaved */
  HISTORY_OFFSETS = 2,  /* some have their own UTC offset */
  HISTORY_SIGNALS = 4,  /* random ones */
  HISTORY_NEGATIVE = 8, /* times around 1970, for models without a trend of their own time */
  HISTORY_ALL = 15
};
srope_events events_random(fixture *f, size_t n, unsigned has);
void events_free(srope_events *events);
/* Events from .. from+n-1 of others; borrows. */
srope_events events_slice(const fixture *f, const srope_events *events, size_t from, size_t n);

/* Signals when `has` says so; now is `after_s` after the last event (or 1.65e9 without one). */
srope_candidates candidates_random(fixture *f, size_t n, unsigned has, const srope_events *events, double after_s);
void candidates_free(srope_candidates *candidates);
/* The candidates at places[0..n-1], in that order: an owned copy. */
srope_candidates candidates_gather(const fixture *f, const srope_candidates *candidates, const size_t *places,
                                   size_t n);

/* ---------------------------------------------------------------- sessions */

srope_session *session_create(const fixture *f, const srope_session_options *options);
void session_append(const fixture *f, srope_session *session, const srope_events *events);
/* logits (N, T) in a new array */
float *session_score(const fixture *f, srope_session *session, const srope_candidates *candidates);
/* The same, of a new session with these events. */
float *score_afresh(const fixture *f, const srope_session_options *options, const srope_events *events,
                    const srope_candidates *candidates);
void assert_same_logits(const fixture *f, const float *a, const float *b, size_t n_candidates);

/* The largest |a - b|; infinite where either is NaN. */
double worst_difference(const float *a, const double *b, size_t n);
double largest_size(const double *a, size_t n);

#endif
