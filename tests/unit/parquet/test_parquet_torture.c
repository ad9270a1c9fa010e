#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// Fails every allocation once, while a file is written and read back: the linker sends the library's malloc, calloc
// and realloc here (-Wl,--wrap).
#include "parquet_memory.h"
#include "parquet_rows.h"
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

// Allocations until one fails; negative: none does.
static long countdown = -1;

static bool fails(void) { return countdown >= 0 && countdown-- == 0; }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *memory, size_t size) { return fails() ? NULL : __real_realloc(memory, size); }

static ice_schema *schema;
static ice_batch batch;

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

static ice_status read_file(ice_bytes *bytes, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_reader *reader = NULL;
  ice_batch got = {0};
  size_t n = 1;
  int64_t total = 0;
  static const int32_t ids[] = {29, 19, 1, 14, 26, 9};
  ICE_TRY(ice_parquet_reader_open(memory_input(bytes), NULL, &reader, err));
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

static void test_parquet_torture__every_allocation_of_a_writer_may_fail(void **context) {
  (void)context;
  for (long at = 0;; at++) {
    ice_error err = {0};
    ice_bytes out = {0};
    ice_bytes spilled = {0};
    countdown = at;
    ice_status status = write_file(&out, &spilled, &err);
    bool reached = countdown < 0;
    countdown = -1;
    ice_bytes_deinit(&out);
    ice_bytes_deinit(&spilled);
    if (!reached) {
      assert_int_equal(status, ICE_OK);
      assert_true(at > 500);
      break;
    }
    if (status != ICE_NO_MEMORY || err.status != ICE_NO_MEMORY) {
      fail_msg("allocation %ld: %s, %s", at, ice_status_name(status), err.message);
    }
  }
}

static void test_parquet_torture__every_allocation_of_a_reader_may_fail(void **context) {
  (void)context;
  ice_bytes out;
  ice_bytes spilled;
  ice_error err = {0};
  assert_int_equal(write_file(&out, &spilled, &err), ICE_OK);
  ice_bytes_deinit(&spilled);
  for (long at = 0;; at++) {
    err = (ice_error){0};
    countdown = at;
    ice_status status = read_file(&out, &err);
    bool reached = countdown < 0;
    countdown = -1;
    if (!reached) {
      assert_int_equal(status, ICE_OK);
      assert_true(at > 200);
      break;
    }
    if (status != ICE_NO_MEMORY || err.status != ICE_NO_MEMORY) {
      fail_msg("allocation %ld: %s, %s", at, ice_status_name(status), err.message);
    }
  }
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_torture__every_allocation_of_a_writer_may_fail),
      cmocka_unit_test(test_parquet_torture__every_allocation_of_a_reader_may_fail),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
