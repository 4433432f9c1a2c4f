/* hash.c: see hash.h. The one place that includes xxhash (vendored). */
#include "base/hash.h"

#define XXH_INLINE_ALL
#define XXH_NO_XXH3
#include "xxhash.h"

uint64_t srope_hash64(const void *bytes, size_t n) { return XXH64(bytes, n, 0); }
