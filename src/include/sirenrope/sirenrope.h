/* sirenrope.h: the public interface of the SIREN-RoPE ranker, and the only header a program needs.
 *
 * In:  a model file (.safetensors), a user's events, candidates.
 * Out: logits, probabilities and an order.
 * Not here: files, clocks, printing. The library does no input or output and keeps no global state; it starts threads only
 * for a pool that is asked for.
 *
 * Shapes use the letters of src/README.md: C history events, N candidates, S tokens of a sequence, D model width,
 * H heads, K = D/H, P = K/2 rotation pairs, A angles (A divides P), L layers, T tasks, X item, Y action and Z context
 * numbers, G signals. Every matrix is row-major. Times are Unix seconds in double precision.
 *
 * Errors: every call that can fail returns a status and, when `error` is not NULL, fills it. After a failure the
 * objects are as they were before the call. Results go through out-pointers and are untouched on failure.
 * Threads: a model is immutable and may be shared; a session belongs to one thread at a time, and so does a pool, which
 * serves one call at a time: threads that score side by side have a pool each, or none.
 * Ownership words used below: borrows (only during the call), copies, takes, owns.
 */
#ifndef SIRENROPE_H
#define SIRENROPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SROPE_VERSION "0.1.0"

/* ---------------------------------------------------------------- errors */

typedef enum srope_status {
  SROPE_OK = 0,
  SROPE_ERR_ARGUMENT = 1,     /* the call itself is wrong: a NULL, a length that does not fit */
  SROPE_ERR_MEMORY = 2,       /* memory was refused */
  SROPE_ERR_LIMIT = 3,        /* a size is over a stated bound */
  SROPE_ERR_FORMAT = 4,       /* the bytes are no safetensors file: truncated, overlapping, malformed header */
  SROPE_ERR_CONFIG = 5,       /* the configuration is missing or wrong */
  SROPE_ERR_TENSOR = 6,       /* a tensor is missing, or has another shape or dtype */
  SROPE_ERR_VALUE = 7,        /* a number is NaN or infinite where it may not be */
  SROPE_ERR_TIME = 8,         /* a time is no time, or a history's times decrease */
  SROPE_ERR_FEATURE = 9,      /* a named value has the wrong type, length or range, or is required and missing */
  SROPE_ERR_JSON = 10,        /* text that should be JSON is not, or a field has the wrong type */
  SROPE_ERR_SNAPSHOT = 11,    /* a snapshot is damaged, of another version or of another model */
  SROPE_ERR_UNSUPPORTED = 12, /* this machine or build cannot do it (an instruction set, say) */
  SROPE_ERR_IO = 13           /* a file could not be read or written (front ends only; the library does no IO) */
} srope_status;

typedef struct srope_error {
  srope_status status;
  char message[256]; /* one sentence: what was expected, what was found. UTF-8, NUL-terminated */
  char where[160];   /* the place: a tensor's name, "header byte 123", "item.tag", "history[3].time"; may be "" */
} srope_error;

/* The stable code of a status, as front ends print it: "ok", "argument", "memory", "limit", "format", "config",
 * "tensor", "value", "time", "feature", "json", "snapshot", "unsupported", "io". Static. */
const char *srope_status_code(srope_status status);

/* ---------------------------------------------------------------- bounds (anything over them is SROPE_ERR_LIMIT) */

enum {
  SROPE_MAX_HEADER_BYTES = 16 << 20, /* safetensors header */
  SROPE_MAX_TENSORS = 16384,
  SROPE_MAX_LAYERS = 256,
  SROPE_MAX_WIDTH = 65536, /* any one dimension of a tensor but a table's rows */
  SROPE_MAX_TABLE_ROWS = 1 << 28,
  SROPE_MAX_HISTORY = 1 << 20,
  SROPE_MAX_FEATURES = 1024, /* of one list */
  SROPE_MAX_LIST = 65536,    /* elements of one list value */
  SROPE_MAX_DEPTH = 16,      /* layers of one branch of an angle network */
  SROPE_MAX_THREADS = 1024   /* of a pool */
};

/* ---------------------------------------------------------------- model */

typedef struct srope_model srope_model;
typedef struct srope_session srope_session;
typedef struct srope_loader srope_loader;

typedef enum srope_variant { SROPE_ORDINAL = 0, SROPE_TOROPE = 1, SROPE_SIREN = 2 } srope_variant;
typedef enum srope_list { SROPE_ITEM = 0, SROPE_ACTION = 1, SROPE_CONTEXT = 2 } srope_list;
typedef enum srope_network { SROPE_NETWORK_LAYERS = 0, SROPE_NETWORK_ACTION = 1 } srope_network;

typedef struct srope_info {
  srope_variant variant;
  uint32_t n_layers, d_model, n_heads, d_head, n_pairs, n_angles, n_angle_features; /* L D H K P A F */
  uint32_t n_item, n_action, n_context, n_signals, n_tasks;                         /* X Y Z G T */
  uint32_t max_history;
  float attn_scale, skip_scale, omega_0;
  double rope_base, time_scale, order_scale, trend_center, trend_scale, utc_offset_minutes;
  bool uses_order;       /* an angle feature is `order`: appending re-runs the history */
  bool has_schema[3];    /* by srope_list: the list is built from named values */
  uint64_t n_parameters; /* duplicates not counted twice */
  uint64_t hash;         /* XXH64 of the model file, seed 0: names the model in snapshots */
  const char *isa;       /* "scalar", "avx2", "avx512", "neon", "simd128", "relaxed" */
} srope_info;

/* Loads a model from the bytes of a whole .safetensors file (borrows; nothing points into `bytes` afterwards).
 * `isa`: an instruction set's name, or NULL for the best there is. The model owns all its memory; free it after its
 * sessions. Errors: FORMAT, LIMIT, CONFIG, TENSOR, VALUE (NaN or infinite weights), UNSUPPORTED, MEMORY. */
srope_status srope_model_load(const void *bytes, size_t n_bytes, const char *isa, srope_model **out,
                              srope_error *error);
void srope_model_free(srope_model *model);

/* The same of a file that arrives in pieces, in order and of any sizes (each borrowed): create, push, ..., finish, free.
 * The model is the one of srope_model_load, to the bit. Once the header is there, names, dtypes and shapes are checked and
 * the model's memory is taken; from then on every byte goes to its place as it arrives and nothing of the file is kept.
 * So what is wrong with a file is said by the first call that can know. n_bytes: of the whole file, or 0 where that is not
 * known: then the header alone says how much memory is taken, and a file that is too short is noticed at the end.
 * After a failure of push or finish, later calls fail the same way. finish gives the model to the caller; free the loader
 * whatever came of it. A loader belongs to one thread at a time. Errors: those of srope_model_load, ARGUMENT. */
srope_status srope_loader_create(const char *isa, uint64_t n_bytes, srope_loader **out, srope_error *error);
srope_status srope_loader_push(srope_loader *loader, const void *bytes, size_t n, srope_error *error);
srope_status srope_loader_finish(srope_loader *loader, srope_model **out, srope_error *error);
void srope_loader_free(srope_loader *loader);

const srope_info *srope_model_info(const srope_model *model);
const char *srope_model_task(const srope_model *model, uint32_t task);     /* NULL past the last */
const char *srope_model_signal(const srope_model *model, uint32_t signal); /* NULL past the last */
/* The model's own task weights for a score: T numbers (1 each where the file says nothing). */
const double *srope_model_score_weights(const srope_model *model);

/* The model as JSON text: {"config":{...as loaded, defaults filled in},"tensors":[{"name","dtype","shape"}...],
 * "parameters","hash","isa","sizes":{"L","D",...},"order_scale","ordinal_frequencies":[P]}. `*text` is NUL-terminated,
 * `*n` its length; free it with srope_free. Errors: MEMORY. */
srope_status srope_model_describe(const srope_model *model, char **text, size_t *n, srope_error *error);
void srope_free(void *pointer);

/* The time part of the rotation, f(t)·freq, at n times and P pairs with `order` taken as 0: out (n, P), radians.
 * signal (n, G) or NULL for zeros; utc_offset_minutes NaN for the configuration's. For ordinal models zeros; for TO-RoPE
 * time_scale·days·inv with days counted from 1970. Errors: ARGUMENT, TIME, VALUE, MEMORY. */
srope_status srope_model_angles(const srope_model *model, srope_network network, size_t n, const double *time_s,
                                const float *signal, double utc_offset_minutes, double *out, srope_error *error);

/* ---------------------------------------------------------------- named values -> vectors */

typedef enum srope_value_kind {
  SROPE_VALUE_MISSING = 0, /* absent or null */
  SROPE_VALUE_NUMBER = 1,
  SROPE_VALUE_BOOLEAN = 2, /* in `number`, 0 or 1 */
  SROPE_VALUE_STRING = 3,  /* UTF-8, `n` bytes, not NUL-terminated */
  SROPE_VALUE_LIST = 4,    /* `n` elements, none of them lists */
  SROPE_VALUE_OTHER = 5    /* something no feature takes (an object, a list in a list, ...): `string` names it */
} srope_value_kind;

typedef struct srope_value {
  srope_value_kind kind;
  uint32_t n;
  union {
    double number;
    const char *string;
    const struct srope_value *elements;
  } as;
} srope_value;

typedef struct srope_feature {
  const char *name;
  const char *kind; /* "number", "vector", "hash", "index", "vocab" */
  uint32_t dim;     /* numbers it gives */
  bool required;
} srope_feature;

/* The features of a list, in order. Count 0 where the list has no schema. */
uint32_t srope_model_feature_count(const srope_model *model, srope_list list);
const srope_feature *srope_model_feature(const srope_model *model, srope_list list, uint32_t i);

/* One vector from one value per feature of the list, in the list's order. out (X), (Y) or (Z). No allocation.
 * Errors: FEATURE with where = "item.tag" (the caller prefixes the item's place), ARGUMENT (the list has no schema). */
srope_status srope_encode(const srope_model *model, srope_list list, const srope_value *values, float *out,
                          srope_error *error);

/* A request's name as the 64-bit key of srope_events.request; never 0. An integer and its decimal text are one name. */
uint64_t srope_request_key(const char *name, size_t n);
uint64_t srope_request_key_integer(int64_t name);

/* Unix milliseconds from an ISO 8601 date and time: YYYY-MM-DD, or YYYY-MM-DDThh:mm[:ss[.fraction]] followed by nothing
 * (taken as UTC), Z or ±hh:mm. Errors: TIME. */
srope_status srope_time_parse(const char *text, size_t n, double *time_ms, srope_error *error);

/* ---------------------------------------------------------------- threads */

typedef struct srope_pool srope_pool;

/* `n_threads` in all, the one that calls among them; the others are started here and sleep while there is nothing to do.
 * Errors: LIMIT (not 1 .. SROPE_MAX_THREADS), UNSUPPORTED (more than one, in a build without threads), MEMORY. */
srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error);
void srope_pool_free(srope_pool *pool);              /* after whatever uses it */
uint32_t srope_pool_threads(const srope_pool *pool); /* 1 for NULL */

/* ---------------------------------------------------------------- session: one user's state */

typedef struct srope_events { /* oldest first; borrows everything */
  size_t n;
  const float *item;                /* (n, X) */
  const float *action;              /* (n, Y) */
  const double *time_s;             /* (n), never decreasing, also against what the session holds */
  const float *signal;              /* (n, G), or NULL for zeros */
  const uint64_t *request;          /* (n) keys, or NULL; 0 = no name: neighbours of equal time are one request */
  const double *utc_offset_minutes; /* (n), or NULL; NaN = the session's */
  const float *context;             /* (n, Z): only srope_sequence_forward reads it; else may be NULL */
} srope_events;

typedef struct srope_candidates { /* borrows everything */
  size_t n;                       /* may be 0 */
  const float *item;              /* (n, X) */
  const float *context;           /* (n, Z); may be NULL when Z = 0 */
  const float *signal;            /* (n, G), or NULL for zeros */
  double now_s;
  double utc_offset_minutes; /* NaN = the session's */
} srope_candidates;

typedef struct srope_session_options {
  uint32_t max_history;      /* 0 = the model's; at most SROPE_MAX_HISTORY */
  double utc_offset_minutes; /* NaN = the configuration's */
} srope_session_options;

/* A session borrows the model, which must outlive it. options NULL = defaults. Errors: LIMIT, VALUE, MEMORY. */
srope_status srope_session_create(const srope_model *model, const srope_session_options *options, srope_session **out,
                                  srope_error *error);
void srope_session_free(srope_session *session);

/* From now on this session's scores and explanations share their work among the pool's threads where a request is large
 * enough to gain by it. Results are the same to the bit for any number of threads. The session borrows the pool, until
 * another is given or it is freed; NULL = the caller's thread alone, as at first. Allocates a workspace for each thread.
 * Errors: ARGUMENT, MEMORY. */
srope_status srope_session_use_pool(srope_session *session, srope_pool *pool, srope_error *error);

/* Adds events (copies). All or none. Beyond max_history the oldest drop out. May allocate; runs no network: the next
 * score runs what is new. Errors: ARGUMENT, TIME, VALUE, LIMIT, MEMORY; where = "history[i].time" with i in the batch. */
srope_status srope_session_append(srope_session *session, const srope_events *events, srope_error *error);
void srope_session_clear(srope_session *session);         /* forgets all events, keeps the memory */
size_t srope_session_count(const srope_session *session); /* C: events held */

/* logits (N, T) of every candidate after the session's history. Does not allocate. A candidate's logits are the same to
 * the bit whichever others are in the request. Errors: ARGUMENT, TIME, VALUE; where = "candidates[i].item". */
srope_status srope_session_score(srope_session *session, const srope_candidates *candidates, float *logits,
                                 srope_error *error);

/* The angle networks' raw outputs (before freq and order): out (C+1, A), last row the first candidate's (signals from
 * candidates->signal row 0). For parity work; siren models only (else UNSUPPORTED). May allocate. */
srope_status srope_session_angles(srope_session *session, const srope_candidates *candidates, srope_network network,
                                  float *out, srope_error *error);

/* Snapshot: versioned bytes, bound to the model by hash, with a checksum; every machine writes and reads the same bytes.
 * A restored session gives the same logits to the bit. Errors: SNAPSHOT, LIMIT, MEMORY, ARGUMENT (`n` too small). */
size_t srope_session_snapshot_size(const srope_session *session);
srope_status srope_session_snapshot(const srope_session *session, void *bytes, size_t n, srope_error *error);
srope_status srope_session_restore(const srope_model *model, const void *bytes, size_t n, srope_session **out,
                                   srope_error *error);

/* ---------------------------------------------------------------- whole sequences (evaluation, parity) */

typedef struct srope_sequence_outputs { /* each may be NULL */
  float *logits;                        /* (S, T) */
  float *layers;                        /* (L, S, D): x after each layer */
  float *action_attention;              /* (S, D): u */
  float *angle;                         /* (S, A): angle_nn at each token's own position, before freq and order */
  float *action_angle;                  /* (S, A) */
} srope_sequence_outputs;

/* Every event's engagement predicted from the events before its request. events->context (S, Z) is read when logits are
 * asked for. Allocates its workspace. Errors as append and score. */
srope_status srope_sequence_forward(const srope_model *model, const srope_events *events, double utc_offset_minutes,
                                    const srope_sequence_outputs *out, srope_error *error);

/* ---------------------------------------------------------------- scores -> a feed */

typedef struct srope_ranked {
  uint32_t index; /* place in the request */
  double score;   /* sum over tasks of weight × probability */
} srope_ranked;

/* probabilities (N, T) = sigmoid(logits (N, T)); may be in place. */
void srope_probabilities(const srope_model *model, const float *logits, size_t n, float *probabilities);

/* The best `limit` candidates (0 or more than n = all), best first; ties keep the request's order. weights (T) or NULL for
 * the model's; they must be finite. out has room for min(limit, n); *n_out tells how many. No allocation: O(n log n).
 * Errors: VALUE (a weight), LIMIT (n over 2^32 - 1). */
srope_status srope_rank(const srope_model *model, const float *probabilities, size_t n, const double *weights,
                        size_t limit, srope_ranked *out, size_t *n_out, srope_error *error);

/* Why: what each history event did to each candidate's score, exactly, by leaving it out: influence (N, C) =
 * score - score without the event, columns in the session's order; and timeless (N): the score with the rotation's time
 * part frozen, every token standing at the newest event's time. weights as in srope_rank. The session is not changed.
 * Allocates, and takes C + 2 full runs. Errors: as append, score and rank. */
srope_status srope_session_explain(const srope_session *session, const srope_candidates *candidates,
                                   const double *weights, double *influence, double *timeless, srope_error *error);

#ifdef __cplusplus
}
#endif
#endif
