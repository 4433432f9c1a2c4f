/* loader_test.c: the safetensors reader and writer, the configuration and the loader: what good files give, and that every
 * bad file is rejected with its code, place and message. */
#include "files.h"

#include <dirent.h>
#include <math.h>

#include "bad_files.h"
#include "base/hash.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "yyjson.h"

/* ---------------------------------------------------------------- bad files */

static void test_rejects_every_bad_file(void **state) {
  (void)state;
  for (int i = 0; i < N_BAD_FILES; i++) {
    const bad_file *bad = &bad_files[i];
    char path[256];
    size_t n;
    snprintf(path, sizeof path, "tests/unit/bad/%s.safetensors", bad->name);
    unsigned char *bytes = read_bytes(path, &n);
    srope_model *model = (srope_model *)bytes; /* to see that it stays */
    srope_error error = {0};
    srope_status status = srope_model_load(bytes, n, NULL, &model, &error);
    if (status != bad->status || error.status != status || (void *)model != (void *)bytes ||
        (bad->where[0] && strcmp(error.where, bad->where) != 0) || !strstr(error.message, bad->message))
      fail_msg("%s: %s: %s: %s", bad->name, srope_status_code(status), error.where, error.message);
    assert_int_equal(srope_model_load(bytes, n, NULL, &model, NULL), bad->status);
    free(bytes);
  }
}

static void test_every_bad_file_is_listed(void **state) {
  (void)state;
  DIR *folder = opendir(SROPE_SOURCE_DIR "/tests/unit/bad");
  assert_non_null(folder);
  int n = 0;
  for (struct dirent *entry; (entry = readdir(folder));) n += strstr(entry->d_name, ".safetensors") != NULL;
  closedir(folder);
  assert_int_equal(n, N_BAD_FILES);
}

static void test_rejects_every_truncation(void **state) {
  (void)state;
  size_t n;
  unsigned char *bytes = read_bytes("tests/unit/good/siren.safetensors", &n);
  for (size_t cut = 0; cut < n; cut++) {
    unsigned char *part = malloc(cut + 1); /* so that a sanitizer sees a read past the end */
    memcpy(part, bytes, cut);
    srope_model *model;
    srope_status status = srope_model_load(part, cut, NULL, &model, NULL);
    if (status != SROPE_ERR_FORMAT) fail_msg("cut to %zu bytes: %s", cut, srope_status_code(status));
    free(part);
  }
  free(bytes);
}

static void check_header(const char *text, size_t n_text, srope_status expected, const char *message) {
  unsigned char *bytes = malloc(8 + n_text);
  uint64_t length = n_text;
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, text, n_text);
  srope_model *model;
  srope_error error;
  assert_int_equal(srope_model_load(bytes, 8 + n_text, NULL, &model, &error), expected);
  assert_non_null(strstr(error.message, message));
  free(bytes);
}

static void test_rejects_large_headers(void **state) {
  (void)state;
  size_t n = (16 << 20) + 1;
  char *text = malloc(n + 64);
  memset(text, ' ', n);
  memcpy(text, "{}", 2);
  check_header(text, n, SROPE_ERR_LIMIT, "expected a header of at most 16777216 bytes, found 16777217");
  check_header(text, n - 1, SROPE_ERR_CONFIG, "siren_rope"); /* at the bound it is read */

  size_t used = (size_t)sprintf(text, "{\"a\":0");
  for (int i = 0; i < SROPE_MAX_TENSORS + 1; i++) used += (size_t)sprintf(text + used, ",\"b%d\":0", i);
  used += (size_t)sprintf(text + used, "}");
  check_header(text, used, SROPE_ERR_LIMIT, "expected at most 16384 tensors, found 16386");
  free(text);
}

/* ---------------------------------------------------------------- files in pieces */

/* Pieces of `size` bytes, or of 0 to -size at random. Where it fails, the loader must go on failing in the same way. */
static srope_status load_pieces(const unsigned char *bytes, size_t n, uint64_t said, int size, srope_model **model,
                                srope_error *error) {
  srope_loader *loader;
  srope_error again;
  uint32_t random = 12345;
  assert_int_equal(srope_loader_create(NULL, said, &loader, error), SROPE_OK);
  srope_status status = SROPE_OK;
  for (size_t at = 0, piece; at < n && !status; at += piece) {
    random = random * 1664525 + 1013904223;
    piece = size > 0 ? (size_t)size : (random >> 8) % (uint32_t)(1 - size);
    if (piece > n - at) piece = n - at;
    unsigned char *copy = malloc(piece + 1); /* gone after the call; a sanitizer sees a read past the end */
    memcpy(copy, bytes + at, piece);
    status = srope_loader_push(loader, copy, piece, error);
    memset(copy, 0xA5, piece);
    free(copy);
  }
  if (!status) status = srope_loader_finish(loader, model, error);
  if (status) {
    assert_int_equal(srope_loader_push(loader, bytes, n, &again), status);
    assert_memory_equal(&again, error, sizeof again);
    assert_int_equal(srope_loader_finish(loader, model, NULL), status);
  } else {
    assert_int_equal(srope_loader_push(loader, bytes, n, &again), SROPE_ERR_ARGUMENT);
    assert_int_equal(srope_loader_finish(loader, model, &again), SROPE_ERR_ARGUMENT);
  }
  srope_loader_free(loader);
  return status;
}

/* Numbers of a parameter in the model's memory, padding too. */
static size_t stored_bytes(const srope_model *model, const srope_parameter *parameter) {
  uint32_t nr = model->kernels->nr;
  switch (parameter->layout) {
    case SROPE_LAYOUT_PACKED: return srope_packed_size(nr, parameter->shape[0], parameter->shape[1]) * sizeof(float);
    case SROPE_LAYOUT_DOUBLE: return parameter->n * sizeof(double);
    default: return parameter->n * sizeof(float);
  }
}

static void assert_same_models(const srope_model *a, const srope_model *b) {
  assert_int_equal(a->n_parameters, b->n_parameters);
  assert_int_equal(a->info.hash, b->info.hash);
  assert_string_equal(a->description, b->description);
  for (uint32_t i = 0; i < a->n_parameters; i++) {
    const srope_parameter *p = &a->parameters[i], *q = &b->parameters[i];
    assert_string_equal(p->name, q->name);
    assert_int_equal(p->layout, q->layout);
    if (p->layout == SROPE_LAYOUT_INT8) {
      size_t n_out = srope_padded_size(a->kernels->nr_int8, p->shape[0]);
      for (const srope_int8_matrix *x = p->place, *y = q->place; x || y; x = x->next, y = y->next) {
        assert_int_equal(x->n_in, y->n_in);
        assert_memory_equal(x->panels, y->panels, srope_packed_int8_size(a->kernels, p->shape[0], x->n_in));
        assert_memory_equal(x->sum, y->sum, n_out * sizeof *x->sum);
        assert_memory_equal(x->scale, y->scale, n_out * sizeof *x->scale);
        assert_int_equal(x->is_tight, y->is_tight);
      }
    } else {
      assert_memory_equal(p->place, q->place, stored_bytes(a, p));
    }
  }
}

/* However a file is cut, and whether its size was said or not, it is the same model. */
static void test_pieces_give_the_same_model(void **state) {
  (void)state;
  static const char *const paths[] = {"tests/unit/good/siren.safetensors",
                                      "tests/unit/good/unaligned.safetensors",
                                      "tests/unit/good/f16.safetensors",
                                      "tests/unit/good/bf16.safetensors",
                                      "tests/unit/good/duplicates.safetensors",
                                      "tests/unit/good/features.safetensors",
                                      "tests/unit/good/siren-int8.safetensors",
                                      "tests/golden/vectors/siren-small/model.safetensors",
                                      "tests/golden/vectors/siren-f16/model.safetensors"};
  static const int sizes[] = {1, 2, 3, 7, 8, 9, 64, 1000, -10, -5000, 1 << 20};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    size_t n;
    unsigned char *bytes = read_bytes(paths[i], &n);
    srope_model *whole = load_model(paths[i]), *model = NULL;
    srope_error error;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      srope_status status = load_pieces(bytes, n, s % 2 ? n : 0, sizes[s], &model, &error);
      if (status) fail_msg("%s in pieces of %d: %s: %s", paths[i], sizes[s], error.where, error.message);
      assert_same_models(whole, model);
      srope_model_free(model);
    }
    srope_model_free(whole);
    free(bytes);
  }
}

/* In pieces a bad file is rejected as in one; where its size was not said, some things come later or otherwise. */
static void test_rejects_every_bad_file_in_pieces(void **state) {
  (void)state;
  for (int i = 0; i < N_BAD_FILES; i++) {
    const bad_file *bad = &bad_files[i];
    char path[256];
    size_t n;
    snprintf(path, sizeof path, "tests/unit/bad/%s.safetensors", bad->name);
    unsigned char *bytes = read_bytes(path, &n);
    srope_model *model = NULL;
    srope_error error = {0};
    srope_status status = load_pieces(bytes, n, n, 1, &model, &error);
    if (status != bad->status || (bad->where[0] && strcmp(error.where, bad->where) != 0) ||
        !strstr(error.message, bad->message))
      fail_msg("%s: %s: %s: %s", bad->name, srope_status_code(status), error.where, error.message);
    assert_true(load_pieces(bytes, n, 0, 5, &model, &error) != SROPE_OK);
    assert_null(model);
    free(bytes);
  }
}

/* Without a size, what is missing is missed at the end, and what is too much when it comes. */
static void test_sizes_that_nobody_said(void **state) {
  (void)state;
  size_t n;
  unsigned char *bytes = read_bytes("tests/unit/good/siren-int8.safetensors", &n);
  srope_model *model = NULL;
  srope_error error;
  for (size_t cut = 0; cut < n; cut++) {
    srope_status status = load_pieces(bytes, cut, 0, 100, &model, &error);
    if (status != SROPE_ERR_FORMAT) fail_msg("cut to %zu bytes: %s", cut, srope_status_code(status));
  }
  assert_int_equal(load_pieces(bytes, n - 1, 0, 100, &model, &error), SROPE_ERR_FORMAT);
  assert_string_equal(error.where, "action_angle_nn.residual.2.bias");
  assert_string_equal(error.message, "1 of its 4 bytes are missing: the file is truncated");
  assert_int_equal(load_pieces(bytes, n + 1, 0, 100, &model, &error), SROPE_ERR_FORMAT);
  assert_string_equal(error.where, "data");
  assert_int_equal(load_pieces(bytes, n, n + 1, 100, &model, &error), SROPE_ERR_FORMAT);
  assert_null(model);
  free(bytes);
}

/* A wrong header is refused before any data comes, a wrong number with its own piece. */
static void test_says_what_is_wrong_at_once(void **state) {
  (void)state;
  static const char *const names[] = {"model-missing", "model-duplicate-differs", "model-nan"};
  for (int i = 0; i < 3; i++) {
    char path[256];
    size_t n;
    snprintf(path, sizeof path, "tests/unit/bad/%s.safetensors", names[i]);
    unsigned char *bytes = read_bytes(path, &n);
    uint64_t n_header;
    memcpy(&n_header, bytes, sizeof n_header);
    srope_loader *loader;
    srope_model *model = NULL;
    assert_int_equal(srope_loader_create(NULL, 0, &loader, NULL), SROPE_OK);
    srope_status header = srope_loader_push(loader, bytes, 8 + n_header, NULL);
    assert_int_equal(header, i == 0 ? SROPE_ERR_TENSOR : SROPE_OK);
    srope_status data = srope_loader_push(loader, bytes + 8 + n_header, n - 8 - n_header, NULL);
    assert_int_equal(data, i == 0 ? SROPE_ERR_TENSOR : i == 1 ? SROPE_OK : SROPE_ERR_VALUE);
    assert_true(srope_loader_finish(loader, &model, NULL) != SROPE_OK);
    srope_loader_free(loader);
    free(bytes);
  }
}

static void test_rejects_bad_calls(void **state) {
  (void)state;
  size_t n;
  unsigned char *bytes = read_bytes("tests/unit/good/siren.safetensors", &n);
  srope_model *model;
  srope_error error;
  assert_int_equal(srope_model_load(NULL, n, NULL, &model, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_model_load(bytes, n, NULL, NULL, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_model_load(bytes, n, "mmx", &model, &error), SROPE_ERR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "mmx"));
  srope_loader *loader;
  assert_int_equal(srope_loader_create(NULL, 0, NULL, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_loader_create("mmx", 0, &loader, &error), SROPE_ERR_UNSUPPORTED);
  assert_int_equal(srope_loader_create(NULL, 0, &loader, &error), SROPE_OK);
  assert_int_equal(srope_loader_push(NULL, bytes, n, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_loader_push(loader, NULL, 1, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_loader_push(loader, NULL, 0, &error), SROPE_OK);
  assert_int_equal(srope_loader_push(loader, bytes, n, &error), SROPE_OK); /* a wrong call spoils nothing */
  assert_int_equal(srope_loader_finish(loader, NULL, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_loader_finish(NULL, &model, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_loader_finish(loader, &model, &error), SROPE_OK);
  srope_loader_free(loader);
  srope_model_free(model);
  srope_loader_free(NULL);
  srope_model_free(NULL);
  free(bytes);
}

/* ---------------------------------------------------------------- good files */

static void test_reads_sizes(void **state) {
  (void)state;
  static const struct {
    const char *folder;
    uint32_t l, d, h, k, p, a, f, x, y, z, g, t;
    uint64_t n_parameters;
  } rows[] = {
      {"siren-small", 2, 32, 4, 8, 4, 4, 6, 24, 3, 8, 0, 3, 209080},
      {"siren-paper", 2, 128, 4, 32, 16, 16, 6, 128, 3, 64, 0, 3, 826644},
      {"siren-tiled", 2, 48, 3, 16, 8, 2, 6, 24, 3, 8, 0, 3, 261902},
      {"siren-semantic", 2, 32, 4, 8, 4, 4, 8, 24, 3, 8, 2, 3, 209208},
      {"siren-f16", 2, 32, 4, 8, 4, 4, 6, 24, 3, 8, 0, 3, 209080},
      {"siren-requests", 3, 32, 4, 8, 4, 4, 5, 24, 3, 8, 0, 3, 221624},
      {"siren-year-only", 2, 32, 4, 8, 4, 4, 1, 24, 3, 8, 0, 3, 208760},
      {"siren-one-event", 2, 32, 4, 8, 4, 4, 6, 24, 3, 8, 0, 1, 208566},
      {"ordinal-small", 2, 32, 4, 8, 4, 0, 0, 24, 3, 8, 0, 3, 206179},
      {"torope-small", 2, 32, 4, 8, 4, 0, 0, 24, 3, 8, 0, 3, 206179},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char path[256];
    snprintf(path, sizeof path, "tests/golden/vectors/%s/model.safetensors", rows[i].folder);
    srope_model *model = load_model(path);
    const srope_info *info = srope_model_info(model);
    const uint32_t found[] = {info->n_layers, info->d_model,   info->n_heads,          info->d_head,
                              info->n_pairs,  info->n_angles,  info->n_angle_features, info->n_item,
                              info->n_action, info->n_context, info->n_signals,        info->n_tasks};
    assert_memory_equal(found, &rows[i].l, sizeof found);
    assert_int_equal(info->n_parameters, rows[i].n_parameters);
    srope_model_free(model);
  }
}

static void test_defaults(void **state) {
  (void)state;
  srope_model *siren = load_model("tests/unit/good/siren.safetensors");
  const srope_info *info = srope_model_info(siren);
  assert_int_equal(info->variant, SROPE_SIREN);
  assert_int_equal(info->max_history, 1024);
  assert_true(info->attn_scale == 0.025f && info->skip_scale == 0.1f && info->omega_0 == 10.0f);
  assert_true(info->rope_base == 100000 && info->time_scale == 0.01 && info->order_scale == 0.5);
  assert_true(info->utc_offset_minutes == 0 && !info->uses_order);
  assert_false(info->has_schema[0] || info->has_schema[1] || info->has_schema[2]);
  assert_string_equal(srope_model_task(siren, 0), "like");
  assert_null(srope_model_task(siren, 1));
  assert_null(srope_model_signal(siren, 0));
  assert_true(srope_model_score_weights(siren)[0] == 1);
  assert_int_equal(srope_model_feature_count(siren, SROPE_ITEM), 0);
  assert_null(srope_model_feature(siren, SROPE_ITEM, 0));
  srope_model_free(siren);

  srope_model *torope = load_model("tests/unit/good/torope.safetensors");
  assert_int_equal(srope_model_info(torope)->variant, SROPE_TOROPE);
  assert_true(srope_model_info(torope)->rope_base == 10000);
  srope_model_free(torope);

  srope_model *authors = load_model("tests/golden/vectors/siren-small/model.safetensors");
  assert_true(srope_model_info(authors)->uses_order);
  srope_model_free(authors);
}

static void test_configuration(void **state) {
  (void)state;
  srope_model *model = load_model("tests/unit/good/config.safetensors");
  const srope_info *info = srope_model_info(model);
  assert_int_equal(info->max_history, 7);
  assert_true(info->attn_scale == 0.5f && info->skip_scale == -1 && info->omega_0 == 30 && info->rope_base == 500);
  assert_true(info->time_scale == 0.01); /* null is absent */
  assert_true(info->trend_center == 1e9 && info->trend_scale == 5e5 && info->utc_offset_minutes == -210);
  assert_int_equal(info->n_signals, 2);
  assert_string_equal(srope_model_signal(model, 1), "caf\xC3\xA9");
  assert_true(srope_model_score_weights(model)[0] == -2.5);
  assert_int_equal(model->n_time_features, 2);
  assert_int_equal(model->angle_features[0], SROPE_ANGLE_TREND);
  assert_int_equal(model->angle_features[1], SROPE_ANGLE_ORDER);
  assert_true(info->uses_order);
  for (uint32_t j = 0; j < info->n_pairs; j++)
    assert_true(fabs(model->inverse_frequency[j] - pow(500, -2.0 * j / 4)) < 1e-15);
  srope_model_free(model);
}

/* make_files.mjs: element i of every tensor. */
static float expected_weight(size_t i) { return (float)((int)(7 * i % 19) - 9) / 16; }

static void check_linear(const srope_model *model, const srope_linear *linear, uint32_t n_out, uint32_t n_in) {
  uint32_t nr = model->kernels->nr, n_padded = (n_out + nr - 1) / nr * nr;
  assert_int_equal(linear->n_out, n_out);
  assert_int_equal(linear->n_in, n_in);
  for (uint32_t out = 0; out < n_padded; out++) {
    for (uint32_t in = 0; in < n_in; in++) {
      float packed = linear->weight[(out / nr * n_in + in) * nr + out % nr];
      assert_true(packed == (out < n_out ? expected_weight((size_t)out * n_in + in) : 0));
    }
    if (linear->bias) assert_true(linear->bias[out] == (out < n_out ? expected_weight(out) : 0));
  }
}

/* The same numbers from F32, from F32 at odd addresses, from F16 and from BF16. */
static void test_converts_and_packs(void **state) {
  (void)state;
  const char *names[] = {"ordinal", "unaligned", "f16", "bf16"};
  for (int i = 0; i < 4; i++) {
    char path[64];
    snprintf(path, sizeof path, "tests/unit/good/%s.safetensors", names[i]);
    srope_model *model = load_model(path);
    check_linear(model, &model->projection, 4, 2);
    check_linear(model, &model->action_embedding.layer[0], 3, 1);
    check_linear(model, &model->action_embedding.layer[1], 4, 3);
    check_linear(model, &model->layers[0].up, 5, 4);
    check_linear(model, &model->layers[0].down, 4, 5);
    check_linear(model, &model->action_attention.o, 4, 4);
    check_linear(model, &model->head.layer[0], 3, 9);
    check_linear(model, &model->head.layer[1], 1, 3);
    assert_null(model->layers[0].mha.q.bias);
    for (int j = 0; j < 4; j++) assert_true(model->layers[0].norm_2.gain[j] == expected_weight((size_t)j));
    for (int j = 0; j < 4; j++) assert_true(model->layers[0].mha.padding[j] == expected_weight((size_t)j));
    assert_int_equal(model->action_embedding.n, 2);
    assert_int_equal(model->head.n, 2);
    assert_true(model->max_hidden >= 5);
    assert_int_equal(model->info.n_parameters, 277);
    srope_model_free(model);
  }
}

/* The same numbers as bytes of 1/16: what panels, sums and scales hold, and that it ranks. */
static void check_part(const srope_kernels *kernels, const srope_int8_matrix *matrix, uint32_t n_out, uint32_t n_in,
                       uint32_t first) {
  uint32_t nr = kernels->nr_int8, group = kernels->k_group;
  size_t panel = srope_packed_int8_size(kernels, nr, matrix->n_in);
  bool is_tight = true;
  for (uint32_t out = 0; out < (n_out + nr - 1) / nr * nr; out++) {
    int8_t row[16] = {0};
    int32_t sum = 0;
    for (uint32_t in = 0; in < matrix->n_in; in++) {
      row[in] = out < n_out ? (int8_t)(16 * expected_weight((size_t)out * n_in + first + in)) : 0;
      sum += row[in];
      assert_int_equal(matrix->panels[out / nr * panel + (in / group * nr + out % nr) * group + in % group], row[in]);
    }
    assert_int_equal(matrix->sum[out], sum);
    assert_true(matrix->scale[out] == (out < n_out ? 0.0625f : 0));
    is_tight = is_tight && srope_int8_is_tight(row, matrix->n_in);
  }
  assert_int_equal(matrix->is_tight, is_tight);
}

static void check_int8(const srope_model *model, const srope_linear *linear, uint32_t n_out, uint32_t n_in) {
  uint32_t first = 0, n_parts = 0;
  assert_null(linear->weight);
  assert_true(linear->n_out == n_out && linear->n_in == n_in);
  for (const srope_int8_matrix *part = &linear->int8; part; first += part->n_in, part = part->next, n_parts++)
    check_part(model->kernels, part, n_out, n_in, first);
  assert_int_equal(first, n_in);
  assert_int_equal(n_parts, linear == model->head.layer ? 3 : 1); /* x, u and context */
  for (uint32_t out = 0; linear->bias && out < n_out; out++) assert_true(linear->bias[out] == expected_weight(out));
}

static void test_reads_int8(void **state) {
  (void)state;
  srope_model *model = load_model("tests/unit/good/int8.safetensors");
  check_int8(model, &model->projection, 4, 2);
  check_int8(model, &model->action_embedding.layer[0], 3, 1);
  check_int8(model, &model->layers[0].mha.q, 4, 4);
  check_int8(model, &model->layers[0].up, 5, 4);
  check_int8(model, &model->head.layer[0], 3, 9);
  check_int8(model, &model->head.layer[1], 1, 3);
  assert_int_equal(model->info.n_parameters, 277); /* scales are none */
  assert_non_null(strstr(model->description, "{\"name\":\"head.0.weight\",\"dtype\":\"I8\",\"shape\":[3,9]}"));
  assert_non_null(strstr(model->description, "{\"name\":\"head.0.weight_scale\",\"dtype\":\"F32\",\"shape\":[3]}"));
  srope_model_free(model);

  model = load_model("tests/unit/good/siren-int8.safetensors");
  check_linear(model, &model->angles[0].sine.layer[0], 3, 2); /* angle networks stay float */
  check_int8(model, &model->head.layer[1], 1, 3);
  const srope_int8_matrix *x = &model->head.layer[0].int8; /* a row of 127 alone */
  assert_true(x->sum[1] == 4 * 127 && x->next->sum[1] == 4 * 127 && x->next->next->sum[1] == 127);
  assert_true(model->layers[0].down.int8.sum[1] == 5 * 127 && !model->layers[0].down.int8.is_tight);
  srope_model_free(model);
}

/* A weight of many panels: 512 rows, of F32 and of F16, against the file's own numbers. */
static void test_packs_many_panels(void **state) {
  (void)state;
  const char *paths[] = {"tests/golden/vectors/siren-small/model.safetensors",
                         "tests/golden/vectors/siren-f16/model.safetensors"};
  for (int i = 0; i < 2; i++) {
    size_t n;
    unsigned char *bytes = read_bytes(paths[i], &n);
    srope_safetensors file;
    assert_int_equal(srope_safetensors_open(bytes, n, &file, NULL), SROPE_OK);
    const srope_tensor *tensor = srope_safetensors_find(&file, "head.0.weight");
    srope_model *model = load_model(paths[i]);
    const srope_linear *linear = &model->head.layer[0];
    uint32_t nr = model->kernels->nr;
    for (uint32_t out = 0; out < 512; out++)
      for (uint32_t in = 0; in < 72; in++) {
        float wanted;
        assert_true(srope_tensor_read_float(tensor, out * 72 + in, 1, &wanted));
        if (linear->weight[(out / nr * 72 + in) * nr + out % nr] != wanted) fail_msg("W[%u][%u]", out, in);
      }
    srope_model_free(model);
    srope_safetensors_close(&file);
    free(bytes);
  }
}

static void test_angle_networks(void **state) {
  (void)state;
  srope_model *model = load_model("tests/unit/good/config.safetensors");
  for (int network = 0; network < 2; network++) {
    const srope_angle_network *f = &model->angles[network];
    assert_int_equal(f->sine.n, 2);
    assert_int_equal(f->relu.n, 2);
    check_linear(model, &f->sine.layer[0], 3, 4);
    check_linear(model, &f->sine.layer[1], 2, 3);
    check_linear(model, &f->relu.layer[0], 2, 4);
    check_linear(model, &f->relu.layer[1], 2, 2);
  }
  assert_true(model->frequency[0] == expected_weight(0) && model->frequency[1] == expected_weight(1));
  srope_model_free(model);
}

static void test_accepts_equal_duplicates(void **state) {
  (void)state;
  srope_model *plain = load_model("tests/unit/good/siren.safetensors");
  srope_model *model = load_model("tests/unit/good/duplicates.safetensors");
  assert_int_equal(model->info.n_parameters, plain->info.n_parameters);
  assert_true(model->info.hash != plain->info.hash);
  srope_model_free(plain);
  srope_model_free(model);
}

static void test_describes(void **state) {
  (void)state;
  srope_model *model = load_model("tests/unit/good/config.safetensors");
  char *text;
  size_t n;
  assert_int_equal(srope_model_describe(model, &text, &n, NULL), SROPE_OK);
  assert_int_equal(strlen(text), n);
  yyjson_doc *doc = yyjson_read(text, n, 0);
  assert_non_null(doc);
  yyjson_val *root = yyjson_doc_get_root(doc), *config = yyjson_obj_get(root, "config");
  assert_string_equal(yyjson_get_str(yyjson_obj_get(config, "variant")), "siren");
  assert_true(yyjson_get_num(yyjson_obj_get(config, "time_scale")) == 0.01); /* filled in where the file has null */
  assert_true(yyjson_get_num(yyjson_obj_get(config, "rope_base")) == 500);
  yyjson_val *kept = yyjson_arr_get(yyjson_obj_get(yyjson_obj_get(config, "note"), "deep"), 1);
  assert_string_equal(yyjson_get_str(yyjson_obj_get(kept, "x")), "kept");
  yyjson_val *tensors = yyjson_obj_get(root, "tensors"), *tensor = yyjson_arr_get_first(tensors);
  assert_int_equal(yyjson_arr_size(tensors), 48);
  assert_string_equal(yyjson_get_str(yyjson_obj_get(tensor, "name")), "seq_projection.0.weight");
  assert_string_equal(yyjson_get_str(yyjson_obj_get(tensor, "dtype")), "F32");
  assert_int_equal(yyjson_get_uint(yyjson_arr_get(yyjson_obj_get(tensor, "shape"), 0)), 4);
  char hash[17];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)model->info.hash);
  assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "hash")), hash);
  assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "isa")), model->info.isa);
  assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "parameters")), model->info.n_parameters);
  assert_int_equal(yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(root, "sizes"), "G")), 2);
  assert_true(yyjson_get_num(yyjson_obj_get(root, "order_scale")) == 0.5);
  assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "ordinal_frequencies")), 2);
  yyjson_doc_free(doc);
  srope_free(text);
  srope_model_free(model);
}

static void test_describes_defaults(void **state) {
  (void)state;
  srope_model *model = load_model("tests/unit/good/ordinal.safetensors");
  char *text;
  assert_int_equal(srope_model_describe(model, &text, NULL, NULL), SROPE_OK);
  const char *parts[] = {"\"max_history\":1024",
                         "\"attn_scale\":0.025",
                         "\"skip_scale\":0.1",
                         "\"rope_base\":100000",
                         "\"time_scale\":0.01",
                         "\"omega_0\":10",
                         "\"utc_offset_minutes\":0",
                         "\"angle_signals\":[]",
                         "[\"order\",\"year\",\"sin_day\",\"cos_day\",\"sin_week\",\"cos_week\"]",
                         "\"score_weights\":{\"like\":1}"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(text, parts[i])) fail_msg("%s is not in %s", parts[i], text);
  srope_free(text);
  srope_model_free(model);
}

/* The hash is of the bytes of the file, all of them. */
static void test_hash_names_the_file(void **state) {
  (void)state;
  srope_model *a = load_model("tests/unit/good/ordinal.safetensors");
  srope_model *b = load_model("tests/unit/good/ordinal.safetensors");
  srope_model *other = load_model("tests/unit/good/unaligned.safetensors"); /* the same weights, one space more */
  size_t n;
  unsigned char *bytes = read_bytes("tests/unit/good/ordinal.safetensors", &n);
  assert_true(a->info.hash == b->info.hash && a->info.hash != other->info.hash);
  assert_true(a->info.hash == srope_hash64(bytes, n));
  free(bytes);
  srope_model_free(a);
  srope_model_free(b);
  srope_model_free(other);
}

/* ---------------------------------------------------------------- safetensors alone */

static void test_writes_what_it_reads(void **state) {
  (void)state;
  float matrix[6] = {1, -2, 0.5f, 1e30f, -0.0f, 7}, scalar = 3;
  const srope_tensor_output tensors[] = {{"b.weight", 2, {2, 3}, matrix, SROPE_DTYPE_F32},
                                         {"a \"quoted\" \xC3\xBC", 0, {0}, &scalar, SROPE_DTYPE_F32},
                                         {"empty", 2, {0, 5}, NULL, SROPE_DTYPE_F32}};
  const srope_metadata_output metadata[] = {{"config", "{\"x\": 1}"}, {"other", ""}};
  void *bytes;
  size_t n, n_value;
  assert_int_equal(srope_safetensors_write(tensors, 3, metadata, 2, &bytes, &n, NULL), SROPE_OK);
  uint64_t header;
  memcpy(&header, bytes, 8);
  assert_int_equal(header % 8, 0);

  srope_safetensors file;
  srope_error error;
  assert_int_equal(srope_safetensors_open(bytes, n, &file, &error), SROPE_OK);
  assert_int_equal(file.n_tensors, 3);
  const srope_tensor *b = srope_safetensors_find(&file, "b.weight"),
                     *a = srope_safetensors_find(&file, tensors[1].name);
  assert_int_equal(b->n_dims, 2);
  assert_true(b->shape[0] == 2 && b->shape[1] == 3 && b->n == 6);
  float read[6];
  assert_true(srope_tensor_read_float(b, 0, 6, read));
  assert_memory_equal(read, matrix, sizeof matrix);
  double value;
  assert_true(srope_tensor_read_double(a, 0, 1, &value) && value == 3);
  assert_true(srope_tensor_read_double(b, 2, 1, &value) && value == 0.5);
  assert_int_equal(srope_safetensors_find(&file, "empty")->n, 0);
  assert_null(srope_safetensors_find(&file, "c"));
  assert_string_equal(srope_safetensors_metadata(&file, "config", &n_value), "{\"x\": 1}");
  assert_int_equal(n_value, 8);
  assert_null(srope_safetensors_metadata(&file, "absent", &n_value));
  srope_safetensors_close(&file);
  srope_free(bytes);
}

static srope_tensor tensor_of(srope_dtype dtype, const void *data, uint64_t n, size_t n_bytes) {
  return (srope_tensor){
      .name = "t", .dtype = dtype, .n_dims = 1, .shape = {n}, .n = n, .data = data, .n_bytes = n_bytes};
}

static void test_reads_every_dtype(void **state) {
  (void)state;
  const double f64[2] = {-1.5, 1e200};
  const int64_t i64[2] = {-9007199254740991, 1700000000};
  const int32_t i32[2] = {INT32_MIN, 5};
  const uint16_t bf16[2] = {0x3F80, 0xC049};
  double out[2];
  float narrow[2];
  srope_tensor tensor = tensor_of(SROPE_DTYPE_F64, f64, 2, 16);
  assert_true(srope_tensor_read_double(&tensor, 0, 2, out) && out[0] == -1.5 && out[1] == 1e200);
  tensor = tensor_of(SROPE_DTYPE_I64, i64, 2, 16);
  assert_true(srope_tensor_read_double(&tensor, 0, 2, out) && out[0] == -9007199254740991.0 && out[1] == 1.7e9);
  assert_true(srope_tensor_read_float(&tensor, 1, 1, narrow) && narrow[0] == 1.7e9f);
  tensor = tensor_of(SROPE_DTYPE_I32, i32, 2, 8);
  assert_true(srope_tensor_read_double(&tensor, 0, 2, out) && out[0] == -2147483648.0 && out[1] == 5);
  tensor = tensor_of(SROPE_DTYPE_BF16, bf16, 2, 4);
  assert_true(srope_tensor_read_double(&tensor, 0, 2, out) && out[0] == 1 && out[1] == -3.140625);
  tensor = tensor_of(SROPE_DTYPE_U8, bf16, 2, 2);
  assert_false(srope_tensor_read_double(&tensor, 0, 2, out));
  assert_false(srope_tensor_read_float(&tensor, 0, 2, narrow));
}

static void test_reads_every_float16(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    uint16_t half = (uint16_t)bits;
    srope_tensor tensor = tensor_of(SROPE_DTYPE_F16, &half, 1, 2);
    double found, fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
    int exponent = bits >> 10 & 31;
    double expected = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                      : exponent == 0 ? ldexp(fraction, -24)
                                      : ldexp(1024 + fraction, exponent - 25);
    assert_true(srope_tensor_read_double(&tensor, 0, 1, &found));
    assert_true(isnan(expected) ? isnan(found) : found == sign * expected && signbit(found) == (sign < 0));
  }
}

static void test_shape_text(void **state) {
  (void)state;
  char text[16];
  const uint64_t shape[] = {32, SROPE_ANY_SIZE, 1234567890123};
  assert_string_equal(srope_shape_text(0, shape, text, sizeof text), "[]");
  assert_string_equal(srope_shape_text(1, shape, text, sizeof text), "[32]");
  assert_string_equal(srope_shape_text(2, shape, text, sizeof text), "[32, any]");
  assert_string_equal(srope_shape_text(3, shape, text, sizeof text), "[32, any, 12345");
}

/* What float16 holds comes back; what lies between goes to the nearest, ties to the even one. */
static void test_writes_float16(void **state) {
  (void)state;
  enum { N_HALVES = 0x7c00 }; /* 0 up to the largest finite one, by their bits */
  static float numbers[4 * N_HALVES], expected[4 * N_HALVES], found[4 * N_HALVES];
  static uint16_t halves[4 * N_HALVES];
  for (uint32_t bits = 0; bits < N_HALVES; bits++) {
    double step = bits < 0x800 ? 0x1p-24 : ldexp(1, (int)(bits >> 10) - 25);
    double value = bits < 0x400 ? bits * 0x1p-24 : ldexp(1024 + (bits & 1023), (int)(bits >> 10) - 25);
    numbers[4 * bits] = (float)value;
    expected[4 * bits] = (float)value;
    numbers[4 * bits + 1] = -(float)(value + step / 2); /* a tie, but above the largest: that is infinity */
    expected[4 * bits + 1] = bits + 1 == N_HALVES ? -INFINITY : -(float)(value + (bits & 1 ? step : 0));
    numbers[4 * bits + 2] = nextafterf((float)(value + step / 2), 0);
    expected[4 * bits + 2] = (float)value;
    numbers[4 * bits + 3] = nextafterf((float)(value + step / 2), INFINITY);
    expected[4 * bits + 3] = bits + 1 == N_HALVES ? INFINITY : (float)(value + step);
  }
  srope_halves_write(numbers, 4 * N_HALVES, halves);
  const srope_tensor_output tensor = {"halves", 1, {4 * N_HALVES}, halves, SROPE_DTYPE_F16};
  void *bytes;
  size_t n_bytes;
  srope_error error;
  srope_safetensors file;
  assert_int_equal(srope_safetensors_write(&tensor, 1, NULL, 0, &bytes, &n_bytes, &error), SROPE_OK);
  assert_int_equal(srope_safetensors_open(bytes, n_bytes, &file, &error), SROPE_OK);
  const srope_tensor *read = srope_safetensors_find(&file, "halves");
  assert_int_equal(read->dtype, SROPE_DTYPE_F16);
  assert_true(srope_tensor_read_float(read, 0, 4 * N_HALVES, found));
  for (uint32_t i = 0; i < 4 * N_HALVES; i++)
    if (memcmp(&found[i], &expected[i], sizeof *found) != 0)
      fail_msg("%.9g became %.9g, expected %.9g", (double)numbers[i], (double)found[i], (double)expected[i]);
  srope_safetensors_close(&file);
  srope_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rejects_every_bad_file),
      cmocka_unit_test(test_every_bad_file_is_listed),
      cmocka_unit_test(test_rejects_every_truncation),
      cmocka_unit_test(test_rejects_large_headers),
      cmocka_unit_test(test_pieces_give_the_same_model),
      cmocka_unit_test(test_rejects_every_bad_file_in_pieces),
      cmocka_unit_test(test_sizes_that_nobody_said),
      cmocka_unit_test(test_says_what_is_wrong_at_once),
      cmocka_unit_test(test_rejects_bad_calls),
      cmocka_unit_test(test_reads_sizes),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_configuration),
      cmocka_unit_test(test_converts_and_packs),
      cmocka_unit_test(test_reads_int8),
      cmocka_unit_test(test_packs_many_panels),
      cmocka_unit_test(test_angle_networks),
      cmocka_unit_test(test_accepts_equal_duplicates),
      cmocka_unit_test(test_describes),
      cmocka_unit_test(test_describes_defaults),
      cmocka_unit_test(test_hash_names_the_file),
      cmocka_unit_test(test_writes_what_it_reads),
      cmocka_unit_test(test_reads_every_dtype),
      cmocka_unit_test(test_reads_every_float16),
      cmocka_unit_test(test_shape_text),
      cmocka_unit_test(test_writes_float16),
  };
  return cmocka_run_group_tests_name("unit_loader", tests, NULL, NULL);
}
