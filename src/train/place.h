/* place.h: where in a source an error is: "events-1.ndjson line 12, item.tag[3]". */
#ifndef SROPE_TRAIN_PLACE_H
#define SROPE_TRAIN_PLACE_H

#include "base/error.h"

/* Puts a place before the one that is there, with a comma between; cut to fit. `error` may be NULL. */
void srope_place_before(srope_error *error, const char *format, ...) SROPE_PRINTF(2, 3);

/* The same with a line of a file; its path is left out. */
void srope_place_line(srope_error *error, const char *path, uint64_t line);

#endif
