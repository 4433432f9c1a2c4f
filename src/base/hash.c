/* hash.c: see hash.h. The one place that includes xxhash (vendored). */
#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#define XXH_NO_XXH3
#include "xxhash.h"

_Static_assert(sizeof(XXH64_state_t) == sizeof(srope_hash), "srope_hash holds xxhash's state");

void srope_hash_start(srope_hash *hash) {
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  memcpy(hash, &state, sizeof state);
}

void srope_hash_add(srope_hash *hash, const void *bytes, size_t n) {
  XXH64_state_t state;
  memcpy(&state, hash, sizeof state);
  if (n > 0) XXH64_update(&state, bytes, n);
  memcpy(hash, &state, sizeof state);
}

uint64_t srope_hash_end(const srope_hash *hash) {
  XXH64_state_t state;
  memcpy(&state, hash, sizeof state);
  return XXH64_digest(&state);
}

uint64_t srope_hash64(const void *bytes, size_t n) { /* not XXH64 itself: its code is a second copy of all this */
  srope_hash hash;
  srope_hash_start(&hash);
  srope_hash_add(&hash, bytes, n);
  return srope_hash_end(&hash);
}
