#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// What other programs did to source and tables between two starts of a sink, and what each policy makes of it: the
// default stops and says why; with the policy set the sink goes on, and the audit still proves what can be proven.
#include "catalog/catalog_memory.h"
#include "iceberg/iceberg_schema.h"
#include "ingest/ingest.h"
#include "ingest/verify.h"
#include "store/store_memory.h"

enum { PARTITIONS = 2, SETTLE_MAX = 10 };

static const ice_table_ident tables[] = {{ICE_STR_INIT("db"), ICE_STR_INIT("lead")},
                                         {ICE_STR_INIT("db"), ICE_STR_INIT("errors")}};
static const ice_table_ident lead = {ICE_STR_INIT("db"), ICE_STR_INIT("lead")};
static const ice_table_ident errors = {ICE_STR_INIT("db"), ICE_STR_INIT("errors")};

/// A topic "t" whose log is two numbers per partition.
typedef struct fixture {
  ice_catalog *catalog;
  ice_source source;
  ice_source_partition partitions[PARTITIONS];
  ice_policies policies;
  ice_str sink;
  uint32_t lead;
  ice_ingest *ingest;
  ice_memory_fate fates[8];
  size_t fate_count;
  size_t fate_at;
} fixture;

static fixture self;

static ice_memory_fate decide(void *context, const ice_table_commit *commits, size_t count, int64_t number) {
  (void)context;
  (void)commits;
  (void)count;
  (void)number;
  return self.fate_at < self.fate_count ? self.fates[self.fate_at++] : ICE_MEMORY_APPLY;
}

static ice_status seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  (void)err;
  source->partitions[partition].next = offset;
  return ICE_OK;
}

static ice_status refresh(ice_source *source, ice_error *err) {
  (void)source;
  (void)err;
  return ICE_OK;
}

static const ice_source_interface source_interface = {.refresh = refresh, .seek = seek};

static void create_table(ice_table_ident ident) {
  ice_schema *schema = NULL;
  ice_table table = {0};
  assert_int_equal(ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                                                     "\"required\":true,\"type\":\"long\"}]}"),
                                             &schema, NULL),
                   ICE_OK);
  const ice_table_create create = {.schema = schema};
  assert_int_equal(ice_catalog_create_table(self.catalog, ident, &create, &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  ice_schema_unref(schema);
}

static int setup(void **state) {
  ice_store *store = NULL;
  const ice_catalog_memory_options options = {.atomic = *state != NULL, .warehouse = ICE_STR("memory://w")};
  const ice_memory_hook hook = {.before = decide};
  self = (fixture){.sink = ICE_STR("s"), .source = {.interface = &source_interface, .partition_count = PARTITIONS}};
  self.source.partitions = self.partitions;
  for (int32_t i = 0; i < PARTITIONS; i++) {
    self.partitions[i] = (ice_source_partition){.topic = ICE_STR("t"), .partition = i, .log_end = 100, .next = -1};
  }
  assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_open(ice_port_system(), &options, store, &self.catalog, NULL), ICE_OK);
  ice_catalog_memory_set_hook(self.catalog, &hook);
  assert_int_equal(ice_catalog_create_namespace(self.catalog, ICE_STR("db"), NULL), ICE_OK);
  create_table(lead);
  create_table(errors);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_ingest_destroy(self.ingest);
  ice_catalog_destroy(self.catalog);
  return 0;
}

static ice_status start(ice_error *err) {
  ice_ingest_destroy(self.ingest);
  self.ingest = NULL;
  const ice_ingest_options options = {
      .catalog = self.catalog,
      .port = ice_port_system(),
      .sink = self.sink,
      .tables = tables,
      .table_count = 2,
      .lead = self.lead,
      .policies = self.policies,
      .write = {.page_size = 4096, .row_group_size = 1 << 20, .target_file_size = 1 << 20},
      .spill_directory = "/tmp"};
  assert_int_equal(ice_ingest_open(&options, &self.ingest, err), ICE_OK);
  return ice_ingest_start(self.ingest, &self.source, err);
}

static void start_well(void) {
  ice_error err = {0};
  if (start(&err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
}

static void set_topic(ice_str topic) {
  for (int i = 0; i < PARTITIONS; i++) {
    self.partitions[i].topic = topic;
  }
}

static void start_stops(const char *says) {
  ice_error err = {0};
  assert_int_equal(start(&err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  if (!strstr(err.message, says)) {
    fail_msg("%s", err.message);
  }
}

// Consumes up to `to`: every record is dropped by a filter.
static void add(uint32_t partition, int64_t to) {
  ice_source_partition *at = &self.partitions[partition];
  const ice_chunk_range range = {.partition = partition, .from = at->next, .to = to, .record_count = to - at->next};
  ice_batch rows = {0};
  ice_pipeline_output output = {.tables = &rows, .table_count = 1};
  output.counts.records = output.counts.elements = output.counts.filtered = range.record_count;
  assert_int_equal(ice_batch_init(&rows, ice_ingest_schema(self.ingest, 0), NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&output.dead_letters, ice_ingest_schema(self.ingest, 1), NULL), ICE_OK);
  assert_int_equal(ice_ingest_add(self.ingest, &self.source, &range, 1, &output, NULL), ICE_OK);
  at->next = to;
  ice_batch_deinit(&rows);
  ice_batch_deinit(&output.dead_letters);
}

static ice_status settle(ice_attempt *outcome, ice_error *err) {
  ice_status status = ICE_OK;
  *outcome = ICE_ATTEMPT_AGAIN;
  for (int i = 0; i < SETTLE_MAX && status == ICE_OK && *outcome == ICE_ATTEMPT_AGAIN; i++) {
    status = ice_ingest_attempt(self.ingest, outcome, err);
  }
  return status;
}

static void consume(uint32_t partition, int64_t to) {
  ice_attempt outcome;
  add(partition, to);
  assert_int_equal(ice_ingest_close(self.ingest, &self.source, NULL), ICE_OK);
  assert_int_equal(settle(&outcome, NULL), ICE_OK);
  assert_int_equal(outcome, ICE_ATTEMPT_DONE);
}

static void say(void *context, const char *violation) {
  (void)context;
  print_message("%s\n", violation);
}

static ice_verify_result verify(void) {
  ice_verify_result result;
  ice_error err = {0};
  const ice_verify_options options = {
      .catalog = self.catalog, .port = ice_port_system(), .table = lead, .sink = self.sink};
  if (ice_verify_sink(&options, say, NULL, &result, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return result;
}

static void change_table(ice_table_ident ident, const ice_table_update *update) {
  const ice_table_commit commit = {.ident = ident, .change = {.updates = update, .update_count = 1}};
  size_t count = self.fate_count;
  self.fate_count = 0;
  assert_int_equal(ice_catalog_commit(self.catalog, &commit, 1, NULL), ICE_OK);
  self.fate_count = count;
}

// Points `main` of the lead `steps` snapshots back; `forget`: the snapshots behind it are expired as well.
static void roll_back(int steps, bool forget) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(self.catalog, lead, &table, NULL), ICE_OK);
  const ice_snapshot *at = ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN);
  int64_t lost[SETTLE_MAX];
  for (int i = 0; i < steps; i++) {
    lost[i] = at->snapshot_id;
    at = ice_table_find_snapshot(table.metadata, at->parent_snapshot_id);
  }
  change_table(lead, &(ice_table_update){
                         .kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_REF_MAIN, .snapshot_id = at->snapshot_id});
  if (forget) {
    change_table(lead, &(ice_table_update){
                           .kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = lost, .count = (uint32_t)steps});
  }
  ice_table_deinit(&table);
}

static void set_property(ice_table_ident ident, ice_str key, const char *value) {
  const ice_property property = {.key = key, .value = ice_str_of(value)};
  change_table(ident, &(ice_table_update){.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &property, .count = 1});
}

static void table_uuid(ice_table_ident ident, char out[64]) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(self.catalog, ident, &table, NULL), ICE_OK);
  snprintf(out, 64, "%.*s", ICE_STR_ARG(table.metadata->uuid));
  ice_table_deinit(&table);
}

// The follower says that it took epoch `epoch` of the lead `uuid`.
static void follower_took(const char *uuid, int64_t epoch) {
  char text[200];
  snprintf(text, sizeof text, "{\"lead-uuid\":\"%s\",\"epoch\":%lld,\"snapshot-id\":1}", uuid, (long long)epoch);
  set_property(errors, ICE_STR("icesink.epoch.s"), text);
}

// The log --------------------------------------------------------------------------------------------------------------

static void test_reconcile__records_that_were_removed_unread_stop_or_are_skipped(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.partitions[0].log_start = 8;
  start_stops("topic t, partition 0: the table's position is 5, the log begins at 8; 3 records were removed");
  self.policies.skip_gaps = true;
  start_well();
  assert_int_equal(self.partitions[0].next, 8);
  assert_int_equal(self.partitions[1].next, 0);
  consume(0, 10);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.moves, 1);
  assert_int_equal(found.moved, 3);
  assert_int_equal(found.totals.records, 7);
  // It is settled: the policy is not needed any more, and no epoch is added.
  self.policies.skip_gaps = false;
  start_well();
  assert_int_equal(verify().epochs, found.epochs);
}

static void test_reconcile__a_recreated_topic_stops_or_is_read_from_its_start(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  consume(1, 7);
  self.partitions[0].log_end = 2;
  self.partitions[1].log_end = 3;
  start_stops("topic t, partition 0: the table's position is 5, the log ends at 2");
  self.policies.reset_to_earliest = true;
  start_well();
  assert_int_equal(self.partitions[0].next, 0);
  assert_int_equal(self.partitions[1].next, 0);
  consume(0, 2);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.moves, 2);
  assert_int_equal(found.moved, -12);
  assert_int_equal(found.totals.records, 14);
  self.policies.reset_to_earliest = false;
  start_well();
  assert_int_equal(self.partitions[0].next, 2);
}

static void test_reconcile__a_topic_with_fewer_partitions_stops_or_goes_on_without_them(void **state) {
  (void)state;
  start_well();
  consume(1, 7);
  self.source.partition_count = 1;
  start_stops("topic t has no partition 1, in which the table's position is 7");
  self.policies.reset_to_earliest = true;
  start_well();
  consume(0, 3);
  assert_int_equal(verify().violations, 0);
}

// A correction is an epoch like any other: its request may be refused, lost, or applied without an answer.
static void test_reconcile__a_correction_is_applied_once_whatever_becomes_of_its_requests(void **state) {
  (void)state;
  static const ice_memory_fate fates[] = {ICE_MEMORY_CONFLICT, ICE_MEMORY_LOSE, ICE_MEMORY_APPLY_UNKNOWN,
                                          ICE_MEMORY_APPLY};
  start_well();
  consume(0, 5);
  int64_t epochs = verify().epochs;
  for (size_t first = 0; first < ICE_COUNT_OF(fates); first++) {
    self.partitions[0].log_start += 10;
    self.policies.skip_gaps = true;
    self.fate_count = ICE_COUNT_OF(fates) - first;
    self.fate_at = 0;
    memcpy(self.fates, &fates[first], self.fate_count * sizeof *fates);
    start_well();
    self.fate_count = 0;
    assert_int_equal(self.partitions[0].next, self.partitions[0].log_start);
    assert_int_equal(verify().epochs, ++epochs);
  }
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.moved, 35);
}

static void test_reconcile__neighbours_partitions_are_left_alone(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.partitions[0].log_start = 50;
  self.partitions[0].excluded = true;
  start_well();
  assert_int_equal(verify().moves, 0);
}

// Rollback -------------------------------------------------------------------------------------------------------------

static void three_epochs(void) {
  start_well();
  consume(0, 5);
  consume(0, 9);
  consume(1, 4);
}

static void test_reconcile__what_a_rollback_took_is_read_again(void **state) {
  (void)state;
  three_epochs();
  roll_back(2, false);
  start_stops("table db.lead was rolled back: sink s committed epoch 4");
  assert_true(verify().violations > 0);
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  start_well();
  assert_int_equal(self.partitions[0].next, 5);
  assert_int_equal(self.partitions[1].next, 0);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.epochs, 5);
  assert_int_equal(found.lost_epochs, 2);
  assert_int_equal(found.totals.records, 5);
  consume(0, 9);
  consume(1, 4);
  found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.totals.records, 13);
}

static void test_reconcile__what_a_rollback_took_stays_lost(void **state) {
  (void)state;
  three_epochs();
  roll_back(2, false);
  self.policies.on_rollback = ICE_ROLLBACK_CONTINUE;
  start_well();
  assert_int_equal(self.partitions[0].next, 9);
  assert_int_equal(self.partitions[1].next, 4);
  consume(0, 11);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.lost_epochs, 2);
  assert_int_equal(found.moved, 8);
  assert_int_equal(found.totals.records, 7);
}

static void test_reconcile__a_rollback_over_a_correction_undoes_it_too(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.partitions[0].log_start = 8;
  self.policies.skip_gaps = true;
  start_well();
  consume(0, 9);
  roll_back(2, false);
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  start_well();
  // Back to 5, which the log does not have: skipped once more.
  assert_int_equal(self.partitions[0].next, 8);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.moved, 3);
  assert_int_equal(found.totals.records, 5);
}

static void test_reconcile__a_rollback_over_a_rewind_is_rewound_again(void **state) {
  (void)state;
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  three_epochs();
  roll_back(1, false);
  start_well();
  assert_int_equal(self.partitions[1].next, 0);
  consume(1, 3);
  // Over the epoch, over the rewind, and over one epoch before it.
  roll_back(3, false);
  start_well();
  assert_int_equal(self.partitions[0].next, 5);
  assert_int_equal(self.partitions[1].next, 0);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.totals.records, 5);
}

static void test_reconcile__a_rollback_over_an_accepted_loss_gives_it_back(void **state) {
  (void)state;
  self.policies.on_rollback = ICE_ROLLBACK_CONTINUE;
  three_epochs();
  roll_back(1, false);
  start_well();
  assert_int_equal(self.partitions[1].next, 4);
  consume(1, 6);
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  roll_back(2, false);
  start_well();
  // Before the correction the branch had nothing of this partition.
  assert_int_equal(self.partitions[1].next, 0);
  assert_int_equal(verify().violations, 0);
}

static void test_reconcile__what_nobody_remembers_cannot_be_read_again(void **state) {
  (void)state;
  three_epochs();
  roll_back(2, true);
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  start_stops("table db.lead was rolled back and cannot be rewound: the snapshots between");
  self.policies.on_rollback = ICE_ROLLBACK_CONTINUE;
  start_well();
  assert_int_equal(self.partitions[0].next, 9);
  consume(0, 10);
  // The audit goes on missing what is gone.
  assert_true(verify().violations > 0);
}

static void test_reconcile__a_rollback_under_a_running_sink_fences_it(void **state) {
  (void)state;
  ice_attempt outcome;
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  three_epochs();
  add(1, 6);
  assert_int_equal(ice_ingest_close(self.ingest, &self.source, NULL), ICE_OK);
  roll_back(1, false);
  assert_int_equal(settle(&outcome, NULL), ICE_OK);
  assert_int_equal(outcome, ICE_ATTEMPT_FENCED);
  assert_int_equal(ice_ingest_start(self.ingest, &self.source, NULL), ICE_OK);
  assert_int_equal(self.partitions[1].next, 0);
  consume(1, 6);
  assert_int_equal(verify().violations, 0);
}

// A catalog that was restored from a copy has older properties than the follower has seen.
static void test_reconcile__a_follower_ahead_of_its_lead_stops_or_is_overtaken(void **state) {
  (void)state;
  char uuid[64];
  ice_error err = {0};
  ice_attempt outcome;
  start_well();
  consume(0, 5);
  table_uuid(lead, uuid);
  follower_took(uuid, 9);
  add(0, 6);
  assert_int_equal(ice_ingest_close(self.ingest, &self.source, NULL), ICE_OK);
  assert_int_equal(settle(&outcome, &err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  assert_non_null(strstr(err.message, "table db.errors has taken epoch 9 of sink s, its lead db.lead is at epoch 2"));
  self.policies.on_rollback = ICE_ROLLBACK_REWIND;
  start_well();
  consume(0, 6);
  ice_verify_result found = verify();
  assert_int_equal(found.violations, 0);
  assert_int_equal(found.epochs, 11);
  assert_int_equal(found.lost_epochs, 7);
}

// Tables and names -----------------------------------------------------------------------------------------------------

static void test_reconcile__a_recreated_lead_stops_or_begins_anew_above_its_followers(void **state) {
  (void)state;
  char uuid[64];
  start_well();
  consume(0, 5);
  table_uuid(lead, uuid);
  follower_took(uuid, 2);
  assert_int_equal(ice_catalog_drop_table(self.catalog, lead, NULL), ICE_OK);
  create_table(lead);
  start_stops("table db.errors took epoch 2 of sink s from another lead table");
  self.policies.restart_recreated = true;
  start_well();
  assert_int_equal(self.partitions[0].next, 0);
  assert_int_equal(verify().epochs, 3);
  // The lead remembers whose followers it took over.
  self.policies.restart_recreated = false;
  start_well();
  consume(0, 4);
  assert_int_equal(verify().violations, 0);
}

static void test_reconcile__a_lead_recreated_under_a_running_sink_stops_it(void **state) {
  (void)state;
  ice_error err = {0};
  ice_attempt outcome;
  start_well();
  consume(0, 5);
  add(0, 7);
  assert_int_equal(ice_ingest_close(self.ingest, &self.source, NULL), ICE_OK);
  assert_int_equal(ice_catalog_drop_table(self.catalog, lead, NULL), ICE_OK);
  create_table(lead);
  assert_int_equal(settle(&outcome, &err), ICE_INVALID_STATE);
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  assert_non_null(strstr(err.message, "table db.lead was recreated while the sink ran"));
}

static void test_reconcile__a_follower_recreated_under_a_running_sink_stops_it(void **state) {
  (void)state;
  ice_error err = {0};
  ice_attempt outcome;
  start_well();
  add(0, 7);
  assert_int_equal(ice_ingest_close(self.ingest, &self.source, NULL), ICE_OK);
  assert_int_equal(ice_catalog_drop_table(self.catalog, errors, NULL), ICE_OK);
  create_table(errors);
  assert_int_equal(settle(&outcome, &err), ICE_INVALID_STATE);
  assert_non_null(strstr(err.message, "table db.errors was recreated while the sink ran"));
  // Nothing was pending for it, so the next start takes it as it is.
  start_well();
  consume(0, 7);
  assert_int_equal(verify().violations, 0);
}

// Also where no follower was ever written, which would name the old lead.
static void test_reconcile__another_lead_in_the_configuration_stops(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.lead = 1;
  start_stops("table db.lead has the position of sink s at epoch 2, and db.errors is configured as the lead");
  self.lead = 0;
  start_well();
  consume(0, 6);
  assert_int_equal(verify().violations, 0);
}

static void test_reconcile__a_renamed_sink_stops_or_begins_anew(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.sink = ICE_STR("renamed");
  start_stops("has no position of sink renamed, but sink s is at epoch 2 of topic t");
  self.policies.start_renamed = true;
  start_well();
  assert_int_equal(self.partitions[0].next, 0);
  self.policies.start_renamed = false;
  start_well();
  consume(0, 3);
  assert_int_equal(verify().violations, 0);
  self.sink = ICE_STR("s");
  assert_int_equal(verify().violations, 0);
}

static void test_reconcile__two_sinks_of_two_topics_share_a_table(void **state) {
  (void)state;
  start_well();
  consume(0, 5);
  self.sink = ICE_STR("other");
  set_topic(ICE_STR("u"));
  start_well();
  consume(0, 3);
  assert_int_equal(verify().violations, 0);
  self.sink = ICE_STR("s");
  assert_int_equal(verify().violations, 0);
}

// A sink of another topic beside it does not hide the one that reads this topic.
static void test_reconcile__a_renamed_sink_stops_among_others(void **state) {
  (void)state;
  start_well();
  self.sink = ICE_STR("other");
  set_topic(ICE_STR("u"));
  start_well();
  self.sink = ICE_STR("renamed");
  set_topic(ICE_STR("t"));
  start_stops("has no position of sink renamed, but sink s is at epoch 1 of topic t");
}

static int yes;
#define BOTH(f)                                        \
  cmocka_unit_test_setup_teardown(f, setup, teardown), \
      cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, &yes)

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(test_reconcile__records_that_were_removed_unread_stop_or_are_skipped),
      BOTH(test_reconcile__a_recreated_topic_stops_or_is_read_from_its_start),
      BOTH(test_reconcile__a_topic_with_fewer_partitions_stops_or_goes_on_without_them),
      BOTH(test_reconcile__a_correction_is_applied_once_whatever_becomes_of_its_requests),
      BOTH(test_reconcile__neighbours_partitions_are_left_alone),
      BOTH(test_reconcile__what_a_rollback_took_is_read_again),
      BOTH(test_reconcile__what_a_rollback_took_stays_lost),
      BOTH(test_reconcile__a_rollback_over_a_correction_undoes_it_too),
      BOTH(test_reconcile__a_rollback_over_a_rewind_is_rewound_again),
      BOTH(test_reconcile__a_rollback_over_an_accepted_loss_gives_it_back),
      BOTH(test_reconcile__what_nobody_remembers_cannot_be_read_again),
      BOTH(test_reconcile__a_rollback_under_a_running_sink_fences_it),
      BOTH(test_reconcile__a_follower_ahead_of_its_lead_stops_or_is_overtaken),
      BOTH(test_reconcile__a_recreated_lead_stops_or_begins_anew_above_its_followers),
      BOTH(test_reconcile__a_lead_recreated_under_a_running_sink_stops_it),
      BOTH(test_reconcile__a_follower_recreated_under_a_running_sink_stops_it),
      BOTH(test_reconcile__another_lead_in_the_configuration_stops),
      BOTH(test_reconcile__a_renamed_sink_stops_or_begins_anew),
      BOTH(test_reconcile__a_renamed_sink_stops_among_others),
      BOTH(test_reconcile__two_sinks_of_two_topics_share_a_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
