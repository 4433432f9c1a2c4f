/* load.c: the bytes of a .safetensors file, in whatever pieces they come -> srope_model.
 *
 * The header is gathered; once it is whole, tensors.c checks all that can be known without data and places the model.
 * From then on every byte goes to its place as it arrives, converted and packed a panel at a time; nothing of the file
 * is kept. What can only be known from data is checked on the way: that numbers are finite, and, by their hashes, that
 * tensors that the file has twice are equal.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/finite.h"
#include "base/hash.h"
#include "model/describe.h"
#include "model/tensors.h"

struct srope_loader {
  srope_error error; /* the first failure; then nothing goes on */
  srope_model *model;
  size_t n_file, n_seen; /* bytes; SIZE_MAX: nobody said */
  srope_hash hash;       /* of all of them */

  unsigned char lead[SROPE_LEAD_BYTES];
  char *header; /* its text while it is gathered */
  size_t n_header;
  srope_config config;
  srope_safetensors file;

  srope_destination *destinations; /* by place in file.tensors */
  void *panel;                     /* rows of one that are not yet packed; NULL until the header is whole */
  uint32_t tensor;                 /* the one that is arriving */
  size_t n_arrived, element;       /* bytes of it; the next element to go to its place */
  unsigned char split[8];          /* what there is of an element that two pieces share */
  size_t n_split;
  srope_hash tensor_hash;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* A block of n bytes (zeros), or NULL and a failure. */
static void *allocate(srope_loader *l, size_t n) {
  void *block = calloc(1, n);
  if (!block) srope_fail(&l->error, SROPE_ERR_MEMORY, NULL, "no memory for %zu bytes while loading", n);
  return block;
}

/* ---------------------------------------------------------------- the header */

static srope_status read_config(srope_loader *l) {
  size_t n_text;
  const char *text = srope_safetensors_metadata(&l->file, "siren_rope", &n_text);
  if (!text)
    return srope_fail(&l->error, SROPE_ERR_CONFIG, "__metadata__",
                      "expected the key siren_rope with the model's configuration as JSON, found none");
  srope_status status = srope_config_read(text, n_text, &l->config, &l->error);
  if (status) return status;
  status = srope_schema_read(l->config.features, l->model->schema, &l->error);
  if (status) srope_error_prefix(&l->error, "siren_rope");
  return status;
}

static void open_header(srope_loader *l) {
  size_t n_data = l->n_file == SIZE_MAX ? SIZE_MAX : l->n_file - l->n_seen, panel_bytes = 0;
  srope_status status = srope_safetensors_read_header(l->header, l->n_header, n_data, &l->file, &l->error);
  free(l->header);
  l->header = NULL;
  if (status || read_config(l)) return;
  l->destinations = allocate(l, (l->file.n_tensors + 1) * sizeof *l->destinations);
  if (!l->destinations || srope_tensors_place(&l->file, &l->config, l->model, l->destinations, &panel_bytes, &l->error))
    return;
  l->panel = allocate(l, panel_bytes);
}

/* Returns how many of the n bytes it took. */
static size_t gather_header(srope_loader *l, const unsigned char *bytes, size_t n) {
  if (l->n_seen < SROPE_LEAD_BYTES) {
    n = smaller(n, SROPE_LEAD_BYTES - l->n_seen);
    memcpy(l->lead + l->n_seen, bytes, n);
    if (l->n_seen + n < SROPE_LEAD_BYTES || srope_safetensors_lead(l->lead, l->n_file, &l->n_header, &l->error) ||
        !(l->header = allocate(l, l->n_header)))
      return n;
    l->header[0] = (char)l->lead[SROPE_LENGTH_BYTES];
    return n;
  }
  size_t have = l->n_seen - SROPE_LENGTH_BYTES;
  n = smaller(n, l->n_header - have);
  memcpy(l->header + have, bytes, n);
  return n;
}

/* ---------------------------------------------------------------- numbers to their places */

static void fail_number(srope_loader *l, const srope_parameter *to, size_t i, const char *expected) {
  srope_fail(&l->error, SROPE_ERR_VALUE, to->name, "expected %s at element %zu", expected, l->element + i);
}

static void check_floats(srope_loader *l, const srope_parameter *to, const float *x, size_t n) {
  size_t bad = srope_first_not_finite(x, n);
  if (bad < n)
    fail_number(l, to, bad, x[bad] != x[bad] ? "finite weights, found NaN" : "finite weights, found an infinity");
  for (size_t i = 0; to->layout == SROPE_LAYOUT_SCALE && !l->error.status && i < n; i++)
    if (x[i] < 0) fail_number(l, to, i, "scales of 0 or more, found less");
}

static void check_bytes(srope_loader *l, const srope_parameter *to, const unsigned char *x, size_t n) {
  for (size_t i = 0; !l->error.status && i < n; i++)
    if (x[i] == 0x80) fail_number(l, to, i, "bytes from -127 to 127, found -128");
}

/* The rows of l->panel, which end before row `end`. */
static void pack_panel(srope_loader *l, const srope_parameter *to, size_t nr, size_t end) {
  size_t n_in = (size_t)to->shape[1], first = (end - 1) / nr * nr;
  if (to->layout == SROPE_LAYOUT_PACKED) {
    srope_pack((uint32_t)nr, l->panel, end - first, n_in, (float *)to->place + first * n_in);
    return;
  }
  const srope_kernels *kernels = l->model->kernels;
  const int8_t *bytes = l->panel;
  for (srope_int8_matrix *part = to->place; part;
       bytes += part->n_in, part = (srope_int8_matrix *)(uintptr_t)part->next) {
    int8_t *panel = (int8_t *)(uintptr_t)part->panels + first / nr * srope_packed_int8_size(kernels, nr, part->n_in);
    int32_t *sum = (int32_t *)(uintptr_t)part->sum + first;
    if (!srope_pack_int8(kernels, bytes, n_in, end - first, part->n_in, panel, sum)) part->is_tight = false;
  }
}

/* n whole elements of the tensor that is arriving, as many at a time as lie together. */
static void place_elements(srope_loader *l, srope_dtype dtype, const srope_parameter *to, const unsigned char *bytes,
                           size_t n) {
  const srope_kernels *kernels = l->model->kernels;
  bool is_int8 = to->layout == SROPE_LAYOUT_INT8, is_double = to->layout == SROPE_LAYOUT_DOUBLE;
  size_t nr = is_int8 ? kernels->nr_int8 : to->layout == SROPE_LAYOUT_PACKED ? kernels->nr : 0;
  size_t n_panel = nr * (size_t)to->shape[1];
  while (n > 0 && !l->error.status) {
    size_t in_panel = nr > 0 ? l->element % n_panel : 0;
    size_t run = smaller(n, is_double ? 1 : nr > 0 ? n_panel - in_panel : n);
    if (is_int8) {
      check_bytes(l, to, bytes, run);
      memcpy((int8_t *)l->panel + in_panel, bytes, run);
    } else {
      float *place = is_double || nr > 0 ? (float *)l->panel + in_panel : (float *)to->place + l->element;
      srope_floats_read(dtype, bytes, run, place);
      check_floats(l, to, place, run);
      if (is_double) ((double *)to->place)[l->element] = (double)*place;
    }
    l->element += run;
    bytes += run * srope_dtype_size(dtype);
    n -= run;
    if (nr > 0 && (in_panel + run == n_panel || l->element == to->n))
      pack_panel(l, to, nr, l->element / (size_t)to->shape[1]);
  }
}

/* A piece may end within an element. */
static void place_bytes(srope_loader *l, srope_dtype dtype, const srope_parameter *to, const unsigned char *bytes,
                        size_t n) {
  size_t size = srope_dtype_size(dtype);
  while (n > 0 && (l->n_split > 0 || n < size)) {
    l->split[l->n_split++] = *bytes++;
    n--;
    if (l->n_split < size) continue;
    l->n_split = 0;
    place_elements(l, dtype, to, l->split, 1);
  }
  place_elements(l, dtype, to, bytes, n / size);
  for (size_t i = n / size * size; i < n; i++) l->split[l->n_split++] = bytes[i];
}

/* ---------------------------------------------------------------- the data */

/* The tensor that is arriving, past those that are whole; NULL after the last. */
static const srope_tensor *current_tensor(srope_loader *l) {
  for (; l->tensor < l->file.n_tensors; l->tensor++, l->n_arrived = l->element = 0) {
    const srope_tensor *tensor = &l->file.tensors[l->tensor];
    if (l->n_arrived == 0) srope_hash_start(&l->tensor_hash);
    if (l->n_arrived < tensor->n_bytes) return tensor;
    l->destinations[l->tensor].hash = srope_hash_end(&l->tensor_hash);
  }
  return NULL;
}

/* Returns how many of the n bytes it took. */
static size_t read_data(srope_loader *l, const unsigned char *bytes, size_t n) {
  const srope_tensor *tensor = current_tensor(l);
  const srope_destination *to = &l->destinations[l->tensor];
  if (!tensor) {
    srope_fail(&l->error, SROPE_ERR_FORMAT, "data", "expected the file to end after %zu bytes of data, found more",
               l->file.n_data);
    return n;
  }
  n = smaller(n, tensor->n_bytes - l->n_arrived);
  if (to->is_compared) srope_hash_add(&l->tensor_hash, bytes, n);
  if (to->parameter) place_bytes(l, tensor->dtype, to->parameter, bytes, n);
  l->n_arrived += n;
  return n;
}

static srope_status compare_tensors(srope_loader *l) {
  for (uint32_t t = 0; t < l->file.n_tensors; t++) {
    const srope_tensor *original = l->destinations[t].original;
    if (original && l->destinations[t].hash != l->destinations[original - l->file.tensors].hash)
      return srope_fail(&l->error, SROPE_ERR_TENSOR, l->file.tensors[t].name, SROPE_TENSORS_DIFFER, original->name);
  }
  return SROPE_OK;
}

static srope_status finish_model(srope_loader *l) {
  srope_model *model = l->model;
  if (!l->panel) return srope_safetensors_lead(l->lead, l->n_seen, &l->n_header, &l->error); /* ended too early */
  const srope_tensor *missing = current_tensor(l);
  if (missing)
    return srope_fail(&l->error, SROPE_ERR_FORMAT, missing->name,
                      "%zu of its %zu bytes are missing: the file is truncated", missing->n_bytes - l->n_arrived,
                      missing->n_bytes);
  srope_status status = compare_tensors(l);
  if (status) return status;
  model->info.hash = srope_hash_end(&l->hash);
  status = srope_describe(model, &l->config, &l->file, &model->description, &model->description_n, &l->error);
  if (status) return status;
  model->config = l->config.document; /* the model takes it: names and words live in it */
  l->config.document = NULL;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- calls */

/* What a call gives: OK, or the loader's failure. */
static srope_status report(const srope_loader *l, srope_error *error) {
  if (l->error.status && error) *error = l->error;
  return l->error.status;
}

srope_status srope_loader_create(const char *isa, uint64_t n_bytes, srope_loader **out, srope_error *error) {
  if (!out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a place for the loader");
  const srope_kernels *kernels = srope_kernels_find(isa);
  if (!kernels)
    return srope_fail(error, SROPE_ERR_UNSUPPORTED, NULL, "this machine or build has no kernels called \"%s\"",
                      isa ? isa : "");
  srope_loader *l = calloc(1, sizeof *l);
  if (l) l->model = calloc(1, sizeof *l->model);
  if (!l || !l->model) {
    free(l);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a model");
  }
  l->model->kernels = kernels;
  l->model->info.isa = kernels->isa;
  l->n_file = n_bytes == 0 || n_bytes > SIZE_MAX ? SIZE_MAX : (size_t)n_bytes;
  srope_hash_start(&l->hash);
  *out = l;
  return SROPE_OK;
}

srope_status srope_loader_push(srope_loader *l, const void *piece, size_t n, srope_error *error) {
  if (!l || (!piece && n > 0)) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a loader and bytes");
  srope_status status = report(l, error);
  if (status || n == 0) return status;
  srope_hash_add(&l->hash, piece, n);
  for (const unsigned char *bytes = piece; n > 0 && !l->error.status;) {
    size_t taken = l->panel ? read_data(l, bytes, n) : gather_header(l, bytes, n);
    l->n_seen += taken;
    if (l->header && l->n_seen == SROPE_LENGTH_BYTES + l->n_header) open_header(l);
    bytes += taken;
    n -= taken;
  }
  return report(l, error);
}

srope_status srope_loader_finish(srope_loader *l, srope_model **out, srope_error *error) {
  if (!l || !out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a loader and a place for the model");
  srope_status status = report(l, error);
  if (!status) status = finish_model(l);
  if (status) return report(l, error);
  *out = l->model;
  l->model = NULL;
  srope_fail(&l->error, SROPE_ERR_ARGUMENT, NULL, "the loader has given its model already"); /* whatever comes now */
  return SROPE_OK;
}

void srope_loader_free(srope_loader *l) {
  if (!l) return;
  free(l->header);
  free(l->destinations);
  free(l->panel);
  srope_config_free(&l->config);
  srope_safetensors_close(&l->file);
  srope_model_free(l->model);
  free(l);
}

srope_status srope_model_load(const void *file, size_t n_bytes, const char *isa, srope_model **out,
                              srope_error *error) {
  if (!file || !out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a file's bytes and a result");
  srope_loader *loader;
  srope_status status = srope_loader_create(isa, n_bytes, &loader, error);
  if (status) return status;
  status = srope_loader_push(loader, file, n_bytes, error);
  if (!status) status = srope_loader_finish(loader, out, error);
  srope_loader_free(loader);
  return status;
}
