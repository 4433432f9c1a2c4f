/* simulated_dataset_test.c: the data set of simulated users (train/simulated_dataset.h) against one opened from a folder of the
 * same events; and options that are wrong. That `siren-rope simulate` writes such a folder is tests/js/train.test.mjs's. */
#include "scratch.h"

#include <inttypes.h>
#include <math.h>

#include "train/simulated_dataset.h"

#define CONFIG                                                                                                  \
  "{\"labels\":[\"like\",\"engage\"],\"features\":{"                                                            \
  "\"item\":[{\"name\":\"id\",\"kind\":\"hash\",\"buckets\":64,\"dim\":4},{\"name\":\"time.sin_day\",\"kind\":" \
  "\"number\"},"                                                                                                \
  "{\"name\":\"topic\",\"kind\":\"number\",\"scale\":0.1}],\"action\":[{\"name\":\"like\",\"kind\":\"number\"}]}}"

static srope_simulated_options options_of(uint64_t n_users) {
  srope_simulated_options options = {.sim = srope_sim_defaults(), .n_users = n_users};
  options.sim.events_per_user = 6; /* so that some users have none */
  return options;
}

static void write_folder(const scratch *folder, const srope_simulated_options *options) {
  char members[SROPE_SIMULATED_SCHEMA_BYTES], schema[SROPE_SIMULATED_SCHEMA_BYTES + 8];
  srope_sim sim;
  srope_error error;
  srope_simulated_schema(&options->sim, members);
  snprintf(schema, sizeof schema, "{%s}", members);
  scratch_text(folder, "schema.json", schema);
  assert_int_equal(srope_sim_init(&options->sim, &sim, &error), SROPE_OK);
  FILE *file = fopen(scratch_path(folder, "events.ndjson"), "wb");
  assert_non_null(file);
  for (uint64_t number = 0; number < options->n_users; number++) {
    srope_sim_user user;
    srope_sim_event e;
    for (srope_sim_start_user(&sim, number, &user); srope_sim_next(&sim, &user, &e);)
      fprintf(file,
              "{\"user\":%" PRIu64 ",\"time\":%" PRId64 ",\"item\":{\"topic\":%u,\"id\":%u},\"action\":{\"engage\":%d,"
              "\"like\":%d},\"context\":{\"place\":%u},\"label\":{\"engage\":%d,\"like\":%d}}\n",
              number, e.time_ms, e.topic, e.item, e.label[0], e.label[1], e.place, e.label[0], e.label[1]);
  }
  assert_int_equal(fclose(file), 0);
}

#define CHECK_COLUMN(member, count) assert_memory_equal(a->member, b->member, (size_t)(count) * sizeof *a->member)

static void check_same(const srope_dataset *a, const srope_dataset *b) {
  assert_int_equal(a->n_events, b->n_events);
  assert_int_equal(a->n_users, b->n_users);
  assert_int_equal(a->n_tasks, b->n_tasks);
  assert_int_equal(a->n_signals, b->n_signals);
  assert_int_equal(a->n_read, b->n_read);
  assert_true(a->validation_s == b->validation_s && a->test_s == b->test_s);
  CHECK_COLUMN(user_first, a->n_users + 1);
  CHECK_COLUMN(time_s, a->n_events);
  CHECK_COLUMN(request_back, a->n_events);
  CHECK_COLUMN(utc_offset_minutes, a->n_events);
  CHECK_COLUMN(label, a->n_events * a->n_tasks);
  CHECK_COLUMN(word_first, a->n_events + 1);
  CHECK_COLUMN(words, a->word_first[a->n_events]);
  assert_true(a->hash == b->hash);
}

static void check_folder(const srope_simulated_options *options, const char *config) {
  scratch folder = scratch_make();
  srope_dataset *read = NULL, *made = NULL;
  srope_error error;
  char *described = NULL, *text = NULL;
  size_t n, n_text;
  write_folder(&folder, options);
  assert_int_equal(srope_dataset_describe(folder.path, &described, &n, &error), SROPE_OK);
  assert_int_equal(srope_simulated_describe(options, &text, &n_text, &error), SROPE_OK);
  assert_string_equal(described, text);
  assert_int_equal(n, n_text);
  if (!config) config = text;
  const srope_dataset_options from = {.path = folder.path};
  assert_int_equal(srope_dataset_open(&from, config, strlen(config), &read, &error), SROPE_OK);
  assert_int_equal(srope_simulated_dataset_create(options, config, strlen(config), &made, &error), SROPE_OK);
  check_same(made, read);
  assert_true(made->n_users > 0 && made->n_users < options->n_users);
  srope_dataset_close(read);
  srope_simulated_dataset_free(made);
  srope_free(described);
  srope_free(text);
  scratch_remove(&folder);
}

static void equals_folder(void **state) {
  (void)state;
  srope_simulated_options options = options_of(200);
  check_folder(&options, NULL);
  check_folder(&options, CONFIG);
  options.sim.seed = 9;
  options.sim.strength = 0.5;
  options.sim.days = 3.7;
  options.sim.start_ms = 1710000000123;
  check_folder(&options, NULL);
}

static void expect_error(const srope_simulated_options *options, const char *config, srope_status status,
                         const char *where) {
  srope_dataset *data = NULL;
  srope_error error = {0};
  assert_int_equal(srope_simulated_dataset_create(options, config, strlen(config), &data, &error), status);
  assert_null(data);
  assert_int_equal(error.status, status);
  assert_true(error.message[0] != 0);
  assert_string_equal(error.where, where);
}

static void bad_options(void **state) {
  (void)state;
  srope_simulated_options good = options_of(3), o;
#define WITH(change, status, where) (o = good, o.change, expect_error(&o, CONFIG, status, where))
  WITH(n_users = 0, SROPE_ERR_ARGUMENT, "users");
  WITH(n_users = SROPE_SIMULATED_MAX_USERS + 1, SROPE_ERR_LIMIT, "users");
  WITH(sim.strength = NAN, SROPE_ERR_ARGUMENT, "strength");
  WITH(sim.week_share = 1.5, SROPE_ERR_ARGUMENT, "week_share");
  WITH(sim.events_per_user = 0.001, SROPE_ERR_ARGUMENT, "events_per_user"); /* none */
  WITH(sim.events_per_user = 2801, SROPE_ERR_ARGUMENT, "events_per_user");  /* over 100 a day */
  WITH(sim.days = INFINITY, SROPE_ERR_ARGUMENT, "days");
  o = good;
  o.n_users = 100000;
  o.sim.events_per_user = 41;
  expect_error(&o, CONFIG, SROPE_ERR_LIMIT, "events_per_user");
  o.n_users = 1; /* 4 million on average; this one has more */
  o.sim = (srope_sim_options){
      .seed = 2, .strength = 0, .day_hours = 24, .week_days = 7, .days = 1e5, .events_per_user = 4e6, .week_share = 0};
  expect_error(&o, CONFIG, SROPE_ERR_LIMIT, "events_per_user");
}

static void bad_configurations(void **state) {
  (void)state;
  const srope_simulated_options options = options_of(3);
  char *text;
  size_t n;
  srope_error error;
  expect_error(&options, "{", SROPE_ERR_CONFIG, "configuration byte 1");
  expect_error(&options, "{\"labels\":[]}", SROPE_ERR_CONFIG, "labels");
  expect_error(&options, "{\"labels\":[\"finish\"]}", SROPE_ERR_CONFIG, "finish");
  expect_error(&options, "{\"labels\":[\"like\"],\"angle_signals\":[\"flag\"]}", SROPE_ERR_CONFIG, "flag");
  expect_error(&options, "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"place\",\"kind\":\"number\"}]}}",
               SROPE_ERR_CONFIG, "item.place");
  expect_error(
      &options,
      "{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"topic\",\"kind\":\"index\",\"size\":4,\"dim\":2}]}}",
      SROPE_ERR_FEATURE, "item.topic");
  srope_simulated_options bad = options;
  bad.n_users = 0;
  assert_int_equal(srope_simulated_describe(&bad, &text, &n, &error), SROPE_ERR_ARGUMENT);
  assert_string_equal(error.where, "users");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_folder),
      cmocka_unit_test(bad_options),
      cmocka_unit_test(bad_configurations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
