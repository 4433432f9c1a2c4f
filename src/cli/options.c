/* options.c: see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

/* Levenshtein distance, one row at a time; anything longer than the row is far away. */
static size_t edit_distance(const char *a, const char *b) {
  enum { LONGEST = 40 };
  size_t row[LONGEST + 1], n_a = strlen(a), n_b = strlen(b);
  if (n_a > LONGEST || n_b > LONGEST) { return SIZE_MAX; }
  for (size_t j = 0; j <= n_b; j++) { row[j] = j; }
  for (size_t i = 1; i <= n_a; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n_b; j++) {
      size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = changed < shorter ? changed : shorter;
    }
  }
  return row[n_b];
}

const char *cli_options_suggest(const char *typed, const char *const *names, size_t n) {
  const char *best = NULL;
  size_t nearest = strlen(typed) / 3 + 2; /* at least this far is another word, not a slip */
  for (size_t i = 0; i < n; i++) {
    size_t distance = edit_distance(typed, names[i]);
    if (distance < nearest) {
      nearest = distance;
      best = names[i];
    }
  }
  return best;
}

static void print_help(const cli_syntax *syntax) {
  printf("usage: siren-rope %s%s%s\n\n%s\n\noptions:\n", syntax->command != NULL ? syntax->command : "",
         syntax->command != NULL ? " " : "", syntax->usage, syntax->about);
  for (size_t i = 0; i < syntax->n_options; i++) {
    const cli_option *option = &syntax->options[i];
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    printf("  %-24s %s", left, option->help);
    if (option->kind == CLI_COUNT && *(size_t *)option->target != 0) { printf(" [%zu]", *(size_t *)option->target); }
    printf("%s\n", option->required ? " (required)" : "");
  }
  printf("  %-24s %s\n", "-h, --help", "show this");
}

static cli_parsed wrong(const cli_syntax *syntax, const char *where, const char *message) {
  srope_error error;
  srope_fail(&error, SROPE_ERR_ARGUMENT, where, "%s", message);
  cli_report_error(syntax->command, &error);
  fprintf(stderr, "Try: siren-rope %s%s--help\n", syntax->command != NULL ? syntax->command : "",
          syntax->command != NULL ? " " : "");
  return CLI_WRONG;
}

static cli_parsed unknown(const cli_syntax *syntax, const char *typed) {
  const char *names[64], *near;
  char message[160];
  size_t n = 0;
  for (; n < syntax->n_options && n < sizeof names / sizeof names[0]; n++) { names[n] = syntax->options[n].name; }
  near = cli_options_suggest(typed, names, n);
  snprintf(message, sizeof message, "there is no such option%s%s%s", near != NULL ? "; did you mean " : "",
           near != NULL ? near : "", near != NULL ? "?" : "");
  return wrong(syntax, typed, message);
}

static bool read_count(const char *text, const cli_option *option) {
  char *end;
  errno = 0;
  unsigned long long count = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || count < option->low || count > option->high) {
    return false;
  }
  *(size_t *)option->target = (size_t)count;
  return true;
}

static cli_parsed take_value(const cli_syntax *syntax, const cli_option *option, const char *value) {
  char message[160];
  if (option->kind == CLI_TEXT) {
    *(const char **)option->target = value;
  } else if (!read_count(value, option)) {
    snprintf(message, sizeof message, "expected a whole number from %zu to %zu, found \"%.40s\"", option->low,
             option->high, value);
    return wrong(syntax, option->name, message);
  }
  return CLI_GO_ON;
}

static const cli_option *find_option(const cli_syntax *syntax, const char *typed, size_t n) {
  for (size_t i = 0; i < syntax->n_options; i++) {
    if (strncmp(syntax->options[i].name, typed, n) == 0 && syntax->options[i].name[n] == '\0') {
      return &syntax->options[i];
    }
  }
  return NULL;
}

/* Takes the option at arguments[*i] and its value; leaves *i at the last one taken. */
static cli_parsed take_option(const cli_syntax *syntax, int n, char **arguments, int *i) {
  const char *typed = arguments[*i], *equals = strchr(typed, '=');
  const cli_option *option = find_option(syntax, typed, equals != NULL ? (size_t)(equals - typed) : strlen(typed));
  if (option == NULL) { return unknown(syntax, typed); }
  if (option->kind == CLI_FLAG) {
    if (equals != NULL) { return wrong(syntax, option->name, "takes no value"); }
    *(bool *)option->target = true;
    return CLI_GO_ON;
  }
  if (equals != NULL) { return take_value(syntax, option, equals + 1); }
  if (*i + 1 >= n) { return wrong(syntax, option->name, "expected a value after it"); }
  return take_value(syntax, option, arguments[++*i]);
}

cli_parsed cli_options_parse(const cli_syntax *syntax, int n, char **arguments) {
  size_t n_positionals = 0;
  bool only_positional = false;
  for (int i = 0; i < n; i++) {
    if (!only_positional && (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)) {
      print_help(syntax);
      return CLI_HELPED;
    }
    if (!only_positional && strcmp(arguments[i], "--") == 0) {
      only_positional = true;
    } else if (!only_positional && arguments[i][0] == '-' && arguments[i][1] != '\0') {
      cli_parsed parsed = take_option(syntax, n, arguments, &i);
      if (parsed != CLI_GO_ON) { return parsed; }
    } else if (n_positionals == syntax->n_positionals) {
      return wrong(syntax, arguments[i], "one argument too many");
    } else {
      *syntax->positionals[n_positionals++].target = arguments[i];
    }
  }
  for (size_t i = 0; i < syntax->n_options; i++) {
    if (syntax->options[i].required && *(const char **)syntax->options[i].target == NULL) {
      return wrong(syntax, syntax->options[i].name, "must be given");
    }
  }
  if (n_positionals < syntax->n_positionals) {
    return wrong(syntax, syntax->positionals[n_positionals].name, "must be given");
  }
  return CLI_GO_ON;
}

int cli_options_exit(cli_parsed parsed) { return parsed == CLI_HELPED ? EXIT_SUCCESS : CLI_EXIT_USAGE; }
