/* tensors.c: see tensors.h. One list of tensors, visit_model, says which tensors a model has and where each goes. It is
 * walked twice: first with an arena without memory, to check every name, dtype and shape and to add up the sizes, then
 * with memory, to place. So nothing is allocated for weights before every tensor is known to be there.
 *
 * Not here: the format (safetensors.c), the configuration's own rules (config.c, features/schema.c), data (load.c).
 */
#include "model/tensors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/math64.h"
#include "yyjson.h"

#define ANY SROPE_ANY_SIZE /* a size that is read off the tensor, 1 .. SROPE_MAX_WIDTH */
#define SCALE ".weight_scale"

enum { /* dtypes that a tensor may have, as bits */
       SINGLE = 1 << SROPE_DTYPE_F32,
       FLOATS = SINGLE | 1 << SROPE_DTYPE_F16 | 1 << SROPE_DTYPE_BF16,
       WEIGHTS = FLOATS | 1 << SROPE_DTYPE_I8
};

typedef struct walk {
  const srope_safetensors *file;
  srope_model *model;
  srope_destination *destinations; /* by place in file->tensors */
  srope_arena arena;               /* base NULL: check and measure */
  size_t panel_bytes;              /* of the widest weight's panel */
  char prefix[64];                 /* of the names below it */
  bool takes_int8;                 /* as the weights of linear layers */
  srope_status status;             /* of the first problem */
  uint32_t n_problems;
  uint32_t n_parameters; /* visited so far */
  srope_error *error;
} walk;

/* ---------------------------------------------------------------- one tensor */

/* Notes a problem; the first one makes the error. */
static void note(walk *w, srope_status status, const char *where, const char *format, ...) SROPE_PRINTF(4, 5);
static void note(walk *w, srope_status status, const char *where, const char *format, ...) {
  if (w->n_problems++ > 0) return;
  char message[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  w->status = srope_fail(w->error, status, where, "%s", message);
}

static srope_destination *destination_of(const walk *w, const srope_tensor *tensor) {
  return &w->destinations[tensor - w->file->tensors];
}

/* The tensor <prefix><name><suffix> if it is there with that shape and one of those dtypes, else NULL and a problem. */
static const srope_tensor *take(walk *w, const char *name, const char *suffix, uint32_t n_dims, const uint64_t *shape,
                                unsigned dtypes) {
  char full_name[256], expected[64], found[64];
  snprintf(full_name, sizeof full_name, "%s%s%s", w->prefix, name, suffix);
  const srope_tensor *tensor = srope_safetensors_find(w->file, full_name);
  srope_shape_text(n_dims, shape, expected, sizeof expected);
  if (!tensor) {
    note(w, SROPE_ERR_TENSOR, full_name, "expected a tensor of shape %s, found none", expected);
    return NULL;
  }
  destination_of(w, tensor)->is_listed = true;
  bool fits = tensor->n_dims == n_dims;
  for (uint32_t i = 0; i < n_dims && fits; i++) fits = shape[i] == ANY || tensor->shape[i] == shape[i];
  if (!fits) {
    note(w, SROPE_ERR_TENSOR, full_name, "expected shape %s, found %s", expected,
         srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found));
    return NULL;
  }
  for (uint32_t i = 0; i < n_dims; i++)
    if (shape[i] == ANY && (tensor->shape[i] == 0 || tensor->shape[i] > SROPE_MAX_WIDTH)) {
      note(w, SROPE_ERR_LIMIT, full_name, "expected sizes from 1 to %d, found shape %s", SROPE_MAX_WIDTH,
           srope_shape_text(tensor->n_dims, tensor->shape, found, sizeof found));
      return NULL;
    }
  if (!(dtypes >> tensor->dtype & 1)) {
    note(w, SROPE_ERR_TENSOR, full_name, "expected dtype %s, found %s",
         dtypes == SINGLE   ? "F32"
         : dtypes == FLOATS ? "F32, F16 or BF16"
                            : "F32, F16, BF16 or I8",
         srope_dtype_name(tensor->dtype));
    return NULL;
  }
  return tensor;
}

/* ---------------------------------------------------------------- places of the model */

/* The next place in the model's list of parameters; the tensor that goes there is told by `record`. */
static uint32_t next_parameter(walk *w) { return w->n_parameters++; }

static void record(walk *w, uint32_t parameter, const srope_tensor *tensor, srope_layout layout, void *place) {
  srope_model *model = w->model;
  size_t n_name = strlen(tensor->name) + 1;
  char *name = srope_arena_place(&w->arena, n_name, 1);
  if (!w->arena.base && layout != SROPE_LAYOUT_SCALE) model->info.n_parameters += tensor->n;
  if (!name || !model->parameters) return;
  memcpy(name, tensor->name, n_name);
  srope_parameter *to = &model->parameters[parameter];
  *to = (srope_parameter){
      .name = name, .n_dims = tensor->n_dims, .n = (size_t)tensor->n, .layout = layout, .place = place};
  for (uint32_t i = 0; i < tensor->n_dims && i < 2; i++) to->shape[i] = tensor->shape[i];
  destination_of(w, tensor)->parameter = to;
}

/* `n` floats with zeros up to a panel's width. */
static const float *visit_vector(walk *w, const char *name, const char *suffix, uint64_t n) {
  const srope_tensor *tensor = take(w, name, suffix, 1, &n, FLOATS);
  if (!tensor) return NULL;
  float *place =
      srope_arena_place(&w->arena, srope_padded_size(w->model->kernels->nr, (size_t)tensor->n), sizeof *place);
  record(w, next_parameter(w), tensor, SROPE_LAYOUT_PLAIN, place);
  return place;
}

static void place_floats(walk *w, srope_linear *linear, const srope_tensor *tensor) {
  uint32_t nr = w->model->kernels->nr;
  float *packed = srope_arena_place(&w->arena, srope_packed_size(nr, linear->n_out, linear->n_in), sizeof *packed);
  linear->weight = packed;
  record(w, linear->parameter, tensor, SROPE_LAYOUT_PACKED, packed);
  size_t panel_bytes = nr * sizeof *packed * linear->n_in;
  if (panel_bytes > w->panel_bytes) w->panel_bytes = panel_bytes;
}

/* n_in inputs of a weight of bytes: a matrix, before `next`. */
static srope_int8_matrix place_part(walk *w, const srope_linear *linear, uint32_t n_in, const float *scale,
                                    const srope_int8_matrix *next) {
  const srope_kernels *kernels = w->model->kernels;
  return (srope_int8_matrix){
      .panels = srope_arena_place(&w->arena, srope_packed_int8_size(kernels, linear->n_out, n_in), 1),
      .sum = srope_arena_place(&w->arena, srope_padded_size(kernels->nr_int8, linear->n_out), sizeof(int32_t)),
      .scale = scale,
      .is_tight = true,
      .n_in = n_in,
      .next = next};
}

/* A weight of bytes and, beside it, what they count in each row. The head's first takes x, u and context, which are each
 * quantised by itself: u is small beside x. */
static void place_int8(walk *w, srope_linear *linear, const char *name, const srope_tensor *tensor) {
  const srope_kernels *kernels = w->model->kernels;
  const uint64_t n_out = tensor->shape[0];
  size_t n_padded = srope_padded_size(kernels->nr_int8, (size_t)n_out);
  if (linear->n_in > SROPE_INT8_MAX_K)
    note(w, SROPE_ERR_LIMIT, tensor->name, "expected at most %d columns of I8, found %u", SROPE_INT8_MAX_K,
         linear->n_in);
  const srope_tensor *scale = take(w, name, SCALE, 1, &n_out, SINGLE);
  uint32_t scale_parameter = next_parameter(w);
  float *scales = srope_arena_place(&w->arena, n_padded, sizeof *scales);
  srope_model *model = w->model;
  uint32_t d = model->info.d_model, z = model->info.n_context;
  if (linear == &model->head.layer[0]) {
    srope_int8_matrix *rest = model->head_parts;
    if (z > 0) rest[1] = place_part(w, linear, z, scales, NULL);
    rest[0] = place_part(w, linear, d, scales, z > 0 ? &rest[1] : NULL);
    linear->int8 = place_part(w, linear, d, scales, &rest[0]);
  } else {
    linear->int8 = place_part(w, linear, linear->n_in, scales, NULL);
  }
  record(w, linear->parameter, tensor, SROPE_LAYOUT_INT8, &linear->int8);
  if (scale) record(w, scale_parameter, scale, SROPE_LAYOUT_SCALE, scales);
  size_t panel_bytes = (size_t)kernels->nr_int8 * linear->n_in;
  if (panel_bytes > w->panel_bytes) w->panel_bytes = panel_bytes;
}

/* y (n_out) = x (n_in) · W^T + b. Returns n_out as it is in the file; ANY after a problem. */
static uint64_t visit_linear(walk *w, srope_linear *linear, const char *name, uint64_t n_in, uint64_t n_out,
                             bool has_bias) {
  const uint64_t shape[2] = {n_out, n_in};
  const srope_tensor *tensor = take(w, name, ".weight", 2, shape, w->takes_int8 ? WEIGHTS : FLOATS);
  if (tensor) n_out = tensor->shape[0];
  linear->parameter = next_parameter(w);
  linear->bias = has_bias ? visit_vector(w, name, ".bias", n_out) : NULL;
  if (!tensor) return n_out;
  linear->n_out = (uint32_t)tensor->shape[0];
  linear->n_in = (uint32_t)tensor->shape[1];
  if (tensor->dtype == SROPE_DTYPE_I8)
    place_int8(w, linear, name, tensor);
  else
    place_floats(w, linear, tensor);
  uint32_t widest = linear->n_out > linear->n_in ? linear->n_out : linear->n_in;
  if (widest > w->model->max_hidden) w->model->max_hidden = widest;
  return n_out;
}

static void visit_norm(walk *w, srope_norm *norm, const char *name, uint64_t d) {
  norm->parameter = w->n_parameters;
  norm->gain = visit_vector(w, name, ".weight", d);
  norm->bias = visit_vector(w, name, ".bias", d);
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
static void visit_mlp(walk *w, srope_mlp *mlp, const char *name, uint32_t step, const char *inner_suffix,
                      uint32_t usual, uint64_t n_in, uint64_t n_out) {
  char text[96];
  snprintf(text, sizeof text, "%s%s.", w->prefix, name);
  uint32_t count = count_indices(w->file, text), n = count ? (count - 1) / step + 1 : usual;
  if (n > SROPE_MAX_DEPTH) {
    note(w, SROPE_ERR_LIMIT, text, "expected at most %d layers, found %u", SROPE_MAX_DEPTH, n);
    return;
  }
  mlp->n = n;
  for (uint32_t i = 0; i < n; i++) {
    bool is_last = i + 1 == n;
    snprintf(text, sizeof text, "%s.%u%s", name, i * step, is_last ? "" : inner_suffix);
    n_in = visit_linear(w, &mlp->layer[i], text, n_in, is_last ? n_out : ANY, true);
  }
}

static void visit_attention(walk *w, srope_attention *attention, uint64_t d) {
  visit_linear(w, &attention->q, "W_q", d, d, false);
  visit_linear(w, &attention->k, "W_k", d, d, false);
  visit_linear(w, &attention->v, "W_v", d, d, false);
  visit_linear(w, &attention->o, "W_o", d, d, false);
  attention->padding_parameter = w->n_parameters;
  attention->padding = visit_vector(w, "padding_embedding", "", d);
}

static void visit_layer(walk *w, srope_layer *layer, uint32_t i, uint64_t d) {
  snprintf(w->prefix, sizeof w->prefix, "transformer_layers.%u.mha.", i);
  visit_attention(w, &layer->mha, d);
  snprintf(w->prefix, sizeof w->prefix, "transformer_layers.%u.", i);
  visit_norm(w, &layer->norm_1, "prenorm_1", d);
  visit_norm(w, &layer->norm_2, "prenorm_2", d);
  uint64_t hidden = visit_linear(w, &layer->up, "ffwd.0", d, ANY, true);
  visit_linear(w, &layer->down, "ffwd.2", hidden, d, true);
  w->prefix[0] = 0;
}

static void visit_rotation(walk *w) {
  static const char *const names[] = {"angle_nn.", "action_angle_nn."}; /* by srope_network */
  srope_model *model = w->model;
  uint64_t n_angles = model->info.n_angles, n_features = model->info.n_angle_features;
  const srope_tensor *frequency = take(w, "rope.freq", "", 1, &n_angles, FLOATS);
  model->frequency = srope_arena_place(&w->arena, (size_t)n_angles, sizeof *model->frequency);
  model->frequency_parameter = next_parameter(w);
  if (frequency) record(w, model->frequency_parameter, frequency, SROPE_LAYOUT_DOUBLE, model->frequency);
  const srope_tensor *order_scale = take(w, "rope.order_scale", "", 0, NULL, FLOATS);
  model->order_scale_parameter = next_parameter(w);
  if (order_scale) record(w, model->order_scale_parameter, order_scale, SROPE_LAYOUT_DOUBLE, &model->info.order_scale);
  w->takes_int8 = false; /* angles want every digit */
  for (int network = 0; network < 2; network++) {
    snprintf(w->prefix, sizeof w->prefix, "%s", names[network]);
    visit_mlp(w, &model->angles[network].sine, "net", 1, ".linear", 4, n_features, n_angles);
    visit_mlp(w, &model->angles[network].relu, "residual", 2, "", 4, n_features, n_angles);
  }
  w->takes_int8 = true;
  w->prefix[0] = 0;
}

static void visit_tables(walk *w, srope_schema *schema) {
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    srope_field *field = &schema->fields[i];
    if (field->owner != field) continue;
    const uint64_t shape[2] = {field->rows, field->public_view.dim};
    const srope_tensor *tensor = take(w, field->table_name, "", 2, shape, FLOATS);
    if (!tensor) continue;
    float *place = srope_arena_place(&w->arena, (size_t)tensor->n, sizeof *place);
    record(w, next_parameter(w), tensor, SROPE_LAYOUT_PLAIN, place);
    field->table = place;
  }
}

/* The one list of tensors. */
static void visit_model(walk *w) {
  srope_model *model = w->model;
  const srope_info *info = &model->info;
  uint64_t d = info->d_model;
  w->takes_int8 = true;
  visit_linear(w, &model->projection, "seq_projection.0", info->n_item, d, true);
  visit_norm(w, &model->projection_norm, "seq_norm", d);
  visit_mlp(w, &model->action_embedding, "action_embedding", 2, "", 3, info->n_action, d);
  if (info->variant == SROPE_SIREN) visit_rotation(w);
  model->layers = srope_arena_place(&w->arena, info->n_layers, sizeof *model->layers);
  for (uint32_t i = 0; i < info->n_layers; i++) {
    srope_layer measured = {0};
    visit_layer(w, model->layers ? &model->layers[i] : &measured, i, d);
  }
  snprintf(w->prefix, sizeof w->prefix, "action_attention.");
  visit_attention(w, &model->action_attention, d);
  w->prefix[0] = 0;
  visit_mlp(w, &model->head, "head", 2, "", 3, 2 * d + info->n_context, info->n_tasks);
  for (int list = 0; list < 3; list++) visit_tables(w, &model->schema[list]);
}

/* What is no tensor, but of the same block. */
static void place_lists(walk *w) {
  srope_model *model = w->model;
  model->inverse_frequency = srope_arena_place(&w->arena, model->info.n_pairs, sizeof *model->inverse_frequency);
  model->score_weights = srope_arena_place(&w->arena, model->info.n_tasks, sizeof *model->score_weights);
  model->tasks = srope_arena_place(&w->arena, model->info.n_tasks, sizeof *model->tasks);
  model->signals = srope_arena_place(&w->arena, model->info.n_signals, sizeof *model->signals);
}

/* ---------------------------------------------------------------- tensors that are not in the list */

/* The numbers are compared when they are there. */
static void repeats(walk *w, const srope_tensor *tensor, const srope_tensor *original) {
  if (tensor->dtype != original->dtype || tensor->n_dims != original->n_dims ||
      memcmp(tensor->shape, original->shape, sizeof tensor->shape) != 0)
    note(w, SROPE_ERR_TENSOR, tensor->name, SROPE_TENSORS_DIFFER, original->name);
  destination_of(w, tensor)->original = original;
  destination_of(w, tensor)->is_compared = destination_of(w, original)->is_compared = true;
}

/* PyTorch names a shared module once for every place that holds it: transformer_layers.0.mha.rope.freq is rope.freq.
 * The listed tensor of the rotation that a name ends in, or NULL. */
static const srope_tensor *find_original(const walk *w, const char *name) {
  static const char *const modules[] = {"rope.", "angle_nn.", "action_angle_nn."};
  for (const char *at = strchr(name, '.'); at; at = strchr(at, '.')) {
    at++;
    for (int i = 0; i < 3; i++) {
      if (strncmp(at, modules[i], strlen(modules[i])) != 0) continue;
      const srope_tensor *original = srope_safetensors_find(w->file, at);
      if (original && destination_of(w, original)->is_listed) return original;
    }
  }
  return NULL;
}

/* A weight, bias or scale under a module of ours that the network would not use: a model of another shape than its
 * configuration says (a bias of W_q, angle networks in an ordinal model, a scale of float weights). Other tensors (buffers, optimizer state) are
 * ignored. */
static bool is_unused_parameter(const char *name) {
  static const char *const modules[] = {"seq_projection.",  "seq_norm.",           "action_embedding.", "angle_nn.",
                                        "action_angle_nn.", "transformer_layers.", "action_attention.", "head."};
  size_t n = strlen(name);
  static const char *const endings[] = {".weight", ".bias", SCALE};
  bool is_ours = false, is_parameter = false;
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
    is_ours = is_ours || strncmp(name, modules[i], strlen(modules[i])) == 0;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t n_ending = strlen(endings[i]);
    is_parameter = is_parameter || (n > n_ending && strcmp(name + n - n_ending, endings[i]) == 0);
  }
  return is_ours && is_parameter;
}

static void check_others(walk *w) {
  for (uint32_t t = 0; t < w->file->n_tensors; t++) {
    const srope_tensor *tensor = &w->file->tensors[t];
    if (destination_of(w, tensor)->is_listed) continue;
    const srope_tensor *original = find_original(w, tensor->name);
    if (original)
      repeats(w, tensor, original);
    else if (is_unused_parameter(tensor->name) && strstr(tensor->name, SCALE))
      note(w, SROPE_ERR_TENSOR, tensor->name, "a scale goes with a weight of I8 only");
    else if (is_unused_parameter(tensor->name))
      note(w, SROPE_ERR_TENSOR, tensor->name, "a model of the variant %s has no such weight",
           srope_variant_name(w->model->info.variant));
  }
  for (int list = 0; list < 3; list++)
    for (uint32_t i = 0; i < w->model->schema[list].n_fields; i++) {
      const srope_field *field = &w->model->schema[list].fields[i];
      const srope_tensor *tensor = field->table_name[0] ? srope_safetensors_find(w->file, field->table_name) : NULL;
      if (tensor && field->owner != field)
        repeats(w, tensor, srope_safetensors_find(w->file, field->owner->table_name));
    }
}

/* ---------------------------------------------------------------- sizes */

/* A tensor that sizes are read off; sizes of 1 .. SROPE_MAX_WIDTH. */
static const srope_tensor *take_sizes(walk *w, const char *name, uint32_t n_dims, unsigned dtypes) {
  const uint64_t any[2] = {ANY, ANY};
  return take(w, name, "", n_dims, any, dtypes);
}

static srope_status check_schema(walk *w) {
  const srope_info *info = &w->model->info;
  const uint32_t taken[3] = {info->n_item, info->n_action, info->n_context};
  static const char *const takers[] = {"seq_projection.0.weight", "action_embedding.0.weight", "head.0.weight"};
  for (int list = 0; list < 3; list++) {
    const srope_schema *schema = &w->model->schema[list];
    if (schema->n_fields == 0 || schema->dim == taken[list]) continue;
    char where[64];
    snprintf(where, sizeof where, "siren_rope.features.%s", srope_list_name((srope_list)list));
    return srope_fail(w->error, SROPE_ERR_CONFIG, where, "the features give %u numbers, %s takes %u", schema->dim,
                      takers[list], taken[list]);
  }
  return SROPE_OK;
}

static srope_status read_head_sizes(walk *w, const srope_config *config) {
  srope_info *info = &w->model->info;
  uint32_t d = info->d_model;
  info->n_heads = (uint32_t)config->num_heads;
  if (d % info->n_heads != 0 || d / info->n_heads % 2 != 0)
    return srope_fail(w->error, SROPE_ERR_CONFIG, "siren_rope.num_heads",
                      "expected a number of heads that divides the width D = %u into even parts, found %u", d,
                      info->n_heads);
  info->d_head = d / info->n_heads;
  info->n_pairs = info->d_head / 2;
  if (info->variant != SROPE_SIREN) return SROPE_OK;

  info->n_angle_features = config->n_time_features + config->n_signals;
  if (info->n_angle_features == 0)
    return srope_fail(w->error, SROPE_ERR_CONFIG, "siren_rope.angle_features",
                      "expected at least one angle feature or signal, found none");
  const srope_tensor *frequency = take_sizes(w, "rope.freq", 1, FLOATS);
  if (!frequency) return w->status;
  info->n_angles = (uint32_t)frequency->shape[0];
  if (info->n_pairs % info->n_angles != 0)
    return srope_fail(w->error, SROPE_ERR_TENSOR, "rope.freq",
                      "expected a number of angles A that divides the P = %u pairs of a head, found shape [%u]",
                      info->n_pairs, info->n_angles);
  return SROPE_OK;
}

static srope_status read_sizes(walk *w, const srope_config *config) {
  srope_info *info = &w->model->info;
  const srope_tensor *projection = take_sizes(w, "seq_projection.0.weight", 2, WEIGHTS);
  const srope_tensor *action = take_sizes(w, "action_embedding.0.weight", 2, WEIGHTS);
  const srope_tensor *head = take_sizes(w, "head.0.weight", 2, WEIGHTS);
  if (w->status) return w->status;
  info->d_model = (uint32_t)projection->shape[0];
  info->n_item = (uint32_t)projection->shape[1];
  info->n_action = (uint32_t)action->shape[1];
  if (head->shape[1] < 2 * (uint64_t)info->d_model) {
    const uint64_t *shape = head->shape;
    return srope_fail(w->error, SROPE_ERR_TENSOR, "head.0.weight",
                      "expected shape [any, 2D + Z] with D = %u, so at least %u columns, found [%llu, %llu]",
                      info->d_model, 2 * info->d_model, (unsigned long long)shape[0], (unsigned long long)shape[1]);
  }
  info->n_context = (uint32_t)head->shape[1] - 2 * info->d_model;
  srope_status status = read_head_sizes(w, config);
  if (status) return status;
  info->n_layers = count_indices(w->file, "transformer_layers.");
  if (info->n_layers > SROPE_MAX_LAYERS)
    return srope_fail(w->error, SROPE_ERR_LIMIT, "transformer_layers", "expected at most %d layers, found %u",
                      SROPE_MAX_LAYERS, info->n_layers);
  if (info->n_layers == 0) info->n_layers = 1; /* then visit_model says what is missing */
  return check_schema(w);
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
static srope_status finish_notes(walk *w) {
  if (w->error && w->n_problems > 1) {
    srope_error first = *w->error;
    srope_fail(w->error, first.status, first.where, "%s (the first of %u problems with tensors)", first.message,
               w->n_problems);
  }
  return w->status;
}

static srope_status place_all(walk *w) {
  srope_model *model = w->model;
  visit_model(w);
  if (!w->status) check_others(w);
  if (w->status) return finish_notes(w);
  place_lists(w);

  size_t n_bytes = w->arena.used;
  model->memory = w->arena.overflow ? NULL : srope_aligned_alloc(n_bytes);
  model->parameters = calloc(w->n_parameters, sizeof *model->parameters);
  if (!model->memory || !model->parameters)
    return srope_fail(w->error, SROPE_ERR_MEMORY, NULL, "no memory for %zu bytes of weights", n_bytes);
  w->arena = (srope_arena){model->memory, 0, false};
  model->n_parameters = w->n_parameters;
  w->n_parameters = 0;
  visit_model(w);
  place_lists(w);
  return SROPE_OK;
}

srope_status srope_tensors_place(const srope_safetensors *file, const srope_config *config, srope_model *model,
                                 srope_destination *destinations, size_t *panel_bytes, srope_error *error) {
  walk w = {.file = file, .model = model, .destinations = destinations, .error = error};
  copy_config(model, config);
  srope_status status = read_sizes(&w, config);
  if (!status) status = place_all(&w);
  if (status) return status;
  fill_lists(model, config);
  *panel_bytes = w.panel_bytes;
  return SROPE_OK;
}
