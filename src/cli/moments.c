/* moments.c: `siren-rope moments`: the moments/ and log.ndjson of a training -> one small file that shows how its rotation came to
 * be: the rotation's weights at every moment as float16, "007.angle_nn.net.0.linear.weight", with the curves of the
 * training in the metadata key `history`. For players; the model itself is another file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/report.h"
#include "model/safetensors.h"
#include "yyjson.h"

enum { MAX_MOMENTS = 999, MAX_PATH_BYTES = 4096, MAX_NAME_BYTES = SROPE_MAX_NAME_BYTES + 8 };
static const uint64_t MAX_MOMENT_BYTES = (uint64_t)1 << 30, MAX_LOG_BYTES = (uint64_t)1 << 32;

typedef struct history {
  const char *folder;
  void *bytes[MAX_MOMENTS];
  srope_safetensors files[MAX_MOMENTS];
  size_t n;
  srope_tensor_output *tensors;
  char (*names)[MAX_NAME_BYTES];
  float *numbers;
} history;

/* ---------------------------------------------------------------- the moments */

static srope_status read_moments(history *h, srope_error *error) {
  for (; h->n < MAX_MOMENTS; h->n++) {
    char path[MAX_PATH_BYTES];
    size_t n_bytes;
    snprintf(path, sizeof path, "%.4000s/moments/%03zu.safetensors", h->folder, h->n);
    FILE *there = fopen(path, "rb");
    if (there == NULL) break;
    fclose(there);
    srope_status status = cli_file_read(path, MAX_MOMENT_BYTES, &h->bytes[h->n], &n_bytes, error);
    if (status == SROPE_OK) status = srope_safetensors_open(h->bytes[h->n], n_bytes, &h->files[h->n], error);
    if (status != SROPE_OK) {
      srope_error_prefix(error, "moments/%03zu.safetensors", h->n);
      free(h->bytes[h->n]);
      return status;
    }
  }
  if (h->n > 0) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_IO, h->folder, "expected moments of a siren model's training, found none");
}

static srope_status list_tensors(history *h, uint32_t *n_tensors, srope_error *error) {
  size_t n = 0, n_numbers = 0, at = 0;
  for (size_t m = 0; m < h->n; m++) {
    n += h->files[m].n_tensors;
    for (uint32_t t = 0; t < h->files[m].n_tensors; t++) n_numbers += h->files[m].tensors[t].n;
  }
  h->tensors = calloc(n + 1, sizeof *h->tensors);
  h->names = calloc(n + 1, sizeof *h->names);
  h->numbers = calloc(n_numbers + 1, sizeof *h->numbers);
  if (h->tensors == NULL || h->names == NULL || h->numbers == NULL)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu moments", h->n);
  srope_tensor_output *to = h->tensors;
  for (size_t m = 0; m < h->n; m++)
    for (uint32_t t = 0; t < h->files[m].n_tensors; t++, to++) {
      const srope_tensor *from = &h->files[m].tensors[t];
      char *name = h->names[to - h->tensors];
      snprintf(name, MAX_NAME_BYTES, "%03zu.%s", m, from->name);
      *to = (srope_tensor_output){name, from->n_dims, {0}, h->numbers + at, SROPE_DTYPE_F16};
      memcpy(to->shape, from->shape, sizeof to->shape);
      if (!srope_tensor_read_float(from, 0, from->n, h->numbers + at))
        return srope_fail(error, SROPE_ERR_TENSOR, name, "expected numbers, found %s", srope_dtype_name(from->dtype));
      srope_halves_write(h->numbers + at, from->n, h->numbers + at);
      at += from->n;
    }
  *n_tensors = (uint32_t)n;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- the curves */

typedef struct curves {
  yyjson_mut_doc *doc;
  yyjson_mut_val *moments, *evaluations;
  double loss; /* sum since the last moment */
  size_t n_losses;
} curves;

static void copy_key(curves *c, yyjson_mut_val *to, yyjson_val *from, const char *key) {
  yyjson_val *value = yyjson_obj_get(from, key);
  if (value != NULL) yyjson_mut_obj_add_val(c->doc, to, key, yyjson_val_mut_copy(c->doc, value));
}

static void add_line(curves *c, yyjson_val *line) {
  yyjson_val *event = yyjson_obj_get(line, "event"), *loss = yyjson_obj_get(line, "loss");
  if (yyjson_equals_str(event, "step") && yyjson_is_num(loss)) {
    c->loss += yyjson_get_num(loss);
    c->n_losses++;
  } else if (yyjson_equals_str(event, "moment")) {
    yyjson_mut_val *to = yyjson_mut_arr_add_obj(c->doc, c->moments);
    copy_key(c, to, line, "step");
    copy_key(c, to, line, "epoch");
    yyjson_mut_obj_add_val(c->doc, to, "loss",
                           c->n_losses > 0 ? yyjson_mut_real(c->doc, c->loss / (double)c->n_losses)
                                           : yyjson_mut_null(c->doc));
    c->loss = 0;
    c->n_losses = 0;
  } else if (yyjson_equals_str(event, "evaluation")) {
    yyjson_mut_val *to = yyjson_mut_arr_add_obj(c->doc, c->evaluations);
    static const char *const keys[] = {"step", "epoch", "mean_ne", "best", "tasks"};
    for (int i = 0; i < 5; i++) copy_key(c, to, line, keys[i]);
  }
}

/* {"moments":[{"step","epoch","loss": mean over the steps since the moment before}],"evaluations":[...]} */
static srope_status read_curves(const history *h, char **text, srope_error *error) {
  char path[MAX_PATH_BYTES];
  void *log;
  size_t n;
  snprintf(path, sizeof path, "%.4000s/log.ndjson", h->folder);
  srope_status status = cli_file_read(path, MAX_LOG_BYTES, &log, &n, error);
  if (status != SROPE_OK) return status;
  curves c = {.doc = yyjson_mut_doc_new(NULL)};
  yyjson_mut_val *root = yyjson_mut_obj(c.doc);
  yyjson_mut_doc_set_root(c.doc, root);
  c.moments = yyjson_mut_obj_add_arr(c.doc, root, "moments");
  c.evaluations = yyjson_mut_obj_add_arr(c.doc, root, "evaluations");
  for (size_t at = 0; at < n;) {
    const char *line = (const char *)log + at, *end = memchr(line, '\n', n - at);
    size_t length = end != NULL ? (size_t)(end - line) + 1 : n - at;
    yyjson_doc *doc = yyjson_read(line, length, 0);
    add_line(&c, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    at += length;
  }
  *text = yyjson_mut_write(c.doc, 0, NULL);
  if (yyjson_mut_arr_size(c.moments) != h->n)
    status = srope_fail(error, SROPE_ERR_FORMAT, path, "expected %zu moments as in moments/, found %zu", h->n,
                        yyjson_mut_arr_size(c.moments));
  else if (*text == NULL)
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the curves");
  yyjson_mut_doc_free(c.doc);
  free(log);
  return status;
}

/* ---------------------------------------------------------------- the command */

static srope_status write_history(history *h, const char *out, srope_error *error) {
  char *curves_text = NULL;
  uint32_t n_tensors = 0;
  void *bytes = NULL;
  size_t n_bytes = 0;
  srope_status status = read_moments(h, error);
  if (status == SROPE_OK) status = list_tensors(h, &n_tensors, error);
  if (status == SROPE_OK) status = read_curves(h, &curves_text, error);
  const char *config = status == SROPE_OK ? srope_safetensors_metadata(&h->files[0], "siren_rope", NULL) : NULL;
  const srope_metadata_output metadata[] = {{"siren_rope", config != NULL ? config : "{}"}, {"history", curves_text}};
  if (status == SROPE_OK) status = srope_safetensors_write(h->tensors, n_tensors, metadata, 2, &bytes, &n_bytes, error);
  if (status == SROPE_OK) status = cli_file_write(out, bytes, n_bytes, error);
  if (status == SROPE_OK) cli_report_note("moments", "%zu moments, %u tensors, %zu bytes", h->n, n_tensors, n_bytes);
  free(curves_text);
  srope_free(bytes);
  for (size_t m = 0; m < h->n; m++) {
    srope_safetensors_close(&h->files[m]);
    free(h->bytes[m]);
  }
  free(h->tensors);
  free(h->names);
  free(h->numbers);
  return status;
}

static const char about[] = "Puts the moments of a training into one small file: the rotation's weights over its "
                            "course as float16, and its curves\n"
                            "(steps, losses, evaluations) as JSON in the metadata key `history`.";

int cli_moments(int n, char **arguments) {
  const char *folder = NULL, *out = NULL;
  const cli_option options[] = {
      {"--training", "DIR", "the folder that `train` wrote", CLI_TEXT, &folder, 0, 0, 1},
      {"--out", "FILE", "the .safetensors file to write", CLI_TEXT, &out, 0, 0, 1},
  };
  const cli_syntax syntax = {.command = "moments",
                             .usage = "--training DIR --out FILE",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  history *h = calloc(1, sizeof *h);
  srope_error error = {0};
  srope_status status = SROPE_ERR_MEMORY;
  if (h == NULL) {
    srope_fail(&error, SROPE_ERR_MEMORY, NULL, "no memory for a history");
  } else {
    h->folder = folder;
    status = write_history(h, out, &error);
  }
  free(h);
  return status == SROPE_OK ? cli_report_end("moments") : cli_report_error("moments", &error);
}
