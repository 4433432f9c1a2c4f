/* tensors.h: the header of a model file -> a model with all its memory, and where in it each tensor's numbers go.
 * In:  the file's tensors (names, dtypes, shapes: no data is touched), the configuration, schemas and kernels.
 * Out: every name, dtype and shape checked; sizes, lists and places filled in; weights still zero, for load.c to fill.
 */
#ifndef SROPE_MODEL_TENSORS_H
#define SROPE_MODEL_TENSORS_H

#include "model/config.h"
#include "model/safetensors.h"

typedef struct srope_destination {  /* of a tensor of the file */
  bool is_listed;                   /* the network has it */
  const srope_parameter *parameter; /* where its numbers go; NULL: nowhere */
  const srope_tensor *original;     /* what it must be equal to, bit for bit; NULL: nothing */
  bool is_compared;                 /* it has an original, or is one */
  uint64_t hash;                    /* of its data; load.c's, of those that are compared */
} srope_destination;

/* Message for a tensor that is not as its original, which it names. */
#define SROPE_TENSORS_DIFFER "expected the same numbers, bit for bit, as in %s"

/* `model`: zeros, but for its kernels, info.isa and schema. destinations: by place in file->tensors, zeros at first.
 * panel_bytes: of the largest panel that load.c packs at a time. After a failure the model is only good to be freed.
 * Errors: CONFIG, TENSOR, LIMIT, MEMORY; where = the tensor or the key. The first of several problems with tensors. */
srope_status srope_tensors_place(const srope_safetensors *file, const srope_config *config, srope_model *model,
                                 srope_destination *destinations, size_t *panel_bytes, srope_error *error);

#endif
