/// Kafka's record batch v2 (magic 2), as it stands on disk and on the wire
/// (https://kafka.apache.org/documentation/#recordbatch).
#ifndef ICE_SOURCE_RECORD_BATCH_H
#define ICE_SOURCE_RECORD_BATCH_H

#include "codec/compress.h"
#include "source/source.h"

enum {
  ICE_RECORD_BATCH_HEADER = 61,
  /// baseOffset and batchLength stand before what batchLength counts.
  ICE_RECORD_BATCH_OVERHEAD = 12,
  ICE_RECORD_BATCH_SIZE_MAX = 256 << 20
};

typedef struct ice_record_batch {
  int64_t base_offset;
  size_t size;  ///< whole batch in bytes, header included
  uint32_t crc;
  ice_codec codec;
  bool log_append_time;
  bool transactional;
  bool control;
  int32_t last_offset_delta;
  int64_t base_timestamp;
  int64_t max_timestamp;
  int32_t record_count;
} ice_record_batch;

/// Read the header of a batch.
///
/// Errors: CORRUPT (bad length, magic other than 2, unknown codec, counts that cannot be).
///   LIMIT when `size` holds fewer than ICE_RECORD_BATCH_HEADER bytes.
ICE_MUST_CHECK ice_status ice_record_batch_parse(const void *data, size_t size, ice_record_batch *out,
                                                 ice_error *err);

/// True when the CRC-32C of the whole batch at `data` (`batch->size` bytes) is right.
bool ice_record_batch_check(const ice_record_batch *batch, const void *data);

/// Add the records of the batch whose bytes stand at `data_at` in the chunk's own data, from offset `from` on, and the
/// range [from, end of batch): offsets before the batch that compaction took away are gaps of it. Control batches add a gap. Compressed records are decompressed behind the
/// chunk's data.
///
/// Errors: CORRUPT (what, at which offset), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_record_batch_read(const ice_record_batch *batch, ice_compressor *compressor,
                                                size_t data_at, uint32_t partition, int64_t from, ice_chunk *chunk,
                                                ice_error *err);

/// A batch under construction.
typedef struct ice_record_batch_builder {
  ice_bytes records;
  int32_t record_count;
  int64_t base_timestamp;
  int64_t max_timestamp;
} ice_record_batch_builder;

void ice_record_batch_builder_init(ice_record_batch_builder *builder);
void ice_record_batch_builder_deinit(ice_record_batch_builder *builder);

/// Add a record; key and value with `data` NULL are null.
ICE_MUST_CHECK ice_status ice_record_batch_builder_add(ice_record_batch_builder *builder, int64_t timestamp_ms,
                                                       ice_str key, ice_str value, ice_error *err);

/// Append the finished batch to `out` and make the builder empty. INVALID_STATE without records.
ICE_MUST_CHECK ice_status ice_record_batch_builder_finish(ice_record_batch_builder *builder,
                                                          ice_compressor *compressor, ice_codec codec,
                                                          int64_t base_offset, ice_bytes *out, ice_error *err);

#endif
