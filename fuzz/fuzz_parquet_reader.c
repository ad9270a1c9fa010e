// A whole file: footer, page headers, levels, dictionaries, values, assembly.
#include "fuzz_replay.h"
#include "parquet/parquet_reader.h"

enum { ROWS_MAX = 4000, ROWS_AT_ONCE = 300 };

static ice_status read_input(void *context, uint64_t offset, void *data, size_t size, ice_error *err) {
  const ice_str *input = context;
  if (offset > input->size || size > input->size - offset) {
    // The reader has promised not to ask for this.
    __builtin_trap();
  }
  (void)err;
  if (size > 0) {
    memcpy(data, input->data + offset, size);
  }
  return ICE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_str input = {.data = (const char *)data, .size = size};
  ice_parquet_reader *reader = NULL;
  ice_batch batch = {0};
  ice_parquet_reader_options options = {.footer_size_max = 1 << 20,
                                        .metadata_memory_max = 4 << 20,
                                        .page_size_max = 1 << 20,
                                        .slots_max = 1 << 16,
                                        .ignore_crc = true};
  ice_error err = {0};
  ice_status status = ice_parquet_reader_open(
      (ice_parquet_input){.context = &input, .size = size, .read = read_input}, &options, &reader, &err);
  if (status == ICE_OK) {
    status = ice_batch_init(&batch, ice_parquet_reader_projection(reader), &err);
  }
  for (size_t total = 0; status == ICE_OK && total < ROWS_MAX;) {
    size_t count = 0;
    ice_batch_clear(&batch);
    status = ice_parquet_reader_read(reader, ROWS_AT_ONCE, &batch, &count, &err);
    for (uint32_t i = 0; i < batch.column_count; i++) {
      if (batch.columns[i].length != batch.row_count) {
        __builtin_trap();
      }
    }
    total += count;
    if (count == 0) {
      break;
    }
  }
  if (status != err.status) {
    __builtin_trap();
  }
  ice_batch_deinit(&batch);
  ice_parquet_reader_close(reader);
  return 0;
}
