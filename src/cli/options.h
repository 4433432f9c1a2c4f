/* options.h: a command's options as a table: parsing, bounds, defaults and the text of --help come from the same lines.
 * Takes `--name value`, `--name=value`, flags, `-h`, `--help` and `--`. Not here: what the options mean. */
#ifndef SROPE_CLI_OPTIONS_H
#define SROPE_CLI_OPTIONS_H

#include <stddef.h>

enum { CLI_EXIT_USAGE = 2 }; /* the exit status of a command line that is wrong */

typedef enum cli_option_kind {
  CLI_FLAG, /* target: bool */
  CLI_TEXT, /* target: const char * (points into argv) */
  CLI_COUNT /* target: size_t, whole and within low..high */
} cli_option_kind;

typedef struct cli_option {
  const char *name;     /* "--limit" */
  const char *argument; /* "K"; NULL for a flag */
  const char *help;     /* one sentence */
  cli_option_kind kind;
  void *target;     /* holds the default before parsing */
  size_t low, high; /* of a count */
  int required;     /* of a text: missing is an error */
} cli_option;

typedef struct cli_positional { /* an argument without an option; must be given */
  const char *name;             /* "MODEL" */
  const char **target;
} cli_positional;

typedef struct cli_syntax {
  const char *command; /* "rank"; NULL for the program itself */
  const char *usage;   /* what follows the command's name in the usage line */
  const char *about;   /* paragraphs for --help */
  const cli_option *options;
  size_t n_options;
  const cli_positional *positionals; /* in their order */
  size_t n_positionals;
} cli_syntax;

typedef enum cli_parsed { CLI_GO_ON, CLI_HELPED, CLI_WRONG } cli_parsed;

/* Arguments after the command's name. Prints help on standard output, what is wrong on standard error. */
cli_parsed cli_options_parse(const cli_syntax *syntax, int n, char **arguments);

/* The exit status of a command that does not go on. */
int cli_options_exit(cli_parsed parsed);

/* The name of `names` (n) that is nearest to what was typed, or NULL where none is near. */
const char *cli_options_suggest(const char *typed, const char *const *names, size_t n);

#endif
