/* names.h: a fixed set of names to look JSON keys up in, and the one way in which objects are read: every name at most
 * once (the last of duplicates counts, as in JSON.parse), null the same as absent. */
#ifndef SROPE_INPUT_NAMES_H
#define SROPE_INPUT_NAMES_H

#include "sirenrope/sirenrope.h"
#include "yyjson.h"

typedef struct srope_name {
  const char *text; /* borrows */
  size_t n;
  uint32_t index; /* its place in the list it came from */
} srope_name;

typedef struct srope_names { /* zeroed = no names; owns `sorted` */
  srope_name *sorted;        /* by bytes */
  uint32_t n;
} srope_names;

/* Takes one name; call n times with a table of n names, then srope_names_sort. Errors: MEMORY. */
srope_status srope_names_create(uint32_t n, srope_names *out, srope_error *error);
void srope_names_set(srope_names *names, uint32_t index, const char *text);
void srope_names_sort(srope_names *names);
void srope_names_free(srope_names *names);

/* found[i] = the value of name i in `object`, NULL for absent or null. With `strict` a name that is not in the set is a
 * FEATURE error with where = that name (all others are found all the same); without, it is ignored. */
srope_status srope_names_pick(const srope_names *names, yyjson_val *object, bool strict, yyjson_val **found,
                              srope_error *error);

#endif
