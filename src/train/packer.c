/* packer.c: see packer.h. */
#include "train/packer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#define XXH_NO_XXH3
#include "xxhash.h"

#include "base/error.h"
#include "features/words.h"
#include "rank/session.h"

enum { BUFFER_BYTES = 1 << 18, MAX_BASE_BYTES = 4032, MAX_PATH_BYTES = 4096, MAX_ATTEMPTS = 10000 };

typedef struct column_file {
  int descriptor;
  size_t n; /* bytes in the buffer */
  unsigned char *buffer;
} column_file;

typedef struct named_request {
  uint64_t key; /* 0 = empty */
  uint64_t first;
} named_request;

struct srope_packer {
  const srope_dataset_config *config;
  char base[MAX_BASE_BYTES]; /* temporary names begin with it */
  const char *cache;         /* NULL = none */
  column_file columns[SROPE_N_COLUMNS];
  srope_words words; /* of one event */
  uint64_t n_events, n_users, n_words;
  /* the user's requests */
  uint64_t user_first, run_first; /* its first event; the first of the last run of unnamed events of one time */
  double last_time_s;
  bool last_named;
  named_request *requests; /* open addressing */
  size_t n_requests, n_slots;
};

/* ---------------------------------------------------------------- an event */

srope_status srope_event_create(const srope_dataset_config *config, srope_event *out, srope_error *error) {
  *out = (srope_event){.utc_offset_minutes = NAN};
  out->label = calloc(config->n_tasks + (size_t)1, sizeof *out->label);
  out->signal = calloc(config->n_signals + (size_t)1, sizeof *out->signal);
  bool placed = out->label != NULL && out->signal != NULL;
  for (int list = 0; list < 3; list++) {
    out->values[list] = calloc(config->schema[list].n_fields + (size_t)1, sizeof(srope_value));
    placed = placed && out->values[list] != NULL;
  }
  if (placed) return SROPE_OK;
  srope_event_free(out);
  return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for an event");
}

void srope_event_free(srope_event *event) {
  for (int list = 0; list < 3; list++) free(event->values[list]);
  free(event->label);
  free(event->signal);
  *event = (srope_event){0};
}

/* ---------------------------------------------------------------- files */

static srope_status fail_io(const char *path, const char *what, srope_error *error) {
  return srope_fail(error, SROPE_ERR_IO, path, "could not be %s: %s", what, strerror(errno));
}

/* A new file beside the cache, its name in `path`. */
static srope_status open_new(const srope_packer *packer, char *path, int *descriptor, srope_error *error) {
  for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    snprintf(path, MAX_PATH_BYTES, "%s.%ld-%d.part", packer->base, (long)getpid(), attempt);
    *descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*descriptor >= 0) return SROPE_OK;
    if (errno != EEXIST) break;
  }
  return fail_io(path, "created", error);
}

static srope_status open_column(const srope_packer *packer, column_file *column, srope_error *error) {
  char path[MAX_PATH_BYTES];
  column->buffer = malloc(BUFFER_BYTES);
  if (column->buffer == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to pack with");
  srope_status status = open_new(packer, path, &column->descriptor, error);
  if (status == SROPE_OK && unlink(path) != 0) status = fail_io(path, "unlinked", error);
  return status;
}

static srope_status write_all(const srope_packer *packer, int descriptor, const void *bytes, size_t n,
                              srope_error *error) {
  for (size_t done = 0; done < n;) {
    ssize_t wrote = write(descriptor, (const char *)bytes + done, n - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_io(packer->cache != NULL ? packer->cache : packer->base, "written", error);
    done += (size_t)wrote;
  }
  return SROPE_OK;
}

static srope_status put(srope_packer *packer, srope_column which, const void *bytes, size_t n, srope_error *error) {
  column_file *column = &packer->columns[which];
  srope_status status = SROPE_OK;
  if (n > BUFFER_BYTES - column->n) {
    status = write_all(packer, column->descriptor, column->buffer, column->n, error);
    column->n = 0;
  }
  if (status == SROPE_OK && n > BUFFER_BYTES) return write_all(packer, column->descriptor, bytes, n, error);
  if (status == SROPE_OK) {
    memcpy(column->buffer + column->n, bytes, n);
    column->n += n;
  }
  return status;
}

static srope_status choose_base(srope_packer *packer, srope_error *error) {
  const char *folder = getenv("TMPDIR");
  int n;
  if (packer->cache != NULL) {
    n = snprintf(packer->base, sizeof packer->base, "%s", packer->cache);
  } else {
    if (folder == NULL || folder[0] == 0) folder = access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
    n = snprintf(packer->base, sizeof packer->base, "%s/siren-rope", folder);
  }
  return n >= 0 && (size_t)n < sizeof packer->base
             ? SROPE_OK
             : srope_fail(error, SROPE_ERR_LIMIT, "cache", "expected a path under %d bytes", MAX_BASE_BYTES);
}

srope_status srope_packer_create(const srope_dataset_config *config, const char *cache, srope_packer **out,
                                 srope_error *error) {
  srope_packer *packer = calloc(1, sizeof *packer);
  const uint64_t first_word = 0;
  if (packer == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to pack with");
  packer->config = config;
  packer->cache = cache;
  for (int i = 0; i < SROPE_N_COLUMNS; i++) packer->columns[i].descriptor = -1;
  srope_status status = choose_base(packer, error);
  for (int i = 0; status == SROPE_OK && i < SROPE_N_COLUMNS; i++)
    status = open_column(packer, &packer->columns[i], error);
  if (status == SROPE_OK) status = put(packer, SROPE_COLUMN_WORD_FIRST, &first_word, sizeof first_word, error);
  if (status == SROPE_OK)
    *out = packer;
  else
    srope_packer_free(packer);
  return status;
}

void srope_packer_free(srope_packer *packer) {
  if (packer == NULL) return;
  for (int i = 0; i < SROPE_N_COLUMNS; i++) {
    if (packer->columns[i].descriptor >= 0) close(packer->columns[i].descriptor);
    free(packer->columns[i].buffer);
  }
  srope_words_free(&packer->words);
  free(packer->requests);
  free(packer);
}

/* ---------------------------------------------------------------- requests */

static named_request *find_slot(named_request *requests, size_t n_slots, uint64_t key) {
  size_t slot = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (n_slots - 1); /* 2^64 / golden ratio */
  while (requests[slot].key != 0 && requests[slot].key != key) slot = (slot + 1) & (n_slots - 1);
  return &requests[slot];
}

/* Before a new user's. One user with very many does not make all later ones slow. */
static void forget_requests(srope_packer *packer) {
  enum { KEPT_SLOTS = 1024 };
  if (packer->n_slots > KEPT_SLOTS) {
    free(packer->requests);
    packer->requests = NULL;
    packer->n_slots = 0;
  } else if (packer->n_requests > 0) {
    memset(packer->requests, 0, packer->n_slots * sizeof *packer->requests);
  }
  packer->n_requests = 0;
}

static srope_status grow_requests(srope_packer *packer, srope_error *error) {
  size_t n_slots = packer->n_slots > 0 ? 2 * packer->n_slots : 64;
  named_request *requests = calloc(n_slots, sizeof *requests);
  if (requests == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a user's requests");
  for (size_t i = 0; i < packer->n_slots; i++)
    if (packer->requests[i].key != 0) *find_slot(requests, n_slots, packer->requests[i].key) = packer->requests[i];
  free(packer->requests);
  packer->requests = requests;
  packer->n_slots = n_slots;
  return SROPE_OK;
}

/* The first event of the next one's request: as rank/session.c. */
static srope_status find_request(srope_packer *packer, const srope_event *event, bool new_user, uint64_t *first,
                                 srope_error *error) {
  *first = packer->n_events;
  if (new_user) forget_requests(packer);
  if (event->request == 0) {
    if (!new_user && !packer->last_named && packer->last_time_s == event->time_s) *first = packer->run_first;
    return SROPE_OK;
  }
  srope_status status = 2 * packer->n_requests < packer->n_slots ? SROPE_OK : grow_requests(packer, error);
  if (status != SROPE_OK) return status;
  named_request *request = find_slot(packer->requests, packer->n_slots, event->request);
  if (request->key == 0) {
    *request = (named_request){event->request, packer->n_events};
    packer->n_requests++;
  }
  *first = request->first;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- adding */

static srope_status check_moment(const srope_packer *packer, const srope_event *event, bool new_user,
                                 srope_error *error) {
  double time_s = event->time_s, offset = event->utc_offset_minutes;
  if (!(fabs(time_s) <= SROPE_MAX_TIME_S))
    return srope_fail(error, SROPE_ERR_TIME, "time",
                      "expected a time within 8.64e15 milliseconds of 1970, found %.17g milliseconds", time_s * 1000);
  if (!new_user && time_s < packer->last_time_s)
    return srope_fail(error, SROPE_ERR_TIME, "time",
                      "expected no time before the user's last event (%.3f s), found %.3f s", packer->last_time_s,
                      time_s);
  if (!isnan(offset) && !(fabs(offset) <= SROPE_MAX_UTC_OFFSET_MINUTES))
    return srope_fail(error, SROPE_ERR_VALUE, "utc_offset_minutes",
                      "expected an offset between -1440 and 1440 minutes, found %g", offset);
  return SROPE_OK;
}

static srope_status pack_words(srope_packer *packer, srope_event *event, srope_error *error) {
  srope_status status = SROPE_OK;
  packer->words.n = 0;
  for (int list = 0; status == SROPE_OK && list < 3; list++) {
    srope_dataset_config_fill_times(packer->config, (srope_list)list, event->time_s, event->utc_offset_minutes,
                                    event->values[list]);
    status = srope_schema_pack(&packer->config->schema[list], event->values[list], &packer->words, error);
  }
  return status;
}

srope_status srope_packer_add(srope_packer *packer, srope_event *event, bool new_user, srope_error *error) {
  const srope_dataset_config *config = packer->config;
  uint64_t first = 0;
  srope_status status = check_moment(packer, event, new_user, error);
  if (status == SROPE_OK) status = pack_words(packer, event, error);
  if (status == SROPE_OK) status = find_request(packer, event, new_user, &first, error);
  if (status == SROPE_OK && packer->n_events - first > UINT32_MAX)
    status = srope_fail(error, SROPE_ERR_LIMIT, "request", "a request spans more than 2^32 events of its user");
  if (status != SROPE_OK) return status;
  const uint32_t back = (uint32_t)(packer->n_events - first);
  const float offset = (float)event->utc_offset_minutes;
  const uint64_t word_end = packer->n_words + packer->words.n;
  if (new_user) status = put(packer, SROPE_COLUMN_USER_FIRST, &packer->n_events, sizeof packer->n_events, error);
  if (status == SROPE_OK) status = put(packer, SROPE_COLUMN_TIME, &event->time_s, sizeof event->time_s, error);
  if (status == SROPE_OK) status = put(packer, SROPE_COLUMN_REQUEST_BACK, &back, sizeof back, error);
  if (status == SROPE_OK) status = put(packer, SROPE_COLUMN_UTC_OFFSET, &offset, sizeof offset, error);
  if (status == SROPE_OK)
    status = put(packer, SROPE_COLUMN_LABEL, event->label, config->n_tasks * sizeof(float), error);
  if (status == SROPE_OK)
    status = put(packer, SROPE_COLUMN_SIGNAL, event->signal, config->n_signals * sizeof(float), error);
  if (status == SROPE_OK) status = put(packer, SROPE_COLUMN_WORD_FIRST, &word_end, sizeof word_end, error);
  if (status == SROPE_OK && packer->words.n > 0)
    status = put(packer, SROPE_COLUMN_WORDS, packer->words.data, packer->words.n * sizeof(uint32_t), error);
  packer->n_users += new_user;
  packer->n_words = word_end;
  packer->run_first = first;
  packer->last_time_s = event->time_s;
  packer->last_named = event->request != 0;
  packer->n_events++;
  return status;
}

/* ---------------------------------------------------------------- putting together */

/* Appends a column's file to the whole, filled up to the next boundary. */
static srope_status append_column(srope_packer *packer, column_file *column, uint64_t n_bytes, int whole,
                                  XXH64_state_t *hash, srope_error *error) {
  uint64_t done = 0;
  srope_status status = write_all(packer, column->descriptor, column->buffer, column->n, error);
  if (status == SROPE_OK && lseek(column->descriptor, 0, SEEK_SET) != 0)
    status = fail_io(packer->base, "read again", error);
  while (status == SROPE_OK && done < n_bytes) {
    ssize_t n = read(column->descriptor, column->buffer, BUFFER_BYTES);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_io(packer->base, "read again", error);
    XXH64_update(hash, column->buffer, (size_t)n);
    status = write_all(packer, whole, column->buffer, (size_t)n, error);
    done += (uint64_t)n;
  }
  static const unsigned char zeros[SROPE_CACHE_ALIGNMENT];
  size_t n_zeros = (SROPE_CACHE_ALIGNMENT - n_bytes % SROPE_CACHE_ALIGNMENT) % SROPE_CACHE_ALIGNMENT;
  XXH64_update(hash, zeros, n_zeros);
  return status == SROPE_OK ? write_all(packer, whole, zeros, n_zeros, error) : status;
}

static srope_status write_columns(srope_packer *packer, srope_cache_header *header, int whole, srope_error *error) {
  srope_cache_layout layout;
  XXH64_state_t *hash = XXH64_createState();
  if (hash == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to pack with");
  XXH64_reset(hash, 0);
  srope_status status = srope_cache_place(header, &layout)
                            ? SROPE_OK
                            : srope_fail(error, SROPE_ERR_LIMIT, "cache", "is too large for this machine's addresses");
  for (int i = 0; status == SROPE_OK && i < SROPE_N_COLUMNS; i++)
    status = append_column(packer, &packer->columns[i], layout.n_bytes[i], whole, hash, error);
  header->columns_hash = XXH64_digest(hash);
  XXH64_freeState(hash);
  return status;
}

/* The header, twice: first zeros in its place, then itself, so that it is there only when the rest is. */
static srope_status write_whole(srope_packer *packer, srope_cache_header *header, int whole, srope_error *error) {
  static const unsigned char zeros[SROPE_CACHE_HEADER_BYTES];
  srope_status status = write_all(packer, whole, zeros, sizeof zeros, error);
  if (status == SROPE_OK) status = write_columns(packer, header, whole, error);
  srope_cache_seal(header);
  if (status == SROPE_OK && lseek(whole, 0, SEEK_SET) != 0) status = fail_io(packer->base, "written", error);
  if (status == SROPE_OK) status = write_all(packer, whole, header, sizeof *header, error);
  if (status == SROPE_OK && packer->cache != NULL && fsync(whole) != 0)
    status = fail_io(packer->cache, "written", error);
  return status;
}

srope_status srope_packer_finish(srope_packer *packer, srope_cache_header *header, int *descriptor,
                                 srope_error *error) {
  char path[MAX_PATH_BYTES];
  int whole;
  header->n_events = packer->n_events;
  header->n_users = packer->n_users;
  header->n_words = packer->n_words;
  header->n_tasks = packer->config->n_tasks;
  header->n_signals = packer->config->n_signals;
  srope_status status = put(packer, SROPE_COLUMN_USER_FIRST, &packer->n_events, sizeof packer->n_events, error);
  if (status == SROPE_OK) status = open_new(packer, path, &whole, error);
  if (status != SROPE_OK) return status;
  if (packer->cache == NULL) unlink(path);
  status = write_whole(packer, header, whole, error);
  if (status == SROPE_OK && packer->cache != NULL && rename(path, packer->cache) != 0)
    status = fail_io(packer->cache, "put in its place", error);
  if (status == SROPE_OK) {
    *descriptor = whole;
    return SROPE_OK;
  }
  close(whole);
  if (packer->cache != NULL) unlink(path);
  return status;
}
