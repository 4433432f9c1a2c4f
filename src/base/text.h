/* text.h: printf's formats into bounded text, the same on every machine and in every locale: d u x s g f % with l, ll or z,
 * a width (of whole numbers), the flag 0 and a precision (of s, g and f), both of them also as *. Not here: other conversions, which
 * print as ?; files. */
#ifndef SROPE_BASE_TEXT_H
#define SROPE_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define SROPE_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define SROPE_PRINTF(string, first)
#endif

/* Like snprintf: writes at most capacity - 1 bytes and a NUL (nothing where capacity is 0); returns the whole text's length. */
size_t srope_text_print(char *text, size_t capacity, const char *format, ...) SROPE_PRINTF(3, 4);
size_t srope_text_print_list(char *text, size_t capacity, const char *format, va_list arguments) SROPE_PRINTF(3, 0);

/* Bytes of the UTF-8 character at `text`, 0 when it is broken or ends early. Overlong forms and surrogates are broken. Reads no
 * further than the first byte that does not fit, so that a terminating NUL stops it. */
size_t srope_text_character(const char *text);

#endif
