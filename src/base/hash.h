/* hash.h: XXH64 with seed 0, to name models and to notice damage. Not against an adversary. */
#ifndef SROPE_BASE_HASH_H
#define SROPE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t srope_hash64(const void *bytes, size_t n);

#endif
