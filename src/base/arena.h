/* arena.h: one block of memory whose size is measured by the same function that places into it.
 * Run the placing function twice: once with base NULL (it only adds up), once on a block of that size.
 * Every piece is 64-byte aligned, so that vectors and cache lines fit. Sizes that overflow set `overflow`. */
#ifndef SROPE_BASE_ARENA_H
#define SROPE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct srope_arena {
  unsigned char *base; /* NULL while measuring; borrows */
  size_t used;
  bool overflow;
} srope_arena;

/* count × size bytes; NULL while measuring or after an overflow. */
void *srope_arena_place(srope_arena *arena, size_t count, size_t size);

/* 64-byte aligned and zeroed; NULL when refused. Free with srope_aligned_free. */
void *srope_aligned_alloc(size_t n_bytes);
void srope_aligned_free(void *pointer);

#endif
