/* distributed.c: see distributed.h. */
#include "train/distributed.h"

#ifdef SROPE_HAVE_MPI

#include <mpi.h>

enum { PIECE = 1 << 24 }; /* elements of one message: counts are ints */

srope_distributed srope_distributed_begin(void) {
  srope_distributed all;
  int provided;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &all.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &all.size);
  return all;
}

void srope_distributed_end(void) { MPI_Finalize(); }

int srope_distributed_local(const srope_distributed *all) {
  MPI_Comm here;
  int n = all->size;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, all->rank, MPI_INFO_NULL, &here);
  MPI_Comm_size(here, &n);
  MPI_Comm_free(&here);
  return n;
}

void srope_distributed_abort(const srope_distributed *all) {
  if (all->size > 1) MPI_Abort(MPI_COMM_WORLD, 1);
}

void srope_distributed_sum_floats(const srope_distributed *all, float *x, size_t n) {
  if (all->size == 1) return;
  for (size_t at = 0; at < n; at += PIECE)
    MPI_Allreduce(MPI_IN_PLACE, x + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

void srope_distributed_sum_doubles(const srope_distributed *all, double *x, size_t n) {
  if (all->size == 1) return;
  for (size_t at = 0; at < n; at += PIECE)
    MPI_Allreduce(MPI_IN_PLACE, x + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

bool srope_distributed_any(const srope_distributed *all, bool mine) {
  int any = mine;
  if (all->size > 1) MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any != 0;
}

void srope_distributed_wait(const srope_distributed *all) {
  if (all->size > 1) MPI_Barrier(MPI_COMM_WORLD);
}

#else

srope_distributed srope_distributed_begin(void) { return (srope_distributed){0, 1}; }
void srope_distributed_end(void) {}
int srope_distributed_local(const srope_distributed *all) { return all->size; }
void srope_distributed_abort(const srope_distributed *all) { (void)all; }
void srope_distributed_sum_floats(const srope_distributed *all, float *x, size_t n) { (void)all, (void)x, (void)n; }
void srope_distributed_sum_doubles(const srope_distributed *all, double *x, size_t n) { (void)all, (void)x, (void)n; }
bool srope_distributed_any(const srope_distributed *all, bool mine) {
  (void)all;
  return mine;
}
void srope_distributed_wait(const srope_distributed *all) { (void)all; }

#endif
