/* reference.h: the whole model once more, naive and in double precision, as the oracle of the property tests. Written
 * from the mathematics (docs of the model, the paper), not from the library: plain loops, every token's queries, keys
 * and values anew for every call, libm, weights looked up by name. Nothing is cached, packed, batched or bounded. In:
 * the bytes of a model file, events and candidates as the public header has them (raw vectors). Out: doubles. It trusts
 * its input and ends the program when a tensor is not there. Not here: named features, snapshots. */
#ifndef SROPE_TESTS_REFERENCE_H
#define SROPE_TESTS_REFERENCE_H

#include "golden/tensor_file.h"
#include "sirenrope/sirenrope.h"

typedef struct reference {
  tensor_file *file;
  int variant;                                             /* srope_variant */
  size_t l, d, h, k, p, a, x, y, z, g, t, n_time_features; /* the header's letters */
  size_t max_history;
  double attn_scale, skip_scale, rope_base, time_scale, omega_0, trend_center, trend_scale, utc_offset_minutes;
  char time_features[64][16];
} reference;

reference *reference_load(const void *bytes, size_t n_bytes);
void reference_free(reference *r);

typedef struct reference_outputs { /* each may be NULL; n tokens */
  double *logits;                  /* (n, T) */
  double *layers;                  /* (L, n, D) */
  double *action_attention;        /* (n, D) */
  double *angle, *action_angle;    /* (n, A), each token at its own position */
} reference_outputs;

/* The events as one sequence, S = n. utc_offset_minutes NaN = the configuration's. */
void reference_sequence(const reference *r, const srope_events *events, double utc_offset_minutes,
                        const reference_outputs *out);

/* Candidates after the newest `max_history` (0 = the model's) of the events: logits (N, T); angle, action_angle (C + 1,
 * A) or NULL, their last row the first candidate's. utc_offset_minutes is the session's. */
void reference_rank(const reference *r, const srope_events *events, size_t max_history, double utc_offset_minutes,
                    const srope_candidates *candidates, double *logits, double *angle, double *action_angle);

#endif
