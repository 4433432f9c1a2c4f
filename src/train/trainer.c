/* trainer.c: see trainer.h. All parameters lie in one flat array, dense ones first and embedding tables last, each at a
 * multiple of 16 floats; gradients and moments lie alike. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "nn/loss.h"
#include "train/gather.h"

enum { ALIGN = 16, BLOCK = 8192 }; /* floats; of a piece of the optimizer's work */

typedef struct group { /* of one parameter */
  size_t offset;       /* in the flat arrays */
  bool is_table, learns;
  float rate, decay; /* times the step's rate; weight decay */
} group;

typedef struct block { /* of one parameter */
  uint32_t parameter;
  size_t offset, n;
} block;

typedef struct shard { /* gradient of the dense parameters, and loss */
  float *gradient;     /* (n_dense) */
  float **of;          /* by parameter */
  srope_loss loss;
  size_t first, n;              /* windows of the batch */
  size_t first_token, n_tokens; /* in the batch's token arrays */
} shard;

struct srope_trainer {
  srope_model *model;
  srope_trainer_options options;
  srope_pool *pool;
  srope_distributed all;
  const srope_gradient_kernels *kernels;
  uint32_t max_n;
  uint64_t steps;

  group *groups;
  size_t n_dense, n_values;
  float *value, *sum, *first, *second; /* (n_values) each; sum: the gradient over all shards */
  float *back;                         /* weights packed for dx */
  float **back_of;                     /* by parameter */
  float **table[3];                    /* by list and field: the table's gradient, in `sum` */
  block *blocks;
  size_t n_blocks;
  double *squares; /* (n_blocks) */
  shard *shards;
  srope_pass **passes; /* by thread */
  srope_gather *gathers;
  void *memory;

  /* the batch at work */
  const srope_dataset *data;
  const srope_window *list;
  const uint32_t *order;
  srope_dropout dropout, ids; /* tokens are each thread's */
  float *dvectors[3];         /* (batch tokens, X), Y, Z; NULL where the list has no table */
  uint64_t *events, *keys;    /* (batch tokens) */
  size_t batch_capacity;
  srope_adam adam; /* what all parameters share of the step at work */
  float rate;      /* the step's learning rate */
  /* the prediction at work */
  const srope_windows *windows;
  const uint64_t *piece_first, *logits_first;
  float *logits, *label;
};

/* ---------------------------------------------------------------- groups */

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static bool is_rotation(const char *name) {
  return starts_with(name, "rope.") || starts_with(name, "angle_nn.") || starts_with(name, "action_angle_nn.");
}

/* The output biases of an angle network's branches: a constant on every angle, which nothing can see. */
static bool is_gauge(const srope_model *model, uint32_t parameter) {
  for (int network = 0; network < 2 && model->info.variant == SROPE_SIREN; network++) {
    const srope_mlp *branches[] = {&model->angles[network].sine, &model->angles[network].relu};
    for (int i = 0; i < 2; i++)
      if (parameter == branches[i]->layer[branches[i]->n - 1].parameter + 1) return true;
  }
  return false;
}

static bool is_held(const srope_trainer *trainer, const char *name) {
  const srope_trainer_options *o = &trainer->options;
  return is_rotation(name) &&
         ((o->hold_sine && strstr(name, "nn.net.")) || (o->hold_relu && strstr(name, "nn.residual.")));
}

static srope_status check_layouts(const srope_model *model, srope_error *error) {
  for (uint32_t i = 0; i < model->n_parameters; i++)
    if (model->parameters[i].layout == SROPE_LAYOUT_INT8)
      return srope_fail(error, SROPE_ERR_TENSOR, model->parameters[i].name,
                        "expected weights of floats to train, found I8");
  return SROPE_OK;
}

static void sort_parameters(srope_trainer *trainer) {
  const srope_model *model = trainer->model;
  const srope_trainer_options *o = &trainer->options;
  size_t offset = 0;
  for (int tables = 0; tables < 2; tables++) {
    for (uint32_t i = 0; i < model->n_parameters; i++) {
      const srope_parameter *parameter = &model->parameters[i];
      bool is_table = starts_with(parameter->name, "encoder.");
      if (is_table != tables) continue;
      double decay = is_table && o->table_decay >= 0 ? o->table_decay : o->weight_decay;
      double rate = is_table ? o->table_rate : is_rotation(parameter->name) ? o->rotation_rate : 1;
      bool is_matrix = parameter->n_dims == 2;
      trainer->groups[i] = (group){.offset = offset,
                                   .is_table = is_table,
                                   .learns = !is_gauge(model, i) && !is_held(trainer, parameter->name),
                                   .rate = (float)rate,
                                   .decay = (float)(o->decay_all || is_matrix ? decay : 0)};
      offset += (parameter->n + ALIGN - 1) / ALIGN * ALIGN;
    }
    if (!tables) trainer->n_dense = offset;
  }
  trainer->n_values = offset;
}

/* ---------------------------------------------------------------- memory */

static void place_shards(srope_trainer *t, srope_arena *arena) {
  const srope_model *model = t->model;
  t->shards = srope_arena_place(arena, t->options.shards, sizeof *t->shards);
  for (uint32_t s = 0; s < t->options.shards; s++) {
    float *gradient = srope_arena_place(arena, t->n_dense, sizeof(float));
    float **of = srope_arena_place(arena, model->n_parameters, sizeof *of);
    if (!of) continue;
    t->shards[s] = (shard){.gradient = gradient, .of = of};
    for (uint32_t i = 0; i < model->n_parameters; i++) {
      const group *g = &t->groups[i];
      of[i] = g->is_table || is_gauge(model, i) ? NULL : gradient + g->offset;
    }
  }
}

static void place_blocks(srope_trainer *t, srope_arena *arena) {
  const srope_model *model = t->model;
  size_t n = 0;
  for (uint32_t i = 0; i < model->n_parameters; i++) n += (model->parameters[i].n + BLOCK - 1) / BLOCK;
  t->n_blocks = n;
  t->blocks = srope_arena_place(arena, n, sizeof *t->blocks);
  t->squares = srope_arena_place(arena, n, sizeof *t->squares);
  if (!t->blocks) return;
  block *to = t->blocks;
  for (uint32_t i = 0; i < model->n_parameters; i++)
    for (size_t at = 0; at < model->parameters[i].n; at += BLOCK) {
      size_t left = model->parameters[i].n - at;
      *to++ = (block){i, t->groups[i].offset + at, left < BLOCK ? left : BLOCK};
    }
}

static void place_back(srope_trainer *t, srope_arena *arena) {
  const srope_model *model = t->model;
  t->back_of = srope_arena_place(arena, model->n_parameters, sizeof *t->back_of);
  for (uint32_t i = 0; i < model->n_parameters; i++) {
    const srope_parameter *parameter = &model->parameters[i];
    if (parameter->layout != SROPE_LAYOUT_PACKED) continue;
    size_t n = srope_packed_size(model->kernels->nr, parameter->shape[1], parameter->shape[0]);
    float *back = srope_arena_place(arena, n, sizeof(float));
    if (t->back_of) t->back_of[i] = back;
  }
}

static void place_tables(srope_trainer *t, srope_arena *arena) {
  for (int list = 0; list < 3; list++) {
    const srope_schema *schema = &t->model->schema[list];
    t->table[list] = srope_arena_place(arena, schema->n_fields, sizeof *t->table[list]);
    for (uint32_t f = 0; t->table[list] && f < schema->n_fields; f++) {
      const srope_field *owner = schema->fields[f].owner;
      for (uint32_t i = 0; owner && i < t->model->n_parameters; i++)
        if (strcmp(t->model->parameters[i].name, owner->table_name) == 0)
          t->table[list][f] = t->sum + t->groups[i].offset;
    }
  }
}

static void place_all(srope_trainer *t, srope_arena *arena) {
  float **const arrays[] = {&t->value, &t->sum, &t->first, &t->second};
  for (int i = 0; i < 4; i++) *arrays[i] = srope_arena_place(arena, t->n_values, sizeof(float));
  place_back(t, arena);
  place_tables(t, arena);
  place_blocks(t, arena);
  place_shards(t, arena);
}

/* The model's numbers into the flat array, as the file had them. */
static void copy_values(srope_trainer *t) {
  const srope_model *model = t->model;
  uint32_t nr = model->kernels->nr;
  for (uint32_t i = 0; i < model->n_parameters; i++) {
    const srope_parameter *parameter = &model->parameters[i];
    float *to = t->value + t->groups[i].offset;
    const float *packed = parameter->place;
    const double *doubles = parameter->place;
    switch (parameter->layout) {
      case SROPE_LAYOUT_PACKED:
        for (size_t out = 0, n_in = parameter->shape[1]; out < parameter->shape[0]; out++)
          for (size_t in = 0; in < n_in; in++) to[out * n_in + in] = packed[out / nr * nr * n_in + in * nr + out % nr];
        break;
      case SROPE_LAYOUT_DOUBLE:
        for (size_t e = 0; e < parameter->n; e++) to[e] = (float)doubles[e];
        break;
      default: memcpy(to, packed, parameter->n * sizeof *to);
    }
  }
}

/* Tables are read where they are learned. */
static void share_tables(srope_trainer *t) {
  for (int list = 0; list < 3; list++)
    for (uint32_t f = 0; f < t->model->schema[list].n_fields; f++)
      if (t->table[list][f]) t->model->schema[list].fields[f].table = t->value + (t->table[list][f] - t->sum);
}

static srope_status create_threads(srope_trainer *t, srope_error *error) {
  uint32_t n = srope_pool_threads(t->pool);
  t->passes = calloc(n, sizeof *t->passes);
  t->gathers = calloc(n, sizeof *t->gathers);
  if (!t->passes || !t->gathers) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %u threads", n);
  srope_status status = SROPE_OK;
  for (uint32_t i = 0; i < n && !status; i++) {
    status = srope_gather_create_pass(t->model, t->max_n, true, &t->passes[i], error);
    if (!status) status = srope_gather_create(t->model, t->max_n, &t->gathers[i], error);
  }
  return status;
}

/* Addresses of 32 bits: no product of sizes here or in a pass wraps around where tokens of a pass · widest row · layers'
 * caches does not, with room for rounding. What this refuses would not fit into memory either. */
static bool is_addressable(const srope_model *model, uint32_t max_n) {
  uint64_t tokens = 2 * ((uint64_t)max_n + SROPE_PASS_ROUNDED), width = ALIGN;
  for (uint32_t i = 0; i < model->n_parameters; i++) {
    const srope_parameter *p = &model->parameters[i];
    for (uint32_t d = starts_with(p->name, "encoder.") ? 1 : 0; d < p->n_dims; d++) /* not a table's rows */
      if (p->shape[d] > width) width = p->shape[d];
  }
  return tokens * width * (model->info.n_layers + (uint64_t)2) <= SIZE_MAX / (2 * sizeof(double));
}

srope_status srope_trainer_create(srope_model *model, const srope_trainer_options *options, uint32_t max_n,
                                  srope_pool *pool, const srope_distributed *distributed, srope_trainer **out,
                                  srope_error *error) {
  srope_status status = check_layouts(model, error);
  if (status) return status;
  srope_trainer *t = calloc(1, sizeof *t);
  if (!t) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a trainer");
  t->options = *options;
  t->pool = pool;
  t->all = *distributed;
  t->max_n = max_n;
  t->model = model;
  t->kernels = srope_gradient_kernels_find(model->kernels->isa);
  t->groups = calloc(model->n_parameters, sizeof *t->groups);
  if (!t->groups) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a trainer");
  if (!status && !is_addressable(model, max_n))
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for windows of %u events", max_n);
  srope_arena arena = {0};
  if (!status) {
    sort_parameters(t);
    place_all(t, &arena);
    t->memory = arena.overflow ? NULL : srope_aligned_alloc(arena.used);
    if (!t->memory)
      status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for gradients and moments: %zu bytes", arena.used);
  }
  if (!status) {
    arena = (srope_arena){t->memory, 0, false};
    place_all(t, &arena);
    status = create_threads(t, error);
  }
  if (!status) {
    copy_values(t);
    share_tables(t); /* from here on nothing fails: the model reads the trainer's memory */
    srope_trainer_changed(t);
  }
  if (status) {
    t->model = NULL; /* stays the caller's */
    srope_trainer_free(t);
    return status;
  }
  *out = t;
  return SROPE_OK;
}

void srope_trainer_free(srope_trainer *t) {
  if (!t) return;
  for (uint32_t i = 0; t->passes && i < srope_pool_threads(t->pool); i++) srope_pass_free(t->passes[i]);
  for (uint32_t i = 0; t->gathers && i < srope_pool_threads(t->pool); i++) srope_gather_free(&t->gathers[i]);
  free(t->passes);
  free(t->gathers);
  free(t->groups);
  for (int i = 0; i < 3; i++) free(t->dvectors[i]);
  free(t->events);
  free(t->keys);
  srope_aligned_free(t->memory);
  srope_model_free(t->model);
  free(t);
}

const srope_model *srope_trainer_model(const srope_trainer *t) { return t->model; }

/* ---------------------------------------------------------------- values -> the model */

/* w (n_out, n_in) in panels of columns n_in. */
static void pack_back(uint32_t nr, const float *w, size_t n_out, size_t n_in, float *packed) {
  for (size_t column = 0; column < n_in; column += nr)
    for (size_t out = 0; out < n_out; out++, packed += nr) {
      size_t width = n_in - column < nr ? n_in - column : nr;
      memcpy(packed, w + out * n_in + column, width * sizeof *packed);
    }
}

static void write_back(void *context, size_t i, uint32_t thread) {
  srope_trainer *t = context;
  const srope_parameter *parameter = &t->model->parameters[i];
  const float *value = t->value + t->groups[i].offset;
  uint32_t nr = t->model->kernels->nr;
  (void)thread;
  if (t->groups[i].is_table) return; /* read where it is learned */
  switch (parameter->layout) {
    case SROPE_LAYOUT_PACKED:
      srope_pack(nr, value, parameter->shape[0], parameter->shape[1], parameter->place);
      pack_back(nr, value, parameter->shape[0], parameter->shape[1], t->back_of[i]);
      break;
    case SROPE_LAYOUT_DOUBLE:
      for (size_t e = 0; e < parameter->n; e++) ((double *)parameter->place)[e] = value[e];
      break;
    default: memcpy(parameter->place, value, parameter->n * sizeof *value);
  }
}

void srope_trainer_changed(srope_trainer *t) { srope_pool_run(t->pool, t->model->n_parameters, write_back, t); }

/* ---------------------------------------------------------------- a shard of the batch */

static srope_gradients gradients_of(const srope_trainer *t, const shard *s) {
  return (srope_gradients){t->kernels, s->of, (const float *const *)t->back_of};
}

static void run_shard(void *context, size_t number, uint32_t thread) {
  srope_trainer *t = context;
  uint32_t own = t->options.shards / (uint32_t)t->all.size;
  shard *s = &t->shards[(size_t)t->all.rank * own + number];
  srope_gather *gather = &t->gathers[thread];
  srope_pass *pass = t->passes[thread];
  const srope_gradients gradients = gradients_of(t, s);
  size_t token = s->first_token;
  memset(s->gradient, 0, t->n_dense * sizeof(float));
  s->loss = (srope_loss){0};
  for (size_t first = s->first; first < s->first + s->n;) {
    size_t n = srope_gather_fit(t->model, t->list, t->order + first, s->first + s->n - first);
    srope_gather_fill(gather, t->model, t->data, t->list, t->order + first, n, t->ids.rate > 0 ? &t->ids : NULL);
    size_t m = gather->tokens.m;
    srope_dropout dropout = t->dropout;
    dropout.tokens = gather->keys;
    srope_hook hook = srope_dropout_hook(&dropout);
    const srope_hook *maybe = dropout.rate > 0 ? &hook : NULL;
    float *logits = (float *)srope_pass_forward(pass, &gather->tokens, maybe);
    srope_loss_forward(t->model, logits, gather->label, t->options.task_weight, m, &s->loss, logits);
    float *d[3];
    const size_t width[3] = {t->model->info.n_item, t->model->info.n_action, t->model->info.n_context};
    for (int list = 0; list < 3; list++) d[list] = t->dvectors[list] ? t->dvectors[list] + token * width[list] : NULL;
    const srope_vector_gradients dvectors = {d[0], d[1], d[2]};
    srope_pass_backward(pass, &gather->tokens, maybe, logits, &gradients, &dvectors);
    memcpy(t->events + token, gather->events, m * sizeof *t->events);
    memcpy(t->keys + token, gather->keys, m * sizeof *t->keys);
    token += m;
    first += n;
  }
}

/* ---------------------------------------------------------------- the sum, and the step */

/* A block of dense parameters: the shards' gradients added in pairs, so that processes with equal runs of shards add up
 * the same tree; into `sum`. */
static void reduce_block(void *context, size_t number, uint32_t thread) {
  srope_trainer *t = context;
  const block *b = &t->blocks[number];
  uint32_t own = t->options.shards / (uint32_t)t->all.size, from = own * (uint32_t)t->all.rank;
  (void)thread;
  if (t->groups[b->parameter].is_table) return;
  for (uint32_t step = 1; step < own; step *= 2)
    for (uint32_t s = from; s + step < from + own; s += 2 * step) {
      float *to = t->shards[s].gradient + b->offset;
      t->model->kernels->add(to, t->shards[s + step].gradient + b->offset, to, b->n);
    }
  memcpy(t->sum + b->offset, t->shards[from].gradient + b->offset, b->n * sizeof(float));
}

static void square_block(void *context, size_t number, uint32_t thread) {
  srope_trainer *t = context;
  const block *b = &t->blocks[number];
  (void)thread;
  t->squares[number] = t->groups[b->parameter].learns ? t->kernels->sum_squares(t->sum + b->offset, b->n) : 0;
}

static void step_block(void *context, size_t number, uint32_t thread) {
  srope_trainer *t = context;
  const block *b = &t->blocks[number];
  const group *g = &t->groups[b->parameter];
  srope_adam step = t->adam;
  (void)thread;
  if (!g->learns) return;
  float decay = g->decay;
  step.rate = t->adam.rate * g->rate;
  step.keep = t->options.optimizer == SROPE_ADAMW ? 1 - t->rate * g->rate * decay : 1;
  step.l2 = t->options.optimizer == SROPE_ADAM ? decay : 0;
  t->kernels->adam(t->value + b->offset, t->sum + b->offset, t->first + b->offset, t->second + b->offset, b->n, &step);
}

/* From the gradient of the sum of losses in t->sum. */
static srope_status take_step(srope_trainer *t, const srope_loss *loss, double rate, srope_step_result *out,
                              srope_error *error) {
  double squares = 0;
  *out = (srope_step_result){.loss = loss->sum / loss->weight, .weight = loss->weight};
  if (loss->weight == 0) return SROPE_OK; /* no label in the batch */
  srope_pool_run(t->pool, t->n_blocks, square_block, t);
  for (size_t i = 0; i < t->n_blocks; i++) squares += t->squares[i];
  out->norm = sqrt(squares) / loss->weight;
  if (!isfinite(out->loss) || !isfinite(out->norm))
    return srope_fail(error, SROPE_ERR_VALUE, NULL, "the loss is %g and its gradient's norm %g after %llu steps",
                      out->loss, out->norm, (unsigned long long)t->steps);
  double scale = 1 / loss->weight, t_now = (double)(t->steps + 1);
  if (t->options.clip_norm > 0 && out->norm > t->options.clip_norm) scale *= t->options.clip_norm / out->norm;
  t->rate = (float)rate;
  t->adam = (srope_adam){.rate = (float)(rate / (1 - pow(t->options.beta1, t_now))),
                         .beta1 = (float)t->options.beta1,
                         .beta2 = (float)t->options.beta2,
                         .rest1 = (float)(1 - t->options.beta1),
                         .rest2 = (float)(1 - t->options.beta2),
                         .eps = (float)t->options.eps,
                         .inverse_root = (float)(1 / sqrt(1 - pow(t->options.beta2, t_now))),
                         .scale = (float)scale};
  srope_pool_run(t->pool, t->n_blocks, step_block, t);
  t->steps++;
  srope_trainer_changed(t);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- a batch */

/* Room for the tokens of this process's shards; the lists without tables need no gradients of their vectors. */
static srope_status reserve_tokens(srope_trainer *t, size_t n, srope_error *error) {
  if (n <= t->batch_capacity) return SROPE_OK;
  const size_t width[3] = {t->model->info.n_item, t->model->info.n_action, t->model->info.n_context};
  bool placed = true;
  t->batch_capacity = 0;
  for (int list = 0; list < 3; list++) {
    bool has_table = false;
    for (uint32_t f = 0; f < t->model->schema[list].n_fields; f++) has_table = has_table || t->table[list][f];
    free(t->dvectors[list]);
    bool fits = n <= SIZE_MAX / sizeof(uint64_t) / (width[list] + 2);
    t->dvectors[list] = has_table && fits ? malloc(n * width[list] * sizeof(float)) : NULL;
    placed = placed && (t->dvectors[list] || !has_table);
  }
  free(t->events);
  free(t->keys);
  t->events = malloc(n * sizeof *t->events);
  t->keys = malloc(n * sizeof *t->keys);
  if (!placed || !t->events || !t->keys)
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a batch of %zu events", n);
  t->batch_capacity = n;
  return SROPE_OK;
}

/* Shards of about as many tokens each; the same whoever computes them. Returns this process's tokens. */
static size_t cut_batch(srope_trainer *t, size_t n) {
  uint32_t shards = t->options.shards, own = shards / (uint32_t)t->all.size, from = own * (uint32_t)t->all.rank;
  size_t total = 0, tokens = 0, at = 0, mine = 0;
  for (size_t i = 0; i < n; i++) total += t->list[t->order[i]].n;
  for (uint32_t s = 0; s < shards; s++) {
    shard *to = &t->shards[s];
    size_t end = (size_t)((uint64_t)total * (s + 1) / shards), before = tokens;
    to->first = at;
    while (at < n && (tokens < end || s + 1 == shards)) tokens += t->list[t->order[at++]].n;
    to->n = at - to->first;
    to->n_tokens = tokens - before;
    if (s < from || s >= from + own) continue;
    to->first_token = mine;
    mine += to->n_tokens;
  }
  return mine;
}

srope_status srope_trainer_step(srope_trainer *t, const srope_dataset *data, const srope_window *list,
                                const uint32_t *order, size_t n, double rate, srope_step_result *out,
                                srope_error *error) {
  uint32_t own = t->options.shards / (uint32_t)t->all.size;
  t->data = data;
  t->list = list;
  t->order = order;
  size_t m = cut_batch(t, n);
  srope_status status = reserve_tokens(t, m, error);
  if (status) return status;
  uint64_t key = srope_rng_mix(t->options.seed ^ srope_rng_mix(t->steps));
  t->dropout = (srope_dropout){(float)t->options.dropout, key, NULL};
  t->ids = (srope_dropout){(float)t->options.id_dropout, key, NULL};
  srope_pool_run(t->pool, own, run_shard, t);

  srope_pool_run(t->pool, t->n_blocks, reduce_block, t);
  memset(t->sum + t->n_dense, 0, (t->n_values - t->n_dense) * sizeof(float));
  const srope_vector_gradients dvectors = {t->dvectors[0], t->dvectors[1], t->dvectors[2]};
  srope_gather_scatter(t->model, data, t->events, t->keys, m, &dvectors, t->ids.rate > 0 ? &t->ids : NULL,
                       (float *const *const *)t->table);
  double sums[2] = {0, 0};
  for (uint32_t s = own * (uint32_t)t->all.rank, i = 0; i < own; i++, s++) {
    sums[0] += t->shards[s].loss.sum;
    sums[1] += t->shards[s].loss.weight;
  }
  srope_distributed_sum_doubles(&t->all, sums, 2);
  srope_distributed_sum_floats(&t->all, t->sum, t->n_values);
  return take_step(t, &(srope_loss){sums[0], sums[1]}, rate, out, error);
}

/* ---------------------------------------------------------------- tokens of the caller's */

void srope_trainer_accumulate(srope_trainer *t, const srope_tokens *tokens, const float *label, srope_loss *loss) {
  shard *s = &t->shards[0];
  const srope_gradients gradients = gradients_of(t, s);
  const srope_vector_gradients none = {0};
  float *logits = (float *)srope_pass_forward(t->passes[0], tokens, NULL);
  srope_loss_forward(t->model, logits, label, t->options.task_weight, tokens->m, loss, logits);
  srope_pass_backward(t->passes[0], tokens, NULL, logits, &gradients, &none);
}

srope_status srope_trainer_apply(srope_trainer *t, const srope_loss *loss, double rate, srope_step_result *out,
                                 srope_error *error) {
  memset(t->sum, 0, t->n_values * sizeof(float));
  memcpy(t->sum, t->shards[0].gradient, t->n_dense * sizeof(float));
  memset(t->shards[0].gradient, 0, t->n_dense * sizeof(float));
  return take_step(t, loss, rate, out, error);
}

/* ---------------------------------------------------------------- prediction */

static void predict_piece(void *context, size_t number, uint32_t thread) {
  srope_trainer *t = context;
  const srope_windows *windows = t->windows;
  srope_gather *gather = &t->gathers[thread];
  size_t n_tasks = t->model->info.n_tasks, end = t->piece_first[number + 1];
  size_t first = t->piece_first[number];
  float *logits = t->logits + t->logits_first[number] * n_tasks, *label = t->label + t->logits_first[number] * n_tasks;
  srope_gather_fill(gather, t->model, t->data, windows->list + first, NULL, end - first, NULL);
  const float *from = srope_pass_forward(t->passes[thread], &gather->tokens, NULL);
  const float *known = gather->label;
  for (size_t i = first; i < end; i++) {
    const srope_window *window = &windows->list[i];
    size_t skipped = window->score_from * n_tasks, n = (window->n - window->score_from) * n_tasks;
    memcpy(logits, from + skipped, n * sizeof *logits);
    memcpy(label, known + skipped, n * sizeof *label);
    logits += n;
    label += n;
    from += skipped + n;
    known += skipped + n;
  }
}

srope_status srope_trainer_predict(srope_trainer *t, const srope_dataset *data, const srope_windows *windows,
                                   float *logits, float *label, srope_error *error) {
  uint64_t *first = malloc((windows->n + 1) * sizeof *first), *out = malloc((windows->n + 1) * sizeof *out);
  size_t n = 0;
  if (!first || !out) {
    free(first);
    free(out);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory to predict %zu windows", windows->n);
  }
  uint64_t n_events = 0;
  for (size_t i = 0; i < windows->n; n++) {
    size_t fit = srope_gather_fit(t->model, windows->list + i, NULL, windows->n - i);
    first[n] = i;
    out[n] = n_events;
    for (size_t end = i + fit; i < end; i++) n_events += windows->list[i].n - windows->list[i].score_from;
  }
  first[n] = windows->n;
  t->data = data;
  t->windows = windows;
  t->piece_first = first;
  t->logits_first = out;
  t->logits = logits;
  t->label = label;
  srope_pool_run(t->pool, n, predict_piece, t);
  free(first);
  free(out);
  return SROPE_OK;
}

/* ---------------------------------------------------------------- state */

uint32_t srope_trainer_count(const srope_trainer *t) { return t->model->n_parameters; }

float *srope_trainer_part_of(srope_trainer *t, srope_trainer_part part, uint32_t parameter) {
  float *const parts[] = {t->value, t->sum, t->first, t->second};
  return parts[part] + t->groups[parameter].offset;
}

uint64_t srope_trainer_steps(const srope_trainer *t) { return t->steps; }
void srope_trainer_set_steps(srope_trainer *t, uint64_t steps) { t->steps = steps; }
bool srope_trainer_learns(const srope_trainer *t, uint32_t parameter) { return t->groups[parameter].learns; }
