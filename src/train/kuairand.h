/* kuairand.h: a folder of KuaiRand CSV files (log_*.csv, video_features_basic*.csv, each plain or .gz) as users' events
 * and, through a configuration, into a packer.
 * Out: the events of all logs without exact duplicate rows, by (user, time, video, order in the files); events of one user
 * and time are a request. Holds all rows in memory, 72 bytes each. Not here: the cache, scoring. The owners publish the
 * columns' meaning; what is taken from them is in kuairand.c. */
#ifndef SROPE_TRAIN_KUAIRAND_H
#define SROPE_TRAIN_KUAIRAND_H

#include "train/folder.h"
#include "train/packer.h"

enum { SROPE_KUAIRAND_TAGS = 4 };

/* The split of the reported figures: 2022-05-02 and -03, 16:00 UTC. */
#define SROPE_KUAIRAND_VALIDATION_S 1651507200.0
#define SROPE_KUAIRAND_TEST_S 1651593600.0

/* What the data offers, as srope_dataset_describe gives it. */
extern const char srope_kuairand_schema[];

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

/* The folder's files: first its logs (*n_logs, none is no error), then its tables of videos. Errors: IO, MEMORY. */
srope_status srope_kuairand_list(const char *path, srope_folder *folder, size_t *n_logs, srope_error *error);

/* Reads the files listed. Errors: IO (a damaged file), FORMAT, LIMIT, MEMORY. */
srope_status srope_kuairand_load(const srope_folder *folder, size_t n_logs, const srope_dataset_options *options,
                                 srope_kuairand *out, srope_error *error);
void srope_kuairand_free(srope_kuairand *data);

/* Errors: CONFIG, naming a feature, signal or task that the log does not have; those of srope_packer_add, with the event's
 * user and time in front. */
srope_status srope_kuairand_pack(const srope_kuairand *data, const srope_dataset_config *config, srope_packer *packer,
                                 srope_error *error);

#endif
