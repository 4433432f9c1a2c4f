/* spectrum.c: `siren-rope spectrum`: which periods a model's rotation learned: the power spectrum of the time part of its angles
 * over some weeks, summed over the pairs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "train/spectrum.h"

enum { STEPS_A_WEEK = 7 * 48, MAX_WEEKS = 52 };
static const double WEEK_HOURS = 168, WEEK_MS = 604800000;

typedef struct period { /* k cycles over the span */
  size_t cycles;
  double share;  /* of all pairs' power */
  uint32_t pair; /* with the most of it */
} period;

static int compare_shares(const void *left, const void *right) {
  double a = ((const period *)left)->share, b = ((const period *)right)->share;
  return (a < b) - (a > b);
}

/* periods (n / 2) from angles (n, P), strongest first; *total: the variance of all pairs, lines taken off. */
static srope_status find_periods(const double *angle_rad, size_t n, uint32_t n_pairs, period *periods, double *total,
                                 srope_error *error) {
  double *x = malloc(n * sizeof *x), *power = malloc((n / 2 + 1) * sizeof *power);
  double *most = calloc(n / 2 + 1, sizeof *most);
  *total = 0;
  for (size_t k = 1; k <= n / 2; k++) periods[k - 1] = (period){.cycles = k};
  for (uint32_t pair = 0; x && power && most && pair < n_pairs; pair++) {
    for (size_t i = 0; i < n; i++) x[i] = angle_rad[i * n_pairs + pair];
    srope_spectrum(x, n, power);
    for (size_t k = 1; k <= n / 2; k++) {
      periods[k - 1].share += power[k];
      *total += power[k];
      if (power[k] <= most[k]) continue;
      most[k] = power[k];
      periods[k - 1].pair = pair;
    }
  }
  bool placed = x && power && most;
  free(x);
  free(power);
  free(most);
  if (!placed) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a spectrum");
  for (size_t k = 0; k < n / 2 && *total > 0; k++) periods[k].share /= *total;
  qsort(periods, n / 2, sizeof *periods, compare_shares);
  return SROPE_OK;
}

static void print_json(const period *periods, size_t n, double weeks, double total) {
  fputs("{\"weeks\":", stdout);
  cli_json_double(stdout, weeks);
  fputs(",\"variance\":", stdout);
  cli_json_double(stdout, total);
  fputs(",\"periods\":[", stdout);
  for (size_t i = 0; i < n; i++) {
    fputs(i > 0 ? ",{\"hours\":" : "{\"hours\":", stdout);
    cli_json_double(stdout, weeks * WEEK_HOURS / (double)periods[i].cycles);
    fputs(",\"share\":", stdout);
    cli_json_double(stdout, periods[i].share);
    printf(",\"pair\":%u}", periods[i].pair);
  }
  puts("]}");
}

static void print_table(const period *periods, size_t n, double weeks, double total) {
  printf("variance of the angles over %.0f weeks, straight lines taken off: %.4g rad², summed over the pairs\n", weeks,
         total);
  printf("%10s %8s %6s\n", "hours", "share", "pair");
  for (size_t i = 0; i < n; i++)
    printf("%10.2f %7.1f%% %6u\n", weeks * WEEK_HOURS / (double)periods[i].cycles, 100 * periods[i].share,
           periods[i].pair);
}

static srope_status show(const srope_model *model, srope_network network, double from_ms, size_t weeks, size_t top,
                         bool json, srope_error *error) {
  uint32_t n_pairs = srope_model_info(model)->n_pairs;
  size_t n = weeks * STEPS_A_WEEK;
  double *time_s = malloc(n * sizeof *time_s), *angle_rad = malloc(n * n_pairs * sizeof *angle_rad), total;
  period *periods = malloc(n / 2 * sizeof *periods);
  srope_status status = time_s && angle_rad && periods
                            ? SROPE_OK
                            : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu times", n);
  for (size_t i = 0; status == SROPE_OK && i < n; i++)
    time_s[i] = (from_ms + (double)i * WEEK_MS / STEPS_A_WEEK) / 1000;
  if (status == SROPE_OK) status = srope_model_angles(model, network, n, time_s, NULL, NAN, angle_rad, error);
  if (status == SROPE_OK) status = find_periods(angle_rad, n, n_pairs, periods, &total, error);
  if (status == SROPE_OK) (json ? print_json : print_table)(periods, top < n / 2 ? top : n / 2, (double)weeks, total);
  free(time_s);
  free(angle_rad);
  free(periods);
  return status;
}

static const char about[] =
    "Prints which periods the time part of the rotation has over some weeks from a time on, strongest first: their "
    "share\n"
    "of the angles' variance, summed over the rotation pairs, and the pair that has the most of each. Angles are "
    "taken\n"
    "every half hour, with `order` and signals as 0; what runs straight over the span (a trend) is taken off first.";

int cli_spectrum(int n, char **arguments) {
  const char *model_path = NULL, *isa = NULL, *from = NULL, *network_name = "layers";
  size_t weeks = 4, top = 12;
  bool json = false;
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--from", "T", "the first time, ISO 8601", CLI_TEXT, &from, 0, 0, 1},
      {"--weeks", "N", "how long", CLI_COUNT, &weeks, 1, MAX_WEEKS, 0},
      {"--network", "NAME", "layers (default) or action", CLI_TEXT, &network_name, 0, 0, 0},
      {"--top", "N", "how many periods", CLI_COUNT, &top, 1, 100000, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &json, 0, 0, 0},
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "spectrum",
                             .usage = "--model FILE --from T [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_model *model = NULL;
  srope_error error;
  double from_ms = 0;
  bool is_action = strcmp(network_name, "action") == 0;
  srope_status status = srope_time_parse(from, strlen(from), &from_ms, &error);
  if (status != SROPE_OK) srope_error_prefix(&error, "--from");
  if (status == SROPE_OK && !is_action && strcmp(network_name, "layers") != 0)
    status = srope_fail(&error, SROPE_ERR_ARGUMENT, "--network", "expected \"layers\" or \"action\", found \"%.40s\"",
                        network_name);
  if (status == SROPE_OK) status = cli_file_load_model(model_path, isa, &model, &error);
  if (status == SROPE_OK)
    status = show(model, is_action ? SROPE_NETWORK_ACTION : SROPE_NETWORK_LAYERS, from_ms, weeks, top, json, &error);
  srope_model_free(model);
  return status == SROPE_OK ? cli_report_end("spectrum") : cli_report_error("spectrum", &error);
}
