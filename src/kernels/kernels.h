/* kernels.h: the table of leaf maths that a model owns, one per instruction set.
 * Kernels know nothing of models: numbers in, numbers out, no allocation, no errors. Every row of a matrix kernel is
 * computed alone and in the same order whatever the other rows are, so results never depend on batching. */
#ifndef SROPE_KERNELS_KERNELS_H
#define SROPE_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A matrix (n_in, n_out) in panels of `nr` columns: panel p holds columns p·nr .. p·nr+nr-1 as [n_in][nr], zero-padded.
 * Panels are `stride` floats apart (n_in·nr when dense). */

/* A matrix (n_in, n_out) of bytes, with a scale for each column: element = byte · scale[column]. Panel p holds columns
 * p·nr_int8 .. as [n_in padded to k_step / k_group][nr_int8][k_group], zero-padded. */
typedef struct srope_int8_matrix {
  const int8_t *panels; /* -127 .. 127 */
  const float *scale;   /* (n_out, padded to nr_int8) */
  const int32_t *sum;   /* (n_out, padded to nr_int8): of each column's bytes */
  bool is_tight;        /* srope_pack_int8's answer for all of it */
  uint32_t n_in;
  const struct srope_int8_matrix
      *next; /* of the same weight: its next inputs, which are quantised by themselves; or NULL */
} srope_int8_matrix;

/* Rows of floats as whole numbers 0 .. 127 of `quantum_bytes` each, srope_quanta_stride apart:
 * float = (quantum - zero) · scale, off by at most scale / 2. */
typedef struct srope_quanta {
  void *quantum;
  float *scale;  /* by row */
  int32_t *zero; /* by row */
} srope_quanta;

typedef struct srope_kernels {
  const char *isa;
  uint32_t nr; /* columns of a panel */
  uint32_t nr_int8, k_group, k_step, quantum_bytes;

  /* c (m, n) = bias (n, padded to nr; NULL = 0) + a (m, k) · b (k, n) in panels. lda, ldc in floats. */
  void (*matmul)(const float *a, size_t lda, const float *b, size_t stride, const float *bias, float *c, size_t ldc,
                 size_t m, size_t n, size_t k);
  void (*relu)(float *x, size_t n);
  void (*silu)(float *x, size_t n);              /* x / (1 + exp(-x)) */
  void (*sine)(float *x, size_t n, float omega); /* sin(omega · x), any size of argument */
  void (*sigmoid)(const float *x, float *y, size_t n);
  void (*add)(const float *x, const float *y, float *z, size_t n);     /* z = x + y */
  void (*add_scaled)(float *x, const float *y, float scale, size_t n); /* x += scale · y */
  /* y (m, d) = LayerNorm(x (m, d)) · gain + bias, eps 1e-5 */
  void (*layer_norm)(const float *x, const float *gain, const float *bias, float *y, size_t m, size_t d);
  /* x (n) -> exp(scale·x - max) / sum over the first n >= 1; x[n .. n_padded-1] = 0; n_padded a multiple of nr */
  void (*softmax)(float *x, size_t n, size_t n_padded, float scale);
  /* The pairs (x[2j], x[2j+1]) of n_heads heads of d_head floats turned by their angles, in place. cosine and sine
   * (d_head): for pair j, cosine[2j] = cosine[2j+1] = cos, sine[2j] = -sin, sine[2j+1] = sin. */
  void (*rotate)(float *x, const float *cosine, const float *sine, size_t n_heads, size_t d_head);
  /* q (m, k) = x (m, k), each row by its own smallest and largest number. The same on every instruction set. */
  void (*quantize)(const float *x, size_t ldx, const srope_quanta *q, size_t m, size_t k);
  /* c (m, n) = bias + a (m, b->n_in) · b (b->n_in, n). bias (m, n), which may be c; ldbias 0 = one row for all; NULL = 0.
   * Sums of whole numbers, so the same on every instruction set: n_in <= SROPE_INT8_MAX_K keeps them within 32 bits. */
  void (*matmul_int8)(const srope_quanta *a, const srope_int8_matrix *b, const float *bias, size_t ldbias, float *c,
                      size_t ldc, size_t m, size_t n);
} srope_kernels;

enum { SROPE_INT8_MAX_K = 32768, SROPE_INT8_MAX = 127 };

/* The table for an instruction set's name, or the best of this machine for NULL; NULL when it is not there. Static. */
const srope_kernels *srope_kernels_find(const char *isa);

/* Floats of a packed (n_out, n_in) weight, and of its padded bias. */
size_t srope_packed_size(uint32_t nr, size_t n_out, size_t n_in);
size_t srope_padded_size(uint32_t nr, size_t n);
/* w (n_out, n_in) as PyTorch stores it -> panels. */
void srope_pack(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed);

/* Bytes of a packed (n_out, n_in) int8 weight, and elements from one row of quanta to the next. */
size_t srope_packed_int8_size(const srope_kernels *kernels, size_t n_out, size_t n_in);
size_t srope_quanta_stride(const srope_kernels *kernels, size_t k);
/* w (n_out, n_in), rows ldw apart -> panels and sum (n_out, padded to nr_int8). Whole panels may be packed one after the other, each
 * srope_packed_int8_size(kernels, nr_int8, n_in) bytes. Returns whether all rows are tight. */
bool srope_pack_int8(const srope_kernels *kernels, const int8_t *w, size_t ldw, size_t n_out, size_t n_in,
                     int8_t *packed, int32_t *sum);
/* Whether products of this row (n_in) with quanta add up within 16 bits, four at a time: some kernels are faster then.
 * In every aligned eight b0 .. b7: |b0| + |b1| + |b4| + |b5| and |b2| + |b3| + |b6| + |b7| are at most 258. */
bool srope_int8_is_tight(const int8_t *w, size_t n_in);

#endif
