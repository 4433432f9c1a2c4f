/* cache.h: the file of a packed data set: a header, then the columns of dataset.h one after the other, each on a 64-byte
 * boundary, in the machine's byte order (little). packer.c writes it, dataset.c maps it.
 *   header: magic, version, sizes, hashes of the source and of what was asked, of the columns' bytes and of itself */
#ifndef SROPE_TRAIN_CACHE_H
#define SROPE_TRAIN_CACHE_H

#include "train/dataset.h"

typedef enum srope_column { /* in the file's order */
                            SROPE_COLUMN_USER_FIRST,
                            SROPE_COLUMN_TIME,
                            SROPE_COLUMN_REQUEST_BACK,
                            SROPE_COLUMN_UTC_OFFSET,
                            SROPE_COLUMN_LABEL,
                            SROPE_COLUMN_SIGNAL,
                            SROPE_COLUMN_WORD_FIRST,
                            SROPE_COLUMN_WORDS,
                            SROPE_N_COLUMNS
} srope_column;

typedef struct srope_cache_header { /* the first bytes of the file; no padding inside */
  char magic[8];
  uint32_t version, has_videos;
  uint64_t n_events, n_users, n_words, n_read, n_duplicates;
  uint32_t n_tasks, n_signals;
  double validation_s, test_s;
  uint64_t source_hash, config_hash; /* srope_folder_fingerprint, srope_dataset_config.hash */
  uint64_t unused[2];                /* zeros */
  uint64_t columns_hash;             /* XXH64 of all bytes after the header */
  uint64_t header_hash;              /* XXH64 of those above; the last member */
} srope_cache_header;

enum { SROPE_CACHE_HEADER_BYTES = 128, SROPE_CACHE_ALIGNMENT = 64 };
_Static_assert(sizeof(srope_cache_header) == SROPE_CACHE_HEADER_BYTES, "the header has no padding");

/* Fills in magic, version and the header's own hash. */
void srope_cache_seal(srope_cache_header *header);

/* Where every column begins and how long it is, from the header's sizes; *n_bytes of the file. False: they overflow. */
typedef struct srope_cache_layout {
  uint64_t offset[SROPE_N_COLUMNS], n_bytes[SROPE_N_COLUMNS], file_bytes;
} srope_cache_layout;
bool srope_cache_place(const srope_cache_header *header, srope_cache_layout *layout);

/* The columns of a whole file in memory, at `image`, which is borrowed and begins on a 64-byte boundary; *layout is of this
 * header. Of the image's own header nothing is read. */
void srope_cache_view(const void *image, const srope_cache_header *header, const srope_cache_layout *layout,
                      srope_dataset *data);

/* Whether an open file is a whole, undamaged cache of this source for this configuration: *fits. One that is none of
 * ours is an error, so that nothing else is ever replaced. Reads all of it once. Errors: IO, FORMAT, MEMORY; where = path. */
srope_status srope_cache_check(int descriptor, const char *path, uint64_t source_hash, uint64_t config_hash,
                               srope_cache_header *header, bool *fits, srope_error *error);

/* Maps an open file with this header. Takes nothing: the descriptor may be closed afterwards. Errors: IO; where = path. */
srope_status srope_cache_map(int descriptor, const char *path, const srope_cache_header *header, srope_dataset *data,
                             void **base, size_t *n_bytes, srope_error *error);

#endif
