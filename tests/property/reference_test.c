/* reference_test.c: the oracle itself against the golden vectors, which are float64: before anything is measured by it.
 * No part of the library runs here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "golden/golden_list.h"
#include "property/reference.h"

static const double tolerance = 1e-9; /* measured: see the output */

static tensor_file *open_io(const char *folder) {
  char path[512];
  size_t n;
  snprintf(path, sizeof path, "%s/%s/io.safetensors", GOLDEN_FOLDER, folder);
  unsigned char *bytes = tensor_file_read(path, &n);
  tensor_file *io = tensor_file_parse(bytes, n);
  free(bytes);
  return io;
}

static reference *open_reference(const char *folder) {
  char path[512];
  size_t n;
  snprintf(path, sizeof path, "%s/%s/model.safetensors", GOLDEN_FOLDER, folder);
  unsigned char *bytes = tensor_file_read(path, &n);
  reference *r = reference_load(bytes, n);
  free(bytes);
  return r;
}

static double worst_of(const tensor_file *io, const char *name, const double *found, double worst) {
  const tensor *t = tensor_file_find(io, name);
  for (size_t i = 0; t && i < t->n; i++) {
    double difference = fabs(t->data[i] - found[i]);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
  }
  return worst;
}

static float *floats(const tensor_file *io, const char *name) {
  const tensor *t = tensor_file_find(io, name);
  return t ? tensor_to_floats(t) : NULL;
}

static double check_sequence(const reference *r, const tensor_file *io, const srope_events *e) {
  size_t s = e->n;
  double *logits = calloc(s * r->t, sizeof *logits), *layers = calloc(r->l * s * r->d, sizeof *layers);
  double *u = calloc(s * r->d, sizeof *u), *angle = calloc(2 * s * r->a + 1, sizeof *angle);
  double *action_angle = angle + s * r->a;
  int siren = r->variant == SROPE_SIREN;
  reference_sequence(r, e, NAN,
                     &(reference_outputs){logits, layers, u, siren ? angle : NULL, siren ? action_angle : NULL});
  double worst = worst_of(io, "sequence.logits", logits, 0);
  for (size_t l = 0; l < r->l; l++) {
    char name[48];
    snprintf(name, sizeof name, "sequence.layer.%zu", l);
    worst = worst_of(io, name, layers + l * s * r->d, worst);
  }
  worst = worst_of(io, "sequence.action_attention", u, worst);
  worst = worst_of(io, "sequence.angle", angle, worst);
  worst = worst_of(io, "sequence.action_angle", action_angle, worst);
  free(logits);
  free(layers);
  free(u);
  free(angle);
  return worst;
}

static double check_rank(const reference *r, const tensor_file *io, const srope_events *e, const srope_candidates *c) {
  double *logits = calloc(c->n * r->t, sizeof *logits), *angle = calloc(2 * (e->n + 1) * r->a + 1, sizeof *angle);
  double *action_angle = angle + (e->n + 1) * r->a;
  srope_events none = {0};
  int siren = r->variant == SROPE_SIREN;
  reference_rank(r, e, 0, NAN, c, logits, siren ? angle : NULL, siren ? action_angle : NULL);
  double worst = worst_of(io, "rank.logits", logits, 0);
  worst = worst_of(io, "rank.angle", angle, worst);
  worst = worst_of(io, "rank.action_angle", action_angle, worst);
  reference_rank(r, &none, 0, NAN, c, logits, NULL, NULL);
  worst = worst_of(io, "cold.logits", logits, worst);
  free(logits);
  free(angle);
  return worst;
}

static void test_reference(void **state) {
  const char *folder = *state;
  reference *r = open_reference(folder);
  tensor_file *io = open_io(folder);
  float *owned[] = {floats(io, "history.item"),    floats(io, "history.action"), floats(io, "history.signal"),
                    floats(io, "history.context"), floats(io, "candidate.item"), floats(io, "candidate.context"),
                    floats(io, "candidate.signal")};
  srope_events e = {.n = tensor_file_get(io, "history.item")->shape[0],
                    .item = owned[0],
                    .action = owned[1],
                    .time_s = tensor_file_get(io, "history.timestamp")->data,
                    .signal = owned[2],
                    .context = owned[3]};
  srope_candidates c = {.n = tensor_file_get(io, "candidate.item")->shape[0],
                        .item = owned[4],
                        .context = owned[5],
                        .signal = owned[6],
                        .now_s = tensor_file_get(io, "now")->data[0],
                        .utc_offset_minutes = NAN};
  double sequence = check_sequence(r, io, &e), rank = check_rank(r, io, &e, &c);
  print_message("  %-18s sequence %.1e, rank and cold %.1e\n", folder, sequence, rank);
  assert_true(sequence <= tolerance);
  assert_true(rank <= tolerance);
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  tensor_file_free(io);
  reference_free(r);
}

int main(void) {
  static struct CMUnitTest tests[GOLDEN_COUNT];
  for (size_t i = 0; i < GOLDEN_COUNT; i++)
    tests[i] = (struct CMUnitTest){
        .name = golden_folders[i], .test_func = test_reference, .initial_state = (void *)golden_folders[i]};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
