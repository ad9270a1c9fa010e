#include "parquet/parquet_column_reader.h"

#include "codec/checksum.h"

enum {
  // Bytes that are asked of the input at once, where the chunk has as many.
  READ_AHEAD = 256 * 1024,
  HEADER_FIRST = 512,
  HEADER_MAX = 4 << 20
};

ice_status ice_parquet_column_reader_init(ice_parquet_column_reader *reader, const ice_parquet_leaf *leaf,
                                          const ice_parquet_source *source, ice_error *err) {
  ice_status status = ICE_OK;
  *reader = (ice_parquet_column_reader){.leaf = leaf, .source = source};
  ice_bytes_init(&reader->window, SIZE_MAX);
  ice_bytes_init(&reader->page, SIZE_MAX);
  ice_bytes_init(&reader->definition_levels, SIZE_MAX);
  ice_bytes_init(&reader->repetition_levels, SIZE_MAX);
  ICE_TRY(ice_column_init(&reader->dictionary, &leaf->field->type, err));
  ICE_TRY(ice_column_init(&reader->values, &leaf->field->type, err));
done:
  return status;
}

void ice_parquet_column_reader_deinit(ice_parquet_column_reader *reader) {
  ice_bytes_deinit(&reader->window);
  ice_bytes_deinit(&reader->page);
  ice_bytes_deinit(&reader->definition_levels);
  ice_bytes_deinit(&reader->repetition_levels);
  ice_column_deinit(&reader->dictionary);
  ice_column_deinit(&reader->values);
}

ice_status ice_parquet_column_reader_start(ice_parquet_column_reader *reader,
                                           const ice_parquet_column_metadata *metadata, ice_error *err) {
  int64_t start = metadata->data_page_offset;
  if (metadata->dictionary_page_offset > 0 && metadata->dictionary_page_offset < start) {
    start = metadata->dictionary_page_offset;
  }
  reader->metadata = metadata;
  reader->position = (uint64_t)start;
  reader->end = (uint64_t)start + (uint64_t)metadata->size;
  reader->slots_left = metadata->value_count;
  reader->page_slots_left = 0;
  reader->block_at = 0;
  reader->block_count = 0;
  reader->has_dictionary = false;
  ice_column_truncate(&reader->dictionary, 0);
  return ice_parquet_codec_of(metadata->compression, &reader->codec, err);
}

// Pages -------------------------------------------------------------------------------------------------------------

// `size` bytes of the chunk at `offset`, borrowed until the next call. The caller has checked that they are there.
static ice_status get_bytes(ice_parquet_column_reader *reader, uint64_t offset, size_t size, const uint8_t **out,
                            ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *window = &reader->window;
  bool inside = offset >= reader->window_offset && offset - reader->window_offset <= window->size &&
                size <= window->size - (size_t)(offset - reader->window_offset);
  if (!inside) {
    uint64_t left = reader->end - offset;
    size_t wanted = left < READ_AHEAD ? (size_t)left : READ_AHEAD;
    wanted = size > wanted ? size : wanted;
    ice_bytes_clear(window);
    reader->window_offset = offset;
    ICE_TRY(ice_bytes_reserve(window, wanted, err));
    ICE_TRY(reader->source->input.read(reader->source->input.context, offset, window->data, wanted, err));
    window->size = wanted;
  }
  *out = window->data + (offset - reader->window_offset);
done:
  return status;
}

static ice_status read_header(ice_parquet_column_reader *reader, ice_parquet_page_header *header, ice_error *err) {
  uint64_t left = reader->end - reader->position;
  for (size_t size = HEADER_FIRST;; size *= 4) {
    const uint8_t *data = NULL;
    size_t here = left < size ? (size_t)left : size;
    ice_status status = get_bytes(reader, reader->position, here, &data, err);
    if (status != ICE_OK) {
      return status;
    }
    size_t used = 0;
    bool truncated = false;
    status = ice_parquet_page_header_read(data, here, header, &used, &truncated, err);
    if (status == ICE_OK) {
      reader->position += used;
      return ICE_OK;
    }
    if (!truncated || here == left || size >= HEADER_MAX) {
      return status;
    }
    ice_error_clear(err);
  }
}

static ice_status check_header(const ice_parquet_column_reader *reader, const ice_parquet_page_header *header,
                               ice_error *err) {
  uint64_t left = reader->end - reader->position;
  if ((uint64_t)header->compressed_size > left) {
    return ice_error_set(err, ICE_CORRUPT, "page of %d bytes where the chunk has %llu", (int)header->compressed_size,
                         (unsigned long long)left);
  }
  size_t page_size_max = reader->source->options.page_size_max;
  if ((size_t)header->compressed_size > page_size_max || (size_t)header->uncompressed_size > page_size_max) {
    return ice_error_set(err, ICE_LIMIT, "page of %d bytes, more than %zu",
                         (int)(header->compressed_size > header->uncompressed_size ? header->compressed_size
                                                                                   : header->uncompressed_size),
                         page_size_max);
  }
  if (reader->codec == ICE_CODEC_NONE && header->compressed_size != header->uncompressed_size) {
    return ice_error_set(err, ICE_CORRUPT, "uncompressed page of two sizes");
  }
  return ICE_OK;
}

// The first `raw_size` bytes of a body as they are, and the rest decompressed, together in `*out`.
static ice_status unpack_body(ice_parquet_column_reader *reader, const uint8_t *body, size_t body_size,
                              size_t raw_size, bool compressed, size_t plain_size, const uint8_t **out,
                              ice_error *err) {
  ice_status status = ICE_OK;
  if (!compressed) {
    if (body_size != plain_size) {
      return ice_error_set(err, ICE_CORRUPT, "uncompressed page of two sizes");
    }
    *out = body;
    return ICE_OK;
  }
  ice_bytes *page = &reader->page;
  ice_bytes_clear(page);
  page->size_max = plain_size;
  ICE_TRY(ice_bytes_reserve(page, plain_size, err));
  ICE_TRY(ice_bytes_append(page, body, raw_size, err));
  if (body_size > raw_size) {
    status = ice_decompress(reader->source->compressor, reader->codec, body + raw_size, body_size - raw_size,
                            plain_size - raw_size, page, err);
    if (status == ICE_LIMIT) {
      status = ice_error_set(err, ICE_CORRUPT, "page larger than its header says");
    }
    ICE_TRY(status);
  }
  if (page->size != plain_size) {
    ICE_FAIL(ICE_CORRUPT, "page of %zu bytes where its header says %zu", page->size, plain_size);
  }
  *out = page->data;
done:
  return status;
}

static ice_status load_dictionary(ice_parquet_column_reader *reader, const ice_parquet_page_header *header,
                                  const uint8_t *body, ice_error *err) {
  ice_status status = ICE_OK;
  const uint8_t *plain = NULL;
  if (reader->has_dictionary || reader->slots_left != reader->metadata->value_count) {
    ICE_FAIL(ICE_CORRUPT, "dictionary that is not the chunk's first page");
  }
  if (header->encoding != ICE_PARQUET_PLAIN && header->encoding != ICE_PARQUET_PLAIN_DICTIONARY) {
    ICE_FAIL(ICE_UNSUPPORTED, "dictionary in encoding %s (%d)", ice_parquet_encoding_name(header->encoding),
             (int)header->encoding);
  }
  ICE_TRY(unpack_body(reader, body, (size_t)header->compressed_size, 0, reader->codec != ICE_CODEC_NONE,
                      (size_t)header->uncompressed_size, &plain, err));
  ice_parquet_values values;
  ICE_TRY(ice_parquet_values_open(&values, reader->leaf, ICE_PARQUET_PLAIN, plain, (size_t)header->uncompressed_size,
                                  NULL, err));
  ICE_TRY(ice_parquet_values_decode(&values, reader->leaf, (size_t)header->value_count, &reader->dictionary, err));
  reader->has_dictionary = true;
done:
  return status;
}

// Levels of a v1 page: four bytes of size, then runs. `*data` moves behind them.
static ice_status open_levels(ice_parquet_rle_decoder *decoder, uint8_t level_max, ice_parquet_encoding encoding,
                              const uint8_t **data, const uint8_t *end, ice_error *err) {
  if (level_max == 0) {
    return ICE_OK;
  }
  if (encoding != ICE_PARQUET_RLE) {
    return ice_error_set(err, ICE_UNSUPPORTED, "levels in encoding %s (%d)", ice_parquet_encoding_name(encoding),
                         (int)encoding);
  }
  size_t left = (size_t)(end - *data);
  uint32_t size = left >= 4 ? ice_load_u32le(*data) : 0;
  if (left < 4 || size > left - 4) {
    return ice_error_set(err, ICE_CORRUPT, "levels larger than their page");
  }
  *data += 4;
  bool fits = ice_parquet_rle_decoder_init(decoder, *data, size, ice_parquet_bit_width(level_max));
  *data += size;
  return fits ? ICE_OK : ice_error_set(err, ICE_INTERNAL, "levels of more than 32 bits");
}

static ice_status load_data(ice_parquet_column_reader *reader, const ice_parquet_page_header *header,
                            const uint8_t *body, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_leaf *leaf = reader->leaf;
  const uint8_t *data = NULL;
  size_t size = (size_t)header->uncompressed_size;
  size_t body_size = (size_t)header->compressed_size;
  bool v2 = header->type == ICE_PARQUET_DATA_PAGE_V2;
  size_t repetition_size = v2 ? (size_t)header->repetition_size : 0;
  size_t definition_size = v2 ? (size_t)header->definition_size : 0;
  size_t levels_size = repetition_size + definition_size;
  if (levels_size > size || levels_size > body_size) {
    ICE_FAIL(ICE_CORRUPT, "levels larger than their page");
  }
  bool compressed = reader->codec != ICE_CODEC_NONE && (!v2 || header->compressed);
  ICE_TRY(unpack_body(reader, body, body_size, levels_size, compressed, size, &data, err));
  const uint8_t *end = data + size;
  if (v2) {
    bool fits = ice_parquet_rle_decoder_init(&reader->repetition, data, repetition_size,
                                             ice_parquet_bit_width(leaf->repetition_level_max)) &&
                ice_parquet_rle_decoder_init(&reader->definition, data + repetition_size, definition_size,
                                             ice_parquet_bit_width(leaf->definition_level_max));
    if (!fits) {
      ICE_FAIL(ICE_INTERNAL, "levels of more than 32 bits");
    }
    data += levels_size;
  } else {
    ICE_TRY(
        open_levels(&reader->repetition, leaf->repetition_level_max, header->repetition_encoding, &data, end, err));
    ICE_TRY(
        open_levels(&reader->definition, leaf->definition_level_max, header->definition_encoding, &data, end, err));
  }
  ICE_TRY(ice_parquet_values_open(&reader->values_at, leaf, header->encoding, data, (size_t)(end - data),
                                  reader->has_dictionary ? &reader->dictionary : NULL, err));
  reader->page_slots_left = (uint64_t)header->value_count;
  reader->slots_left -= header->value_count;
done:
  return status;
}

// Load pages until one has slots.
static ice_status next_page(ice_parquet_column_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  while (reader->page_slots_left == 0) {
    ice_parquet_page_header header;
    const uint8_t *body = NULL;
    if (reader->position >= reader->end) {
      ICE_FAIL(ICE_CORRUPT, "fewer pages than the footer says");
    }
    ICE_TRY(read_header(reader, &header, err));
    ICE_TRY(check_header(reader, &header, err));
    ICE_TRY(get_bytes(reader, reader->position, (size_t)header.compressed_size, &body, err));
    reader->position += (uint64_t)header.compressed_size;
    bool checked = header.has_crc && !reader->source->options.ignore_crc;
    if (checked && ice_crc32(0, body, (size_t)header.compressed_size) != header.crc) {
      ICE_FAIL(ICE_CORRUPT, "page whose CRC does not match, before byte %llu", (unsigned long long)reader->position);
    }
    if (header.type == ICE_PARQUET_DICTIONARY_PAGE) {
      ICE_TRY(load_dictionary(reader, &header, body, err));
    } else if (header.type != ICE_PARQUET_INDEX_PAGE) {
      if (header.value_count > reader->slots_left) {
        ICE_FAIL(ICE_CORRUPT, "more values in pages than the footer says");
      }
      ICE_TRY(load_data(reader, &header, body, err));
    }
  }
done:
  return status;
}

// Rows --------------------------------------------------------------------------------------------------------------

static ice_status decode_levels(ice_parquet_rle_decoder *decoder, uint8_t level_max, uint8_t *out, size_t count,
                                ice_error *err) {
  uint32_t levels[ICE_PARQUET_LEVELS_AT_ONCE];
  if (level_max == 0) {
    memset(out, 0, count);
    return ICE_OK;
  }
  if (!ice_parquet_rle_decode(decoder, levels, count)) {
    return ice_error_set(err, ICE_CORRUPT, "fewer levels in a page than its header says");
  }
  for (size_t i = 0; i < count; i++) {
    if (levels[i] > level_max) {
      return ice_error_set(err, ICE_CORRUPT, "level %u where the schema has at most %u", levels[i], level_max);
    }
    out[i] = (uint8_t)levels[i];
  }
  return ICE_OK;
}

static ice_status next_block(ice_parquet_column_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(next_page(reader, err));
  size_t count = reader->page_slots_left < ICE_PARQUET_LEVELS_AT_ONCE ? (size_t)reader->page_slots_left
                                                                      : ICE_PARQUET_LEVELS_AT_ONCE;
  ICE_TRY(
      decode_levels(&reader->repetition, reader->leaf->repetition_level_max, reader->block_repetition, count, err));
  ICE_TRY(
      decode_levels(&reader->definition, reader->leaf->definition_level_max, reader->block_definition, count, err));
  reader->page_slots_left -= count;
  reader->block_at = 0;
  reader->block_count = (uint32_t)count;
done:
  return status;
}

// How many slots of the block belong to the rows still wanted; `*rows_left` goes down by those that begin.
static uint32_t count_slots(const ice_parquet_column_reader *reader, size_t *rows_left) {
  uint32_t at = reader->block_at;
  if (reader->leaf->repetition_level_max == 0) {
    size_t there = reader->block_count - at;
    size_t taken = there < *rows_left ? there : *rows_left;
    *rows_left -= taken;
    return (uint32_t)taken;
  }
  for (; at < reader->block_count; at++) {
    if (reader->block_repetition[at] == 0) {
      if (*rows_left == 0) {
        break;
      }
      (*rows_left)--;
    }
  }
  return at - reader->block_at;
}

static ice_status take_slots(ice_parquet_column_reader *reader, uint32_t count, ice_error *err) {
  ice_status status = ICE_OK;
  const uint8_t *definition = reader->block_definition + reader->block_at;
  if (count > reader->source->options.slots_max - reader->slot_count) {
    ICE_FAIL(ICE_LIMIT, "rows of more than %zu values", reader->source->options.slots_max);
  }
  size_t there = 0;
  for (uint32_t i = 0; i < count; i++) {
    there += definition[i] == reader->leaf->definition_level_max;
  }
  ICE_TRY(ice_bytes_append(&reader->definition_levels, definition, count, err));
  if (reader->leaf->repetition_level_max > 0) {
    ICE_TRY(ice_bytes_append(&reader->repetition_levels, reader->block_repetition + reader->block_at, count, err));
  }
  ICE_TRY(ice_parquet_values_decode(&reader->values_at, reader->leaf, there, &reader->values, err));
  reader->slot_count += count;
  reader->block_at += count;
done:
  return status;
}

ice_status ice_parquet_column_reader_read(ice_parquet_column_reader *reader, size_t row_count, ice_error *err) {
  ice_status status = ICE_OK;
  size_t rows_left = row_count;
  ice_bytes_clear(&reader->definition_levels);
  ice_bytes_clear(&reader->repetition_levels);
  ice_column_truncate(&reader->values, 0);
  reader->slot_count = 0;
  for (;;) {
    bool block_empty = reader->block_at == reader->block_count;
    bool chunk_ended = block_empty && reader->page_slots_left == 0 && reader->slots_left == 0;
    if (chunk_ended || (rows_left == 0 && reader->leaf->repetition_level_max == 0)) {
      break;
    }
    if (block_empty) {
      ICE_TRY(next_block(reader, err));
    }
    if (reader->slot_count == 0 && reader->block_repetition[reader->block_at] != 0) {
      ICE_FAIL(ICE_CORRUPT, "row that begins within another");
    }
    uint32_t taken = count_slots(reader, &rows_left);
    ICE_TRY(take_slots(reader, taken, err));
    if (reader->block_at < reader->block_count) {
      break;
    }
  }
  if (rows_left > 0) {
    ICE_FAIL(ICE_CORRUPT, "fewer rows than the footer says");
  }
done:
  if (status != ICE_OK) {
    char name[200];
    ice_parquet_leaf_name(reader->leaf, name, sizeof name);
    ice_error_prepend(err, "Parquet column \"%s\"", name);
  }
  return status;
}
