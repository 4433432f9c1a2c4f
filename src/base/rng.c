/* rng.c: see rng.h. */
#include "base/rng.h"

#include <math.h>

#include "base/math64.h"

static uint64_t rotate_left(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static uint64_t split_mix(uint64_t *state) {
  uint64_t z = srope_rng_mix(*state);
  *state += 0x9e3779b97f4a7c15u;
  return z;
}

void srope_rng_seed(srope_rng *rng, uint64_t seed, uint64_t stream) {
  uint64_t mixed = split_mix(&seed) + stream; /* so that seed and stream do not cancel one another */
  mixed = split_mix(&mixed);
  for (int i = 0; i < 4; i++) rng->state[i] = split_mix(&mixed); /* never all zero: split_mix is a bijection */
}

uint64_t srope_rng_next(srope_rng *rng) {
  uint64_t *s = rng->state, result = rotate_left(s[0] + s[3], 23) + s[0], shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotate_left(s[3], 45);
  return result;
}

double srope_rng_uniform(srope_rng *rng) { return (double)(srope_rng_next(rng) >> 11) * 0x1p-53; }

/* Lemire 2019: the high half of a product, without the few low halves that would make some numbers more frequent. */
uint32_t srope_rng_below(srope_rng *rng, uint32_t n) {
  uint32_t unfair = (0u - n) % n;
  uint64_t product;
  do product = (srope_rng_next(rng) >> 32) * n;
  while ((uint32_t)product < unfair);
  return (uint32_t)(product >> 32);
}

double srope_rng_normal(srope_rng *rng) { /* Box and Muller 1958; 1 - u is never 0 */
  double sine, cosine, radius = sqrt(-2.0 * srope_log64(1.0 - srope_rng_uniform(rng)));
  srope_sincos64(6.28318530717958647692 * srope_rng_uniform(rng), &sine, &cosine);
  return radius * cosine;
}

double srope_rng_exponential(srope_rng *rng) { return -srope_log64(1.0 - srope_rng_uniform(rng)); }
