/* text.c: see text.h. */
#include "base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"

typedef struct writer {
  char *text;
  size_t capacity, n; /* n: of the whole text, also what does not fit */
} writer;

typedef struct conversion {
  int width, precision; /* precision -1: none given */
  int n_long;           /* 1: l, 2: ll */
  bool zeros;
} conversion;

static void put(writer *w, char c) {
  if (w->n + 1 < w->capacity) w->text[w->n] = c;
  w->n++;
}

static void put_integer(writer *w, uint64_t value, bool negative, uint32_t base, const conversion *c) {
  char digits[20]; /* of 2^64 - 1, the lowest first */
  int n = 0;
  do digits[n++] = "0123456789abcdef"[value % base];
  while ((value /= base) > 0);
  if (negative && c->zeros) put(w, '-');
  for (int i = n + negative; i < c->width; i++) put(w, c->zeros ? '0' : ' ');
  if (negative && !c->zeros) put(w, '-');
  while (n > 0) put(w, digits[--n]);
}

/* n digits of 0.d1 d2 ... · 10^point, at least one before the point and so many places after it. */
static void put_fixed(writer *w, const char *digits, int n, int point, int places) {
  for (int i = point > 0 ? 0 : point - 1; i < point + places; i++) {
    if (i == point) put(w, '.');
    put(w, i >= 0 && i < n ? digits[i] : '0');
  }
}

static void put_double(writer *w, double x, bool general, int precision) {
  char digits[SROPE_MAX_DIGITS];
  int point;
  if (precision < 0) precision = 6;
  if (signbit(x)) put(w, '-');
  if (!isfinite(x)) {
    for (const char *s = x != x ? "nan" : "inf"; *s; s++) put(w, *s);
    return;
  }
  size_t n_all = srope_decimal_digits(fabs(x), digits, &point);
  if (!general) {
    int n = (int)srope_decimal_round(digits, n_all, point + precision, &point);
    put_fixed(w, digits, n, point, precision);
    return;
  }
  if (precision == 0) precision = 1;
  int n = (int)srope_decimal_round(digits, n_all, precision, &point);
  if (n == 0) point = 1;
  if (point > -4 && point <= precision) {
    put_fixed(w, digits, n, point, n > point ? n - point : 0);
    return;
  }
  put_fixed(w, digits, n, 1, n - 1);
  put(w, 'e');
  int exponent = point - 1;
  put(w, exponent < 0 ? '-' : '+');
  put_integer(w, (uint64_t)(exponent < 0 ? -exponent : exponent), false, 10, &(conversion){.width = 2, .zeros = true});
}

/* ---------------------------------------------------------------- formats */

static int take_number(const char **at, va_list *arguments) {
  if (**at == '*') {
    ++*at;
    return va_arg(*arguments, int);
  }
  int n = 0;
  for (; **at >= '0' && **at <= '9'; ++*at) n = 10 * n + (**at - '0');
  return n;
}

static conversion take_conversion(const char **at, va_list *arguments) {
  conversion c = {.precision = -1, .zeros = **at == '0'};
  if (c.zeros) ++*at;
  c.width = take_number(at, arguments);
  if (**at == '.') {
    ++*at;
    c.precision = take_number(at, arguments);
  }
  for (; **at == 'l'; ++*at) c.n_long++;
  if (**at == 'z') {
    c.n_long = sizeof(size_t) == sizeof(long long) ? 2 : sizeof(size_t) == sizeof(long);
    ++*at;
  }
  return c;
}

static int64_t take_signed(const conversion *c, va_list *arguments) {
  if (c->n_long == 0) return va_arg(*arguments, int);
  return c->n_long == 1 ? va_arg(*arguments, long) : va_arg(*arguments, long long);
}

static uint64_t take_unsigned(const conversion *c, va_list *arguments) {
  if (c->n_long == 0) return va_arg(*arguments, unsigned);
  return c->n_long == 1 ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned long long);
}

/* The argument of the conversion at `at`; returns what follows it. */
static const char *put_argument(writer *w, const char *at, va_list *arguments) {
  conversion c = take_conversion(&at, arguments);
  switch (*at) {
    case 'd': {
      int64_t value = take_signed(&c, arguments);
      put_integer(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10, &c);
      break;
    }
    case 'u':
    case 'x': put_integer(w, take_unsigned(&c, arguments), false, *at == 'x' ? 16 : 10, &c); break;
    case 's': {
      const char *s = va_arg(*arguments, const char *);
      for (int i = 0; i != c.precision && s[i]; i++) put(w, s[i]);
      break;
    }
    case 'f':
    case 'g': put_double(w, va_arg(*arguments, double), *at == 'g', c.precision); break;
    case '%': put(w, '%'); break;
    default: put(w, '?'); return at; /* no conversion of text.h's: the program is wrong */
  }
  return at + 1;
}

size_t srope_text_print_list(char *text, size_t capacity, const char *format, va_list arguments) {
  writer w = {text, capacity, 0};
  va_list left;
  va_copy(left, arguments);
  while (*format) {
    if (*format == '%')
      format = put_argument(&w, format + 1, &left);
    else
      put(&w, *format++);
  }
  va_end(left);
  if (capacity > 0) text[w.n < capacity ? w.n : capacity - 1] = 0;
  return w.n;
}

size_t srope_text_print(char *text, size_t capacity, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t n = srope_text_print_list(text, capacity, format, arguments);
  va_end(arguments);
  return n;
}

/* ---------------------------------------------------------------- characters */

size_t srope_text_character(const char *characters) {
  const unsigned char *text = (const unsigned char *)characters;
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
