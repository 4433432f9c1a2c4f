/* decimal.c: see decimal.h. A double is a whole number times a power of two; a decimal text one times a power of ten. Both
 * are made whole and exact, and rounded once. */
#include "base/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* At most 4096 bits: x's digits take m·5^1074, 2547 bits; a text's, cut after MAX_SIGNIFICANT, times what makes their
 * quotient by 10^1130 have 64 bits, 3890. */
enum { MAX_LIMBS = 128, MAX_SIGNIFICANT = 800 /* a number halfway between two doubles has at most 768 digits */ };

typedef struct big {
  uint32_t limb[MAX_LIMBS]; /* the lowest first */
  uint32_t n;               /* the highest is not 0 */
} big;

static void multiply_add(big *b, uint32_t factor, uint32_t plus) {
  uint64_t carry = plus;
  for (uint32_t i = 0; i < b->n; i++, carry >>= 32) {
    carry += (uint64_t)b->limb[i] * factor;
    b->limb[i] = (uint32_t)carry;
  }
  if (carry > 0) b->limb[b->n++] = (uint32_t)carry;
}

static uint32_t divide(big *b, uint32_t divisor) { /* returns the remainder */
  uint64_t rest = 0;
  for (uint32_t i = b->n; i-- > 0; rest %= divisor) {
    rest = rest << 32 | b->limb[i];
    b->limb[i] = (uint32_t)(rest / divisor);
  }
  while (b->n > 0 && b->limb[b->n - 1] == 0) b->n--;
  return (uint32_t)rest;
}

/* ---------------------------------------------------------------- double -> digits */

size_t srope_decimal_digits(double x, char digits[SROPE_MAX_DIGITS], int *point) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52);
  uint64_t m = bits & 0xfffffffffffffULL;
  *point = 0;
  if (bits == 0) return 0;
  if (exponent > 0)
    m |= 1ULL << 52;
  else
    exponent = 1;
  for (exponent -= 1075; (m & 1) == 0; exponent++) m >>= 1; /* x = m·2^exponent */

  big b = {{(uint32_t)m, (uint32_t)(m >> 32)}, m >> 32 ? 2 : 1};
  for (int i = 0; i < exponent; i++) multiply_add(&b, 2, 0);
  for (int i = 0; i > exponent; i--) multiply_add(&b, 5, 0); /* x = b·10^exponent */

  char *end = digits + SROPE_MAX_DIGITS, *first = end;
  while (b.n > 0) {
    uint32_t nine = divide(&b, 1000000000);
    for (int i = 0; i < 9; i++, nine /= 10) *--first = (char)('0' + nine % 10);
  }
  while (*first == '0') first++;
  size_t n = (size_t)(end - first);
  memmove(digits, first, n);
  *point = (int)n + (exponent < 0 ? exponent : 0);
  return n;
}

size_t srope_decimal_round(char digits[SROPE_MAX_DIGITS], size_t n, int kept, int *point) {
  if (kept < 0) return 0;
  size_t left = n;
  if ((size_t)kept < n) {
    left = (size_t)kept;
    bool above_half = digits[left] > '5', odd = left > 0 && (digits[left - 1] - '0') % 2 == 1;
    for (size_t i = left + 1; i < n && digits[left] == '5'; i++) above_half = above_half || digits[i] != '0';
    if (above_half || (digits[left] == '5' && odd)) {
      while (left > 0 && digits[left - 1] == '9') left--;
      if (left > 0) {
        digits[left - 1]++;
      } else {
        digits[left++] = '1';
        ++*point;
      }
    }
  }
  while (left > 0 && digits[left - 1] == '0') left--;
  return left;
}

/* ---------------------------------------------------------------- text -> double */

/* b·2^exponent, and a little more where `more`, rounded to a double. */
static double round_to_double(big *b, int exponent, bool more) {
  for (; b->limb[b->n - 1] >> 31 == 0; exponent--) multiply_add(b, 2, 0);
  uint64_t m = (uint64_t)b->limb[b->n - 1] << 32;
  if (b->n > 1) m |= b->limb[b->n - 2];
  for (uint32_t i = 0; i + 2 < b->n; i++) more = more || b->limb[i] != 0;
  exponent += 32 * ((int)b->n - 2); /* m·2^exponent, 64 bits */

  more = more || (m & 1);
  m >>= 1; /* so that all of them can be dropped */
  exponent++;
  int dropped = exponent + 10 < -1074 ? -1074 - exponent : 10; /* 53 bits stay, or what is above 2^-1074 */
  if (dropped > 63) return 0;
  uint64_t rest = m & ((1ULL << dropped) - 1), half = 1ULL << (dropped - 1);
  m >>= dropped;
  if (rest > half || (rest == half && (more || (m & 1)))) m++;
  exponent +=
      dropped +
      1074; /* 0 for the smallest normal numbers, whose field is 1, and below them, where m lacks its 53rd bit */
  if (exponent > 2045) return INFINITY;
  m += (uint64_t)exponent << 52; /* bit 53 of m adds the 1; a carry out of the fraction goes on to the exponent */
  double x;
  memcpy(&x, &m, sizeof x);
  return x;
}

/* b·10^power, and a little more where `more`; b has n_digits digits. */
static double scale(big *b, int n_digits, int64_t power, bool more) {
  if (b->n == 0 || n_digits + power < -330) return 0;
  if (n_digits + power > 310) return INFINITY;
  int exponent = (int)power;
  for (; exponent > 0; exponent--) multiply_add(b, 10, 0);
  int n_wanted = -exponent * 10 / 3 / 32 + 4, shift = n_wanted - (int)b->n; /* limbs; 10/3 is above log2(10) */
  if (exponent == 0 || shift < 0) shift = 0;
  memmove(b->limb + shift, b->limb, b->n * sizeof *b->limb);
  memset(b->limb, 0, (size_t)shift * sizeof *b->limb);
  b->n += (uint32_t)shift;
  for (; exponent < 0; exponent++) more |= divide(b, 10) != 0;
  return round_to_double(b, -32 * shift, more);
}

double srope_decimal_read(const char *text, size_t n) {
  big b = {.n = 0};
  int n_digits = 0;
  int64_t exponent = 0;
  bool more = false, negative = n > 0 && text[0] == '-', fraction = false;
  size_t at = negative;
  for (; at < n && ((text[at] >= '0' && text[at] <= '9') || (text[at] == '.' && !fraction)); at++) {
    if (text[at] == '.') {
      fraction = true;
      continue;
    }
    uint32_t digit = (uint32_t)(text[at] - '0');
    bool taken = n_digits < MAX_SIGNIFICANT;
    if (taken)
      multiply_add(&b, 10, digit);
    else
      more = more || digit != 0;
    if (b.n > 0) n_digits += taken;
    exponent += (taken ? 0 : 1) - (fraction ? 1 : 0);
  }
  if (at < n && (text[at] | 32) == 'e') {
    int64_t written = 0;
    at++;
    bool below = at < n && text[at] == '-';
    if (at < n && (text[at] == '-' || text[at] == '+')) at++;
    for (; at < n && text[at] >= '0' && text[at] <= '9'; at++)
      if (written < 1000000000000000) written = 10 * written + (text[at] - '0');
    exponent += below ? -written : written;
  }
  double x = scale(&b, n_digits, exponent, more);
  return negative ? -x : x;
}
