#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// Fails every allocation once, while a file is written and read back.
#include "failing_memory.h"
#include "parquet_memory.h"
#include "parquet_rows.h"

static ice_schema *schema;
static ice_batch batch;
static ice_bytes written;

enum { ROWS = 250 };

static int setup(void **context) {
  (void)context;
  if (rows_schema(&schema, NULL) != ICE_OK || ice_batch_init(&batch, schema, NULL) != ICE_OK) {
    return 1;
  }
  for (uint64_t row = 0; row < ROWS; row++) {
    if (rows_append(&batch, 9, row, NULL) != ICE_OK) {
      return 1;
    }
  }
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
  return 0;
}

static ice_status write_file(ice_bytes *out, ice_bytes *spilled, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_scratch *scratch = NULL;
  ice_parquet_writer *writer = NULL;
  ice_parquet_file file = {0};
  ice_budget budget;
  ice_budget_init(&budget, 1);
  ice_parquet_output output = memory_output(out);
  ice_parquet_spill spill = memory_spill(spilled);
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  static const int32_t blooms[] = {1, 14};
  options.bloom_ids = blooms;
  options.bloom_id_count = 2;
  options.page_row_max = 60;
  options.row_group_size = 20000;
  options.budget = &budget;
  options.spill = &spill;
  ICE_TRY(ice_parquet_scratch_create(&scratch, err));
  ICE_TRY(ice_parquet_writer_create(schema, &options, output, scratch, &writer, err));
  ICE_TRY(ice_parquet_writer_append(writer, &batch, NULL, ROWS, err));
  ICE_TRY(ice_parquet_writer_spill(writer, err));
  ICE_TRY(ice_parquet_writer_append(writer, &batch, NULL, ROWS, err));
  ICE_TRY(ice_parquet_writer_finish(writer, &file, err));
  assert_int_equal(file.row_count, 2 * ROWS);
done:
  if (status != ICE_OK) {
    assert_null(file.columns);
  }
  ice_parquet_file_deinit(&file);
  ice_parquet_writer_destroy(writer);
  ice_parquet_scratch_destroy(scratch);
  assert_int_equal(ice_budget_used(&budget), 0);
  return status;
}

static ice_status read_file(ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_reader *reader = NULL;
  ice_batch got = {0};
  size_t n = 1;
  int64_t total = 0;
  static const int32_t ids[] = {29, 19, 1, 14, 26, 9};
  ICE_TRY(ice_parquet_reader_open(memory_input(&written), NULL, &reader, err));
  ICE_TRY(ice_parquet_reader_project(reader, ids, ICE_COUNT_OF(ids), err));
  ICE_TRY(ice_batch_init(&got, ice_parquet_reader_projection(reader), err));
  while (n > 0) {
    ice_batch_clear(&got);
    ICE_TRY(ice_parquet_reader_read(reader, 200, &got, &n, err));
    total += got.row_count;
  }
  assert_int_equal(total, 2 * ROWS);
done:
  ice_batch_deinit(&got);
  ice_parquet_reader_close(reader);
  return status;
}

static ice_status write_and_drop_file(ice_error *err) {
  ice_bytes out = {0};
  ice_bytes spilled = {0};
  ice_status status = write_file(&out, &spilled, err);
  ice_bytes_deinit(&out);
  ice_bytes_deinit(&spilled);
  return status;
}

static void test_parquet_torture__every_allocation_of_a_writer_may_fail(void **context) {
  (void)context;
  assert_true(torture(write_and_drop_file) > 500);
}

static void test_parquet_torture__every_allocation_of_a_reader_may_fail(void **context) {
  (void)context;
  ice_bytes spilled;
  assert_int_equal(write_file(&written, &spilled, NULL), ICE_OK);
  ice_bytes_deinit(&spilled);
  assert_true(torture(read_file) > 200);
  ice_bytes_deinit(&written);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_torture__every_allocation_of_a_writer_may_fail),
      cmocka_unit_test(test_parquet_torture__every_allocation_of_a_reader_may_fail),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
