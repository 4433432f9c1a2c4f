/* pass.c: see pass.h. */
#include "train/pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "nn/embed.h"
#include "nn/head.h"
#include "nn/layer.h"
#include "nn/rotary.h"
#include "nn/siren.h"
#include "nn/time_features.h"

static const double DAY_S = 86400.0;
enum { SITE_EMBED = 0, SITE_LAYERS = 1 };

typedef struct angle_states { /* of one network: rows 0 .. m-1 are keys; rows m .. 2m-1 queries, where they differ */
  srope_siren_states states;
  float *f;               /* (2m, A) */
  srope_turns query, key; /* (m, K) */
  srope_dturns dturns;    /* (m, P) */
} angle_states;

struct srope_pass {
  const srope_model *model;
  size_t max_tokens, max_rounded, max_length;
  bool trains;

  srope_span *spans; /* of the layer or attention at work; (max_tokens) */
  uint32_t *visible;
  float *keys, *values; /* all caches: (L + 1) blocks of max_rounded tokens */
  size_t keys_n, values_n;

  float *rectified, *x, *a, *u, *joined, *logits, *phi; /* phi (2m, F) */
  float *part;                                          /* of the contexts, see nn/head.h */
  float **layer_x;                                      /* (L): x as it went into each layer */
  srope_mlp_states action_states, head_states;
  angle_states angles[2]; /* by srope_network */
  srope_layer_work *layers, action;

  float *dx, *da, *du, *djoined, *df; /* df (2m, A) */
  srope_layer_gradient_work scratch;
  void *block;
};

/* ---------------------------------------------------------------- memory */

static float *place_rows(srope_arena *arena, size_t m, size_t width) {
  return srope_arena_place(arena, m * width, sizeof(float));
}

static void place_mlp(const srope_mlp *mlp, size_t m, bool trains, srope_arena *arena, srope_mlp_states *states) {
  for (uint32_t i = 0; i + 1 < mlp->n; i++) {
    states->before[i] = place_rows(arena, m, mlp->layer[i].n_out);
    states->after[i] = trains ? place_rows(arena, m, mlp->layer[i].n_out) : states->before[i];
  }
}

static void place_angles(srope_pass *pass, size_t m, srope_arena *arena, angle_states *angles, srope_network network) {
  const srope_model *model = pass->model;
  const srope_info *info = &model->info;
  size_t rows = info->uses_order ? 2 * m : m;
  srope_turns *const turns[2] = {&angles->query, &angles->key};
  place_mlp(&model->angles[network].sine, rows, pass->trains, arena, &angles->states.sine);
  place_mlp(&model->angles[network].relu, rows, pass->trains, arena, &angles->states.relu);
  angles->states.residual = place_rows(arena, rows, info->n_angles);
  angles->f = place_rows(arena, rows, info->n_angles);
  for (int i = 0; i < 2; i++) {
    turns[i]->cosine = place_rows(arena, m, info->d_head);
    turns[i]->sine = place_rows(arena, m, info->d_head);
    turns[i]->stride = info->d_head;
  }
  if (!pass->trains) return;
  angles->dturns.query = place_rows(arena, m, info->n_pairs);
  angles->dturns.key = place_rows(arena, m, info->n_pairs);
}

static void place_layer(srope_pass *pass, size_t m, size_t hidden, srope_arena *arena, srope_layer_work *work) {
  size_t d = pass->model->info.d_model;
  float **const rows[] = {&work->normed,   &work->valued,    &work->q,        &work->k,  &work->v,
                          &work->attended, &work->projected, &work->normed_2, &work->fed};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = place_rows(arena, m, d);
  work->hidden = place_rows(arena, m, hidden);
  work->activated = place_rows(arena, m, hidden);
}

static void place_gradients(srope_pass *pass, size_t m, srope_arena *arena) {
  const srope_info *info = &pass->model->info;
  size_t d = info->d_model;
  srope_layer_gradient_work *scratch = &pass->scratch;
  float **const rows[] = {&pass->dx,    &pass->da,    &pass->du,         &scratch->dout, &scratch->dq,
                          &scratch->dk, &scratch->dv, &scratch->dnormed, &scratch->other};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = place_rows(arena, m, d);
  pass->djoined = place_rows(arena, m, 2 * d + info->n_context);
  pass->df = place_rows(arena, 2 * m, info->n_angles);
  scratch->hidden = place_rows(arena, 4 * m, pass->model->max_hidden); /* 2m rows in the angle networks */
  scratch->scores =
      srope_arena_place(arena, srope_attention_backward_work_size(pass->model, pass->max_length), sizeof(float));
}

/* The states of layer l: each its own when training, one for all otherwise. */
static void place_layers(srope_pass *pass, size_t m, srope_arena *arena) {
  const srope_model *model = pass->model;
  size_t n_layers = model->info.n_layers;
  pass->layers = srope_arena_place(arena, n_layers, sizeof *pass->layers);
  pass->layer_x = srope_arena_place(arena, n_layers, sizeof *pass->layer_x);
  float *scores = srope_arena_place(arena, srope_attention_work_size(pass->max_length), sizeof(float));
  srope_layer_work work = {0};
  for (size_t l = 0; l < n_layers; l++) {
    if (l == 0 || pass->trains) place_layer(pass, m, model->layers[l].up.n_out, arena, &work);
    work.scores = scores;
    if (pass->layers) pass->layers[l] = work;
    float *x = pass->trains ? place_rows(arena, m, model->info.d_model) : NULL;
    if (pass->layer_x) pass->layer_x[l] = x;
  }
  if (pass->trains) place_layer(pass, m, 1, arena, &work);
  pass->action = work;
}

static void place_all(srope_pass *pass, srope_arena *arena) {
  const srope_model *model = pass->model;
  const srope_info *info = &model->info;
  size_t m = pass->max_tokens, d = info->d_model;
  pass->spans = srope_arena_place(arena, m, sizeof *pass->spans);
  pass->visible = srope_arena_place(arena, m, sizeof *pass->visible);
  pass->keys_n = srope_cache_keys_size(model, pass->max_rounded);
  pass->values_n = srope_cache_values_size(model, pass->max_rounded);
  pass->keys = srope_arena_place(arena, (info->n_layers + 1) * pass->keys_n, sizeof(float));
  pass->values = srope_arena_place(arena, (info->n_layers + 1) * pass->values_n, sizeof(float));
  pass->rectified = place_rows(arena, m, d);
  pass->x = place_rows(arena, m, d);
  pass->a = place_rows(arena, m, d);
  pass->u = place_rows(arena, m, d);
  pass->joined = place_rows(arena, m, 2 * d + info->n_context);
  pass->part = place_rows(arena, srope_head_parts_context(model) ? m : 0, model->head.layer[0].n_out);
  pass->logits = place_rows(arena, m, info->n_tasks);
  pass->phi = place_rows(arena, 2 * m, info->n_angle_features);
  place_mlp(&model->action_embedding, m, pass->trains, arena, &pass->action_states);
  place_mlp(&model->head, m, pass->trains, arena, &pass->head_states);
  for (int network = 0; network < 2; network++)
    place_angles(pass, m, arena, &pass->angles[network], (srope_network)network);
  place_layers(pass, m, arena);
  if (pass->trains) place_gradients(pass, m, arena);
}

size_t srope_pass_rounding(const srope_model *model) { return model->kernels->nr; }

srope_status srope_pass_create(const srope_model *model, size_t max_tokens, size_t max_rounded, size_t max_length,
                               bool trains, srope_pass **out, srope_error *error) {
  srope_pass *pass = calloc(1, sizeof *pass);
  if (!pass) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a pass");
  pass->model = model;
  pass->max_tokens = max_tokens;
  pass->max_rounded = max_rounded;
  pass->max_length = srope_padded_size(model->kernels->nr, max_length);
  pass->trains = trains;
  srope_arena arena = {0};
  place_all(pass, &arena);
  pass->block = arena.overflow ? NULL : srope_aligned_alloc(arena.used);
  if (!pass->block) {
    free(pass);
    return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the states of %zu tokens", max_tokens);
  }
  arena = (srope_arena){pass->block, 0, false};
  place_all(pass, &arena);
  *out = pass;
  return SROPE_OK;
}

void srope_pass_free(srope_pass *pass) {
  if (!pass) return;
  srope_aligned_free(pass->block);
  free(pass);
}

/* ---------------------------------------------------------------- forward */

/* Cache `attention` (a layer's, or L for the action attention) of every sequence: neighbours in one block. */
static void set_spans(srope_pass *pass, const srope_tokens *tokens, size_t attention) {
  const srope_model *model = pass->model;
  float *keys = pass->keys + attention * pass->keys_n, *values = pass->values + attention * pass->values_n;
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    size_t capacity = srope_padded_size(model->kernels->nr, tokens->length[i]);
    pass->spans[i] = (srope_span){{keys, values, capacity}, 0, tokens->length[i]};
    keys += srope_cache_keys_size(model, capacity);
    values += srope_cache_values_size(model, capacity);
  }
}

/* φ of every token at its own place (keys) or its request's first (queries). */
static void make_phi(srope_pass *pass, const srope_tokens *tokens, bool as_query, float *phi) {
  const srope_info *info = &pass->model->info;
  size_t row = 0;
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    double s = tokens->order_s ? tokens->order_s[i] : tokens->length[i];
    for (uint32_t t = 0; t < tokens->length[i]; t++, row++) {
      double index = as_query ? tokens->request_start[row] : t;
      srope_time_features(pass->model, tokens->time_s[row], tokens->utc_offset_minutes[row], (s - 1 - index) / s,
                          tokens->signal ? tokens->signal + row * info->n_signals : NULL,
                          phi + row * info->n_angle_features);
    }
  }
}

/* The turns of all tokens as keys, at their own places. */
static void make_key_turns(const srope_pass *pass, const srope_tokens *tokens, const float *f,
                           const srope_turns *turns) {
  const srope_info *info = &pass->model->info;
  size_t row = 0;
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    double start_s = tokens->time_s[row];
    for (uint32_t t = 0; t < tokens->length[i]; t++, row++)
      srope_rotary_turn(pass->model, f ? f + row * info->n_angles : NULL, t, (tokens->time_s[row] - start_s) / DAY_S,
                        turns->cosine + row * turns->stride, turns->sine + row * turns->stride);
  }
}

/* And as queries, at their requests' first places: for most tokens that is where they stand. */
static void make_query_turns(const srope_pass *pass, const srope_tokens *tokens, const float *f,
                             const srope_turns *keys, const srope_turns *turns) {
  const srope_info *info = &pass->model->info;
  size_t row = 0;
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    double start_s = tokens->time_s[row];
    for (uint32_t t = 0; t < tokens->length[i]; t++, row++) {
      size_t at = row * turns->stride;
      if (tokens->request_start[row] == t) {
        memcpy(turns->cosine + at, keys->cosine + at, turns->stride * sizeof(float));
        memcpy(turns->sine + at, keys->sine + at, turns->stride * sizeof(float));
      } else {
        srope_rotary_turn(pass->model, f ? f + row * info->n_angles : NULL, tokens->request_start[row],
                          (tokens->time_s[row] - start_s) / DAY_S, turns->cosine + at, turns->sine + at);
      }
    }
  }
}

static size_t angle_rows(const srope_pass *pass, size_t m) { return pass->model->info.uses_order ? 2 * m : m; }

static void forward_angles(srope_pass *pass, const srope_tokens *tokens) {
  const srope_info *info = &pass->model->info;
  bool siren = info->variant == SROPE_SIREN;
  size_t m = tokens->m;
  if (siren) make_phi(pass, tokens, false, pass->phi);
  if (info->uses_order) make_phi(pass, tokens, true, pass->phi + m * info->n_angle_features);
  for (int network = 0; network < 2; network++) {
    angle_states *angles = &pass->angles[network];
    if (siren)
      srope_siren_forward(pass->model, (srope_network)network, pass->phi, angle_rows(pass, m), &angles->states,
                          angles->f);
    const float *f = siren ? angles->f : NULL;
    make_key_turns(pass, tokens, f, &angles->key);
    make_query_turns(pass, tokens, info->uses_order ? f + m * info->n_angles : f, &angles->key, &angles->query);
  }
}

static srope_rows make_rows(const srope_pass *pass, const srope_tokens *tokens, srope_network network,
                            const srope_hook *hook) {
  const angle_states *angles = &pass->angles[network];
  return (srope_rows){pass->spans,    tokens->n_sequences, tokens->m, tokens->request_start,
                      &angles->query, &angles->key,        hook};
}

static srope_hook hook_at(const srope_hook *hook, uint32_t site) {
  return hook ? (srope_hook){hook->apply, hook->context, site} : (srope_hook){0};
}

const float *srope_pass_forward(srope_pass *pass, const srope_tokens *tokens, const srope_hook *hook) {
  const srope_model *model = pass->model;
  const srope_info *info = &model->info;
  size_t m = tokens->m, d = info->d_model;

  /* 1. what the tokens are, and when */
  srope_embed_items(model, tokens->item, m, pass->rectified, pass->x);
  if (hook) hook->apply(hook, SITE_EMBED, pass->x, m, d);
  srope_embed_actions(model, tokens->action, m, &pass->action_states, pass->a);
  forward_angles(pass, tokens);

  /* 2. through the layers */
  for (uint32_t l = 0; l < info->n_layers; l++) {
    srope_hook here = hook_at(hook, SITE_LAYERS + 2 * l);
    srope_rows rows = make_rows(pass, tokens, SROPE_NETWORK_LAYERS, hook ? &here : NULL);
    set_spans(pass, tokens, l);
    if (pass->layer_x[l]) memcpy(pass->layer_x[l], pass->x, m * d * sizeof(float));
    srope_layer_begin(model, &model->layers[l], &rows, pass->x, pass->a, &pass->layers[l]);
    srope_layer_finish(model, &model->layers[l], &rows, pass->x, &pass->layers[l]);
  }

  /* 3. what was done, and the head */
  srope_rows rows = make_rows(pass, tokens, SROPE_NETWORK_ACTION, NULL);
  srope_hook here = hook_at(hook, SITE_LAYERS + 2 * info->n_layers);
  set_spans(pass, tokens, info->n_layers);
  srope_remember(model, &model->action_attention, &rows, pass->x, pass->a, &pass->action);
  srope_action_attention_forward(model, &rows, pass->x, &pass->action, pass->u);
  srope_head_join(model, pass->x, pass->u, tokens->context, m, pass->joined);
  bool parts = srope_head_parts_context(model);
  if (parts) srope_head_context(model, tokens->context, m, pass->part);
  srope_head_forward(model, pass->joined, parts ? pass->part : NULL, model->head.layer[0].n_out, m, &pass->head_states,
                     hook ? &here : NULL, pass->logits);
  return pass->logits;
}

/* ---------------------------------------------------------------- backward */

/* Holds the gauge still: a constant added to an angle of every token of a sequence changes nothing, so the gradients of a
 * pair's angles add up to zero over the sequence. What is left of the sum is rounding, which an optimizer that
 * normalizes would blow up; it is taken off. */
static void hold_gauge(const srope_pass *pass, const srope_tokens *tokens, const srope_dturns *dturns) {
  size_t pairs = pass->model->info.n_pairs, row = 0;
  float *const both[2] = {dturns->query, dturns->key};
  for (size_t i = 0; i < tokens->n_sequences; i++) {
    size_t n = tokens->length[i];
    for (size_t j = 0; j < pairs; j++) {
      double sum = 0;
      for (size_t t = 2 * row; t < 2 * (row + n); t++) sum += both[t % 2][t / 2 * pairs + j];
      for (size_t t = 2 * row; t < 2 * (row + n); t++) both[t % 2][t / 2 * pairs + j] -= (float)(sum / (2 * (double)n));
    }
    row += n;
  }
}

/* The gradients of a network's angles -> those of its weights, of freq and of order_scale. */
static void backward_angles(srope_pass *pass, const srope_tokens *tokens, srope_network network,
                            const srope_gradients *gradients) {
  const srope_model *model = pass->model;
  const srope_info *info = &model->info;
  angle_states *angles = &pass->angles[network];
  float *dfrequency = gradients->of[model->frequency_parameter];
  float *dorder_scale = gradients->of[model->order_scale_parameter];
  size_t m = tokens->m, n_angles = info->n_angles, row = 0, other = info->uses_order ? m : 0;
  hold_gauge(pass, tokens, &angles->dturns);
  float *query_df = pass->df + m * n_angles; /* of row m + i, or to be added to row i's */
  for (size_t i = 0; i < tokens->n_sequences; i++)
    for (uint32_t t = 0; t < tokens->length[i]; t++, row++) {
      srope_rotary_turn_backward(model, angles->f + row * n_angles, t, angles->dturns.key + row * info->n_pairs,
                                 pass->df + row * n_angles, dfrequency, dorder_scale);
      srope_rotary_turn_backward(model, angles->f + (other + row) * n_angles, tokens->request_start[row],
                                 angles->dturns.query + row * info->n_pairs, query_df + row * n_angles, dfrequency,
                                 dorder_scale);
    }
  if (!info->uses_order) model->kernels->add(pass->df, query_df, pass->df, m * n_angles);
  srope_siren_backward(model, network, gradients, pass->phi, angle_rows(pass, m), &angles->states, pass->df,
                       pass->scratch.hidden);
}

void srope_pass_backward(srope_pass *pass, const srope_tokens *tokens, const srope_hook *hook, const float *dlogits,
                         const srope_gradients *gradients, const srope_vector_gradients *dvectors) {
  const srope_model *model = pass->model;
  const srope_info *info = &model->info;
  size_t m = tokens->m, d = info->d_model;
  float *hidden = pass->scratch.hidden;
  for (int network = 0; network < 2; network++) {
    memset(pass->angles[network].dturns.query, 0, m * info->n_pairs * sizeof(float));
    memset(pass->angles[network].dturns.key, 0, m * info->n_pairs * sizeof(float));
  }
  memset(pass->da, 0, m * d * sizeof(float));

  /* 3. the head, and what was done */
  srope_hook here = hook_at(hook, SITE_LAYERS + 2 * info->n_layers);
  srope_head_backward(model, gradients, pass->joined, m, &pass->head_states, hook ? &here : NULL, dlogits, hidden,
                      pass->djoined);
  srope_head_join_backward(model, pass->djoined, m, pass->dx, pass->du, dvectors->context);
  srope_rows rows = make_rows(pass, tokens, SROPE_NETWORK_ACTION, NULL);
  set_spans(pass, tokens, info->n_layers);
  srope_action_attention_backward(model, gradients, &rows, pass->x, pass->a, &pass->action, &pass->scratch,
                                  &pass->angles[SROPE_NETWORK_ACTION].dturns, pass->du, pass->dx, pass->da);

  /* 2. the layers */
  for (uint32_t l = info->n_layers; l-- > 0;) {
    here = hook_at(hook, SITE_LAYERS + 2 * l);
    rows = make_rows(pass, tokens, SROPE_NETWORK_LAYERS, hook ? &here : NULL);
    set_spans(pass, tokens, l);
    srope_layer_backward(model, &model->layers[l], gradients, &rows, pass->layer_x[l], pass->a, &pass->layers[l],
                         &pass->scratch, &pass->angles[SROPE_NETWORK_LAYERS].dturns, pass->dx, pass->da);
  }

  /* 1. when, and what */
  if (info->variant == SROPE_SIREN)
    for (int network = 0; network < 2; network++) backward_angles(pass, tokens, (srope_network)network, gradients);
  if (hook) hook->apply(hook, SITE_EMBED, pass->dx, m, d);
  srope_embed_actions_backward(model, gradients, tokens->action, m, &pass->action_states, pass->a, pass->da, hidden,
                               dvectors->action);
  srope_embed_items_backward(model, gradients, tokens->item, m, pass->rectified, pass->dx, hidden, dvectors->item);
}
