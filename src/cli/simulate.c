/* simulate.c: `siren-rope simulate`: a folder of users' events with a planted truth (train/simulate.h) in the project's event
 * format, and how well that truth itself predicts them, which is what a model can attain. Streams: memory does not grow.
 * Both files are written beside their places and moved there when they are whole. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/math64.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "train/simulated_dataset.h"

enum { LABELS = SROPE_SIM_LABELS, MAX_PATH = 4096, MAX_SCHEMA_BYTES = 1 << 20 };

enum { TRAIN, VALIDATION, TEST, N_SPLITS };
static const char *const split_names[N_SPLITS] = {"train", "validation", "test"};

typedef struct tally { /* of one split */
  uint64_t n, n_yes[LABELS];
  double loss[LABELS], blind_loss[LABELS]; /* sums of log losses: of the true probabilities, of those blind to time */
} tally;

typedef struct simulation {
  srope_sim sim;
  size_t n_users;
  bool csv, json;
  int64_t split_ms[2]; /* validation and test begin */
  uint64_t n_events, n_active;
  tally tallies[N_SPLITS];
} simulation;

/* ---------------------------------------------------------------- the folder */

typedef struct folder {
  const char *path; /* borrows */
  bool made;        /* by us */
  char events[MAX_PATH], other[MAX_PATH], schema[MAX_PATH], events_part[MAX_PATH], schema_part[MAX_PATH];
} folder;

static srope_status fail_io(const char *path, const char *what, srope_error *error) {
  return srope_fail(error, SROPE_ERR_IO, path, "could not be %s: %s", what, strerror(errno));
}

static srope_status name_files(const char *path, bool csv, folder *out, srope_error *error) {
  if (strlen(path) + sizeof "/events.ndjson.part" > MAX_PATH)
    return srope_fail(error, SROPE_ERR_LIMIT, "--out", "expected a path under %d bytes", MAX_PATH - 20);
  out->path = path;
  out->made = false;
  snprintf(out->events, MAX_PATH, "%s/events.%s", path, csv ? "csv" : "ndjson");
  snprintf(out->other, MAX_PATH, "%s/events.%s", path, csv ? "ndjson" : "csv");
  snprintf(out->schema, MAX_PATH, "%s/schema.json", path);
  snprintf(out->events_part, MAX_PATH, "%s/events.%s.part", path, csv ? "csv" : "ndjson");
  snprintf(out->schema_part, MAX_PATH, "%s/schema.json.part", path);
  return SROPE_OK;
}

/* Whether a schema says that this command wrote it. */
static bool is_simulated(const char *path) {
  void *text;
  size_t n;
  if (cli_file_read(path, MAX_SCHEMA_BYTES, &text, &n, NULL) != SROPE_OK) return false;
  yyjson_doc *document = yyjson_read(text, n, YYJSON_READ_NOFLAG);
  bool found = yyjson_obj_get(yyjson_doc_get_root(document), "simulated") != NULL;
  yyjson_doc_free(document);
  free(text);
  return found;
}

static bool exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static srope_status open_folder(folder *out, bool force, srope_error *error) {
  const char *const names[] = {out->schema, out->events, out->other};
  out->made = mkdir(out->path, 0777) == 0;
  if (!out->made && errno != EEXIST) return fail_io(out->path, "made", error);
  if (force || is_simulated(out->schema)) return SROPE_OK;
  for (int i = 0; i < 3; i++)
    if (exists(names[i]))
      return srope_fail(error, SROPE_ERR_IO, names[i], "is there and no earlier simulation; --force replaces it");
  return SROPE_OK;
}

static void drop_parts(const folder *f) {
  remove(f->events_part);
  remove(f->schema_part);
  if (f->made) rmdir(f->path);
}

/* The schema goes first and comes last: a folder with a schema is whole. */
static srope_status move_into_place(const folder *f, srope_error *error) {
  if (remove(f->schema) != 0 && errno != ENOENT) return fail_io(f->schema, "replaced", error);
  if (remove(f->other) != 0 && errno != ENOENT) return fail_io(f->other, "removed", error);
  if (rename(f->events_part, f->events) != 0) return fail_io(f->events, "written", error);
  if (rename(f->schema_part, f->schema) != 0) return fail_io(f->schema, "written", error);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- what goes into it */

static void print_event(FILE *out, bool csv, size_t user, const srope_sim_event *e) {
  static const char csv_line[] = "%zu,%" PRId64 ",%u,%u,%d,%d,%u,%d,%d\n";
  static const char json_line[] =
      "{\"user\":%zu,\"time\":%" PRId64 ",\"item\":{\"topic\":%u,\"id\":%u},\"action\":{\"engage\":%d,\"like\":%d},"
      "\"context\":{\"place\":%u},\"label\":{\"engage\":%d,\"like\":%d}}\n";
  if (csv)
    fprintf(out, csv_line, user, e->time_ms, e->topic, e->item, e->label[0], e->label[1], e->place, e->label[0],
            e->label[1]);
  else
    fprintf(out, json_line, user, e->time_ms, e->topic, e->item, e->label[0], e->label[1], e->place, e->label[0],
            e->label[1]);
}

static void count(simulation *s, const srope_sim_user *user, const srope_sim_event *event) {
  int split = (event->time_ms >= s->split_ms[0]) + (event->time_ms >= s->split_ms[1]);
  tally *t = &s->tallies[split];
  double blind[LABELS] = {0.5, 0.5};
  if (split != TRAIN) srope_sim_blind_probabilities(&s->sim, user, event->item, event->place, blind); /* slow */
  t->n++;
  for (int label = 0; label < LABELS; label++) {
    bool yes = event->label[label] != 0;
    t->n_yes[label] += yes;
    t->loss[label] -= srope_log64(yes ? event->p[label] : 1 - event->p[label]);
    t->blind_loss[label] -= srope_log64(yes ? blind[label] : 1 - blind[label]);
  }
}

/* One user after the other, events oldest first. */
static srope_status write_events(simulation *s, const char *path, FILE *out, srope_error *error) {
  size_t step = s->n_users / 200 + 1;
  if (s->csv)
    fputs("user,time,item.topic,item.id,action.engage,action.like,context.place,label.engage,label.like\n", out);
  for (size_t user = 0; user < s->n_users; user++) {
    srope_sim_user state;
    srope_sim_event event;
    uint64_t before = s->n_events;
    for (srope_sim_start_user(&s->sim, user, &state); srope_sim_next(&s->sim, &state, &event); s->n_events++) {
      print_event(out, s->csv, user, &event);
      count(s, &state, &event);
    }
    s->n_active += s->n_events > before;
    if (ferror(out)) return fail_io(path, "written", error);
    if (user % step == 0) cli_report_progress(stderr, "simulating", user, s->n_users);
  }
  return SROPE_OK;
}

static srope_status write_schema(simulation *s, const char *path, FILE *out, srope_error *error) {
  const srope_sim_options *options = &s->sim.options;
  char members[SROPE_SIMULATED_SCHEMA_BYTES];
  srope_simulated_schema(options, members);
  fprintf(out, "{\n%s,\n", members);
  fprintf(out, "  \"simulated\": {\"seed\": %" PRIu64 ", \"users\": %zu, \"events_per_user\": ", options->seed,
          s->n_users);
  cli_json_double(out, options->events_per_user);
  fputs(", \"days\": ", out);
  cli_json_double(out, options->days);
  fputs(", \"strength\": ", out);
  cli_json_double(out, options->strength);
  fputs("}\n}\n", out);
  return ferror(out) ? fail_io(path, "written", error) : SROPE_OK;
}

static srope_status write_file(simulation *s, const char *path,
                               srope_status (*write)(simulation *, const char *, FILE *, srope_error *),
                               srope_error *error) {
  FILE *out = fopen(path, "wb");
  if (out == NULL) return fail_io(path, "opened for writing", error);
  setvbuf(out, NULL, _IOFBF, 1 << 20);
  srope_status status = write(s, path, out, error);
  if (fclose(out) != 0 && status == SROPE_OK) status = fail_io(path, "written", error);
  return status;
}

/* ---------------------------------------------------------------- what is said about it */

/* Mean log loss over the entropy of the base rate, as in train/metrics.h. */
static double normalize(double loss, uint64_t n_yes, uint64_t n) {
  double rate = (double)n_yes / (double)n;
  return n_yes == 0 || n_yes == n ? NAN
                                  : loss / (double)n / -(rate * srope_log64(rate) + (1 - rate) * srope_log64(1 - rate));
}

static void print_json(const simulation *s, const folder *f) {
  printf("{\"events_file\":");
  cli_json_text(stdout, f->events, strlen(f->events));
  printf(",\"events\":%" PRIu64 ",\"users\":%" PRIu64 ",\"splits\":[", s->n_events, s->n_active);
  for (int split = 0; split < N_SPLITS; split++) {
    const tally *t = &s->tallies[split];
    printf("%s{\"split\":\"%s\",\"events\":%" PRIu64 ",\"tasks\":[", split > 0 ? "," : "", split_names[split], t->n);
    for (int label = 0; label < LABELS; label++) {
      printf("%s{\"task\":\"%s\",\"base_rate\":", label > 0 ? "," : "", srope_sim_labels[label]);
      cli_json_double(stdout, (double)t->n_yes[label] / (double)t->n);
      printf(",\"truth_ne\":");
      cli_json_double(stdout, normalize(t->loss[label], t->n_yes[label], t->n));
      printf(",\"blind_ne\":");
      cli_json_double(stdout, split == TRAIN ? NAN : normalize(t->blind_loss[label], t->n_yes[label], t->n));
      printf("}");
    }
    printf("]}");
  }
  printf("]}\n");
}

static void print_table(const simulation *s, const folder *f) {
  const srope_sim_options *options = &s->sim.options;
  printf("%s: %" PRIu64 " events of %" PRIu64 " users in %g days, strength %g, seed %" PRIu64 "\n\n", f->events,
         s->n_events, s->n_active, options->days, options->strength, options->seed);
  printf("%-12s%-8s %10s  %9s  %15s  %21s\n", "split", "label", "events", "base rate", "NE of the truth",
         "NE of it, time unseen");
  for (int split = 0; split < N_SPLITS; split++)
    for (int label = 0; label < LABELS; label++) {
      const tally *t = &s->tallies[split];
      printf("%-12s%-8s %10" PRIu64 "  %9.4f  %15.4f  ", split_names[split], srope_sim_labels[label], t->n,
             (double)t->n_yes[label] / (double)t->n, normalize(t->loss[label], t->n_yes[label], t->n));
      if (split == TRAIN)
        printf("%21s\n", "-");
      else
        printf("%21.4f\n", normalize(t->blind_loss[label], t->n_yes[label], t->n));
    }
}

static srope_status simulate(simulation *s, folder *f, bool force, srope_error *error) {
  srope_status status = open_folder(f, force, error);
  if (status != SROPE_OK) return status;
  status = write_file(s, f->events_part, write_events, error);
  cli_report_progress(stderr, "simulating", s->n_users, s->n_users);
  if (status == SROPE_OK) status = write_file(s, f->schema_part, write_schema, error);
  if (status == SROPE_OK) status = move_into_place(f, error);
  if (status != SROPE_OK)
    drop_parts(f);
  else if (s->json)
    print_json(s, f);
  else
    print_table(s, f);
  return status;
}

/* ---------------------------------------------------------------- the command line */

static const char about[] = "Writes DIR/schema.json and DIR/events.ndjson (or .csv): users whose engagement depends on "
                            "their own rhythms of the day\n"
                            "and the week, which only the times of their earlier events tell. A part of --strength² of "
                            "what moves them depends on\n"
                            "time; at 0 nothing does. Validation begins after 80 % of the days, test after 90 %.\n"
                            "\n"
                            "The table has the normalized entropy of the true probabilities, which no model can beat "
                            "but by chance, and of who knows\n"
                            "all of a user but not the time: a model below that has found what was planted. The same "
                            "seed gives the same bytes on\n"
                            "every machine. A folder that this command wrote is replaced, any other only with --force.";

static srope_status parse_strength(const char *text, double *out, srope_error *error) {
  char *end;
  *out = text != NULL ? strtod(text, &end) : 1;
  if (text != NULL && (end == text || *end != '\0' || !(*out >= 0 && *out <= 1)))
    return srope_fail(error, SROPE_ERR_ARGUMENT, "--strength", "expected a number from 0 to 1, found \"%.40s\"", text);
  return SROPE_OK;
}

static srope_status parse_format(const char *text, bool *csv, srope_error *error) {
  *csv = strcmp(text, "csv") == 0;
  if (!*csv && strcmp(text, "ndjson") != 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "--format", "expected ndjson or csv, found \"%.40s\"", text);
  return SROPE_OK;
}

int cli_simulate(int n, char **arguments) {
  const char *out = NULL, *strength = NULL, *format = "ndjson";
  size_t n_events = 40, n_days = 28, seed = 1;
  bool force = false;
  simulation s = {.n_users = 2000};
  const cli_option options[] = {
      {"--out", "DIR", "the folder; made where it is missing", CLI_TEXT, &out, 0, 0, 1},
      {"--users", "N", "how many users", CLI_COUNT, &s.n_users, 1, 1000000000, 0},
      {"--events", "N", "events of a user, on average", CLI_COUNT, &n_events, 1, 10000000, 0},
      {"--days", "N", "the span of time", CLI_COUNT, &n_days, 1, 100000, 0},
      {"--strength", "S", "how much depends on the time, 0 to 1 [1]", CLI_TEXT, &strength, 0, 0, 0},
      {"--seed", "N", "another seed, other users", CLI_COUNT, &seed, 0, SIZE_MAX, 0},
      {"--format", "NAME", "ndjson or csv [ndjson]", CLI_TEXT, &format, 0, 0, 0},
      {"--force", NULL, "replace events that this command did not write", CLI_FLAG, &force, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &s.json, 0, 0, 0},
  };
  const cli_syntax syntax = {.command = "simulate",
                             .usage = "--out DIR [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error;
  folder f;
  srope_sim_options sim_options = srope_sim_defaults();
  sim_options.seed = seed;
  sim_options.events_per_user = (double)n_events;
  sim_options.days = (double)n_days;
  srope_status status = parse_strength(strength, &sim_options.strength, &error);
  if (status == SROPE_OK) status = parse_format(format, &s.csv, &error);
  if (status == SROPE_OK) status = name_files(out, s.csv, &f, &error);
  if (status == SROPE_OK) status = srope_sim_init(&sim_options, &s.sim, &error);
  if (status == SROPE_OK) srope_simulated_splits(&sim_options, s.split_ms);
  if (status == SROPE_OK) status = simulate(&s, &f, force, &error);
  return status == SROPE_OK ? cli_report_end("simulate") : cli_report_error("simulate", &error);
}
