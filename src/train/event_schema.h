/* event_schema.h: schema.json of a folder of event files (format: README.md here): what the events have, what it is called
 * in them, and the times of the splits. Not here: the events. */
#ifndef SROPE_TRAIN_EVENT_SCHEMA_H
#define SROPE_TRAIN_EVENT_SCHEMA_H

#include "train/dataset_config.h"

struct yyjson_val;

#define SROPE_EVENT_SCHEMA_NAME "schema.json"

typedef struct srope_event_schema { /* owns all */
  struct yyjson_doc *document;      /* the strings' */
  struct yyjson_val *features, *columns;
  srope_schema schema[3]; /* by srope_list */
  const char **labels;    /* names, and what they are called in the data (the name itself or another) */
  const char **label_columns;
  const char **signals;
  uint32_t n_labels, n_signals;
  double validation_s, test_s;
  char list_separator; /* 0 = cells are no lists */
} srope_event_schema;

/* From its text, which is copied, or from the file of a folder. Free it also after a failure. Errors: IO, CONFIG, LIMIT,
 * MEMORY; where = "schema.json, splits.test". */
srope_status srope_event_schema_parse(const char *text, size_t n, srope_event_schema *out, srope_error *error);
srope_status srope_event_schema_read(const char *folder, srope_event_schema *out, srope_error *error);
void srope_event_schema_free(srope_event_schema *schema);

/* Does the data have all that is asked of it? Features, labels and signals by name. Errors: CONFIG. */
srope_status srope_event_schema_check(const srope_event_schema *schema, const srope_dataset_config *config,
                                      srope_error *error);

/* The place of a label or signal; there must be one. */
uint32_t srope_event_schema_find_label(const srope_event_schema *schema, const char *name);
uint32_t srope_event_schema_find_signal(const srope_event_schema *schema, const char *name);

/* What a header calls "user", "item.video", ...: the entry of `columns` or the name itself. */
const char *srope_event_schema_column(const srope_event_schema *schema, const char *name);

/* As srope_dataset_describe. */
srope_status srope_event_schema_describe(const srope_event_schema *schema, char **text, size_t *n, srope_error *error);

#endif
