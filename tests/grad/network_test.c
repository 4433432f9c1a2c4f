/* network_test.c: the backward passes of nn/'s larger pieces (embedding, angle networks, a layer, the action
 * attention, the head) against central differences of the naive network in double precision (property/reference.h),
 * for every instruction set of this machine, sizes off every vector width, several sequences at once, requests, and
 * hooks. Losses weigh outputs with random numbers. */
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
#include "nn/embed.h"
#include "nn/head.h"
#include "nn/layer.h"
#include "nn/siren.h"

/* Of a tensor's largest element: float32's rounding through three or four layers. Through sin(10 x) every layer
 * makes the rounding of the one before ten times larger. The floor is for gradients that are zero in exact
 * arithmetic. */
static const double tolerance = 3e-5, sine_tolerance = 1e-4, zero = 3e-6;

static size_t n_checks;
static double worst_check;

static gradient_check begin_check(const char *test, random_source *random, double (*loss)(void *), void *context) {
  return (gradient_check){.test = test,
                          .loss = loss,
                          .context = context,
                          .random = random,
                          .tolerance = tolerance,
                          .floor = zero,
                          .most = 4};
}

static void end_check(const gradient_check *check) {
  n_checks += check->n_checked;
  worst_check = fmax(worst_check, check->worst);
}

/* ---------------------------------------------------------------- models */

#define SIX \
  { 0, 1, 2, 3, 4, 5 }
#define FIVE \
  { 1, 2, 3, 4, 5 }
static const model_sizes shapes[] = {
    {SROPE_SIREN, 2, 6, 3, 3, 7, 3, 5, 2, 3, {19, 7}, 33, {19, 7}, 3, 3, 19, 6, SIX, 0, 0},
    {SROPE_SIREN, 1, 2, 3, 1, 1, 1, 0, 0, 1, {7, 2}, 7, {1, 33}, 1, 1, 7, 5, FIVE, 0, 0},
    {SROPE_SIREN, 1, 10, 3, 1, 17, 5, 1, 1, 2, {33, 19}, 19, {33, 7}, 2, 4, 33, 3, {6, 2, 3}, 1, 0},
    {SROPE_SIREN, 1, 12, 2, 2, 3, 2, 9, 3, 4, {7, 19}, 33, {7, 19}, 4, 2, 7, 1, {1}, 0, 0},
    {SROPE_SIREN, 1, 22, 1, 11, 2, 4, 2, 0, 2, {3, 3}, 9, {17, 3}, 0, 0, 1, 2, {4, 5}, 0, 0},
    {SROPE_ORDINAL, 2, 22, 1, 1, 15, 6, 0, 0, 2, {2, 31}, 17, {9, 9}, 1, 1, 2, 1, {1}, 0, 0},
    {SROPE_TOROPE, 1, 4, 5, 1, 5, 2, 3, 0, 5, {9, 7}, 33, {15, 33}, 1, 1, 2, 1, {1}, 0, 0},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void for_all_shapes(void **state, void (*body)(learner *l, random_source *random), bool only_siren) {
  for (uint64_t i = 0; i < N_SHAPES; i++) {
    if (only_siren && shapes[i].variant != SROPE_SIREN) continue;
    random_source random = {800 + i};
    learner *l = learner_create(&shapes[i], 900 + i, *state);
    if (!l) {
      assert_string_not_equal(*state, "scalar");
      skip();
    }
    learner_restart(l, &random);
    body(l, &random);
    learner_free(l);
  }
}

static srope_mlp_states mlp_states(learner *l, const srope_mlp *mlp, size_t m) {
  srope_mlp_states states;
  for (uint32_t i = 0; i + 1 < mlp->n; i++) {
    states.before[i] = learner_floats(l, m * mlp->layer[i].n_out);
    states.after[i] = learner_floats(l, m * mlp->layer[i].n_out);
  }
  return states;
}

static double weighted(const double *y, const double *weight, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += weight[i] * y[i];
  return sum;
}

/* The float32 forward pass is of the same function. */
static void assert_same_function(const float *y, const double *weight, size_t n, double expected) {
  double sum = 0, size = 1;
  for (size_t i = 0; i < n; i++) {
    sum += weight[i] * y[i];
    size += fabs(weight[i] * y[i]);
  }
  assert_true(fabs(sum - expected) <= 1e-4 * size);
}

static void fill_nan(float *x, size_t n) { /* of what is written, not added to */
  for (size_t i = 0; i < n; i++) x[i] = NAN;
}

static void copy(float *to, const float *from, size_t n) {
  if (n) memcpy(to, from, n * sizeof *to);
}

/* ---------------------------------------------------------------- embedding */

typedef struct embed_case {
  const reference *r;
  size_t m;
  double *in, *weight;
} embed_case;

static double items_loss(void *context) {
  const embed_case *c = context;
  double *x = reference_embed_items(c->r, c->in, c->m), loss = weighted(x, c->weight, c->m * c->r->d);
  free(x);
  return loss;
}

static double actions_loss(void *context) {
  const embed_case *c = context;
  double *a = reference_embed_actions(c->r, c->in, c->m), loss = weighted(a, c->weight, c->m * c->r->d);
  free(a);
  return loss;
}

static void check_items(learner *l, random_source *random) {
  size_t m = 1 + random_below(random, 40), d = l->info->d_model, n_in = m * l->info->n_item;
  float *item = learner_random(l, random, n_in, -1.5, 1.5), *dx = learner_random(l, random, m * d, -1, 1);
  float *x = learner_floats(l, m * d), *rectified = learner_floats(l, m * d), *work = learner_floats(l, m * d),
        *ditem = learner_floats(l, n_in);
  embed_case c = {l->oracle, m, learner_doubles(l, item, n_in), learner_doubles(l, dx, m * d)};
  gradient_check check = begin_check("embed items", random, items_loss, &c);
  fill_nan(ditem, n_in);
  srope_embed_items(l->model, item, m, rectified, x);
  assert_same_function(x, c.weight, m * d, items_loss(&c));
  srope_embed_items_backward(l->model, &l->gradients, item, m, rectified, dx, work, ditem);
  check_gradient(&check, "item", c.in, n_in, ditem, NULL);
  assert_int_equal(learner_check(l, &check, "seq_"), 4);
  learner_assert_others_kept(l, (const char *[]){"seq_"}, 1);
  srope_embed_items_backward(l->model, &l->gradients, item, m, rectified, dx, work, NULL);
  end_check(&check);
}

static void check_actions(learner *l, random_source *random) {
  size_t m = 1 + random_below(random, 40), d = l->info->d_model, n_in = m * l->info->n_action;
  float *action = learner_random(l, random, n_in, -1.5, 1.5), *da = learner_random(l, random, m * d, -1, 1);
  float *a = learner_floats(l, m * d), *work = learner_floats(l, 2 * m * l->model->max_hidden),
        *daction = learner_floats(l, n_in);
  srope_mlp_states states = mlp_states(l, &l->model->action_embedding, m);
  embed_case c = {l->oracle, m, learner_doubles(l, action, n_in), learner_doubles(l, da, m * d)};
  gradient_check check = begin_check("embed actions", random, actions_loss, &c);
  fill_nan(daction, n_in);
  srope_embed_actions(l->model, action, m, &states, a);
  assert_same_function(a, c.weight, m * d, actions_loss(&c));
  srope_embed_actions_backward(l->model, &l->gradients, action, m, &states, a, da, work, daction);
  check_gradient(&check, "action", c.in, n_in, daction, NULL);
  assert_int_equal(learner_check(l, &check, "action_embedding."), 6);
  end_check(&check);
}

static void test_items(void **state) { for_all_shapes(state, check_items, false); }
static void test_actions(void **state) { for_all_shapes(state, check_actions, false); }

/* ---------------------------------------------------------------- angle networks */

typedef struct siren_case {
  const reference *r;
  const char *network;
  size_t m;
  double *phi, *weight;
} siren_case;

static double siren_loss(void *context) {
  const siren_case *c = context;
  double *f = reference_network(c->r, c->network, c->phi, c->m), loss = weighted(f, c->weight, c->m * c->r->a);
  free(f);
  return loss;
}

/* df's columns add up to zero, as attention makes them (the gauge): backward passes may count on it. */
static float *random_gauged(learner *l, random_source *random, size_t m, size_t n_angles) {
  float *df = learner_random(l, random, m * n_angles, -1, 1);
  for (size_t j = 0; j < n_angles; j++) {
    double sum = 0;
    for (size_t i = 0; i < m; i++) sum += df[i * n_angles + j];
    for (size_t i = 0; i < m; i++) df[i * n_angles + j] -= (float)(sum / (double)m);
  }
  return df;
}

static void check_network(learner *l, random_source *random, srope_network network, size_t m) {
  static const char *const names[] = {"angle_nn", "action_angle_nn"};
  static const char *const starts[] = {"angle_nn.", "action_angle_nn."};
  const srope_angle_network *net = &l->model->angles[network];
  size_t n_angles = l->info->n_angles, n_phi = m * l->info->n_angle_features;
  float *phi = learner_random(l, random, n_phi, -1.5, 1.5), *df = random_gauged(l, random, m, n_angles),
        *f = learner_floats(l, m * n_angles), *work = learner_floats(l, 2 * m * l->model->max_hidden);
  srope_siren_states states = {mlp_states(l, &net->sine, m), mlp_states(l, &net->relu, m),
                               learner_floats(l, m * n_angles)};
  siren_case c = {l->oracle, names[network], m, learner_doubles(l, phi, n_phi), learner_doubles(l, df, m * n_angles)};
  gradient_check check = begin_check("siren", random, siren_loss, &c);
  check.tolerance = sine_tolerance;
  learner_restart(l, random);
  srope_siren_forward(l->model, network, phi, m, &states, f);
  assert_same_function(f, c.weight, m * n_angles, siren_loss(&c));
  srope_siren_backward(l->model, network, &l->gradients, phi, m, &states, df, work);
  assert_int_equal(learner_check(l, &check, starts[network]), 2 * (net->sine.n + net->relu.n));
  learner_assert_others_kept(l, &starts[network], 1);
  end_check(&check);
}

static void check_siren(learner *l, random_source *random) {
  static const size_t lengths[] = {1, 2, 7, 33};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    check_network(l, random, SROPE_NETWORK_LAYERS, lengths[i]);
    check_network(l, random, SROPE_NETWORK_ACTION, lengths[i]);
  }
}

static void test_siren(void **state) { for_all_shapes(state, check_siren, true); }

/* ---------------------------------------------------------------- layers and the action attention */

enum { MOST_SEQUENCES = 4 };

typedef struct layer_case { /* several sequences; arrays of all their rows */
  const reference *r;
  const batch *b;
  int layer;
  double *x, *a, *weight, *query_angle, *key_angle;
} layer_case;

/* A fixed mask: what a hook may do, in both directions. */
static double mask(unsigned site, size_t row, size_t column) {
  return (7 * site + 3 * row + 5 * column) % 4 == 0 ? 0 : 1.25;
}
static void mask_floats(const srope_hook *hook, uint32_t site, float *x, size_t m, size_t width) {
  (void)hook;
  for (size_t i = 0; i < m * width; i++) x[i] *= (float)mask(site, i / width, i % width);
}
static void mask_doubles(void *first_row, unsigned site, double *x, size_t m, size_t width) {
  for (size_t i = 0; i < m * width; i++) x[i] *= mask(site, *(size_t *)first_row + i / width, i % width);
}

static double layer_loss(void *context) {
  const layer_case *c = context;
  size_t d = c->r->d, p = c->r->p, row = 0;
  double loss = 0;
  for (size_t i = 0; i < c->b->tokens.n_sequences; row += c->b->length[i++]) {
    reference_tokens k = c->b->sequence[i];
    size_t n = k.n * d;
    k.query_angle = c->query_angle + row * p;
    k.key_angle = c->key_angle + row * p;
    k.hook = c->layer >= 0 ? mask_doubles : NULL;
    k.hook_context = &row;
    if (c->layer < 0) {
      double *u = reference_action_attention(c->r, &k, c->x + row * d, c->a + row * d);
      loss += weighted(u, c->weight + row * d, n);
      free(u);
    } else {
      double *x = malloc(n * sizeof *x);
      memcpy(x, c->x + row * d, n * sizeof *x);
      reference_layer(c->r, &k, c->layer, x, c->a + row * d);
      loss += weighted(x, c->weight + row * d, n);
      free(x);
    }
  }
  return loss;
}

static srope_turns make_turns(learner *l, const double *angle, size_t m) {
  size_t k = l->info->d_head;
  srope_turns turns = {learner_floats(l, m * k), learner_floats(l, m * k), k};
  for (size_t i = 0; i < m * k; i++) {
    double theta = angle[i / k * (k / 2) + i % k / 2];
    turns.cosine[i] = (float)cos(theta);
    turns.sine[i] = (float)(i % 2 ? sin(theta) : -sin(theta));
  }
  return turns;
}

static srope_layer_work layer_work(learner *l, size_t m, size_t hidden, size_t capacity) {
  srope_layer_work work;
  float **const rows[] = {&work.normed,   &work.valued,    &work.q,        &work.k,  &work.v,
                          &work.attended, &work.projected, &work.normed_2, &work.fed};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = learner_floats(l, m * l->info->d_model);
  work.hidden = learner_floats(l, m * hidden);
  work.activated = learner_floats(l, m * hidden);
  work.scores = learner_floats(l, srope_attention_work_size(capacity));
  return work;
}

static srope_layer_gradient_work gradient_work(learner *l, size_t m, size_t capacity) {
  srope_layer_gradient_work work;
  float **const rows[] = {&work.dout, &work.dq, &work.dk, &work.dv, &work.dnormed, &work.other};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = learner_floats(l, m * l->info->d_model);
  work.hidden = learner_floats(l, 2 * m * l->model->max_hidden);
  work.scores = learner_floats(l, srope_attention_backward_work_size(l->model, capacity));
  return work;
}

static size_t make_spans(learner *l, const batch *b, srope_span *spans) {
  size_t largest = 0;
  for (size_t i = 0; i < b->tokens.n_sequences; i++) {
    size_t capacity = srope_padded_size(l->model->kernels->nr, b->length[i]);
    largest = capacity > largest ? capacity : largest;
    spans[i] = (srope_span){{learner_floats(l, srope_cache_keys_size(l->model, capacity)),
                             learner_floats(l, srope_cache_values_size(l->model, capacity)), capacity},
                            0,
                            b->length[i]};
  }
  return largest;
}

typedef struct layer_floats {
  float *x, *a, *dy, *dx, *dx_before, *da, *da_before;
  srope_dturns dturns, before;
} layer_floats;

static layer_floats make_layer_floats(learner *l, random_source *random, size_t m) {
  size_t n = m * l->info->d_model, n_turns = m * l->info->n_pairs;
  layer_floats f = {learner_random(l, random, n, -1.5, 1.5),
                    learner_random(l, random, n, -1.5, 1.5),
                    learner_random(l, random, n, -1, 1),
                    learner_random(l, random, n, -0.1, 0.1),
                    learner_floats(l, n),
                    learner_random(l, random, n, -0.1, 0.1),
                    learner_floats(l, n),
                    {learner_random(l, random, n_turns, -0.1, 0.1), learner_random(l, random, n_turns, -0.1, 0.1)},
                    {learner_floats(l, n_turns), learner_floats(l, n_turns)}};
  copy(f.dx_before, f.dx, n);
  copy(f.da_before, f.da, n);
  copy(f.before.query, f.dturns.query, n_turns);
  copy(f.before.key, f.dturns.key, n_turns);
  return f;
}

/* `layer` of these lengths; -1: the action attention. */
static void check_layer(learner *l, random_source *random, int layer, const uint32_t *length, size_t n_sequences) {
  batch b = batch_random(l, random, length, n_sequences);
  size_t m = b.tokens.m, n = m * l->info->d_model, n_turns = m * l->info->n_pairs;
  srope_span spans[MOST_SEQUENCES];
  size_t capacity = make_spans(l, &b, spans);
  layer_floats f = make_layer_floats(l, random, m);
  layer_case c = {l->oracle,
                  &b,
                  layer,
                  learner_doubles(l, f.x, n),
                  learner_doubles(l, f.a, n),
                  learner_doubles(l, f.dy, n),
                  learner_doubles(l, NULL, n_turns),
                  learner_doubles(l, NULL, n_turns)};
  for (size_t i = 0; i < n_turns; i++) {
    c.query_angle[i] = random_between(random, -5, 5);
    c.key_angle[i] = random_between(random, -5, 5);
  }
  srope_turns query = make_turns(l, c.query_angle, m), key = make_turns(l, c.key_angle, m);
  const srope_layer *weights = layer < 0 ? NULL : &l->model->layers[layer];
  const srope_hook hook = {mask_floats, NULL, 1 + 2 * (uint32_t)(layer < 0 ? 0 : layer)};
  srope_rows rows = {spans, n_sequences, m, b.start, &query, &key, weights ? &hook : NULL};
  srope_layer_work work = layer_work(l, m, weights ? weights->up.n_out : 1, capacity);
  srope_layer_gradient_work scratch = gradient_work(l, m, capacity);
  gradient_check check = begin_check(layer < 0 ? "action attention" : "layer", random, layer_loss, &c);
  float *y = learner_floats(l, n);
  char start[64];
  snprintf(start, sizeof start, layer < 0 ? "action_attention." : "transformer_layers.%d.", layer);
  learner_restart(l, random);
  if (weights) {
    copy(y, f.x, n);
    srope_layer_begin(l->model, weights, &rows, y, f.a, &work);
    srope_layer_finish(l->model, weights, &rows, y, &work);
    copy(f.dx, f.dy, n);
    srope_layer_backward(l->model, weights, &l->gradients, &rows, f.x, f.a, &work, &scratch, &f.dturns, f.dx, f.da);
  } else {
    srope_remember(l->model, &l->model->action_attention, &rows, f.x, f.a, &work);
    srope_action_attention_forward(l->model, &rows, f.x, &work, y);
    srope_action_attention_backward(l->model, &l->gradients, &rows, f.x, f.a, &work, &scratch, &f.dturns, f.dy, f.dx,
                                    f.da);
  }
  assert_same_function(y, c.weight, n, layer_loss(&c));
  check_gradient(&check, "x", c.x, n, f.dx, weights ? NULL : f.dx_before);
  check_gradient(&check, "a", c.a, n, f.da, f.da_before);
  check_gradient(&check, "query angles", c.query_angle, n_turns, f.dturns.query, f.before.query);
  check_gradient(&check, "key angles", c.key_angle, n_turns, f.dturns.key, f.before.key);
  assert_int_equal(learner_check(l, &check, start), layer < 0 ? 5 : 13);
  learner_assert_others_kept(l, (const char *[]){start}, 1);
  end_check(&check);
  batch_free(&b);
}

static const struct {
  uint32_t n, length[MOST_SEQUENCES];
} lengths[] = {{1, {1}}, {3, {3, 1, 9}}, {4, {17, 2, 1, 16}}, {2, {33, 31}}, {1, {70}}};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

static void check_layers(learner *l, random_source *random) {
  for (size_t i = 0; i < N_LENGTHS; i++)
    check_layer(l, random, (int)random_below(random, l->info->n_layers), lengths[i].length, lengths[i].n);
}

static void check_action_attention(learner *l, random_source *random) {
  for (size_t i = 0; i < N_LENGTHS; i++) check_layer(l, random, -1, lengths[i].length, lengths[i].n);
}

static void test_layer(void **state) { for_all_shapes(state, check_layers, false); }
static void test_action_attention(void **state) { for_all_shapes(state, check_action_attention, false); }

/* ---------------------------------------------------------------- the head */

typedef struct head_case {
  const reference *r;
  reference_tokens tokens;
  double *x, *u, *weight;
} head_case;

static double head_loss(void *context) {
  const head_case *c = context;
  size_t n = c->tokens.n * c->r->t, first_row = 0;
  double *logits = calloc(n, sizeof *logits);
  reference_tokens k = c->tokens;
  k.hook = mask_doubles;
  k.hook_context = &first_row;
  reference_head(c->r, &k, c->x, c->u, logits);
  double loss = weighted(logits, c->weight, n);
  free(logits);
  return loss;
}

static void check_head(learner *l, random_source *random) {
  const srope_info *info = l->info;
  size_t m = 1 + random_below(random, 40), d = info->d_model, z = info->n_context, width = 2 * d + z;
  float *x = learner_random(l, random, m * d, -1.5, 1.5), *u = learner_random(l, random, m * d, -1.5, 1.5),
        *context = learner_random(l, random, m * z, -1.5, 1.5);
  float *joined = learner_floats(l, m * width), *djoined = learner_floats(l, m * width);
  float *logits = learner_floats(l, m * info->n_tasks), *dlogits = learner_random(l, random, m * info->n_tasks, -1, 1);
  float *dx = learner_floats(l, m * d), *du = learner_floats(l, m * d), *dcontext = learner_floats(l, m * z);
  float *work = learner_floats(l, 2 * m * l->model->max_hidden);
  srope_mlp_states states = mlp_states(l, &l->model->head, m);
  const srope_hook hook = {mask_floats, NULL, 1 + 2 * info->n_layers};
  head_case c = {l->oracle, reference_tokens_create(l->oracle, m), learner_doubles(l, x, m * d),
                 learner_doubles(l, u, m * d), learner_doubles(l, dlogits, m * info->n_tasks)};
  for (size_t i = 0; i < m * z; i++) c.tokens.context[i] = context[i];
  gradient_check check = begin_check("head", random, head_loss, &c);
  fill_nan(djoined, m * width);
  fill_nan(dx, m * d);
  fill_nan(du, m * d);
  fill_nan(dcontext, m * z);
  srope_head_join(l->model, x, u, z ? context : NULL, m, joined);
  float *part = srope_head_parts_context(l->model) ? learner_floats(l, m * l->model->head.layer[0].n_out) : NULL;
  if (part) srope_head_context(l->model, context, m, part);
  srope_head_forward(l->model, joined, part, l->model->head.layer[0].n_out, m, &states, &hook, logits);
  assert_same_function(logits, c.weight, m * info->n_tasks, head_loss(&c));
  srope_head_backward(l->model, &l->gradients, joined, m, &states, &hook, dlogits, work, djoined);
  srope_head_join_backward(l->model, djoined, m, dx, du, z ? dcontext : NULL);
  check_gradient(&check, "x", c.x, m * d, dx, NULL);
  check_gradient(&check, "u", c.u, m * d, du, NULL);
  check_gradient(&check, "context", c.tokens.context, m * z, dcontext, NULL);
  assert_int_equal(learner_check(l, &check, "head."), 6);
  learner_assert_others_kept(l, (const char *[]){"head."}, 1);
  srope_head_join_backward(l->model, djoined, m, dx, du, NULL);
  end_check(&check);
  reference_tokens_free(&c.tokens);
}

static void test_head(void **state) { for_all_shapes(state, check_head, false); }

int main(void) {
  static const struct CMUnitTest per_isa[] = {
      cmocka_unit_test(test_items), cmocka_unit_test(test_actions),          cmocka_unit_test(test_siren),
      cmocka_unit_test(test_layer), cmocka_unit_test(test_action_attention), cmocka_unit_test(test_head)};
  enum { N_PER_ISA = sizeof per_isa / sizeof *per_isa, N = GOLDEN_ISA_COUNT * N_PER_ISA };
  static struct CMUnitTest tests[N];
  static char names[N][64];
  for (size_t i = 0; i < N; i++) {
    const char *isa = golden_isas[i / N_PER_ISA];
    snprintf(names[i], sizeof names[i], "%s %s", per_isa[i % N_PER_ISA].name, isa);
    tests[i] = per_isa[i % N_PER_ISA];
    tests[i].name = names[i];
    tests[i].initial_state = (void *)isa;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  print_message("%zu derivatives, the worst off by %.2g of what is allowed\n", n_checks, worst_check);
  return failed;
}
