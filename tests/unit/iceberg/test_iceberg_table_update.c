#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iceberg/iceberg_table_update.h"
#include "iceberg_test_support.h"

static const ice_property append_summary[] = {{ICE_STR_INIT("operation"), ICE_STR_INIT("append")}};

static ice_snapshot make_snapshot(int64_t id, int64_t parent, int64_t sequence, int64_t time) {
  return (ice_snapshot){.snapshot_id = id,
                        .has_parent = parent != 0,
                        .parent_snapshot_id = parent,
                        .sequence_number = sequence,
                        .timestamp_ms = time,
                        .manifest_list = ICE_STR("s3://b/l.avro"),
                        .summary = append_summary,
                        .summary_count = 1,
                        .has_schema_id = true};
}

static ice_table_metadata *apply(ice_table_metadata *base, const ice_table_update *updates, uint32_t count,
                                 const char *previous, int64_t now) {
  ice_table_metadata *table = NULL;
  ice_error err = {0};
  if (ice_table_apply_updates(base, updates, count, ice_str_of(previous), now, &table, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  ice_table_metadata_destroy(base);
  return table;
}

static void refuse(const ice_table_metadata *base, ice_table_update update, ice_status expected,
                   const char *message) {
  ice_table_metadata *table = NULL;
  ice_error err = {0};
  ice_status status = ice_table_apply_updates(base, &update, 1, (ice_str){0}, 5000, &table, &err);
  if (status != expected || table || !strstr(err.message, message)) {
    fail_msg("%s %s", ice_status_name(status), err.message);
  }
}

static ice_table_metadata *add_snapshot(ice_table_metadata *base, int64_t id, int64_t parent, int64_t sequence,
                                        int64_t time) {
  ice_snapshot snapshot = make_snapshot(id, parent, sequence, time);
  const ice_table_update updates[] = {
      {.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
      {.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = id}};
  return apply(base, updates, 2, "s3://b/m.json", time);
}

static void test_iceberg_table_update__adds_a_snapshot(void **state) {
  (void)state;
  ice_table_metadata *table = add_snapshot(test_make_table(), INT64_C(9007199254740993), 0, 1, 2000);
  assert_int_equal(table->last_sequence_number, 1);
  assert_int_equal(table->last_updated_ms, 2000);
  assert_true(ice_table_current_snapshot(table)->snapshot_id == INT64_C(9007199254740993));
  ASSERT_MEMBER(table, "current-snapshot-id", "9007199254740993");
  ASSERT_MEMBER(table, "refs", "{\"main\":{\"snapshot-id\":9007199254740993,\"type\":\"branch\"}}");
  ASSERT_MEMBER(table, "snapshots",
                "[{\"sequence-number\":1,\"snapshot-id\":9007199254740993,\"timestamp-ms\":2000,\"summary\":"
                "{\"operation\":\"append\"},\"manifest-list\":\"s3://b/l.avro\",\"schema-id\":0}]");
  ASSERT_MEMBER(table, "snapshot-log", "[{\"timestamp-ms\":2000,\"snapshot-id\":9007199254740993}]");
  ASSERT_MEMBER(table, "metadata-log", "[{\"timestamp-ms\":1000,\"metadata-file\":\"s3://b/m.json\"}]");
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__refuses_snapshots_that_break_the_history(void **state) {
  (void)state;
  ice_table_metadata *table = add_snapshot(test_make_table(), 5, 0, 3, 100000);
  ice_snapshot twice = make_snapshot(5, 5, 4, 100000);
  ice_snapshot stale = make_snapshot(6, 5, 3, 100000);
  ice_snapshot early = make_snapshot(6, 5, 4, 30000);
  ice_snapshot mute = make_snapshot(6, 5, 4, 100000);
  mute.summary_count = 0;
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &twice}, ICE_INVALID_ARGUMENT, "5");
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &stale}, ICE_INVALID_ARGUMENT,
         "sequence number");
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &early}, ICE_INVALID_ARGUMENT,
         "older");
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &mute}, ICE_INVALID_ARGUMENT,
         "operation");
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = 9},
         ICE_INVALID_ARGUMENT, "does not have");
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__writes_v2_alone(void **state) {
  (void)state;
  ice_table_metadata *v1 = NULL;
  assert_int_equal(
      ice_table_metadata_parse(
          ICE_STR("{\"format-version\":1,\"table-uuid\":\"u\",\"location\":\"s3://b/t\",\"last-updated-ms\":1,"
                  "\"last-column-id\":1,\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                  "\"required\":true,\"type\":\"long\"}]},\"partition-spec\":[]}"),
          &v1, NULL),
      ICE_OK);
  ice_snapshot snapshot = make_snapshot(6, 0, 1, 100000);
  refuse(v1, (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot}, ICE_UNSUPPORTED, "v1");
  refuse(v1, (ice_table_update){.kind = ICE_UPDATE_UPGRADE_FORMAT_VERSION, .id = 3}, ICE_UNSUPPORTED, "3");
  const ice_table_update updates[] = {{.kind = ICE_UPDATE_UPGRADE_FORMAT_VERSION, .id = 2}};
  ice_table_metadata *v2 = apply(v1, updates, 1, NULL, 5);
  assert_int_equal(v2->format_version, 2);
  assert_null(json_object_get(v2->document, "schema"));
  ASSERT_MEMBER(v2, "partition-specs", "[{\"spec-id\":0,\"fields\":[]}]");
  refuse(v2, (ice_table_update){.kind = ICE_UPDATE_UPGRADE_FORMAT_VERSION, .id = 1}, ICE_INVALID_ARGUMENT, "go back");
  v2 = add_snapshot(v2, 6, 0, 1, 100000);
  assert_int_equal(v2->snapshot_count, 1);
  ice_table_metadata_destroy(v2);
}

static void test_iceberg_table_update__changes_properties_and_location(void **state) {
  (void)state;
  const ice_property set[] = {{ICE_STR("a"), ICE_STR("1")}, {ICE_STR("b"), ICE_STR("2")}};
  const ice_property gone[] = {{.key = ICE_STR("a")}, {.key = ICE_STR("never")}};
  const ice_table_update updates[] = {{.kind = ICE_UPDATE_SET_PROPERTIES, .properties = set, .count = 2},
                                      {.kind = ICE_UPDATE_REMOVE_PROPERTIES, .properties = gone, .count = 2},
                                      {.kind = ICE_UPDATE_SET_LOCATION, .text = ICE_STR("s3://c")},
                                      {.kind = ICE_UPDATE_ASSIGN_UUID, .text = ICE_STR("u")}};
  ice_table_metadata *table = apply(test_make_table(), updates, 4, "m", 1500);
  ASSERT_MEMBER(table, "properties", "{\"keep\":\"me\",\"b\":\"2\"}");
  assert_true(ice_str_equal_c(table->location, "s3://c"));
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_ASSIGN_UUID, .text = ICE_STR("v")}, ICE_INVALID_ARGUMENT,
         "uuid");
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__adds_schemas_and_specs(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  assert_int_equal(
      ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"schema-id\":77,\"fields\":["
                                        "{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"},"
                                        "{\"id\":4,\"name\":\"y\",\"required\":false,\"type\":\"int\"}]}"),
                                &schema, NULL),
      ICE_OK);
  ice_partition_field field = {.source_id = 4, .name = ICE_STR("y"), .transform = {.kind = ICE_TRANSFORM_IDENTITY}};
  const ice_partition_spec spec = {.spec_id = 9, .field_count = 1, .fields = &field};
  json_t *order = NULL;
  assert_int_equal(
      ice_json_text_parse(ICE_STR("{\"order-id\":0,\"fields\":[{\"transform\":\"identity\",\"source-id\":"
                                  "1,\"direction\":\"asc\",\"null-order\":\"nulls-first\"}]}"),
                          &order, NULL),
      ICE_OK);
  const ice_table_update updates[] = {
      {.kind = ICE_UPDATE_ADD_SCHEMA, .schema = schema},  {.kind = ICE_UPDATE_SET_CURRENT_SCHEMA, .id = -1},
      {.kind = ICE_UPDATE_ADD_SPEC, .spec = &spec},       {.kind = ICE_UPDATE_SET_DEFAULT_SPEC, .id = -1},
      {.kind = ICE_UPDATE_ADD_SORT_ORDER, .json = order}, {.kind = ICE_UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1}};
  ice_table_metadata *table = apply(test_make_table(), updates, 6, "m", 1500);
  assert_int_equal(table->current_schema_id, 1);
  assert_int_equal(table->last_column_id, 4);
  assert_int_equal(table->default_spec_id, 1);
  assert_int_equal(table->last_partition_id, 1000);
  assert_int_equal(table->default_sort_order_id, 1);
  assert_int_equal(ice_table_default_spec(table)->fields[0].field_id, 1000);
  // The same again adds nothing.
  table = apply(table, updates, 6, "m", 1600);
  assert_int_equal(table->schema_count, 2);
  assert_int_equal(table->spec_count, 2);
  assert_int_equal(table->current_schema_id, 1);
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_SET_CURRENT_SCHEMA, .id = 9}, ICE_INVALID_ARGUMENT, "9");
  refuse(table, (ice_table_update){.kind = ICE_UPDATE_SET_DEFAULT_SPEC, .id = -1}, ICE_INVALID_ARGUMENT, "none");
  ice_table_metadata_destroy(table);
  ice_schema_unref(schema);
  json_decref(order);
}

static void test_iceberg_table_update__a_history_that_is_not_shown_proves_nothing(void **state) {
  (void)state;
  // As Nessie shows a table: the newest snapshot, and as if it had no parent.
  ice_table_metadata *table = add_snapshot(test_make_table(), 9, 0, 5, 2000);
  assert_int_equal(ice_table_is_ancestor(table, 7, 3, 9), ICE_ANCESTRY_UNKNOWN);
  assert_int_equal(ice_table_is_ancestor(table, 7, 0, 9), ICE_ANCESTRY_UNKNOWN);
  assert_int_equal(ice_table_is_ancestor(table, 7, 5, 9), ICE_ANCESTRY_NO);
  assert_int_equal(ice_table_is_ancestor(table, 7, 6, 9), ICE_ANCESTRY_NO);
  ice_table_metadata_destroy(table);
  // The first snapshot of all has no parent for certain.
  table = add_snapshot(test_make_table(), 9, 0, 1, 2000);
  assert_int_equal(ice_table_is_ancestor(table, 7, 0, 9), ICE_ANCESTRY_NO);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__removes_snapshots_with_what_points_to_them(void **state) {
  (void)state;
  ice_table_metadata *table = add_snapshot(test_make_table(), 1, 0, 1, 2000);
  table = add_snapshot(table, 2, 1, 2, 3000);
  table = add_snapshot(table, 3, 2, 3, 4000);
  const ice_table_update tag[] = {
      {.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("old"), .snapshot_id = 2, .is_tag = true}};
  table = apply(table, tag, 1, "m", 4000);
  assert_true(ice_table_find_ref(table, ICE_STR("old"))->is_tag);
  static const int64_t ids[] = {2, 99};
  const ice_table_update remove[] = {{.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = ids, .count = 2}};
  table = apply(table, remove, 1, "m", 4000);
  assert_int_equal(table->snapshot_count, 2);
  assert_null(ice_table_find_ref(table, ICE_STR("old")));
  // The log before the hole goes too.
  ASSERT_MEMBER(table, "snapshot-log", "[{\"timestamp-ms\":4000,\"snapshot-id\":3}]");
  assert_int_equal(ice_table_is_ancestor(table, 1, 0, 3), ICE_ANCESTRY_UNKNOWN);
  // A walk that ends at the hole still knows that it has come below a later sequence number.
  assert_int_equal(ice_table_is_ancestor(table, 1, 1, 3), ICE_ANCESTRY_UNKNOWN);
  assert_int_equal(ice_table_is_ancestor(table, 4, 3, 3), ICE_ANCESTRY_NO);
  assert_int_equal(ice_table_is_ancestor(table, 4, 4, 3), ICE_ANCESTRY_NO);
  static const int64_t last[] = {3};
  const ice_table_update remove_head[] = {{.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = last, .count = 1}};
  table = apply(table, remove_head, 1, "m", 4000);
  assert_false(table->has_current_snapshot);
  ASSERT_MEMBER(table, "current-snapshot-id", "-1");
  ASSERT_MEMBER(table, "refs", "{}");
  const ice_table_update back[] = {{.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = 1},
                                   {.kind = ICE_UPDATE_REMOVE_SNAPSHOT_REF, .text = ICE_STR("main")}};
  table = apply(table, back, 2, "m", 4000);
  assert_false(table->has_current_snapshot);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__bounds_the_metadata_log_and_keeps_time(void **state) {
  (void)state;
  const ice_property limit[] = {{ICE_STR("write.metadata.previous-versions-max"), ICE_STR("2")}};
  const ice_table_update updates[] = {{.kind = ICE_UPDATE_SET_PROPERTIES, .properties = limit, .count = 1}};
  ice_table_metadata *table = apply(test_make_table(), updates, 1, "a", 1500);
  table = apply(table, updates, 1, "b", 1400);
  assert_int_equal(table->last_updated_ms, 1500);
  table = apply(table, updates, 1, "c", 1600);
  ASSERT_MEMBER(table, "metadata-log",
                "[{\"timestamp-ms\":1500,\"metadata-file\":\"b\"},{\"timestamp-ms\":1500,\"metadata-file\":\"c\"}]");
  ice_table_metadata_destroy(table);
}

static void check(const ice_table_metadata *table, ice_table_requirement wanted, const char *message) {
  ice_error err = {0};
  ice_status status = ice_table_check_requirements(table, &wanted, 1, &err);
  assert_int_equal(status, message ? ICE_CONFLICT : ICE_OK);
  if (message && !strstr(err.message, message)) {
    fail_msg("%s", err.message);
  }
}

static void test_iceberg_table_update__checks_requirements(void **state) {
  (void)state;
  ice_table_metadata *empty = test_make_table();
  ice_table_metadata *table = add_snapshot(test_make_table(), 5, 0, 1, 2000);
  ice_table_requirement ref = {.kind = ICE_ASSERT_REF_SNAPSHOT_ID, .ref = ICE_STR("main")};
  check(NULL, (ice_table_requirement){.kind = ICE_ASSERT_CREATE}, NULL);
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_CREATE}, "assert-create");
  check(NULL, ref, "does not exist");
  check(empty, ref, NULL);
  check(table, ref, "assert-ref-snapshot-id failed: main exists");
  ref.has_snapshot_id = true;
  ref.snapshot_id = 5;
  check(table, ref, NULL);
  check(empty, ref, "main does not exist");
  ref.snapshot_id = 4;
  check(table, ref, "main is at snapshot 5, expected 4");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_TABLE_UUID, .uuid = ICE_STR("u")}, NULL);
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_TABLE_UUID, .uuid = ICE_STR("w")}, "assert-table-uuid");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_CURRENT_SCHEMA_ID, .id = 0}, NULL);
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_CURRENT_SCHEMA_ID, .id = 1}, "assert-current-schema-id");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_LAST_ASSIGNED_FIELD_ID, .id = 1}, NULL);
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_LAST_ASSIGNED_FIELD_ID, .id = 2}, "field-id");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_DEFAULT_SPEC_ID, .id = 3}, "assert-default-spec-id");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_DEFAULT_SORT_ORDER_ID, .id = 3}, "sort-order");
  check(table, (ice_table_requirement){.kind = ICE_ASSERT_LAST_ASSIGNED_PARTITION_ID, .id = 3}, "partition-id");
  ice_table_metadata_destroy(empty);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_update__speaks_the_rest_vocabulary(void **state) {
  (void)state;
  ice_table_metadata *base = test_make_table();
  ice_snapshot snapshot = make_snapshot(INT64_C(9007199254740993), 0, 1, 2000);
  const ice_property set[] = {{ICE_STR("a"), ICE_STR("1")}};
  const ice_property gone[] = {{.key = ICE_STR("b")}};
  static const int64_t ids[] = {4};
  const ice_table_requirement requirements[] = {
      {.kind = ICE_ASSERT_TABLE_UUID, .uuid = ICE_STR("u")},
      {.kind = ICE_ASSERT_REF_SNAPSHOT_ID, .ref = ICE_STR("main")},
      {.kind = ICE_ASSERT_REF_SNAPSHOT_ID, .ref = ICE_STR("b"), .has_snapshot_id = true, .snapshot_id = 7},
      {.kind = ICE_ASSERT_LAST_ASSIGNED_FIELD_ID, .id = 1}};
  const ice_table_update updates[] = {
      {.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
      {.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = INT64_C(9007199254740993)},
      {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = set, .count = 1},
      {.kind = ICE_UPDATE_REMOVE_PROPERTIES, .properties = gone, .count = 1},
      {.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = ids, .count = 1},
      {.kind = ICE_UPDATE_ADD_SCHEMA, .schema = ice_table_current_schema(base)},
      {.kind = ICE_UPDATE_ADD_SPEC, .spec = ice_table_default_spec(base)},
      {.kind = ICE_UPDATE_SET_CURRENT_SCHEMA, .id = -1}};
  static const char expected[] =
      "{\"requirements\":[{\"type\":\"assert-table-uuid\",\"uuid\":\"u\"},"
      "{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":null},"
      "{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"b\",\"snapshot-id\":7},"
      "{\"type\":\"assert-last-assigned-field-id\",\"last-assigned-field-id\":1}],\"updates\":["
      "{\"action\":\"add-snapshot\",\"snapshot\":{\"sequence-number\":1,\"snapshot-id\":9007199254740993,"
      "\"timestamp-ms\":2000,\"summary\":{\"operation\":\"append\"},\"manifest-list\":\"s3://b/l.avro\","
      "\"schema-id\":0}},"
      "{\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"branch\",\"snapshot-id\":9007199254740993},"
      "{\"action\":\"set-properties\",\"updates\":{\"a\":\"1\"}},"
      "{\"action\":\"remove-properties\",\"removals\":[\"b\"]},"
      "{\"action\":\"remove-snapshots\",\"snapshot-ids\":[4]},"
      "{\"action\":\"add-schema\",\"schema\":{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":"
      "\"x\","
      "\"required\":true,\"type\":\"long\"}]},\"last-column-id\":1},"
      "{\"action\":\"add-spec\",\"spec\":{\"spec-id\":0,\"fields\":[]}},"
      "{\"action\":\"set-current-schema\",\"schema-id\":-1}]}";
  const ice_table_change change = {.requirements = requirements,
                                   .requirement_count = ICE_COUNT_OF(requirements),
                                   .updates = updates,
                                   .update_count = ICE_COUNT_OF(updates)};
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  json_t *body = json_object();
  assert_int_equal(ice_table_change_to_json(&change, body, NULL), ICE_OK);
  assert_int_equal(ice_json_text_append(body, &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), expected);
  // There and back again.
  ice_table_change_read read;
  ice_error err = {0};
  if (ice_table_change_from_json(body, &read, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  json_decref(body);
  json_t *again = json_object();
  assert_int_equal(ice_table_change_to_json(&read.change, again, NULL), ICE_OK);
  ice_bytes_clear(&text);
  assert_int_equal(ice_json_text_append(again, &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), expected);
  json_decref(again);
  ice_table_change_read_deinit(&read);
  ice_bytes_deinit(&text);
  ice_table_metadata_destroy(base);
}

static void test_iceberg_table_update__names_what_it_does_not_know(void **state) {
  (void)state;
  static const char *const bodies[][2] = {
      {"{\"updates\":[{\"action\":\"set-statistics\"}]}", "set-statistics"},
      {"{\"requirements\":[{\"type\":\"assert-view-uuid\"}]}", "assert-view-uuid"}};
  for (size_t i = 0; i < ICE_COUNT_OF(bodies); i++) {
    json_t *body = NULL;
    ice_table_change_read read;
    ice_error err = {0};
    assert_int_equal(ice_json_text_parse(ice_str_of(bodies[i][0]), &body, NULL), ICE_OK);
    assert_int_equal(ice_table_change_from_json(body, &read, &err), ICE_UNSUPPORTED);
    assert_non_null(strstr(err.message, bodies[i][1]));
    ice_table_change_read_deinit(&read);
    json_decref(body);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_table_update__adds_a_snapshot),
      cmocka_unit_test(test_iceberg_table_update__refuses_snapshots_that_break_the_history),
      cmocka_unit_test(test_iceberg_table_update__writes_v2_alone),
      cmocka_unit_test(test_iceberg_table_update__changes_properties_and_location),
      cmocka_unit_test(test_iceberg_table_update__adds_schemas_and_specs),
      cmocka_unit_test(test_iceberg_table_update__a_history_that_is_not_shown_proves_nothing),
      cmocka_unit_test(test_iceberg_table_update__removes_snapshots_with_what_points_to_them),
      cmocka_unit_test(test_iceberg_table_update__bounds_the_metadata_log_and_keeps_time),
      cmocka_unit_test(test_iceberg_table_update__checks_requirements),
      cmocka_unit_test(test_iceberg_table_update__speaks_the_rest_vocabulary),
      cmocka_unit_test(test_iceberg_table_update__names_what_it_does_not_know),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
