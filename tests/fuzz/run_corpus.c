/* run_corpus.c: a fuzz target over its saved inputs, as an ordinary test: no fuzzer needed. Passes when nothing
 * crashed, leaked or tripped a sanitizer, and fails when a folder has no inputs. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t run_folder(const char *folder) {
  size_t n_inputs = 0;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[1024];
    size_t size;
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    unsigned char *file = tensor_file_read(path, &size), *exact = malloc(size ? size : 1);
    if (!exact) exit(EXIT_FAILURE);
    memcpy(exact, file, size);     /* not a byte longer, so that the sanitizers see one too many */
    fprintf(stderr, "%s\n", path); /* the last one printed is the one that crashed */
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(file);
    n_inputs++;
  }
  if (directory) closedir(directory);
  printf("%s: %zu inputs\n", folder, n_inputs);
  return n_inputs;
}

int main(void) {
  static const char *const folders[] = {CORPUS};
  size_t n_empty = 0;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) n_empty += run_folder(folders[i]) == 0;
  return n_empty ? EXIT_FAILURE : EXIT_SUCCESS;
}
