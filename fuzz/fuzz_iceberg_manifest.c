// Manifests and manifest lists of anybody.
#include "fuzz_replay.h"
#include "iceberg/iceberg_manifest.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_str file = {.data = (const char *)data, .size = size};
  ice_manifest_reader *reader = NULL;
  ice_manifest_file *list = NULL;
  uint32_t count = 0;
  ice_arena arena;
  ice_error err;
  ice_arena_init(&arena, 1 << 26);
  if (ice_manifest_reader_create(file, NULL, NULL, &reader, &err) == ICE_OK) {
    const ice_type *partition = ice_manifest_reader_partition_type(reader);
    ice_datum *values = calloc(partition->field_count + 1, sizeof *values);
    ice_manifest_entry entry;
    bool found = true;
    while (values && ice_manifest_reader_next(reader, &arena, &entry, &found, &err) == ICE_OK && found) {
      if (ice_partition_key_split(partition, entry.file.partition, values, &err) != ICE_OK) {
        abort();
      }
    }
    free(values);
  }
  ice_manifest_reader_destroy(reader);
  ice_status status = ice_manifest_list_read(file, &arena, &list, &count, &err);
  (void)status;
  ice_arena_deinit(&arena);
  return 0;
}
