/* score.c: `siren-rope score`: logits of tensors in a .safetensors file, for parity with other implementations.
 * In:  a request's tensors (inputs.h).
 * Out: rank.logits (N,T), sequence.logits (C,T), cold.logits (N,T) and for siren models rank.angle (C+1,A), all F32. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/buffer.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "cli/report.h"

typedef struct scorer {
  const srope_model *model;
  const srope_info *info;
  srope_pool *pool;
  cli_inputs in;
  cli_buffer rank_logits, sequence_logits, cold_logits, angle;
  size_t n_angle_rows;
} scorer;

static srope_status score_session(scorer *s, srope_session *session, srope_error *error) {
  size_t n_tasks = s->info->n_tasks, n_logits = s->in.candidates.n * n_tasks + 1;
  srope_status status = cli_buffer_reserve(&s->rank_logits, n_logits, sizeof(float), error);
  if (status == SROPE_OK) status = cli_buffer_reserve(&s->cold_logits, n_logits, sizeof(float), error);
  if (status == SROPE_OK) status = srope_session_score(session, &s->in.candidates, s->cold_logits.data, error);
  if (status == SROPE_OK) status = srope_session_append(session, &s->in.history, error);
  if (status == SROPE_OK) status = srope_session_score(session, &s->in.candidates, s->rank_logits.data, error);
  if (status != SROPE_OK || s->info->variant != SROPE_SIREN || s->in.candidates.n == 0) return status;
  s->n_angle_rows = srope_session_count(session) + 1;
  status = cli_buffer_reserve(&s->angle, s->n_angle_rows * s->info->n_angles, sizeof(float), error);
  if (status != SROPE_OK) return status;
  return srope_session_angles(session, &s->in.candidates, SROPE_NETWORK_LAYERS, s->angle.data, error);
}

static srope_status score_all(scorer *s, srope_error *error) {
  const srope_session_options options = {.utc_offset_minutes = s->in.candidates.utc_offset_minutes};
  srope_session *session = NULL;
  srope_status status = srope_session_create(s->model, &options, &session, error);
  if (status == SROPE_OK) status = srope_session_use_pool(session, s->pool, error);
  if (status == SROPE_OK) status = score_session(s, session, error);
  srope_session_free(session);
  if (status == SROPE_OK)
    status = cli_buffer_reserve(&s->sequence_logits, s->in.history.n * s->info->n_tasks + 1, sizeof(float), error);
  if (status != SROPE_OK || s->in.history.n == 0) return status;
  const srope_sequence_outputs outputs = {.logits = s->sequence_logits.data};
  return srope_sequence_forward(s->model, &s->in.history, options.utc_offset_minutes, &outputs, error);
}

static srope_status write_scores(const scorer *s, const char *path, srope_error *error) {
  const uint64_t n_tasks = s->info->n_tasks;
  const srope_tensor_output outputs[] = {
      {"rank.logits", 2, {s->in.candidates.n, n_tasks}, s->rank_logits.data, SROPE_DTYPE_F32},
      {"sequence.logits", 2, {s->in.history.n, n_tasks}, s->sequence_logits.data, SROPE_DTYPE_F32},
      {"cold.logits", 2, {s->in.candidates.n, n_tasks}, s->cold_logits.data, SROPE_DTYPE_F32},
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

static void free_scorer(scorer *s) {
  cli_buffer *const buffers[] = {&s->rank_logits, &s->sequence_logits, &s->cold_logits, &s->angle};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) cli_buffer_free(buffers[i]);
  cli_inputs_free(&s->in);
}

static const char about[] =
    "Reads tensors, writes logits, for parity with other implementations. In, times in seconds:\n" CLI_INPUTS_ABOUT
    " Out, in F32:\n"
    "  rank.logits (N,T), sequence.logits (C,T), cold.logits (N,T), and rank.angle (C+1,A) of a siren model";

int cli_score(int n, char **arguments) {
  const char *model_path = NULL, *in_path = NULL, *out_path = NULL, *isa = NULL;
  size_t n_threads = 1;
  const cli_option options[] = {
      CLI_OPTION_MODEL(&model_path),
      {"--io", "FILE", "the inputs, a .safetensors file", CLI_TEXT, &in_path, 0, 0, 1},
      {"--out", "FILE", "the .safetensors file to write", CLI_TEXT, &out_path, 0, 0, 1},
      CLI_OPTION_THREADS(&n_threads, "threads that share the candidates' scores; the logits are the same"),
      CLI_OPTION_ISA(&isa),
  };
  const cli_syntax syntax = {.command = "score",
                             .usage = "--model FILE --io FILE --out FILE [options]",
                             .about = about,
                             .options = options,
                             .n_options = sizeof options / sizeof options[0]};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  scorer s = {0};
  srope_model *model = NULL;
  srope_error error;
  srope_status status = cli_file_load_model(model_path, isa, &model, &error);
  if (status == SROPE_OK) {
    s.model = model;
    s.info = srope_model_info(model);
    status = srope_pool_create((uint32_t)n_threads, &s.pool, &error);
    if (status == SROPE_OK) status = cli_inputs_read(&s.in, in_path, s.info, &error);
    if (status == SROPE_OK) status = score_all(&s, &error);
    if (status == SROPE_OK) status = write_scores(&s, out_path, &error);
  }
  free_scorer(&s);
  srope_pool_free(s.pool);
  srope_model_free(model);
  return status == SROPE_OK ? EXIT_SUCCESS : cli_report_error("score", &error);
}
