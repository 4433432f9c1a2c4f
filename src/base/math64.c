/* math64.c: see math64.h. Only + - × ÷, comparisons and bit moves, each rounded once (-ffp-contract=off). */
#include "base/math64.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 1.5·2^52: adding it rounds a double of size below 2^51 to the nearest integer. */
static const double ROUNDER = 6755399441055744.0;

/* ln 2 and π/2 in two parts; the first has 33 significant bits, so n·first is exact for |n| < 2^20 (Cody, Waite 1980). */
static const double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
static const double PI_2_HIGH = 0x1.921fb54400000p+0, PI_2_LOW = 0x1.0b4611a626331p-34;

static double nearest(double x) { return (x + ROUNDER) - ROUNDER; }

static double power_of_two(int exponent) { /* -1022 <= exponent <= 1023 */
  uint64_t bits = (uint64_t)(exponent + 1023) << 52;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static int exponent_of(double x) { /* of a normal x > 0 */
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (int)(bits >> 52) - 1023;
}

double srope_exp64(double x) {
  if (x != x) return x; /* of an overflowed network, as below */
  if (x > 709.0) x = 709.0;
  if (x < -708.0) x = -708.0;
  double n = nearest(x * 1.4426950408889634074);
  double r = (x - n * LN2_HIGH) - n * LN2_LOW; /* |r| <= ln2 / 2 */
  /* Taylor to r^13: the next term is below 5e-18. */
  double sum = 0;
  for (int k = 13; k >= 1; k--) sum = (1.0 + sum) * r / k;
  return (1.0 + sum) * power_of_two((int)n);
}

/* log(1+f) - 2s, s = f/(2+f), for 1+f in [1/√2, √2]: 2·(s^3/3 + s^5/5 + ...); s² <= 0.0295, the next term below 1e-17. */
static double log_series(double s) {
  double s2 = s * s, sum = 0;
  for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * s2;
  return 2.0 * s * sum;
}

double srope_log64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = exponent_of(x);
  bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.41421356237309515) {
    m *= 0.5;
    exponent++;
  }
  double s = (m - 1.0) / (m + 1.0);
  return exponent * LN2_HIGH + (2.0 * s + (log_series(s) + exponent * LN2_LOW));
}

double srope_log1p64(double x) {
  double u = 1.0 + x;
  if (u == 1.0) return x;
  return srope_log64(u) + (x - (u - 1.0)) / u; /* the second term is what 1 + x rounded away */
}

/* fmod(x, 2π as a double), exactly: a number less one between its half and itself has no error. */
static double without_turns(double x) {
  const double turn = 6.28318530717958647692;
  double left = fabs(x);
  while (left >= turn) {
    double turns = turn * power_of_two(exponent_of(left) - exponent_of(turn));
    left -= turns > left ? 0.5 * turns : turns;
  }
  return x < 0 ? -left : left;
}

void srope_sincos64(double x, double *sine, double *cosine) {
  if (!(x >= -1e9 && x <= 1e9)) {
    if (x - x != 0) { /* an infinity or NaN, which an overflowed network can give */
      *sine = *cosine = x - x;
      return;
    }
    x = without_turns(x);
  }
  double n = nearest(x * 0.63661977236758134308);
  double r = (x - n * PI_2_HIGH) - n * PI_2_LOW; /* |r| <= π/4 */
  double r2 = r * r, s = 0, c = 0;
  /* Taylor: the next terms are below 1e-18. */
  for (int k = 17; k >= 3; k -= 2) s = (1.0 + s) * r2 / -(double)(k * (k - 1));
  for (int k = 18; k >= 2; k -= 2) c = (1.0 + c) * r2 / -(double)(k * (k - 1));
  s = r + r * s;
  c = 1.0 + c;
  switch ((int64_t)n & 3) {
    case 0: *sine = s, *cosine = c; break;
    case 1: *sine = c, *cosine = -s; break;
    case 2: *sine = -s, *cosine = -c; break;
    default: *sine = -c, *cosine = s; break;
  }
}
