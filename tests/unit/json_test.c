/* json_test.c: base/json against yyjson's own reader: the same texts are JSON, with the same values; and values written and
 * read again are the same. */
#include "files.h"

#include "base/json.h"
#include "base/rng.h"
#include "yyjson.h"

enum { DEPTH = 8, N_MUTATIONS = 20000 };

/* yyjson's text of a document, whose numbers show whether they are whole, signed or real; NULL for none. Frees the document. */
static char *take_text(yyjson_doc *doc) {
  char *text = doc ? yyjson_write(doc, 0, NULL) : NULL;
  yyjson_doc_free(doc);
  return text;
}

static void check_writing(yyjson_doc *doc, const char *expected) {
  srope_json_text written = {0};
  srope_json_add_value(&written, yyjson_doc_get_root(doc));
  assert_false(written.refused);
  assert_int_equal(strlen(written.text), written.n);
  char *again = take_text(yyjson_read(written.text, written.n, 0));
  if (!again || strcmp(again, expected) != 0) fail_msg("%s was written as %s", expected, written.text);
  free(again);
  free(written.text);
}

/* True where the text is JSON. `text` is n bytes without a NUL behind, so that a sanitizer sees who reads on. */
static bool check(const char *text, size_t n) {
  srope_error error;
  yyjson_doc *ours = NULL;
  char *copy = malloc(n + (n == 0));
  memcpy(copy, text, n);
  srope_status status = srope_json_read(copy, n, DEPTH, SROPE_ERR_FORMAT, "it", &ours, &error);
  char *expected = take_text(yyjson_read(text, n, 0));
  bool is_json = expected != NULL;
  if (status == SROPE_ERR_LIMIT) {
    assert_true(srope_json_find_too_deep(text, n, DEPTH) < n);
  } else if ((status == SROPE_OK) != is_json) {
    fail_msg("%.*s: %s, %s", (int)n, text, status ? error.where : "taken", status ? error.message : "yyjson does not");
  } else if (is_json) {
    char *found = yyjson_write(ours, 0, NULL);
    assert_string_equal(found, expected);
    check_writing(ours, expected);
    free(found);
  } else {
    assert_int_equal(status, SROPE_ERR_FORMAT);
    assert_non_null(strstr(error.message, "expected JSON, found an error: "));
  }
  if (!status) yyjson_doc_free(ours);
  free(expected);
  free(copy);
  return is_json;
}

static const char *const documents[] = {"{\"a\": [1, -2, 3.5e-3, true, false, null], \"b\" : "
                                        "{\"c\":\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"}, \"\":[ ],\"d\":{}}\n",
                                        " [0, -0, 0.0, -0.0, 18446744073709551615, 18446744073709551616, "
                                        "-9223372036854775808, -9223372036854775809, 1E400]",
                                        "[\"\\ud83d\\ude00\", \"\xF0\x9F\x98\x80 \xE2\x82\xAC \xC3\xA9\", "
                                        "\"\\u0000\\u001f\\uFFFF\", \"\x7F\", 1e308, 5e-324, 0.1]",
                                        "{\"num_heads\":4,\"labels\":[\"click\",\"like\"],\"features\":{\"item\":[{"
                                        "\"name\":\"id\",\"kind\":\"hash\",\"dim\":16}]}}",
                                        "[[[[[[[[1]]]]]]]]",
                                        "[[[[[[[[[1]]]]]]]]]",
                                        "1",
                                        "\"a\"",
                                        "null",
                                        "-1.5e+10"};

static void test_documents(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
    assert_true(check(documents[i], strlen(documents[i])) || strstr(documents[i], "1E400"));
}

static void test_refuses_what_is_no_json(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "[1 2]",
                                      "01",
                                      "-",
                                      "-a",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "nul",
                                      "nulL",
                                      "truefalse",
                                      "[1]]",
                                      "\"a",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\n\"",
                                      "\"\\uD800\"",
                                      "\"\\uDC00\"",
                                      "\"\\uD800\\u0041\"",
                                      "\"\\uD800\\uD800\"",
                                      "\"\xC0\x80\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xF4\x90\x80\x80\"",
                                      "\"\xE2\x82\"",
                                      "\xEF\xBB\xBF[]",
                                      "NaN",
                                      "Infinity",
                                      "1e309",
                                      "-1e309",
                                      "[1]/**/",
                                      "'a'",
                                      "\v1"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (check(texts[i], strlen(texts[i]))) fail_msg("%s is no JSON", texts[i]);
  assert_false(check("1\0", 2));
  assert_false(check("\"a\0b\"", 5));
}

/* Every beginning of every document, and documents with bytes changed, left out, doubled and moved. */
static void test_mutations(void **state) {
  (void)state;
  static const char pool[] = "{}[]\",:\\u0123456789abcdefDd8-+.eE \n\xC3\xA9\xF0\x80\x01";
  srope_rng rng;
  srope_rng_seed(&rng, 3, 0);
  size_t n_json = 0;
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
    for (size_t n = 0; n <= strlen(documents[i]); n++) check(documents[i], n);
  for (int i = 0; i < N_MUTATIONS; i++) {
    char text[512];
    const char *document = documents[srope_rng_below(&rng, sizeof documents / sizeof *documents)];
    size_t n = strlen(document);
    memcpy(text, document, n);
    for (uint32_t k = srope_rng_below(&rng, 3) + 1; k > 0 && n > 1; k--) {
      size_t at = srope_rng_below(&rng, (uint32_t)n);
      uint32_t kind = srope_rng_below(&rng, 4);
      if (kind == 0) text[at] = pool[srope_rng_below(&rng, sizeof pool - 1)];
      if (kind == 1) memmove(text + at, text + at + 1, --n - at);
      if (kind == 2) memmove(text + at + 1, text + at, n++ - at);
      if (kind == 3) text[at] = text[srope_rng_below(&rng, (uint32_t)n)];
    }
    n_json += check(text, n);
  }
  assert_true(n_json > N_MUTATIONS / 20 && n_json < N_MUTATIONS); /* both kinds are among them */
}

static void test_says_where(void **state) {
  (void)state;
  static const struct {
    const char *text;
    srope_status status;
    const char *where, *message;
  } rows[] = {{"{\"a\":}", SROPE_ERR_FORMAT, "it byte 5", "unexpected character"},
              {"{\"a\":1", SROPE_ERR_FORMAT, "it byte 6", "unexpected end"},
              {"[1] 2", SROPE_ERR_FORMAT, "it byte 4", "something behind the value"},
              {"[\"a\\q\"]", SROPE_ERR_FORMAT, "it byte 3", "an unknown escape"},
              {"[\"a\\ud800\"]", SROPE_ERR_FORMAT, "it byte 3", "half a surrogate pair"},
              {"[\"\xC3(\"]", SROPE_ERR_FORMAT, "it byte 2", "no UTF-8"},
              {"[\"a\tb\"]", SROPE_ERR_FORMAT, "it byte 3", "a control character"},
              {"[1.x]", SROPE_ERR_FORMAT, "it byte 3", "behind its point"},
              {"[1e5, 1e-]", SROPE_ERR_FORMAT, "it byte 9", "in its exponent"},
              {"[1e999]", SROPE_ERR_FORMAT, "it byte 1", "too large"},
              {"[[[[[[[[{", SROPE_ERR_LIMIT, "it byte 8", "expected at most 8 lists and objects"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    srope_error error;
    yyjson_doc *doc;
    srope_status status =
        srope_json_read(rows[i].text, strlen(rows[i].text), DEPTH, SROPE_ERR_FORMAT, "it", &doc, &error);
    if (status != rows[i].status || strcmp(error.where, rows[i].where) != 0 || !strstr(error.message, rows[i].message))
      fail_msg("%s: status %d, %s: %s", rows[i].text, status, error.where, error.message);
  }
}

/* Whole doubles stay real; fewest digits. */
static void test_writes_reals(void **state) {
  (void)state;
  srope_json_text to = {0};
  const double reals[] = {1, 0.1, 1.0 / 3, -0.0, 1e21, 123456789012345680.0, 5e-324, 0.30000000000000004};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
    if (i > 0) srope_json_add(&to, " ");
    srope_json_add_real(&to, reals[i]);
  }
  assert_string_equal(
      to.text,
      "1.0 0.1 0.3333333333333333 -0.0 1e+21 1.2345678901234568e+17 4.94065645841247e-324 0.30000000000000004");
  free(to.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_documents),    cmocka_unit_test(test_refuses_what_is_no_json),
      cmocka_unit_test(test_mutations),    cmocka_unit_test(test_says_where),
      cmocka_unit_test(test_writes_reals),
  };
  return cmocka_run_group_tests_name("unit_json", tests, NULL, NULL);
}
