/* text_test.c: base/text and base/decimal against the C library's snprintf and strtod, which round exactly on the machines of the
 * tests, on numbers where rounding is hard and on random ones. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"

#include "base/decimal.h"
#include "base/rng.h"
#include "base/text.h"

enum { N_RANDOM = 4000 };

static double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* ---------------------------------------------------------------- printing */

#define SAME(...)                                                            \
  do {                                                                       \
    char expected[512], found[512];                                          \
    size_t n = (size_t)snprintf(expected, sizeof expected, __VA_ARGS__);     \
    assert_int_equal(srope_text_print(found, sizeof found, __VA_ARGS__), n); \
    assert_string_equal(found, expected);                                    \
  } while (0)

static void test_prints_as_printf(void **state) {
  (void)state;
  SAME("plain %% text");
  SAME("%d %d %d", 0, INT32_MAX, INT32_MIN);
  SAME("%u %zu %lu", UINT32_MAX, SIZE_MAX, 7ul);
  SAME("%lld %lld %llu %ld", (long long)INT64_MIN, 5ll, (unsigned long long)UINT64_MAX, -3l);
  SAME("%016llx %x %llx", 0x1234abcdull, 255u, (unsigned long long)UINT64_MAX);
  SAME("%02d %02d %02d %4d %4d %1d %05d", 7, 123, -7, 42, -42, -42, -42);
  SAME("%0*d %*d", 4, 22, 5, -1);
  SAME("%s|%.3s|%.9s|%.0s|%.*s", "", "abcdef", "abc", "abc", 2, "xyz");
  SAME("%.*s", 3, (const char[]){'a', 'b', 'c'}); /* no NUL behind */
  SAME("%s %d %s %g", "a", 1, "b", 0.5);
}

static void test_cuts_and_counts(void **state) {
  (void)state;
  char text[8] = "1234567";
  assert_int_equal(srope_text_print(text, 4, "%s", "abcdef"), 6);
  assert_string_equal(text, "abc");
  assert_int_equal(text[4], '5');
  assert_int_equal(srope_text_print(text, 0, "%d", 12), 2);
  assert_int_equal(srope_text_print(NULL, 0, "%d", 12), 2);
  assert_int_equal(srope_text_print(text, 1, "%d", 12), 2);
  assert_string_equal(text, "");
}

static void same_numbers(double x) {
  SAME("%g", x);
  SAME("%.17g %.16g %.15g %.9g %.3g %.1g %.0g", x, x, x, x, x, x, x);
  SAME("%.0f", x);
  SAME("%.3f", x);
  SAME("%f", x);
}

static const double hard[] = {0,           -0.0,      1,
                              -1,          10,        100,
                              1e5,         123456,    999999.5,
                              9999995,     1e6,       0.5,
                              1.5,         2.5,       0.25,
                              0.125,       0.375,     1e-4,
                              9.99995e-5,  0.0001234, 1e-5,
                              0.1,         0.3,       1e15,
                              1e16,        1e17,      1e22,
                              1e23,        5e-324,    DBL_MIN,
                              DBL_MAX,     1e-300,    1e300,
                              0.0005,      0.00049,   0.999,
                              0.9995,      0.99951,   9.5,
                              99.5,        NAN,       INFINITY,
                              -INFINITY,   1e21,      2e-7,
                              1024,        16777216,  1.0 / 3,
                              2.0 / 3e100, 4.35e-7,   9007199254740993.0};

static void test_prints_doubles_as_printf(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) same_numbers(hard[i]);
  srope_rng rng;
  srope_rng_seed(&rng, 1, 0);
  for (int i = 0; i < N_RANDOM; i++) {
    double any = from_bits(srope_rng_next(&rng)); /* all exponents, NaN and infinities too */
    if (any == any) same_numbers(any);
    same_numbers(srope_rng_normal(&rng) * 1000);
    same_numbers((double)srope_rng_below(&rng, 100000) / 1000); /* ties of %g and %f are among these and the next */
    same_numbers((double)srope_rng_below(&rng, 1u << 20) / 1024);
  }
}

/* ---------------------------------------------------------------- reading */

static void same_reading(const char *text) {
  double expected = strtod(text, NULL), found = srope_decimal_read(text, strlen(text));
  if (memcmp(&expected, &found, sizeof found) != 0) fail_msg("\"%.80s\": expected %a, found %a", text, expected, found);
}

/* A text of the exact number halfway between x and the next one, then one a little below and above it. */
static void same_halfway(double x) {
  char text[1200];
  double next = nextafter(x, INFINITY);
  if (!(x > 1e-290 && next < 1e290)) return; /* there their long double has all the bits of the middle */
  long double middle = ((long double)x + next) / 2;
  snprintf(text, sizeof text, "%.800Lg", middle);
  same_reading(text);
  size_t n = strlen(text);
  if (strchr(text, '.') == NULL || strchr(text, 'e') != NULL) return;
  strcpy(text + n, "0000000000000000000000000000000000000001");
  same_reading(text);
  text[n - 1]--; /* the last digit of a middle is never 0 */
  same_reading(text);
}

static void test_reads_as_strtod(void **state) {
  (void)state;
  static const char *const texts[] = {"0",
                                      "-0",
                                      "0.0",
                                      "-0.000e5",
                                      "1",
                                      "-1",
                                      "1.0",
                                      "12345678901234567890",
                                      "1e5",
                                      "1E+5",
                                      "1e-5",
                                      "123.456e3",
                                      "1e308",
                                      "1.7976931348623157e308",
                                      "1.7976931348623158e308",
                                      "1.7976931348623159e308",
                                      "1e309",
                                      "1e400",
                                      "-1e400",
                                      "1e99999999999999999999",
                                      "1e-99999999999999999999",
                                      "0e99999999999999999999",
                                      "5e-324",
                                      "4.9e-324",
                                      "2.5e-324",
                                      "2.4703282292062327e-324",
                                      "2.4703282292062328e-324",
                                      "2.47032822920623272088e-324",
                                      "2.47032822920623272089e-324",
                                      "1e-324",
                                      "1e-330",
                                      "1e-400",
                                      "2.2250738585072014e-308",
                                      "2.2250738585072011e-308",
                                      "2.2250738585072012e-308",
                                      "9007199254740993",
                                      "9007199254740992.99999999999999999999",
                                      "9007199254740993.00000000000000000001",
                                      "18014398509481985",
                                      "18014398509481986",
                                      "0.1",
                                      "0.3",
                                      "3.14159265358979323846264338327950288",
                                      "8.5e-1",
                                      "100000000000000000000000000000000000000000000000000",
                                      "0.000000000000000000000000000000000000000000001"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) same_reading(texts[i]);
  assert_true(srope_decimal_read("12x", 3) == 12);
  assert_true(srope_decimal_read("1234", 2) == 12); /* n bytes and no more */
  assert_true(srope_decimal_read("", 0) == 0);
}

/* More digits than are kept; a point far from the exponent. */
static void test_reads_long_texts(void **state) {
  (void)state;
  static char text[20001 + 32];
  for (int tail = 0; tail < 2; tail++) {
    strcpy(text, "9007199254740993.");
    size_t n = strlen(text);
    memset(text + n, '0', 20000 - n);
    text[20000] = (char)('0' + tail), text[20001] = 0; /* one digit decides, far behind */
    same_reading(text);
    strcpy(text + 20001, "e-10");
    same_reading(text);
  }
  memset(text, '7', 20000);
  strcpy(text + 20000, "e-20010");
  same_reading(text);
  memset(text, '0', 20000);
  text[1] = '.';
  strcpy(text + 20000, "7e20000");
  same_reading(text);
}

static void test_reads_random_texts_as_strtod(void **state) {
  (void)state;
  srope_rng rng;
  srope_rng_seed(&rng, 2, 0);
  char text[64];
  for (int i = 0; i < N_RANDOM; i++) {
    double any = fabs(from_bits(srope_rng_next(&rng)));
    if (isfinite(any)) {
      for (int digits = 15; digits <= 20; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, any);
        same_reading(text);
      }
      assert_true(srope_decimal_read(text, strlen(text)) == any);
      same_halfway(any);
    }
    double subnormal = from_bits(srope_rng_next(&rng) >> (12 + srope_rng_below(&rng, 50)));
    snprintf(text, sizeof text, "%.*g", (int)(1 + srope_rng_below(&rng, 19)), subnormal);
    same_reading(text);
    snprintf(text, sizeof text, "-%llu.%llue%d", (unsigned long long)srope_rng_next(&rng),
             (unsigned long long)srope_rng_next(&rng), (int)srope_rng_below(&rng, 700) - 350);
    same_reading(text);
    same_halfway(fabs(srope_rng_normal(&rng)));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_prints_as_printf),         cmocka_unit_test(test_cuts_and_counts),
      cmocka_unit_test(test_prints_doubles_as_printf), cmocka_unit_test(test_reads_as_strtod),
      cmocka_unit_test(test_reads_long_texts),         cmocka_unit_test(test_reads_random_texts_as_strtod),
  };
  return cmocka_run_group_tests_name("unit_text", tests, NULL, NULL);
}
