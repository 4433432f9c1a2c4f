/* machine_wasm.c: the same loops as exports: machine.mjs asks for loop 0, 1, … until there is none, and times them. */
#include "machine.h"

#if defined(__wasm_relaxed_simd__)
#define PEAK peak_relaxed
#define ISA "relaxed"
#else
#define PEAK peak_simd128
#define ISA "simd128"
#endif
#define EXPORT(name) __attribute__((export_name(#name))) name

static machine_loop loop;

/* Makes loop `index` the one that runs; its name, NULL past the last. */
const char *EXPORT(machine_select)(uint32_t index) {
  machine_loops peak = PEAK();
  loop = index < peak.n ? peak.loops[index] : kernels_loop(ISA, index - peak.n);
  return loop.name;
}
double EXPORT(machine_operations)(void) { return loop.operations; }
float EXPORT(machine_run)(uint32_t repeats) { return loop.run(repeats, loop.k); }
