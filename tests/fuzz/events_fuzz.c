/* events_fuzz.c: any bytes as the lines of an NDJSON event file and as a CSV one, for the schema of examples/events; what reads
 * well is packed into words and expanded. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "features/words.h"
#include "train/event_csv.h"
#include "train/event_json.h"
#include "yyjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct format { /* one of the two */
  srope_event_schema schema;
  srope_dataset_config config;
  srope_event event;
  float *tables[3][8]; /* zeros, by list and feature */
} format;

static void require(int condition) {
  if (!condition) abort();
}

static void prepare(format *f, const char *folder) {
  char *text;
  size_t n;
  require(srope_event_schema_read(folder, &f->schema, NULL) == SROPE_OK);
  require(srope_event_schema_describe(&f->schema, &text, &n, NULL) == SROPE_OK);
  require(srope_dataset_config_read(text, n, &f->config, NULL) == SROPE_OK);
  require(srope_event_create(&f->config, &f->event, NULL) == SROPE_OK);
  srope_free(text);
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < f->config.schema[list].n_fields; i++) {
      srope_field *field = &f->config.schema[list].fields[i];
      f->tables[list][i] = calloc((size_t)field->rows * field->public_view.dim + 1, sizeof(float));
      require(f->tables[list][i] != NULL);
      field->table = f->tables[list][i]; /* so that rows out of range are seen */
    }
}

static void take_event(format *f) {
  srope_words words = {0};
  float out[64];
  srope_error error = {0};
  for (int list = 0; list < 3; list++) {
    const srope_schema *schema = &f->config.schema[list];
    words.n = 0;
    srope_status status = srope_schema_pack(schema, f->event.values[list], &words, &error);
    require(status == error.status && schema->dim <= 64);
    if (status != SROPE_OK) break;
    require(srope_schema_expand(schema, words.data, out) == words.n);
  }
  srope_words_free(&words);
  for (uint32_t i = 0; i < f->config.n_tasks; i++)
    require(!(f->event.label[i] < 0) && !(f->event.label[i] > 1)); /* NaN = missing */
}

static void read_lines(format *f, const uint8_t *data, size_t size) {
  srope_event_json *reader;
  require(srope_event_json_create(&f->schema, &f->config, &reader, NULL) == SROPE_OK);
  while (size > 0) {
    const uint8_t *newline = memchr(data, '\n', size);
    size_t n = newline != NULL ? (size_t)(newline - data) : size;
    char *line = calloc(n + YYJSON_PADDING_SIZE, 1);
    uint64_t user;
    srope_error error = {0};
    require(line != NULL);
    memcpy(line, data, n);
    srope_status status = srope_event_json_read(reader, line, n, &f->event, &user, &error);
    require(status == error.status && (status == SROPE_OK || error.message[0] != 0));
    if (status == SROPE_OK) take_event(f);
    free(line);
    size -= newline != NULL ? n + 1 : n;
    data += newline != NULL ? n + 1 : n;
  }
  srope_event_json_free(reader);
}

static void read_file(format *f, const char *path) {
  srope_event_csv *reader;
  srope_error error = {0};
  bool ended = false;
  uint64_t user;
  srope_status status = srope_event_csv_open(path, &f->schema, &f->config, &reader, &error);
  require(status == error.status && (status == SROPE_OK || error.where[0] != 0));
  if (status != SROPE_OK) return;
  while ((status = srope_event_csv_next(reader, &f->event, &user, &ended, &error)) == SROPE_OK && !ended) take_event(f);
  if (status != SROPE_OK) {
    srope_event_csv_place(reader, &error);
    require(status == error.status && strstr(error.where, " line ") != NULL);
  }
  srope_event_csv_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static format json, csv; /* made once: a fuzzer runs this millions of times */
  static char path[512];
  if (path[0] == 0) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/siren-rope-events-fuzz-%ld.csv", folder && folder[0] ? folder : "/tmp",
             (long)getpid());
    prepare(&json, SROPE_SOURCE_DIR "/examples/events");
    prepare(&csv, SROPE_SOURCE_DIR "/examples/events/csv");
  }
  read_lines(&json, data, size);
  FILE *file = fopen(path, "wb");
  require(file != NULL && fwrite(data, 1, size, file) == size);
  require(fclose(file) == 0);
  read_file(&csv, path);
  unlink(path);
  return 0;
}
