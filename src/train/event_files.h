/* event_files.h: a folder of event files (schema.json, events*.ndjson or events*.csv, each plain or .gz) into a packer.
 * Format: README.md here. Constant memory but for under 50 bytes a user. Not here: the cache. */
#ifndef SROPE_TRAIN_EVENT_FILES_H
#define SROPE_TRAIN_EVENT_FILES_H

#include "train/event_schema.h"
#include "train/folder.h"
#include "train/packer.h"

/* The files of the folder: schema.json first, then the event files in the order they are read in. Errors: IO, FORMAT (none,
 * or both formats), MEMORY. */
srope_status srope_event_files_list(const char *path, srope_folder *folder, srope_error *error);

/* All events of the listed files, in order. Errors: IO, FORMAT, LIMIT, MEMORY, CONFIG, FEATURE, TIME, VALUE; where =
 * "events.ndjson line 3, item.tag[2]" or "events.csv line 3, column tag". */
srope_status srope_event_files_pack(const srope_folder *folder, const srope_event_schema *schema,
                                    const srope_dataset_config *config, const srope_dataset_options *options,
                                    srope_packer *packer, uint64_t *n_events, srope_error *error);

#endif
