/* kuairand.h: a folder of KuaiRand CSV files (log_*.csv, video_features_basic*.csv, each plain or .gz) as users' events
 * and, through a model's schema, as vectors.
 * Out: the events of all logs without exact duplicate rows, by (user, time, video, order in the files).
 * Not here: splits, scoring. The owners publish the columns' meaning; what is taken from them is in kuairand.c. */
#ifndef SROPE_TRAIN_KUAIRAND_H
#define SROPE_TRAIN_KUAIRAND_H

#include "sirenrope/sirenrope.h"

enum { SROPE_KUAIRAND_MAX_FILES = 256, SROPE_KUAIRAND_TAGS = 4 };

typedef struct srope_kuairand_row { /* one event */
  int64_t user_id, video_id, time_ms, play_time_ms, duration_ms, tab;
  uint64_t content; /* hash of the whole row, to know duplicates by */
  uint32_t order;   /* among all rows read */
  uint32_t labels;  /* bit i: label i of kuairand.c is 1 */
} srope_kuairand_row;

typedef struct srope_kuairand_video {
  int64_t video_id, author_id; /* author -1 = missing */
  uint32_t n_tags;
  int32_t tags[SROPE_KUAIRAND_TAGS];
} srope_kuairand_video;

typedef struct srope_kuairand { /* owns both */
  srope_kuairand_row *rows;
  size_t n_rows, n_duplicates;
  srope_kuairand_video *videos; /* by video_id */
  size_t n_videos;
} srope_kuairand;

/* Errors: IO (no folder, no log in it, a damaged file), FORMAT, LIMIT, MEMORY. */
srope_status srope_kuairand_load(const char *folder, srope_kuairand *out, srope_error *error);
void srope_kuairand_free(srope_kuairand *data);

/* What a model asks of the log, found once. Borrows both; owns its scratch. */
typedef struct srope_kuairand_encoder srope_kuairand_encoder;

/* Errors: CONFIG, naming a feature, signal or task that the log does not have; MEMORY. */
srope_status srope_kuairand_encoder_create(const srope_model *model, const srope_kuairand *data,
                                           srope_kuairand_encoder **out, srope_error *error);
void srope_kuairand_encoder_free(srope_kuairand_encoder *encoder);

/* out (X), (Y) or (Z) of one event. Errors: those of srope_encode, with the event's user and time in front. */
srope_status srope_kuairand_encode(srope_kuairand_encoder *encoder, srope_list list, const srope_kuairand_row *row,
                                   float *out, srope_error *error);
/* out (G) */
void srope_kuairand_read_signal(const srope_kuairand_encoder *encoder, const srope_kuairand_row *row, float *out);
/* The label of a task: 0 or 1. */
uint8_t srope_kuairand_read_label(const srope_kuairand_encoder *encoder, const srope_kuairand_row *row, uint32_t task);

#endif
