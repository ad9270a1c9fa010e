#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_levels.h"
#include "parquet_rows.h"

static ice_schema *schema;
static ice_parquet_layout *layout;
static ice_parquet_scratch *scratch;
static ice_batch batch;

static void open_type(const char *type, bool required) {
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  schema->root.kind = ICE_KIND_STRUCT;
  assert_int_equal(ice_type_set_fields(schema, &schema->root, 1, NULL), ICE_OK);
  ice_field *field = &schema->root.fields[0];
  *field = (ice_field){.name = ICE_STR("f"), .id = 1, .required = required};
  assert_int_equal(ice_type_parse(schema, ice_str_of(type), &field->type, NULL), ICE_OK);
  assert_int_equal(ice_parquet_layout_create(schema, &layout, NULL), ICE_OK);
  assert_int_equal(ice_parquet_scratch_create(&scratch, NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&batch, schema, NULL), ICE_OK);
}

static int teardown(void **context) {
  (void)context;
  ice_batch_deinit(&batch);
  ice_parquet_scratch_destroy(scratch);
  ice_parquet_layout_unref(layout);
  ice_schema_unref(schema);
  return 0;
}

static ice_parquet_slice slice_of(uint32_t leaf, const uint32_t *rows, uint32_t first, size_t count) {
  ice_parquet_slice slice;
  ice_parquet_rows selection = {.indices = rows, .first = first, .count = count};
  ice_parquet_scratch_forget(scratch);
  assert_int_equal(ice_parquet_levels_build(scratch, &layout->leaves[leaf], &batch, selection, &slice, NULL), ICE_OK);
  return slice;
}

static void test_parquet_levels__a_required_column_is_its_rows(void **context) {
  (void)context;
  open_type("int", true);
  for (int32_t i = 0; i < 10; i++) {
    assert_int_equal(ice_column_append_i32(&batch.columns[0], i, NULL), ICE_OK);
  }
  ice_parquet_slice slice = slice_of(0, NULL, 3, 4);
  assert_ptr_equal(slice.column, &batch.columns[0]);
  assert_int_equal(slice.slot_count, 4);
  assert_null(slice.validity);
  assert_null(slice.values.indices);
  assert_int_equal(slice.values.first, 3);
  assert_int_equal(slice.values.count, 4);
}

static void test_parquet_levels__an_optional_column_gets_a_bitmap_where_it_has_nulls(void **context) {
  (void)context;
  open_type("int", false);
  for (int32_t i = 0; i < 200; i++) {
    ice_column *column = &batch.columns[0];
    bool null = i % 3 == 1;
    assert_int_equal(null ? ice_column_append_null(column, NULL) : ice_column_append_i32(column, i, NULL), ICE_OK);
  }
  ice_parquet_slice slice = slice_of(0, NULL, 100, 100);
  assert_int_equal(slice.slot_count, 100);
  assert_int_equal(slice.values.count, 66);
  assert_int_equal(slice.values.indices[0], 101);
  for (uint32_t i = 0; i < 100; i++) {
    assert_int_equal(ice_bit_get(slice.validity, i), (i + 100) % 3 != 1);
  }
  static const uint32_t there[] = {0, 2, 3, 5};
  slice = slice_of(0, there, 0, 4);
  assert_null(slice.validity);
  assert_ptr_equal(slice.values.indices, there);
}

static void expect_levels(const ice_parquet_slice *slice, const char *definition, const char *repetition) {
  assert_int_equal(slice->slot_count, strlen(definition));
  for (size_t i = 0; i < slice->slot_count; i++) {
    assert_int_equal(slice->definition_levels[i], definition[i] - '0');
    assert_int_equal(slice->repetition_levels ? slice->repetition_levels[i] : 0, repetition[i] - '0');
  }
}

// Rows of list<int>: null, [], [null], [1, 2], [3].
static void test_parquet_levels__lists_tell_null_empty_and_null_elements_apart(void **context) {
  (void)context;
  open_type("list<int>", false);
  ice_column *column = &batch.columns[0];
  ice_column *element = &column->children[0];
  assert_int_equal(ice_column_append_null(column, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(column, NULL), ICE_OK);
  assert_int_equal(ice_column_append_null(element, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(column, NULL), ICE_OK);
  assert_int_equal(ice_column_append_i32(element, 1, NULL), ICE_OK);
  assert_int_equal(ice_column_append_i32(element, 2, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(column, NULL), ICE_OK);
  assert_int_equal(ice_column_append_i32(element, 3, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(column, NULL), ICE_OK);
  ice_parquet_slice slice = slice_of(0, NULL, 0, 5);
  expect_levels(&slice, "012333", "000010");
  assert_int_equal(slice.values.count, 3);
  assert_null(slice.values.indices);
  assert_int_equal(slice.values.first, 1);
  static const uint32_t rows[] = {4, 0, 3};
  slice = slice_of(0, rows, 0, 3);
  expect_levels(&slice, "3033", "0001");
  assert_int_equal(slice.values.indices[0], 3);
  assert_int_equal(slice.values.indices[1], 1);
  assert_int_equal(slice.values.indices[2], 2);
}

// The example of the Dremel paper, as far as its names go: list<struct<language: list<int>, url: int>>.
static void test_parquet_levels__nested_lists_follow_the_dremel_paper(void **context) {
  (void)context;
  open_type("list<struct<language: list<int>, url: int>>", true);
  ice_column *name = &batch.columns[0];
  ice_column *item = &name->children[0];
  ice_column *language = &item->children[0];
  ice_column *url = &item->children[1];
  // Document 1: names with languages {0, 1} and url; no languages and url; languages {2} without url.
  static const int counts[] = {2, 0, 1};
  int32_t value = 0;
  for (int i = 0; i < 3; i++) {
    for (int k = 0; k < counts[i]; k++) {
      assert_int_equal(ice_column_append_i32(&language->children[0], value++, NULL), ICE_OK);
    }
    assert_int_equal(ice_column_append_list_end(language, NULL), ICE_OK);
    assert_int_equal(i < 2 ? ice_column_append_i32(url, i, NULL) : ice_column_append_null(url, NULL), ICE_OK);
    assert_int_equal(ice_column_append_struct_end(item, NULL), ICE_OK);
  }
  assert_int_equal(ice_column_append_list_end(name, NULL), ICE_OK);
  // Document 2: one null in place of a name; document 3: none.
  assert_int_equal(ice_column_append_null(item, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(name, NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(name, NULL), ICE_OK);
  // name required 0, its element 2, languages 3, their element 5; url 3.
  ice_parquet_slice slice = slice_of(0, NULL, 0, 3);
  expect_levels(&slice, "553510", "021100");
  slice = slice_of(1, NULL, 0, 3);
  expect_levels(&slice, "33210", "01100");
  assert_int_equal(slice.values.count, 2);
}

static void test_parquet_levels__a_required_field_may_be_missing_with_its_parent_only(void **context) {
  (void)context;
  open_type("struct<a: int>", false);
  // Types in text are optional, so the field is made required by hand.
  schema->root.fields[0].type.fields[0].required = true;
  ice_parquet_layout_unref(layout);
  assert_int_equal(ice_parquet_layout_create(schema, &layout, NULL), ICE_OK);
  ice_column *column = &batch.columns[0];
  assert_int_equal(ice_column_append_null(column, NULL), ICE_OK);
  assert_int_equal(ice_column_append_i32(&column->children[0], 7, NULL), ICE_OK);
  assert_int_equal(ice_column_append_struct_end(column, NULL), ICE_OK);
  ice_parquet_slice slice = slice_of(0, NULL, 0, 2);
  expect_levels(&slice, "01", "00");
  assert_int_equal(ice_column_append_null(&column->children[0], NULL), ICE_OK);
  assert_int_equal(ice_column_append_struct_end(column, NULL), ICE_OK);
  ice_error err = {0};
  ice_parquet_scratch_forget(scratch);
  assert_int_equal(
      ice_parquet_levels_build(scratch, &layout->leaves[0], &batch, (ice_parquet_rows){.count = 3}, &slice, &err),
      ICE_INVALID_ARGUMENT);
  assert_string_equal(err.message, "Parquet column \"f.a\": null in a required field");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_parquet_levels__a_required_column_is_its_rows, teardown),
      cmocka_unit_test_teardown(test_parquet_levels__an_optional_column_gets_a_bitmap_where_it_has_nulls, teardown),
      cmocka_unit_test_teardown(test_parquet_levels__lists_tell_null_empty_and_null_elements_apart, teardown),
      cmocka_unit_test_teardown(test_parquet_levels__nested_lists_follow_the_dremel_paper, teardown),
      cmocka_unit_test_teardown(test_parquet_levels__a_required_field_may_be_missing_with_its_parent_only, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
