/* packer.h: events one after the other -> a cache file (cache.h), in constant memory: every column grows in a file of its own
 * that has no name any more, and at the end they are put together. A request's names are kept for one user at a time.
 * In: users one after the other, their events oldest first, values by name. Out: an open file. Not here: reading sources. */
#ifndef SROPE_TRAIN_PACKER_H
#define SROPE_TRAIN_PACKER_H

#include "train/cache.h"
#include "train/dataset_config.h"

typedef struct srope_packer srope_packer;

typedef struct srope_event { /* a source's scratch; owns its arrays */
  double time_s;
  double utc_offset_minutes; /* NaN = none given */
  uint64_t request;          /* key, 0 = no name */
  srope_value *values[3];    /* by srope_list, one per field of the configuration */
  float *label, *signal;     /* (T), (G) */
} srope_event;

srope_status srope_event_create(const srope_dataset_config *config, srope_event *out, srope_error *error);
void srope_event_free(srope_event *event);

/* cache: the file to be; NULL = a temporary one. Borrows the configuration. Errors: IO, MEMORY. */
srope_status srope_packer_create(const srope_dataset_config *config, const char *cache, srope_packer **out,
                                 srope_error *error);

/* The next event, of the user before or of a new one. Missing time features among its values are filled in. Errors:
 * those of srope_schema_pack (where = "item.tag"), TIME (before the user's last event or out of range), VALUE (the UTC
 * offset), LIMIT, IO, MEMORY. */
srope_status srope_packer_add(srope_packer *packer, srope_event *event, bool new_user, srope_error *error);

/* Puts the file together and, where it is a cache, in its place; the header's sizes and hashes of columns are filled in,
 * the rest is the caller's. *descriptor is then open for reading. Errors: IO, MEMORY; where = a path. */
srope_status srope_packer_finish(srope_packer *packer, srope_cache_header *header, int *descriptor, srope_error *error);

/* Frees it; what was not finished is gone. */
void srope_packer_free(srope_packer *packer);

#endif
