/* event_files.c: see event_files.h. */
#include "train/event_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/event_csv.h"
#include "train/event_json.h"
#include "train/line_file.h"
#include "train/place.h"

enum { PROGRESS_EVENTS = 4096 };

typedef struct event_source {
  const srope_event_schema *schema;
  const srope_dataset_config *config;
  const srope_dataset_options *options;
  srope_packer *packer;
  srope_event event;
  srope_event_json *json;
  uint64_t n_events, bytes_before, bytes_total; /* bytes of the files before this one */
  uint64_t user;                                /* of the last event */
  uint64_t *users;                              /* hashes of all users so far; open addressing, 0 = empty */
  size_t n_users, n_slots;
} event_source;

/* ---------------------------------------------------------------- the files */

srope_status srope_event_files_list(const char *path, srope_folder *folder, srope_error *error) {
  size_t n_schemas, n_json = 0, n_csv = 0;
  srope_status status = srope_folder_add(folder, path, "schema", ".json", &n_schemas, error);
  for (size_t i = 0; i < folder->n;) /* a schema-old.json is no part of it */
    if (strcmp(folder->files[i].name, SROPE_EVENT_SCHEMA_NAME) != 0)
      srope_folder_remove(folder, i);
    else
      i++;
  if (status == SROPE_OK) status = srope_folder_add(folder, path, "events", ".ndjson", &n_json, error);
  if (status == SROPE_OK) status = srope_folder_add(folder, path, "events", ".csv", &n_csv, error);
  if (status != SROPE_OK) return status;
  if (n_json == 0 && n_csv == 0)
    return srope_fail(
        error, SROPE_ERR_FORMAT, path,
        "expected event files, events*.ndjson or events*.csv, plain or .gz, beside its " SROPE_EVENT_SCHEMA_NAME
        ", found none");
  if (n_json > 0 && n_csv > 0)
    return srope_fail(error, SROPE_ERR_FORMAT, path,
                      "expected event files of one format, found events*.ndjson and events*.csv");
  return SROPE_OK;
}

static void report(const event_source *source, uint64_t offset) {
  const srope_dataset_options *options = source->options;
  uint64_t done = source->bytes_before + offset;
  if (options->progress != NULL && source->bytes_total > 0)
    options->progress(options->context, done < source->bytes_total ? done : source->bytes_total, source->bytes_total);
}

/* ---------------------------------------------------------------- users */

static bool enter_user(uint64_t *users, size_t n_slots, uint64_t user) {
  size_t slot = (size_t)((user * 0x9e3779b97f4a7c15u) >> 20) & (n_slots - 1); /* 2^64 / golden ratio */
  while (users[slot] != 0 && users[slot] != user) slot = (slot + 1) & (n_slots - 1);
  bool is_new = users[slot] == 0;
  users[slot] = user;
  return is_new;
}

static srope_status grow_users(event_source *source, srope_error *error) {
  size_t n_slots = source->n_slots > 0 ? 2 * source->n_slots : 1024;
  uint64_t *users = calloc(n_slots, sizeof *users);
  if (users == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu users", n_slots / 2);
  for (size_t i = 0; i < source->n_slots; i++)
    if (source->users[i] != 0) enter_user(users, n_slots, source->users[i]);
  free(source->users);
  source->users = users;
  source->n_slots = n_slots;
  return SROPE_OK;
}

/* Users are known by 64-bit hashes of their names. */
static srope_status check_user(event_source *source, uint64_t user, bool *is_new, srope_error *error) {
  user = user != 0 ? user : 1;
  *is_new = source->n_users == 0 || user != source->user;
  if (!*is_new) return SROPE_OK;
  srope_status status = 2 * source->n_users < source->n_slots ? SROPE_OK : grow_users(source, error);
  if (status != SROPE_OK) return status;
  if (!enter_user(source->users, source->n_slots, user))
    return srope_fail(error, SROPE_ERR_FORMAT, "user",
                      "expected a user's events together, found another one of a user whose events had ended");
  source->user = user;
  source->n_users++;
  return SROPE_OK;
}

static srope_status take_event(event_source *source, uint64_t user, srope_error *error) {
  bool is_new;
  srope_status status = check_user(source, user, &is_new, error);
  if (status == SROPE_OK) status = srope_packer_add(source->packer, &source->event, is_new, error);
  source->n_events++;
  return status;
}

/* ---------------------------------------------------------------- a file */

static bool is_blank(const char *text, size_t n) {
  size_t i = 0;
  while (i < n && strchr(" \t\r", text[i]) != NULL && text[i] != 0) i++;
  return i == n;
}

static srope_status read_json(event_source *source, const char *path, srope_error *error) {
  srope_line_file *file;
  char *text = NULL;
  size_t n;
  uint64_t user = 0;
  srope_status status = srope_line_file_open(path, &file, error);
  if (status != SROPE_OK) return status;
  while ((status = srope_line_file_next(file, &text, &n, error)) == SROPE_OK && text != NULL) {
    if (is_blank(text, n)) continue;
    status = srope_event_json_read(source->json, text, n, &source->event, &user, error);
    if (status == SROPE_OK) status = take_event(source, user, error);
    if (status != SROPE_OK) break;
    if (source->n_events % PROGRESS_EVENTS == 0) report(source, srope_line_file_offset(file));
  }
  if (status != SROPE_OK) srope_place_line(error, path, srope_line_file_line(file));
  srope_line_file_close(file);
  return status;
}

static srope_status read_csv(event_source *source, const char *path, srope_error *error) {
  srope_event_csv *file;
  uint64_t user = 0;
  bool ended = false;
  srope_status status = srope_event_csv_open(path, source->schema, source->config, &file, error);
  if (status != SROPE_OK) return status;
  while (status == SROPE_OK) {
    status = srope_event_csv_next(file, &source->event, &user, &ended, error);
    if (ended) break;
    if (status == SROPE_OK) status = take_event(source, user, error);
    if (source->n_events % PROGRESS_EVENTS == 0) report(source, srope_event_csv_offset(file));
  }
  if (status != SROPE_OK) srope_event_csv_place(file, error);
  srope_event_csv_close(file);
  return status;
}

static bool is_csv(const char *name) {
  size_t n = strlen(name);
  if (n > 3 && strcmp(name + n - 3, ".gz") == 0) n -= 3;
  return n > 4 && memcmp(name + n - 4, ".csv", 4) == 0;
}

srope_status srope_event_files_pack(const srope_folder *folder, const srope_event_schema *schema,
                                    const srope_dataset_config *config, const srope_dataset_options *options,
                                    srope_packer *packer, uint64_t *n_events, srope_error *error) {
  event_source source = {.schema = schema,
                         .config = config,
                         .options = options,
                         .packer = packer,
                         .bytes_total = srope_folder_bytes(folder)};
  srope_status status = srope_event_create(config, &source.event, error);
  if (status == SROPE_OK) status = srope_event_json_create(schema, config, &source.json, error);
  for (size_t i = 0; status == SROPE_OK && i < folder->n; i++) {
    const srope_folder_file *file = &folder->files[i];
    if (strcmp(file->name, SROPE_EVENT_SCHEMA_NAME) != 0)
      status = is_csv(file->name) ? read_csv(&source, file->path, error) : read_json(&source, file->path, error);
    source.bytes_before += file->size;
  }
  if (status == SROPE_OK) report(&source, 0);
  if (status == SROPE_ERR_JSON) { /* of a request it is one; of a file it is its format */
    status = SROPE_ERR_FORMAT;
    if (error != NULL) error->status = status;
  }
  *n_events = source.n_events;
  srope_event_json_free(source.json);
  srope_event_free(&source.event);
  free(source.users);
  return status;
}
