/* quantize.c: see quantize.h. */
#include "model/quantize.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "yyjson.h"

static const char SCALE_SUFFIX[] = "_scale";
static const srope_dtype AS_IT_IS = SROPE_DTYPE_F32; /* or what float else it is */
enum { NAME_BYTES = SROPE_MAX_NAME_BYTES + sizeof SCALE_SUFFIX };

typedef struct output {
  srope_tensor_output tensor; /* borrows name and data, from here or from the file */
  char name[NAME_BYTES];
  void *owned; /* data that was made for it */
} output;

typedef struct quantizer {
  const srope_safetensors *file;
  const srope_model *model;
  srope_quantization kind;
  srope_dtype *dtypes; /* by parameter: what it becomes, or AS_IT_IS */
  output *outputs;     /* (n), at most two for a parameter */
  uint32_t n;
  srope_error *error;
} quantizer;

/* ---------------------------------------------------------------- a row */

/* The nearest bytes; ties away from zero. */
static void round_row(const float *w, size_t n, float scale, int8_t *bytes) {
  for (size_t i = 0; i < n; i++) {
    double size = floor(fabs((double)w[i]) / (double)scale + 0.5);
    if (size > SROPE_INT8_MAX) size = SROPE_INT8_MAX;
    bytes[i] = (int8_t)(w[i] < 0 ? -size : size);
  }
}

/* Halfway by their bits, which positive floats are ordered by; `low` when there is none between. */
static float between(float low, float high) {
  uint32_t a, b;
  memcpy(&a, &low, sizeof a);
  memcpy(&b, &high, sizeof b);
  a += (b - a) / 2;
  memcpy(&low, &a, sizeof a);
  return low;
}

float srope_quantize_row(const float *w, size_t n, int8_t *bytes) {
  float largest = 0;
  for (size_t i = 0; i < n; i++) largest = fabsf(w[i]) > largest ? fabsf(w[i]) : largest;
  float scale = largest / SROPE_INT8_MAX > FLT_MIN ? largest / SROPE_INT8_MAX : FLT_MIN;
  round_row(w, n, scale, bytes);
  if (srope_int8_is_tight(bytes, n)) return scale;

  /* Sizes fall as the scale grows; with twice the scale none is above 64, and four such are tight. */
  float loose = scale, tight = 2 * scale;
  for (float middle; (middle = between(loose, tight)) != loose;) {
    round_row(w, n, middle, bytes);
    *(srope_int8_is_tight(bytes, n) ? &tight : &loose) = middle;
  }
  round_row(w, n, tight, bytes);
  return tight;
}

/* ---------------------------------------------------------------- what becomes of a weight */

static void mark(quantizer *z, const srope_linear *linear) {
  if (linear->n_in <= SROPE_INT8_MAX_K) z->dtypes[linear->parameter] = SROPE_DTYPE_I8;
}

static void mark_attention(quantizer *z, const srope_attention *attention) {
  mark(z, &attention->q);
  mark(z, &attention->k);
  mark(z, &attention->v);
  mark(z, &attention->o);
}

/* Bytes for all linear layers but those that take numbers of several kinds, whose ranges are anyone's (a row of quanta has one
 * range, and what is small beside the rest would lose its digits): the projection and action_embedding.0. Nor the head's last, which is small and whose output nothing smooths, nor the angle networks, where every digit turns a pair. */
static void mark_linears(quantizer *z) {
  const srope_model *model = z->model;
  for (uint32_t i = 1; i < model->action_embedding.n; i++) mark(z, &model->action_embedding.layer[i]);
  for (uint32_t l = 0; l < model->info.n_layers; l++) {
    mark_attention(z, &model->layers[l].mha);
    mark(z, &model->layers[l].up);
    mark(z, &model->layers[l].down);
  }
  mark_attention(z, &model->action_attention);
  for (uint32_t i = 0; i + 1 < model->head.n; i++) mark(z, &model->head.layer[i]);
}

static void keep_mlp(quantizer *z, const srope_mlp *mlp) {
  for (uint32_t i = 0; i < mlp->n; i++) z->dtypes[mlp->layer[i].parameter] = AS_IT_IS;
}

static void choose_dtypes(quantizer *z) {
  for (uint32_t i = 0; i < z->model->n_parameters; i++) {
    const srope_parameter *p = &z->model->parameters[i];
    bool to_half = z->kind == SROPE_TO_INT8 ? p->n_dims == 2 : p->layout != SROPE_LAYOUT_DOUBLE;
    z->dtypes[i] = to_half ? SROPE_DTYPE_F16 : AS_IT_IS;
  }
  if (z->kind != SROPE_TO_INT8) return;
  mark_linears(z);
  for (int network = 0; network < 2; network++) {
    keep_mlp(z, &z->model->angles[network].sine);
    keep_mlp(z, &z->model->angles[network].relu);
  }
}

static srope_dtype dtype_after(const quantizer *z, uint32_t parameter, srope_dtype dtype) {
  srope_dtype after = z->dtypes[parameter];
  bool changes = after == SROPE_DTYPE_I8 || (after == SROPE_DTYPE_F16 && dtype == SROPE_DTYPE_F32);
  return changes ? after : dtype;
}

/* ---------------------------------------------------------------- tensors */

static srope_status fail_memory(const quantizer *z, const char *where) {
  return srope_fail(z->error, SROPE_ERR_MEMORY, where, "no memory for a smaller model");
}

/* The next output: <name of the tensor><suffix>. */
static output *add(quantizer *z, const srope_tensor *from, const char *suffix, uint32_t n_dims, srope_dtype dtype) {
  output *to = &z->outputs[z->n++];
  snprintf(to->name, sizeof to->name, "%s%s", from->name, suffix);
  to->tensor = (srope_tensor_output){to->name, n_dims, {0}, from->data, dtype};
  memcpy(to->tensor.shape, from->shape, sizeof from->shape);
  return to;
}

/* Elements first .. first+n-1 of a tensor whose numbers the loader has found finite. */
static float *read_floats(const srope_tensor *tensor) {
  float *x = tensor->n < SIZE_MAX / sizeof *x ? malloc(((size_t)tensor->n + 1) * sizeof *x) : NULL;
  if (x) srope_tensor_read_float(tensor, 0, (size_t)tensor->n, x);
  return x;
}

static srope_status add_bytes(quantizer *z, const srope_tensor *tensor) {
  size_t n_out = (size_t)tensor->shape[0], n_in = (size_t)tensor->shape[1];
  output *weight = add(z, tensor, "", 2, SROPE_DTYPE_I8), *scale = add(z, tensor, SCALE_SUFFIX, 1, SROPE_DTYPE_F32);
  float *w = read_floats(tensor), *scales = malloc(n_out * sizeof *scales);
  int8_t *bytes = malloc(n_out * n_in);
  weight->tensor.data = weight->owned = bytes;
  scale->tensor.data = scale->owned = scales;
  bool fits = w && scales && bytes;
  for (size_t row = 0; fits && row < n_out; row++)
    scales[row] = srope_quantize_row(w + row * n_in, n_in, bytes + row * n_in);
  free(w);
  return fits ? SROPE_OK : fail_memory(z, tensor->name);
}

static srope_status add_halves(quantizer *z, const srope_tensor *tensor) {
  output *to = add(z, tensor, "", tensor->n_dims, SROPE_DTYPE_F16);
  float *x = read_floats(tensor);
  to->tensor.data = to->owned = x;
  if (!x) return fail_memory(z, tensor->name);
  for (size_t i = 0; i < tensor->n; i++)
    if (fabsf(x[i]) >= 65520)
      return srope_fail(z->error, SROPE_ERR_VALUE, tensor->name,
                        "expected weights that float16 holds, up to 65504, found %.9g at element %zu", (double)x[i], i);
  srope_halves_write(x, (size_t)tensor->n, x);
  return SROPE_OK;
}

static srope_status check_kind(const quantizer *z) {
  bool changes = false;
  for (uint32_t i = 0; i < z->model->n_parameters; i++) {
    const srope_tensor *tensor = srope_safetensors_find(z->file, z->model->parameters[i].name);
    if (tensor->dtype == SROPE_DTYPE_I8)
      return srope_fail(z->error, SROPE_ERR_TENSOR, tensor->name,
                        "expected float weights, found I8: the file is quantised");
    changes = changes || dtype_after(z, i, tensor->dtype) != tensor->dtype;
  }
  if (changes) return SROPE_OK;
  return srope_fail(z->error, SROPE_ERR_TENSOR, NULL, "expected float32 weights, found none: the file is quantised");
}

static srope_status add_tensors(quantizer *z) {
  srope_status status = check_kind(z);
  for (uint32_t i = 0; i < z->model->n_parameters && !status; i++) {
    const srope_tensor *tensor = srope_safetensors_find(z->file, z->model->parameters[i].name);
    srope_dtype dtype = dtype_after(z, i, tensor->dtype);
    if (dtype == tensor->dtype)
      add(z, tensor, "", tensor->n_dims, dtype);
    else
      status = dtype == SROPE_DTYPE_I8 ? add_bytes(z, tensor) : add_halves(z, tensor);
  }
  return status;
}

/* ---------------------------------------------------------------- a file */

static srope_status list_metadata(const quantizer *z, srope_metadata_output *list, uint32_t *n_list) {
  size_t i, n;
  yyjson_val *key, *value;
  yyjson_obj_foreach(yyjson_obj_get(yyjson_doc_get_root(z->file->header), "__metadata__"), i, n, key, value) {
    list[i] = (srope_metadata_output){yyjson_get_str(key), yyjson_get_str(value)};
    if (strlen(list[i].key) != yyjson_get_len(key) || strlen(list[i].value) != yyjson_get_len(value))
      return srope_fail(z->error, SROPE_ERR_FORMAT, "__metadata__",
                        "expected text without NUL characters, found one at \"%s\"", list[i].key);
    *n_list = (uint32_t)i + 1;
  }
  return SROPE_OK;
}

/* Wide elements first, so that all are aligned, and the scales are there before the bytes. */
static srope_status write_outputs(const quantizer *z, void **bytes, size_t *n_bytes) {
  srope_metadata_output metadata[SROPE_MAX_METADATA];
  uint32_t n_metadata = 0, n = 0;
  srope_status status = list_metadata(z, metadata, &n_metadata);
  if (status) return status;
  srope_tensor_output *ordered = calloc(z->n, sizeof *ordered);
  if (!ordered) return fail_memory(z, NULL);
  for (size_t size = sizeof(float); size > 0; size /= 2)
    for (uint32_t i = 0; i < z->n; i++)
      if (srope_dtype_size(z->outputs[i].tensor.dtype) == size) ordered[n++] = z->outputs[i].tensor;
  status = srope_safetensors_write(ordered, n, metadata, n_metadata, bytes, n_bytes, z->error);
  free(ordered);
  return status;
}

static srope_status quantize(quantizer *z, void **bytes, size_t *n_bytes) {
  uint32_t n_parameters = z->model->n_parameters;
  z->dtypes = calloc(n_parameters, sizeof *z->dtypes);
  z->outputs = calloc(2 * (size_t)n_parameters, sizeof *z->outputs);
  srope_status status = SROPE_OK;
  if (!z->dtypes || !z->outputs) {
    status = fail_memory(z, NULL);
  } else {
    choose_dtypes(z);
    status = add_tensors(z);
    if (!status) status = write_outputs(z, bytes, n_bytes);
  }
  for (uint32_t i = 0; i < z->n; i++) free(z->outputs[i].owned);
  free(z->outputs);
  free(z->dtypes);
  return status;
}

srope_status srope_model_quantize(const void *bytes, size_t n_bytes, srope_quantization kind, void **out, size_t *n_out,
                                  srope_error *error) {
  if (!out || !n_out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a place for the result");
  srope_model *model = NULL;
  srope_safetensors file = {0};
  srope_status status = srope_model_load(bytes, n_bytes, NULL, &model, error);
  if (status) return status;
  status = srope_safetensors_open(bytes, n_bytes, &file, error);
  if (!status) status = quantize(&(quantizer){.file = &file, .model = model, .kind = kind, .error = error}, out, n_out);
  srope_safetensors_close(&file);
  srope_model_free(model);
  return status;
}
