/* rank.c: `siren-rope rank`: requests on standard input, answers on standard output, one JSON object a line, in order.
 * One session and all buffers are used again for every line, and an answer is written before the program waits for more
 * input. A bad line gets an error in its place. Not here: what a request looks like (request.h). */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/request.h"

enum {
  BATCH = 256, /* candidates whose vectors are in memory at once */
  REASONS = 5  /* events that --explain names per candidate */
};

typedef struct reason {
  double timeless; /* the score with the rotation's time part frozen */
  size_t n_events;
  struct {
    size_t index; /* in the request's history */
    double influence;
  } events[REASONS]; /* most influence first */
} reason;

typedef struct ranker {
  const srope_model *model;
  const srope_info *info;
  cli_request_reader *reader;
  srope_session *session;
  srope_pool *pool;
  double *weights;  /* (T), or NULL for the model's */
  size_t n_threads; /* of the pool */
  size_t limit;     /* answers per request; 0 = all */
  bool explain;
  cli_buffer item, context, signal;                 /* (BATCH, X), (BATCH, Z), (BATCH, G) */
  cli_buffer candidates, ids, probabilities, order; /* (N) yyjson_val * twice, (N, T), (min(limit, N)) srope_ranked */
  cli_buffer influence, timeless, reasons;          /* (BATCH, C), (BATCH), (min(limit, N)) */
} ranker;

/* ---------------------------------------------------------------- --weights */

static uint32_t find_task(const srope_model *model, const char *name, size_t n) {
  uint32_t task = 0;
  const char *known;
  while ((known = srope_model_task(model, task)) != NULL && (strlen(known) != n || memcmp(known, name, n) != 0)) task++;
  return task;
}

/* "like=1,long_view=-0.5" -> weights (T); a task that is not named weighs 0. */
static srope_status parse_weights(const srope_model *model, const char *text, double *weights, srope_error *error) {
  uint32_t n_tasks = srope_model_info(model)->n_tasks;
  for (uint32_t i = 0; i < n_tasks; i++) weights[i] = 0;
  while (*text != '\0') {
    size_t n_name = strcspn(text, "=,");
    uint32_t task = find_task(model, text, n_name);
    char *end = NULL;
    if (task == n_tasks)
      return srope_fail(error, SROPE_ERR_ARGUMENT, "--weights", "the model has no task \"%.*s\"; its first is \"%s\"",
                        n_name < 60 ? (int)n_name : 60, text, srope_model_task(model, 0));
    text += n_name;
    if (*text == '=') weights[task] = strtod(text + 1, &end);
    if (end == NULL || end == text + 1 || !isfinite(weights[task]) || (*end != ',' && *end != '\0'))
      return srope_fail(error, SROPE_ERR_ARGUMENT, "--weights", "expected \"%s=\" and a number, found \"%.40s\"",
                        srope_model_task(model, task), text);
    text = *end == ',' ? end + 1 : end;
  }
  return SROPE_OK;
}

/* ---------------------------------------------------------------- one line */

static srope_status list_candidates(ranker *r, const cli_request *request, srope_error *error) {
  size_t index, n;
  yyjson_val *candidate;
  srope_status status = cli_buffer_reserve(&r->candidates, request->n_candidates, sizeof candidate, error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&r->ids, request->n_candidates, sizeof candidate, error);
  if (status != SROPE_OK) return status;
  yyjson_arr_foreach(request->candidates, index, n, candidate)((yyjson_val **)r->candidates.data)[index] = candidate;
  return SROPE_OK;
}

/* The vectors of at most BATCH candidates: first .. first+n-1 of `order`, or of the request where that is NULL. */
static srope_status read_batch(ranker *r, const cli_request *request, const srope_ranked *order, size_t first, size_t n,
                               srope_candidates *batch, srope_error *error) {
  const srope_info *info = r->info;
  float *item = r->item.data, *context = r->context.data, *signal = r->signal.data;
  for (size_t i = 0; i < n; i++) {
    size_t index = order != NULL ? order[first + i].index : first + i;
    srope_status status = cli_request_read_candidate(
        r->reader, ((yyjson_val **)r->candidates.data)[index], index, item + i * info->n_item,
        context + i * info->n_context, signal + i * info->n_signals, (yyjson_val **)r->ids.data + index, error);
    if (status != SROPE_OK) return status;
  }
  *batch = (srope_candidates){.n = n,
                              .item = item,
                              .context = context,
                              .signal = signal,
                              .now_s = request->now_s,
                              .utc_offset_minutes = request->utc_offset_minutes};
  return SROPE_OK;
}

static srope_status score_candidates(ranker *r, const cli_request *request, srope_error *error) {
  size_t n = request->n_candidates, n_tasks = r->info->n_tasks;
  srope_status status = list_candidates(r, request, error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&r->probabilities, n * n_tasks, sizeof(float), error);
  for (size_t first = 0; status == SROPE_OK && first < n; first += BATCH) {
    float *logits = (float *)r->probabilities.data + first * n_tasks;
    srope_candidates batch;
    status = read_batch(r, request, NULL, first, n - first < BATCH ? n - first : BATCH, &batch, error);
    if (status == SROPE_OK) status = srope_session_score(r->session, &batch, logits, error);
  }
  if (status == SROPE_OK) srope_probabilities(r->model, r->probabilities.data, n, r->probabilities.data);
  return status;
}

/* The REASONS events of most influence (n_events) on one candidate, ties in the history's order. */
static void pick_reasons(const ranker *r, const cli_request *request, const double *influence, reason *out) {
  size_t n_events = srope_session_count(r->session);
  out->n_events = 0;
  for (size_t event = 0; event < n_events; event++) {
    size_t at = out->n_events;
    while (at > 0 && fabs(influence[event]) > fabs(out->events[at - 1].influence)) at--;
    if (at == REASONS) continue;
    if (out->n_events < REASONS) out->n_events++;
    memmove(&out->events[at + 1], &out->events[at], (out->n_events - at - 1) * sizeof out->events[0]);
    out->events[at].index = cli_request_find_event(r->reader, request, r->session, event);
    out->events[at].influence = influence[event];
  }
}

static srope_status explain_ranked(ranker *r, const cli_request *request, size_t n_ranked, srope_error *error) {
  size_t n_events = srope_session_count(r->session);
  srope_status status = cli_buffer_reserve(&r->reasons, n_ranked, sizeof(reason), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&r->influence, BATCH * n_events + 1, sizeof(double), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&r->timeless, BATCH, sizeof(double), error);
  for (size_t first = 0; status == SROPE_OK && first < n_ranked; first += BATCH) {
    size_t n = n_ranked - first < BATCH ? n_ranked - first : BATCH;
    const double *influence = r->influence.data, *timeless = r->timeless.data;
    srope_candidates batch;
    status = read_batch(r, request, r->order.data, first, n, &batch, error);
    if (status == SROPE_OK)
      status = srope_session_explain(r->session, &batch, r->weights, r->influence.data, r->timeless.data, error);
    for (size_t i = 0; status == SROPE_OK && i < n; i++) {
      reason *out = (reason *)r->reasons.data + first + i;
      out->timeless = timeless[i];
      pick_reasons(r, request, influence + i * n_events, out);
    }
  }
  return status;
}

static srope_status rank_request(ranker *r, const cli_request *request, size_t *n_ranked, srope_error *error) {
  size_t n = request->n_candidates, n_out = r->limit == 0 || r->limit > n ? n : r->limit;
  /* No candidates yet: this only checks the time and the offset, before they reach any event. */
  const srope_candidates none = {.now_s = request->now_s, .utc_offset_minutes = request->utc_offset_minutes};
  srope_session_clear(r->session);
  srope_status status = srope_session_score(r->session, &none, NULL, error);
  if (status == SROPE_OK) status = cli_request_append_history(r->reader, request, r->session, error);
  if (status == SROPE_OK) status = score_candidates(r, request, error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&r->order, n_out, sizeof(srope_ranked), error);
  if (status == SROPE_OK)
    status = srope_rank(r->model, r->probabilities.data, n, r->weights, r->limit, r->order.data, n_ranked, error);
  return status == SROPE_OK && r->explain ? explain_ranked(r, request, *n_ranked, error) : status;
}

static void print_reason(const reason *why) {
  fputs(",\"explanation\":{\"timeless\":", stdout);
  cli_json_double(stdout, why->timeless);
  fputs(",\"events\":[", stdout);
  for (size_t i = 0; i < why->n_events; i++) {
    printf("%s{\"index\":%zu,\"influence\":", i > 0 ? "," : "", why->events[i].index);
    cli_json_double(stdout, why->events[i].influence);
    fputc('}', stdout);
  }
  fputs("]}", stdout);
}

static void print_ranked(const ranker *r, size_t place) {
  const srope_ranked *ranked = (const srope_ranked *)r->order.data + place;
  const float *probabilities = (const float *)r->probabilities.data + (size_t)ranked->index * r->info->n_tasks;
  fputs("{\"id\":", stdout);
  cli_json_scalar(stdout, ((yyjson_val **)r->ids.data)[ranked->index]);
  printf(",\"index\":%u,\"score\":", (unsigned)ranked->index);
  cli_json_double(stdout, ranked->score);
  fputs(",\"probabilities\":{", stdout);
  for (uint32_t task = 0; task < r->info->n_tasks; task++) {
    const char *name = srope_model_task(r->model, task);
    if (task > 0) fputc(',', stdout);
    cli_json_text(stdout, name, strlen(name));
    fputc(':', stdout);
    cli_json_float(stdout, probabilities[task]);
  }
  fputc('}', stdout);
  if (r->explain) print_reason((const reason *)r->reasons.data + place);
  fputc('}', stdout);
}

static void print_answer(const ranker *r, const cli_request *request, size_t n_ranked) {
  fputs("{\"id\":", stdout);
  cli_json_scalar(stdout, request->id);
  fputs(",\"ranked\":[", stdout);
  for (size_t i = 0; i < n_ranked; i++) {
    if (i > 0) fputc(',', stdout);
    print_ranked(r, i);
  }
  fputs("]}\n", stdout);
}

static void print_error(yyjson_val *id, const srope_error *error) {
  fputs("{\"id\":", stdout);
  cli_json_scalar(stdout, id);
  printf(",\"error\":{\"code\":\"%s\",\"message\":", srope_status_code(error->status));
  cli_json_text(stdout, error->message, strlen(error->message));
  fputs(",\"where\":", stdout);
  cli_json_text(stdout, error->where, strlen(error->where));
  fputs("}}\n", stdout);
}

static bool is_blank(const char *text, size_t n) {
  while (n > 0 && strchr(" \t\r", text[n - 1]) != NULL && text[n - 1] != '\0') n--;
  return n == 0;
}

/* Answers one line; false when the answer is an error. */
static bool answer_line(ranker *r, char *line, size_t n) {
  cli_request request;
  srope_error error;
  size_t n_ranked = 0;
  srope_status status = cli_request_parse(r->reader, line, n, &request, &error);
  if (status == SROPE_OK) status = rank_request(r, &request, &n_ranked, &error);
  if (status == SROPE_OK)
    print_answer(r, &request, n_ranked);
  else
    print_error(request.id, &error);
  return status == SROPE_OK;
}

/* ---------------------------------------------------------------- the stream */

static int answer_stream(ranker *r, size_t max_line_bytes) {
  cli_lines lines = {.descriptor = STDIN_FILENO, .limit_bytes = max_line_bytes, .padding_bytes = YYJSON_PADDING_SIZE};
  srope_error error;
  uint64_t n_lines = 0, n_bad = 0;
  cli_line kind = CLI_LINE;
  while (!ferror(stdout)) {
    char *line;
    size_t n;
    if (!cli_lines_ready(&lines)) fflush(stdout); /* whoever waits for an answer before sending more gets it */
    kind = cli_lines_next(&lines, &line, &n, &error);
    if (kind == CLI_LINE_NONE || kind == CLI_LINE_FAILED) break;
    if (kind == CLI_LINE && is_blank(line, n)) continue;
    n_lines++;
    if (kind == CLI_LINE_TOO_LONG) {
      srope_fail(&error, SROPE_ERR_LIMIT, NULL, "expected a line of at most %zu bytes, found a longer one",
                 max_line_bytes);
      print_error(NULL, &error);
      n_bad++;
    } else if (!answer_line(r, line, n)) {
      n_bad++;
    }
  }
  cli_lines_free(&lines);
  int status = cli_report_end("rank");
  if (kind == CLI_LINE_FAILED) status = cli_report_error("rank", &error);
  if (n_bad > 0)
    cli_report_note("rank", "%llu of %llu requests were wrong; their answers say why", (unsigned long long)n_bad,
                    (unsigned long long)n_lines);
  return n_bad > 0 ? EXIT_FAILURE : status;
}

static srope_status create_ranker(ranker *r, const char *weights, const cli_request_rules *rules, srope_error *error) {
  const srope_info *info = r->info = srope_model_info(r->model);
  srope_status status = cli_request_reader_create(r->model, rules, &r->reader, error);
  if (status == SROPE_OK) status = srope_session_create(r->model, NULL, &r->session, error);
  if (status == SROPE_OK) status = srope_pool_create((uint32_t)r->n_threads, &r->pool, error);
  if (status == SROPE_OK) status = srope_session_use_pool(r->session, r->pool, error);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&r->item, BATCH * ((size_t)info->n_item + 1), sizeof(float), error);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&r->context, BATCH * ((size_t)info->n_context + 1), sizeof(float), error);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&r->signal, BATCH * ((size_t)info->n_signals + 1), sizeof(float), error);
  if (status != SROPE_OK || weights == NULL) return status;
  r->weights = calloc(info->n_tasks, sizeof *r->weights);
  if (r->weights == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the weights");
  return parse_weights(r->model, weights, r->weights, error);
}

static void free_ranker(ranker *r) {
  cli_request_reader_free(r->reader);
  srope_session_free(r->session);
  srope_pool_free(r->pool);
  free(r->weights);
  cli_buffer_free(&r->item);
  cli_buffer_free(&r->context);
  cli_buffer_free(&r->signal);
  cli_buffer_free(&r->candidates);
  cli_buffer_free(&r->ids);
  cli_buffer_free(&r->probabilities);
  cli_buffer_free(&r->order);
  cli_buffer_free(&r->influence);
  cli_buffer_free(&r->timeless);
  cli_buffer_free(&r->reasons);
}

static const char about[] =
    "Reads a request a line and writes an answer a line, in order:\n"
    "  {\"id\",\"now\",\"utc_offset_minutes\",\n"
    "   \"history\":[{\"time\",\"item\",\"action\",\"context\",\"signal\",\"request\",\"utc_offset_minutes\"}],\n"
    "   \"candidates\":[{\"id\",\"item\",\"context\",\"signal\"}]}\n"
    "  {\"id\",\"ranked\":[{\"id\",\"index\",\"score\",\"probabilities\":{}}]}\n"
    "Times are Unix milliseconds or ISO 8601 strings; \"now\" and \"candidates\" must be there. \"item\", \"action\"\n"
    "and \"context\" are objects of named values, or lists of numbers where the model has no schema; \"signal\" is\n"
    "either. Of a name that stands twice the last counts. A history longer than the model's is cut to its newest\n"
    "events. score = sum over tasks of weight x probability; ties keep the order of the request.\n"
    "A bad line is answered by {\"id\",\"error\":{\"code\",\"message\",\"where\"}}; the exit status is then 1 at the "
    "end.\n"
    "--explain adds \"explanation\":{\"timeless\",\"events\":[{\"index\",\"influence\"}]} to every item: the score "
    "with\n"
    "the rotation's time part frozen at the newest event, and the up to 5 history events that moved its score most\n"
    "(influence = score minus the score without that event).\n"
    "Memory stays within about 16 times the longest line.";

int cli_rank(int n, char **arguments) {
  const char *model_path = NULL, *isa = NULL, *weights = NULL;
  size_t max_line_bytes = (size_t)64 << 20;
  cli_request_rules rules = {.max_candidates = 100000, .max_events = 100000};
  ranker r = {.n_threads = 1};
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--weights", "T=W,...", "weights of tasks; a task not named weighs 0, negative ones are allowed", CLI_TEXT,
       &weights, 0, 0, 0},
      {"--limit", "K", "answer with the best K only; 0 = all", CLI_COUNT, &r.limit, 0, UINT32_MAX, 0},
      {"--explain", NULL, "say why, exactly: a full run per history event", CLI_FLAG, &r.explain, 0, 0, 0},
      {"--sort-history", NULL, "sort a history whose times decrease, instead of an error", CLI_FLAG,
       &rules.sort_history, 0, 0, 0},
      {"--strict", NULL, "names that nothing uses are errors, instead of being ignored", CLI_FLAG, &rules.strict, 0, 0,
       0},
      {"--max-candidates", "N", "of one request", CLI_COUNT, &rules.max_candidates, 1, UINT32_MAX, 0},
      {"--max-events", "N", "of one history", CLI_COUNT, &rules.max_events, 1, UINT32_MAX, 0},
      {"--max-line-bytes", "N", "of one request", CLI_COUNT, &max_line_bytes, 2, (size_t)1 << 30, 0},
      CLI_OPTION_THREADS(&r.n_threads, "threads that share a request, where it is large enough to gain by it"),
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "rank",
                             .usage = "--model FILE [options] < requests > answers",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_model *model = NULL;
  srope_error error;
  srope_status status = cli_file_load_model(model_path, isa, &model, &error);
  r.model = model;
  if (status == SROPE_OK) status = create_ranker(&r, weights, &rules, &error);
  int exit_status = status == SROPE_OK ? answer_stream(&r, max_line_bytes) : cli_report_error("rank", &error);
  free_ranker(&r);
  srope_model_free(model);
  return exit_status;
}
