/* pool.c: see pool.h. */
#include "train/pool.h"

#include <stdlib.h>

#include "base/error.h"

#ifdef SROPE_NO_THREADS

struct srope_pool {
  int nothing;
};

srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error) {
  (void)n_threads;
  *out = calloc(1, sizeof **out);
  return *out ? SROPE_OK : srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a pool");
}
void srope_pool_free(srope_pool *pool) { free(pool); }
uint32_t srope_pool_threads(const srope_pool *pool) {
  (void)pool;
  return 1;
}
void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context) {
  (void)pool;
  for (size_t i = 0; i < n; i++) work(context, i, 0);
}

#else

#include <pthread.h>
#include <stdatomic.h>

typedef struct worker {
  srope_pool *pool;
  uint32_t number;
  pthread_t thread;
} worker;

struct srope_pool {
  uint32_t n_threads;
  worker *workers; /* (n_threads - 1), those beside the caller */
  uint32_t n_started;
  pthread_mutex_t lock;
  pthread_cond_t begin, end;
  uint64_t round; /* of work, counted */
  uint32_t n_busy;
  bool closing;
  /* the round's work */
  srope_work work;
  void *context;
  size_t n;
  atomic_size_t next;
};

static void take_pieces(srope_pool *pool, uint32_t thread) {
  for (size_t piece; (piece = atomic_fetch_add(&pool->next, 1)) < pool->n;) pool->work(pool->context, piece, thread);
}

static void *run_worker(void *argument) {
  const worker *self = argument;
  srope_pool *pool = self->pool;
  uint64_t seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (pool->round == seen && !pool->closing) pthread_cond_wait(&pool->begin, &pool->lock);
    if (pool->closing) break;
    seen = pool->round;
    pthread_mutex_unlock(&pool->lock);
    take_pieces(pool, self->number);
    pthread_mutex_lock(&pool->lock);
    if (--pool->n_busy == 0) pthread_cond_signal(&pool->end);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error) {
  srope_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a pool");
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->begin, NULL);
  pthread_cond_init(&pool->end, NULL);
  pool->n_threads = n_threads > 0 ? n_threads : 1;
  pool->workers = calloc(pool->n_threads, sizeof *pool->workers);
  bool started = pool->workers != NULL;
  for (uint32_t i = 0; started && i + 1 < pool->n_threads; i++) {
    pool->workers[i] = (worker){.pool = pool, .number = i + 1};
    started = pthread_create(&pool->workers[i].thread, NULL, run_worker, &pool->workers[i]) == 0;
    pool->n_started += started;
  }
  if (!started) {
    srope_pool_free(pool);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "could not start %u threads", n_threads);
  }
  *out = pool;
  return SROPE_OK;
}

void srope_pool_free(srope_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->closing = true;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; i < pool->n_started; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->begin);
  pthread_cond_destroy(&pool->end);
  pthread_mutex_destroy(&pool->lock);
  free(pool->workers);
  free(pool);
}

uint32_t srope_pool_threads(const srope_pool *pool) { return pool->n_threads; }

void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context) {
  pthread_mutex_lock(&pool->lock);
  pool->work = work;
  pool->context = context;
  pool->n = n;
  atomic_store(&pool->next, 0);
  pool->n_busy = pool->n_started;
  pool->round++;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  take_pieces(pool, 0);
  pthread_mutex_lock(&pool->lock);
  while (pool->n_busy > 0) pthread_cond_wait(&pool->end, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

#endif
