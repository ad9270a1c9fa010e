#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/compress.h"
#include "iceberg/iceberg_schema.h"
#include "iceberg/iceberg_table_metadata.h"

#define SCHEMA_0 \
  "{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}"
#define SNAPSHOT(id, parent, sequence)                                                                            \
  "{\"snapshot-id\":" id ",\"parent-snapshot-id\":" parent ",\"timestamp-ms\":1000,\"sequence-number\":" sequence \
  ",\"summary\":{\"operation\":\"append\",\"total-records\":\"5\"},\"manifest-list\":\"s3://b/l.avro\",\"odd\":[1]}"

static const char v2_text[] =
    "{\"format-version\":2,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\",\"location\":\"s3://b/t\","
    "\"last-sequence-number\":34,\"last-updated-ms\":1602638573590,\"last-column-id\":1,\"current-schema-id\":0,"
    "\"schemas\":[" SCHEMA_0 ",{\"type\":\"struct\",\"schema-id\":9,\"fields\":[{\"id\":1,\"name\":\"v\",\"required\":"
    "true,\"type\":\"variant\"}]}],\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],"
    "\"last-partition-id\":999,\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],"
    "\"properties\":{\"a\":\"b\",\"n\":5},\"current-snapshot-id\":3055729675574597004,\"snapshots\":["
    SNAPSHOT("3051729675574597004", "null", "0") "," SNAPSHOT("3055729675574597004", "3051729675574597004", "1") ","
    SNAPSHOT("77", "66", "2") "],"
    "\"refs\":{\"main\":{\"snapshot-id\":3055729675574597004,\"type\":\"branch\"},"
    "\"t\":{\"snapshot-id\":77,\"type\":\"tag\",\"max-ref-age-ms\":10}},"
    "\"snapshot-log\":[],\"metadata-log\":[],\"from-the-future\":{\"deep\":[1.5,null,{\"x\":9007199254740993}]}}";

static ice_table_metadata *parse(const char *text) {
  ice_table_metadata *table = NULL;
  ice_error err = {0};
  if (ice_table_metadata_parse(ice_str_of(text), &table, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return table;
}

static void test_iceberg_table_metadata__reads_v2(void **state) {
  (void)state;
  ice_table_metadata *table = parse(v2_text);
  assert_int_equal(table->format_version, 2);
  assert_true(ice_str_equal_c(table->uuid, "9c12d441-03fe-4693-9a96-a0705ddf69c1"));
  assert_int_equal(table->last_sequence_number, 34);
  assert_int_equal(table->snapshot_count, 3);
  assert_true(ice_table_current_snapshot(table)->snapshot_id == INT64_C(3055729675574597004));
  assert_true(ice_table_ref_snapshot(table, ICE_REF_MAIN) == ice_table_current_snapshot(table));
  assert_true(ice_table_find_ref(table, ICE_STR("t"))->is_tag);
  assert_null(ice_table_find_ref(table, ICE_STR("u")));
  assert_true(ice_str_equal_c(ice_table_property(table, ICE_STR("a")), "b"));
  assert_true(ice_str_equal_c(ice_table_property(table, ICE_STR("n")), "5"));
  assert_null(ice_table_property(table, ICE_STR("c")).data);
  assert_int_equal(ice_snapshot_summary_i64(ice_table_current_snapshot(table), "total-records", -1), 5);
  assert_int_equal(ice_snapshot_summary_i64(ice_table_current_snapshot(table), "operation", -1), -1);
  // The old schema with a type from the future is passed over, the current one is there.
  assert_int_equal(table->schema_count, 1);
  assert_int_equal(ice_table_current_schema(table)->root.field_count, 1);
  assert_int_equal(ice_table_default_spec(table)->field_count, 0);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_metadata__keeps_what_it_does_not_know(void **state) {
  (void)state;
  ice_table_metadata *table = parse(v2_text);
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  assert_int_equal(ice_table_metadata_append_json(table, &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), v2_text);
  ice_bytes_deinit(&text);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_metadata__walks_ancestors(void **state) {
  (void)state;
  ice_table_metadata *table = parse(v2_text);
  int64_t first = INT64_C(3051729675574597004);
  int64_t second = INT64_C(3055729675574597004);
  assert_int_equal(ice_table_is_ancestor(table, first, 0, second), ICE_ANCESTRY_YES);
  assert_int_equal(ice_table_is_ancestor(table, second, 0, second), ICE_ANCESTRY_YES);
  assert_int_equal(ice_table_is_ancestor(table, second, 0, first), ICE_ANCESTRY_NO);
  assert_int_equal(ice_table_is_ancestor(table, first, 0, 77), ICE_ANCESTRY_UNKNOWN);
  assert_int_equal(ice_table_is_ancestor(table, 66, 0, 77), ICE_ANCESTRY_YES);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_metadata__reads_v1_and_v3(void **state) {
  (void)state;
  ice_table_metadata *table = parse(
      "{\"format-version\":1,\"location\":\"s3://b/"
      "t\",\"last-updated-ms\":1,\"last-column-id\":1,\"schema\":" SCHEMA_0
      ",\"partition-spec\":[{\"name\":\"x\",\"transform\":\"identity\",\"source-id\":1,\"field-id\":1000}],"
      "\"properties\":{},\"current-snapshot-id\":-1,\"snapshots\":[]}");
  assert_int_equal(table->uuid.size, 0);
  assert_false(table->has_current_snapshot);
  assert_int_equal(ice_table_default_spec(table)->field_count, 1);
  assert_int_equal(table->last_partition_id, 1000);
  assert_int_equal(table->ref_count, 0);
  ice_table_metadata_destroy(table);
  table = parse(
      "{\"format-version\":3,\"table-uuid\":\"u\",\"location\":\"s3://b/t\",\"last-sequence-number\":0,"
      "\"last-updated-ms\":1,\"last-column-id\":1,\"schemas\":[" SCHEMA_0
      "],\"current-schema-id\":0,"
      "\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"default-spec-id\":0,\"last-partition-id\":999,"
      "\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":0,\"current-snapshot-id\":null,"
      "\"next-row-id\":7}");
  assert_false(table->has_current_snapshot);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_metadata__gives_a_table_without_refs_its_main_branch(void **state) {
  (void)state;
  ice_table_metadata *table = parse(
      "{\"format-version\":1,\"location\":\"s3://b/"
      "t\",\"last-updated-ms\":1,\"last-column-id\":1,\"schema\":" SCHEMA_0
      ",\"partition-spec\":[],\"current-snapshot-id\":8,\"snapshots\":[{\"snapshot-id\":8,\"timestamp-ms\":1,"
      "\"manifests\":[\"a\"]}]}");
  assert_true(ice_table_ref_snapshot(table, ICE_REF_MAIN)->snapshot_id == 8);
  assert_int_equal(ice_table_current_snapshot(table)->manifest_list.size, 0);
  ice_table_metadata_destroy(table);
}

static void test_iceberg_table_metadata__reads_gzip(void **state) {
  (void)state;
  ice_compressor *compressor = NULL;
  ice_bytes packed;
  ice_table_metadata *table = NULL;
  ice_bytes_init(&packed, 1 << 20);
  assert_int_equal(ice_compressor_create(&compressor, NULL), ICE_OK);
  assert_int_equal(ice_compress(compressor, ICE_CODEC_GZIP, 0, v2_text, sizeof v2_text - 1, &packed, NULL), ICE_OK);
  assert_int_equal(ice_table_metadata_parse(ice_bytes_str(&packed), &table, NULL), ICE_OK);
  assert_int_equal(table->snapshot_count, 3);
  ice_table_metadata_destroy(table);
  ice_compressor_destroy(compressor);
  ice_bytes_deinit(&packed);
}

typedef struct edit {
  const char *from;
  const char *to;
  ice_status status;
} edit;

static void test_iceberg_table_metadata__names_what_is_damaged(void **state) {
  (void)state;
  static const edit edits[] = {
      {"\"format-version\":2", "\"format-version\":4", ICE_UNSUPPORTED},
      {"\"format-version\":2", "\"format-version\":\"2\"", ICE_CORRUPT},
      {"\"table-uuid\"", "\"table-uuix\"", ICE_CORRUPT},
      {"\"last-sequence-number\":34", "\"last-sequence-number\":null", ICE_CORRUPT},
      {"\"current-schema-id\":0", "\"current-schema-id\":9", ICE_UNSUPPORTED},
      {"\"current-schema-id\":0", "\"current-schema-id\":5", ICE_CORRUPT},
      {"\"default-spec-id\":0", "\"default-spec-id\":5", ICE_CORRUPT},
      {"\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":3055729675574597005", ICE_CORRUPT},
      {"\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":77", ICE_CORRUPT},
      {"\"snapshot-id\":77", "\"snapshot-id\":3051729675574597004", ICE_CORRUPT},
      {"\"snapshot-id\":77", "\"snapshot-id\":7.5", ICE_CORRUPT},
      {"\"a\":\"b\"", "\"a\":[]", ICE_CORRUPT},
      {"\"a\":\"b\"", "\"location\":\"b\",\"location\":\"c\"", ICE_CORRUPT},
      {"\"location\":\"s3://b/t\"", "\"location\":5", ICE_CORRUPT}};
  for (size_t i = 0; i < ICE_COUNT_OF(edits); i++) {
    const char *at = strstr(v2_text, edits[i].from);
    ice_bytes text;
    ice_table_metadata *table = NULL;
    ice_error err = {0};
    ice_bytes_init(&text, 1 << 20);
    assert_int_equal(ice_bytes_append(&text, v2_text, (size_t)(at - v2_text), NULL), ICE_OK);
    assert_int_equal(ice_bytes_append_str(&text, ice_str_of(edits[i].to), NULL), ICE_OK);
    assert_int_equal(ice_bytes_append_str(&text, ice_str_of(at + strlen(edits[i].from)), NULL), ICE_OK);
    if (ice_table_metadata_parse(ice_bytes_str(&text), &table, &err) != edits[i].status || table) {
      fail_msg("%s: %s %s", edits[i].to, ice_status_name(err.status), err.message);
    }
    ice_bytes_deinit(&text);
  }
}

static void test_iceberg_table_metadata__creates_tables(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  ice_table_metadata *table = NULL;
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  assert_int_equal(
      ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"schema-id\":5,\"fields\":["
                                        "{\"id\":11,\"name\":\"a\",\"required\":true,\"type\":\"string\"},"
                                        "{\"id\":12,\"name\":\"ts\",\"required\":true,\"type\":\"timestamp\"}]}"),
                                &schema, NULL),
      ICE_OK);
  ice_partition_field field = {.source_id = 12, .name = ICE_STR("ts_day"), .transform = {.kind = ICE_TRANSFORM_DAY}};
  ice_partition_spec spec = {.spec_id = 3, .field_count = 1, .fields = &field};
  const ice_property property = {ICE_STR("k"), ICE_STR("v")};
  const ice_table_create create = {.uuid = ICE_STR("u-1"),
                                   .location = ICE_STR("file:///w/t"),
                                   .schema = schema,
                                   .spec = &spec,
                                   .properties = &property,
                                   .property_count = 1,
                                   .now_ms = 1700000000000};
  assert_int_equal(ice_table_metadata_create(&create, &table, NULL), ICE_OK);
  assert_int_equal(ice_table_metadata_append_json(table, &text, NULL), ICE_OK);
  assert_string_equal(
      ice_bytes_c_str(&text, NULL),
      "{\"format-version\":2,\"table-uuid\":\"u-1\",\"location\":\"file:///w/t\",\"last-sequence-number\":0,"
      "\"last-updated-ms\":1700000000000,\"last-column-id\":2,\"current-schema-id\":0,\"schemas\":[{\"type\":"
      "\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"string\"},"
      "{\"id\":2,\"name\":\"ts\",\"required\":true,\"type\":\"timestamp\"}]}],\"default-spec-id\":0,"
      "\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"ts_day\",\"transform\":\"day\",\"source-id\":2,"
      "\"field-id\":1000}]}],\"last-partition-id\":1000,\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,"
      "\"fields\":[]}],\"properties\":{\"k\":\"v\"},\"current-snapshot-id\":-1,\"refs\":{},\"snapshots\":[],"
      "\"statistics\":[],\"partition-statistics\":[],\"snapshot-log\":[],\"metadata-log\":[]}");
  ice_table_metadata_destroy(table);
  field.source_id = 99;
  assert_int_equal(ice_table_metadata_create(&create, &table, NULL), ICE_NOT_FOUND);
  ice_schema_unref(schema);
  ice_bytes_deinit(&text);
}

static void test_iceberg_snapshot__makes_names_and_ids(void **state) {
  (void)state;
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  static const uint8_t random[16] = {0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  // 8001020304054607 ^ 88090a0b0c0d0e0f, masked positive.
  assert_true(ice_snapshot_id_from_random(random) == INT64_C(0x0808080808084808));
  ice_bytes_clear(&text);
  assert_int_equal(ice_manifest_list_name_append(42, 1, ICE_STR("u"), &text, NULL), ICE_OK);
  assert_int_equal(ice_bytes_append_u8(&text, ' ', NULL), ICE_OK);
  assert_int_equal(ice_manifest_name_append(ICE_STR("u"), 3, &text, NULL), ICE_OK);
  assert_int_equal(ice_bytes_append_u8(&text, ' ', NULL), ICE_OK);
  assert_int_equal(ice_metadata_name_append(7, ICE_STR("u"), &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), "snap-42-1-u.avro u-m3.avro 00007-u.metadata.json");
  assert_int_equal(ice_metadata_name_version(ICE_STR("s3://b/t/metadata/00012-u.metadata.json")), 12);
  assert_int_equal(ice_metadata_name_version(ICE_STR("s3://b/t/metadata/v3.metadata.json")), 3);
  assert_int_equal(ice_metadata_name_version(ICE_STR("s3://b/t/metadata/x.metadata.json")), -1);
  ice_bytes_deinit(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_table_metadata__reads_v2),
      cmocka_unit_test(test_iceberg_table_metadata__keeps_what_it_does_not_know),
      cmocka_unit_test(test_iceberg_table_metadata__walks_ancestors),
      cmocka_unit_test(test_iceberg_table_metadata__reads_v1_and_v3),
      cmocka_unit_test(test_iceberg_table_metadata__gives_a_table_without_refs_its_main_branch),
      cmocka_unit_test(test_iceberg_table_metadata__reads_gzip),
      cmocka_unit_test(test_iceberg_table_metadata__names_what_is_damaged),
      cmocka_unit_test(test_iceberg_table_metadata__creates_tables),
      cmocka_unit_test(test_iceberg_snapshot__makes_names_and_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
