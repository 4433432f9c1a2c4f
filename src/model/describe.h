/* describe.h: a loaded model as JSON text, for srope_model_describe. */
#ifndef SROPE_MODEL_DESCRIBE_H
#define SROPE_MODEL_DESCRIBE_H

#include "model/config.h"
#include "model/safetensors.h"

/* The text (NUL-terminated, malloc) of a model that is otherwise complete. Errors: MEMORY. */
srope_status srope_describe(const srope_model *model, const srope_config *config, const srope_safetensors *file,
                            char **text, size_t *n, srope_error *error);

#endif
