/// Records with positions: what a Kafka topic gives, from a broker or from its log on disk.
#ifndef ICE_SOURCE_SOURCE_H
#define ICE_SOURCE_SOURCE_H

#include "base/bytes.h"
#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/// One record in a chunk. Places are offsets into the chunk's `data`; a size of -1 is null.
typedef struct ice_record {
  int64_t offset;
  int64_t timestamp_ms;  ///< -1 where the log has none
  uint32_t partition;    ///< index of the source's partition
  uint32_t key_at;
  int32_t key_size;
  uint32_t value_at;
  int32_t value_size;
} ice_record;

/// What a chunk consumed of one partition: [from, to), of which `record_count` offsets are records and the rest gaps
/// (control, aborted and compacted offsets).
typedef struct ice_chunk_range {
  uint32_t partition;
  int64_t from;
  int64_t to;
  int64_t record_count;
} ice_chunk_range;

enum { ICE_CHUNK_RECORDS_MAX = 1 << 20, ICE_CHUNK_BYTES_MAX = 1 << 30 };

/// Records on their way from the source to a decoder, with the memory that they live in.
///
/// Ownership: the caller's storage. Threads: one at a time; may move between threads.
typedef struct ice_chunk {
  ice_bytes data;
  ice_record *records;
  size_t record_count;
  size_t record_capacity;
  ice_chunk_range *ranges;
  size_t range_count;
  size_t range_capacity;
} ice_chunk;

void ice_chunk_init(ice_chunk *chunk);
void ice_chunk_deinit(ice_chunk *chunk);
/// Forget the contents, keep the memory.
void ice_chunk_clear(ice_chunk *chunk);
ICE_MUST_CHECK ice_status ice_chunk_add_record(ice_chunk *chunk, const ice_record *record, ice_error *err);
/// Extend the chunk's range of a partition to `to`; a range that does not go on where the last one ended is INTERNAL.
ICE_MUST_CHECK ice_status ice_chunk_add_range(ice_chunk *chunk, const ice_chunk_range *range, ice_error *err);
/// Bytes held.
size_t ice_chunk_memory(const ice_chunk *chunk);

/// `data` NULL where `size` is below 0; an empty text has a place, also in a chunk without any bytes.
static inline ice_str ice_chunk_text(const ice_chunk *chunk, uint32_t at, int32_t size) {
  return size < 0    ? (ice_str){0}
         : size == 0 ? ICE_STR("")
                     : ice_str_make((const char *)chunk->data.data + at, (size_t)size);
}

static inline ice_str ice_record_value(const ice_chunk *chunk, const ice_record *record) {
  return ice_chunk_text(chunk, record->value_at, record->value_size);
}

static inline ice_str ice_record_key(const ice_chunk *chunk, const ice_record *record) {
  return ice_chunk_text(chunk, record->key_at, record->key_size);
}

/// A partition as the source knows it. Indexes never change while the source lives; new partitions go to the end.
typedef struct ice_source_partition {
  ice_str topic;  ///< lives as long as the source
  int32_t partition;
  int64_t log_start;  ///< first offset that the log has
  int64_t log_end;    ///< one behind the last offset that the log had when it was last looked at
  int64_t next;       ///< next offset that poll will give; -1 before ice_source_seek
  bool assigned;
  bool excluded;  ///< another member of the consumer group reads it
  /// Next offset according to the table, as whoever drives the source has set it; -1: not known. ice_source_commit
  /// tells it.
  int64_t committed;
} ice_source_partition;

typedef struct ice_source ice_source;

/// A source is one of several implementations of this table; see ice_source_* below for what each does.
typedef struct ice_source_interface {
  ice_status (*refresh)(ice_source *source, ice_error *err);
  ice_status (*seek)(ice_source *source, uint32_t partition, int64_t offset, ice_error *err);
  ice_status (*poll)(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err);
  ice_status (*commit)(ice_source *source, ice_error *err);
  ice_status (*ask_group)(ice_source *source, int64_t *offsets, ice_error *err);
  ice_status (*rebalance)(ice_source *source, ice_error *err);
  void (*destroy)(ice_source *source);
} ice_source_interface;

struct ice_source {
  const ice_source_interface *interface;
  ice_source_partition *partitions;
  uint32_t partition_count;
  /// A consumer group wants to change who reads what. Poll gives nothing until ice_source_rebalance.
  bool rebalancing;
  /// The group has not given this process its partitions yet.
  bool joining;
};

/// Find new partitions and look at the starts and ends of all logs.
///
/// Errors: NOT_FOUND (no such topic), IO, TIMEOUT (retryable). Threads: the source's own.
ICE_MUST_CHECK static inline ice_status ice_source_refresh(ice_source *source, ice_error *err) {
  return source->interface->refresh(source, err);
}

/// Read partition `partition` (an index) from `offset` on; before this, poll gives nothing of it.
ICE_MUST_CHECK static inline ice_status ice_source_seek(ice_source *source, uint32_t partition, int64_t offset,
                                                        ice_error *err) {
  return source->interface->seek(source, partition, offset, err);
}

/// Append the next records to `chunk`: up to a few hundred KiB of one or several partitions, in the order of offsets
/// within each. Returns OK with the chunk as it was when nothing came within `timeout_us`.
///
/// Errors: CORRUPT (file and byte), IO, NOT_FOUND with ICE_ERROR_POLICY (the offset is not in the log any more).
ICE_MUST_CHECK static inline ice_status ice_source_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us,
                                                        ice_error *err) {
  return source->interface->poll(source, chunk, timeout_us, err);
}

/// Tell the broker how far the tables are: each partition's `committed` (for lag tools only; never read as truth).
ICE_MUST_CHECK static inline ice_status ice_source_commit(ice_source *source, ice_error *err) {
  return source->interface->commit ? source->interface->commit(source, err) : ICE_OK;
}

/// Where the consumer group is according to the broker, whoever wrote it: `offsets` has the next offset of each of the source's partitions,
/// -1 where the group has none.
///
/// Errors: INVALID_ARGUMENT (the source has no group), IO, TIMEOUT (retryable).
ICE_MUST_CHECK ice_status ice_source_ask_group(ice_source *source, int64_t *offsets, ice_error *err);

/// Accept what the consumer group wants, once nothing read under the old assignment is open any more. Afterwards every
/// partition that is not excluded is to be sought again.
ICE_MUST_CHECK static inline ice_status ice_source_rebalance(ice_source *source, ice_error *err) {
  return source->interface->rebalance ? source->interface->rebalance(source, err) : ICE_OK;
}

static inline void ice_source_destroy(ice_source *source) {
  if (source) {
    source->interface->destroy(source);
  }
}

/// Index of a partition, or -1.
int64_t ice_source_find(const ice_source *source, ice_str topic, int32_t partition);

#endif
