/* kernels.c: the matrix kernels alone, at sizes of a model's layers: c (64, 512) = bias + a (64, k) · b (k, 512).
 * Float for k = 128, 256, 512, 1024, then int8 for the same, quantised activations given. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "machine.h"

enum { M = KERNELS_ROWS, N = KERNELS_COLUMNS, MAX_K = 1024 };
static const uint32_t sizes[] = {128, 256, 512, 1024};

static struct {
  const srope_kernels *kernels;
  float a[M * MAX_K], w[N * MAX_K], bias[N + 64], c[M * N];
  int8_t bytes[N * MAX_K];
  float *packed;
  int8_t *panels;
  int32_t *sum;
  float *scale, quanta_scale[M];
  int32_t quanta_zero[M];
  void *quanta;
  uint32_t packed_k;
} work;

/* Whole numbers -50 .. 50 that repeat after long. */
static int noise(uint32_t i) { return (int)(i * 2654435761U >> 16) % 101 - 50; }

static void *allocate(size_t n) {
  void *memory = calloc(1, n + 64);
  if (memory == NULL) abort();
  return memory;
}

static void begin(const srope_kernels *kernels) {
  work.kernels = kernels;
  for (uint32_t i = 0; i < M * MAX_K; i++) work.a[i] = (float)noise(i) / 50;
  for (uint32_t i = 0; i < N * MAX_K; i++) {
    work.bytes[i] = (int8_t)noise(i + 7);
    work.w[i] = (float)work.bytes[i] / 500;
  }
  work.packed = allocate(srope_packed_size(kernels->nr, N, MAX_K) * sizeof(float));
  work.panels = allocate(srope_packed_int8_size(kernels, N, MAX_K));
  size_t columns = srope_padded_size(kernels->nr_int8, N);
  work.sum = allocate(columns * sizeof(int32_t));
  work.scale = allocate(columns * sizeof(float));
  for (size_t i = 0; i < columns; i++) work.scale[i] = 0.01F;
  work.quanta = allocate(M * srope_quanta_stride(kernels, MAX_K) * kernels->quantum_bytes);
}

static float matmul(uint32_t repeats, uint32_t k) {
  const srope_kernels *kernels = work.kernels;
  if (work.packed_k != k) srope_pack(kernels->nr, work.w, N, k, work.packed);
  work.packed_k = k;
  for (uint32_t r = 0; r < repeats; r++)
    kernels->matmul(work.a, k, work.packed, (size_t)kernels->nr * k, work.bias, work.c, N, M, N, k);
  return work.c[0];
}

static float matmul_int8(uint32_t repeats, uint32_t k) {
  static uint32_t packed_k;
  static bool is_tight;
  const srope_kernels *kernels = work.kernels;
  const srope_quanta quanta = {work.quanta, work.quanta_scale, work.quanta_zero};
  if (packed_k != k) {
    is_tight = srope_pack_int8(kernels, work.bytes, k, N, k, work.panels, work.sum);
    kernels->quantize(work.a, k, &quanta, M, k);
  }
  packed_k = k;
  const srope_int8_matrix b = {work.panels, work.scale, work.sum, is_tight, k, NULL};
  for (uint32_t r = 0; r < repeats; r++) kernels->matmul_int8(&quanta, &b, work.bias, 0, work.c, N, M, N);
  return work.c[0];
}

machine_loop kernels_loop(const char *isa, uint32_t index) {
  static char name[64];
  const srope_kernels *kernels = srope_kernels_find(isa);
  if (kernels == NULL || index >= KERNELS_LOOPS) return (machine_loop){0};
  if (work.kernels != kernels) begin(kernels);
  uint32_t k = sizes[index % 4];
  snprintf(name, sizeof name, "%s%s matmul %u", isa, index < 4 ? "" : "-int8", k);
  return (machine_loop){name, 2.0 * M * N * k, index < 4 ? matmul : matmul_int8, k};
}
