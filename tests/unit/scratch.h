/* scratch.h: a folder of a test's own, and files in it. */
#ifndef SROPE_TESTS_UNIT_SCRATCH_H
#define SROPE_TESTS_UNIT_SCRATCH_H

#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

typedef struct scratch {
  char path[256];
} scratch;

static inline scratch scratch_make(void) {
  scratch folder;
  const char *base = getenv("TMPDIR");
  snprintf(folder.path, sizeof folder.path, "%s/siren-rope-test-XXXXXX", base && base[0] ? base : "/tmp");
  assert_non_null(mkdtemp(folder.path));
  return folder;
}

/* The path of a name in it; of the last eight asked for. */
static inline const char *scratch_path(const scratch *folder, const char *name) {
  static char paths[8][512];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
  return path;
}

static inline void scratch_write(const scratch *folder, const char *name, const void *bytes, size_t n) {
  FILE *file = fopen(scratch_path(folder, name), "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

static inline void scratch_text(const scratch *folder, const char *name, const char *text) {
  scratch_write(folder, name, text, strlen(text));
}

static inline void scratch_gzip(const scratch *folder, const char *name, const void *bytes, size_t n) {
  gzFile file = gzopen(scratch_path(folder, name), "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, bytes, (unsigned)n), n);
  assert_int_equal(gzclose(file), Z_OK);
}

static inline unsigned char *scratch_read(const scratch *folder, const char *name, size_t *n) {
  FILE *file = fopen(scratch_path(folder, name), "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  *n = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*n + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *n, file), *n);
  fclose(file);
  return bytes;
}

/* Removes its files, and counts them. */
static inline int scratch_empty(const scratch *folder) {
  int n = 0;
  DIR *directory = opendir(folder->path);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.') n += unlink(scratch_path(folder, entry->d_name)) == 0;
  closedir(directory);
  return n;
}

static inline void scratch_remove(const scratch *folder) {
  scratch_empty(folder);
  assert_int_equal(rmdir(folder->path), 0);
}

#endif
