#include "avro/avro_container.h"

#include "avro/avro_encode.h"
#include "codec/checksum.h"
#include <stdlib.h>

enum { MAGIC_SIZE = 4, SNAPPY_CRC_SIZE = 4 };

static const uint8_t magic[MAGIC_SIZE] = {'O', 'b', 'j', 1};

struct ice_avro_writer {
  ice_bytes *out;
  ice_compressor *compressor;
  ice_codec codec;
  ice_bytes block;
  ice_bytes packed;
  int64_t block_count;
  uint8_t sync[ICE_AVRO_SYNC_SIZE];
};

static ice_status put_meta(ice_bytes *out, ice_str key, ice_str value, ice_error *err) {
  ice_status status = ice_avro_put_bytes(out, key, err);
  return status == ICE_OK ? ice_avro_put_bytes(out, value, err) : status;
}

static ice_status write_header(ice_avro_writer *writer, const ice_avro_writer_options *options, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *out = writer->out;
  ice_str codec = options->codec == ICE_CODEC_NONE ? ICE_STR("null") : ICE_STR("deflate");
  ICE_TRY(ice_bytes_append(out, magic, MAGIC_SIZE, err));
  ICE_TRY(ice_avro_put_long(out, (int64_t)options->meta_count + 2, err));
  ICE_TRY(put_meta(out, ICE_STR("avro.schema"), options->schema, err));
  ICE_TRY(put_meta(out, ICE_STR("avro.codec"), codec, err));
  for (uint32_t i = 0; i < options->meta_count; i++) {
    ICE_TRY(put_meta(out, options->meta[i].key, options->meta[i].value, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
  ICE_TRY(ice_bytes_append(out, options->sync, ICE_AVRO_SYNC_SIZE, err));
done:
  return status;
}

ice_status ice_avro_writer_create(const ice_avro_writer_options *options, ice_bytes *out, ice_avro_writer **writer,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  *writer = NULL;
  ice_avro_writer *made = NULL;
  if (options->codec != ICE_CODEC_NONE && options->codec != ICE_CODEC_DEFLATE) {
    ICE_FAIL(ICE_UNSUPPORTED, "Avro files are written with codec null or deflate, not %s",
             ice_codec_name(options->codec));
  }
  made = calloc(1, sizeof *made);
  if (!made) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an Avro file writer");
  }
  made->out = out;
  made->codec = options->codec;
  memcpy(made->sync, options->sync, ICE_AVRO_SYNC_SIZE);
  ice_bytes_init(&made->block, ICE_AVRO_BLOCK_SIZE_MAX);
  ice_bytes_init(&made->packed, ICE_AVRO_BLOCK_SIZE_MAX);
  ICE_TRY(ice_compressor_create(&made->compressor, err));
  ICE_TRY(write_header(made, options, err));
  *writer = made;
  made = NULL;
done:
  ice_avro_writer_destroy(made);
  return status;
}

static ice_status flush_block(ice_avro_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *block = &writer->block;
  ice_bytes_clear(&writer->packed);
  if (writer->codec != ICE_CODEC_NONE) {
    ICE_TRY(ice_compress(writer->compressor, writer->codec, 0, block->data, block->size, &writer->packed, err));
    block = &writer->packed;
  }
  ICE_TRY(ice_avro_put_long(writer->out, writer->block_count, err));
  ICE_TRY(ice_avro_put_bytes(writer->out, ice_bytes_str(block), err));
  ICE_TRY(ice_bytes_append(writer->out, writer->sync, ICE_AVRO_SYNC_SIZE, err));
  ice_bytes_clear(&writer->block);
  writer->block_count = 0;
done:
  return status;
}

ice_status ice_avro_writer_append(ice_avro_writer *writer, ice_str datum, ice_error *err) {
  ice_status status = ice_bytes_append_str(&writer->block, datum, err);
  if (status == ICE_OK) {
    writer->block_count++;
    status = writer->block.size >= ICE_AVRO_BLOCK_SIZE ? flush_block(writer, err) : ICE_OK;
  }
  return status;
}

ice_status ice_avro_writer_finish(ice_avro_writer *writer, ice_error *err) {
  return writer->block_count == 0 ? ICE_OK : flush_block(writer, err);
}

void ice_avro_writer_destroy(ice_avro_writer *writer) {
  if (!writer) {
    return;
  }
  ice_bytes_deinit(&writer->block);
  ice_bytes_deinit(&writer->packed);
  ice_compressor_destroy(writer->compressor);
  free(writer);
}

struct ice_avro_reader {
  ice_str file;
  size_t position;
  ice_compressor *compressor;
  ice_codec codec;
  ice_bytes block;
  uint8_t sync[ICE_AVRO_SYNC_SIZE];
  ice_avro_meta *meta;
  uint32_t meta_count;
  uint32_t meta_capacity;
};

static ice_status corrupt(const ice_avro_reader *reader, const char *what, ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "Avro file: %s at byte %zu of %zu", what, reader->position,
                       reader->file.size);
}

static ice_status read_long(ice_avro_reader *reader, int64_t *out, ice_error *err) {
  uint64_t bits = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (reader->position == reader->file.size) {
      return corrupt(reader, "a number is cut off", err);
    }
    uint8_t byte = (uint8_t)reader->file.data[reader->position++];
    if (shift == 63 && byte > 1) {
      break;
    }
    bits |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) {
      *out = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
      return ICE_OK;
    }
  }
  return corrupt(reader, "a number of more than 64 bits", err);
}

static ice_status read_bytes(ice_avro_reader *reader, ice_str *out, ice_error *err) {
  int64_t size = 0;
  ice_status status = read_long(reader, &size, err);
  if (status != ICE_OK) {
    return status;
  }
  if (size < 0 || (uint64_t)size > reader->file.size - reader->position) {
    return corrupt(reader, "a length beyond the end", err);
  }
  *out = ice_str_make(reader->file.data + reader->position, (size_t)size);
  reader->position += (size_t)size;
  return ICE_OK;
}

static ice_status add_meta(ice_avro_reader *reader, ice_avro_meta meta, ice_error *err) {
  if (reader->meta_count == ICE_AVRO_META_COUNT_MAX) {
    return ice_error_set(err, ICE_LIMIT, "Avro file with more than %d header entries", (int)ICE_AVRO_META_COUNT_MAX);
  }
  if (reader->meta_count == reader->meta_capacity) {
    uint32_t capacity = reader->meta_capacity == 0 ? 16 : reader->meta_capacity * 2;
    ice_avro_meta *grown = realloc(reader->meta, capacity * sizeof *grown);
    if (!grown) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the header of an Avro file");
    }
    reader->meta = grown;
    reader->meta_capacity = capacity;
  }
  reader->meta[reader->meta_count++] = meta;
  return ICE_OK;
}

static ice_status read_meta(ice_avro_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  for (;;) {
    int64_t count = 0;
    int64_t size = 0;
    ICE_TRY(read_long(reader, &count, err));
    if (count == 0) {
      break;
    }
    if (count < 0) {
      ICE_TRY(read_long(reader, &size, err));
      count = count == INT64_MIN ? INT64_MAX : -count;
    }
    // Each entry takes bytes or ends the loop, whatever the count says.
    for (int64_t i = 0; i < count; i++) {
      ice_avro_meta meta = {0};
      ICE_TRY(read_bytes(reader, &meta.key, err));
      ICE_TRY(read_bytes(reader, &meta.value, err));
      ICE_TRY(add_meta(reader, meta, err));
    }
  }
done:
  return status;
}

static ice_status find_codec(ice_avro_reader *reader, ice_error *err) {
  ice_str name = ice_avro_reader_find(reader, ICE_STR("avro.codec"));
  if (!name.data || ice_str_equal_c(name, "null")) {
    reader->codec = ICE_CODEC_NONE;
  } else if (ice_str_equal_c(name, "deflate")) {
    reader->codec = ICE_CODEC_DEFLATE;
  } else if (ice_str_equal_c(name, "snappy")) {
    reader->codec = ICE_CODEC_SNAPPY;
  } else if (ice_str_equal_c(name, "zstandard")) {
    reader->codec = ICE_CODEC_ZSTD;
  } else {
    return ice_error_set(err, ICE_UNSUPPORTED, "Avro file with codec \"%.*s\"", ICE_STR_ARG(name));
  }
  return ICE_OK;
}

ice_status ice_avro_reader_create(ice_str file, ice_avro_reader **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  ice_avro_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an Avro file reader");
  }
  reader->file = file;
  ice_bytes_init(&reader->block, ICE_AVRO_BLOCK_SIZE_MAX);
  if (file.size < MAGIC_SIZE || memcmp(file.data, magic, MAGIC_SIZE) != 0) {
    ICE_TRY(corrupt(reader, "no magic", err));
  }
  reader->position = MAGIC_SIZE;
  ICE_TRY(read_meta(reader, err));
  if (file.size - reader->position < ICE_AVRO_SYNC_SIZE) {
    ICE_TRY(corrupt(reader, "the header is cut off", err));
  }
  memcpy(reader->sync, file.data + reader->position, ICE_AVRO_SYNC_SIZE);
  reader->position += ICE_AVRO_SYNC_SIZE;
  ICE_TRY(find_codec(reader, err));
  ICE_TRY(ice_compressor_create(&reader->compressor, err));
  *out = reader;
  reader = NULL;
done:
  ice_avro_reader_destroy(reader);
  return status;
}

void ice_avro_reader_destroy(ice_avro_reader *reader) {
  if (!reader) {
    return;
  }
  free(reader->meta);
  ice_bytes_deinit(&reader->block);
  ice_compressor_destroy(reader->compressor);
  free(reader);
}

uint32_t ice_avro_reader_meta_count(const ice_avro_reader *reader) { return reader->meta_count; }

ice_avro_meta ice_avro_reader_meta(const ice_avro_reader *reader, uint32_t index) { return reader->meta[index]; }

ice_str ice_avro_reader_find(const ice_avro_reader *reader, ice_str key) {
  for (uint32_t i = 0; i < reader->meta_count; i++) {
    if (ice_str_equal(reader->meta[i].key, key)) {
      return reader->meta[i].value;
    }
  }
  return (ice_str){0};
}

// Python's writers (avro, PyIceberg) make the block with zlib and cut its two-byte head, but only one byte of the
// four of its checksum: three bytes are left behind the deflate stream.
enum { PYTHON_TRAILER_SIZE = 3 };

static ice_status decompress(ice_avro_reader *reader, ice_str packed, ice_error *err) {
  ice_bytes_clear(&reader->block);
  ice_status status =
      ice_decompress(reader->compressor, reader->codec, packed.data, packed.size, 0, &reader->block, err);
  if (status == ICE_CORRUPT && reader->codec == ICE_CODEC_DEFLATE && packed.size > PYTHON_TRAILER_SIZE) {
    ice_bytes_clear(&reader->block);
    ice_status again = ice_decompress(reader->compressor, reader->codec, packed.data,
                                      packed.size - PYTHON_TRAILER_SIZE, 0, &reader->block, NULL);
    if (again == ICE_OK) {
      ice_error_clear(err);
      status = again;
    }
  }
  return status;
}

static ice_status unpack(ice_avro_reader *reader, ice_str packed, ice_str *data, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t crc = 0;
  bool snappy = reader->codec == ICE_CODEC_SNAPPY;
  if (reader->codec == ICE_CODEC_NONE) {
    *data = packed;
    goto done;
  }
  if (snappy) {
    // The CRC-32 of the plain data stands behind the block (specification, "snappy").
    if (packed.size < SNAPPY_CRC_SIZE) {
      ICE_TRY(corrupt(reader, "a snappy block without its checksum before", err));
    }
    packed.size -= SNAPPY_CRC_SIZE;
    crc = ice_load_u32be(packed.data + packed.size);
  }
  ICE_TRY(ice_bytes_reserve(&reader->block, 1, err));
  status = decompress(reader, packed, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "Avro block that ends at byte %zu", reader->position);
    goto done;
  }
  if (snappy && ice_crc32(0, reader->block.data, reader->block.size) != crc) {
    ICE_TRY(corrupt(reader, "a block with a wrong checksum before", err));
  }
  *data = ice_bytes_str(&reader->block);
done:
  return status;
}

ice_status ice_avro_reader_next(ice_avro_reader *reader, int64_t *count, ice_str *data, ice_error *err) {
  ice_status status = ICE_OK;
  ice_str packed = {0};
  *data = (ice_str){0};
  *count = 0;
  if (reader->position == reader->file.size) {
    goto done;
  }
  int64_t datum_count = 0;
  ICE_TRY(read_long(reader, &datum_count, err));
  if (datum_count < 0) {
    ICE_TRY(corrupt(reader, "a negative number of data before", err));
  }
  ICE_TRY(read_bytes(reader, &packed, err));
  if (reader->file.size - reader->position < ICE_AVRO_SYNC_SIZE) {
    ICE_TRY(corrupt(reader, "a block is cut off", err));
  }
  if (memcmp(reader->file.data + reader->position, reader->sync, ICE_AVRO_SYNC_SIZE) != 0) {
    ICE_TRY(corrupt(reader, "no sync marker", err));
  }
  reader->position += ICE_AVRO_SYNC_SIZE;
  ICE_TRY(unpack(reader, packed, data, err));
  *count = datum_count;
done:
  return status;
}
