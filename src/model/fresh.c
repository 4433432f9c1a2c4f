/* fresh.c: see fresh.h. */
#include "model/fresh.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "model/config.h"
#include "model/safetensors.h"

static const float PI = 3.14159265f; /* the authors' start of freq */

typedef struct maker {
  srope_tensor_output *tensors; /* own their names and data */
  uint32_t n, capacity;
  uint64_t seed;
  bool out_of_memory;
} maker;

/* ---------------------------------------------------------------- one tensor */

/* A tensor of zeros; its numbers, or NULL. */
static float *add(maker *m, uint32_t n_dims, uint64_t rows, uint64_t columns, const char *format, ...)
    SROPE_PRINTF(5, 6);
static float *add(maker *m, uint32_t n_dims, uint64_t rows, uint64_t columns, const char *format, ...) {
  char name[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  if (m->n == m->capacity) {
    uint32_t larger = m->capacity ? 2 * m->capacity : 64;
    void *grown = realloc(m->tensors, larger * sizeof *m->tensors);
    m->out_of_memory = m->out_of_memory || !grown;
    if (!grown) return NULL;
    m->tensors = grown;
    m->capacity = larger;
  }
  uint64_t n = (n_dims > 0 ? rows : 1) * (n_dims > 1 ? columns : 1); /* both are 32 bits wide */
  char *copy = malloc(strlen(name) + 1);
  float *data = n <= SIZE_MAX / sizeof *data ? calloc((size_t)n, sizeof *data) : NULL;
  if (!copy || !data) {
    free(copy);
    free(data);
    m->out_of_memory = true;
    return NULL;
  }
  memcpy(copy, name, strlen(name) + 1);
  m->tensors[m->n++] = (srope_tensor_output){copy, n_dims, {rows, columns}, data, SROPE_DTYPE_F32};
  return data;
}

/* The stream of the tensor that was added last is its name's, so that models of one seed share all weights of the tensors
 * that they have in common (in name and shape), whatever others they have. */
static void seed_last(const maker *m, srope_rng *rng) {
  const char *name = m->tensors[m->n - 1].name;
  srope_rng_seed(rng, m->seed, srope_hash64(name, strlen(name)));
}

static void fill_uniform(const maker *m, float *x, size_t n, double bound) {
  srope_rng rng;
  if (!x) return;
  seed_last(m, &rng);
  for (size_t i = 0; i < n; i++) x[i] = (float)((2 * srope_rng_uniform(&rng) - 1) * bound);
}

static void fill_normal(const maker *m, float *x, size_t n, double deviation) {
  srope_rng rng;
  if (!x) return;
  seed_last(m, &rng);
  for (size_t i = 0; i < n; i++) x[i] = (float)(srope_rng_normal(&rng) * deviation);
}

static void fill(float *x, size_t n, float value) {
  for (size_t i = 0; x && i < n; i++) x[i] = value;
}

/* ---------------------------------------------------------------- parts */

/* weight_bound 0: zeros. */
static void add_linear(maker *m, const char *name, uint32_t n_in, uint32_t n_out, double weight_bound,
                       double bias_bound, bool has_bias) {
  float *weight = add(m, 2, n_out, n_in, "%s.weight", name);
  fill_uniform(m, weight, (size_t)n_out * n_in, weight_bound);
  if (!has_bias) return;
  float *bias = add(m, 1, n_out, 0, "%s.bias", name);
  fill_uniform(m, bias, n_out, bias_bound);
}

static void add_usual_linear(maker *m, const char *name, uint32_t n_in, uint32_t n_out, bool has_bias) {
  double bound = 1 / sqrt(n_in);
  add_linear(m, name, n_in, n_out, bound, bound, has_bias);
}

static void add_norm(maker *m, const char *name, uint32_t d) {
  fill(add(m, 1, d, 0, "%s.weight", name), d, 1);
  add(m, 1, d, 0, "%s.bias", name);
}

/* <name>.0, .2, .4 ... */
static void add_mlp(maker *m, const char *name, uint32_t n_in, const uint32_t *widths, uint32_t n, uint32_t n_out) {
  char place[96];
  for (uint32_t i = 0; i <= n; i++) {
    uint32_t width = i < n ? widths[i] : n_out;
    snprintf(place, sizeof place, "%s.%u", name, 2 * i);
    add_usual_linear(m, place, n_in, width, true);
    n_in = width;
  }
}

static void add_attention(maker *m, const char *name, uint32_t d) {
  static const char *const linears[] = {"W_q", "W_k", "W_v", "W_o"};
  char place[96];
  for (int i = 0; i < 4; i++) {
    snprintf(place, sizeof place, "%s%s", name, linears[i]);
    add_usual_linear(m, place, d, d, false);
  }
  add(m, 1, d, 0, "%spadding_embedding", name);
}

static void add_angle_network(maker *m, const char *name, const srope_architecture *a, uint32_t n_features,
                              double omega_0) {
  char place[96];
  uint32_t n_in = n_features, width = a->angle_width;
  for (uint32_t i = 0; i <= a->angle_depth; i++, n_in = width) { /* the sine branch */
    bool is_last = i == a->angle_depth;
    double bound = i == 0 ? 1.0 / n_in : sqrt(6.0 / n_in) / fabs(omega_0);
    if (is_last && (a->start_at_zero || a->silence_sine)) bound = 0;
    snprintf(place, sizeof place, "%s.net.%u%s", name, i, is_last ? "" : ".linear");
    add_linear(m, place, n_in, is_last ? a->n_angles : width, bound, is_last ? 0 : 1 / sqrt(n_in), true);
  }
  n_in = n_features;
  for (uint32_t i = 0; i <= a->angle_depth; i++, n_in = width) { /* the ReLU branch */
    bool is_last = i == a->angle_depth;
    double bound = is_last && (a->start_at_zero || a->silence_relu) ? 0 : 1 / sqrt(n_in);
    snprintf(place, sizeof place, "%s.residual.%u", name, 2 * i);
    add_linear(m, place, n_in, is_last ? a->n_angles : width, bound, is_last ? 0 : bound, true);
  }
}

static void add_rotation(maker *m, const srope_architecture *a, uint32_t n_features, double omega_0) {
  fill(add(m, 1, a->n_angles, 0, "rope.freq"), a->n_angles, PI);
  fill(add(m, 0, 0, 0, "rope.order_scale"), 1, 1);
  add_angle_network(m, "angle_nn", a, n_features, omega_0);
  add_angle_network(m, "action_angle_nn", a, n_features, omega_0);
}

static void add_layer(maker *m, uint32_t l, const srope_architecture *a) {
  char place[96];
  snprintf(place, sizeof place, "transformer_layers.%u.mha.", l);
  add_attention(m, place, a->d_model);
  snprintf(place, sizeof place, "transformer_layers.%u.prenorm_1", l);
  add_norm(m, place, a->d_model);
  snprintf(place, sizeof place, "transformer_layers.%u.prenorm_2", l);
  add_norm(m, place, a->d_model);
  snprintf(place, sizeof place, "transformer_layers.%u.ffwd", l);
  add_mlp(m, place, a->d_model, &a->ffwd_width, 1, a->d_model);
}

static void add_tables(maker *m, const srope_schema *schema, double scale) {
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    const srope_field *field = &schema->fields[i];
    if (field->owner != field) continue;
    size_t n = (size_t)field->rows * field->public_view.dim;
    fill_normal(m, add(m, 2, field->rows, field->public_view.dim, "%s", field->table_name), n, scale);
  }
}

/* ---------------------------------------------------------------- a model */

static void add_all(maker *m, const srope_config *config, const srope_schema schema[3], const srope_architecture *a) {
  const uint32_t action_widths[2] = {a->action_width, a->action_width};
  for (int list = 0; list < 3; list++) add_tables(m, &schema[list], a->table_scale);
  add_usual_linear(m, "seq_projection.0", schema[SROPE_ITEM].dim, a->d_model, true);
  add_norm(m, "seq_norm", a->d_model);
  add_mlp(m, "action_embedding", schema[SROPE_ACTION].dim, action_widths, 2, a->d_model);
  if (config->variant == SROPE_SIREN) add_rotation(m, a, config->n_time_features + config->n_signals, config->omega_0);
  for (uint32_t l = 0; l < a->n_layers; l++) add_layer(m, l, a);
  add_attention(m, "action_attention.", a->d_model);
  add_mlp(m, "head", 2 * a->d_model + schema[SROPE_CONTEXT].dim, a->head_widths, a->n_head_widths, config->n_labels);
}

srope_status srope_model_make(const char *config, size_t n_config, const srope_architecture *architecture,
                              uint64_t seed, void **bytes, size_t *n_bytes, srope_error *error) {
  srope_config parsed = {0};
  srope_schema schema[3] = {{0}};
  maker m = {.seed = seed};
  srope_status status = srope_config_read(config, n_config, &parsed, error);
  if (!status) status = srope_schema_read(parsed.features, schema, error);
  for (int list = 0; list < 2 && !status; list++)
    if (schema[list].dim == 0)
      status =
          srope_fail(error, SROPE_ERR_CONFIG, "siren_rope.features",
                     "expected at least one %s feature to train on, found none", srope_list_name((srope_list)list));
  if (!status) add_all(&m, &parsed, schema, architecture);
  if (!status && m.out_of_memory) status = srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for a new model");
  const srope_metadata_output metadata = {"siren_rope", config};
  if (!status) status = srope_safetensors_write(m.tensors, m.n, &metadata, 1, bytes, n_bytes, error);
  for (uint32_t i = 0; i < m.n; i++) {
    free((char *)m.tensors[i].name);
    free((void *)m.tensors[i].data);
  }
  free(m.tensors);
  srope_schema_free(schema);
  srope_config_free(&parsed);
  return status;
}
