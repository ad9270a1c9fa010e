#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet_memory.h"
#include "parquet_rows.h"
#include <stdlib.h>

static ice_schema *schema;
static ice_parquet_scratch *scratch;

static int setup(void **context) {
  (void)context;
  return rows_schema(&schema, NULL) == ICE_OK && ice_parquet_scratch_create(&scratch, NULL) == ICE_OK ? 0 : 1;
}

static int teardown(void **context) {
  (void)context;
  ice_parquet_scratch_destroy(scratch);
  ice_schema_unref(schema);
  return 0;
}

static void check(ice_status status, const ice_error *err) {
  if (status != ICE_OK) {
    fail_msg("%s: %s", ice_status_name(status), err->message);
  }
}

static void fill(ice_batch *batch, uint64_t seed, uint64_t from, uint64_t to) {
  ice_error err = {0};
  check(ice_batch_init(batch, schema, &err), &err);
  for (uint64_t row = from; row < to; row++) {
    check(rows_append(batch, seed, row, &err), &err);
  }
}

// Writes rows [0, count) in batches of `step`; `spill_every` batches the pages are spilled (0: never).
static void write_rows(const ice_parquet_writer_options *options, uint64_t seed, uint64_t count, uint64_t step,
                       unsigned spill_every, ice_bytes *out, ice_parquet_file *file) {
  ice_error err = {0};
  ice_parquet_writer *writer = NULL;
  check(ice_parquet_writer_create(schema, options, memory_output(out), scratch, &writer, &err), &err);
  unsigned batches = 0;
  for (uint64_t row = 0; row < count; row += step) {
    ice_batch batch;
    fill(&batch, seed, row, row + step < count ? row + step : count);
    check(ice_parquet_writer_append(writer, &batch, NULL, (size_t)batch.row_count, &err), &err);
    if (spill_every != 0 && ++batches % spill_every == 0) {
      check(ice_parquet_writer_spill(writer, &err), &err);
    }
    ice_batch_deinit(&batch);
  }
  check(ice_parquet_writer_finish(writer, file, &err), &err);
  assert_int_equal(file->row_count, count);
  assert_int_equal(file->file_size, out->size);
  ice_parquet_writer_destroy(writer);
}

// Reads all of it in steps and compares with what was written.
static void read_rows(ice_bytes *bytes, uint64_t seed, uint64_t count, size_t step) {
  ice_error err = {0};
  ice_parquet_reader *reader = NULL;
  ice_batch got;
  ice_batch wanted;
  check(ice_parquet_reader_open(memory_input(bytes), NULL, &reader, &err), &err);
  assert_true(ice_type_equal(&ice_parquet_reader_schema(reader)->root, &schema->root));
  check(ice_batch_init(&got, ice_parquet_reader_projection(reader), &err), &err);
  uint64_t row = 0;
  for (;;) {
    size_t n = 0;
    ice_batch_clear(&got);
    check(ice_parquet_reader_read(reader, step, &got, &n, &err), &err);
    if (n == 0) {
      break;
    }
    assert_int_equal(got.row_count, n);
    fill(&wanted, seed, row, row + n);
    for (uint32_t c = 0; c < got.column_count; c++) {
      assert_int_equal(got.columns[c].length, n);
      assert_int_equal(got.columns[c].null_count, wanted.columns[c].null_count);
      for (size_t i = 0; i < n; i++) {
        if (!ice_column_equal(&got.columns[c], (int64_t)i, &wanted.columns[c], (int64_t)i)) {
          fail_msg("row %llu, column %s", (unsigned long long)(row + i), rows_columns[c].name);
        }
      }
    }
    ice_batch_deinit(&wanted);
    row += n;
  }
  assert_int_equal(row, count);
  ice_batch_deinit(&got);
  ice_parquet_reader_close(reader);
}

static void round_trip(const ice_parquet_writer_options *options, uint64_t count, uint64_t step, size_t read_step) {
  ice_bytes bytes;
  ice_parquet_file file;
  write_rows(options, count + 11, count, step, 0, &bytes, &file);
  read_rows(&bytes, count + 11, count, read_step);
  ice_parquet_file_deinit(&file);
  ice_bytes_deinit(&bytes);
}

static void test_parquet_writer__round_trips_every_kind_and_nesting(void **context) {
  (void)context;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  round_trip(&options, 0, 1, 10);
  round_trip(&options, 1, 1, 10);
  round_trip(&options, 3000, 1000, 1000);
  round_trip(&options, 3000, 7, 501);
}

static void test_parquet_writer__round_trips_every_codec(void **context) {
  (void)context;
  static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_SNAPPY, ICE_CODEC_ZSTD, ICE_CODEC_LZ4_RAW,
                                     ICE_CODEC_GZIP};
  for (size_t i = 0; i < ICE_COUNT_OF(codecs); i++) {
    ice_parquet_writer_options options = ice_parquet_writer_options_default();
    options.codec = codecs[i];
    round_trip(&options, 800, 333, 800);
  }
}

static void test_parquet_writer__round_trips_many_pages_and_row_groups(void **context) {
  (void)context;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_size = 700;
  options.row_group_size = 60000;
  round_trip(&options, 5000, 600, 999);
  options.page_row_max = 13;
  options.page_size = 1 << 20;
  round_trip(&options, 1500, 1500, 64);
  options.dictionary_size_max = 0;
  round_trip(&options, 1500, 1500, 64);
  options.dictionary_size_max = 300;
  options.page_row_max = 400;
  round_trip(&options, 3000, 100, 64);
}

static void test_parquet_writer__gives_the_same_bytes_twice(void **context) {
  (void)context;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_size = 2000;
  options.row_group_size = 100000;
  ice_bytes bytes[2];
  for (int i = 0; i < 2; i++) {
    ice_parquet_file file;
    write_rows(&options, 3, 4000, 500, 0, &bytes[i], &file);
    ice_parquet_file_deinit(&file);
  }
  assert_int_equal(bytes[0].size, bytes[1].size);
  assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
  ice_bytes_deinit(&bytes[0]);
  ice_bytes_deinit(&bytes[1]);
}

static void test_parquet_writer__spilling_changes_no_byte(void **context) {
  (void)context;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  ice_bytes spilled;
  ice_parquet_spill spill = memory_spill(&spilled);
  options.page_size = 2000;
  options.row_group_size = 200000;
  options.spill = &spill;
  ice_bytes bytes[2];
  for (unsigned i = 0; i < 2; i++) {
    ice_parquet_file file;
    write_rows(&options, 3, 4000, 300, i, &bytes[i], &file);
    ice_parquet_file_deinit(&file);
  }
  assert_true(spilled.size > bytes[0].size / 2);
  assert_int_equal(bytes[0].size, bytes[1].size);
  assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
  ice_bytes_deinit(&bytes[0]);
  ice_bytes_deinit(&bytes[1]);
  ice_bytes_deinit(&spilled);
}

// Appends and compacts in small steps; returns the most that the writer held. Without a target nothing is spilled.
static size_t write_compacted(uint64_t row_group_size, uint64_t count, const ice_parquet_spill *spill, ice_bytes *out,
                              ice_parquet_file *file) {
  enum { STEP = 30 };
  ice_error err = {0};
  size_t largest = 0;
  ice_parquet_writer *writer = NULL;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.row_group_size = row_group_size;
  options.spill = spill;
  check(ice_parquet_writer_create(schema, &options, memory_output(out), scratch, &writer, &err), &err);
  for (uint64_t row = 0; row < count; row += STEP) {
    ice_batch batch;
    fill(&batch, 3, row, row + STEP);
    check(ice_parquet_writer_append(writer, &batch, NULL, STEP, &err), &err);
    check(ice_parquet_writer_compact(writer, &err), &err);
    size_t memory = ice_parquet_writer_memory(writer);
    largest = memory > largest ? memory : largest;
    ice_batch_deinit(&batch);
  }
  check(ice_parquet_writer_finish(writer, file, &err), &err);
  assert_int_equal(file->row_count, count);
  ice_parquet_writer_destroy(writer);
  return largest;
}

// Every page has an entry in a list, and what is compacted often has many pages: the lists are spilled as well.
static void test_parquet_writer__compacting_leaves_little_however_often(void **context) {
  (void)context;
  enum { ROWS = 12000 };
  static const uint64_t row_group_sizes[] = {128 << 20, 1200000};
  for (size_t i = 0; i < ICE_COUNT_OF(row_group_sizes); i++) {
    ice_bytes spilled;
    ice_parquet_spill spill = memory_spill(&spilled);
    ice_bytes bytes[2];
    ice_parquet_file file;
    write_compacted(row_group_sizes[i], ROWS, NULL, &bytes[0], &file);
    ice_parquet_file_deinit(&file);
    size_t held = write_compacted(row_group_sizes[i], ROWS, &spill, &bytes[1], &file);
    assert_int_equal(file.split_offset_count > 1, i > 0);
    if (i == 0 && held > 100000) {
      fail_msg("%zu bytes are held after compacting", held);
    }
    read_rows(&bytes[1], 3, ROWS, 500);
    assert_int_equal(bytes[0].size, bytes[1].size);
    assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
    ice_parquet_file_deinit(&file);
    ice_bytes_deinit(&bytes[0]);
    ice_bytes_deinit(&bytes[1]);
    ice_bytes_deinit(&spilled);
  }
}

static void test_parquet_writer__counts_its_memory_and_gives_it_back(void **context) {
  (void)context;
  ice_error err = {0};
  ice_budget budget;
  ice_budget_init(&budget, 1 << 30);
  ice_bytes out;
  ice_bytes spilled;
  ice_batch batch;
  ice_parquet_spill spill = memory_spill(&spilled);
  ice_parquet_writer *writer = NULL;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_size = 4000;
  options.budget = &budget;
  options.spill = &spill;
  check(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err), &err);
  size_t empty = ice_parquet_writer_memory(writer);
  assert_true(empty < 40000);
  fill(&batch, 1, 0, 3000);
  check(ice_parquet_writer_append(writer, &batch, NULL, 3000, &err), &err);
  size_t full = ice_parquet_writer_memory(writer);
  assert_int_equal(ice_budget_used(&budget), full);
  assert_true(full > 200000);
  assert_int_equal(ice_parquet_writer_row_count(writer), 3000);
  uint64_t size = ice_parquet_writer_size(writer);
  check(ice_parquet_writer_spill(writer, &err), &err);
  assert_int_equal(ice_budget_used(&budget), ice_parquet_writer_memory(writer));
  assert_true(ice_parquet_writer_memory(writer) < full - spilled.size / 2);
  assert_int_equal(ice_parquet_writer_size(writer), size);
  ice_parquet_file file;
  check(ice_parquet_writer_finish(writer, &file, &err), &err);
  // The estimate is of the size that came out, without the footer.
  assert_true(size > out.size / 2 && size < out.size + out.size / 2);
  ice_parquet_writer_destroy(writer);
  assert_int_equal(ice_budget_used(&budget), 0);
  ice_parquet_file_deinit(&file);
  ice_batch_deinit(&batch);
  ice_bytes_deinit(&out);
  ice_bytes_deinit(&spilled);
}

static void test_parquet_writer__pages_close_early_on_demand(void **context) {
  (void)context;
  ice_error err = {0};
  ice_bytes out;
  ice_batch batch;
  ice_parquet_writer *writer = NULL;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  check(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err), &err);
  fill(&batch, 1, 0, 100);
  for (int i = 0; i < 20; i++) {
    check(ice_parquet_writer_append(writer, &batch, NULL, 100, &err), &err);
  }
  // The open page of 2,000 rows closes with the next ones; pages of about 500 follow.
  ice_parquet_writer_set_page_size(writer, 1000);
  for (int i = 0; i < 20; i++) {
    check(ice_parquet_writer_append(writer, &batch, NULL, 100, &err), &err);
  }
  ice_parquet_file file;
  check(ice_parquet_writer_finish(writer, &file, &err), &err);
  ice_parquet_reader *reader = NULL;
  check(ice_parquet_reader_open(memory_input(&out), NULL, &reader, &err), &err);
  const ice_parquet_column_metadata *column = &ice_parquet_reader_metadata(reader)->row_groups[0].columns[0];
  int32_t pages = 0;
  for (uint32_t i = 0; i < column->encoding_stats_count; i++) {
    pages += column->encoding_stats[i].page_type == ICE_PARQUET_DATA_PAGE ? column->encoding_stats[i].count : 0;
  }
  assert_int_equal(pages, 5);
  ice_parquet_reader_close(reader);
  ice_parquet_writer_destroy(writer);
  ice_parquet_file_deinit(&file);
  ice_batch_deinit(&batch);
  ice_bytes_deinit(&out);
}

// A selection is the same as a batch of the selected rows alone.
static void test_parquet_writer__writes_selected_rows(void **context) {
  (void)context;
  ice_error err = {0};
  enum { ROWS = 2500 };
  ice_batch batch;
  fill(&batch, 5, 0, ROWS);
  uint32_t rows[ROWS];
  for (int kind = 0; kind < 3; kind++) {
    size_t count = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
      bool chosen = kind == 0 ? row % 3 == 1 : kind == 1 ? row >= 700 && row < 1900 : row % 64 < 40;
      if (chosen) {
        rows[count++] = row;
      }
    }
    ice_bytes bytes[2];
    for (int way = 0; way < 2; way++) {
      ice_parquet_writer_options options = ice_parquet_writer_options_default();
      options.page_size = 3000;
      ice_parquet_writer *writer = NULL;
      ice_parquet_file file;
      ice_batch copy;
      check(ice_parquet_writer_create(schema, &options, memory_output(&bytes[way]), scratch, &writer, &err), &err);
      check(ice_batch_init(&copy, schema, &err), &err);
      for (uint32_t c = 0; c < batch.column_count; c++) {
        check(ice_column_append_rows(&copy.columns[c], &batch.columns[c], rows, count, &err), &err);
      }
      copy.row_count = (int64_t)count;
      check(way == 0 ? ice_parquet_writer_append(writer, &batch, rows, count, &err)
                     : ice_parquet_writer_append(writer, &copy, NULL, count, &err),
            &err);
      check(ice_parquet_writer_finish(writer, &file, &err), &err);
      assert_int_equal(file.row_count, count);
      ice_parquet_file_deinit(&file);
      ice_parquet_writer_destroy(writer);
      ice_batch_deinit(&copy);
    }
    assert_int_equal(bytes[0].size, bytes[1].size);
    assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
    ice_bytes_deinit(&bytes[0]);
    ice_bytes_deinit(&bytes[1]);
  }
  ice_batch_deinit(&batch);
}

static void test_parquet_writer__shares_of_a_batch_are_as_if_appended_alone(void **context) {
  (void)context;
  enum { ROWS = 9000, FILES = 3 };
  static uint32_t rows[FILES][ROWS];
  size_t counts[FILES] = {0};
  ice_error err = {0};
  ice_batch batch;
  fill(&batch, 9, 0, ROWS);
  for (uint32_t row = 0; row < ROWS; row++) {
    // One share is larger than a block, one has a run of its own, one is small.
    uint32_t file = row % 8 == 3 ? 2 : row > 2000 && row < 2500 ? 1 : 0;
    rows[file][counts[file]++] = row;
  }
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.row_group_size = 100000;
  options.page_size = 3000;
  ice_bytes bytes[2][FILES];
  for (int way = 0; way < 2; way++) {
    ice_parquet_share shares[FILES];
    for (uint32_t i = 0; i < FILES; i++) {
      shares[i] = (ice_parquet_share){.rows = rows[i], .row_count = counts[i]};
      check(ice_parquet_writer_create(schema, &options, memory_output(&bytes[way][i]), scratch, &shares[i].writer,
                                      &err),
            &err);
      if (way == 0) {
        check(ice_parquet_writer_append(shares[i].writer, &batch, rows[i], counts[i], &err), &err);
      }
    }
    uint32_t failed;
    if (way == 1) {
      check(ice_parquet_writer_append_shares(&batch, shares, FILES, &failed, &err), &err);
    }
    for (uint32_t i = 0; i < FILES; i++) {
      ice_parquet_file file;
      check(ice_parquet_writer_finish(shares[i].writer, &file, &err), &err);
      assert_int_equal(file.row_count, counts[i]);
      ice_parquet_file_deinit(&file);
      ice_parquet_writer_destroy(shares[i].writer);
    }
  }
  for (uint32_t i = 0; i < FILES; i++) {
    assert_int_equal(bytes[0][i].size, bytes[1][i].size);
    assert_memory_equal(bytes[0][i].data, bytes[1][i].data, bytes[0][i].size);
    ice_bytes_deinit(&bytes[0][i]);
    ice_bytes_deinit(&bytes[1][i]);
  }
  ice_batch_deinit(&batch);
}

static void test_parquet_writer__says_which_share_failed(void **context) {
  (void)context;
  ice_error err = {0};
  ice_batch batch;
  ice_bytes bytes[2];
  ice_parquet_share shares[2];
  static const uint32_t rows[2][1] = {{0}, {7}};
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  fill(&batch, 9, 0, 5);
  for (uint32_t i = 0; i < 2; i++) {
    shares[i] = (ice_parquet_share){.rows = rows[i], .row_count = 1};
    check(ice_parquet_writer_create(schema, &options, memory_output(&bytes[i]), scratch, &shares[i].writer, &err),
          &err);
  }
  uint32_t failed = 0;
  assert_int_equal(ice_parquet_writer_append_shares(&batch, shares, 2, &failed, &err), ICE_INVALID_ARGUMENT);
  assert_int_equal(failed, 1);
  assert_string_equal(err.message, "row 7 of a batch of 5");
  for (uint32_t i = 0; i < 2; i++) {
    ice_parquet_writer_destroy(shares[i].writer);
    ice_bytes_deinit(&bytes[i]);
  }
  ice_batch_deinit(&batch);
}

static const ice_parquet_file_column *column_of(const ice_parquet_file *file, int32_t id) {
  for (uint32_t i = 0; i < file->column_count; i++) {
    if (file->columns[i].field_id == id) {
      return &file->columns[i];
    }
  }
  fail_msg("no column %d", (int)id);
  return NULL;
}

static void test_parquet_writer__reports_counts_bounds_and_splits(void **context) {
  (void)context;
  enum { ROWS = 4000 };
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_size = 5000;
  options.row_group_size = 150000;
  ice_bytes bytes;
  ice_parquet_file file;
  write_rows(&options, 21, ROWS, 500, 0, &bytes, &file);
  assert_true(file.split_offset_count > 2);
  assert_int_equal(file.split_offsets[0], 4);
  for (uint32_t i = 1; i < file.split_offset_count; i++) {
    assert_true(file.split_offsets[i] > file.split_offsets[i - 1]);
  }
  assert_true(file.split_offsets[file.split_offset_count - 1] < file.file_size);

  ice_batch batch;
  fill(&batch, 21, 0, ROWS);
  int64_t nulls = 0;
  int64_t nans = 0;
  double low = INFINITY;
  double high = -INFINITY;
  for (int64_t i = 0; i < ROWS; i++) {
    double value = ice_column_f64(&batch.columns[5], i);
    bool null = ice_column_is_null(&batch.columns[5], i);
    nulls += null;
    nans += !null && isnan(value);
    low = !null && value < low ? value : low;
    high = !null && value > high ? value : high;
  }
  const ice_parquet_file_column *d = column_of(&file, 6);
  assert_int_equal(d->value_count, ROWS);
  assert_int_equal(d->null_count, nulls);
  assert_int_equal(d->nan_count, nans);
  assert_true(d->has_nan_count && nans > 0);
  assert_memory_equal(d->min.data, &low, 8);
  assert_memory_equal(d->max.data, &high, 8);
  assert_int_equal(d->min.size, 8);

  const ice_parquet_file_column *id = column_of(&file, 1);
  assert_int_equal(ice_load_u64le(id->min.data), 0);
  assert_int_equal(ice_load_u64le(id->max.data), ROWS - 1);
  assert_int_equal(column_of(&file, 7)->min.size, 16);
  assert_int_equal((int8_t)column_of(&file, 7)->min.data[15], -1);
  assert_int_equal(column_of(&file, 9)->min.size, 16);
  assert_int_equal(column_of(&file, 2)->max.size, 1);
  assert_int_equal(column_of(&file, 2)->max.data[0], 1);
  assert_string_equal(column_of(&file, 14)->min.data, "");
  // Nothing under a list or map has bounds; counts are there.
  const ice_parquet_file_column *element = column_of(&file, 25);
  assert_false(element->single);
  assert_false(element->has_bounds);
  assert_true(element->value_count > ROWS);
  assert_true(column_of(&file, 20)->has_bounds);
  int64_t size = 0;
  for (uint32_t i = 0; i < file.column_count; i++) {
    assert_true(file.columns[i].size > 0);
    size += file.columns[i].size;
  }
  assert_true(size < file.file_size);
  ice_batch_deinit(&batch);
  ice_parquet_file_deinit(&file);
  ice_bytes_deinit(&bytes);
}

static void test_parquet_writer__refuses_what_does_not_fit(void **context) {
  (void)context;
  ice_error err = {0};
  ice_bytes out;
  ice_parquet_writer *writer = NULL;
  ice_parquet_file file;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.codec = ICE_CODEC_LZ4_FRAME;
  assert_int_equal(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err),
                   ICE_UNSUPPORTED);
  assert_null(writer);
  options = ice_parquet_writer_options_default();
  options.page_size = 0;
  assert_int_equal(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err),
                   ICE_INVALID_ARGUMENT);
  options = ice_parquet_writer_options_default();
  options.bloom_ids = &(int32_t){4711};
  options.bloom_id_count = 1;
  assert_int_equal(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err),
                   ICE_INVALID_ARGUMENT);
  assert_string_equal(err.message, "no column with id 4711 for a Bloom filter");

  options = ice_parquet_writer_options_default();
  ice_batch batch;
  fill(&batch, 1, 0, 5);
  check(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err), &err);
  uint32_t beyond = 5;
  assert_int_equal(ice_parquet_writer_append(writer, &batch, &beyond, 1, &err), ICE_INVALID_ARGUMENT);
  // After a failure only destroy is allowed.
  assert_int_equal(ice_parquet_writer_append(writer, &batch, NULL, 5, &err), ICE_INVALID_STATE);
  assert_int_equal(ice_parquet_writer_finish(writer, &file, &err), ICE_INVALID_STATE);
  ice_parquet_writer_destroy(writer);
  check(ice_parquet_writer_create(schema, &options, memory_output(&out), scratch, &writer, &err), &err);
  assert_int_equal(ice_parquet_writer_append(writer, &batch, NULL, 4, &err), ICE_INVALID_ARGUMENT);
  ice_parquet_writer_destroy(writer);
  ice_batch_deinit(&batch);

  ice_schema *other = NULL;
  check(ice_schema_create(&other, &err), &err);
  other->root.kind = ICE_KIND_STRUCT;
  assert_int_equal(ice_parquet_writer_create(other, &options, memory_output(&out), scratch, &writer, &err),
                   ICE_UNSUPPORTED);
  ice_schema_unref(other);
  ice_bytes_deinit(&out);
}

static void test_parquet_writer__refuses_null_in_a_required_field(void **context) {
  (void)context;
  ice_error err = {0};
  ice_schema *one = NULL;
  ice_batch batch;
  ice_bytes out;
  ice_parquet_writer *writer = NULL;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  check(ice_schema_create(&one, &err), &err);
  one->root.kind = ICE_KIND_STRUCT;
  check(ice_type_set_fields(one, &one->root, 1, &err), &err);
  one->root.fields[0] = (ice_field){.name = ICE_STR("must"), .id = 1, .required = true};
  one->root.fields[0].type.kind = ICE_KIND_INT;
  check(ice_batch_init(&batch, one, &err), &err);
  check(ice_column_append_i32(&batch.columns[0], 1, &err), &err);
  check(ice_batch_end_row(&batch, &err), &err);
  check(ice_column_append_null(&batch.columns[0], &err), &err);
  check(ice_batch_end_row(&batch, &err), &err);
  check(ice_parquet_writer_create(one, &options, memory_output(&out), scratch, &writer, &err), &err);
  check(ice_parquet_writer_append(writer, &batch, &(uint32_t){0}, 1, &err), &err);
  assert_int_equal(ice_parquet_writer_append(writer, &batch, NULL, 2, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "must"));
  ice_parquet_writer_destroy(writer);
  ice_batch_deinit(&batch);
  ice_schema_unref(one);
  ice_bytes_deinit(&out);
}

static ice_status failing_write(void *context, const void *data, size_t size, ice_error *err) {
  (void)data;
  (void)size;
  int *left = context;
  return (*left)-- > 0 ? ICE_OK : ice_error_set(err, ICE_IO, "disk full");
}

static void test_parquet_writer__passes_errors_of_the_output_on(void **context) {
  (void)context;
  ice_batch batch;
  fill(&batch, 1, 0, 300);
  for (int writes = 0;; writes++) {
    ice_error err = {0};
    int left = writes;
    ice_parquet_writer *writer = NULL;
    ice_parquet_file file;
    ice_parquet_writer_options options = ice_parquet_writer_options_default();
    ice_parquet_output output = {.context = &left, .write = failing_write};
    check(ice_parquet_writer_create(schema, &options, output, scratch, &writer, &err), &err);
    check(ice_parquet_writer_append(writer, &batch, NULL, 300, &err), &err);
    ice_status status = ice_parquet_writer_finish(writer, &file, &err);
    ice_parquet_writer_destroy(writer);
    if (status == ICE_OK) {
      assert_true(writes > 20);
      ice_parquet_file_deinit(&file);
      break;
    }
    assert_int_equal(status, ICE_IO);
    assert_string_equal(err.message, "disk full");
    assert_null(file.columns);
  }
  ice_batch_deinit(&batch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_writer__round_trips_every_kind_and_nesting),
      cmocka_unit_test(test_parquet_writer__round_trips_every_codec),
      cmocka_unit_test(test_parquet_writer__round_trips_many_pages_and_row_groups),
      cmocka_unit_test(test_parquet_writer__gives_the_same_bytes_twice),
      cmocka_unit_test(test_parquet_writer__spilling_changes_no_byte),
      cmocka_unit_test(test_parquet_writer__compacting_leaves_little_however_often),
      cmocka_unit_test(test_parquet_writer__counts_its_memory_and_gives_it_back),
      cmocka_unit_test(test_parquet_writer__pages_close_early_on_demand),
      cmocka_unit_test(test_parquet_writer__writes_selected_rows),
      cmocka_unit_test(test_parquet_writer__shares_of_a_batch_are_as_if_appended_alone),
      cmocka_unit_test(test_parquet_writer__says_which_share_failed),
      cmocka_unit_test(test_parquet_writer__reports_counts_bounds_and_splits),
      cmocka_unit_test(test_parquet_writer__refuses_what_does_not_fit),
      cmocka_unit_test(test_parquet_writer__refuses_null_in_a_required_field),
      cmocka_unit_test(test_parquet_writer__passes_errors_of_the_output_on),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
