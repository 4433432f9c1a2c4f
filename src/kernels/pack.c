/* pack.c: weights as PyTorch stores them -> panels (kernels.h says how they lie). */
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

size_t srope_padded_size(uint32_t nr, size_t n) { return (n + nr - 1) / nr * nr; }

size_t srope_packed_size(uint32_t nr, size_t n_out, size_t n_in) { return srope_padded_size(nr, n_out) * n_in; }

void srope_pack(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed) {
  memset(packed, 0, srope_packed_size(nr, n_out, n_in) * sizeof *packed);
  for (size_t out = 0; out < n_out; out++) {
    float *panel = packed + out / nr * nr * n_in + out % nr;
    for (size_t in = 0; in < n_in; in++) panel[in * nr] = w[out * n_in + in];
  }
}

static size_t padded_k(const srope_kernels *kernels, size_t k) {
  return (k + kernels->k_step - 1) / kernels->k_step * kernels->k_step;
}

size_t srope_quanta_stride(const srope_kernels *kernels, size_t k) { return padded_k(kernels, k); }

size_t srope_packed_int8_size(const srope_kernels *kernels, size_t n_out, size_t n_in) {
  return srope_padded_size(kernels->nr_int8, n_out) * padded_k(kernels, n_in);
}

bool srope_int8_is_tight(const int8_t *w, size_t n_in) {
  for (size_t first = 0; first < n_in; first += 8) {
    int sizes[2] = {0, 0};
    for (size_t i = first; i < n_in && i < first + 8; i++) sizes[i / 2 % 2] += abs(w[i]);
    if (sizes[0] > INT16_MAX / SROPE_INT8_MAX || sizes[1] > INT16_MAX / SROPE_INT8_MAX) return false;
  }
  return true;
}

bool srope_pack_int8(const srope_kernels *kernels, const int8_t *w, size_t ldw, size_t n_out, size_t n_in,
                     int8_t *packed, int32_t *sum) {
  size_t nr = kernels->nr_int8, group = kernels->k_group, k = padded_k(kernels, n_in);
  bool is_tight = true;
  memset(packed, 0, srope_packed_int8_size(kernels, n_out, n_in));
  memset(sum, 0, srope_padded_size((uint32_t)nr, n_out) * sizeof *sum);
  for (size_t out = 0; out < n_out; out++, w += ldw) {
    int8_t *column = packed + out / nr * nr * k + out % nr * group;
    for (size_t in = 0; in < n_in; in++) {
      column[in / group * group * nr + in % group] = w[in];
      sum[out] += w[in];
    }
    is_tight = is_tight && srope_int8_is_tight(w, n_in);
  }
  return is_tight;
}
