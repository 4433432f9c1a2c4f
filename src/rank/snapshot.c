/* snapshot.c: a session as bytes and back. What is stored is the events, as input vectors; what was computed from them is
 * computed again, to the same bits.
 *
 * Little-endian, 8-byte aligned sections:
 *   header (64 bytes, struct below)
 *   time_s f64 (C) · utc_offset_minutes f64 (C) · request u64 (C) · item f32 (C, X) · action f32 (C, Y) ·
 *   signal f32 (C, G), each padded with zeros to 8 bytes
 *   XXH64 of all before it (8 bytes) */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "rank/session.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files and snapshots are little-endian, and read as they lie"
#endif

enum { VERSION = 1 };
static const char MAGIC[8] = {'S', 'R', 'O', 'P', 'E', 'S', 'N', 'P'};

typedef struct header {
  char magic[8];
  uint32_t version, max_history;
  uint64_t model_hash, count; /* C */
  double utc_offset_minutes;
  uint32_t n_item, n_action, n_signals, zero; /* X Y G */
  uint64_t zeros;
} header;
_Static_assert(sizeof(header) == 64, "the header is 64 bytes in every build");

typedef struct section { /* of the file, in order */
  size_t offset, n_bytes;
} section;
enum { TIMES, OFFSETS, REQUESTS, ITEMS, ACTIONS, SIGNALS, SECTIONS };

/* The whole snapshot's size, and where its sections lie. C, X, Y, G are bounded, so nothing overflows 64 bits. */
static uint64_t lay_out(const srope_info *info, uint64_t count, section sections[SECTIONS]) {
  uint64_t sizes[SECTIONS] = {count * 8,
                              count * 8,
                              count * 8,
                              count * info->n_item * 4,
                              count * info->n_action * 4,
                              count * info->n_signals * 4};
  uint64_t at = sizeof(header);
  for (int i = 0; i < SECTIONS; i++) {
    sections[i] = (section){(size_t)at, (size_t)sizes[i]};
    at += (sizes[i] + 7) / 8 * 8;
  }
  return at + 8;
}

size_t srope_session_snapshot_size(const srope_session *session) {
  section sections[SECTIONS];
  return (size_t)lay_out(&session->model->info, session->count, sections);
}

srope_status srope_session_snapshot(const srope_session *session, void *bytes, size_t n, srope_error *error) {
  if (!session || !bytes) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "session and bytes must be given");
  const srope_info *info = &session->model->info;
  const srope_log *log = &session->log;
  section sections[SECTIONS];
  size_t size = (size_t)lay_out(info, session->count, sections);
  if (n < size) return srope_fail(error, SROPE_ERR_ARGUMENT, "snapshot", "%zu bytes are needed, %zu given", size, n);

  unsigned char *to = bytes;
  memset(to, 0, size);
  header head = {.version = VERSION,
                 .max_history = session->max_history,
                 .model_hash = info->hash,
                 .count = session->count,
                 .utc_offset_minutes = session->utc_offset_minutes,
                 .n_item = info->n_item,
                 .n_action = info->n_action,
                 .n_signals = info->n_signals};
  memcpy(head.magic, MAGIC, sizeof MAGIC);
  memcpy(to, &head, sizeof head);
  const void *from[SECTIONS] = {log->time_s, log->utc_offset_minutes, log->request, log->item, log->action,
                                log->signal};
  for (int i = 0; i < SECTIONS; i++) memcpy(to + sections[i].offset, from[i], sections[i].n_bytes);
  uint64_t hash = srope_hash64(to, size - 8);
  memcpy(to + size - 8, &hash, 8);
  return SROPE_OK;
}

static srope_status check_header(const srope_model *model, const unsigned char *bytes, size_t n, header *head,
                                 section sections[SECTIONS], srope_error *error) {
  const srope_info *info = &model->info;
  if (n < sizeof *head + 8)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "snapshot", "%zu bytes are too few for a snapshot", n);
  memcpy(head, bytes, sizeof *head);
  if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "magic", "these bytes are no snapshot");
  if (head->version != VERSION)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "version", "version %u, this library reads version %d", head->version,
                      VERSION);
  uint64_t hash;
  memcpy(&hash, bytes + n - 8, 8);
  if (hash != srope_hash64(bytes, n - 8))
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "checksum", "the snapshot is damaged or cut short");
  if (head->model_hash != info->hash)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "model_hash", "made with model %016llx, this is model %016llx",
                      (unsigned long long)head->model_hash, (unsigned long long)info->hash);
  if (head->n_item != info->n_item || head->n_action != info->n_action || head->n_signals != info->n_signals)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "sizes", "X Y G are %u %u %u, expected %u %u %u", head->n_item,
                      head->n_action, head->n_signals, info->n_item, info->n_action, info->n_signals);
  if (head->max_history == 0 || head->max_history > SROPE_MAX_HISTORY || head->count > head->max_history)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "count", "%llu events with room for %u",
                      (unsigned long long)head->count, head->max_history);
  uint64_t size = lay_out(info, head->count, sections);
  if (size != n)
    return srope_fail(error, SROPE_ERR_SNAPSHOT, "count", "%llu events take %llu bytes, found %zu",
                      (unsigned long long)head->count, (unsigned long long)size, n);
  return SROPE_OK;
}

/* The checks of a caller's input find what a checksum cannot: their failures are the snapshot's. */
static srope_status as_snapshot_error(srope_status status, srope_error *error) {
  if (status == SROPE_OK || status == SROPE_ERR_MEMORY) return status;
  if (error) error->status = SROPE_ERR_SNAPSHOT;
  return SROPE_ERR_SNAPSHOT;
}

srope_status srope_session_restore(const srope_model *model, const void *bytes, size_t n, srope_session **out,
                                   srope_error *error) {
  if (!model || !bytes || !out)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "model, bytes and out must be given");
  header head;
  section sections[SECTIONS];
  srope_status status = check_header(model, bytes, n, &head, sections, error);
  if (status) return status;

  unsigned char *aligned = srope_aligned_alloc(n); /* the caller's bytes may lie anywhere */
  if (!aligned) return srope_fail(error, SROPE_ERR_MEMORY, "snapshot", "no memory for %zu bytes", n);
  memcpy(aligned, bytes, n);
  srope_events events = {.n = (size_t)head.count,
                         .item = (const float *)(const void *)(aligned + sections[ITEMS].offset),
                         .action = (const float *)(const void *)(aligned + sections[ACTIONS].offset),
                         .time_s = (const double *)(const void *)(aligned + sections[TIMES].offset),
                         .signal = (const float *)(const void *)(aligned + sections[SIGNALS].offset),
                         .request = (const uint64_t *)(const void *)(aligned + sections[REQUESTS].offset),
                         .utc_offset_minutes = (const double *)(const void *)(aligned + sections[OFFSETS].offset)};
  srope_session_options options = {head.max_history, head.utc_offset_minutes};
  srope_session *session;
  status = srope_session_create(model, &options, &session, error);
  if (!status) {
    status = srope_session_append(session, &events, error);
    if (status)
      srope_session_free(session);
    else
      *out = session;
  }
  srope_aligned_free(aligned);
  return as_snapshot_error(status, error);
}
