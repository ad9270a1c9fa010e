// Replays a corpus directory through a fuzz target without libFuzzer. Each input is copied to memory of its exact
// size, so that a read beyond its end is seen by the sanitizers; the copy starts at an odd address. The whole
// input is given, then every prefix of it up to 4 KiB long.
#include "fuzz_replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_MAX = 4096, INPUT_MAX = 1 << 24 };

static int replay(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size + 1);
  if (!copy) {
    return 1;
  }
  if (size > 0) {
    memcpy(copy + 1, data, size);
  }
  LLVMFuzzerTestOneInput(copy + 1, size);
  free(copy);
  return 0;
}

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return 1;
  }
  uint8_t *data = malloc(INPUT_MAX);
  size_t size = data ? fread(data, 1, INPUT_MAX, file) : 0;
  int failed = !data || ferror(file) ? 1 : replay(data, size);
  for (size_t prefix = 0; !failed && prefix < size && prefix < PREFIX_MAX; prefix++) {
    failed = replay(data, prefix);
  }
  free(data);
  fclose(file);
  return failed;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) {
    DIR *directory = opendir(argv[i]);
    if (!directory) {
      perror(argv[i]);
      return 1;
    }
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
      if (entry->d_name[0] == '.') {
        continue;
      }
      char path[4096];
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      if (replay_file(path) != 0) {
        return 1;
      }
      count++;
    }
    closedir(directory);
  }
  printf("%d inputs replayed\n", count);
  return count > 0 ? 0 : 1;
}
