#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avro/avro_container.h"
#include "avro/avro_decoder.h"
#include "base/macros.h"
#include "failing_memory.h"

static const char writer_schema[] =
    "{\"type\":\"record\",\"name\":\"P\",\"aliases\":[\"Q\"],\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},{\"name\":\"l\",\"type\":"
    "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"map\",\"values\":\"long\"}]}},"
    "{\"name\":\"next\",\"type\":[\"null\",\"P\",\"int\"]}]}";
static const char reader_schema[] =
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},{\"name\":\"l\",\"type\":"
    "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"map\",\"values\":\"long\"}]}},"
    "{\"name\":\"d\",\"type\":[\"null\",\"bytes\"],\"default\":null},{\"name\":\"s\",\"type\":{\"type\":\"array\","
    "\"items\":\"string\"},\"default\":[\"x\"]}]}";

static ice_status decode(ice_error *err) {
  ice_status status = ICE_OK;
  ice_avro_schema *writer = NULL;
  ice_avro_schema *reader = NULL;
  ice_avro_decoder *decoder = NULL;
  ice_batch batch = {0};
  ice_projection root = {0};
  ice_arena arena;
  size_t consumed;
  static const char *const paths[] = {"id", "e", "l", "d", "s", "missing.a.b"};
  ice_arena_init(&arena, 1 << 20);
  for (size_t i = 0; i < ICE_COUNT_OF(paths); i++) {
    ICE_TRY(ice_projection_add(&root, &arena, ice_str_of(paths[i]), err));
  }
  ICE_TRY(ice_avro_schema_parse(ICE_STR(writer_schema), &writer, err));
  ICE_TRY(ice_avro_schema_parse(ICE_STR(reader_schema), &reader, err));
  ICE_TRY(ice_avro_decoder_create(writer, reader, &root, &decoder, err));
  ICE_TRY(ice_batch_init(&batch, ice_avro_decoder_schema(decoder), err));
  for (int64_t i = 0; i < 50; i++) {
    static const char datum[] =
        "\x06"
        "abc\x02\x04\x00\x02\x02\x02k\x08\x00\x00\x00";
    status = ice_avro_decode(decoder, datum, sizeof datum - 1, &batch, &consumed, err);
    if (status != ICE_OK) {
      ice_batch_truncate(&batch, i);
      goto done;
    }
  }
done:
  ice_batch_deinit(&batch);
  ice_avro_decoder_destroy(decoder);
  ice_avro_schema_destroy(writer);
  ice_avro_schema_destroy(reader);
  ice_arena_deinit(&arena);
  return status;
}

static void test_avro_torture__decoding_ends_cleanly_where_memory_does(void **state) {
  (void)state;
  assert_true(torture(decode) > 10);
}

static ice_status container(ice_error *err) {
  ice_status status = ICE_OK;
  ice_avro_writer *writer = NULL;
  ice_avro_reader *reader = NULL;
  ice_bytes file;
  ice_bytes_init(&file, 1 << 20);
  const ice_avro_writer_options options = {.schema = ICE_STR("\"int\""), .codec = ICE_CODEC_DEFLATE};
  int64_t count;
  ice_str data;
  ICE_TRY(ice_avro_writer_create(&options, &file, &writer, err));
  for (int i = 0; i < 200; i++) {
    ICE_TRY(ice_avro_writer_append(writer, ICE_STR("\x02"), err));
  }
  ICE_TRY(ice_avro_writer_finish(writer, err));
  ICE_TRY(ice_avro_reader_create(ice_bytes_str(&file), &reader, err));
  ICE_TRY(ice_avro_reader_next(reader, &count, &data, err));
  assert_int_equal(count, 200);
done:
  ice_avro_writer_destroy(writer);
  ice_avro_reader_destroy(reader);
  ice_bytes_deinit(&file);
  return status;
}

static void test_avro_torture__files_end_cleanly_where_memory_does(void **state) {
  (void)state;
  assert_true(torture(container) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_avro_torture__decoding_ends_cleanly_where_memory_does),
      cmocka_unit_test(test_avro_torture__files_end_cleanly_where_memory_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
