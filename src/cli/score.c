/* score.c: `siren-rope score`: logits of tensors in a .safetensors file, for parity with other implementations.
 * In:  history.item (C,X), .action (C,Y), .timestamp (C), .context (C,Z), .signal (C,G), .request (C) whole numbers,
 *      .utc_offset_minutes (C); candidate.item (N,X), .context (N,Z), .signal (N,G); now; utc_offset_minutes. In s.
 * Out: rank.logits (N,T), sequence.logits (C,T), cold.logits (N,T) and for siren models rank.angle (C+1,A), all F32.
 * signal, request and utc_offset_minutes may be missing; so may one whose width is 0. Schemas play no part here. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/report.h"
#include "model/safetensors.h"

static const uint64_t max_io_bytes = (uint64_t)4 << 30;
enum { MAX_ROWS = 1 << 24 }; /* of history and of candidates */

typedef struct scorer {
  const srope_model *model;
  const srope_info *info;
  const char *path; /* of the inputs, for errors */
  srope_safetensors file;
  srope_events history;
  srope_candidates candidates;
  cli_buffer item, action, time, context, signal, request, offset; /* history's */
  cli_buffer candidate_item, candidate_context, candidate_signal;
  cli_buffer rank_logits, sequence_logits, cold_logits, angle;
  size_t n_angle_rows;
} scorer;

/* ---------------------------------------------------------------- inputs */

/* A tensor of this name and shape, in which SIZE_MAX for shape[0] stands for any number of rows. *out is NULL where it
 * is missing and may be. */
static srope_status find_tensor(const scorer *s, const char *name, uint32_t n_dims, const uint64_t *shape,
                                bool optional, const srope_tensor **out, srope_error *error) {
  char expected[64], found[64];
  const srope_tensor *tensor = srope_safetensors_find(&s->file, name);
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
    return srope_fail(error, SROPE_ERR_TENSOR, name, "is missing from %s; expected shape %s", s->path, expected);
  srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found);
  return srope_fail(error, SROPE_ERR_TENSOR, name, "expected shape %s, found %s", expected, found);
}

static srope_status fail_dtype(const srope_tensor *tensor, srope_error *error) {
  return srope_fail(error, SROPE_ERR_TENSOR, tensor->name, "expected F32, F16, BF16, F64, I64 or I32, found %s",
                    srope_dtype_name(tensor->dtype));
}

/* (*rows, width) floats; *rows SIZE_MAX = any, and is set then. NULL data where the tensor is missing and may be. */
static srope_status read_floats(const scorer *s, const char *name, size_t *rows, uint32_t width, bool optional,
                                cli_buffer *buffer, const float **out, srope_error *error) {
  const uint64_t shape[] = {*rows, width};
  const srope_tensor *tensor;
  srope_status status = find_tensor(s, name, 2, shape, optional || width == 0, &tensor, error);
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
static srope_status read_doubles(const scorer *s, const char *name, uint32_t n_dims, size_t *rows, bool optional,
                                 cli_buffer *buffer, const double **out, srope_error *error) {
  const uint64_t shape[] = {*rows};
  const srope_tensor *tensor;
  srope_status status = find_tensor(s, name, n_dims, shape, optional, &tensor, error);
  *out = NULL;
  if (status != SROPE_OK || tensor == NULL) return status;
  if (n_dims > 0) *rows = (size_t)tensor->shape[0];
  status = cli_buffer_reserve(buffer, (size_t)tensor->n + 1, sizeof(double), error);
  if (status != SROPE_OK) return status;
  if (!srope_tensor_read_double(tensor, 0, (size_t)tensor->n, buffer->data)) return fail_dtype(tensor, error);
  *out = buffer->data;
  return SROPE_OK;
}

static srope_status read_scalar(const scorer *s, const char *name, bool optional, double *out, srope_error *error) {
  cli_buffer buffer = {0};
  const double *data;
  size_t rows = 0;
  srope_status status = read_doubles(s, name, 0, &rows, optional, &buffer, &data, error);
  if (status == SROPE_OK && data != NULL) *out = data[0];
  cli_buffer_free(&buffer);
  return status;
}

/* Whole numbers that name requests -> keys. */
static srope_status read_requests(scorer *s, srope_error *error) {
  cli_buffer numbers = {0};
  const double *name;
  srope_status status = read_doubles(s, "history.request", 1, &s->history.n, true, &numbers, &name, error);
  if (status == SROPE_OK && name != NULL) {
    status = cli_buffer_reserve(&s->request, s->history.n + 1, sizeof(uint64_t), error);
    s->history.request = s->request.data;
  }
  for (size_t i = 0; status == SROPE_OK && name != NULL && i < s->history.n; i++) {
    if (name[i] == floor(name[i]) && fabs(name[i]) <= 9007199254740992.0) { /* 2^53 */
      ((uint64_t *)s->request.data)[i] = srope_request_key_integer((int64_t)name[i]);
    } else {
      status = srope_fail(error, SROPE_ERR_TENSOR, "", "expected a whole number up to 2^53, found %.17g", name[i]);
      srope_error_prefix(error, "history.request[%zu]", i);
    }
  }
  cli_buffer_free(&numbers);
  return status;
}

static srope_status read_history(scorer *s, srope_error *error) {
  const srope_info *info = s->info;
  srope_events *history = &s->history;
  size_t *n = &history->n;
  *n = SIZE_MAX;
  srope_status status = read_doubles(s, "history.timestamp", 1, n, false, &s->time, &history->time_s, error);
  if (status == SROPE_OK)
    status = read_floats(s, "history.item", n, info->n_item, false, &s->item, &history->item, error);
  if (status == SROPE_OK)
    status = read_floats(s, "history.action", n, info->n_action, false, &s->action, &history->action, error);
  if (status == SROPE_OK)
    status = read_floats(s, "history.context", n, info->n_context, false, &s->context, &history->context, error);
  if (status == SROPE_OK)
    status = read_floats(s, "history.signal", n, info->n_signals, true, &s->signal, &history->signal, error);
  if (status == SROPE_OK)
    status = read_doubles(s, "history.utc_offset_minutes", 1, n, true, &s->offset, &history->utc_offset_minutes, error);
  return status == SROPE_OK ? read_requests(s, error) : status;
}

static srope_status read_candidates(scorer *s, srope_error *error) {
  const srope_info *info = s->info;
  srope_candidates *candidates = &s->candidates;
  size_t *n = &candidates->n;
  *n = SIZE_MAX;
  candidates->utc_offset_minutes = NAN;
  srope_status status =
      read_floats(s, "candidate.item", n, info->n_item, false, &s->candidate_item, &candidates->item, error);
  if (status == SROPE_OK)
    status = read_floats(s, "candidate.context", n, info->n_context, false, &s->candidate_context, &candidates->context,
                         error);
  if (status == SROPE_OK)
    status =
        read_floats(s, "candidate.signal", n, info->n_signals, true, &s->candidate_signal, &candidates->signal, error);
  if (status == SROPE_OK) status = read_scalar(s, "now", false, &candidates->now_s, error);
  if (status == SROPE_OK) status = read_scalar(s, "utc_offset_minutes", true, &candidates->utc_offset_minutes, error);
  return status;
}

/* ---------------------------------------------------------------- scores */

static srope_status score_session(scorer *s, srope_session *session, srope_error *error) {
  size_t n_tasks = s->info->n_tasks, n_logits = s->candidates.n * n_tasks + 1;
  srope_status status = cli_buffer_reserve(&s->rank_logits, n_logits, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&s->cold_logits, n_logits, sizeof(float), error);
  if (status == SROPE_OK) status = srope_session_score(session, &s->candidates, s->cold_logits.data, error);
  if (status == SROPE_OK) status = srope_session_append(session, &s->history, error);
  if (status == SROPE_OK) status = srope_session_score(session, &s->candidates, s->rank_logits.data, error);
  if (status != SROPE_OK || s->info->variant != SROPE_SIREN || s->candidates.n == 0) return status;
  s->n_angle_rows = srope_session_count(session) + 1;
  status = cli_buffer_reserve(&s->angle, s->n_angle_rows * s->info->n_angles, sizeof(float), error);
  if (status != SROPE_OK) return status;
  return srope_session_angles(session, &s->candidates, SROPE_NETWORK_LAYERS, s->angle.data, error);
}

static srope_status score_all(scorer *s, srope_error *error) {
  const srope_session_options options = {.utc_offset_minutes = s->candidates.utc_offset_minutes};
  srope_session *session = NULL;
  srope_status status = srope_session_create(s->model, &options, &session, error);
  if (status == SROPE_OK) status = score_session(s, session, error);
  srope_session_free(session);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&s->sequence_logits, s->history.n * s->info->n_tasks + 1, sizeof(float), error);
  if (status != SROPE_OK || s->history.n == 0) return status;
  const srope_sequence_outputs outputs = {.logits = s->sequence_logits.data};
  return srope_sequence_forward(s->model, &s->history, options.utc_offset_minutes, &outputs, error);
}

static srope_status write_scores(const scorer *s, const char *path, srope_error *error) {
  const uint64_t n_tasks = s->info->n_tasks;
  const srope_tensor_output outputs[] = {
      {"rank.logits", 2, {s->candidates.n, n_tasks}, s->rank_logits.data, SROPE_DTYPE_F32},
      {"sequence.logits", 2, {s->history.n, n_tasks}, s->sequence_logits.data, SROPE_DTYPE_F32},
      {"cold.logits", 2, {s->candidates.n, n_tasks}, s->cold_logits.data, SROPE_DTYPE_F32},
      {"rank.angle", 2, {s->n_angle_rows, s->info->n_angles}, s->angle.data, SROPE_DTYPE_F32},
  };
  const srope_metadata_output metadata[] = {{"isa", s->info->isa}};
  void *bytes;
  size_t n_bytes;
  srope_status status =
      srope_safetensors_write(outputs, s->n_angle_rows > 0 ? 4 : 3, metadata, 1, &bytes, &n_bytes, error);
  if (status != SROPE_OK) return status;
  status = cli_file_write(path, bytes, n_bytes, error);
  srope_free(bytes);
  return status;
}

static srope_status score_file(scorer *s, const char *out_path, srope_error *error) {
  void *bytes;
  size_t n_bytes;
  srope_status status = cli_file_read(s->path, max_io_bytes, &bytes, &n_bytes, error);
  if (status != SROPE_OK) return status;
  status = srope_safetensors_open(bytes, n_bytes, &s->file, error);
  if (status == SROPE_OK) {
    status = read_history(s, error);
    if (status == SROPE_OK) status = read_candidates(s, error);
    srope_safetensors_close(&s->file);
  }
  free(bytes);
  if (status == SROPE_OK) status = score_all(s, error);
  return status == SROPE_OK ? write_scores(s, out_path, error) : status;
}

static void free_scorer(scorer *s) {
  cli_buffer *const buffers[] = {&s->item,
                                 &s->action,
                                 &s->time,
                                 &s->context,
                                 &s->signal,
                                 &s->request,
                                 &s->offset,
                                 &s->candidate_item,
                                 &s->candidate_context,
                                 &s->candidate_signal,
                                 &s->rank_logits,
                                 &s->sequence_logits,
                                 &s->cold_logits,
                                 &s->angle};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) cli_buffer_free(buffers[i]);
}

static const char about[] =
    "Reads tensors, writes logits, for parity with other implementations. In, times in seconds:\n"
    "  history.{item (C,X), action (C,Y), timestamp (C), context (C,Z), signal (C,G), request (C), utc_offset_minutes "
    "(C)}\n"
    "  candidate.{item (N,X), context (N,Z), signal (N,G)}, now, utc_offset_minutes\n"
    "signal, request and utc_offset_minutes may be missing. Out, in F32:\n"
    "  rank.logits (N,T), sequence.logits (C,T), cold.logits (N,T), and rank.angle (C+1,A) of a siren model";

int cli_score(int n, char **arguments) {
  const char *model_path = NULL, *in_path = NULL, *out_path = NULL, *isa = NULL;
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--io", "FILE", "the inputs, a .safetensors file", CLI_TEXT, &in_path, 0, 0, 1},
      {"--out", "FILE", "the .safetensors file to write", CLI_TEXT, &out_path, 0, 0, 1},
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "score",
                             .usage = "--model FILE --io FILE --out FILE [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  scorer s = {.path = in_path};
  srope_model *model = NULL;
  srope_error error;
  srope_status status = cli_file_load_model(model_path, isa, &model, &error);
  if (status == SROPE_OK) {
    s.model = model;
    s.info = srope_model_info(model);
    status = score_file(&s, out_path, &error);
  }
  free_scorer(&s);
  srope_model_free(model);
  return status == SROPE_OK ? EXIT_SUCCESS : cli_report_error("score", &error);
}
