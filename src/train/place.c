/* place.c: see place.h. */
#include "train/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void srope_place_before(srope_error *error, const char *format, ...) {
  va_list arguments;
  char place[2 * sizeof error->where + 2], message[sizeof error->message];
  if (error == NULL) return;
  va_start(arguments, format);
  int n = vsnprintf(place, sizeof error->where, format, arguments);
  va_end(arguments);
  if (n >= 0 && (size_t)n < sizeof error->where && error->where[0] != 0)
    snprintf(place + n, sizeof place - (size_t)n, ", %s", error->where);
  memcpy(message, error->message, sizeof message);
  srope_fail(error, error->status, place, "%s", message); /* which repairs what was cut */
}

void srope_place_line(srope_error *error, const char *path, uint64_t line) {
  const char *slash = strrchr(path, '/');
  srope_place_before(error, "%.60s line %llu", slash != NULL ? slash + 1 : path, (unsigned long long)line);
}
