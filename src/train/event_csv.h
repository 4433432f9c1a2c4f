/* event_csv.h: the records of a CSV event file -> events' values: the header's columns found once, cells read by the kind of
 * their feature. Not here: the order of events, what values a feature takes (features/). */
#ifndef SROPE_TRAIN_EVENT_CSV_H
#define SROPE_TRAIN_EVENT_CSV_H

#include "train/event_schema.h"
#include "train/packer.h"

typedef struct srope_event_csv srope_event_csv; /* owns the open file */

/* Borrows both. Errors: those of srope_csv_open; FORMAT for a column that is not there. */
srope_status srope_event_csv_open(const char *path, const srope_event_schema *schema,
                                  const srope_dataset_config *config, srope_event_csv **out, srope_error *error);
void srope_event_csv_close(srope_event_csv *reader);

/* The next event; *ended at the end. Its values point into the reader, until the next one. Errors: those of srope_csv_next
 * (where = file and line) and FORMAT, TIME, VALUE (where = "time", "item.tag": srope_event_csv_place adds the rest). */
srope_status srope_event_csv_next(srope_event_csv *reader, srope_event *event, uint64_t *user, bool *ended,
                                  srope_error *error);

/* Makes "item.tag[2]" of the last event "<file> line <n>, column <name>". */
void srope_event_csv_place(const srope_event_csv *reader, srope_error *error);

uint64_t srope_event_csv_offset(const srope_event_csv *reader); /* bytes of the file that were read */

#endif
