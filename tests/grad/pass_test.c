/* pass_test.c: several sequences through the whole network and back (train/pass.h), for random models: every
 * parameter's and every vector's gradient against central differences of the naive network's loss in double
 * precision, with and without dropout (whose masks the naive network is given); logits equal those of ranking to the
 * bit; and nothing depends on which sequences go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden_list.h"
#include "grad/learner.h"
#include "nn/loss.h"
#include "train/dropout.h"

enum { N_MODELS = 20, MOST_SEQUENCES = 5 };

/* Of a tensor's largest element: what float32 loses on its way through the whole network and back, 1e-5 at worst of
 * all these models; the angle networks (sin of 10 times a sum, up to four deep, times a frequency) magnify it. The
 * floor, of the largest element of any tensor's gradient, is for tensors whose gradient is zero or nearly so. */
static const double tolerance = 5e-5, zero = 2e-6;

static size_t n_checks, n_tensors;
static double worst_check;

/* ---------------------------------------------------------------- models and batches */

static model_sizes sizes_of(uint64_t number) {
  random_source random = {5000 + number};
  model_sizes sizes;
  do sizes = model_sizes_random(&random);
  while (sizes.k * sizes.h < 6 || sizes.k * sizes.h > 36 || sizes.l > 3); /* differences take their time */
  return sizes;
}

static const uint32_t lengths[][MOST_SEQUENCES] = {{1, 6, 4, 9, 2}, {11, 1, 1, 7, 2}, {1, 2, 3, 17, 1}};

typedef struct loss_context { /* the naive network's loss of a batch */
  const reference *r;
  batch *b;
  const srope_dropout *dropout; /* NULL = none */
  size_t row;                   /* of the sequence at work */
} loss_context;

/* The library's mask, which is what this hook makes of ones. */
static void drop_doubles(void *context, unsigned site, double *x, size_t n, size_t width) {
  const loss_context *c = context;
  srope_dropout dropout = *c->dropout;
  dropout.tokens += c->row;
  srope_hook hook = srope_dropout_hook(&dropout);
  float *ones = malloc(n * width * sizeof *ones);
  for (size_t i = 0; i < n * width; i++) ones[i] = 1;
  hook.apply(&hook, site, ones, n, width);
  for (size_t i = 0; i < n * width; i++) x[i] *= ones[i];
  free(ones);
}

static double batch_loss(void *context) {
  loss_context *c = context;
  size_t t = c->r->t;
  double loss = 0;
  c->row = 0;
  for (size_t i = 0; i < c->b->tokens.n_sequences; c->row += c->b->length[i++]) {
    reference_tokens k = c->b->sequence[i];
    const float *label = c->b->label + c->row * t;
    double *logits = calloc(k.n * t, sizeof *logits);
    k.hook = c->dropout ? drop_doubles : NULL;
    k.hook_context = c;
    reference_run(c->r, &k, &(reference_outputs){.logits = logits});
    for (size_t e = 0; e < k.n * t; e++)
      if (!isnan(label[e])) loss += log1p(exp(-fabs(logits[e]))) + fmax(logits[e], 0) - logits[e] * label[e];
    free(logits);
  }
  return loss;
}

static srope_pass *pass_create(learner *l, const srope_tokens *tokens, bool trains) {
  size_t rounded = 0, longest = 0, to = srope_pass_rounding(l->model);
  srope_error error = {0};
  srope_pass *pass = NULL;
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    rounded += (tokens->length[i] + to - 1) / to * to;
    longest = tokens->length[i] > longest ? tokens->length[i] : longest;
  }
  assert_int_equal(srope_pass_create(l->model, tokens->m, rounded, longest, trains, &pass, &error), SROPE_OK);
  return pass;
}

/* The gradients of the batch's loss are added to the learner's; the loss is returned. */
static double run_pass(srope_pass *pass, learner *l, const srope_tokens *tokens, const float *label,
                       const srope_dropout *dropout, const srope_vector_gradients *dvectors) {
  srope_hook hook = dropout ? srope_dropout_hook(dropout) : (srope_hook){0};
  const srope_hook *maybe = dropout ? &hook : NULL;
  float *logits = (float *)srope_pass_forward(pass, tokens, maybe);
  srope_loss loss = {0};
  srope_loss_forward(l->model, logits, label, NULL, tokens->m, &loss, logits);
  srope_pass_backward(pass, tokens, maybe, logits, &l->gradients, dvectors);
  return loss.sum;
}

static double train_pass(learner *l, const srope_tokens *tokens, const float *label, const srope_dropout *dropout,
                         const srope_vector_gradients *dvectors) {
  srope_pass *pass = pass_create(l, tokens, true);
  double loss = run_pass(pass, l, tokens, label, dropout, dvectors);
  srope_pass_free(pass);
  return loss;
}

static double largest_gradient(const learner *l) {
  double largest = 0;
  for (uint32_t i = 0; i < l->model->n_parameters; i++)
    for (size_t e = 0; e < l->model->parameters[i].n; e++)
      largest = fmax(largest, fabs((double)l->of[i][e] - l->before[i][e]));
  return largest;
}

/* ---------------------------------------------------------------- differences */

/* Vectors of all tokens, found (m, width), against differences by every sequence's own. */
static void check_vectors(gradient_check *check, const char *what, batch *b, size_t member, const float *found,
                          size_t width) {
  for (size_t i = 0, row = 0; i < b->tokens.n_sequences; row += b->length[i++]) {
    reference_tokens *k = &b->sequence[i];
    double *const vectors[] = {k->item, k->action, k->context};
    check_gradient(check, what, vectors[member], k->n * width, found + row * width, NULL);
  }
}

static void check_model(uint64_t number, bool with_dropout) {
  model_sizes sizes = sizes_of(number);
  random_source random = {6000 + number};
  learner *l = learner_create(&sizes, 7000 + number, NULL);
  const srope_info *info = l->info;
  batch b = batch_random(l, &random, lengths[number % 3], MOST_SEQUENCES);
  uint64_t *keys = malloc(b.tokens.m * sizeof *keys);
  for (size_t i = 0; i < b.tokens.m; i++) keys[i] = random_next(&random);
  const srope_dropout dropout = {0.25f, random_next(&random), keys};
  loss_context c = {l->oracle, &b, with_dropout ? &dropout : NULL, 0};
  srope_vector_gradients d = {learner_floats(l, b.tokens.m * info->n_item),
                              learner_floats(l, b.tokens.m * info->n_action),
                              learner_floats(l, b.tokens.m * info->n_context)};
  learner_restart(l, &random);
  double found = train_pass(l, &b.tokens, b.label, c.dropout, &d), expected = batch_loss(&c);
  assert_true(fabs(found - expected) <= 1e-4 * expected);
  char test[64];
  snprintf(test, sizeof test, "model %d%s", (int)number, with_dropout ? " with dropout" : "");
  gradient_check check = {.test = test,
                          .loss = batch_loss,
                          .context = &c,
                          .random = &random,
                          .tolerance = tolerance,
                          .floor = zero * largest_gradient(l),
                          .most = 1};
  n_tensors += learner_check(l, &check, "");
  check.most = 0;
  check_vectors(&check, "item", &b, 0, d.item, info->n_item);
  check_vectors(&check, "action", &b, 1, d.action, info->n_action);
  check_vectors(&check, "context", &b, 2, d.context, info->n_context);
  n_checks += check.n_checked;
  worst_check = fmax(worst_check, check.worst);
  free(keys);
  batch_free(&b);
  learner_free(l);
}

static void test_differences(void **state) { check_model(*(const uint64_t *)*state, false); }
static void test_differences_with_dropout(void **state) { check_model(*(const uint64_t *)*state, true); }

/* ---------------------------------------------------------------- instruction sets, batches */

static srope_tokens one_sequence(const learner *l, const srope_tokens *all, size_t number) {
  const srope_info *info = l->info;
  size_t row = 0;
  for (size_t i = 0; i < number; i++) row += all->length[i];
  srope_tokens one = *all;
  one.n_sequences = 1;
  one.m = all->length[number];
  one.length += number;
  if (one.order_s) one.order_s += number;
  one.item += row * info->n_item;
  one.action += row * info->n_action;
  if (one.context) one.context += row * info->n_context;
  one.signal += row * info->n_signals;
  one.time_s += row;
  one.utc_offset_minutes += row;
  one.request_start += row;
  return one;
}

static void assert_gradients_near(const learner *a, const learner *b, double bound) {
  double all = largest_gradient(a);
  for (uint32_t i = 0; i < a->model->n_parameters; i++) {
    double largest = 0;
    size_t n = a->model->parameters[i].n;
    for (size_t e = 0; e < n; e++) largest = fmax(largest, fabs((double)a->of[i][e] - a->before[i][e]));
    for (size_t e = 0; e < n; e++) {
      double x = (double)a->of[i][e] - a->before[i][e], y = (double)b->of[i][e] - b->before[i][e];
      if (!(fabs(x - y) <= bound * largest + zero * all))
        fail_msg("%s[%zu]: %.9g and %.9g", a->model->parameters[i].name, e, x, y);
    }
  }
}

/* A batch in one pass, and sequence by sequence, last first, through one pass of that size: gradients agree but for
 * rounding, and nothing is left of what went through before. `together` is left with those of the batch. */
static void check_cut(learner *together, learner *alone, random_source *random, const batch *b) {
  const srope_vector_gradients none = {0};
  size_t t = together->info->n_tasks;
  learner_restart(together, random);
  learner_restart(alone, random);
  double loss = train_pass(together, &b->tokens, b->label, NULL, &none), sum = 0;
  size_t row = b->tokens.m;
  srope_pass *pass = pass_create(alone, &b->tokens, true);
  for (size_t i = b->tokens.n_sequences; i-- > 0;) {
    srope_tokens one = one_sequence(together, &b->tokens, i);
    row -= one.m;
    sum += run_pass(pass, alone, &one, b->label + row * t, NULL, &none);
  }
  srope_pass_free(pass);
  assert_true(loss == sum || fabs(loss - sum) <= 1e-12 * loss);
  assert_gradients_near(together, alone, 2e-5);
}

static void test_cuts(void **state) {
  uint64_t number = *(const uint64_t *)*state;
  model_sizes sizes = sizes_of(number);
  learner *best = NULL;
  for (int i = GOLDEN_ISA_COUNT;
       i-- > 0;) { /* the best first; the others' gradients are as near as their arithmetic is */
    random_source random = {6500 + number};
    learner *together = learner_create(&sizes, 7000 + number, golden_isas[i]);
    learner *alone = learner_create(&sizes, 7000 + number, golden_isas[i]);
    if (!together) continue;
    batch b = batch_random(together, &random, lengths[number % 3], MOST_SEQUENCES);
    check_cut(together, alone, &random, &b);
    batch_free(&b);
    learner_free(alone);
    if (best) assert_gradients_near(best, together, tolerance);
    if (best) learner_free(together);
    if (!best) best = together;
  }
  learner_free(best);
}

/* ---------------------------------------------------------------- training sees what ranking computes */

static void assert_same_bits(const float *a, const float *b, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    if (memcmp(a + i, b + i, sizeof *a) != 0) fail_msg("%s: logit %zu is %.9g and %.9g", what, i, a[i], b[i]);
}

/* One sequence through srope_sequence_forward, its requests as names. */
static float *rank_sequence(learner *l, const srope_tokens *one) {
  srope_error error = {0};
  float *logits = learner_floats(l, one->m * l->info->n_tasks);
  uint64_t *request = malloc(one->m * sizeof *request);
  for (size_t i = 0; i < one->m; i++) request[i] = 1 + one->request_start[i];
  const srope_events events = {.n = one->m,
                               .item = one->item,
                               .action = one->action,
                               .time_s = one->time_s,
                               .signal = one->signal,
                               .request = request,
                               .utc_offset_minutes = one->utc_offset_minutes,
                               .context = one->context};
  if (srope_sequence_forward(l->model, &events, NAN, &(srope_sequence_outputs){.logits = logits}, &error))
    fail_msg("%s (%s)", error.message, error.where);
  free(request);
  return logits;
}

static void check_forward(learner *l, random_source *random, const uint32_t *length, size_t n_sequences) {
  batch b = batch_random(l, random, length, n_sequences);
  size_t t = l->info->n_tasks, row = 0;
  b.tokens.order_s = NULL; /* the lengths, as in srope_sequence_forward */
  srope_pass *trains = pass_create(l, &b.tokens, true), *predicts = pass_create(l, &b.tokens, false);
  const float *logits = srope_pass_forward(trains, &b.tokens, NULL);
  assert_same_bits(srope_pass_forward(predicts, &b.tokens, NULL), logits, b.tokens.m * t, "without states");
  for (size_t i = 0; i < n_sequences; row += length[i++]) {
    srope_tokens one = one_sequence(l, &b.tokens, i);
    assert_same_bits(rank_sequence(l, &one), logits + row * t, one.m * t, "ranking");
    assert_same_bits(srope_pass_forward(predicts, &one, NULL), logits + row * t, one.m * t, "alone");
  }
  srope_pass_free(trains);
  srope_pass_free(predicts);
  batch_free(&b);
}

static void test_forward(void **state) {
  uint64_t number = *(const uint64_t *)*state;
  random_source random = {9000 + number}, of_model = {8000 + number};
  model_sizes sizes = model_sizes_random(&of_model); /* large ones too: nothing is differenced */
  for (int i = 0; i < GOLDEN_ISA_COUNT; i++) {
    learner *l = learner_create(&sizes, 8100 + number, golden_isas[i]);
    if (!l) continue;
    check_forward(l, &random, lengths[number % 3], MOST_SEQUENCES);
    check_forward(l, &random, (const uint32_t[]){66, 1, 40}, 3);
    learner_free(l);
  }
}

/* ---------------------------------------------------------------- dropout */

static float *dropped_ones(const srope_dropout *dropout, uint32_t site, size_t m, size_t width) {
  srope_hook hook = srope_dropout_hook(dropout);
  float *x = malloc(m * width * sizeof *x);
  for (size_t i = 0; i < m * width; i++) x[i] = 1;
  hook.apply(&hook, site, x, m, width);
  return x;
}

/* Kept elements are divided by what is kept of the rate as it is taken (1/65536 steps), and their mean stays 1:
 * within five standard errors. */
static void check_rate(float rate) {
  enum { M = 997, WIDTH = 37 };
  uint64_t tokens[M];
  for (size_t i = 0; i < M; i++) tokens[i] = i * i;
  const srope_dropout dropout = {rate, 12345, tokens};
  float *x = dropped_ones(&dropout, 3, M, WIDTH);
  double sum = 0, taken = floor((double)rate * 65536) / 65536, n = M * WIDTH;
  for (size_t i = 0; i < M * WIDTH; i++) {
    assert_true(x[i] == 0 || fabs(x[i] * (1 - taken) - 1) < 1e-6);
    sum += x[i];
  }
  assert_true(fabs(sum / n - 1) <= 5 * sqrt(taken / (1 - taken) / n));
  if (rate == 0)
    for (size_t i = 0; i < M * WIDTH; i++) assert_true(x[i] == 1);
  free(x);
}

static void test_dropout_keeps_the_mean(void **state) {
  (void)state;
  static const float rates[] = {0, 1e-3f, 0.1f, 0.2f, 0.5f, 0.9f};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) check_rate(rates[i]);
}

static size_t count_equal(const float *a, const float *b, size_t n) {
  size_t equal = 0;
  for (size_t i = 0; i < n; i++) equal += a[i] == b[i];
  return equal;
}

/* A mask depends on key, token, site and element, and on nothing else. */
static void test_dropout_masks(void **state) {
  (void)state;
  enum { M = 200, WIDTH = 19, N = M * WIDTH };
  uint64_t tokens[M];
  for (size_t i = 0; i < M; i++) tokens[i] = 1000 + i;
  const srope_dropout dropout = {0.5f, 77, tokens}, other_key = {0.5f, 78, tokens}, later = {0.5f, 77, tokens + 50};
  float *x = dropped_ones(&dropout, 1, M, WIDTH), *again = dropped_ones(&dropout, 1, M, WIDTH);
  float *site = dropped_ones(&dropout, 2, M, WIDTH), *key = dropped_ones(&other_key, 1, M, WIDTH);
  float *rest = dropped_ones(&later, 1, M - 50, WIDTH);
  assert_memory_equal(x, again, N * sizeof *x);
  assert_memory_equal(x + 50 * WIDTH, rest, (N - 50 * WIDTH) * sizeof *x);
  size_t few = N / 2 - 5 * 31, many = N / 2 + 5 * 31; /* five standard deviations of N fair coins */
  assert_in_range(count_equal(x, site, N), few, many);
  assert_in_range(count_equal(x, key, N), few, many);
  assert_in_range(count_equal(x, x + WIDTH, N - WIDTH), few, many); /* rows */
  assert_in_range(count_equal(x, x + 1, N - 1), few, many);         /* columns */
  assert_in_range(count_equal(x, x + 4, N - 4), few, many);
  size_t n_dropped = 0;
  for (size_t i = 0; i < M; i++) n_dropped += srope_dropout_drops(&dropout, tokens[i], 1 << 16);
  assert_in_range(n_dropped, 65, 135);
  float *owned[] = {x, again, site, key, rest};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

int main(void) {
  static const struct CMUnitTest per_model[] = {cmocka_unit_test(test_differences),
                                                cmocka_unit_test(test_differences_with_dropout),
                                                cmocka_unit_test(test_cuts), cmocka_unit_test(test_forward)};
  enum { N_PER_MODEL = sizeof per_model / sizeof *per_model, N = N_MODELS * N_PER_MODEL };
  static struct CMUnitTest tests[N + 2] = {cmocka_unit_test(test_dropout_keeps_the_mean),
                                           cmocka_unit_test(test_dropout_masks)};
  static char names[N][64];
  static uint64_t numbers[N_MODELS];
  size_t n = 2;
  for (size_t i = 0; i < N; i++) {
    uint64_t number = numbers[i % N_MODELS] = i % N_MODELS;
    size_t test = i / N_MODELS;
    if (test < 2 && test != number % 2) continue; /* differences with dropout for every other model */
    snprintf(names[i], sizeof names[i], "%s %d", per_model[test].name, (int)number);
    tests[n] = per_model[test];
    tests[n].name = names[i];
    tests[n++].initial_state = &numbers[i % N_MODELS];
  }
  int failed = _cmocka_run_group_tests("pass", tests, n, NULL, NULL);
  print_message("%zu tensors, %zu derivatives, the worst off by %.2g of what is allowed\n", n_tensors, n_checks,
                worst_check);
  return failed;
}
