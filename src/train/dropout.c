/* dropout.c: see dropout.h. */
#include "train/dropout.h"

#include "base/rng.h"

static uint64_t row_key(const srope_dropout *dropout, uint64_t token, uint32_t site) {
  return srope_rng_mix(dropout->key ^ srope_rng_mix(token ^ srope_rng_mix(site)));
}

static uint32_t threshold(const srope_dropout *dropout) { return (uint32_t)(dropout->rate * 65536.0f) << 16; }

/* Element j's chance is murmur3's scrambling (Appleby 2011) of key + j times the golden ratio: 32 bits, in a loop that compilers
 * turn into vectors. */
static void drop(float *x, size_t n, uint32_t key, uint32_t below, float scale) {
  for (size_t j = 0; j < n; j++) {
    uint32_t h = key + (uint32_t)j * 0x9e3779b9u;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    x[j] *= (h ^ (h >> 16)) < below ? 0 : scale;
  }
}

static void apply(const srope_hook *hook, uint32_t site, float *x, size_t m, size_t width) {
  const srope_dropout *dropout = hook->context;
  const uint32_t below = threshold(dropout);
  const float scale = 1.0f / (1.0f - (float)below / 4294967296.0f);
  for (size_t i = 0; i < m; i++)
    drop(x + i * width, width, (uint32_t)(row_key(dropout, dropout->tokens[i], site) >> 32), below, scale);
}

srope_hook srope_dropout_hook(const srope_dropout *dropout) { return (srope_hook){apply, dropout, 0}; }

bool srope_dropout_drops(const srope_dropout *dropout, uint64_t token, uint32_t site) {
  return (uint32_t)(row_key(dropout, token, site) >> 32) < threshold(dropout);
}
