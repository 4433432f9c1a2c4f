#include "golden/tensor_file.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define REQUIRE(condition, ...)         \
  do {                                  \
    if (!(condition)) {                 \
      fprintf(stderr, "tensor_file: "); \
      fprintf(stderr, __VA_ARGS__);     \
      fprintf(stderr, "\n");            \
      exit(EXIT_FAILURE);               \
    }                                   \
  } while (0)

unsigned char *tensor_file_read(const char *path, size_t *n_bytes) {
  FILE *file = fopen(path, "rb");
  REQUIRE(file, "cannot open %s", path);
  REQUIRE(fseek(file, 0, SEEK_END) == 0, "cannot seek in %s", path);
  long size = ftell(file);
  REQUIRE(size >= 0, "cannot tell the size of %s", path);
  rewind(file);
  unsigned char *bytes = malloc((size_t)size + 1);
  REQUIRE(bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size, "cannot read %s", path);
  fclose(file);
  *n_bytes = (size_t)size;
  return bytes;
}

static double half_to_double(uint16_t h) {
  int exponent = (h >> 10) & 31, fraction = h & 1023;
  double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

static double element(const char *dtype, const unsigned char *p, size_t i) {
  float f;
  double d;
  uint16_t h;
  uint32_t u;
  if (strcmp(dtype, "F64") == 0) {
    memcpy(&d, p + 8 * i, 8);
    return d;
  }
  if (strcmp(dtype, "F32") == 0) {
    memcpy(&f, p + 4 * i, 4);
    return f;
  }
  memcpy(&h, p + 2 * i, 2);
  if (strcmp(dtype, "F16") == 0) return half_to_double(h);
  REQUIRE(strcmp(dtype, "BF16") == 0, "dtype %s is not read here", dtype);
  u = (uint32_t)h << 16;
  memcpy(&f, &u, 4);
  return f;
}

static char *copy_text(const char *text) {
  char *copy = malloc(strlen(text) + 1);
  REQUIRE(copy, "no memory");
  return strcpy(copy, text);
}

static void read_tensor(tensor *t, const char *name, yyjson_val *entry, const unsigned char *data) {
  const char *dtype = yyjson_get_str(yyjson_obj_get(entry, "dtype"));
  yyjson_val *shape = yyjson_obj_get(entry, "shape");
  size_t begin = (size_t)yyjson_get_uint(yyjson_arr_get_first(yyjson_obj_get(entry, "data_offsets")));
  REQUIRE(dtype && shape, "%s has no dtype or shape", name);
  t->name = copy_text(name);
  t->n_dims = yyjson_arr_size(shape);
  REQUIRE(t->n_dims <= 8, "%s has too many dimensions", name);
  t->n = 1;
  for (size_t d = 0; d < t->n_dims; d++) t->n *= t->shape[d] = (size_t)yyjson_get_uint(yyjson_arr_get(shape, d));
  t->data = malloc((t->n + 1) * sizeof *t->data);
  REQUIRE(t->data, "no memory for %s", name);
  for (size_t i = 0; i < t->n; i++) t->data[i] = element(dtype, data + begin, i);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const tensor *)a)->name, ((const tensor *)b)->name);
}

tensor_file *tensor_file_parse(const void *bytes, size_t n_bytes) {
  const unsigned char *p = bytes;
  uint64_t header;
  REQUIRE(n_bytes >= 8, "a file of %zu bytes", n_bytes);
  memcpy(&header, p, 8);
  REQUIRE(header <= n_bytes - 8, "the header leaves the file");
  yyjson_doc *json = yyjson_read((const char *)p + 8, (size_t)header, 0);
  REQUIRE(json, "the header is no JSON");
  yyjson_val *root = yyjson_doc_get_root(json), *key;
  tensor_file *file = calloc(1, sizeof *file);
  REQUIRE(file, "no memory");
  file->tensors = calloc(yyjson_obj_size(root) + 1, sizeof *file->tensors);
  REQUIRE(file->tensors, "no memory");
  yyjson_obj_iter iter = yyjson_obj_iter_with(root);
  while ((key = yyjson_obj_iter_next(&iter))) {
    yyjson_val *entry = yyjson_obj_iter_get_val(key);
    if (strcmp(yyjson_get_str(key), "__metadata__") == 0) {
      yyjson_val *config = yyjson_obj_get(entry, "siren_rope");
      config = config ? config : yyjson_obj_get(entry, "config");
      file->config = config ? copy_text(yyjson_get_str(config)) : NULL;
    } else {
      read_tensor(&file->tensors[file->n++], yyjson_get_str(key), entry, p + 8 + header);
    }
  }
  yyjson_doc_free(json);
  if (file->n) qsort(file->tensors, file->n, sizeof *file->tensors, by_name);
  return file;
}

void tensor_file_free(tensor_file *file) {
  if (!file) return;
  for (size_t i = 0; i < file->n; i++) {
    free(file->tensors[i].name);
    free(file->tensors[i].data);
  }
  free(file->tensors);
  free(file->config);
  free(file);
}

const tensor *tensor_file_find(const tensor_file *file, const char *name) {
  size_t low = 0, high = file->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(name, file->tensors[middle].name);
    if (order == 0) return &file->tensors[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const tensor *tensor_file_get(const tensor_file *file, const char *name) {
  const tensor *t = tensor_file_find(file, name);
  REQUIRE(t, "there is no tensor %s", name);
  return t;
}

float *tensor_to_floats(const tensor *t) {
  float *copy = malloc((t->n + 1) * sizeof *copy);
  REQUIRE(copy, "no memory for %s", t->name);
  for (size_t i = 0; i < t->n; i++) copy[i] = (float)t->data[i];
  return copy;
}
