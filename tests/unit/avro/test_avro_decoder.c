#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avro/avro_decoder.h"
#include "avro/avro_encode.h"
#include "avro_test_support.h"

typedef struct fixture {
  ice_avro_schema *writer;
  ice_avro_schema *reader;
  ice_avro_decoder *decoder;
  ice_batch batch;
  ice_arena arena;
  ice_error err;
} fixture;

static ice_status open_fixture(fixture *run, const char *writer, const char *reader, const char *const *paths) {
  *run = (fixture){0};
  ice_projection root = {0};
  ice_arena_init(&run->arena, 1 << 20);
  for (; paths && *paths; paths++) {
    assert_int_equal(ice_projection_add(&root, &run->arena, ice_str_of(*paths), NULL), ICE_OK);
  }
  if (ice_avro_schema_parse(ice_str_of(writer), &run->writer, &run->err) != ICE_OK) {
    fail_msg("%s", run->err.message);
  }
  if (reader && ice_avro_schema_parse(ice_str_of(reader), &run->reader, &run->err) != ICE_OK) {
    fail_msg("%s", run->err.message);
  }
  ice_status status =
      ice_avro_decoder_create(run->writer, run->reader, root.children ? &root : NULL, &run->decoder, &run->err);
  if (status == ICE_OK) {
    assert_int_equal(ice_batch_init(&run->batch, ice_avro_decoder_schema(run->decoder), NULL), ICE_OK);
  }
  return status;
}

static void close_fixture(fixture *run) {
  ice_batch_deinit(&run->batch);
  ice_avro_decoder_destroy(run->decoder);
  ice_avro_schema_destroy(run->writer);
  ice_avro_schema_destroy(run->reader);
  ice_arena_deinit(&run->arena);
}

static ice_status decode(fixture *run, const void *data, size_t size, size_t *consumed) {
  // A copy of exactly this size, so that a sanitizer sees any byte read behind it.
  uint8_t *copy = test_malloc(size == 0 ? 1 : size);
  if (size != 0) {
    memcpy(copy, data, size);
  }
  int64_t rows = run->batch.row_count;
  ice_status status = ice_avro_decode(run->decoder, copy, size, &run->batch, consumed, &run->err);
  if (status != ICE_OK) {
    ice_batch_truncate(&run->batch, rows);
  }
  test_free(copy);
  return status;
}

static void expect_row(const char *writer, const char *reader, const char *const *paths, const void *data,
                       size_t size, const char *expected) {
  fixture run;
  size_t consumed = 0;
  ice_bytes text;
  if (open_fixture(&run, writer, reader, paths) != ICE_OK) {
    fail_msg("%s", run.err.message);
  }
  if (decode(&run, data, size, &consumed) != ICE_OK) {
    fail_msg("%s", run.err.message);
  }
  assert_int_equal(consumed, size);
  assert_string_equal(test_row_text(&run.batch, 0, &text), expected);
  ice_bytes_deinit(&text);
  close_fixture(&run);
}

#define ROW(writer, reader, paths, data, expected) expect_row(writer, reader, paths, data, sizeof(data) - 1, expected)

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"test\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

static void test_avro_decoder__reads_the_examples_of_the_specification(void **state) {
  (void)state;
  ROW(RECORD(FIELD("a", "\"long\"") "," FIELD("b", "\"string\"")), NULL, NULL,
      "\x36\x06"
      "foo",
      "27 'foo'");
  ROW(RECORD(FIELD("a", "{\"type\":\"array\",\"items\":\"long\"}")), NULL, NULL, "\x04\x06\x36\x00", "[3,27]");
  ROW(RECORD(FIELD("a", "[\"null\",\"string\"]")), NULL, NULL, "\x00", "null");
  ROW(RECORD(FIELD("a", "[\"null\",\"string\"]")), NULL, NULL,
      "\x02\x02"
      "a",
      "'a'");
  ROW(RECORD(FIELD("a", "[\"string\",\"null\"]")), NULL, NULL, "\x02", "null");
  ROW(RECORD(FIELD("a", "{\"type\":\"enum\",\"name\":\"Foo\",\"symbols\":[\"A\",\"B\",\"C\",\"D\"]}")), NULL, NULL,
      "\x06", "'D'");
}

typedef struct varint_case {
  int64_t value;
  const char *bytes;
  size_t size;
} varint_case;

static void test_avro_decoder__reads_numbers_of_every_size(void **state) {
  (void)state;
  static const varint_case cases[] = {{0, "\x00", 1},
                                      {-1, "\x01", 1},
                                      {1, "\x02", 1},
                                      {-64, "\x7f", 1},
                                      {64, "\x80\x01", 2},
                                      {INT64_C(-1234567), "\x8d\xda\x96\x01", 4},
                                      {INT64_C(1700000000000000), "\x80\x80\xf2\x81\x83\x89\x85\x06", 8},
                                      {INT32_MAX, "\xfe\xff\xff\xff\x0f", 5},
                                      {INT32_MIN, "\xff\xff\xff\xff\x0f", 5},
                                      {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
                                      {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}};
  fixture run;
  assert_int_equal(open_fixture(&run, RECORD(FIELD("a", "\"long\"")), NULL, NULL), ICE_OK);
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    size_t consumed;
    assert_int_equal(decode(&run, cases[i].bytes, cases[i].size, &consumed), ICE_OK);
    assert_int_equal(consumed, cases[i].size);
    assert_true(ice_column_i64(&run.batch.columns[0], (int64_t)i) == cases[i].value);
    // With more data behind it a number takes another way through the decoder.
    char padded[32];
    memset(padded, 0xFF, sizeof padded);
    memcpy(padded, cases[i].bytes, cases[i].size);
    assert_int_equal(decode(&run, padded, sizeof padded, &consumed), ICE_OK);
    assert_int_equal(consumed, cases[i].size);
    assert_true(ice_column_i64(&run.batch.columns[0], (int64_t)i + 1) == cases[i].value);
    ice_batch_truncate(&run.batch, (int64_t)i + 1);
    ice_bytes encoded;
    ice_bytes_init(&encoded, 64);
    assert_int_equal(ice_avro_put_long(&encoded, cases[i].value, NULL), ICE_OK);
    assert_int_equal(encoded.size, cases[i].size);
    assert_memory_equal(encoded.data, cases[i].bytes, cases[i].size);
    ice_bytes_deinit(&encoded);
    for (size_t cut = 0; cut < cases[i].size; cut++) {
      assert_int_equal(decode(&run, cases[i].bytes, cut, &consumed), ICE_CORRUPT);
      assert_int_equal(consumed, 0);
    }
  }
  close_fixture(&run);
}

static void test_avro_decoder__refuses_damaged_numbers(void **state) {
  (void)state;
  fixture run;
  size_t consumed;
  assert_int_equal(open_fixture(&run, RECORD(FIELD("a", "\"long\"")), NULL, NULL), ICE_OK);
  // 65 bits in the tenth byte; eleven bytes.
  assert_int_equal(decode(&run, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &consumed), ICE_CORRUPT);
  assert_non_null(strstr(run.err.message, "64 bits at byte 0"));
  assert_int_equal(decode(&run, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, &consumed), ICE_CORRUPT);
  close_fixture(&run);
  assert_int_equal(open_fixture(&run, RECORD(FIELD("a", "\"int\"")), NULL, NULL), ICE_OK);
  assert_int_equal(decode(&run, "\x80\x80\x80\x80\x10", 5, &consumed), ICE_CORRUPT);
  assert_non_null(strstr(run.err.message, "32 bits"));
  close_fixture(&run);
}

static void test_avro_decoder__maps_logical_types(void **state) {
  (void)state;
  static const char schema[] = RECORD(
      FIELD("d", "{\"type\":\"int\",\"logicalType\":\"date\"}") "," FIELD(
          "tm", "{\"type\":\"int\",\"logicalType\":\"time-millis\"}") "," FIELD("ts",
                                                                                "{\"type\":\"long\",\"logicalType\":"
                                                                                "\"timestamp-millis\"}") ","
      FIELD("lt", "{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}") "," FIELD(
          "dec", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}") "," FIELD("u",
          "{\"type\":\"fixed\",\"name\":\"u\",\"size\":16,\"logicalType\":\"uuid\"}"));
  fixture run;
  assert_int_equal(open_fixture(&run, schema, NULL, NULL), ICE_OK);
  const ice_type *root = &ice_avro_decoder_schema(run.decoder)->root;
  static const ice_kind kinds[] = {ICE_KIND_DATE,      ICE_KIND_TIME,    ICE_KIND_TIMESTAMPTZ,
                                   ICE_KIND_TIMESTAMP, ICE_KIND_DECIMAL, ICE_KIND_UUID};
  for (size_t i = 0; i < ICE_COUNT_OF(kinds); i++) {
    assert_int_equal(root->fields[i].type.kind, kinds[i]);
    assert_true(root->fields[i].required);
  }
  assert_int_equal(root->fields[4].type.precision, 4);
  assert_int_equal(root->fields[4].type.scale, 2);
  close_fixture(&run);
  static const char data[] =
      "\x01\x02\x03\x04\x02\x80"
      "0123456789abcdef";
  ROW(schema, NULL, NULL, data,
      "-1 1000 -2000 2 x80ffffffffffffffffffffffffffffff x30313233343536373839616263646566");
}

static void test_avro_decoder__checks_ranges_of_times_and_decimals(void **state) {
  (void)state;
  fixture run;
  size_t consumed;
  assert_int_equal(
      open_fixture(&run, RECORD(FIELD("t", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}")), NULL, NULL),
      ICE_OK);
  assert_int_equal(decode(&run, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &consumed), ICE_CORRUPT);
  close_fixture(&run);
  assert_int_equal(open_fixture(&run,
                                RECORD(FIELD("t",
                                             "{\"type\":\"bytes\",\"logicalType\":\"decimal\","
                                             "\"precision\":3}")),
                                NULL, NULL),
                   ICE_OK);
  assert_int_equal(decode(&run, "\x04\x03\xe7", 3, &consumed), ICE_OK);       // 999
  assert_int_equal(decode(&run, "\x04\x03\xe8", 3, &consumed), ICE_CORRUPT);  // 1000
  assert_int_equal(decode(&run, "\x04\xfc\x18", 3, &consumed), ICE_CORRUPT);  // -1000
  assert_int_equal(decode(&run, "\x00", 1, &consumed), ICE_OK);               // no bytes: 0
  assert_int_equal(decode(&run, "\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05", 19, &consumed), ICE_OK);
  assert_int_equal(decode(&run, "\x22\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, &consumed), ICE_CORRUPT);
  assert_int_equal(run.batch.row_count, 3);
  assert_int_equal(ice_column_fixed(&run.batch.columns[0], 2)[0], 5);
  close_fixture(&run);
}

#define HEALTH \
  "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" FIELD("deviceId", "\"string\"") ","                            \
  "{\"name\":\"samples\",\"field-id\":5,\"type\":{\"type\":\"array\",\"element-id\":6,\"items\":{\"type\":"         \
  "\"record\",\"name\":\"S\",\"fields\":[" FIELD("id", "\"string\"") "," FIELD("value", "\"double\"") ","           \
  FIELD("bundle", "[\"null\",\"string\"]") "," FIELD("meta", "{\"type\":\"map\",\"values\":\"string\"}") ","        \
  FIELD("ok", "\"boolean\"") "]}}}," FIELD("n", "\"int\"") "]}"

// Two samples in two blocks, the second with its size in front.
static const char health_datum[] =
    "\x02"
    "D"
    "\x02"
    "\x02"
    "a"
    "\0\0\0\0\0\0\xf0\x3f"
    "\x00"
    "\x02\x02"
    "k"
    "\x02"
    "v"
    "\x00"
    "\x01"
    "\x01\x1e"
    "\x02"
    "b"
    "\0\0\0\0\0\0\0\x40"
    "\x02\x02"
    "c"
    "\x00"
    "\x00"
    "\x00"
    "\x0e";

static void test_avro_decoder__reads_nested_records(void **state) {
  (void)state;
  ROW(HEALTH, NULL, NULL, health_datum, "'D' [{'a',1,null,['k'='v'],true},{'b',2,'c',[],false}] 7");
}

static void test_avro_decoder__takes_only_the_wanted_paths(void **state) {
  (void)state;
  static const char *const paths[] = {"samples.value", "n", "samples.meta", NULL};
  ROW(HEALTH, NULL, paths, health_datum, "[{1,['k'='v']},{2,[]}] 7");
  static const char *const whole[] = {"samples", NULL};
  ROW(HEALTH, NULL, whole, health_datum, "[{'a',1,null,['k'='v'],true},{'b',2,'c',[],false}]");
}

static void test_avro_decoder__reports_missing_paths(void **state) {
  (void)state;
  static const char *const paths[] = {"n", "samples.nope", "deviceId.x", "other.a.b", "other", NULL};
  static const char *const missing[] = {"deviceId.x", "samples.nope", "other", "other.a.b"};
  fixture run;
  assert_int_equal(open_fixture(&run, HEALTH, NULL, paths), ICE_OK);
  assert_int_equal(ice_avro_decoder_missing_count(run.decoder), ICE_COUNT_OF(missing));
  for (uint32_t i = 0; i < ICE_COUNT_OF(missing); i++) {
    ice_str path = ice_avro_decoder_missing(run.decoder, i);
    if (!ice_str_equal_c(path, missing[i])) {
      fail_msg("\"%.*s\" is not \"%s\"", ICE_STR_ARG(path), missing[i]);
    }
  }
  assert_int_equal(ice_avro_decoder_schema(run.decoder)->root.field_count, 1);
  close_fixture(&run);
}

static void test_avro_decoder__carries_field_ids(void **state) {
  (void)state;
  fixture run;
  assert_int_equal(open_fixture(&run, HEALTH, NULL, NULL), ICE_OK);
  const ice_field *samples = ice_schema_find_name(ice_avro_decoder_schema(run.decoder), ICE_STR("samples"));
  assert_int_equal(samples->id, 5);
  assert_int_equal(samples->type.fields[0].id, 6);
  close_fixture(&run);
}

static void test_avro_decoder__refuses_every_truncation(void **state) {
  (void)state;
  static const char *const some[] = {"n", NULL};
  const char *const *const choices[] = {NULL, some};
  for (size_t k = 0; k < ICE_COUNT_OF(choices); k++) {
    fixture run;
    assert_int_equal(open_fixture(&run, HEALTH, NULL, choices[k]), ICE_OK);
    for (size_t size = 0; size < sizeof health_datum - 1; size++) {
      size_t consumed;
      assert_int_equal(decode(&run, health_datum, size, &consumed), ICE_CORRUPT);
      assert_non_null(strstr(run.err.message, " at byte "));
      assert_int_equal(run.batch.row_count, 0);
    }
    size_t consumed;
    assert_int_equal(decode(&run, health_datum, sizeof health_datum - 1, &consumed), ICE_OK);
    assert_int_equal(run.batch.row_count, 1);
    close_fixture(&run);
  }
}

// Whatever one byte is changed to: a row or a bad datum, never a broken batch.
static void test_avro_decoder__survives_every_changed_byte(void **state) {
  (void)state;
  fixture run;
  assert_int_equal(open_fixture(&run, HEALTH, NULL, NULL), ICE_OK);
  char copy[sizeof health_datum];
  for (size_t i = 0; i < sizeof health_datum - 1; i++) {
    for (int byte = 0; byte < 256; byte++) {
      memcpy(copy, health_datum, sizeof copy);
      copy[i] = (char)byte;
      size_t consumed;
      ice_status status = decode(&run, copy, sizeof copy - 1, &consumed);
      assert_true(status == ICE_OK || status == ICE_CORRUPT);
    }
  }
  int64_t rows = run.batch.row_count;
  size_t consumed;
  ice_bytes text;
  assert_int_equal(decode(&run, health_datum, sizeof health_datum - 1, &consumed), ICE_OK);
  assert_string_equal(test_row_text(&run.batch, rows, &text),
                      "'D' [{'a',1,null,['k'='v'],true},{'b',2,'c',[],false}] 7");
  ice_bytes_deinit(&text);
  close_fixture(&run);
}

static void test_avro_decoder__bounds_hostile_counts(void **state) {
  (void)state;
  // 2^60 items of no size, wanted and unwanted.
  static const char schema[] = RECORD(
      FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"e\",\"fields\":[]}}") "," FIELD(
          "b", "\"int\""));
  static const char data[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x20\x00\x00";
  static const char *const only_b[] = {"b", NULL};
  const char *const *const choices[] = {NULL, only_b};
  for (size_t i = 0; i < ICE_COUNT_OF(choices); i++) {
    fixture run;
    size_t consumed;
    assert_int_equal(open_fixture(&run, schema, NULL, choices[i]), ICE_OK);
    assert_int_equal(decode(&run, data, sizeof data - 1, &consumed), ICE_CORRUPT);
    assert_non_null(strstr(run.err.message, "more items"));
    // The most negative count has no positive one.
    assert_int_equal(decode(&run, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", 12, &consumed), ICE_CORRUPT);
    assert_int_equal(decode(&run, "\x06\x00\x02", 3, &consumed), ICE_OK);
    close_fixture(&run);
  }
}

static void test_avro_decoder__skips_recursive_types_and_bounds_them(void **state) {
  (void)state;
  static const char schema[] = "{\"type\":\"record\",\"name\":\"N\",\"fields\":[" FIELD(
      "next", "[\"null\",\"N\"]") "," FIELD("v", "\"int\"") "]}";
  static const char *const only_v[] = {"v", NULL};
  fixture run;
  assert_int_equal(open_fixture(&run, schema, NULL, NULL), ICE_UNSUPPORTED);
  assert_non_null(strstr(run.err.message, "contains itself"));
  close_fixture(&run);
  ROW(schema, NULL, only_v, "\x02\x02\x00\x02\x04\x06", "3");
  assert_int_equal(open_fixture(&run, schema, NULL, only_v), ICE_OK);
  uint8_t deep[4096];
  memset(deep, 2, sizeof deep);
  size_t consumed;
  assert_int_equal(decode(&run, deep, sizeof deep, &consumed), ICE_CORRUPT);
  assert_non_null(strstr(run.err.message, "too deep"));
  close_fixture(&run);
}

static void test_avro_decoder__refuses_types_without_columns(void **state) {
  (void)state;
  static const char *const only_b[] = {"b", NULL};
  static const char schema[] = RECORD(FIELD("a", "[\"int\",\"string\"]") "," FIELD("b", "\"int\""));
  fixture run;
  assert_int_equal(open_fixture(&run, schema, NULL, NULL), ICE_UNSUPPORTED);
  assert_non_null(strstr(run.err.message, "\"a\" is a union"));
  close_fixture(&run);
  ROW(schema, NULL, only_b, "\x02\x06xyz\x04", "2");
  assert_int_equal(open_fixture(&run, "\"int\"", NULL, NULL), ICE_UNSUPPORTED);
  close_fixture(&run);
  assert_int_equal(open_fixture(&run, RECORD(FIELD("n", "\"null\"")), NULL, NULL), ICE_UNSUPPORTED);
  close_fixture(&run);
}

typedef struct promotion_case {
  const char *writer;
  const char *reader;
  const char *data;
  size_t size;
  const char *expected;  ///< NULL: does not resolve
} promotion_case;

#define CASE(writer, reader, data, expected) {writer, reader, data, sizeof(data) - 1, expected}

static void test_avro_decoder__resolves_every_pair_of_primitives(void **state) {
  (void)state;
  static const promotion_case cases[] = {
      CASE("\"int\"", "\"long\"", "\x03", "-2"),
      CASE("\"int\"", "\"float\"", "\x03", "-2"),
      CASE("\"int\"", "\"double\"", "\x03", "-2"),
      CASE("\"long\"", "\"float\"", "\x03", "-2"),
      CASE("\"long\"", "\"double\"", "\x03", "-2"),
      CASE("\"float\"", "\"double\"", "\0\0\x80\x3f", "1"),
      CASE("\"string\"", "\"bytes\"", "\x02z", "x7a"),
      CASE("\"bytes\"", "\"string\"", "\x02z", "'z'"),
      CASE("\"long\"", "\"int\"", "\x03", NULL),
      CASE("\"double\"", "\"float\"", "\x03", NULL),
      CASE("\"float\"", "\"long\"", "\x03", NULL),
      CASE("\"int\"", "\"boolean\"", "\x03", NULL),
      CASE("\"boolean\"", "\"int\"", "\x01", NULL),
      CASE("\"string\"", "\"int\"", "\x02z", NULL),
      CASE("\"int\"", "[\"null\",\"long\"]", "\x04", "2"),
      CASE("[\"null\",\"int\"]", "[\"long\",\"null\"]", "\x02\x04", "2"),
      CASE("[\"null\",\"int\"]", "[\"long\",\"null\"]", "\x00", "null"),
      CASE("[\"int\",\"string\",\"null\"]", "[\"null\",\"double\"]", "\x00\x04", "2"),
      CASE("[\"int\",\"string\",\"null\"]", "[\"null\",\"double\"]", "\x04", "null"),
      CASE("[\"null\",\"string\"]", "\"string\"", "\x02\x02y", "'y'"),
      CASE("\"null\"", "[\"null\",\"int\"]", "", "null"),
      CASE("\"null\"", "\"int\"", "", NULL),
      CASE("[\"int\",\"boolean\"]", "\"string\"", "", NULL),
      CASE("{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"long\"}", "\x02\x08\x00",
           "[4]"),
      CASE("{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":[\"null\",\"double\"]}",
           "\x02\x02k\x08\x00", "['k'=4]"),
      CASE("{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"map\",\"values\":\"int\"}", "\x00", NULL),
      CASE("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
           "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "\x02", "1000"),
      CASE("\"long\"", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\x02", "1000"),
      CASE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}", "ab",
           NULL),
      CASE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}", "{\"type\":\"fixed\",\"name\":\"g\",\"size\":2}", "ab",
           NULL),
      CASE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}",
           "{\"type\":\"fixed\",\"name\":\"g\",\"aliases\":[\"f\"],\"size\":2}", "ab", "x6162"),
      CASE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}",
           "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"C\",\"B\"],\"default\":\"C\"}", "\x00", "'C'"),
      CASE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}",
           "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"C\",\"B\"],\"default\":\"C\"}", "\x02", "'B'")};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    char writer[512];
    char reader[512];
    snprintf(writer, sizeof writer, RECORD("{\"name\":\"a\",\"type\":%s}"), cases[i].writer);
    snprintf(reader, sizeof reader, RECORD("{\"name\":\"a\",\"type\":%s}"), cases[i].reader);
    if (cases[i].expected) {
      expect_row(writer, reader, NULL, cases[i].data, cases[i].size, cases[i].expected);
    } else {
      fixture run;
      assert_int_equal(open_fixture(&run, writer, reader, NULL), ICE_INVALID_ARGUMENT);
      assert_non_null(strstr(run.err.message, "field \"a\""));
      close_fixture(&run);
    }
  }
}

static void test_avro_decoder__fails_where_a_branch_has_no_place(void **state) {
  (void)state;
  fixture run;
  size_t consumed;
  assert_int_equal(
      open_fixture(&run, RECORD(FIELD("a", "[\"null\",\"string\"]")), RECORD(FIELD("a", "\"string\"")), NULL),
      ICE_OK);
  assert_int_equal(decode(&run, "\x00", 1, &consumed), ICE_CORRUPT);
  assert_int_equal(decode(&run, "\x04", 1, &consumed), ICE_CORRUPT);
  close_fixture(&run);
  assert_int_equal(open_fixture(&run, RECORD(FIELD("a", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}")),
                                RECORD(FIELD("a", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"B\"]}")), NULL),
                   ICE_OK);
  assert_int_equal(decode(&run, "\x00", 1, &consumed), ICE_CORRUPT);
  close_fixture(&run);
}

static void test_avro_decoder__fills_in_defaults_and_follows_aliases(void **state) {
  (void)state;
  static const char writer[] = RECORD(FIELD("b", "\"int\"") "," FIELD("gone", "\"string\""));
  static const char reader[] = RECORD(
      "{\"name\":\"i\",\"type\":\"int\",\"default\":-3},"
      "{\"name\":\"s\",\"type\":\"string\",\"default\":\"x\"},"
      "{\"name\":\"n\",\"type\":[\"null\",\"int\"],\"default\":null},"
      "{\"name\":\"m\",\"type\":[\"int\",\"null\"],\"default\":5},"
      "{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"double\","
      "\"default\":2},{\"name\":\"b\",\"type\":\"bytes\"}]},\"default\":{\"b\":\"\\u00ff\"}},"
      "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":\"long\"},\"default\":[1,2]},"
      "{\"name\":\"k\",\"type\":{\"type\":\"map\",\"values\":\"boolean\"},\"default\":{\"y\":true}},"
      "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"P\",\"Q\"]},\"default\":\"Q\"},"
      "{\"name\":\"new\",\"aliases\":[\"b\"],\"type\":\"long\"}");
  ROW(writer, reader, NULL, "\x08\x02z", "-3 'x' null 5 {2,xff} [1,2] ['y'=true] 'Q' 4");
  fixture run;
  assert_int_equal(open_fixture(&run, writer, RECORD(FIELD("none", "\"int\"")), NULL), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(run.err.message, "no default"));
  close_fixture(&run);
  assert_int_equal(open_fixture(&run, writer, RECORD("{\"name\":\"q\",\"type\":\"int\",\"default\":\"a\"}"), NULL),
                   ICE_INVALID_ARGUMENT);
  close_fixture(&run);
}

static void test_avro_decoder__reads_an_array_of_pairs_as_a_map(void **state) {
  (void)state;
  static const char schema[] =
      RECORD(FIELD("m",
                   "[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":"
                   "\"k117_v118\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":117},"
                   "{\"name\":\"value\",\"type\":\"long\",\"field-id\":118}]}}]"));
  ROW(schema, NULL, NULL, "\x02\x04\x02\x04\x06\x08\x00", "[1=2,3=4]");
  fixture run;
  assert_int_equal(open_fixture(&run, schema, NULL, NULL), ICE_OK);
  const ice_type *map = &ice_avro_decoder_schema(run.decoder)->root.fields[0].type;
  assert_int_equal(map->kind, ICE_KIND_MAP);
  assert_int_equal(map->fields[0].id, 117);
  assert_int_equal(map->fields[1].id, 118);
  close_fixture(&run);
}

static void test_avro_decoder__bounds_defaults_that_name_themselves(void **state) {
  (void)state;
  fixture run;
  static const char reader[] = RECORD(
      "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":[\"A\","
      "\"null\"],\"default\":{}},{\"name\":\"y\",\"type\":[\"A\",\"null\"],\"default\":{}}]},\"default\":{}}");
  static const char *const some[] = {"b", NULL};
  assert_int_equal(open_fixture(&run, RECORD(FIELD("b", "\"int\"")), reader, NULL), ICE_UNSUPPORTED);
  close_fixture(&run);
  assert_int_equal(open_fixture(&run, RECORD(FIELD("b", "\"int\"")), reader, some), ICE_OK);
  assert_int_equal(ice_avro_decoder_missing_count(run.decoder), 1);
  close_fixture(&run);
  static const char *const deep[] = {"a.x.y", "a.y", NULL};
  ice_status status = open_fixture(&run, RECORD(FIELD("b", "\"int\"")), reader, deep);
  assert_true(status == ICE_LIMIT || status == ICE_UNSUPPORTED);
  close_fixture(&run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_avro_decoder__reads_the_examples_of_the_specification),
      cmocka_unit_test(test_avro_decoder__reads_numbers_of_every_size),
      cmocka_unit_test(test_avro_decoder__refuses_damaged_numbers),
      cmocka_unit_test(test_avro_decoder__maps_logical_types),
      cmocka_unit_test(test_avro_decoder__checks_ranges_of_times_and_decimals),
      cmocka_unit_test(test_avro_decoder__reads_nested_records),
      cmocka_unit_test(test_avro_decoder__takes_only_the_wanted_paths),
      cmocka_unit_test(test_avro_decoder__reports_missing_paths),
      cmocka_unit_test(test_avro_decoder__carries_field_ids),
      cmocka_unit_test(test_avro_decoder__refuses_every_truncation),
      cmocka_unit_test(test_avro_decoder__survives_every_changed_byte),
      cmocka_unit_test(test_avro_decoder__bounds_hostile_counts),
      cmocka_unit_test(test_avro_decoder__skips_recursive_types_and_bounds_them),
      cmocka_unit_test(test_avro_decoder__refuses_types_without_columns),
      cmocka_unit_test(test_avro_decoder__resolves_every_pair_of_primitives),
      cmocka_unit_test(test_avro_decoder__fails_where_a_branch_has_no_place),
      cmocka_unit_test(test_avro_decoder__fills_in_defaults_and_follows_aliases),
      cmocka_unit_test(test_avro_decoder__reads_an_array_of_pairs_as_a_map),
      cmocka_unit_test(test_avro_decoder__bounds_defaults_that_name_themselves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
