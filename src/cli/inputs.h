/* inputs.h: a request as tensors in a .safetensors file, for parity work and measurements. Times in s:
 * history.item (C,X), .action (C,Y), .timestamp (C), .context (C,Z), .signal (C,G), .request (C) whole numbers,
 * .utc_offset_minutes (C); candidate.item (N,X), .context (N,Z), .signal (N,G); now; utc_offset_minutes.
 * signal, request and utc_offset_minutes may be missing; so may one whose width is 0. Schemas play no part here. */
#ifndef SROPE_CLI_INPUTS_H
#define SROPE_CLI_INPUTS_H

#include "cli/buffer.h"
#include "model/safetensors.h"

typedef struct cli_inputs {
  srope_events history;                                            /* points into the buffers */
  srope_candidates candidates;                                     /* the same */
  const char *path;                                                /* of the file, for errors; borrowed */
  const srope_info *info;                                          /* borrowed */
  srope_safetensors file;                                          /* while it is read */
  cli_buffer item, action, time, context, signal, request, offset; /* history's */
  cli_buffer candidate_item, candidate_context, candidate_signal;
} cli_inputs;

/* Reads a file for a model of these sizes. Free it also after a failure. Errors: IO, LIMIT, MEMORY, FORMAT, TENSOR. */
srope_status cli_inputs_read(cli_inputs *in, const char *path, const srope_info *info, srope_error *error);
void cli_inputs_free(cli_inputs *in);

/* What --help says of the file. */
#define CLI_INPUTS_ABOUT                                                                                              \
  "  history.{item (C,X), action (C,Y), timestamp (C), context (C,Z), signal (C,G), request (C), utc_offset_minutes " \
  "(C)}\n"                                                                                                            \
  "  candidate.{item (N,X), context (N,Z), signal (N,G)}, now, utc_offset_minutes\n"                                  \
  "signal, request and utc_offset_minutes may be missing."

#endif
