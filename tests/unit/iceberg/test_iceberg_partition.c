#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iceberg/iceberg_partition_key.h"
#include "iceberg/iceberg_schema.h"

static const char table_schema[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"ts\",\"required\":true,\"type\":\"timestamp\"},"
    "{\"id\":2,\"name\":\"kind\",\"required\":false,\"type\":\"string\"},"
    "{\"id\":3,\"name\":\"n\",\"required\":false,\"type\":\"long\"},"
    "{\"id\":4,\"name\":\"s\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["
    "{\"id\":5,\"name\":\"ok\",\"required\":false,\"type\":\"boolean\"}]}}]}";

typedef struct fixture {
  ice_schema *schema;
  ice_arena arena;
  ice_partition_spec spec;
  ice_partitioner *partitioner;
  ice_batch batch;
} fixture;

static void open_fixture(fixture *run, const char *const *fields, uint32_t count) {
  ice_error err = {0};
  *run = (fixture){0};
  ice_arena_init(&run->arena, 1 << 20);
  assert_int_equal(ice_schema_from_json_text(ice_str_of(table_schema), &run->schema, NULL), ICE_OK);
  run->spec.fields = ice_arena_alloc_array(&run->arena, count, sizeof *run->spec.fields, NULL);
  run->spec.field_count = count;
  for (uint32_t i = 0; i < count; i++) {
    if (ice_partition_field_parse(ice_str_of(fields[i]), run->schema, &run->arena, &run->spec.fields[i], &err) !=
        ICE_OK) {
      fail_msg("%s", err.message);
    }
    run->spec.fields[i].field_id = 1000 + (int32_t)i;
  }
  assert_int_equal(ice_partitioner_create(&run->spec, run->schema, &run->partitioner, NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&run->batch, run->schema, NULL), ICE_OK);
}

static void close_fixture(fixture *run) {
  ice_batch_deinit(&run->batch);
  ice_partitioner_destroy(run->partitioner);
  ice_schema_unref(run->schema);
  ice_arena_deinit(&run->arena);
}

static void add_row(fixture *run, int64_t ts, const char *kind, int64_t n, int ok) {
  ice_column *columns = run->batch.columns;
  assert_int_equal(ice_column_append_i64(&columns[0], ts, NULL), ICE_OK);
  assert_int_equal(
      kind ? ice_column_append_text(&columns[1], ice_str_of(kind), NULL) : ice_column_append_null(&columns[1], NULL),
      ICE_OK);
  assert_int_equal(ice_column_append_i64(&columns[2], n, NULL), ICE_OK);
  if (ok < 0) {
    assert_int_equal(ice_column_append_null(&columns[3], NULL), ICE_OK);
  } else {
    assert_int_equal(ice_column_append_boolean(&columns[3].children[0], ok, NULL), ICE_OK);
    assert_int_equal(ice_column_append_struct_end(&columns[3], NULL), ICE_OK);
  }
  assert_int_equal(ice_batch_end_row(&run->batch, NULL), ICE_OK);
}

static void assert_path(fixture *run, int64_t row, const char *expected) {
  ice_bytes key;
  ice_bytes path;
  ice_bytes_init(&key, 1000);
  ice_bytes_init(&path, 1000);
  assert_int_equal(ice_partitioner_append_key(run->partitioner, row, &key, NULL), ICE_OK);
  assert_int_equal(ice_partition_path_append(&run->spec, &ice_partitioner_type(run->partitioner)->root,
                                             ice_bytes_str(&key), &path, NULL),
                   ICE_OK);
  assert_string_equal(ice_bytes_c_str(&path, NULL), expected);
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&path);
}

static void test_iceberg_partition__splits_rows_by_value(void **state) {
  (void)state;
  static const char *const fields[] = {"days(ts)", "kind"};
  fixture run;
  open_fixture(&run, fields, 2);
  add_row(&run, INT64_C(1704067200000000), "heartRate", 0, 1);
  add_row(&run, INT64_C(1704067200000001), "heartRate", 1, 0);
  add_row(&run, -1, NULL, 1, 0);
  add_row(&run, INT64_C(1704067200000001), "a/b c=\xc3\xa4", 1, 0);
  assert_int_equal(ice_partitioner_apply(run.partitioner, &run.batch, NULL), ICE_OK);
  assert_true(ice_partitioner_same_key(run.partitioner, 0, 1));
  assert_false(ice_partitioner_same_key(run.partitioner, 0, 2));
  assert_path(&run, 0, "ts_day=2024-01-01/kind=heartRate");
  assert_path(&run, 2, "ts_day=1969-12-31/kind=null");
  assert_path(&run, 3, "ts_day=2024-01-01/kind=a%2Fb+c%3D%C3%A4");
  ice_bytes key;
  ice_bytes_init(&key, 1000);
  assert_int_equal(ice_partitioner_append_key(run.partitioner, 0, &key, NULL), ICE_OK);
  static const char expected[] = "\x01\x0b\x4d\x00\x00\x01\x09\x00\x00\x00heartRate";
  assert_int_equal(key.size, sizeof expected - 1);
  assert_memory_equal(key.data, expected, key.size);
  for (size_t size = 0; size < key.size; size++) {
    ice_datum values[2];
    ice_str cut = {.data = (const char *)key.data, .size = size};
    assert_int_equal(ice_partition_key_split(&ice_partitioner_type(run.partitioner)->root, cut, values, NULL),
                     ICE_CORRUPT);
  }
  ice_bytes_deinit(&key);
  close_fixture(&run);
}

static void test_iceberg_partition__reads_sources_inside_structs(void **state) {
  (void)state;
  static const char *const fields[] = {"s.ok as fine", "bucket(4, n)", "hour(ts)", "month(ts)", "truncate(2, kind)"};
  fixture run;
  open_fixture(&run, fields, 5);
  add_row(&run, INT64_C(1510871468000000), "hello", 34, 1);
  add_row(&run, INT64_C(-3600000001), "x", 34, -1);
  assert_int_equal(ice_partitioner_apply(run.partitioner, &run.batch, NULL), ICE_OK);
  assert_path(&run, 0, "fine=true/n_bucket=3/ts_hour=2017-11-16-22/ts_month=2017-11/kind_trunc=he");
  assert_path(&run, 1, "fine=null/n_bucket=3/ts_hour=1969-12-31-22/ts_month=1969-12/kind_trunc=x");
  close_fixture(&run);
}

static void test_iceberg_partition__leaves_unpartitioned_tables_alone(void **state) {
  (void)state;
  fixture run;
  open_fixture(&run, NULL, 0);
  add_row(&run, 0, "x", 1, 1);
  assert_int_equal(ice_partitioner_apply(run.partitioner, &run.batch, NULL), ICE_OK);
  assert_path(&run, 0, "");
  assert_true(ice_partitioner_same_key(run.partitioner, 0, 0));
  close_fixture(&run);
}

static void test_iceberg_partition__refuses_fields_that_make_no_sense(void **state) {
  (void)state;
  fixture run;
  open_fixture(&run, NULL, 0);
  ice_partition_field field;
  static const char *const bad[] = {"", "days(nope)", "zorder(ts)", "bucket(0, n)", "days(ts", "nope", "bucket(n)"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_error err = {0};
    if (ice_partition_field_parse(ice_str_of(bad[i]), run.schema, &run.arena, &field, &err) != ICE_INVALID_ARGUMENT) {
      fail_msg("%s: %s", bad[i], err.message);
    }
  }
  assert_int_equal(ice_partition_field_parse(ICE_STR("days(kind)"), run.schema, &run.arena, &field, NULL),
                   ICE_UNSUPPORTED);
  close_fixture(&run);
}

static void test_iceberg_partition__keeps_specs_through_json(void **state) {
  (void)state;
  static const char text[] =
      "{\"spec-id\":2,\"fields\":[{\"name\":\"d\",\"transform\":\"day\",\"source-id\":1,\"field-id\":1003},"
      "{\"name\":\"z\",\"transform\":\"zorder[3]\",\"source-id\":3,\"field-id\":1004}]}";
  ice_arena arena;
  ice_partition_spec spec;
  json_t *json = NULL;
  json_t *again = NULL;
  ice_bytes out;
  ice_arena_init(&arena, 1 << 20);
  ice_bytes_init(&out, 10000);
  assert_int_equal(ice_json_text_parse(ice_str_of(text), &json, NULL), ICE_OK);
  assert_int_equal(ice_partition_spec_from_json(json, &arena, &spec, NULL), ICE_OK);
  assert_int_equal(spec.fields[1].transform.kind, ICE_TRANSFORM_UNKNOWN);
  assert_int_equal(ice_partition_spec_to_json(&spec, &again, NULL), ICE_OK);
  assert_int_equal(ice_json_text_append(again, &out, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&out, NULL), text);
  ice_bytes_clear(&out);
  assert_int_equal(ice_partition_spec_append_fields_json(&spec, &out, NULL), ICE_OK);
  assert_int_equal(out.data[0], '[');
  json_decref(json);
  json_decref(again);
  // Format v1: a bare array, ids left out.
  static const char old[] =
      "[{\"name\":\"a\",\"transform\":\"identity\",\"source-id\":1},"
      "{\"name\":\"b\",\"transform\":\"identity\",\"source-id\":2}]";
  assert_int_equal(ice_json_text_parse(ice_str_of(old), &json, NULL), ICE_OK);
  assert_int_equal(ice_partition_spec_from_json(json, &arena, &spec, NULL), ICE_OK);
  assert_int_equal(spec.fields[0].field_id, 1000);
  assert_int_equal(spec.fields[1].field_id, 1001);
  json_decref(json);
  ice_bytes_deinit(&out);
  ice_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_partition__splits_rows_by_value),
      cmocka_unit_test(test_iceberg_partition__reads_sources_inside_structs),
      cmocka_unit_test(test_iceberg_partition__leaves_unpartitioned_tables_alone),
      cmocka_unit_test(test_iceberg_partition__refuses_fields_that_make_no_sense),
      cmocka_unit_test(test_iceberg_partition__keeps_specs_through_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
