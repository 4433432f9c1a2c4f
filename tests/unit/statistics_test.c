/* statistics_test.c: the statistics of an ablation against values computed elsewhere (mpmath with 30 digits, R's manual) and
 * against brute force, and its report on made-up figures. */
#include "files.h"

#include <math.h>

#include "yyjson.h"

#include "base/rng.h"
#include "cli/ablation_report.h"
#include "cli/plot.h"
#include "train/metrics.h"
#include "train/statistics.h"

static void assert_close(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance)) fail_msg("expected %.17g, found %.17g", expected, found);
}

/* ---------------------------------------------------------------- seeds */

static void test_mean(void **state) {
  (void)state;
  const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
  srope_mean m = srope_statistics_mean(x, 8);
  assert_close(m.mean, 5, 0);
  assert_close(m.se, 0.75592894601845445, 1e-15); /* sqrt(32 / 7 / 8) */
  m = srope_statistics_mean(x, 1);
  assert_close(m.mean, 2, 0);
  assert_true(isnan(m.se));
  assert_true(isnan(srope_statistics_mean(x, 0).mean));
  assert_true(isnan(srope_statistics_mean((const double[]){1, NAN}, 2).mean));
}

static void test_beta(void **state) {
  (void)state;
  static const struct {
    double a, b, x, value;
  } known[] = {{0.5, 0.5, 0.25, 1.0 / 3},
               {4.5, 0.5, 0.1, 8.53805122316627692e-6},
               {2, 3, 0.6, 0.82079999999999997},
               {50, 0.5, 0.97, 0.081699333721822626},
               {1, 1, 0.3, 0.3},
               {300, 700, 0.28, 0.0823909765105905263},
               {2.5, 0.5, 1e-8, 3.39530546475319165e-21},
               {2, 3, 0, 0},
               {2, 3, 1, 1}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double found = srope_statistics_beta(known[i].a, known[i].b, known[i].x);
    assert_close(found, known[i].value, 1e-12);
    if (known[i].value > 0) assert_close(found / known[i].value, 1, 1e-11);
  }
  assert_true(isnan(srope_statistics_beta(0, 1, 0.5)));
  assert_true(isnan(srope_statistics_beta(1, 1, 1.5)));
  assert_true(isnan(srope_statistics_beta(1, NAN, 0.5)));
}

static void check_comparison(const double *x, const double *baseline, size_t n, double mean, double se, double t,
                             double p) {
  srope_paired_test found = srope_statistics_compare(x, baseline, n);
  assert_int_equal(found.n, n);
  assert_close(found.df, (double)(n - 1), 0);
  assert_close(found.mean, mean, 1e-14);
  assert_close(found.se, se, 1e-14);
  assert_close(found.t, t, 1e-10 * fabs(t));
  assert_close(found.p, p, 1e-10);
  assert_close(found.p / p, 1, 1e-9);
  assert_close(srope_statistics_compare(baseline, x, n).t, -found.t, 0);
}

static const double ordinal_ne[] = {0.6206, 0.6205, 0.6207, 0.6209, 0.6204};
static const double siren_ne[] = {0.6181, 0.6184, 0.6179, 0.6188, 0.6180};

static void test_comparison(void **state) {
  (void)state;
  static const double slept_b[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}; /* Student 1908 */
  static const double slept_a[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2};
  check_comparison(slept_b, slept_a, 10, 1.58, 0.388958723888395244, 4.06212768338203611, 0.00283289019738427274);
  check_comparison(siren_ne, ordinal_ne, 5, -0.00238, 0.000131909059582729192, -18.0427334371779009,
                   5.54753491570032966e-5);
  check_comparison((const double[]){1, 2}, (const double[]){0, 0.5}, 2, 1.25, 0.25, 5, 0.125665916378002368);
  check_comparison((const double[]){0.5, 0.7, 0.4}, (const double[]){0.55, 0.65, 0.5}, 3, -0.0333333333333333333,
                   0.0440958551844098432, -0.755928946018454454, 0.528595479208968317);
}

static void test_comparison_undefined(void **state) {
  (void)state;
  srope_paired_test one = srope_statistics_compare(siren_ne, ordinal_ne, 1);
  assert_close(one.mean, -0.0025, 1e-15);
  assert_true(isnan(one.se) && isnan(one.t) && isnan(one.p));
  assert_true(isnan(srope_statistics_compare(NULL, NULL, 0).mean));
  /* equal up to the rounding of 0.7 - 0.6, which is not 0.3 - 0.2 */
  srope_paired_test same = srope_statistics_compare((double[]){0.7, 0.3, 0.9}, (double[]){0.6, 0.2, 0.8}, 3);
  assert_close(same.mean, 0.1, 1e-15);
  assert_true(same.se < 1e-15 && isnan(same.t) && isnan(same.p));
  srope_paired_test bad = srope_statistics_compare((double[]){0.7, NAN}, (double[]){0.6, 0.2}, 2);
  assert_true(isnan(bad.mean) && isnan(bad.p));
}

static void test_holm(void **state) {
  (void)state;
  const double p[] = {0.01, NAN, 0.04, 0.03, 0.005, 0.9}, expected[] = {0.04, NAN, 0.09, 0.09, 0.025, 0.9};
  double adjusted[6];
  srope_statistics_adjust_holm(p, 6, adjusted);
  for (int i = 0; i < 6; i++)
    if (i == 1)
      assert_true(isnan(adjusted[i]));
    else
      assert_close(adjusted[i], expected[i], 1e-15);
  srope_statistics_adjust_holm((const double[]){0.6, 0.7}, 2, adjusted);
  assert_close(adjusted[0], 1, 0);
  assert_close(adjusted[1], 1, 0);
}

/* ---------------------------------------------------------------- users */

enum { N_USERS = 12, N_EVENTS = 150, N_REPLICATES = 64, SEED = 9 };

typedef struct outcomes {
  float logit[N_EVENTS], baseline[N_EVENTS], label[N_EVENTS];
  size_t user_begin[N_USERS + 1];
} outcomes;

/* Users of 0 to 24 events, coarse logits so that many are tied, the model's better than the baseline's; some labels are
 * fractions, some missing. */
static srope_user_outcomes make_outcomes(outcomes *o) {
  srope_rng rng;
  srope_rng_seed(&rng, 5, 0);
  for (size_t u = 0; u <= N_USERS; u++) o->user_begin[u] = u * (u - 1) * N_EVENTS / (N_USERS * (N_USERS - 1));
  o->user_begin[0] = 0;
  for (size_t i = 0; i < N_EVENTS; i++) {
    o->label[i] = i % 11 == 3 ? 0.75f : srope_rng_uniform(&rng) < 0.3;
    o->logit[i] = (float)(floor(4 * (srope_rng_normal(&rng) + 1.2 * o->label[i])) / 4 - 1);
    o->baseline[i] = (float)(floor(4 * (srope_rng_normal(&rng) + 0.4 * o->label[i])) / 4 - 1);
    if (i % 13 == 5) o->label[i] = NAN;
  }
  return (srope_user_outcomes){N_EVENTS, o->logit, o->baseline, o->label, N_USERS, o->user_begin};
}

/* From the definition: every pair of a yes and a no, or of their shares in two events. */
static double count_pairs(const float *logit, const float *label, size_t n) {
  double right = 0, pairs = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double pair = isnan(label[i]) || isnan(label[j]) ? 0 : (double)label[i] * (1 - (double)label[j]);
      right += pair * (logit[i] > logit[j] ? 1 : logit[i] == logit[j] ? 0.5 : 0);
      pairs += pair;
    }
  return right / pairs;
}

/* The replicate spelled out: drawn users' events copied one behind the other, and measured as any others. */
static void measure_copy(const srope_user_outcomes *o, const uint32_t *users, double *ne, double *auc) {
  static float logit[N_USERS * N_EVENTS], baseline[N_USERS * N_EVENTS], label[N_USERS * N_EVENTS];
  size_t n = 0;
  for (int draw = 0; draw < N_USERS; draw++)
    for (size_t i = o->user_begin[users[draw]]; i < o->user_begin[users[draw] + 1]; i++, n++) {
      logit[n] = o->logit[i];
      baseline[n] = o->baseline[i];
      label[n] = o->label[i];
    }
  srope_metrics m[2];
  assert_int_equal(srope_metrics_compute(logit, label, n, &m[0], NULL), SROPE_OK);
  assert_int_equal(srope_metrics_compute(baseline, label, n, &m[1], NULL), SROPE_OK);
  *ne = m[0].ne - m[1].ne;
  *auc = count_pairs(logit, label, n) - count_pairs(baseline, label, n);
}

static int compare_doubles(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* 64 replicates: the quantiles stand at places 1.575 and 61.425 of 0 .. 63. */
static void check_interval(const srope_interval *found, double *x, double difference) {
  int below = 0, above = 0;
  for (int r = 0; r < N_REPLICATES; r++) {
    below += x[r] <= 0;
    above += x[r] >= 0;
  }
  qsort(x, N_REPLICATES, sizeof *x, compare_doubles);
  assert_close(found->difference, difference, 1e-12);
  assert_close(found->low, x[1] + 0.575 * (x[2] - x[1]), 1e-12);
  assert_close(found->high, x[61] + 0.425 * (x[62] - x[61]), 1e-12);
  assert_close(found->p, fmin(1, 2 * ((below < above ? below : above) + 1) / 65.0), 1e-12);
  assert_true(found->low < found->difference && found->difference < found->high);
}

static void test_bootstrap(void **state) {
  (void)state;
  outcomes memory;
  srope_user_outcomes o = make_outcomes(&memory);
  srope_bootstrap found;
  double ne[N_REPLICATES], auc[N_REPLICATES], whole_ne, whole_auc;
  uint32_t users[N_USERS];
  assert_int_equal(srope_statistics_bootstrap(&o, N_REPLICATES, SEED, &found, NULL), SROPE_OK);
  assert_int_equal(found.n_defined, N_REPLICATES);
  for (uint32_t r = 0; r < N_REPLICATES; r++) {
    srope_rng rng;
    srope_rng_seed(&rng, SEED, r);
    for (int u = 0; u < N_USERS; u++) users[u] = srope_rng_below(&rng, N_USERS);
    measure_copy(&o, users, &ne[r], &auc[r]);
  }
  for (uint32_t u = 0; u < N_USERS; u++) users[u] = u;
  measure_copy(&o, users, &whole_ne, &whole_auc);
  check_interval(&found.ne, ne, whole_ne);
  check_interval(&found.auc, auc, whole_auc);
  assert_true(found.auc.p < 0.1 && found.auc.difference > 0 && found.ne.difference < 0);
}

static void test_bootstrap_undefined(void **state) {
  (void)state;
  outcomes memory;
  srope_user_outcomes o = make_outcomes(&memory);
  srope_bootstrap found;
  o.baseline = o.logit; /* a model against itself: certain of no difference */
  assert_int_equal(srope_statistics_bootstrap(&o, 50, 1, &found, NULL), SROPE_OK);
  assert_close(found.ne.p, 1, 0);
  assert_close(found.auc.low, 0, 0);
  assert_close(found.auc.high, 0, 0);
  const size_t alone[] = {0, N_EVENTS};
  o.baseline = memory.baseline;
  o.n_users = 1;
  o.user_begin = alone;
  assert_int_equal(srope_statistics_bootstrap(&o, 50, 1, &found, NULL), SROPE_OK);
  assert_true(!isnan(found.auc.difference) && isnan(found.auc.low) && isnan(found.ne.p));
  memset(memory.label, 0, sizeof memory.label); /* one label only */
  assert_int_equal(srope_statistics_bootstrap(&o, 50, 1, &found, NULL), SROPE_OK);
  assert_true(isnan(found.ne.difference) && isnan(found.auc.p) && found.n_defined == 0);
  o.n = o.n_users = 0;
  assert_int_equal(srope_statistics_bootstrap(&o, 50, 1, &found, NULL), SROPE_OK);
  assert_true(isnan(found.ne.difference));
}

/* A user whose events alone have both labels: replicates without it are left out, and said so. */
static void test_bootstrap_left_out(void **state) {
  (void)state;
  const float logit[] = {1, -1, -2}, baseline[] = {-1, 1, -2}, label[] = {1, 0, 0};
  const size_t user_begin[] = {0, 2, 3};
  const srope_user_outcomes o = {3, logit, baseline, label, 2, user_begin};
  srope_bootstrap found;
  assert_int_equal(srope_statistics_bootstrap(&o, 400, 1, &found, NULL), SROPE_OK);
  assert_int_equal(found.n_replicates, 400);
  assert_true(found.n_defined > 260 && found.n_defined < 340); /* 3 in 4 */
  assert_close(found.auc.difference, 0.5, 1e-15);              /* 1 against 1/2 */
  assert_close(found.auc.low, 0.5, 1e-15);                     /* both users */
  assert_close(found.auc.high, 1, 1e-15);                      /* the first one twice */
}

static void test_bootstrap_errors(void **state) {
  (void)state;
  outcomes memory;
  srope_user_outcomes good = make_outcomes(&memory), o = good;
  srope_bootstrap found;
  srope_error error;
  assert_int_equal(srope_statistics_bootstrap(&o, 0, 1, &found, &error), SROPE_ERR_ARGUMENT);
  assert_string_equal(error.where, "n_replicates");
  assert_int_equal(srope_statistics_bootstrap(&o, SROPE_BOOTSTRAP_MAX_REPLICATES + 1, 1, &found, &error),
                   SROPE_ERR_LIMIT);
  o.n--;
  assert_int_equal(srope_statistics_bootstrap(&o, 9, 1, &found, &error), SROPE_ERR_ARGUMENT);
  assert_string_equal(error.where, "user_begin");
  o = good;
  memory.user_begin[3] = N_EVENTS + 1;
  assert_int_equal(srope_statistics_bootstrap(&o, 9, 1, &found, &error), SROPE_ERR_ARGUMENT);
  o = make_outcomes(&memory);
  memory.label[4] = 1.01f;
  assert_int_equal(srope_statistics_bootstrap(&o, 9, 1, &found, &error), SROPE_ERR_VALUE);
  o = make_outcomes(&memory);
  memory.baseline[4] = INFINITY;
  assert_int_equal(srope_statistics_bootstrap(&o, 9, 1, &found, &error), SROPE_ERR_VALUE);
}

/* ---------------------------------------------------------------- the report */

enum { R = 3, E = 5, T = 2 };

static const cli_ablation_row rows[R] = {{"ordinal", "positions only", 141000, 310.25},
                                         {"a<b>&\"c", "names are escaped", 141001, NAN},
                                         {"siren", "all features, both branches", 150800, 340}};
static const char *const tasks[T] = {"like", "follow"};
static const uint64_t seeds[E] = {1, 2, 3, 4, UINT64_MAX};

/* like: the figures of test_comparison for siren, a row that is worse for the other. follow: one label only. */
static cli_ablation make_ablation(srope_metrics *metrics, srope_bootstrap *bootstrap) {
  for (int row = 0; row < R; row++)
    for (int seed = 0; seed < E; seed++) {
      double ne = row == 2 ? siren_ne[seed] : ordinal_ne[seed] + (row == 1 ? 0.002 + 0.0001 * seed : 0);
      metrics[(row * E + seed) * T] = (srope_metrics){2000, 0.125, ne, 1.5 - ne, 0.01 * row};
      metrics[(row * E + seed) * T + 1] = (srope_metrics){2000, 0, NAN, NAN, 0.001 * seed};
    }
  for (int i = 0; i < R * T; i++)
    bootstrap[i] = (srope_bootstrap){
        {-0.0021, -0.003, -0.0011, 0.002}, {NAN, NAN, NAN, NAN}, .n_replicates = 1000, .n_defined = 990};
  return (cli_ablation){.about = "made-up figures",
                        .rows = rows,
                        .n_rows = R,
                        .seeds = seeds,
                        .n_seeds = E,
                        .tasks = tasks,
                        .n_tasks = T,
                        .metrics = metrics,
                        .bootstrap = bootstrap,
                        .bootstrap_about = "1000 times"};
}

typedef enum format { TEXT, COLOURS, JSON, SVG } format;

/* The caller frees it. */
static char *print(const cli_ablation *ablation, format f) {
  char *text = NULL;
  size_t size;
  srope_error error;
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  srope_status status = f == JSON  ? cli_ablation_print_json(ablation, out, &error)
                        : f == SVG ? cli_ablation_print_svg(ablation, out, &error)
                                   : cli_ablation_print_text(ablation, out, f == COLOURS, &error);
  assert_int_equal(status, SROPE_OK);
  assert_int_equal(fclose(out), 0);
  return text;
}

static void assert_holds(const char *text, const char *piece) {
  if (strstr(text, piece) == NULL) fail_msg("no \"%s\" in:\n%s", piece, text);
}

static void test_report_text(void **state) {
  (void)state;
  srope_metrics metrics[R * E * T];
  srope_bootstrap bootstrap[R * T];
  cli_ablation a = make_ablation(metrics, bootstrap);
  char *text = print(&a, TEXT);
  assert_holds(text, "made-up figures; 3 configurations, 5 seeds: 1 2 3 4 18446744073709551615\n");
  assert_holds(text, "\nlike: 2000 events, base rate 0.1250\nconfiguration  NE ± se ");
  assert_holds(text, "\nordinal        0.62062 ± 0.00009  0.87938 ± 0.00009  0.00000 ± 0.00000   baseline\n");
  assert_holds(text, "\nsiren          0.61824 ± 0.00016  0.88176 ± 0.00016  0.02000 ± 0.00000   -0.00238  <0.001 ***  "
                     "+0.00238  <0.001 ***\n");
  assert_holds(text, "\nsiren          undefined          undefined          0.00200 ± 0.00071  undefined  undef.");
  assert_holds(text, "-0.00210 [-0.00300, -0.00110]  0.0020");
  assert_holds(text, "\nsiren              150800      340.0  all features, both branches\n");
  assert_holds(text, "  undefined  names are escaped\n");
  assert_holds(text, "Holm-adjusted over the other rows");
  assert_null(strchr(text, '\033'));
  free(text);
  text = print(&a, COLOURS);
  assert_holds(text, "\033[32m -0.00238  <0.001\033[0m ***"); /* better */
  assert_holds(text, "\033[31m +0.00220  <0.001\033[0m ***"); /* worse */
  free(text);
}

static void test_report_one_seed(void **state) {
  (void)state;
  srope_metrics metrics[R * E * T];
  srope_bootstrap bootstrap[R * T];
  cli_ablation a = make_ablation(metrics, bootstrap);
  a.n_seeds = 1;
  a.n_rows = 2;
  metrics[2] = metrics[E * T]; /* the second row's first seed, now at (1, 0, 0) */
  a.bootstrap = NULL;
  char *text = print(&a, TEXT);
  assert_holds(text, "2 configurations, 1 seed: 1\n");
  assert_holds(text, "0.62060 ± undef.");
  assert_holds(text, "+0.00200  undef.");
  assert_holds(text, "undefined for one seed");
  assert_null(strstr(text, "over users"));
  free(text);
  text = print(&a, SVG);
  assert_holds(text, "1 seed, so no standard errors and no tests");
  assert_holds(text, "+0.00200 ± undefined, adjusted p undefined");
  free(text);
}

/* "/rows/2/name": the vendored reader is built without its own pointers. */
static yyjson_val *find(yyjson_val *value, const char *path) {
  for (const char *at = path; *at != '\0' && value != NULL;) {
    size_t n = strcspn(++at, "/");
    value = yyjson_is_arr(value) ? yyjson_arr_get(value, strtoul(at, NULL, 10)) : yyjson_obj_getn(value, at, n);
    at += n;
  }
  if (value == NULL) fail_msg("no %s", path);
  return value;
}

static double find_number(yyjson_val *root, const char *path) { return yyjson_get_num(find(root, path)); }

static void test_report_json(void **state) {
  (void)state;
  srope_metrics metrics[R * E * T];
  srope_bootstrap bootstrap[R * T];
  cli_ablation a = make_ablation(metrics, bootstrap);
  char *text = print(&a, JSON);
  yyjson_doc *document = yyjson_read(text, strlen(text), YYJSON_READ_NOFLAG);
  assert_non_null(document);
  yyjson_val *root = yyjson_doc_get_root(document);
  assert_string_equal(yyjson_get_str(find(root, "/rows/1/name")), rows[1].name);
  assert_string_equal(yyjson_get_str(find(root, "/baseline")), "ordinal");
  assert_true(yyjson_get_uint(find(root, "/seeds/4")) == UINT64_MAX);
  assert_close(find_number(root, "/rows/2/parameters"), 150800, 0);
  assert_true(yyjson_is_null(find(root, "/rows/1/seconds")));
  assert_true(yyjson_is_null(find(root, "/rows/0/tasks/0/ne/difference")));
  const srope_paired_test test = srope_statistics_compare(siren_ne, ordinal_ne, E);
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/mean"), test.mean, 0); /* to the bit */
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/standard_error"), test.se, 0);
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/t"), test.t, 0);
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/degrees_of_freedom"), 4, 0);
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/p"), 5.54753491570032966e-5, 1e-12);
  double p = find_number(root, "/rows/2/tasks/0/ne/difference/p"), adjusted[2];
  srope_statistics_adjust_holm((double[]){p, find_number(root, "/rows/1/tasks/0/ne/difference/p")}, 2, adjusted);
  assert_close(find_number(root, "/rows/2/tasks/0/ne/difference/p_holm"), adjusted[0], 0);
  for (int seed = 0; seed < E; seed++) {
    char path[64];
    snprintf(path, sizeof path, "/rows/2/tasks/0/seeds/%d/ne", seed);
    assert_close(find_number(root, path), siren_ne[seed], 0);
  }
  assert_close(find_number(root, "/rows/2/tasks/1/seeds/3/ece"), 0.003, 0);
  assert_true(yyjson_is_null(find(root, "/rows/2/tasks/1/auc/mean")));
  assert_close(find_number(root, "/rows/1/tasks/1/bootstrap_over_users/ne/low"), -0.003, 0);
  assert_close(find_number(root, "/rows/1/tasks/1/bootstrap_over_users/defined"), 990, 0);
  yyjson_doc_free(document);
  free(text);
}

/* Well-formed enough for any reader: tags closed in order, quoted attributes, no stray & or <. */
static void check_xml(const char *text) {
  char open[32][32];
  int depth = 0;
  for (const char *at = text; *at != '\0';) {
    size_t plain = strcspn(at, "<&");
    at += plain;
    if (*at == '\0') break;
    if (*at == '&') {
      size_t n = strcspn(at, "; <");
      assert_true(at[n] == ';' && n > 1 && n < 8);
      at += n;
      continue;
    }
    bool closes = at[1] == '/';
    char name[32];
    size_t n = strcspn(at + 1 + closes, " />\n");
    assert_true(n > 0 && n < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)n, at + 1 + closes);
    for (at += 1 + closes + n; *at != '>' && *at != '/'; at++) /* attributes: name="..." */
      if (*at == '"') {
        assert_true(at[-1] == '=');
        at += 1 + strcspn(at + 1, "\"<");
        assert_true(*at == '"');
      }
    bool alone = *at == '/';
    at += 1 + alone;
    if (closes) {
      assert_true(depth > 0);
      assert_string_equal(open[--depth], name);
    } else if (!alone) {
      assert_true(depth < 32);
      strcpy(open[depth++], name);
    }
  }
  assert_int_equal(depth, 0);
}

static void test_report_svg(void **state) {
  (void)state;
  srope_metrics metrics[R * E * T];
  srope_bootstrap bootstrap[R * T];
  cli_ablation a = make_ablation(metrics, bootstrap);
  char *text = print(&a, SVG);
  check_xml(text);
  assert_holds(text, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 ");
  assert_holds(text, "role=\"img\"");
  assert_holds(text, "<title id=\"plot-title\">Change in normalized entropy (NE) against ordinal</title>");
  assert_holds(text, "siren −0.00238 ± 0.00013, adjusted p 0.0001;"); /* the description */
  assert_holds(text, ">−0.00238 ***</text>");
  assert_holds(text, ">undefined </text>");
  assert_holds(text, "a&lt;b&gt;&amp;&quot;c");
  assert_holds(text, "prefers-color-scheme:dark");
  assert_null(strstr(text, "url("));
  assert_null(strstr(text, "nan"));
  free(text);
}

static void test_report_errors(void **state) {
  (void)state;
  srope_metrics metrics[R * E * T];
  srope_bootstrap bootstrap[R * T];
  cli_ablation a = make_ablation(metrics, bootstrap);
  srope_error error;
  a.baseline = R;
  assert_int_equal(cli_ablation_print_text(&a, stdout, false, &error), SROPE_ERR_ARGUMENT);
  assert_string_equal(error.where, "baseline");
  a.baseline = 0;
  a.n_seeds = 0;
  assert_int_equal(cli_ablation_print_json(&a, stdout, &error), SROPE_ERR_ARGUMENT);
  assert_int_equal(cli_ablation_print_svg(&a, stdout, &error), SROPE_ERR_ARGUMENT);
}

/* ---------------------------------------------------------------- axes */

static void test_axis(void **state) {
  (void)state;
  static const double ends[][2] = {{0, 1},     {-0.0019, 0.0019}, {-0.0049, 0}, {0.0033, -1e-5}, {0, 0},
                                   {0.6, 0.6}, {NAN, INFINITY},   {-1e6, 3e7},  {1e-9, 2e-9},    {0.7, 0.7000001}};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    for (int most = 1; most <= 9; most++) {
      cli_plot_axis axis = cli_plot_fit_axis(ends[i][0], ends[i][1], most, 10, 110);
      int n = cli_plot_count_ticks(&axis);
      assert_true(n >= 2 && n <= most + 1);
      for (int k = 0; k < 2; k++)
        if (isfinite(ends[i][k])) assert_true(ends[i][k] >= axis.low && ends[i][k] <= axis.high);
      double first = cli_plot_place(&axis, cli_plot_tick(&axis, 0));
      double last = cli_plot_place(&axis, cli_plot_tick(&axis, n - 1));
      assert_true(first > 9.99 && first < last && last < 110.01);
    }
  cli_plot_axis axis = cli_plot_fit_axis(-0.003, 0.001, 4, 0, 100);
  assert_close(axis.step, 0.001, 1e-18);
  assert_int_equal(axis.decimals, 3);
  assert_close(cli_plot_tick(&axis, 3), 0, 0);
  assert_close(cli_plot_place(&axis, 0), 75, 1e-9);
  char text[32];
  assert_string_equal(cli_plot_format(text, sizeof text, -0.00004, 4, true), "0.0000");
  assert_string_equal(cli_plot_format(text, sizeof text, -0.25, 2, true), "−0.25");
  assert_string_equal(cli_plot_format(text, sizeof text, 0.25, 2, true), "+0.25");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mean),
      cmocka_unit_test(test_beta),
      cmocka_unit_test(test_comparison),
      cmocka_unit_test(test_comparison_undefined),
      cmocka_unit_test(test_holm),
      cmocka_unit_test(test_bootstrap),
      cmocka_unit_test(test_bootstrap_undefined),
      cmocka_unit_test(test_bootstrap_left_out),
      cmocka_unit_test(test_bootstrap_errors),
      cmocka_unit_test(test_report_text),
      cmocka_unit_test(test_report_one_seed),
      cmocka_unit_test(test_report_json),
      cmocka_unit_test(test_report_svg),
      cmocka_unit_test(test_report_errors),
      cmocka_unit_test(test_axis),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
