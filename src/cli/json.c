/* json.c: see json.h. */
#include "cli/json.h"

#include <math.h>
#include <string.h>

void cli_json_text(FILE *out, const char *text, size_t n) {
  size_t plain = 0; /* start of what needs no escape */
  fputc('"', out);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    fwrite(text + plain, 1, i - plain, out);
    plain = i + 1;
    if (c < 0x20)
      fprintf(out, "\\u%04x", c);
    else
      fprintf(out, "\\%c", c);
  }
  fwrite(text + plain, 1, n - plain, out);
  fputc('"', out);
}

/* yyjson's own conversion: exact, shortest, and without a locale. */
static void write_number(FILE *out, yyjson_val *value) {
  char memory[1024];
  yyjson_alc allocator;
  size_t n = 0;
  yyjson_alc_pool_init(&allocator, memory, sizeof memory);
  char *text = yyjson_val_write_opts(value, YYJSON_WRITE_NOFLAG, &allocator, &n, NULL);
  if (text != NULL)
    fwrite(text, 1, n, out);
  else
    fputs("null", out); /* NaN and infinities, which JSON has not */
}

void cli_json_double(FILE *out, double x) {
  yyjson_val value = {0};
  yyjson_set_real(&value, x);
  write_number(out, &value);
}

/* The double that is nearest to the shortest decimal (6 to 9 digits) that reads back as x; its own shortest text is
 * that decimal. m / 10^k with both exact is correctly rounded, so it is what reading the decimal gives. */
static double nearest_short(float x) {
  static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  int exponent = x != 0 ? (int)floor(log10(fabs((double)x))) : 0;
  for (int digits = 6; digits <= 9; digits++) {
    int k = digits - 1 - exponent;
    if (k < 0 || k > 22) break;
    double d = round((double)x * power[k]) / power[k];
    if ((float)d == x) return d;
  }
  return (double)x;
}

void cli_json_float(FILE *out, float x) { cli_json_double(out, isfinite(x) ? nearest_short(x) : (double)x); }

void cli_json_scalar(FILE *out, yyjson_val *value) {
  if (yyjson_is_str(value))
    cli_json_text(out, yyjson_get_str(value), yyjson_get_len(value));
  else if (yyjson_is_raw(value))
    fwrite(yyjson_get_raw(value), 1, yyjson_get_len(value), out);
  else if (yyjson_is_num(value))
    write_number(out, value);
  else
    fputs(yyjson_is_true(value) ? "true" : yyjson_is_false(value) ? "false" : "null", out);
}
