#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columnar_test_support.h"

static void test_batch__counts_whole_rows_alone(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: int, b: string>");
  ice_batch batch;
  ice_error err = {0};
  OK(ice_batch_init(&batch, schema, NULL));
  ice_schema_unref(schema);
  OK(ice_column_append_i32(&batch.columns[0], 1, NULL));
  assert_int_equal(ice_batch_end_row(&batch, &err), ICE_INTERNAL);
  assert_non_null(strstr(err.message, "\"b\""));
  assert_int_equal(batch.row_count, 0);
  OK(ice_column_append_text(&batch.columns[1], ICE_STR("x"), NULL));
  OK(ice_batch_end_row(&batch, NULL));
  assert_int_equal(batch.row_count, 1);
  ice_batch_deinit(&batch);
  ice_batch_deinit(&batch);
}

static void test_batch__truncation_repairs_half_a_row(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: int, b: list<string>>");
  ice_batch batch;
  OK(ice_batch_init(&batch, schema, NULL));
  for (int i = 0; i < 3; i++) {
    OK(ice_column_append_i32(&batch.columns[0], i, NULL));
    OK(ice_column_append_text(&batch.columns[1].children[0], ICE_STR("x"), NULL));
    OK(ice_column_append_list_end(&batch.columns[1], NULL));
    OK(ice_batch_end_row(&batch, NULL));
  }
  OK(ice_column_append_i32(&batch.columns[0], 9, NULL));
  OK(ice_column_append_text(&batch.columns[1].children[0], ICE_STR("half"), NULL));
  ice_batch_truncate(&batch, 2);
  assert_int_equal(batch.row_count, 2);
  assert_int_equal(batch.columns[0].length, 2);
  assert_int_equal(batch.columns[1].children[0].length, 2);
  size_t memory = ice_batch_memory(&batch);
  assert_true(memory >= ice_batch_size(&batch));
  ice_batch_clear(&batch);
  assert_int_equal(ice_batch_size(&batch), 0);
  assert_int_equal(ice_batch_memory(&batch), memory);
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
}

static void test_batch__of_no_columns(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  ice_batch batch;
  OK(ice_schema_create(&schema, NULL));
  OK(ice_batch_init(&batch, schema, NULL));
  OK(ice_batch_end_row(&batch, NULL));
  assert_int_equal(batch.row_count, 1);
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_batch__counts_whole_rows_alone),
      cmocka_unit_test(test_batch__truncation_repairs_half_a_row),
      cmocka_unit_test(test_batch__of_no_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
