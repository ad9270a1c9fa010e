#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_column_reader.h"
#include "parquet_memory.h"
#include "parquet_rows.h"
#include <stdlib.h>

static ice_schema *schema;
static ice_parquet_scratch *scratch;
static ice_bytes file;

enum { ROWS = 2000, SEED = 4 };

static void check(ice_status status, const ice_error *err) {
  if (status != ICE_OK) {
    fail_msg("%s: %s", ice_status_name(status), err->message);
  }
}

static void fill(ice_batch *batch, uint64_t from, uint64_t to) {
  ice_error err = {0};
  check(ice_batch_init(batch, schema, &err), &err);
  for (uint64_t row = from; row < to; row++) {
    check(rows_append(batch, SEED, row, &err), &err);
  }
}

// A file of four row groups of 500 rows.
static int setup(void **context) {
  (void)context;
  ice_error err = {0};
  ice_batch batch;
  ice_parquet_file written;
  ice_parquet_writer *writer = NULL;
  check(rows_schema(&schema, &err), &err);
  check(ice_parquet_scratch_create(&scratch, &err), &err);
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_row_max = 100;
  options.row_group_size = 10000;
  check(ice_parquet_writer_create(schema, &options, memory_output(&file), scratch, &writer, &err), &err);
  for (uint64_t row = 0; row < ROWS; row += 500) {
    fill(&batch, row, row + 500);
    check(ice_parquet_writer_append(writer, &batch, NULL, 500, &err), &err);
    ice_batch_deinit(&batch);
  }
  check(ice_parquet_writer_finish(writer, &written, &err), &err);
  assert_int_equal(written.split_offset_count, 4);
  ice_parquet_file_deinit(&written);
  ice_parquet_writer_destroy(writer);
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&file);
  ice_parquet_scratch_destroy(scratch);
  ice_schema_unref(schema);
  return 0;
}

static ice_parquet_reader *open_file(ice_bytes *bytes) {
  ice_error err = {0};
  ice_parquet_reader *reader = NULL;
  check(ice_parquet_reader_open(memory_input(bytes), NULL, &reader, &err), &err);
  return reader;
}

static void test_parquet_reader__shows_schema_groups_and_statistics(void **context) {
  (void)context;
  ice_parquet_reader *reader = open_file(&file);
  const ice_parquet_metadata *metadata = ice_parquet_reader_metadata(reader);
  assert_true(ice_type_equal(&ice_parquet_reader_schema(reader)->root, &schema->root));
  assert_int_equal(metadata->row_count, ROWS);
  assert_int_equal(metadata->row_group_count, 4);
  assert_string_equal(metadata->created_by.data, "icesink version 0.1.0 (build 0.1.0)");
  const ice_parquet_column_metadata *id = &metadata->row_groups[2].columns[0];
  assert_int_equal(metadata->row_groups[2].row_count, 500);
  assert_true(id->has_min && id->has_max && id->min_exact && id->max_exact);
  assert_int_equal(ice_load_u64le(id->min.data), 1000);
  assert_int_equal(ice_load_u64le(id->max.data), 1499);
  assert_true(id->has_null_count);
  assert_int_equal(id->null_count, 0);
  ice_parquet_reader_close(reader);
}

static void test_parquet_reader__reads_a_projection_in_the_order_asked_for(void **context) {
  (void)context;
  ice_error err = {0};
  ice_parquet_reader *reader = open_file(&file);
  // `lm`, then `id`, then `word`.
  static const int32_t ids[] = {29, 1, 14};
  check(ice_parquet_reader_project(reader, ids, 3, &err), &err);
  ice_batch got;
  ice_batch wanted;
  check(ice_batch_init(&got, ice_parquet_reader_projection(reader), &err), &err);
  assert_int_equal(got.column_count, 3);
  size_t n = 0;
  check(ice_parquet_reader_read(reader, 10000, &got, &n, &err), &err);
  assert_int_equal(n, 500);
  check(ice_parquet_reader_read(reader, 10, &got, &n, &err), &err);
  assert_int_equal(n, 10);
  fill(&wanted, 0, 510);
  assert_int_equal(got.row_count, 510);
  for (int64_t i = 0; i < 510; i++) {
    assert_true(ice_column_equal(&got.columns[0], i, &wanted.columns[21], i));
    assert_int_equal(ice_column_i64(&got.columns[1], i), i);
    assert_true(ice_column_equal(&got.columns[2], i, &wanted.columns[13], i));
  }
  ice_batch_deinit(&got);
  ice_batch_deinit(&wanted);
  ice_parquet_reader_close(reader);
}

static void test_parquet_reader__refuses_projections_that_are_not_there(void **context) {
  (void)context;
  ice_error err = {0};
  ice_parquet_reader *reader = open_file(&file);
  assert_int_equal(ice_parquet_reader_project(reader, &(int32_t){20}, 1, &err), ICE_NOT_FOUND);
  assert_string_equal(err.message, "no column with field id 20 in the Parquet file");
  static const int32_t twice[] = {1, 1};
  assert_int_equal(ice_parquet_reader_project(reader, twice, 2, &err), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_parquet_reader_project(reader, twice, 0, &err), ICE_INVALID_ARGUMENT);
  // The reader still has all columns.
  ice_batch got;
  size_t n = 0;
  check(ice_batch_init(&got, ice_parquet_reader_projection(reader), &err), &err);
  check(ice_parquet_reader_read(reader, 3, &got, &n, &err), &err);
  assert_int_equal(got.column_count, schema->root.field_count);
  ice_batch_deinit(&got);
  ice_parquet_reader_close(reader);
}

static void test_parquet_reader__reads_chosen_row_groups(void **context) {
  (void)context;
  ice_error err = {0};
  ice_parquet_reader *reader = open_file(&file);
  check(ice_parquet_reader_project(reader, &(int32_t){1}, 1, &err), &err);
  check(ice_parquet_reader_select(reader, 1, 2, &err), &err);
  ice_batch got;
  check(ice_batch_init(&got, ice_parquet_reader_projection(reader), &err), &err);
  size_t n = 1;
  while (n > 0) {
    check(ice_parquet_reader_read(reader, 333, &got, &n, &err), &err);
  }
  assert_int_equal(got.row_count, 1000);
  assert_int_equal(ice_column_i64(&got.columns[0], 0), 500);
  assert_int_equal(ice_column_i64(&got.columns[0], 999), 1499);
  assert_int_equal(ice_parquet_reader_select(reader, 3, 2, &err), ICE_INVALID_ARGUMENT);
  check(ice_parquet_reader_select(reader, 4, 0, &err), &err);
  check(ice_parquet_reader_read(reader, 1, &got, &n, &err), &err);
  assert_int_equal(n, 0);
  ice_batch_deinit(&got);
  ice_parquet_reader_close(reader);
}

// Reads everything; the status of the first failure.
static ice_status read_everything(ice_bytes *bytes, const ice_parquet_reader_options *options, ice_error *err) {
  ice_parquet_reader *reader = NULL;
  ice_status status = ice_parquet_reader_open(memory_input(bytes), options, &reader, err);
  if (status != ICE_OK) {
    assert_null(reader);
    return status;
  }
  ice_batch batch;
  check(ice_batch_init(&batch, ice_parquet_reader_projection(reader), NULL), err);
  size_t n = 1;
  while (status == ICE_OK && n > 0) {
    int64_t before = batch.row_count;
    status = ice_parquet_reader_read(reader, 400, &batch, &n, err);
    if (status != ICE_OK) {
      assert_int_equal(n, 0);
      assert_int_equal(batch.row_count, before);
      for (uint32_t c = 0; c < batch.column_count; c++) {
        assert_int_equal(batch.columns[c].length, before);
      }
      ice_error again = {0};
      assert_int_equal(ice_parquet_reader_read(reader, 400, &batch, &n, &again), ICE_INVALID_STATE);
    }
  }
  ice_batch_deinit(&batch);
  ice_parquet_reader_close(reader);
  return status;
}

static void test_parquet_reader__notices_every_damaged_page_by_its_crc(void **context) {
  (void)context;
  ice_parquet_reader *reader = open_file(&file);
  const ice_parquet_metadata *metadata = ice_parquet_reader_metadata(reader);
  const ice_parquet_layout *layout = metadata->layout;
  for (uint32_t i = 0; i < layout->leaf_count; i++) {
    const ice_parquet_column_metadata *column = &metadata->row_groups[1].columns[i];
    // The last byte of the chunk is in the body of its last page.
    int64_t start = column->dictionary_page_offset ? column->dictionary_page_offset : column->data_page_offset;
    size_t at = (size_t)(start + column->size - 1);
    file.data[at] ^= 0x10;
    ice_error err = {0};
    assert_int_equal(read_everything(&file, NULL, &err), ICE_CORRUPT);
    assert_non_null(strstr(err.message, "CRC"));
    char name[100];
    ice_parquet_leaf_name(&layout->leaves[i], name, sizeof name);
    assert_non_null(strstr(err.message, name));
    file.data[at] ^= 0x10;
  }
  ice_parquet_reader_close(reader);
  ice_error err = {0};
  check(read_everything(&file, NULL, &err), &err);
}

static void test_parquet_reader__rejects_what_is_no_parquet_file(void **context) {
  (void)context;
  ice_error err = {0};
  ice_bytes bytes;
  ice_bytes_init(&bytes, 1000);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_CORRUPT);
  check(ice_bytes_append(&bytes, "PAR1PAR1PAR1", 12, NULL), &err);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_CORRUPT);
  assert_string_equal(err.message, "Parquet footer of 827474256 bytes in a file of 12");
  memcpy(bytes.data + 4, "\0\0\0\0", 4);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_CORRUPT);
  memcpy(bytes.data + 8, "PARE", 4);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_UNSUPPORTED);
  ice_bytes_deinit(&bytes);
}

static void test_parquet_reader__keeps_its_limits(void **context) {
  (void)context;
  ice_error err = {0};
  ice_parquet_reader_options options = ice_parquet_reader_options_default();
  options.footer_size_max = 100;
  assert_int_equal(read_everything(&file, &options, &err), ICE_LIMIT);
  options = ice_parquet_reader_options_default();
  options.metadata_memory_max = 5000;
  assert_int_equal(read_everything(&file, &options, &err), ICE_LIMIT);
  options = ice_parquet_reader_options_default();
  options.page_size_max = 200;
  assert_int_equal(read_everything(&file, &options, &err), ICE_LIMIT);
  assert_non_null(strstr(err.message, "column \"id\": page of "));
  options = ice_parquet_reader_options_default();
  options.slots_max = 450;
  // 400 rows of lists are more than 450 values.
  assert_int_equal(read_everything(&file, &options, &err), ICE_LIMIT);
  assert_non_null(strstr(err.message, "\"li.list.element\": rows of more than 450 values"));
}

static void load_file(const char *name, ice_bytes *out) {
  char path[500];
  snprintf(path, sizeof path, "%s/tests/unit/parquet/data/%s", ICESINK_SOURCE_DIR, name);
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  ice_bytes_init(out, 1 << 24);
  assert_int_equal(ice_bytes_reserve(out, 1 << 20, NULL), ICE_OK);
  out->size = fread(out->data, 1, 1 << 20, in);
  fclose(in);
}

// The rows of data/make_foreign.py.
static void check_foreign(const char *name) {
  ice_error err = {0};
  ice_bytes bytes;
  load_file(name, &bytes);
  ice_parquet_reader *reader = open_file(&bytes);
  ice_batch batch;
  check(ice_batch_init(&batch, ice_parquet_reader_projection(reader), &err), &err);
  size_t n = 1;
  while (n > 0) {
    check(ice_parquet_reader_read(reader, 7, &batch, &n, &err), &err);
  }
  assert_int_equal(batch.row_count, 50);
  const ice_column *c = batch.columns;
  for (int64_t i = 0; i < 50; i++) {
    assert_int_equal(ice_column_i64(&c[0], i), i * i);
    assert_int_equal(ice_column_is_null(&c[1], i), i % 9 == 0);
    assert_true(i % 9 == 0 || ice_column_boolean(&c[1], i) == (i % 3 == 0));
    assert_int_equal(ice_column_is_null(&c[2], i), i % 4 == 0);
    assert_true(i % 4 == 0 || ice_column_i32(&c[2], i) == i - 25);
    assert_true(ice_column_f32(&c[3], i) == (float)i / 4);
    assert_int_equal(ice_load_u64le(ice_column_fixed(&c[4], i)), i * 101 - 2000);
    assert_int_equal(ice_column_fixed(&c[4], i)[15], i * 101 < 2000 ? 0xff : 0);
    assert_int_equal(ice_column_i64(&c[5], i), -1000000 + i * 250000);
    assert_int_equal(ice_column_i64(&c[6], i), (i % 60) * 1000000 + 5000);
    assert_int_equal(ice_column_is_null(&c[7], i), i % 5 == 0);
    char text[20];
    snprintf(text, sizeof text, "word-%d", (int)i % 3);
    assert_true(i % 5 == 0 || ice_str_equal_c(ice_column_text(&c[7], i), text));
    assert_int_equal(ice_column_is_null(&c[8], i), i % 6 == 0);
    int32_t from = ice_column_offset(&c[8], i);
    int32_t size = ice_column_offset(&c[8], i + 1) - from;
    assert_int_equal(size, i % 6 == 0 ? 0 : i % 4);
    for (int32_t k = 0; k < size; k++) {
      snprintf(text, sizeof text, "t%d", k);
      assert_int_equal(ice_column_is_null(&c[8].children[0], from + k), k % 2 == 0);
      assert_true(k % 2 == 0 || ice_str_equal_c(ice_column_text(&c[8].children[0], from + k), text));
    }
    from = ice_column_offset(&c[9], i);
    assert_int_equal(ice_column_offset(&c[9], i + 1) - from, i % 3);
    for (int32_t k = 0; k < i % 3; k++) {
      assert_int_equal(ice_column_i32(&c[9].children[1], from + k), k);
    }
  }
  ice_batch_deinit(&batch);
  ice_parquet_reader_close(reader);
  ice_bytes_deinit(&bytes);
}

static void test_parquet_reader__reads_files_of_other_writers(void **context) {
  (void)context;
  check_foreign("foreign_v2_zstd.parquet");
  check_foreign("foreign_v2_gzip.parquet");
  check_foreign("foreign_v1_dictionary.parquet");
  check_foreign("foreign_v1_plain.parquet");
}

static void test_parquet_reader__names_encodings_and_codecs_it_does_not_read(void **context) {
  (void)context;
  ice_error err = {0};
  ice_bytes bytes;
  load_file("foreign_delta.parquet", &bytes);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_UNSUPPORTED);
  assert_string_equal(err.message, "Parquet column \"id\": encoding DELTA_BINARY_PACKED (5)");
  ice_bytes_deinit(&bytes);
  load_file("foreign_brotli.parquet", &bytes);
  assert_int_equal(read_everything(&bytes, NULL, &err), ICE_UNSUPPORTED);
  assert_string_equal(err.message, "Parquet column \"id\": compression BROTLI (4)");
  ice_bytes_deinit(&bytes);
}

// Any damage gives a status, and never more than the limits allow.
static void test_parquet_reader__survives_damage_anywhere(void **context) {
  (void)context;
  ice_bytes bytes;
  load_file("foreign_v2_zstd.parquet", &bytes);
  ice_parquet_reader_options options = {
      .footer_size_max = 1 << 20, .metadata_memory_max = 4 << 20, .page_size_max = 1 << 20, .slots_max = 1 << 16};
  uint32_t state = 1;
  int failures = 0;
  for (int i = 0; i < 3000; i++) {
    state = state * 1664525u + 1013904223u;
    size_t at = (state >> 4) % bytes.size;
    uint8_t kept = bytes.data[at];
    bytes.data[at] = (uint8_t)(state >> 24);
    ice_error err = {0};
    ice_status status = read_everything(&bytes, &options, &err);
    assert_true(status == ICE_OK || status == ICE_CORRUPT || status == ICE_UNSUPPORTED || status == ICE_LIMIT);
    assert_int_equal(status, err.status);
    failures += status != ICE_OK;
    bytes.data[at] = kept;
  }
  assert_true(failures > 500);
  ice_bytes_deinit(&bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_reader__shows_schema_groups_and_statistics),
      cmocka_unit_test(test_parquet_reader__reads_a_projection_in_the_order_asked_for),
      cmocka_unit_test(test_parquet_reader__refuses_projections_that_are_not_there),
      cmocka_unit_test(test_parquet_reader__reads_chosen_row_groups),
      cmocka_unit_test(test_parquet_reader__notices_every_damaged_page_by_its_crc),
      cmocka_unit_test(test_parquet_reader__rejects_what_is_no_parquet_file),
      cmocka_unit_test(test_parquet_reader__keeps_its_limits),
      cmocka_unit_test(test_parquet_reader__reads_files_of_other_writers),
      cmocka_unit_test(test_parquet_reader__names_encodings_and_codecs_it_does_not_read),
      cmocka_unit_test(test_parquet_reader__survives_damage_anywhere),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
