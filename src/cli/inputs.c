/* inputs.c: a request's tensors from a .safetensors file. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/file.h"
#include "cli/inputs.h"

static const uint64_t max_io_bytes = (uint64_t)4 << 30;
enum { MAX_ROWS = 1 << 24 }; /* of history and of candidates */

/* A tensor of this name and shape, in which SIZE_MAX for shape[0] stands for any number of rows. *out is NULL where it
 * is missing and may be. */
static srope_status find_tensor(const cli_inputs *in, const char *name, uint32_t n_dims, const uint64_t *shape,
                                bool optional, const srope_tensor **out, srope_error *error) {
  char expected[64], found[64];
  const srope_tensor *tensor = srope_safetensors_find(&in->file, name);
  *out = tensor;
  if (tensor == NULL && optional) return SROPE_OK;
  bool fits = tensor != NULL && tensor->n_dims == n_dims;
  for (uint32_t i = 0; fits && i < n_dims; i++)
    fits = (i == 0 && shape[i] == SIZE_MAX && tensor->shape[i] <= MAX_ROWS) || tensor->shape[i] == shape[i];
  if (fits) return SROPE_OK;
  srope_shape_text(n_dims, shape, expected, sizeof expected);
  if (n_dims > 0 && shape[0] == SIZE_MAX)
    snprintf(expected, sizeof expected, "up to %d rows of %llu", MAX_ROWS,
             (unsigned long long)(n_dims > 1 ? shape[1] : 1));
  if (tensor == NULL)
    return srope_fail(error, SROPE_ERR_TENSOR, name, "is missing from %s; expected shape %s", in->path, expected);
  srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found);
  return srope_fail(error, SROPE_ERR_TENSOR, name, "expected shape %s, found %s", expected, found);
}

static srope_status fail_dtype(const srope_tensor *tensor, srope_error *error) {
  return srope_fail(error, SROPE_ERR_TENSOR, tensor->name, "expected F32, F16, BF16, F64, I64 or I32, found %s",
                    srope_dtype_name(tensor->dtype));
}

/* (*rows, width) floats; *rows SIZE_MAX = any, and is set then. NULL data where the tensor is missing and may be. */
static srope_status read_floats(const cli_inputs *in, const char *name, size_t *rows, uint32_t width, bool optional,
                                cli_buffer *buffer, const float **out, srope_error *error) {
  const uint64_t shape[] = {*rows, width};
  const srope_tensor *tensor;
  srope_status status = find_tensor(in, name, 2, shape, optional || width == 0, &tensor, error);
  *out = NULL;
  if (status != SROPE_OK || tensor == NULL) return status;
  *rows = (size_t)tensor->shape[0];
  status = cli_buffer_reserve(buffer, (size_t)tensor->n + 1, sizeof(float), error);
  if (status != SROPE_OK) return status;
  if (!srope_tensor_read_float(tensor, 0, (size_t)tensor->n, buffer->data)) return fail_dtype(tensor, error);
  *out = buffer->data;
  return SROPE_OK;
}

/* (rows) doubles, or one where rows is 0 and n_dims 0. */
static srope_status read_doubles(const cli_inputs *in, const char *name, uint32_t n_dims, size_t *rows, bool optional,
                                 cli_buffer *buffer, const double **out, srope_error *error) {
  const uint64_t shape[] = {*rows};
  const srope_tensor *tensor;
  srope_status status = find_tensor(in, name, n_dims, shape, optional, &tensor, error);
  *out = NULL;
  if (status != SROPE_OK || tensor == NULL) return status;
  if (n_dims > 0) *rows = (size_t)tensor->shape[0];
  status = cli_buffer_reserve(buffer, (size_t)tensor->n + 1, sizeof(double), error);
  if (status != SROPE_OK) return status;
  if (!srope_tensor_read_double(tensor, 0, (size_t)tensor->n, buffer->data)) return fail_dtype(tensor, error);
  *out = buffer->data;
  return SROPE_OK;
}

static srope_status read_scalar(const cli_inputs *in, const char *name, bool optional, double *out,
                                srope_error *error) {
  cli_buffer buffer = {0};
  const double *data;
  size_t rows = 0;
  srope_status status = read_doubles(in, name, 0, &rows, optional, &buffer, &data, error);
  if (status == SROPE_OK && data != NULL) *out = data[0];
  cli_buffer_free(&buffer);
  return status;
}

/* Whole numbers that name requests -> keys. */
static srope_status read_requests(cli_inputs *in, srope_error *error) {
  cli_buffer numbers = {0};
  const double *name;
  srope_status status = read_doubles(in, "history.request", 1, &in->history.n, true, &numbers, &name, error);
  if (status == SROPE_OK && name != NULL) {
    status = cli_buffer_reserve(&in->request, in->history.n + 1, sizeof(uint64_t), error);
    in->history.request = in->request.data;
  }
  for (size_t i = 0; status == SROPE_OK && name != NULL && i < in->history.n; i++) {
    if (name[i] == floor(name[i]) && fabs(name[i]) <= 9007199254740992.0) { /* 2^53 */
      ((uint64_t *)in->request.data)[i] = srope_request_key_integer((int64_t)name[i]);
    } else {
      status = srope_fail(error, SROPE_ERR_TENSOR, "", "expected a whole number up to 2^53, found %.17g", name[i]);
      srope_error_prefix(error, "history.request[%zu]", i);
    }
  }
  cli_buffer_free(&numbers);
  return status;
}

static srope_status read_history(cli_inputs *in, srope_error *error) {
  const srope_info *info = in->info;
  srope_events *history = &in->history;
  size_t *n = &history->n;
  *n = SIZE_MAX;
  srope_status status = read_doubles(in, "history.timestamp", 1, n, false, &in->time, &history->time_s, error);
  if (status == SROPE_OK)
    status = read_floats(in, "history.item", n, info->n_item, false, &in->item, &history->item, error);
  if (status == SROPE_OK)
    status = read_floats(in, "history.action", n, info->n_action, false, &in->action, &history->action, error);
  if (status == SROPE_OK)
    status = read_floats(in, "history.context", n, info->n_context, false, &in->context, &history->context, error);
  if (status == SROPE_OK)
    status = read_floats(in, "history.signal", n, info->n_signals, true, &in->signal, &history->signal, error);
  if (status == SROPE_OK)
    status =
        read_doubles(in, "history.utc_offset_minutes", 1, n, true, &in->offset, &history->utc_offset_minutes, error);
  return status == SROPE_OK ? read_requests(in, error) : status;
}

static srope_status read_candidates(cli_inputs *in, srope_error *error) {
  const srope_info *info = in->info;
  srope_candidates *candidates = &in->candidates;
  size_t *n = &candidates->n;
  *n = SIZE_MAX;
  candidates->utc_offset_minutes = NAN;
  srope_status status =
      read_floats(in, "candidate.item", n, info->n_item, false, &in->candidate_item, &candidates->item, error);
  if (status == SROPE_OK)
    status = read_floats(in, "candidate.context", n, info->n_context, false, &in->candidate_context,
                         &candidates->context, error);
  if (status == SROPE_OK)
    status = read_floats(in, "candidate.signal", n, info->n_signals, true, &in->candidate_signal, &candidates->signal,
                         error);
  if (status == SROPE_OK) status = read_scalar(in, "now", false, &candidates->now_s, error);
  if (status == SROPE_OK) status = read_scalar(in, "utc_offset_minutes", true, &candidates->utc_offset_minutes, error);
  return status;
}

srope_status cli_inputs_read(cli_inputs *in, const char *path, const srope_info *info, srope_error *error) {
  void *bytes;
  size_t n_bytes;
  *in = (cli_inputs){.path = path, .info = info};
  srope_status status = cli_file_read(path, max_io_bytes, &bytes, &n_bytes, error);
  if (status != SROPE_OK) return status;
  status = srope_safetensors_open(bytes, n_bytes, &in->file, error);
  if (status == SROPE_OK) {
    status = read_history(in, error);
    if (status == SROPE_OK) status = read_candidates(in, error);
    srope_safetensors_close(&in->file);
  }
  free(bytes);
  return status;
}

void cli_inputs_free(cli_inputs *in) {
  cli_buffer *const buffers[] = {
      &in->item,    &in->action, &in->time,           &in->context,           &in->signal,
      &in->request, &in->offset, &in->candidate_item, &in->candidate_context, &in->candidate_signal};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) cli_buffer_free(buffers[i]);
}
