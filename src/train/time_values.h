/* time_values.h: features computed from an event's time, so that a model can have its time in the embedding instead of the
 * rotation: number features called time.sin_day, time.cos_day, time.sin_week, time.cos_week and time.trend.
 * The arithmetic is that of the angle features (nn/time_features.c). */
#ifndef SROPE_TRAIN_TIME_VALUES_H
#define SROPE_TRAIN_TIME_VALUES_H

typedef enum srope_time_value {
  SROPE_TIME_NONE, /* of a name that is none of them */
  SROPE_TIME_SIN_DAY,
  SROPE_TIME_COS_DAY,
  SROPE_TIME_SIN_WEEK,
  SROPE_TIME_COS_WEEK,
  SROPE_TIME_TREND
} srope_time_value;

srope_time_value srope_time_value_find(const char *name);

/* Trend: (time_s - center) / scale; the others in local time, so many minutes east of UTC. */
double srope_time_value_compute(srope_time_value value, double time_s, double utc_offset_minutes, double trend_center,
                                double trend_scale);

#endif
