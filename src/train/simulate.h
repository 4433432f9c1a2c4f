/* simulate.h: users' events with a planted truth, to see whether a ranker finds what was planted. Plain state in, one event
 * out: no files, no clock, no allocation, the same events on every machine and in WebAssembly.
 *
 * The truth. A feed shows items of 8 topics. A user has 2 tastes; topic k is for (+) or against (-) taste k % 2. A taste is
 *   constant · sqrt(1 - timed)  +  swing(t) · sqrt(timed),      timed = 0.9 · strength²
 *   swing(t) = sqrt(2 · (1 - week_share)) · cos(2π t/day - φ)  +  sqrt(2 · week_share) · cos(2π t/week - ψ)
 * with the constant normal, and the phases φ and ψ uniform, drawn for every user and taste. So whether a user engages at
 * some hour follows from what they did with topics of the same taste at related hours of related days, and from nothing that
 * users share: over all users an hour of the day is worth little (`shared_hour`, a smaller term of every topic), and a ranker
 * that is blind to time sees the swing only as far as a session's earlier events have it too. Both parts have variance 1
 * over time and users, so the strength moves what can be known between them and leaves its size; at strength 0 time says
 * nothing at all.
 *   logit(engage) = base + topic + item + user - 0.1 · place + scale · sign · taste(t) + strength · shared_hour(t)
 *   P(like) = P(engage) · sigmoid(like base + scale/2 · sign · taste(t))
 * Times: sessions come at random, most in the user's evening and few at night; a session has a few requests minutes apart,
 * a request 1 to 3 impressions at one instant (`place` 0, 1, 2).
 *
 * Shapes: T = 2 labels, engage and like. Not here: text, files, splits, what a model makes of it. */
#ifndef SROPE_TRAIN_SIMULATE_H
#define SROPE_TRAIN_SIMULATE_H

#include "base/rng.h"
#include "sirenrope/sirenrope.h"

enum {
  SROPE_SIM_TOPICS = 8,
  SROPE_SIM_ITEMS = 200, /* item i is of topic i % 8 */
  SROPE_SIM_TASTES = 2,
  SROPE_SIM_LABELS = 2,
  SROPE_SIM_PLACES = 3,                     /* impressions of a request, at most */
  SROPE_SIM_DAY_STEPS = 8,                  /* of a day, where a probability is averaged over time */
  SROPE_SIM_STEPS = SROPE_SIM_DAY_STEPS * 4 /* … of a day and a week */
};
extern const char *const srope_sim_labels[SROPE_SIM_LABELS]; /* "engage", "like" */

typedef struct srope_sim_options {
  uint64_t seed;
  double strength;        /* 0 .. 1: of what a user wants, how much depends on the time */
  double week_share;      /* 0 .. 1: of that, how much on the time of the week */
  double day_hours;       /* the planted periods: 24 hours ... */
  double week_days;       /* ... and 7 days */
  double events_per_user; /* mean; users differ */
  double days;            /* from start_ms on */
  int64_t start_ms;       /* Unix */
} srope_sim_options;

/* Seed 1, strength 1, a third of it weekly, 24 hours and 7 days; 40 events in 28 days from Monday 2024-01-01 UTC on. */
srope_sim_options srope_sim_defaults(void);

typedef struct srope_sim { /* what all users share */
  srope_sim_options options;
  double topic_bias[SROPE_SIM_TOPICS], item_bias[SROPE_SIM_ITEMS];
  double hour_cosine[SROPE_SIM_TOPICS], hour_sine[SROPE_SIM_TOPICS]; /* of shared_hour's phase, times its size */
  double day_cosine[SROPE_SIM_DAY_STEPS], day_sine[SROPE_SIM_DAY_STEPS];
  double constant_size, day_size, week_size; /* of a taste's parts */
} srope_sim;

/* Errors: ARGUMENT, where = the option's name. */
srope_status srope_sim_init(const srope_sim_options *options, srope_sim *out, srope_error *error);

typedef struct srope_sim_user { /* copy it to see the same events again */
  double bias;
  double constant[SROPE_SIM_TASTES], swing[SROPE_SIM_TASTES][SROPE_SIM_STEPS]; /* the tastes' parts, with their sizes */
  double day_phase[SROPE_SIM_TASTES], week_phase[SROPE_SIM_TASTES];
  double step_weight[SROPE_SIM_DAY_STEPS]; /* how often the user comes then; 1 over all SROPE_SIM_STEPS */
  double sessions_per_ms, evening;         /* mean rate; the busiest time, as a part of 24 hours */
  srope_rng rng;
  double time_ms; /* of the last request, from the start */
  uint32_t requests_left, impressions_left, place;
  uint32_t shown[SROPE_SIM_PLACES]; /* items of this request */
} srope_sim_user;

typedef struct srope_sim_event {
  int64_t time_ms;             /* Unix, never before the user's last one's */
  uint32_t item, topic, place; /* place in its request: 0 begins one */
  double p[SROPE_SIM_LABELS];  /* the true probabilities */
  int label[SROPE_SIM_LABELS]; /* 0 or 1, drawn from them */
} srope_sim_event;

/* The user of this number, before the first event. Users do not depend on one another. */
void srope_sim_start_user(const srope_sim *sim, uint64_t number, srope_sim_user *out);

/* The next event, or 0 after the last: then *out is not written. */
int srope_sim_next(const srope_sim *sim, srope_sim_user *user, srope_sim_event *out);

/* The truth: P(label) of this item, shown at this place and time to this user. */
void srope_sim_probabilities(const srope_sim *sim, const srope_sim_user *user, uint32_t item, uint32_t place,
                             int64_t time_ms, double p[SROPE_SIM_LABELS]);

/* The same to who knows everything but the time: the mean over when this user comes. */
void srope_sim_blind_probabilities(const srope_sim *sim, const srope_sim_user *user, uint32_t item, uint32_t place,
                                   double p[SROPE_SIM_LABELS]);

#endif
