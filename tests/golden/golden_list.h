/* golden_list.h: the folders of vectors/ and the instruction sets that builds for this processor family know (a machine
 * may lack some: those cases are skipped). Include it in a test's main file; SROPE_SOURCE_DIR comes from the build. */
#ifndef SROPE_TESTS_GOLDEN_LIST_H
#define SROPE_TESTS_GOLDEN_LIST_H

#define GOLDEN_FOLDER SROPE_SOURCE_DIR "/tests/golden/vectors"

static const char *const golden_folders[] = {
    "dnn-branch-only", "ordinal-small", "siren-5feature",  "siren-branch-only", "siren-f16",
    "siren-one-event", "siren-paper",   "siren-requests",  "siren-semantic",    "siren-small",
    "siren-tiled",     "siren-trend",   "siren-year-only", "torope-small",
};
#if defined(__x86_64__)
static const char *const golden_isas[] = {"scalar", "avx2", "avx512"};
#elif defined(__aarch64__)
static const char *const golden_isas[] = {"scalar", "neon"};
#else
static const char *const golden_isas[] = {"scalar"};
#endif

enum {
  GOLDEN_COUNT = sizeof golden_folders / sizeof *golden_folders,
  GOLDEN_ISA_COUNT = sizeof golden_isas / sizeof *golden_isas
};

#endif
