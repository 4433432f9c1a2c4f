/* safetensors.h: reading and writing .safetensors bytes, trusting nothing.
 * In:  the bytes of a whole file (borrowed: they must outlive the reader), or of its header alone.
 * Out: its tensors (name, dtype, shape, place) and metadata, each rule of the format checked: an 8-byte length, a JSON
 *      object of that length, for every tensor exactly dtype, shape and data_offsets, sizes that are what shape and dtype
 *      say, no overlap, no hole, nothing after the last, no name twice.
 * Not here: files, models. Numbers are little-endian, as in the format; so must the machine be.
 */
#ifndef SROPE_MODEL_SAFETENSORS_H
#define SROPE_MODEL_SAFETENSORS_H

#include "sirenrope/sirenrope.h"

enum {
  SROPE_MAX_DIMS = 8,
  SROPE_MAX_METADATA = 256, /* entries of __metadata__ */
  SROPE_MAX_NAME_BYTES = 512
};
#define SROPE_ANY_SIZE UINT64_MAX /* stands for a size that is not fixed, in srope_shape_text */

typedef enum srope_dtype {
  SROPE_DTYPE_F32,
  SROPE_DTYPE_F16,
  SROPE_DTYPE_BF16,
  SROPE_DTYPE_F64,
  SROPE_DTYPE_I64,
  SROPE_DTYPE_I32, /* readable */
  SROPE_DTYPE_BOOL,
  SROPE_DTYPE_U8,
  SROPE_DTYPE_I8,
  SROPE_DTYPE_F8_E5M2,
  SROPE_DTYPE_F8_E4M3,
  SROPE_DTYPE_I16,
  SROPE_DTYPE_U16,
  SROPE_DTYPE_U32,
  SROPE_DTYPE_U64
} srope_dtype;

typedef struct srope_tensor {
  const char *name; /* NUL-terminated UTF-8, lives as long as the reader */
  srope_dtype dtype;
  uint32_t n_dims;
  uint64_t shape[SROPE_MAX_DIMS];
  uint64_t n;   /* elements */
  size_t begin; /* its first byte, counted from the first after the header */
  const unsigned char
      *data; /* n elements, in the borrowed bytes, at any alignment; NULL where the header is all there is */
  size_t n_bytes;
} srope_tensor;

typedef struct srope_safetensors {
  srope_tensor *tensors; /* in the order of their data */
  uint32_t n_tensors;
  const srope_tensor **by_name; /* sorted */
  size_t n_data;                /* bytes after the header */
  struct yyjson_doc *header;
} srope_safetensors;

/* Errors: FORMAT, LIMIT, MEMORY; where = "header", "header byte n" or the tensor's name. Close what was opened. */
srope_status srope_safetensors_open(const void *bytes, size_t n_bytes, srope_safetensors *file, srope_error *error);
void srope_safetensors_close(srope_safetensors *file);

/* The same for a file that arrives in pieces: from its first bytes, as many of LEAD_BYTES as it has, the length of its
 * header; then from the header's text (borrowed during the call) its tensors, without data. n_file and n_data, what the
 * whole file and all after the header take: SIZE_MAX while nobody knows. Errors: as above. */
enum { SROPE_LENGTH_BYTES = 8, SROPE_LEAD_BYTES = SROPE_LENGTH_BYTES + 1 };
srope_status srope_safetensors_lead(const unsigned char *lead, size_t n_file, size_t *n_header, srope_error *error);
srope_status srope_safetensors_read_header(const char *text, size_t n_header, size_t n_data, srope_safetensors *file,
                                           srope_error *error);

/* NULL when there is none of that name. */
const srope_tensor *srope_safetensors_find(const srope_safetensors *file, const char *name);
/* The text of a metadata key and its length in bytes; NULL when there is none. Lives as long as the reader. */
const char *srope_safetensors_metadata(const srope_safetensors *file, const char *key, size_t *n_bytes);

const char *srope_dtype_name(srope_dtype dtype);
size_t srope_dtype_size(srope_dtype dtype); /* bytes */
/* "[32, 24]" or "[32, any]", cut to fit; returns `text`. */
char *srope_shape_text(uint32_t n_dims, const uint64_t *shape, char *text, size_t capacity);

/* Elements first .. first+n-1 as numbers; false when the dtype is none of F32 F16 BF16 F64 I64 I32. The range must lie
 * inside the tensor. NaN and infinities come through. */
bool srope_tensor_read_float(const srope_tensor *tensor, uint64_t first, size_t n, float *out);
bool srope_tensor_read_double(const srope_tensor *tensor, uint64_t first, size_t n, double *out);
/* n elements of F32, F16 or BF16 at `bytes`, at any alignment; false when the dtype is another. */
bool srope_floats_read(srope_dtype dtype, const unsigned char *bytes, size_t n, float *out);

/* x (n) as float16 at `out`, which may be x itself: rounded to the nearest, ties to even; 65520 and more are infinite. */
void srope_halves_write(const float *x, size_t n, void *out);

typedef struct srope_tensor_output { /* borrows everything */
  const char *name;
  uint32_t n_dims;
  uint64_t shape[SROPE_MAX_DIMS];
  const void *data; /* elements of the dtype, at any alignment */
  srope_dtype dtype;
} srope_tensor_output;

typedef struct srope_metadata_output {
  const char *key, *value;
} srope_metadata_output;

/* A file as new bytes, tensors in the order given; free them with srope_free. Names and values are UTF-8. Errors: MEMORY. */
srope_status srope_safetensors_write(const srope_tensor_output *tensors, uint32_t n_tensors,
                                     const srope_metadata_output *metadata, uint32_t n_metadata, void **bytes,
                                     size_t *n_bytes, srope_error *error);

#endif
