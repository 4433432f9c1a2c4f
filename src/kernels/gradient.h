/* gradient.h: the table of leaf maths that only training needs, one per instruction set; apart from kernels.h, so that
 * programs that only rank do not carry it. Same contract: numbers in, numbers out, additions in the order written. */
#ifndef SROPE_KERNELS_GRADIENT_H
#define SROPE_KERNELS_GRADIENT_H

#include <stddef.h>
#include <stdint.h>

typedef struct srope_adam { /* one step's numbers */
  float rate;               /* learning rate / (1 - beta1^t) */
  float keep;               /* 1 - learning rate · decay: AdamW's decay of the value */
  float l2;                 /* decay added to the gradient: Adam's */
  float beta1, beta2, eps;
  float rest1, rest2; /* 1 - beta, rounded once: 1 - 0.999f is 1e-5 off */
  float inverse_root; /* 1 / sqrt(1 - beta2^t) */
  float scale;        /* of the gradient: 1 / labels, and clipping */
} srope_adam;

typedef struct srope_gradient_kernels {
  const char *isa;

  /* c (n_a, n_b) += a (m, n_a)^T · b (m, n_b): a weight's gradient from dy and x. lda, ldb, ldc in floats. */
  void (*outer)(const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc, size_t m, size_t n_a,
                size_t n_b);
  void (*column_sum)(const float *x, float *sum, size_t m, size_t n); /* sum (n) += rows of x (m, n) */

  /* dx (n) from dy (n), in place of dy. silu, sine: x before the activation; relu: y after it. */
  void (*silu_backward)(const float *x, float *dy, size_t n);
  void (*relu_backward)(const float *y, float *dy, size_t n);
  void (*sine_backward)(const float *x, float *dy, size_t n, float omega);
  /* dx (m, d) += the gradient through LayerNorm at x; dgain, dbias (d) += theirs. */
  void (*layer_norm_backward)(const float *x, const float *gain, const float *dy, float *dx, float *dgain, float *dbias,
                              size_t m, size_t d);
  /* dp (n) -> the gradient of the scores before scale and softmax; p (n) the probabilities */
  void (*softmax_backward)(const float *p, float *dp, size_t n, float scale);

  double (*sum_squares)(const float *x, size_t n);
  /* One step of Adam (PyTorch's order of operations) on n numbers; moments first, second. */
  void (*adam)(float *value, const float *gradient, float *first, float *second, size_t n, const srope_adam *step);
} srope_gradient_kernels;

/* The table of the instruction set that a model's kernels are of; never NULL for a name of srope_kernels. Static. */
const srope_gradient_kernels *srope_gradient_kernels_find(const char *isa);

#endif
