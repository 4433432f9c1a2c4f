#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

void *srope_arena_place(srope_arena *arena, size_t count, size_t size) {
  if (arena->overflow || (size != 0 && count > (SIZE_MAX - ALIGNMENT) / size) ||
      arena->used > SIZE_MAX - ALIGNMENT - count * size) {
    arena->overflow = true;
    return NULL;
  }
  void *place = arena->base ? arena->base + arena->used : NULL;
  arena->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return place;
}

void *srope_aligned_alloc(size_t n_bytes) {
  if (n_bytes > SIZE_MAX - 2 * ALIGNMENT) return NULL;
  size_t rounded = (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (rounded == 0) rounded = ALIGNMENT;
  void *block = aligned_alloc(ALIGNMENT, rounded);
  if (block) memset(block, 0, rounded);
  return block;
}

void srope_aligned_free(void *pointer) { free(pointer); }
