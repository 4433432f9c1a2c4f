/* bench.c: `siren-rope bench`: what takes how long, in this program; comparisons with others are in tests/bench. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

static const char help[] = "usage: siren-rope bench rank --model FILE --io FILE [options]\n"
                           "       siren-rope bench train --data DIR [options]\n\n"
                           "Measures on this machine, in this process. `rank`: loading a model and ranking with it; "
                           "`train`: epochs of training.\n"
                           "`siren-rope bench rank --help` and `siren-rope bench train --help` list their options.\n";

int cli_bench(int n, char **arguments) {
  if (n >= 1 && strcmp(arguments[0], "rank") == 0) return cli_bench_rank(n - 1, arguments + 1);
  if (n >= 1 && strcmp(arguments[0], "train") == 0) return cli_bench_train(n - 1, arguments + 1);
  if (n >= 1 && (strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0)) {
    fputs(help, stdout);
    return cli_report_end("bench");
  }
  srope_error error;
  srope_fail(&error, SROPE_ERR_ARGUMENT, n >= 1 ? arguments[0] : "", "expected rank or train%s%s%s",
             n >= 1 ? ", found \"" : "", n >= 1 ? arguments[0] : "", n >= 1 ? "\"" : "");
  cli_report_error("bench", &error);
  fputs("Try: siren-rope bench --help\n", stderr);
  return CLI_EXIT_USAGE;
}
