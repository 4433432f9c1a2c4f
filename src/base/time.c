/* time.c: ISO 8601 text -> Unix milliseconds, in whole numbers until the last step. Proleptic Gregorian calendar, years
 * 0001 to 9999. Not here: local times and names of zones (a text without an offset is UTC), week dates, leap seconds
 * (Unix time has none). */
#include "base/error.h"

#include <string.h>

typedef struct reader {
  const char *text;
  size_t n, at;
  srope_error *error;
} reader;

static srope_status fail_shape(const reader *r) {
  return srope_fail(r->error, SROPE_ERR_TIME, NULL,
                    "expected YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.fraction]][Z|±hh:mm], found \"%.*s\" (wrong from "
                    "byte %zu on)",
                    (int)(r->n < 40 ? r->n : 40), r->text, r->at);
}

static bool take(reader *r, char c) {
  if (r->at >= r->n || r->text[r->at] != c) return false;
  r->at++;
  return true;
}

/* Exactly `digits` digits with a value in low..high. */
static srope_status take_number(reader *r, int digits, int low, int high, const char *what, int *out) {
  int value = 0;
  for (int i = 0; i < digits; i++, r->at++) {
    if (r->at >= r->n || r->text[r->at] < '0' || r->text[r->at] > '9') return fail_shape(r);
    value = 10 * value + (r->text[r->at] - '0');
  }
  if (value < low || value > high)
    return srope_fail(r->error, SROPE_ERR_TIME, NULL, "expected %s from %0*d to %0*d, found %0*d%s", what, digits, low,
                      digits, high, digits, value,
                      value == 60 && strcmp(what, "a second") == 0 ? " (Unix time has no leap seconds)" : "");
  *out = value;
  return SROPE_OK;
}

static int days_in_month(int year, int month) {
  static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

/* Days from 1970-01-01. Years are counted from March, so that the leap day is a year's last: then the days before a
 * month are (153·m + 2) / 5, m = 0 for March. */
static int64_t days_from_date(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
  int64_t days_before_year = 365 * y + y / 4 - y / 100 + y / 400;
  enum { DAYS_TO_1970 = 719468 }; /* 0000-03-01 to 1970-01-01 */
  return days_before_year + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static srope_status take_date(reader *r, int64_t *days) {
  int year = 0, month = 0, day = 0;
  srope_status status;
  if ((status = take_number(r, 4, 1, 9999, "a year", &year))) return status;
  if (!take(r, '-')) return fail_shape(r);
  if ((status = take_number(r, 2, 1, 12, "a month", &month))) return status;
  if (!take(r, '-')) return fail_shape(r);
  if ((status = take_number(r, 2, 1, days_in_month(year, month), "a day of that month", &day))) return status;
  *days = days_from_date(year, month, day);
  return SROPE_OK;
}

/* hh:mm[:ss[.fraction]]. Digits of the fraction after the ninth are checked and dropped. */
static srope_status take_clock(reader *r, int64_t *seconds, int64_t *nanoseconds) {
  int hour, minute, second = 0;
  srope_status status;
  if ((status = take_number(r, 2, 0, 23, "an hour", &hour))) return status;
  if (!take(r, ':')) return fail_shape(r);
  if ((status = take_number(r, 2, 0, 59, "a minute", &minute))) return status;
  if (take(r, ':')) {
    if ((status = take_number(r, 2, 0, 59, "a second", &second))) return status;
    if (take(r, '.')) {
      int64_t unit = 100000000;
      size_t first = r->at;
      for (; r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++, unit /= 10)
        *nanoseconds += unit * (r->text[r->at] - '0');
      if (r->at == first) return fail_shape(r);
    }
  }
  *seconds = 3600 * hour + 60 * minute + second;
  return SROPE_OK;
}

static srope_status take_offset(reader *r, int64_t *seconds) {
  if (r->at == r->n || take(r, 'Z')) return SROPE_OK;
  int sign = take(r, '-') ? -1 : 1, hour, minute;
  if (sign > 0 && !take(r, '+')) return fail_shape(r);
  srope_status status;
  if ((status = take_number(r, 2, 0, 23, "an hour of the offset", &hour))) return status;
  if (!take(r, ':')) return fail_shape(r);
  if ((status = take_number(r, 2, 0, 59, "a minute of the offset", &minute))) return status;
  *seconds = sign * (3600 * hour + 60 * minute);
  return SROPE_OK;
}

srope_status srope_time_parse(const char *text, size_t n, double *time_ms, srope_error *error) {
  if ((!text && n > 0) || !time_ms) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a text and a result");
  reader r = {text ? text : "", n, 0, error};
  int64_t days = 0, clock_s = 0, nanoseconds = 0, offset_s = 0;
  srope_status status;
  if ((status = take_date(&r, &days))) return status;
  if (take(&r, 'T')) {
    if ((status = take_clock(&r, &clock_s, &nanoseconds))) return status;
    if ((status = take_offset(&r, &offset_s))) return status;
  }
  if (r.at != r.n) return fail_shape(&r);
  int64_t ms = (86400 * days + clock_s - offset_s) * 1000 + nanoseconds / 1000000;
  *time_ms = (double)ms + (double)(nanoseconds % 1000000) / 1e6;
  return SROPE_OK;
}
