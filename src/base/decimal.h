/* decimal.h: double <-> decimal digits, exact both ways, without a table: whole numbers of up to 4096 bits. So that every machine
 * writes and reads the same text, whatever its C library and locale; WebAssembly's would bring 8 KB of long double for it.
 * Slow for huge exponents (0.1 ms), for messages and configurations, not for inner loops. */
#ifndef SROPE_BASE_DECIMAL_H
#define SROPE_BASE_DECIMAL_H

#include <stddef.h>

enum { SROPE_MAX_DIGITS = 767 + 9 }; /* 767: of the largest subnormal number, none has more */

/* All digits of a finite x >= 0, the first not '0', the last perhaps: x = 0.d1 d2 d3 ... · 10^point. Returns their number, 0 for 0. */
size_t srope_decimal_digits(double x, char digits[SROPE_MAX_DIGITS], int *point);

/* Rounds n digits to at most `kept` of them, ties to even; kept may be below 0 (then nothing stays). Trailing zeros are cut.
 * Returns how many are left. */
size_t srope_decimal_round(char digits[SROPE_MAX_DIGITS], size_t n, int kept, int *point);

/* The double nearest to a text [-]digits[.digits][(e|E)[+|-]digits] of n bytes, ties to even: an infinity where it is too
 * large, 0 where it is too small. Ends at the first byte that does not belong. */
double srope_decimal_read(const char *text, size_t n);

#endif
