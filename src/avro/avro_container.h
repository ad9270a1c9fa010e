/// Avro object container files (specification, "Object Container Files"): a header with metadata, then blocks of data
/// between sync markers.
#ifndef ICE_AVRO_AVRO_CONTAINER_H
#define ICE_AVRO_AVRO_CONTAINER_H

#include "base/bytes.h"
#include "codec/compress.h"

enum {
  ICE_AVRO_SYNC_SIZE = 16,
  /// A block is closed once it holds this much.
  ICE_AVRO_BLOCK_SIZE = 64 << 10,
  /// Ceiling of one decompressed block, and of the header's keys.
  ICE_AVRO_BLOCK_SIZE_MAX = 256 << 20,
  ICE_AVRO_META_COUNT_MAX = 1000
};

typedef struct ice_avro_meta {
  ice_str key;
  ice_str value;
} ice_avro_meta;

typedef struct ice_avro_writer_options {
  ice_str schema;   ///< JSON text, goes into `avro.schema`
  ice_codec codec;  ///< ICE_CODEC_NONE or ICE_CODEC_DEFLATE
  /// Further header entries, written in this order after `avro.schema` and `avro.codec`.
  const ice_avro_meta *meta;
  uint32_t meta_count;
  /// The caller's choice, so that equal input gives equal bytes.
  uint8_t sync[ICE_AVRO_SYNC_SIZE];
} ice_avro_writer_options;

typedef struct ice_avro_writer ice_avro_writer;

/// Start a file: the header is appended to `out`, which is borrowed until `finish`.
///
/// Ownership: `*writer` is the caller's to destroy. Errors: UNSUPPORTED (codec), LIMIT, NO_MEMORY.
/// Threads: one at a time.
ICE_MUST_CHECK ice_status ice_avro_writer_create(const ice_avro_writer_options *options, ice_bytes *out,
                                                 ice_avro_writer **writer, ice_error *err);

/// Append one datum that is already encoded. After an error the file is spoilt.
ICE_MUST_CHECK ice_status ice_avro_writer_append(ice_avro_writer *writer, ice_str datum, ice_error *err);

/// Write the last block. A file without data is valid.
ICE_MUST_CHECK ice_status ice_avro_writer_finish(ice_avro_writer *writer, ice_error *err);

/// Accepts NULL.
void ice_avro_writer_destroy(ice_avro_writer *writer);

typedef struct ice_avro_reader ice_avro_reader;

/// Read the header of a file that is whole in memory.
///
/// Ownership: `file` is borrowed until destroy; `*out` is the caller's.
/// Errors: CORRUPT, UNSUPPORTED (codec), LIMIT, NO_MEMORY. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_avro_reader_create(ice_str file, ice_avro_reader **out, ice_error *err);

/// Accepts NULL.
void ice_avro_reader_destroy(ice_avro_reader *reader);

/// Header entries in the file's order; `key` and `value` are borrowed from the file.
uint32_t ice_avro_reader_meta_count(const ice_avro_reader *reader);
ice_avro_meta ice_avro_reader_meta(const ice_avro_reader *reader, uint32_t index);

/// The value of a header key; `data` is NULL where the header has none.
ice_str ice_avro_reader_find(const ice_avro_reader *reader, ice_str key);

/// The next block: the number of data in it and their bytes, borrowed until the next call. At the end of the file
/// `*count` is 0 and `data->data` is NULL.
///
/// Errors: CORRUPT (sync marker, checksum, truncation; names the byte), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_avro_reader_next(ice_avro_reader *reader, int64_t *count, ice_str *data,
                                               ice_error *err);

#endif
