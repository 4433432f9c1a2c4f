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

/* dangle (P) -> df (A), written, and what it adds to the gradients of freq (A) and order_scale (each may be NULL).
 * f, index: as in the forward pass. Siren models only: the other variants' angles are not learned. */
void srope_rotary_turn_backward(const srope_model *model, const float *f, double index, const float *dangle, float *df,
                                float *dfrequency, float *dorder_scale);

/* A turned row x (D) and its gradient dx (D): dangle (P) += the angles' gradients, and dx is turned back, to the gradient
 * of the row before it was turned. cosine, sine (K): its turn. */
void srope_rotate_backward(const srope_model *model, const float *cosine, const float *sine, const float *x, float *dx,
                           float *dangle);

/* The time part of pair j's angle: f · freq (siren); time_scale · days · inv (TO-RoPE); 0 (ordinal). */
double srope_rotary_time_angle(const srope_model *model, const float *f, double days, uint32_t pair);

#endif
