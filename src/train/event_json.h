/* event_json.h: one line of an NDJSON event file -> an event's values. The rules for values are those of requests
 * (input/fields.h). Not here: lines, the order of events, what values a feature takes (features/). */
#ifndef SROPE_TRAIN_EVENT_JSON_H
#define SROPE_TRAIN_EVENT_JSON_H

#include "train/event_schema.h"
#include "train/packer.h"

typedef struct srope_event_json
    srope_event_json; /* scratch that is used again for every line; owns the last document */

/* Borrows both. Errors: MEMORY. */
srope_status srope_event_json_create(const srope_event_schema *schema, const srope_dataset_config *config,
                                     srope_event_json **out, srope_error *error);
void srope_event_json_free(srope_event_json *reader);

/* `line` as srope_input_parse takes it. *user: the hash of the user's name. The event's values point into the line and the
 * reader, until the next one. Errors: JSON, LIMIT, TIME, VALUE, FEATURE, MEMORY; where = "label.like". */
srope_status srope_event_json_read(srope_event_json *reader, char *line, size_t n, srope_event *event, uint64_t *user,
                                   srope_error *error);

#endif
