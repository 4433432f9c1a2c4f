/* kuairand.c: see kuairand.h. */
#include "train/kuairand.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

#include "base/error.h"
#include "features/schema.h"
#include "train/csv.h"

enum { MAX_ROWS = 1 << 30 };

/* Labels: names in a model -> columns of the log. */
enum { N_LABELS = 8 };
static const char *const label_names[N_LABELS] = {"click",   "like", "follow",    "comment",
                                                  "forward", "hate", "long_view", "profile_enter"};
static const char *const label_columns[N_LABELS] = {"is_click",   "is_like", "is_follow", "is_comment",
                                                    "is_forward", "is_hate", "long_view", "is_profile_enter"};

/* Other values that a model may ask for. */
typedef enum source {
  VIDEO_ID,
  AUTHOR_ID,
  TAG,
  TAB,
  MAIN_TAB, /* 1 when tab is 1, else 0 */
  DURATION_S,
  WATCH_RATIO,
  N_SOURCES,
  LABEL = N_SOURCES,
  NOTHING = LABEL + N_LABELS
} source;
static const char *const source_names[N_SOURCES] = {"video_id", "author_id",  "tag",        "tab",
                                                    "main_tab", "duration_s", "watch_ratio"};

const char srope_kuairand_schema[] =
    "{\"features\":{\"item\":["
    "{\"name\":\"video_id\",\"kind\":\"hash\",\"buckets\":8192,\"dim\":16},"
    "{\"name\":\"author_id\",\"kind\":\"hash\",\"buckets\":4096,\"dim\":16},"
    "{\"name\":\"tag\",\"kind\":\"hash\",\"buckets\":128,\"dim\":8},"
    "{\"name\":\"tab\",\"kind\":\"index\",\"size\":16,\"dim\":8},"
    "{\"name\":\"duration_s\",\"kind\":\"number\",\"transform\":\"log1p\",\"scale\":0.2}],"
    "\"action\":["
    "{\"name\":\"click\",\"kind\":\"number\"},"
    "{\"name\":\"long_view\",\"kind\":\"number\"},"
    "{\"name\":\"like\",\"kind\":\"number\"},"
    "{\"name\":\"profile_enter\",\"kind\":\"number\"},"
    "{\"name\":\"watch_ratio\",\"kind\":\"number\",\"clip\":[0,2]}],"
    "\"context\":[{\"name\":\"tab\",\"kind\":\"index\",\"size\":16,\"dim\":8,\"table\":\"item.tab\"}]},"
    "\"labels\":[\"click\",\"long_view\",\"like\",\"profile_enter\"],\"angle_signals\":[],"
    "\"trend_center\":1651300000,\"trend_scale\":1000000}";

/* ---------------------------------------------------------------- growing arrays */

static srope_status grow(void **data, size_t n, size_t *capacity, size_t size, srope_error *error) {
  if (n < *capacity) return SROPE_OK;
  size_t larger = *capacity > 0 ? *capacity * 2 : 4096;
  void *grown = n < MAX_ROWS ? realloc(*data, larger * size) : NULL;
  if (n >= MAX_ROWS) return srope_fail(error, SROPE_ERR_LIMIT, NULL, "expected at most %d rows", MAX_ROWS);
  if (grown == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu rows", larger);
  *data = grown;
  *capacity = larger;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- the files of a folder */

typedef srope_status (*read_file)(srope_kuairand *data, const char *path, size_t *capacity, srope_error *error);

srope_status srope_kuairand_list(const char *path, srope_folder *folder, size_t *n_logs, srope_error *error) {
  size_t n_videos;
  srope_status status = srope_folder_add(folder, path, "log_", ".csv", n_logs, error);
  return status == SROPE_OK ? srope_folder_add(folder, path, "video_features_basic", ".csv", &n_videos, error) : status;
}

/* ---------------------------------------------------------------- the log */

typedef struct log_columns {
  uint32_t user_id, video_id, time_ms, play_time_ms, duration_ms, tab, label[N_LABELS];
} log_columns;

static srope_status find_log_columns(const srope_csv *csv, log_columns *columns, srope_error *error) {
  srope_status status = srope_csv_find_column(csv, "user_id", &columns->user_id, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "video_id", &columns->video_id, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "time_ms", &columns->time_ms, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "play_time_ms", &columns->play_time_ms, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "duration_ms", &columns->duration_ms, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "tab", &columns->tab, error);
  for (int i = 0; status == SROPE_OK && i < N_LABELS; i++)
    status = srope_csv_find_column(csv, label_columns[i], &columns->label[i], error);
  return status;
}

static srope_status read_row(const srope_csv *csv, const log_columns *columns, srope_kuairand_row *row,
                             srope_error *error) {
  srope_status status = srope_csv_read_integer(csv, columns->user_id, &row->user_id, error);
  if (status == SROPE_OK) status = srope_csv_read_integer(csv, columns->video_id, &row->video_id, error);
  if (status == SROPE_OK) status = srope_csv_read_integer(csv, columns->time_ms, &row->time_ms, error);
  if (status == SROPE_OK) status = srope_csv_read_integer(csv, columns->play_time_ms, &row->play_time_ms, error);
  if (status == SROPE_OK) status = srope_csv_read_integer(csv, columns->duration_ms, &row->duration_ms, error);
  if (status == SROPE_OK) status = srope_csv_read_integer(csv, columns->tab, &row->tab, error);
  for (int i = 0; status == SROPE_OK && i < N_LABELS; i++) {
    int64_t label = 0;
    status = srope_csv_read_integer(csv, columns->label[i], &label, error);
    if (status == SROPE_OK && label != 0 && label != 1)
      status = srope_csv_fail(csv, columns->label[i], "0 or 1", error);
    row->labels |= (uint32_t)label << i;
  }
  return status;
}

static srope_status read_log(srope_kuairand *data, const char *path, size_t *capacity, srope_error *error) {
  srope_csv *csv;
  log_columns columns;
  srope_csv_record record = {.n_fields = 1};
  srope_status status = srope_csv_open(path, &csv, error);
  if (status != SROPE_OK) return status;
  status = find_log_columns(csv, &columns, error);
  while (status == SROPE_OK && (status = srope_csv_next(csv, &record, error)) == SROPE_OK && record.n_fields > 0) {
    srope_kuairand_row row = {.order = (uint32_t)data->n_rows, .content = XXH64(record.bytes, record.n_bytes, 0)};
    status = read_row(csv, &columns, &row, error);
    if (status == SROPE_OK) status = grow((void **)&data->rows, data->n_rows, capacity, sizeof row, error);
    if (status == SROPE_OK) data->rows[data->n_rows++] = row;
  }
  srope_csv_close(csv);
  return status;
}

#define ORDER_BY(member) \
  if (a->member != b->member) return a->member < b->member ? -1 : 1

static int compare_contents(const void *left, const void *right) {
  const srope_kuairand_row *a = left, *b = right;
  ORDER_BY(user_id);
  ORDER_BY(time_ms);
  ORDER_BY(video_id);
  ORDER_BY(content);
  ORDER_BY(order);
  return 0;
}

static int compare_rows(const void *left, const void *right) {
  const srope_kuairand_row *a = left, *b = right;
  ORDER_BY(user_id);
  ORDER_BY(time_ms);
  ORDER_BY(video_id);
  ORDER_BY(order);
  return 0;
}

/* Of rows that are the same in every column the first stays. Equal ids, times and 64-bit hashes count as the same. */
static void drop_duplicates(srope_kuairand *data) {
  size_t n = 0;
  if (data->n_rows == 0) return;
  qsort(data->rows, data->n_rows, sizeof *data->rows, compare_contents);
  for (size_t i = 0; i < data->n_rows; i++) {
    const srope_kuairand_row *row = &data->rows[i], *kept = n > 0 ? &data->rows[n - 1] : NULL;
    if (kept != NULL && kept->user_id == row->user_id && kept->time_ms == row->time_ms &&
        kept->video_id == row->video_id && kept->content == row->content)
      continue;
    data->rows[n++] = *row;
  }
  data->n_duplicates = data->n_rows - n;
  data->n_rows = n;
  qsort(data->rows, n, sizeof *data->rows, compare_rows);
}

/* ---------------------------------------------------------------- the videos */

/* "20,43,7": at most the first four; "" is none. */
static srope_status read_tags(const srope_csv *csv, uint32_t column, const char *text, srope_kuairand_video *video,
                              srope_error *error) {
  while (*text != '\0' && video->n_tags < SROPE_KUAIRAND_TAGS) {
    char *end;
    long tag = strtol(text, &end, 10);
    if (end == text || (*end != ',' && *end != '\0') || tag < INT32_MIN || tag > INT32_MAX)
      return srope_csv_fail(csv, column, "whole numbers with commas between", error);
    video->tags[video->n_tags++] = (int32_t)tag;
    text = *end == ',' ? end + 1 : end;
  }
  return SROPE_OK;
}

static srope_status read_videos(srope_kuairand *data, const char *path, size_t *capacity, srope_error *error) {
  srope_csv *csv;
  uint32_t video_id, author_id, tag;
  srope_csv_record record = {.n_fields = 1};
  srope_status status = srope_csv_open(path, &csv, error);
  if (status != SROPE_OK) return status;
  status = srope_csv_find_column(csv, "video_id", &video_id, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "author_id", &author_id, error);
  if (status == SROPE_OK) status = srope_csv_find_column(csv, "tag", &tag, error);
  while (status == SROPE_OK && (status = srope_csv_next(csv, &record, error)) == SROPE_OK && record.n_fields > 0) {
    srope_kuairand_video video = {.author_id = -1};
    status = srope_csv_read_integer(csv, video_id, &video.video_id, error);
    if (status == SROPE_OK && record.fields[author_id][0] != '\0')
      status = srope_csv_read_integer(csv, author_id, &video.author_id, error);
    if (status == SROPE_OK) status = read_tags(csv, tag, record.fields[tag], &video, error);
    if (status == SROPE_OK) status = grow((void **)&data->videos, data->n_videos, capacity, sizeof video, error);
    if (status == SROPE_OK) data->videos[data->n_videos++] = video;
  }
  srope_csv_close(csv);
  return status;
}

static int compare_videos(const void *left, const void *right) {
  const srope_kuairand_video *a = left, *b = right;
  ORDER_BY(video_id);
  return 0;
}

static const srope_kuairand_video *find_video(const srope_kuairand *data, int64_t video_id) {
  const srope_kuairand_video wanted = {.video_id = video_id};
  return data->n_videos == 0 ? NULL
                             : bsearch(&wanted, data->videos, data->n_videos, sizeof *data->videos, compare_videos);
}

/* ---------------------------------------------------------------- both */

/* Files first .. end - 1 of the folder. */
static srope_status read_files(srope_kuairand *data, const srope_folder *folder, size_t first, size_t end,
                               read_file read, const srope_dataset_options *options, srope_error *error) {
  uint64_t total = srope_folder_bytes(folder), done = 0;
  size_t capacity = 0;
  srope_status status = SROPE_OK;
  for (size_t i = 0; i < first; i++) done += folder->files[i].size;
  for (size_t i = first; status == SROPE_OK && i < end; i++) {
    status = read(data, folder->files[i].path, &capacity, error);
    done += folder->files[i].size;
    if (status == SROPE_OK && options->progress != NULL) options->progress(options->context, done, total);
  }
  return status;
}

srope_status srope_kuairand_load(const srope_folder *folder, size_t n_logs, const srope_dataset_options *options,
                                 srope_kuairand *out, srope_error *error) {
  srope_kuairand data = {0};
  srope_status status = read_files(&data, folder, 0, n_logs, read_log, options, error);
  if (status == SROPE_OK) status = read_files(&data, folder, n_logs, folder->n, read_videos, options, error);
  if (status != SROPE_OK) {
    srope_kuairand_free(&data);
    return status;
  }
  drop_duplicates(&data);
  if (data.n_videos > 0) qsort(data.videos, data.n_videos, sizeof *data.videos, compare_videos);
  *out = data;
  return SROPE_OK;
}

void srope_kuairand_free(srope_kuairand *data) {
  free(data->rows);
  free(data->videos);
  *data = (srope_kuairand){0};
}

/* ---------------------------------------------------------------- what is asked of the log */

typedef struct kuairand_binding {
  const srope_dataset_config *config;
  const srope_kuairand *data;
  uint32_t *sources[3];      /* by srope_list: of every feature, a source, or LABEL + a label, or NOTHING */
  uint32_t *signals, *tasks; /* (G), (T) likewise */
  srope_value tags[SROPE_KUAIRAND_TAGS];
} kuairand_binding;

static uint32_t find_source(const char *name) {
  for (uint32_t i = 0; i < N_SOURCES; i++)
    if (strcmp(name, source_names[i]) == 0) return i;
  for (uint32_t i = 0; i < N_LABELS; i++)
    if (strcmp(name, label_names[i]) == 0) return LABEL + i;
  return NOTHING;
}

/* What a user did with an event must not be asked of its item. */
static bool is_observed(uint32_t from) { return from == WATCH_RATIO || from >= LABEL; }

static srope_status bind(const char *what, const char *name, bool observed, uint32_t *out, srope_error *error) {
  *out = find_source(name);
  if (*out != NOTHING && is_observed(*out) == observed) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_CONFIG, name, "the model asks for it as %s, and a KuaiRand log has no such %s",
                    what, observed ? "action" : "value");
}

static srope_status bind_features(kuairand_binding *binding, srope_list list, srope_error *error) {
  static const char *const what[] = {"an item feature", "an action", "a context feature"};
  const srope_schema *schema = &binding->config->schema[list];
  srope_status status = SROPE_OK;
  for (uint32_t i = 0; status == SROPE_OK && i < schema->n_fields; i++) {
    binding->sources[list][i] = NOTHING;
    if (binding->config->time_values[list][i] == SROPE_TIME_NONE)
      status =
          bind(what[list], schema->fields[i].public_view.name, list == SROPE_ACTION, &binding->sources[list][i], error);
  }
  return status;
}

static srope_status bind_all(kuairand_binding *binding, srope_error *error) {
  const srope_dataset_config *config = binding->config;
  srope_status status = SROPE_OK;
  for (int list = 0; status == SROPE_OK && list < 3; list++) status = bind_features(binding, (srope_list)list, error);
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_signals; i++) {
    status = bind("a signal", config->signals[i], false, &binding->signals[i], error);
    if (status == SROPE_OK && (binding->signals[i] == TAG || binding->signals[i] == AUTHOR_ID))
      status = srope_fail(error, SROPE_ERR_CONFIG, config->signals[i], "is no number of every event");
  }
  for (uint32_t i = 0; status == SROPE_OK && i < config->n_tasks; i++) {
    status = bind("a task", config->labels[i], true, &binding->tasks[i], error);
    if (status == SROPE_OK && binding->tasks[i] < LABEL)
      status = srope_fail(error, SROPE_ERR_CONFIG, config->labels[i], "is no yes-or-no label");
  }
  return status;
}

static void free_binding(kuairand_binding *binding) {
  for (int list = 0; list < 3; list++) free(binding->sources[list]);
  free(binding->signals);
  free(binding->tasks);
}

static srope_status create_binding(const srope_dataset_config *config, const srope_kuairand *data,
                                   kuairand_binding *out, srope_error *error) {
  *out = (kuairand_binding){.config = config, .data = data};
  out->signals = calloc(config->n_signals + (size_t)1, sizeof(uint32_t));
  out->tasks = calloc(config->n_tasks + (size_t)1, sizeof(uint32_t));
  bool placed = out->signals != NULL && out->tasks != NULL;
  for (int list = 0; list < 3; list++) {
    out->sources[list] = calloc(config->schema[list].n_fields + (size_t)1, sizeof(uint32_t));
    placed = placed && out->sources[list] != NULL;
  }
  srope_status status =
      placed ? bind_all(out, error) : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to pack with");
  if (status != SROPE_OK) free_binding(out);
  return status;
}

/* ---------------------------------------------------------------- values */

static srope_value make_number(double number) { return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = number}; }

static srope_value make_tags(kuairand_binding *binding, const srope_kuairand_video *video) {
  if (video == NULL || video->n_tags == 0) return (srope_value){.kind = SROPE_VALUE_MISSING};
  for (uint32_t i = 0; i < video->n_tags; i++) binding->tags[i] = make_number(video->tags[i]);
  return (srope_value){.kind = SROPE_VALUE_LIST, .n = video->n_tags, .as.elements = binding->tags};
}

/* A number of the log itself. */
static double read_source(const srope_kuairand_row *row, uint32_t from) {
  switch (from) {
    case VIDEO_ID: return (double)row->video_id;
    case TAB: return (double)row->tab;
    case MAIN_TAB: return row->tab == 1;
    case DURATION_S: return (double)row->duration_ms / 1000;
    case WATCH_RATIO: return (double)row->play_time_ms / (double)(row->duration_ms > 1 ? row->duration_ms : 1);
    default: return from >= LABEL ? (double)(row->labels >> (from - LABEL) & 1) : 0;
  }
}

static srope_value read_value(kuairand_binding *binding, const srope_kuairand_row *row,
                              const srope_kuairand_video *video, uint32_t from) {
  if (from == TAG) return make_tags(binding, video);
  if (from == NOTHING || (from == AUTHOR_ID && (video == NULL || video->author_id < 0)))
    return (srope_value){.kind = SROPE_VALUE_MISSING};
  return make_number(from == AUTHOR_ID ? (double)video->author_id : read_source(row, from));
}

static void read_event(kuairand_binding *binding, const srope_kuairand_row *row, srope_event *event) {
  const srope_dataset_config *config = binding->config;
  const srope_kuairand_video *video = find_video(binding->data, row->video_id);
  event->time_s = (double)row->time_ms / 1000;
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < config->schema[list].n_fields; i++)
      event->values[list][i] = read_value(binding, row, video, binding->sources[list][i]);
  for (uint32_t i = 0; i < config->n_signals; i++) event->signal[i] = (float)read_source(row, binding->signals[i]);
  for (uint32_t i = 0; i < config->n_tasks; i++) event->label[i] = (float)read_source(row, binding->tasks[i]);
}

srope_status srope_kuairand_pack(const srope_kuairand *data, const srope_dataset_config *config, srope_packer *packer,
                                 srope_error *error) {
  kuairand_binding binding;
  srope_event event;
  srope_status status = create_binding(config, data, &binding, error);
  if (status != SROPE_OK) return status;
  status = srope_event_create(config, &event, error);
  for (size_t i = 0; status == SROPE_OK && i < data->n_rows; i++) {
    const srope_kuairand_row *row = &data->rows[i];
    read_event(&binding, row, &event);
    status = srope_packer_add(packer, &event, i == 0 || row->user_id != row[-1].user_id, error);
    if (status != SROPE_OK)
      srope_error_prefix(error, "user %lld at %lld ms", (long long)row->user_id, (long long)row->time_ms);
  }
  srope_event_free(&event);
  free_binding(&binding);
  return status;
}
