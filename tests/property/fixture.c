#include "property/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden_list.h"

enum { N_RANDOM = 24, N_MODELS = GOLDEN_COUNT + N_RANDOM, N_PLACES = N_MODELS * GOLDEN_ISA_COUNT };

/* ---------------------------------------------------------------- cases */

typedef struct fixture_case {
  const fixture_test *test;
  size_t model;
  const char *isa;
  char name[128];
} fixture_case;

static uint64_t seed_of(const char *name) { /* FNV-1a */
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
  return hash;
}

static unsigned char *model_bytes(size_t model, size_t *n_bytes) {
  if (model >= GOLDEN_COUNT) {
    random_source random = {1000 + model};
    model_sizes sizes = model_sizes_random(&random);
    if (model % 8 >= 6) sizes.head_hidden[1] = 0; /* some heads have one hidden layer, some none */
    if (model % 8 == 7) sizes.head_hidden[0] = 0;
    return model_write(&sizes, &random, n_bytes);
  }
  char path[512];
  snprintf(path, sizeof path, "%s/%s/model.safetensors", GOLDEN_FOLDER, golden_folders[model]);
  return tensor_file_read(path, n_bytes);
}

static void run_case(void **state) {
  const fixture_case *c = *state;
  fixture g = {.name = c->name, .random = {seed_of(c->name)}}, *f = &g;
  srope_error error = {0};
  g.bytes = model_bytes(c->model, &g.n_bytes);
  srope_status status = srope_model_load(g.bytes, g.n_bytes, c->isa, &g.model, &error);
  if (status == SROPE_ERR_UNSUPPORTED && strcmp(c->isa, "scalar") != 0) {
    free(g.bytes);
    skip();
  }
  assert_ok(status, error);
  g.info = srope_model_info(g.model);
  g.oracle = reference_load(g.bytes, g.n_bytes);
  c->test->body(f);
  reference_free(g.oracle);
  srope_model_free(g.model);
  free(g.bytes);
}

int fixture_run(const fixture_test *tests, size_t n_tests) {
  size_t n = n_tests * N_PLACES;
  fixture_case *cases = calloc(n, sizeof *cases);
  struct CMUnitTest *units = calloc(n, sizeof *units);
  for (size_t i = 0; i < n; i++) {
    fixture_case *c = &cases[i];
    size_t place = i % N_PLACES;
    *c = (fixture_case){
        .test = &tests[i / N_PLACES], .model = place / GOLDEN_ISA_COUNT, .isa = golden_isas[place % GOLDEN_ISA_COUNT]};
    if (c->model < GOLDEN_COUNT)
      snprintf(c->name, sizeof c->name, "%s %s %s", c->test->name, golden_folders[c->model], c->isa);
    else
      snprintf(c->name, sizeof c->name, "%s random-%zu %s", c->test->name, c->model - GOLDEN_COUNT, c->isa);
    units[i] = (struct CMUnitTest){.name = c->name, .test_func = run_case, .initial_state = c};
  }
  int failed = _cmocka_run_group_tests("property", units, n, NULL, NULL);
  free(cases);
  free(units);
  return failed != 0; /* a count would be cut to 8 bits: 256 failures would be none */
}

/* ---------------------------------------------------------------- events and candidates */

static float *random_floats(random_source *random, size_t n) {
  float *x = malloc((n + 1) * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = (float)random_between(random, -1.5, 1.5);
  return x;
}

static double random_pause_s(random_source *random) {
  switch (random_below(random, 4)) {
    case 0: return 0;
    case 1: return random_between(random, 0, 100);
    case 2: return random_between(random, 0, 2e4);
    default: return random_between(random, 0, 4e5);
  }
}

/* Of the time the model is made for: far from it, its angle networks turn rounding into noise. */
static double first_time_s(fixture *f, unsigned has) {
  if (f->info->trend_center != 0)
    return f->info->trend_center + random_between(&f->random, -4, 0) * f->info->trend_scale;
  return has & HISTORY_NEGATIVE && strstr(f->name, "random-") ? -5e5 : random_between(&f->random, 1.6e9, 1.7e9);
}

srope_events events_random(fixture *f, size_t n, unsigned has) {
  double *time_s = malloc((n + 1) * sizeof *time_s), *offset = malloc((n + 1) * sizeof *offset);
  uint64_t *request = malloc((n + 1) * sizeof *request);
  double now_s = first_time_s(f, has);
  for (size_t i = 0; i < n; i++) {
    size_t kind = random_below(&f->random, 6);
    now_s += random_pause_s(&f->random);
    time_s[i] = now_s;
    offset[i] = kind < 3 ? NAN : random_between(&f->random, -720, 840);
    request[i] = kind < 2 ? 0 : kind < 4 ? 7 + i / 3 : 1 + random_below(&f->random, 3);
  }
  srope_events events = {.n = n,
                         .time_s = time_s,
                         .request = request,
                         .utc_offset_minutes = offset,
                         .item = random_floats(&f->random, n * f->info->n_item),
                         .action = random_floats(&f->random, n * f->info->n_action),
                         .context = random_floats(&f->random, n * f->info->n_context),
                         .signal = random_floats(&f->random, n * f->info->n_signals)};
  const void *unused[] = {has & HISTORY_NAMED ? NULL : events.request,
                          has & HISTORY_OFFSETS ? NULL : events.utc_offset_minutes,
                          has & HISTORY_SIGNALS ? NULL : events.signal};
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) free((void *)unused[i]);
  events.request = has & HISTORY_NAMED ? events.request : NULL;
  events.utc_offset_minutes = has & HISTORY_OFFSETS ? events.utc_offset_minutes : NULL;
  events.signal = has & HISTORY_SIGNALS ? events.signal : NULL;
  return events;
}

void events_free(srope_events *e) {
  const void *owned[] = {e->item, e->action, e->time_s, e->signal, e->request, e->utc_offset_minutes, e->context};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free((void *)owned[i]);
}

srope_events events_slice(const fixture *f, const srope_events *e, size_t from, size_t n) {
  return (srope_events){.n = n,
                        .item = e->item + from * f->info->n_item,
                        .action = e->action + from * f->info->n_action,
                        .time_s = e->time_s + from,
                        .signal = e->signal ? e->signal + from * f->info->n_signals : NULL,
                        .request = e->request ? e->request + from : NULL,
                        .utc_offset_minutes = e->utc_offset_minutes ? e->utc_offset_minutes + from : NULL,
                        .context = e->context + from * f->info->n_context};
}

srope_candidates candidates_random(fixture *f, size_t n, unsigned has, const srope_events *events, double after_s) {
  return (srope_candidates){.n = n,
                            .item = random_floats(&f->random, n * f->info->n_item),
                            .context = random_floats(&f->random, n * f->info->n_context),
                            .signal = has & HISTORY_SIGNALS ? random_floats(&f->random, n * f->info->n_signals) : NULL,
                            .now_s = (events->n ? events->time_s[events->n - 1] : 1.65e9) + after_s,
                            .utc_offset_minutes = has & HISTORY_OFFSETS ? random_between(&f->random, -720, 840) : NAN};
}

void candidates_free(srope_candidates *c) {
  const void *owned[] = {c->item, c->context, c->signal};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free((void *)owned[i]);
}

static float *gather(const float *rows, size_t width, const size_t *places, size_t n) {
  if (!rows) return NULL;
  float *x = malloc((n * width + 1) * sizeof *x);
  for (size_t i = 0; i < n; i++) memcpy(x + i * width, rows + places[i] * width, width * sizeof *x);
  return x;
}

srope_candidates candidates_gather(const fixture *f, const srope_candidates *c, const size_t *places, size_t n) {
  srope_candidates some = *c;
  some.n = n;
  some.item = gather(c->item, f->info->n_item, places, n);
  some.context = gather(c->context, f->info->n_context, places, n);
  some.signal = gather(c->signal, f->info->n_signals, places, n);
  return some;
}

/* ---------------------------------------------------------------- sessions */

srope_session *session_create(const fixture *f, const srope_session_options *options) {
  srope_error error = {0};
  srope_session *session = NULL;
  assert_ok(srope_session_create(f->model, options, &session, &error), error);
  return session;
}

void session_append(const fixture *f, srope_session *session, const srope_events *events) {
  srope_error error = {0};
  assert_ok(srope_session_append(session, events, &error), error);
}

float *session_score(const fixture *f, srope_session *session, const srope_candidates *candidates) {
  srope_error error = {0};
  float *logits = malloc((candidates->n * f->info->n_tasks + 1) * sizeof *logits);
  assert_ok(srope_session_score(session, candidates, logits, &error), error);
  return logits;
}

float *score_afresh(const fixture *f, const srope_session_options *options, const srope_events *events,
                    const srope_candidates *candidates) {
  srope_session *session = session_create(f, options);
  session_append(f, session, events);
  float *logits = session_score(f, session, candidates);
  srope_session_free(session);
  return logits;
}

void assert_same_logits(const fixture *f, const float *a, const float *b, size_t n_candidates) {
  for (size_t i = 0; i < n_candidates * f->info->n_tasks; i++)
    if (memcmp(a + i, b + i, sizeof *a) != 0)
      fail_msg("%s: logit [%zu] of candidate %zu is %.9g and %.9g", f->name, i % f->info->n_tasks, i / f->info->n_tasks,
               (double)a[i], (double)b[i]);
}

double worst_difference(const float *a, const double *b, size_t n) {
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    double difference = fabs(a[i] - b[i]);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
  }
  return worst;
}

double largest_size(const double *a, size_t n) {
  double largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(a[i]));
  return largest;
}
