/* simulate.c: see simulate.h. The sizes below were chosen so that a transformer 32 wide finds the truth in a minute. */
#include "train/simulate.h"

#include <math.h>

#include "base/error.h"
#include "base/math64.h"

const char *const srope_sim_labels[SROPE_SIM_LABELS] = {"engage", "like"};

static const double TWO_PI = 6.28318530717958647692, DAY_MS = 86400000.0, MINUTE_MS = 60000.0;

/* Sizes on the logit's scale. */
static const double BASE = -0.5, LIKE_BASE = -1.2, SCALE = 2.0, TIMED = 0.9;
static const double SIZE_TOPIC = 0.3, SIZE_ITEM = 0.3, SIZE_USER = 0.3, SIZE_SHARED_HOUR = 0.3, PER_PLACE = -0.1;

/* How users come: the rate of sessions over a day is 1 + RHYTHM · cos, busiest at 19:30, an hour or two to either side. */
static const double RHYTHM = 0.8, EVENING = 19.5 / 24, SIZE_EVENING = 1.5 / 24, SIZE_RATE = 0.5;
static const double MORE_REQUESTS = 0.35;            /* chance of one more in a session, each time */
static const double MORE_IMPRESSIONS[] = {0.4, 0.4}; /* of a second, of a third */
static const double MOST_PER_DAY = 100; /* events of a user: with more, sessions would be longer than the days */
static const double EVENTS_PER_SESSION = 1.56 / 0.65; /* (1 + 0.4 + 0.4²) / (1 - 0.35) */

/* Streams of the seed: users have their numbers. */
static const uint64_t STREAM_SHARED = UINT64_MAX;

/* ---------------------------------------------------------------- what all users share */

srope_sim_options srope_sim_defaults(void) {
  return (srope_sim_options){.seed = 1,
                             .strength = 1,
                             .week_share = 1.0 / 3,
                             .day_hours = 24,
                             .week_days = 7,
                             .events_per_user = 40,
                             .days = 28,
                             .start_ms = 1704067200000};
}

static srope_status check(const srope_sim_options *options, srope_error *error) {
  const struct {
    const char *name;
    double value, low, high;
  } bounds[] = {{"strength", options->strength, 0, 1},
                {"week_share", options->week_share, 0, 1},
                {"day_hours", options->day_hours, 0.1, 1e4},
                {"week_days", options->week_days, 0.1, 1e4},
                {"events_per_user", options->events_per_user, 1e-3, 1e7},
                {"days", options->days, 1e-3, 1e5},
                {"start_ms", (double)options->start_ms, -1e14, 1e14}};
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
    if (!(bounds[i].value >= bounds[i].low && bounds[i].value <= bounds[i].high))
      return srope_fail(error, SROPE_ERR_ARGUMENT, bounds[i].name, "expected a number from %g to %g, found %g",
                        bounds[i].low, bounds[i].high, bounds[i].value);
  if (options->events_per_user > MOST_PER_DAY * options->days)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "events_per_user", "expected at most %g a day, found %g", MOST_PER_DAY,
                      options->events_per_user / options->days);
  return SROPE_OK;
}

srope_status srope_sim_init(const srope_sim_options *options, srope_sim *out, srope_error *error) {
  srope_rng rng;
  srope_status status = check(options, error);
  if (status != SROPE_OK) return status;
  out->options = *options;
  double timed = TIMED * options->strength * options->strength;
  out->constant_size = sqrt(1 - timed);
  out->day_size = sqrt(2 * timed * (1 - options->week_share));
  out->week_size = sqrt(2 * timed * options->week_share);
  srope_rng_seed(&rng, options->seed, STREAM_SHARED);
  for (int k = 0; k < SROPE_SIM_TOPICS; k++) {
    out->topic_bias[k] = SIZE_TOPIC * srope_rng_normal(&rng);
    srope_sincos64(TWO_PI * srope_rng_uniform(&rng), &out->hour_sine[k], &out->hour_cosine[k]);
    out->hour_sine[k] *= SIZE_SHARED_HOUR * options->strength;
    out->hour_cosine[k] *= SIZE_SHARED_HOUR * options->strength;
  }
  for (int i = 0; i < SROPE_SIM_ITEMS; i++) out->item_bias[i] = SIZE_ITEM * srope_rng_normal(&rng);
  for (int i = 0; i < SROPE_SIM_DAY_STEPS; i++)
    srope_sincos64(TWO_PI * i / SROPE_SIM_DAY_STEPS, &out->day_sine[i], &out->day_cosine[i]);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- the truth */

/* How far into its period a time is: 0 .. 1. */
static double part_of(double time_ms, double period_ms) {
  double periods = time_ms / period_ms;
  return periods - floor(periods);
}

/* (cos, sin) of the planted day, and a taste's swing at that time. */
typedef struct moment {
  double day_cosine, day_sine, swing[SROPE_SIM_TASTES];
} moment;

static double cosine_of(double angle) {
  double sine, cosine;
  srope_sincos64(angle, &sine, &cosine);
  return cosine;
}

static moment look_at(const srope_sim *sim, const srope_sim_user *user, int64_t unix_ms) {
  moment m;
  double day = TWO_PI * part_of((double)unix_ms, sim->options.day_hours * (DAY_MS / 24));
  double week = TWO_PI * part_of((double)unix_ms, sim->options.week_days * DAY_MS);
  srope_sincos64(day, &m.day_sine, &m.day_cosine);
  for (int r = 0; r < SROPE_SIM_TASTES; r++)
    m.swing[r] =
        sim->day_size * cosine_of(day - user->day_phase[r]) + sim->week_size * cosine_of(week - user->week_phase[r]);
  return m;
}

static double sigmoid(double x) { return 1 / (1 + srope_exp64(-x)); }

/* Topics 0 .. 7 are for taste 0, for 1, against 0, against 1, and again. */
static int taste_of(uint32_t topic) { return (int)(topic % SROPE_SIM_TASTES); }
static double sign_of(uint32_t topic) { return topic / SROPE_SIM_TASTES % 2 == 0 ? 1 : -1; }

/* `fixed`: what does not depend on time; `taste` with its sign; `shared_hour` with its size. */
static void add_up(double fixed, double taste, double shared_hour, double p[SROPE_SIM_LABELS]) {
  p[0] = sigmoid(fixed + SCALE * taste + shared_hour);
  p[1] = p[0] * sigmoid(LIKE_BASE + SCALE / 2 * taste);
}

static double fixed_part(const srope_sim *sim, const srope_sim_user *user, uint32_t item, uint32_t place) {
  return BASE + sim->topic_bias[item % SROPE_SIM_TOPICS] + sim->item_bias[item] + user->bias + PER_PLACE * place;
}

void srope_sim_probabilities(const srope_sim *sim, const srope_sim_user *user, uint32_t item, uint32_t place,
                             int64_t time_ms, double p[SROPE_SIM_LABELS]) {
  uint32_t topic = item % SROPE_SIM_TOPICS;
  moment m = look_at(sim, user, time_ms);
  double taste = sign_of(topic) * (user->constant[taste_of(topic)] + m.swing[taste_of(topic)]);
  add_up(fixed_part(sim, user, item, place), taste,
         sim->hour_cosine[topic] * m.day_cosine + sim->hour_sine[topic] * m.day_sine, p);
}

/* The sum over steps of a day and a week, weighted by how often the user comes. A mean of a smooth periodic function over
 * equal steps converges faster than any power of their number: eight and four are good to 0.002 with the default options. */
void srope_sim_blind_probabilities(const srope_sim *sim, const srope_sim_user *user, uint32_t item, uint32_t place,
                                   double p[SROPE_SIM_LABELS]) {
  uint32_t topic = item % SROPE_SIM_TOPICS;
  int r = taste_of(topic);
  double fixed = fixed_part(sim, user, item, place), at_step[SROPE_SIM_LABELS];
  p[0] = p[1] = 0;
  for (int i = 0; i < SROPE_SIM_STEPS; i++) {
    int day = i % SROPE_SIM_DAY_STEPS;
    add_up(fixed, sign_of(topic) * (user->constant[r] + user->swing[r][i]),
           sim->hour_cosine[topic] * sim->day_cosine[day] + sim->hour_sine[topic] * sim->day_sine[day], at_step);
    for (int label = 0; label < SROPE_SIM_LABELS; label++) p[label] += user->step_weight[day] * at_step[label];
  }
}

/* ---------------------------------------------------------------- a user */

static void draw_tastes(const srope_sim *sim, srope_sim_user *user) {
  for (int r = 0; r < SROPE_SIM_TASTES; r++) {
    user->constant[r] = sim->constant_size * srope_rng_normal(&user->rng);
    user->day_phase[r] = TWO_PI * srope_rng_uniform(&user->rng);
    user->week_phase[r] = TWO_PI * srope_rng_uniform(&user->rng);
    for (int i = 0; i < SROPE_SIM_STEPS; i++) {
      double day = TWO_PI * (i % SROPE_SIM_DAY_STEPS) / SROPE_SIM_DAY_STEPS;
      double week = TWO_PI * (i / SROPE_SIM_DAY_STEPS) / (SROPE_SIM_STEPS / SROPE_SIM_DAY_STEPS);
      user->swing[r][i] =
          sim->day_size * cosine_of(day - user->day_phase[r]) + sim->week_size * cosine_of(week - user->week_phase[r]);
    }
  }
}

/* People live by 24 hours; where the planted day is another one, they come at all its times alike. */
static void draw_habits(const srope_sim *sim, srope_sim_user *user) {
  const srope_sim_options *options = &sim->options;
  double rate = srope_exp64(SIZE_RATE * srope_rng_normal(&user->rng) - SIZE_RATE * SIZE_RATE / 2); /* mean 1 */
  user->sessions_per_ms = rate * options->events_per_user / EVENTS_PER_SESSION / (options->days * DAY_MS);
  user->evening = EVENING + SIZE_EVENING * srope_rng_normal(&user->rng);
  double rhythm = options->day_hours == 24 ? RHYTHM : 0;
  for (int i = 0; i < SROPE_SIM_DAY_STEPS; i++)
    user->step_weight[i] =
        (1 + rhythm * cosine_of(TWO_PI * ((double)i / SROPE_SIM_DAY_STEPS - user->evening))) / SROPE_SIM_STEPS;
}

void srope_sim_start_user(const srope_sim *sim, uint64_t number, srope_sim_user *out) {
  *out = (srope_sim_user){0};
  srope_rng_seed(&out->rng, sim->options.seed, number);
  out->bias = SIZE_USER * srope_rng_normal(&out->rng);
  draw_tastes(sim, out);
  draw_habits(sim, out);
}

/* ---------------------------------------------------------------- events */

/* The next session's time, a minute or more after the last: a Poisson process of the busiest rate, of which times are kept
 * as often as that hour is busy. */
static void go_to_session(const srope_sim *sim, srope_sim_user *user) {
  double kept, hour, end_ms = sim->options.days * DAY_MS;
  if (user->time_ms > 0) user->time_ms += MINUTE_MS;
  do {
    user->time_ms += srope_rng_exponential(&user->rng) / (user->sessions_per_ms * (1 + RHYTHM));
    hour = part_of((double)sim->options.start_ms + user->time_ms, DAY_MS);
    kept = (1 + RHYTHM * cosine_of(TWO_PI * (hour - user->evening))) / (1 + RHYTHM);
  } while (user->time_ms < end_ms && srope_rng_uniform(&user->rng) >= kept);
  user->requests_left = 1;
  while (srope_rng_uniform(&user->rng) < MORE_REQUESTS) user->requests_left++;
}

static int go_to_request(const srope_sim *sim, srope_sim_user *user) {
  if (user->requests_left == 0)
    go_to_session(sim, user);
  else
    user->time_ms += MINUTE_MS * (0.2 + 2 * srope_rng_exponential(&user->rng));
  if (!(user->time_ms < sim->options.days * DAY_MS)) return 0;
  user->requests_left--;
  user->place = 0;
  user->impressions_left = 1;
  while (user->impressions_left < SROPE_SIM_PLACES &&
         srope_rng_uniform(&user->rng) < MORE_IMPRESSIONS[user->impressions_left - 1])
    user->impressions_left++;
  return 1;
}

/* Any topic; of its items some more often than others; none twice in a request. */
static uint32_t draw_item(srope_sim_user *user) {
  uint32_t item, seen;
  do {
    double u = srope_rng_uniform(&user->rng);
    item = (uint32_t)(u * u * (SROPE_SIM_ITEMS / SROPE_SIM_TOPICS)) * SROPE_SIM_TOPICS +
           srope_rng_below(&user->rng, SROPE_SIM_TOPICS);
    for (seen = 0; seen < user->place && user->shown[seen] != item;) seen++;
  } while (seen < user->place);
  return item;
}

int srope_sim_next(const srope_sim *sim, srope_sim_user *user, srope_sim_event *out) {
  if (user->impressions_left == 0 && !go_to_request(sim, user)) return 0;
  out->time_ms = sim->options.start_ms + (int64_t)user->time_ms;
  out->place = user->place;
  out->item = draw_item(user);
  out->topic = out->item % SROPE_SIM_TOPICS;
  srope_sim_probabilities(sim, user, out->item, out->place, out->time_ms, out->p);
  double engage = srope_rng_uniform(&user->rng);
  out->label[0] = engage < out->p[0];
  out->label[1] = engage < out->p[1]; /* who likes also engages: P(like) <= P(engage) */
  user->shown[user->place++] = out->item;
  user->impressions_left--;
  return 1;
}
