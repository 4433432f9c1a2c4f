/* main.c: the program `siren-rope`: finds the command and runs it.
 * Data on standard output, everything else on standard error; exit status 0 only on success, 2 where the command
 * line is wrong. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

static const struct {
  const char *name, *summary;
  int (*run)(int n, char **arguments);
} commands[] = {
    {"rank", "rank candidates: requests in, answers out, one JSON object a line", cli_rank},
    {"score", "logits of tensors, for parity work", cli_score},
    {"train", "learn a model from a folder of events", cli_train},
    {"ablate", "every row of the paper's ablation, over seeds, compared", cli_ablate},
    {"eval", "NE, AUC and calibration error on a log, as it would have been served", cli_eval},
    {"simulate", "events with a planted truth, to see whether training finds it", cli_simulate},
    {"inspect", "what is in a model file", cli_inspect},
    {"angles", "the time part of the rotation over a span of time", cli_angles},
    {"spectrum", "which periods the rotation learned", cli_spectrum},
    {"moments", "a training's rotation over its course, as one small file", cli_moments},
    {"quantize", "a model in fewer bytes: int8 or float16 weights", cli_quantize},
    {"bench", "how long ranking takes, or an epoch of training", cli_bench},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out) {
  fprintf(out, "usage: siren-rope COMMAND [options]\n\n"
               "Ranks a feed with a SIREN-RoPE model: a causal transformer over a user's timestamped events.\n\n"
               "commands:\n");
  for (size_t i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fprintf(out, "\n  -h, --help     show this; after a command, its options\n"
               "  --version      show the version\n");
}

static int fail_unknown(const char *typed) {
  const char *names[N_COMMANDS];
  srope_error error;
  for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
  const char *near = cli_options_suggest(typed, names, N_COMMANDS);
  srope_fail(&error, SROPE_ERR_ARGUMENT, typed, "there is no such command%s%s%s", near != NULL ? "; did you mean " : "",
             near != NULL ? near : "", near != NULL ? "?" : "");
  cli_report_error(NULL, &error);
  fputs("Try: siren-rope --help\n", stderr);
  return CLI_EXIT_USAGE;
}

int main(int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow any more is an error like a full disk, not a death */
  if (argc < 2) {
    print_help(stderr);
    return CLI_EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    print_help(stdout);
    return cli_report_end(NULL);
  }
  if (strcmp(argv[1], "--version") == 0) {
    puts("siren-rope " SROPE_VERSION);
    return cli_report_end(NULL);
  }
  for (size_t i = 0; i < N_COMMANDS; i++)
    if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
  return fail_unknown(argv[1]);
}
