/* learner.c: see learner.h. */
#include "grad/learner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *own(learner *l, void *block) {
  assert_non_null(block);
  l->owned = realloc(l->owned, (l->n_owned + 1) * sizeof *l->owned);
  return l->owned[l->n_owned++] = block;
}

float *learner_floats(learner *l, size_t n) { return own(l, calloc(n ? n : 1, sizeof(float))); }

float *learner_random(learner *l, random_source *random, size_t n, double low, double high) {
  float *x = learner_floats(l, n);
  for (size_t i = 0; i < n; i++) x[i] = (float)random_between(random, low, high);
  return x;
}

double *learner_doubles(learner *l, const float *x, size_t n) {
  double *y = own(l, calloc(n ? n : 1, sizeof *y));
  for (size_t i = 0; x && i < n; i++) y[i] = x[i];
  return y;
}

void pack_for_back(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed) {
  float *transposed = malloc((n_out * n_in + 1) * sizeof *transposed);
  for (size_t o = 0; o < n_out; o++)
    for (size_t i = 0; i < n_in; i++) transposed[i * n_out + o] = w[o * n_in + i];
  srope_pack(nr, transposed, n_in, n_out, packed);
  free(transposed);
}

learner *learner_create(const model_sizes *sizes, uint64_t seed, const char *isa) {
  if (!srope_kernels_find(isa)) return NULL;
  random_source random = {seed};
  size_t n_bytes;
  srope_error error = {0};
  unsigned char *bytes = model_write(sizes, &random, &n_bytes);
  learner *l = calloc(1, sizeof *l);
  if (srope_model_load(bytes, n_bytes, isa, &l->model, &error)) fail_msg("%s (%s)", error.message, error.where);
  l->info = srope_model_info(l->model);
  l->oracle = reference_load(bytes, n_bytes);
  free(bytes);
  uint32_t n = l->model->n_parameters, nr = l->model->kernels->nr;
  l->of = own(l, calloc(n, sizeof *l->of));
  l->before = own(l, calloc(n, sizeof *l->before));
  l->back = own(l, calloc(n, sizeof *l->back));
  for (uint32_t i = 0; i < n; i++) {
    const srope_parameter *p = &l->model->parameters[i];
    l->of[i] = learner_floats(l, p->n);
    l->before[i] = learner_floats(l, p->n);
    if (p->layout != SROPE_LAYOUT_PACKED) continue;
    float *w = tensor_to_floats(tensor_file_get(l->oracle->file, p->name));
    l->back[i] = learner_floats(l, srope_packed_size(nr, p->shape[1], p->shape[0]));
    pack_for_back(nr, w, p->shape[0], p->shape[1], l->back[i]);
    free(w);
  }
  l->gradients = (srope_gradients){srope_gradient_kernels_find(l->info->isa), l->of, (const float *const *)l->back};
  return l;
}

void learner_free(learner *l) {
  if (!l) return;
  for (size_t i = 0; i < l->n_owned; i++) free(l->owned[i]);
  free(l->owned);
  reference_free(l->oracle);
  srope_model_free(l->model);
  free(l);
}

void learner_restart(learner *l, random_source *random) {
  for (uint32_t i = 0; i < l->model->n_parameters; i++)
    for (size_t e = 0; e < l->model->parameters[i].n; e++)
      l->of[i][e] = l->before[i][e] = (float)random_between(random, -0.01, 0.01);
}

size_t learner_check(learner *l, gradient_check *check, const char *start) {
  size_t n = 0;
  for (uint32_t i = 0; i < l->model->n_parameters; i++) {
    const srope_parameter *p = &l->model->parameters[i];
    if (strncmp(p->name, start, strlen(start)) != 0) continue;
    const tensor *t = tensor_file_get(l->oracle->file, p->name);
    assert_int_equal(t->n, p->n);
    check_gradient(check, p->name, t->data, t->n, l->of[i], l->before[i]);
    n++;
  }
  return n;
}

void learner_assert_others_kept(const learner *l, const char *const *starts, size_t n) {
  for (uint32_t i = 0; i < l->model->n_parameters; i++) {
    const srope_parameter *p = &l->model->parameters[i];
    size_t s = 0;
    while (s < n && strncmp(p->name, starts[s], strlen(starts[s])) != 0) s++;
    if (s == n) assert_memory_equal(l->of[i], l->before[i], p->n * sizeof(float));
  }
}

/* ---------------------------------------------------------------- tokens for both */

static void fill_sequence(learner *l, random_source *random, batch *b, size_t row, uint32_t n) {
  const srope_info *info = l->info;
  double now_s = info->trend_center != 0 ? info->trend_center + random_between(random, -2, 2) * info->trend_scale
                                         : random_between(random, 1.6e9, 1.7e9);
  for (size_t i = 0; i < n; i++) {
    uint32_t *start = b->start + row;
    size_t kind = i ? random_below(random, 10) : 9;
    start[i] = kind < 3 ? start[i - 1] : kind == 3 ? start[random_below(random, i)] : (uint32_t)i;
    if (start[i] == i) now_s += random_between(random, 0, 3e5);
    b->time_s[row + i] = now_s;
    b->offset_minutes[row + i] = random_between(random, -720, 840);
  }
}

static reference_tokens twin(const learner *l, const batch *b, size_t row, uint32_t n, uint32_t s) {
  const reference *r = l->oracle;
  reference_tokens k = reference_tokens_create(r, n);
  const float *const from[] = {b->item, b->action, b->context, b->signal};
  double *const to[] = {k.item, k.action, k.context, k.signal};
  const size_t width[] = {r->x, r->y, r->z, r->g};
  for (int a = 0; a < 4; a++)
    for (size_t i = 0; i < n * width[a]; i++) to[a][i] = from[a][row * width[a] + i];
  for (size_t i = 0; i < n; i++) {
    k.place[i] = i;
    k.first[i] = b->start[row + i];
    k.time_s[i] = b->time_s[row + i];
    k.offset_minutes[i] = b->offset_minutes[row + i];
  }
  k.oldest_s = k.time_s[0];
  k.s = s;
  return k;
}

static float random_label(random_source *random) {
  switch (random_below(random, 6)) {
    case 0: return NAN;
    case 1: return (float)random_between(random, 0, 1);
    case 2:
    case 3: return 1;
    default: return 0;
  }
}

batch batch_random(learner *l, random_source *random, const uint32_t *length, size_t n_sequences) {
  const srope_info *info = l->info;
  batch b = {0};
  size_t m = 0, row = 0;
  for (size_t i = 0; i < n_sequences; i++) m += length[i];
  b.length = own(l, malloc(n_sequences * sizeof *b.length));
  b.order_s = own(l, malloc(n_sequences * sizeof *b.order_s));
  b.start = own(l, malloc(m * sizeof *b.start));
  b.time_s = own(l, malloc(m * sizeof *b.time_s));
  b.offset_minutes = own(l, malloc(m * sizeof *b.offset_minutes));
  b.item = learner_random(l, random, m * info->n_item, -1.5, 1.5);
  b.action = learner_random(l, random, m * info->n_action, -1.5, 1.5);
  b.context = learner_random(l, random, m * info->n_context, -1.5, 1.5);
  b.signal = learner_random(l, random, m * info->n_signals, -1.5, 1.5);
  b.label = learner_floats(l, m * info->n_tasks);
  for (size_t i = 0; i < m * info->n_tasks; i++) b.label[i] = random_label(random);
  b.sequence = own(l, calloc(n_sequences, sizeof *b.sequence));
  for (size_t i = 0; i < n_sequences; row += length[i++]) {
    b.length[i] = length[i];
    b.order_s[i] = length[i] + (uint32_t)(random_below(random, 3) == 0 ? random_below(random, 5) : 0);
    fill_sequence(l, random, &b, row, length[i]);
    b.sequence[i] = twin(l, &b, row, length[i], b.order_s[i]);
  }
  b.tokens = (srope_tokens){.n_sequences = n_sequences,
                            .m = m,
                            .length = b.length,
                            .order_s = b.order_s,
                            .item = b.item,
                            .action = b.action,
                            .context = info->n_context ? b.context : NULL,
                            .signal = b.signal,
                            .time_s = b.time_s,
                            .utc_offset_minutes = b.offset_minutes,
                            .request_start = b.start};
  return b;
}

void batch_free(batch *b) {
  for (size_t i = 0; i < b->tokens.n_sequences; i++) reference_tokens_free(&b->sequence[i]);
}
