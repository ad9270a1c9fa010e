#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "codec/checksum.h"
#include "scratch_directory.h"
#include "source/segment.h"

static scratch directory;
static ice_compressor *compressor;

static int setup(void **state) {
  (void)state;
  char partition[SCRATCH_PATH];
  scratch_create(&directory);
  scratch_path(&directory, "t-0", partition);
  return mkdir(partition, 0755) != 0 || ice_compressor_create(&compressor, NULL) != ICE_OK;
}

static int teardown(void **state) {
  (void)state;
  ice_compressor_destroy(compressor);
  scratch_remove(&directory);
  return 0;
}

static void segment_path(int64_t base, char out[SCRATCH_PATH]) {
  snprintf(out, SCRATCH_PATH, "%s/t-0/%020lld.log", directory.path, (long long)base);
}

// Appends the first `size` bytes (0: all) of a batch of offsets [from, to) to the segment of base offset `segment`.
static void append(int64_t segment, int64_t from, int64_t to, size_t size) {
  ice_record_batch_builder builder;
  ice_bytes out;
  char path[SCRATCH_PATH];
  ice_bytes_init(&out, 1 << 20);
  ice_record_batch_builder_init(&builder);
  for (int64_t i = from; i < to; i++) {
    char text[32];
    int length = snprintf(text, sizeof text, "%lld", (long long)i);
    assert_int_equal(
        ice_record_batch_builder_add(&builder, i, (ice_str){0}, ice_str_make(text, (size_t)length), NULL), ICE_OK);
  }
  assert_int_equal(ice_record_batch_builder_finish(&builder, compressor, ICE_CODEC_NONE, from, &out, NULL), ICE_OK);
  segment_path(segment, path);
  FILE *file = fopen(path, "ab");
  assert_non_null(file);
  fwrite(out.data, 1, size ? size : out.size, file);
  fclose(file);
  ice_record_batch_builder_deinit(&builder);
  ice_bytes_deinit(&out);
}

static ice_source *open_source(void) {
  ice_source *source = NULL;
  ice_error err = {0};
  const ice_segment_options options = {.root = directory.path, .topic = ICE_STR("t")};
  if (ice_segment_source_open(ice_port_system(), &options, &source, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return source;
}

typedef struct got {
  int64_t records;
  int64_t first;
  int64_t last;
  int64_t from;
  int64_t to;
} got;

// Polls until nothing more comes; every value must be the text of its offset, and the ranges must join.
static ice_status drain(ice_source *source, got *out, ice_error *err) {
  ice_chunk chunk;
  ice_chunk_init(&chunk);
  *out = (got){.first = -1, .last = -1, .from = -1, .to = -1};
  ice_status status = ICE_OK;
  for (int polls = 0; status == ICE_OK; polls++) {
    assert_true(polls < 1000);
    ice_chunk_clear(&chunk);
    status = ice_source_poll(source, &chunk, 0, err);
    if (status != ICE_OK || chunk.range_count == 0) {
      break;
    }
    for (size_t i = 0; i < chunk.record_count; i++) {
      char text[32];
      snprintf(text, sizeof text, "%lld", (long long)chunk.records[i].offset);
      assert_true(ice_str_equal_c(ice_record_value(&chunk, &chunk.records[i]), text));
      assert_true(chunk.records[i].offset > out->last);
      out->first = out->first < 0 ? chunk.records[i].offset : out->first;
      out->last = chunk.records[i].offset;
    }
    out->records += (int64_t)chunk.record_count;
    assert_true(out->to < 0 || chunk.ranges[0].from == out->to);
    out->from = out->from < 0 ? chunk.ranges[0].from : out->from;
    out->to = chunk.ranges[0].to;
  }
  ice_chunk_deinit(&chunk);
  return status;
}

static void expect(ice_source *source, int64_t seek, int64_t from, int64_t to, int64_t records) {
  got all;
  ice_error err = {0};
  if (seek >= 0) {
    assert_int_equal(ice_source_seek(source, 0, seek, NULL), ICE_OK);
  }
  if (drain(source, &all, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_int_equal(all.from, from);
  assert_int_equal(all.to, to);
  assert_int_equal(all.records, records);
}

static void test_segment__several_files_are_one_log(void **state) {
  (void)state;
  append(0, 0, 10, 0);
  append(0, 10, 20, 0);
  append(20, 20, 30, 0);
  append(30, 30, 31, 0);
  ice_source *source = open_source();
  assert_int_equal(source->partition_count, 1);
  assert_int_equal(source->partitions[0].log_start, 0);
  assert_int_equal(source->partitions[0].log_end, 31);
  expect(source, 0, 0, 31, 31);
  // Into a batch, at a border of files, at the end, and nothing behind it.
  expect(source, 15, 15, 31, 16);
  expect(source, 20, 20, 31, 11);
  expect(source, 30, 30, 31, 1);
  expect(source, 31, -1, -1, 0);
  ice_source_destroy(source);
}

static void test_segment__nothing_comes_before_the_first_seek(void **state) {
  (void)state;
  append(0, 0, 10, 0);
  ice_source *source = open_source();
  expect(source, -1, -1, -1, 0);
  assert_int_equal(source->partitions[0].next, -1);
  assert_int_equal(ice_source_seek(source, 1, 0, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_source_seek(source, 0, -1, NULL), ICE_INVALID_ARGUMENT);
  ice_source_destroy(source);
}

static void test_segment__compaction_leaves_gaps_that_are_counted(void **state) {
  (void)state;
  append(0, 3, 10, 0);
  append(0, 15, 20, 0);
  append(50, 55, 60, 0);
  ice_source *source = open_source();
  expect(source, 0, 0, 60, 17);
  expect(source, 12, 12, 60, 10);
  expect(source, 40, 40, 60, 5);
  ice_source_destroy(source);
}

static void test_segment__an_offset_before_the_log_is_not_found(void **state) {
  (void)state;
  got all;
  ice_error err = {0};
  append(100, 100, 110, 0);
  ice_source *source = open_source();
  assert_int_equal(source->partitions[0].log_start, 100);
  assert_int_equal(ice_source_seek(source, 0, 99, NULL), ICE_OK);
  assert_int_equal(drain(source, &all, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, "begins at offset 100, offset 99 is wanted"));
  ice_source_destroy(source);
}

static void test_segment__a_torn_tail_is_not_there_yet(void **state) {
  (void)state;
  for (size_t size = 1; size < 100; size += 7) {
    char path[SCRATCH_PATH];
    segment_path(0, path);
    unlink(path);
    append(0, 0, 10, 0);
    append(0, 10, 20, size);
    ice_source *source = open_source();
    assert_int_equal(source->partitions[0].log_end, 10);
    expect(source, 0, 0, 10, 10);
    ice_source_destroy(source);
  }
}

static void test_segment__a_tail_with_a_wrong_crc_is_not_there_yet(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  append(0, 0, 10, 0);
  append(0, 10, 20, 0);
  segment_path(0, path);
  FILE *file = fopen(path, "r+b");
  fseek(file, -1, SEEK_END);
  fputc(0x55, file);
  fclose(file);
  ice_source *source = open_source();
  assert_int_equal(source->partitions[0].log_end, 10);
  expect(source, 0, 0, 10, 10);
  ice_source_destroy(source);
}

static void test_segment__damage_before_the_tail_is_corrupt(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  got all;
  ice_error err = {0};
  append(0, 0, 10, 0);
  append(0, 10, 20, 0);
  segment_path(0, path);
  FILE *file = fopen(path, "r+b");
  fseek(file, 70, SEEK_SET);
  fputc(0x55, file);
  fclose(file);
  ice_source *source = open_source();
  assert_int_equal(ice_source_seek(source, 0, 0, NULL), ICE_OK);
  assert_int_equal(drain(source, &all, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, path));
  assert_non_null(strstr(err.message, "byte 0: CRC-32C"));
  ice_source_destroy(source);
  // A file that is not the last has no tail to be torn.
  unlink(path);
  append(0, 0, 10, 0);
  append(0, 10, 20, 30);
  append(20, 20, 30, 0);
  source = open_source();
  assert_int_equal(ice_source_seek(source, 0, 0, NULL), ICE_OK);
  assert_int_equal(drain(source, &all, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, "cut short"));
  ice_source_destroy(source);
}

static void test_segment__a_log_that_grows_is_read_on(void **state) {
  (void)state;
  append(0, 0, 10, 0);
  ice_source *source = open_source();
  expect(source, 0, 0, 10, 10);
  append(0, 10, 12, 0);
  expect(source, -1, 10, 12, 2);
  append(12, 12, 20, 0);
  append(20, 20, 21, 0);
  // New files are seen by refresh.
  assert_int_equal(ice_source_refresh(source, NULL), ICE_OK);
  expect(source, -1, 12, 21, 9);
  assert_int_equal(source->partitions[0].log_end, 21);
  ice_source_destroy(source);
}

static void test_segment__a_tail_that_gets_whole_is_read(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  append(0, 0, 10, 0);
  segment_path(0, path);
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  append(0, 10, 20, 40);
  ice_source *source = open_source();
  expect(source, 0, 0, 10, 10);
  assert_int_equal(truncate(path, info.st_size), 0);
  append(0, 10, 20, 0);
  expect(source, -1, 10, 20, 10);
  ice_source_destroy(source);
}

static void test_segment__reading_goes_on_when_retention_takes_the_file_behind_it(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  append(0, 0, 10, 0);
  ice_source *source = open_source();
  expect(source, 0, 0, 10, 10);
  append(10, 10, 20, 0);
  segment_path(0, path);
  unlink(path);
  assert_int_equal(ice_source_refresh(source, NULL), ICE_OK);
  expect(source, -1, 10, 20, 10);
  // Here the next offset went too.
  segment_path(10, path);
  append(30, 30, 40, 0);
  unlink(path);
  assert_int_equal(ice_source_refresh(source, NULL), ICE_OK);
  got all;
  ice_error err = {0};
  assert_int_equal(drain(source, &all, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, "begins at offset 30, offset 20 is wanted"));
  ice_source_destroy(source);
}

static void test_segment__an_empty_partition_waits_for_its_first_record(void **state) {
  (void)state;
  ice_source *source = open_source();
  assert_int_equal(source->partitions[0].log_end, 0);
  expect(source, 0, -1, -1, 0);
  append(0, 0, 5, 0);
  assert_int_equal(ice_source_refresh(source, NULL), ICE_OK);
  expect(source, -1, 0, 5, 5);
  ice_source_destroy(source);
}

static void test_segment__transactional_batches_are_unsupported(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  uint8_t data[200];
  got all;
  ice_error err = {0};
  append(0, 0, 1, 0);
  segment_path(0, path);
  FILE *file = fopen(path, "r+b");
  size_t size = fread(data, 1, sizeof data, file);
  data[22] |= 16;
  ice_store_u32be(data + 17, ice_crc32c(0, data + 21, size - 21));
  rewind(file);
  fwrite(data, 1, size, file);
  fclose(file);
  ice_source *source = open_source();
  assert_int_equal(ice_source_seek(source, 0, 0, NULL), ICE_OK);
  assert_int_equal(drain(source, &all, &err), ICE_UNSUPPORTED);
  ice_source_destroy(source);
}

static void test_segment__partitions_are_found_by_name(void **state) {
  (void)state;
  static const char *const names[] = {"t-7", "t-2", "t-", "t-x", "t-1x", "tt-3", "t", "t-99999999999"};
  char path[SCRATCH_PATH];
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    scratch_path(&directory, names[i], path);
    assert_int_equal(mkdir(path, 0755), 0);
  }
  ice_source *source = open_source();
  assert_int_equal(source->partition_count, 3);
  assert_int_equal(source->partitions[2].partition, 7);
  assert_int_equal(ice_source_find(source, ICE_STR("t"), 2), 1);
  assert_int_equal(ice_source_find(source, ICE_STR("t"), 3), -1);
  // A new partition goes to the end: indexes never change.
  scratch_path(&directory, "t-1", path);
  assert_int_equal(mkdir(path, 0755), 0);
  assert_int_equal(ice_source_refresh(source, NULL), ICE_OK);
  assert_int_equal(source->partition_count, 4);
  assert_int_equal(source->partitions[3].partition, 1);
  ice_source_destroy(source);
  const ice_segment_options options = {.root = directory.path, .topic = ICE_STR("absent")};
  assert_int_equal(ice_segment_source_open(ice_port_system(), &options, &source, NULL), ICE_NOT_FOUND);
}

static void test_segment__the_writer_cuts_a_torn_tail(void **state) {
  (void)state;
  ice_segment_writer *writer = NULL;
  ice_record_batch_builder builder;
  append(0, 0, 10, 0);
  append(0, 10, 20, 50);
  assert_int_equal(ice_segment_writer_open(ice_port_system(), directory.path, ICE_STR("t"), 0, &writer, NULL),
                   ICE_OK);
  assert_int_equal(ice_segment_writer_next(writer), 10);
  ice_record_batch_builder_init(&builder);
  assert_int_equal(ice_record_batch_builder_add(&builder, 1, (ice_str){0}, ICE_STR("10"), NULL), ICE_OK);
  assert_int_equal(ice_segment_writer_append(writer, &builder, ICE_CODEC_NONE, NULL), ICE_OK);
  assert_int_equal(ice_segment_writer_next(writer), 11);
  assert_int_equal(ice_segment_writer_sync(writer, NULL), ICE_OK);
  ice_record_batch_builder_deinit(&builder);
  ice_segment_writer_close(writer);
  ice_segment_writer_close(NULL);
  ice_source *source = open_source();
  expect(source, 0, 0, 11, 11);
  ice_source_destroy(source);
}

static void test_segment__the_writer_makes_what_is_missing(void **state) {
  (void)state;
  ice_segment_writer *writer = NULL;
  char path[SCRATCH_PATH];
  assert_int_equal(ice_segment_writer_open(ice_port_system(), directory.path, ICE_STR("new"), 3, &writer, NULL),
                   ICE_OK);
  assert_int_equal(ice_segment_writer_next(writer), 0);
  ice_segment_writer_close(writer);
  scratch_path(&directory, "new-3/00000000000000000000.log", path);
  assert_int_equal(access(path, R_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_segment__several_files_are_one_log, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__nothing_comes_before_the_first_seek, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__compaction_leaves_gaps_that_are_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__an_offset_before_the_log_is_not_found, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__a_torn_tail_is_not_there_yet, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__a_tail_with_a_wrong_crc_is_not_there_yet, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__damage_before_the_tail_is_corrupt, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__a_log_that_grows_is_read_on, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__a_tail_that_gets_whole_is_read, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__reading_goes_on_when_retention_takes_the_file_behind_it, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_segment__an_empty_partition_waits_for_its_first_record, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__transactional_batches_are_unsupported, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__partitions_are_found_by_name, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__the_writer_cuts_a_torn_tail, setup, teardown),
      cmocka_unit_test_setup_teardown(test_segment__the_writer_makes_what_is_missing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
