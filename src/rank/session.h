/* session.h: the inside of a session: a user's events as input vectors, and what was computed from them.
 * Everything computed can be dropped and redone from the events, and comes out the same to the bit. */
#ifndef SROPE_RANK_SESSION_H
#define SROPE_RANK_SESSION_H

#include "base/arena.h"
#include "base/pool.h"
#include "nn/layer.h"

enum { SROPE_ROWS = 72 }; /* tokens that go through the network together: whole tiles of 2, 3, 4, 6 and 8 rows */

typedef struct srope_log { /* the window's events, oldest first; (capacity, ·) arrays */
  float *item, *action, *signal;
  double *time_s, *utc_offset_minutes; /* the offset as used, never NaN */
  uint64_t *request;                   /* keys; 0 = no name */
  uint32_t *request_start;             /* g: the first event of the event's request */
  uint32_t *named;                     /* (n_slots) hash table: 1 + the first event of a named request, 0 = free */
  size_t n_slots;                      /* a power of two, at least twice the capacity */
} srope_log;

typedef struct srope_workspace { /* of a thread, for SROPE_ROWS tokens */
  float *x, *a, *u, *joined, *phi, *f;
  srope_turns query_turns, key_turns, action_turns, action_query_turns;
  uint32_t *visible;
  srope_layer_work layer;
} srope_workspace;

struct srope_session {
  const srope_model *model; /* borrowed */
  uint32_t max_history;
  double utc_offset_minutes;
  size_t count, capacity; /* C, and room for events (a multiple of nr) */
  size_t computed;        /* events 0 .. computed-1 are in the caches ... */
  size_t computed_s;      /* ... run for sequences of this S (matters where the order feature is used) */
  srope_log log;
  srope_cache *caches;    /* (L + 1): the layers', then the action attention's */
  srope_pool *pool;       /* borrowed; NULL = one thread */
  uint32_t n_works;       /* the pool's threads */
  srope_workspace *works; /* (n_works) */
  float *context_part;    /* (n_out of head.0): see nn/head.h */
  double least_work;      /* multiply-adds that are worth waking the pool for */
  void *block;            /* all of the above arrays */
};

/* Are these events fit to follow one at last_time_s? */
srope_status srope_events_check(const srope_model *model, const srope_events *events, double last_time_s,
                                srope_error *error);

srope_status srope_candidates_check(const srope_model *model, const srope_candidates *candidates, srope_error *error);

/* f (m, A) into work->f for m events from `first` on, as they stand (or, as queries, at their request's first position)
 * in a sequence of S tokens. Siren models only. */
void srope_session_run_angles(const srope_session *session, srope_workspace *work, srope_network network, size_t s,
                              size_t first, size_t m, bool as_query);

/* f (m, A) into work->f of candidates with these signals (m, G) (NULL = zeros). Siren models only. */
void srope_session_run_candidate_angles(const srope_session *session, srope_workspace *work,
                                        const srope_candidates *candidates, const float *signal, srope_network network,
                                        size_t m);

/* Runs what is not computed yet, for sequences of S tokens. `out` (may be NULL) gets every token's outputs, from
 * events->context for logits; it asks for a session in which nothing is computed. Does not allocate. */
void srope_session_run(srope_session *session, size_t s, const float *context, const srope_sequence_outputs *out);

/* Logits (N, T) of checked candidates after a history that has been run. Does not allocate. */
void srope_session_run_candidates(srope_session *session, const srope_candidates *candidates, float *logits);

/* Times a session takes: what a Date holds, in seconds. */
#define SROPE_MAX_TIME_S 8.64e12
#define SROPE_MAX_UTC_OFFSET_MINUTES 1440.0

#endif
