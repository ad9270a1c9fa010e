// An Avro file of anybody: header and blocks, every codec.
#include "avro/avro_container.h"
#include "fuzz_replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_avro_reader *reader = NULL;
  ice_error err;
  if (ice_avro_reader_create(ice_str_make((const char *)data, size), &reader, &err) == ICE_OK) {
    int64_t count;
    ice_str block;
    while (ice_avro_reader_next(reader, &count, &block, &err) == ICE_OK && block.data) {
    }
  }
  ice_avro_reader_destroy(reader);
  return 0;
}
