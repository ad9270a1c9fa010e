#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "failing_memory.h"
#include "iceberg/iceberg_append.h"
#include "iceberg/iceberg_manifest.h"
#include "iceberg/iceberg_metrics.h"
#include "iceberg/iceberg_schema.h"

static const char table_schema[] =
    "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"ts\",\"required\":true,\"type\":\"timestamp\"},"
    "{\"id\":2,\"name\":\"kind\",\"required\":false,\"type\":\"string\",\"doc\":\"d\",\"initial-default\":\"x\"},"
    "{\"id\":3,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":4,\"element\":"
    "\"decimal(9,2)\",\"element-required\":true}}]}";

static ice_status make_table(ice_arena *arena, ice_table_metadata **out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  ice_partition_field fields[2];
  const ice_property property = {ICE_STR("k"), ICE_STR("v")};
  ICE_TRY(ice_schema_from_json_text(ICE_STR(table_schema), &schema, err));
  ICE_TRY(ice_partition_field_parse(ICE_STR("days(ts)"), schema, arena, &fields[0], err));
  ICE_TRY(ice_partition_field_parse(ICE_STR("bucket(4, kind)"), schema, arena, &fields[1], err));
  const ice_partition_spec spec = {.field_count = 2, .fields = fields};
  const ice_table_create create = {.uuid = ICE_STR("u"),
                                   .location = ICE_STR("s3://b/t"),
                                   .schema = schema,
                                   .spec = &spec,
                                   .properties = &property,
                                   .property_count = 1,
                                   .now_ms = 1000};
  ICE_TRY(ice_table_metadata_create(&create, out, err));
done:
  ice_schema_unref(schema);
  return status;
}

static ice_status make_partition(const ice_table_metadata *table, ice_bytes *key, ice_error *err) {
  ice_status status = ICE_OK;
  ice_partitioner *partitioner = NULL;
  ice_batch batch = {0};
  ICE_TRY(ice_partitioner_create(ice_table_default_spec(table), ice_table_current_schema(table), &partitioner, err));
  ICE_TRY(ice_batch_init(&batch, ice_table_current_schema(table), err));
  ICE_TRY(ice_column_append_i64(&batch.columns[0], 5, err));
  ICE_TRY(ice_column_append_text(&batch.columns[1], ICE_STR("walk"), err));
  ICE_TRY(ice_column_append_null(&batch.columns[2], err));
  ICE_TRY(ice_batch_end_row(&batch, err));
  ICE_TRY(ice_partitioner_apply(partitioner, &batch, err));
  ICE_TRY(ice_partitioner_append_key(partitioner, 0, key, err));
done:
  ice_batch_deinit(&batch);
  ice_partitioner_destroy(partitioner);
  return status;
}

static ice_status write_manifest(const ice_table_metadata *table, ice_arena *arena, ice_bytes *out,
                                 ice_manifest_totals *totals, ice_error *err) {
  ice_status status = ICE_OK;
  ice_manifest_writer *writer = NULL;
  ice_bytes key;
  ice_bytes_init(&key, 1000);
  const ice_metrics_config config = ice_metrics_config_default();
  const ice_leaf_metrics leaf = {.field_id = 2,
                                 .column_size = 5,
                                 .value_count = 1,
                                 .null_count = 0,
                                 .nan_count = -1,
                                 .has_bounds = true,
                                 .min = ICE_STR("a"),
                                 .max = ICE_STR("zzzzzzzzzzzzzzzzzzzzzz")};
  const ice_manifest_writer_options options = {
      .schema = ice_table_current_schema(table), .spec = ice_table_default_spec(table), .snapshot_id = 7};
  ice_manifest_entry entry = {
      .status = ICE_ENTRY_ADDED,
      .file = {.path = ICE_STR("f"), .format = ICE_STR("PARQUET"), .record_count = 1, .file_size = 9}};
  ICE_TRY(make_partition(table, &key, err));
  entry.file.partition = ice_bytes_str(&key);
  ICE_TRY(
      ice_file_metrics_build(ice_table_current_schema(table), &config, &leaf, 1, arena, &entry.file.metrics, err));
  ICE_TRY(ice_manifest_writer_create(&options, out, &writer, err));
  ICE_TRY(ice_manifest_writer_append(writer, &entry, err));
  ICE_TRY(ice_manifest_writer_finish(writer, arena, totals, err));
  totals->file.path = ICE_STR("m");
done:
  ice_manifest_writer_destroy(writer);
  ice_bytes_deinit(&key);
  return status;
}

static ice_status read_back(ice_str manifest, ice_str list, ice_arena *arena, ice_error *err) {
  ice_status status = ICE_OK;
  ice_manifest_reader *reader = NULL;
  ice_manifest_file *files = NULL;
  ice_manifest_entry entry;
  uint32_t count = 0;
  bool found = false;
  ICE_TRY(ice_manifest_list_read(list, arena, &files, &count, err));
  assert_int_equal(count, 1);
  ICE_TRY(ice_manifest_reader_create(manifest, &files[0], NULL, &reader, err));
  ICE_TRY(ice_manifest_reader_next(reader, arena, &entry, &found, err));
  assert_true(found);
done:
  ice_manifest_reader_destroy(reader);
  return status;
}

static ice_status commit(ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = NULL;
  ice_table_metadata *next = NULL;
  ice_table_metadata *again = NULL;
  ice_append append = {0};
  ice_table_change_read read = {0};
  ice_manifest_totals totals;
  ice_arena arena;
  ice_bytes manifest;
  ice_bytes text;
  json_t *body = NULL;
  ice_arena_init(&arena, 1 << 20);
  ice_bytes_init(&manifest, 1 << 20);
  ice_bytes_init(&text, 1 << 20);
  ICE_TRY(make_table(&arena, &table, err));
  ICE_TRY(write_manifest(table, &arena, &manifest, &totals, err));
  const ice_append_options options = {.metadata = table,
                                      .snapshot_id = 7,
                                      .timestamp_ms = 2000,
                                      .manifest_list_location = ICE_STR("l"),
                                      .added = &totals,
                                      .added_count = 1};
  ICE_TRY(ice_append_build(&options, &append, err));
  ICE_TRY(ice_table_apply_updates(table, append.updates, 2, ICE_STR("old"), 2000, &next, err));
  ICE_TRY(ice_table_metadata_append_json(next, &text, err));
  ICE_TRY(ice_table_metadata_parse(ice_bytes_str(&text), &again, err));
  ICE_TRY(read_back(ice_bytes_str(&manifest), ice_bytes_str(&append.manifest_list), &arena, err));
  const ice_table_change change = {
      .requirements = append.requirements, .requirement_count = 2, .updates = append.updates, .update_count = 2};
  body = json_object();
  if (!body) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory");
  }
  ICE_TRY(ice_table_change_to_json(&change, body, err));
  ICE_TRY(ice_table_change_from_json(body, &read, err));
done:
  json_decref(body);
  ice_table_change_read_deinit(&read);
  ice_append_deinit(&append);
  ice_table_metadata_destroy(table);
  ice_table_metadata_destroy(next);
  ice_table_metadata_destroy(again);
  ice_bytes_deinit(&manifest);
  ice_bytes_deinit(&text);
  ice_arena_deinit(&arena);
  return status;
}

static void test_iceberg_torture__a_commit_ends_cleanly_where_memory_does(void **state) {
  (void)state;
  assert_true(torture(commit) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_torture__a_commit_ends_cleanly_where_memory_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
