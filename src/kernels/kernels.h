/* kernels.h: the table of leaf maths that a model owns, one per instruction set.
 * Kernels know nothing of models: numbers in, numbers out, no allocation, no errors. Every row of a matrix kernel is
 * computed alone and in the same order whatever the other rows are, so results never depend on batching. */
#ifndef SROPE_KERNELS_KERNELS_H
#define SROPE_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* A matrix (n_in, n_out) in panels of `nr` columns: panel p holds columns p·nr .. p·nr+nr-1 as [n_in][nr], zero-padded.
 * Panels are `stride` floats apart (n_in·nr when dense). */

typedef struct srope_kernels {
  const char *isa;
  uint32_t nr; /* columns of a panel */

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
} srope_kernels;

/* The table for an instruction set's name, or the best of this machine for NULL; NULL when it is not there. Static. */
const srope_kernels *srope_kernels_find(const char *isa);

/* Floats of a packed (n_out, n_in) weight, and of its padded bias. */
size_t srope_packed_size(uint32_t nr, size_t n_out, size_t n_in);
size_t srope_padded_size(uint32_t nr, size_t n);
/* w (n_out, n_in) as PyTorch stores it -> panels. */
void srope_pack(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed);

#endif
