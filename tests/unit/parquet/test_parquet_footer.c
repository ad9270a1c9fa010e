#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_footer.h"
#include "parquet_rows.h"
#include <stdlib.h>

static ice_schema *schema;
static ice_parquet_layout *layout;
static ice_parquet_column_metadata columns[2][2];
static ice_parquet_row_group_metadata groups[2];
static ice_bytes out;

// Two row groups of a required long and an optional list<string>.
static int setup(void **context) {
  (void)context;
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  schema->root.kind = ICE_KIND_STRUCT;
  assert_int_equal(ice_type_set_fields(schema, &schema->root, 2, NULL), ICE_OK);
  schema->root.fields[0] = (ice_field){.name = ICE_STR("n"), .id = 1, .required = true};
  schema->root.fields[0].type.kind = ICE_KIND_LONG;
  schema->root.fields[1] = (ice_field){.name = ICE_STR("l"), .id = 2};
  assert_int_equal(ice_type_parse(schema, ICE_STR("list<string>"), &schema->root.fields[1].type, NULL), ICE_OK);
  schema->root.fields[1].type.fields[0].id = 3;
  assert_int_equal(ice_parquet_layout_create(schema, &layout, NULL), ICE_OK);
  static const int64_t histograms[] = {5, 3, 0, 1, 2, 5};
  for (int g = 0; g < 2; g++) {
    columns[g][0] = (ice_parquet_column_metadata){.physical = ICE_PARQUET_INT64,
                                                  .encodings = 1u << ICE_PARQUET_PLAIN | 1u << ICE_PARQUET_RLE,
                                                  .compression = ICE_PARQUET_ZSTD,
                                                  .value_count = 5,
                                                  .plain_size = 70,
                                                  .size = 60,
                                                  .data_page_offset = 4 + g * 200,
                                                  .has_null_count = true,
                                                  .has_min = true,
                                                  .has_max = true,
                                                  .min_exact = true,
                                                  .max_exact = true,
                                                  .min = ICE_STR("\1\0\0\0\0\0\0\0"),
                                                  .max = ICE_STR("\5\0\0\0\0\0\0\0"),
                                                  .encoding_stats_count = 1,
                                                  .encoding_stats = {{ICE_PARQUET_DATA_PAGE, ICE_PARQUET_PLAIN, 1}},
                                                  .offset_index_offset = 600 + g,
                                                  .offset_index_size = 11,
                                                  .column_index_offset = 500 + g,
                                                  .column_index_size = 12};
    columns[g][1] = (ice_parquet_column_metadata){.physical = ICE_PARQUET_BYTE_ARRAY,
                                                  .compression = ICE_PARQUET_ZSTD,
                                                  .value_count = 8,
                                                  .plain_size = 130,
                                                  .size = 100,
                                                  .dictionary_page_offset = 64 + g * 200,
                                                  .data_page_offset = 90 + g * 200,
                                                  .has_null_count = true,
                                                  .null_count = 3,
                                                  .bloom_offset = 400,
                                                  .bloom_size = 47,
                                                  .has_text_size = true,
                                                  .text_size = 33,
                                                  .histograms = histograms};
    groups[g] = (ice_parquet_row_group_metadata){
        .row_count = 5, .plain_size = 200, .size = 160, .file_offset = 4 + g * 200, .columns = columns[g]};
  }
  ice_bytes_init(&out, 1 << 20);
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&out);
  ice_parquet_layout_unref(layout);
  ice_schema_unref(schema);
  return 0;
}

static ice_parquet_metadata metadata_of(void) {
  static ice_parquet_key_value pair = {ICE_STR_INIT("key"), ICE_STR_INIT("value")};
  return (ice_parquet_metadata){.layout = layout,
                                .row_count = 10,
                                .created_by = ICE_STR("somebody"),
                                .key_value_count = 1,
                                .key_values = &pair,
                                .row_group_count = 2,
                                .row_groups = groups};
}

static void write_footer(void) {
  ice_parquet_metadata metadata = metadata_of();
  ice_bytes_clear(&out);
  assert_int_equal(ice_parquet_footer_write(&metadata, &out, NULL), ICE_OK);
}

static void test_parquet_footer__reads_what_it_writes(void **context) {
  (void)context;
  ice_parquet_metadata got;
  write_footer();
  assert_int_equal(ice_parquet_footer_read(out.data, out.size, 1000, 1 << 20, &got, NULL), ICE_OK);
  assert_int_equal(got.row_count, 10);
  assert_true(ice_str_equal_c(got.created_by, "somebody"));
  assert_int_equal(got.key_value_count, 1);
  assert_true(ice_str_equal_c(got.key_values[0].key, "key") && ice_str_equal_c(got.key_values[0].value, "value"));
  assert_int_equal(got.row_group_count, 2);
  const ice_parquet_row_group_metadata *group = &got.row_groups[1];
  assert_int_equal(group->file_offset, 204);
  assert_int_equal(group->size, 160);
  assert_int_equal(group->plain_size, 200);
  const ice_parquet_column_metadata *n = &group->columns[0];
  assert_int_equal(n->encodings, 1u << ICE_PARQUET_PLAIN | 1u << ICE_PARQUET_RLE);
  assert_int_equal(n->compression, ICE_PARQUET_ZSTD);
  assert_int_equal(n->column_index_offset, 501);
  assert_int_equal(n->column_index_size, 12);
  assert_int_equal(n->offset_index_offset, 601);
  assert_int_equal(n->encoding_stats_count, 1);
  assert_int_equal(n->max.data[0], 5);
  assert_true(n->min_exact && n->max_exact);
  const ice_parquet_column_metadata *l = &group->columns[1];
  assert_int_equal(l->dictionary_page_offset, 264);
  assert_int_equal(l->null_count, 3);
  assert_false(l->has_min);
  assert_int_equal(l->bloom_offset, 400);
  assert_int_equal(l->bloom_size, 47);
  ice_parquet_footer_deinit(&got);
}

// What our reader does not look at, but others need.
static void test_parquet_footer__states_orders_sizes_and_ordinals(void **context) {
  (void)context;
  write_footer();
  static const struct {
    const char *what;
    const char *bytes;
    size_t size;
  } wanted[] = {
      // Field 7: two ColumnOrders, each TYPE_ORDER; then the end of all.
      {"column_orders", "\x19\x2c\x1c\x00\x00\x1c\x00\x00\x00", 9},
      // SizeStatistics: 33 bytes of text, histograms of repetition and of definition levels.
      {"size_statistics", "\x1c\x16\x42\x19\x26\x0a\x06\x19\x46\x00\x02\x04\x0a\x00", 14},
      // RowGroup: total_byte_size, num_rows, file_offset, total_compressed_size, ordinal.
      {"row group", "\x16\x90\x03\x16\x0a\x26\x98\x03\x16\xc0\x02\x14\x02\x00", 14},
      // Statistics of the list: null_count alone.
      {"null_count", "\x1c\x36\x06\x00", 4},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(wanted); i++) {
    if (!memmem(out.data, out.size, wanted[i].bytes, wanted[i].size)) {
      fail_msg("no %s", wanted[i].what);
    }
  }
}

static void test_parquet_footer__rejects_every_truncation(void **context) {
  (void)context;
  write_footer();
  for (size_t size = 0; size < out.size; size++) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, out.data, size);
    ice_parquet_metadata got;
    assert_int_equal(ice_parquet_footer_read(copy, size, 1000, 1 << 20, &got, NULL), ICE_CORRUPT);
    assert_null(got.layout);
    free(copy);
  }
}

static void expect_corrupt(const char *message) {
  ice_parquet_metadata got;
  ice_error err = {0};
  write_footer();
  assert_int_equal(ice_parquet_footer_read(out.data, out.size, 1000, 1 << 20, &got, &err), ICE_CORRUPT);
  assert_string_equal(err.message, message);
}

static void test_parquet_footer__rejects_chunks_outside_the_file(void **context) {
  (void)context;
  columns[1][0].size = 900;
  expect_corrupt("Parquet footer: row group 1, column \"n\" is not in the file");
  columns[1][0].size = INT64_MAX;
  expect_corrupt("Parquet footer: row group 1, column \"n\" is not in the file");
  columns[1][0].size = -1;
  expect_corrupt("Parquet footer: row group 1, column \"n\" is not in the file");
  columns[1][0].size = 60;
  columns[0][1].dictionary_page_offset = 2;
  expect_corrupt("Parquet footer: row group 0, column \"l.list.element\" is not in the file");
}

static void test_parquet_footer__rejects_counts_that_do_not_add_up(void **context) {
  (void)context;
  groups[0].row_count = 6;
  expect_corrupt("Parquet footer: row group 0, column \"n\" does not agree with the schema");
  columns[0][0].value_count = 6;
  expect_corrupt("Parquet footer: 11 rows in row groups of 10");
  groups[0].row_count = 5;
  columns[0][0].value_count = 5;
  columns[0][0].physical = ICE_PARQUET_INT32;
  expect_corrupt("Parquet footer: row group 0, column \"n\" does not agree with the schema");
}

static void test_parquet_footer__keeps_its_memory_limit(void **context) {
  (void)context;
  ice_parquet_metadata got;
  ice_error err = {0};
  write_footer();
  assert_int_equal(ice_parquet_footer_read(out.data, out.size, 1000, 200, &got, &err), ICE_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_parquet_footer__reads_what_it_writes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_footer__states_orders_sizes_and_ordinals, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_footer__rejects_every_truncation, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_footer__rejects_chunks_outside_the_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_footer__rejects_counts_that_do_not_add_up, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_footer__keeps_its_memory_limit, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
