/* rotary.h: a token's place and time -> its rotation. Angles are double precision until cosine and sine.
 *
 * `index` counts from the window's oldest event (0). model.md counts pos = S-1-index from the newest; the two differ by a
 * rotation common to all tokens, which attention cannot see, and `index` does not change when events are appended. */
#ifndef SROPE_NN_ROTARY_H
#define SROPE_NN_ROTARY_H

#include "model/model.h"

/* cosine, sine (K) in the form of the `rotate` kernel. f (A): the angle network's output, siren only, else NULL.
 * days: since the window's oldest event, TO-RoPE only. */
void srope_rotary_turn(const srope_model *model, const float *f, double index, double days, float *cosine, float *sine);

/* The time part of pair j's angle: f · freq (siren); time_scale · days · inv (TO-RoPE); 0 (ordinal). */
double srope_rotary_time_angle(const srope_model *model, const float *f, double days, uint32_t pair);

#endif
