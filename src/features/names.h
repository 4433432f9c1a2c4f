/* names.h: how a name becomes a number. FNV-1a of its UTF-8 bytes, and the decimal text of an integer, so that the
 * integer 5 and the text "5" are one name. */
#ifndef SROPE_FEATURES_NAMES_H
#define SROPE_FEATURES_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { SROPE_DECIMAL_BYTES = 20 }; /* of -9223372036854775808 */

/* Offset basis and prime of FNV-1a's definition (draft-eastlake-fnv). */
static inline uint32_t srope_fnv32(const char *text, size_t n) {
  uint32_t hash = 0x811C9DC5u;
  for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)text[i]) * 0x01000193u;
  return hash;
}

static inline uint64_t srope_fnv64(const char *text, size_t n) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)text[i]) * 0x00000100000001B3u;
  return hash;
}

/* Plain decimal, no NUL; returns its length. */
static inline size_t srope_decimal_text(int64_t value, char text[SROPE_DECIMAL_BYTES]) {
  char reversed[SROPE_DECIMAL_BYTES];
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  size_t n = 0, n_text = 0;
  do reversed[n++] = (char)('0' + left % 10);
  while ((left /= 10) > 0);
  if (value < 0) reversed[n++] = '-';
  while (n > 0) text[n_text++] = reversed[--n];
  return n_text;
}

#endif
