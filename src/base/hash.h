/* hash.h: XXH64 with seed 0, to name models and to notice damage. Not against an adversary. */
#ifndef SROPE_BASE_HASH_H
#define SROPE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t srope_hash64(const void *bytes, size_t n);

/* The same of bytes that come in pieces: start, add each, end. */
typedef struct srope_hash {
  unsigned char state[88];
} srope_hash;
void srope_hash_start(srope_hash *hash);
void srope_hash_add(srope_hash *hash, const void *bytes, size_t n);
uint64_t srope_hash_end(const srope_hash *hash);

#endif
