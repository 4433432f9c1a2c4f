/* kuairand.c: see kuairand.h. */
#include "train/kuairand.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

#include "base/error.h"
#include "train/csv.h"

enum { MAX_ROWS = 1 << 30, MAX_PATH_BYTES = 4096 };

/* Labels: names in a model -> columns of the log. */
enum { N_LABELS = 8 };
static const char *const label_names[N_LABELS] = {"click",   "like", "follow",    "comment",
                                                  "forward", "hate", "long_view", "profile_enter"};
static const char *const label_columns[N_LABELS] = {"is_click",   "is_like", "is_follow", "is_comment",
                                                    "is_forward", "is_hate", "long_view", "is_profile_enter"};

/* Other values that a model may ask for. */
typedef enum source { VIDEO_ID, AUTHOR_ID, TAG, TAB, DURATION_S, WATCH_RATIO, N_SOURCES, LABEL = N_SOURCES } source;
static const char *const source_names[N_SOURCES] = {"video_id", "author_id", "tag", "tab", "duration_s", "watch_ratio"};

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

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), n_end = strlen(end);
  return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static int compare_texts(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

typedef srope_status (*read_file)(srope_kuairand *data, const char *path, size_t *capacity, srope_error *error);

static srope_status list_files(const char *folder, const char *prefix, char **names, size_t *n, srope_error *error) {
  const struct dirent *entry;
  srope_status status = SROPE_OK;
  DIR *directory = opendir(folder);
  if (directory == NULL) return srope_fail(error, SROPE_ERR_IO, folder, "could not be opened: %s", strerror(errno));
  while (status == SROPE_OK && (entry = readdir(directory)) != NULL) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    if (!ends_with(entry->d_name, ".csv") && !ends_with(entry->d_name, ".csv.gz")) continue;
    if (*n == SROPE_KUAIRAND_MAX_FILES)
      status = srope_fail(error, SROPE_ERR_LIMIT, folder, "expected at most %d files", SROPE_KUAIRAND_MAX_FILES);
    else if ((names[*n] = strdup(entry->d_name)) == NULL)
      status = srope_fail(error, SROPE_ERR_MEMORY, folder, "no memory for its files' names");
    else
      ++*n;
  }
  closedir(directory);
  qsort(names, *n, sizeof *names, compare_texts);
  return status;
}

/* Reads every <prefix>*.csv and .csv.gz of the folder, by name. *n_files: how many there are. */
static srope_status read_files(srope_kuairand *data, const char *folder, const char *prefix, read_file read,
                               size_t *n_files, srope_error *error) {
  char *names[SROPE_KUAIRAND_MAX_FILES], path[MAX_PATH_BYTES];
  size_t n = 0, capacity = 0;
  srope_status status = list_files(folder, prefix, names, &n, error);
  for (size_t i = 0; i < n; i++) {
    if (status == SROPE_OK && (size_t)snprintf(path, sizeof path, "%s/%s", folder, names[i]) >= sizeof path)
      status = srope_fail(error, SROPE_ERR_LIMIT, folder, "expected a path under %d bytes", MAX_PATH_BYTES);
    if (status == SROPE_OK) status = read(data, path, &capacity, error);
    free(names[i]);
  }
  *n_files = n;
  return status;
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

srope_status srope_kuairand_load(const char *folder, srope_kuairand *out, srope_error *error) {
  srope_kuairand data = {0};
  size_t n_logs, n_video_files;
  srope_status status = read_files(&data, folder, "log_", read_log, &n_logs, error);
  if (status == SROPE_OK && n_logs == 0)
    status =
        srope_fail(error, SROPE_ERR_IO, folder,
                   "expected a KuaiRand log, a file log_*.csv or log_*.csv.gz, found none; other formats of events "
                   "are not read yet");
  if (status == SROPE_OK)
    status = read_files(&data, folder, "video_features_basic", read_videos, &n_video_files, error);
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

/* ---------------------------------------------------------------- values for a model */

struct srope_kuairand_encoder {
  const srope_model *model;
  const srope_kuairand *data;
  uint32_t *sources[3];      /* by srope_list: of every feature, a source, or LABEL + a label */
  uint32_t *signals, *tasks; /* (G), (T) likewise */
  srope_value *values;       /* of the longest list */
  srope_value tags[SROPE_KUAIRAND_TAGS];
};

static const uint32_t nothing = LABEL + N_LABELS;

static uint32_t find_source(const char *name) {
  for (uint32_t i = 0; i < N_SOURCES; i++)
    if (strcmp(name, source_names[i]) == 0) return i;
  for (uint32_t i = 0; i < N_LABELS; i++)
    if (strcmp(name, label_names[i]) == 0) return LABEL + i;
  return nothing;
}

/* What a user did with an event must not be asked of its item. */
static bool is_observed(uint32_t from) { return from == WATCH_RATIO || from >= LABEL; }

static srope_status bind(const char *what, const char *name, bool observed, uint32_t *out, srope_error *error) {
  *out = find_source(name);
  if (*out != nothing && is_observed(*out) == observed) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_CONFIG, name, "the model asks for it as %s, and a KuaiRand log has no such %s",
                    what, observed ? "action" : "value");
}

static srope_status bind_all(srope_kuairand_encoder *encoder, srope_error *error) {
  static const char *const what[] = {"an item feature", "an action", "a context feature"};
  const srope_info *info = srope_model_info(encoder->model);
  srope_status status = SROPE_OK;
  for (int list = 0; list < 3; list++) {
    uint32_t n = srope_model_feature_count(encoder->model, (srope_list)list);
    for (uint32_t i = 0; status == SROPE_OK && i < n; i++)
      status = bind(what[list], srope_model_feature(encoder->model, (srope_list)list, i)->name, list == SROPE_ACTION,
                    &encoder->sources[list][i], error);
  }
  for (uint32_t i = 0; status == SROPE_OK && i < info->n_signals; i++) {
    status = bind("a signal", srope_model_signal(encoder->model, i), false, &encoder->signals[i], error);
    if (status == SROPE_OK && (encoder->signals[i] == TAG || encoder->signals[i] == AUTHOR_ID))
      status =
          srope_fail(error, SROPE_ERR_CONFIG, srope_model_signal(encoder->model, i), "is no number of every event");
  }
  for (uint32_t i = 0; status == SROPE_OK && i < info->n_tasks; i++) {
    status = bind("a task", srope_model_task(encoder->model, i), true, &encoder->tasks[i], error);
    if (status == SROPE_OK && encoder->tasks[i] < LABEL)
      status = srope_fail(error, SROPE_ERR_CONFIG, srope_model_task(encoder->model, i), "is no yes-or-no label");
  }
  return status;
}

srope_status srope_kuairand_encoder_create(const srope_model *model, const srope_kuairand *data,
                                           srope_kuairand_encoder **out, srope_error *error) {
  const srope_info *info = srope_model_info(model);
  const uint32_t widths[3] = {info->n_item, info->n_action, info->n_context};
  srope_kuairand_encoder *encoder = calloc(1, sizeof *encoder);
  if (encoder == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to encode with");
  encoder->model = model;
  encoder->data = data;
  encoder->signals = calloc(info->n_signals + (size_t)1, sizeof(uint32_t));
  encoder->tasks = calloc(info->n_tasks, sizeof(uint32_t));
  encoder->values = calloc(SROPE_MAX_FEATURES, sizeof *encoder->values);
  bool placed = encoder->signals != NULL && encoder->tasks != NULL && encoder->values != NULL;
  srope_status status = SROPE_OK;
  for (int list = 0; list < 3; list++) {
    encoder->sources[list] = calloc(SROPE_MAX_FEATURES, sizeof(uint32_t));
    placed = placed && encoder->sources[list] != NULL;
    if (status == SROPE_OK && widths[list] > 0 && !info->has_schema[list])
      status = srope_fail(error, SROPE_ERR_CONFIG, "features", "the model takes raw vectors, and a log needs a schema");
  }
  if (status == SROPE_OK && !placed) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to encode with");
  if (status == SROPE_OK) status = bind_all(encoder, error);
  if (status == SROPE_OK)
    *out = encoder;
  else
    srope_kuairand_encoder_free(encoder);
  return status;
}

void srope_kuairand_encoder_free(srope_kuairand_encoder *encoder) {
  if (encoder == NULL) return;
  for (int list = 0; list < 3; list++) free(encoder->sources[list]);
  free(encoder->signals);
  free(encoder->tasks);
  free(encoder->values);
  free(encoder);
}

static srope_value make_number(double number) { return (srope_value){.kind = SROPE_VALUE_NUMBER, .as.number = number}; }

static srope_value make_tags(srope_kuairand_encoder *encoder, const srope_kuairand_video *video) {
  if (video == NULL || video->n_tags == 0) return (srope_value){.kind = SROPE_VALUE_MISSING};
  for (uint32_t i = 0; i < video->n_tags; i++) encoder->tags[i] = make_number(video->tags[i]);
  return (srope_value){.kind = SROPE_VALUE_LIST, .n = video->n_tags, .as.elements = encoder->tags};
}

/* A number of the log itself. */
static double read_source(const srope_kuairand_row *row, uint32_t from) {
  switch (from) {
    case VIDEO_ID: return (double)row->video_id;
    case TAB: return (double)row->tab;
    case DURATION_S: return (double)row->duration_ms / 1000;
    case WATCH_RATIO: return (double)row->play_time_ms / (double)(row->duration_ms > 1 ? row->duration_ms : 1);
    default: return from >= LABEL ? (double)(row->labels >> (from - LABEL) & 1) : 0;
  }
}

srope_status srope_kuairand_encode(srope_kuairand_encoder *encoder, srope_list list, const srope_kuairand_row *row,
                                   float *out, srope_error *error) {
  uint32_t n = srope_model_feature_count(encoder->model, list);
  if (n == 0) return SROPE_OK;
  const srope_kuairand_video *video = find_video(encoder->data, row->video_id);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t from = encoder->sources[list][i];
    if (from == TAG)
      encoder->values[i] = make_tags(encoder, video);
    else if (from == AUTHOR_ID && (video == NULL || video->author_id < 0))
      encoder->values[i] = (srope_value){.kind = SROPE_VALUE_MISSING};
    else
      encoder->values[i] = make_number(from == AUTHOR_ID ? (double)video->author_id : read_source(row, from));
  }
  srope_status status = srope_encode(encoder->model, list, encoder->values, out, error);
  if (status != SROPE_OK)
    srope_error_prefix(error, "user %lld at %lld ms", (long long)row->user_id, (long long)row->time_ms);
  return status;
}

void srope_kuairand_read_signal(const srope_kuairand_encoder *encoder, const srope_kuairand_row *row, float *out) {
  uint32_t n = srope_model_info(encoder->model)->n_signals;
  for (uint32_t i = 0; i < n; i++) out[i] = (float)read_source(row, encoder->signals[i]);
}

uint8_t srope_kuairand_read_label(const srope_kuairand_encoder *encoder, const srope_kuairand_row *row, uint32_t task) {
  return row->labels >> (encoder->tasks[task] - LABEL) & 1;
}
