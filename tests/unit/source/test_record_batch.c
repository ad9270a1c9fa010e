#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "codec/checksum.h"
#include "source/record_batch.h"
#include <stdio.h>

static ice_compressor *compressor;

static int setup(void **state) {
  (void)state;
  return ice_compressor_create(&compressor, NULL) != ICE_OK;
}

static int teardown(void **state) {
  (void)state;
  ice_compressor_destroy(compressor);
  return 0;
}

// https://kafka.apache.org/documentation/#recordbatch: one record, offset 5, timestamp 1000, key "k", value "v".
static const uint8_t golden[] = {
    0,    0,    0,    0,    0,    0,    0,    5,        // baseOffset
    0,    0,    0,    58,                               // batchLength
    0,    0,    0,    0,                                // partitionLeaderEpoch
    2,                                                  // magic
    0x71, 0x6A, 0x61, 0x89,                             // crc (CRC-32C of all that follows)
    0,    0,                                            // attributes
    0,    0,    0,    0,                                // lastOffsetDelta
    0,    0,    0,    0,    0,    0,    0x03, 0xE8,     // baseTimestamp
    0,    0,    0,    0,    0,    0,    0x03, 0xE8,     // maxTimestamp
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,     // producerId
    0xFF, 0xFF,                                         // producerEpoch
    0xFF, 0xFF, 0xFF, 0xFF,                             // baseSequence
    0,    0,    0,    1,                                // records
    16,   0,    0,    0,    2,    'k',  2,    'v',  0,  // length, attributes, deltas, key, value, headers
};

static void build(ice_codec codec, int count, int64_t base_offset, ice_bytes *out) {
  ice_record_batch_builder builder;
  ice_record_batch_builder_init(&builder);
  for (int i = 0; i < count; i++) {
    char text[64];
    int size = snprintf(text, sizeof text, "value %d of the batch", i);
    ice_str value = i % 5 == 4 ? (ice_str){0} : ice_str_make(text, (size_t)size);
    ice_str key = i % 3 == 0 ? (ice_str){0} : ice_str_make(text, (size_t)(i % 7));
    assert_int_equal(ice_record_batch_builder_add(&builder, 1000 - i * 3, key, value, NULL), ICE_OK);
  }
  ice_bytes_init(out, 1 << 24);
  assert_int_equal(ice_record_batch_builder_finish(&builder, compressor, codec, base_offset, out, NULL), ICE_OK);
  ice_record_batch_builder_deinit(&builder);
}

// Reads bytes as a source does: into a chunk's own data, exactly as large as they are.
static ice_status read_batch(const uint8_t *data, size_t size, int64_t from, ice_chunk *chunk, ice_error *err) {
  ice_record_batch batch;
  ice_chunk_init(chunk);
  assert_int_equal(ice_bytes_append(&chunk->data, data, size, NULL), ICE_OK);
  ice_status status = ice_record_batch_parse(chunk->data.data, size, &batch, err);
  if (status == ICE_OK && (batch.size > size || !ice_record_batch_check(&batch, chunk->data.data))) {
    status = ice_error_set(err, ICE_CORRUPT, "torn or damaged");
  }
  return status == ICE_OK ? ice_record_batch_read(&batch, compressor, 0, 3, from, chunk, err) : status;
}

static void test_record_batch__the_builder_writes_the_documented_bytes(void **state) {
  (void)state;
  ice_record_batch_builder builder;
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  ice_record_batch_builder_init(&builder);
  assert_int_equal(ice_record_batch_builder_add(&builder, 1000, ICE_STR("k"), ICE_STR("v"), NULL), ICE_OK);
  assert_int_equal(ice_record_batch_builder_finish(&builder, compressor, ICE_CODEC_NONE, 5, &out, NULL), ICE_OK);
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
  assert_int_equal(builder.record_count, 0);
  assert_int_equal(ice_record_batch_builder_finish(&builder, compressor, ICE_CODEC_NONE, 5, &out, NULL),
                   ICE_INVALID_STATE);
  assert_int_equal(out.size, sizeof golden);
  ice_record_batch_builder_deinit(&builder);
  ice_bytes_deinit(&out);
}

static void test_record_batch__the_documented_bytes_are_read(void **state) {
  (void)state;
  ice_chunk chunk;
  assert_int_equal(read_batch(golden, sizeof golden, 5, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.record_count, 1);
  const ice_record *record = &chunk.records[0];
  assert_int_equal(record->offset, 5);
  assert_int_equal(record->timestamp_ms, 1000);
  assert_int_equal(record->partition, 3);
  assert_true(ice_str_equal_c(ice_record_key(&chunk, record), "k"));
  assert_true(ice_str_equal_c(ice_record_value(&chunk, record), "v"));
  assert_int_equal(chunk.range_count, 1);
  assert_int_equal(chunk.ranges[0].from, 5);
  assert_int_equal(chunk.ranges[0].to, 6);
  assert_int_equal(chunk.ranges[0].record_count, 1);
  ice_chunk_deinit(&chunk);
}

static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_GZIP, ICE_CODEC_SNAPPY, ICE_CODEC_LZ4_FRAME,
                                   ICE_CODEC_ZSTD};

static void test_record_batch__every_codec_goes_there_and_back(void **state) {
  (void)state;
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_bytes data;
    ice_chunk chunk;
    ice_error err = {0};
    build(codecs[c], 1000, 70000, &data);
    if (read_batch(data.data, data.size, 70000, &chunk, &err) != ICE_OK) {
      fail_msg("codec %zu: %s", c, err.message);
    }
    assert_int_equal(chunk.record_count, 1000);
    for (int i = 0; i < 1000; i++) {
      const ice_record *record = &chunk.records[i];
      char text[64];
      snprintf(text, sizeof text, "value %d of the batch", i);
      assert_int_equal(record->offset, 70000 + i);
      assert_int_equal(record->timestamp_ms, 1000 - i * 3);
      if (i % 5 == 4) {
        assert_int_equal(record->value_size, -1);
      } else {
        assert_true(ice_str_equal_c(ice_record_value(&chunk, record), text));
      }
      assert_int_equal(record->key_size, i % 3 == 0 ? -1 : i % 7);
    }
    ice_chunk_deinit(&chunk);
    ice_bytes_deinit(&data);
  }
}

static void test_record_batch__reading_begins_in_the_middle(void **state) {
  (void)state;
  ice_bytes data;
  ice_chunk chunk;
  build(ICE_CODEC_ZSTD, 10, 100, &data);
  assert_int_equal(read_batch(data.data, data.size, 107, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.record_count, 3);
  assert_int_equal(chunk.records[0].offset, 107);
  assert_int_equal(chunk.ranges[0].from, 107);
  assert_int_equal(chunk.ranges[0].to, 110);
  ice_chunk_deinit(&chunk);
  // Offsets before the batch are gaps of its range.
  assert_int_equal(read_batch(data.data, data.size, 90, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.ranges[0].from, 90);
  assert_int_equal(chunk.ranges[0].record_count, 10);
  ice_chunk_deinit(&chunk);
  assert_int_equal(read_batch(data.data, data.size, 110, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.record_count, 0);
  assert_int_equal(chunk.range_count, 0);
  ice_chunk_deinit(&chunk);
  ice_bytes_deinit(&data);
}

static void set_crc(uint8_t *data, size_t size) { ice_store_u32be(data + 17, ice_crc32c(0, data + 21, size - 21)); }

static void test_record_batch__attributes_are_understood(void **state) {
  (void)state;
  uint8_t data[sizeof golden];
  ice_record_batch batch;
  ice_chunk chunk;
  memcpy(data, golden, sizeof data);
  data[22] = 8 | 16;
  data[42] = 0xFF;
  set_crc(data, sizeof data);
  assert_int_equal(ice_record_batch_parse(data, sizeof data, &batch, NULL), ICE_OK);
  assert_true(batch.log_append_time);
  assert_true(batch.transactional);
  assert_false(batch.control);
  assert_int_equal(read_batch(data, sizeof data, 5, &chunk, NULL), ICE_OK);
  // The broker's time stands in place of the record's.
  assert_int_equal(chunk.records[0].timestamp_ms, 0x3FF);
  ice_chunk_deinit(&chunk);
  data[22] = 16 | 32;
  set_crc(data, sizeof data);
  assert_int_equal(read_batch(data, sizeof data, 5, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.record_count, 0);
  assert_int_equal(chunk.ranges[0].to, 6);
  assert_int_equal(chunk.ranges[0].record_count, 0);
  ice_chunk_deinit(&chunk);
  for (uint8_t codec = 5; codec < 8; codec++) {
    data[22] = codec;
    assert_int_equal(ice_record_batch_parse(data, sizeof data, &batch, NULL), ICE_CORRUPT);
  }
}

static void test_record_batch__headers_of_records_are_passed_over(void **state) {
  (void)state;
  // Two headers: "h" = "x", "n" = null.
  static const uint8_t record[] = {28, 0, 0, 0, 1, 2, 'v', 4, 2, 'h', 2, 'x', 2, 'n', 1};
  uint8_t data[61 + sizeof record];
  ice_chunk chunk;
  memcpy(data, golden, 61);
  memcpy(data + 61, record, sizeof record);
  data[11] = (uint8_t)(sizeof data - 12);
  set_crc(data, sizeof data);
  assert_int_equal(read_batch(data, sizeof data, 5, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.record_count, 1);
  assert_int_equal(chunk.records[0].key_size, -1);
  assert_true(ice_str_equal_c(ice_record_value(&chunk, &chunk.records[0]), "v"));
  ice_chunk_deinit(&chunk);
}

static void test_record_batch__every_truncation_is_seen(void **state) {
  (void)state;
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_bytes data;
    build(codecs[c], 20, 0, &data);
    for (size_t size = 0; size < data.size; size++) {
      ice_chunk chunk;
      ice_status status = read_batch(data.data, size, 0, &chunk, NULL);
      assert_int_equal(status, size < ICE_RECORD_BATCH_HEADER ? ICE_LIMIT : ICE_CORRUPT);
      ice_chunk_deinit(&chunk);
    }
    ice_bytes_deinit(&data);
  }
}

// The CRC covers everything but base offset, leader epoch and itself; length and magic are checked on their own.
static void test_record_batch__every_flipped_bit_under_the_crc_is_corrupt(void **state) {
  (void)state;
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_bytes data;
    build(codecs[c], 20, 0, &data);
    for (size_t bit = 0; bit < data.size * 8; bit++) {
      ice_chunk chunk;
      data.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
      ice_status status = read_batch(data.data, data.size, 0, &chunk, NULL);
      bool outside = bit / 8 < 8 || (bit / 8 >= 12 && bit / 8 < 16);
      if (!outside) {
        assert_int_equal(status, ICE_CORRUPT);
      } else if (status == ICE_OK && bit / 8 >= 12) {
        assert_int_equal(chunk.record_count, 20);
      }
      data.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
      ice_chunk_deinit(&chunk);
    }
    ice_bytes_deinit(&data);
  }
}

// Damage with a right CRC is a writer's: whatever is taken, no record lies outside of the chunk.
static void test_record_batch__damage_with_a_right_crc_reads_nothing_outside(void **state) {
  (void)state;
  int taken = 0;
  int refused = 0;
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_bytes data;
    build(codecs[c], 6, 0, &data);
    for (size_t bit = 21 * 8; bit < data.size * 8; bit++) {
      ice_chunk chunk;
      data.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
      set_crc(data.data, data.size);
      ice_status status = read_batch(data.data, data.size, 0, &chunk, NULL);
      assert_true(status == ICE_OK || status == ICE_CORRUPT || status == ICE_LIMIT);
      taken += status == ICE_OK;
      refused += status != ICE_OK;
      for (size_t i = 0; i < chunk.record_count; i++) {
        const ice_record *record = &chunk.records[i];
        size_t value_size = record->value_size < 0 ? 0 : (size_t)record->value_size;
        size_t key_size = record->key_size < 0 ? 0 : (size_t)record->key_size;
        assert_true(record->value_at + value_size <= chunk.data.size);
        assert_true(record->key_at + key_size <= chunk.data.size);
        assert_true(i == 0 || record->offset > chunk.records[i - 1].offset);
      }
      ice_chunk_deinit(&chunk);
      data.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ice_bytes_deinit(&data);
  }
  assert_true(taken > 0);
  assert_true(refused > 0);
}

static void refuse_record(const uint8_t *record, size_t size, const char *part) {
  uint8_t data[200];
  ice_chunk chunk;
  ice_error err = {0};
  memcpy(data, golden, 61);
  memcpy(data + 61, record, size);
  data[11] = (uint8_t)(61 + size - 12);
  set_crc(data, 61 + size);
  assert_int_equal(read_batch(data, 61 + size, 5, &chunk, &err), ICE_CORRUPT);
  if (!strstr(err.message, part)) {
    fail_msg("%s", err.message);
  }
  ice_chunk_deinit(&chunk);
}

static void test_record_batch__hostile_lengths_are_refused(void **state) {
  (void)state;
  static const uint8_t too_long[] = {18, 0, 0, 0, 2, 'k', 2, 'v', 0};
  static const uint8_t negative[] = {1, 0, 0, 0, 2, 'k', 2, 'v', 0};
  static const uint8_t key[] = {16, 0, 0, 0, 0x7E, 'k', 2, 'v', 0};
  static const uint8_t huge_key[] = {24, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 2, 'v', 0, 0};
  static const uint8_t minus_two[] = {16, 0, 0, 0, 3, 'k', 2, 'v', 0};
  static const uint8_t beyond_last[] = {16, 0, 0, 2, 2, 'k', 2, 'v', 0};
  static const uint8_t rest[] = {16, 0, 0, 0, 2, 'k', 2, 'v', 0, 9};
  static const uint8_t endless[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
  static const uint8_t headers[] = {16, 0, 0, 0, 2, 'k', 2, 'v', 8};
  refuse_record(too_long, sizeof too_long, "record 0 of the batch at offset 5 is damaged");
  refuse_record(negative, sizeof negative, "is damaged");
  refuse_record(key, sizeof key, "is damaged");
  refuse_record(huge_key, sizeof huge_key, "is damaged");
  refuse_record(minus_two, sizeof minus_two, "is damaged");
  refuse_record(beyond_last, sizeof beyond_last, "is damaged");
  refuse_record(rest, sizeof rest, "has 1 bytes behind its last record");
  refuse_record(endless, sizeof endless, "is damaged");
  refuse_record(headers, sizeof headers, "is damaged");
  uint8_t many[sizeof golden];
  ice_chunk chunk;
  ice_error err = {0};
  memcpy(many, golden, sizeof many);
  ice_store_u32be(many + 57, INT32_MAX);
  set_crc(many, sizeof many);
  assert_int_equal(read_batch(many, sizeof many, 5, &chunk, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, "claims 2147483647 records in 9 bytes"));
  ice_chunk_deinit(&chunk);
}

static void test_record_batch__headers_that_cannot_be_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t at;
    uint8_t bytes[4];
    size_t size;
  } damage[] = {{8, {0, 0, 0, 48}, 4},
                {8, {0xFF, 0xFF, 0xFF, 0xFF}, 4},
                {8, {0x7F, 0xFF, 0xFF, 0xFF}, 4},
                {16, {1}, 1},
                {16, {3}, 1},
                {0, {0x80}, 1},
                {23, {0xFF, 0xFF, 0xFF, 0xFF}, 4},
                {57, {0x80, 0, 0, 0}, 4}};
  for (size_t i = 0; i < ICE_COUNT_OF(damage); i++) {
    uint8_t data[sizeof golden];
    ice_record_batch batch;
    memcpy(data, golden, sizeof data);
    memcpy(data + damage[i].at, damage[i].bytes, damage[i].size);
    assert_int_equal(ice_record_batch_parse(data, sizeof data, &batch, NULL), ICE_CORRUPT);
  }
  // Base offset and delta that overflow together.
  uint8_t data[sizeof golden];
  ice_record_batch batch;
  memcpy(data, golden, sizeof data);
  memset(data, 0xFF, 8);
  data[0] = 0x7F;
  assert_int_equal(ice_record_batch_parse(data, sizeof data, &batch, NULL), ICE_CORRUPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_record_batch__the_builder_writes_the_documented_bytes),
      cmocka_unit_test(test_record_batch__the_documented_bytes_are_read),
      cmocka_unit_test(test_record_batch__every_codec_goes_there_and_back),
      cmocka_unit_test(test_record_batch__reading_begins_in_the_middle),
      cmocka_unit_test(test_record_batch__attributes_are_understood),
      cmocka_unit_test(test_record_batch__headers_of_records_are_passed_over),
      cmocka_unit_test(test_record_batch__every_truncation_is_seen),
      cmocka_unit_test(test_record_batch__every_flipped_bit_under_the_crc_is_corrupt),
      cmocka_unit_test(test_record_batch__damage_with_a_right_crc_reads_nothing_outside),
      cmocka_unit_test(test_record_batch__hostile_lengths_are_refused),
      cmocka_unit_test(test_record_batch__headers_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
