/* angles.c: `siren-rope angles`: the time part of the rotation, f(t)·freq in radians, at every time of a span and every
 * rotation pair; `order` counts as 0. Rows are computed and printed in batches: memory does not grow with
 * the span. */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"

enum { BATCH = 256 };
static const double max_rows = 10e6;

typedef struct span {
  double from_ms, to_ms, step_ms;
  size_t n; /* rows, both ends included */
} span;

/* ---------------------------------------------------------------- what the options say */

static srope_status parse_number(const char *text, const char *where, double *out, srope_error *error) {
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(*out))
    return srope_fail(error, SROPE_ERR_ARGUMENT, where, "expected a number, found \"%.40s\"", text);
  return SROPE_OK;
}

/* Unix milliseconds or ISO 8601. */
static srope_status parse_time(const char *text, const char *where, double *time_ms, srope_error *error) {
  size_t n = strlen(text), n_digits = strspn(text, "-0123456789.");
  if (n_digits == n && (strchr(text, '-') == NULL || strrchr(text, '-') == text))
    return parse_number(text, where, time_ms, error);
  srope_status status = srope_time_parse(text, n, time_ms, error);
  if (status != SROPE_OK) srope_error_prefix(error, "%s", where);
  return status;
}

/* "90", "90s", "15m", "1h", "1d", "1w" -> milliseconds. */
static srope_status parse_step(const char *text, double *step_ms, srope_error *error) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
  char *end;
  double count = strtod(text, &end);
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (end != text && strcmp(end, units[i].unit) == 0 && count > 0 && isfinite(count)) {
      *step_ms = count * units[i].seconds * 1000;
      return SROPE_OK;
    }
  return srope_fail(error, SROPE_ERR_ARGUMENT, "--step", "expected a step like 30s, 15m, 1h, 1d or 1w, found \"%.40s\"",
                    text);
}

static srope_status parse_span(const char *from, const char *to, const char *step, span *out, srope_error *error) {
  srope_status status = parse_time(from, "--from", &out->from_ms, error);
  if (status == SROPE_OK) status = parse_time(to, "--to", &out->to_ms, error);
  if (status == SROPE_OK) status = parse_step(step, &out->step_ms, error);
  if (status != SROPE_OK) return status;
  if (out->to_ms < out->from_ms)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "--to", "expected a time not before --from");
  double rows = floor((out->to_ms - out->from_ms) / out->step_ms) + 1;
  if (!(rows <= max_rows))
    return srope_fail(error, SROPE_ERR_LIMIT, "--step", "expected at most %.0f rows, found %.0f", max_rows, rows);
  out->n = (size_t)rows;
  return SROPE_OK;
}

/* "a,b" -> the G signals, in the model's order. */
static srope_status parse_signal(const srope_model *model, const char *text, float *signal, srope_error *error) {
  uint32_t n = srope_model_info(model)->n_signals, i = 0;
  while (text != NULL && *text != '\0') {
    char *end;
    double number = strtod(text, &end);
    if (end == text || (*end != ',' && *end != '\0') || i == n)
      return srope_fail(error, SROPE_ERR_ARGUMENT, "--signal",
                        "expected %u numbers with commas between, found \"%.40s\"", n, text);
    signal[i++] = (float)number;
    text = *end == ',' ? end + 1 : end;
  }
  return i == n || i == 0 ? SROPE_OK
                          : srope_fail(error, SROPE_ERR_ARGUMENT, "--signal", "expected %u numbers, found %u", n, i);
}

/* ---------------------------------------------------------------- output */

/* UTC, with milliseconds where there are any. Numbers stand where no calendar year of four digits does. */
static void print_time(double time_ms) {
  char text[32];
  struct tm parts;
  time_t seconds = (time_t)floor(time_ms / 1000);
  int milliseconds = (int)(time_ms - (double)seconds * 1000);
  if (fabs(time_ms) > 2e14 || gmtime_r(&seconds, &parts) == NULL ||
      strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
    printf("%-24.0f", time_ms);
  else if (milliseconds > 0)
    printf("%s.%03dZ", text, milliseconds);
  else
    printf("%-23s ", strcat(text, "Z"));
}

static void print_table_head(uint32_t n_pairs) {
  printf("%-24s", "time");
  for (uint32_t j = 0; j < n_pairs; j++) printf("  %8s%-3u", "pair ", (unsigned)j);
  putchar('\n');
}

static void print_table_row(double time_ms, const double *angle_rad, uint32_t n_pairs) {
  print_time(time_ms);
  for (uint32_t j = 0; j < n_pairs; j++) printf("  %11.6f", angle_rad[j]);
  putchar('\n');
}

static void print_json_row(double time_ms, const double *angle_rad, uint32_t n_pairs, bool first) {
  fputs(first ? "\n{\"time\":" : ",\n{\"time\":", stdout);
  cli_json_double(stdout, time_ms);
  fputs(",\"angle\":[", stdout);
  for (uint32_t j = 0; j < n_pairs; j++) {
    if (j > 0) putchar(',');
    cli_json_double(stdout, angle_rad[j]);
  }
  fputs("]}", stdout);
}

static srope_status print_rows(const srope_model *model, srope_network network, const span *s, const float *signal,
                               double utc_offset_minutes, bool json, double *angle_rad, srope_error *error) {
  uint32_t n_pairs = srope_model_info(model)->n_pairs;
  double time_s[BATCH];
  for (size_t first = 0; first < s->n; first += BATCH) {
    size_t n = s->n - first < BATCH ? s->n - first : BATCH;
    for (size_t i = 0; i < n; i++) time_s[i] = (s->from_ms + (double)(first + i) * s->step_ms) / 1000;
    srope_status status = srope_model_angles(model, network, n, time_s, signal, utc_offset_minutes, angle_rad, error);
    if (status != SROPE_OK) return status;
    for (size_t i = 0; i < n; i++) {
      double time_ms = s->from_ms + (double)(first + i) * s->step_ms;
      if (json)
        print_json_row(time_ms, angle_rad + i * n_pairs, n_pairs, first + i == 0);
      else
        print_table_row(time_ms, angle_rad + i * n_pairs, n_pairs);
    }
  }
  return SROPE_OK;
}

/* The signals are the same at all times: BATCH rows of them. */
static srope_status print_angles(const srope_model *model, srope_network network, const span *s,
                                 const char *signal_text, double utc_offset_minutes, bool json, srope_error *error) {
  const srope_info *info = srope_model_info(model);
  cli_buffer angle_rad = {0}, signal = {0};
  srope_status status = cli_buffer_reserve(&angle_rad, (size_t)BATCH * info->n_pairs, sizeof(double), error);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&signal, (size_t)BATCH * info->n_signals + 1, sizeof(float), error);
  if (status == SROPE_OK) {
    memset(signal.data, 0, signal.capacity_bytes);
    status = parse_signal(model, signal_text, signal.data, error);
  }
  if (status == SROPE_OK) {
    float *rows = signal.data;
    for (size_t i = 1; i < BATCH; i++) memcpy(rows + i * info->n_signals, rows, info->n_signals * sizeof *rows);
    if (json)
      printf("{\"network\":\"%s\",\"rows\":[", network == SROPE_NETWORK_LAYERS ? "layers" : "action");
    else
      print_table_head(info->n_pairs);
    status = print_rows(model, network, s, rows, utc_offset_minutes, json, angle_rad.data, error);
    if (json && status == SROPE_OK) puts("\n]}");
  }
  cli_buffer_free(&angle_rad);
  cli_buffer_free(&signal);
  return status;
}

static srope_status parse_network(const char *text, srope_network *out, srope_error *error) {
  *out = strcmp(text, "action") == 0 ? SROPE_NETWORK_ACTION : SROPE_NETWORK_LAYERS;
  if (*out == SROPE_NETWORK_ACTION || strcmp(text, "layers") == 0) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_ARGUMENT, "--network", "expected \"layers\" or \"action\", found \"%.40s\"", text);
}

static const char about[] =
    "Prints the time part of the rotation, f(t) * freq in radians, at every time and rotation pair, with the angle "
    "feature\n"
    "`order` taken as 0. Add position * ordinal frequency * order_scale (see inspect --json) for the whole angle.\n"
    "Times are Unix milliseconds or ISO 8601; both ends are printed; steps are seconds, or have a unit: s, m, h, d, w.";

int cli_angles(int n, char **arguments) {
  const char *model_path = NULL, *isa = NULL, *from = NULL, *to = NULL, *step = NULL, *signal = NULL, *offset = NULL;
  const char *network_name = "layers";
  bool json = false;
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--from", "T", "the first time", CLI_TEXT, &from, 0, 0, 1},
      {"--to", "T", "the last time", CLI_TEXT, &to, 0, 0, 1},
      {"--step", "S", "the time between rows", CLI_TEXT, &step, 0, 0, 1},
      {"--network", "NAME", "layers (default) or action", CLI_TEXT, &network_name, 0, 0, 0},
      {"--signal", "A,B,...", "the model's signals, in its order, at all times", CLI_TEXT, &signal, 0, 0, 0},
      {"--utc-offset", "MINUTES", "positive east, instead of the model's", CLI_TEXT, &offset, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &json, 0, 0, 0},
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "angles",
                             .usage = "--model FILE --from T --to T --step S [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  span s;
  srope_network network;
  double utc_offset_minutes = NAN;
  srope_model *model = NULL;
  srope_error error;
  srope_status status = parse_span(from, to, step, &s, &error);
  if (status == SROPE_OK) status = parse_network(network_name, &network, &error);
  if (status == SROPE_OK && offset != NULL) status = parse_number(offset, "--utc-offset", &utc_offset_minutes, &error);
  if (status == SROPE_OK) status = cli_file_load_model(model_path, isa, &model, &error);
  if (status == SROPE_OK) status = print_angles(model, network, &s, signal, utc_offset_minutes, json, &error);
  srope_model_free(model);
  return status == SROPE_OK ? cli_report_end("angles") : cli_report_error("angles", &error);
}
