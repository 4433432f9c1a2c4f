/* trainer_test.c: steps of training (train/trainer.h) on data sets in memory: the gradient of a step, embedding
 * tables included, against central differences of the naive network's loss; and what a step promises: the same bits
 * with any number of threads, the same gradient with any number of shards, what is held stays, clipping, decay and
 * learning rates touch what they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/tensor_file.h"
#include "grad/differences.h"
#include "grad/memory_dataset.h"
#include "model/model.h"
#include "train/gather.h"
#include "train/trainer.h"

static const double tolerance = 5e-5, zero = 2e-6; /* as in pass_test.c */

/* ---------------------------------------------------------------- a trainer of a random model */

#define SIX \
  { 0, 1, 2, 3, 4, 5 }
#define FIVE \
  { 1, 2, 3, 4, 5 }
static const model_sizes shapes[] = {
    {SROPE_SIREN, 2, 6, 3, 3, 0, 0, 0, 2, 3, {19, 7}, 33, {19, 7}, 3, 3, 19, 6, SIX, 0, 0},
    {SROPE_SIREN, 1, 10, 2, 1, 0, 0, 0, 0, 2, {7, 9}, 19, {33, 7}, 3, 3, 7, 5, FIVE, 0, 0},
    {SROPE_SIREN, 1, 2, 5, 1, 0, 0, 0, 1, 1, {7, 2}, 7, {9, 33}, 1, 2, 33, 3, {6, 2, 3}, 0, 0},
    {SROPE_TOROPE, 1, 4, 3, 1, 0, 0, 0, 0, 2, {9, 7}, 33, {15, 7}, 1, 1, 2, 1, {1}, 0, 0},
    {SROPE_ORDINAL, 1, 12, 1, 1, 0, 0, 0, 0, 2, {9, 7}, 17, {15, 7}, 1, 1, 2, 1, {1}, 0, 0},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, LENGTH = 12, OVERLAP = 5, MOST_THREADS = 3 };

typedef struct course { /* a model, what it learns from, and who teaches */
  srope_pool *pool;
  srope_trainer *trainer;
  const srope_model *model;
  reference *oracle;
  memory_dataset dataset;
  srope_windows windows;
  uint32_t *order; /* (windows.n) shuffled */
} course;

static srope_trainer_options plain_options(void) {
  return (srope_trainer_options){.shards = 1,
                                 .seed = 5,
                                 .optimizer = SROPE_ADAMW,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .table_decay = -1,
                                 .rotation_rate = 1,
                                 .table_rate = 1};
}

/* The same shape gives the same model and data each time. */
static course course_open(size_t shape, const srope_trainer_options *options, uint32_t n_threads) {
  course c = {0};
  random_source random = {400 + shape};
  model_sizes sizes = shapes[shape];
  size_t n_bytes;
  srope_error error = {0};
  srope_model *model = NULL;
  model_sizes_add_features(&sizes);
  unsigned char *bytes = model_write(&sizes, &random, &n_bytes);
  const srope_distributed alone = {0, 1};
  if (srope_model_load(bytes, n_bytes, NULL, &model, &error)) fail_msg("%s (%s)", error.message, error.where);
  c.oracle = reference_load(bytes, n_bytes);
  free(bytes);
  c.dataset = memory_dataset_random(&random, srope_model_info(model), 5, 40);
  if (srope_windows_for_training(&c.dataset.data, LENGTH, OVERLAP, &c.windows, &error)) fail_msg("%s", error.message);
  if (srope_pool_create(n_threads, &c.pool, &error)) fail_msg("%s", error.message);
  if (srope_trainer_create(model, options, c.windows.max_n, c.pool, &alone, &c.trainer, &error))
    fail_msg("%s", error.message);
  c.model = srope_trainer_model(c.trainer);
  c.order = calloc(c.windows.n + 1, sizeof *c.order);
  for (uint32_t i = 0; i < c.windows.n; i++) { /* Fisher and Yates */
    size_t j = random_below(&random, i + 1);
    c.order[i] = c.order[j];
    c.order[j] = i;
  }
  assert_true(c.windows.n > 6);
  return c;
}

static void course_close(course *c) {
  srope_trainer_free(c->trainer);
  srope_pool_free(c->pool);
  reference_free(c->oracle);
  memory_dataset_free(&c->dataset);
  srope_windows_free(&c->windows);
  free(c->order);
}

static srope_step_result take_step(course *c, double rate) {
  srope_step_result result;
  srope_error error = {0};
  if (srope_trainer_step(c->trainer, &c->dataset.data, c->windows.list, c->order, c->windows.n, rate, &result, &error))
    fail_msg("%s", error.message);
  return result;
}

static const float *part(course *c, srope_trainer_part what, uint32_t parameter) {
  return srope_trainer_part_of(c->trainer, what, parameter);
}

static float *copy_part(course *c, srope_trainer_part what, uint32_t parameter) {
  size_t n = c->model->parameters[parameter].n;
  float *copy = malloc((n + 1) * sizeof *copy);
  memcpy(copy, part(c, what, parameter), n * sizeof *copy);
  return copy;
}

/* All values, one array a parameter. */
static float **copy_values(course *c) {
  float **values = calloc(c->model->n_parameters + 1, sizeof *values);
  for (uint32_t i = 0; i < c->model->n_parameters; i++) values[i] = copy_part(c, SROPE_VALUE, i);
  return values;
}

static void free_values(course *c, float **values) {
  for (uint32_t i = 0; i < c->model->n_parameters; i++) free(values[i]);
  free(values);
}

/* The naive network gets the values that the trainer has. */
static void follow(course *c) {
  for (uint32_t i = 0; i < c->model->n_parameters; i++) {
    const tensor *to = tensor_file_get(c->oracle->file, c->model->parameters[i].name);
    for (size_t e = 0; e < to->n; e++) to->data[e] = part(c, SROPE_VALUE, i)[e];
  }
}

/* ---------------------------------------------------------------- the gradient of a step */

typedef struct step_loss {
  course *course;
  const float *task_weight;
} step_loss;

/* A window as tokens for the naive network. */
static reference_tokens window_tokens(const course *c, const srope_window *window) {
  const reference *r = c->oracle;
  const srope_dataset *data = &c->dataset.data;
  reference_tokens k = reference_tokens_create(r, window->n);
  double *vectors = calloc(r->x + r->y + r->z, sizeof *vectors);
  k.s = window->order_s;
  for (size_t i = 0; i < window->n; i++) {
    uint64_t event = window->first + i;
    memory_dataset_vectors(&c->dataset, r, event, vectors);
    memcpy(k.item + i * r->x, vectors, r->x * sizeof *vectors);
    memcpy(k.action + i * r->y, vectors + r->x, r->y * sizeof *vectors);
    memcpy(k.context + i * r->z, vectors + r->x + r->y, r->z * sizeof *vectors);
    for (size_t j = 0; j < r->g; j++) k.signal[i * r->g + j] = data->signal[event * r->g + j];
    k.place[i] = i;
    while (window->first + k.first[i] - data->request_back[window->first + k.first[i]] !=
           event - data->request_back[event])
      k.first[i]++; /* the first event of its request in the window */
    k.time_s[i] = data->time_s[event];
    float offset = data->utc_offset_minutes[event];
    k.offset_minutes[i] = isnan(offset) ? r->utc_offset_minutes : offset;
  }
  k.oldest_s = k.time_s[0];
  free(vectors);
  return k;
}

static double naive_loss(void *context) {
  const step_loss *s = context;
  const course *c = s->course;
  size_t t = c->oracle->t;
  double loss = 0;
  for (size_t w = 0; w < c->windows.n; w++) {
    const srope_window *window = &c->windows.list[w];
    reference_tokens k = window_tokens(c, window);
    double *logits = calloc(window->n * t, sizeof *logits);
    reference_run(c->oracle, &k, &(reference_outputs){.logits = logits});
    for (size_t e = window->score_from * t; e < window->n * t; e++) {
      double y = c->dataset.label[window->first * t + e], z = logits[e];
      if (!isnan(y)) loss += s->task_weight[e % t] * (log1p(exp(-fabs(z))) + fmax(z, 0) - z * y);
    }
    free(logits);
    reference_tokens_free(&k);
  }
  return loss;
}

static void test_gradient(void **state) {
  static const float task_weight[] = {1, 0.25f, 3};
  srope_trainer_options options = plain_options();
  options.task_weight = task_weight;
  options.shards = 4;
  course c = course_open((size_t)*state, &options, 1);
  step_loss s = {&c, task_weight};
  random_source random = {77};
  take_step(&c, 1e-2); /* the second step's: what a step leaves behind must be the new values everywhere */
  follow(&c);
  double largest = 0, expected = naive_loss(&s);
  srope_step_result result = take_step(&c, 0); /* a rate of 0 changes no value */
  assert_true(fabs(result.loss * result.weight - expected) <= 1e-5 * expected);
  for (uint32_t i = 0; i < c.model->n_parameters; i++)
    for (size_t e = 0; e < c.model->parameters[i].n; e++)
      largest = fmax(largest, fabs((double)part(&c, SROPE_GRADIENT, i)[e]));
  gradient_check check = {.test = "step",
                          .loss = naive_loss,
                          .context = &s,
                          .random = &random,
                          .tolerance = tolerance,
                          .floor = zero * largest};
  uint32_t n_tables = 0;
  for (uint32_t i = 0; i < c.model->n_parameters; i++) {
    const tensor *t = tensor_file_get(c.oracle->file, c.model->parameters[i].name);
    bool is_table = strncmp(t->name, "encoder.", 8) == 0;
    n_tables += is_table;
    check.most = is_table ? 8 : 1;
    check_gradient(&check, t->name, t->data, t->n, part(&c, SROPE_GRADIENT, i), NULL);
  }
  assert_int_equal(n_tables, 4);
  print_message("%zu derivatives, the worst off by %.2g of what is allowed\n", check.n_checked, check.worst);
  course_close(&c);
}

/* ---------------------------------------------------------------- threads and shards */

static srope_trainer_options busy_options(uint32_t shards) {
  srope_trainer_options options = plain_options();
  options.shards = shards;
  options.weight_decay = 0.01;
  options.dropout = 0.2;
  options.id_dropout = 0.2;
  options.clip_norm = 0.5;
  return options;
}

static void assert_same_state(course *a, course *b) {
  for (uint32_t i = 0; i < a->model->n_parameters; i++)
    for (int p = SROPE_VALUE; p <= SROPE_SECOND_MOMENT; p++)
      if (memcmp(part(a, (srope_trainer_part)p, i), part(b, (srope_trainer_part)p, i),
                 a->model->parameters[i].n * sizeof(float)) != 0)
        fail_msg("%s: part %d has other bits", a->model->parameters[i].name, p);
}

static void test_threads(void **state) {
  size_t shape = (size_t)*state;
  for (uint32_t shards = 1; shards <= 8; shards *= 2) {
    srope_trainer_options options = busy_options(shards);
    course alone = course_open(shape, &options, 1);
    float *logits[2], *labels[2];
    size_t n = alone.windows.n_events * alone.oracle->t;
    for (int i = 0; i < 2; i++) {
      logits[i] = malloc((n + 1) * sizeof(float));
      labels[i] = malloc((n + 1) * sizeof(float));
    }
    srope_error error = {0};
    double loss = 0;
    for (int i = 0; i < 3; i++) loss = take_step(&alone, 1e-2).loss;
    assert_int_equal(srope_trainer_steps(alone.trainer), 3);
    srope_trainer_predict(alone.trainer, &alone.dataset.data, &alone.windows, logits[0], labels[0], &error);
    for (uint32_t n_threads = 2; n_threads <= MOST_THREADS; n_threads++) {
      course many = course_open(shape, &options, n_threads);
      double others = 0;
      for (int i = 0; i < 3; i++) others = take_step(&many, 1e-2).loss;
      assert_true(loss == others);
      assert_same_state(&alone, &many);
      srope_trainer_predict(many.trainer, &many.dataset.data, &many.windows, logits[1], labels[1], &error);
      assert_memory_equal(logits[0], logits[1], n * sizeof(float));
      assert_memory_equal(labels[0], labels[1], n * sizeof(float));
      course_close(&many);
    }
    for (int i = 0; i < 2; i++) {
      free(logits[i]);
      free(labels[i]);
    }
    course_close(&alone);
  }
}

/* A difference of two gradients is rounding: of the tensor's largest element, or of the whole gradient's. */
static void assert_gradients_near(course *a, course *b) {
  double all = 0;
  for (uint32_t i = 0; i < a->model->n_parameters; i++)
    for (size_t e = 0; e < a->model->parameters[i].n; e++) all = fmax(all, fabs((double)part(a, SROPE_GRADIENT, i)[e]));
  for (uint32_t i = 0; i < a->model->n_parameters; i++) {
    const float *x = part(a, SROPE_GRADIENT, i), *y = part(b, SROPE_GRADIENT, i);
    double largest = 0;
    for (size_t e = 0; e < a->model->parameters[i].n; e++) largest = fmax(largest, fabs((double)x[e]));
    for (size_t e = 0; e < a->model->parameters[i].n; e++)
      if (!(fabs((double)x[e] - y[e]) <= 1e-5 * largest + 1e-6 * all))
        fail_msg("%s[%zu]: %.9g and %.9g of %.2g", a->model->parameters[i].name, e, (double)x[e], (double)y[e], all);
  }
}

/* Dropout too follows the tokens, not the shards or the order of the batch. */
static void test_shards(void **state) {
  size_t shape = (size_t)*state;
  srope_trainer_options options = busy_options(1);
  course one = course_open(shape, &options, 1);
  srope_step_result result = take_step(&one, 1e-3);
  for (uint32_t shards = 2; shards <= 64; shards *= 2) { /* more than there are windows, too */
    options.shards = shards;
    course many = course_open(shape, &options, 2);
    for (size_t i = 0; i < many.windows.n / 2; i++) { /* the other way round */
      uint32_t other = many.order[i];
      many.order[i] = many.order[many.windows.n - 1 - i];
      many.order[many.windows.n - 1 - i] = other;
    }
    srope_step_result others = take_step(&many, 1e-3);
    assert_true(result.weight == others.weight);
    assert_true(fabs(result.loss - others.loss) <= 1e-6 * result.loss);
    assert_true(fabs(result.norm - others.norm) <= 1e-5 * result.norm);
    assert_gradients_near(&one, &many);
    course_close(&many);
  }
  course_close(&one);
}

static void test_dropout_of_rate_0(void **state) {
  size_t shape = (size_t)*state;
  srope_trainer_options options = plain_options();
  course none = course_open(shape, &options, 1);
  options.seed = 99;                           /* of nothing */
  options.dropout = options.id_dropout = 1e-6; /* below 1/65536: dropped by no one */
  course little = course_open(shape, &options, 1);
  options.dropout = 0.2;
  course some = course_open(shape, &options, 1);
  double loss = take_step(&none, 1e-2).loss;
  assert_true(take_step(&little, 1e-2).loss == loss);
  assert_same_state(&none, &little);
  assert_true(take_step(&some, 1e-2).loss != loss);
  course_close(&none);
  course_close(&little);
  course_close(&some);
}

/* ---------------------------------------------------------------- what learns, and how fast */

static bool is_gauge(const course *c, const char *name) {
  char last[4][64];
  const srope_angle_network *net = c->model->angles;
  snprintf(last[0], 64, "angle_nn.net.%u.bias", net[0].sine.n - 1);
  snprintf(last[1], 64, "angle_nn.residual.%u.bias", 2 * (net[0].relu.n - 1));
  for (int i = 0; i < 2; i++) snprintf(last[2 + i], 64, "action_%.50s", last[i]);
  for (int i = 0; i < 4; i++)
    if (strcmp(name, last[i]) == 0) return true;
  return false;
}

static bool is_rotation(const char *name) {
  return strncmp(name, "rope.", 5) == 0 || strncmp(name, "angle_nn.", 9) == 0 ||
         strncmp(name, "action_angle_nn.", 16) == 0;
}

static void check_held(size_t shape, bool hold_sine, bool hold_relu) {
  srope_trainer_options options = busy_options(2);
  options.hold_sine = hold_sine;
  options.hold_relu = hold_relu;
  options.decay_all = true;
  course c = course_open(shape, &options, 2);
  float **before = copy_values(&c);
  size_t n_held = 0;
  for (int i = 0; i < 3; i++) take_step(&c, 1e-2);
  for (uint32_t i = 0; i < c.model->n_parameters; i++) {
    const srope_parameter *p = &c.model->parameters[i];
    bool held = is_gauge(&c, p->name) || (hold_sine && strstr(p->name, "angle_nn.net.")) ||
                (hold_relu && strstr(p->name, "angle_nn.residual."));
    bool same = memcmp(before[i], part(&c, SROPE_VALUE, i), p->n * sizeof(float)) == 0;
    if (same != held || srope_trainer_learns(c.trainer, i) == held)
      fail_msg("%s %s", p->name, same ? "stood still" : "moved");
    n_held += held;
  }
  assert_true(c.oracle->variant != SROPE_SIREN || n_held >= 4);
  free_values(&c, before);
  course_close(&c);
}

static void test_held(void **state) {
  for (int i = 0; i < 4; i++) check_held((size_t)*state, i & 1, i & 2);
}

/* Adam forgets the size of a gradient, but the first step's moments show it. */
static void test_clipping(void **state) {
  size_t shape = (size_t)*state;
  srope_trainer_options options = plain_options();
  course whole = course_open(shape, &options, 1);
  srope_step_result result = take_step(&whole, 1e-3);
  double squares = 0;
  for (uint32_t i = 0; i < whole.model->n_parameters; i++)
    for (size_t e = 0; srope_trainer_learns(whole.trainer, i) && e < whole.model->parameters[i].n; e++)
      squares += pow(part(&whole, SROPE_GRADIENT, i)[e] / result.weight, 2);
  assert_true(fabs(result.norm - sqrt(squares)) <= 1e-12 * result.norm);
  options.clip_norm = 2 * result.norm; /* clips nothing */
  course loose = course_open(shape, &options, 1);
  take_step(&loose, 1e-3);
  assert_same_state(&whole, &loose);
  options.clip_norm = result.norm / 4; /* a power of two: moments are exact multiples */
  course tight = course_open(shape, &options, 1);
  assert_true(take_step(&tight, 1e-3).norm == result.norm);
  for (uint32_t i = 0; i < whole.model->n_parameters; i++)
    for (size_t e = 0; e < whole.model->parameters[i].n; e++) {
      float first = part(&whole, SROPE_FIRST_MOMENT, i)[e], second = part(&whole, SROPE_SECOND_MOMENT, i)[e];
      assert_true(part(&tight, SROPE_FIRST_MOMENT, i)[e] == first / 4);
      if (second > 1e-30f) assert_true(part(&tight, SROPE_SECOND_MOMENT, i)[e] == second / 16); /* else subnormal */
    }
  course_close(&whole);
  course_close(&loose);
  course_close(&tight);
}

/* What AdamW takes off a parameter in a step, against a trainer without decay: rate · decay · value. */
static void check_decay(size_t shape, bool decay_all, double table_decay) {
  const double rate = 1e-2, decay = 0.25;
  srope_trainer_options options = plain_options();
  course without = course_open(shape, &options, 1);
  options.weight_decay = decay;
  options.decay_all = decay_all;
  options.table_decay = table_decay;
  course with = course_open(shape, &options, 1);
  float **start = copy_values(&with);
  take_step(&without, rate);
  take_step(&with, rate);
  for (uint32_t i = 0; i < with.model->n_parameters; i++) {
    const srope_parameter *p = &with.model->parameters[i];
    bool is_table = strncmp(p->name, "encoder.", 8) == 0;
    bool is_spared = p->n_dims < 2 && !decay_all; /* biases, norms, padding vectors, rope.freq and rope.order_scale */
    double expected = is_spared || !srope_trainer_learns(with.trainer, i) ? 0
                      : is_table && table_decay >= 0                      ? table_decay
                                                                          : decay;
    for (size_t e = 0; e < p->n; e++) {
      double taken = (double)part(&without, SROPE_VALUE, i)[e] - part(&with, SROPE_VALUE, i)[e];
      if (!(fabs(taken - rate * expected * start[i][e]) <= (expected > 0 ? 2.4e-7 * (fabs(start[i][e]) + rate) : 0)))
        fail_msg("%s[%zu] %.9g: %.9g was taken off", p->name, e, (double)start[i][e], taken);
    }
    static const char *const spared[] = {".bias", "norm", "padding_embedding", "rope.freq", "rope.order_scale"};
    for (int s = 0; s < 5 && !decay_all; s++) assert_true(!strstr(p->name, spared[s]) || expected == 0);
  }
  free_values(&with, start);
  course_close(&without);
  course_close(&with);
}

static void test_decay(void **state) {
  size_t shape = (size_t)*state;
  check_decay(shape, false, -1);
  check_decay(shape, false, 0);
  check_decay(shape, false, 0.5);
  check_decay(shape, true, -1);
}

/* Adam's decay goes into the gradient instead: after one step the first moment is (1 - beta1) · (g + decay · value). */
static void test_l2(void **state) {
  srope_trainer_options options = plain_options();
  options.optimizer = SROPE_ADAM;
  options.weight_decay = 0.125;
  course c = course_open((size_t)*state, &options, 1);
  float **start = copy_values(&c);
  srope_step_result result = take_step(&c, 1e-2);
  for (uint32_t i = 0; i < c.model->n_parameters; i++) {
    const srope_parameter *p = &c.model->parameters[i];
    for (size_t e = 0; srope_trainer_learns(c.trainer, i) && e < p->n; e++) {
      double g = part(&c, SROPE_GRADIENT, i)[e] / result.weight, l2 = p->n_dims == 2 ? 0.125 * start[i][e] : 0;
      assert_true(fabs(part(&c, SROPE_FIRST_MOMENT, i)[e] - 0.1 * (g + l2)) <= 1e-7 * (fabs(g) + fabs(l2)));
    }
  }
  free_values(&c, start);
  course_close(&c);
}

/* Twice the rate is twice the step, for the rotation or the tables alone. */
static void test_rates(void **state) {
  size_t shape = (size_t)*state;
  srope_trainer_options options = plain_options();
  course plain = course_open(shape, &options, 1);
  options.rotation_rate = 2;
  options.table_rate = 0.5;
  course other = course_open(shape, &options, 1);
  float **start = copy_values(&plain);
  take_step(&plain, 1e-2);
  take_step(&other, 1e-2);
  for (uint32_t i = 0; i < plain.model->n_parameters; i++) {
    const srope_parameter *p = &plain.model->parameters[i];
    double factor = strncmp(p->name, "encoder.", 8) == 0 ? 0.5 : is_rotation(p->name) ? 2 : 1;
    for (size_t e = 0; e < p->n; e++) {
      double a = (double)part(&plain, SROPE_VALUE, i)[e] - start[i][e],
             b = (double)part(&other, SROPE_VALUE, i)[e] - start[i][e];
      assert_true(fabs(b - factor * a) <= 2.4e-7 * (fabs(start[i][e]) + 0.1));
    }
  }
  free_values(&plain, start);
  course_close(&plain);
  course_close(&other);
}

/* ---------------------------------------------------------------- the step is what the model then computes with */

/* After steps, logits are those of the naive network with the values that the trainer shows. */
static void test_model_follows(void **state) {
  srope_trainer_options options = plain_options();
  course c = course_open((size_t)*state, &options, 1);
  size_t t = c.oracle->t;
  srope_error error = {0};
  for (int i = 0; i < 2; i++) take_step(&c, 3e-2);
  follow(&c);
  float *logits = malloc((c.windows.n_events * t + 1) * sizeof *logits),
        *label = malloc((c.windows.n_events * t + 1) * sizeof *label);
  assert_int_equal(srope_trainer_predict(c.trainer, &c.dataset.data, &c.windows, logits, label, &error), SROPE_OK);
  for (size_t w = 0, row = 0; w < c.windows.n; w++) {
    const srope_window *window = &c.windows.list[w];
    reference_tokens k = window_tokens(&c, window);
    double *expected = calloc(window->n * t, sizeof *expected);
    reference_run(c.oracle, &k, &(reference_outputs){.logits = expected});
    for (size_t e = window->score_from * t; e < window->n * t; e++, row++) {
      assert_true(fabs(logits[row] - expected[e]) <= 1e-4 * (1 + fabs(expected[e])));
      assert_memory_equal(&label[row], &c.dataset.label[window->first * t + e], sizeof *label);
    }
    free(expected);
    reference_tokens_free(&k);
  }
  free(logits);
  free(label);
  course_close(&c);
}

/* Without a label there is nothing to learn; what is not finite is refused. Nothing changes either way. */
static void test_nothing_to_learn(void **state) {
  srope_trainer_options options = busy_options(2);
  course c = course_open((size_t)*state, &options, 2), untouched = course_open((size_t)*state, &options, 1);
  srope_error error = {0};
  srope_step_result result;
  take_step(&c, 1e-2);
  take_step(&untouched, 1e-2);
  size_t n = c.dataset.data.n_events * c.oracle->t;
  float *label = malloc((n + 1) * sizeof *label);
  memcpy(label, c.dataset.label, n * sizeof *label);
  for (size_t i = 0; i < n; i++) c.dataset.label[i] = NAN;
  result = take_step(&c, 1e-2);
  assert_true(isnan(result.loss) && result.weight == 0);
  assert_int_equal(srope_trainer_steps(c.trainer), 1);
  memcpy(c.dataset.label, label, n * sizeof *label);
  float *value = srope_trainer_part_of(c.trainer, SROPE_VALUE, 0), kept = *value;
  *value = INFINITY;
  srope_trainer_changed(c.trainer);
  assert_int_equal(
      srope_trainer_step(c.trainer, &c.dataset.data, c.windows.list, c.order, c.windows.n, 1e-2, &result, &error),
      SROPE_ERR_VALUE);
  assert_int_equal(srope_trainer_steps(c.trainer), 1);
  *value = kept;
  srope_trainer_changed(c.trainer);
  take_step(&c, 1e-2);
  take_step(&untouched, 1e-2);
  assert_same_state(&c, &untouched);
  free(label);
  course_close(&c);
  course_close(&untouched);
}

/* ---------------------------------------------------------------- dropped ids */

/* A dropped id is zeros in the item's vector and gives its rows no gradient; all else is as without. */
static void test_id_dropout(void **state) {
  srope_trainer_options options = plain_options();
  course c = course_open((size_t)*state, &options, 1);
  srope_error error = {0};
  enum { ID = 3, TAGS = 2, M = SROPE_PASS_TOKENS };
  uint64_t no_tokens[1] = {0};
  const srope_dropout ids = {0.5f, 4242, no_tokens};
  srope_gather with, without;
  assert_int_equal(srope_gather_create(c.model, c.windows.max_n, &with, &error), SROPE_OK);
  assert_int_equal(srope_gather_create(c.model, c.windows.max_n, &without, &error), SROPE_OK);
  size_t n = srope_gather_fit(c.model, c.windows.list, c.order, c.windows.n), x = c.model->info.n_item;
  srope_gather_fill(&with, c.model, &c.dataset.data, c.windows.list, c.order, n, &ids);
  srope_gather_fill(&without, c.model, &c.dataset.data, c.windows.list, c.order, n, NULL);
  size_t m = with.tokens.m, n_dropped[2] = {0, 0}, n_there[2] = {0, 0};
  float *d_with = malloc(m * x * sizeof *d_with), *d_without = malloc(m * x * sizeof *d_without);
  for (size_t i = 0; i < m * x; i++) d_with[i] = d_without[i] = 1 + (float)(i % 7);
  for (size_t i = 0; i < m; i++) {
    const float *a = with.item + i * x, *b = without.item + i * x;
    for (size_t field = 0; field < 2; field++) { /* id, tags */
      size_t at = field ? ID : 0, dim = field ? TAGS : ID;
      bool dropped = memcmp(a + at, b + at, dim * sizeof *a) != 0;
      n_there[field] += b[at] != 0;
      n_dropped[field] += dropped;
      for (size_t j = at; j < at + dim; j++) {
        assert_true(a[j] == (dropped ? 0 : b[j]));
        if (dropped) d_without[i * x + j] = 0; /* what the scatter must do by itself */
      }
    }
    assert_memory_equal(a + ID + TAGS, b + ID + TAGS, (x - ID - TAGS) * sizeof *a);
  }
  for (int f = 0; f < 2; f++) assert_in_range(n_dropped[f], n_there[f] / 4, n_there[f] - n_there[f] / 4);
  assert_memory_equal(with.action, without.action, m * c.model->info.n_action * sizeof(float));
  assert_memory_equal(with.context, without.context, m * c.model->info.n_context * sizeof(float));
  enum { ROWS = 13 * 3 };
  float tables[2][4][ROWS] = {{{0}}}; /* id, tags, tab, kind */
  for (int i = 0; i < 2; i++) {
    float *const item[] = {tables[i][0], tables[i][1], tables[i][2], NULL, NULL},
                 *const action[] = {NULL, tables[i][3]}, *const context[] = {tables[i][2], NULL};
    float *const *const of[3] = {item, action, context};
    const srope_vector_gradients d = {i ? d_with : d_without, NULL, NULL};
    srope_gather_scatter(c.model, &c.dataset.data, with.events, with.keys, m, &d, i ? &ids : NULL, of);
  }
  /* an id that was dropped without being seen (its vector was zero already) may differ: it has no rows to learn */
  for (int t = 0; t < 4; t++) assert_memory_equal(tables[0][t], tables[1][t], sizeof tables[0][t]);
  free(d_with);
  free(d_without);
  srope_gather_free(&with);
  srope_gather_free(&without);
  course_close(&c);
}

/* The model stays the caller's. */
static void test_refuses_int8(void **state) {
  (void)state;
  size_t n_bytes;
  srope_error error = {0};
  srope_model *model = NULL;
  srope_trainer *trainer = NULL;
  unsigned char *bytes = tensor_file_read(SROPE_SOURCE_DIR "/tests/unit/good/int8.safetensors", &n_bytes);
  const srope_distributed alone = {0, 1};
  const srope_trainer_options options = plain_options();
  assert_int_equal(srope_model_load(bytes, n_bytes, NULL, &model, &error), SROPE_OK);
  assert_int_equal(srope_trainer_create(model, &options, 4, NULL, &alone, &trainer, &error), SROPE_ERR_TENSOR);
  assert_string_equal(error.where, "seq_projection.0.weight");
  assert_string_equal(error.message, "expected weights of floats to train, found I8");
  assert_null(trainer);
  srope_model_free(model);
  free(bytes);
}

int main(void) {
  static const struct CMUnitTest per_shape[] = {
      cmocka_unit_test(test_gradient),    cmocka_unit_test(test_threads),
      cmocka_unit_test(test_shards),      cmocka_unit_test(test_dropout_of_rate_0),
      cmocka_unit_test(test_held),        cmocka_unit_test(test_clipping),
      cmocka_unit_test(test_decay),       cmocka_unit_test(test_l2),
      cmocka_unit_test(test_rates),       cmocka_unit_test(test_model_follows),
      cmocka_unit_test(test_id_dropout),  cmocka_unit_test(test_nothing_to_learn),
      cmocka_unit_test(test_refuses_int8)};
  enum { N_PER_SHAPE = sizeof per_shape / sizeof *per_shape, N = N_SHAPES * N_PER_SHAPE };
  static struct CMUnitTest tests[N];
  static char names[N][64];
  for (size_t i = 0; i < N; i++) {
    size_t shape = i % N_SHAPES;
    snprintf(names[i], sizeof names[i], "%s %d", per_shape[i / N_SHAPES].name, (int)shape);
    tests[i] = per_shape[i / N_SHAPES];
    tests[i].name = names[i];
    tests[i].initial_state = (void *)shape;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
