#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health_pipeline.h"
#include <stdio.h>

static health_pipeline p;

static void begin(ice_payload_format format, const char *yaml) {
  ice_error err = {0};
  if (health_open_as(&p, format, yaml, NULL, 1, NULL, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
}

static int end(void **state) {
  (void)state;
  health_close(&p);
  p = (health_pipeline){0};
  return 0;
}

static void send(const char *message) { health_add(&p, message, strlen(message)); }

static void run(int64_t rows, int64_t dead_letters, int64_t filtered) {
  ice_error err = {0};
  if (health_run(&p, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  const ice_pipeline_counts *c = &p.output.counts;
  assert_int_equal(c->elements, c->rows + c->dead_letters + c->filtered);
  assert_int_equal(c->rows, p.output.tables[0].row_count);
  assert_int_equal(c->dead_letters, p.output.dead_letters.row_count);
  assert_int_equal(c->rows, rows);
  assert_int_equal(c->dead_letters, dead_letters);
  assert_int_equal(c->filtered, filtered);
}

static const ice_column *column_of(const ice_batch *batch, const char *name) {
  for (uint32_t i = 0; i < batch->column_count; i++) {
    if (ice_str_equal_c(batch->schema->root.fields[i].name, name)) {
      return &batch->columns[i];
    }
  }
  fail_msg("no column %s", name);
  return NULL;
}

static void expect_text(const ice_batch *batch, const char *name, int64_t row, const char *text) {
  const ice_column *column = column_of(batch, name);
  if (!text) {
    assert_true(ice_column_is_null(column, row));
    return;
  }
  assert_false(ice_column_is_null(column, row));
  ice_str found = ice_column_text(column, row);
  if (!ice_str_equal_c(found, text)) {
    fail_msg("%s is \"%.*s\", expected \"%s\"", name, ICE_STR_ARG(found), text);
  }
}

static void expect_letter(int64_t row, const char *type, const char *message) {
  expect_text(&p.output.dead_letters, "error_type", row, type);
  expect_text(&p.output.dead_letters, "error_message", row, message);
}

#define HEAD "{\"deviceId\":\"device\",\"userId\":\"user\",\"samples\":["
#define TAIL "],\"timestamp\":\"2024-01-01T10:03:00Z\",\"appVersion\":\"1.2\"}"
#define SAMPLE_END                                                                                      \
  "\"unit\":\"count/min\",\"startDate\":\"2024-01-01T10:00:00Z\",\"endDate\":\"2024-01-01T10:01:00Z\"," \
  "\"sourceBundle\":null,\"metadata\":{\"k\":\"v\"},\"isSynced\":true,\"createdAt\":\"2024-01-01T10:02:00Z\"}"
#define GOOD "{\"id\":\"s1\",\"type\":\"heartRate\",\"value\":72," SAMPLE_END

static void test_pipeline_json__the_preset_reads_the_same_messages_as_text(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, NULL);
  send(HEAD GOOD "," GOOD TAIL);
  send(HEAD TAIL);
  send("{\"samples\":null}");
  run(2, 0, 2);
  const ice_batch *rows = &p.output.tables[0];
  expect_text(rows, "device_id", 1, "device");
  expect_text(rows, "data_type", 1, "heartRate");
  assert_true(ice_column_f64(column_of(rows, "value"), 0) == 72);
  assert_int_equal(ice_column_i64(column_of(rows, "start_date"), 0), INT64_C(1704103200000000));
  assert_true(ice_column_is_null(column_of(rows, "source_bundle"), 0));
  assert_int_equal(ice_column_i64(column_of(rows, "processing_time"), 0), (int64_t)HEALTH_CLOCK_US * 1000000);
}

static void test_pipeline_json__each_fault_of_an_element_has_its_type_and_text(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":\"fast\"," SAMPLE_END, "transformation_error",
       "Cannot convert value to double: \"fast\""},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":{\"x\":1}," SAMPLE_END, "transformation_error",
       "Cannot convert value to double: \"{\"x\":1}\""},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":1e999," SAMPLE_END, "transformation_error",
       "Cannot convert value to double: \"1e999\""},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":\"NaN\"," SAMPLE_END, "validation_error",
       "value NaN is not finite"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":251," SAMPLE_END, "validation_error",
       "value 251 is outside 20 to 250 (data_type heartRate)"},
      {"{\"id\":\"b\",\"type\":\"heartRate\"," SAMPLE_END, "validation_error", "Missing required field: value"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":null," SAMPLE_END, "validation_error",
       "Missing required field: value"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":\"\"," SAMPLE_END, "validation_error",
       "Missing required field: value"},
      {"{\"id\":\"\",\"type\":\"heartRate\",\"value\":\"fast\"," SAMPLE_END, "validation_error",
       "Missing required field: sample_id"},
      {"{\"id\":\"b\",\"type\":\"h\xFF\",\"value\":1," SAMPLE_END, "deserialization_error",
       "Invalid UTF-8 in field: data_type"},
      {"{\"id\":\"b\",\"type\":\"h\\ud800\",\"value\":1," SAMPLE_END, "deserialization_error",
       "Invalid UTF-8 in field: data_type"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":\"\xFF\"," SAMPLE_END, "deserialization_error",
       "Invalid UTF-8 in field: value"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":1,\"startDate\":\"yesterday\",\"x\":" GOOD "}",
       "validation_error", "Missing required field: unit"},
      {"{\"id\":\"b\",\"type\":\"heartRate\",\"value\":1,\"unit\":\"u\",\"startDate\":1704103200000}",
       "transformation_error", "Cannot convert start_date to timestamp: \"1704103200000\""},
      {"[1]", "transformation_error", "Cannot convert sample_id to string: \"[1]\""},
      {"{}", "validation_error", "Missing required field: sample_id"},
      {"null", "validation_error", "Missing required field: sample_id"},
  };
  begin(ICE_PAYLOAD_JSON, NULL);
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    char message[4000];
    char payload[4000];
    // Good siblings on both sides pass.
    int size = snprintf(message, sizeof message,
                        HEAD GOOD
                        ","
                        "%s"
                        "," GOOD TAIL,
                        cases[i][0]);
    health_add(&p, message, (size_t)size);
    run(2, 1, 0);
    expect_letter(0, cases[i][1], cases[i][2]);
    assert_int_equal(ice_column_i32(column_of(&p.output.dead_letters, "element_index"), 0), 1);
    expect_text(&p.output.dead_letters, "user_id", 0, "user");
    expect_text(&p.output.dead_letters, "raw_bytes", 0, message);
    if (i < 9) {
      // The text as it came, without the siblings.
      snprintf(payload, sizeof payload, "%.*s%s%s", (int)(sizeof HEAD - 2), HEAD, cases[i][0], TAIL + 1);
      expect_text(&p.output.dead_letters, "raw_payload", 0, payload);
    }
  }
}

static void test_pipeline_json__a_fault_of_the_parent_fails_every_element(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, NULL);
  send("{\"deviceId\":\"d\",\"userId\":\"u\",\"timestamp\":5,\"samples\":[" GOOD "," GOOD "],\"appVersion\":\"1\"}");
  send(HEAD GOOD TAIL);
  send("{\"deviceId\":\"d\",\"timestamp\":\"2024-01-01T10:03:00Z\",\"samples\":[" GOOD "],\"appVersion\":\"1\"}");
  run(1, 3, 0);
  expect_letter(0, "transformation_error", "Cannot convert payload_timestamp to timestamp: \"5\"");
  expect_letter(1, "transformation_error", "Cannot convert payload_timestamp to timestamp: \"5\"");
  expect_letter(2, "validation_error", "Missing required field: user_id");
  assert_false(ice_column_is_null(column_of(&p.output.dead_letters, "raw_bytes"), 0));
  assert_true(ice_column_is_null(column_of(&p.output.dead_letters, "raw_bytes"), 1));
}

static void test_pipeline_json__a_long_parent_does_not_hide_its_element(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, NULL);
  ice_bytes message;
  ice_bytes_init(&message, 1 << 20);
  for (int size = 3000; size <= 5000; size += 2000) {
    ice_bytes_clear(&message);
    assert_int_equal(
        ice_bytes_append_format(&message, NULL, "{\"more\":\"%0*d\",\"samples\":[{\"id\":\"x\"},7]}", size, 0),
        ICE_OK);
    health_add(&p, message.data, message.size);
  }
  run(0, 4, 0);
  ice_str whole = ice_column_text(column_of(&p.output.dead_letters, "raw_payload"), 0);
  assert_true(whole.size > 3000 && ice_str_ends_with(whole, ICE_STR("\"samples\":{\"id\":\"x\"}}")));
  expect_text(&p.output.dead_letters, "raw_payload", 2, "{\"id\":\"x\"}");
  expect_text(&p.output.dead_letters, "raw_payload", 3, "7");
  // Nor is it repeated without end.
  ice_bytes_clear(&message);
  assert_int_equal(ice_bytes_append_str(&message, ICE_STR("{\"samples\":[0"), NULL), ICE_OK);
  for (int i = 1; i <= 100; i++) {
    assert_int_equal(ice_bytes_append_format(&message, NULL, ",%d", i), ICE_OK);
  }
  assert_int_equal(ice_bytes_append_str(&message, ICE_STR("]}"), NULL), ICE_OK);
  health_add(&p, message.data, message.size);
  health_add(&p, message.data, message.size);
  run(0, 202, 0);
  expect_text(&p.output.dead_letters, "raw_payload", 99, "{\"samples\":99}");
  expect_text(&p.output.dead_letters, "raw_payload", 100, "100");
  expect_text(&p.output.dead_letters, "raw_payload", 101, "{\"samples\":0}");
  assert_int_equal(ice_column_i32(column_of(&p.output.dead_letters, "element_index"), 201), 100);
  ice_bytes_deinit(&message);
}

static void test_pipeline_json__damage_is_one_dead_letter_of_the_whole_message(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, NULL);
  send(HEAD GOOD "," GOOD);
  send(HEAD GOOD TAIL "}");
  send("plain text");
  send("");
  send("{\"userId\":\"u\xFF\"");
  send(HEAD "{\"value\":01}" TAIL);
  send("{\"userId\":\"u\"}");
  send("{\"userId\":\"u\",\"samples\":{\"id\":1}}");
  health_add(&p, "\0\0\0\0\1{}", 7);
  run(0, 9, 0);
  const ice_batch *letters = &p.output.dead_letters;
  for (int64_t row = 0; row < 6; row++) {
    expect_text(letters, "error_type", row, "deserialization_error");
  }
  expect_text(letters, "raw_payload", 0, HEAD GOOD "," GOOD);
  char trailing[100];
  size_t size = sizeof HEAD GOOD TAIL - 1;
  snprintf(trailing, sizeof trailing, "JSON: something follows the end of the message at byte %zu of %zu", size,
           size + 1);
  expect_letter(1, "deserialization_error", trailing);
  expect_text(letters, "raw_payload", 2, "plain text");
  expect_text(letters, "raw_bytes", 3, "");
  // What is no UTF-8 is kept as bytes alone.
  expect_text(letters, "raw_payload", 4, NULL);
  expect_text(letters, "raw_bytes", 4, "{\"userId\":\"u\xFF\"");
  expect_letter(6, "validation_error", "Missing required field: samples");
  expect_letter(7, "transformation_error", "Cannot convert samples to list: {\"id\":1}");
  expect_letter(8, "deserialization_error",
                "the text begins with a zero byte, as a schema registry's framing does: source.decode.format "
                "json_schema reads that");
  for (int64_t row = 0; row < 9; row++) {
    assert_true(ice_column_is_null(column_of(letters, "element_index"), row));
  }
}

static const char flat[] =
    "columns:\n"
    "  id: {path: id, type: long, required: true}\n"
    "  price: {path: price, type: 'decimal(9,2)'}\n"
    "  raw_price: {path: price_text, type: string}\n"
    "  at: {path: at, type: timestamp}\n"
    "  at_text: {path: at, type: string}\n"
    "  city: {path: address.city, type: string}\n"
    "  zip: {path: address.zip, type: int}\n"
    "  tags: {path: tags, type: 'list<string>'}\n"
    "  totals: {path: totals, type: 'struct<net: double, gross: double>'}\n";

static void test_pipeline_json__flat_messages_are_their_own_elements(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, flat);
  send(
      "{\"id\":9223372036854775807,\"price\":12.5,\"at\":\"2024-01-01T00:00:00Z\",\"address\":{\"zip\":80331,"
      "\"city\":\"M\",\"more\":{}},\"tags\":[\"a\",\"b\"],\"totals\":{\"net\":1,\"gross\":2}}");
  send("{\"id\":2,\"address\":null}");
  send("{\"id\":\"x\"}");
  send("{\"id\":3,\"address\":7}");
  send("{\"id\":4,\"tags\":[\"a\",\"\xFF\"]}");
  send("{\"id\":5,\"totals\":{\"net\":\"much\"}}");
  send("{\"id\":6,\"at\":\"now\"}");
  send("{\"price\":1}");
  run(2, 6, 0);
  const ice_batch *rows = &p.output.tables[0];
  assert_int_equal(ice_column_i64(column_of(rows, "id"), 0), INT64_MAX);
  expect_text(rows, "at_text", 0, "2024-01-01T00:00:00Z");
  assert_int_equal(ice_column_i64(column_of(rows, "at"), 0), INT64_C(1704067200000000));
  expect_text(rows, "city", 0, "M");
  assert_int_equal(ice_column_i32(column_of(rows, "zip"), 0), 80331);
  assert_true(ice_column_f64(&column_of(rows, "totals")->children[1], 0) == 2);
  assert_true(ice_column_is_null(column_of(rows, "city"), 1));
  expect_letter(0, "transformation_error", "Cannot convert id to long: \"x\"");
  expect_letter(1, "transformation_error", "Cannot convert city to string: \"7\"");
  expect_letter(2, "deserialization_error", "Invalid UTF-8 in field: tags");
  expect_letter(3, "transformation_error", "Cannot convert totals to struct: \"much\"");
  expect_letter(4, "transformation_error", "Cannot convert at to timestamp: \"now\"");
  expect_letter(5, "validation_error", "Missing required field: id");
  expect_text(&p.output.dead_letters, "raw_payload", 0, "{\"id\":\"x\"}");
  expect_text(&p.output.dead_letters, "raw_payload", 2, "{\"id\":4,\"tags\":[\"a\",\"\xEF\xBF\xBD\"]}");
}

static void test_pipeline_json__elements_may_be_plain_values(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON,
        "explode: points.values\n"
        "columns:\n"
        "  series: {path: series, type: string, required: true}\n"
        "  value: {path: points.values, type: double, required: true}\n");
  send("{\"series\":\"s\",\"points\":{\"values\":[1.5,\"x\",null,-2]}}");
  run(2, 2, 0);
  assert_true(ice_column_f64(column_of(&p.output.tables[0], "value"), 1) == -2);
  expect_letter(0, "transformation_error", "Cannot convert value to double: \"x\"");
  expect_letter(1, "validation_error", "Missing required field: value");
  expect_text(&p.output.dead_letters, "raw_payload", 0, "{\"series\":\"s\",\"points\":{\"values\":\"x\"}}");
}

static void test_pipeline_json__more_messages_than_a_block_holds_keep_their_faults(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_JSON, "columns:\n  id: {path: id, type: int, required: true}\n");
  enum { MESSAGES = 2000 };
  for (int i = 0; i < MESSAGES; i++) {
    char message[64];
    int size = snprintf(message, sizeof message,
                        i % 7 == 3    ? "{\"id\":\"bad %d\"}"
                        : i % 11 == 5 ? "{\"id\":%d"
                                      : "{\"id\":%d}",
                        i);
    health_add(&p, message, (size_t)size);
  }
  ice_error err = {0};
  assert_int_equal(health_run(&p, &err), ICE_OK);
  assert_int_equal(p.output.counts.elements, MESSAGES);
  const ice_batch *letters = &p.output.dead_letters;
  for (int64_t row = 0; row < letters->row_count; row++) {
    long long offset = (long long)ice_column_i64(column_of(letters, "kafka_offset"), row) - 100;
    char expected[100];
    if (offset % 7 == 3) {
      snprintf(expected, sizeof expected, "Cannot convert id to int: \"bad %lld\"", offset);
      expect_letter(row, "transformation_error", expected);
    } else {
      assert_int_equal(offset % 11, 5);
      expect_text(letters, "error_type", row, "deserialization_error");
    }
  }
  const ice_column *id = column_of(&p.output.tables[0], "id");
  for (int64_t row = 0; row < p.output.tables[0].row_count; row++) {
    assert_true(ice_column_i32(id, row) % 7 != 3 && ice_column_i32(id, row) % 11 != 5);
  }
  assert_int_equal(letters->row_count, 286 + 182 - 26);
}

static void test_pipeline_json__the_registry_framing_needs_the_id_of_a_json_schema(void **state) {
  (void)state;
  begin(ICE_PAYLOAD_REGISTRY_JSON, NULL);
  static const char text[] = HEAD GOOD TAIL;
  char framed[sizeof text + 5] = {0, 0, 0, 0, 1};
  memcpy(framed + 5, text, sizeof text - 1);
  size_t size = sizeof text - 1 + 5;
  p.registry.language = ICE_SCHEMA_JSON;
  health_add(&p, framed, size);
  health_add(&p, framed, size - 1);
  health_add(&p, text, sizeof text - 1);
  health_add(&p, "\0\0\0\0\x09{}", 7);
  health_add(&p, "\0\0\0", 3);
  run(1, 4, 0);
  char damaged[100];
  snprintf(damaged, sizeof damaged, "JSON: a comma or } is expected at byte %zu of %zu", size - 6, size - 6);
  expect_letter(0, "deserialization_error", damaged);
  // Text for people is without the header, what came is with it.
  ice_str payload = ice_column_text(column_of(&p.output.dead_letters, "raw_payload"), 0);
  assert_int_equal(payload.size, size - 6);
  assert_int_equal(payload.data[0], '{');
  assert_int_equal(ice_column_text(column_of(&p.output.dead_letters, "raw_bytes"), 0).size, size - 1);
  expect_letter(1, "deserialization_error", "the first byte is not the registry's magic byte 0");
  expect_letter(2, "deserialization_error", "schema id 9 is unknown to the schema registry");
  expect_text(&p.output.dead_letters, "raw_payload", 2, "{}");
  expect_letter(3, "deserialization_error", "the value is shorter than the registry's wire format header of 5 bytes");
  end(NULL);
  begin(ICE_PAYLOAD_REGISTRY_JSON, NULL);
  p.registry.language = ICE_SCHEMA_AVRO;
  health_add(&p, framed, size);
  run(0, 1, 0);
  expect_letter(0, "schema_error", "schema 1 is no JSON schema");
  end(NULL);
  begin(ICE_PAYLOAD_REGISTRY_AVRO, NULL);
  p.registry.language = ICE_SCHEMA_JSON;
  health_add(&p, framed, size);
  run(0, 1, 0);
  expect_letter(0, "schema_error", "schema 1 is no Avro schema");
}

static void test_pipeline_json__refuses_columns_that_no_text_can_fill(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"columns:\n  m: {path: m, type: 'map<int,string>'}\n", "keys of type int"},
      {"columns:\n  a: {path: x, type: 'list<int>'}\n  b: {path: x, type: string}\n",
       "columns want the path x as list"},
      {"columns:\n  a: {path: x, type: binary}\n  b: {path: x, type: string}\n", "columns want the path x as binary"},
      {"columns:\n  a: {path: x, type: string}\n  b: {path: x.y, type: string}\n", "x is wanted as string"},
      {"columns:\n  a: {path: x, type: 'struct<z: int>'}\n  b: {path: x.y, type: string}\n", "which has no field y"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_error err = {0};
    assert_int_equal(health_open_as(&p, ICE_PAYLOAD_JSON, cases[i][0], NULL, 1, NULL, &err), ICE_INVALID_ARGUMENT);
    if (!strstr(err.message, cases[i][1])) {
      fail_msg("%s", err.message);
    }
    end(NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_pipeline_json__the_preset_reads_the_same_messages_as_text, end),
      cmocka_unit_test_teardown(test_pipeline_json__each_fault_of_an_element_has_its_type_and_text, end),
      cmocka_unit_test_teardown(test_pipeline_json__a_fault_of_the_parent_fails_every_element, end),
      cmocka_unit_test_teardown(test_pipeline_json__a_long_parent_does_not_hide_its_element, end),
      cmocka_unit_test_teardown(test_pipeline_json__damage_is_one_dead_letter_of_the_whole_message, end),
      cmocka_unit_test_teardown(test_pipeline_json__flat_messages_are_their_own_elements, end),
      cmocka_unit_test_teardown(test_pipeline_json__elements_may_be_plain_values, end),
      cmocka_unit_test_teardown(test_pipeline_json__more_messages_than_a_block_holds_keep_their_faults, end),
      cmocka_unit_test_teardown(test_pipeline_json__the_registry_framing_needs_the_id_of_a_json_schema, end),
      cmocka_unit_test(test_pipeline_json__refuses_columns_that_no_text_can_fill),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
