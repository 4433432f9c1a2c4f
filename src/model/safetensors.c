#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "yyjson.h"

enum { HEADER_DEPTH = 3 /* file, tensor, shape */ };

static const struct {
  const char *name;
  uint32_t n_bytes;
} dtypes[] = {/* by srope_dtype */
              {"F32", 4}, {"F16", 2},     {"BF16", 2},    {"F64", 8}, {"I64", 8}, {"I32", 4}, {"BOOL", 1}, {"U8", 1},
              {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"U32", 4}, {"U64", 8}};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

const char *srope_dtype_name(srope_dtype dtype) { return dtypes[dtype].name; }

size_t srope_dtype_size(srope_dtype dtype) { return dtypes[dtype].n_bytes; }

char *srope_shape_text(uint32_t n_dims, const uint64_t *shape, char *text, size_t capacity) {
  size_t used = (size_t)snprintf(text, capacity, "[");
  for (uint32_t i = 0; i < n_dims && used < capacity; i++) {
    const char *comma = i > 0 ? ", " : "";
    int n = shape[i] == SROPE_ANY_SIZE
                ? snprintf(text + used, capacity - used, "%sany", comma)
                : snprintf(text + used, capacity - used, "%s%llu", comma, (unsigned long long)shape[i]);
    used += n > 0 ? (size_t)n : 0;
  }
  if (used < capacity) snprintf(text + used, capacity - used, "]");
  return text;
}

/* ---------------------------------------------------------------- reading */

static int compare_data(const void *a, const void *b) { /* an empty tensor comes before one that begins where it does */
  const srope_tensor *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static int compare_names(const void *a, const void *b) {
  return strcmp((*(const srope_tensor *const *)a)->name, (*(const srope_tensor *const *)b)->name);
}

static srope_status read_name(yyjson_val *key, const char **name, srope_error *error) {
  size_t n = yyjson_get_len(key);
  *name = yyjson_get_str(key);
  if (strlen(*name) != n)
    return srope_fail(error, SROPE_ERR_FORMAT, *name, "a tensor's name has a NUL character in it");
  if (n > SROPE_MAX_NAME_BYTES)
    return srope_fail(error, SROPE_ERR_LIMIT, *name, "expected a name of at most %d bytes, found %zu",
                      SROPE_MAX_NAME_BYTES, n);
  return SROPE_OK;
}

static srope_status read_dtype(yyjson_val *value, srope_tensor *tensor, srope_error *error) {
  for (int i = 0; i < N_DTYPES; i++)
    if (yyjson_equals_str(value, dtypes[i].name)) {
      tensor->dtype = (srope_dtype)i;
      return SROPE_OK;
    }
  if (!yyjson_is_str(value))
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "expected a string as dtype, found %s",
                      srope_json_kind(value));
  return srope_fail(error, SROPE_ERR_FORMAT, tensor->name,
                    "expected a dtype of the format (F32, F16, ...), found \"%s\"", yyjson_get_str(value));
}

/* The shape, and how many elements and bytes it says; no product may leave 64 bits. */
static srope_status read_shape(yyjson_val *value, srope_tensor *tensor, uint64_t *said_bytes, srope_error *error) {
  size_t n_dims = yyjson_arr_size(value);
  if (!yyjson_is_arr(value))
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "expected a list as shape, found %s",
                      srope_json_kind(value));
  if (n_dims > SROPE_MAX_DIMS)
    return srope_fail(error, SROPE_ERR_LIMIT, tensor->name, "expected a shape of at most %d dimensions, found %zu",
                      SROPE_MAX_DIMS, n_dims);
  size_t i, n;
  yyjson_val *dim;
  uint64_t product = dtypes[tensor->dtype].n_bytes; /* an empty dimension must not hide an overflow of the others */
  bool empty = false;
  yyjson_arr_foreach(value, i, n, dim) {
    if (!yyjson_is_uint(dim))
      return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "expected whole numbers from 0 on as shape");
    uint64_t size = yyjson_get_uint(dim);
    tensor->shape[i] = size;
    if (size == 0)
      empty = true;
    else if (product > UINT64_MAX / size)
      return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "the shape's number of bytes is over 64 bits");
    else
      product *= size;
  }
  tensor->n_dims = (uint32_t)n_dims;
  *said_bytes = empty ? 0 : product;
  tensor->n = *said_bytes / dtypes[tensor->dtype].n_bytes;
  return SROPE_OK;
}

static srope_status read_tensor(yyjson_val *key, yyjson_val *value, size_t n_data, srope_tensor *tensor,
                                srope_error *error) {
  srope_status status;
  if ((status = read_name(key, &tensor->name, error))) return status;
  yyjson_val *dtype = yyjson_obj_get(value, "dtype"), *shape = yyjson_obj_get(value, "shape");
  yyjson_val *offsets = yyjson_obj_get(value, "data_offsets");
  if (!dtype || !shape || !offsets || yyjson_obj_size(value) != 3)
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "expected exactly dtype, shape and data_offsets");

  uint64_t said_bytes = 0;
  if ((status = read_dtype(dtype, tensor, error))) return status;
  if ((status = read_shape(shape, tensor, &said_bytes, error))) return status;

  yyjson_val *begin_value = yyjson_arr_get(offsets, 0), *end_value = yyjson_arr_get(offsets, 1);
  if (yyjson_arr_size(offsets) != 2 || !yyjson_is_uint(begin_value) || !yyjson_is_uint(end_value))
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name, "expected two whole numbers from 0 on as data_offsets");
  uint64_t begin = yyjson_get_uint(begin_value), end = yyjson_get_uint(end_value);
  if (begin > end || end > n_data)
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name,
                      "data_offsets [%llu, %llu] leave the file's %zu bytes of data", (unsigned long long)begin,
                      (unsigned long long)end, n_data);
  if (end - begin != said_bytes)
    return srope_fail(error, SROPE_ERR_FORMAT, tensor->name,
                      "shape and dtype say %llu bytes, data_offsets [%llu, %llu] say %llu",
                      (unsigned long long)said_bytes, (unsigned long long)begin, (unsigned long long)end,
                      (unsigned long long)(end - begin));
  tensor->begin = (size_t)begin;
  tensor->n_bytes = (size_t)said_bytes;
  return SROPE_OK;
}

static srope_status check_metadata(yyjson_val *metadata, srope_error *error) {
  if (!yyjson_is_obj(metadata))
    return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "expected an object, found %s",
                      srope_json_kind(metadata));
  if (yyjson_obj_size(metadata) > SROPE_MAX_METADATA)
    return srope_fail(error, SROPE_ERR_LIMIT, "__metadata__", "expected at most %d keys, found %zu", SROPE_MAX_METADATA,
                      yyjson_obj_size(metadata));
  size_t i, n, j, m;
  yyjson_val *key, *value, *other_key, *other_value;
  yyjson_obj_foreach(metadata, i, n, key, value) {
    if (!yyjson_is_str(value))
      return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "expected strings only, found %s as \"%s\"",
                        srope_json_kind(value), yyjson_get_str(key));
    yyjson_obj_foreach(metadata, j, m, other_key, other_value) {
      if (j > i && yyjson_equals_strn(other_key, yyjson_get_str(key), yyjson_get_len(key)))
        return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "the key \"%s\" is there twice",
                          yyjson_get_str(key));
    }
  }
  return SROPE_OK;
}

/* The tensors lie one after the other from the first byte of data to the last. */
static srope_status check_coverage(srope_safetensors *file, size_t n_data, srope_error *error) {
  for (uint32_t i = 0; i < file->n_tensors; i++) {
    const srope_tensor *tensor = &file->tensors[i];
    if (tensor->begin != file->n_data)
      return srope_fail(error, SROPE_ERR_FORMAT, tensor->name,
                        "its data %s: expected it to begin at byte %zu, found %zu",
                        tensor->begin < file->n_data ? "overlaps another tensor's" : "leaves a hole before it",
                        file->n_data, tensor->begin);
    file->n_data += tensor->n_bytes;
  }
  if (n_data != SIZE_MAX && file->n_data != n_data)
    return srope_fail(error, SROPE_ERR_FORMAT, "data", "expected the file to end after %zu bytes of data, found %zu",
                      file->n_data, n_data);
  return SROPE_OK;
}

static srope_status read_tensors(srope_safetensors *file, size_t n_data, srope_error *error) {
  yyjson_val *root = yyjson_doc_get_root(file->header), *key, *value;
  if (!yyjson_is_obj(root))
    return srope_fail(error, SROPE_ERR_FORMAT, "header", "expected a JSON object, found %s", srope_json_kind(root));
  size_t n_keys = yyjson_obj_size(root), i, n;
  if (n_keys > SROPE_MAX_TENSORS + 1)
    return srope_fail(error, SROPE_ERR_LIMIT, "header", "expected at most %d tensors, found %zu", SROPE_MAX_TENSORS,
                      n_keys);
  file->tensors = calloc(n_keys + 1, sizeof *file->tensors);
  file->by_name = calloc(n_keys + 1, sizeof *file->by_name);
  if (!file->tensors || !file->by_name)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the list of %zu tensors", n_keys);

  uint32_t n_metadata = 0;
  yyjson_obj_foreach(root, i, n, key, value) {
    srope_status status;
    if (yyjson_equals_str(key, "__metadata__")) {
      if (n_metadata++) return srope_fail(error, SROPE_ERR_FORMAT, "__metadata__", "it is there twice");
      status = check_metadata(value, error);
    } else {
      status = read_tensor(key, value, n_data, &file->tensors[file->n_tensors++], error);
    }
    if (status) return status;
  }
  if (file->n_tensors > SROPE_MAX_TENSORS)
    return srope_fail(error, SROPE_ERR_LIMIT, "header", "expected at most %d tensors", SROPE_MAX_TENSORS);

  qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_data);
  for (uint32_t t = 0; t < file->n_tensors; t++) file->by_name[t] = &file->tensors[t];
  qsort(file->by_name, file->n_tensors, sizeof *file->by_name, compare_names);
  for (uint32_t t = 1; t < file->n_tensors; t++)
    if (strcmp(file->by_name[t - 1]->name, file->by_name[t]->name) == 0)
      return srope_fail(error, SROPE_ERR_FORMAT, file->by_name[t]->name, "two tensors have this name");
  return check_coverage(file, n_data, error);
}

srope_status srope_safetensors_lead(const unsigned char *lead, size_t n_file, size_t *n_header, srope_error *error) {
  if (n_file < SROPE_LENGTH_BYTES)
    return srope_fail(error, SROPE_ERR_FORMAT, "header", "expected at least %d bytes, found %zu", SROPE_LENGTH_BYTES,
                      n_file);
  uint64_t length = 0;
  memcpy(&length, lead, SROPE_LENGTH_BYTES);
  if (length > n_file - SROPE_LENGTH_BYTES)
    return srope_fail(error, SROPE_ERR_FORMAT, "header",
                      "the file says a header of %llu bytes, but only %zu bytes follow (truncated, or no safetensors)",
                      (unsigned long long)length, n_file - SROPE_LENGTH_BYTES);
  if (length > SROPE_MAX_HEADER_BYTES)
    return srope_fail(error, SROPE_ERR_LIMIT, "header", "expected a header of at most %d bytes, found %llu",
                      SROPE_MAX_HEADER_BYTES, (unsigned long long)length);
  if (length == 0 || lead[SROPE_LENGTH_BYTES] != '{')
    return srope_fail(error, SROPE_ERR_FORMAT, "header", "expected a JSON object that begins with {");
  *n_header = (size_t)length;
  return SROPE_OK;
}

srope_status srope_safetensors_read_header(const char *text, size_t n_header, size_t n_data, srope_safetensors *file,
                                           srope_error *error) {
  memset(file, 0, sizeof *file);
  srope_status status = srope_json_read(text, n_header, HEADER_DEPTH, SROPE_ERR_FORMAT, "header", &file->header, error);
  if (!status) status = read_tensors(file, n_data, error);
  if (status) srope_safetensors_close(file);
  return status;
}

srope_status srope_safetensors_open(const void *bytes, size_t n_bytes, srope_safetensors *file, srope_error *error) {
  if (!file || (!bytes && n_bytes > 0))
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected bytes and a reader");
  size_t n_header = 0;
  memset(file, 0, sizeof *file);
  srope_status status = srope_safetensors_lead(bytes, n_bytes, &n_header, error);
  if (status) return status;
  const char *text = (const char *)bytes + SROPE_LENGTH_BYTES;
  status = srope_safetensors_read_header(text, n_header, n_bytes - SROPE_LENGTH_BYTES - n_header, file, error);
  for (uint32_t t = 0; t < file->n_tensors; t++)
    file->tensors[t].data = (const unsigned char *)text + n_header + file->tensors[t].begin;
  return status;
}

void srope_safetensors_close(srope_safetensors *file) {
  if (!file) return;
  free(file->tensors);
  free(file->by_name);
  yyjson_doc_free(file->header);
  memset(file, 0, sizeof *file);
}

const srope_tensor *srope_safetensors_find(const srope_safetensors *file, const char *name) {
  uint32_t low = 0, high = file->n_tensors;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = strcmp(name, file->by_name[middle]->name);
    if (order == 0) return file->by_name[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const char *srope_safetensors_metadata(const srope_safetensors *file, const char *key, size_t *n_bytes) {
  yyjson_val *value = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(file->header), "__metadata__"), key);
  if (n_bytes) *n_bytes = yyjson_get_len(value);
  return yyjson_get_str(value);
}

/* ---------------------------------------------------------------- numbers */

/* Every float16 is a float32: with the fields shifted to their places only the exponent's bias is wrong, by a power of
 * two, also for what is subnormal there and normal here. */
static float float_from_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, bits = (uint32_t)(half & 0x7fff) << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;
  memcpy(&bits, &value, sizeof bits);
  if ((half & 0x7c00) == 0x7c00) bits |= 0x7f800000; /* infinity, or NaN */
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

bool srope_floats_read(srope_dtype dtype, const unsigned char *bytes, size_t n, float *out) {
  if (dtype > SROPE_DTYPE_BF16) return false;
  if (dtype == SROPE_DTYPE_F32) {
    if (n > 0) memcpy(out, bytes, n * sizeof *out);
    return true;
  }
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, bytes + i * sizeof half, sizeof half);
    uint32_t bits = (uint32_t)half << 16; /* bfloat16: the upper half of a float32 */
    memcpy(out + i, &bits, sizeof bits);
    if (dtype == SROPE_DTYPE_F16) out[i] = float_from_half(half);
  }
  return true;
}

static double number_at(const srope_tensor *tensor, uint64_t i) {
  const unsigned char *place = tensor->data + i * dtypes[tensor->dtype].n_bytes;
  double f64;
  int64_t i64;
  int32_t i32;
  float f32 = 0;
  switch (tensor->dtype) {
    case SROPE_DTYPE_F64: return memcpy(&f64, place, sizeof f64), f64;
    case SROPE_DTYPE_I64: return memcpy(&i64, place, sizeof i64), (double)i64;
    case SROPE_DTYPE_I32: return memcpy(&i32, place, sizeof i32), i32;
    default: return srope_floats_read(tensor->dtype, place, 1, &f32), (double)f32;
  }
}

bool srope_tensor_read_double(const srope_tensor *tensor, uint64_t first, size_t n, double *out) {
  if (tensor->dtype > SROPE_DTYPE_I32) return false;
  for (size_t i = 0; i < n; i++) out[i] = number_at(tensor, first + i);
  return true;
}

bool srope_tensor_read_float(const srope_tensor *tensor, uint64_t first, size_t n, float *out) {
  if (tensor->dtype > SROPE_DTYPE_I32) return false;
  if (srope_floats_read(tensor->dtype, tensor->data + first * dtypes[tensor->dtype].n_bytes, n, out)) return true;
  for (size_t i = 0; i < n; i++) out[i] = (float)number_at(tensor, first + i);
  return true;
}

/* ---------------------------------------------------------------- writing */

/* A half keeps the upper 10 of 23 bits of the fraction, fewer below 2^-14. */
static uint16_t half_from_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  uint32_t size = bits & 0x7fffffff;
  if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);  /* NaN */
  if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more round to infinity */
  if (size < 0x33000001) return sign;                       /* up to 2^-25: zero */
  uint32_t exponent = size >> 23, fraction = (size & 0x7fffff) | 0x800000;
  uint32_t shift = exponent < 113 ? 126 - exponent : 13; /* below 2^-14 there are only steps of 2^-24 */
  uint32_t kept = fraction >> shift, rest = fraction & ((1u << shift) - 1), half_way = 1u << (shift - 1);
  kept += rest > half_way || (rest == half_way && (kept & 1));
  return (uint16_t)(sign | (exponent < 113 ? kept : kept + ((exponent - 113) << 10)));
}

void srope_halves_write(const float *x, size_t n, void *out) {
  unsigned char *place = out;
  for (size_t i = 0; i < n; i++) {
    uint16_t half = half_from_float(x[i]);
    memcpy(place + i * sizeof half, &half, sizeof half);
  }
}

static uint64_t count_bytes(const srope_tensor_output *tensor) {
  uint64_t n = dtypes[tensor->dtype].n_bytes;
  for (uint32_t i = 0; i < tensor->n_dims; i++) n *= tensor->shape[i];
  return n;
}

static yyjson_mut_val *tensor_entry(yyjson_mut_doc *doc, const srope_tensor_output *tensor, uint64_t *offset) {
  uint64_t offsets[2] = {*offset, *offset + count_bytes(tensor)};
  *offset = offsets[1];
  yyjson_mut_val *entry = yyjson_mut_obj(doc);
  yyjson_mut_obj_add_str(doc, entry, "dtype", srope_dtype_name(tensor->dtype));
  yyjson_mut_obj_add_val(doc, entry, "shape", yyjson_mut_arr_with_uint64(doc, tensor->shape, tensor->n_dims));
  yyjson_mut_obj_add_val(doc, entry, "data_offsets", yyjson_mut_arr_with_uint64(doc, offsets, 2));
  return entry;
}

srope_status srope_safetensors_write(const srope_tensor_output *tensors, uint32_t n_tensors,
                                     const srope_metadata_output *metadata, uint32_t n_metadata, void **bytes,
                                     size_t *n_bytes, srope_error *error) {
  bool refused = false;
  yyjson_alc allocator;
  srope_json_watch_memory(&allocator, &refused);
  yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
  yyjson_mut_val *root = yyjson_mut_obj(doc);
  yyjson_mut_doc_set_root(doc, root);
  if (n_metadata > 0) {
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    for (uint32_t i = 0; i < n_metadata; i++) yyjson_mut_obj_add_str(doc, object, metadata[i].key, metadata[i].value);
    yyjson_mut_obj_add_val(doc, root, "__metadata__", object);
  }
  uint64_t n_data = 0;
  for (uint32_t i = 0; i < n_tensors; i++)
    yyjson_mut_obj_add_val(doc, root, tensors[i].name, tensor_entry(doc, &tensors[i], &n_data));
  size_t n_text = 0;
  char *text = refused ? NULL : yyjson_mut_write(doc, 0, &n_text);
  yyjson_mut_doc_free(doc);

  size_t n_header = (n_text + 7) / 8 * 8; /* spaces up to a multiple of 8, so that data is aligned */
  uint64_t n_all = SROPE_LENGTH_BYTES + n_header + n_data;
  size_t n_file = (size_t)n_all;
  unsigned char *file = text && n_all <= SIZE_MAX ? malloc(n_file) : NULL;
  if (!file) {
    free(text);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a file of %llu bytes", (unsigned long long)n_all);
  }
  uint64_t length = n_header;
  memcpy(file, &length, SROPE_LENGTH_BYTES);
  memcpy(file + SROPE_LENGTH_BYTES, text, n_text);
  memset(file + SROPE_LENGTH_BYTES + n_text, ' ', n_header - n_text);
  free(text);
  unsigned char *place = file + SROPE_LENGTH_BYTES + n_header;
  for (uint32_t i = 0; i < n_tensors; i++) {
    size_t n = (size_t)count_bytes(&tensors[i]);
    if (n > 0) memcpy(place, tensors[i].data, n);
    place += n;
  }
  *bytes = file;
  *n_bytes = n_file;
  return SROPE_OK;
}
