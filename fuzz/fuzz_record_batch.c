// A Kafka record batch as it comes from a disk or a wire. The CRC is set right first, so that what lies behind it is
// reached; what is read must lie within the chunk.
#include "base/checked.h"
#include "codec/checksum.h"
#include "fuzz_replay.h"
#include "source/record_batch.h"
#include <stdlib.h>

enum { AT_LENGTH = 8, AT_CRC = 17, AT_COVERED = 21, INPUT_MAX = 1 << 16 };

static void check_records(const ice_chunk *chunk) {
  for (size_t i = 0; i < chunk->record_count; i++) {
    const ice_record *record = &chunk->records[i];
    size_t value_size = record->value_size < 0 ? 0 : (size_t)record->value_size;
    size_t key_size = record->key_size < 0 ? 0 : (size_t)record->key_size;
    if (record->value_at + value_size > chunk->data.size || record->key_at + key_size > chunk->data.size) {
      abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_compressor *compressor = NULL;
  ice_chunk chunk;
  ice_record_batch batch;
  ice_error err;
  ice_chunk_init(&chunk);
  if (size > INPUT_MAX || ice_compressor_create(&compressor, &err) != ICE_OK ||
      ice_bytes_append(&chunk.data, data, size, &err) != ICE_OK) {
    goto done;
  }
  if (size >= ICE_RECORD_BATCH_HEADER) {
    ice_store_u32be(chunk.data.data + AT_LENGTH, (uint32_t)(size - ICE_RECORD_BATCH_OVERHEAD));
    ice_store_u32be(chunk.data.data + AT_CRC, ice_crc32c(0, chunk.data.data + AT_COVERED, size - AT_COVERED));
  }
  if (ice_record_batch_parse(chunk.data.data, size, &batch, &err) == ICE_OK &&
      ice_record_batch_check(&batch, chunk.data.data) &&
      ice_record_batch_read(&batch, compressor, 0, 0, batch.base_offset, &chunk, &err) == ICE_OK) {
    check_records(&chunk);
  }
done:
  ice_chunk_deinit(&chunk);
  ice_compressor_destroy(compressor);
  return 0;
}
