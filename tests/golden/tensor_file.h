/* tensor_file.h: the tests' own reader of safetensors files, so that the library's loader is not checked against
 * itself. In: bytes of a file that the tests made or shipped. Out: every tensor as doubles, and the configuration's
 * text. It trusts its input: a file it cannot read ends the test program with a message. */
#ifndef SROPE_TESTS_TENSOR_FILE_H
#define SROPE_TESTS_TENSOR_FILE_H

#include <stddef.h>

typedef struct tensor {
  char *name;
  size_t n_dims, shape[8];
  size_t n;     /* elements */
  double *data; /* (n), whatever the file's dtype */
} tensor;

typedef struct tensor_file {
  tensor *tensors; /* by name */
  size_t n;
  char *config; /* the metadata's `siren_rope` or `config`; NULL when neither is there */
} tensor_file;

/* The whole file in one block: free() it. */
unsigned char *tensor_file_read(const char *path, size_t *n_bytes);

tensor_file *tensor_file_parse(const void *bytes, size_t n_bytes);
void tensor_file_free(tensor_file *file);

const tensor *tensor_file_find(const tensor_file *file, const char *name); /* NULL when it is not there */
const tensor *tensor_file_get(const tensor_file *file, const char *name);  /* ends the program when it is not there */
float *tensor_to_floats(const tensor *t);                                  /* a copy: free() it */

#endif
