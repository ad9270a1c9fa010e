#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_schema.h"
#include "parquet_rows.h"

static ice_bytes out;

static int setup(void **context) {
  (void)context;
  ice_bytes_init(&out, 1 << 24);
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&out);
  return 0;
}

static ice_schema *schema_of(const char *text, bool required) {
  ice_schema *schema = NULL;
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  schema->root.kind = ICE_KIND_STRUCT;
  assert_int_equal(ice_type_set_fields(schema, &schema->root, 1, NULL), ICE_OK);
  ice_field *field = &schema->root.fields[0];
  *field = (ice_field){.name = ICE_STR("f"), .id = 1, .required = required};
  assert_int_equal(ice_type_parse(schema, ice_str_of(text), &field->type, NULL), ICE_OK);
  int32_t next = 2;
  rows_number_fields(&field->type, &next);
  return schema;
}

// The elements behind the root, as FileMetaData.schema has them.
static void expect_elements(const char *type, bool required, const void *golden, size_t golden_size) {
  ice_schema *schema = schema_of(type, required);
  ice_thrift_writer writer;
  ice_bytes_clear(&out);
  ice_thrift_writer_init(&writer, &out, NULL);
  ice_parquet_schema_write(&writer, 2, schema);
  assert_int_equal(writer.status, ICE_OK);
  // Field 2, a list of structs; then the root: name "table" and one child.
  static const uint8_t root[] = {0x48, 0x05, 't', 'a', 'b', 'l', 'e', 0x15, 0x02, 0x00};
  assert_int_equal(out.data[0], 0x29);
  assert_memory_equal(out.data + 2, root, sizeof root);
  if (out.size != 12 + golden_size || memcmp(out.data + 12, golden, golden_size) != 0) {
    for (size_t i = 12; i < out.size; i++) {
      print_message("\\x%02x", out.data[i]);
    }
    fail_msg(" %s", type);
  }
  ice_schema_unref(schema);
}

#define EXPECT(type, required, golden) expect_elements(type, required, golden, sizeof(golden) - 1)

static void test_parquet_schema__elements_are_golden(void **context) {
  (void)context;
  // type, repetition, name, field id, logical type.
  EXPECT("long", true,
         "\x15\x04\x25\x00\x18\x01"
         "f"
         "\x55\x02\x00");
  EXPECT("long", false,
         "\x15\x04\x25\x02\x18\x01"
         "f"
         "\x55\x02\x00");
  // ConvertedType UTF8 and LogicalType STRING.
  EXPECT("string", true,
         "\x15\x0c\x25\x00\x18\x01"
         "f"
         "\x25\x00\x35\x02\x1c\x1c\x00\x00\x00");
  // INT32 with ConvertedType DECIMAL, scale, precision and LogicalType DECIMAL.
  EXPECT("decimal(9,2)", true,
         "\x15\x02\x25\x00\x18\x01"
         "f"
         "\x25\x0a\x15\x04\x15\x12\x15\x02\x1c\x5c\x15\x04\x15\x12\x00\x00\x00");
  // INT64, TIMESTAMP with isAdjustedToUTC and MICROS; only with the flag there is a ConvertedType.
  EXPECT("timestamp", true,
         "\x15\x04\x25\x00\x18\x01"
         "f"
         "\x55\x02\x1c\x8c\x12\x1c\x2c\x00\x00\x00\x00\x00");
  EXPECT("timestamptz", true,
         "\x15\x04\x25\x00\x18\x01"
         "f"
         "\x25\x14\x35\x02\x1c\x8c\x11\x1c\x2c\x00\x00\x00\x00\x00");
  EXPECT("time", true,
         "\x15\x04\x25\x00\x18\x01"
         "f"
         "\x55\x02\x1c\x7c\x12\x1c\x2c\x00\x00\x00\x00\x00");
  // FIXED_LEN_BYTE_ARRAY(16) and LogicalType UUID.
  EXPECT("uuid", true,
         "\x15\x0e\x15\x20\x15\x00\x18\x01"
         "f"
         "\x55\x02\x1c\xec\x00\x00\x00");
}

static void test_parquet_schema__lists_and_maps_have_three_levels(void **context) {
  (void)context;
  // group f (LIST) { repeated group list { element } }: no field id in the middle.
  EXPECT("list<int>", true,
         "\x35\x00\x18\x01"
         "f"
         "\x15\x02\x15\x06\x35\x02\x1c\x3c\x00\x00\x00"
         "\x35\x04\x18\x04"
         "list"
         "\x15\x02\x00"
         "\x15\x02\x25\x02\x18\x07"
         "element"
         "\x55\x04\x00");
  EXPECT("map<int,int>", false,
         "\x35\x02\x18\x01"
         "f"
         "\x15\x02\x15\x02\x35\x02\x1c\x2c\x00\x00\x00"
         "\x35\x04\x18\x09"
         "key_value"
         "\x15\x04\x00"
         "\x15\x02\x25\x00\x18\x03"
         "key"
         "\x55\x04\x00"
         "\x15\x02\x25\x02\x18\x05"
         "value"
         "\x55\x06\x00");
}

static void test_parquet_schema__decimals_take_the_smallest_storage(void **context) {
  (void)context;
  static const struct {
    const char *type;
    ice_parquet_physical physical;
    int32_t length;
  } cases[] = {{"decimal(1,0)", ICE_PARQUET_INT32, 0},
               {"decimal(9,9)", ICE_PARQUET_INT32, 0},
               {"decimal(10,0)", ICE_PARQUET_INT64, 0},
               {"decimal(18,0)", ICE_PARQUET_INT64, 0},
               {"decimal(19,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 9},
               {"decimal(21,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 9},
               {"decimal(22,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 10},
               {"decimal(28,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 12},
               {"decimal(36,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 16},
               {"decimal(38,0)", ICE_PARQUET_FIXED_LEN_BYTE_ARRAY, 16}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_schema *schema = schema_of(cases[i].type, true);
    ice_parquet_layout *layout = NULL;
    assert_int_equal(ice_parquet_layout_create(schema, &layout, NULL), ICE_OK);
    assert_int_equal(layout->leaves[0].physical, cases[i].physical);
    assert_int_equal(layout->leaves[0].type_length, cases[i].length);
    ice_parquet_layout_unref(layout);
    ice_schema_unref(schema);
  }
}

static void test_parquet_schema__layout_counts_levels(void **context) {
  (void)context;
  ice_schema *schema = schema_of("list<map<string,struct<p: int, q: list<string>>>>", false);
  ice_parquet_layout *layout = NULL;
  assert_int_equal(ice_parquet_layout_create(schema, &layout, NULL), ICE_OK);
  assert_int_equal(layout->leaf_count, 3);
  static const struct {
    const char *name;
    uint8_t definition;
    uint8_t repetition;
  } wanted[] = {{"f.list.element.key_value.key", 4, 2},
                {"f.list.element.key_value.value.p", 6, 2},
                {"f.list.element.key_value.value.q.list.element", 8, 3}};
  for (uint32_t i = 0; i < 3; i++) {
    char name[100];
    ice_parquet_leaf_name(&layout->leaves[i], name, sizeof name);
    assert_string_equal(name, wanted[i].name);
    assert_int_equal(layout->leaves[i].definition_level_max, wanted[i].definition);
    assert_int_equal(layout->leaves[i].repetition_level_max, wanted[i].repetition);
    assert_false(ice_parquet_leaf_single(&layout->leaves[i]));
    ice_parquet_leaf_name(&layout->leaves[i], name, 5);
    assert_string_equal(name, "f.li");
  }
  ice_parquet_layout_unref(layout);
  ice_schema_unref(schema);
}

static ice_status read_back(ice_parquet_layout **layout, ice_error *err) {
  ice_thrift_reader reader;
  ice_thrift_field field = {0};
  ice_thrift_reader_init(&reader, out.data, out.size);
  assert_true(ice_thrift_next(&reader, &field));
  return ice_parquet_schema_read(&reader, &field, layout, err);
}

static void test_parquet_schema__reads_what_it_writes(void **context) {
  (void)context;
  ice_schema *schema = NULL;
  ice_parquet_layout *layout = NULL;
  ice_thrift_writer writer;
  ice_error err = {0};
  assert_int_equal(rows_schema(&schema, NULL), ICE_OK);
  ice_thrift_writer_init(&writer, &out, NULL);
  ice_parquet_schema_write(&writer, 2, schema);
  assert_int_equal(read_back(&layout, &err), ICE_OK);
  assert_true(ice_type_equal(&layout->schema->root, &schema->root));
  ice_parquet_layout_unref(layout);
  ice_schema_unref(schema);
}

// SchemaElements by hand: physical (-1: group), length, repetition, name, children, converted, logical field.
typedef struct element {
  int32_t physical;
  int32_t length;
  int32_t repetition;
  const char *name;
  int32_t children;
  int32_t converted;
  int16_t logical;
} element;

static ice_status read_elements(const element *elements, size_t count, ice_parquet_layout **layout, ice_error *err) {
  ice_thrift_writer writer;
  ice_bytes_clear(&out);
  ice_thrift_writer_init(&writer, &out, NULL);
  ice_thrift_list(&writer, 2, ICE_THRIFT_STRUCT, count);
  for (size_t i = 0; i < count; i++) {
    ice_thrift_element_struct(&writer);
    if (elements[i].physical >= 0) {
      ice_thrift_i32(&writer, 1, elements[i].physical);
    }
    if (elements[i].length != 0) {
      ice_thrift_i32(&writer, 2, elements[i].length);
    }
    ice_thrift_i32(&writer, 3, elements[i].repetition);
    ice_thrift_binary(&writer, 4, ice_str_of(elements[i].name));
    if (elements[i].children != 0) {
      ice_thrift_i32(&writer, 5, elements[i].children);
    }
    if (elements[i].converted >= 0) {
      ice_thrift_i32(&writer, 6, elements[i].converted);
    }
    if (elements[i].logical != 0) {
      ice_thrift_struct(&writer, 10);
      ice_thrift_empty_struct(&writer, elements[i].logical);
      ice_thrift_end(&writer);
    }
    ice_thrift_end(&writer);
  }
  assert_int_equal(writer.status, ICE_OK);
  return read_back(layout, err);
}

#define ROOT(children) {-1, 0, 0, "root", children, -1, 0}

static void expect_type(const element *elements, size_t count, const char *type, uint8_t definition) {
  ice_parquet_layout *layout = NULL;
  ice_error err = {0};
  if (read_elements(elements, count, &layout, &err) != ICE_OK) {
    fail_msg("%s: %s", type, err.message);
  }
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  assert_int_equal(ice_type_format(&layout->schema->root.fields[0].type, &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), type);
  assert_int_equal(layout->leaves[0].definition_level_max, definition);
  ice_bytes_deinit(&text);
  ice_parquet_layout_unref(layout);
}

static void test_parquet_schema__understands_old_lists_and_types(void **context) {
  (void)context;
  const element two_level[] = {ROOT(1), {-1, 0, 1, "l", 1, 3, 0}, {1, 0, 2, "element", 0, -1, 0}};
  expect_type(two_level, 3, "list<int>", 2);
  const element array[] = {
      ROOT(1), {-1, 0, 1, "l", 1, 3, 0}, {-1, 0, 2, "array", 1, -1, 0}, {2, 0, 1, "x", 0, -1, 0}};
  ice_parquet_layout *layout = NULL;
  assert_int_equal(read_elements(array, 4, &layout, NULL), ICE_OK);
  assert_int_equal(layout->schema->root.fields[0].type.fields[0].type.kind, ICE_KIND_STRUCT);
  ice_parquet_layout_unref(layout);
  const element bag[] = {
      ROOT(1), {-1, 0, 1, "l", 1, 3, 0}, {-1, 0, 2, "bag", 1, -1, 0}, {2, 0, 1, "array_element", 0, -1, 0}};
  expect_type(bag, 4, "list<long>", 3);
  const element millis[] = {ROOT(1), {2, 0, 0, "t", 0, ICE_PARQUET_TIMESTAMP_MILLIS, 0}};
  expect_type(millis, 2, "timestamptz", 0);
  const element small[] = {ROOT(1), {1, 0, 0, "t", 0, ICE_PARQUET_UINT_16, 0}};
  expect_type(small, 2, "int", 0);
  const element json[] = {ROOT(1), {6, 0, 0, "t", 0, ICE_PARQUET_JSON, 0}};
  expect_type(json, 2, "string", 0);
  const element interval[] = {ROOT(1), {7, 12, 0, "t", 0, ICE_PARQUET_INTERVAL, 0}};
  expect_type(interval, 2, "fixed[12]", 0);
}

static void expect_failure(const element *elements, size_t count, ice_status wanted, const char *message) {
  ice_parquet_layout *layout = NULL;
  ice_error err = {0};
  ice_status status = read_elements(elements, count, &layout, &err);
  assert_null(layout);
  assert_int_equal(status, wanted);
  assert_string_equal(err.message, message);
}

static void test_parquet_schema__names_the_column_it_does_not_read(void **context) {
  (void)context;
  const element int96[] = {ROOT(1), {3, 0, 0, "old", 0, -1, 0}};
  expect_failure(int96, 2, ICE_UNSUPPORTED, "Parquet column \"old\": type INT96");
  const element wide[] = {ROOT(1), {2, 0, 0, "u", 0, ICE_PARQUET_UINT_64, 0}};
  expect_failure(wide, 2, ICE_UNSUPPORTED, "Parquet column \"u\": unsigned integers of more than 16 bits");
  const element repeated[] = {ROOT(1), {1, 0, 2, "r", 0, -1, 0}};
  expect_failure(repeated, 2, ICE_UNSUPPORTED, "Parquet column \"r\": repeated field outside a list or map");
  const element half[] = {ROOT(1), {7, 2, 0, "h", 0, -1, ICE_PARQUET_LOGICAL_FLOAT16}};
  expect_failure(half, 2, ICE_UNSUPPORTED, "Parquet column \"h\": logical type");
}

static void test_parquet_schema__rejects_trees_that_do_not_add_up(void **context) {
  (void)context;
  const element more[] = {ROOT(1), {1, 0, 0, "a", 0, -1, 0}, {1, 0, 0, "b", 0, -1, 0}};
  expect_failure(more, 3, ICE_CORRUPT, "Parquet schema: more elements than its groups say");
  const element fewer[] = {ROOT(2), {1, 0, 0, "a", 0, -1, 0}};
  expect_failure(fewer, 2, ICE_CORRUPT, "Parquet schema: fewer elements than its groups say");
  const element hostile[] = {ROOT(1), {-1, 0, 0, "a", INT32_MAX, -1, 0}};
  expect_failure(hostile, 2, ICE_CORRUPT, "Parquet column \"a\": number of children");
  const element length[] = {ROOT(1), {7, -5, 0, "a", 0, -1, 0}};
  expect_failure(length, 2, ICE_CORRUPT, "Parquet column \"a\": length of the type");
  const element uuid[] = {ROOT(1), {7, 15, 0, "a", 0, -1, ICE_PARQUET_LOGICAL_UUID}};
  expect_failure(uuid, 2, ICE_CORRUPT, "Parquet column \"a\": uuid of an impossible physical type");
  element deep[200] = {ROOT(1)};
  for (int i = 1; i < 200; i++) {
    deep[i] = (element){-1, 0, 1, "g", 1, -1, 0};
  }
  expect_failure(deep, 200, ICE_LIMIT, "Parquet schema: more than 64 nested groups");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_parquet_schema__elements_are_golden, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_schema__lists_and_maps_have_three_levels, setup, teardown),
      cmocka_unit_test(test_parquet_schema__decimals_take_the_smallest_storage),
      cmocka_unit_test(test_parquet_schema__layout_counts_levels),
      cmocka_unit_test_setup_teardown(test_parquet_schema__reads_what_it_writes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_schema__understands_old_lists_and_types, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_schema__names_the_column_it_does_not_read, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_schema__rejects_trees_that_do_not_add_up, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
