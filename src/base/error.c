/* error.c: messages and places cut to fit, and always valid UTF-8 whatever bytes a caller's name held. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *srope_status_code(srope_status status) {
  static const char *const codes[] = {"ok",    "argument", "memory",  "limit", "format",   "config",      "tensor",
                                      "value", "time",     "feature", "json",  "snapshot", "unsupported", "io"};
  return (unsigned)status < sizeof codes / sizeof *codes ? codes[status] : "unknown";
}

/* Bytes of the UTF-8 sequence at `text`, 0 when it is broken or ends early. Overlong forms and surrogates count as
 * broken. Reads no further than the first byte that does not fit, so the terminating NUL stops it. */
static size_t sequence_length(const unsigned char *text) {
  unsigned first = text[0];
  if (first < 0x80) return 1;
  size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  unsigned second_low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned second_high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (text[1] < second_low || text[1] > second_high) return 0;
  for (size_t i = 2; i < n; i++)
    if ((text[i] & 0xC0) != 0x80) return 0;
  return n;
}

/* Broken bytes become '?'; a sequence that the cut at the end broke is dropped instead. */
static void repair_utf8(char *text, bool was_cut) {
  unsigned char *at = (unsigned char *)text;
  size_t left = strlen(text);
  while (left > 0) {
    size_t n = sequence_length(at);
    if (n == 0 && was_cut && left < 4 && at[0] >= 0xC2) {
      *at = 0;
      return;
    }
    if (n == 0) *at = '?', n = 1;
    at += n;
    left -= n;
  }
}

static void print_bounded(char *text, size_t capacity, const char *format, va_list arguments) {
  int n = vsnprintf(text, capacity, format, arguments);
  if (n < 0) text[0] = 0;
  repair_utf8(text, n >= 0 && (size_t)n >= capacity);
}

static void copy_bounded(char *text, size_t capacity, const char *source) {
  size_t n = strlen(source);
  bool cut = n >= capacity;
  if (cut) n = capacity - 1;
  memmove(text, source, n);
  text[n] = 0;
  repair_utf8(text, cut);
}

srope_status srope_fail(srope_error *error, srope_status status, const char *where, const char *format, ...) {
  if (!error) return status;
  error->status = status;
  copy_bounded(error->where, sizeof error->where, where ? where : "");
  va_list arguments;
  va_start(arguments, format);
  print_bounded(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return status;
}

void srope_error_prefix(srope_error *error, const char *format, ...) {
  if (!error) return;
  char place[sizeof error->where + 1 + sizeof error->where]; /* prefix, '.', what was there */
  va_list arguments;
  va_start(arguments, format);
  print_bounded(place, sizeof error->where, format, arguments);
  va_end(arguments);
  if (error->where[0]) {
    size_t n = strlen(place);
    if (n > 0 && error->where[0] != '[') place[n++] = '.';
    strcpy(place + n, error->where);
  }
  copy_bounded(error->where, sizeof error->where, place);
}
