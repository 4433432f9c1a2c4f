/* simulate_test.c: what train/simulate.h promises of the planted truth: the same on every machine, events in order, labels
 * drawn from the probabilities that are told, the planted periods and no others, and at strength 0 no time at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "train/simulate.h"

static const double PI = 3.14159265358979323846, HOUR_MS = 3600000;

static srope_sim make(double strength) {
  srope_sim sim;
  srope_sim_options options = srope_sim_defaults();
  options.strength = strength;
  assert_int_equal(srope_sim_init(&options, &sim, NULL), SROPE_OK);
  return sim;
}

static double logit(double p) { return log(p / (1 - p)); }

/* The true logit of engage: this topic's first item, at the top of the request. */
static double logit_at(const srope_sim *sim, const srope_sim_user *user, uint32_t topic, double hours) {
  double p[SROPE_SIM_LABELS];
  srope_sim_probabilities(sim, user, topic, 0, sim->options.start_ms + (int64_t)(hours * HOUR_MS), p);
  return logit(p[0]);
}

/* ---------------------------------------------------------------- events */

/* Everything of an event but its padding, as numbers of one size. */
static size_t list_event(const srope_sim_event *e, int64_t *out) {
  const int64_t fields[] = {e->time_ms, e->item, e->topic, e->place, e->label[0], e->label[1]};
  memcpy(out, fields, sizeof fields);
  memcpy(out + 6, e->p, sizeof e->p);
  return 6 + SROPE_SIM_LABELS;
}

/* The probabilities too are the same bits everywhere: nothing of libm. */
static void test_same_events_on_every_machine(void **state) {
  (void)state;
  static int64_t fields[10000];
  size_t n = 0;
  srope_sim sim = make(0.75);
  srope_sim_event event;
  for (uint64_t number = 0; number < 10; number++) {
    srope_sim_user user;
    for (srope_sim_start_user(&sim, number, &user); srope_sim_next(&sim, &user, &event);) {
      assert_true(n + 8 <= sizeof fields / sizeof fields[0]);
      n += list_event(&event, fields + n);
    }
  }
  const uint64_t expected = 0xc0ff7045c5c930c8u;
  uint64_t hash = srope_hash64(fields, n * sizeof fields[0]);
  if (hash != expected) print_message("%zu numbers, hash %016llx\n", n, (unsigned long long)hash);
  assert_true(hash == expected);
}

static void test_a_copied_user_goes_on_alike(void **state) {
  (void)state;
  srope_sim sim = make(1);
  srope_sim_user user, copy;
  srope_sim_event a, b;
  srope_sim_start_user(&sim, 3, &user);
  for (int i = 0; i < 5; i++) assert_true(srope_sim_next(&sim, &user, &a));
  copy = user;
  int more, n = 0;
  do {
    more = srope_sim_next(&sim, &user, &a);
    assert_int_equal(srope_sim_next(&sim, &copy, &b), more);
    if (more) assert_true(a.time_ms == b.time_ms && a.item == b.item && a.label[0] == b.label[0]);
    n++;
  } while (more);
  assert_true(n > 2);
  assert_int_equal(srope_sim_next(&sim, &user, &a), 0); /* and stays at the end */
}

static void check_event(const srope_sim *sim, const srope_sim_event *e, const srope_sim_event *before,
                        int64_t newest_ms) {
  int64_t end_ms = sim->options.start_ms + (int64_t)(sim->options.days * 24 * HOUR_MS);
  assert_true(e->time_ms >= sim->options.start_ms && e->time_ms < end_ms);
  assert_true(e->item < SROPE_SIM_ITEMS && e->topic == e->item % SROPE_SIM_TOPICS && e->place < SROPE_SIM_PLACES);
  assert_true(e->p[1] > 0 && e->p[1] < e->p[0] && e->p[0] < 1);
  assert_true((e->label[0] == 0 || e->label[0] == 1) && (e->label[1] == 0 || e->label[1] == 1));
  assert_true(e->label[1] <= e->label[0]);
  if (e->place > 0) { /* the same request: the same instant, another item */
    assert_true(e->time_ms == newest_ms && e->place == before->place + 1 && e->item != before->item);
  } else {
    assert_true(e->time_ms > newest_ms);
  }
}

static void test_events_are_in_order_and_as_many_as_asked(void **state) {
  (void)state;
  enum { USERS = 2000 };
  srope_sim sim = make(1);
  double n = 0, likes = 0, engages = 0, together = 0;
  for (uint64_t number = 0; number < USERS; number++) {
    srope_sim_user user;
    srope_sim_event event, before = {0};
    int64_t newest_ms = INT64_MIN;
    for (srope_sim_start_user(&sim, number, &user); srope_sim_next(&sim, &user, &event); before = event) {
      check_event(&sim, &event, &before, newest_ms);
      newest_ms = event.time_ms;
      n++;
      engages += event.label[0];
      likes += event.label[1];
      together += event.place > 0;
    }
  }
  assert_true(fabs(n / USERS - 40) < 2);
  assert_true(engages / n > 0.3 && engages / n < 0.5);
  assert_true(likes / n > 0.1 && likes / n < 0.25);
  assert_true(together / n > 0.25 && together / n < 0.5);
}

/* Means of labels by tenths of the probability within five standard errors of the probabilities' means; and people come in
 * the evening: over the day's hours the mean of cos(hour - evening) is half of the rhythm's size, 0.4. */
static void test_labels_and_hours_are_drawn_as_told(void **state) {
  (void)state;
  double n[SROPE_SIM_LABELS][10] = {{0}}, excess[SROPE_SIM_LABELS][10] = {{0}}, variance[SROPE_SIM_LABELS][10] = {{0}};
  double rhythm = 0, all = 0;
  srope_sim sim = make(1);
  for (uint64_t number = 0; number < 3000; number++) {
    srope_sim_user user;
    srope_sim_event event;
    for (srope_sim_start_user(&sim, number, &user); srope_sim_next(&sim, &user, &event); all++) {
      for (int label = 0; label < SROPE_SIM_LABELS; label++) {
        int bin = (int)(event.p[label] * 10);
        n[label][bin]++;
        excess[label][bin] += event.label[label] - event.p[label];
        variance[label][bin] += event.p[label] * (1 - event.p[label]);
      }
      rhythm += cos(2 * PI * ((double)event.time_ms / (24 * HOUR_MS) - user.evening));
    }
  }
  for (int label = 0; label < SROPE_SIM_LABELS; label++)
    for (int bin = 0; bin < 10; bin++) assert_true(fabs(excess[label][bin]) <= 5 * sqrt(variance[label][bin]));
  assert_true(n[0][0] > 1000 && n[0][9] > 1000); /* probabilities are spread */
  assert_true(fabs(rhythm / all - 0.4) < 0.02);
}

/* ---------------------------------------------------------------- the truth */

static void test_at_strength_0_time_says_nothing(void **state) {
  (void)state;
  srope_sim sim = make(0);
  for (uint64_t number = 0; number < 50; number++) {
    srope_sim_user user;
    double first[SROPE_SIM_LABELS], p[SROPE_SIM_LABELS];
    srope_sim_start_user(&sim, number, &user);
    for (uint32_t item = 0; item < SROPE_SIM_ITEMS; item += 7) {
      srope_sim_probabilities(&sim, &user, item, 1, sim.options.start_ms, first);
      for (int hour = 1; hour < 400; hour += 5) {
        srope_sim_probabilities(&sim, &user, item, 1, sim.options.start_ms + hour * (int64_t)HOUR_MS, p);
        assert_memory_equal(p, first, sizeof p);
      }
      srope_sim_blind_probabilities(&sim, &user, item, 1, p);
      for (int label = 0; label < SROPE_SIM_LABELS; label++) assert_true(fabs(p[label] - first[label]) < 1e-12);
    }
  }
}

/* The power of x (n) at a whole number of periods, as a part of its variance. */
static double power_at(const double *x, int n, int periods) {
  double mean = 0, variance = 0, real = 0, imaginary = 0;
  for (int i = 0; i < n; i++) mean += x[i] / n;
  for (int i = 0; i < n; i++) {
    variance += (x[i] - mean) * (x[i] - mean) / n;
    real += x[i] * cos(2 * PI * i * periods / n) / n;
    imaginary += x[i] * sin(2 * PI * i * periods / n) / n;
  }
  return 2 * (real * real + imaginary * imaginary) / variance;
}

/* All of the true logit's movement is at the two planted periods, which are where they were asked for. */
static void check_periods(double day_hours, double week_days) {
  enum { HOURS = 28 * 24 };
  srope_sim sim;
  srope_sim_options options = srope_sim_defaults();
  options.day_hours = day_hours;
  options.week_days = week_days;
  assert_int_equal(srope_sim_init(&options, &sim, NULL), SROPE_OK);
  double day = 0, week = 0, n = 0;
  for (uint64_t number = 0; number < 200; number++)
    for (uint32_t topic = 0; topic < SROPE_SIM_TOPICS; topic++, n++) {
      double x[HOURS];
      srope_sim_user user;
      srope_sim_start_user(&sim, number, &user);
      for (int hour = 0; hour < HOURS; hour++) x[hour] = logit_at(&sim, &user, topic, hour);
      double at_day = power_at(x, HOURS, (int)(HOURS / day_hours)), at_week = power_at(x, HOURS, (int)(28 / week_days));
      assert_true(at_day > 0.3 && at_week > 0.1);
      assert_true(fabs(at_day + at_week - 1) < 1e-9);
      day += at_day;
      week += at_week;
    }
  assert_true(fabs(day / n - 2.0 / 3) < 0.02 && fabs(week / n - 1.0 / 3) < 0.02);
}

static void test_the_planted_periods_and_no_others(void **state) {
  (void)state;
  check_periods(24, 7);
  check_periods(12, 14);
}

/* Of the logit's variance over users and times: as much at every strength, and little of it common to all users. */
static void test_strength_moves_variance_and_leaves_its_size(void **state) {
  (void)state;
  enum { USERS = 3000, TIMES = 24 };
  static const double strengths[] = {0, 0.5, 1};
  double sizes[3];
  for (int s = 0; s < 3; s++) {
    srope_sim sim = make(strengths[s]);
    double squares = 0, sum = 0, common = 0, over_time = 0, at_hour[TIMES] = {0};
    for (uint64_t number = 0; number < USERS; number++) {
      srope_sim_user user;
      double mean = 0, mean_square = 0;
      srope_sim_start_user(&sim, number, &user);
      for (int i = 0; i < TIMES; i++) { /* 29 hours apart: all hours, all days of the week */
        double x = logit_at(&sim, &user, 5, 29 * i);
        mean += x / TIMES;
        mean_square += x * x / TIMES;
        at_hour[i] += x / USERS;
      }
      sum += mean / USERS;
      squares += mean_square / USERS;
      over_time += (mean_square - mean * mean) / USERS;
    }
    sizes[s] = squares - sum * sum;
    for (int i = 0; i < TIMES; i++) common += (at_hour[i] - sum) * (at_hour[i] - sum) / TIMES;
    assert_true(common < 0.03 * sizes[s]);
    assert_true(fabs(over_time / sizes[s] - 0.87 * strengths[s] * strengths[s]) < 0.06);
  }
  for (int s = 1; s < 3; s++) assert_true(fabs(sizes[s] / sizes[0] - 1) < 0.08);
}

/* To who does not know the time: against a fine sum over hours and days, as often as the user comes. */
static void test_blind_probabilities_are_means_over_time(void **state) {
  (void)state;
  srope_sim sim = make(1);
  for (uint64_t number = 0; number < 40; number++) {
    srope_sim_user user;
    srope_sim_start_user(&sim, number, &user);
    for (uint32_t item = number % 8; item < SROPE_SIM_ITEMS; item += 59) {
      double blind[SROPE_SIM_LABELS], sum[SROPE_SIM_LABELS] = {0}, weights = 0;
      srope_sim_blind_probabilities(&sim, &user, item, 2, blind);
      for (int hour = 0; hour < 7 * 24; hour++) {
        double p[SROPE_SIM_LABELS], weight = 1 + 0.8 * cos(2 * PI * (hour / 24.0 - user.evening));
        srope_sim_probabilities(&sim, &user, item, 2, sim.options.start_ms + hour * (int64_t)HOUR_MS, p);
        weights += weight;
        for (int label = 0; label < SROPE_SIM_LABELS; label++) sum[label] += weight * p[label];
      }
      for (int label = 0; label < SROPE_SIM_LABELS; label++)
        assert_true(fabs(blind[label] - sum[label] / weights) < 0.01);
    }
  }
}

static void test_options_out_of_range_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *where;
    size_t offset;
    double value;
  } bad[] = {{"strength", offsetof(srope_sim_options, strength), 1.1},
             {"strength", offsetof(srope_sim_options, strength), NAN},
             {"week_share", offsetof(srope_sim_options, week_share), -0.1},
             {"day_hours", offsetof(srope_sim_options, day_hours), 0},
             {"week_days", offsetof(srope_sim_options, week_days), INFINITY},
             {"events_per_user", offsetof(srope_sim_options, events_per_user), 0},
             {"events_per_user", offsetof(srope_sim_options, events_per_user), 2801},
             {"days", offsetof(srope_sim_options, days), -1}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    srope_sim sim;
    srope_error error;
    srope_sim_options options = srope_sim_defaults();
    memcpy((char *)&options + bad[i].offset, &bad[i].value, sizeof bad[i].value);
    assert_int_equal(srope_sim_init(&options, &sim, &error), SROPE_ERR_ARGUMENT);
    assert_string_equal(error.where, bad[i].where);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_events_on_every_machine),
      cmocka_unit_test(test_a_copied_user_goes_on_alike),
      cmocka_unit_test(test_events_are_in_order_and_as_many_as_asked),
      cmocka_unit_test(test_labels_and_hours_are_drawn_as_told),
      cmocka_unit_test(test_at_strength_0_time_says_nothing),
      cmocka_unit_test(test_the_planted_periods_and_no_others),
      cmocka_unit_test(test_strength_moves_variance_and_leaves_its_size),
      cmocka_unit_test(test_blind_probabilities_are_means_over_time),
      cmocka_unit_test(test_options_out_of_range_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
