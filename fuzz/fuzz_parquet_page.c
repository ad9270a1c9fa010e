// A page header, and the hybrid of levels and codes. The first byte chooses the width.
#include "fuzz_replay.h"
#include "parquet/parquet_encoding.h"
#include "parquet/parquet_page.h"

enum { NUMBERS = 512, NUMBERS_MAX = 20000 };

static void decode_numbers(const uint8_t *data, size_t size) {
  uint32_t numbers[NUMBERS];
  ice_parquet_rle_decoder decoder;
  if (size == 0 || !ice_parquet_rle_decoder_init(&decoder, data + 1, size - 1, data[0] % 40u)) {
    return;
  }
  for (size_t total = 0; total < NUMBERS_MAX; total += NUMBERS) {
    if (!ice_parquet_rle_decode(&decoder, numbers, NUMBERS)) {
      return;
    }
    for (size_t i = 0; i < NUMBERS; i++) {
      if (decoder.width < 32 && numbers[i] >> decoder.width != 0) {
        __builtin_trap();
      }
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_parquet_page_header header;
  size_t used = 0;
  bool truncated = false;
  ice_status status = ice_parquet_page_header_read(data, size, &header, &used, &truncated, NULL);
  if (status == ICE_OK && (used > size || header.value_count < 0 || header.compressed_size < 0)) {
    __builtin_trap();
  }
  decode_numbers(data, size);
  return 0;
}
