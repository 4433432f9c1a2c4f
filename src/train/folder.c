/* folder.c: see folder.h. */
#include "train/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"

static bool ends_with(const char *text, size_t n, const char *end) {
  size_t n_end = strlen(end);
  return n >= n_end && memcmp(text + n - n_end, end, n_end) == 0;
}

static bool is_wanted(const char *name, const char *prefix, const char *ending) {
  size_t n = strlen(name);
  if (ends_with(name, n, ".gz")) n -= 3;
  return strncmp(name, prefix, strlen(prefix)) == 0 && ends_with(name, n, ending) &&
         n >= strlen(prefix) + strlen(ending);
}

static srope_status grow(srope_folder *folder, srope_error *error) {
  if (folder->n < folder->capacity) return SROPE_OK;
  size_t capacity = folder->capacity > 0 ? 2 * folder->capacity : 16;
  srope_folder_file *files = realloc(folder->files, capacity * sizeof *files);
  if (files == NULL) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for %zu files' names", capacity);
  folder->files = files;
  folder->capacity = capacity;
  return SROPE_OK;
}

static srope_status read_state(srope_folder_file *file, srope_error *error) {
  struct stat state;
  if (stat(file->path, &state) != 0)
    return srope_fail(error, SROPE_ERR_IO, file->path, "could not be looked at: %s", strerror(errno));
  file->size = (uint64_t)state.st_size;
#ifdef __APPLE__
  file->time_s = state.st_mtime;
  file->time_ns = state.st_mtimensec;
#else
  file->time_s = state.st_mtim.tv_sec;
  file->time_ns = state.st_mtim.tv_nsec;
#endif
  return SROPE_OK;
}

static srope_status add_file(srope_folder *folder, const char *path, const char *name, srope_error *error) {
  srope_status status = grow(folder, error);
  if (status != SROPE_OK) return status;
  size_t n = strlen(path) + 1 + strlen(name) + 1;
  srope_folder_file file = {.path = malloc(n)};
  if (file.path == NULL) return srope_fail(error, SROPE_ERR_MEMORY, path, "no memory for its files' names");
  snprintf(file.path, n, "%s/%s", path, name);
  file.name = file.path + strlen(path) + 1;
  status = read_state(&file, error);
  if (status == SROPE_OK)
    folder->files[folder->n++] = file;
  else
    free(file.path);
  return status;
}

static int compare_files(const void *left, const void *right) {
  return strcmp(((const srope_folder_file *)left)->name, ((const srope_folder_file *)right)->name);
}

srope_status srope_folder_add(srope_folder *folder, const char *path, const char *prefix, const char *ending,
                              size_t *n_found, srope_error *error) {
  const struct dirent *entry;
  srope_status status = SROPE_OK;
  size_t first = folder->n;
  DIR *directory = opendir(path);
  if (directory == NULL) return srope_fail(error, SROPE_ERR_IO, path, "could not be opened: %s", strerror(errno));
  while (status == SROPE_OK && (entry = readdir(directory)) != NULL)
    if (is_wanted(entry->d_name, prefix, ending)) status = add_file(folder, path, entry->d_name, error);
  closedir(directory);
  *n_found = folder->n - first;
  if (*n_found > 1) qsort(folder->files + first, *n_found, sizeof *folder->files, compare_files);
  return status;
}

void srope_folder_remove(srope_folder *folder, size_t i) {
  free(folder->files[i].path);
  folder->n--;
  memmove(folder->files + i, folder->files + i + 1, (folder->n - i) * sizeof *folder->files);
}

void srope_folder_free(srope_folder *folder) {
  for (size_t i = 0; i < folder->n; i++) free(folder->files[i].path);
  free(folder->files);
  *folder = (srope_folder){0};
}

uint64_t srope_folder_bytes(const srope_folder *folder) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < folder->n; i++) bytes += folder->files[i].size;
  return bytes;
}

uint64_t srope_folder_fingerprint(const srope_folder *folder) {
  uint64_t hash = folder->n;
  for (size_t i = 0; i < folder->n; i++) {
    const srope_folder_file *file = &folder->files[i];
    const uint64_t parts[] = {hash, srope_hash64(file->name, strlen(file->name)), file->size, (uint64_t)file->time_s,
                              (uint64_t)file->time_ns};
    hash = srope_hash64(parts, sizeof parts);
  }
  return hash;
}
