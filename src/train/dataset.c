/* dataset.c: see dataset.h. Which of the two sources a folder is, its cache when that fits, else packing it. */
#include "train/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "train/event_files.h"
#include "train/kuairand.h"

typedef struct mapped_dataset {
  srope_dataset data; /* first: what callers hold */
  void *base;
  size_t n_bytes;
} mapped_dataset;

typedef struct source {
  const srope_dataset_options *options;
  srope_folder folder;
  srope_dataset_config config;
  srope_event_schema schema;
  bool is_event_files;
  size_t n_logs; /* KuaiRand */
} source;

/* ---------------------------------------------------------------- the source */

static srope_status find_source(const char *path, source *out, srope_error *error) {
  size_t n = 0;
  srope_status status = srope_folder_add(&out->folder, path, SROPE_EVENT_SCHEMA_NAME, "", &n, error);
  out->is_event_files = n > 0 && strcmp(out->folder.files[0].name, SROPE_EVENT_SCHEMA_NAME) == 0;
  srope_folder_free(&out->folder);
  if (status != SROPE_OK) return status;
  if (out->is_event_files) return srope_event_files_list(path, &out->folder, error);
  status = srope_kuairand_list(path, &out->folder, &out->n_logs, error);
  if (status != SROPE_OK || out->n_logs > 0) return status;
  return srope_fail(
      error, SROPE_ERR_IO, path,
      "expected event files with their schema.json, or a KuaiRand log (log_*.csv, plain or .gz), found neither");
}

static srope_status read_source(source *s, const char *config, size_t n_config, srope_error *error) {
  srope_status status = srope_dataset_config_read(config, n_config, &s->config, error);
  if (status == SROPE_OK) status = find_source(s->options->path, s, error);
  if (status != SROPE_OK || !s->is_event_files) return status;
  status = srope_event_schema_read(s->options->path, &s->schema, error);
  return status == SROPE_OK ? srope_event_schema_check(&s->schema, &s->config, error) : status;
}

static void free_source(source *s) {
  srope_folder_free(&s->folder);
  srope_dataset_config_free(&s->config);
  srope_event_schema_free(&s->schema);
}

/* ---------------------------------------------------------------- packing */

static srope_status pack_kuairand(source *s, srope_packer *packer, srope_cache_header *header, srope_error *error) {
  srope_kuairand data;
  srope_status status = srope_kuairand_load(&s->folder, s->n_logs, s->options, &data, error);
  if (status != SROPE_OK) return status;
  status = srope_kuairand_pack(&data, &s->config, packer, error);
  header->n_read = data.n_rows + data.n_duplicates;
  header->n_duplicates = data.n_duplicates;
  header->has_videos = data.n_videos > 0;
  header->validation_s = SROPE_KUAIRAND_VALIDATION_S;
  header->test_s = SROPE_KUAIRAND_TEST_S;
  srope_kuairand_free(&data);
  return status;
}

static srope_status pack_source(source *s, srope_packer *packer, srope_cache_header *header, srope_error *error) {
  header->source_hash = srope_folder_fingerprint(&s->folder);
  header->config_hash = s->config.hash;
  if (!s->is_event_files) return pack_kuairand(s, packer, header, error);
  header->validation_s = s->schema.validation_s;
  header->test_s = s->schema.test_s;
  header->has_videos = true;
  return srope_event_files_pack(&s->folder, &s->schema, &s->config, s->options, packer, &header->n_read, error);
}

static srope_status make_cache(source *s, srope_cache_header *header, int *descriptor, srope_error *error) {
  srope_packer *packer;
  srope_status status = srope_packer_create(&s->config, s->options->cache, &packer, error);
  if (status != SROPE_OK) return status;
  *header = (srope_cache_header){0};
  status = pack_source(s, packer, header, error);
  if (status == SROPE_OK && header->n_read == 0)
    status = srope_fail(error, SROPE_ERR_FORMAT, s->options->path, "expected at least one event, found none");
  if (status == SROPE_OK) status = srope_packer_finish(packer, header, descriptor, error);
  srope_packer_free(packer);
  return status;
}

/* ---------------------------------------------------------------- opening */

/* *descriptor: -1 when there is no cache or it does not fit. */
static srope_status open_cache(const source *s, srope_cache_header *header, int *descriptor, srope_error *error) {
  const char *path = s->options->cache;
  bool fits = false;
  *descriptor = -1;
  if (path == NULL) return SROPE_OK;
  int opened = open(path, O_RDONLY | O_CLOEXEC);
  if (opened < 0)
    return errno == ENOENT ? SROPE_OK
                           : srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
  srope_status status =
      srope_cache_check(opened, path, srope_folder_fingerprint(&s->folder), s->config.hash, header, &fits, error);
  if (status == SROPE_OK && fits)
    *descriptor = opened;
  else
    close(opened);
  return status;
}

static srope_status map_file(int descriptor, const char *path, const srope_cache_header *header, srope_dataset **out,
                             srope_error *error) {
  mapped_dataset *mapped = calloc(1, sizeof *mapped);
  if (mapped == NULL) return srope_fail(error, SROPE_ERR_MEMORY, path, "no memory to map it with");
  srope_status status =
      srope_cache_map(descriptor, path, header, &mapped->data, &mapped->base, &mapped->n_bytes, error);
  if (status == SROPE_OK)
    *out = &mapped->data;
  else
    free(mapped);
  return status;
}

srope_status srope_dataset_open(const srope_dataset_options *options, const char *config, size_t n_config,
                                srope_dataset **out, srope_error *error) {
  if (options == NULL || options->path == NULL || config == NULL || out == NULL)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "options, their path, config and out must be given");
  source s = {.options = options};
  srope_cache_header header;
  int descriptor = -1;
  srope_status status = read_source(&s, config, n_config, error);
  if (status == SROPE_OK) status = open_cache(&s, &header, &descriptor, error);
  if (status == SROPE_OK && descriptor < 0) status = make_cache(&s, &header, &descriptor, error);
  if (status == SROPE_OK)
    status = map_file(descriptor, options->cache != NULL ? options->cache : options->path, &header, out, error);
  if (descriptor >= 0) close(descriptor);
  free_source(&s);
  return status;
}

void srope_dataset_close(srope_dataset *data) {
  if (data == NULL) return;
  mapped_dataset *mapped = (mapped_dataset *)(void *)data;
  munmap(mapped->base, mapped->n_bytes);
  free(mapped);
}

srope_status srope_dataset_describe(const char *path, char **text, size_t *n, srope_error *error) {
  if (path == NULL || text == NULL || n == NULL)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "path, text and n must be given");
  source s = {0};
  srope_status status = find_source(path, &s, error);
  if (status == SROPE_OK && s.is_event_files) {
    status = srope_event_schema_read(path, &s.schema, error);
    if (status == SROPE_OK) status = srope_event_schema_describe(&s.schema, text, n, error);
  } else if (status == SROPE_OK) {
    *n = strlen(srope_kuairand_schema);
    char *copy = malloc(*n + 1);
    if (copy == NULL) status = srope_fail(error, SROPE_ERR_MEMORY, path, "no memory for the description");
    if (copy != NULL) *text = memcpy(copy, srope_kuairand_schema, *n + 1);
  }
  free_source(&s);
  return status;
}
