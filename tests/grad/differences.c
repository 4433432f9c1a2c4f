/* differences.c: see differences.h. */
#include "grad/differences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first is as exact as double precision allows. A ReLU's kink between both sides spoils it: then a shorter one
 * serves, which makes no wrong gradient right. */
static const double steps[] = {1e-5, 1e-6, 1e-7};
enum { N_STEPS = sizeof steps / sizeof *steps };

/* Along direction (n). */
static double difference_along(const gradient_check *check, double *variable, size_t n, const double *direction,
                               double step) {
  double *at = malloc((n + 1) * sizeof *at), both[2];
  memcpy(at, variable, n * sizeof *at);
  for (int side = 0; side < 2; side++) {
    for (size_t i = 0; i < n; i++) variable[i] = at[i] + (side ? step : -step) * direction[i];
    both[side] = check->loss(check->context);
  }
  memcpy(variable, at, n * sizeof *at);
  free(at);
  return (both[1] - both[0]) / (2 * step);
}

static double found_at(const float *found, const float *before, size_t i) {
  return (double)found[i] - (before ? before[i] : 0);
}

/* `found` along a direction, against `expected` by the first step or differences by the others. */
static void compare(gradient_check *check, const char *what, double *variable, size_t n, const double *direction,
                    double found, double expected, double bound) {
  for (int i = 1; i < N_STEPS && !(fabs(found - expected) <= bound); i++)
    expected = difference_along(check, variable, n, direction, steps[i]);
  if (!(fabs(found - expected) <= bound))
    fail_msg("%s: %s (%zu along a direction): found %.9g, expected %.9g within %.2g", check->test, what, n, found,
             expected, bound);
  check->worst = fmax(check->worst, fabs(found - expected) / bound);
  check->n_checked++;
}

void check_gradient(gradient_check *check, const char *what, double *variable, size_t n, const float *found,
                    const float *before) {
  static const double one = 1;
  size_t some = n < check->most ? n : check->most;
  size_t *places = malloc((some + 1) * sizeof *places);
  double *expected = malloc((some + 1) * sizeof *expected), largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(found_at(found, before, i)));
  for (size_t i = 0; i < some; i++) {
    places[i] = some < n ? random_below(check->random, n) : i;
    expected[i] = difference_along(check, variable + places[i], 1, &one, steps[0]);
    largest = fmax(largest, fabs(expected[i]));
  }
  double bound = check->tolerance * largest + check->floor;
  for (size_t i = 0; i < some; i++)
    compare(check, what, variable + places[i], 1, &one, found_at(found, before, places[i]), expected[i], bound);
  if (some < n) { /* the others, together */
    double *direction = malloc(n * sizeof *direction), sum = 0;
    for (size_t i = 0; i < n; i++)
      sum += found_at(found, before, i) * (direction[i] = random_between(check->random, -1, 1));
    compare(check, what, variable, n, direction, sum, difference_along(check, variable, n, direction, steps[0]),
            bound * sqrt((double)n));
    free(direction);
  }
  free(places);
  free(expected);
}
