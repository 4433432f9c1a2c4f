/* time_features.h: a moment -> the angle networks' input. Source: docs of `angle_features` in src/README.md.
 * Differs from the authors' code in one thing: fractions of a day and week are taken in double precision. */
#ifndef SROPE_NN_TIME_FEATURES_H
#define SROPE_NN_TIME_FEATURES_H

#include "model/model.h"

/* φ (F) of one token: the configured features in order, then the G signals (NULL = zeros). order = pos / S;
 * utc_offset_minutes shifts the day and week features only. */
void srope_time_features(const srope_model *model, double time_s, double utc_offset_minutes, double order,
                         const float *signal, float *phi);

#endif
