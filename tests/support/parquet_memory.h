/// Parquet files in memory: output, input and spill target of the tests.
#ifndef ICE_TESTS_PARQUET_MEMORY_H
#define ICE_TESTS_PARQUET_MEMORY_H

#include "parquet/parquet_reader.h"
#include "parquet/parquet_writer.h"

enum { MEMORY_FILE_MAX = 1 << 30 };

static inline ice_status memory_write(void *context, const void *data, size_t size, ice_error *err) {
  return ice_bytes_append(context, data, size, err);
}

static inline ice_status memory_append(void *context, const void *data, size_t size, uint64_t *offset,
                                       ice_error *err) {
  *offset = ((ice_bytes *)context)->size;
  return ice_bytes_append(context, data, size, err);
}

static inline ice_status memory_read(void *context, uint64_t offset, void *data, size_t size, ice_error *err) {
  const ice_bytes *bytes = context;
  if (offset > bytes->size || size > bytes->size - offset) {
    return ice_error_set(err, ICE_IO, "read beyond the end");
  }
  if (size > 0) {
    memcpy(data, bytes->data + offset, size);
  }
  return ICE_OK;
}

static inline ice_parquet_output memory_output(ice_bytes *bytes) {
  ice_bytes_init(bytes, MEMORY_FILE_MAX);
  return (ice_parquet_output){.context = bytes, .write = memory_write};
}

static inline ice_parquet_input memory_input(ice_bytes *bytes) {
  return (ice_parquet_input){.context = bytes, .size = bytes->size, .read = memory_read};
}

static inline ice_parquet_spill memory_spill(ice_bytes *bytes) {
  ice_bytes_init(bytes, MEMORY_FILE_MAX);
  return (ice_parquet_spill){.context = bytes, .append = memory_append, .read = memory_read};
}

#endif
