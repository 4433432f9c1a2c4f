/* pool.h: threads that share out numbered pieces of work. Which thread takes which piece is chance; whoever needs the same
 * bits each time lets a piece's result depend on its number alone. Making one is public (sirenrope.h). Without threads
 * (SROPE_NO_THREADS) all pieces run here. */
#ifndef SROPE_BASE_POOL_H
#define SROPE_BASE_POOL_H

#include "sirenrope/sirenrope.h"

/* Whether this build has threads: where it has none the compiler leaves out what asks first. */
#ifdef SROPE_NO_THREADS
enum { SROPE_HAS_THREADS = 0 };
#else
enum { SROPE_HAS_THREADS = 1 };
#endif

/* Calls work(context, piece, thread) for every piece 0 .. n-1, thread 0 .. srope_pool_threads-1; returns when all are
 * done. Pool NULL: all pieces run here, as thread 0. Does not allocate. */
typedef void (*srope_work)(void *context, size_t piece, uint32_t thread);
void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context);

#endif
