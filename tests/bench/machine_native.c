/* machine_native.c: the program that runs every loop of this machine, some milliseconds at a time and in turn, and prints
 * {"name": best GFLOP/s (int8: Gop/s), …}. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "machine.h"

enum { ROUNDS = 60, MAX_LOOPS = 128 };
static const double block_s = 2e-3;

static double read_clock_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* GFLOP/s of the best of several blocks. */
static double measure(const machine_loop *loop) {
  static volatile float result;
  uint32_t repeats = 1;
  double best = 0;
  for (int round = 0; round < ROUNDS;) {
    double start_s = read_clock_s();
    result = loop->run(repeats, loop->k);
    double s = read_clock_s() - start_s;
    if (s < block_s && repeats < 1U << 30) {
      repeats *= 2;
      continue;
    }
    double rate = loop->operations * repeats / s * 1e-9;
    if (rate > best) best = rate;
    round++;
  }
  (void)result;
  return best;
}

static const char *between = "";
static void print(const machine_loop *loop) {
  printf("%s\"%s\":%.3f", between, loop->name, measure(loop));
  between = ",\n ";
}

int main(void) {
  putchar('{');
  const machine_loops peaks[] = {
    peak_scalar(),
#if defined(__x86_64__)
    peak_avx2(),
    peak_avx512(),
#endif
  };
  for (size_t p = 0; p < sizeof peaks / sizeof peaks[0]; p++)
    for (uint32_t i = 0; i < peaks[p].n; i++) print(&peaks[p].loops[i]);
  static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
  for (size_t a = 0; a < sizeof isas / sizeof isas[0]; a++)
    for (uint32_t i = 0; i < KERNELS_LOOPS; i++) {
      machine_loop loop = kernels_loop(isas[a], i);
      if (loop.run != NULL) print(&loop);
    }
  puts("}");
  return 0;
}
