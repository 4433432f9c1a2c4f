/* base_test.c: typed errors and the time parser. Expected times were computed with another program's calendar. */
#include "files.h"

#include "base/error.h"
#include "base/pool.h"

/* ---------------------------------------------------------------- errors */

static void test_status_codes(void **state) {
  (void)state;
  const char *codes[] = {"ok",    "argument", "memory",  "limit", "format",   "config",      "tensor",
                         "value", "time",     "feature", "json",  "snapshot", "unsupported", "io"};
  for (int i = 0; i < 14; i++) assert_string_equal(srope_status_code((srope_status)i), codes[i]);
  assert_string_equal(srope_status_code((srope_status)14), "unknown");
  assert_string_equal(srope_status_code((srope_status)-1), "unknown");
}

static void test_fail_fills_and_returns(void **state) {
  (void)state;
  srope_error error;
  memset(&error, 0xFF, sizeof error);
  assert_int_equal(srope_fail(&error, SROPE_ERR_TENSOR, "head.0.weight", "expected %d, found %s", 3, "4"),
                   SROPE_ERR_TENSOR);
  assert_int_equal(error.status, SROPE_ERR_TENSOR);
  assert_string_equal(error.where, "head.0.weight");
  assert_string_equal(error.message, "expected 3, found 4");
  assert_int_equal(srope_fail(NULL, SROPE_ERR_IO, NULL, "x"), SROPE_ERR_IO);
  srope_fail(&error, SROPE_ERR_IO, NULL, "x");
  assert_string_equal(error.where, "");
}

/* A cut falls between characters; three-byte characters make both buffers end inside one. */
static void test_cuts_whole_characters(void **state) {
  (void)state;
  srope_error error;
  char text[3 * 200 + 1] = "";
  for (int i = 0; i < 200; i++) strcat(text, "\xE2\x82\xAC"); /* euro signs */
  srope_fail(&error, SROPE_ERR_VALUE, text, "ab%s", text);
  assert_int_equal(strlen(error.message), 2 + 3 * 84); /* 255 bytes hold 84 signs after "ab", and one byte more */
  assert_memory_equal(error.message + 2, text, 3 * 84);
  assert_int_equal(strlen(error.where), 159);
  srope_fail(&error, SROPE_ERR_VALUE, NULL, "%s", text);
  assert_int_equal(strlen(error.message), 255);
}

static void test_broken_bytes_become_question_marks(void **state) {
  (void)state;
  srope_error error;
  srope_fail(&error, SROPE_ERR_VALUE, "\xFFz\xC3", "a\xC3(b\xED\xA0\x80%s", "\xF0\x9F\x98\x80");
  assert_string_equal(error.where, "?z?");
  assert_string_equal(error.message, "a?(b???\xF0\x9F\x98\x80");
  srope_fail(&error, SROPE_ERR_VALUE, NULL,
             "\xE0\x80\x80|\xC0\x80|\xF4\x90\x80\x80"); /* overlong, overlong, too large */
  assert_string_equal(error.message, "???|??|????");
}

static void test_prefix(void **state) {
  (void)state;
  srope_error error;
  srope_fail(&error, SROPE_ERR_FEATURE, "item.tag", "m");
  srope_error_prefix(&error, "history[%d]", 3);
  assert_string_equal(error.where, "history[3].item.tag");
  srope_fail(&error, SROPE_ERR_FEATURE, NULL, "m");
  srope_error_prefix(&error, "now");
  assert_string_equal(error.where, "now");
  srope_fail(&error, SROPE_ERR_FEATURE, "[2]", "m");
  srope_error_prefix(&error, "item");
  assert_string_equal(error.where, "item[2]");
  char text[300];
  memset(text, 'x', sizeof text - 1);
  text[299] = 0;
  srope_error_prefix(&error, "%s", text);
  assert_int_equal(strlen(error.where), 159);
  assert_string_equal(error.message, "m");
  srope_error_prefix(NULL, "now");
}

/* ---------------------------------------------------------------- times */

static void test_parses_times(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double ms;
  } rows[] = {
      {"1970-01-01", 0},
      {"1970-01-01T00:00", 0},
      {"1969-12-31T23:59:59Z", -1000},
      {"2000-02-29T12:34:56", 951827696000},
      {"2000-02-29T12:34:56Z", 951827696000},
      {"0001-01-01", -62135596800000},
      {"9999-12-31T23:59:59Z", 253402300799000},
      {"1900-03-01", -2203891200000},
      {"2100-02-28", 4107456000000},
      {"2024-12-31", 1735603200000},
      {"2022-05-04T00:00+08:00", 1651593600000},
      {"2022-05-03T08:30:00-07:30", 1651593600000},
      {"2022-05-03T16:00:00-00:00", 1651593600000},
      {"2022-05-03T16:00:00.5Z", 1651593600500},
      {"2022-05-03T16:00:00.123", 1651593600123},
      {"2022-05-03T16:00:00.1234567899999999999+00:00", 1651593600123.456789},
      {"1969-12-31T23:59:59.999Z", -1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double ms = 7;
    srope_error error;
    srope_status status = srope_time_parse(rows[i].text, strlen(rows[i].text), &ms, &error);
    if (status || ms != rows[i].ms) fail_msg("%s: status %d, %.17g", rows[i].text, status, ms);
  }
}

/* Every day of four centuries follows the one before it. */
static void test_days_follow_one_another(void **state) {
  (void)state;
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  double expected = -11676096000000; /* 1600-01-01 */
  for (int year = 1600; year < 2000; year++)
    for (int month = 1; month <= 12; month++) {
      bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      int n = days[month - 1] + (month == 2 && leap);
      for (int day = 1; day <= n; day++, expected += 86400000) {
        char text[40];
        double ms;
        snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
        assert_int_equal(srope_time_parse(text, 10, &ms, NULL), SROPE_OK);
        assert_true(ms == expected);
      }
    }
  assert_true(expected == 946684800000); /* 2000-01-01 */
}

static void test_rejects_times(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "found \"\" (wrong from byte 0 on)"},
      {"2022", "wrong from byte 4 on"},
      {"2022-05", "wrong from byte 7 on"},
      {"22-05-03", "wrong from byte 2 on"},
      {"20220503", "wrong from byte 4 on"},
      {"-022-05-03", "wrong from byte 0 on"},
      {"+002022-05-03", "wrong from byte 0 on"},
      {"2022-05-03 16:00", "wrong from byte 10 on"},
      {"2022-05-03t16:00", "wrong from byte 10 on"},
      {"2022-05-03T", "wrong from byte 11 on"},
      {"2022-05-03T16", "wrong from byte 13 on"},
      {"2022-05-03T16:00:0", "wrong from byte 18 on"},
      {"2022-05-03T16:00:00.", "wrong from byte 20 on"},
      {"2022-05-03T16:00:00,5", "wrong from byte 19 on"},
      {"2022-05-03T16:00.5", "wrong from byte 16 on"},
      {"2022-05-03T16:00:00z", "wrong from byte 19 on"},
      {"2022-05-03T16:00:00ZZ", "wrong from byte 20 on"},
      {"2022-05-03T16:00:00+08", "wrong from byte 22 on"},
      {"2022-05-03T16:00:00+0800", "wrong from byte 22 on"},
      {"2022-05-03Z", "wrong from byte 10 on"},
      {" 2022-05-03", "wrong from byte 0 on"},
      {"2022-05-03 ", "wrong from byte 10 on"},
      {"0000-01-01", "expected a year from 0001 to 9999, found 0000"},
      {"2022-00-01", "expected a month from 01 to 12, found 00"},
      {"2022-13-01", "expected a month from 01 to 12, found 13"},
      {"2022-04-31", "expected a day of that month from 01 to 30, found 31"},
      {"2022-02-29", "expected a day of that month from 01 to 28, found 29"},
      {"1900-02-29", "expected a day of that month from 01 to 28, found 29"},
      {"2000-02-30", "expected a day of that month from 01 to 29, found 30"},
      {"2022-05-00", "expected a day of that month from 01 to 31, found 00"},
      {"2022-05-03T24:00", "expected an hour from 00 to 23, found 24"},
      {"2022-05-03T16:60", "expected a minute from 00 to 59, found 60"},
      {"2022-06-30T23:59:60Z", "expected a second from 00 to 59, found 60 (Unix time has no leap seconds)"},
      {"2022-05-03T16:00:61", "expected a second from 00 to 59, found 61"},
      {"2022-05-03T16:00+24:00", "expected an hour of the offset from 00 to 23, found 24"},
      {"2022-05-03T16:00+08:60", "expected a minute of the offset from 00 to 59, found 60"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double ms = 7;
    srope_error error;
    srope_status status = srope_time_parse(rows[i].text, strlen(rows[i].text), &ms, &error);
    if (status != SROPE_ERR_TIME || ms != 7 || !strstr(error.message, rows[i].message))
      fail_msg("\"%s\": status %d, %s", rows[i].text, status, error.message);
  }
  double ms;
  assert_int_equal(srope_time_parse(NULL, 3, &ms, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_time_parse("2022-05-03", 10, NULL, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_time_parse("2022-05-03junk", 10, &ms, NULL), SROPE_OK); /* reads n bytes and no more */
  assert_int_equal(srope_time_parse("2022-05-03\0", 11, &ms, NULL), SROPE_ERR_TIME);
}

/* ---------------------------------------------------------------- threads */

enum { PIECES = 1000 };

typedef struct tally {
  srope_pool *pool;
  int times[PIECES]; /* a piece is one thread's alone */
} tally;

static void take(void *context, size_t piece, uint32_t thread) {
  tally *t = context;
  if (thread < srope_pool_threads(t->pool)) t->times[piece]++;
}

/* Every piece once, round after round, on pools of any size and without one. */
static void test_pool_runs_every_piece_once(void **state) {
  (void)state;
  static const size_t n[] = {0, 1, 2, 7, PIECES};
  for (uint32_t n_threads = 0; n_threads <= 9; n_threads++) {
    static tally t;
    t.pool = NULL;
    if (n_threads) assert_int_equal(srope_pool_create(n_threads, &t.pool, NULL), SROPE_OK);
    assert_int_equal(srope_pool_threads(t.pool), n_threads ? n_threads : 1);
    for (int round = 0; round < 200; round++) {
      size_t pieces = n[round % 5];
      memset(t.times, 0, sizeof t.times);
      srope_pool_run(t.pool, pieces, take, &t);
      for (size_t i = 0; i < PIECES; i++) assert_int_equal(t.times[i], i < pieces);
    }
    srope_pool_free(t.pool);
  }
}

static void test_pool_rejects_numbers_of_threads(void **state) {
  (void)state;
  srope_pool *untouched = (srope_pool *)&state, *pool = untouched;
  srope_error error;
  assert_int_equal(srope_pool_create(0, &pool, &error), SROPE_ERR_LIMIT);
  assert_string_equal(error.message, "expected 1 to 1024 threads, asked for 0");
  assert_int_equal(srope_pool_create(SROPE_MAX_THREADS + 1, &pool, &error), SROPE_ERR_LIMIT);
  assert_int_equal(srope_pool_create(1, NULL, &error), SROPE_ERR_ARGUMENT);
  assert_ptr_equal(pool, untouched);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_status_codes),
      cmocka_unit_test(test_fail_fills_and_returns),
      cmocka_unit_test(test_cuts_whole_characters),
      cmocka_unit_test(test_broken_bytes_become_question_marks),
      cmocka_unit_test(test_prefix),
      cmocka_unit_test(test_parses_times),
      cmocka_unit_test(test_days_follow_one_another),
      cmocka_unit_test(test_rejects_times),
      cmocka_unit_test(test_pool_runs_every_piece_once),
      cmocka_unit_test(test_pool_rejects_numbers_of_threads),
  };
  return cmocka_run_group_tests_name("unit_base", tests, NULL, NULL);
}
