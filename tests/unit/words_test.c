/* words_test.c: values -> words -> vectors (features/words.h): the same bits as values -> vectors, for values of every kind,
 * and the gradient against differences of the vectors. */
#include "files.h"

#include <math.h>

#include "features/words.h"
#include "model/model.h"
#include "property/random_model.h"

enum { N_CASES = 4000, MAX_VALUES = 6, MAX_ELEMENTS = 9, MAX_DIM = 16 };

static srope_model *model;
static random_source source;

static srope_value number(double value) { return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = value}; }
static srope_value text(const char *string) {
  return (srope_value){.kind = SROPE_VALUE_STRING, .n = (uint32_t)strlen(string), .as.string = string};
}
static const srope_value missing = {.kind = SROPE_VALUE_MISSING};

/* ---------------------------------------------------------------- random values that a field takes */

static srope_value random_scalar(const srope_field *field) {
  static const char *const words[] = {"zebra", "ant", "\xC3\xBC\x62\x65r", "a", "e", "", "not listed"};
  if (random_below(&source, 8) == 0) return missing;
  switch (field->kind) {
    case SROPE_KIND_HASH:
      return random_below(&source, 2) ? number((double)random_below(&source, 1000))
                                      : text(words[random_below(&source, 7)]);
    case SROPE_KIND_INDEX: return number((double)random_below(&source, field->rows));
    case SROPE_KIND_VOCAB: return text(words[random_below(&source, 7)]);
    default: return number(random_between(&source, -10, 10));
  }
}

static srope_value random_value(const srope_field *field, srope_value *elements) {
  bool boolean = random_below(&source, 4) == 0;
  if (field->kind == SROPE_KIND_NUMBER && boolean) return (srope_value){.kind = SROPE_VALUE_BOOLEAN, .as.number = 1};
  if (field->kind == SROPE_KIND_NUMBER) return random_scalar(field);
  bool vector = field->kind == SROPE_KIND_VECTOR;
  if (random_below(&source, vector ? 5 : 2) == 0) return vector ? missing : random_scalar(field);
  uint32_t n = vector ? field->public_view.dim : (uint32_t)random_below(&source, MAX_ELEMENTS);
  for (uint32_t i = 0; i < n; i++) elements[i] = vector ? number(random_between(&source, -3, 3)) : random_scalar(field);
  return (srope_value){.kind = SROPE_VALUE_LIST, .n = n, .as.elements = elements};
}

static void random_values(const srope_schema *schema, srope_value *values, srope_value elements[][MAX_ELEMENTS]) {
  for (uint32_t i = 0; i < schema->n_fields; i++) values[i] = random_value(&schema->fields[i], elements[i]);
}

/* ---------------------------------------------------------------- the same bits */

/* Packs, expands and encodes; returns whether the values were taken. */
static bool check_case(const srope_schema *schema, const srope_value *values) {
  float encoded[MAX_DIM], expanded[MAX_DIM];
  srope_words words = {0};
  srope_error encode_error = {0}, pack_error = {0};
  assert_true(schema->dim <= MAX_DIM);
  srope_status status = srope_schema_encode(schema, values, encoded, &encode_error);
  assert_int_equal(srope_schema_pack(schema, values, &words, &pack_error), status);
  assert_memory_equal(&encode_error, &pack_error, sizeof pack_error);
  if (status) {
    assert_int_equal(words.n, 0);
  } else {
    memset(expanded, 0xFF, sizeof expanded);
    assert_int_equal(srope_schema_expand(schema, words.data, expanded), words.n);
    assert_memory_equal(expanded, encoded, schema->dim * sizeof *encoded);
  }
  srope_words_free(&words);
  return status == SROPE_OK;
}

static void test_expand_gives_what_encode_gives(void **state) {
  (void)state;
  int n_taken = 0;
  for (int i = 0; i < N_CASES; i++) {
    const srope_schema *schema =
        &model->schema[i % 3]; /* two of them with required features, so that some are refused */
    srope_value values[MAX_VALUES], elements[MAX_VALUES][MAX_ELEMENTS];
    random_values(schema, values, elements);
    n_taken += check_case(schema, values);
  }
  assert_in_range(n_taken, N_CASES / 2, N_CASES - N_CASES / 50);
}

static void test_refused_values_append_nothing(void **state) {
  (void)state;
  srope_words words = {0};
  srope_error error;
  srope_value values[MAX_VALUES] = {number(1), number(2), missing, text("a"), number(3), text("ant")};
  assert_int_equal(srope_schema_pack(&model->schema[SROPE_ITEM], values, &words, &error), SROPE_OK);
  /* number, number, 3 of the vector, 1 + 1 for each table */
  assert_int_equal(words.n, 2 + 3 + 3 * 2);
  values[4] = number(5);
  size_t n = words.n;
  assert_int_equal(srope_schema_pack(&model->schema[SROPE_ITEM], values, &words, &error), SROPE_ERR_FEATURE);
  assert_string_equal(error.where, "item.tab");
  assert_int_equal(words.n, n);
  srope_words_free(&words);
}

static void test_several_events_lie_one_after_the_other(void **state) {
  (void)state;
  enum { N = 200 };
  const srope_schema *schema = &model->schema[SROPE_ITEM];
  static float encoded[N][MAX_DIM];
  float expanded[MAX_DIM];
  srope_words words = {0};
  for (int i = 0; i < N; i++) {
    srope_value values[MAX_VALUES], elements[MAX_VALUES][MAX_ELEMENTS];
    random_values(schema, values, elements);
    assert_int_equal(srope_schema_encode(schema, values, encoded[i], NULL), SROPE_OK);
    assert_int_equal(srope_schema_pack(schema, values, &words, NULL), SROPE_OK);
  }
  const uint32_t *at = words.data;
  for (int i = 0; i < N; i++) {
    at += srope_schema_expand(schema, at, expanded);
    assert_memory_equal(expanded, encoded[i], schema->dim * sizeof *expanded);
  }
  assert_ptr_equal(at, words.data + words.n);
  srope_words_free(&words);
}

static void test_empty_schema_has_no_words(void **state) {
  (void)state;
  const srope_schema schema = {0};
  srope_words words = {0};
  assert_int_equal(srope_schema_pack(&schema, NULL, &words, NULL), SROPE_OK);
  assert_int_equal(words.n, 0);
  assert_int_equal(srope_schema_expand(&schema, words.data, NULL), 0);
}

/* ---------------------------------------------------------------- the gradient */

/* sum of weight · expanded vector, in double precision. */
static double weigh(const srope_schema *schema, const uint32_t *words, const float *weight) {
  float out[MAX_DIM];
  double sum = 0;
  srope_schema_expand(schema, words, out);
  for (uint32_t i = 0; i < schema->dim; i++) sum += (double)(weight[i] * out[i]);
  return sum;
}

/* The sum is linear in a table's elements, so that a difference of 1 is its derivative but for rounding. */
static void check_table(const srope_schema *schema, srope_field *field, const srope_words *words, const float *weight,
                        const float *gradient, float initial) {
  size_t n = (size_t)field->rows * field->public_view.dim;
  float *copy = malloc(n * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, field->table, n * sizeof *copy);
  const float *table = field->table;
  double before = weigh(schema, words->data, weight);
  field->table = copy;
  for (size_t i = 0; i < n; i++) {
    copy[i] += 1;
    double slope = weigh(schema, words->data, weight) - before, found = (double)(gradient[i] - initial);
    if (fabs(slope - found) > 1e-4) fail_msg("%s[%zu]: %g, expected %g", field->place, i, found, slope);
    copy[i] = table[i];
  }
  field->table = table;
  free(copy);
}

static void test_backward_against_differences(void **state) {
  (void)state;
  srope_schema *schema = &model->schema[SROPE_ITEM];
  for (int i = 0; i < 30; i++) {
    srope_value values[MAX_VALUES], elements[MAX_VALUES][MAX_ELEMENTS];
    float weight[MAX_DIM], *dtable[MAX_VALUES] = {NULL};
    const float initial = 0.5f; /* backward adds */
    srope_words words = {0};
    random_values(schema, values, elements);
    assert_int_equal(srope_schema_pack(schema, values, &words, NULL), SROPE_OK);
    for (uint32_t j = 0; j < schema->dim; j++) weight[j] = (float)random_between(&source, -1, 1);
    for (uint32_t f = 0; f < schema->n_fields; f++) {
      size_t n = (size_t)schema->fields[f].rows * schema->fields[f].public_view.dim;
      if (!schema->fields[f].table) continue;
      dtable[f] = malloc(n * sizeof(float));
      assert_non_null(dtable[f]);
      for (size_t j = 0; j < n; j++) dtable[f][j] = initial;
    }
    assert_int_equal(srope_schema_expand_backward(schema, words.data, weight, dtable), words.n);
    for (uint32_t f = 0; f < schema->n_fields; f++)
      if (dtable[f]) check_table(schema, &schema->fields[f], &words, weight, dtable[f], initial);
    for (uint32_t f = 0; f < schema->n_fields; f++) free(dtable[f]);
    srope_words_free(&words);
  }
}

/* Rows that stand twice in a mean get the gradient twice. */
static void test_backward_of_a_mean(void **state) {
  (void)state;
  const srope_schema *schema = &model->schema[SROPE_ITEM];
  const srope_value tabs[] = {number(1), number(3), number(1), number(1)};
  srope_value values[MAX_VALUES] = {missing, missing, missing, missing, {.kind = SROPE_VALUE_LIST, .n = 4}, missing};
  values[4].as.elements = tabs;
  float dout[MAX_DIM] = {0}, dtab[10] = {0}, did[202] = {0}, dword[10] = {0};
  float *const dtable[MAX_VALUES] = {NULL, NULL, NULL, did, dtab, dword};
  srope_words words = {0};
  dout[7] = 8;
  dout[8] = -4;
  assert_int_equal(srope_schema_pack(schema, values, &words, NULL), SROPE_OK);
  srope_schema_expand_backward(schema, words.data, dout, dtable);
  const float expected[10] = {0, 0, 6, -3, 0, 0, 2, -1, 0, 0};
  assert_memory_equal(dtab, expected, sizeof expected);
  srope_words_free(&words);
}

static int load(void **state) {
  (void)state;
  source = (random_source){2};
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
      cmocka_unit_test(test_expand_gives_what_encode_gives),
      cmocka_unit_test(test_refused_values_append_nothing),
      cmocka_unit_test(test_several_events_lie_one_after_the_other),
      cmocka_unit_test(test_empty_schema_has_no_words),
      cmocka_unit_test(test_backward_against_differences),
      cmocka_unit_test(test_backward_of_a_mean),
  };
  return cmocka_run_group_tests_name("unit_words", tests, load, unload);
}
