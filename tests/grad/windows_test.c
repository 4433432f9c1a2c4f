/* windows_test.c: which events go through the network together (train/windows.h): training windows count every
 * training event once; serving windows count every event of a split once, and what the trainer predicts of it is
 * what a session would have said: its user's newest max_history events before its request appended, then the event
 * scored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/words.h"
#include "golden/golden_list.h"
#include "grad/memory_dataset.h"
#include "model/model.h"
#include "train/trainer.h"

/* On logits. Both run the same functions on the same numbers; rows that see 64 tokens or more go through them in
 * other blocks. */
static const double served_bound = 1e-5;

static size_t n_served, n_same_bits;

static const srope_info no_model = {.n_tasks = 2};

static size_t user_of(const srope_dataset *data, uint64_t event) {
  size_t user = 0;
  while (data->user_first[user + 1] <= event) user++;
  return user;
}

/* ---------------------------------------------------------------- for training */

static void check_training(const srope_dataset *data, uint32_t length, uint32_t overlap) {
  srope_windows windows;
  srope_error error = {0};
  uint32_t longest = 0, *counted = calloc(data->n_events + 1, sizeof *counted);
  uint64_t n_counted = 0;
  assert_int_equal(srope_windows_for_training(data, length, overlap, &windows, &error), SROPE_OK);
  for (size_t i = 0; i < windows.n; i++) {
    const srope_window *w = &windows.list[i];
    uint64_t begin = data->user_first[user_of(data, w->first)], end = data->user_first[user_of(data, w->first) + 1];
    assert_true(w->n >= 1 && w->n <= length && w->first + w->n <= end);
    assert_true(w->order_s == w->n && w->score_from < w->n);
    uint64_t before = w->first + w->score_from - begin; /* events of the user that could be history */
    assert_int_equal(w->score_from, before < overlap ? before : overlap);
    for (uint64_t event = w->first; event < w->first + w->n; event++) {
      assert_true(data->time_s[event] < data->validation_s);
      counted[event] += event >= w->first + w->score_from;
    }
    n_counted += w->n - w->score_from;
    longest = w->n > longest ? w->n : longest;
  }
  for (uint64_t event = 0; event < data->n_events; event++)
    assert_int_equal(counted[event], data->time_s[event] < data->validation_s);
  assert_int_equal(windows.n_events, n_counted);
  assert_int_equal(windows.max_n, longest);
  free(counted);
  srope_windows_free(&windows);
}

static void test_training(void **state) {
  (void)state;
  random_source random = {51};
  for (int i = 0; i < 60; i++) {
    memory_dataset d =
        memory_dataset_random(&random, &no_model, 1 + random_below(&random, 6), random_below(&random, 70));
    for (int j = 0; j < 6; j++) {
      uint32_t length = 1 + (uint32_t)random_below(&random, 40);
      check_training(&d.data, length, j % 2 ? (uint32_t)random_below(&random, length) : 0);
    }
    check_training(&d.data, 1000, 999);
    memory_dataset_free(&d);
  }
}

/* ---------------------------------------------------------------- for serving */

static void check_serving(const srope_dataset *data, srope_split split, uint32_t max_history, bool uses_order) {
  srope_windows windows;
  srope_error error = {0};
  uint32_t longest = 0;
  uint64_t next = 0, n_counted = 0; /* events of the split come in the data set's order, each once */
  assert_int_equal(srope_windows_for_serving(data, split, max_history, uses_order, &windows, &error), SROPE_OK);
  for (size_t i = 0; i < windows.n; i++) {
    const srope_window *w = &windows.list[i];
    uint64_t begin = data->user_first[user_of(data, w->first)], end = data->user_first[user_of(data, w->first) + 1];
    assert_true(w->score_from < w->n && w->first + w->n <= end);
    for (uint64_t event = w->first + w->score_from; event < w->first + w->n; event++, next++, n_counted++) {
      while (srope_dataset_split(data, data->time_s[next]) != split) next++;
      assert_int_equal(event, next);
      uint64_t request = event - data->request_back[event]; /* it sees the newest events before its request */
      assert_int_equal(w->first, request - begin > max_history ? request - max_history : begin);
      if (uses_order) assert_int_equal(w->order_s, request - w->first + 1);
    }
    longest = w->n > longest ? w->n : longest;
  }
  while (next < data->n_events && srope_dataset_split(data, data->time_s[next]) != split) next++;
  assert_int_equal(next, data->n_events);
  assert_int_equal(windows.n_events, n_counted);
  assert_int_equal(windows.max_n, longest);
  srope_windows_free(&windows);
}

static void test_serving(void **state) {
  (void)state;
  random_source random = {52};
  for (int i = 0; i < 60; i++) {
    memory_dataset d =
        memory_dataset_random(&random, &no_model, 1 + random_below(&random, 6), random_below(&random, 70));
    for (int j = 0; j < 12; j++)
      check_serving(&d.data, (srope_split)(j % 3), j < 6 ? 1 + (uint32_t)random_below(&random, 30) : 200, j % 2);
    memory_dataset_free(&d);
  }
}

/* ---------------------------------------------------------------- as a session would have said */

typedef struct served { /* all events of a data set as vectors */
  const srope_model *model;
  const srope_dataset *data;
  float *item, *action, *context;
  double *offset_minutes;
  uint64_t *request;
} served;

static served expand_all(const srope_model *model, const srope_dataset *data) {
  const srope_info *info = &model->info;
  size_t n = data->n_events;
  served s = {model,
              data,
              calloc(n * info->n_item + 1, sizeof(float)),
              calloc(n * info->n_action + 1, sizeof(float)),
              calloc(n * info->n_context + 1, sizeof(float)),
              calloc(n + 1, sizeof(double)),
              calloc(n + 1, sizeof(uint64_t))};
  for (size_t i = 0; i < n; i++) {
    const uint32_t *words = data->words + data->word_first[i];
    words += srope_schema_expand(&model->schema[SROPE_ITEM], words, s.item + i * info->n_item);
    words += srope_schema_expand(&model->schema[SROPE_ACTION], words, s.action + i * info->n_action);
    srope_schema_expand(&model->schema[SROPE_CONTEXT], words, s.context + i * info->n_context);
    s.offset_minutes[i] = data->utc_offset_minutes[i]; /* NaN = the configuration's, in both */
    s.request[i] = 1 + i - data->request_back[i];
  }
  return s;
}

static void free_served(served *s) {
  void *owned[] = {s->item, s->action, s->context, s->offset_minutes, s->request};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static void score_event(const served *s, uint64_t event, uint32_t max_history, float *logits) {
  const srope_info *info = &s->model->info;
  uint64_t begin = s->data->user_first[user_of(s->data, event)], request = event - s->data->request_back[event];
  const srope_session_options options = {max_history, NAN};
  srope_session *session = NULL;
  srope_error error = {0};
  const srope_events history = {.n = request - begin,
                                .item = s->item + begin * info->n_item,
                                .action = s->action + begin * info->n_action,
                                .time_s = s->data->time_s + begin,
                                .signal = s->data->signal + begin * info->n_signals,
                                .request = s->request + begin,
                                .utc_offset_minutes = s->offset_minutes + begin};
  const srope_candidates candidate = {.n = 1,
                                      .item = s->item + event * info->n_item,
                                      .context = s->context + event * info->n_context,
                                      .signal = s->data->signal + event * info->n_signals,
                                      .now_s = s->data->time_s[event],
                                      .utc_offset_minutes = s->offset_minutes[event]};
  if (srope_session_create(s->model, &options, &session, &error) || srope_session_append(session, &history, &error) ||
      srope_session_score(session, &candidate, logits, &error))
    fail_msg("%s (%s)", error.message, error.where);
  srope_session_free(session);
}

static void check_served(srope_trainer *trainer, const served *s, srope_split split, uint32_t max_history) {
  size_t t = s->model->info.n_tasks, row = 0;
  srope_windows windows;
  srope_error error = {0};
  assert_int_equal(srope_windows_for_serving(s->data, split, max_history, s->model->info.uses_order, &windows, &error),
                   SROPE_OK);
  float *logits = malloc((windows.n_events * t + 1) * sizeof *logits),
        *label = malloc((windows.n_events * t + 1) * sizeof *label), *expected = malloc(t * sizeof *expected);
  assert_int_equal(srope_trainer_predict(trainer, s->data, &windows, logits, label, &error), SROPE_OK);
  for (size_t i = 0; i < windows.n; i++) {
    const srope_window *w = &windows.list[i];
    for (uint64_t event = w->first + w->score_from; event < w->first + w->n; event++, row++) {
      score_event(s, event, max_history, expected);
      for (size_t j = 0; j < t; j++)
        if (!(fabs((double)logits[row * t + j] - expected[j]) <= served_bound))
          fail_msg("event %d: predicted %.9g, served %.9g", (int)event, (double)logits[row * t + j],
                   (double)expected[j]);
      n_same_bits += memcmp(logits + row * t, expected, t * sizeof *expected) == 0;
      n_served++;
      assert_memory_equal(label + row * t, s->data->label + event * t, t * sizeof *label);
    }
  }
  free(logits);
  free(label);
  free(expected);
  srope_windows_free(&windows);
}

#define SIX \
  { 0, 1, 2, 3, 4, 5 }
#define FIVE \
  { 1, 2, 3, 4, 5 }
static const model_sizes shapes[] = {
    {SROPE_SIREN, 2, 6, 3, 3, 0, 0, 0, 2, 3, {19, 7}, 33, {19, 7}, 3, 3, 19, 6, SIX, 0, 0},
    {SROPE_SIREN, 2, 10, 2, 1, 0, 0, 0, 0, 2, {7, 9}, 19, {33, 7}, 3, 3, 7, 5, FIVE, 0, 0},
    {SROPE_SIREN, 1, 2, 5, 1, 0, 0, 0, 1, 1, {7, 2}, 7, {9, 33}, 1, 2, 33, 3, {6, 2, 3}, 0, 0},
    {SROPE_TOROPE, 2, 4, 3, 1, 0, 0, 0, 0, 2, {9, 7}, 33, {15, 7}, 1, 1, 2, 1, {1}, 0, 0},
    {SROPE_ORDINAL, 1, 12, 1, 1, 0, 0, 0, 0, 2, {9, 7}, 17, {15, 7}, 1, 1, 2, 1, {1}, 0, 0},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, MOST_HISTORY = 40, MOST_EVENTS = 95 };

typedef struct served_case {
  size_t shape;
  const char *isa;
} served_case;

static void test_served(void **state) {
  const served_case *c = *state;
  random_source random = {60 + c->shape};
  model_sizes sizes = shapes[c->shape];
  size_t n_bytes;
  srope_error error = {0};
  srope_model *model;
  srope_pool *pool;
  srope_trainer *trainer;
  model_sizes_add_features(&sizes);
  unsigned char *bytes = model_write(&sizes, &random, &n_bytes);
  srope_status status = srope_model_load(bytes, n_bytes, c->isa, &model, &error);
  free(bytes);
  if (status == SROPE_ERR_UNSUPPORTED && strcmp(c->isa, "scalar") != 0) skip();
  assert_int_equal(status, SROPE_OK);
  const srope_trainer_options options = {.shards = 2, .rotation_rate = 1, .table_rate = 1};
  const srope_distributed alone = {0, 1};
  assert_int_equal(srope_pool_create(2, &pool, &error), SROPE_OK);
  assert_int_equal(srope_trainer_create(model, &options, MOST_EVENTS, pool, &alone, &trainer, &error), SROPE_OK);
  memory_dataset d = memory_dataset_random(&random, &model->info, 5, MOST_EVENTS);
  served s = expand_all(model, &d.data);
  for (int split = SROPE_TRAIN; split <= SROPE_TEST; split++) {
    check_served(trainer, &s, (srope_split)split, MOST_HISTORY);
    check_served(trainer, &s, (srope_split)split, split == SROPE_TRAIN ? 3 : 200);
  }
  free_served(&s);
  memory_dataset_free(&d);
  srope_trainer_free(trainer);
  srope_pool_free(pool);
}

int main(void) {
  enum { N = N_SHAPES * GOLDEN_ISA_COUNT };
  static struct CMUnitTest tests[N + 2] = {cmocka_unit_test(test_training), cmocka_unit_test(test_serving)};
  static served_case cases[N];
  static char names[N][64];
  for (size_t i = 0; i < N; i++) {
    cases[i] = (served_case){i / GOLDEN_ISA_COUNT, golden_isas[i % GOLDEN_ISA_COUNT]};
    snprintf(names[i], sizeof names[i], "test_served %d %s", (int)cases[i].shape, cases[i].isa);
    tests[2 + i] = (struct CMUnitTest){names[i], test_served, NULL, NULL, &cases[i]};
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  print_message("%zu events as served, %zu of them to the bit\n", n_served, n_same_bits);
  return failed;
}
