/* pool.h: threads that share out numbered pieces of work. Which thread takes which piece is chance; whoever needs the same
 * bits each time lets a piece's result depend on its number alone. Without threads (SROPE_NO_THREADS) all pieces run here. */
#ifndef SROPE_TRAIN_POOL_H
#define SROPE_TRAIN_POOL_H

#include "sirenrope/sirenrope.h"

typedef struct srope_pool srope_pool;

/* `n_threads` workers in all, the caller among them. Errors: MEMORY. */
srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error);
void srope_pool_free(srope_pool *pool);
uint32_t srope_pool_threads(const srope_pool *pool);

/* Calls work(context, piece, thread) for every piece 0 .. n-1, thread 0 .. n_threads-1; returns when all are done. */
typedef void (*srope_work)(void *context, size_t piece, uint32_t thread);
void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context);

#endif
