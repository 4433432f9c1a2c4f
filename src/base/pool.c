/* pool.c: see pool.h. */
#include "base/pool.h"

#include <stdlib.h>

#include "base/error.h"

static srope_status check_threads(uint32_t n_threads, srope_pool *const *out, srope_error *error) {
  if (!out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "a place for the pool must be given");
  if (n_threads >= 1 && n_threads <= SROPE_MAX_THREADS) return SROPE_OK;
  return srope_fail(error, SROPE_ERR_LIMIT, "threads", "expected 1 to %d threads, asked for %u", SROPE_MAX_THREADS,
                    n_threads);
}

static void run_here(size_t n, srope_work work, void *context) {
  for (size_t piece = 0; piece < n; piece++) work(context, piece, 0);
}

#ifdef SROPE_NO_THREADS

struct srope_pool {
  uint32_t n_threads;
};

srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error) {
  srope_status status = check_threads(n_threads, out, error);
  if (status) return status;
  if (n_threads > 1) return srope_fail(error, SROPE_ERR_UNSUPPORTED, "threads", "this build has no threads");
  srope_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a pool");
  pool->n_threads = 1;
  *out = pool;
  return SROPE_OK;
}
void srope_pool_free(srope_pool *pool) { free(pool); }
uint32_t srope_pool_threads(const srope_pool *pool) {
  (void)pool;
  return 1;
}
void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context) {
  (void)pool;
  run_here(n, work, context);
}

#else

#include <pthread.h>
#include <stdatomic.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

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
  atomic_uint_fast64_t round; /* of work, counted */
  bool open;                  /* the round has pieces that nobody took, as far as is known */
  bool closing;
  uint32_t n_busy; /* workers in the round: who wakes up too late stays out, and nobody waits for it */
  /* the round's work */
  srope_work work;
  void *context;
  size_t n;
  atomic_size_t next;
};

static void take_pieces(srope_pool *pool, uint32_t thread) {
  for (size_t piece; (piece = atomic_fetch_add(&pool->next, 1)) < pool->n;) pool->work(pool->context, piece, thread);
}

/* The next round often comes at once: waiting for it awake, some 20 µs, spares both sides the system's waking. */
static void await_round(srope_pool *pool, uint64_t seen) {
  for (int i = 0; i < 2000 && atomic_load_explicit(&pool->round, memory_order_relaxed) == seen; i++) PAUSE();
}

static void *run_worker(void *argument) {
  const worker *self = argument;
  srope_pool *pool = self->pool;
  uint64_t seen = 0;
  for (;;) {
    await_round(pool, seen);
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing && !(pool->open && pool->round != seen)) pthread_cond_wait(&pool->begin, &pool->lock);
    if (pool->closing) break;
    seen = pool->round;
    pool->n_busy++;
    pthread_mutex_unlock(&pool->lock);
    take_pieces(pool, self->number);
    pthread_mutex_lock(&pool->lock);
    pool->open = false;
    if (--pool->n_busy == 0) pthread_cond_signal(&pool->end);
    pthread_mutex_unlock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

srope_status srope_pool_create(uint32_t n_threads, srope_pool **out, srope_error *error) {
  srope_status status = check_threads(n_threads, out, error);
  if (status) return status;
  srope_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a pool");
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->begin, NULL);
  pthread_cond_init(&pool->end, NULL);
  pool->n_threads = n_threads;
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

uint32_t srope_pool_threads(const srope_pool *pool) { return pool ? pool->n_threads : 1; }

void srope_pool_run(srope_pool *pool, size_t n, srope_work work, void *context) {
  if (!pool || pool->n_started == 0 || n < 2) {
    run_here(n, work, context);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->work = work;
  pool->context = context;
  pool->n = n;
  atomic_store(&pool->next, 0);
  pool->open = true;
  pool->round++;
  pthread_cond_broadcast(&pool->begin);
  pthread_mutex_unlock(&pool->lock);
  take_pieces(pool, 0);
  pthread_mutex_lock(&pool->lock);
  pool->open = false;
  while (pool->n_busy > 0) pthread_cond_wait(&pool->end, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

#endif
