#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/catalog_memory.h"
#include "iceberg/iceberg_schema.h"
#include "ingest/ingest.h"
#include "store/store_memory.h"

/// A source of one partition whose log's end is what was seen of it until it is looked at again.
typedef struct test_source {
  ice_source base;
  ice_source_partition partition;
  int64_t end;
  int64_t group_offset;
  int looks;
} test_source;

static ice_catalog *catalog;
static test_source source;

static const ice_table_ident tables[] = {{ICE_STR_INIT("db"), ICE_STR_INIT("data")},
                                         {ICE_STR_INIT("db"), ICE_STR_INIT("errors")}};

static ice_status refresh(ice_source *self, ice_error *err) {
  (void)self;
  (void)err;
  source.looks++;
  source.partition.log_end = source.end;
  return ICE_OK;
}

static ice_status seek(ice_source *self, uint32_t partition, int64_t offset, ice_error *err) {
  (void)err;
  self->partitions[partition].next = offset;
  return ICE_OK;
}

static ice_status ask_group(ice_source *self, int64_t *offsets, ice_error *err) {
  (void)self;
  (void)err;
  offsets[0] = source.group_offset;
  return ICE_OK;
}

static void make_source(int64_t seen_end, int64_t end) {
  static const ice_source_interface interface = {.refresh = refresh, .seek = seek, .ask_group = ask_group};
  source = (test_source){.end = end};
  source.partition = (ice_source_partition){.topic = ICE_STR("t"), .log_end = seen_end, .next = -1};
  source.base = (ice_source){.interface = &interface, .partitions = &source.partition, .partition_count = 1};
}

static int setup(void **state) {
  (void)state;
  ice_store *store;
  ice_schema *schema = NULL;
  const ice_catalog_memory_options options = {.warehouse = ICE_STR("memory://w")};
  assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_open(ice_port_system(), &options, store, &catalog, NULL), ICE_OK);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  assert_int_equal(ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                                                     "\"required\":true,\"type\":\"long\"}]}"),
                                             &schema, NULL),
                   ICE_OK);
  const ice_table_create create = {.schema = schema};
  for (size_t i = 0; i < ICE_COUNT_OF(tables); i++) {
    ice_table table = {0};
    assert_int_equal(ice_catalog_create_table(catalog, tables[i], &create, &table, NULL), ICE_OK);
    ice_table_deinit(&table);
  }
  ice_schema_unref(schema);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_catalog_destroy(catalog);
  return 0;
}

static ice_status start_from(ice_start_policy policy, ice_error *err) {
  ice_ingest *ingest;
  const ice_ingest_options options = {.catalog = catalog,
                                      .port = ice_port_system(),
                                      .sink = ICE_STR("s"),
                                      .tables = tables,
                                      .table_count = ICE_COUNT_OF(tables),
                                      .start = policy,
                                      .spill_directory = "."};
  assert_int_equal(ice_ingest_open(&options, &ingest, err), ICE_OK);
  ice_status status = ice_ingest_start(ingest, &source.base, err);
  ice_ingest_destroy(ingest);
  return status;
}

static ice_status start(ice_error *err) { return start_from(ICE_START_LATEST, err); }

static void test_ingest__goes_on_where_the_group_is(void **state) {
  (void)state;
  make_source(10, 10);
  source.group_offset = 7;
  assert_int_equal(start_from(ICE_START_COMMITTED, NULL), ICE_OK);
  assert_int_equal(source.partition.next, 7);
  // Once: then the table has a position.
  source.group_offset = 9;
  assert_int_equal(start_from(ICE_START_COMMITTED, NULL), ICE_OK);
  assert_int_equal(source.partition.next, 7);
}

static void test_ingest__a_partition_that_the_group_has_not_read_begins_at_its_start(void **state) {
  (void)state;
  make_source(10, 10);
  source.partition.log_start = 3;
  source.group_offset = -1;
  assert_int_equal(start_from(ICE_START_COMMITTED, NULL), ICE_OK);
  assert_int_equal(source.partition.next, 3);
}

static void test_ingest__what_was_removed_behind_the_group_stops(void **state) {
  (void)state;
  ice_error err = {0};
  make_source(10, 10);
  source.partition.log_start = 5;
  source.group_offset = 3;
  assert_int_equal(start_from(ICE_START_COMMITTED, &err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  assert_non_null(strstr(err.message, "the table's position is 3, the log begins at 5; 2 records were removed"));
}

static void test_ingest__a_source_without_groups_says_so(void **state) {
  (void)state;
  ice_error err = {0};
  static const ice_source_interface interface = {.refresh = refresh, .seek = seek};
  make_source(10, 10);
  source.base.interface = &interface;
  assert_int_equal(start_from(ICE_START_COMMITTED, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "source.kafka.start: committed needs a broker"));
}

static void test_ingest__a_position_beyond_the_ends_has_them_looked_at_again(void **state) {
  (void)state;
  ice_error err = {0};
  make_source(10, 10);
  assert_int_equal(start(&err), ICE_OK);
  assert_int_equal(source.partition.next, 10);
  assert_int_equal(source.looks, 0);
  // The ends were seen before another process read on.
  make_source(4, 12);
  assert_int_equal(start(&err), ICE_OK);
  assert_int_equal(source.partition.next, 10);
  assert_int_equal(source.looks, 1);
}

static void test_ingest__a_log_that_ends_before_the_position_stops(void **state) {
  (void)state;
  ice_error err = {0};
  make_source(10, 10);
  assert_int_equal(start(&err), ICE_OK);
  make_source(4, 4);
  assert_int_equal(start(&err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  assert_non_null(strstr(err.message, "the table's position is 10, the log ends at 4; the topic was recreated"));
  // What another member of the group reads is no business of this process.
  make_source(4, 4);
  source.partition.excluded = true;
  assert_int_equal(start(&err), ICE_OK);
  assert_int_equal(source.looks, 0);
}

static void test_ingest__a_log_that_begins_after_the_position_stops(void **state) {
  (void)state;
  ice_error err = {0};
  make_source(10, 10);
  assert_int_equal(start(&err), ICE_OK);
  make_source(20, 20);
  source.partition.log_start = 15;
  assert_int_equal(start(&err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  assert_non_null(strstr(err.message, "the table's position is 10, the log begins at 15; 5 records were removed"));
}

int main(void) {
  const struct CMUnitTest all[] = {
      cmocka_unit_test_setup_teardown(test_ingest__a_position_beyond_the_ends_has_them_looked_at_again, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_ingest__goes_on_where_the_group_is, setup, teardown),
      cmocka_unit_test_setup_teardown(test_ingest__a_partition_that_the_group_has_not_read_begins_at_its_start, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_ingest__what_was_removed_behind_the_group_stops, setup, teardown),
      cmocka_unit_test_setup_teardown(test_ingest__a_source_without_groups_says_so, setup, teardown),
      cmocka_unit_test_setup_teardown(test_ingest__a_log_that_ends_before_the_position_stops, setup, teardown),
      cmocka_unit_test_setup_teardown(test_ingest__a_log_that_begins_after_the_position_stops, setup, teardown),
  };
  return cmocka_run_group_tests(all, NULL, NULL);
}
