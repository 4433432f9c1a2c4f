/* load.c: the bytes of a .safetensors file -> srope_model.
 *
 * One list of tensors, visit_model, says which tensors a model has and where each goes. It is walked twice: first with an
 * arena without memory, to check every name, dtype and shape and to add up the sizes, then with memory, to convert and
 * pack. So nothing is allocated for weights before every tensor is known to be there, and no weight is copied but into
 * its final place, through a scratch of one panel.
 *
 * Not here: the format (safetensors.c), the configuration's own rules (config.c, features/schema.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/finite.h"
#include "base/hash.h"
#include "base/math64.h"
#include "model/config.h"
#include "model/describe.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "yyjson.h"

#define ANY SROPE_ANY_SIZE /* a size that is read off the tensor, 1 .. SROPE_MAX_WIDTH */

typedef struct loader {
  const srope_safetensors *file;
  srope_model *model;
  srope_arena arena;   /* base NULL: check and measure */
  bool *is_listed;     /* by place in file->tensors: a tensor of visit_model */
  float *panel;        /* nr rows of the widest weight, for packing */
  size_t panel_n;      /* floats */
  char prefix[64];     /* of the names below it */
  srope_status status; /* of the first problem */
  uint32_t n_problems;
  uint32_t n_parameters; /* visited so far */
  srope_error *error;
} loader;

/* ---------------------------------------------------------------- one tensor */

/* Notes a problem; the first one makes the error. */
static void note(loader *l, srope_status status, const char *where, const char *format, ...) SROPE_PRINTF(4, 5);
static void note(loader *l, srope_status status, const char *where, const char *format, ...) {
  if (l->n_problems++ > 0) return;
  char message[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  l->status = srope_fail(l->error, status, where, "%s", message);
}

/* The tensor <prefix><name><suffix> if it is there with that shape and a dtype of weights, else NULL and a problem. */
static const srope_tensor *take(loader *l, const char *name, const char *suffix, uint32_t n_dims,
                                const uint64_t *shape) {
  char full_name[256], expected[64], found[64];
  snprintf(full_name, sizeof full_name, "%s%s%s", l->prefix, name, suffix);
  const srope_tensor *tensor = srope_safetensors_find(l->file, full_name);
  srope_shape_text(n_dims, shape, expected, sizeof expected);
  if (!tensor) {
    note(l, SROPE_ERR_TENSOR, full_name, "expected a tensor of shape %s, found none", expected);
    return NULL;
  }
  l->is_listed[tensor - l->file->tensors] = true;
  bool fits = tensor->n_dims == n_dims;
  for (uint32_t i = 0; i < n_dims && fits; i++) fits = shape[i] == ANY || tensor->shape[i] == shape[i];
  if (!fits) {
    note(l, SROPE_ERR_TENSOR, full_name, "expected shape %s, found %s", expected,
         srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found));
    return NULL;
  }
  for (uint32_t i = 0; i < n_dims; i++)
    if (shape[i] == ANY && (tensor->shape[i] == 0 || tensor->shape[i] > SROPE_MAX_WIDTH)) {
      note(l, SROPE_ERR_LIMIT, full_name, "expected sizes from 1 to %d, found shape %s", SROPE_MAX_WIDTH,
           srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found));
      return NULL;
    }
  if (tensor->dtype > SROPE_DTYPE_BF16) {
    note(l, SROPE_ERR_TENSOR, full_name, "expected dtype F32, F16 or BF16, found %s", srope_dtype_name(tensor->dtype));
    return NULL;
  }
  if (!l->arena.base) l->model->info.n_parameters += tensor->n;
  return tensor;
}

/* n elements from `first` on, converted; NaN and infinity are problems. */
static void read_floats(loader *l, const srope_tensor *tensor, uint64_t first, size_t n, float *out) {
  srope_tensor_read_float(tensor, first, n, out);
  size_t bad = srope_first_not_finite(out, n);
  if (bad < n)
    note(l, SROPE_ERR_VALUE, tensor->name, "expected finite weights, found %s at element %llu",
         out[bad] != out[bad] ? "NaN" : "an infinity", (unsigned long long)(first + bad));
}

/* ---------------------------------------------------------------- places of the model */

/* The next place in the model's list of parameters; the tensor that goes there is told by `record`. */
static uint32_t next_parameter(loader *l) { return l->n_parameters++; }

static void record(loader *l, uint32_t parameter, const srope_tensor *tensor, srope_layout layout, void *place) {
  srope_model *model = l->model;
  size_t n_name = strlen(tensor->name) + 1;
  char *name = srope_arena_place(&l->arena, n_name, 1);
  if (!name || !model->parameters) return;
  memcpy(name, tensor->name, n_name);
  srope_parameter *to = &model->parameters[parameter];
  *to = (srope_parameter){
      .name = name, .n_dims = tensor->n_dims, .n = (size_t)tensor->n, .layout = layout, .place = place};
  for (uint32_t i = 0; i < tensor->n_dims && i < 2; i++) to->shape[i] = tensor->shape[i];
}

/* `n` floats with zeros up to a panel's width. */
static const float *visit_vector(loader *l, const char *name, const char *suffix, uint64_t n) {
  const srope_tensor *tensor = take(l, name, suffix, 1, &n);
  if (!tensor) return NULL;
  size_t size = (size_t)tensor->n;
  uint32_t parameter = next_parameter(l);
  float *place = srope_arena_place(&l->arena, srope_padded_size(l->model->kernels->nr, size), sizeof *place);
  if (place) read_floats(l, tensor, 0, size, place);
  record(l, parameter, tensor, SROPE_LAYOUT_PLAIN, place);
  return place;
}

/* A panel at a time, so that a weight of any dtype and alignment needs no second copy. */
static void pack_weight(loader *l, const srope_tensor *tensor, size_t n_out, size_t n_in, float *packed) {
  uint32_t nr = l->model->kernels->nr;
  for (size_t row = 0; row < n_out; row += nr) {
    size_t n_rows = n_out - row < nr ? n_out - row : nr;
    read_floats(l, tensor, row * n_in, n_rows * n_in, l->panel);
    srope_pack(nr, l->panel, n_rows, n_in, packed + row * n_in);
  }
}

/* y (n_out) = x (n_in) · W^T + b. Returns n_out as it is in the file; ANY after a problem. */
static uint64_t visit_linear(loader *l, srope_linear *linear, const char *name, uint64_t n_in, uint64_t n_out,
                             bool has_bias) {
  uint32_t nr = l->model->kernels->nr;
  const uint64_t shape[2] = {n_out, n_in};
  const srope_tensor *tensor = take(l, name, ".weight", 2, shape);
  if (tensor) n_out = tensor->shape[0];
  linear->parameter = next_parameter(l);
  linear->bias = has_bias ? visit_vector(l, name, ".bias", n_out) : NULL;
  if (!tensor) return n_out;
  linear->n_out = (uint32_t)tensor->shape[0];
  linear->n_in = (uint32_t)tensor->shape[1];
  float *packed = srope_arena_place(&l->arena, srope_packed_size(nr, linear->n_out, linear->n_in), sizeof *packed);
  if (packed) pack_weight(l, tensor, linear->n_out, linear->n_in, packed);
  linear->weight = packed;
  record(l, linear->parameter, tensor, SROPE_LAYOUT_PACKED, packed);

  uint32_t widest = linear->n_out > linear->n_in ? linear->n_out : linear->n_in;
  if (widest > l->model->max_hidden) l->model->max_hidden = widest;
  if ((size_t)nr * linear->n_in > l->panel_n) l->panel_n = (size_t)nr * linear->n_in;
  return n_out;
}

static void visit_norm(loader *l, srope_norm *norm, const char *name, uint64_t d) {
  norm->parameter = l->n_parameters;
  norm->gain = visit_vector(l, name, ".weight", d);
  norm->bias = visit_vector(l, name, ".bias", d);
}

/* The largest number after `prefix` and before a dot among the tensors' names, plus 1; 0 when there is none. */
static uint32_t count_indices(const srope_safetensors *file, const char *prefix) {
  size_t n_prefix = strlen(prefix);
  uint32_t count = 0;
  for (uint32_t t = 0; t < file->n_tensors; t++) {
    const char *at = file->tensors[t].name;
    if (strncmp(at, prefix, n_prefix) != 0) continue;
    uint32_t index = 0, n_digits = 0;
    for (at += n_prefix; *at >= '0' && *at <= '9' && n_digits < 6; at++, n_digits++)
      index = 10 * index + (uint32_t)(*at - '0');
    if (n_digits > 0 && *at == '.' && index + 1 > count) count = index + 1;
  }
  return count;
}

/* Linear layers <name>.0, <name>.<step>, ... with free widths between n_in and n_out. As many as the file has; `usual`
 * when it has none, so that the message names what is missing. inner_suffix stands after all numbers but the last. */
static void visit_mlp(loader *l, srope_mlp *mlp, const char *name, uint32_t step, const char *inner_suffix,
                      uint32_t usual, uint64_t n_in, uint64_t n_out) {
  char text[96];
  snprintf(text, sizeof text, "%s%s.", l->prefix, name);
  uint32_t count = count_indices(l->file, text), n = count ? (count - 1) / step + 1 : usual;
  if (n > SROPE_MAX_DEPTH) {
    note(l, SROPE_ERR_LIMIT, text, "expected at most %d layers, found %u", SROPE_MAX_DEPTH, n);
    return;
  }
  mlp->n = n;
  for (uint32_t i = 0; i < n; i++) {
    bool is_last = i + 1 == n;
    snprintf(text, sizeof text, "%s.%u%s", name, i * step, is_last ? "" : inner_suffix);
    n_in = visit_linear(l, &mlp->layer[i], text, n_in, is_last ? n_out : ANY, true);
  }
}

static void visit_attention(loader *l, srope_attention *attention, uint64_t d) {
  visit_linear(l, &attention->q, "W_q", d, d, false);
  visit_linear(l, &attention->k, "W_k", d, d, false);
  visit_linear(l, &attention->v, "W_v", d, d, false);
  visit_linear(l, &attention->o, "W_o", d, d, false);
  attention->padding_parameter = l->n_parameters;
  attention->padding = visit_vector(l, "padding_embedding", "", d);
}

static void visit_layer(loader *l, srope_layer *layer, uint32_t i, uint64_t d) {
  snprintf(l->prefix, sizeof l->prefix, "transformer_layers.%u.mha.", i);
  visit_attention(l, &layer->mha, d);
  snprintf(l->prefix, sizeof l->prefix, "transformer_layers.%u.", i);
  visit_norm(l, &layer->norm_1, "prenorm_1", d);
  visit_norm(l, &layer->norm_2, "prenorm_2", d);
  uint64_t hidden = visit_linear(l, &layer->up, "ffwd.0", d, ANY, true);
  visit_linear(l, &layer->down, "ffwd.2", hidden, d, true);
  l->prefix[0] = 0;
}

static void visit_rotation(loader *l) {
  static const char *const names[] = {"angle_nn.", "action_angle_nn."}; /* by srope_network */
  srope_model *model = l->model;
  uint64_t n_angles = model->info.n_angles, n_features = model->info.n_angle_features;
  const srope_tensor *frequency = take(l, "rope.freq", "", 1, &n_angles);
  model->frequency = srope_arena_place(&l->arena, (size_t)n_angles, sizeof *model->frequency);
  if (frequency && model->frequency)
    for (uint32_t i = 0; i < n_angles; i++) {
      float value;
      read_floats(l, frequency, i, 1, &value);
      model->frequency[i] = value;
    }
  model->frequency_parameter = next_parameter(l);
  if (frequency) record(l, model->frequency_parameter, frequency, SROPE_LAYOUT_DOUBLE, model->frequency);
  const srope_tensor *order_scale = take(l, "rope.order_scale", "", 0, NULL);
  model->order_scale_parameter = next_parameter(l);
  if (order_scale) record(l, model->order_scale_parameter, order_scale, SROPE_LAYOUT_DOUBLE, &model->info.order_scale);
  if (order_scale && l->arena.base) {
    float value;
    read_floats(l, order_scale, 0, 1, &value);
    model->info.order_scale = value;
  }
  for (int network = 0; network < 2; network++) {
    snprintf(l->prefix, sizeof l->prefix, "%s", names[network]);
    visit_mlp(l, &model->angles[network].sine, "net", 1, ".linear", 4, n_features, n_angles);
    visit_mlp(l, &model->angles[network].relu, "residual", 2, "", 4, n_features, n_angles);
  }
  l->prefix[0] = 0;
}

static void visit_tables(loader *l, srope_schema *schema) {
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    srope_field *field = &schema->fields[i];
    if (field->owner != field) continue;
    const uint64_t shape[2] = {field->rows, field->public_view.dim};
    const srope_tensor *tensor = take(l, field->table_name, "", 2, shape);
    if (!tensor) continue;
    float *place = srope_arena_place(&l->arena, (size_t)tensor->n, sizeof *place);
    if (place) read_floats(l, tensor, 0, (size_t)tensor->n, place);
    record(l, next_parameter(l), tensor, SROPE_LAYOUT_PLAIN, place);
    field->table = place;
  }
}

/* The one list of tensors. */
static void visit_model(loader *l) {
  srope_model *model = l->model;
  const srope_info *info = &model->info;
  uint64_t d = info->d_model;
  visit_linear(l, &model->projection, "seq_projection.0", info->n_item, d, true);
  visit_norm(l, &model->projection_norm, "seq_norm", d);
  visit_mlp(l, &model->action_embedding, "action_embedding", 2, "", 3, info->n_action, d);
  if (info->variant == SROPE_SIREN) visit_rotation(l);
  model->layers = srope_arena_place(&l->arena, info->n_layers, sizeof *model->layers);
  for (uint32_t i = 0; i < info->n_layers; i++) {
    srope_layer measured = {0};
    visit_layer(l, model->layers ? &model->layers[i] : &measured, i, d);
  }
  snprintf(l->prefix, sizeof l->prefix, "action_attention.");
  visit_attention(l, &model->action_attention, d);
  l->prefix[0] = 0;
  visit_mlp(l, &model->head, "head", 2, "", 3, 2 * d + info->n_context, info->n_tasks);
  for (int list = 0; list < 3; list++) visit_tables(l, &model->schema[list]);
}

/* What is no tensor, but of the same block. */
static void place_lists(loader *l) {
  srope_model *model = l->model;
  model->inverse_frequency = srope_arena_place(&l->arena, model->info.n_pairs, sizeof *model->inverse_frequency);
  model->score_weights = srope_arena_place(&l->arena, model->info.n_tasks, sizeof *model->score_weights);
  model->tasks = srope_arena_place(&l->arena, model->info.n_tasks, sizeof *model->tasks);
  model->signals = srope_arena_place(&l->arena, model->info.n_signals, sizeof *model->signals);
}

/* ---------------------------------------------------------------- tensors that are not in the list */

static bool are_equal(const srope_tensor *a, const srope_tensor *b) {
  return a->dtype == b->dtype && a->n_dims == b->n_dims && memcmp(a->shape, b->shape, sizeof a->shape) == 0 &&
         memcmp(a->data, b->data, a->n_bytes) == 0;
}

static bool is_listed(const loader *l, const srope_tensor *tensor) {
  return tensor && l->is_listed[tensor - l->file->tensors];
}

static void check_duplicate(loader *l, const srope_tensor *tensor, const srope_tensor *original) {
  if (!are_equal(tensor, original))
    note(l, SROPE_ERR_TENSOR, tensor->name, "expected the same numbers, bit for bit, as in %s", original->name);
}

/* PyTorch names a shared module once for every place that holds it: transformer_layers.0.mha.rope.freq is rope.freq.
 * The listed tensor of the rotation that a name ends in, or NULL. */
static const srope_tensor *find_original(const loader *l, const char *name) {
  static const char *const modules[] = {"rope.", "angle_nn.", "action_angle_nn."};
  for (const char *at = strchr(name, '.'); at; at = strchr(at, '.')) {
    at++;
    for (int i = 0; i < 3; i++) {
      if (strncmp(at, modules[i], strlen(modules[i])) != 0) continue;
      const srope_tensor *original = srope_safetensors_find(l->file, at);
      if (is_listed(l, original)) return original;
    }
  }
  return NULL;
}

/* A weight or bias under a module of ours that the network would not use: a model of another shape than its
 * configuration says (a bias of W_q, angle networks in an ordinal model). Other tensors (buffers, optimizer state) are
 * ignored. */
static bool is_unused_parameter(const char *name) {
  static const char *const modules[] = {"seq_projection.",  "seq_norm.",           "action_embedding.", "angle_nn.",
                                        "action_angle_nn.", "transformer_layers.", "action_attention.", "head."};
  size_t n = strlen(name);
  bool is_parameter = (n > 7 && strcmp(name + n - 7, ".weight") == 0) || (n > 5 && strcmp(name + n - 5, ".bias") == 0);
  for (size_t i = 0; i < sizeof modules / sizeof *modules && is_parameter; i++)
    if (strncmp(name, modules[i], strlen(modules[i])) == 0) return true;
  return false;
}

static void check_others(loader *l) {
  for (uint32_t t = 0; t < l->file->n_tensors; t++) {
    const srope_tensor *tensor = &l->file->tensors[t];
    if (is_listed(l, tensor)) continue;
    const srope_tensor *original = find_original(l, tensor->name);
    if (original)
      check_duplicate(l, tensor, original);
    else if (is_unused_parameter(tensor->name))
      note(l, SROPE_ERR_TENSOR, tensor->name, "a model of the variant %s has no such weight",
           srope_variant_name(l->model->info.variant));
  }
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < l->model->schema[list].n_fields; i++) {
      const srope_field *field = &l->model->schema[list].fields[i];
      const srope_tensor *tensor = field->table_name[0] ? srope_safetensors_find(l->file, field->table_name) : NULL;
      if (tensor && field->owner != field)
        check_duplicate(l, tensor, srope_safetensors_find(l->file, field->owner->table_name));
    }
}

/* ---------------------------------------------------------------- sizes */

/* A tensor that sizes are read off; sizes of 1 .. SROPE_MAX_WIDTH. */
static const srope_tensor *take_sizes(loader *l, const char *name, uint32_t n_dims) {
  const uint64_t any[2] = {ANY, ANY};
  const srope_tensor *tensor = take(l, name, "", n_dims, any);
  l->model->info.n_parameters = 0; /* visit_model counts */
  return tensor;
}

static srope_status check_schema(loader *l) {
  const srope_info *info = &l->model->info;
  const uint32_t taken[3] = {info->n_item, info->n_action, info->n_context};
  static const char *const takers[] = {"seq_projection.0.weight", "action_embedding.0.weight", "head.0.weight"};
  for (int list = 0; list < 3; list++) {
    const srope_schema *schema = &l->model->schema[list];
    if (schema->n_fields == 0 || schema->dim == taken[list]) continue;
    char where[64];
    snprintf(where, sizeof where, "siren_rope.features.%s", srope_list_name((srope_list)list));
    return srope_fail(l->error, SROPE_ERR_CONFIG, where, "the features give %u numbers, %s takes %u", schema->dim,
                      takers[list], taken[list]);
  }
  return SROPE_OK;
}

static srope_status read_head_sizes(loader *l, const srope_config *config) {
  srope_info *info = &l->model->info;
  uint32_t d = info->d_model;
  info->n_heads = (uint32_t)config->num_heads;
  if (d % info->n_heads != 0 || d / info->n_heads % 2 != 0)
    return srope_fail(l->error, SROPE_ERR_CONFIG, "siren_rope.num_heads",
                      "expected a number of heads that divides the width D = %u into even parts, found %u", d,
                      info->n_heads);
  info->d_head = d / info->n_heads;
  info->n_pairs = info->d_head / 2;
  if (info->variant != SROPE_SIREN) return SROPE_OK;

  info->n_angle_features = config->n_time_features + config->n_signals;
  if (info->n_angle_features == 0)
    return srope_fail(l->error, SROPE_ERR_CONFIG, "siren_rope.angle_features",
                      "expected at least one angle feature or signal, found none");
  const srope_tensor *frequency = take_sizes(l, "rope.freq", 1);
  if (!frequency) return l->status;
  info->n_angles = (uint32_t)frequency->shape[0];
  if (info->n_pairs % info->n_angles != 0)
    return srope_fail(l->error, SROPE_ERR_TENSOR, "rope.freq",
                      "expected a number of angles A that divides the P = %u pairs of a head, found shape [%u]",
                      info->n_pairs, info->n_angles);
  return SROPE_OK;
}

static srope_status read_sizes(loader *l, const srope_config *config) {
  srope_info *info = &l->model->info;
  const srope_tensor *projection = take_sizes(l, "seq_projection.0.weight", 2);
  const srope_tensor *action = take_sizes(l, "action_embedding.0.weight", 2);
  const srope_tensor *head = take_sizes(l, "head.0.weight", 2);
  if (l->status) return l->status;
  info->d_model = (uint32_t)projection->shape[0];
  info->n_item = (uint32_t)projection->shape[1];
  info->n_action = (uint32_t)action->shape[1];
  if (head->shape[1] < 2 * (uint64_t)info->d_model) {
    const uint64_t *shape = head->shape;
    return srope_fail(l->error, SROPE_ERR_TENSOR, "head.0.weight",
                      "expected shape [any, 2D + Z] with D = %u, so at least %u columns, found [%llu, %llu]",
                      info->d_model, 2 * info->d_model, (unsigned long long)shape[0], (unsigned long long)shape[1]);
  }
  info->n_context = (uint32_t)head->shape[1] - 2 * info->d_model;
  srope_status status = read_head_sizes(l, config);
  if (status) return status;
  info->n_layers = count_indices(l->file, "transformer_layers.");
  if (info->n_layers > SROPE_MAX_LAYERS)
    return srope_fail(l->error, SROPE_ERR_LIMIT, "transformer_layers", "expected at most %d layers, found %u",
                      SROPE_MAX_LAYERS, info->n_layers);
  if (info->n_layers == 0) info->n_layers = 1; /* then visit_model says what is missing */
  return check_schema(l);
}

/* ---------------------------------------------------------------- a model */

static void copy_config(srope_model *model, const srope_config *config) {
  srope_info *info = &model->info;
  info->variant = config->variant;
  info->n_tasks = config->n_labels;
  info->n_signals = config->n_signals;
  info->max_history = (uint32_t)config->max_history;
  info->attn_scale = (float)config->attn_scale;
  info->skip_scale = (float)config->skip_scale;
  info->omega_0 = (float)config->omega_0;
  info->rope_base = config->rope_base;
  info->time_scale = config->time_scale;
  info->trend_center = config->trend_center;
  info->trend_scale = config->trend_scale;
  info->utc_offset_minutes = config->utc_offset_minutes;
  info->order_scale = 1;
  for (int list = 0; list < 3; list++) info->has_schema[list] = model->schema[list].n_fields > 0;
  if (config->variant != SROPE_SIREN) return;
  model->n_time_features = config->n_time_features;
  memcpy(model->angle_features, config->angle_features, sizeof model->angle_features);
  for (uint32_t i = 0; i < model->n_time_features; i++)
    if (model->angle_features[i] == SROPE_ANGLE_ORDER) info->uses_order = true;
}

static void fill_lists(srope_model *model, const srope_config *config) {
  double log_base = srope_log64(config->rope_base);
  for (uint32_t j = 0; j < model->info.n_pairs; j++)
    model->inverse_frequency[j] = srope_exp64(-2.0 * j / model->info.d_head * log_base);
  size_t i, n;
  yyjson_val *name;
  yyjson_arr_foreach(config->labels, i, n, name) {
    model->tasks[i] = yyjson_get_str(name);
    model->score_weights[i] = srope_config_score_weight(config, model->tasks[i]);
  }
  yyjson_arr_foreach(config->signals, i, n, name) model->signals[i] = yyjson_get_str(name);
  for (int list = 0; list < 3; list++)
    for (uint32_t f = 0; f < model->schema[list].n_fields; f++) {
      srope_field *field = &model->schema[list].fields[f];
      if (field->owner) field->table = field->owner->table;
    }
}

/* The first of several problems, with their number. */
static srope_status finish_notes(loader *l) {
  if (l->error && l->n_problems > 1) {
    srope_error first = *l->error;
    srope_fail(l->error, first.status, first.where, "%s (the first of %u problems with tensors)", first.message,
               l->n_problems);
  }
  return l->status;
}

static srope_status load_tensors(loader *l) {
  srope_model *model = l->model;
  visit_model(l);
  if (!l->status) check_others(l);
  if (l->status) return finish_notes(l);
  place_lists(l);

  size_t n_bytes = l->arena.used;
  model->memory = l->arena.overflow ? NULL : srope_aligned_alloc(n_bytes);
  l->panel = malloc(l->panel_n * sizeof *l->panel);
  model->parameters = calloc(l->n_parameters, sizeof *model->parameters);
  if (!model->memory || !l->panel || !model->parameters)
    return srope_fail(l->error, SROPE_ERR_MEMORY, NULL, "no memory for %zu bytes of weights", n_bytes);
  l->arena = (srope_arena){model->memory, 0, false};
  model->n_parameters = l->n_parameters;
  l->n_parameters = 0;
  visit_model(l);
  place_lists(l);
  return finish_notes(l);
}

static srope_status load_file(loader *l, srope_config *config) {
  srope_model *model = l->model;
  size_t n_text;
  const char *text = srope_safetensors_metadata(l->file, "siren_rope", &n_text);
  if (!text)
    return srope_fail(l->error, SROPE_ERR_CONFIG, "__metadata__",
                      "expected the key siren_rope with the model's configuration as JSON, found none");
  srope_status status = srope_config_read(text, n_text, config, l->error);
  if (status) return status;
  status = srope_schema_read(config->features, model->schema, l->error);
  if (status) {
    srope_error_prefix(l->error, "siren_rope");
    return status;
  }
  copy_config(model, config);
  if ((status = read_sizes(l, config))) return status;
  if ((status = load_tensors(l))) return status;
  fill_lists(model, config);
  if ((status = srope_describe(model, config, l->file, &model->description, &model->description_n, l->error)))
    return status;
  model->config = config->document; /* the model takes it: names and words live in it */
  config->document = NULL;
  return SROPE_OK;
}

srope_status srope_model_load(const void *bytes, size_t n_bytes, const char *isa, srope_model **out,
                              srope_error *error) {
  if (!bytes || !out) return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "expected a file's bytes and a result");
  const srope_kernels *kernels = srope_kernels_find(isa);
  if (!kernels)
    return srope_fail(error, SROPE_ERR_UNSUPPORTED, NULL, "this machine or build has no kernels called \"%s\"",
                      isa ? isa : "");
  srope_safetensors file;
  srope_status status = srope_safetensors_open(bytes, n_bytes, &file, error);
  if (status) return status;

  srope_config config = {0};
  loader l = {.file = &file, .error = error};
  l.model = calloc(1, sizeof *l.model);
  l.is_listed = calloc(file.n_tensors + 1, sizeof *l.is_listed);
  if (!l.model || !l.is_listed) {
    status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a model");
  } else {
    l.model->kernels = kernels;
    l.model->info.isa = kernels->isa;
    l.model->info.hash = srope_hash64(bytes, n_bytes);
    status = load_file(&l, &config);
  }
  free(l.panel);
  free(l.is_listed);
  srope_config_free(&config);
  srope_safetensors_close(&file);
  if (status)
    srope_model_free(l.model);
  else
    *out = l.model;
  return status;
}
