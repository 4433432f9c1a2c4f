/* encode.c: named values -> one vector (dim), the features' outputs one after the other. Two passes over the values, the
 * first without writing, so that a wrong value leaves `out` as it was. No allocation. Rules: README.md here. */
#include "features/field.h"

srope_status srope_schema_encode(const srope_schema *schema, const srope_value *values, float *out,
                                 srope_error *error) {
  uint32_t n_rows;
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    srope_status status = srope_field_read(&schema->fields[i], &values[i], NULL, NULL, &n_rows, error);
    if (status) return status;
  }
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    (void)srope_field_read(&schema->fields[i], &values[i], out, NULL, &n_rows, NULL);
    out += schema->fields[i].public_view.dim;
  }
  return SROPE_OK;
}
