#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "health_pipeline.h"
#include <math.h>
#include <stdio.h>

static health_pipeline p;

static int setup(void **state) {
  (void)state;
  return health_open(&p, NULL, NULL, 1, NULL, NULL) != ICE_OK;
}

static int teardown(void **state) {
  (void)state;
  health_close(&p);
  return 0;
}

static void run(void) {
  ice_error err = {0};
  if (health_run(&p, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  const ice_pipeline_counts *c = &p.output.counts;
  assert_int_equal(c->elements, c->rows + c->dead_letters + c->filtered);
  int64_t rows = 0;
  for (uint32_t i = 0; i < p.output.table_count; i++) {
    rows += p.output.tables[i].row_count;
  }
  assert_int_equal(c->rows, rows);
  assert_int_equal(c->dead_letters, p.output.dead_letters.row_count);
}

static void expect_counts(int64_t records, int64_t rows, int64_t dead_letters, int64_t filtered) {
  const ice_pipeline_counts *c = &p.output.counts;
  assert_int_equal(c->records, records);
  assert_int_equal(c->rows, rows);
  assert_int_equal(c->dead_letters, dead_letters);
  assert_int_equal(c->filtered, filtered);
}

static const ice_column *letter_column(const char *name) {
  const ice_batch *batch = &p.output.dead_letters;
  for (uint32_t i = 0; i < batch->column_count; i++) {
    if (ice_str_equal_c(batch->schema->root.fields[i].name, name)) {
      return &batch->columns[i];
    }
  }
  return NULL;
}

static void expect_text(const char *name, int64_t row, const char *text) {
  const ice_column *column = letter_column(name);
  assert_non_null(column);
  if (!text) {
    assert_true(ice_column_is_null(column, row));
    return;
  }
  assert_false(ice_column_is_null(column, row));
  ice_str actual = ice_column_text(column, row);
  if (!ice_str_equal_c(actual, text)) {
    fail_msg("%s is \"%.*s\", expected \"%s\"", name, ICE_STR_ARG(actual), text);
  }
}

static void expect_letter(int64_t row, const char *type, const char *message) {
  expect_text("error_type", row, type);
  expect_text("error_message", row, message);
}

static void test_pipeline__a_good_message_becomes_rows(void **state) {
  (void)state;
  health_sample samples[2] = {health_good, health_good};
  samples[1].type = "of no rule";
  samples[1].value = 1e300;
  samples[1].bundle = NULL;
  health_send(&p, samples, 2);
  run();
  expect_counts(1, 2, 0, 0);
  const ice_batch *rows = &p.output.tables[0];
  assert_true(ice_str_equal_c(ice_column_text(&rows->columns[0], 1), "device"));
  assert_true(ice_str_equal_c(ice_column_text(&rows->columns[3], 1), "of no rule"));
  assert_true(ice_column_f64(&rows->columns[4], 0) == 72);
  assert_int_equal(ice_column_i64(&rows->columns[6], 0), INT64_C(1704103200000000));
  assert_true(ice_column_is_null(&rows->columns[8], 1));
  assert_int_equal(ice_column_i64(&rows->columns[14], 0), (int64_t)HEALTH_CLOCK_US * 1000000);
}

static void test_pipeline__each_fault_of_an_element_has_its_type_and_text(void **state) {
  (void)state;
  health_sample bad[16];
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    bad[i] = health_good;
  }
  static const char *const expected[][2] = {
      {"transformation_error", "Cannot convert start_date to timestamp: \"yesterday\""},
      {"transformation_error", "Cannot convert end_date to timestamp: \"2016-12-31T23:59:60Z\""},
      {"transformation_error", "Cannot convert created_at to timestamp: \"2024-01-01T24:00:00Z\""},
      {"validation_error", "value NaN is not finite"},
      {"validation_error", "value -Infinity is not finite"},
      {"validation_error", "value -1 is below 0"},
      {"validation_error", "value 19.9 is outside 20 to 250 (data_type heartRate)"},
      {"validation_error", "value 250.5 is outside 20 to 250 (data_type heartRate)"},
      {"validation_error", "value 200001 is above 200000 (data_type steps)"},
      {"validation_error", "end_date 2024-01-01T09:59:59 is before start_date 2024-01-01T10:00:00"},
      {"validation_error", "Missing required field: sample_id"},
      {"validation_error", "Missing required field: data_type"},
      {"validation_error", "Missing required field: start_date"},
      {"deserialization_error", "Invalid UTF-8 in field: unit"},
      {"deserialization_error", "Invalid UTF-8 in field: sample_id"},
      {"deserialization_error", "Invalid UTF-8 in field: source_bundle"},
  };
  bad[0].start = "yesterday";
  bad[1].end = "2016-12-31T23:59:60Z";
  bad[2].created = "2024-01-01T24:00:00Z";
  bad[3].value = (double)NAN;
  bad[4].value = (double)-INFINITY;
  bad[5].value = -1;
  bad[6].value = 19.9;
  bad[7].value = 250.5;
  bad[8].type = "steps";
  bad[8].value = 200001;
  bad[9].end = "2024-01-01T09:59:59Z";
  bad[10].id = "";
  bad[11].type = "";
  bad[12].start = "";
  bad[13].unit = "\xFF";
  bad[14].id = "\xC0\xAF";
  bad[14].value = (double)NAN;
  bad[15].bundle = "\xED\xA0\x80";
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    // Good siblings on both sides pass.
    health_sample samples[3] = {health_good, bad[i], health_good};
    health_send(&p, samples, 3);
    run();
    expect_counts(1, 2, 1, 0);
    expect_letter(0, expected[i][0], expected[i][1]);
    assert_int_equal(ice_column_i32(letter_column("element_index"), 0), 1);
    expect_text("user_id", 0, "user");
    expect_text("device_id", 0, "device");
    expect_text("sample_id", 0, i == 14 ? NULL : bad[i].id);
    expect_text("kafka_topic", 0, "topic");
    assert_int_equal(ice_column_i64(letter_column("kafka_partition"), 0), 4);
    assert_int_equal(ice_column_i64(letter_column("kafka_offset"), 0), 100);
  }
}

static void test_pipeline__the_edges_of_ranges_pass(void **state) {
  (void)state;
  health_sample samples[4] = {health_good, health_good, health_good, health_good};
  samples[0].value = 20;
  samples[1].value = 250;
  samples[2].end = samples[2].start;
  samples[3].start = "0001-01-01T00:00:00Z";
  samples[3].end = "9999-12-31T23:59:59.999999Z";
  health_send(&p, samples, 4);
  run();
  expect_counts(1, 4, 0, 0);
}

static void test_pipeline__a_fault_of_the_parent_fails_every_element(void **state) {
  (void)state;
  const health_sample samples[2] = {health_good, health_good};
  const health_message messages[] = {
      {"", "user", "2024-01-01T10:03:00Z", "1.2", samples, 2},
      {"device", "", "2024-01-01T10:03:00Z", "1.2", samples, 2},
      {"device", "user", "never", "1.2", samples, 2},
      {"device", "user", "2024-01-01T10:03:00Z", "\xFF", samples, 2},
  };
  static const char *const expected[][2] = {
      {"validation_error", "Missing required field: device_id"},
      {"validation_error", "Missing required field: user_id"},
      {"transformation_error", "Cannot convert payload_timestamp to timestamp: \"never\""},
      {"deserialization_error", "Invalid UTF-8 in field: app_version"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(messages); i++) {
    ice_bytes data;
    health_encode(&messages[i], &data);
    health_add(&p, data.data, data.size);
    run();
    expect_counts(1, 0, 2, 0);
    expect_letter(0, expected[i][0], expected[i][1]);
    expect_letter(1, expected[i][0], expected[i][1]);
    // The message as it came is kept once.
    assert_false(ice_column_is_null(letter_column("raw_bytes"), 0));
    assert_true(ice_column_is_null(letter_column("raw_bytes"), 1));
    ice_bytes_deinit(&data);
  }
}

static void test_pipeline__raw_bytes_are_on_the_first_dead_letter_alone(void **state) {
  (void)state;
  health_sample samples[4] = {health_good, health_good, health_good, health_good};
  samples[1].value = -1;
  samples[3].value = -2;
  health_send(&p, samples, 4);
  health_send(&p, samples, 4);
  ice_bytes message;
  ice_bytes_init(&message, 1 << 16);
  ice_str value = ice_record_value(&p.chunk, &p.chunk.records[0]);
  assert_int_equal(ice_bytes_append_str(&message, value, NULL), ICE_OK);
  run();
  expect_counts(2, 4, 4, 0);
  const ice_column *raw = letter_column("raw_bytes");
  assert_true(ice_str_equal(ice_column_text(raw, 0), ice_bytes_str(&message)));
  assert_true(ice_column_is_null(raw, 1));
  assert_false(ice_column_is_null(raw, 2));
  assert_true(ice_column_is_null(raw, 3));
  assert_int_equal(ice_column_i32(letter_column("element_index"), 1), 3);
  assert_int_equal(ice_column_i64(letter_column("kafka_offset"), 2), 101);
  ice_bytes_deinit(&message);
}

static void test_pipeline__raw_payload_is_the_element_with_its_parent(void **state) {
  (void)state;
  health_sample samples[2] = {health_good, health_good};
  samples[1].id = "bad one";
  samples[1].value = (double)NAN;
  health_send(&p, samples, 2);
  run();
  expect_text(
      "raw_payload", 0,
      "{\"deviceId\":\"device\",\"userId\":\"user\",\"samples\":{\"id\":\"bad one\",\"type\":\"heartRate\","
      "\"value\":\"NaN\",\"unit\":\"count/min\",\"startDate\":\"2024-01-01T10:00:00Z\",\"endDate\":"
      "\"2024-01-01T10:01:00Z\",\"sourceBundle\":\"app\",\"metadata\":{\"k\":\"v\"},\"isSynced\":true,"
      "\"createdAt\":\"2024-01-01T10:02:00Z\"},\"timestamp\":\"2024-01-01T10:03:00Z\",\"appVersion\":\"1.2\"}");
}

static void test_pipeline__messages_that_are_not_what_they_claim(void **state) {
  (void)state;
  ice_bytes good;
  const health_message message = {"device", "user", "2024-01-01T10:03:00Z", "1.2", &health_good, 1};
  health_encode(&message, &good);
  health_add(&p, "\x01\0\0\0\x01", 5);
  health_add(&p, "\0\0\0\0\x09x", 6);
  health_add(&p, "\0\0\0", 3);
  health_add(&p, "plain text", 10);
  health_add(&p, good.data, good.size - 1);
  assert_int_equal(ice_bytes_append_u8(&good, 0, NULL), ICE_OK);
  health_add(&p, good.data, good.size);
  run();
  expect_counts(6, 0, 6, 0);
  expect_letter(0, "deserialization_error", "the first byte is not the registry's magic byte 0");
  expect_letter(1, "deserialization_error", "schema id 9 is unknown to the schema registry");
  expect_letter(2, "deserialization_error", "the value is shorter than the registry's wire format header of 5 bytes");
  expect_letter(3, "deserialization_error", "the first byte is not the registry's magic byte 0");
  expect_text("error_type", 4, "deserialization_error");
  expect_letter(5, "deserialization_error", "1 bytes follow the end of the datum");
  // Text is shown, other bytes are kept as they came.
  expect_text("raw_payload", 3, "plain text");
  assert_true(ice_column_is_null(letter_column("element_index"), 3));
  expect_text("raw_bytes", 3, "plain text");
  ice_bytes_deinit(&good);
}

static void test_pipeline__tombstones_are_dead_letters_or_filtered(void **state) {
  (void)state;
  health_add(&p, NULL, 0);
  run();
  expect_counts(1, 0, 1, 0);
  expect_letter(0, "deserialization_error", "the record has no value (a tombstone)");
  assert_true(ice_column_is_null(letter_column("raw_bytes"), 0));
  health_close(&p);
  ice_bytes preset;
  char yaml[20000];
  (void)health_preset(&preset);
  snprintf(yaml, sizeof yaml, "%s\ntombstones: filter\n", ice_bytes_c_str(&preset, NULL));
  ice_bytes_deinit(&preset);
  assert_int_equal(health_open(&p, yaml, NULL, 1, NULL, NULL), ICE_OK);
  health_add(&p, NULL, 0);
  health_send(&p, &health_good, 1);
  run();
  expect_counts(2, 1, 0, 1);
}

static void test_pipeline__an_empty_value_is_kept_as_one(void **state) {
  (void)state;
  health_add(&p, "", 0);
  run();
  expect_counts(1, 0, 1, 0);
  expect_letter(0, "deserialization_error", "the value is shorter than the registry's wire format header of 5 bytes");
  assert_false(ice_column_is_null(letter_column("raw_bytes"), 0));
  expect_text("raw_bytes", 0, "");
}

static void test_pipeline__an_empty_array_is_filtered(void **state) {
  (void)state;
  health_send(&p, NULL, 0);
  health_send(&p, &health_good, 1);
  health_send(&p, NULL, 0);
  run();
  expect_counts(3, 1, 0, 2);
}

// One byte of a good message is any other: rows, dead letters and filtered still account for every element, and what is no
// row can be replayed.
static void test_pipeline__no_damaged_byte_loses_an_element(void **state) {
  (void)state;
  ice_bytes good;
  const health_sample samples[2] = {health_good, health_good};
  const health_message message = {"device", "user", "2024-01-01T10:03:00Z", "1.2", samples, 2};
  health_encode(&message, &good);
  for (size_t at = 0; at < good.size; at++) {
    uint8_t kept = good.data[at];
    for (unsigned value = 0; value < 256; value++) {
      good.data[at] = (uint8_t)value;
      health_add(&p, good.data, good.size);
    }
    good.data[at] = kept;
    run();
    const ice_pipeline_counts *c = &p.output.counts;
    assert_int_equal(c->records, 256);
    assert_true(c->elements >= 256);
    assert_true(c->rows >= 2);
    // Every record is seen again in one of the outcomes: those without a row have the whole message kept.
    int64_t kept_messages = 0;
    for (int64_t row = 0; row < p.output.dead_letters.row_count; row++) {
      kept_messages += !ice_column_is_null(letter_column("raw_bytes"), row);
    }
    assert_true(c->rows / 2 + kept_messages + c->filtered >= 256);
  }
  ice_bytes_deinit(&good);
}

static void test_pipeline__no_truncation_loses_a_message(void **state) {
  (void)state;
  ice_bytes good;
  const health_message message = {"device", "user", "2024-01-01T10:03:00Z", "1.2", &health_good, 1};
  health_encode(&message, &good);
  for (size_t size = 0; size < good.size; size++) {
    health_add(&p, good.data, size);
  }
  run();
  expect_counts((int64_t)good.size, 0, (int64_t)good.size, 0);
  assert_int_equal(p.output.counts.dead_letters_by_type[ICE_DESERIALIZATION_ERROR], good.size);
  ice_bytes_deinit(&good);
}

static void test_pipeline__a_registry_that_is_down_is_no_bad_record(void **state) {
  (void)state;
  ice_error err = {0};
  health_send(&p, &health_good, 1);
  p.registry.status = ICE_IO;
  assert_int_equal(health_run(&p, &err), ICE_IO);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_non_null(strstr(err.message, "schema id 1"));
  assert_int_equal(p.output.counts.records, 0);
  assert_int_equal(ice_pipeline_output_rows(&p.output), 0);
  p.registry.status = ICE_OK;
  run();
  expect_counts(1, 1, 0, 0);
  // Known schemas are not asked for again.
  int asked = p.registry.asked;
  p.registry.status = ICE_IO;
  health_send(&p, &health_good, 1);
  run();
  expect_counts(1, 1, 0, 0);
  assert_int_equal(p.registry.asked, asked);
}

static void test_pipeline__an_unknown_id_is_asked_for_once_per_chunk(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) {
    health_add(&p, "\0\0\0\0\x09x", 6);
  }
  run();
  assert_int_equal(p.registry.asked, 1);
  health_add(&p, "\0\0\0\0\x09x", 6);
  run();
  assert_int_equal(p.registry.asked, 2);
  expect_counts(1, 0, 1, 0);
}

static void test_pipeline__a_schema_without_a_required_field_is_a_schema_error(void **state) {
  (void)state;
  health_close(&p);
  assert_int_equal(health_open(&p, NULL,
                               "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"deviceId\",\"type\":"
                               "\"string\"},{\"name\":\"samples\",\"type\":{\"type\":\"array\",\"items\":{\"type\":"
                               "\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}}}]}",
                               1, NULL, NULL),
                   ICE_OK);
  health_add(&p, "\0\0\0\0\x01\x02x\0", 8);
  run();
  expect_counts(1, 0, 1, 0);
  expect_letter(0, "schema_error", "schema 1 has no field userId for the required column user_id");
  health_close(&p);
  assert_int_equal(health_open(&p, NULL, "this is no schema", 1, NULL, NULL), ICE_OK);
  health_add(&p, "\0\0\0\0\x01\x02x\0", 8);
  run();
  expect_text("error_type", 0, "schema_error");
}

static void test_pipeline__the_same_fault_has_the_same_id(void **state) {
  (void)state;
  char first[2][37];
  health_sample samples[2] = {health_good, health_good};
  samples[0].value = -1;
  samples[1].value = -1;
  for (int reading = 0; reading < 2; reading++) {
    health_send(&p, samples, 2);
    run();
    for (int64_t i = 0; i < 2; i++) {
      ice_str id = ice_column_text(letter_column("error_id"), i);
      assert_int_equal(id.size, 36);
      if (reading == 0) {
        snprintf(first[i], sizeof first[i], "%.*s", ICE_STR_ARG(id));
      } else {
        assert_true(ice_str_equal_c(id, first[i]));
      }
    }
  }
  assert_string_not_equal(first[0], first[1]);
  assert_int_equal(first[0][14], '5');
}

static void test_pipeline__the_earlier_errors_layout_is_written_without_the_new_columns(void **state) {
  (void)state;
  ice_schema *earlier = NULL;
  const ice_type *root = &p.spec.dead_letter_schema->root;
  uint32_t count = 0;
  assert_int_equal(ice_schema_create(&earlier, NULL), ICE_OK);
  assert_int_equal(ice_type_set_fields(earlier, &earlier->root, root->field_count, NULL), ICE_OK);
  for (uint32_t i = 0; i < root->field_count; i++) {
    ice_str name = root->fields[i].name;
    if (!ice_str_equal_c(name, "element_index") && !ice_str_equal_c(name, "raw_bytes")) {
      assert_int_equal(ice_field_copy(earlier, &root->fields[i], &earlier->root.fields[count++], NULL), ICE_OK);
    }
  }
  earlier->root.field_count = count;
  assert_int_equal(count, root->field_count - 2);
  health_close(&p);
  assert_int_equal(health_open(&p, NULL, NULL, 1, earlier, NULL), ICE_OK);
  health_sample bad = health_good;
  bad.value = -1;
  health_send(&p, &bad, 1);
  run();
  expect_counts(1, 0, 1, 0);
  expect_letter(0, "validation_error", "value -1 is below 0");
  assert_null(letter_column("raw_bytes"));
  health_close(&p);
  ice_schema_unref(earlier);
  assert_int_equal(health_open(&p, NULL, NULL, 1, NULL, NULL), ICE_OK);
}

static const char orders_schema[] =
    "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"no\",\"type\":\"long\"},"
    "{\"name\":\"kind\",\"type\":\"string\"},{\"name\":\"price\",\"type\":\"string\"},"
    "{\"name\":\"note\",\"type\":[\"null\",\"string\"]}]}";
static const char orders_yaml[] =
    "columns:\n"
    "  number: {path: no, type: long, required: true}\n"
    "  kind: {path: kind, type: string, required: true}\n"
    "  price: {path: price, type: double}\n"
    "  note: {path: note, type: string}\n"
    "  offset: {value: kafka_offset, type: long, required: true}\n"
    "  topic: {value: kafka_topic, type: string, required: true}\n"
    "partition: [kind]\n"
    "filter:\n"
    "  - {name: tests, when: {kind: test}}\n"
    "validate:\n"
    "  - {rule: one_of, column: kind, values: [a, b, c, test]}\n"
    "  - {rule: between, column: price, min: 0.5, max: 99.5}\n"
    "route:\n"
    "  - {when: {kind: b}, table: db.b}\n"
    "  - {when: {kind: c}, table: db.c}\n";

static void send_order(int64_t number, const char *kind, const char *price) {
  static const uint8_t head[] = {0, 0, 0, 0, 1};
  ice_bytes data;
  ice_bytes_init(&data, 1000);
  assert_int_equal(ice_bytes_append(&data, head, sizeof head, NULL), ICE_OK);
  assert_int_equal(ice_avro_put_long(&data, number, NULL), ICE_OK);
  health_put(&data, kind);
  health_put(&data, price);
  assert_int_equal(ice_avro_put_long(&data, 0, NULL), ICE_OK);
  health_add(&p, data.data, data.size);
  ice_bytes_deinit(&data);
}

// Another topic with other columns, without explode: configuration alone.
static void test_pipeline__another_topic_is_configuration_alone(void **state) {
  (void)state;
  health_close(&p);
  ice_error err = {0};
  if (health_open(&p, orders_yaml, orders_schema, 3, NULL, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  send_order(1, "a", "1.5");
  send_order(2, "b", "2.5");
  send_order(3, "test", "nonsense");
  send_order(4, "test", "3");
  send_order(5, "c", "99.5");
  send_order(6, "d", "1");
  send_order(7, "b", "0.25");
  send_order(8, "a", "1,5");
  run();
  expect_counts(8, 3, 4, 1);
  for (uint32_t i = 0; i < 3; i++) {
    static const int64_t numbers[] = {1, 2, 5};
    assert_int_equal(p.output.tables[i].row_count, 1);
    assert_int_equal(ice_column_i64(&p.output.tables[i].columns[0], 0), numbers[i]);
    assert_int_equal(ice_column_i64(&p.output.tables[i].columns[4], 0), 99 + numbers[i]);
    assert_true(ice_str_equal_c(ice_column_text(&p.output.tables[i].columns[5], 0), "topic"));
    assert_true(ice_column_is_null(&p.output.tables[i].columns[3], 0));
  }
  expect_letter(0, "transformation_error", "Cannot convert price to double: \"nonsense\"");
  expect_letter(1, "validation_error", "kind d is not an allowed value");
  expect_letter(2, "validation_error", "price 0.25 is outside 0.5 to 99.5");
  expect_letter(3, "transformation_error", "Cannot convert price to double: \"1,5\"");
  assert_true(ice_column_is_null(letter_column("element_index"), 0));
  expect_text("raw_payload", 1, "{\"no\":6,\"kind\":\"d\",\"price\":\"1\",\"note\":null}");
}

static void test_pipeline__blocks_join_without_a_seam(void **state) {
  (void)state;
  // More messages than a block holds, every third bad.
  health_sample bad = health_good;
  bad.value = -1;
  for (int i = 0; i < 2000; i++) {
    health_send(&p, i % 3 == 0 ? &bad : &health_good, 1);
  }
  run();
  expect_counts(2000, 1333, 667, 0);
  for (int64_t i = 0; i < 667; i++) {
    assert_int_equal(ice_column_i64(letter_column("kafka_offset"), i), 100 + 3 * i);
  }
}

// What a chunk leaves behind when memory runs out in the middle of it must not come up in the next one.
static void test_pipeline__a_chunk_that_failed_leaves_nothing_behind(void **state) {
  (void)state;
  health_sample bad = health_good;
  int64_t failed = 0;
  bad.value = -1;
  for (int64_t n = 1;; n++) {
    for (int i = 0; i < 5; i++) {
      health_send(&p, i % 2 == 0 ? &bad : &health_good, 1);
    }
    fail_allocation(n);
    ice_status status = health_run(&p, NULL);
    int64_t made = allocations_made();
    fail_allocation(0);
    if (made < n) {
      break;
    }
    assert_int_equal(status, ICE_NO_MEMORY);
    failed++;
    ice_chunk_clear(&p.chunk);
    health_send(&p, &bad, 1);
    run();
    expect_counts(1, 0, 1, 0);
    // The next round begins as the first one did: with nothing held.
    teardown(NULL);
    setup(NULL);
  }
  assert_true(failed > 20);
}

// A pipeline like `p`, whose outputs are full at some bytes.
static void open_limited(size_t output_size_max, ice_pipeline **pipeline, ice_pipeline_output *output) {
  static const ice_schema *schemas[1];
  schemas[0] = p.spec.schema;
  const ice_pipeline_options options = {.spec = &p.spec,
                                        .sink = ICE_STR("sink"),
                                        .format = ICE_PAYLOAD_REGISTRY_AVRO,
                                        .registry = &p.registry.base,
                                        .port = &p.port,
                                        .table_schemas = schemas,
                                        .table_count = 1,
                                        .dead_letter_schema = p.spec.dead_letter_schema,
                                        .output_size_max = output_size_max};
  assert_int_equal(ice_pipeline_create(&options, pipeline, NULL), ICE_OK);
  assert_int_equal(ice_pipeline_output_init(*pipeline, output, NULL), ICE_OK);
  assert_int_equal(ice_pipeline_prepare(*pipeline, &p.chunk, NULL), ICE_OK);
}

// A message of more elements than a slice has rows between two small ones; one in so many is bad.
static void send_many(size_t bad_every) {
  enum { COUNT = 5000 };
  static health_sample samples[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    samples[i] = health_good;
    samples[i].value = i % bad_every == 0 ? -1 : 60;
  }
  health_send(&p, samples, 3);
  health_send(&p, samples, COUNT);
  health_send(&p, samples, 3);
}

static void add_counts(ice_pipeline_counts *sum, const ice_pipeline_counts *counts) {
  sum->records += counts->records;
  sum->elements += counts->elements;
  sum->rows += counts->rows;
  sum->dead_letters += counts->dead_letters;
}

static void expect_equal(const ice_batch *a, const ice_batch *b) {
  for (uint32_t i = 0; i < a->column_count; i++) {
    assert_int_equal(a->columns[i].length, b->columns[i].length);
    for (int64_t row = 0; row < a->columns[i].length; row++) {
      assert_true(ice_column_equal(&a->columns[i], row, &b->columns[i], row));
    }
  }
}

static void add_batch(ice_batch *to, const ice_batch *from) {
  for (uint32_t i = 0; i < to->column_count; i++) {
    assert_int_equal(ice_column_append_range(&to->columns[i], &from->columns[i], 0, from->row_count, NULL), ICE_OK);
  }
}

static void test_pipeline__what_a_full_output_has_no_room_for_comes_in_parts(void **state) {
  (void)state;
  // The first letter of a message has all its bytes.
  enum { SIZE_MAX_OF_OUTPUT = 30000, LETTER_SIZE_MAX = 600000, SLICE_SIZE_MAX = 4096 * 300 };
  static const size_t bad_every[] = {1, 3, 2000, 100000};
  for (size_t i = 0; i < ICE_COUNT_OF(bad_every); i++) {
    ice_pipeline *limited;
    ice_pipeline_output output;
    ice_batch rows;
    ice_batch letters;
    ice_pipeline_counts counts = {0};
    int parts = 0;
    send_many(bad_every[i]);
    open_limited(SIZE_MAX_OF_OUTPUT, &limited, &output);
    assert_int_equal(ice_batch_init(&rows, p.spec.schema, NULL), ICE_OK);
    assert_int_equal(ice_batch_init(&letters, p.spec.dead_letter_schema, NULL), ICE_OK);
    do {
      ice_pipeline_output_clear(&output);
      assert_int_equal(ice_pipeline_process(limited, &p.chunk, &p.partition, &output, NULL), ICE_OK);
      assert_true(ice_batch_size(&output.dead_letters) <= SIZE_MAX_OF_OUTPUT + LETTER_SIZE_MAX);
      assert_true(ice_batch_size(&output.tables[0]) <= SLICE_SIZE_MAX);
      add_batch(&rows, &output.tables[0]);
      add_batch(&letters, &output.dead_letters);
      add_counts(&counts, &output.counts);
      parts++;
    } while (output.unfinished);
    assert_true(parts >= (bad_every[i] <= 3 ? 20 : 2));
    run();
    assert_false(p.output.unfinished);
    assert_int_equal(counts.records, 3);
    assert_int_equal(counts.elements, 5006);
    assert_int_equal(counts.rows, p.output.counts.rows);
    assert_int_equal(counts.dead_letters, p.output.counts.dead_letters);
    expect_equal(&rows, &p.output.tables[0]);
    expect_equal(&letters, &p.output.dead_letters);
    ice_batch_deinit(&rows);
    ice_batch_deinit(&letters);
    ice_pipeline_output_deinit(&output);
    ice_pipeline_destroy(limited);
  }
}

static void test_pipeline__a_chunk_that_is_given_up_leaves_nothing(void **state) {
  (void)state;
  ice_pipeline *limited;
  ice_pipeline_output output;
  send_many(2);
  open_limited(30000, &limited, &output);
  assert_int_equal(ice_pipeline_process(limited, &p.chunk, &p.partition, &output, NULL), ICE_OK);
  assert_true(output.unfinished);
  ice_pipeline_forget(limited);
  ice_chunk_clear(&p.chunk);
  ice_pipeline_output_clear(&output);
  health_send(&p, &health_good, 1);
  assert_int_equal(ice_pipeline_prepare(limited, &p.chunk, NULL), ICE_OK);
  assert_int_equal(ice_pipeline_process(limited, &p.chunk, &p.partition, &output, NULL), ICE_OK);
  assert_false(output.unfinished);
  assert_int_equal(output.counts.elements, 1);
  assert_int_equal(output.counts.rows, 1);
  assert_int_equal(output.dead_letters.row_count, 0);
  ice_chunk_clear(&p.chunk);
  ice_pipeline_output_deinit(&output);
  ice_pipeline_destroy(limited);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_pipeline__a_good_message_becomes_rows, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__what_a_full_output_has_no_room_for_comes_in_parts, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__a_chunk_that_is_given_up_leaves_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__each_fault_of_an_element_has_its_type_and_text, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__the_edges_of_ranges_pass, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__a_fault_of_the_parent_fails_every_element, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__raw_bytes_are_on_the_first_dead_letter_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__raw_payload_is_the_element_with_its_parent, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__messages_that_are_not_what_they_claim, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__tombstones_are_dead_letters_or_filtered, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__an_empty_value_is_kept_as_one, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__an_empty_array_is_filtered, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__no_damaged_byte_loses_an_element, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__no_truncation_loses_a_message, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__a_registry_that_is_down_is_no_bad_record, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__an_unknown_id_is_asked_for_once_per_chunk, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__a_schema_without_a_required_field_is_a_schema_error, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__the_same_fault_has_the_same_id, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__the_earlier_errors_layout_is_written_without_the_new_columns,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__another_topic_is_configuration_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__blocks_join_without_a_seam, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pipeline__a_chunk_that_failed_leaves_nothing_behind, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
