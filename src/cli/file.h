/* file.h: whole files in and out, bounded, with IO errors that name the file; and a model from its file. */
#ifndef SROPE_CLI_FILE_H
#define SROPE_CLI_FILE_H

#include "sirenrope/sirenrope.h"

/* The bytes of a file or pipe, at most `limit_bytes`; free them with free(). Errors: IO, LIMIT, MEMORY. */
srope_status cli_file_read(const char *path, uint64_t limit_bytes, void **bytes, size_t *n_bytes, srope_error *error);

/* A recipe's text (train/recipe.h), or without a path one of all defaults; free it with free(). Errors: IO, LIMIT, MEMORY. */
srope_status cli_file_read_recipe(const char *path, char **text, size_t *n, srope_error *error);

/* Replaces the file as a whole: on failure what was there before still is. Errors: IO, LIMIT. */
srope_status cli_file_write(const char *path, const void *bytes, size_t n_bytes, srope_error *error);

#define CLI_MAX_MODEL_BYTES ((uint64_t)16 << 30)

/* Reads and loads a model; `isa` NULL = the best there is. Errors: those above and of srope_model_load, with the
 * path in front. */
srope_status cli_file_load_model(const char *path, const char *isa, srope_model **out, srope_error *error);

#endif
