/* time_fuzz.c: any bytes as a date and time. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "sirenrope/sirenrope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  double time_ms = NAN;
  srope_error error = {0};
  srope_status status = srope_time_parse((const char *)data, size, &time_ms, &error);
  if (status == SROPE_OK ? !(fabs(time_ms) < 1e15) : !(status == SROPE_ERR_TIME && isnan(time_ms) && error.message[0]))
    abort();
  return 0;
}
