/* error.h: filling in a typed error. Every room of the core fails through srope_fail.
 * In: a status, a place and a printf-like message. Out: the status, so that `return srope_fail(...)` reads well. */
#ifndef SROPE_BASE_ERROR_H
#define SROPE_BASE_ERROR_H

#include "base/text.h"
#include "sirenrope/sirenrope.h"

/* `error` may be NULL. `where` may be NULL for none; it is cut to fit. Returns `status`. */
srope_status srope_fail(srope_error *error, srope_status status, const char *where, const char *format, ...)
    SROPE_PRINTF(4, 5);

/* Puts a place before the one already there: "history[3]" and "item.tag" give "history[3].item.tag". */
void srope_error_prefix(srope_error *error, const char *format, ...) SROPE_PRINTF(2, 3);

#endif
