/* folder.h: the files of a folder that a data set is made from, by name, and their fingerprint.
 * Not here: what is in them. */
#ifndef SROPE_TRAIN_FOLDER_H
#define SROPE_TRAIN_FOLDER_H

#include "sirenrope/sirenrope.h"

typedef struct srope_folder_file {
  char *path; /* with the folder's; owned */
  const char *name;
  uint64_t size;
  int64_t time_s, time_ns; /* of its last change */
} srope_folder_file;

typedef struct srope_folder { /* zeroed = no files */
  srope_folder_file *files;
  size_t n, capacity;
} srope_folder;

/* Adds the folder's files <prefix>*<ending> and <prefix>*<ending>.gz, in the order of their names' bytes; *n_found of them.
 * Errors: IO, MEMORY. */
srope_status srope_folder_add(srope_folder *folder, const char *path, const char *prefix, const char *ending,
                              size_t *n_found, srope_error *error);
void srope_folder_remove(srope_folder *folder, size_t i);
void srope_folder_free(srope_folder *folder);

uint64_t srope_folder_bytes(const srope_folder *folder);

/* Changes when a file is added, removed, renamed, touched or becomes longer or shorter. */
uint64_t srope_folder_fingerprint(const srope_folder *folder);

#endif
