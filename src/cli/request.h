/* request.h: one line of JSON -> a request: its history into a session, its candidates into matrices.
 * Fields and their meaning: `siren-rope rank --help`. Shapes: X item, Y action, Z context numbers, G signals.
 * Every error says where ("history[4].time", "candidates[3].item.tag"). Not here: reading lines, scoring, answers. */
#ifndef SROPE_CLI_REQUEST_H
#define SROPE_CLI_REQUEST_H

#include "sirenrope/sirenrope.h"
#include "yyjson.h"

typedef struct cli_request_rules {
  size_t max_candidates, max_events; /* of one request; more is a LIMIT error */
  bool strict;                       /* names that nothing uses are errors */
  bool sort_history;                 /* a history whose times decrease is sorted (stable); else a TIME error */
} cli_request_rules;

/* Scratch that is used again for every request. Borrows the model; owns the last line's document. */
typedef struct cli_request_reader cli_request_reader;

typedef struct cli_request { /* points into the reader's document: valid until its next line */
  yyjson_val *id;            /* a string, number or boolean; NULL = none */
  double now_s;
  double utc_offset_minutes; /* NaN = the model's */
  yyjson_val *history;       /* a list, or NULL */
  yyjson_val *candidates;    /* a list */
  size_t n_candidates;
} cli_request;

srope_status cli_request_reader_create(const srope_model *model, const cli_request_rules *rules,
                                       cli_request_reader **out, srope_error *error);
void cli_request_reader_free(cli_request_reader *reader);

/* `line` is overwritten; YYJSON_PADDING_SIZE bytes after its n must be writable and come back as they were. On failure
 * request->id is still set where it could be read. Errors: JSON, LIMIT, TIME, VALUE, FEATURE, MEMORY. */
srope_status cli_request_parse(cli_request_reader *reader, char *line, size_t n, cli_request *request,
                               srope_error *error);

/* Appends the history, oldest first, to an empty session; all events are checked, the newest that fit are kept. */
srope_status cli_request_append_history(cli_request_reader *reader, const cli_request *request, srope_session *session,
                                        srope_error *error);

/* The place in the request's history of a session's event, after the above. */
size_t cli_request_find_event(const cli_request_reader *reader, const cli_request *request,
                              const srope_session *session, size_t event);

/* One candidate, `index` its place: item (X), context (Z), signal (G), and its id, NULL for none. */
srope_status cli_request_read_candidate(cli_request_reader *reader, yyjson_val *candidate, size_t index, float *item,
                                        float *context, float *signal, yyjson_val **id, srope_error *error);

#endif
