#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "iceberg/iceberg_metrics.h"
#include "iceberg/iceberg_schema.h"

static void assert_single(ice_type type, ice_str raw, const void *expected, size_t size) {
  ice_bytes out;
  ice_bytes back;
  ice_bytes_init(&out, 1000);
  ice_bytes_init(&back, 1000);
  assert_int_equal(ice_single_value_append(&type, raw, &out, NULL), ICE_OK);
  assert_int_equal(out.size, size);
  assert_memory_equal(out.data, expected, size);
  assert_int_equal(ice_single_value_read(&type, ice_bytes_str(&out), &back, NULL), ICE_OK);
  assert_true(ice_str_equal(ice_bytes_str(&back), raw));
  ice_bytes_deinit(&out);
  ice_bytes_deinit(&back);
}

static ice_str raw_decimal(int64_t value, uint8_t buffer[16]) {
  memset(buffer, value < 0 ? 0xFF : 0, 16);
  ice_store_u64le(buffer, (uint64_t)value);
  return ice_str_make((const char *)buffer, 16);
}

// Spec, Appendix D.
static void test_iceberg_metrics__serializes_single_values(void **state) {
  (void)state;
  uint8_t buffer[16];
  ice_type decimal = {.kind = ICE_KIND_DECIMAL, .precision = 9, .scale = 2};
  assert_single((ice_type){.kind = ICE_KIND_BOOLEAN}, ICE_STR("\x01"), "\x01", 1);
  assert_single((ice_type){.kind = ICE_KIND_INT}, ICE_STR("\x22\x00\x00\x00"), "\x22\x00\x00\x00", 4);
  assert_single((ice_type){.kind = ICE_KIND_DOUBLE}, ICE_STR("\0\0\0\0\0\0\xf0\x3f"), "\0\0\0\0\0\0\xf0\x3f", 8);
  assert_single((ice_type){.kind = ICE_KIND_STRING}, ICE_STR("abc"), "abc", 3);
  assert_single((ice_type){.kind = ICE_KIND_UUID}, ICE_STR("0123456789abcdef"), "0123456789abcdef", 16);
  assert_single(decimal, raw_decimal(1420, buffer), "\x05\x8c", 2);
  assert_single(decimal, raw_decimal(0, buffer), "\x00", 1);
  assert_single(decimal, raw_decimal(127, buffer), "\x7f", 1);
  assert_single(decimal, raw_decimal(128, buffer), "\x00\x80", 2);
  assert_single(decimal, raw_decimal(-1, buffer), "\xff", 1);
  assert_single(decimal, raw_decimal(-128, buffer), "\x80", 1);
  assert_single(decimal, raw_decimal(-129, buffer), "\xff\x7f", 2);
}

static void test_iceberg_metrics__reads_bounds_of_promoted_columns(void **state) {
  (void)state;
  ice_bytes out;
  ice_bytes_init(&out, 100);
  ice_type type = {.kind = ICE_KIND_LONG};
  assert_int_equal(ice_single_value_read(&type, ICE_STR("\xff\xff\xff\xff"), &out, NULL), ICE_OK);
  assert_memory_equal(out.data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  type.kind = ICE_KIND_INT;
  assert_int_equal(ice_single_value_read(&type, ICE_STR("\xff"), &out, NULL), ICE_CORRUPT);
  ice_bytes_deinit(&out);
}

typedef struct cut_case {
  const char *text;
  uint32_t length;
  const char *upper;  ///< NULL: none
} cut_case;

static void test_iceberg_metrics__raises_the_last_code_point(void **state) {
  (void)state;
  static const cut_case cases[] = {{"abc", 3, "abc"},
                                   {"abcd", 3, "abd"},
                                   {"a\xc3\xa4z", 2, "a\xc3\xa5"},
                                   {"a\x7fz", 2, "a\xc2\x80"},
                                   {"a\xed\x9f\xbfz", 2, "a\xee\x80\x80"},  // U+D7FF to U+E000, over the surrogates
                                   {"a\xf4\x8f\xbf\xbfz", 2, "b"},          // U+10FFFF has no successor
                                   {"\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbfz", 2, NULL},
                                   {"a\xff", 1, NULL},
                                   {"", 16, ""}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_bytes out;
    bool found = false;
    ice_bytes_init(&out, 100);
    assert_int_equal(ice_truncate_upper_text(ice_str_of(cases[i].text), cases[i].length, &out, &found, NULL), ICE_OK);
    assert_int_equal(found, cases[i].upper != NULL);
    assert_true(!found || ice_str_equal_c(ice_bytes_str(&out), cases[i].upper));
    ice_bytes_deinit(&out);
  }
}

static void test_iceberg_metrics__raises_the_last_byte(void **state) {
  (void)state;
  ice_bytes out;
  bool found;
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_truncate_upper_binary(ICE_STR("\x01\xff\x05"), 2, &out, &found, NULL), ICE_OK);
  assert_true(found);
  assert_true(ice_str_equal(ice_bytes_str(&out), ICE_STR("\x02")));
  ice_bytes_clear(&out);
  assert_int_equal(ice_truncate_upper_binary(ICE_STR("\xff\xff\x05"), 2, &out, &found, NULL), ICE_OK);
  assert_false(found);
  assert_int_equal(ice_truncate_upper_binary(ICE_STR("\xff\xff"), 2, &out, &found, NULL), ICE_OK);
  assert_true(found);
  ice_bytes_deinit(&out);
}

static const char table_schema[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"s\",\"required\":true,\"type\":\"string\"},"
    "{\"id\":2,\"name\":\"d\",\"required\":false,\"type\":\"double\"},"
    "{\"id\":3,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":5,\"element\":\"int\","
    "\"element-required\":true}},"
    "{\"id\":4,\"name\":\"t\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
    "{\"id\":6,\"name\":\"x\",\"required\":false,\"type\":\"int\"}]}}]}";

static const char nan_bits[] = "\0\0\0\0\0\0\xf8\x7f";
static const char positive_zero[] = "\0\0\0\0\0\0\0\0";
static const char negative_zero[] = "\0\0\0\0\0\0\0\x80";

static ice_leaf_metrics leaf(int32_t id, ice_str low, ice_str high) {
  return (ice_leaf_metrics){.field_id = id,
                            .column_size = 100 + id,
                            .value_count = 10,
                            .null_count = 1,
                            .nan_count = -1,
                            .has_bounds = low.data != NULL,
                            .min = low,
                            .max = high};
}

static void test_iceberg_metrics__builds_the_maps(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  ice_arena arena;
  ice_file_metrics out;
  ice_arena_init(&arena, 1 << 20);
  assert_int_equal(ice_schema_from_json_text(ice_str_of(table_schema), &schema, NULL), ICE_OK);
  ice_metrics_config config = ice_metrics_config_default();
  ice_leaf_metrics leaves[] = {leaf(1, ICE_STR("aaaaaaaaaaaaaaaaaaaa"), ICE_STR("zzzzzzzzzzzzzzzzzzzz")),
                               leaf(2, ice_str_make(positive_zero, 8), ice_str_make(negative_zero, 8)),
                               leaf(5, ICE_STR("\x01\0\0\0"), ICE_STR("\x02\0\0\0")),
                               leaf(6, ICE_STR("\x01\0\0\0"), ICE_STR("\x02\0\0\0"))};
  leaves[1].nan_count = 3;
  leaves[0].null_count = -1;
  assert_int_equal(ice_file_metrics_build(schema, &config, leaves, 4, &arena, &out, NULL), ICE_OK);
  assert_int_equal(out.column_size_count, 4);
  assert_int_equal(out.column_sizes[3].field_id, 6);
  assert_int_equal(out.column_sizes[3].value, 106);
  assert_int_equal(out.null_count_count, 3);
  assert_int_equal(out.null_counts[0].field_id, 2);
  assert_int_equal(out.nan_count_count, 1);
  assert_int_equal(out.nan_counts[0].value, 3);
  // No bounds under the list.
  assert_int_equal(out.lower_bound_count, 3);
  assert_int_equal(out.upper_bound_count, 3);
  assert_true(ice_str_equal_c(out.lower_bounds[0].value, "aaaaaaaaaaaaaaaa"));
  assert_true(ice_str_equal_c(out.upper_bounds[0].value, "zzzzzzzzzzzzzzz{"));
  assert_true(ice_str_equal(out.lower_bounds[1].value, ice_str_make(negative_zero, 8)));
  assert_true(ice_str_equal(out.upper_bounds[1].value, ice_str_make(positive_zero, 8)));
  assert_int_equal(out.lower_bounds[2].field_id, 6);
  // NaN is no bound, and a lower bound above the upper one is a mistake that is not passed on.
  leaves[1].max = ice_str_make(nan_bits, 8);
  leaves[3].min = ICE_STR("\x03\0\0\0");
  assert_int_equal(ice_file_metrics_build(schema, &config, leaves, 4, &arena, &out, NULL), ICE_OK);
  assert_int_equal(out.lower_bound_count, 1);
  assert_int_equal(out.upper_bound_count, 1);
  // A bound of the wrong size is a programming error that must not reach a manifest.
  leaves[3].min = ICE_STR("\x03");
  assert_int_equal(ice_file_metrics_build(schema, &config, leaves, 4, &arena, &out, NULL), ICE_INTERNAL);
  ice_schema_unref(schema);
  ice_arena_deinit(&arena);
}

static void test_iceberg_metrics__obeys_table_properties(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  ice_arena arena;
  ice_file_metrics out;
  ice_metrics_config config;
  ice_arena_init(&arena, 1 << 20);
  assert_int_equal(ice_schema_from_json_text(ice_str_of(table_schema), &schema, NULL), ICE_OK);
  const ice_property properties[] = {{ICE_STR("write.metadata.metrics.default"), ICE_STR("counts")},
                                     {ICE_STR("write.metadata.metrics.max-inferred-column-defaults"), ICE_STR("1")},
                                     {ICE_STR("write.metadata.metrics.column.t.x"), ICE_STR("full")},
                                     {ICE_STR("write.metadata.metrics.column.s"), ICE_STR("truncate(2)")},
                                     {ICE_STR("write.metadata.metrics.column.nope"), ICE_STR("full")},
                                     {ICE_STR("other"), ICE_STR("x")}};
  assert_int_equal(ice_metrics_config_read(schema, properties, ICE_COUNT_OF(properties), &arena, &config, NULL),
                   ICE_OK);
  assert_int_equal(config.override_count, 2);
  const ice_leaf_metrics leaves[] = {leaf(1, ICE_STR("abc"), ICE_STR("abc")),
                                     leaf(2, ice_str_make(positive_zero, 8), ice_str_make(positive_zero, 8)),
                                     leaf(6, ICE_STR("\x01\0\0\0"), ICE_STR("\x02\0\0\0"))};
  assert_int_equal(ice_file_metrics_build(schema, &config, leaves, 3, &arena, &out, NULL), ICE_OK);
  assert_int_equal(out.value_count_count, 2);  // the second column is beyond the limit
  assert_int_equal(out.lower_bound_count, 2);
  assert_true(ice_str_equal_c(out.lower_bounds[0].value, "ab"));
  assert_true(ice_str_equal_c(out.upper_bounds[0].value, "ac"));
  assert_int_equal(out.upper_bounds[1].field_id, 6);
  ice_schema_unref(schema);
  ice_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_metrics__serializes_single_values),
      cmocka_unit_test(test_iceberg_metrics__reads_bounds_of_promoted_columns),
      cmocka_unit_test(test_iceberg_metrics__raises_the_last_code_point),
      cmocka_unit_test(test_iceberg_metrics__raises_the_last_byte),
      cmocka_unit_test(test_iceberg_metrics__builds_the_maps),
      cmocka_unit_test(test_iceberg_metrics__obeys_table_properties),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
