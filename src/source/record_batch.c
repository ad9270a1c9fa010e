#include "source/record_batch.h"

#include "base/checked.h"
#include "codec/checksum.h"

enum {
  AT_BASE_OFFSET = 0,
  AT_BATCH_LENGTH = 8,
  AT_LEADER_EPOCH = 12,
  AT_MAGIC = 16,
  AT_CRC = 17,
  AT_ATTRIBUTES = 21,
  AT_LAST_OFFSET_DELTA = 23,
  AT_BASE_TIMESTAMP = 27,
  AT_MAX_TIMESTAMP = 35,
  AT_PRODUCER_ID = 43,
  AT_PRODUCER_EPOCH = 51,
  AT_BASE_SEQUENCE = 53,
  AT_RECORD_COUNT = 57,
  // length, attributes, timestamp delta, offset delta, key and value length, header count: a byte each at least.
  RECORD_SIZE_MIN = 7,
  RECORD_BYTES_MAX = 1 << 30
};

static bool codec_of(unsigned attributes, ice_codec *out) {
  static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_GZIP, ICE_CODEC_SNAPPY_JAVA, ICE_CODEC_LZ4_FRAME,
                                     ICE_CODEC_ZSTD};
  unsigned index = attributes & 7;
  if (index >= ICE_COUNT_OF(codecs)) {
    return false;
  }
  *out = codecs[index];
  return true;
}

ice_status ice_record_batch_parse(const void *data, size_t size, ice_record_batch *out, ice_error *err) {
  *out = (ice_record_batch){0};
  if (size < ICE_RECORD_BATCH_HEADER) {
    return ice_error_set(err, ICE_LIMIT, "%zu bytes are no whole record batch header", size);
  }
  const uint8_t *p = data;
  int32_t length = (int32_t)ice_load_u32be(p + AT_BATCH_LENGTH);
  if (length < ICE_RECORD_BATCH_HEADER - ICE_RECORD_BATCH_OVERHEAD || length > ICE_RECORD_BATCH_SIZE_MAX) {
    return ice_error_set(err, ICE_CORRUPT, "record batch length %d is out of range", length);
  }
  if (p[AT_MAGIC] != 2) {
    return ice_error_set(err, ICE_CORRUPT, "record batch magic is %u, only 2 is known", p[AT_MAGIC]);
  }
  unsigned attributes = ice_load_u16be(p + AT_ATTRIBUTES);
  out->base_offset = (int64_t)ice_load_u64be(p + AT_BASE_OFFSET);
  out->size = (size_t)length + ICE_RECORD_BATCH_OVERHEAD;
  out->crc = ice_load_u32be(p + AT_CRC);
  out->log_append_time = (attributes & 8) != 0;
  out->transactional = (attributes & 16) != 0;
  out->control = (attributes & 32) != 0;
  out->last_offset_delta = (int32_t)ice_load_u32be(p + AT_LAST_OFFSET_DELTA);
  out->base_timestamp = (int64_t)ice_load_u64be(p + AT_BASE_TIMESTAMP);
  out->max_timestamp = (int64_t)ice_load_u64be(p + AT_MAX_TIMESTAMP);
  out->record_count = (int32_t)ice_load_u32be(p + AT_RECORD_COUNT);
  if (!codec_of(attributes, &out->codec)) {
    return ice_error_set(err, ICE_CORRUPT, "record batch compression %u is unknown", attributes & 7);
  }
  int64_t end;
  if (out->base_offset < 0 || out->last_offset_delta < 0 || out->record_count < 0 ||
      !ice_add_i64(out->base_offset, (int64_t)out->last_offset_delta + 1, &end)) {
    return ice_error_set(err, ICE_CORRUPT, "record batch at offset %lld: %d records, last offset delta %d",
                         (long long)out->base_offset, out->record_count, out->last_offset_delta);
  }
  return ICE_OK;
}

bool ice_record_batch_check(const ice_record_batch *batch, const void *data) {
  const uint8_t *p = data;
  return ice_crc32c(0, p + AT_ATTRIBUTES, batch->size - AT_ATTRIBUTES) == batch->crc;
}

typedef struct cursor {
  const uint8_t *at;
  const uint8_t *end;
} cursor;

// Zigzag varint of up to 64 bits.
static bool take_varint(cursor *c, int64_t *out) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (c->at == c->end) {
      return false;
    }
    uint8_t byte = *c->at++;
    value |= (uint64_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) {
      *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
      return true;
    }
  }
  return false;
}

// A varint length of -1 (null) or more, and that many bytes.
static bool take_bytes(cursor *c, const uint8_t **data, int32_t *size) {
  int64_t length;
  if (!take_varint(c, &length) || length < -1 || length > c->end - c->at) {
    return false;
  }
  *data = c->at;
  *size = (int32_t)length;
  c->at += length > 0 ? length : 0;
  return true;
}

static bool skip_headers(cursor *c) {
  int64_t count;
  if (!take_varint(c, &count) || count < 0 || count > c->end - c->at) {
    return false;
  }
  for (int64_t i = 0; i < count; i++) {
    const uint8_t *data;
    int32_t size;
    if (!take_bytes(c, &data, &size) || size < 0 || !take_bytes(c, &data, &size)) {
      return false;
    }
  }
  return true;
}

static bool take_record(const ice_record_batch *batch, cursor *c, const uint8_t *base, ice_record *out) {
  int64_t length;
  int64_t timestamp_delta;
  int64_t offset_delta;
  if (!take_varint(c, &length) || length < 0 || length > c->end - c->at) {
    return false;
  }
  cursor record = {.at = c->at, .end = c->at + length};
  c->at = record.end;
  if (record.at == record.end) {
    return false;
  }
  record.at++;  // attributes, unused
  const uint8_t *key;
  const uint8_t *value;
  if (!take_varint(&record, &timestamp_delta) || !take_varint(&record, &offset_delta) ||
      !take_bytes(&record, &key, &out->key_size) || !take_bytes(&record, &value, &out->value_size) ||
      !skip_headers(&record) || record.at != record.end || offset_delta < 0 ||
      offset_delta > batch->last_offset_delta) {
    return false;
  }
  out->offset = batch->base_offset + offset_delta;
  out->timestamp_ms = batch->max_timestamp;
  if (!batch->log_append_time && !ice_add_i64(batch->base_timestamp, timestamp_delta, &out->timestamp_ms)) {
    return false;
  }
  out->key_at = (uint32_t)(key - base);
  out->value_at = (uint32_t)(value - base);
  return true;
}

// The bytes of the records, in the chunk's data: where they stand, or decompressed behind it.
static ice_status open_records(const ice_record_batch *batch, ice_compressor *compressor, size_t data_at,
                               ice_chunk *chunk, size_t *from, size_t *to, ice_error *err) {
  size_t raw = data_at + ICE_RECORD_BATCH_HEADER;
  size_t raw_size = batch->size - ICE_RECORD_BATCH_HEADER;
  if (batch->codec == ICE_CODEC_NONE) {
    *from = raw;
    *to = raw + raw_size;
    return ICE_OK;
  }
  *from = chunk->data.size;
  // The input stands in the buffer that the output goes to, which may move as it grows.
  ice_bytes plain;
  ice_bytes_init(&plain, ICE_CHUNK_BYTES_MAX);
  ice_status status = ice_decompress(compressor, batch->codec, chunk->data.data + raw, raw_size, 0, &plain, err);
  if (status == ICE_OK) {
    status = ice_bytes_append(&chunk->data, plain.data, plain.size, err);
  }
  ice_bytes_deinit(&plain);
  *to = chunk->data.size;
  return status;
}

ice_status ice_record_batch_read(const ice_record_batch *batch, ice_compressor *compressor, size_t data_at,
                                 uint32_t partition, int64_t from, ice_chunk *chunk, ice_error *err) {
  ice_status status = ICE_OK;
  ice_chunk_range range = {
      .partition = partition, .from = from, .to = batch->base_offset + batch->last_offset_delta + 1};
  if (range.to <= range.from) {
    goto done;
  }
  if (!batch->control && batch->record_count > 0) {
    size_t begin;
    size_t end;
    ICE_TRY(open_records(batch, compressor, data_at, chunk, &begin, &end, err));
    if ((size_t)batch->record_count > (end - begin) / RECORD_SIZE_MIN) {
      ICE_FAIL(ICE_CORRUPT, "record batch at offset %lld claims %d records in %zu bytes",
               (long long)batch->base_offset, batch->record_count, end - begin);
    }
    const uint8_t *base = chunk->data.data;
    cursor c = {.at = base + begin, .end = base + end};
    int64_t expected = batch->base_offset;
    for (int32_t i = 0; i < batch->record_count; i++) {
      ice_record record = {.partition = partition};
      if (!take_record(batch, &c, base, &record) || record.offset < expected) {
        ICE_FAIL(ICE_CORRUPT, "record %d of the batch at offset %lld is damaged", i, (long long)batch->base_offset);
      }
      expected = record.offset + 1;
      if (record.offset >= from) {
        ICE_TRY(ice_chunk_add_record(chunk, &record, err));
        range.record_count++;
      }
    }
    if (c.at != c.end) {
      ICE_FAIL(ICE_CORRUPT, "record batch at offset %lld has %td bytes behind its last record",
               (long long)batch->base_offset, c.end - c.at);
    }
  }
  ICE_TRY(ice_chunk_add_range(chunk, &range, err));
done:
  return status;
}

void ice_record_batch_builder_init(ice_record_batch_builder *builder) {
  *builder = (ice_record_batch_builder){0};
  ice_bytes_init(&builder->records, ICE_RECORD_BATCH_SIZE_MAX);
}

void ice_record_batch_builder_deinit(ice_record_batch_builder *builder) { ice_bytes_deinit(&builder->records); }

static size_t put_varint(uint8_t *out, int64_t value) {
  uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  size_t size = 0;
  while (zigzag >= 0x80) {
    out[size++] = (uint8_t)(zigzag | 0x80);
    zigzag >>= 7;
  }
  out[size++] = (uint8_t)zigzag;
  return size;
}

static size_t put_bytes(uint8_t *out, ice_str text) {
  size_t size = put_varint(out, text.data ? (int64_t)text.size : -1);
  if (text.size != 0) {
    memcpy(out + size, text.data, text.size);
  }
  return size + text.size;
}

ice_status ice_record_batch_builder_add(ice_record_batch_builder *builder, int64_t timestamp_ms, ice_str key,
                                        ice_str value, ice_error *err) {
  enum { VARINT_MAX = 10, FIELDS = 6 };
  if (key.size > RECORD_BYTES_MAX || value.size > RECORD_BYTES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "record of %zu bytes is too large", key.size + value.size);
  }
  if (builder->record_count == 0) {
    builder->base_timestamp = timestamp_ms;
    builder->max_timestamp = timestamp_ms;
  }
  uint8_t head[2 * VARINT_MAX + 1];
  size_t head_size = 0;
  head[head_size++] = 0;  // attributes
  head_size += put_varint(head + head_size, timestamp_ms - builder->base_timestamp);
  head_size += put_varint(head + head_size, builder->record_count);
  uint8_t scratch[VARINT_MAX];
  size_t size = head_size + put_varint(scratch, key.data ? (int64_t)key.size : -1) + key.size +
                put_varint(scratch, value.data ? (int64_t)value.size : -1) + value.size + 1;
  ice_status status = ice_bytes_reserve(&builder->records, size + FIELDS * VARINT_MAX, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *out = builder->records.data + builder->records.size;
  size_t at = put_varint(out, (int64_t)size);
  memcpy(out + at, head, head_size);
  at += head_size;
  at += put_bytes(out + at, key);
  at += put_bytes(out + at, value);
  out[at++] = 0;  // no headers
  builder->records.size += at;
  builder->record_count++;
  if (timestamp_ms > builder->max_timestamp) {
    builder->max_timestamp = timestamp_ms;
  }
  return ICE_OK;
}

static unsigned attributes_of(ice_codec codec) {
  switch (codec) {
    case ICE_CODEC_GZIP: return 1;
    case ICE_CODEC_SNAPPY:
    case ICE_CODEC_SNAPPY_JAVA: return 2;
    case ICE_CODEC_LZ4_RAW:
    case ICE_CODEC_LZ4_FRAME: return 3;
    case ICE_CODEC_ZSTD: return 4;
    case ICE_CODEC_NONE:
    case ICE_CODEC_DEFLATE: return 0;
  }
  return 0;
}

ice_status ice_record_batch_builder_finish(ice_record_batch_builder *builder, ice_compressor *compressor,
                                           ice_codec codec, int64_t base_offset, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  size_t start = out->size;
  if (builder->record_count == 0) {
    ICE_FAIL(ICE_INVALID_STATE, "a record batch needs a record");
  }
  ICE_TRY(ice_bytes_append_zero(out, ICE_RECORD_BATCH_HEADER, err));
  ICE_TRY(ice_compress(compressor, codec, 0, builder->records.data, builder->records.size, out, err));
  size_t size = out->size - start;
  if (size > ICE_RECORD_BATCH_SIZE_MAX) {
    ICE_FAIL(ICE_LIMIT, "record batch of %zu bytes is too large", size);
  }
  uint8_t *p = out->data + start;
  ice_store_u64be(p + AT_BASE_OFFSET, (uint64_t)base_offset);
  ice_store_u32be(p + AT_BATCH_LENGTH, (uint32_t)(size - ICE_RECORD_BATCH_OVERHEAD));
  ice_store_u32be(p + AT_LEADER_EPOCH, 0);
  p[AT_MAGIC] = 2;
  ice_store_u16be(p + AT_ATTRIBUTES, (uint16_t)attributes_of(codec));
  ice_store_u32be(p + AT_LAST_OFFSET_DELTA, (uint32_t)(builder->record_count - 1));
  ice_store_u64be(p + AT_BASE_TIMESTAMP, (uint64_t)builder->base_timestamp);
  ice_store_u64be(p + AT_MAX_TIMESTAMP, (uint64_t)builder->max_timestamp);
  ice_store_u64be(p + AT_PRODUCER_ID, UINT64_MAX);
  ice_store_u16be(p + AT_PRODUCER_EPOCH, UINT16_MAX);
  ice_store_u32be(p + AT_BASE_SEQUENCE, UINT32_MAX);
  ice_store_u32be(p + AT_RECORD_COUNT, (uint32_t)builder->record_count);
  ice_store_u32be(p + AT_CRC, ice_crc32c(0, p + AT_ATTRIBUTES, size - AT_ATTRIBUTES));
  ice_bytes_clear(&builder->records);
  builder->record_count = 0;
done:
  if (status != ICE_OK) {
    out->size = start;
  }
  return status;
}
