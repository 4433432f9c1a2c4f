/* oracle_test.c: the library against the naive double-precision reference on random histories: every variant and
 * feature, requests, UTC offsets, signals, clocks that run back, cuts to max_history, sizes that no vector width
 * divides. */
#include "property/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the largest number, at least 1. Wider than the golden vectors' 2e-5: angle networks over random times, LayerNorm
 * over two numbers and random weights make more of float32's rounding (7e-5 was seen). A wrong sign or a missing part
 * is 2e-3 at least. */
static const double tolerance = 1e-4;

static void check(const fixture *f, const char *what, const float *found, const double *expected, size_t n) {
  double size = fmax(1, largest_size(expected, n)), worst = worst_difference(found, expected, n);
  if (!(worst <= tolerance * size))
    fail_msg("%s: %s differ by %.3g, where the largest is %.3g", f->name, what, worst, size);
}

static unsigned random_style(fixture *f) { return (unsigned)random_below(&f->random, HISTORY_ALL + 1); }

static void check_angles(const fixture *f, srope_session *session, const srope_candidates *candidates,
                         const double *angle, const double *action_angle) {
  srope_error error = {0};
  size_t n = (srope_session_count(session) + 1) * f->info->n_angles;
  float *found = malloc((n + 1) * sizeof *found);
  if (f->info->variant != SROPE_SIREN) {
    assert_int_equal(srope_session_angles(session, candidates, SROPE_NETWORK_LAYERS, found, &error),
                     SROPE_ERR_UNSUPPORTED);
  } else {
    assert_ok(srope_session_angles(session, candidates, SROPE_NETWORK_LAYERS, found, &error), error);
    check(f, "angles", found, angle, n);
    assert_ok(srope_session_angles(session, candidates, SROPE_NETWORK_ACTION, found, &error), error);
    check(f, "action angles", found, action_angle, n);
  }
  free(found);
}

static void check_rank(fixture *f, size_t n_events, unsigned has, uint32_t max_history, double after_s) {
  enum { N = 4 };
  srope_session_options options = {.max_history = max_history,
                                   .utc_offset_minutes =
                                       random_below(&f->random, 2) ? NAN : random_between(&f->random, -720, 840)};
  srope_events events = events_random(f, n_events, has);
  srope_candidates candidates = candidates_random(f, N, has, &events, after_s);
  size_t n_logits = N * f->info->n_tasks, n_angles = (n_events + 1) * f->info->n_angles;
  double *expected = malloc((n_logits + 2 * n_angles + 1) * sizeof *expected);
  double *angle = expected + n_logits, *action_angle = angle + n_angles;
  int siren = f->info->variant == SROPE_SIREN;
  reference_rank(f->oracle, &events, max_history, options.utc_offset_minutes, &candidates, expected,
                 siren ? angle : NULL, siren ? action_angle : NULL);
  srope_session *session = session_create(f, &options);
  session_append(f, session, &events);
  float *logits = session_score(f, session, &candidates);
  check(f, "logits", logits, expected, n_logits);
  check_angles(f, session, &candidates, angle, action_angle);
  free(logits);
  srope_session_free(session);
  free(expected);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_rank(fixture *f) {
  check_rank(f, 0, HISTORY_ALL, 0, 0);
  check_rank(f, 1, 0, 0, 60);
  check_rank(f, 20, HISTORY_ALL, 0, 60);
  check_rank(f, 20, HISTORY_ALL & ~HISTORY_NEGATIVE, 0, 5e4);
  check_rank(f, 12, 0, 0, -3e4); /* now lies before the last events */
  for (int i = 0; i < 3; i++)
    check_rank(f, random_below(&f->random, 17), random_style(f), 0, random_between(&f->random, 0, 1e5));
}

static void test_rank_cut(fixture *f) {
  check_rank(f, f->info->max_history + 3, HISTORY_NAMED, 0, 60);
  check_rank(f, 9, 0, 1, 60);
  for (int i = 0; i < 3; i++)
    check_rank(f, 5 + random_below(&f->random, 12), random_style(f), 2 + (uint32_t)random_below(&f->random, 6), 10);
}

static void check_sequence(fixture *f, size_t s, unsigned has) {
  const srope_info *info = f->info;
  double offset = random_below(&f->random, 2) ? NAN : random_between(&f->random, -720, 840);
  srope_events events = events_random(f, s, has);
  size_t sizes[] = {s * info->n_tasks, info->n_layers * s * info->d_model, s * info->d_model, s * info->n_angles,
                    s * info->n_angles};
  double *expected[5];
  float *found[5];
  for (int i = 0; i < 5; i++) {
    expected[i] = malloc((sizes[i] + 1) * sizeof **expected);
    found[i] = malloc((sizes[i] + 1) * sizeof **found);
  }
  int siren = info->variant == SROPE_SIREN;
  reference_sequence(f->oracle, &events, offset,
                     &(reference_outputs){expected[0], expected[1], expected[2], siren ? expected[3] : NULL,
                                          siren ? expected[4] : NULL});
  srope_error error = {0};
  assert_ok(srope_sequence_forward(f->model, &events, offset,
                                   &(srope_sequence_outputs){found[0], found[1], found[2], siren ? found[3] : NULL,
                                                             siren ? found[4] : NULL},
                                   &error),
            error);
  static const char *const what[] = {"sequence logits", "layers", "action attention", "sequence angles",
                                     "sequence action angles"};
  for (int i = 0; i < 5; i++) {
    if (i < 3 || siren) check(f, what[i], found[i], expected[i], sizes[i]);
    free(expected[i]);
    free(found[i]);
  }
  events_free(&events);
}

static void test_sequence(fixture *f) {
  check_sequence(f, 1, 0);
  check_sequence(f, 2, HISTORY_ALL);
  for (int i = 0; i < 3; i++) check_sequence(f, 3 + random_below(&f->random, 20), random_style(f));
  check_sequence(f, f->info->max_history + 5, HISTORY_NAMED); /* a sequence is not cut */
}

/* What a model without `order` says of an event in a logged sequence is what it would have served before that request.
 */
static void test_sequence_is_serving(fixture *f) {
  enum { S = 14 };
  if (f->info->uses_order) return;
  srope_events events = events_random(f, S, HISTORY_SIGNALS | HISTORY_OFFSETS);
  float *logits = malloc(S * f->info->n_tasks * sizeof *logits);
  srope_error error = {0};
  assert_ok(srope_sequence_forward(f->model, &events, NAN, &(srope_sequence_outputs){.logits = logits}, &error), error);
  for (size_t i = 0, first = 0; i < S; i++) {
    first = i && events.time_s[i] == events.time_s[i - 1] ? first : i;
    srope_events before = events_slice(f, &events, 0, first);
    srope_candidates one = {.n = 1,
                            .item = events.item + i * f->info->n_item,
                            .context = events.context + i * f->info->n_context,
                            .signal = events.signal + i * f->info->n_signals,
                            .now_s = events.time_s[i],
                            .utc_offset_minutes = events.utc_offset_minutes[i]};
    float *served = score_afresh(f, NULL, &before, &one);
    assert_same_logits(f, served, logits + i * f->info->n_tasks, 1);
    free(served);
  }
  free(logits);
  events_free(&events);
}

/* srope_model_angles: f·freq with `order` 0: the reference's angle of a lone candidate (S = 1) times freq, at every
 * pair. */
static void test_model_angles(fixture *f) {
  enum { N = 5 };
  const srope_info *info = f->info;
  const tensor *freq = tensor_file_find(f->oracle->file, "rope.freq");
  double *time_s = malloc(N * sizeof *time_s), *found = malloc(N * info->n_pairs * sizeof *found);
  double offset = 330;
  srope_events none = {0};
  srope_candidates like = candidates_random(f, N, HISTORY_SIGNALS, &none, 0);
  for (int i = 0; i < N; i++) time_s[i] = random_between(&f->random, -1e6, 1.7e9);
  for (int network = 0; network < 2; network++) {
    srope_error error = {0};
    assert_ok(srope_model_angles(f->model, (srope_network)network, N, time_s, like.signal, offset, found, &error),
              error);
    for (size_t i = 0; i < N; i++) {
      double logits[16], angles[2][16] = {{0}};
      srope_candidates one = {.n = 1,
                              .item = like.item,
                              .context = like.context,
                              .signal = like.signal + i * info->n_signals,
                              .now_s = time_s[i],
                              .utc_offset_minutes = offset};
      int siren = info->variant == SROPE_SIREN;
      reference_rank(f->oracle, &none, 0, NAN, &one, logits, siren ? angles[0] : NULL, siren ? angles[1] : NULL);
      for (size_t j = 0; j < info->n_pairs; j++) {
        size_t a = siren ? j / (info->n_pairs / info->n_angles) : 0;
        double expected = 0;
        if (siren) expected = angles[network][a] * freq->data[a];
        if (info->variant == SROPE_TOROPE)
          expected = info->time_scale * time_s[i] / 86400 * pow(info->rope_base, -2.0 * (double)j / info->d_head);
        if (!(fabs(found[i * info->n_pairs + j] - expected) <= 1e-4 * fmax(1, fabs(expected))))
          fail_msg("%s: angle %zu at %.0f s: expected %.9g, found %.9g", f->name, j, time_s[i], expected,
                   found[i * info->n_pairs + j]);
      }
    }
  }
  candidates_free(&like);
  free(time_s);
  free(found);
}

/* score (N) of the candidates by the reference: the sum over tasks of weight · probability */
static void reference_score(const fixture *f, const srope_events *events, const srope_candidates *candidates,
                            const double *weights, double *score) {
  size_t t = f->info->n_tasks;
  double *logits = malloc((candidates->n * t + 1) * sizeof *logits);
  reference_rank(f->oracle, events, 0, NAN, candidates, logits, NULL, NULL);
  for (size_t i = 0; i < candidates->n; i++) {
    score[i] = 0;
    for (size_t j = 0; j < t; j++) score[i] += weights[j] / (1 + exp(-logits[i * t + j]));
  }
  free(logits);
}

/* The same events without event `left_out`: each list closed up behind it. Owned by nobody: it works on the copy. */
static void leave_out(const fixture *f, srope_events *events, size_t left_out) {
  size_t behind = --events->n - left_out;
  float *rows[] = {(float *)events->item, (float *)events->action, (float *)events->signal};
  size_t widths[] = {f->info->n_item, f->info->n_action, f->info->n_signals};
  for (int i = 0; i < 3; i++)
    memmove(rows[i] + left_out * widths[i], rows[i] + (left_out + 1) * widths[i], behind * widths[i] * sizeof(float));
  memmove((double *)events->time_s + left_out, events->time_s + left_out + 1, behind * sizeof(double));
  memmove((double *)events->utc_offset_minutes + left_out, events->utc_offset_minutes + left_out + 1,
          behind * sizeof(double));
  memmove((uint64_t *)events->request + left_out, events->request + left_out + 1, behind * sizeof(uint64_t));
}

/* Why a score: every event left out in turn, its request's others staying one request; and all times frozen. */
static void test_explain(fixture *f) {
  enum { C = 5, N = 3 };
  double weights[16], whole[N], less[N], influence[N * C], timeless[N];
  for (size_t i = 0; i < f->info->n_tasks; i++) weights[i] = random_between(&f->random, -1, 1);
  random_source before = f->random;
  srope_events events = events_random(f, C, HISTORY_ALL);
  uint64_t *request = (uint64_t *)events.request; /* all named: leaving one out must not join others */
  for (size_t i = 0; i < C; i++)
    request[i] = request[i]                                                                ? request[i]
                 : i && !events.request[i - 1] && events.time_s[i] == events.time_s[i - 1] ? 0
                                                                                           : 100 + i;
  for (size_t i = 1; i < C; i++) request[i] = request[i] ? request[i] : request[i - 1];
  random_source after = f->random;
  srope_candidates candidates = candidates_random(f, N, HISTORY_ALL, &events, 40);
  srope_session *session = session_create(f, NULL);
  session_append(f, session, &events);
  float *logits = session_score(f, session, &candidates);
  srope_error error = {0};
  assert_ok(srope_session_explain(session, &candidates, weights, influence, timeless, &error), error);
  float *again = session_score(f, session, &candidates); /* the session is not changed */
  assert_same_logits(f, logits, again, N);

  reference_score(f, &events, &candidates, weights, whole);
  for (size_t i = 0; i < C; i++) {
    f->random = before; /* the same events once more, to cut one out of */
    srope_events cut = events_random(f, C, HISTORY_ALL);
    memcpy((uint64_t *)cut.request, events.request, C * sizeof *request);
    leave_out(f, &cut, i);
    reference_score(f, &cut, &candidates, weights, less);
    for (size_t j = 0; j < N; j++) assert_true(fabs(influence[j * C + i] - (whole[j] - less[j])) <= tolerance);
    events_free(&cut);
  }
  for (size_t i = 0; i < C; i++) {
    ((double *)events.time_s)[i] = events.time_s[C - 1];
    ((double *)events.utc_offset_minutes)[i] = events.utc_offset_minutes[C - 1];
  }
  candidates.now_s = events.time_s[C - 1];
  candidates.utc_offset_minutes = events.utc_offset_minutes[C - 1];
  reference_score(f, &events, &candidates, weights, less);
  for (size_t j = 0; j < N; j++) assert_true(fabs(timeless[j] - less[j]) <= tolerance);
  f->random = after;
  free(logits);
  free(again);
  srope_session_free(session);
  candidates_free(&candidates);
  events_free(&events);
}

/* Every instruction set within 1e-5 of the scalar one. */
static void test_isas_agree(fixture *f) {
  enum { N = 9 };
  srope_error error = {0};
  fixture scalar = *f;
  assert_ok(srope_model_load(f->bytes, f->n_bytes, "scalar", &scalar.model, &error), error);
  srope_events events = events_random(f, 19, HISTORY_ALL & ~HISTORY_NEGATIVE);
  srope_candidates candidates = candidates_random(f, N, HISTORY_SIGNALS, &events, 100);
  float *a = score_afresh(f, NULL, &events, &candidates), *b = score_afresh(&scalar, NULL, &events, &candidates);
  for (size_t i = 0; i < N * f->info->n_tasks; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= 1e-5 * fmax(1, fabs((double)b[i]))))
      fail_msg("%s: %.9g, scalar %.9g", f->name, (double)a[i], (double)b[i]);
  free(a);
  free(b);
  candidates_free(&candidates);
  events_free(&events);
  srope_model_free(scalar.model);
}

int main(void) {
  static const fixture_test tests[] = {FIXTURE_TEST(test_rank),         FIXTURE_TEST(test_rank_cut),
                                       FIXTURE_TEST(test_sequence),     FIXTURE_TEST(test_sequence_is_serving),
                                       FIXTURE_TEST(test_model_angles), FIXTURE_TEST(test_explain),
                                       FIXTURE_TEST(test_isas_agree)};
  return fixture_run(tests, sizeof tests / sizeof *tests);
}
