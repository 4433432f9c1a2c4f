/* words.h: an event's named values as 32-bit words, so that training looks values up once and expands them often.
 * In words, a `number` is its float after the transforms, a `vector` dim floats, a table feature the number of its rows
 * and then the rows; missing numbers and vectors are zeros, a missing table feature has no rows.
 * Expanded, they give what srope_schema_encode gives, to the bit. */
#ifndef SROPE_FEATURES_WORDS_H
#define SROPE_FEATURES_WORDS_H

#include "features/schema.h"

typedef struct srope_words { /* grows; owns */
  uint32_t *data;
  size_t n, capacity;
} srope_words;
void srope_words_free(srope_words *words);

/* Appends the words of one value per field. Nothing is appended on failure. Errors: as srope_schema_encode, MEMORY. */
srope_status srope_schema_pack(const srope_schema *schema, const srope_value *values, srope_words *words,
                               srope_error *error);

/* Words -> vector (dim), with the fields' tables. Returns how many words it took. */
size_t srope_schema_expand(const srope_schema *schema, const uint32_t *words, float *out);

/* dtable += the vector's gradient dout (dim) on every row that was read. dtable: by field of this schema, the gradient
 * (rows, dim) of the table that the field reads (its owner's); NULL for number and vector. Returns words taken. */
size_t srope_schema_expand_backward(const srope_schema *schema, const uint32_t *words, const float *dout,
                                    float *const *dtable);

#endif
