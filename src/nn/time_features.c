/* time_features.c: see time_features.h. */
#include "nn/time_features.h"

#include <math.h>

#include "base/math64.h"

static const double TWO_PI = 6.28318530717958647692, DAY_S = 86400.0, WEEK_S = 604800.0, YEAR_S = 31536000.0;

void srope_time_features(const srope_model *model, double time_s, double utc_offset_minutes, double order,
                         const float *signal, float *phi) {
  double local_s = time_s + utc_offset_minutes * 60.0;
  double day = local_s / DAY_S, week = local_s / WEEK_S, sin_day, cos_day, sin_week, cos_week;
  srope_sincos64(TWO_PI * (day - floor(day)), &sin_day, &cos_day);
  srope_sincos64(TWO_PI * (week - floor(week)), &sin_week, &cos_week);
  for (uint32_t i = 0; i < model->n_time_features; i++) {
    double value = 0;
    switch (model->angle_features[i]) {
      case SROPE_ANGLE_ORDER: value = order; break;
      case SROPE_ANGLE_YEAR: value = time_s / YEAR_S - 55.0; break;
      case SROPE_ANGLE_SIN_DAY: value = sin_day; break;
      case SROPE_ANGLE_COS_DAY: value = cos_day; break;
      case SROPE_ANGLE_SIN_WEEK: value = sin_week; break;
      case SROPE_ANGLE_COS_WEEK: value = cos_week; break;
      case SROPE_ANGLE_TREND: value = (time_s - model->info.trend_center) / model->info.trend_scale; break;
    }
    *phi++ = (float)value;
  }
  for (uint32_t i = 0; i < model->info.n_signals; i++) *phi++ = signal ? signal[i] : 0.0f;
}
