#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iceberg/iceberg_append.h"
#include "iceberg_test_support.h"

static ice_manifest_totals make_totals(const char *path, int32_t files, int64_t rows, int64_t size) {
  return (ice_manifest_totals){.file = {.path = ice_str_of(path),
                                        .length = 100,
                                        .sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                        .min_sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                        .added_files = files,
                                        .added_rows = rows},
                               .added_files_size = size,
                               .partition_count = 2};
}

static ice_table_metadata *commit(ice_table_metadata *table, const ice_append *append, int64_t now) {
  ice_table_metadata *next = NULL;
  ice_error err = {0};
  assert_int_equal(ice_table_check_requirements(table, append->requirements, 2, NULL), ICE_OK);
  if (ice_table_apply_updates(table, append->updates, 2, ICE_STR("m"), now, &next, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  ice_table_metadata_destroy(table);
  return next;
}

static void assert_summary(const ice_snapshot *snapshot, const char *key, const char *expected) {
  ice_str value = ice_snapshot_summary(snapshot, key);
  if (expected ? !ice_str_equal_c(value, expected) : value.data != NULL) {
    fail_msg("%s is %.*s", key, ICE_STR_ARG(value));
  }
}

static void test_iceberg_append__carries_totals_and_manifests_on(void **state) {
  (void)state;
  ice_table_metadata *table = test_make_table();
  ice_append append;
  ice_arena arena;
  ice_manifest_file *manifests = NULL;
  uint32_t count = 0;
  ice_arena_init(&arena, 1 << 20);
  ice_manifest_totals first = make_totals("m0", 3, 30, 3000);
  const ice_property extra[] = {{ICE_STR("icesink.epoch"), ICE_STR("1")}};
  ice_append_options options = {.metadata = table,
                                .snapshot_id = 11,
                                .timestamp_ms = 2000,
                                .manifest_list_location = ICE_STR("l0"),
                                .added = &first,
                                .added_count = 1,
                                .summary = extra,
                                .summary_count = 1};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_OK);
  assert_false(append.requirements[1].has_snapshot_id);
  assert_false(append.snapshot.has_parent);
  static const char *const keys[] = {"operation",          "icesink.epoch",          "added-data-files",
                                     "added-records",      "added-files-size",       "changed-partition-count",
                                     "total-records",      "total-files-size",       "total-data-files",
                                     "total-delete-files", "total-position-deletes", "total-equality-deletes"};
  static const char *const values[] = {"append", "1", "3", "30", "3000", "2", "30", "3000", "3", "0", "0", "0"};
  assert_int_equal(append.snapshot.summary_count, ICE_COUNT_OF(keys));
  for (size_t i = 0; i < ICE_COUNT_OF(keys); i++) {
    assert_true(ice_str_equal_c(append.snapshot.summary[i].key, keys[i]));
    assert_true(ice_str_equal_c(append.snapshot.summary[i].value, values[i]));
  }
  assert_int_equal(ice_manifest_list_read(ice_bytes_str(&append.manifest_list), &arena, &manifests, &count, NULL),
                   ICE_OK);
  assert_int_equal(count, 1);
  assert_int_equal(manifests[0].sequence_number, 1);
  assert_int_equal(manifests[0].added_snapshot_id, 11);
  table = commit(table, &append, 2000);
  ice_append_deinit(&append);

  ice_manifest_totals second = make_totals("m1", 1, 5, 500);
  options = (ice_append_options){.metadata = table,
                                 .snapshot_id = 12,
                                 .timestamp_ms = 1500,  // a clock that is behind
                                 .manifest_list_location = ICE_STR("l1"),
                                 .added = &second,
                                 .added_count = 1,
                                 .existing = manifests,
                                 .existing_count = count};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_OK);
  assert_int_equal(append.snapshot.timestamp_ms, 2000);
  assert_int_equal(append.snapshot.parent_snapshot_id, 11);
  assert_int_equal(append.requirements[1].snapshot_id, 11);
  assert_summary(&append.snapshot, "total-records", "35");
  assert_summary(&append.snapshot, "total-data-files", "4");
  assert_summary(&append.snapshot, "added-records", "5");
  assert_int_equal(ice_manifest_list_read(ice_bytes_str(&append.manifest_list), &arena, &manifests, &count, NULL),
                   ICE_OK);
  assert_int_equal(count, 2);
  assert_true(ice_str_equal_c(manifests[0].path, "m1"));
  assert_int_equal(manifests[0].sequence_number, 2);
  assert_true(ice_str_equal_c(manifests[1].path, "m0"));
  assert_int_equal(manifests[1].sequence_number, 1);
  assert_int_equal(manifests[1].added_snapshot_id, 11);
  table = commit(table, &append, 2000);
  ice_append_deinit(&append);
  assert_int_equal(table->snapshot_count, 2);
  assert_int_equal(ice_table_is_ancestor(table, 11, 0, 12), ICE_ANCESTRY_YES);

  // An empty append: the same manifests under a new snapshot.
  options = (ice_append_options){.metadata = table,
                                 .snapshot_id = 13,
                                 .timestamp_ms = 3000,
                                 .manifest_list_location = ICE_STR("l2"),
                                 .existing = manifests,
                                 .existing_count = count};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_OK);
  assert_summary(&append.snapshot, "added-data-files", NULL);
  assert_summary(&append.snapshot, "changed-partition-count", "0");
  assert_summary(&append.snapshot, "total-records", "35");
  assert_int_equal(ice_manifest_list_read(ice_bytes_str(&append.manifest_list), &arena, &manifests, &count, NULL),
                   ICE_OK);
  assert_int_equal(count, 2);
  ice_append_deinit(&append);
  ice_table_metadata_destroy(table);
  ice_arena_deinit(&arena);
}

static void test_iceberg_append__writes_equal_bytes_for_equal_input(void **state) {
  (void)state;
  ice_table_metadata *table = test_make_table();
  ice_append a;
  ice_append b;
  ice_manifest_totals totals = make_totals("m0", 3, 30, 3000);
  const ice_append_options options = {.metadata = table,
                                      .snapshot_id = 11,
                                      .timestamp_ms = 2000,
                                      .manifest_list_location = ICE_STR("l0"),
                                      .added = &totals,
                                      .added_count = 1};
  assert_int_equal(ice_append_build(&options, &a, NULL), ICE_OK);
  assert_int_equal(ice_append_build(&options, &b, NULL), ICE_OK);
  assert_int_equal(a.manifest_list.size, b.manifest_list.size);
  assert_memory_equal(a.manifest_list.data, b.manifest_list.data, a.manifest_list.size);
  ice_append_deinit(&a);
  ice_append_deinit(&b);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_append__leaves_totals_out_that_nobody_knows(void **state) {
  (void)state;
  ice_table_metadata *table = test_make_table();
  ice_table_metadata *next = NULL;
  const ice_property bare[] = {{ICE_STR("operation"), ICE_STR("append")}, {ICE_STR("total-records"), ICE_STR("7")}};
  const ice_snapshot foreign = {.snapshot_id = 3,
                                .sequence_number = 1,
                                .timestamp_ms = 1000,
                                .manifest_list = ICE_STR("l"),
                                .summary = bare,
                                .summary_count = 2};
  const ice_table_update updates[] = {
      {.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &foreign},
      {.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = 3}};
  assert_int_equal(ice_table_apply_updates(table, updates, 2, ICE_STR("m"), 1000, &next, NULL), ICE_OK);
  ice_append append;
  ice_manifest_totals totals = make_totals("m0", 1, 5, 500);
  const ice_append_options options = {.metadata = next,
                                      .snapshot_id = 11,
                                      .timestamp_ms = 2000,
                                      .manifest_list_location = ICE_STR("l0"),
                                      .added = &totals,
                                      .added_count = 1};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_OK);
  assert_summary(&append.snapshot, "total-records", "12");
  assert_summary(&append.snapshot, "total-data-files", NULL);
  ice_append_deinit(&append);
  ice_table_metadata_destroy(table);
  ice_table_metadata_destroy(next);
}

static void test_iceberg_append__refuses_what_would_break_the_table(void **state) {
  (void)state;
  ice_table_metadata *table = test_make_table();
  ice_append append;
  ice_manifest_totals totals = make_totals("m0", 1, 5, 500);
  const ice_property repeated[] = {{ICE_STR("total-records"), ICE_STR("7")}};
  ice_append_options options = {.metadata = table,
                                .snapshot_id = 11,
                                .timestamp_ms = 2000,
                                .manifest_list_location = ICE_STR("l0"),
                                .added = &totals,
                                .added_count = 1,
                                .summary = repeated,
                                .summary_count = 1};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_INVALID_ARGUMENT);
  ice_append_deinit(&append);
  options.summary_count = 0;
  totals.file.path = (ice_str){0};
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_INVALID_ARGUMENT);
  ice_append_deinit(&append);
  totals = make_totals("m0", 1, 5, 500);
  totals.file.deleted_files = 1;
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_INVALID_ARGUMENT);
  ice_append_deinit(&append);
  totals.file.deleted_files = 0;
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_OK);
  table = commit(table, &append, 2000);
  ice_append_deinit(&append);
  options.metadata = table;
  assert_int_equal(ice_append_build(&options, &append, NULL), ICE_INVALID_ARGUMENT);
  ice_append_deinit(&append);
  ice_table_metadata_destroy(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_append__carries_totals_and_manifests_on),
      cmocka_unit_test(test_iceberg_append__writes_equal_bytes_for_equal_input),
      cmocka_unit_test(test_iceberg_append__leaves_totals_out_that_nobody_knows),
      cmocka_unit_test(test_iceberg_append__refuses_what_would_break_the_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
