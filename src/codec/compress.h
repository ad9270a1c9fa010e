/// Block compression: one call compresses or decompresses one block.
///
/// Errors: NO_MEMORY; CORRUPT for damaged input; LIMIT where the output would exceed what the caller allows.
/// Threads: a context belongs to one thread at a time.
#ifndef ICE_CODEC_COMPRESS_H
#define ICE_CODEC_COMPRESS_H

#include "base/bytes.h"

typedef enum ice_codec {
  ICE_CODEC_NONE,
  ICE_CODEC_SNAPPY,       ///< raw Snappy block
  ICE_CODEC_SNAPPY_JAVA,  ///< Kafka's: xerial framing, or a raw block; decompression only
  ICE_CODEC_ZSTD,         ///< frames
  ICE_CODEC_LZ4_RAW,      ///< LZ4 block
  ICE_CODEC_LZ4_FRAME,    ///< Kafka's
  ICE_CODEC_GZIP,         ///< RFC 1952
  ICE_CODEC_DEFLATE       ///< RFC 1951, raw, as Avro's `deflate`
} ice_codec;

/// Reusable state of compressors and decompressors (zstd and libdeflate contexts are costly to make).
typedef struct ice_compressor ice_compressor;

/// Ownership: `*out` is the caller's to destroy. Contexts inside are made at first use.
ICE_MUST_CHECK ice_status ice_compressor_create(ice_compressor **out, ice_error *err);
/// Accepts NULL.
void ice_compressor_destroy(ice_compressor *compressor);

/// Append the compressed form of `data` to `out`. `level` counts for zstd, gzip and deflate; 0 is the default
/// of each (zstd: 1). UNSUPPORTED for ICE_CODEC_SNAPPY_JAVA.
ICE_MUST_CHECK ice_status ice_compress(ice_compressor *compressor, ice_codec codec, int level, const void *data,
                                       size_t size, ice_bytes *out, ice_error *err);

/// Append the decompressed form of `data` to `out`. `size_hint` is the expected size where the format tells
/// it (Parquet's uncompressed_page_size), else 0; LZ4_RAW needs the exact size. Output beyond
/// `out->size_max` is LIMIT, whatever the input claims.
ICE_MUST_CHECK ice_status ice_decompress(ice_compressor *compressor, ice_codec codec, const void *data, size_t size,
                                         size_t size_hint, ice_bytes *out, ice_error *err);

/// "none", "snappy", "zstd", "lz4", "gzip", …
const char *ice_codec_name(ice_codec codec);

#endif
