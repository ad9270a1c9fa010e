/// One page: its header, its CRC, its compression.
#ifndef ICE_PARQUET_PAGE_H
#define ICE_PARQUET_PAGE_H

#include "codec/compress.h"
#include "parquet/parquet_format.h"
#include "parquet/parquet_scratch.h"
#include "parquet/parquet_thrift.h"

/// PageHeader with whichever header it holds.
typedef struct ice_parquet_page_header {
  ice_parquet_page_type type;
  int32_t uncompressed_size;
  int32_t compressed_size;
  bool has_crc;
  uint32_t crc;
  int32_t value_count;  ///< slots of a data page, entries of a dictionary page
  ice_parquet_encoding encoding;
  ice_parquet_encoding definition_encoding;  ///< data page v1
  ice_parquet_encoding repetition_encoding;  ///< data page v1
  int32_t definition_size;                   ///< data page v2: bytes of levels before the values
  int32_t repetition_size;                   ///< data page v2
  bool compressed;                           ///< data page v2: the values are
} ice_parquet_page_header;

/// Append the header of a page to `out`.
ICE_MUST_CHECK ice_status ice_parquet_page_header_write(const ice_parquet_page_header *header, ice_bytes *out,
                                                        ice_error *err);

/// Parse the header at `data`; `*size_used` are its bytes.
///
/// Errors: CORRUPT. `*truncated` tells apart that more bytes may help.
ICE_MUST_CHECK ice_status ice_parquet_page_header_read(const void *data, size_t size, ice_parquet_page_header *out,
                                                       size_t *size_used, bool *truncated, ice_error *err);

/// Compress a page body and put header and body together: `scratch->header` and `*body` (borrowed: in
/// `scratch->compressed`, or `plain` itself without compression). Fills sizes and CRC of `header`.
///
/// Errors: NO_MEMORY, LIMIT (the page is larger than the format can state).
ICE_MUST_CHECK ice_status ice_parquet_page_pack(ice_parquet_scratch *scratch, ice_codec codec, int level,
                                                ice_str plain, ice_parquet_page_header *header, ice_str *body,
                                                ice_error *err);

/// The codec's number in the format. UNSUPPORTED where it has none.
ICE_MUST_CHECK ice_status ice_parquet_compression_of(ice_codec codec, ice_parquet_compression *out, ice_error *err);

/// The codec of a number of the format; UNSUPPORTED names those that are not read.
ICE_MUST_CHECK ice_status ice_parquet_codec_of(int32_t compression, ice_codec *out, ice_error *err);

const char *ice_parquet_encoding_name(ice_parquet_encoding encoding);

#endif
