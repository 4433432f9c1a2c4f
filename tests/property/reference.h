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
  size_t n_head;                                           /* layers of the head, 1 to 3 */
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

/* ---------------------------------------------------------------- its parts: for tests of gradients, which change
 * weights (file->tensors[..].data) and inputs by a little and run them again. What is returned is a new array. */

typedef struct reference_tokens { /* n tokens of one sequence */
  size_t n, s;                    /* S of places and of the `order` feature */
  size_t *place, *first;          /* (n): where a token stands, and where as a query, seeing the tokens before that */
  double *item, *action, *context, *signal; /* (n, X) (n, Y) (n, Z) (n, G) */
  double *time_s, *offset_minutes;          /* (n) */
  double oldest_s;
  /* Usually NULL, and not freed: */
  double *query_angle, *key_angle; /* (n, P), instead of the networks' */
  /* what changes states (n, width) on their way: the embedded items (site 0), layer l's two branches (1 + 2l, 2 +
   * 2l), the head's hidden layers (1 + 2L + i) */
  void (*hook)(void *context, unsigned site, double *x, size_t n, size_t width);
  void *hook_context;
} reference_tokens;

reference_tokens reference_tokens_create(const reference *r, size_t n); /* zeros, oldest_s infinite */
void reference_tokens_free(reference_tokens *k);
void reference_run(const reference *r, const reference_tokens *k, const reference_outputs *out);

double *reference_embed_items(const reference *r, const double *item, size_t m);                        /* x (m, D) */
double *reference_embed_actions(const reference *r, const double *action, size_t m);                    /* a (m, D) */
double *reference_network(const reference *r, const char *network, const double *phi, size_t m);        /* f (m, A) */
void reference_layer(const reference *r, const reference_tokens *k, int l, double *x, const double *a); /* x in place */
double *reference_action_attention(const reference *r, const reference_tokens *k, const double *x, const double *a);
void reference_head(const reference *r, const reference_tokens *k, const double *x, const double *u, double *logits);

#endif
