#include "property/reference.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static const double pi = 3.14159265358979323846;

/* ---------------------------------------------------------------- configuration */

static const tensor *weight(const reference *r, const char *format, ...) {
  char name[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  return tensor_file_get(r->file, name);
}

static int exists(const reference *r, const char *format, int index) {
  char name[160];
  snprintf(name, sizeof name, format, index);
  return tensor_file_find(r->file, name) != NULL;
}

static double number(yyjson_val *config, const char *key, double missing) {
  yyjson_val *value = yyjson_obj_get(config, key);
  return value ? yyjson_get_num(value) : missing;
}

static void read_time_features(reference *r, yyjson_val *names) {
  static const char *const authors[] = {"order", "year", "sin_day", "cos_day", "sin_week", "cos_week"};
  r->n_time_features = names ? yyjson_arr_size(names) : 6;
  for (size_t i = 0; i < r->n_time_features; i++)
    snprintf(r->time_features[i], sizeof r->time_features[i], "%s",
             names ? yyjson_get_str(yyjson_arr_get(names, i)) : authors[i]);
}

reference *reference_load(const void *bytes, size_t n_bytes) {
  reference *r = calloc(1, sizeof *r);
  r->file = tensor_file_parse(bytes, n_bytes);
  yyjson_doc *json = yyjson_read(r->file->config, strlen(r->file->config), 0);
  yyjson_val *config = yyjson_doc_get_root(json);
  const char *variant = yyjson_get_str(yyjson_obj_get(config, "variant"));
  r->variant = strcmp(variant, "siren") == 0    ? SROPE_SIREN
               : strcmp(variant, "torope") == 0 ? SROPE_TOROPE
                                                : SROPE_ORDINAL;
  r->max_history = (size_t)number(config, "max_history", 1024);
  r->attn_scale = number(config, "attn_scale", 0.025);
  r->skip_scale = number(config, "skip_scale", 0.1);
  r->rope_base = number(config, "rope_base", r->variant == SROPE_TOROPE ? 10000 : 100000);
  r->time_scale = number(config, "time_scale", 0.01);
  r->omega_0 = number(config, "omega_0", 10);
  r->trend_center = number(config, "trend_center", 0);
  r->trend_scale = number(config, "trend_scale", 1);
  r->utc_offset_minutes = number(config, "utc_offset_minutes", 0);
  read_time_features(r, yyjson_obj_get(config, "angle_features"));
  r->g = yyjson_arr_size(yyjson_obj_get(config, "angle_signals"));
  r->h = (size_t)number(config, "num_heads", 0);
  r->d = weight(r, "seq_projection.0.weight")->shape[0];
  r->x = weight(r, "seq_projection.0.weight")->shape[1];
  r->y = weight(r, "action_embedding.0.weight")->shape[1];
  r->z = weight(r, "head.0.weight")->shape[1] - 2 * r->d;
  while (r->n_head < 3 && exists(r, "head.%d.weight", 2 * (int)r->n_head)) r->n_head++;
  r->t = weight(r, "head.%d.weight", 2 * (int)r->n_head - 2)->shape[0];
  r->k = r->d / r->h;
  r->p = r->k / 2;
  r->a = r->variant == SROPE_SIREN ? weight(r, "rope.freq")->n : 0;
  while (exists(r, "transformer_layers.%d.mha.W_q.weight", (int)r->l)) r->l++;
  yyjson_doc_free(json);
  return r;
}

void reference_free(reference *r) {
  if (r) tensor_file_free(r->file);
  free(r);
}

/* ---------------------------------------------------------------- layers */

static double *zeros(size_t n) {
  double *x = calloc(n + 1, sizeof *x);
  if (!x) exit(EXIT_FAILURE);
  return x;
}

/* (m, n_in) -> (m, n_out), a new array; the bias is added where there is one */
static double *linear(const reference *r, const char *name, const double *x, size_t m) {
  char bias_name[160];
  snprintf(bias_name, sizeof bias_name, "%s.bias", name);
  const tensor *w = weight(r, "%s.weight", name), *bias = tensor_file_find(r->file, bias_name);
  size_t n_out = w->shape[0], n_in = w->shape[1];
  double *y = zeros(m * n_out);
  for (size_t i = 0; i < m; i++)
    for (size_t o = 0; o < n_out; o++) {
      double sum = bias ? bias->data[o] : 0;
      for (size_t j = 0; j < n_in; j++) sum += w->data[o * n_in + j] * x[i * n_in + j];
      y[i * n_out + o] = sum;
    }
  return y;
}

static size_t width(const reference *r, const char *name) { return weight(r, "%s.weight", name)->shape[0]; }

static void relu(double *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

static void silu(double *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] / (1 + exp(-x[i]));
}

static void apply_hook(const reference_tokens *k, unsigned site, double *x, size_t width) {
  if (k && k->hook) k->hook(k->hook_context, site, x, k->n, width);
}

/* linear, SiLU, linear, SiLU, linear (or as many as `names` has); a new array. Hidden layer i is site + i of k's
 * hook; k NULL: of none. */
static double *silu_mlp(const reference *r, const char *const *names, size_t n_names, const double *x, size_t m,
                        const reference_tokens *k, unsigned site) {
  double *y = linear(r, names[0], x, m);
  for (size_t i = 1; i < n_names; i++) {
    silu(y, m * width(r, names[i - 1]));
    apply_hook(k, site + (unsigned)i - 1, y, width(r, names[i - 1]));
    double *next = linear(r, names[i], y, m);
    free(y);
    y = next;
  }
  return y;
}

static double *layer_norm(const reference *r, const char *name, const double *x, size_t m) {
  const tensor *gain = weight(r, "%s.weight", name), *bias = weight(r, "%s.bias", name);
  size_t d = r->d;
  double *y = zeros(m * d);
  for (size_t i = 0; i < m; i++) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j < d; j++) mean += x[i * d + j] / (double)d;
    for (size_t j = 0; j < d; j++) variance += (x[i * d + j] - mean) * (x[i * d + j] - mean) / (double)d;
    for (size_t j = 0; j < d; j++)
      y[i * d + j] = (x[i * d + j] - mean) / sqrt(variance + 1e-5) * gain->data[j] + bias->data[j];
  }
  return y;
}

/* ---------------------------------------------------------------- tokens and their angles */

static double fraction(double x) { return x - floor(x); }

static double time_feature(const reference *r, const reference_tokens *k, const char *name, size_t i, size_t place) {
  double t = k->time_s[i], local = t + 60 * k->offset_minutes[i];
  double day = 2 * pi * fraction(local / 86400), week = 2 * pi * fraction(local / 604800);
  if (strcmp(name, "order") == 0) return ((double)k->s - 1 - (double)place) / (double)k->s;
  if (strcmp(name, "year") == 0) return t / 31536000 - 55;
  if (strcmp(name, "sin_day") == 0) return sin(day);
  if (strcmp(name, "cos_day") == 0) return cos(day);
  if (strcmp(name, "sin_week") == 0) return sin(week);
  if (strcmp(name, "cos_week") == 0) return cos(week);
  if (strcmp(name, "trend") == 0) return (t - r->trend_center) / r->trend_scale;
  exit(EXIT_FAILURE);
}

static double *sine_branch(const reference *r, const char *network, double *x, size_t m) {
  char name[96];
  int i = 0;
  for (;; i++) {
    snprintf(name, sizeof name, "%s.net.%d.linear.weight", network, i);
    if (!tensor_file_find(r->file, name)) break;
    name[strlen(name) - strlen(".weight")] = 0;
    double *next = linear(r, name, x, m);
    for (size_t j = 0; j < m * width(r, name); j++) next[j] = sin(r->omega_0 * next[j]);
    free(x);
    x = next;
  }
  snprintf(name, sizeof name, "%s.net.%d", network, i);
  double *y = linear(r, name, x, m);
  free(x);
  return y;
}

static double *relu_branch(const reference *r, const char *network, double *x, size_t m) {
  char name[96], following[96];
  for (int i = 0;; i += 2) {
    snprintf(name, sizeof name, "%s.residual.%d", network, i);
    snprintf(following, sizeof following, "%s.residual.%d.weight", network, i + 2);
    double *next = linear(r, name, x, m);
    free(x);
    x = next;
    if (!tensor_file_find(r->file, following)) return x;
    relu(x, m * width(r, name));
  }
}

double *reference_network(const reference *r, const char *network, const double *phi, size_t m) {
  size_t f = m * (r->n_time_features + r->g);
  double *sine_in = zeros(f), *relu_in = zeros(f);
  memcpy(sine_in, phi, f * sizeof *phi);
  memcpy(relu_in, phi, f * sizeof *phi);
  double *sum = sine_branch(r, network, sine_in, m), *other = relu_branch(r, network, relu_in, m);
  for (size_t j = 0; j < m * r->a; j++) sum[j] += other[j];
  free(other);
  return sum;
}

/* f(φ) (n, A) of the tokens standing at `place`, a new array */
static double *network_output(const reference *r, const reference_tokens *k, const char *network, const size_t *place) {
  size_t n_time = r->n_time_features, width = n_time + r->g;
  double *phi = zeros(k->n * width);
  for (size_t i = 0; i < k->n; i++) {
    for (size_t j = 0; j < n_time; j++) phi[i * width + j] = time_feature(r, k, r->time_features[j], i, place[i]);
    for (size_t j = 0; j < r->g; j++) phi[i * width + n_time + j] = k->signal[i * r->g + j];
  }
  double *f = reference_network(r, network, phi, k->n);
  free(phi);
  return f;
}

/* The rotation angles (n, P) of the tokens standing at `place`, a new array */
static double *rotation(const reference *r, const reference_tokens *k, const char *network, const size_t *place) {
  double *theta = zeros(k->n * r->p), *f = r->variant == SROPE_SIREN ? network_output(r, k, network, place) : NULL;
  const double *freq = f ? weight(r, "rope.freq")->data : NULL;
  const double *order_scale = f ? weight(r, "rope.order_scale")->data : NULL;
  for (size_t i = 0; i < k->n; i++) {
    double position = (double)k->s - 1 - (double)place[i];
    for (size_t j = 0; j < r->p; j++) {
      double inverse = pow(r->rope_base, -2.0 * (double)j / (double)r->k), *out = theta + i * r->p + j;
      if (r->variant == SROPE_ORDINAL) *out = position * inverse;
      if (r->variant == SROPE_TOROPE)
        *out = ((double)place[i] + r->time_scale * (k->time_s[i] - k->oldest_s) / 86400) * inverse;
      size_t a = r->a ? j / (r->p / r->a) : 0;
      if (r->variant == SROPE_SIREN) *out = f[i * r->a + a] * freq[a] + position * inverse * *order_scale;
    }
  }
  free(f);
  return theta;
}

static void rotate(const reference *r, double *x, const double *theta) {
  for (size_t head = 0; head < r->h; head++)
    for (size_t j = 0; j < r->p; j++) {
      double *pair = x + head * r->k + 2 * j, even = pair[0], odd = pair[1];
      pair[0] = even * cos(theta[j]) - odd * sin(theta[j]);
      pair[1] = even * sin(theta[j]) + odd * cos(theta[j]);
    }
}

/* ---------------------------------------------------------------- attention and the network */

/* One token's attention, before W_o: q (D), keys and values (n_seen, D) */
static void attend(const reference *r, const double *q, const double *keys, const double *values, size_t n_seen,
                   double *out) {
  double *p = zeros(n_seen);
  for (size_t head = 0; head < r->h; head++) {
    double largest = -INFINITY, total = 0;
    for (size_t i = 0; i < n_seen; i++) {
      for (size_t c = head * r->k; c < (head + 1) * r->k; c++)
        p[i] = (c == head * r->k ? 0 : p[i]) + q[c] * keys[i * r->d + c];
      p[i] *= r->attn_scale;
      largest = p[i] > largest ? p[i] : largest;
    }
    for (size_t i = 0; i < n_seen; i++) total += p[i] = exp(p[i] - largest);
    for (size_t c = head * r->k; c < (head + 1) * r->k; c++) {
      out[c] = 0;
      for (size_t i = 0; i < n_seen; i++) out[c] += p[i] / total * values[i * r->d + c];
    }
  }
  free(p);
}

/* A whole attention block: (n, D) from what q and k, and v, are made of; a new array */
static double *attention(const reference *r, const reference_tokens *k, const char *name, const char *network,
                         const double *qk_in, const double *v_in) {
  char q_name[96], k_name[96], v_name[96], o_name[96];
  snprintf(q_name, sizeof q_name, "%s.W_q", name);
  snprintf(k_name, sizeof k_name, "%s.W_k", name);
  snprintf(v_name, sizeof v_name, "%s.W_v", name);
  snprintf(o_name, sizeof o_name, "%s.W_o", name);
  double *q = linear(r, q_name, qk_in, k->n), *keys = linear(r, k_name, qk_in, k->n),
         *v = linear(r, v_name, v_in, k->n);
  double *query = k->query_angle ? NULL : rotation(r, k, network, k->first),
         *key = k->key_angle ? NULL : rotation(r, k, network, k->place), *mixed = zeros(k->n * r->d);
  for (size_t i = 0; i < k->n; i++) {
    rotate(r, q + i * r->d, (query ? query : k->query_angle) + i * r->p);
    rotate(r, keys + i * r->d, (key ? key : k->key_angle) + i * r->p);
  }
  for (size_t i = 0; i < k->n; i++) {
    if (k->first[i] == 0)
      memcpy(mixed + i * r->d, weight(r, "%s.padding_embedding", name)->data, r->d * sizeof *mixed);
    else
      attend(r, q + i * r->d, keys, v, k->first[i], mixed + i * r->d);
  }
  double *out = linear(r, o_name, mixed, k->n);
  free(q);
  free(keys);
  free(v);
  free(query);
  free(key);
  free(mixed);
  return out;
}

static double *sum_of(const double *a, const double *b, size_t n) {
  double *sum = zeros(n);
  for (size_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
  return sum;
}

static void add_skip(const reference *r, double *x, double *block, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] += r->skip_scale * block[i];
  free(block);
}

void reference_layer(const reference *r, const reference_tokens *k, int l, double *x, const double *a) {
  char mha[64], norm_1[64], norm_2[64], up[64], down[64];
  snprintf(mha, sizeof mha, "transformer_layers.%d.mha", l);
  snprintf(norm_1, sizeof norm_1, "transformer_layers.%d.prenorm_1", l);
  snprintf(norm_2, sizeof norm_2, "transformer_layers.%d.prenorm_2", l);
  snprintf(up, sizeof up, "transformer_layers.%d.ffwd.0", l);
  snprintf(down, sizeof down, "transformer_layers.%d.ffwd.2", l);
  double *with_action = sum_of(x, a, k->n * r->d);
  double *normed = layer_norm(r, norm_1, x, k->n), *normed_action = layer_norm(r, norm_1, with_action, k->n);
  double *block = attention(r, k, mha, "angle_nn", normed, normed_action);
  apply_hook(k, 1 + 2 * (unsigned)l, block, r->d);
  add_skip(r, x, block, k->n * r->d);
  free(with_action);
  free(normed);
  free(normed_action);
  normed = layer_norm(r, norm_2, x, k->n);
  block = silu_mlp(r, (const char *[]){up, down}, 2, normed, k->n, NULL, 0);
  apply_hook(k, 2 + 2 * (unsigned)l, block, r->d);
  add_skip(r, x, block, k->n * r->d);
  free(normed);
}

double *reference_action_attention(const reference *r, const reference_tokens *k, const double *x, const double *a) {
  return attention(r, k, "action_attention", "action_angle_nn", x, a);
}

void reference_head(const reference *r, const reference_tokens *k, const double *x, const double *u, double *logits) {
  size_t d = r->d, n_in = 2 * d + r->z;
  double *in = zeros(k->n * n_in);
  for (size_t i = 0; i < k->n; i++) {
    memcpy(in + i * n_in, x + i * d, d * sizeof *in);
    memcpy(in + i * n_in + d, u + i * d, d * sizeof *in);
    memcpy(in + i * n_in + 2 * d, k->context + i * r->z, r->z * sizeof *in);
  }
  double *out =
      silu_mlp(r, (const char *[]){"head.0", "head.2", "head.4"}, r->n_head, in, k->n, k, 1 + 2 * (unsigned)r->l);
  memcpy(logits, out, k->n * r->t * sizeof *out);
  free(in);
  free(out);
}

double *reference_embed_items(const reference *r, const double *item, size_t m) {
  double *projected = linear(r, "seq_projection.0", item, m);
  relu(projected, m * r->d);
  double *x = layer_norm(r, "seq_norm", projected, m);
  free(projected);
  return x;
}

double *reference_embed_actions(const reference *r, const double *action, size_t m) {
  double *a = silu_mlp(r, (const char *[]){"action_embedding.0", "action_embedding.2", "action_embedding.4"}, 3, action,
                       m, NULL, 0);
  relu(a, m * r->d);
  return a;
}

static void angles(const reference *r, const reference_tokens *k, const char *network, double *out) {
  if (!out) return;
  double *f = network_output(r, k, network, k->place);
  memcpy(out, f, k->n * r->a * sizeof *f);
  free(f);
}

void reference_run(const reference *r, const reference_tokens *k, const reference_outputs *out) {
  size_t n_d = k->n * r->d;
  double *x = reference_embed_items(r, k->item, k->n), *a = reference_embed_actions(r, k->action, k->n);
  apply_hook(k, 0, x, r->d);
  for (size_t l = 0; l < r->l; l++) {
    reference_layer(r, k, (int)l, x, a);
    if (out->layers) memcpy(out->layers + l * n_d, x, n_d * sizeof *x);
  }
  double *u = reference_action_attention(r, k, x, a);
  if (out->action_attention) memcpy(out->action_attention, u, n_d * sizeof *u);
  if (out->logits) reference_head(r, k, x, u, out->logits);
  angles(r, k, "angle_nn", out->angle);
  angles(r, k, "action_angle_nn", out->action_angle);
  free(x);
  free(a);
  free(u);
}

/* ---------------------------------------------------------------- events and candidates as tokens */

static void copy_row(double *to, const float *from, size_t i, size_t n) {
  for (size_t j = 0; from && j < n; j++) to[j] = from[i * n + j];
}

reference_tokens reference_tokens_create(const reference *r, size_t n) {
  reference_tokens k = {.n = n, .s = n};
  k.place = calloc(n + 1, sizeof *k.place);
  k.first = calloc(n + 1, sizeof *k.first);
  k.item = zeros(n * r->x);
  k.action = zeros(n * r->y);
  k.context = zeros(n * r->z);
  k.signal = zeros(n * r->g);
  k.time_s = zeros(n);
  k.offset_minutes = zeros(n);
  k.oldest_s = INFINITY;
  return k;
}

void reference_tokens_free(reference_tokens *k) {
  void *owned[] = {k->place, k->first, k->item, k->action, k->context, k->signal, k->time_s, k->offset_minutes};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static double given_or(double value, double otherwise) { return isnan(value) ? otherwise : value; }

/* Are events i and j, i < j, of one request? Named ones by name; unnamed ones when all from i to j are unnamed and of
 * one time. */
static int same_request(const srope_events *e, size_t i, size_t j) {
  uint64_t a = e->request ? e->request[i] : 0, b = e->request ? e->request[j] : 0;
  if (a || b) return a == b;
  for (size_t m = i + 1; m <= j; m++)
    if ((e->request && e->request[m]) || e->time_s[m] != e->time_s[i]) return 0;
  return 1;
}

/* Events from..n-1 become tokens 0.. */
static void fill_events(const reference *r, reference_tokens *k, const srope_events *e, size_t from,
                        double offset_minutes) {
  for (size_t i = 0; i < e->n - from; i++) {
    copy_row(k->item + i * r->x, e->item, from + i, r->x);
    copy_row(k->action + i * r->y, e->action, from + i, r->y);
    copy_row(k->context + i * r->z, e->context, from + i, r->z);
    copy_row(k->signal + i * r->g, e->signal, from + i, r->g);
    k->time_s[i] = e->time_s[from + i];
    k->oldest_s = fmin(k->oldest_s, k->time_s[i]);
    k->offset_minutes[i] = given_or(e->utc_offset_minutes ? e->utc_offset_minutes[from + i] : NAN, offset_minutes);
    k->place[i] = i;
    while (!same_request(e, from + k->first[i], from + i) && k->first[i] < i) k->first[i]++;
  }
}

void reference_sequence(const reference *r, const srope_events *events, double utc_offset_minutes,
                        const reference_outputs *out) {
  reference_tokens k = reference_tokens_create(r, events->n);
  k.s = events->n;
  fill_events(r, &k, events, 0, given_or(utc_offset_minutes, r->utc_offset_minutes));
  reference_run(r, &k, out);
  reference_tokens_free(&k);
}

/* The candidates all stand at place C, and see the history only. */
void reference_rank(const reference *r, const srope_events *events, size_t max_history, double utc_offset_minutes,
                    const srope_candidates *candidates, double *logits, double *angle, double *action_angle) {
  size_t most = max_history ? max_history : r->max_history, from = events->n > most ? events->n - most : 0;
  size_t c = events->n - from, n = candidates->n;
  double offset = given_or(utc_offset_minutes, r->utc_offset_minutes);
  reference_tokens k = reference_tokens_create(r, c + n);
  k.s = c + 1;
  fill_events(r, &k, events, from, offset);
  k.oldest_s = fmin(k.oldest_s, candidates->now_s);
  for (size_t i = 0; i < n; i++) {
    copy_row(k.item + (c + i) * r->x, candidates->item, i, r->x);
    copy_row(k.context + (c + i) * r->z, candidates->context, i, r->z);
    copy_row(k.signal + (c + i) * r->g, candidates->signal, i, r->g);
    k.time_s[c + i] = candidates->now_s;
    k.offset_minutes[c + i] = given_or(candidates->utc_offset_minutes, offset);
    k.place[c + i] = k.first[c + i] = c;
  }
  double *all_logits = zeros((c + n) * r->t), *all_angles = zeros(2 * (c + n) * r->a);
  double *action_angles = all_angles + (c + n) * r->a;
  reference_run(r, &k,
                &(reference_outputs){.logits = all_logits,
                                     .angle = angle ? all_angles : NULL,
                                     .action_angle = action_angle ? action_angles : NULL});
  memcpy(logits, all_logits + c * r->t, n * r->t * sizeof *logits);
  if (angle) memcpy(angle, all_angles, (c + 1) * r->a * sizeof *angle);
  if (action_angle) memcpy(action_angle, action_angles, (c + 1) * r->a * sizeof *angle);
  free(all_logits);
  free(all_angles);
  reference_tokens_free(&k);
}
