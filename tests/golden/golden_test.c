/* golden_test.c: the library against the outputs of the paper authors' own code, for every folder of vectors/ and every
 * instruction set of this machine. One case per folder and instruction set; those not here are reported as skipped.
 * Not here: the same vectors through the program (tests/cli) and through WebAssembly (tests/js). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden_list.h"
#include "golden/tensor_file.h"
#include "sirenrope/sirenrope.h"

enum { N_CASES = GOLDEN_COUNT * GOLDEN_ISA_COUNT };

/* Logits and angles: absolute; an honest float32 run stays within 1e-5. States inside the network (layer.l,
 * action_attention) are numbers up to 8, of which the head makes logits of about 1: of the largest in the tensor. */
static const double tolerance = 2e-5;

typedef struct golden_case {
  const char *folder, *isa;
  char name[96];
} golden_case;

typedef struct golden {
  srope_model *model;
  tensor_file *io;
  srope_events events;
  srope_candidates candidates;
  double worst_output, worst_state; /* of logits and angles; of states, over the tensor's largest */
  char worst_name[64];              /* of the outputs */
  size_t n_compared;                /* tensors */
} golden;

static float *floats(const tensor_file *io, const char *name) {
  const tensor *t = tensor_file_find(io, name);
  return t ? tensor_to_floats(t) : NULL;
}

static void golden_open(golden *g, const golden_case *c) {
  char path[512];
  size_t n_bytes;
  srope_error error = {0};
  snprintf(path, sizeof path, "%s/%s/model.safetensors", GOLDEN_FOLDER, c->folder);
  unsigned char *bytes = tensor_file_read(path, &n_bytes);
  srope_status status = srope_model_load(bytes, n_bytes, c->isa, &g->model, &error);
  free(bytes);
  if (status == SROPE_ERR_UNSUPPORTED && strcmp(c->isa, "scalar") != 0) skip();
  if (status != SROPE_OK) fail_msg("load: %s (%s)", error.message, error.where);
  snprintf(path, sizeof path, "%s/%s/io.safetensors", GOLDEN_FOLDER, c->folder);
  bytes = tensor_file_read(path, &n_bytes);
  g->io = tensor_file_parse(bytes, n_bytes);
  free(bytes);
  g->events = (srope_events){
      .n = tensor_file_get(g->io, "history.item")->shape[0],
      .item = floats(g->io, "history.item"),
      .action = floats(g->io, "history.action"),
      .time_s = tensor_file_get(g->io, "history.timestamp")->data,
      .signal = floats(g->io, "history.signal"),
      .context = floats(g->io, "history.context"),
  };
  g->candidates = (srope_candidates){
      .n = tensor_file_get(g->io, "candidate.item")->shape[0],
      .item = floats(g->io, "candidate.item"),
      .context = floats(g->io, "candidate.context"),
      .signal = floats(g->io, "candidate.signal"),
      .now_s = tensor_file_get(g->io, "now")->data[0],
      .utc_offset_minutes = NAN,
  };
}

static void golden_close(golden *g) {
  const void *owned[] = {g->events.item,     g->events.action,      g->events.signal,    g->events.context,
                         g->candidates.item, g->candidates.context, g->candidates.signal};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free((void *)owned[i]);
  tensor_file_free(g->io);
  srope_model_free(g->model);
}

static double worst_difference(const tensor *t, const float *found, size_t *place) {
  double worst = 0;
  for (size_t i = 0; i < t->n; i++) {
    double difference = fabs(found[i] - t->data[i]);
    if (!(difference <= worst)) { /* NaN is worse than anything */
      worst = isnan(difference) ? INFINITY : difference;
      *place = i;
    }
  }
  return worst;
}

/* A tensor that the folder has not is passed over. */
static void compare_output(golden *g, const char *name, const float *found) {
  const tensor *t = tensor_file_find(g->io, name);
  if (!t) return;
  size_t place = 0;
  double worst = worst_difference(t, found, &place);
  g->n_compared++;
  if (worst > g->worst_output) {
    g->worst_output = worst;
    snprintf(g->worst_name, sizeof g->worst_name, "%s[%zu]", name, place);
  }
}

static void compare_state(golden *g, const char *name, const float *found) {
  const tensor *t = tensor_file_find(g->io, name);
  if (!t) return;
  size_t place;
  double largest = 1;
  for (size_t i = 0; i < t->n; i++) largest = fmax(largest, fabs(t->data[i]));
  g->n_compared++;
  g->worst_state = fmax(g->worst_state, worst_difference(t, found, &place) / largest);
}

static void check_sequence(golden *g) {
  const srope_info *info = srope_model_info(g->model);
  size_t s = g->events.n, s_d = s * info->d_model, s_a = s * info->n_angles;
  float *logits = calloc(s * info->n_tasks, sizeof *logits), *layers = calloc(info->n_layers * s_d, sizeof *layers);
  float *attention = calloc(s_d, sizeof *attention);
  float *angle = calloc(2 * s_a + 1, sizeof *angle);
  bool siren = info->variant == SROPE_SIREN;
  srope_sequence_outputs out = {logits, layers, attention, siren ? angle : NULL, siren ? angle + s_a : NULL};
  srope_error error = {0};
  if (srope_sequence_forward(g->model, &g->events, NAN, &out, &error) != SROPE_OK)
    fail_msg("sequence: %s (%s)", error.message, error.where);
  compare_output(g, "sequence.logits", logits);
  for (uint32_t l = 0; l < info->n_layers; l++) {
    char name[32];
    snprintf(name, sizeof name, "sequence.layer.%u", (unsigned)l);
    compare_state(g, name, layers + l * s_d);
  }
  compare_state(g, "sequence.action_attention", attention);
  compare_output(g, "sequence.angle", angle);
  compare_output(g, "sequence.action_angle", angle + s_a);
  free(logits);
  free(layers);
  free(attention);
  free(angle);
}

static void check_session(golden *g) {
  const srope_info *info = srope_model_info(g->model);
  srope_error error = {0};
  srope_session *session;
  float *logits = calloc(g->candidates.n * info->n_tasks, sizeof *logits);
  assert_int_equal(srope_session_create(g->model, NULL, &session, &error), SROPE_OK);
  if (srope_session_score(session, &g->candidates, logits, &error) != SROPE_OK)
    fail_msg("cold score: %s (%s)", error.message, error.where);
  compare_output(g, "cold.logits", logits);
  if (srope_session_append(session, &g->events, &error) != SROPE_OK)
    fail_msg("append: %s (%s)", error.message, error.where);
  assert_int_equal(srope_session_count(session), g->events.n);
  if (srope_session_score(session, &g->candidates, logits, &error) != SROPE_OK)
    fail_msg("score: %s (%s)", error.message, error.where);
  compare_output(g, "rank.logits", logits);
  if (info->variant == SROPE_SIREN) {
    float *angle = calloc((g->events.n + 1) * info->n_angles, sizeof *angle);
    static const char *const names[] = {"rank.angle", "rank.action_angle"};
    for (int network = 0; network < 2; network++) {
      assert_int_equal(srope_session_angles(session, &g->candidates, (srope_network)network, angle, &error), SROPE_OK);
      compare_output(g, names[network], angle);
    }
    free(angle);
  }
  free(logits);
  srope_session_free(session);
}

static void test_golden(void **state) {
  const golden_case *c = *state;
  golden g = {0};
  golden_open(&g, c);
  assert_string_equal(srope_model_info(g.model)->isa, c->isa);
  check_sequence(&g);
  check_session(&g);
  print_message("  %-18s %-7s %2zu tensors, worst output %.1e at %s, states %.1e\n", c->folder, c->isa, g.n_compared,
                g.worst_output, g.worst_name, g.worst_state);
  assert_true(g.n_compared >= 3); /* rank, sequence and cold at the least */
  assert_true(g.worst_output <= tolerance);
  assert_true(g.worst_state <= tolerance);
  golden_close(&g);
}

int main(void) {
  static golden_case cases[N_CASES];
  static struct CMUnitTest tests[N_CASES];
  for (size_t i = 0; i < N_CASES; i++) {
    golden_case *c = &cases[i];
    c->folder = golden_folders[i / GOLDEN_ISA_COUNT];
    c->isa = golden_isas[i % GOLDEN_ISA_COUNT];
    snprintf(c->name, sizeof c->name, "%s %s", c->folder, c->isa);
    tests[i] = (struct CMUnitTest){.name = c->name, .test_func = test_golden, .initial_state = c};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
