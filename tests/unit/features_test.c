/* features_test.c: named values -> vectors, each rule of src/features/README.md. The tables of good/features.safetensors
 * have (r, r + 0.25) in row r. Rows of `hash` come from published FNV-1a vectors ("a", "foobar") and from an independent
 * program for the rest, modulo its 101 buckets. */
#include "files.h"

#include <math.h>

enum { PLAIN, LOG, VEC, ID, TAB, WORD, N_ITEM }; /* the item features */
enum { X = 11, AT_VEC = 2, AT_ID = 5, AT_TAB = 7, AT_WORD = 9 };

static srope_model *model;

static srope_value number(double value) { return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = value}; }
static srope_value boolean(bool value) { return (srope_value){.kind = SROPE_VALUE_BOOLEAN, .as.number = value}; }
static srope_value text(const char *string) {
  return (srope_value){.kind = SROPE_VALUE_STRING, .n = (uint32_t)strlen(string), .as.string = string};
}
static srope_value list(uint32_t n, const srope_value *elements) {
  return (srope_value){.kind = SROPE_VALUE_LIST, .n = n, .as.elements = elements};
}
static srope_value other(const char *name) {
  return (srope_value){.kind = SROPE_VALUE_OTHER, .n = (uint32_t)strlen(name), .as.string = name};
}
static const srope_value missing = {.kind = SROPE_VALUE_MISSING};

/* One item feature's outputs, the others missing. */
static void check_item(int feature, srope_value value, int at, int dim, const float *expected) {
  srope_value values[N_ITEM] = {missing, missing, missing, missing, missing, missing};
  float out[X];
  srope_error error;
  values[feature] = value;
  memset(out, 0xFF, sizeof out);
  srope_status status = srope_encode(model, SROPE_ITEM, values, out, &error);
  if (status) fail_msg("%s: %s", error.where, error.message);
  for (int i = 0; i < X; i++) {
    float wanted = i >= at && i < at + dim ? expected[i - at] : 0;
    if (out[i] != wanted) fail_msg("feature %d: out[%d] is %.9g, not %.9g", feature, i, out[i], wanted);
  }
}

static void check_row(int feature, srope_value value, int at, float row) {
  check_item(feature, value, at, 2, (const float[]){row, row + 0.25f});
}

static void check_missing(int feature, srope_value value) { check_item(feature, value, 0, 0, NULL); }

static void check_rejected(int feature, srope_value value, const char *where, const char *message) {
  srope_value values[N_ITEM] = {missing, missing, missing, missing, missing, missing};
  float out[X] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, before[X];
  srope_error error = {0};
  values[PLAIN] = number(42); /* comes first and must not be written either */
  values[feature] = value;
  memcpy(before, out, sizeof out);
  srope_status status = srope_encode(model, SROPE_ITEM, values, out, &error);
  if (status != SROPE_ERR_FEATURE || strcmp(error.where, where) != 0 || !strstr(error.message, message))
    fail_msg("%s: %s: %s", srope_status_code(status), error.where, error.message);
  assert_memory_equal(out, before, sizeof out);
  assert_int_equal(srope_encode(model, SROPE_ITEM, values, out, NULL), SROPE_ERR_FEATURE);
}

/* ---------------------------------------------------------------- the schema */

static void test_lists_features(void **state) {
  (void)state;
  static const srope_feature expected[] = {{"plain", "number", 1, false}, {"log", "number", 1, false},
                                           {"vec", "vector", 3, false},   {"id", "hash", 2, false},
                                           {"tab", "index", 2, false},    {"word", "vocab", 2, false}};
  assert_int_equal(srope_model_feature_count(model, SROPE_ITEM), N_ITEM);
  assert_int_equal(srope_model_feature_count(model, SROPE_ACTION), 1);
  assert_int_equal(srope_model_feature_count(model, SROPE_CONTEXT), 2);
  assert_int_equal(srope_model_feature_count(model, (srope_list)3), 0);
  for (uint32_t i = 0; i < N_ITEM; i++) {
    const srope_feature *feature = srope_model_feature(model, SROPE_ITEM, i);
    assert_string_equal(feature->name, expected[i].name);
    assert_string_equal(feature->kind, expected[i].kind);
    assert_int_equal(feature->dim, expected[i].dim);
    assert_int_equal(feature->required, expected[i].required);
  }
  assert_null(srope_model_feature(model, SROPE_ITEM, N_ITEM));
  assert_true(srope_model_feature(model, SROPE_ACTION, 0)->required);
  assert_true(srope_model_info(model)->has_schema[SROPE_ITEM] && srope_model_info(model)->has_schema[SROPE_CONTEXT]);
}

/* ---------------------------------------------------------------- number and vector */

static void test_numbers(void **state) {
  (void)state;
  check_item(PLAIN, number(2.5), 0, 1, (const float[]){2.5f});
  check_item(PLAIN, number(0.1), 0, 1, (const float[]){0.1f});
  check_item(PLAIN, number(-1e30), 0, 1, (const float[]){-1e30f});
  check_item(PLAIN, boolean(true), 0, 1, (const float[]){1});
  check_item(PLAIN, boolean(false), 0, 1, (const float[]){0});
  check_rejected(PLAIN, number(NAN), "item.plain", "expected a finite number, found");
  check_rejected(PLAIN, number(INFINITY), "item.plain", "expected a finite number, found inf");
  check_rejected(PLAIN, number(1e39), "item.plain", "float32");
  check_rejected(PLAIN, text("2"), "item.plain", "expected a number or a boolean, found a string");
  check_rejected(PLAIN, list(1, (const srope_value[]){number(1)}), "item.plain", "found a list");
  check_rejected(PLAIN, other("an object"), "item.plain", "expected a number or a boolean, found an object");
}

static void test_transforms(void **state) { /* log1p of max(v, 0), clip [0, 3], (v - 1) · 2 */
  (void)state;
  check_item(LOG, number(2.5), 1, 1, (const float[]){(float)((1.252762968495368 - 1) * 2)});
  check_item(LOG, number(-4), 1, 1, (const float[]){-2});
  check_item(LOG, number(0), 1, 1, (const float[]){-2});
  check_item(LOG, number(1e6), 1, 1, (const float[]){4});
  check_item(LOG, number(1e300), 1, 1, (const float[]){4});
  check_item(LOG, boolean(false), 1, 1, (const float[]){-2});
  check_missing(LOG, missing); /* 0 after its transforms, not -2 */
}

static void test_vectors(void **state) {
  (void)state;
  const srope_value good[3] = {number(1), number(-0.1), number(3e38)};
  check_item(VEC, list(3, good), AT_VEC, 3, (const float[]){1, -0.1f, 3e38f});
  check_rejected(VEC, list(2, good), "item.vec", "expected 3 numbers, found 2");
  check_rejected(VEC, number(1), "item.vec", "expected a list of numbers, found a number");
  check_rejected(VEC, text("abc"), "item.vec", "found a string");
  const srope_value with_nan[3] = {number(1), number(2), number(NAN)};
  check_rejected(VEC, list(3, with_nan), "item.vec[2]", "finite");
  const srope_value with_null[3] = {number(1), missing, number(2)};
  check_rejected(VEC, list(3, with_null), "item.vec[1]", "expected a number, found nothing");
  const srope_value with_boolean[3] = {boolean(true), number(1), number(2)};
  check_rejected(VEC, list(3, with_boolean), "item.vec[0]", "found a boolean");
}

/* ---------------------------------------------------------------- tables */

static void test_hash(void **state) {
  (void)state;
  check_row(ID, text("a"), AT_ID, 10);
  check_row(ID, text("foobar"), AT_ID, 54);
  check_row(ID,
            text("\xC3\xBC"
                 "ber"),
            AT_ID, 6);
  check_row(ID, text("5"), AT_ID, 44);
  check_row(ID, number(5), AT_ID, 44);
  check_row(ID, number(5.0), AT_ID, 44);
  check_row(ID, number(-5), AT_ID, 54);
  check_row(ID, number(0), AT_ID, 64);
  check_row(ID, number(-0.0), AT_ID, 64);
  check_row(ID, number(9007199254740992), AT_ID, 72);
  check_row(ID, number(-9007199254740992), AT_ID, 56);
  check_rejected(ID, number(5.5), "item.id", "expected a whole number of at most 2^53 in size, found 5.5");
  check_rejected(ID, number(9007199254740994), "item.id", "found 9007199254740994");
  check_rejected(ID, number(NAN), "item.id", "whole number");
  check_rejected(ID, number(-INFINITY), "item.id", "found -inf");
  check_rejected(ID, boolean(true), "item.id", "expected a string or an integer, found a boolean");
  check_rejected(ID, other("a bigint"), "item.id", "found a bigint");
}

static void test_index(void **state) {
  (void)state;
  check_row(TAB, number(0), AT_TAB, 0);
  check_row(TAB, number(-0.0), AT_TAB, 0);
  check_row(TAB, number(4), AT_TAB, 4);
  check_rejected(TAB, number(5), "item.tab", "expected an integer from 0 to 4, found 5");
  check_rejected(TAB, number(-1), "item.tab", "found -1");
  check_rejected(TAB, number(1.5), "item.tab", "expected a whole number");
  check_rejected(TAB, number(1e300), "item.tab", "expected a whole number");
  check_rejected(TAB, text("3"), "item.tab", "expected an integer, found a string");
  check_rejected(TAB, boolean(false), "item.tab", "found a boolean");
}

static void test_vocab(void **state) { /* zebra ant über bee an */
  (void)state;
  check_row(WORD, text("zebra"), AT_WORD, 0);
  check_row(WORD, text("ant"), AT_WORD, 1);
  check_row(WORD,
            text("\xC3\xBC"
                 "ber"),
            AT_WORD, 2);
  check_row(WORD, text("bee"), AT_WORD, 3);
  check_row(WORD, text("an"), AT_WORD, 4);
  check_missing(WORD, text("Ant"));
  check_missing(WORD, text("a"));
  check_missing(WORD, text("zebras"));
  check_rejected(WORD, number(1), "item.word", "expected a string, found a number");
}

static void test_lists_give_means(void **state) {
  (void)state;
  const srope_value two[] = {number(1), number(4)};
  check_row(TAB, list(2, two), AT_TAB, 2.5f);
  const srope_value three[] = {number(0), number(1), number(1)};
  check_item(TAB, list(3, three), AT_TAB, 2, (const float[]){2.0f / 3, 2.75f / 3});
  const srope_value one[] = {number(3)};
  check_row(TAB, list(1, one), AT_TAB, 3);
  const srope_value mixed[] = {text("a"), number(5), missing, text("")};
  check_row(ID, list(4, mixed), AT_ID, (10 + 44) / 2.0f);
  const srope_value words[] = {text("bee"), text("wasp"), missing, text("ant"), text("")};
  check_row(WORD, list(5, words), AT_WORD, 2);
  const srope_value unlisted[] = {text("wasp"), missing};
  check_missing(WORD, list(2, unlisted));
  const srope_value bad[] = {number(1), missing, number(9)};
  check_rejected(TAB, list(3, bad), "item.tab[2]", "expected an integer from 0 to 4, found 9");
  const srope_value nested[] = {number(1), other("a list in a list")};
  check_rejected(TAB, list(2, nested), "item.tab[1]", "found a list in a list");
  const srope_value list_inside[] = {number(1), list(0, NULL)};
  check_rejected(TAB, list(2, list_inside), "item.tab[1]", "found a list");
  const srope_value fraction[] = {number(0.5)};
  check_rejected(ID, list(1, fraction), "item.id[0]", "whole number");
}

static void test_long_lists(void **state) {
  (void)state;
  srope_value *elements = calloc(SROPE_MAX_LIST + 1, sizeof *elements);
  for (uint32_t i = 0; i <= SROPE_MAX_LIST; i++) elements[i] = number(i % 2);
  check_row(TAB, list(SROPE_MAX_LIST, elements), AT_TAB, 0.5f);
  srope_value values[N_ITEM] = {missing, missing, missing, missing, missing, missing};
  values[TAB] = list(SROPE_MAX_LIST + 1, elements);
  float out[X];
  srope_error error;
  assert_int_equal(srope_encode(model, SROPE_ITEM, values, out, &error), SROPE_ERR_LIMIT);
  assert_string_equal(error.where, "item.tab");
  free(elements);
}

/* ---------------------------------------------------------------- missing, required, shared */

static void test_missing_is_zero(void **state) {
  (void)state;
  for (int feature = 0; feature < N_ITEM; feature++) {
    check_missing(feature, missing);
    check_missing(feature, text(""));
    check_missing(feature, list(0, NULL));
  }
}

static void check_context(srope_value tab, srope_value word, srope_status expected, const char *where, float row_tab,
                          float row_word) {
  srope_value values[2] = {tab, word};
  float out[4];
  srope_error error = {0};
  assert_int_equal(srope_encode(model, SROPE_CONTEXT, values, out, &error), expected);
  assert_string_equal(error.where, where);
  if (expected) return;
  const float wanted[4] = {row_tab, row_tab + 0.25f, row_word, row_word + 0.25f};
  assert_memory_equal(out, wanted, sizeof wanted);
}

static void test_required_and_shared(void **state) { /* context.tab reads item.tab's table, context.word item.word's */
  (void)state;
  const srope_value unlisted[] = {text("zebra"), missing}, null[] = {missing};
  check_context(number(3), text("c"), SROPE_OK, "", 3, 2); /* its own words, the other's rows */
  check_context(missing, text("c"), SROPE_ERR_FEATURE, "context.tab", 0, 0);
  check_context(list(0, NULL), text("c"), SROPE_ERR_FEATURE, "context.tab", 0, 0);
  check_context(list(1, null), text("c"), SROPE_ERR_FEATURE, "context.tab", 0, 0);
  check_context(number(3), text(""), SROPE_ERR_FEATURE, "context.word", 0, 0);
  check_context(number(3), text("zebra"), SROPE_ERR_FEATURE, "context.word", 0, 0);
  check_context(number(3), list(2, unlisted), SROPE_ERR_FEATURE, "context.word", 0, 0);
  float like;
  srope_value none = missing, zero = number(0);
  srope_error error;
  assert_int_equal(srope_encode(model, SROPE_ACTION, &none, &like, &error), SROPE_ERR_FEATURE);
  assert_string_equal(error.message, "expected a value, which is required, found none");
  assert_int_equal(srope_encode(model, SROPE_ACTION, &zero, &like, &error), SROPE_OK);
}

static void test_bad_calls(void **state) {
  (void)state;
  float out[X];
  srope_value values[N_ITEM] = {missing};
  assert_int_equal(srope_encode(model, (srope_list)7, values, out, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_encode(model, SROPE_ITEM, NULL, out, NULL), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_encode(model, SROPE_ITEM, values, NULL, NULL), SROPE_ERR_ARGUMENT);
  srope_model *raw = load_model("tests/unit/good/ordinal.safetensors");
  assert_int_equal(srope_encode(raw, SROPE_ITEM, values, out, NULL), SROPE_ERR_ARGUMENT);
  srope_model_free(raw);
}

/* The shipped model: its schema's outputs fill its vectors. */
static void test_shipped_model(void **state) {
  (void)state;
  srope_model *shipped = load_model("models/kuairand-excerpt.safetensors");
  const srope_info *info = srope_model_info(shipped);
  assert_true(info->n_item == 49 && info->n_action == 5 && info->n_context == 8);
  const srope_value tags[] = {number(12), number(65)};
  const srope_value values[] = {number(7), text("7"), list(2, tags), number(1), number(9)};
  float out[49];
  assert_int_equal(srope_encode(shipped, SROPE_ITEM, values, out, NULL), SROPE_OK);
  assert_true(fabs(out[48] - 0.2 * 2.302585092994046) < 1e-6); /* log1p(9) · 0.2 */
  const srope_value tab[] = {number(1)};
  float context[8];
  assert_int_equal(srope_encode(shipped, SROPE_CONTEXT, tab, context, NULL), SROPE_OK);
  assert_memory_equal(context, out + 40, sizeof context); /* one table */
  srope_model_free(shipped);
}

/* ---------------------------------------------------------------- request keys */

static void test_request_keys(void **state) {
  (void)state;
  assert_true(srope_request_key("a", 1) == 0xAF63DC4C8601EC8C);
  assert_true(srope_request_key("foobar", 6) == 0x85944171F73967E8);
  assert_true(srope_request_key("", 0) == 0xCBF29CE484222325);
  assert_true(srope_request_key_integer(5) == 0xAF63A84C86019430);
  assert_true(srope_request_key_integer(-5) == srope_request_key("-5", 2));
  assert_true(srope_request_key_integer(0) == srope_request_key("0", 1));
  assert_true(srope_request_key_integer(INT64_MIN) == 0x5CC2383ABC21CB79);
  assert_true(srope_request_key_integer(INT64_MAX) == srope_request_key("9223372036854775807", 19));
  /* a text whose FNV-1a 64 is 0 (published): 0 means no name */
  assert_true(srope_request_key("\xD5\x6B\xB9\x53\x42\x87\x08\x36", 8) == 1);
}

static int load(void **state) {
  (void)state;
  model = load_model("tests/unit/good/features.safetensors");
  return 0;
}

static int unload(void **state) {
  (void)state;
  srope_model_free(model);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_features),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_transforms),
      cmocka_unit_test(test_vectors),
      cmocka_unit_test(test_hash),
      cmocka_unit_test(test_index),
      cmocka_unit_test(test_vocab),
      cmocka_unit_test(test_lists_give_means),
      cmocka_unit_test(test_long_lists),
      cmocka_unit_test(test_missing_is_zero),
      cmocka_unit_test(test_required_and_shared),
      cmocka_unit_test(test_bad_calls),
      cmocka_unit_test(test_shipped_model),
      cmocka_unit_test(test_request_keys),
  };
  return cmocka_run_group_tests_name("unit_features", tests, load, unload);
}
