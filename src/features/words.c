/* words.c: see words.h. */
#include "features/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "features/field.h"

void srope_words_free(srope_words *words) {
  free(words->data);
  *words = (srope_words){0};
}

static srope_status reserve(srope_words *words, size_t n_more, srope_error *error) {
  if (n_more <= words->capacity - words->n) return SROPE_OK;
  size_t capacity = words->n + n_more > 2 * words->capacity ? words->n + n_more : 2 * words->capacity;
  uint32_t *data = capacity <= SIZE_MAX / sizeof *data ? realloc(words->data, capacity * sizeof *data) : NULL;
  if (!data) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu words", capacity);
  words->data = data;
  words->capacity = capacity;
  return SROPE_OK;
}

/* Words of a field's value; a table feature has one more for their number. */
static size_t count_words(const srope_field *field, uint32_t n_rows) {
  return srope_field_has_table(field) ? 1 + (size_t)n_rows : field->public_view.dim;
}

srope_status srope_schema_pack(const srope_schema *schema, const srope_value *values, srope_words *words,
                               srope_error *error) {
  size_t n = 0;
  uint32_t n_rows;
  srope_status status = SROPE_OK;
  for (uint32_t i = 0; i < schema->n_fields && !status; i++) {
    status = srope_field_read(&schema->fields[i], &values[i], NULL, NULL, &n_rows, error);
    n += count_words(&schema->fields[i], n_rows);
  }
  if (!status) status = reserve(words, n, error);
  if (status) return status;
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    const srope_field *field = &schema->fields[i];
    uint32_t *at = words->data + words->n;
    bool has_table = srope_field_has_table(field);
    (void)srope_field_read(field, &values[i], has_table ? NULL : (float *)(void *)at, has_table ? at + 1 : NULL,
                           &n_rows, NULL);
    if (has_table) *at = n_rows;
    words->n += count_words(field, n_rows);
  }
  return SROPE_OK;
}

size_t srope_schema_expand(const srope_schema *schema, const uint32_t *words, float *out) {
  const uint32_t *at = words;
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    const srope_field *field = &schema->fields[i];
    uint32_t dim = field->public_view.dim;
    if (!srope_field_has_table(field)) {
      memcpy(out, at, dim * sizeof *out);
      at += dim;
    } else {
      uint32_t n_rows = *at++;
      memset(out, 0, dim * sizeof *out);
      for (uint32_t r = 0; r < n_rows; r++) srope_field_add_row(field, *at++, out);
      srope_field_divide(field, n_rows, out);
    }
    out += dim;
  }
  return (size_t)(at - words);
}

size_t srope_schema_expand_backward(const srope_schema *schema, const uint32_t *words, const float *dout,
                                    float *const *dtable) {
  const uint32_t *at = words;
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    uint32_t dim = schema->fields[i].public_view.dim;
    if (!srope_field_has_table(&schema->fields[i])) {
      at += dim;
    } else {
      uint32_t n_rows = *at++;
      for (uint32_t r = 0; r < n_rows; r++, at++)
        for (uint32_t j = 0; j < dim; j++) dtable[i][(size_t)*at * dim + j] += dout[j] / (float)n_rows;
    }
    dout += dim;
  }
  return (size_t)(at - words);
}
