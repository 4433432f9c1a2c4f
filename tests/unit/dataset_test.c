/* dataset_test.c: data sets (train/dataset.h): what event files give, in both formats and both plain and compressed; requests;
 * time features; the cache, and what happens to it when something is wrong with it, the disk or the process. Bad inputs are
 * in bad_events.h. */
#include "scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "bad_events.h"
#include "features/words.h"
#include "nn/time_features.h"
#include "train/cache.h"
#include "train/dataset.h"
#include "train/time_values.h"
#include "yyjson.h"

#define EXAMPLES SROPE_SOURCE_DIR "/examples/events"

/* ---------------------------------------------------------------- opening */

static char *describe(const char *path, size_t *n) {
  char *text = NULL;
  srope_error error;
  srope_status status = srope_dataset_describe(path, &text, n, &error);
  if (status) fail_msg("%s: %s: %s", srope_status_code(status), error.where, error.message);
  assert_int_equal(strlen(text), *n);
  return text;
}

static void count_calls(void *context, uint64_t done, uint64_t total) {
  assert_true(done <= total && total > 0);
  ++*(int *)context;
}

/* *packed: whether the folder was read; it may be NULL. */
static srope_dataset *open_with(const char *path, const char *cache, const char *config, bool *packed) {
  int n_calls = 0;
  srope_dataset *data = NULL;
  srope_error error;
  const srope_dataset_options options = {.path = path, .cache = cache, .progress = count_calls, .context = &n_calls};
  srope_status status = srope_dataset_open(&options, config, strlen(config), &data, &error);
  if (status) fail_msg("%s: %s: %s", srope_status_code(status), error.where, error.message);
  if (packed) *packed = n_calls > 0;
  return data;
}

/* For what the folder itself says. */
static srope_dataset *open_folder(const char *path, const char *cache, bool *packed) {
  size_t n;
  char *config = describe(path, &n);
  srope_dataset *data = open_with(path, cache, config, packed);
  srope_free(config);
  return data;
}

#define CHECK_COLUMN(member, count)                                                                             \
  do {                                                                                                          \
    assert_int_equal((uintptr_t)a->member % SROPE_CACHE_ALIGNMENT, 0);                                          \
    if (memcmp(a->member, b->member, (size_t)(count) * sizeof *a->member) != 0) fail_msg("column %s", #member); \
  } while (0)

static void check_same(const srope_dataset *a, const srope_dataset *b) {
  assert_int_equal(a->n_events, b->n_events);
  assert_int_equal(a->n_users, b->n_users);
  assert_int_equal(a->n_tasks, b->n_tasks);
  assert_int_equal(a->n_signals, b->n_signals);
  assert_true(a->validation_s == b->validation_s && a->test_s == b->test_s);
  CHECK_COLUMN(user_first, a->n_users + 1);
  CHECK_COLUMN(time_s, a->n_events);
  CHECK_COLUMN(request_back, a->n_events);
  CHECK_COLUMN(utc_offset_minutes, a->n_events);
  CHECK_COLUMN(label, a->n_events * a->n_tasks);
  CHECK_COLUMN(signal, a->n_events * a->n_signals);
  CHECK_COLUMN(word_first, a->n_events + 1);
  CHECK_COLUMN(words, a->word_first[a->n_events]);
}

/* ---------------------------------------------------------------- the examples */

static float as_float(uint32_t word) {
  float number;
  memcpy(&number, &word, sizeof number);
  return number;
}

static void test_example_is_what_its_lines_say(void **state) {
  (void)state;
  srope_dataset *data = open_folder(EXAMPLES, NULL, NULL);
  const uint64_t user_first[] = {0, 6, 11, 12};
  const uint32_t back[] = {0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0};
  const float like[] = {1, 0, 0, NAN, 1, 1, 0, 0, 1, 0, 1, 0}, finish[] = {1, 0, 0, 1, 0.9f, 1, 0, NAN, 1, 0, 1, 0.75f};
  assert_int_equal(data->n_events, 12);
  assert_int_equal(data->n_read, 12);
  assert_int_equal(data->n_duplicates, 0);
  assert_int_equal(data->n_users, 3);
  assert_memory_equal(data->user_first, user_first, sizeof user_first);
  assert_memory_equal(data->request_back, back, sizeof back);
  for (int i = 0; i < 12; i++) {
    float offset = i < 6 ? 60 : i < 11 ? NAN : -180;
    assert_true(data->utc_offset_minutes[i] == offset || (isnan(offset) && isnan(data->utc_offset_minutes[i])));
    assert_true(data->label[2 * i] == like[i] || (isnan(like[i]) && isnan(data->label[2 * i])));
    assert_true(data->label[2 * i + 1] == finish[i] || (isnan(finish[i]) && isnan(data->label[2 * i + 1])));
    assert_true(data->signal[i] == (i == 0 || i == 3 || i == 5 || i == 8));
  }
  assert_true(data->time_s[0] == 1772436600 && data->time_s[8] == 1772524860.5 && data->time_s[9] == 1772881200);
  assert_true(data->time_s[10] == 1773168330.25);
  assert_int_equal(srope_dataset_split(data, data->time_s[3]), SROPE_TRAIN);
  assert_int_equal(srope_dataset_split(data, data->time_s[4]), SROPE_VALIDATION);
  assert_int_equal(srope_dataset_split(data, data->time_s[5]), SROPE_TEST);
  /* event 1: video (1 row), topic (rows 1 and 2), length, content; like, watched; device (row 0) */
  const uint32_t *words = data->words + data->word_first[1];
  assert_int_equal(data->word_first[2] - data->word_first[1], 2 + 3 + 1 + 3 + 2 + 2);
  assert_true(words[0] == 1 && words[2] == 2 && words[3] == 1 && words[4] == 2);
  assert_true(as_float(words[5]) == (float)(log1p(48) * 0.2) && as_float(words[6]) == 0.125f);
  assert_true(as_float(words[9]) == 0 && as_float(words[10]) == 0.25f && words[11] == 1 && words[12] == 0);
  /* event 3 has no content and no like, event 7 no topic and no length */
  words = data->words + data->word_first[3];
  assert_true(as_float(words[5]) == 0 && as_float(words[7]) == 0 && as_float(words[8]) == 0);
  words = data->words + data->word_first[7];
  assert_true(words[2] == 0 && as_float(words[3]) == 0 && as_float(words[4]) == 1);
  assert_true(as_float(data->words[data->word_first[8] + 10]) == 2); /* watched 2.5, clipped */
  srope_dataset_close(data);
}

static void test_both_formats_give_the_same_columns(void **state) {
  (void)state;
  srope_dataset *json = open_folder(EXAMPLES, NULL, NULL), *csv = open_folder(EXAMPLES "/csv", NULL, NULL);
  check_same(json, csv);
  srope_dataset_close(json);
  srope_dataset_close(csv);
}

static void copy_example(const scratch *folder, const char *format) {
  char path[256], name[64];
  size_t n;
  bool csv = strcmp(format, "csv") == 0;
  snprintf(path, sizeof path, "examples/events/%sschema.json", csv ? "csv/" : "");
  unsigned char *bytes = read_bytes(path, &n);
  scratch_write(folder, "schema.json", bytes, n);
  free(bytes);
  snprintf(path, sizeof path, "examples/events/%sevents.%s", csv ? "csv/" : "", format);
  snprintf(name, sizeof name, "events.%s", format);
  bytes = read_bytes(path, &n);
  scratch_write(folder, name, bytes, n);
  free(bytes);
}

static void test_compressed_and_divided_files_are_the_same(void **state) {
  (void)state;
  static const char *const formats[] = {"ndjson", "csv"};
  srope_dataset *whole = open_folder(EXAMPLES, NULL, NULL);
  scratch folder = scratch_make();
  for (int f = 0; f < 2; f++) {
    char name[64];
    size_t n, n_header = 0;
    copy_example(&folder, formats[f]);
    snprintf(name, sizeof name, "events.%s", formats[f]);
    char *bytes = (char *)scratch_read(&folder, name, &n);
    bytes[n] = 0;
    unlink(scratch_path(&folder, name));
    if (f == 1) n_header = (size_t)(strchr(bytes, '\n') + 1 - bytes);
    char *half = strstr(bytes + n / 2, "\n") + 1; /* inside a user's events; b is read after a */
    char *second = malloc(n + 8);
    memcpy(second, bytes, n_header);
    size_t n_second = n_header + (size_t)(bytes + n - half);
    memcpy(second + n_header, half, n_second - n_header);
    snprintf(name, sizeof name, "events-b.%s", formats[f]);
    scratch_write(&folder, name, second, n_second);
    snprintf(name, sizeof name, "events-a.%s.gz", formats[f]);
    scratch_gzip(&folder, name, bytes, (size_t)(half - bytes));
    srope_dataset *data = open_folder(folder.path, NULL, NULL);
    check_same(whole, data);
    srope_dataset_close(data);
    free(bytes);
    free(second);
    scratch_empty(&folder);
  }
  scratch_remove(&folder);
  srope_dataset_close(whole);
}

static void test_less_may_be_asked_for_in_another_order(void **state) {
  (void)state;
  static const char config[] =
      "{\"labels\": [\"finish\"], \"features\": {\"context\": [{\"name\": \"device\", \"kind\": \"number\"}]}}";
  srope_dataset *whole = open_folder(EXAMPLES, NULL, NULL);
  for (int csv = 0; csv < 2; csv++) {
    srope_dataset *data = open_with(csv ? EXAMPLES "/csv" : EXAMPLES, NULL, config, NULL);
    assert_true(data->n_tasks == 1 && data->n_signals == 0 && data->word_first[12] == 12);
    for (int i = 0; i < 12; i++) {
      if (i != 7) assert_true(data->label[i] == whole->label[2 * i + 1]);
      assert_true(as_float(data->words[i]) == (float)(i == 4 || i == 11 ? 1 : i < 6 ? 0 : i == 10 ? 3 : 2));
    }
    srope_dataset_close(data);
  }
  srope_dataset_close(whole);
}

static void test_describe(void **state) {
  (void)state;
  size_t n;
  char *text = describe(EXAMPLES "/csv", &n);
  assert_non_null(strstr(text, "\"labels\":[\"like\",\"finish\"],\"angle_signals\":[\"followed\"]"));
  assert_non_null(strstr(text, "\"features\":{\"item\":[{\"name\":\"video\",\"kind\":\"hash\",\"buckets\":1024,"));
  srope_free(text);
}

/* ---------------------------------------------------------------- small folders of their own */

#define SCHEMA                                                                                                   \
  "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"tag\",\"kind\":\"index\",\"size\":5,\"dim\":2}]}," \
  "\"splits\":{\"validation\":1000,\"test\":2000}}"

static srope_dataset *open_lines(const scratch *folder, const char *lines) {
  scratch_text(folder, "schema.json", SCHEMA);
  scratch_text(folder, "events.ndjson", lines);
  return open_folder(folder->path, NULL, NULL);
}

static void check_back(const scratch *folder, const char *lines, uint32_t n, const uint32_t *back) {
  srope_dataset *data = open_lines(folder, lines);
  assert_int_equal(data->n_events, n);
  for (uint32_t i = 0; i < n; i++)
    if (data->request_back[i] != back[i]) fail_msg("event %u: %u back, not %u", i, data->request_back[i], back[i]);
  srope_dataset_close(data);
}

static void test_requests(void **state) {
  (void)state;
  scratch folder = scratch_make();
  /* names interleaved, come back later, one integer and its text; another user's are others */
  check_back(&folder,
             "{\"user\":1,\"time\":1,\"request\":\"a\"}\n{\"user\":1,\"time\":1,\"request\":\"5\"}\n"
             "{\"user\":1,\"time\":1,\"request\":\"a\"}\n{\"user\":1,\"time\":2,\"request\":5}\n"
             "{\"user\":1,\"time\":9,\"request\":\"a\"}\n{\"user\":2,\"time\":9,\"request\":\"a\"}\n",
             6, (const uint32_t[]){0, 0, 2, 2, 4, 0});
  /* without names neighbours of equal time; a named one between, or before, ends the run */
  check_back(&folder,
             "{\"user\":1,\"time\":1}\n{\"user\":1,\"time\":1}\n{\"user\":1,\"time\":1,\"request\":\"a\"}\n"
             "{\"user\":1,\"time\":1}\n{\"user\":1,\"time\":1}\n{\"user\":1,\"time\":2}\n{\"user\":2,\"time\":2}\n",
             7, (const uint32_t[]){0, 1, 0, 0, 1, 0, 0});
  scratch_remove(&folder);
}

/* One user with so many requests that its table grows, then others, for whom it is forgotten. */
static void test_many_requests(void **state) {
  (void)state;
  enum { N = 5000 };
  scratch folder = scratch_make();
  char *lines = malloc(2 * N * 64), *at = lines;
  for (int i = 0; i < 2 * N; i++)
    at += sprintf(at, "{\"user\":\"%s\",\"time\":%d,\"request\":%d}\n", i < N + 10 ? "one" : "two", i, i % N);
  srope_dataset *data = open_lines(&folder, lines);
  for (int i = 0; i < 2 * N; i++) assert_int_equal(data->request_back[i], i >= N && i < N + 10 ? N : 0);
  srope_dataset_close(data);
  free(lines);
  scratch_remove(&folder);
}

static void test_many_users(void **state) {
  (void)state;
  enum { N = 5000 };
  scratch folder = scratch_make();
  char *lines = malloc(N * 64 + 64), *at = lines;
  for (int i = 0; i < N; i++)
    at += sprintf(at, "{\"user\":%d,\"time\":%d}\n\n", i - 100, 2 * N - i); /* blank lines too */
  srope_dataset *data = open_lines(&folder, lines);
  assert_int_equal(data->n_users, N);
  assert_int_equal(data->n_events, N);
  for (int i = 0; i <= N; i++) assert_int_equal(data->user_first[i], i);
  srope_dataset_close(data);
  sprintf(at, "{\"user\":\"17\",\"time\":99999}\n");
  scratch_text(&folder, "events.ndjson", lines);
  const srope_dataset_options options = {.path = folder.path};
  srope_error error;
  assert_int_equal(srope_dataset_open(&options, SCHEMA, strlen(SCHEMA), &data, &error), SROPE_ERR_FORMAT);
  assert_string_equal(error.where, "events.ndjson line 10001, user");
  free(lines);
  scratch_remove(&folder);
}

/* A column may be empty, but what is in it counts. */
static void test_csv_cells(void **state) {
  (void)state;
  static const char schema[] = "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"n\",\"kind\":\"number\"},{"
                               "\"name\":\"id\",\"kind\":\"hash\",\"buckets\":1000,"
                               "\"dim\":1},{\"name\":\"v\",\"kind\":\"vector\",\"dim\":2}]},\"splits\":{\"validation\":"
                               "0,\"test\":0},\"list_separator\":\";\"}";
  static const char csv[] = "\xEF\xBB\xBFuser,time,item.n,item.id,item.v,label.like,more\r\n"
                            "a,1,True,5,1;2.5,TRUE,x\r\n"
                            "a,2,-1.5e1,5;b;;5,-1;0,0.5,\"a\n\"\"b\"\r\n"
                            "\"a\",3,,a|b,,,\n"
                            "a,4,,5.0,,,";
  static const char lines[] =
      "{\"user\":\"a\",\"time\":1,\"item\":{\"n\":true,\"id\":5,\"v\":[1,2.5]},\"label\":{\"like\":true}}\n"
      "{\"user\":\"a\",\"time\":2,\"item\":{\"n\":-15,\"id\":[\"5\",\"b\",null,5],\"v\":[-1,0]},\"label\":{\"like\":0."
      "5}}\n"
      "{\"user\":\"a\",\"time\":3,\"item\":{\"id\":\"a|b\"}}\n"
      "{\"user\":\"a\",\"time\":4,\"item\":{\"id\":\"5.0\"}}"; /* a text, not the integer 5 */
  scratch folder = scratch_make();
  scratch_text(&folder, "schema.json", schema);
  scratch_text(&folder, "events.csv", csv);
  srope_dataset *a = open_folder(folder.path, NULL, NULL);
  unlink(scratch_path(&folder, "events.csv"));
  scratch_text(&folder, "events.ndjson", lines);
  srope_dataset *b = open_folder(folder.path, NULL, NULL);
  check_same(a, b);
  assert_int_equal(a->n_events, 4);
  assert_int_equal(a->words[a->word_first[1] + 1], 3); /* 5, b, 5 */
  assert_int_not_equal(a->words[2], a->words[a->word_first[3] + 2]);
  srope_dataset_close(a);
  srope_dataset_close(b);
  scratch_remove(&folder);
}

/* A list of signals is in the order of schema.json, of which a model may use some. */
static void test_signals(void **state) {
  (void)state;
  static const char schema[] = "{\"labels\":[\"like\"],\"features\":{},\"signals\":[\"near\",\"far\",\"up\"],"
                               "\"splits\":{\"validation\":0,\"test\":0}}";
  static const char config[] = "{\"labels\":[\"like\"],\"features\":{},\"angle_signals\":[\"up\",\"near\"]}";
  static const char lines[] =
      "{\"user\":1,\"time\":1,\"signal\":[1,2,3]}\n{\"user\":1,\"time\":2,\"signal\":{\"near\":4}}\n"
      "{\"user\":1,\"time\":3}\n";
  static const char csv[] = "user,time,signal.near,signal.up,label.like\n1,1,1,3,\n1,2,4,,\n1,3,,,\n";
  const float expected[] = {3, 1, 0, 4, 0, 0};
  scratch folder = scratch_make();
  scratch_text(&folder, "schema.json", schema);
  for (int format = 0; format < 2; format++) {
    if (format) unlink(scratch_path(&folder, "events.ndjson"));
    scratch_text(&folder, format ? "events.csv" : "events.ndjson", format ? csv : lines);
    srope_dataset *data = open_with(folder.path, NULL, config, NULL);
    assert_memory_equal(data->signal, expected, sizeof expected);
    assert_true(data->word_first[3] == 0); /* no features, no words */
    srope_dataset_close(data);
  }
  scratch_remove(&folder);
}

static void test_two_formats_in_one_folder_are_refused(void **state) {
  (void)state;
  scratch folder = scratch_make();
  copy_example(&folder, "csv");
  copy_example(&folder, "ndjson");
  const srope_dataset_options options = {.path = folder.path};
  srope_dataset *data;
  srope_error error;
  assert_int_equal(srope_dataset_open(&options, SCHEMA, strlen(SCHEMA), &data, &error), SROPE_ERR_FORMAT);
  assert_string_equal(error.where, folder.path);
  assert_non_null(strstr(error.message, "of one format"));
  scratch_remove(&folder);
}

/* ---------------------------------------------------------------- time features */

static void test_time_values_are_the_angle_features(void **state) {
  (void)state;
  static const char *const names[] = {"time.sin_day", "time.cos_day", "time.sin_week", "time.cos_week", "time.trend"};
  static srope_model model;
  model.n_time_features = 5;
  for (int i = 0; i < 5; i++) model.angle_features[i] = (srope_angle_feature)(SROPE_ANGLE_SIN_DAY + i);
  model.info.trend_center = 1651300000;
  model.info.trend_scale = 1000000;
  for (int moment = 0; moment < 500; moment++) {
    double time_s = 1651300000 + 7919.125 * moment - 1e6, offset = 60 * (moment % 27 - 13);
    float phi[5];
    srope_time_features(&model, time_s, offset, 0, NULL, phi);
    for (int i = 0; i < 5; i++)
      assert_true((float)srope_time_value_compute(srope_time_value_find(names[i]), time_s, offset, 1651300000,
                                                  1000000) == phi[i]);
  }
  assert_int_equal(srope_time_value_find("time.year"), SROPE_TIME_NONE);
  assert_int_equal(srope_time_value_find("sin_day"), SROPE_TIME_NONE);
}

/* Filled where the data has none; local time by the event's offset, else the configuration's. */
static void test_time_features_are_filled_in(void **state) {
  (void)state;
  static const char schema[] = "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"time.trend\",\"kind\":"
                               "\"number\"}]},\"splits\":{\"validation\":0,\"test\":0}}";
  static const char config[] = "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"time.sin_day\",\"kind\":"
                               "\"number\"},{\"name\":\"time.trend\",\"kind\":\"number\","
                               "\"scale\":4}],\"context\":[{\"name\":\"time.cos_week\",\"kind\":\"number\"}]},\"trend_"
                               "center\":1000,\"trend_scale\":500,"
                               "\"utc_offset_minutes\":120}";
  static const char lines[] = "{\"user\":1,\"time\":2000000}\n"
                              "{\"user\":1,\"time\":2000000,\"utc_offset_minutes\":-60,\"item\":{\"time.trend\":7}}\n";
  static const char csv[] = "user,time,utc_offset_minutes,item.time.trend,label.like\n1,2000000,,,\n1,2000000,-60,7,\n";
  const double turn = 6.28318530717958647692;
  scratch folder = scratch_make();
  scratch_text(&folder, "schema.json", schema);
  for (int format = 0; format < 2; format++) {
    scratch_text(&folder, format ? "events.csv" : "events.ndjson", format ? csv : lines);
    if (format) unlink(scratch_path(&folder, "events.ndjson"));
    srope_dataset *data = open_with(folder.path, NULL, config, NULL);
    assert_int_equal(data->word_first[2], 6);
    for (int i = 0; i < 2; i++) {
      double local_s = 2000 + (i == 0 ? 7200 : -3600);
      const uint32_t *words = data->words + data->word_first[i];
      assert_true(fabs((double)as_float(words[0]) - sin(turn * local_s / 86400)) < 1e-7);
      assert_true(as_float(words[1]) == (i == 0 ? 8 : 28));
      assert_true(fabs((double)as_float(words[2]) - cos(turn * local_s / 604800)) < 1e-7);
    }
    srope_dataset_close(data);
  }
  scratch_remove(&folder);
}

static void test_a_trend_needs_its_numbers(void **state) {
  (void)state;
  static const char *const configs[][3] = {
      {"", "trend_center", "expected a number, because a feature is called time.trend"},
      {",\"trend_center\":0", "trend_scale", "expected a number above 0"},
      {",\"trend_center\":0,\"trend_scale\":0", "trend_scale", "expected a number above 0"},
      {",\"trend_center\":\"x\"", "trend_center", "expected a number, found a string"},
  };
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    char config[512];
    const srope_dataset_options options = {.path = EXAMPLES};
    srope_dataset *data;
    srope_error error;
    snprintf(config, sizeof config,
             "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"time.trend\",\"kind\":\"number\"}]}%s}",
             configs[i][0]);
    assert_int_equal(srope_dataset_open(&options, config, strlen(config), &data, &error), SROPE_ERR_CONFIG);
    assert_string_equal(error.where, configs[i][1]);
    assert_non_null(strstr(error.message, configs[i][2]));
  }
}

/* ---------------------------------------------------------------- bad inputs */

static void test_rejects_bad_events(void **state) {
  (void)state;
  scratch folder = scratch_make();
  for (size_t i = 0; i < sizeof bad_events / sizeof *bad_events; i++) {
    const bad_event *bad = &bad_events[i];
    srope_error error = {0};
    const char *config = bad->config ? bad->config : BAD_EVENTS_CONFIG;
    srope_dataset *data = (srope_dataset *)(void *)&folder; /* to see that it stays */
    const srope_dataset_options options = {.path = folder.path, .cache = scratch_path(&folder, "cache")};
    scratch_text(&folder, "schema.json", bad->schema ? bad->schema : BAD_EVENTS_SCHEMA);
    if (bad->name) scratch_text(&folder, bad->name, bad->text);
    srope_status status = srope_dataset_open(&options, config, strlen(config), &data, &error);
    if (status != bad->status || error.status != status || (void *)data != (void *)&folder ||
        strcmp(error.where, bad->where[0] ? bad->where : folder.path) != 0 || !strstr(error.message, bad->message))
      fail_msg("case %zu (%s): %s: [%s] %s", i, bad->message, srope_status_code(status), error.where, error.message);
    assert_int_equal(srope_dataset_open(&options, config, strlen(config), &data, NULL), bad->status);
    assert_int_equal(scratch_empty(&folder), bad->name ? 2 : 1); /* no cache, nothing temporary */
  }
  scratch_remove(&folder);
}

static void test_rejects_damaged_gzip(void **state) {
  (void)state;
  static const char *const formats[] = {"ndjson", "csv"};
  for (int f = 0; f < 2; f++) {
    scratch folder = scratch_make();
    char name[64], gz[64];
    size_t n;
    copy_example(&folder, formats[f]);
    snprintf(name, sizeof name, "events.%s", formats[f]);
    snprintf(gz, sizeof gz, "events.%s.gz", formats[f]);
    unsigned char *bytes = scratch_read(&folder, name, &n);
    scratch_gzip(&folder, gz, bytes, n);
    free(bytes);
    unlink(scratch_path(&folder, name));
    bytes = scratch_read(&folder, gz, &n);
    for (size_t cut = n - 1; cut > 20; cut -= cut / 8 + 1) {
      size_t n_config;
      srope_dataset *data;
      srope_error error;
      const srope_dataset_options options = {.path = folder.path};
      scratch_write(&folder, gz, bytes, cut);
      char *config = describe(folder.path, &n_config);
      srope_status status = srope_dataset_open(&options, config, n_config, &data, &error);
      if (status != SROPE_ERR_IO) fail_msg("%s cut to %zu: %s", gz, cut, srope_status_code(status));
      assert_int_equal(strncmp(error.where, gz, strlen(gz)), 0);
      srope_free(config);
    }
    free(bytes);
    scratch_remove(&folder);
  }
}

static void test_rejects_bad_calls(void **state) {
  (void)state;
  const srope_dataset_options nowhere = {.path = "/nonexistent/folder"}, none = {0};
  srope_dataset *data;
  char *text;
  size_t n;
  srope_error error;
  assert_int_equal(srope_dataset_open(NULL, SCHEMA, strlen(SCHEMA), &data, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_dataset_open(&none, SCHEMA, strlen(SCHEMA), &data, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_dataset_open(&nowhere, SCHEMA, strlen(SCHEMA), &data, &error), SROPE_ERR_IO);
  assert_string_equal(error.where, nowhere.path);
  assert_int_equal(srope_dataset_describe(nowhere.path, &text, &n, &error), SROPE_ERR_IO);
  srope_dataset_close(NULL);
}

/* ---------------------------------------------------------------- the cache */

typedef struct cached {
  scratch folder, keep; /* the events; the cache and nothing else */
  const char *cache;
} cached;

static cached make_cached(void) {
  static char cache[512];
  cached c = {scratch_make(), scratch_make(), cache};
  copy_example(&c.folder, "ndjson");
  snprintf(cache, sizeof cache, "%s/cache", c.keep.path);
  return c;
}

static void remove_cached(const cached *c) {
  scratch_remove(&c->folder);
  scratch_remove(&c->keep);
}

/* Opens, and says whether the folder was packed again; what comes out is right either way. */
static bool opens_packing(const cached *c) {
  bool packed;
  srope_dataset *data = open_folder(c->folder.path, c->cache, &packed), *right = open_folder(EXAMPLES, NULL, NULL);
  check_same(data, right);
  srope_dataset_close(data);
  srope_dataset_close(right);
  return packed;
}

static void test_cache_is_used_again(void **state) {
  (void)state;
  cached c = make_cached();
  assert_true(opens_packing(&c));
  assert_false(opens_packing(&c));
  assert_false(opens_packing(&c));
  assert_int_equal(scratch_empty(&c.keep), 1);
  assert_true(opens_packing(&c));
  remove_cached(&c);
}

static void test_cache_knows_its_source(void **state) {
  (void)state;
  cached c = make_cached();
  assert_true(opens_packing(&c));
  for (int i = 0; i < 2; i++) { /* touched, and a millisecond later again */
    const struct timespec times[2] = {{1700000000, 0}, {1700000000, 1000000 * i}};
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(&c.folder, "events.ndjson"), times, 0), 0);
    assert_true(opens_packing(&c));
    assert_false(opens_packing(&c));
  }
  assert_int_equal(rename(scratch_path(&c.folder, "events.ndjson"), scratch_path(&c.folder, "events-2.ndjson")), 0);
  assert_true(opens_packing(&c));
  scratch_text(&c.folder, "events-3.ndjson", "\n"); /* another file, longer or shorter */
  assert_true(opens_packing(&c));
  scratch_text(&c.folder, "notes.txt", "is no part of it");
  assert_false(opens_packing(&c));
  size_t n;
  unsigned char *schema = scratch_read(&c.folder, "schema.json", &n);
  schema[n] = '\n';
  scratch_write(&c.folder, "schema.json", schema, n + 1);
  free(schema);
  assert_true(opens_packing(&c));
  remove_cached(&c);
}

static void test_cache_knows_what_was_asked(void **state) {
  (void)state;
  cached c = make_cached();
  static const char *const configs[] = {
      "{\"labels\":[\"like\"],\"features\":{}}",
      "{\"labels\":[\"finish\"],\"features\":{}}",
      "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"video\",\"kind\":\"hash\",\"buckets\":64,\"dim\":2}]}"
      "}",
      "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"video\",\"kind\":\"hash\",\"buckets\":32,\"dim\":2}]}"
      "}",
      "{\"labels\":[\"like\"],\"features\":{},\"angle_signals\":[\"followed\"]}",
      "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"time.sin_day\",\"kind\":\"number\"}]}}",
      "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"time.sin_day\",\"kind\":\"number\"}]},\"utc_offset_"
      "minutes\":60}",
  };
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
    for (int again = 0; again < 2; again++) {
      bool packed;
      srope_dataset_close(open_with(c.folder.path, c.cache, configs[i], &packed));
      assert_int_equal(packed, !again);
    }
  /* what does not change the columns does not matter */
  bool packed;
  srope_dataset_close(open_with(
      c.folder.path, c.cache,
      "{\"d_model\":64,\"angle_signals\":[],\"labels\":[\"like\"],\"features\":{},\"trend_center\":5}", &packed));
  srope_dataset_close(open_with(c.folder.path, c.cache,
                                "{\"labels\":[\"like\"],\"features\":{},\"angle_signals\":[],\"trend_center\":6}",
                                &packed));
  assert_false(packed);
  remove_cached(&c);
}

static void test_cut_or_damaged_cache_is_packed_again(void **state) {
  (void)state;
  cached c = make_cached();
  size_t n;
  assert_true(opens_packing(&c));
  unsigned char *bytes = scratch_read(&c.keep, "cache", &n);
  for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : 37) {
    scratch_write(&c.keep, "cache", bytes, cut);
    assert_true(opens_packing(&c));
  }
  for (size_t at = 8; at < n; at += at < 200 ? 1 : 13) { /* after the magic, whose damage makes it another file */
    bytes[at] ^= 0x10;
    scratch_write(&c.keep, "cache", bytes, n);
    assert_true(opens_packing(&c));
    bytes[at] ^= 0x10;
  }
  scratch_write(&c.keep, "cache", bytes, n);
  assert_false(opens_packing(&c));
  bytes[n] = 0;
  scratch_write(&c.keep, "cache", bytes, n + 1); /* a byte too many */
  assert_true(opens_packing(&c));
  free(bytes);
  remove_cached(&c);
}

static srope_status try_open(const cached *c, srope_error *error) {
  size_t n;
  char *config = describe(c->folder.path, &n);
  srope_dataset *data = NULL;
  const srope_dataset_options options = {.path = c->folder.path, .cache = c->cache};
  srope_status status = srope_dataset_open(&options, config, n, &data, error);
  srope_free(config);
  srope_dataset_close(data);
  return status;
}

static void test_another_file_is_never_replaced(void **state) {
  (void)state;
  static const char text[] = "a model, or a letter";
  cached c = make_cached();
  size_t n;
  srope_error error;
  scratch_text(&c.keep, "cache", text);
  assert_int_equal(try_open(&c, &error), SROPE_ERR_FORMAT);
  assert_string_equal(error.where, c.cache);
  unsigned char *bytes = scratch_read(&c.keep, "cache", &n);
  assert_int_equal(n, strlen(text));
  assert_memory_equal(bytes, text, n);
  free(bytes);
  remove_cached(&c);
}

static void test_cache_in_no_folder_is_an_error(void **state) {
  (void)state;
  cached c = make_cached();
  srope_error error;
  c.cache = "/nonexistent/folder/cache";
  assert_int_equal(try_open(&c, &error), SROPE_ERR_IO);
  assert_int_equal(strncmp(error.where, c.cache, strlen(c.cache)), 0);
  remove_cached(&c);
}

/* A disk that takes so many bytes of a file and no more: at every stage an IO error, the old cache kept, nothing left over. */
static void test_full_disk(void **state) {
  (void)state;
  cached c = make_cached();
  struct rlimit unlimited, limit;
  size_t n, n_after;
  static const char other[] = "{\"labels\":[\"finish\"],\"features\":{}}";
  srope_dataset_close(open_with(c.folder.path, c.cache, other, NULL));
  unsigned char *before = scratch_read(&c.keep, "cache", &n);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  for (limit = unlimited, limit.rlim_cur = 0; limit.rlim_cur < 1400; limit.rlim_cur += 100) {
    srope_error error;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    srope_status status = try_open(&c, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    if (status != SROPE_ERR_IO)
      fail_msg("%llu bytes: %s", (unsigned long long)limit.rlim_cur, srope_status_code(status));
    assert_non_null(strstr(error.message, "could not be written"));
    unsigned char *after = scratch_read(&c.keep, "cache", &n_after);
    assert_int_equal(n_after, n);
    assert_memory_equal(after, before, n);
    free(after);
  }
  signal(SIGXFSZ, handler);
  free(before);
  assert_int_equal(scratch_empty(&c.keep), 1);
  assert_true(opens_packing(&c));
  remove_cached(&c);
}

static void die(void *context, uint64_t done, uint64_t total) {
  (void)context;
  (void)done;
  (void)total;
  raise(SIGKILL);
}

static void test_killed_while_packing(void **state) {
  (void)state;
  static const char config[] = "{\"labels\":[\"like\"],\"features\":{}}";
  cached c = make_cached();
  static const char other[] = "{\"labels\":[\"finish\"],\"features\":{}}";
  for (int old = 0; old < 2; old++) {
    int status;
    bool packed;
    if (old) srope_dataset_close(open_with(c.folder.path, c.cache, other, NULL));
    pid_t child = fork();
    if (child == 0) {
      srope_dataset *data;
      const srope_dataset_options options = {.path = c.folder.path, .cache = c.cache, .progress = die};
      _exit(srope_dataset_open(&options, config, strlen(config), &data, NULL));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    if (old) {
      srope_dataset_close(open_with(c.folder.path, c.cache, other, &packed));
      assert_false(packed);
    }
    assert_int_equal(scratch_empty(&c.keep), old);
  }
  remove_cached(&c);
}

static void test_without_a_cache_nothing_is_left(void **state) {
  (void)state;
  scratch folder = scratch_make();
  const char *before = getenv("TMPDIR");
  char *kept = before ? strdup(before) : NULL;
  setenv("TMPDIR", folder.path, 1);
  srope_dataset *data = open_folder(EXAMPLES, NULL, NULL);
  assert_int_equal(scratch_empty(&folder), 0);
  assert_int_equal(data->n_events, 12);
  srope_dataset_close(data);
  if (kept)
    setenv("TMPDIR", kept, 1);
  else
    unsetenv("TMPDIR");
  free(kept);
  scratch_remove(&folder);
}

/* ---------------------------------------------------------------- KuaiRand */

#define LOG_HEADER                                                                                                     \
  "user_id,video_id,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,duration_" \
  "ms,is_profile_enter,tab\n"

static void test_kuairand_rows(void **state) {
  (void)state;
  static const char config[] = "{\"labels\":[\"like\",\"click\"],\"angle_signals\":[\"main_tab\"],\"features\":{"
                               "\"item\":[{\"name\":\"tab\",\"kind\":\"index\",\"size\":16,\"dim\":1},"
                               "{\"name\":\"main_tab\",\"kind\":\"number\"},{\"name\":\"duration_s\",\"kind\":"
                               "\"number\"},{\"name\":\"time.sin_day\",\"kind\":\"number\"},"
                               "{\"name\":\"tag\",\"kind\":\"hash\",\"buckets\":64,\"dim\":1}],\"action\":[{\"name\":"
                               "\"watch_ratio\",\"kind\":\"number\"}]}}";
  scratch folder = scratch_make();
  scratch_text(&folder, "log_a.csv",
               LOG_HEADER "9,2,1651593600000,1,0,0,0,0,0,0,500,1000,0,1\n"
                          "2,1,2000,0,1,0,0,0,0,0,500,2000,0,3\n"
                          "9,1,1651593600000,0,1,0,0,0,0,0,500,1000,0,1\n"
                          "9,2,1651593600000,1,0,0,0,0,0,0,500,1000,0,1\n");
  srope_dataset *data = open_with(folder.path, NULL, config, NULL);
  assert_true(data->n_events == 3 && data->n_users == 2 && data->n_read == 4 && data->n_duplicates == 1);
  assert_false(data->has_videos);
  assert_true(data->validation_s == 1651507200 && data->test_s == 1651593600);
  assert_true(data->user_first[1] == 1 && data->user_first[2] == 3);
  assert_true(data->request_back[0] == 0 && data->request_back[1] == 0 && data->request_back[2] == 1);
  const float labels[] = {1, 0, 1, 0, 0, 1}, signals[] = {0, 1, 1};
  assert_memory_equal(data->label, labels, sizeof labels); /* by video within a time: 1, then 2 */
  assert_memory_equal(data->signal, signals, sizeof signals);
  assert_true(isnan(data->utc_offset_minutes[0]));
  const uint32_t *words = data->words; /* tab 1 + 1, main_tab, duration, time, tag 1 + 0, ratio */
  assert_int_equal(data->word_first[1], 7);
  assert_true(words[0] == 1 && words[1] == 3 && as_float(words[2]) == 0 && as_float(words[3]) == 2 && words[5] == 0);
  assert_true(fabs((double)as_float(words[4]) - sin(6.283185307179586 * 2 / 86400)) < 1e-9 &&
              as_float(words[6]) == 0.25f);
  assert_true(as_float(words[7 + 2]) == 1);
  srope_dataset_close(data);
  scratch_remove(&folder);
}

static void test_kuairand_schema_is_the_models(void **state) {
  (void)state;
  static const char *const keys[] = {"features", "labels", "angle_signals"};
  scratch folder = scratch_make();
  scratch_text(&folder, "log_a.csv", LOG_HEADER);
  size_t n, n_model;
  char *text = describe(folder.path, &n), *model_text;
  srope_model *model = load_model("models/kuairand-excerpt.safetensors");
  assert_int_equal(srope_model_describe(model, &model_text, &n_model, NULL), SROPE_OK);
  yyjson_doc *ours = yyjson_read(text, n, 0), *theirs = yyjson_read(model_text, n_model, 0);
  yyjson_val *config = yyjson_obj_get(yyjson_doc_get_root(theirs), "config");
  for (int i = 0; i < 3; i++)
    if (!yyjson_equals(yyjson_obj_get(yyjson_doc_get_root(ours), keys[i]), yyjson_obj_get(config, keys[i])))
      fail_msg("%s: %s", keys[i], text);
  yyjson_doc_free(ours);
  yyjson_doc_free(theirs);
  srope_free(text);
  srope_free(model_text);
  srope_model_free(model);
  scratch_remove(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_example_is_what_its_lines_say),
      cmocka_unit_test(test_both_formats_give_the_same_columns),
      cmocka_unit_test(test_compressed_and_divided_files_are_the_same),
      cmocka_unit_test(test_less_may_be_asked_for_in_another_order),
      cmocka_unit_test(test_describe),
      cmocka_unit_test(test_requests),
      cmocka_unit_test(test_many_requests),
      cmocka_unit_test(test_many_users),
      cmocka_unit_test(test_csv_cells),
      cmocka_unit_test(test_signals),
      cmocka_unit_test(test_two_formats_in_one_folder_are_refused),
      cmocka_unit_test(test_time_values_are_the_angle_features),
      cmocka_unit_test(test_time_features_are_filled_in),
      cmocka_unit_test(test_a_trend_needs_its_numbers),
      cmocka_unit_test(test_rejects_bad_events),
      cmocka_unit_test(test_rejects_damaged_gzip),
      cmocka_unit_test(test_rejects_bad_calls),
      cmocka_unit_test(test_cache_is_used_again),
      cmocka_unit_test(test_cache_knows_its_source),
      cmocka_unit_test(test_cache_knows_what_was_asked),
      cmocka_unit_test(test_cut_or_damaged_cache_is_packed_again),
      cmocka_unit_test(test_another_file_is_never_replaced),
      cmocka_unit_test(test_cache_in_no_folder_is_an_error),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_killed_while_packing),
      cmocka_unit_test(test_without_a_cache_nothing_is_left),
      cmocka_unit_test(test_kuairand_rows),
      cmocka_unit_test(test_kuairand_schema_is_the_models),
  };
  return cmocka_run_group_tests_name("unit_dataset", tests, NULL, NULL);
}
