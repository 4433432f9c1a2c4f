/* windows.c: see windows.h. */
#include "train/windows.h"

#include <stdlib.h>

#include "base/error.h"

void srope_windows_free(srope_windows *windows) {
  free(windows->list);
  *windows = (srope_windows){0};
}

typedef struct builder {
  srope_windows windows;
  size_t capacity;
  srope_status status;
} builder;

static void add(builder *b, uint64_t first, uint64_t end, uint64_t score_from, uint64_t order_s) {
  if (b->status || score_from >= end) return;
  if (b->windows.n == b->capacity) {
    size_t larger = b->capacity ? 2 * b->capacity : 1024;
    void *grown =
        larger < SIZE_MAX / sizeof(srope_window) ? realloc(b->windows.list, larger * sizeof(srope_window)) : NULL;
    if (!grown) {
      b->status = SROPE_ERR_MEMORY;
      return;
    }
    b->windows.list = grown;
    b->capacity = larger;
  }
  uint32_t n = (uint32_t)(end - first);
  b->windows.list[b->windows.n++] = (srope_window){first, n, (uint32_t)(score_from - first), (uint32_t)order_s};
  b->windows.n_events += end - score_from;
  if (n > b->windows.max_n) b->windows.max_n = n;
}

static srope_status finish(builder *b, srope_windows *out, srope_error *error) {
  if (b->status) {
    srope_windows_free(&b->windows);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for more than %zu windows", b->capacity);
  }
  *out = b->windows;
  return SROPE_OK;
}

srope_status srope_windows_for_training(const srope_dataset *data, uint32_t length, uint32_t overlap,
                                        srope_windows *out, srope_error *error) {
  builder b = {0};
  for (uint64_t user = 0; user < data->n_users && !b.status; user++) {
    uint64_t begin = data->user_first[user], end = data->user_first[user + 1];
    while (end > begin && srope_dataset_split(data, data->time_s[end - 1]) != SROPE_TRAIN) end--;
    for (uint64_t from = begin; from < end;) { /* the next event that is not covered yet */
      uint64_t first = from - begin > overlap ? from - overlap : begin;
      uint64_t stop = end - first > length ? first + length : end;
      add(&b, first, stop, from, stop - first);
      from = stop;
    }
  }
  return finish(&b, out, error);
}

/* One user's events begin .. end-1, of which those of the split run from `from` to `to`. */
static void add_served(builder *b, const srope_dataset *data, uint64_t begin, uint64_t from, uint64_t to,
                       uint32_t max_history, bool uses_order) {
  for (uint64_t i = from; i < to && !b->status;) {
    uint64_t request = i - data->request_back[i], stop = i + 1;
    bool whole = !uses_order && request - begin <= max_history; /* sees all of the past */
    while (stop < to) {                                         /* neighbours that share the window */
      uint64_t other = stop - data->request_back[stop];
      if (whole ? other - begin > max_history : other != request) break;
      stop++;
    }
    uint64_t first = request - begin > max_history ? request - max_history : begin;
    add(b, first, stop, i, request - first + 1);
    i = stop;
  }
}

srope_status srope_windows_for_serving(const srope_dataset *data, srope_split split, uint32_t max_history,
                                       bool uses_order, srope_windows *out, srope_error *error) {
  builder b = {0};
  for (uint64_t user = 0; user < data->n_users && !b.status; user++) {
    uint64_t begin = data->user_first[user], end = data->user_first[user + 1], from = begin, to = end;
    while (from < end && srope_dataset_split(data, data->time_s[from]) < split) from++;
    while (to > from && srope_dataset_split(data, data->time_s[to - 1]) > split) to--;
    add_served(&b, data, begin, from, to, max_history, uses_order);
  }
  return finish(&b, out, error);
}
