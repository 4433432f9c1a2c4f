/* request_key.c: the 64-bit key of a request's name. 0 means "no name" in srope_events, so no name has it. */
#include "features/names.h"
#include "sirenrope/sirenrope.h"

uint64_t srope_request_key(const char *name, size_t n) {
  uint64_t hash = srope_fnv64(name, n);
  return hash ? hash : 1;
}

uint64_t srope_request_key_integer(int64_t name) {
  char text[SROPE_DECIMAL_BYTES];
  return srope_request_key(text, srope_decimal_text(name, text));
}
