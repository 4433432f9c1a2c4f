/* json.h: pieces of JSON text to a stream, without building a document.
 * Numbers are the shortest that read back the same. Not here: commas, brackets and layout, which are the caller's. */
#ifndef SROPE_CLI_JSON_H
#define SROPE_CLI_JSON_H

#include <stdio.h>

#include "yyjson.h"

/* A string with its quotes. `text` is UTF-8. */
void cli_json_text(FILE *out, const char *text, size_t n);

void cli_json_double(FILE *out, double x); /* null when not finite */
void cli_json_float(FILE *out, float x);   /* shortest that reads back as the same float */

/* A string, number, boolean or null as it was read; NULL is null. Lists and objects are null. */
void cli_json_scalar(FILE *out, yyjson_val *value);

#endif
