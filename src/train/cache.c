/* cache.c: see cache.h. */
#include "train/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#define XXH_NO_XXH3
#include "xxhash.h"

#include "base/error.h"
#include "base/hash.h"

enum { READ_BYTES = 1 << 20 };
static const char magic[8] = {'S', 'R', 'O', 'P', 'E', 'D', 'A', 'T'};
static const uint32_t version = 1; /* another one is another layout or other rules of packing */

void srope_cache_seal(srope_cache_header *header) {
  memcpy(header->magic, magic, sizeof magic);
  header->version = version;
  header->header_hash = srope_hash64(header, offsetof(srope_cache_header, header_hash));
}

bool srope_cache_place(const srope_cache_header *header, srope_cache_layout *layout) {
  const uint64_t n = header->n_events, most = UINT64_MAX / 4 / SROPE_N_COLUMNS;
  const struct {
    uint64_t count, size;
  } columns[SROPE_N_COLUMNS] = {
      [SROPE_COLUMN_USER_FIRST] = {header->n_users + 1, sizeof(uint64_t)},
      [SROPE_COLUMN_TIME] = {n, sizeof(double)},
      [SROPE_COLUMN_REQUEST_BACK] = {n, sizeof(uint32_t)},
      [SROPE_COLUMN_UTC_OFFSET] = {n, sizeof(float)},
      [SROPE_COLUMN_LABEL] = {n, header->n_tasks * (uint64_t)sizeof(float)},
      [SROPE_COLUMN_SIGNAL] = {n, header->n_signals * (uint64_t)sizeof(float)},
      [SROPE_COLUMN_WORD_FIRST] = {n + 1, sizeof(uint64_t)},
      [SROPE_COLUMN_WORDS] = {header->n_words, sizeof(uint32_t)},
  };
  uint64_t at = SROPE_CACHE_HEADER_BYTES;
  for (int i = 0; i < SROPE_N_COLUMNS; i++) {
    if (columns[i].size > 0 && columns[i].count > most / columns[i].size) return false;
    layout->offset[i] = at;
    layout->n_bytes[i] = columns[i].count * columns[i].size;
    at += (layout->n_bytes[i] + SROPE_CACHE_ALIGNMENT - 1) / SROPE_CACHE_ALIGNMENT * SROPE_CACHE_ALIGNMENT;
  }
  layout->file_bytes = at;
  return at <= SIZE_MAX;
}

/* ---------------------------------------------------------------- opening */

static srope_status fail_io(const char *path, const char *what, srope_error *error) {
  return srope_fail(error, SROPE_ERR_IO, path, "could not be %s: %s", what, strerror(errno));
}

/* As many of n bytes as there are. -1 on failure. */
static ssize_t read_some(int descriptor, void *bytes, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = read(descriptor, (char *)bytes + done, n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ssize_t)done;
}

/* The hash of what is left of the file. */
static srope_status hash_rest(int descriptor, const char *path, uint64_t *hash, srope_error *error) {
  unsigned char *bytes = malloc(READ_BYTES);
  XXH64_state_t *state = XXH64_createState();
  ssize_t n = bytes != NULL && state != NULL ? 1 : 0;
  srope_status status = n == 0 ? srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to check it with") : SROPE_OK;
  if (status == SROPE_OK) XXH64_reset(state, 0);
  while (status == SROPE_OK && n > 0) {
    n = read_some(descriptor, bytes, READ_BYTES);
    if (n < 0) status = fail_io(path, "read", error);
    if (n > 0) XXH64_update(state, bytes, (size_t)n);
  }
  if (status == SROPE_OK) *hash = XXH64_digest(state);
  XXH64_freeState(state);
  free(bytes);
  return status;
}

srope_status srope_cache_check(int descriptor, const char *path, uint64_t source_hash, uint64_t config_hash,
                               srope_cache_header *header, bool *fits, srope_error *error) {
  struct stat state;
  srope_cache_layout layout;
  uint64_t hash = 0;
  *fits = false;
  if (fstat(descriptor, &state) != 0) return fail_io(path, "looked at", error);
  *header = (srope_cache_header){0};
  ssize_t n = read_some(descriptor, header, sizeof *header);
  if (n < 0) return fail_io(path, "read", error);
  if (memcmp(header->magic, magic, (size_t)n < sizeof magic ? (size_t)n : sizeof magic) != 0)
    return srope_fail(error, SROPE_ERR_FORMAT, path,
                      "expected a cache of this program or no file, found another file, which stays as it is");
  if ((size_t)n < sizeof *header || header->version != version ||
      header->header_hash != srope_hash64(header, offsetof(srope_cache_header, header_hash)) ||
      header->source_hash != source_hash || header->config_hash != config_hash || !srope_cache_place(header, &layout) ||
      layout.file_bytes != (uint64_t)state.st_size)
    return SROPE_OK;
  srope_status status = hash_rest(descriptor, path, &hash, error);
  *fits = status == SROPE_OK && hash == header->columns_hash;
  return status;
}

/* Of what is in the events, whichever files they came from and however old those are. */
static uint64_t hash_events(const srope_cache_header *header) {
  const double splits[2] = {header->validation_s, header->test_s};
  const uint64_t parts[] = {header->n_events, header->n_users, header->columns_hash,
                            srope_hash64(splits, sizeof splits)};
  return srope_hash64(parts, sizeof parts);
}

void srope_cache_view(const void *image, const srope_cache_header *header, const srope_cache_layout *layout,
                      srope_dataset *data) {
  const unsigned char *bytes = image;
  *data = (srope_dataset){
      .n_events = header->n_events,
      .n_users = header->n_users,
      .n_tasks = header->n_tasks,
      .n_signals = header->n_signals,
      .validation_s = header->validation_s,
      .test_s = header->test_s,
      .user_first = (const uint64_t *)(const void *)(bytes + layout->offset[SROPE_COLUMN_USER_FIRST]),
      .time_s = (const double *)(const void *)(bytes + layout->offset[SROPE_COLUMN_TIME]),
      .request_back = (const uint32_t *)(const void *)(bytes + layout->offset[SROPE_COLUMN_REQUEST_BACK]),
      .utc_offset_minutes = (const float *)(const void *)(bytes + layout->offset[SROPE_COLUMN_UTC_OFFSET]),
      .label = (const float *)(const void *)(bytes + layout->offset[SROPE_COLUMN_LABEL]),
      .signal = (const float *)(const void *)(bytes + layout->offset[SROPE_COLUMN_SIGNAL]),
      .word_first = (const uint64_t *)(const void *)(bytes + layout->offset[SROPE_COLUMN_WORD_FIRST]),
      .words = (const uint32_t *)(const void *)(bytes + layout->offset[SROPE_COLUMN_WORDS]),
      .n_read = header->n_read,
      .n_duplicates = header->n_duplicates,
      .has_videos = header->has_videos != 0,
      .hash = hash_events(header),
  };
}

srope_status srope_cache_map(int descriptor, const char *path, const srope_cache_header *header, srope_dataset *data,
                             void **base, size_t *n_bytes, srope_error *error) {
  srope_cache_layout layout;
  if (!srope_cache_place(header, &layout))
    return srope_fail(error, SROPE_ERR_LIMIT, path, "is too large for this machine's addresses");
  void *map = mmap(NULL, (size_t)layout.file_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (map == MAP_FAILED) return fail_io(path, "mapped", error);
  srope_cache_view(map, header, &layout, data);
  *base = map;
  *n_bytes = (size_t)layout.file_bytes;
  return SROPE_OK;
}
