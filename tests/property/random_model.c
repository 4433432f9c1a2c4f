#include "property/random_model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sirenrope/sirenrope.h"

uint64_t random_next(random_source *random) { /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

size_t random_below(random_source *random, size_t n) { return (size_t)(random_next(random) % n); }

double random_between(random_source *random, double low, double high) {
  return low + (high - low) * ((double)(random_next(random) >> 11) * 0x1p-53);
}

static size_t pick(random_source *random, const size_t *from, size_t n) { return from[random_below(random, n)]; }

/* ---------------------------------------------------------------- sizes */

static const char *const time_feature_names[] = {"order",    "year",     "sin_day", "cos_day",
                                                 "sin_week", "cos_week", "trend"};

model_sizes model_sizes_random(random_source *random) {
  static const size_t head_widths[] = {2, 4, 6, 8, 10, 12, 16, 22}, layers[] = {1, 1, 2, 3, 5};
  static const size_t widths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33};
  enum { N_WIDTHS = sizeof widths / sizeof *widths };
  model_sizes s = {0};
  s.variant = (int[]){SROPE_SIREN, SROPE_SIREN, SROPE_SIREN, SROPE_ORDINAL, SROPE_TOROPE}[random_below(random, 5)];
  s.k = pick(random, head_widths, sizeof head_widths / sizeof *head_widths);
  s.h = 1 + random_below(random, 5);
  do s.a = 1 + random_below(random, s.k / 2);
  while (s.k / 2 % s.a);
  s.l = pick(random, layers, sizeof layers / sizeof *layers);
  s.x = pick(random, widths, N_WIDTHS);
  s.y = 1 + random_below(random, 6);
  s.z = random_below(random, 3) ? pick(random, widths, N_WIDTHS) : 0;
  s.g = random_below(random, 4);
  s.t = 1 + random_below(random, 7);
  for (int i = 0; i < 2; i++) {
    s.action_hidden[i] = pick(random, widths, N_WIDTHS);
    s.head_hidden[i] = pick(random, widths, N_WIDTHS);
  }
  s.feed_forward = pick(random, widths, N_WIDTHS);
  s.sine_depth = 1 + random_below(random, 4);
  s.relu_depth = 1 + random_below(random, 4);
  s.angle_hidden = pick(random, widths, N_WIDTHS);
  s.n_time_features = 1 + random_below(random, 8);
  int order = random_below(random, 3) == 0; /* the expensive way to append is the rarer one */
  for (size_t i = 0; i < s.n_time_features; i++)
    s.time_features[i] = order ? random_below(random, 7) : 1 + random_below(random, 6);
  s.bf16 = random_below(random, 4) == 0;
  return s;
}

model_sizes model_sizes_tiny(int variant) {
  return (model_sizes){.variant = variant,
                       .l = 1,
                       .k = 2,
                       .h = 2,
                       .a = 1,
                       .x = 2,
                       .y = 1,
                       .z = 1,
                       .g = 1,
                       .t = 2,
                       .action_hidden = {2, 2},
                       .feed_forward = 2,
                       .head_hidden = {2, 2},
                       .sine_depth = 1,
                       .relu_depth = 1,
                       .angle_hidden = 2,
                       .n_time_features = 2,
                       .time_features = {2, 6}};
}

void model_sizes_add_features(model_sizes *s) {
  s->has_features = 1;
  s->x = FEATURED_X;
  s->y = FEATURED_Y;
  s->z = FEATURED_Z;
}

/* ---------------------------------------------------------------- the file */

typedef struct buffer {
  unsigned char *bytes;
  size_t n, room;
} buffer;

static void append_bytes(buffer *b, const void *bytes, size_t n) {
  if (b->n + n > b->room) {
    b->room = 2 * (b->n + n);
    b->bytes = realloc(b->bytes, b->room);
    if (!b->bytes) exit(EXIT_FAILURE);
  }
  memcpy(b->bytes + b->n, bytes, n);
  b->n += n;
}

static void append_text(buffer *b, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  append_bytes(b, text, (size_t)n);
}

typedef struct writer {
  buffer header, data;
  random_source *random;
  int bf16;
} writer;

/* (rows, columns), or (rows) when columns is 0, uniform in low .. high; rows 0: a scalar */
static void add_tensor(writer *w, const char *name, size_t rows, size_t columns, double low, double high) {
  size_t n = (rows ? rows : 1) * (columns ? columns : 1), begin = w->data.n;
  for (size_t i = 0; i < n; i++) {
    float f = (float)random_between(w->random, low, high);
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint16_t half = (uint16_t)(bits >> 16);
    append_bytes(&w->data, w->bf16 ? (void *)&half : (void *)&bits, w->bf16 ? 2 : 4);
  }
  append_text(&w->header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", name, w->bf16 ? "BF16" : "F32");
  if (rows) append_text(&w->header, "%zu", rows);
  if (columns) append_text(&w->header, ",%zu", columns);
  append_text(&w->header, "],\"data_offsets\":[%zu,%zu]}", begin, w->data.n);
}

/* Weights that keep the size of what goes through them, times `gain`; and a bias unless it is 0. */
static void add_linear(writer *w, size_t n_out, size_t n_in, double gain, double bias, const char *format, ...) {
  char name[128], full[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  double bound = gain * sqrt(3.0 / (double)n_in);
  snprintf(full, sizeof full, "%s.weight", name);
  add_tensor(w, full, n_out, n_in, -bound, bound);
  snprintf(full, sizeof full, "%s.bias", name);
  if (bias != 0) add_tensor(w, full, n_out, 0, -bias, bias);
}

static void add_norm(writer *w, const char *format, int layer, size_t d) {
  char name[96], full[128];
  snprintf(name, sizeof name, format, layer);
  snprintf(full, sizeof full, "%s.weight", name);
  add_tensor(w, full, d, 0, 0.5, 1.5);
  snprintf(full, sizeof full, "%s.bias", name);
  add_tensor(w, full, d, 0, -0.5, 0.5);
}

static void add_attention(writer *w, const char *name, size_t d) {
  char padding[96];
  snprintf(padding, sizeof padding, "%s.padding_embedding", name);
  add_tensor(w, padding, d, 0, -1, 1);
  for (const char *letter = "qkvo"; *letter; letter++) add_linear(w, d, d, 1.2, 0, "%s.W_%c", name, *letter);
}

static void add_angle_network(writer *w, const model_sizes *s, const char *name) {
  size_t n_in = s->n_time_features + s->g;
  for (size_t i = 0; i < s->sine_depth; i++, n_in = s->angle_hidden) /* omega_0 is 10: see add_config */
    add_linear(w, s->angle_hidden, n_in, 0.12, 0.1, "%s.net.%d.linear", name, (int)i);
  add_linear(w, s->a, n_in, 0.3, 0.1, "%s.net.%d", name, (int)s->sine_depth);
  n_in = s->n_time_features + s->g;
  for (size_t i = 0; i < s->relu_depth; i++, n_in = s->angle_hidden)
    add_linear(w, s->angle_hidden, n_in, 1.2, 0.1, "%s.residual.%d", name, 2 * (int)i);
  add_linear(w, s->a, n_in, 0.3, 0.1, "%s.residual.%d", name, 2 * (int)s->relu_depth);
}

static void add_features(buffer *b) {
#define FEATURE(name, kind, rest) "{\\\"name\\\":\\\"" name "\\\",\\\"kind\\\":\\\"" kind "\\\"" rest "}"
#define SIZE(key, value) ",\\\"" key "\\\":" value
  append_text(b, ",\\\"features\\\":{\\\"item\\\":[%s,%s,%s,%s,%s],",
              FEATURE("id", "hash", SIZE("buckets", "13") SIZE("dim", "3")),
              FEATURE("tags", "hash", SIZE("buckets", "7") SIZE("dim", "2")),
              FEATURE("tab", "index", SIZE("size", "5") SIZE("dim", "2")), FEATURE("length", "number", ""),
              FEATURE("place", "vector", SIZE("dim", "2")));
  append_text(b, "\\\"action\\\":[%s,%s],\\\"context\\\":[%s,%s]}", FEATURE("like", "number", ""),
              FEATURE("kind", "index", SIZE("size", "3") SIZE("dim", "2")),
              FEATURE("tab", "index", SIZE("size", "5") SIZE("dim", "2") SIZE("table", "\\\"item.tab\\\"")),
              FEATURE("hour", "number", ""));
#undef FEATURE
#undef SIZE
}

static void add_config(writer *w, const model_sizes *s) {
  static const char *const variants[] = {"ordinal", "torope", "siren"};
  buffer *b = &w->header;
  append_text(b, "{\"__metadata__\":{\"siren_rope\":\"{\\\"variant\\\":\\\"%s\\\",\\\"num_heads\\\":%zu",
              variants[s->variant], s->h);
  append_text(b, ",\\\"max_history\\\":40,\\\"attn_scale\\\":0.5,\\\"skip_scale\\\":0.6,\\\"labels\\\":[");
  for (size_t i = 0; i < s->t; i++) append_text(b, "%s\\\"task%zu\\\"", i ? "," : "", i);
  append_text(b, "]");
  if (s->variant == SROPE_TOROPE) append_text(b, ",\\\"time_scale\\\":0.3");
  if (s->variant == SROPE_SIREN) {
    append_text(b, ",\\\"omega_0\\\":10");
    for (size_t i = 0, told = 0; i < s->n_time_features; i++)
      if (strcmp(time_feature_names[s->time_features[i]], "trend") == 0 && !told++)
        append_text(b, ",\\\"trend_center\\\":1650000000,\\\"trend_scale\\\":3000000");
    append_text(b, ",\\\"utc_offset_minutes\\\":%d,\\\"angle_features\\\":[", (int)random_below(w->random, 1600) - 800);
    for (size_t i = 0; i < s->n_time_features; i++)
      append_text(b, "%s\\\"%s\\\"", i ? "," : "", time_feature_names[s->time_features[i]]);
    append_text(b, "],\\\"angle_signals\\\":[");
    for (size_t i = 0; i < s->g; i++) append_text(b, "%s\\\"signal%zu\\\"", i ? "," : "", i);
    append_text(b, "]");
  }
  if (s->has_features) add_features(b);
  append_text(b, "}\"}");
}

static void add_head(writer *w, const model_sizes *s) {
  size_t n_in = 2 * s->k * s->h + s->z, n = 0;
  for (; n < 2 && s->head_hidden[n]; n_in = s->head_hidden[n++])
    add_linear(w, s->head_hidden[n], n_in, 1.5, 0.3, "head.%d", 2 * (int)n);
  add_linear(w, s->t, n_in, 1.5, 0.3, "head.%d", 2 * (int)n);
}

unsigned char *model_write(const model_sizes *s, random_source *random, size_t *n_bytes) {
  writer w = {.random = random, .bf16 = s->bf16};
  size_t d = s->k * s->h;
  add_config(&w, s);
  add_linear(&w, d, s->x, 1.5, 0.3, "seq_projection.0");
  add_norm(&w, "seq_norm", 0, d);
  add_linear(&w, s->action_hidden[0], s->y, 1.5, 0.3, "action_embedding.0");
  add_linear(&w, s->action_hidden[1], s->action_hidden[0], 1.5, 0.3, "action_embedding.2");
  add_linear(&w, d, s->action_hidden[1], 1.5, 0.3, "action_embedding.4");
  for (int l = 0; l < (int)s->l; l++) {
    char mha[64];
    snprintf(mha, sizeof mha, "transformer_layers.%d.mha", l);
    add_attention(&w, mha, d);
    add_linear(&w, s->feed_forward, d, 1.2, 0.3, "transformer_layers.%d.ffwd.0", l);
    add_linear(&w, d, s->feed_forward, 1.2, 0.3, "transformer_layers.%d.ffwd.2", l);
    add_norm(&w, "transformer_layers.%d.prenorm_1", l, d);
    add_norm(&w, "transformer_layers.%d.prenorm_2", l, d);
  }
  add_attention(&w, "action_attention", d);
  if (s->variant == SROPE_SIREN) {
    add_tensor(&w, "rope.order_scale", 0, 0, 0.2, 1.2);
    add_tensor(&w, "rope.freq", s->a, 0, 2, 4);
    add_angle_network(&w, s, "angle_nn");
    add_angle_network(&w, s, "action_angle_nn");
  }
  add_head(&w, s);
  if (s->has_features) {
    add_tensor(&w, "encoder.item.id.weight", 13, 3, -1, 1);
    add_tensor(&w, "encoder.item.tags.weight", 7, 2, -1, 1);
    add_tensor(&w, "encoder.item.tab.weight", 5, 2, -1, 1);
    add_tensor(&w, "encoder.action.kind.weight", 3, 2, -1, 1);
  }
  append_text(&w.header, "}");

  buffer file = {0};
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)w.header.n >> (8 * i));
  append_bytes(&file, length, 8);
  append_bytes(&file, w.header.bytes, w.header.n);
  append_bytes(&file, w.data.bytes, w.data.n);
  free(w.header.bytes);
  free(w.data.bytes);
  *n_bytes = file.n;
  return file.bytes;
}
