/* allocation_test.c: memory, counted. The linker sends every allocation of the library, of yyjson and of this program
 * through the wrappers below (see CMakeLists.txt). Scoring, encoding and ordering allocate nothing; whatever allocates
 * survives the refusal of each of its allocations in turn: status MEMORY, nothing changed, nothing leaked. */
#include "property/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rank/session.h"

/* ---------------------------------------------------------------- the wrappers */

static bool watching;             /* only calls made by the library on our behalf are counted and refused */
static size_t n_asked;            /* allocations asked for while watching */
static size_t n_sorted;           /* qsort calls while watching: glibc's allocates for large arrays, out of our sight */
static size_t refused = SIZE_MAX; /* which of them gets nothing */
static long live;                 /* blocks not freed, watched or not */

static bool is_refused(void) { return watching && n_asked++ == refused; }

static void *counted(void *block) {
  live += block != NULL;
  return block;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
int __real_posix_memalign(void **block, size_t alignment, size_t n);
void __real_free(void *block);
void __real_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
int __wrap_posix_memalign(void **block, size_t alignment, size_t n);
void __wrap_free(void *block);
void __wrap_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

void *__wrap_malloc(size_t n) { return is_refused() ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return is_refused() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t alignment, size_t n) {
  return is_refused() ? NULL : counted(__real_aligned_alloc(alignment, n));
}

void *__wrap_realloc(void *block, size_t n) {
  if (is_refused()) return NULL;
  return block ? __real_realloc(block, n) : counted(__real_realloc(NULL, n));
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t n) {
  if (is_refused()) return 12; /* ENOMEM */
  int failed = __real_posix_memalign(block, alignment, n);
  live += !failed;
  return failed;
}

void __wrap_free(void *block) {
  live -= block != NULL;
  __real_free(block);
}

void __wrap_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *)) {
  n_sorted += watching;
  __real_qsort(base, n, size, compare);
}

/* The wrappers must be in place, or all that follows says nothing. */
static void test_wrappers(fixture *f) {
  long before = live;
  srope_session *session;
  watching = true;
  n_asked = 0;
  srope_status status = srope_session_create(f->model, NULL, &session, NULL);
  watching = false;
  assert_int_equal(status, SROPE_OK);
  assert_true(n_asked > 0);
  assert_true(live > before);
  srope_session_free(session);
  assert_int_equal(live, before);
}

/* ---------------------------------------------------------------- no allocation while scoring */

static float *watched_score(fixture *f, srope_session *session, const srope_candidates *candidates) {
  float *logits = malloc((candidates->n * f->info->n_tasks + 1) * sizeof *logits);
  srope_error error = {0};
  n_asked = n_sorted = 0;
  watching = true;
  srope_status status = srope_session_score(session, candidates, logits, &error);
  watching = false;
  assert_ok(status, error);
  assert_int_equal(n_asked + n_sorted, 0);
  return logits;
}

/* Alone, or with every request shared among threads. */
static void check_score_allocates_nothing(fixture *f, srope_pool *pool) {
  enum { N = 80 }; /* more than go through the network together */
  srope_events events = events_random(f, 150, HISTORY_ALL);
  srope_session_options options = {.max_history = 100, .utc_offset_minutes = NAN};
  srope_session *session = session_create(f, &options);
  srope_error error = {0};
  session->least_work = 0;
  assert_ok(srope_session_use_pool(session, pool, &error), error);
  srope_candidates candidates = candidates_random(f, N, HISTORY_SIGNALS, &events, 10);
  size_t ends[] = {0, 1, 20, 21, 90, 99, 100, 101, 150}; /* cold, grown, full, with events dropped */
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t from = i ? ends[i - 1] : 0;
    srope_events more = events_slice(f, &events, from, ends[i] - from);
    session_append(f, session, &more);
    candidates.n = i % 2 ? 3 : N;
    free(watched_score(f, session, &candidates));
    free(watched_score(f, session, &candidates));
  }
  srope_session_clear(session);
  free(watched_score(f, session, &candidates));
  candidates_free(&candidates);
  srope_session_free(session);
  events_free(&events);
}

static void test_score_allocates_nothing(fixture *f) {
  srope_pool *pool = NULL;
  srope_error error = {0};
  check_score_allocates_nothing(f, NULL);
  assert_ok(srope_pool_create(3, &pool, &error), error);
  check_score_allocates_nothing(f, pool);
  srope_pool_free(pool);
}

static void test_order_allocates_nothing(fixture *f) {
  enum { N = 20000 };
  size_t n = N * f->info->n_tasks, n_out;
  float *p = malloc(n * sizeof *p);
  srope_ranked *out = malloc(N * sizeof *out);
  for (size_t i = 0; i < n; i++) p[i] = (float)random_between(&f->random, -8, 8);
  n_asked = n_sorted = 0;
  watching = true;
  srope_probabilities(f->model, p, N, p);
  srope_status all = srope_rank(f->model, p, N, NULL, 0, out, &n_out, NULL);
  srope_status some = srope_rank(f->model, p, N, NULL, 1000, out, &n_out, NULL);
  watching = false;
  assert_int_equal(all, SROPE_OK);
  assert_int_equal(some, SROPE_OK);
  assert_int_equal(n_asked + n_sorted, 0);
  free(p);
  free(out);
}

/* The bundled model has a schema with tables and lists. */
static void test_encode_allocates_nothing(void **state) {
  (void)state;
  size_t n_bytes;
  unsigned char *bytes = tensor_file_read(SROPE_SOURCE_DIR "/models/kuairand-excerpt.safetensors", &n_bytes);
  srope_model *model = NULL;
  srope_error error = {0};
  assert_int_equal(srope_model_load(bytes, n_bytes, NULL, &model, &error), SROPE_OK);
  free(bytes);
  const srope_info *info = srope_model_info(model);
  size_t widths[] = {info->n_item, info->n_action, info->n_context};
  srope_value elements[3] = {{.kind = SROPE_VALUE_NUMBER, .as.number = 3},
                             {.kind = SROPE_VALUE_NUMBER, .as.number = 7},
                             {.kind = SROPE_VALUE_MISSING}};
  size_t n_encoded = 0;
  for (int list = 0; list < 3; list++) {
    uint32_t n = srope_model_feature_count(model, (srope_list)list);
    srope_value *values = calloc(n + 1, sizeof *values);
    float *out = calloc(widths[list] + 1, sizeof *out);
    for (uint32_t i = 0; i < n; i++) {
      const srope_feature *feature = srope_model_feature(model, (srope_list)list, i);
      if (strcmp(feature->kind, "number") == 0)
        values[i] = (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = 1};
      else if (strcmp(feature->kind, "vector") != 0)
        values[i] = (srope_value){.kind = SROPE_VALUE_LIST, .n = 3, .as.elements = elements};
    }
    n_asked = n_sorted = 0;
    watching = true;
    srope_status status = n ? srope_encode(model, (srope_list)list, values, out, &error) : SROPE_OK;
    watching = false;
    if (status != SROPE_OK) fail_msg("encode: %s (%s)", error.message, error.where);
    assert_int_equal(n_asked + n_sorted, 0);
    n_encoded += n;
    free(values);
    free(out);
  }
  assert_true(n_encoded > 0);
  srope_model_free(model);
}

/* ---------------------------------------------------------------- every allocation refused in turn */

static void expect_ok_or_memory(const fixture *f, const char *call, srope_status status, const srope_error *error) {
  if (status != SROPE_OK && (status != SROPE_ERR_MEMORY || error->status != status || !error->message[0]))
    fail_msg("%s: %s, allocation %zu refused: %s: %s (%s)", f->name, call, refused, srope_status_code(status),
             error->message, error->where);
}

/* One watched call; the result is whether it succeeded. */
#define TRY(call)                                                                                     \
  (watching = true, status = (call), watching = false, expect_ok_or_memory(f, #call, status, &error), \
   status == SROPE_OK)

/* Threads that were refused must have left the session as it was. */
static bool try_pool(fixture *f, srope_session *session, srope_pool *pool, const srope_candidates *candidates) {
  srope_error error = {0};
  srope_status status;
  float *before = session_score(f, session, candidates);
  bool used = TRY(srope_session_use_pool(session, pool, &error));
  float *after = session_score(f, session, candidates);
  assert_same_logits(f, after, before, candidates->n);
  free(after);
  free(before);
  return used;
}

/* An append that was refused must have left the session as it was. */
static bool try_append(fixture *f, srope_session *session, const srope_events *events,
                       const srope_candidates *candidates) {
  srope_error error = {0};
  srope_status status;
  float *before = session_score(f, session, candidates);
  size_t count = srope_session_count(session);
  bool appended = TRY(srope_session_append(session, events, &error));
  if (!appended) {
    float *after = session_score(f, session, candidates);
    assert_int_equal(srope_session_count(session), count);
    assert_same_logits(f, after, before, candidates->n);
    free(after);
  }
  free(before);
  return appended;
}

/* Results of a refused call are untouched. */
static bool try_explain(fixture *f, const srope_session *session, const srope_candidates *candidates) {
  enum { MOST = 64 };
  double influence[MOST], timeless[MOST];
  srope_error error = {0};
  srope_status status;
  assert_true(candidates->n * srope_session_count(session) <= MOST);
  for (size_t i = 0; i < MOST; i++) influence[i] = timeless[i] = 12345;
  if (TRY(srope_session_explain(session, candidates, NULL, influence, timeless, &error))) return true;
  for (size_t i = 0; i < MOST; i++) assert_true(influence[i] == 12345 && timeless[i] == 12345);
  return false;
}

static bool use_session(fixture *f, srope_session *session, srope_pool *pool, const srope_events *events,
                        const srope_candidates *candidates) {
  srope_error error = {0};
  srope_status status;
  srope_events few = events_slice(f, events, 0, 3), many = events_slice(f, events, 3, events->n - 3);
  if (!try_append(f, session, &few, candidates) || !try_pool(f, session, pool, candidates) ||
      !try_explain(f, session, candidates) || !try_append(f, session, &many, candidates))
    return false;
  float *angle = malloc((events->n + 1) * (f->info->n_angles + 1) * sizeof *angle);
  bool good = f->info->variant != SROPE_SIREN ||
              TRY(srope_session_angles(session, candidates, SROPE_NETWORK_ACTION, angle, &error));
  free(angle);
  size_t n = srope_session_snapshot_size(session);
  unsigned char *bytes = malloc(n);
  srope_session *restored = NULL;
  good = good && TRY(srope_session_snapshot(session, bytes, n, &error)) &&
         TRY(srope_session_restore(f->model, bytes, n, &restored, &error));
  srope_session_free(restored);
  free(bytes);
  return good;
}

/* Where a refusal was got over, the text is whole all the same. */
static bool check_description(const fixture *f, const char *expected) {
  srope_error error = {0};
  srope_status status;
  char *text = NULL;
  size_t n;
  if (!TRY(srope_model_describe(f->model, &text, &n, &error))) return false;
  if (expected && strcmp(text, expected) != 0)
    fail_msg("%s: allocation %zu refused: the model describes itself as %s", f->name, refused, text);
  srope_free(text);
  return true;
}

static bool use_model(fixture *f, const srope_events *events, const srope_candidates *candidates) {
  srope_error error = {0};
  srope_status status;
  double *angles = malloc(events->n * f->info->n_pairs * sizeof *angles);
  bool good =
      TRY(srope_model_angles(f->model, SROPE_NETWORK_LAYERS, events->n, events->time_s, NULL, NAN, angles, &error));
  free(angles);
  float *logits = malloc(events->n * f->info->n_tasks * sizeof *logits);
  srope_sequence_outputs out = {.logits = logits};
  good = good && TRY(srope_sequence_forward(f->model, events, NAN, &out, &error));
  free(logits);
  srope_session *session = NULL;
  srope_pool *pool = NULL;
  good = good && TRY(srope_session_create(f->model, NULL, &session, &error)) &&
         TRY(srope_pool_create(2, &pool, &error)) && use_session(f, session, pool, events, candidates);
  srope_session_free(session);
  srope_pool_free(pool);
  return good;
}

/* Everything from loading on, with one allocation refused; the result is whether all of it succeeded. */
static bool run_scenario(fixture *f, const srope_events *events, const srope_candidates *candidates,
                         const char *description) {
  srope_error error = {0};
  srope_status status;
  fixture g = *f;
  g.model = NULL;
  n_asked = 0;
  long before = live;
  bool good = TRY(srope_model_load(f->bytes, f->n_bytes, f->info->isa, &g.model, &error));
  if (!good) assert_null(g.model);
  good = good && check_description(&g, description) && use_model(&g, events, candidates);
  srope_model_free(g.model);
  if (live != before) fail_msg("%s: allocation %zu refused: %ld blocks leaked", f->name, refused, live - before);
  return good;
}

static void check_refusals(fixture *f) {
  srope_events events = events_random(f, 70, HISTORY_ALL);
  srope_candidates candidates = candidates_random(f, 2, 0, &events, 10);
  srope_error error = {0};
  char *description = NULL;
  size_t n;
  assert_ok(srope_model_describe(f->model, &description, &n, &error), error);
  assert_true(run_scenario(f, &events, &candidates, description));
  size_t n_all = n_asked, n_got_over = 0;
  assert_true(n_all >= 10); /* the file, the model, sessions and what they grow to, texts */
  for (refused = 0; refused < n_all; refused++) n_got_over += run_scenario(f, &events, &candidates, description);
  refused = SIZE_MAX;
  assert_true(n_got_over < n_all / 2);
  srope_free(description);
  candidates_free(&candidates);
  events_free(&events);
}

static void test_refusals(fixture *f) { check_refusals(f); }

static void test_refusals_bundled(void **state) {
  (void)state;
  fixture g = {.name = "bundled", .random = {1}}, *f = &g;
  srope_error error = {0};
  g.bytes = tensor_file_read(SROPE_SOURCE_DIR "/models/kuairand-excerpt.safetensors", &g.n_bytes);
  assert_ok(srope_model_load(g.bytes, g.n_bytes, NULL, &g.model, &error), error);
  g.info = srope_model_info(g.model);
  check_refusals(f);
  srope_model_free(g.model);
  free(g.bytes);
}

int main(void) {
  static const struct CMUnitTest bundled[] = {cmocka_unit_test(test_encode_allocates_nothing),
                                              cmocka_unit_test(test_refusals_bundled)};
  static const fixture_test tests[] = {FIXTURE_TEST(test_wrappers), FIXTURE_TEST(test_score_allocates_nothing),
                                       FIXTURE_TEST(test_order_allocates_nothing), FIXTURE_TEST(test_refusals)};
  int failed = cmocka_run_group_tests(bundled, NULL, NULL);
  return fixture_run(tests, sizeof tests / sizeof *tests) || failed;
}
