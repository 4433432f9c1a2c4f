/* quantize_test.c: rows as bytes and models in fewer bytes, against what they should be, computed another way. */
#include "files.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "model/quantize.h"
#include "model/safetensors.h"
#include "nn/linear.h"

/* ---------------------------------------------------------------- rows */

enum { MAX_ROW = 700 };

/* The byte of a weight, by rounding half away from zero in other arithmetic than the code's. */
static long nearest(float w, float scale) {
  long byte = lround((double)w / (double)scale);
  return byte > 127 ? 127 : byte < -127 ? -127 : byte;
}

/* Every sum of four products with quanta of 127 that kernels add up in 16 bits, of the bytes that `scale` gives. */
static bool is_tight(const float *w, size_t n, float scale) {
  static const int quads[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};
  for (size_t eight = 0; eight < n; eight += 8)
    for (int quad = 0; quad < 2; quad++) {
      long most = 0;
      for (int i = 0; i < 4; i++)
        if (eight + (size_t)quads[quad][i] < n) most += 127 * labs(nearest(w[eight + (size_t)quads[quad][i]], scale));
      if (most > INT16_MAX) return false;
    }
  return true;
}

static float largest_of(const float *w, size_t n) {
  float largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(w[i]));
  return largest;
}

/* Returns whether the row had to get a larger scale than its largest weight asks for. */
static bool check_row(const float *w, size_t n) {
  int8_t bytes[MAX_ROW];
  memset(bytes, 0x80, sizeof bytes);
  float scale = srope_quantize_row(w, n, bytes), first = fmaxf(largest_of(w, n) / 127, FLT_MIN);
  assert_true(scale >= first && scale <= 2 * first && isfinite(scale));
  for (size_t i = 0; i < n; i++) {
    if (bytes[i] != nearest(w[i], scale)) fail_msg("%.9g by %.9g became %d", (double)w[i], (double)scale, bytes[i]);
    assert_true(fabs((double)w[i] - (double)bytes[i] * scale) <= (double)scale * (0.5 + 1e-5));
  }
  assert_int_equal(n < MAX_ROW ? bytes[n] : INT8_MIN, INT8_MIN);
  assert_true(is_tight(w, n, scale) && srope_int8_is_tight(bytes, n));
  if (scale > first && is_tight(w, n, nextafterf(scale, 0))) fail_msg("%.9g is larger than need be", (double)scale);
  return scale > first;
}

static void test_rows(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 49, 64, 128, 136, 512, MAX_ROW};
  float w[MAX_ROW];
  srope_rng rng;
  srope_rng_seed(&rng, 5, 0);
  int n_larger = 0, n_rows = 0;
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int round = 0; round < 60; round++) {
      double size = pow(10, 20 * srope_rng_uniform(&rng) - 10);
      for (size_t i = 0; i < sizes[s]; i++) {
        double x = round % 3 == 0 ? srope_rng_normal(&rng) : 2 * srope_rng_uniform(&rng) - 1;
        if (round % 3 == 2) x = x < 0 ? -1 : 1; /* all of one size: the scale must double */
        w[i] = (float)(x * size);
      }
      n_larger += check_row(w, sizes[s]);
      n_rows++;
    }
  assert_true(n_larger > n_rows / 3 && n_larger < n_rows);
}

static void test_rows_of_zeros(void **state) {
  (void)state;
  const float w[9] = {0, -0.0f};
  int8_t bytes[9];
  assert_true(srope_quantize_row(w, 9, bytes) == FLT_MIN);
  for (int i = 0; i < 9; i++) assert_int_equal(bytes[i], 0);
  assert_true(srope_quantize_row(w, 0, bytes) == FLT_MIN);
}

static void test_extreme_rows(void **state) {
  (void)state;
  const float largest[] = {FLT_MAX, -FLT_MAX, FLT_MAX, 1, -FLT_MAX, FLT_MAX, 0, FLT_MIN};
  const float wide[] = {1e30f, 1e-30f, 0, -1};
  const float least[] = {FLT_TRUE_MIN, -FLT_TRUE_MIN, 0, FLT_MIN, FLT_MIN / 2, -FLT_MIN / 3};
  const float ties[] = {127, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f, -2.5f, 126.5f};
  assert_true(check_row(largest, 8));
  check_row(wide, 4);
  check_row(least, 6); /* below the least scale: bytes of what is nearest */
  assert_false(check_row(ties, 8));
  int8_t bytes[8];
  assert_true(srope_quantize_row(ties, 8, bytes) == 1);
  const int8_t expected[8] = {127, 1, -1, 2, -2, 3, -3, 127};
  assert_memory_equal(bytes, expected, 8);
}

/* ---------------------------------------------------------------- models */

typedef struct files {
  unsigned char *before;
  void *after;
  size_t n_after;
  srope_safetensors from, to;
} files;

static files quantize(const char *path, srope_quantization kind) {
  files f;
  size_t n_before;
  srope_error error;
  f.before = read_bytes(path, &n_before);
  if (srope_model_quantize(f.before, n_before, kind, &f.after, &f.n_after, &error))
    fail_msg("%s: %s: %s", path, error.where, error.message);
  assert_int_equal(srope_safetensors_open(f.before, n_before, &f.from, &error), SROPE_OK);
  assert_int_equal(srope_safetensors_open(f.after, f.n_after, &f.to, &error), SROPE_OK);
  return f;
}

static void close_files(files *f) {
  srope_safetensors_close(&f->from);
  srope_safetensors_close(&f->to);
  free(f->before);
  srope_free(f->after);
}

static bool ends_in(const char *text, const char *end) {
  size_t n = strlen(text), n_end = strlen(end);
  return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

/* By its name, in tests/golden/vectors/siren-small and in models/: what an int8 file has it as. */
static srope_dtype expected_int8(const srope_tensor *tensor, const char *last_head) {
  const char *const halves[] = {"seq_projection.0.weight", "action_embedding.0.weight", last_head};
  if (strstr(tensor->name, "angle_nn.") || tensor->n_dims != 2) return SROPE_DTYPE_F32;
  return is_one_of(tensor->name, halves, 3) || strncmp(tensor->name, "encoder.", 8) == 0 ? SROPE_DTYPE_F16
                                                                                         : SROPE_DTYPE_I8;
}

static void check_bytes(const srope_safetensors *to, const srope_tensor *before, const srope_tensor *after) {
  char name[SROPE_MAX_NAME_BYTES + 8];
  snprintf(name, sizeof name, "%s_scale", before->name);
  const srope_tensor *scales = srope_safetensors_find(to, name);
  assert_true(scales && scales->dtype == SROPE_DTYPE_F32 && scales->n_dims == 1 && scales->n == before->shape[0]);
  size_t n_in = (size_t)before->shape[1];
  float w[MAX_ROW], scale;
  for (uint64_t row = 0; row < before->shape[0]; row++) {
    int8_t bytes[MAX_ROW];
    srope_tensor_read_float(before, row * n_in, n_in, w);
    srope_tensor_read_float(scales, row, 1, &scale);
    assert_true(srope_quantize_row(w, n_in, bytes) == scale);
    assert_memory_equal(after->data + row * n_in, bytes, n_in);
  }
}

static void check_halves(const srope_tensor *before, const srope_tensor *after) {
  for (uint64_t i = 0; i < before->n; i++) {
    double x, y;
    srope_tensor_read_double(before, i, 1, &x);
    srope_tensor_read_double(after, i, 1, &y);
    assert_true(fabs(x - y) <= fmax(fabs(x) * 0x1p-11, 0x1p-25));
  }
}

static void check_metadata(const files *f) {
  size_t n, m;
  const char *before = srope_safetensors_metadata(&f->from, "siren_rope", &n);
  const char *after = srope_safetensors_metadata(&f->to, "siren_rope", &m);
  assert_true(before && after && n == m && memcmp(before, after, n) == 0);
}

static void check_model(const files *f, srope_quantization kind, const char *last_head) {
  uint32_t n_scales = 0;
  for (uint32_t t = 0; t < f->from.n_tensors; t++) {
    const srope_tensor *before = &f->from.tensors[t], *after = srope_safetensors_find(&f->to, before->name);
    assert_non_null(after);
    assert_true(after->n_dims == before->n_dims && memcmp(after->shape, before->shape, sizeof after->shape) == 0);
    srope_dtype expected = kind == SROPE_TO_INT8                    ? expected_int8(before, last_head)
                           : strncmp(before->name, "rope.", 5) == 0 ? SROPE_DTYPE_F32
                                                                    : SROPE_DTYPE_F16;
    if (after->dtype != expected) fail_msg("%s is %s", before->name, srope_dtype_name(after->dtype));
    n_scales += after->dtype == SROPE_DTYPE_I8;
    if (after->dtype == SROPE_DTYPE_I8)
      check_bytes(&f->to, before, after);
    else if (after->dtype == SROPE_DTYPE_F16)
      check_halves(before, after);
    else
      assert_memory_equal(after->data, before->data, before->n_bytes);
  }
  assert_int_equal(f->to.n_tensors, f->from.n_tensors + n_scales);
  check_metadata(f);
  for (uint32_t t = 0; t < f->to.n_tensors; t++) { /* aligned, and what a weight needs is before it */
    const srope_tensor *tensor = &f->to.tensors[t];
    assert_int_equal((uintptr_t)(tensor->data - (unsigned char *)f->after) % srope_dtype_size(tensor->dtype), 0);
    if (ends_in(tensor->name, "_scale")) assert_int_equal(tensor->dtype, SROPE_DTYPE_F32);
    if (t > 0) assert_true(srope_dtype_size(f->to.tensors[t - 1].dtype) >= srope_dtype_size(tensor->dtype));
  }
}

static void test_models(void **state) {
  (void)state;
  static const struct {
    const char *path, *last_head;
  } models[] = {{"tests/golden/vectors/siren-small/model.safetensors", "head.4.weight"},
                {"tests/golden/vectors/ordinal-small/model.safetensors", "head.4.weight"},
                {"tests/unit/good/siren.safetensors", "head.2.weight"},
                {"models/planted-rhythm.safetensors", "head.2.weight"},
                {"models/kuairand-excerpt.safetensors", "head.4.weight"}};
  for (size_t i = 0; i < sizeof models / sizeof *models; i++)
    for (int kind = SROPE_TO_INT8; kind <= SROPE_TO_FLOAT16; kind++) {
      files f = quantize(models[i].path, (srope_quantization)kind);
      check_model(&f, (srope_quantization)kind, models[i].last_head);
      close_files(&f);
    }
}

/* Duplicates stay out; metadata of other keys stays in. */
static void test_leaves_out_what_is_there_twice(void **state) {
  (void)state;
  files f = quantize("tests/unit/good/duplicates.safetensors", SROPE_TO_FLOAT16);
  assert_true(f.to.n_tensors < f.from.n_tensors);
  for (uint32_t t = 0; t < f.to.n_tensors; t++) assert_null(strstr(f.to.tensors[t].name, "mha.rope."));
  check_metadata(&f);
  close_files(&f);
}

/* Halves stay as they are in an int8 file, and become bytes where floats would. */
static void test_halves_become_bytes(void **state) {
  (void)state;
  const char *const paths[] = {"tests/unit/good/f16.safetensors", "tests/unit/good/bf16.safetensors"};
  const srope_dtype dtypes[] = {SROPE_DTYPE_F16, SROPE_DTYPE_BF16};
  for (int i = 0; i < 2; i++) {
    files f = quantize(paths[i], SROPE_TO_INT8);
    assert_int_equal(srope_safetensors_find(&f.to, "seq_projection.0.weight")->dtype, dtypes[i]);
    assert_int_equal(srope_safetensors_find(&f.to, "seq_projection.0.bias")->dtype, dtypes[i]);
    const srope_tensor *weight = srope_safetensors_find(&f.to, "action_attention.W_q.weight");
    assert_int_equal(weight->dtype, SROPE_DTYPE_I8);
    check_bytes(&f.to, srope_safetensors_find(&f.from, weight->name), weight);
    close_files(&f);
  }
}

/* ---------------------------------------------------------------- int8 layers of a loaded model */

/* A row x (n) as whole numbers, each by itself: quanta (n); returns the zero and, in *scale, the scale. */
static int32_t quanta_of(const float *x, size_t n, int32_t *quanta, float *scale) {
  float low = 0, high = 0;
  for (size_t i = 0; i < n; i++) {
    low = fminf(low, x[i]);
    high = fmaxf(high, x[i]);
  }
  float range = high - low, inverse = range > 0 ? 127 / range : 0;
  int32_t zero = (int32_t)rint((double)(-low * inverse));
  *scale = range / 127;
  for (size_t i = 0; i < n; i++) {
    double quantum = rint((double)(x[i] * inverse) + zero);
    quanta[i] = (int32_t)fmin(fmax(quantum, 0), 127);
  }
  return zero;
}

/* y (n_out) of one row of x, from the file's own numbers: the inputs up to each of `ends` are quantised by themselves. */
static void multiply(const srope_safetensors *file, const char *name, const float *x, const size_t *ends, float *y) {
  char scale_name[SROPE_MAX_NAME_BYTES], bias_name[SROPE_MAX_NAME_BYTES];
  snprintf(scale_name, sizeof scale_name, "%s_scale", name);
  snprintf(bias_name, sizeof bias_name, "%.*s.bias", (int)(strlen(name) - strlen(".weight")), name);
  const srope_tensor *weight = srope_safetensors_find(file, name), *scales = srope_safetensors_find(file, scale_name),
                     *biases = srope_safetensors_find(file, bias_name);
  size_t n_in = (size_t)weight->shape[1];
  for (size_t row = 0; row < weight->shape[0]; row++) {
    y[row] = 0;
    if (biases) srope_tensor_read_float(biases, row, 1, &y[row]);
  }
  for (size_t part = 0, first = 0; first < n_in; first = ends[part++]) {
    int32_t quanta[MAX_ROW];
    float scale, row_scale;
    int32_t zero = quanta_of(x + first, ends[part] - first, quanta, &scale);
    for (size_t row = 0; row < weight->shape[0]; row++) {
      int64_t sum = 0;
      for (size_t i = first; i < ends[part]; i++)
        sum += (int64_t)(quanta[i - first] - zero) * (int8_t)weight->data[row * n_in + i];
      srope_tensor_read_float(scales, row, 1, &row_scale);
      y[row] = (float)sum * (scale * row_scale) + y[row];
    }
  }
}

static void check_linear(const srope_model *model, const srope_safetensors *file, const srope_linear *linear) {
  enum { ROWS = 6 };
  static float x[ROWS * MAX_ROW], y[ROWS * MAX_ROW], expected[MAX_ROW];
  srope_rng rng;
  srope_rng_seed(&rng, linear->parameter, 0);
  assert_true(linear->int8.panels && !linear->weight && linear->int8.is_tight);
  for (size_t i = 0; i < ROWS * linear->n_in; i++) {
    size_t row = i / linear->n_in;
    double value = srope_rng_normal(&rng) * pow(10, 4 * (double)row - 8);
    x[i] = row == 0 ? 0 : row == 1 ? fabsf((float)value) : row == 2 ? -fabsf((float)value) : (float)value;
  }
  srope_linear_forward(model, linear, x, ROWS, y);
  for (size_t row = 0; row < ROWS; row++) {
    const char *name = model->parameters[linear->parameter].name;
    size_t d = model->info.d_model, whole[] = {linear->n_in}, of_head[] = {d, 2 * d, linear->n_in};
    multiply(file, name, x + row * linear->n_in, linear == model->head.layer ? of_head : whole, expected);
    for (size_t i = 0; i < linear->n_out; i++) {
      float found = y[row * linear->n_out + i];
      if (found != expected[i]) /* a fused bias would be a difference too */
        fail_msg("%s on %s, row %zu, column %zu: %.9g, expected %.9g", name, model->kernels->isa, row, i, (double)found,
                 (double)expected[i]);
    }
  }
}

/* The sums are of whole numbers: every layer is what one loop over the file's bytes gives, to the bit, on every instruction
 * set. */
static void test_int8_layers_are_exact(void **state) {
  (void)state;
  static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
  files f = quantize("models/kuairand-excerpt.safetensors", SROPE_TO_INT8);
  int n_isas = 0;
  for (int i = 0; i < 4; i++) {
    srope_model *model;
    srope_error error;
    srope_status status = srope_model_load(f.after, f.n_after, isas[i], &model, &error);
    if (status == SROPE_ERR_UNSUPPORTED) continue;
    if (status) fail_msg("%s: %s", error.where, error.message);
    n_isas++;
    assert_true(model->projection.weight && model->head.layer[model->head.n - 1].weight);
    for (uint32_t l = 0; l < model->info.n_layers; l++) {
      const srope_layer *layer = &model->layers[l];
      const srope_linear *const linears[] = {&layer->mha.q, &layer->mha.k, &layer->mha.v,
                                             &layer->mha.o, &layer->up,    &layer->down};
      for (int k = 0; k < 6; k++) check_linear(model, &f.to, linears[k]);
    }
    check_linear(model, &f.to, &model->action_attention.q);
    check_linear(model, &f.to, &model->action_embedding.layer[1]);
    check_linear(model, &f.to, &model->head.layer[0]);
    check_linear(model, &f.to, &model->head.layer[1]);
    srope_model_free(model);
  }
  assert_true(n_isas >= 1);
  close_files(&f);
}

/* ---------------------------------------------------------------- refusals */

static void expect_error(const void *bytes, size_t n, srope_quantization kind, srope_status status, const char *where,
                         const char *message) {
  void *out = (void *)bytes;
  size_t n_out = 7;
  srope_error error;
  if (srope_model_quantize(bytes, n, kind, &out, &n_out, &error) != status || strcmp(error.where, where) != 0 ||
      !strstr(error.message, message))
    fail_msg("%s at %s: %s", srope_status_code(error.status), error.where, error.message);
  assert_true(out == bytes && n_out == 7);
  assert_int_equal(srope_model_quantize(bytes, n, kind, &out, &n_out, NULL), status);
}

/* The place of a tensor's data in a file that may be written. */
static unsigned char *data_of(unsigned char *bytes, size_t n, const char *name) {
  srope_safetensors file;
  srope_error error;
  assert_int_equal(srope_safetensors_open(bytes, n, &file, &error), SROPE_OK);
  unsigned char *data = bytes + (srope_safetensors_find(&file, name)->data - bytes);
  srope_safetensors_close(&file);
  return data;
}

static void test_refuses(void **state) {
  (void)state;
  size_t n, n_half;
  void *half, *out;
  srope_error error;
  unsigned char *bytes = read_bytes("tests/unit/good/siren.safetensors", &n);
  assert_int_equal(srope_model_quantize(bytes, n, SROPE_TO_FLOAT16, &half, &n_half, &error), SROPE_OK);
  expect_error(half, n_half, SROPE_TO_FLOAT16, SROPE_ERR_TENSOR, "", "expected float32 weights, found none");
  srope_free(half);
  assert_int_equal(srope_model_quantize(bytes, n, SROPE_TO_INT8, &half, &n_half, &error), SROPE_OK);
  expect_error(half, n_half, SROPE_TO_FLOAT16, SROPE_ERR_TENSOR, "action_embedding.2.weight",
               "expected float weights, found I8");
  srope_free(half);
  expect_error(bytes, 4, SROPE_TO_INT8, SROPE_ERR_FORMAT, "header", "expected at least 8 bytes");
  assert_int_equal(srope_model_quantize(bytes, n, SROPE_TO_INT8, NULL, &n_half, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(srope_model_quantize(NULL, 0, SROPE_TO_INT8, &out, &n_half, &error), SROPE_ERR_ARGUMENT);

  static const float sizes[] = {65519.99609375f, -65520}; /* the last that rounds to 65504, and the next */
  unsigned char *place = data_of(bytes, n, "head.0.bias") + 2 * sizeof(float);
  memcpy(place, &sizes[0], sizeof(float));
  assert_int_equal(srope_model_quantize(bytes, n, SROPE_TO_FLOAT16, &half, &n_half, &error), SROPE_OK);
  srope_free(half);
  memcpy(place, &sizes[1], sizeof(float));
  expect_error(bytes, n, SROPE_TO_FLOAT16, SROPE_ERR_VALUE, "head.0.bias", "up to 65504, found -65520 at element 2");
  assert_int_equal(srope_model_quantize(bytes, n, SROPE_TO_INT8, &half, &n_half, &error),
                   SROPE_OK); /* it stays float32 */
  srope_free(half);
  const float nan = NAN;
  memcpy(place, &nan, sizeof nan);
  expect_error(bytes, n, SROPE_TO_INT8, SROPE_ERR_VALUE, "head.0.bias", "expected finite weights");
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_rows_of_zeros),
      cmocka_unit_test(test_extreme_rows),
      cmocka_unit_test(test_models),
      cmocka_unit_test(test_leaves_out_what_is_there_twice),
      cmocka_unit_test(test_halves_become_bytes),
      cmocka_unit_test(test_int8_layers_are_exact),
      cmocka_unit_test(test_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
