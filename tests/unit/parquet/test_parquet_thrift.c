#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_thrift.h"
#include <stdlib.h>

static ice_bytes out;

static int setup(void **context) {
  (void)context;
  ice_bytes_init(&out, 1 << 20);
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&out);
  return 0;
}

static void test_parquet_thrift__writes_golden_bytes(void **context) {
  (void)context;
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, &out, NULL);
  ice_thrift_i32(&writer, 1, 1);                      // 15 02
  ice_thrift_i64(&writer, 2, -1);                     // 16 01
  ice_thrift_binary(&writer, 4, ICE_STR("ab"));       // 28 02 61 62
  ice_thrift_bool(&writer, 5, true);                  // 11
  ice_thrift_bool(&writer, 6, false);                 // 12
  ice_thrift_struct(&writer, 7);                      // 1c
  ice_thrift_i16(&writer, 1, 300);                    // 14 d8 04
  ice_thrift_end(&writer);                            // 00
  ice_thrift_i8(&writer, 30, 5);                      // 03 3c 05: the distance is more than 15
  ice_thrift_list(&writer, 31, ICE_THRIFT_I32, 2);    // 19 25
  ice_thrift_element_i32(&writer, 64);                // 80 01
  ice_thrift_element_i32(&writer, -64);               // 7f
  ice_thrift_list(&writer, 32, ICE_THRIFT_TRUE, 15);  // 19 f1 0f
  for (int i = 0; i < 15; i++) {
    ice_thrift_element_bool(&writer, i % 2 == 0);  // 01 02 …
  }
  ice_thrift_empty_struct(&writer, 33);  // 1c 00
  ice_thrift_end(&writer);               // 00
  assert_int_equal(writer.status, ICE_OK);
  static const uint8_t golden[] = {0x15, 0x02, 0x16, 0x01, 0x28, 0x02, 0x61, 0x62, 0x11, 0x12, 0x1c,
                                   0x14, 0xd8, 0x04, 0x00, 0x03, 0x3c, 0x05, 0x19, 0x25, 0x80, 0x01,
                                   0x7f, 0x19, 0xf1, 0x0f, 1,    2,    1,    2,    1,    2,    1,
                                   2,    1,    2,    1,    2,    1,    2,    1,    0x1c, 0x00, 0x00};
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
}

static void write_all(void) {
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, &out, NULL);
  ice_thrift_bool(&writer, 1, true);
  ice_thrift_i8(&writer, 2, -100);
  ice_thrift_i16(&writer, 3, INT16_MIN);
  ice_thrift_i32(&writer, 4, INT32_MIN);
  ice_thrift_i64(&writer, 5, INT64_MIN);
  ice_thrift_binary(&writer, 6, ICE_STR("text"));
  ice_thrift_list(&writer, 7, ICE_THRIFT_STRUCT, 2);
  for (int32_t i = 0; i < 2; i++) {
    ice_thrift_element_struct(&writer);
    ice_thrift_i32(&writer, 1, i);
    ice_thrift_end(&writer);
  }
  ice_thrift_list(&writer, 100, ICE_THRIFT_I64, 1);
  ice_thrift_element_i64(&writer, INT64_MAX);
  ice_thrift_end(&writer);
  assert_int_equal(writer.status, ICE_OK);
}

// Returns how many fields were right.
static int read_all(const uint8_t *data, size_t size, ice_status *status) {
  ice_thrift_reader reader;
  ice_thrift_reader_init(&reader, data, size);
  ice_thrift_field field = {0};
  int right = 0;
  while (ice_thrift_next(&reader, &field)) {
    switch (field.id) {
      case 1: right += ice_thrift_read_bool(&reader, &field); break;
      case 2: right += ice_thrift_read_i8(&reader, &field) == -100; break;
      case 3: right += ice_thrift_read_i16(&reader, &field) == INT16_MIN; break;
      case 4: right += ice_thrift_read_i32(&reader, &field) == INT32_MIN; break;
      case 5: right += ice_thrift_read_i64(&reader, &field) == INT64_MIN; break;
      case 6: right += ice_str_equal_c(ice_thrift_read_binary(&reader, &field), "text"); break;
      case 7: {
        uint32_t count = ice_thrift_read_list(&reader, &field, ICE_THRIFT_STRUCT);
        int32_t sum = 0;
        for (uint32_t i = 0; i < count && reader.status == ICE_OK; i++) {
          ice_thrift_field inner = {0};
          while (ice_thrift_next(&reader, &inner)) {
            sum += 10 + ice_thrift_read_i32(&reader, &inner);
          }
        }
        right += sum == 21;
        break;
      }
      case 100:
        right += ice_thrift_read_list(&reader, &field, ICE_THRIFT_I64) == 1 &&
                 ice_thrift_read_element_i64(&reader) == INT64_MAX;
        break;
      default: ice_thrift_skip(&reader, &field); break;
    }
  }
  *status = reader.status;
  return right;
}

static void test_parquet_thrift__reads_what_it_writes(void **context) {
  (void)context;
  ice_status status;
  write_all();
  assert_int_equal(read_all(out.data, out.size, &status), 8);
  assert_int_equal(status, ICE_OK);
}

static void test_parquet_thrift__rejects_every_truncation(void **context) {
  (void)context;
  write_all();
  for (size_t size = 0; size < out.size; size++) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, out.data, size);
    ice_status status;
    read_all(copy, size, &status);
    assert_int_equal(status, ICE_CORRUPT);
    free(copy);
  }
}

static void test_parquet_thrift__skips_fields_of_every_type(void **context) {
  (void)context;
  write_all();
  ice_thrift_reader reader;
  ice_thrift_reader_init(&reader, out.data, out.size);
  ice_thrift_field field = {0};
  int count = 0;
  while (ice_thrift_next(&reader, &field)) {
    ice_thrift_skip(&reader, &field);
    count++;
  }
  assert_int_equal(reader.status, ICE_OK);
  assert_int_equal(reader.position, out.size);
  assert_int_equal(count, 8);
  // A map of i32 to list of bool, a double, a set; then an i32.
  static const uint8_t more[] = {0x1b, 0x01, 0x59, 0x02, 0x21, 0x01, 0x02, 0x17, 1,    2,    3,
                                 4,    5,    6,    7,    8,    0x1a, 0x15, 0x04, 0x15, 0x06, 0x00};
  ice_thrift_reader_init(&reader, more, sizeof more);
  field = (ice_thrift_field){0};
  int32_t last = 0;
  while (ice_thrift_next(&reader, &field)) {
    if (field.id == 4) {
      last = ice_thrift_read_i32(&reader, &field);
    } else {
      ice_thrift_skip(&reader, &field);
    }
  }
  assert_int_equal(reader.status, ICE_OK);
  assert_int_equal(last, 3);
}

static ice_status status_of(const uint8_t *data, size_t size) {
  ice_thrift_reader reader;
  ice_thrift_reader_init(&reader, data, size);
  ice_thrift_field field = {0};
  while (ice_thrift_next(&reader, &field)) {
    ice_thrift_skip(&reader, &field);
  }
  return reader.status;
}

static void test_parquet_thrift__rejects_hostile_lengths_and_depths(void **context) {
  (void)context;
  static const uint8_t list[] = {0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x02, 0x00};
  assert_int_equal(status_of(list, sizeof list), ICE_CORRUPT);
  static const uint8_t text[] = {0x18, 0xff, 0xff, 0xff, 0xff, 0x7f, 'a', 0x00};
  assert_int_equal(status_of(text, sizeof text), ICE_CORRUPT);
  static const uint8_t varint[] = {0x16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00};
  assert_int_equal(status_of(varint, sizeof varint), ICE_CORRUPT);
  static const uint8_t type[] = {0x1d, 0x00};
  assert_int_equal(status_of(type, sizeof type), ICE_CORRUPT);
  uint8_t deep[200];
  memset(deep, 0x1c, sizeof deep);
  assert_int_equal(status_of(deep, sizeof deep), ICE_CORRUPT);
  memset(deep, 0x19, sizeof deep);
  assert_int_equal(status_of(deep, sizeof deep), ICE_CORRUPT);
}

static void test_parquet_thrift__rejects_numbers_outside_their_type(void **context) {
  (void)context;
  static const uint8_t wide[] = {0x15, 0x80, 0x80, 0x80, 0x80, 0x20, 0x00};
  ice_thrift_reader reader;
  ice_thrift_field field = {0};
  ice_error err = {0};
  ice_thrift_reader_init(&reader, wide, sizeof wide);
  assert_true(ice_thrift_next(&reader, &field));
  assert_int_equal(ice_thrift_read_i32(&reader, &field), 0);
  assert_int_equal(ice_thrift_reader_status(&reader, "here", &err), ICE_CORRUPT);
  assert_string_equal(err.message, "here: number outside its type at byte 6");
  ice_thrift_reader_init(&reader, wide, sizeof wide);
  field = (ice_thrift_field){0};
  assert_true(ice_thrift_next(&reader, &field));
  assert_int_equal(ice_thrift_read_binary(&reader, &field).size, 0);
  assert_int_equal(reader.status, ICE_CORRUPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_parquet_thrift__writes_golden_bytes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_thrift__reads_what_it_writes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_thrift__rejects_every_truncation, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_thrift__skips_fields_of_every_type, setup, teardown),
      cmocka_unit_test(test_parquet_thrift__rejects_hostile_lengths_and_depths),
      cmocka_unit_test(test_parquet_thrift__rejects_numbers_outside_their_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
