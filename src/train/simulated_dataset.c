/* simulated_dataset.c: see simulated_dataset.h. Users are gone through twice: once to count, once to fill the columns, which lie
 * in memory as in the file of a packed data set (cache.h). */
#include "train/simulated_dataset.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "features/words.h"
#include "train/cache.h"
#include "train/event_schema.h"

static const double TRAIN_PART = 0.8, VALIDATION_PART = 0.1; /* of the days */

/* What an event has, by list and name. */
typedef enum quantity { TOPIC, ID, ENGAGE, LIKE, PLACE, N_QUANTITIES } quantity;
static const struct {
  srope_list list;
  const char *name;
} quantities[N_QUANTITIES] = {
    [TOPIC] = {SROPE_ITEM, "topic"}, [ID] = {SROPE_ITEM, "id"},          [ENGAGE] = {SROPE_ACTION, "engage"},
    [LIKE] = {SROPE_ACTION, "like"}, [PLACE] = {SROPE_CONTEXT, "place"},
};

typedef struct simulated_dataset {
  srope_dataset data; /* first: what callers hold */
  void *image;
} simulated_dataset;

typedef struct source {
  uint64_t n_users;
  srope_sim sim;
  srope_event_schema schema;
  srope_dataset_config config;
  srope_words words; /* of one event */
  srope_value values[SROPE_MAX_FEATURES];
} source;

typedef struct columns { /* where the next event's go; all NULL while counting */
  uint64_t *user_first, *word_first;
  double *time_s;
  uint32_t *request_back, *words;
  float *utc_offset_minutes, *label;
} columns;

/* ---------------------------------------------------------------- the schema */

void srope_simulated_splits(const srope_sim_options *options, int64_t split_ms[2]) {
  double ms = options->days * 86400000;
  split_ms[0] = options->start_ms + (int64_t)(TRAIN_PART * ms);
  split_ms[1] = options->start_ms + (int64_t)((TRAIN_PART + VALIDATION_PART) * ms);
}

size_t srope_simulated_schema(const srope_sim_options *options, char text[SROPE_SIMULATED_SCHEMA_BYTES]) {
  int64_t split_ms[2];
  srope_simulated_splits(options, split_ms);
  return (size_t)snprintf(
      text, SROPE_SIMULATED_SCHEMA_BYTES,
      "  \"labels\": [\"engage\", \"like\"],\n"
      "  \"features\": {\n"
      "    \"item\": [{\"name\": \"topic\", \"kind\": \"index\", \"size\": %d, \"dim\": 8},\n"
      "             {\"name\": \"id\", \"kind\": \"hash\", \"buckets\": 256, \"dim\": 4}],\n"
      "    \"action\": [{\"name\": \"engage\", \"kind\": \"number\"}, {\"name\": \"like\", \"kind\": \"number\"}],\n"
      "    \"context\": [{\"name\": \"place\", \"kind\": \"number\", \"scale\": 0.5}]\n  },\n"
      "  \"signals\": [],\n"
      "  \"splits\": {\"validation\": %" PRId64 ", \"test\": %" PRId64 "}",
      SROPE_SIM_TOPICS, split_ms[0], split_ms[1]);
}

static srope_status check(const srope_simulated_options *options, srope_error *error) {
  srope_sim sim;
  srope_status status = srope_sim_init(&options->sim, &sim, error);
  if (status != SROPE_OK) return status;
  if (options->n_users == 0) return srope_fail(error, SROPE_ERR_ARGUMENT, "users", "expected at least 1, found 0");
  if (options->n_users > SROPE_SIMULATED_MAX_USERS)
    return srope_fail(error, SROPE_ERR_LIMIT, "users", "expected at most %d, found %" PRIu64, SROPE_SIMULATED_MAX_USERS,
                      options->n_users);
  double n_events = (double)options->n_users * options->sim.events_per_user;
  if (n_events > SROPE_SIMULATED_MAX_EVENTS)
    return srope_fail(error, SROPE_ERR_LIMIT, "events_per_user",
                      "expected at most %d events of all users, found about %.0f", SROPE_SIMULATED_MAX_EVENTS,
                      n_events);
  return SROPE_OK;
}

static srope_status parse_schema(const srope_simulated_options *options, srope_event_schema *out, srope_error *error) {
  char text[SROPE_SIMULATED_SCHEMA_BYTES + 2] = "{";
  *out = (srope_event_schema){0};
  srope_status status = check(options, error);
  if (status != SROPE_OK) return status;
  size_t n = 1 + srope_simulated_schema(&options->sim, text + 1);
  text[n++] = '}';
  return srope_event_schema_parse(text, n, out, error);
}

srope_status srope_simulated_describe(const srope_simulated_options *options, char **text, size_t *n,
                                      srope_error *error) {
  srope_event_schema schema;
  srope_status status = parse_schema(options, &schema, error);
  if (status == SROPE_OK) status = srope_event_schema_describe(&schema, text, n, error);
  srope_event_schema_free(&schema);
  return status;
}

/* ---------------------------------------------------------------- an event's values */

static srope_value read_quantity(const srope_sim_event *event, quantity which) {
  const double values[N_QUANTITIES] = {event->topic, event->item, event->label[0], event->label[1], event->place};
  return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = values[which]};
}

/* Missing where the events have no such value: then it is one of time. */
static srope_value find_value(const srope_sim_event *event, srope_list list, const char *name) {
  for (int i = 0; i < N_QUANTITIES; i++)
    if (quantities[i].list == list && strcmp(quantities[i].name, name) == 0) return read_quantity(event, (quantity)i);
  return (srope_value){0};
}

static srope_status pack_words(source *s, const srope_sim_event *event, double time_s, srope_error *error) {
  srope_status status = SROPE_OK;
  s->words.n = 0;
  for (int list = 0; status == SROPE_OK && list < 3; list++) {
    const srope_schema *schema = &s->config.schema[list];
    for (uint32_t i = 0; i < schema->n_fields; i++)
      s->values[i] = find_value(event, (srope_list)list, schema->fields[i].public_view.name);
    srope_dataset_config_fill_times(&s->config, (srope_list)list, time_s, NAN, s->values);
    status = srope_schema_pack(schema, s->values, &s->words, error);
  }
  return status;
}

/* ---------------------------------------------------------------- all events */

static void put_event(const source *s, columns *to, const srope_sim_event *event, double time_s, uint32_t back) {
  *to->time_s++ = time_s;
  *to->request_back++ = back;
  *to->utc_offset_minutes++ = NAN;
  for (uint32_t i = 0; i < s->config.n_tasks; i++)
    *to->label++ = (float)event->label[srope_event_schema_find_label(&s->schema, s->config.labels[i])];
  memcpy(to->words, s->words.data, s->words.n * sizeof *to->words);
  to->words += s->words.n;
  to->word_first[1] = to->word_first[0] + s->words.n;
  to->word_first++;
}

/* Counts into the header; where there are columns fills them. A user without events is none. */
static srope_status go_through(source *s, srope_cache_header *header, columns *to, srope_error *error) {
  srope_status status = SROPE_OK;
  header->n_events = header->n_users = header->n_words = 0;
  for (uint64_t number = 0; status == SROPE_OK && number < s->n_users; number++) {
    srope_sim_user user;
    srope_sim_event event;
    uint64_t before = header->n_events, request = before; /* its first event */
    double last_s = NAN;
    srope_sim_start_user(&s->sim, number, &user);
    for (; status == SROPE_OK && srope_sim_next(&s->sim, &user, &event); header->n_events++) {
      double time_s = (double)event.time_ms / 1000;
      if (time_s != last_s) request = header->n_events;
      last_s = time_s;
      status = pack_words(s, &event, time_s, error);
      if (status == SROPE_OK && header->n_events == SROPE_SIMULATED_MAX_EVENTS)
        status = srope_fail(error, SROPE_ERR_LIMIT, "events_per_user",
                            "expected at most %d events of all users, found more", SROPE_SIMULATED_MAX_EVENTS);
      header->n_words += s->words.n;
      if (status == SROPE_OK && to) put_event(s, to, &event, time_s, (uint32_t)(header->n_events - request));
    }
    if (header->n_events == before) continue;
    header->n_users++;
    if (to) *++to->user_first = header->n_events;
  }
  return status;
}

static srope_status fill(source *s, srope_cache_header *header, simulated_dataset *out, srope_error *error) {
  srope_cache_layout layout;
  if (!srope_cache_place(header, &layout) || !(out->image = srope_aligned_alloc((size_t)layout.file_bytes)))
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %" PRIu64 " events", header->n_events);
  unsigned char *image = out->image;
  columns to = {.user_first = (uint64_t *)(void *)(image + layout.offset[SROPE_COLUMN_USER_FIRST]),
                .word_first = (uint64_t *)(void *)(image + layout.offset[SROPE_COLUMN_WORD_FIRST]),
                .time_s = (double *)(void *)(image + layout.offset[SROPE_COLUMN_TIME]),
                .request_back = (uint32_t *)(void *)(image + layout.offset[SROPE_COLUMN_REQUEST_BACK]),
                .words = (uint32_t *)(void *)(image + layout.offset[SROPE_COLUMN_WORDS]),
                .utc_offset_minutes = (float *)(void *)(image + layout.offset[SROPE_COLUMN_UTC_OFFSET]),
                .label = (float *)(void *)(image + layout.offset[SROPE_COLUMN_LABEL])};
  srope_status status = go_through(s, header, &to, error);
  if (status != SROPE_OK) return status;
  header->columns_hash =
      srope_hash64(image + SROPE_CACHE_HEADER_BYTES, (size_t)layout.file_bytes - SROPE_CACHE_HEADER_BYTES);
  srope_cache_view(image, header, &layout, &out->data);
  return SROPE_OK;
}

static srope_status make(source *s, simulated_dataset *out, srope_error *error) {
  srope_cache_header header = {.n_tasks = s->config.n_tasks,
                               .n_signals = s->config.n_signals,
                               .validation_s = s->schema.validation_s,
                               .test_s = s->schema.test_s,
                               .has_videos = true};
  srope_status status = go_through(s, &header, NULL, error);
  if (status != SROPE_OK) return status;
  if (header.n_events == 0)
    return srope_fail(error, SROPE_ERR_ARGUMENT, "events_per_user", "expected users with events, found none");
  header.n_read = header.n_events;
  return fill(s, &header, out, error);
}

srope_status srope_simulated_dataset_create(const srope_simulated_options *options, const char *config, size_t n_config,
                                            srope_dataset **out, srope_error *error) {
  source *s = calloc(1, sizeof *s);
  simulated_dataset *made = calloc(1, sizeof *made);
  srope_status status = s && made ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a data set");
  if (status == SROPE_OK) status = parse_schema(options, &s->schema, error);
  if (status == SROPE_OK) status = srope_sim_init(&options->sim, &s->sim, error);
  if (status == SROPE_OK) status = srope_dataset_config_read(config, n_config, &s->config, error);
  if (status == SROPE_OK) status = srope_event_schema_check(&s->schema, &s->config, error);
  if (status == SROPE_OK) {
    s->n_users = options->n_users;
    status = make(s, made, error);
  }
  if (s) {
    srope_event_schema_free(&s->schema);
    srope_dataset_config_free(&s->config);
    srope_words_free(&s->words);
    free(s);
  }
  if (status == SROPE_OK)
    *out = &made->data;
  else if (made)
    srope_simulated_dataset_free(&made->data);
  return status;
}

void srope_simulated_dataset_free(srope_dataset *data) {
  if (data == NULL) return;
  simulated_dataset *made = (simulated_dataset *)(void *)data;
  srope_aligned_free(made->image);
  free(made);
}
