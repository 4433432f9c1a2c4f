/* time_values.c: see time_values.h. */
#include "train/time_values.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/math64.h"

static const double TWO_PI = 6.28318530717958647692, DAY_S = 86400.0, WEEK_S = 604800.0;

static const char *const names[] = {NULL,        "time.sin_day", "time.cos_day", "time.sin_week", "time.cos_week",
                                    "time.trend"}; /* by srope_time_value */

srope_time_value srope_time_value_find(const char *name) {
  for (int i = SROPE_TIME_SIN_DAY; i <= SROPE_TIME_TREND; i++)
    if (strcmp(name, names[i]) == 0) return (srope_time_value)i;
  return SROPE_TIME_NONE;
}

double srope_time_value_compute(srope_time_value value, double time_s, double utc_offset_minutes, double trend_center,
                                double trend_scale) {
  if (value == SROPE_TIME_TREND) return (time_s - trend_center) / trend_scale;
  bool is_day = value == SROPE_TIME_SIN_DAY || value == SROPE_TIME_COS_DAY;
  double turns = (time_s + utc_offset_minutes * 60.0) / (is_day ? DAY_S : WEEK_S), sine, cosine;
  srope_sincos64(TWO_PI * (turns - floor(turns)), &sine, &cosine);
  return value == SROPE_TIME_SIN_DAY || value == SROPE_TIME_SIN_WEEK ? sine : cosine;
}
