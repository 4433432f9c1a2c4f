/* pool.h: threads that share out numbered pieces of work. Which thread takes which piece is chance; whoever needs the same
 * bits each time lets a piece's result depend on its number alone. Without threads (SROPE_NO_THREADS) all pieces run here. */
#ifndef SROPE_BASE_POOL_H
#define SROPE_BASE_POOL_H

#include "sirenrope/sirenrope.h"

/* srope_pool itself, its making and its end are in the public header. */

/* Calls work(context, piece, thread) for every piece 0 .. n-1, thread 0 .. n_threads-1; returns when all are done. */
typedef void (*srope_work)(void *context, size_t piece, uint32_t thread);
void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context);

#endif
