/* quantize.c: `siren-rope quantize`: a model file -> a smaller one (model/quantize.h), and what that did to every tensor, read
 * off both files. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "model/quantize.h"
#include "model/safetensors.h"

typedef struct model_file {
  const char *path;
  void *bytes;
  size_t n_bytes;
  srope_safetensors tensors;
} model_file;

typedef struct comparison { /* a tensor before and after */
  const srope_tensor *before, *after, *scale;
  size_t bytes_after; /* with its scales */
  double error;       /* of a weight, the largest, as a share of the largest weight of its row */
} comparison;

static const char *const kinds[] = {"int8", "float16"}; /* by srope_quantization */

/* ---------------------------------------------------------------- both files, compared */

/* One row of either file as numbers: first .. first+n-1. */
static void read_row(const srope_tensor *tensor, const srope_tensor *scale, uint64_t first, size_t n, float *out) {
  float factor;
  if (scale == NULL) {
    srope_tensor_read_float(tensor, first, n, out);
    return;
  }
  srope_tensor_read_float(scale, first / n, 1, &factor);
  for (size_t i = 0; i < n; i++) out[i] = (float)(int8_t)tensor->data[first + i] * factor;
}

static srope_status measure(comparison *c, srope_error *error) {
  size_t row = (size_t)(c->before->n_dims == 2 ? c->before->shape[1] : c->before->n);
  float *x = malloc((2 * row + 1) * sizeof *x), *y = x + row;
  if (x == NULL) return srope_fail(error, SROPE_ERR_MEMORY, c->before->name, "no memory to compare it");
  for (uint64_t first = 0; first < c->before->n; first += row) {
    double largest = 0, worst = 0;
    read_row(c->before, NULL, first, row, x);
    read_row(c->after, c->scale, first, row, y);
    for (size_t i = 0; i < row; i++) {
      largest = fmax(largest, fabs((double)x[i]));
      worst = fmax(worst, fabs((double)x[i] - y[i]));
    }
    if (worst > 0) c->error = fmax(c->error, worst / largest);
  }
  free(x);
  return SROPE_OK;
}

/* The tensors of `after` but the scales, in the order of `before`: *n of them. */
static srope_status compare(const model_file *before, const model_file *after, comparison *list, size_t *n,
                            srope_error *error) {
  srope_status status = SROPE_OK;
  char name[SROPE_MAX_NAME_BYTES + 8];
  for (uint32_t t = 0; t < before->tensors.n_tensors && status == SROPE_OK; t++) {
    comparison c = {.before = &before->tensors.tensors[t]};
    c.after = srope_safetensors_find(&after->tensors, c.before->name);
    if (c.after == NULL) continue; /* left out */
    snprintf(name, sizeof name, "%s_scale", c.before->name);
    if (c.after->dtype == SROPE_DTYPE_I8) c.scale = srope_safetensors_find(&after->tensors, name);
    c.bytes_after = c.after->n_bytes + (c.scale != NULL ? c.scale->n_bytes : 0);
    if (c.before->dtype != c.after->dtype) status = measure(&c, error);
    list[(*n)++] = c;
  }
  return status;
}

/* ---------------------------------------------------------------- output */

static void print_json(const model_file *before, const model_file *after, const char *kind, const comparison *list,
                       size_t n) {
  printf("{\"weights\":\"%s\",\"bytes_before\":%zu,\"bytes_after\":%zu,\"left_out\":%zu,\"tensors\":[", kind,
         before->n_bytes, after->n_bytes, before->tensors.n_tensors - n);
  for (size_t i = 0; i < n; i++) {
    printf("%s{\"name\":", i > 0 ? "," : "");
    cli_json_text(stdout, list[i].before->name, strlen(list[i].before->name));
    printf(",\"dtype_before\":\"%s\",\"dtype_after\":\"%s\",\"bytes_before\":%zu,\"bytes_after\":%zu,\"error\":",
           srope_dtype_name(list[i].before->dtype), srope_dtype_name(list[i].after->dtype), list[i].before->n_bytes,
           list[i].bytes_after);
    cli_json_double(stdout, list[i].error);
    putchar('}');
  }
  puts("]}");
}

static void print_table(const model_file *before, const model_file *after, const comparison *list, size_t n) {
  size_t n_same = 0, same_bytes = 0;
  printf("%-48s %-12s %12s %12s  %s\n", "tensor", "dtype", "bytes", "after", "largest error of a weight");
  for (size_t i = 0; i < n; i++) {
    if (list[i].before->dtype == list[i].after->dtype) {
      n_same++;
      same_bytes += list[i].bytes_after;
      continue;
    }
    char dtypes[32];
    snprintf(dtypes, sizeof dtypes, "%s -> %s", srope_dtype_name(list[i].before->dtype),
             srope_dtype_name(list[i].after->dtype));
    printf("%-48s %-12s %12zu %12zu  %.3f %% of its row's largest\n", list[i].before->name, dtypes,
           list[i].before->n_bytes, list[i].bytes_after, 100 * list[i].error);
  }
  if (n_same > 0) printf("%-61s %12zu %12zu\n", "others, as they were", same_bytes, same_bytes);
  if (n < before->tensors.n_tensors)
    printf("left out: %zu that the model does not use or has twice\n", before->tensors.n_tensors - n);
  printf("%s: %zu tensors in %zu bytes, %.1f %% of %s\n", after->path, n, after->n_bytes,
         100.0 * (double)after->n_bytes / (double)before->n_bytes, before->path);
}

static srope_status print_comparison(const model_file *before, const model_file *after, const char *kind, bool json,
                                     srope_error *error) {
  size_t n = 0;
  comparison *list = calloc(before->tensors.n_tensors + 1, sizeof *list);
  if (list == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a table");
  srope_status status = compare(before, after, list, &n, error);
  if (status == SROPE_OK && json) print_json(before, after, kind, list, n);
  if (status == SROPE_OK && !json) print_table(before, after, list, n);
  free(list);
  return status;
}

/* ---------------------------------------------------------------- the command */

static srope_status find_kind(const char *name, srope_quantization *kind, srope_error *error) {
  for (*kind = SROPE_TO_INT8; *kind <= SROPE_TO_FLOAT16; ++*kind)
    if (strcmp(name, kinds[*kind]) == 0) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_ARGUMENT, "--weights", "expected int8 or float16, found \"%.40s\"", name);
}

/* The float weights cannot be had back from the smaller file. */
static srope_status check_paths(const char *in, const char *out, srope_error *error) {
  struct stat a, b;
  if (stat(in, &a) != 0 || stat(out, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_ARGUMENT, out, "expected another file than the one that is read");
}

static srope_status quantize(model_file *in, model_file *out, const char *kind_name, bool json, srope_error *error) {
  srope_quantization kind;
  srope_status status = find_kind(kind_name, &kind, error);
  if (status == SROPE_OK) status = check_paths(in->path, out->path, error);
  if (status == SROPE_OK) status = cli_file_read(in->path, CLI_MAX_MODEL_BYTES, &in->bytes, &in->n_bytes, error);
  if (status != SROPE_OK) return status;
  status = srope_model_quantize(in->bytes, in->n_bytes, kind, &out->bytes, &out->n_bytes, error);
  if (status == SROPE_OK) status = srope_safetensors_open(in->bytes, in->n_bytes, &in->tensors, error);
  if (status != SROPE_OK) {
    srope_error_prefix(error, "%s", in->path);
    return status;
  }
  status = srope_safetensors_open(out->bytes, out->n_bytes, &out->tensors, error);
  if (status == SROPE_OK) status = cli_file_write(out->path, out->bytes, out->n_bytes, error);
  return status == SROPE_OK ? print_comparison(in, out, kinds[kind], json, error) : status;
}

static const char about[] =
    "Writes a model in fewer bytes, which every command and package here loads as it does the other.\n"
    "int8: linear layers as bytes with a scale for every row; embedding tables, what takes numbers of any range (the\n"
    "projection, action_embedding.0) and the head's last layer as float16; angle networks, biases and norms as "
    "they\n"
    "are. float16: every float32 weight. Prints what became of every tensor, errors as shares of the largest weight of "
    "the\n"
    "same row. Names and metadata stay; tensors that the model does not use or has twice are left out.";

int cli_quantize(int n, char **arguments) {
  const char *weights = kinds[SROPE_TO_INT8];
  bool json = false;
  model_file in = {0}, out = {0};
  const cli_option options[] = {
      {"--weights", "KIND", "int8 (default) or float16", CLI_TEXT, &weights, 0, 0, 0},
      {"--json", NULL, "print JSON instead of a table", CLI_FLAG, &json, 0, 0, 0},
  };
  const cli_positional positionals[] = {{"IN", &in.path}, {"OUT", &out.path}};
  const cli_syntax syntax = {.command = "quantize",
                             .usage = "IN.safetensors OUT.safetensors [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0],
                             .positionals = positionals,
                             .n_positionals = 2};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_error error;
  srope_status status = quantize(&in, &out, weights, json, &error);
  srope_safetensors_close(&in.tensors);
  srope_safetensors_close(&out.tensors);
  free(in.bytes);
  srope_free(out.bytes);
  return status == SROPE_OK ? cli_report_end("quantize") : cli_report_error("quantize", &error);
}
