/* wasm_libc_test.c: bindings/wasm/libc.c, built natively under other names, against the C library. */
#include "files.h"

#include "base/rng.h"

#define qsort small_qsort
#define snprintf small_snprintf
#define strstr small_strstr
#define vsnprintf small_vsnprintf
#include "../../bindings/wasm/libc.c"
#undef qsort
#undef snprintf
#undef strstr
#undef vsnprintf

typedef struct element {
  uint32_t key;
  unsigned char rest[5];
} element;

static int compare(const void *a, const void *b) {
  uint32_t x = ((const element *)a)->key, y = ((const element *)b)->key;
  return (x > y) - (x < y);
}

static void test_sorts(void **state) {
  (void)state;
  srope_rng rng;
  srope_rng_seed(&rng, 4, 0);
  for (uint32_t n = 0; n < 200; n++) {
    element found[200], expected[200];
    for (uint32_t i = 0; i < n; i++) {
      uint32_t key = srope_rng_below(&rng, n % 3 ? 1000000 : 7);   /* every third time with many equal ones */
      found[i] = (element){key, {(unsigned char)key, 1, 2, 3, 4}}; /* equal elements are equal altogether */
    }
    memcpy(expected, found, sizeof found);
    small_qsort(found, n, sizeof *found, compare);
    qsort(expected, n, sizeof *expected, compare);
    for (uint32_t i = 0; i < n; i++) {
      assert_int_equal(found[i].key, expected[i].key);
      assert_memory_equal(found[i].rest, expected[i].rest, 5);
    }
  }
}

static void test_prints(void **state) {
  (void)state;
  char text[8];
  assert_int_equal(small_snprintf(text, sizeof text, "%s %d", "number", 12), 9);
  assert_string_equal(text, "number ");
}

static void test_finds(void **state) {
  (void)state;
  static const char *const texts[] = {"", "a", "aab", "head.0.weight", "abababc"}, *const wanted[] = {"",   "a",
                                                                                                      "ab", "ababc",
                                                                                                      "t",  "x"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
      assert_ptr_equal(small_strstr(texts[i], wanted[j]), strstr(texts[i], wanted[j]));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sorts), cmocka_unit_test(test_prints),
                                     cmocka_unit_test(test_finds)};
  return cmocka_run_group_tests_name("unit_wasm_libc", tests, NULL, NULL);
}
