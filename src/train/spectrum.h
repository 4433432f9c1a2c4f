/* spectrum.h: which periods are in a series: the power of its sine and cosine parts, by discrete Fourier transform. In: samples
 * at equal steps. Out: power by number of cycles over the whole span. Not here: where the samples come from. */
#ifndef SROPE_TRAIN_SPECTRUM_H
#define SROPE_TRAIN_SPECTRUM_H

#include "sirenrope/sirenrope.h"

/* power (n / 2 + 1): power[k] is the part of the series' variance that has k cycles over the span, in the square of its
 * units, after a straight line was taken off; power[0] = 0. x (n) is overwritten with what is left. O(n²). */
void srope_spectrum(double *x, size_t n, double *power);

#endif
