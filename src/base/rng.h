/* rng.h: seeded random numbers, the same bits on every machine and in WebAssembly: xoshiro256++ (Blackman and Vigna 2019)
 * seeded by splitmix64; what is not integer arithmetic goes through base/math64 and sqrt. A state is a plain value: copy it
 * to draw the same numbers again. Not here: anything secret, any global state. */
#ifndef SROPE_BASE_RNG_H
#define SROPE_BASE_RNG_H

#include <stdint.h>

typedef struct srope_rng {
  uint64_t state[4];
} srope_rng;

/* splitmix64's scrambling of a number: every input gives another output, near inputs give far outputs. */
static inline uint64_t srope_rng_mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* Streams of one seed are independent of one another, so that user 7 is the same whether or not user 6 was drawn. */
void srope_rng_seed(srope_rng *rng, uint64_t seed, uint64_t stream);

uint64_t srope_rng_next(srope_rng *rng);
double srope_rng_uniform(srope_rng *rng);             /* multiples of 2^-53 in [0, 1) */
uint32_t srope_rng_below(srope_rng *rng, uint32_t n); /* 0 .. n-1, each as often as another; n >= 1 */
double srope_rng_normal(srope_rng *rng);              /* mean 0, variance 1; takes two numbers of the stream */
double srope_rng_exponential(srope_rng *rng);         /* mean 1 */

#endif
