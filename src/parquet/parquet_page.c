#include "parquet/parquet_page.h"

#include "codec/checksum.h"

enum {
  HEADER_TYPE = 1,
  HEADER_UNCOMPRESSED_SIZE = 2,
  HEADER_COMPRESSED_SIZE = 3,
  HEADER_CRC = 4,
  HEADER_DATA = 5,
  HEADER_DICTIONARY = 7,
  HEADER_DATA_V2 = 8
};

const char *ice_parquet_encoding_name(ice_parquet_encoding encoding) {
  switch (encoding) {
    case ICE_PARQUET_PLAIN: return "PLAIN";
    case ICE_PARQUET_PLAIN_DICTIONARY: return "PLAIN_DICTIONARY";
    case ICE_PARQUET_RLE: return "RLE";
    case ICE_PARQUET_BIT_PACKED: return "BIT_PACKED";
    case ICE_PARQUET_DELTA_BINARY_PACKED: return "DELTA_BINARY_PACKED";
    case ICE_PARQUET_DELTA_LENGTH_BYTE_ARRAY: return "DELTA_LENGTH_BYTE_ARRAY";
    case ICE_PARQUET_DELTA_BYTE_ARRAY: return "DELTA_BYTE_ARRAY";
    case ICE_PARQUET_RLE_DICTIONARY: return "RLE_DICTIONARY";
    case ICE_PARQUET_BYTE_STREAM_SPLIT: return "BYTE_STREAM_SPLIT";
  }
  return "unknown";
}

ice_status ice_parquet_compression_of(ice_codec codec, ice_parquet_compression *out, ice_error *err) {
  switch (codec) {
    case ICE_CODEC_NONE: *out = ICE_PARQUET_UNCOMPRESSED; return ICE_OK;
    case ICE_CODEC_SNAPPY: *out = ICE_PARQUET_SNAPPY; return ICE_OK;
    case ICE_CODEC_ZSTD: *out = ICE_PARQUET_ZSTD; return ICE_OK;
    case ICE_CODEC_LZ4_RAW: *out = ICE_PARQUET_LZ4_RAW; return ICE_OK;
    case ICE_CODEC_GZIP: *out = ICE_PARQUET_GZIP; return ICE_OK;
    case ICE_CODEC_SNAPPY_JAVA:
    case ICE_CODEC_LZ4_FRAME:
    case ICE_CODEC_DEFLATE: break;
  }
  return ice_error_set(err, ICE_UNSUPPORTED, "Parquet has no codec %s", ice_codec_name(codec));
}

ice_status ice_parquet_codec_of(int32_t compression, ice_codec *out, ice_error *err) {
  static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
  *out = ICE_CODEC_NONE;
  switch (compression) {
    case ICE_PARQUET_UNCOMPRESSED: *out = ICE_CODEC_NONE; return ICE_OK;
    case ICE_PARQUET_SNAPPY: *out = ICE_CODEC_SNAPPY; return ICE_OK;
    case ICE_PARQUET_GZIP: *out = ICE_CODEC_GZIP; return ICE_OK;
    case ICE_PARQUET_ZSTD: *out = ICE_CODEC_ZSTD; return ICE_OK;
    case ICE_PARQUET_LZ4_RAW: *out = ICE_CODEC_LZ4_RAW; return ICE_OK;
    default: break;
  }
  bool known = compression >= 0 && (size_t)compression < ICE_COUNT_OF(names);
  return ice_error_set(err, ICE_UNSUPPORTED, "compression %s (%d)", known ? names[compression] : "unknown",
                       (int)compression);
}

ice_status ice_parquet_page_header_write(const ice_parquet_page_header *header, ice_bytes *out, ice_error *err) {
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, out, err);
  ice_thrift_i32(&writer, HEADER_TYPE, (int32_t)header->type);
  ice_thrift_i32(&writer, HEADER_UNCOMPRESSED_SIZE, header->uncompressed_size);
  ice_thrift_i32(&writer, HEADER_COMPRESSED_SIZE, header->compressed_size);
  if (header->has_crc) {
    int32_t crc;
    memcpy(&crc, &header->crc, sizeof crc);
    ice_thrift_i32(&writer, HEADER_CRC, crc);
  }
  if (header->type == ICE_PARQUET_DICTIONARY_PAGE) {
    ice_thrift_struct(&writer, HEADER_DICTIONARY);
    ice_thrift_i32(&writer, 1, header->value_count);
    ice_thrift_i32(&writer, 2, (int32_t)header->encoding);
    ice_thrift_end(&writer);
  } else {
    ice_thrift_struct(&writer, HEADER_DATA);
    ice_thrift_i32(&writer, 1, header->value_count);
    ice_thrift_i32(&writer, 2, (int32_t)header->encoding);
    ice_thrift_i32(&writer, 3, ICE_PARQUET_RLE);
    ice_thrift_i32(&writer, 4, ICE_PARQUET_RLE);
    ice_thrift_end(&writer);
  }
  ice_thrift_end(&writer);
  return writer.status;
}

static void read_data_header(ice_thrift_reader *reader, const ice_thrift_field *field, ice_parquet_page_header *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case 1: out->value_count = ice_thrift_read_i32(reader, &at); break;
      case 2: out->encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
      case 3: out->definition_encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
      case 4: out->repetition_encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_dictionary_header(ice_thrift_reader *reader, const ice_thrift_field *field,
                                   ice_parquet_page_header *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case 1: out->value_count = ice_thrift_read_i32(reader, &at); break;
      case 2: out->encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_data_v2_header(ice_thrift_reader *reader, const ice_thrift_field *field,
                                ice_parquet_page_header *out) {
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case 1: out->value_count = ice_thrift_read_i32(reader, &at); break;
      case 4: out->encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
      case 5: out->definition_size = ice_thrift_read_i32(reader, &at); break;
      case 6: out->repetition_size = ice_thrift_read_i32(reader, &at); break;
      case 7: out->compressed = ice_thrift_read_bool(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

ice_status ice_parquet_page_header_read(const void *data, size_t size, ice_parquet_page_header *out,
                                        size_t *size_used, bool *truncated, ice_error *err) {
  *out = (ice_parquet_page_header){
      .definition_encoding = ICE_PARQUET_RLE, .repetition_encoding = ICE_PARQUET_RLE, .compressed = true};
  *truncated = false;
  ice_thrift_reader reader;
  ice_thrift_reader_init(&reader, data, size);
  int32_t type = -1;
  int seen = -1;
  ice_thrift_field field = {0};
  while (ice_thrift_next(&reader, &field)) {
    switch (field.id) {
      case HEADER_TYPE: type = ice_thrift_read_i32(&reader, &field); break;
      case HEADER_UNCOMPRESSED_SIZE: out->uncompressed_size = ice_thrift_read_i32(&reader, &field); break;
      case HEADER_COMPRESSED_SIZE: out->compressed_size = ice_thrift_read_i32(&reader, &field); break;
      case HEADER_CRC: {
        int32_t crc = ice_thrift_read_i32(&reader, &field);
        memcpy(&out->crc, &crc, sizeof crc);
        out->has_crc = true;
        break;
      }
      case HEADER_DATA:
        read_data_header(&reader, &field, out);
        seen = ICE_PARQUET_DATA_PAGE;
        break;
      case HEADER_DICTIONARY:
        read_dictionary_header(&reader, &field, out);
        seen = ICE_PARQUET_DICTIONARY_PAGE;
        break;
      case HEADER_DATA_V2:
        read_data_v2_header(&reader, &field, out);
        seen = ICE_PARQUET_DATA_PAGE_V2;
        break;
      default: ice_thrift_skip(&reader, &field); break;
    }
  }
  if (reader.status != ICE_OK) {
    *truncated = true;
    return ice_thrift_reader_status(&reader, "page header", err);
  }
  *size_used = reader.position;
  if (type < ICE_PARQUET_DATA_PAGE || type > ICE_PARQUET_DATA_PAGE_V2) {
    return ice_error_set(err, ICE_CORRUPT, "page header: unknown page type %d", (int)type);
  }
  out->type = (ice_parquet_page_type)type;
  if (type != ICE_PARQUET_INDEX_PAGE && seen != type) {
    return ice_error_set(err, ICE_CORRUPT, "page header: not the one of its page type");
  }
  if (out->uncompressed_size < 0 || out->compressed_size < 0 || out->value_count < 0 || out->definition_size < 0 ||
      out->repetition_size < 0) {
    return ice_error_set(err, ICE_CORRUPT, "page header: negative size");
  }
  return ICE_OK;
}

ice_status ice_parquet_page_pack(ice_parquet_scratch *scratch, ice_codec codec, int level, ice_str plain,
                                 ice_parquet_page_header *header, ice_str *body, ice_error *err) {
  ice_status status = ICE_OK;
  if (plain.size > ICE_PARQUET_PAGE_SIZE_MAX) {
    ICE_FAIL(ICE_LIMIT, "page of %zu bytes", plain.size);
  }
  *body = plain;
  if (codec != ICE_CODEC_NONE) {
    ice_bytes_clear(&scratch->compressed);
    ICE_TRY(ice_compress(scratch->compressor, codec, level, plain.data, plain.size, &scratch->compressed, err));
    *body = ice_bytes_str(&scratch->compressed);
    if (body->size > INT32_MAX) {
      ICE_FAIL(ICE_LIMIT, "compressed page of %zu bytes", body->size);
    }
  }
  header->uncompressed_size = (int32_t)plain.size;
  header->compressed_size = (int32_t)body->size;
  header->crc = ice_crc32(0, body->data, body->size);
  header->has_crc = true;
  ice_bytes_clear(&scratch->header);
  ICE_TRY(ice_parquet_page_header_write(header, &scratch->header, err));
done:
  return status;
}
