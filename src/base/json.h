/* json.h: JSON text of a file -> a yyjson document, with a bound on nesting and a typed error that says where; and values back
 * to text. In: UTF-8 bytes (borrowed). Out: a document of the caller's, freed with yyjson_doc_free. Not here: what the values
 * should be; yyjson's own reader, which is faster and for what is read by the million. */
#ifndef SROPE_BASE_JSON_H
#define SROPE_BASE_JSON_H

#include "base/text.h"
#include "sirenrope/sirenrope.h"

struct yyjson_doc;
struct yyjson_alc;

/* Strict JSON as yyjson reads it: the same texts, the same values. Fails with `status` and the place "<what> byte <n>", the first
 * that belongs to no JSON; deeper than `max_depth` lists and objects (it recurses) is LIMIT. Errors also: MEMORY. */
srope_status srope_json_read(const char *text, size_t n, uint32_t max_depth, srope_status status, const char *what,
                             struct yyjson_doc **out, srope_error *error);

/* The first byte where nesting goes over the bound, or n. Wrong text may be misjudged: the parser then says what is wrong. */
size_t srope_json_find_too_deep(const char *text, size_t n, uint32_t max_depth);

/* yyjson's builders leave out what they get no memory for and go on. This allocator (malloc) sets *refused to true when that
 * happens; *refused must be false before and outlive the document. */
void srope_json_watch_memory(struct yyjson_alc *allocator, bool *refused);

/* "a string", "a number", ...: for messages. Takes a yyjson_val; NULL is "nothing". Static. */
const char *srope_json_kind(const void *value);

/* ---------------------------------------------------------------- writing */

/* A text that grows; begins as zeros. `text` (malloc, NUL-terminated) is the caller's. Where memory was refused the rest is left
 * out and `refused` is set. */
typedef struct srope_json_text {
  char *text;
  size_t n, capacity;
  bool refused;
} srope_json_text;

void srope_json_add(srope_json_text *to, const char *format, ...) SROPE_PRINTF(2, 3); /* as it is: nothing is escaped */
void srope_json_add_string(srope_json_text *to, const char *text, size_t n);          /* UTF-8 */
/* The fewest digits that are read as x again; with a point or an exponent, so that it stays a real number. Finite. */
void srope_json_add_real(srope_json_text *to, double x);
/* A yyjson_val and all in it, as deep as srope_json_read let it be. */
void srope_json_add_value(srope_json_text *to, const void *value);

#endif
