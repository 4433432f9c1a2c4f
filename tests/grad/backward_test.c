/* backward_test.c: the backward passes of nn/'s smallest pieces (linear layers, norms, rows of layers, rotations,
 * attention, the loss) against central differences of the same mathematics in double precision, for every
 * instruction set of this machine and sizes off every vector width. Losses weigh outputs with random numbers. The
 * larger pieces: network_test.c. */
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
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/rotary.h"

/* Of a tensor's largest element: float32 sums of up to some hundred products, each within 6e-8, after a forward pass in
 * float32. The floor is for gradients that are zero in exact arithmetic. */
static const double tolerance = 2e-5, zero = 2e-6;

enum { MOST_LAYERS = 5 };

static size_t n_checks;
static double worst_check;

static gradient_check begin_check(const char *test, random_source *random, double (*loss)(void *), void *context) {
  return (gradient_check){.test = test,
                          .loss = loss,
                          .context = context,
                          .random = random,
                          .tolerance = tolerance,
                          .floor = zero,
                          .most = 40};
}

static void end_check(const gradient_check *check) {
  n_checks += check->n_checked;
  worst_check = fmax(worst_check, check->worst);
}

static const char *isa_of(void **state) {
  if (!srope_kernels_find(*state)) {
    assert_string_not_equal(*state, "scalar");
    skip();
  }
  return *state;
}

/* ---------------------------------------------------------------- rows of linear layers: linear, mlp */

typedef enum activation { RELU, SILU, SINE } activation;
static const srope_activation forwards[] = {srope_relu, srope_silu, srope_sine};
static const srope_activation_backward backwards[] = {srope_relu_backward, srope_silu_backward, srope_sine_backward};
enum { OMEGA = 10 };

typedef struct
    rows_case { /* n layers of widths[0] -> ... -> widths[n]; the double precision twin and the float32 one */
  size_t n, m, widths[MOST_LAYERS + 1];
  activation activate;
  bool has_bias, has_hook;
  double *x, *w[MOST_LAYERS], *b[MOST_LAYERS], *y_weight;
  /* float32 */
  srope_model model;
  srope_mlp mlp;
  float *of[2 * MOST_LAYERS], *before[2 * MOST_LAYERS], *back[2 * MOST_LAYERS];
  float *x32, *y, *dy, *dx;
  srope_mlp_states states;
  srope_gradients gradients;
  void *owned[100];
  size_t n_owned;
} rows_case;

static void *own(rows_case *c, size_t n, size_t size) {
  void *block = calloc(n ? n : 1, size);
  assert_non_null(block);
  return c->owned[c->n_owned++] = block;
}

/* A fixed mask: what a hook may do, in both directions. */
static double mask(uint32_t site, size_t row, size_t column) {
  return (site + 3 * row + 5 * column) % 4 == 0 ? 0 : 1.25;
}

static void apply_mask(const srope_hook *hook, uint32_t site, float *x, size_t m, size_t width) {
  assert_true(site >= hook->site);
  for (size_t i = 0; i < m * width; i++) x[i] *= (float)mask(site, i / width, i % width);
}
static const srope_hook mask_hook = {apply_mask, NULL, 7};

static double activated(activation activate, double x) {
  switch (activate) {
    case RELU: return x > 0 ? x : 0;
    case SILU: return x / (1 + exp(-x));
    default: return sin(OMEGA * x);
  }
}

static double rows_loss(void *context) {
  const rows_case *c = context;
  double *x = c->x, loss = 0;
  for (size_t l = 0; l < c->n; l++) {
    size_t n_in = c->widths[l], n_out = c->widths[l + 1];
    double *y = calloc(c->m * n_out, sizeof *y);
    for (size_t i = 0; i < c->m; i++)
      for (size_t o = 0; o < n_out; o++) {
        double sum = c->has_bias ? c->b[l][o] : 0;
        for (size_t j = 0; j < n_in; j++) sum += c->w[l][o * n_in + j] * x[i * n_in + j];
        if (l + 1 < c->n) sum = activated(c->activate, sum);
        if (l + 1 < c->n && c->has_hook) sum *= mask(mask_hook.site + (uint32_t)l, i, o);
        y[i * n_out + o] = sum;
      }
    if (x != c->x) free(x);
    x = y;
  }
  for (size_t i = 0; i < c->m * c->widths[c->n]; i++) loss += c->y_weight[i] * x[i];
  if (x != c->x) free(x);
  return loss;
}

static void random_pair(random_source *random, size_t n, double size, double *x, float *x32) {
  for (size_t i = 0; i < n; i++) x[i] = x32[i] = (float)random_between(random, -size, size);
}

static void make_layer(rows_case *c, random_source *random, uint32_t l) {
  size_t n_in = c->widths[l], n_out = c->widths[l + 1], n = n_in * n_out;
  uint32_t nr = c->model.kernels->nr;
  float *w = own(c, n, sizeof *w), *packed = own(c, srope_packed_size(nr, n_out, n_in), sizeof *packed);
  float *bias = own(c, srope_padded_size(nr, n_out), sizeof *bias);
  c->w[l] = own(c, n, sizeof(double));
  c->b[l] = own(c, n_out, sizeof(double));
  random_pair(random, n, (c->activate == SINE ? 0.15 : 1.5) / sqrt((double)n_in), c->w[l], w);
  random_pair(random, n_out, 0.2, c->b[l], bias);
  srope_pack(nr, w, n_out, n_in, packed);
  c->back[2 * l] = own(c, srope_packed_size(nr, n_in, n_out), sizeof(float));
  pack_for_back(nr, w, n_out, n_in, c->back[2 * l]);
  const size_t sizes[2] = {n, n_out};
  for (int i = 0; i < 2; i++) {
    float *of = c->of[2 * l + (uint32_t)i] = own(c, sizes[i], sizeof(float));
    float *before = c->before[2 * l + (uint32_t)i] = own(c, sizes[i], sizeof(float));
    for (size_t e = 0; e < sizes[i]; e++) of[e] = before[e] = (float)random_between(random, -0.01, 0.01);
  }
  c->mlp.layer[l] = (srope_linear){.weight = packed,
                                   .bias = c->has_bias ? bias : NULL,
                                   .n_in = (uint32_t)n_in,
                                   .n_out = (uint32_t)n_out,
                                   .parameter = 2 * l};
  if (l + 1 == c->n) return;
  c->states.before[l] = own(c, c->m * n_out, sizeof(float));
  c->states.after[l] = own(c, c->m * n_out, sizeof(float));
}

static void make_rows(rows_case *c, random_source *random, const char *isa) {
  size_t n_y = c->m * c->widths[c->n];
  c->model = (srope_model){.kernels = srope_kernels_find(isa), .info = {.omega_0 = OMEGA}};
  c->mlp.n = (uint32_t)c->n;
  for (size_t l = 0; l <= c->n; l++)
    if (c->widths[l] > c->model.max_hidden) c->model.max_hidden = (uint32_t)c->widths[l];
  for (uint32_t l = 0; l < c->n; l++) make_layer(c, random, l);
  c->x = own(c, c->m * c->widths[0], sizeof(double));
  c->x32 = own(c, c->m * c->widths[0], sizeof(float));
  c->dx = own(c, c->m * c->widths[0], sizeof(float));
  c->y_weight = own(c, n_y, sizeof(double));
  c->dy = own(c, n_y, sizeof(float));
  c->y = own(c, n_y, sizeof(float));
  random_pair(random, c->m * c->widths[0], 1.5, c->x, c->x32);
  random_pair(random, n_y, 1, c->y_weight, c->dy);
  for (size_t i = 0; i < c->m * c->widths[0]; i++) c->dx[i] = NAN; /* written, not added to */
  c->gradients = (srope_gradients){srope_gradient_kernels_find(isa), c->of, (const float *const *)c->back};
}

static void check_rows(rows_case *c, gradient_check *check) {
  double sum = 0;
  for (size_t i = 0; i < c->m * c->widths[c->n]; i++) sum += c->y_weight[i] * c->y[i];
  double expected = rows_loss(c);
  assert_true(fabs(sum - expected) <= 1e-4 * (1 + fabs(expected)));
  check_gradient(check, "x", c->x, c->m * c->widths[0], c->dx, NULL);
  for (size_t l = 0; l < c->n; l++) {
    size_t n_out = c->widths[l + 1];
    check_gradient(check, "weight", c->w[l], c->widths[l] * n_out, c->of[2 * l], c->before[2 * l]);
    if (c->has_bias)
      check_gradient(check, "bias", c->b[l], n_out, c->of[2 * l + 1], c->before[2 * l + 1]);
    else
      assert_memory_equal(c->of[2 * l + 1], c->before[2 * l + 1], n_out * sizeof(float));
  }
}

static void free_rows(rows_case *c) {
  for (size_t i = 0; i < c->n_owned; i++) free(c->owned[i]);
}

static const size_t odd_widths[] = {1, 2, 3, 7, 9, 15, 17, 19, 31, 33, 65};
enum { N_WIDTHS = sizeof odd_widths / sizeof *odd_widths };

static void test_linear(void **state) {
  const char *isa = isa_of(state);
  random_source random = {31};
  for (size_t i = 0; i < N_WIDTHS * N_WIDTHS; i++) {
    rows_case c = {.n = 1,
                   .m = 1 + random_below(&random, 70),
                   .widths = {odd_widths[i / N_WIDTHS], odd_widths[i % N_WIDTHS]},
                   .has_bias = i % 3 > 0};
    make_rows(&c, &random, isa);
    gradient_check check = begin_check("linear", &random, rows_loss, &c);
    check.most = 8;
    srope_linear_forward(&c.model, &c.mlp.layer[0], c.x32, c.m, c.y);
    srope_linear_backward(&c.model, &c.mlp.layer[0], &c.gradients, c.x32, c.dy, c.m, c.dx);
    check_rows(&c, &check);
    /* what is not wanted is left alone */
    float *const none[2] = {NULL, NULL};
    const srope_gradients unwanted = {c.gradients.kernels, none, c.gradients.back};
    srope_linear_backward(&c.model, &c.mlp.layer[0], &unwanted, c.x32, c.dy, c.m, NULL);
    end_check(&check);
    free_rows(&c);
  }
}

static void check_mlp(const char *isa, random_source *random, activation activate, size_t n, bool has_hook) {
  rows_case c = {
      .n = n, .m = 1 + random_below(random, 33), .activate = activate, .has_bias = true, .has_hook = has_hook};
  for (size_t l = 0; l <= n; l++) c.widths[l] = odd_widths[1 + random_below(random, N_WIDTHS - 1)];
  make_rows(&c, random, isa);
  gradient_check check = begin_check("mlp", random, rows_loss, &c);
  check.most = 12;
  check.tolerance =
      activate == SINE ? 1e-4 : tolerance; /* sin(10 x): every layer makes the one before's rounding ten times larger */
  const srope_hook *hook = has_hook ? &mask_hook : NULL;
  srope_mlp_forward(&c.model, &c.mlp, forwards[activate], c.x32, c.m, &c.states, hook, c.y);
  float *work = calloc(2 * c.m * c.model.max_hidden, sizeof *work);
  srope_mlp_backward(&c.model, &c.mlp, backwards[activate], &c.gradients, c.x32, c.m, &c.states, hook, c.dy, work,
                     c.dx);
  check_rows(&c, &check);
  free(work);
  end_check(&check);
  free_rows(&c);
}

static void test_mlp(void **state) {
  const char *isa = isa_of(state);
  random_source random = {32};
  for (int a = RELU; a <= SINE; a++)
    for (size_t n = 1; n <= MOST_LAYERS; n++)
      for (int i = 0; i < 8; i++) check_mlp(isa, &random, (activation)a, n, i % 2 == 1);
}

/* ---------------------------------------------------------------- norm */

typedef struct norm_case {
  size_t m, d;
  double *x, *gain, *bias, *y_weight;
} norm_case;

static double norm_loss(void *context) {
  const norm_case *c = context;
  double loss = 0;
  for (size_t i = 0; i < c->m; i++) {
    const double *x = c->x + i * c->d;
    double mean = 0, variance = 0;
    for (size_t j = 0; j < c->d; j++) mean += x[j] / (double)c->d;
    for (size_t j = 0; j < c->d; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)c->d;
    for (size_t j = 0; j < c->d; j++)
      loss += c->y_weight[i * c->d + j] * ((x[j] - mean) / sqrt(variance + 1e-5) * c->gain[j] + c->bias[j]);
  }
  return loss;
}

static void check_norm(const char *isa, random_source *random, size_t m, size_t d) {
  enum { X, DX, DX_BEFORE, DY, GAIN, BIAS, DGAIN, DBIAS, DGAIN_BEFORE, DBIAS_BEFORE, N };
  float *f[N];
  norm_case c = {m, d, NULL, NULL, NULL, NULL};
  double **const doubles[] = {&c.x, &c.y_weight, &c.gain, &c.bias};
  const int twins[] = {X, DY, GAIN, BIAS};
  for (int i = 0; i < N; i++) f[i] = calloc(m * d, sizeof(float));
  for (int i = 0; i < 4; i++) {
    *doubles[i] = calloc(m * d, sizeof(double));
    random_pair(random, i < 2 ? m * d : d, 1.5, *doubles[i], f[twins[i]]);
  }
  for (size_t i = 0; i < m * d; i++) f[DX][i] = f[DX_BEFORE][i] = (float)random_between(random, -0.01, 0.01);
  for (size_t i = 0; i < d; i++) f[DGAIN][i] = f[DBIAS][i] = f[DGAIN_BEFORE][i] = f[DBIAS_BEFORE][i] = 0.01f * (float)i;
  const srope_norm norm = {f[GAIN], f[BIAS], 1};
  float *const of[] = {NULL, f[DGAIN], f[DBIAS]};
  const srope_gradients gradients = {srope_gradient_kernels_find(isa), of, NULL};
  gradient_check check = begin_check("norm", random, norm_loss, &c);
  srope_norm_backward(&norm, &gradients, f[X], f[DY], m, d, f[DX]);
  check_gradient(&check, "x", c.x, m * d, f[DX], f[DX_BEFORE]);
  check_gradient(&check, "gain", c.gain, d, f[DGAIN], f[DGAIN_BEFORE]);
  check_gradient(&check, "bias", c.bias, d, f[DBIAS], f[DBIAS_BEFORE]);
  end_check(&check);
  for (int i = 0; i < N; i++) free(f[i]);
  for (int i = 0; i < 4; i++) free(*doubles[i]);
}

static void test_norm(void **state) {
  const char *isa = isa_of(state);
  random_source random = {33};
  for (size_t d = 3; d <= 70; d += 1 + d / 8)
    for (size_t m = 1; m <= 20; m = 2 * m + 1) check_norm(isa, &random, m, d);
}

/* ---------------------------------------------------------------- loss */

typedef struct loss_case {
  size_t m, n_tasks;
  double *logits;
  const float *label, *task_weight;
} loss_case;

static double cross_entropy(void *context) {
  const loss_case *c = context;
  double sum = 0;
  for (size_t i = 0; i < c->m * c->n_tasks; i++) {
    double p = 1 / (1 + exp(-c->logits[i])), y = c->label[i], w = c->task_weight ? c->task_weight[i % c->n_tasks] : 1;
    if (!isnan(y)) sum -= w * (y * log(p) + (1 - y) * log1p(-p));
  }
  return sum;
}

static void check_loss(random_source *random, size_t m, size_t n_tasks, bool weighted) {
  static const float weights[] = {1, 0.3f, 2, 0, 5};
  size_t n = m * n_tasks;
  srope_model model = {.info = {.n_tasks = (uint32_t)n_tasks}};
  double *doubles = calloc(n, sizeof *doubles), weight = 0;
  float *logits = calloc(n, sizeof *logits), *label = calloc(n, sizeof *label), *d = calloc(n, sizeof *d);
  random_pair(random, n, 6, doubles, logits);
  for (size_t i = 0; i < n; i++) {
    size_t kind = random_below(random, 4);
    label[i] = kind == 0 ? NAN : kind == 1 ? (float)random_between(random, 0, 1) : (float)(kind == 2);
    weight += isnan(label[i]) ? 0 : weighted ? weights[i % n_tasks] : 1;
    d[i] = NAN;
  }
  loss_case c = {m, n_tasks, doubles, label, weighted ? weights : NULL};
  srope_loss loss = {2, 3}; /* added to */
  srope_loss_forward(&model, logits, label, c.task_weight, m, &loss, d);
  double expected = cross_entropy(&c);
  assert_true(fabs(loss.sum - 2 - expected) <= 1e-9 * (1 + expected));
  assert_true(fabs(loss.weight - 3 - weight) <= 1e-9 * (1 + weight));
  srope_loss again = {0, 0};
  srope_loss_forward(&model, logits, label, c.task_weight, m, &again, NULL);
  assert_true(fabs(again.sum - expected) <= 1e-9 * (1 + expected));
  gradient_check check = begin_check("loss", random, cross_entropy, &c);
  check.tolerance = 1e-6; /* no float32 but the result's */
  check.floor = 1e-8;
  check_gradient(&check, "logits", doubles, n, d, NULL);
  for (size_t i = 0; i < n; i++) assert_true(!isnan(label[i]) || d[i] == 0);
  end_check(&check);
  free(doubles);
  free(logits);
  free(label);
  free(d);
}

static void test_loss(void **state) {
  (void)state;
  random_source random = {34};
  for (size_t n_tasks = 1; n_tasks <= 5; n_tasks++)
    for (size_t m = 1; m <= 33; m = 2 * m + 1) {
      check_loss(&random, m, n_tasks, false);
      check_loss(&random, m, n_tasks, true);
    }
}

/* Far out the loss is |z| on the wrong side and 0 on the right one, and never NaN or infinite. */
static void test_loss_of_large_logits(void **state) {
  (void)state;
  const srope_model model = {.info = {.n_tasks = 1}};
  static const float sizes[] = {30, 88, 500, 710, 1e6f, 3e38f};
  for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
    float z = i % 2 ? -sizes[i / 2] : sizes[i / 2], wrong = z<0, right = z> 0, d;
    srope_loss loss = {0};
    srope_loss_forward(&model, &z, &wrong, NULL, 1, &loss, &d);
    assert_true(fabs(loss.sum - fabs((double)z)) <= 1e-9 * fabs((double)z));
    assert_true(d == (z < 0 ? -1 : 1));
    loss = (srope_loss){0};
    srope_loss_forward(&model, &z, &right, NULL, 1, &loss, &d);
    assert_true(loss.sum >= 0 && loss.sum < 1e-12);
    assert_true(fabs((double)d) < 1e-12);
  }
}

/* ---------------------------------------------------------------- rotations */

static model_sizes head_sizes(size_t k, size_t h, size_t a) {
  model_sizes s = model_sizes_tiny(SROPE_SIREN);
  s.k = k;
  s.h = h;
  s.a = a;
  return s;
}

typedef struct turn_case { /* a row x (D), turned by its network's f (A) and its place */
  const reference *r;
  double *x, *f, *weight, index;
} turn_case;

static double turn_loss(void *context) {
  const turn_case *c = context;
  const reference *r = c->r;
  const double *freq = tensor_file_get(r->file, "rope.freq")->data;
  double loss = 0, scale = tensor_file_get(r->file, "rope.order_scale")->data[0];
  for (size_t e = 0; e < r->d; e += 2) {
    size_t j = e % r->k / 2, a = j / (r->p / r->a);
    double theta = c->f[a] * freq[a] - c->index * scale * pow(r->rope_base, -2.0 * (double)j / (double)r->k);
    loss += c->weight[e] * (c->x[e] * cos(theta) - c->x[e + 1] * sin(theta)) +
            c->weight[e + 1] * (c->x[e] * sin(theta) + c->x[e + 1] * cos(theta));
  }
  return loss;
}

static void check_turn(learner *l, random_source *random, double index) {
  const srope_info *info = l->info;
  size_t d = info->d_model, a = info->n_angles;
  float *x = learner_random(l, random, d, -1.5, 1.5), *f = learner_random(l, random, a, -2, 2),
        *dx = learner_random(l, random, d, -1, 1);
  float *cosine = learner_floats(l, info->d_head), *sine = learner_floats(l, info->d_head),
        *turned = learner_floats(l, d), *dangle = learner_floats(l, info->n_pairs), *df = learner_floats(l, a);
  turn_case c = {l->oracle, learner_doubles(l, x, d), learner_doubles(l, f, a), learner_doubles(l, dx, d), index};
  gradient_check check = begin_check("turn", random, turn_loss, &c);
  uint32_t freq = l->model->frequency_parameter, scale = l->model->order_scale_parameter;
  learner_restart(l, random);
  for (size_t i = 0; i < a; i++) df[i] = NAN;
  srope_rotary_turn(l->model, f, index, 0, cosine, sine);
  memcpy(turned, x, d * sizeof *x);
  l->model->kernels->rotate(turned, cosine, sine, info->n_heads, info->d_head);
  srope_rotate_backward(l->model, cosine, sine, turned, dx, dangle);
  srope_rotary_turn_backward(l->model, f, index, dangle, df, l->of[freq], l->of[scale]);
  check_gradient(&check, "x", c.x, d, dx, NULL);
  check_gradient(&check, "f", c.f, a, df, NULL);
  assert_int_equal(learner_check(l, &check, "rope."), 2);
  learner_assert_others_kept(l, (const char *[]){"rope."}, 1);
  /* twice: angles are added to; and without wishes */
  float *twice = learner_floats(l, info->n_pairs);
  memcpy(twice, dangle, info->n_pairs * sizeof *twice);
  for (size_t i = 0; i < d; i++) dx[i] = 0;
  srope_rotate_backward(l->model, cosine, sine, turned, dx, twice);
  assert_memory_equal(twice, dangle, info->n_pairs * sizeof *twice);
  srope_rotary_turn_backward(l->model, f, index, dangle, df, NULL, NULL);
  check_gradient(&check, "f", c.f, a, df, NULL);
  end_check(&check);
}

static void test_rotary(void **state) {
  const char *isa = isa_of(state);
  random_source random = {35};
  static const size_t shapes[][3] = {{2, 1, 1},  {2, 5, 1},  {6, 3, 3},  {6, 2, 1},
                                     {10, 3, 5}, {10, 1, 1}, {12, 2, 3}, {22, 1, 11}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    model_sizes sizes = head_sizes(shapes[i][0], shapes[i][1], shapes[i][2]);
    learner *l = learner_create(&sizes, 500 + i, isa);
    for (int j = 0; j < 6; j++) check_turn(l, &random, (double)random_below(&random, j < 3 ? 5 : 900));
    learner_free(l);
  }
}

/* ---------------------------------------------------------------- attention */

typedef struct attention_case { /* one sequence of m tokens, rotated already */
  const reference *r;
  size_t m;
  const uint32_t *visible;
  double *q, *k, *v, *padding, *weight;
} attention_case;

static double attention_loss(void *context) {
  const attention_case *c = context;
  size_t d = c->r->d, width = c->r->k;
  double loss = 0, *p = calloc(c->m + 1, sizeof *p);
  for (size_t i = 0; i < c->m; i++)
    for (size_t h = 0; h < d; h += width) {
      double total = 0;
      for (size_t t = 0; t < c->visible[i]; t++) {
        double score = 0;
        for (size_t e = h; e < h + width; e++) score += c->q[i * d + e] * c->k[t * d + e];
        total += p[t] = exp(c->r->attn_scale * score);
      }
      for (size_t e = h; e < h + width; e++) {
        double out = c->visible[i] ? 0 : c->padding[e];
        for (size_t t = 0; t < c->visible[i]; t++) out += p[t] / total * c->v[t * d + e];
        loss += c->weight[i * d + e] * out;
      }
    }
  free(p);
  return loss;
}

/* Requests of one to four events; seldom one that began at 0 comes in the middle. */
static uint32_t *random_visible(random_source *random, size_t m) {
  uint32_t *visible = malloc(m * sizeof *visible);
  for (size_t i = 0; i < m; i++) {
    size_t kind = random_below(random, 12);
    visible[i] = i == 0 || kind == 0 ? 0 : kind < 5 ? visible[i - 1] : (uint32_t)i;
  }
  return visible;
}

static void check_attention(learner *l, random_source *random, size_t m, size_t most) {
  size_t d = l->info->d_model, n = m * d, capacity = srope_padded_size(l->model->kernels->nr, m);
  uint32_t *visible = random_visible(random, m);
  srope_cache cache = {learner_floats(l, srope_cache_keys_size(l->model, capacity)),
                       learner_floats(l, srope_cache_values_size(l->model, capacity)), capacity};
  float *q = learner_random(l, random, n, -1, 1), *k = learner_random(l, random, n, -1, 1),
        *v = learner_random(l, random, n, -1, 1), *dout = learner_random(l, random, n, -1, 1),
        *padding = learner_random(l, random, d, -1, 1), *out = learner_floats(l, n);
  float *dq = learner_floats(l, n), *dk = learner_floats(l, n), *dv = learner_floats(l, n),
        *dpadding = learner_random(l, random, d, -0.01, 0.01), *before = learner_floats(l, d);
  float *work = learner_floats(l, srope_attention_work_size(capacity)),
        *backward_work = learner_floats(l, srope_attention_backward_work_size(l->model, capacity));
  attention_case c = {l->oracle,
                      m,
                      visible,
                      learner_doubles(l, q, n),
                      learner_doubles(l, k, n),
                      learner_doubles(l, v, n),
                      learner_doubles(l, padding, d),
                      learner_doubles(l, dout, n)};
  gradient_check check = begin_check("attention", random, attention_loss, &c);
  check.most = most;
  memcpy(before, dpadding, d * sizeof *before);
  for (size_t i = 0; i < n; i++) dq[i] = dk[i] = dv[i] = NAN;
  for (size_t i = 0; i < m; i++) srope_cache_store(l->model, &cache, i, k + i * d, v + i * d);
  srope_attention_forward(l->model, &cache, padding, q, visible, m, work, out);
  double sum = 0, expected = attention_loss(&c);
  for (size_t i = 0; i < n; i++) sum += (double)dout[i] * out[i];
  assert_true(fabs(sum - expected) <= 1e-6 * (double)n + 1e-5 * fabs(expected));
  srope_attention_backward(l->model, &l->gradients, &cache, q, k, v, visible, m, dout, backward_work, dpadding, dq, dk,
                           dv);
  check_gradient(&check, "q", c.q, n, dq, NULL);
  check_gradient(&check, "k", c.k, n, dk, NULL);
  check_gradient(&check, "v", c.v, n, dv, NULL);
  check_gradient(&check, "padding", c.padding, d, dpadding, before);
  float *again = learner_floats(l, n); /* without padding's; what was written there is written over */
  memcpy(again, dq, n * sizeof *dq);
  srope_attention_backward(l->model, &l->gradients, &cache, q, k, v, visible, m, dout, backward_work, NULL, dq, dk, dv);
  assert_memory_equal(again, dq, n * sizeof *dq);
  end_check(&check);
  free(visible);
}

static void test_attention(void **state) {
  const char *isa = isa_of(state);
  random_source random = {36};
  static const size_t shapes[][2] = {{2, 1}, {2, 3}, {6, 1}, {10, 3}, {4, 2}, {22, 2}, {34, 1}};
  static const size_t lengths[] = {1, 2, 3, 8, 15, 16, 17, 31, 33, 63, 64, 65, 70, 130};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    model_sizes sizes = head_sizes(shapes[i][0], shapes[i][1], 1);
    learner *l = learner_create(&sizes, 600 + i, isa);
    for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) check_attention(l, &random, lengths[j], 5);
    learner_free(l);
  }
}

/* Beyond 4096 tokens fewer than 64 rows of scores fit at a time. Slow to difference, so once and along directions
 * only. */
static void test_attention_of_long_sequences(void **state) {
  (void)state;
  random_source random = {37};
  model_sizes sizes = head_sizes(2, 1, 1);
  learner *l = learner_create(&sizes, 700, NULL);
  size_t m = 4391, rows = srope_attention_rows(srope_padded_size(l->model->kernels->nr, m));
  assert_true(rows < 64 && m % rows != 0);
  check_attention(l, &random, m, 0);
  learner_free(l);
}

int main(void) {
  static const struct CMUnitTest per_isa[] = {cmocka_unit_test(test_linear), cmocka_unit_test(test_mlp),
                                              cmocka_unit_test(test_norm), cmocka_unit_test(test_rotary),
                                              cmocka_unit_test(test_attention)};
  enum { N_PER_ISA = sizeof per_isa / sizeof *per_isa, N = GOLDEN_ISA_COUNT * N_PER_ISA };
  static struct CMUnitTest tests[N + 3] = {cmocka_unit_test(test_loss), cmocka_unit_test(test_loss_of_large_logits),
                                           cmocka_unit_test(test_attention_of_long_sequences)};
  static char names[N][64];
  for (size_t i = 0; i < N; i++) {
    const char *isa = golden_isas[i / N_PER_ISA];
    snprintf(names[i], sizeof names[i], "%s %s", per_isa[i % N_PER_ISA].name, isa);
    tests[3 + i] = per_isa[i % N_PER_ISA];
    tests[3 + i].name = names[i];
    tests[3 + i].initial_state = (void *)isa;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  print_message("%zu derivatives, the worst off by %.2g of what is allowed\n", n_checks, worst_check);
  return failed;
}
