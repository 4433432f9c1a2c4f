/* pack.c: weights as PyTorch stores them -> panels of nr columns (kernels.h says how they lie). */
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
