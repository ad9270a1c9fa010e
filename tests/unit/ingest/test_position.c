#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/pending.h"

static void test_position__goes_there_and_back(void **state) {
  (void)state;
  ice_position position;
  ice_position back;
  ice_bytes text;
  ice_bytes again;
  ice_bytes_init(&text, 1 << 20);
  ice_bytes_init(&again, 1 << 20);
  ice_position_init(&position);
  position.epoch = 7;
  position.snapshot_id = INT64_MAX;
  position.sequence_number = 9;
  position.totals = (ice_counts){1, 2, 3, 4, 5, 6};
  for (int32_t i = 0; i < 100; i++) {
    ice_str topic = i % 2 ? ICE_STR("a \"topic\"") : ICE_STR("b");
    assert_int_equal(ice_position_set(&position, topic, i, i, INT64_MAX - i, NULL), ICE_OK);
  }
  assert_int_equal(ice_position_format(&position, &text, NULL), ICE_OK);
  assert_int_equal(ice_position_parse(ice_bytes_str(&text), &back, NULL), ICE_OK);
  assert_int_equal(back.epoch, 7);
  assert_int_equal(back.snapshot_id, INT64_MAX);
  assert_int_equal(back.sequence_number, 9);
  assert_memory_equal(&back.totals, &position.totals, sizeof position.totals);
  assert_int_equal(back.entry_count, 100);
  for (int32_t i = 0; i < 100; i++) {
    const ice_position_entry *entry = ice_position_find(&back, i % 2 ? ICE_STR("a \"topic\"") : ICE_STR("b"), i);
    assert_non_null(entry);
    assert_int_equal(entry->start, i);
    assert_int_equal(entry->offset, INT64_MAX - i);
  }
  assert_null(ice_position_find(&back, ICE_STR("b"), 1));
  assert_int_equal(ice_position_format(&back, &again, NULL), ICE_OK);
  assert_int_equal(again.size, text.size);
  ice_position_deinit(&position);
  ice_position_deinit(&back);
  ice_bytes_deinit(&text);
  ice_bytes_deinit(&again);
}

static void test_position__setting_keeps_the_start(void **state) {
  (void)state;
  ice_position position;
  ice_position_init(&position);
  assert_int_equal(ice_position_set(&position, ICE_STR("t"), 0, 5, 10, NULL), ICE_OK);
  assert_int_equal(ice_position_set(&position, ICE_STR("t"), 0, 10, 20, NULL), ICE_OK);
  assert_int_equal(position.entry_count, 1);
  assert_int_equal(position.entries[0].start, 5);
  assert_int_equal(position.entries[0].offset, 20);
  ice_position_deinit(&position);
}

#define TOTALS ",\"totals\":{\"records\":0,\"gaps\":0,\"elements\":0,\"rows\":0,\"dead-letters\":0,\"filtered\":0}}"
#define HEAD "{\"epoch\":1,\"snapshot-id\":1,\"sequence-number\":1,"

static void test_position__damage_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "[]",
      "{}",
      "{\"epoch\":\"1\"}",
      HEAD "\"start\":{},\"offsets\":{}}",
      HEAD "\"start\":{\"t\":{\"0\":-1}},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":{\"x\":1}},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":{\"2147483648\":1}},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":{\"\":1}},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":[]},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":{\"0\":1.5}},\"offsets\":{}" TOTALS,
      HEAD "\"start\":{\"t\":{\"0\":5}},\"offsets\":{\"t\":{\"0\":4}}" TOTALS,
      HEAD "\"start\":{},\"offsets\":{\"t\":{\"0\":4}}" TOTALS,
  };
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    ice_position position;
    ice_error err = {0};
    if (ice_position_parse(ice_str_of(texts[i]), &position, &err) != ICE_CORRUPT) {
      fail_msg("%s: %s", texts[i], err.message);
    }
    assert_int_equal(position.entry_count, 0);
    assert_true(err.message[0] != '\0');
  }
  ice_position position;
  assert_int_equal(ice_position_parse(ICE_STR(HEAD "\"start\":{},\"offsets\":{}" TOTALS), &position, NULL), ICE_OK);
  ice_position_deinit(&position);
}

static void test_pending__goes_there_and_back(void **state) {
  (void)state;
  static const uint8_t lower[] = {0, 0xFF, 1};
  const ice_partition_summary summaries[] = {
      {.contains_null = true, .has_contains_nan = true, .contains_nan = true},
      {.has_lower = true, .lower = {(const char *)lower, 3}, .has_upper = true, .upper = ICE_STR("")}};
  ice_pending_follower followers[2] = {
      {.table = ICE_STR("db.a"),
       .uuid = ICE_STR("u-1"),
       .snapshot_id = INT64_MAX,
       .manifest = {.file = {.path = ICE_STR("s3://b/m.avro"),
                             .length = 77,
                             .spec_id = 3,
                             .added_files = 4,
                             .added_rows = 5,
                             .partitions = summaries,
                             .partition_count = 2},
                    .added_files_size = 6,
                    .partition_count = 7}},
      {.table = ICE_STR("db.b"), .uuid = ICE_STR("u-2"), .manifest = {.file = {.path = ICE_STR("p"), .length = 1}}}};
  ice_pending pending = {.epoch = 12, .followers = followers, .follower_count = 2};
  ice_pending back;
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  assert_int_equal(ice_pending_format(&pending, &text, NULL), ICE_OK);
  assert_int_equal(ice_pending_parse(ice_bytes_str(&text), &back, NULL), ICE_OK);
  assert_int_equal(back.epoch, 12);
  assert_int_equal(back.follower_count, 2);
  const ice_pending_follower *a = &back.followers[0];
  assert_true(ice_str_equal_c(a->table, "db.a"));
  assert_true(ice_str_equal_c(a->uuid, "u-1"));
  assert_int_equal(a->snapshot_id, INT64_MAX);
  assert_true(ice_str_equal_c(a->manifest.file.path, "s3://b/m.avro"));
  assert_int_equal(a->manifest.file.length, 77);
  assert_int_equal(a->manifest.file.spec_id, 3);
  assert_int_equal(a->manifest.file.added_files, 4);
  assert_int_equal(a->manifest.file.added_rows, 5);
  assert_int_equal(a->manifest.file.added_snapshot_id, INT64_MAX);
  assert_int_equal(a->manifest.file.sequence_number, ICE_SEQUENCE_UNASSIGNED);
  assert_int_equal(a->manifest.added_files_size, 6);
  assert_int_equal(a->manifest.partition_count, 7);
  assert_int_equal(a->manifest.file.partition_count, 2);
  const ice_partition_summary *summary = a->manifest.file.partitions;
  assert_true(summary[0].contains_null && summary[0].has_contains_nan && summary[0].contains_nan);
  assert_false(summary[0].has_lower);
  assert_true(summary[1].has_lower && summary[1].has_upper);
  assert_false(summary[1].has_contains_nan);
  assert_int_equal(summary[1].lower.size, 3);
  assert_memory_equal(summary[1].lower.data, lower, 3);
  assert_int_equal(summary[1].upper.size, 0);
  ice_pending_deinit(&back);
  // Every text that is cut short is refused, and nothing of it is kept.
  for (size_t size = 0; size < text.size; size++) {
    assert_int_equal(ice_pending_parse(ice_str_make((const char *)text.data, size), &back, NULL), ICE_CORRUPT);
    assert_int_equal(back.follower_count, 0);
  }
  ice_bytes_deinit(&text);
}

static void test_follower_epoch__goes_there_and_back(void **state) {
  (void)state;
  ice_follower_epoch epoch = {
      .present = true, .lead_uuid = "2ed6657d-e927-568b-95e1-2665a8aea6a2", .epoch = 5, .snapshot_id = INT64_MAX};
  ice_follower_epoch back;
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  assert_int_equal(ice_follower_epoch_format(&epoch, &text, NULL), ICE_OK);
  assert_int_equal(ice_follower_epoch_parse(ice_bytes_str(&text), &back, NULL), ICE_OK);
  assert_true(back.present);
  assert_string_equal(back.lead_uuid, epoch.lead_uuid);
  assert_int_equal(back.epoch, 5);
  assert_int_equal(back.snapshot_id, INT64_MAX);
  ice_bytes_deinit(&text);
  assert_int_equal(ice_follower_epoch_parse(ICE_STR("{\"epoch\":1}"), &back, NULL), ICE_CORRUPT);
  assert_false(back.present);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_position__goes_there_and_back),
      cmocka_unit_test(test_position__setting_keeps_the_start),
      cmocka_unit_test(test_position__damage_is_refused),
      cmocka_unit_test(test_pending__goes_there_and_back),
      cmocka_unit_test(test_follower_epoch__goes_there_and_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
