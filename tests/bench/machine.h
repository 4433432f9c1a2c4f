/* machine.h: loops that say what a machine can do, for shares of it: the same list natively and in WebAssembly. */
#ifndef SROPE_BENCH_MACHINE_H
#define SROPE_BENCH_MACHINE_H

#include <stdint.h>

typedef struct machine_loop {
  const char *name;  /* "avx2 12": an instruction set and its accumulators; "relaxed matmul 256" */
  double operations; /* of one repeat: a product and its addition are two */
  float (*run)(uint32_t repeats, uint32_t k); /* the result only keeps compilers from leaving the work out */
  uint32_t k;
} machine_loop;

typedef struct machine_loops {
  const machine_loop *loops;
  uint32_t n; /* 0 where this machine cannot run them */
} machine_loops;

/* peak.c, compiled once for each instruction set: multiply-adds of registers alone, in float and in int8. */
machine_loops peak_scalar(void), peak_avx2(void), peak_avx512(void), peak_simd128(void), peak_relaxed(void);

/* kernels.c: the matrix kernels of an instruction set's table, 64 rows by 512 columns; k of 128 and up. `index`: any. */
machine_loop kernels_loop(const char *isa, uint32_t index);
enum { KERNELS_LOOPS = 8, KERNELS_ROWS = 64, KERNELS_COLUMNS = 512 };

#endif
