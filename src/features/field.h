/* field.h: one feature's value -> its numbers or its rows, checked. The one place that knows the rules of README.md here;
 * encode.c makes vectors of them, words.c words. */
#ifndef SROPE_FEATURES_FIELD_H
#define SROPE_FEATURES_FIELD_H

#include "features/schema.h"

static inline bool srope_field_has_table(const srope_field *field) { return field->kind >= SROPE_KIND_HASH; }

/* out (dim): the vector, zeros where the value is missing, and undefined after a failure. rows: those it is the mean of, in
 * the value's order; *n_rows of them (0 for number and vector), at most as many as the value has elements. Either may be
 * NULL; the table is read only for `out`. Errors: FEATURE, LIMIT; where = "item.tag" or "item.tag[3]". */
srope_status srope_field_read(const srope_field *field, const srope_value *value, float *out, uint32_t *rows,
                              uint32_t *n_rows, srope_error *error);

/* The mean of rows, in its two steps: out (dim) += row; then out /= n_rows. */
void srope_field_add_row(const srope_field *field, uint32_t row, float *out);
void srope_field_divide(const srope_field *field, uint32_t n_rows, float *out);

#endif
