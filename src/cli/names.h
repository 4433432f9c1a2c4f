/* names.h: a fixed set of names to look JSON keys up in, and the one way in which objects are read: every name at most
 * once (the last of duplicates counts, as in JSON.parse), null the same as absent. */
#ifndef SROPE_CLI_NAMES_H
#define SROPE_CLI_NAMES_H

#include "sirenrope/sirenrope.h"
#include "yyjson.h"

typedef struct cli_name {
  const char *text; /* borrows */
  size_t n;
  uint32_t index; /* its place in the list it came from */
} cli_name;

typedef struct cli_names { /* zeroed = no names; owns `sorted` */
  cli_name *sorted;        /* by bytes */
  uint32_t n;
} cli_names;

/* Takes one name; call n times with a table of n names, then cli_names_sort. Errors: MEMORY. */
srope_status cli_names_create(uint32_t n, cli_names *out, srope_error *error);
void cli_names_set(cli_names *names, uint32_t index, const char *text);
void cli_names_sort(cli_names *names);
void cli_names_free(cli_names *names);

/* found[i] = the value of name i in `object`, NULL for absent or null. With `strict` a name that is not in the set is a
 * FEATURE error with where = that name (all others are found all the same); without, it is ignored. */
srope_status cli_names_pick(const cli_names *names, yyjson_val *object, bool strict, yyjson_val **found,
                            srope_error *error);

#endif
