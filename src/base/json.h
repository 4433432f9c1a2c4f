/* json.h: JSON text of a file -> a yyjson document, with a bound on nesting and a typed error that says where.
 * In: UTF-8 bytes (borrowed). Out: a document of the caller's, freed with yyjson_doc_free. Not here: what the values
 * should be. */
#ifndef SROPE_BASE_JSON_H
#define SROPE_BASE_JSON_H

#include "sirenrope/sirenrope.h"

struct yyjson_doc;
struct yyjson_alc;

/* Fails with `status` and the place "<what> byte <n>"; deeper than `max_depth` lists and objects is LIMIT. */
srope_status srope_json_read(const char *text, size_t n, uint32_t max_depth, srope_status status, const char *what,
                             struct yyjson_doc **out, srope_error *error);

/* The first byte where nesting goes over the bound, or n. Wrong text may be misjudged: the parser then says what is wrong. */
size_t srope_json_find_too_deep(const char *text, size_t n, uint32_t max_depth);

/* yyjson's builders leave out what they get no memory for and go on. This allocator (malloc) sets *refused to true when that
 * happens; *refused must be false before and outlive the document. */
void srope_json_watch_memory(struct yyjson_alc *allocator, bool *refused);

/* "a string", "a number", ...: for messages. Takes a yyjson_val; NULL is "nothing". Static. */
const char *srope_json_kind(const void *value);

#endif
