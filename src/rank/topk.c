/* topk.c: probabilities and the order of a feed. Selection by a heap in the caller's array: no allocation. */
#include <stdbool.h>

#include "base/error.h"
#include "base/finite.h"
#include "model/model.h"

void srope_probabilities(const srope_model *model, const float *logits, size_t n, float *probabilities) {
  model->kernels->sigmoid(logits, probabilities, n * model->info.n_tasks);
}

/* Does a come after b in the feed? Equal scores keep the request's order; NaN (an overflowed model) goes last. */
static bool after(srope_ranked a, srope_ranked b) {
  bool a_nan = a.score != a.score, b_nan = b.score != b.score;
  if (a_nan != b_nan) return a_nan;
  if (!a_nan && a.score != b.score) return a.score < b.score;
  return a.index > b.index;
}

/* Restores the heap (its last in the feed on top) below place i. */
static void sift_down(srope_ranked *heap, size_t n, size_t i) {
  srope_ranked moving = heap[i];
  for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && after(heap[child + 1], heap[child])) child++;
    if (!after(heap[child], moving)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = moving;
}

static double score_of(const float *probabilities, const double *weights, uint32_t n_tasks) {
  double score = 0;
  for (uint32_t t = 0; t < n_tasks; t++) score += weights[t] * (double)probabilities[t];
  return score;
}

srope_status srope_rank(const srope_model *model, const float *probabilities, size_t n, const double *weights,
                        size_t limit, srope_ranked *out, size_t *n_out, srope_error *error) {
  if (!model || !n_out || (n && (!probabilities || !out)))
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "model, probabilities, out and n_out must be given");
  if (n > UINT32_MAX) return srope_fail(error, SROPE_ERR_LIMIT, "candidates", "at most 4294967295, found %zu", n);
  uint32_t n_tasks = model->info.n_tasks;
  if (!weights) weights = model->score_weights;
  for (uint32_t t = 0; t < n_tasks; t++)
    if (!srope_is_finite(weights[t]))
      return srope_fail(error, SROPE_ERR_VALUE, "weights", "the weight of %s is %g, expected a finite number",
                        model->tasks[t], weights[t]);

  /* 1. the best `kept` in a heap */
  size_t kept = limit == 0 || limit > n ? n : limit;
  for (size_t i = 0; i < n; i++) {
    srope_ranked one = {(uint32_t)i, score_of(probabilities + i * n_tasks, weights, n_tasks)};
    if (i < kept) {
      out[i] = one;
      if (i + 1 == kept)
        for (size_t j = kept / 2; j-- > 0;) sift_down(out, kept, j);
    } else if (after(out[0], one)) {
      out[0] = one;
      sift_down(out, kept, 0);
    }
  }
  /* 2. sorted by moving the last of what is left to the end */
  for (size_t end = kept; end > 1;) {
    srope_ranked last = out[0];
    out[0] = out[--end];
    out[end] = last;
    sift_down(out, end, 0);
  }
  *n_out = kept;
  return SROPE_OK;
}
