/* memory_dataset.c: see memory_dataset.h. */
#include "grad/memory_dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double day_s = 86400, n_days = 20;

typedef struct field {
  const char *table; /* NULL: numbers */
  size_t rows, dim, most_rows;
} field;

static const field fields[] = {
    {"encoder.item.id.weight", 13, 3, 2},
    {"encoder.item.tags.weight", 7, 2, 4},
    {"encoder.item.tab.weight", 5, 2, 1},
    {NULL, 0, 1, 0},
    {NULL, 0, 2, 0},
    {NULL, 0, 1, 0},
    {"encoder.action.kind.weight", 3, 2, 1},
    {"encoder.item.tab.weight", 5, 2, 2},
    {NULL, 0, 1, 0},
};
enum { N_FIELDS = sizeof fields / sizeof *fields, MOST_WORDS = 32 };

static void *many(size_t n, size_t size) {
  void *block = calloc(n + 1, size);
  if (!block) exit(EXIT_FAILURE);
  return block;
}

static size_t random_words(random_source *random, uint32_t *words) {
  uint32_t *at = words;
  for (size_t i = 0; i < N_FIELDS; i++) {
    const field *f = &fields[i];
    if (f->table) {
      uint32_t n = (uint32_t)random_below(random, f->most_rows + 1);
      *at++ = n;
      for (uint32_t j = 0; j < n; j++) *at++ = (uint32_t)random_below(random, f->rows);
    } else {
      for (size_t j = 0; j < f->dim; j++) {
        float number = random_below(random, 5) ? (float)random_between(random, -1.5, 1.5) : 0;
        memcpy(at++, &number, sizeof number);
      }
    }
  }
  return (size_t)(at - words);
}

static float random_label(random_source *random) {
  size_t kind = random_below(random, 6);
  return kind == 0 ? NAN : kind == 1 ? (float)random_between(random, 0, 1) : (float)(kind % 2);
}

/* Times of one user's events, and which of them are of one request. */
static void fill_user(random_source *random, memory_dataset *d, uint64_t first, size_t n, double start_s) {
  double pause_s = n_days * day_s / (double)(n + 1), now_s = start_s + random_between(random, 0, pause_s);
  for (size_t i = 0; i < n; i++) {
    size_t kind = i ? random_below(random, 10) : 9;
    uint32_t *back = d->request_back + first;
    back[i] = 0;
    if (kind < 3) back[i] = back[i - 1] + 1;
    if (kind == 3) { /* a request that came back: its first event is that of one of the last six events */
      size_t other = i - 1 - random_below(random, i < 6 ? i : 6);
      back[i] = (uint32_t)(i - other) + back[other];
    }
    if (kind > 3) now_s += random_below(random, 8) ? random_between(random, 0, 2 * pause_s) : 0;
    d->time_s[first + i] = now_s;
  }
}

memory_dataset memory_dataset_random(random_source *random, const srope_info *info, size_t n_users,
                                     size_t most_events) {
  size_t most = n_users * most_events, n = 0, n_words = 0;
  uint32_t t = info->n_tasks, g = info->n_signals;
  double start_s = info->trend_center != 0 ? info->trend_center : 1.65e9;
  memory_dataset d = {.user_first = many(n_users, sizeof *d.user_first),
                      .word_first = many(most, sizeof *d.word_first),
                      .time_s = many(most, sizeof *d.time_s),
                      .request_back = many(most, sizeof *d.request_back),
                      .words = many(most * MOST_WORDS, sizeof *d.words),
                      .utc_offset_minutes = many(most, sizeof(float)),
                      .label = many(most * t, sizeof(float)),
                      .signal = many(most * g, sizeof(float))};
  for (size_t user = 0; user < n_users; user++) {
    size_t events = user == 0 ? most_events : random_below(random, most_events + 1);
    fill_user(random, &d, n, events, start_s);
    d.user_first[user + 1] = n += events;
  }
  for (size_t i = 0; i < n; i++) {
    d.utc_offset_minutes[i] = random_below(random, 2) ? NAN : (float)random_between(random, -720, 840);
    d.word_first[i + 1] = n_words += random_words(random, d.words + n_words);
  }
  for (size_t i = 0; i < n * t; i++) d.label[i] = random_label(random);
  for (size_t i = 0; i < n * g; i++) d.signal[i] = (float)random_between(random, -1.5, 1.5);
  d.data = (srope_dataset){.n_events = n,
                           .n_users = n_users,
                           .n_tasks = t,
                           .n_signals = g,
                           .validation_s = start_s + 0.6 * n_days * day_s,
                           .test_s = start_s + 0.8 * n_days * day_s,
                           .user_first = d.user_first,
                           .time_s = d.time_s,
                           .request_back = d.request_back,
                           .utc_offset_minutes = d.utc_offset_minutes,
                           .label = d.label,
                           .signal = d.signal,
                           .word_first = d.word_first,
                           .words = d.words};
  return d;
}

void memory_dataset_free(memory_dataset *d) {
  void *owned[] = {d->user_first, d->word_first,         d->time_s, d->request_back,
                   d->words,      d->utc_offset_minutes, d->label,  d->signal};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

void memory_dataset_vectors(const memory_dataset *d, const reference *r, uint64_t event, double *out) {
  const uint32_t *at = d->words + d->word_first[event];
  for (size_t i = 0; i < N_FIELDS; out += fields[i++].dim) {
    const field *f = &fields[i];
    for (size_t j = 0; j < f->dim; j++) out[j] = 0;
    if (f->table) {
      uint32_t n = *at++;
      for (uint32_t row = 0; row < n; row++, at++)
        for (size_t j = 0; j < f->dim; j++)
          out[j] += tensor_file_get(r->file, f->table)->data[*at * f->dim + j] / (double)n;
    } else {
      for (size_t j = 0; j < f->dim; j++) {
        float number;
        memcpy(&number, at++, sizeof number);
        out[j] = number;
      }
    }
  }
}
