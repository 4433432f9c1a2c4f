/* report.h: what the program says to a person, on standard error: errors and warnings.
 * Colours only on a terminal, and not where NO_COLOR is set. Data never goes through here. */
#ifndef SROPE_CLI_REPORT_H
#define SROPE_CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* "siren-rope rank: error: <message> [<code> at <where>]". `command` may be NULL. Returns EXIT_FAILURE. */
int cli_report_error(const char *command, const srope_error *error);

/* "siren-rope rank: <message>" */
void cli_report_note(const char *command, const char *format, ...) SROPE_PRINTF(2, 3);

/* One line that is drawn over itself: "<label>  42 % of <total>"; draws nothing where `stream` is no terminal.
 * Call with done == total at the end, which removes it. */
void cli_report_progress(FILE *stream, const char *label, size_t done, size_t total);

/* Whether to colour what goes to `stream`. */
bool cli_report_colours(FILE *stream);

/* Ends a command's output: flushes standard output and turns a failed write into an error. An exit status. */
int cli_report_end(const char *command);

#endif
