/* error.c: messages and places cut to fit, and always valid UTF-8 whatever bytes a caller's name held. */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

const char *srope_status_code(srope_status status) {
  static const char *const codes[] = {"ok",    "argument", "memory",  "limit", "format",   "config",      "tensor",
                                      "value", "time",     "feature", "json",  "snapshot", "unsupported", "io"};
  return (unsigned)status < sizeof codes / sizeof *codes ? codes[status] : "unknown";
}

/* Broken bytes become '?'; a sequence that the cut at the end broke is dropped instead. */
static void repair_utf8(char *text, bool was_cut) {
  unsigned char *at = (unsigned char *)text;
  size_t left = strlen(text);
  while (left > 0) {
    size_t n = srope_text_character((const char *)at);
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
  size_t n = srope_text_print_list(text, capacity, format, arguments);
  repair_utf8(text, n >= capacity);
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
    memcpy(place + n, error->where, strlen(error->where) + 1);
  }
  copy_bounded(error->where, sizeof error->where, place);
}
