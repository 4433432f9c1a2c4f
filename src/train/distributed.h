/* distributed.h: several processes that train one model: sums over all of them. With MPI (SROPE_HAVE_MPI) those that mpirun
 * started; otherwise one process, and every call does nothing. */
#ifndef SROPE_TRAIN_DISTRIBUTED_H
#define SROPE_TRAIN_DISTRIBUTED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct srope_distributed {
  int rank, size;
} srope_distributed;

/* Starts and ends it; once in a process. */
srope_distributed srope_distributed_begin(void);
void srope_distributed_end(void);
int srope_distributed_local(const srope_distributed *all); /* how many of them run on this machine */
/* Ends all processes with exit status 1, after one has failed where the others wait for it. Does nothing where it is alone. */
void srope_distributed_abort(const srope_distributed *all);

/* x (n) = the sum over all processes, the same bits in each. */
void srope_distributed_sum_floats(const srope_distributed *all, float *x, size_t n);
void srope_distributed_sum_doubles(const srope_distributed *all, double *x, size_t n);
/* true in all when true in any */
bool srope_distributed_any(const srope_distributed *all, bool mine);
void srope_distributed_wait(const srope_distributed *all);

#endif
