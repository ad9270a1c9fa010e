#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include "avro/avro_container.h"
#include "avro/avro_encode.h"
#include "avro/avro_schema.h"
#include "iceberg/iceberg_manifest.h"
#include "iceberg/iceberg_schema.h"

static const char table_schema[] =
    "{\"type\":\"struct\",\"schema-id\":4,\"fields\":["
    "{\"id\":1,\"name\":\"ts\",\"required\":true,\"type\":\"timestamp\"},"
    "{\"id\":2,\"name\":\"kind\",\"required\":false,\"type\":\"string\"},"
    "{\"id\":3,\"name\":\"price\",\"required\":false,\"type\":\"decimal(9,2)\"},"
    "{\"id\":4,\"name\":\"u\",\"required\":false,\"type\":\"uuid\"},"
    "{\"id\":5,\"name\":\"f\",\"required\":false,\"type\":\"double\"}]}";

static const char spec_json[] =
    "{\"spec-id\":7,\"fields\":["
    "{\"name\":\"ts_day\",\"transform\":\"day\",\"source-id\":1,\"field-id\":1000},"
    "{\"name\":\"kind\",\"transform\":\"identity\",\"source-id\":2,\"field-id\":1001},"
    "{\"name\":\"price\",\"transform\":\"identity\",\"source-id\":3,\"field-id\":1002},"
    "{\"name\":\"u\",\"transform\":\"identity\",\"source-id\":4,\"field-id\":1003},"
    "{\"name\":\"2 u\",\"transform\":\"identity\",\"source-id\":4,\"field-id\":1004},"
    "{\"name\":\"f\",\"transform\":\"identity\",\"source-id\":5,\"field-id\":1005}]}";

typedef struct fixture {
  ice_schema *schema;
  ice_schema *partition;
  ice_arena arena;
  ice_partition_spec spec;
  ice_bytes file;
  ice_manifest_writer *writer;
} fixture;

static void open_fixture(fixture *run, bool partitioned, ice_manifest_content content) {
  json_t *json = NULL;
  *run = (fixture){0};
  ice_arena_init(&run->arena, 1 << 24);
  ice_bytes_init(&run->file, 1 << 24);
  assert_int_equal(ice_schema_from_json_text(ice_str_of(table_schema), &run->schema, NULL), ICE_OK);
  assert_int_equal(ice_json_text_parse(ice_str_of(spec_json), &json, NULL), ICE_OK);
  assert_int_equal(ice_partition_spec_from_json(json, &run->arena, &run->spec, NULL), ICE_OK);
  json_decref(json);
  if (!partitioned) {
    run->spec = (ice_partition_spec){0};
  }
  assert_int_equal(ice_partition_spec_type(&run->spec, run->schema, &run->partition, NULL), ICE_OK);
  ice_manifest_writer_options options = {
      .schema = run->schema, .spec = &run->spec, .content = content, .snapshot_id = INT64_C(9007199254740993)};
  ice_error err = {0};
  if (ice_manifest_writer_create(&options, &run->file, &run->writer, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
}

static void close_fixture(fixture *run) {
  ice_manifest_writer_destroy(run->writer);
  ice_schema_unref(run->schema);
  ice_schema_unref(run->partition);
  ice_arena_deinit(&run->arena);
  ice_bytes_deinit(&run->file);
}

static const char decimal_14_20[16] = {(char)0x8c, 5};
static const char uuid_bytes[] = "0123456789abcdef";
static const char nan_bits[] = "\0\0\0\0\0\0\xf8\x7f";

// day 2024-01-01 plus `day`, kind, 14.20, a uuid twice, NaN.
static ice_str make_key(fixture *run, int32_t day, const char *kind) {
  ice_bytes key;
  uint8_t raw[4];
  ice_str copy;
  ice_store_u32le(raw, (uint32_t)(19723 + day));
  const ice_datum values[] = {{.raw = {(const char *)raw, 4}}, {.is_null = !kind, .raw = ice_str_of(kind)},
                              {.raw = {decimal_14_20, 16}},    {.raw = {uuid_bytes, 16}},
                              {.raw = {uuid_bytes, 16}},       {.raw = {nan_bits, 8}}};
  ice_bytes_init(&key, 1000);
  for (uint32_t i = 0; i < run->partition->root.field_count; i++) {
    assert_int_equal(ice_partition_key_append(&run->partition->root.fields[i].type, &values[i], &key, NULL), ICE_OK);
  }
  assert_int_equal(ice_arena_copy_str(&run->arena, ice_bytes_str(&key), &copy, NULL), ICE_OK);
  ice_bytes_deinit(&key);
  return copy;
}

static ice_metric_count counts[] = {{1, 10}, {2, INT64_C(1) << 40}};
static ice_metric_bound bounds[] = {{1, ICE_STR_INIT("\x01\x02\x03\x04\x05\x06\x07\x08")}, {2, ICE_STR_INIT("a")}};
static const int64_t splits[] = {4, 100};

static ice_manifest_entry added_entry(fixture *run, int32_t day, const char *kind) {
  return (ice_manifest_entry){
      .status = ICE_ENTRY_ADDED,
      .file = {
          .path = ICE_STR("s3://b/data/x.parquet"),
          .format = ICE_STR("PARQUET"),
          .partition = make_key(run, day, kind),
          .record_count = 10,
          .file_size = 1000,
          .metrics = {.column_sizes = counts, .column_size_count = 2, .lower_bounds = bounds, .lower_bound_count = 2},
          .split_offsets = splits,
          .split_offset_count = 2,
          .has_sort_order_id = true}};
}

static void test_iceberg_manifest__writes_the_header_that_readers_ask_for(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  ice_avro_reader *reader = NULL;
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  assert_int_equal(ice_avro_reader_create(ice_bytes_str(&run.file), &reader, NULL), ICE_OK);
  static const char *const keys[] = {"avro.schema",    "avro.codec",        "schema",         "schema-id",
                                     "partition-spec", "partition-spec-id", "format-version", "content"};
  assert_int_equal(ice_avro_reader_meta_count(reader), ICE_COUNT_OF(keys));
  for (uint32_t i = 0; i < ICE_COUNT_OF(keys); i++) {
    assert_true(ice_str_equal_c(ice_avro_reader_meta(reader, i).key, keys[i]));
  }
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("avro.codec")), "deflate"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("schema")), table_schema));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("schema-id")), "4"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("partition-spec-id")), "7"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("format-version")), "2"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("content")), "data"));
  // The array of the fields alone, not the object around it.
  assert_int_equal(ice_avro_reader_find(reader, ICE_STR("partition-spec")).data[0], '[');
  ice_avro_reader_destroy(reader);
  close_fixture(&run);
}

static void assert_contains(ice_str text, const char *part) {
  ice_bytes copy;
  ice_bytes_init(&copy, 1 << 20);
  assert_int_equal(ice_bytes_append_str(&copy, text, NULL), ICE_OK);
  if (!strstr(ice_bytes_c_str(&copy, NULL), part)) {
    fail_msg("no %s in %s", part, (const char *)copy.data);
  }
  ice_bytes_deinit(&copy);
}

static void test_iceberg_manifest__spells_the_schema_as_the_reference_does(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  ice_avro_reader *reader = NULL;
  ice_avro_schema *schema = NULL;
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  assert_int_equal(ice_avro_reader_create(ice_bytes_str(&run.file), &reader, NULL), ICE_OK);
  ice_str text = ice_avro_reader_find(reader, ICE_STR("avro.schema"));
  assert_contains(text,
                  "{\"name\":\"ts_day\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}],"
                  "\"default\":null,\"field-id\":1000}");
  assert_contains(text,
                  "{\"type\":\"fixed\",\"name\":\"decimal_9_2\",\"size\":4,\"logicalType\":\"decimal\","
                  "\"precision\":9,\"scale\":2}");
  assert_contains(text, "{\"type\":\"fixed\",\"name\":\"uuid_fixed\",\"size\":16,\"logicalType\":\"uuid\"}");
  assert_contains(text,
                  "{\"name\":\"_2_x20u\",\"type\":[\"null\",\"uuid_fixed\"],\"default\":null,\"field-id\":1004,"
                  "\"iceberg-field-name\":\"2 u\"}");
  assert_int_equal(ice_avro_schema_parse(text, &schema, NULL), ICE_OK);
  const ice_avro_type *root = ice_avro_schema_root(schema);
  assert_true(ice_str_equal_c(root->name, "manifest_entry"));
  const ice_avro_type *file = root->fields[4].type;
  assert_true(ice_str_equal_c(file->name, "r2"));
  static const int32_t ids[] = {134, 100, 101, 102, 103, 104, 108, 109, 110, 137, 125, 128, 131, 132, 135, 140, 143};
  assert_int_equal(file->field_count, ICE_COUNT_OF(ids));
  for (uint32_t i = 0; i < ICE_COUNT_OF(ids); i++) {
    assert_int_equal(file->fields[i].field_id, ids[i]);
    assert_int_equal(file->fields[i].type->kind == ICE_AVRO_UNION, i >= 6);
  }
  assert_true(ice_str_equal_c(file->fields[3].type->name, "r102"));
  const ice_avro_type *sizes = file->fields[6].type->branches[1];
  assert_int_equal(sizes->logical, ICE_AVRO_LOGICAL_MAP);
  assert_true(ice_str_equal_c(sizes->items->name, "k117_v118"));
  assert_int_equal(file->fields[13].type->branches[1]->element_id, 133);
  ice_avro_schema_destroy(schema);
  ice_avro_reader_destroy(reader);
  close_fixture(&run);
}

static void test_iceberg_manifest__sums_up_what_it_holds(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  ice_manifest_entry first = added_entry(&run, 3, "walk");
  ice_manifest_entry second = added_entry(&run, -1, NULL);
  ice_manifest_entry third = added_entry(&run, 3, "walk");
  ice_manifest_entry old = added_entry(&run, 9, "a");
  old.status = ICE_ENTRY_EXISTING;
  old.has_snapshot_id = old.has_sequence_number = old.has_file_sequence_number = true;
  old.snapshot_id = 5;
  old.sequence_number = 3;
  old.file_sequence_number = 4;
  ice_manifest_entry gone = old;
  gone.status = ICE_ENTRY_DELETED;
  gone.sequence_number = 1;
  const ice_manifest_entry *const entries[] = {&first, &second, &third, &old, &gone};
  for (size_t i = 0; i < ICE_COUNT_OF(entries); i++) {
    assert_int_equal(ice_manifest_writer_append(run.writer, entries[i], NULL), ICE_OK);
  }
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  assert_int_equal(totals.file.added_files, 3);
  assert_int_equal(totals.file.existing_files, 1);
  assert_int_equal(totals.file.deleted_files, 1);
  assert_int_equal(totals.file.added_rows, 30);
  assert_int_equal(totals.added_files_size, 3000);
  assert_int_equal(totals.deleted_files_size, 1000);
  assert_int_equal(totals.partition_count, 3);
  assert_int_equal(totals.file.length, run.file.size);
  assert_int_equal(totals.file.spec_id, 7);
  assert_int_equal(totals.file.sequence_number, ICE_SEQUENCE_UNASSIGNED);
  assert_int_equal(totals.file.min_sequence_number, 3);  // live files only
  assert_int_equal(totals.file.partition_count, 6);
  const ice_partition_summary *summaries = totals.file.partitions;
  assert_true(ice_str_equal(summaries[0].lower, ICE_STR("\x0a\x4d\0\0")));
  assert_true(ice_str_equal(summaries[0].upper, ICE_STR("\x14\x4d\0\0")));
  assert_false(summaries[0].contains_null);
  assert_true(summaries[1].contains_null);
  assert_true(ice_str_equal_c(summaries[1].lower, "a"));
  assert_true(ice_str_equal_c(summaries[1].upper, "walk"));
  assert_true(ice_str_equal(summaries[2].lower, ICE_STR("\x05\x8c")));
  assert_true(summaries[5].contains_nan);
  assert_false(summaries[5].has_lower);
  close_fixture(&run);
}

static void test_iceberg_manifest__reads_back_what_it_wrote(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  ice_manifest_reader *reader = NULL;
  ice_manifest_entry entry;
  bool found = false;
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  ice_manifest_entry first = added_entry(&run, 3, "walk");
  assert_int_equal(ice_manifest_writer_append(run.writer, &first, NULL), ICE_OK);
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  totals.file.sequence_number = 12;
  ice_error err = {0};
  if (ice_manifest_reader_create(ice_bytes_str(&run.file), &totals.file, &run.partition->root, &reader, &err) !=
      ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_int_equal(ice_manifest_reader_next(reader, &run.arena, &entry, &found, &err), ICE_OK);
  assert_true(found);
  assert_int_equal(entry.status, ICE_ENTRY_ADDED);
  assert_int_equal(entry.snapshot_id, INT64_C(9007199254740993));
  assert_true(entry.has_sequence_number);
  assert_int_equal(entry.sequence_number, 12);
  assert_int_equal(entry.file_sequence_number, 12);
  assert_true(ice_str_equal(entry.file.path, first.file.path));
  assert_true(ice_str_equal(entry.file.partition, first.file.partition));
  assert_int_equal(entry.file.record_count, 10);
  assert_int_equal(entry.file.metrics.column_size_count, 2);
  assert_true(entry.file.metrics.column_sizes[1].value == INT64_C(1) << 40);
  assert_int_equal(entry.file.metrics.value_count_count, 0);
  assert_true(ice_str_equal_c(entry.file.metrics.lower_bounds[1].value, "a"));
  assert_int_equal(entry.file.split_offset_count, 2);
  assert_int_equal(entry.file.split_offsets[1], 100);
  assert_true(entry.file.has_sort_order_id);
  assert_null(entry.file.key_metadata.data);
  assert_null(entry.file.referenced_data_file.data);
  assert_int_equal(entry.file.content_offset, -1);
  assert_int_equal(ice_manifest_reader_next(reader, &run.arena, &entry, &found, &err), ICE_OK);
  assert_false(found);
  ice_manifest_reader_destroy(reader);
  close_fixture(&run);
}

static void test_iceberg_manifest__leaves_new_sequence_numbers_null(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  ice_manifest_reader *reader = NULL;
  ice_manifest_entry entry;
  bool found;
  open_fixture(&run, false, ICE_MANIFEST_DATA);
  ice_manifest_entry first = added_entry(&run, 0, NULL);
  first.has_sequence_number = true;
  first.sequence_number = 99;
  assert_int_equal(ice_manifest_writer_append(run.writer, &first, NULL), ICE_OK);
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  assert_int_equal(totals.partition_count, 1);
  ice_error err = {0};
  if (ice_manifest_reader_create(ice_bytes_str(&run.file), NULL, NULL, &reader, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_int_equal(ice_manifest_reader_next(reader, &run.arena, &entry, &found, NULL), ICE_OK);
  assert_false(entry.has_sequence_number);
  assert_false(entry.has_file_sequence_number);
  assert_int_equal(entry.file.partition.size, 0);
  ice_manifest_reader_destroy(reader);
  close_fixture(&run);
}

static void test_iceberg_manifest__refuses_entries_that_readers_would_trip_over(void **state) {
  (void)state;
  fixture run;
  static const int64_t backwards[] = {100, 4};
  static const int64_t beyond[] = {4, 1000};
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  const ice_manifest_entry good = added_entry(&run, 0, "x");
  ice_manifest_entry bad = good;
  bad.status = ICE_ENTRY_EXISTING;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  bad = good;
  bad.file.split_offsets = backwards;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  bad.file.split_offsets = beyond;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  bad = good;
  bad.file.partition.size--;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  bad = good;
  bad.file.content = ICE_CONTENT_POSITION_DELETES;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  bad = good;
  bad.file.record_count = -1;
  assert_int_equal(ice_manifest_writer_append(run.writer, &bad, NULL), ICE_INVALID_ARGUMENT);
  close_fixture(&run);
}

static void test_iceberg_manifest__survives_every_truncation_and_changed_byte(void **state) {
  (void)state;
  fixture run;
  ice_manifest_totals totals;
  open_fixture(&run, true, ICE_MANIFEST_DATA);
  ice_manifest_entry first = added_entry(&run, 3, "walk");
  assert_int_equal(ice_manifest_writer_append(run.writer, &first, NULL), ICE_OK);
  assert_int_equal(ice_manifest_writer_finish(run.writer, &run.arena, &totals, NULL), ICE_OK);
  for (size_t i = 0; i < run.file.size; i += i < run.file.size - 400 ? 7 : 1) {
    for (int cut = 0; cut < 2; cut++) {
      ice_manifest_reader *reader = NULL;
      ice_manifest_entry entry;
      bool found = true;
      ice_arena arena;
      ice_arena_init(&arena, 1 << 20);
      uint8_t before = run.file.data[i];
      run.file.data[i] ^= cut ? 0 : 0x11;
      ice_str file = {.data = (const char *)run.file.data, .size = cut ? i : run.file.size};
      ice_status status = ice_manifest_reader_create(file, NULL, &run.partition->root, &reader, NULL);
      while (status == ICE_OK && found) {
        status = ice_manifest_reader_next(reader, &arena, &entry, &found, NULL);
      }
      assert_true(status == ICE_OK || status == ICE_CORRUPT || status == ICE_UNSUPPORTED || status == ICE_LIMIT);
      ice_manifest_reader_destroy(reader);
      run.file.data[i] = before;
      ice_arena_deinit(&arena);
    }
  }
  close_fixture(&run);
}

static void read_corpus(const char *name, ice_bytes *out) {
  char path[1024];
  uint8_t buffer[4096];
  snprintf(path, sizeof path, "%s/fuzz/corpus/fuzz_iceberg_manifest/%s", ICESINK_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  ice_bytes_init(out, 1 << 20);
  for (size_t size = 1; size != 0;) {
    size = fread(buffer, 1, sizeof buffer, file);
    assert_int_equal(ice_bytes_append(out, buffer, size, NULL), ICE_OK);
  }
  fclose(file);
}

// Files that PyIceberg wrote, in format v1 and v2.
static void test_iceberg_manifest__reads_what_pyiceberg_wrote(void **state) {
  (void)state;
  for (int version = 1; version <= 2; version++) {
    ice_bytes list;
    ice_bytes manifest;
    ice_arena arena;
    ice_manifest_file *files = NULL;
    uint32_t count = 0;
    ice_manifest_reader *reader = NULL;
    ice_manifest_entry entry;
    bool found = false;
    ice_error err = {0};
    ice_arena_init(&arena, 1 << 20);
    read_corpus(version == 1 ? "pyiceberg-v1-list.avro" : "pyiceberg-v2-list.avro", &list);
    read_corpus(version == 1 ? "pyiceberg-v1-manifest.avro" : "pyiceberg-v2-manifest.avro", &manifest);
    if (ice_manifest_list_read(ice_bytes_str(&list), &arena, &files, &count, &err) != ICE_OK) {
      fail_msg("%s", err.message);
    }
    assert_int_equal(count, 1);
    assert_int_equal(files[0].spec_id, 3);
    assert_int_equal(files[0].added_files, 1);
    assert_int_equal(files[0].added_rows, 7);
    assert_int_equal(files[0].sequence_number, version == 1 ? 0 : 6);
    assert_int_equal(files[0].partition_count, 2);
    assert_true(ice_str_equal_c(files[0].partitions[1].lower, "walk"));
    if (ice_manifest_reader_create(ice_bytes_str(&manifest), &files[0], NULL, &reader, &err) != ICE_OK) {
      fail_msg("%s", err.message);
    }
    assert_int_equal(ice_manifest_reader_partition_type(reader)->field_count, 2);
    assert_int_equal(ice_manifest_reader_next(reader, &arena, &entry, &found, &err), ICE_OK);
    assert_true(found);
    assert_int_equal(entry.status, ICE_ENTRY_ADDED);
    assert_int_equal(entry.snapshot_id, 12345);
    assert_int_equal(entry.sequence_number, version == 1 ? 0 : 6);
    assert_int_equal(entry.file.record_count, 7);
    assert_true(ice_str_equal(entry.file.partition, ICE_STR("\x01\x0b\x4d\0\0\x01\x04\0\0\0walk")));
    assert_int_equal(entry.file.metrics.value_counts[0].value, 7);
    assert_true(ice_str_equal(entry.file.metrics.upper_bounds[0].value, ICE_STR("\2\0\0\0\0\0\0\0")));
    assert_int_equal(entry.file.split_offsets[0], 4);
    assert_false(entry.file.has_sort_order_id);
    ice_manifest_reader_destroy(reader);
    ice_bytes_deinit(&list);
    ice_bytes_deinit(&manifest);
    ice_arena_deinit(&arena);
  }
}

// Manifest lists ----------------------------------------------------------------------------------------------------

static void test_iceberg_manifest_list__writes_and_reads(void **state) {
  (void)state;
  ice_bytes file;
  ice_arena arena;
  ice_manifest_file *read = NULL;
  uint32_t count = 0;
  ice_avro_reader *reader = NULL;
  ice_bytes_init(&file, 1 << 20);
  ice_arena_init(&arena, 1 << 20);
  const ice_partition_summary summaries[] = {{.contains_null = true,
                                              .has_contains_nan = true,
                                              .has_lower = true,
                                              .lower = ICE_STR("a"),
                                              .has_upper = true,
                                              .upper = ICE_STR("b")},
                                             {.contains_null = false}};
  const ice_manifest_file manifests[] = {{.path = ICE_STR("m0"),
                                          .length = 10,
                                          .spec_id = 1,
                                          .sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                          .min_sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                          .added_snapshot_id = 77,
                                          .added_files = 3,
                                          .added_rows = INT64_C(1) << 40,
                                          .partitions = summaries,
                                          .partition_count = 2},
                                         {.path = ICE_STR("m1"),
                                          .length = 20,
                                          .content = ICE_MANIFEST_DELETES,
                                          .sequence_number = 4,
                                          .min_sequence_number = 2,
                                          .added_snapshot_id = 5,
                                          .deleted_files = 1,
                                          .key_metadata = ICE_STR("k")}};
  const ice_manifest_list_header header = {
      .snapshot_id = 77, .has_parent = true, .parent_snapshot_id = INT64_C(9007199254740993), .sequence_number = 9};
  assert_int_equal(ice_manifest_list_write(&header, manifests, 2, &file, NULL), ICE_OK);
  assert_int_equal(ice_avro_reader_create(ice_bytes_str(&file), &reader, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("snapshot-id")), "77"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("parent-snapshot-id")), "9007199254740993"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("sequence-number")), "9"));
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("format-version")), "2"));
  ice_avro_schema *schema = NULL;
  assert_int_equal(ice_avro_schema_parse(ice_avro_reader_find(reader, ICE_STR("avro.schema")), &schema, NULL),
                   ICE_OK);
  static const int32_t ids[] = {500, 501, 502, 517, 515, 516, 503, 504, 505, 506, 512, 513, 514, 507, 519};
  const ice_avro_type *root = ice_avro_schema_root(schema);
  assert_true(ice_str_equal_c(root->name, "manifest_file"));
  assert_int_equal(root->field_count, ICE_COUNT_OF(ids));
  for (uint32_t i = 0; i < ICE_COUNT_OF(ids); i++) {
    assert_int_equal(root->fields[i].field_id, ids[i]);
    assert_int_equal(root->fields[i].type->kind == ICE_AVRO_UNION, i >= 13);
  }
  assert_true(ice_str_equal_c(root->fields[7].name, "added_files_count"));
  assert_true(ice_str_equal_c(root->fields[13].type->branches[1]->items->name, "r508"));
  ice_avro_schema_destroy(schema);
  ice_avro_reader_destroy(reader);
  assert_int_equal(ice_manifest_list_read(ice_bytes_str(&file), &arena, &read, &count, NULL), ICE_OK);
  assert_int_equal(count, 2);
  assert_int_equal(read[0].sequence_number, 9);
  assert_int_equal(read[0].min_sequence_number, 9);
  assert_true(read[0].added_rows == INT64_C(1) << 40);
  assert_int_equal(read[0].partition_count, 2);
  assert_true(read[0].partitions[0].contains_null);
  assert_true(ice_str_equal_c(read[0].partitions[0].upper, "b"));
  assert_false(read[0].partitions[1].has_contains_nan);
  assert_false(read[0].partitions[1].has_lower);
  assert_int_equal(read[1].content, ICE_MANIFEST_DELETES);
  assert_int_equal(read[1].sequence_number, 4);
  assert_int_equal(read[1].min_sequence_number, 2);
  assert_true(ice_str_equal_c(read[1].key_metadata, "k"));
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&file);
}

static void test_iceberg_manifest_list__says_null_where_there_is_no_parent(void **state) {
  (void)state;
  ice_bytes file;
  ice_avro_reader *reader = NULL;
  ice_bytes_init(&file, 1 << 20);
  const ice_manifest_list_header header = {.snapshot_id = 1, .sequence_number = 1};
  assert_int_equal(ice_manifest_list_write(&header, NULL, 0, &file, NULL), ICE_OK);
  assert_int_equal(ice_avro_reader_create(ice_bytes_str(&file), &reader, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("parent-snapshot-id")), "null"));
  ice_avro_reader_destroy(reader);
  ice_bytes_deinit(&file);
}

// A v1 list of an old writer: legacy names, optional counts, no ids on one field.
static void test_iceberg_manifest_list__reads_legacy_names_and_v1(void **state) {
  (void)state;
  static const char schema[] =
      "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
      "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500},"
      "{\"name\":\"manifest_length\",\"type\":\"long\",\"field-id\":501},"
      "{\"name\":\"partition_spec_id\",\"type\":\"int\",\"field-id\":502},"
      "{\"name\":\"added_snapshot_id\",\"type\":[\"null\",\"long\"],\"field-id\":503},"
      "{\"name\":\"added_data_files_count\",\"type\":[\"null\",\"int\"],\"field-id\":504},"
      "{\"name\":\"existing_data_files_count\",\"type\":[\"null\",\"int\"]},"
      "{\"name\":\"strange\",\"type\":[\"int\",\"string\",\"null\"],\"field-id\":9999}]}";
  ice_bytes file;
  ice_bytes datum;
  ice_arena arena;
  ice_avro_writer *writer = NULL;
  ice_manifest_file *read = NULL;
  uint32_t count = 0;
  ice_bytes_init(&file, 1 << 20);
  ice_bytes_init(&datum, 1 << 20);
  ice_arena_init(&arena, 1 << 20);
  ice_avro_writer_options options = {.schema = ICE_STR(schema), .codec = ICE_CODEC_NONE};
  assert_int_equal(ice_avro_writer_create(&options, &file, &writer, NULL), ICE_OK);
  static const char row[] = "\x04m0\x14\x00\x02\x0a\x02\x06\x02\x08\x02\x02z";
  assert_int_equal(ice_avro_writer_append(writer, ICE_STR(row), NULL), ICE_OK);
  assert_int_equal(ice_avro_writer_finish(writer, NULL), ICE_OK);
  ice_avro_writer_destroy(writer);
  ice_error err = {0};
  if (ice_manifest_list_read(ice_bytes_str(&file), &arena, &read, &count, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_int_equal(count, 1);
  assert_int_equal(read[0].added_files, 3);
  assert_int_equal(read[0].existing_files, 4);
  assert_int_equal(read[0].deleted_files, -1);
  assert_int_equal(read[0].sequence_number, 0);
  assert_int_equal(read[0].content, ICE_MANIFEST_DATA);
  // What is unknown cannot go into a v2 list as a number.
  ice_bytes out;
  ice_bytes_init(&out, 1 << 20);
  const ice_manifest_list_header header = {.snapshot_id = 1, .sequence_number = 1};
  assert_int_equal(ice_manifest_list_write(&header, read, 1, &out, NULL), ICE_UNSUPPORTED);
  ice_bytes_deinit(&out);
  ice_bytes_deinit(&file);
  ice_bytes_deinit(&datum);
  ice_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_manifest__writes_the_header_that_readers_ask_for),
      cmocka_unit_test(test_iceberg_manifest__spells_the_schema_as_the_reference_does),
      cmocka_unit_test(test_iceberg_manifest__sums_up_what_it_holds),
      cmocka_unit_test(test_iceberg_manifest__reads_back_what_it_wrote),
      cmocka_unit_test(test_iceberg_manifest__leaves_new_sequence_numbers_null),
      cmocka_unit_test(test_iceberg_manifest__refuses_entries_that_readers_would_trip_over),
      cmocka_unit_test(test_iceberg_manifest__survives_every_truncation_and_changed_byte),
      cmocka_unit_test(test_iceberg_manifest__reads_what_pyiceberg_wrote),
      cmocka_unit_test(test_iceberg_manifest_list__writes_and_reads),
      cmocka_unit_test(test_iceberg_manifest_list__says_null_where_there_is_no_parent),
      cmocka_unit_test(test_iceberg_manifest_list__reads_legacy_names_and_v1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
