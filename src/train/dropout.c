/* dropout.c: see dropout.h. */
#include "train/dropout.h"

#include "base/rng.h"

static uint64_t row_key(const srope_dropout *dropout, uint64_t token, uint32_t site) {
  return srope_rng_mix(dropout->key ^ srope_rng_mix(token ^ srope_rng_mix(site)));
}

static uint32_t threshold(const srope_dropout *dropout) { return (uint32_t)(dropout->rate * 65536.0f); }

static void apply(const srope_hook *hook, uint32_t site, float *x, size_t m, size_t width) {
  const srope_dropout *dropout = hook->context;
  const uint32_t below = threshold(dropout);
  const float scale = 1.0f / (1.0f - (float)below / 65536.0f);
  for (size_t i = 0; i < m; i++, x += width) {
    uint64_t key = row_key(dropout, dropout->tokens[i], site);
    for (size_t j = 0; j < width; j += 4) { /* 16 bits of chance for each of four elements */
      uint64_t bits = srope_rng_mix(key + j);
      size_t n = width - j < 4 ? width - j : 4;
      for (size_t e = 0; e < n; e++, bits >>= 16) x[j + e] = (uint32_t)(bits & 0xffff) < below ? 0 : x[j + e] * scale;
    }
  }
}

srope_hook srope_dropout_hook(const srope_dropout *dropout) { return (srope_hook){apply, dropout, 0}; }

bool srope_dropout_drops(const srope_dropout *dropout, uint64_t token, uint32_t site) {
  return (uint32_t)(row_key(dropout, token, site) & 0xffff) < threshold(dropout);
}
