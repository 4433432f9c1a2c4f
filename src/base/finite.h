/* finite.h: are all of n numbers finite? */
#ifndef SROPE_BASE_FINITE_H
#define SROPE_BASE_FINITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The place of the first NaN or infinity among x (n), or n. */
static inline size_t srope_first_not_finite(const float *x, size_t n) {
  uint32_t worst = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7f800000u;
    worst = bits > worst ? bits : worst;
  }
  if (worst != 0x7f800000u) return n;
  size_t i = 0;
  while (x[i] - x[i] == 0) i++;
  return i;
}

static inline int srope_is_finite(double x) { return x - x == 0; }

#endif
