// FileMetaData alone, as it stands before its length: schema trees, statistics, row groups.
#include "fuzz_replay.h"
#include "parquet/parquet_footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_parquet_metadata metadata;
  ice_error err = {0};
  ice_status status = ice_parquet_footer_read(data, size, 1 << 20, 4 << 20, &metadata, &err);
  if (status != err.status || (status != ICE_OK && metadata.layout)) {
    __builtin_trap();
  }
  if (status == ICE_OK) {
    // What was read can be written.
    ice_bytes out;
    ice_bytes_init(&out, 64 << 20);
    for (uint32_t i = 0; i < metadata.row_group_count; i++) {
      if (!metadata.row_groups[i].columns) {
        __builtin_trap();
      }
    }
    status = ice_parquet_footer_write(&metadata, &out, &err);
    if (status != ICE_OK && status != ICE_LIMIT) {
      __builtin_trap();
    }
    ice_bytes_deinit(&out);
  }
  ice_parquet_footer_deinit(&metadata);
  return 0;
}
