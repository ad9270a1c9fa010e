/// A directory of a test's own under /tmp.
#ifndef ICE_TESTS_SCRATCH_DIRECTORY_H
#define ICE_TESTS_SCRATCH_DIRECTORY_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_PATH = 512 };

typedef struct scratch {
  char path[64];
} scratch;

static inline void scratch_create(scratch *self) {
  snprintf(self->path, sizeof self->path, "/tmp/icesink-test-XXXXXX");
  if (!mkdtemp(self->path)) {
    abort();
  }
}

/// The path of `name` in the directory.
static inline void scratch_path(const scratch *self, const char *name, char out[SCRATCH_PATH]) {
  snprintf(out, SCRATCH_PATH, "%s/%s", self->path, name);
}

static inline int scratch_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)info;
  (void)kind;
  (void)place;
  return remove(path);
}

static inline void scratch_remove(const scratch *self) {
  nftw(self->path, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int scratch_count(const char *path) {
  int count = 0;
  DIR *directory = opendir(path);
  for (const struct dirent *entry = directory ? readdir(directory) : NULL; entry; entry = readdir(directory)) {
    count += entry->d_name[0] != '.';
  }
  if (directory) {
    closedir(directory);
  }
  return count;
}

#endif
