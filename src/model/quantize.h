/* quantize.h: a model file -> the same model in fewer bytes.
 * In:  the bytes of a file that srope_model_load takes, with weights as floats.
 * Out: the bytes of another with the same names and metadata and the model's own tensors alone: duplicates and what no model
 *      uses stay out. Which linear layers become bytes stands in quantize.c; how bytes lie, in src/README.md.
 * Not here: files, activations (kernels.h). Native only. */
#ifndef SROPE_MODEL_QUANTIZE_H
#define SROPE_MODEL_QUANTIZE_H

#include "sirenrope/sirenrope.h"

typedef enum srope_quantization {
  SROPE_TO_INT8, /* most linear layers as bytes with a scale for every row; other float32 matrices (embedding tables, the first
                      and last linear layers) as float16, but for the angle networks' */
  SROPE_TO_FLOAT16 /* every float32 weight as float16, but for rope.freq and rope.order_scale */
} srope_quantization;

/* Borrows `bytes`; free *out with srope_free. Errors: those of srope_model_load; TENSOR (quantised already), VALUE (a
 * weight beyond what float16 holds), FORMAT (metadata with a NUL character), MEMORY. */
srope_status srope_model_quantize(const void *bytes, size_t n_bytes, srope_quantization kind, void **out, size_t *n_out,
                                  srope_error *error);

/* A row w (n) of finite numbers as bytes (n), -127 .. 127: w ≈ byte · scale, off by at most scale / 2. Returns the scale, at
 * least FLT_MIN: the smallest one, from |w| / 127 of the largest on, of which the row is tight (kernels.h). */
float srope_quantize_row(const float *w, size_t n, int8_t *bytes);

#endif
