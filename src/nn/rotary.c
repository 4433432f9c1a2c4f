/* rotary.c: see rotary.h. */
#include "nn/rotary.h"

#include "base/math64.h"

double srope_rotary_time_angle(const srope_model *model, const float *f, double days, uint32_t pair) {
  const srope_info *info = &model->info;
  switch (info->variant) {
    case SROPE_SIREN: {
      uint32_t angle = pair / (info->n_pairs / info->n_angles); /* A < P: each angle serves P/A neighbouring pairs */
      return (double)f[angle] * model->frequency[angle];
    }
    case SROPE_TOROPE: return info->time_scale * days * model->inverse_frequency[pair];
    default: return 0;
  }
}

void srope_rotary_turn(const srope_model *model, const float *f, double index, double days, float *cosine,
                       float *sine) {
  const srope_info *info = &model->info;
  /* Positions fall towards the newest token in ordinal and siren models, rise in TO-RoPE. */
  double place = info->variant == SROPE_TOROPE ? index : -index;
  if (info->variant == SROPE_SIREN) place *= info->order_scale;
  for (uint32_t j = 0; j < info->n_pairs; j++) {
    double s, c;
    srope_sincos64(srope_rotary_time_angle(model, f, days, j) + place * model->inverse_frequency[j], &s, &c);
    cosine[2 * j] = cosine[2 * j + 1] = (float)c;
    sine[2 * j] = -(float)s;
    sine[2 * j + 1] = (float)s;
  }
}

void srope_rotary_turn_backward(const srope_model *model, const float *f, double index, const float *dangle, float *df,
                                float *dfrequency, float *dorder_scale) {
  const srope_info *info = &model->info;
  uint32_t repeat = info->n_pairs / info->n_angles;
  double dorder = 0;
  for (uint32_t angle = 0; angle < info->n_angles; angle++) {
    double sum = 0;
    for (uint32_t j = angle * repeat; j < (angle + 1) * repeat; j++) {
      sum += dangle[j];
      dorder -= (double)dangle[j] * index * model->inverse_frequency[j];
    }
    df[angle] = (float)(sum * model->frequency[angle]);
    if (dfrequency) dfrequency[angle] += (float)(sum * (double)f[angle]);
  }
  if (dorder_scale) *dorder_scale += (float)dorder;
}

void srope_rotate_backward(const srope_model *model, const float *cosine, const float *sine, const float *x, float *dx,
                           float *dangle) {
  size_t pairs = model->info.n_pairs;
  for (uint32_t h = 0; h < model->info.n_heads; h++, x += 2 * pairs, dx += 2 * pairs)
    for (size_t j = 0; j < pairs; j++) {
      float c = cosine[2 * j], s = sine[2 * j + 1], even = dx[2 * j], odd = dx[2 * j + 1];
      dangle[j] += odd * x[2 * j] - even * x[2 * j + 1];
      dx[2 * j] = even * c + odd * s;
      dx[2 * j + 1] = odd * c - even * s;
    }
}
