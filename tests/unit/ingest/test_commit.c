#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The stories of docs/protocol.md, each with one or two writers on a catalog that loses, holds, tears and refuses commits
// as the story wants. What must come out is always the same: every record once, and nothing for the audit to say.
#include "catalog/catalog_memory.h"
#include "iceberg/iceberg_schema.h"
#include "ingest/commit_build.h"
#include "ingest/verify.h"
#include "store/store_memory.h"

enum { SCRIPT_MAX = 32 };

static ice_catalog *catalog;
static ice_committer a;
static ice_committer b;
/// Fates of the commits to come, in order; then all are applied.
static ice_memory_fate script[SCRIPT_MAX];
static size_t script_size;
static size_t script_at;
/// Called before the next commit is decided, once.
static void (*meanwhile)(void);
static size_t last_commit_tables;
static ice_str last_commit_name;

static const ice_table_ident lead = {ICE_STR_INIT("db"), ICE_STR_INIT("lead")};
static const ice_table_ident follower = {ICE_STR_INIT("db"), ICE_STR_INIT("follower")};

static ice_memory_fate decide(void *context, const ice_table_commit *commits, size_t count, int64_t number) {
  (void)context;
  (void)number;
  last_commit_tables = count;
  last_commit_name = ice_str_equal(commits[0].ident.name, lead.name) ? lead.name : follower.name;
  if (meanwhile) {
    void (*story)(void) = meanwhile;
    meanwhile = NULL;
    story();
  }
  return script_at < script_size ? script[script_at++] : ICE_MEMORY_APPLY;
}

static void next_fates(size_t count, const ice_memory_fate *fates) {
  memcpy(script, fates, count * sizeof *fates);
  script_size = count;
  script_at = 0;
}

#define FATES(...) \
  next_fates(sizeof((ice_memory_fate[]){__VA_ARGS__}) / sizeof(ice_memory_fate), (ice_memory_fate[]){__VA_ARGS__})

static void create_table(ice_table_ident ident) {
  ice_schema *schema = NULL;
  ice_table table = {0};
  assert_int_equal(ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                                                     "\"required\":true,\"type\":\"long\"}]}"),
                                             &schema, NULL),
                   ICE_OK);
  const ice_table_create create = {.schema = schema};
  assert_int_equal(ice_catalog_create_table(catalog, ident, &create, &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  ice_schema_unref(schema);
}

static int setup(void **state) {
  bool atomic = *state != NULL;
  ice_store *store = NULL;
  const ice_catalog_memory_options options = {.atomic = atomic, .warehouse = ICE_STR("memory://w")};
  const ice_memory_hook hook = {.before = decide};
  script_size = 0;
  script_at = 0;
  meanwhile = NULL;
  assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_open(ice_port_system(), &options, store, &catalog, NULL), ICE_OK);
  ice_catalog_memory_set_hook(catalog, &hook);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  create_table(lead);
  create_table(follower);
  a = (ice_committer){.catalog = catalog, .port = ice_port_system(), .sink = ICE_STR("s")};
  b = a;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_catalog_destroy(catalog);
  return 0;
}

// A data file of `rows` and its manifest, as part `index` of the epoch.
static void add_part(ice_epoch *epoch, uint32_t index, int64_t rows) {
  ice_table table;
  ice_bytes path;
  ice_bytes bytes;
  ice_manifest_writer *writer = NULL;
  ice_epoch_table *part = &epoch->tables[index];
  ice_bytes_init(&path, 1000);
  ice_bytes_init(&bytes, 1 << 20);
  assert_int_equal(ice_catalog_load_table(catalog, part->ident, &table, NULL), ICE_OK);
  assert_int_equal(ice_bytes_append_format(&path, NULL, "memory://w/%s-%u.parquet", epoch->uuid, index), ICE_OK);
  assert_int_equal(ice_store_write_all(catalog->store, ice_bytes_str(&path), "0123456789", 10, NULL), ICE_OK);
  assert_int_equal(ice_epoch_add_file(epoch, ice_bytes_str(&path), NULL), ICE_OK);
  const ice_manifest_writer_options options = {.schema = ice_table_current_schema(table.metadata),
                                               .spec = ice_table_default_spec(table.metadata),
                                               .snapshot_id = part->snapshot_id};
  const ice_manifest_entry entry = {.status = ICE_ENTRY_ADDED,
                                    .file = {.path = ice_bytes_str(&path),
                                             .format = ICE_STR("PARQUET"),
                                             .record_count = rows,
                                             .file_size = 10,
                                             .content_offset = -1,
                                             .content_size = -1}};
  assert_int_equal(ice_manifest_writer_create(&options, &bytes, &writer, NULL), ICE_OK);
  assert_int_equal(ice_manifest_writer_append(writer, &entry, NULL), ICE_OK);
  assert_int_equal(ice_manifest_writer_finish(writer, &epoch->arena, &part->manifest, NULL), ICE_OK);
  ice_manifest_writer_destroy(writer);
  ice_bytes_clear(&path);
  assert_int_equal(ice_bytes_append_format(&path, NULL, "memory://w/%s-m%u.avro", epoch->uuid, index), ICE_OK);
  assert_int_equal(ice_store_write_all(catalog->store, ice_bytes_str(&path), bytes.data, bytes.size, NULL), ICE_OK);
  assert_int_equal(ice_epoch_add_file(epoch, ice_bytes_str(&path), NULL), ICE_OK);
  assert_int_equal(ice_arena_copy_str(&epoch->arena, ice_bytes_str(&path), &part->manifest.file.path, NULL), ICE_OK);
  part->manifest.file.length = (int64_t)bytes.size;
  part->has_manifest = true;
  ice_bytes_deinit(&path);
  ice_bytes_deinit(&bytes);
  ice_table_deinit(&table);
}

// An epoch of [from, to) of a partition, of which the last `dead` records are dead letters.
static void make_epoch(ice_epoch *epoch, int32_t partition, int64_t from, int64_t to, int64_t dead) {
  const ice_table_ident tables[] = {lead, follower};
  assert_int_equal(ice_epoch_init(epoch, ice_port_system(), tables, 2, NULL), ICE_OK);
  epoch->ranges = ice_arena_alloc_array(&epoch->arena, 1, sizeof *epoch->ranges, NULL);
  epoch->ranges[0] = (ice_epoch_range){.topic = ICE_STR("t"), .partition = partition, .from = from, .to = to};
  epoch->range_count = 1;
  epoch->counts =
      (ice_counts){.records = to - from, .elements = to - from, .rows = to - from - dead, .dead_letters = dead};
  if (epoch->counts.rows > 0) {
    add_part(epoch, 0, epoch->counts.rows);
  }
  if (dead > 0) {
    add_part(epoch, 1, dead);
  }
}

// The empty first epoch of two partitions, both from 0.
static void make_first(ice_epoch *epoch) {
  const ice_table_ident tables[] = {lead, follower};
  assert_int_equal(ice_epoch_init(epoch, ice_port_system(), tables, 2, NULL), ICE_OK);
  epoch->starts = ice_arena_alloc_array(&epoch->arena, 2, sizeof *epoch->starts, NULL);
  epoch->start_count = 2;
  for (int32_t i = 0; i < 2; i++) {
    epoch->starts[i] = (ice_position_entry){.topic = ICE_STR("t"), .partition = i};
  }
}

static ice_attempt attempt(const ice_committer *who, ice_epoch *epoch) {
  ice_attempt outcome;
  ice_error err = {0};
  if (ice_commit_attempt(who, epoch, &outcome, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return outcome;
}

// Attempts until the epoch is decided.
static ice_attempt settle(const ice_committer *who, ice_epoch *epoch) {
  for (int i = 0; i < 10; i++) {
    ice_attempt outcome = attempt(who, epoch);
    if (outcome != ICE_ATTEMPT_AGAIN) {
      return outcome;
    }
  }
  fail_msg("ten attempts decided nothing");
  return ICE_ATTEMPT_AGAIN;
}

static void begin(void) {
  ice_epoch first;
  make_first(&first);
  assert_int_equal(settle(&a, &first), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&first);
}

static int64_t total_rows(ice_table_ident ident) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  const ice_snapshot *head = ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN);
  int64_t rows = head ? ice_snapshot_summary_i64(head, "total-records", -1) : 0;
  ice_table_deinit(&table);
  return rows;
}

static void say(void *context, const char *violation) {
  (void)context;
  print_error("%s\n", violation);
}

// The end of every story: followers finished, the audit silent, offsets and rows as they must be.
static void expect(int64_t epoch, int64_t offset_0, int64_t offset_1, int64_t rows, int64_t dead) {
  ice_lead now;
  ice_verify_result result;
  ice_error err = {0};
  bool complete = false;
  const ice_verify_options options = {
      .catalog = catalog, .port = ice_port_system(), .table = lead, .sink = ICE_STR("s")};
  for (int i = 0; i < 5 && !complete; i++) {
    assert_int_equal(ice_lead_load(&b, lead, &now, NULL), ICE_OK);
    assert_int_equal(ice_followers_finish(&b, &now, &complete, NULL), ICE_OK);
    ice_lead_deinit(&now);
  }
  assert_true(complete);
  assert_int_equal(ice_lead_load(&b, lead, &now, NULL), ICE_OK);
  assert_int_equal(now.position.epoch, epoch);
  assert_int_equal(ice_position_find(&now.position, ICE_STR("t"), 0)->offset, offset_0);
  assert_int_equal(ice_position_find(&now.position, ICE_STR("t"), 1)->offset, offset_1);
  assert_int_equal(now.position.totals.rows, rows);
  assert_int_equal(now.position.totals.dead_letters, dead);
  ice_lead_deinit(&now);
  assert_int_equal(total_rows(lead), rows);
  assert_int_equal(total_rows(follower), dead);
  if (ice_verify_sink(&options, say, NULL, &result, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_int_equal(result.violations, 0);
  assert_int_equal(result.rows, rows);
}

// Somebody else's append of nothing.
static void append_foreign(ice_table_ident ident) {
  ice_table table;
  ice_build build;
  uint8_t random[16];
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  assert_int_equal(ice_port_system()->random.fill(NULL, random, sizeof random, NULL), ICE_OK);
  const ice_build_options options = {
      .table = &table, .snapshot_id = ice_snapshot_id_from_random(random), .attempt = 1, .uuid = ICE_STR("foreign")};
  assert_int_equal(ice_build_append(&a, &options, &build, NULL), ICE_OK);
  const ice_table_commit commit = {.ident = ident, .change = ice_build_change(&build)};
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
  ice_build_deinit(&build);
  ice_table_deinit(&table);
}

static void foreign_lead(void) { append_foreign(lead); }
static void foreign_follower(void) { append_foreign(follower); }

// Points `main` of the lead to the parent of its head.
static void roll_back(void) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(catalog, lead, &table, NULL), ICE_OK);
  const ice_snapshot *head = ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN);
  const ice_table_update update = {
      .kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_REF_MAIN, .snapshot_id = head->parent_snapshot_id};
  const ice_table_commit commit = {.ident = lead, .change = {.updates = &update, .update_count = 1}};
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
  ice_table_deinit(&table);
}

static void expect_policy(const ice_committer *who, ice_epoch *epoch, const char *part) {
  ice_attempt outcome;
  ice_error err = {0};
  ice_status status = ice_commit_attempt(who, epoch, &outcome, &err);
  if (status != ICE_INVALID_STATE) {
    fail_msg("%s %s", ice_status_name(status), err.message);
  }
  assert_true((err.flags & ICE_ERROR_POLICY) != 0);
  if (!strstr(err.message, part)) {
    fail_msg("%s", err.message);
  }
}

// Plain ways ----------------------------------------------------------------------------------------------------------

static void test_commit__the_first_epoch_fixes_the_starts(void **state) {
  (void)state;
  ice_epoch first;
  ice_epoch other;
  make_first(&first);
  make_first(&other);
  other.starts[0].start = 50;
  other.starts[0].offset = 50;
  assert_int_equal(attempt(&a, &first), ICE_ATTEMPT_DONE);
  // A second one, with another start, changes nothing.
  assert_int_equal(attempt(&b, &other), ICE_ATTEMPT_DONE);
  assert_int_equal(other.attempts, 0);
  ice_epoch_deinit(&first);
  ice_epoch_deinit(&other);
  expect(1, 0, 0, 0, 0);
}

static void test_commit__starts_ends_and_elsewhere_are_told_apart(void **state) {
  (void)state;
  static const struct {
    int64_t from, to;
  } elsewhere[] = {{10, 12}, {0, 5}, {15, 20}, {0, 20}};
  begin();
  ice_epoch epoch;
  make_epoch(&epoch, 0, 0, 11, 2);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(epoch.attempts, 1);
  ice_epoch_deinit(&epoch);
  for (size_t i = 0; i < ICE_COUNT_OF(elsewhere); i++) {
    make_epoch(&epoch, 0, elsewhere[i].from, elsewhere[i].to, 0);
    assert_int_equal(attempt(&b, &epoch), ICE_ATTEMPT_FENCED);
    assert_false(epoch.unknown);
    assert_int_equal(ice_epoch_discard(&epoch, catalog->store), 0);
    ice_epoch_deinit(&epoch);
  }
  // A partition that the position does not have is equal only to one that is said to be new.
  make_epoch(&epoch, 7, 0, 3, 0);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_FENCED);
  epoch.ranges[0].from_absent = true;
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(3, 11, 0, 12, 2);
}

static void test_commit__a_mixture_of_starts_and_ends_is_fenced(void **state) {
  (void)state;
  ice_epoch one;
  ice_epoch both;
  begin();
  make_epoch(&one, 0, 0, 5, 0);
  assert_int_equal(attempt(&a, &one), ICE_ATTEMPT_DONE);
  make_epoch(&both, 0, 0, 5, 0);
  ice_epoch_range *ranges = ice_arena_alloc_array(&both.arena, 2, sizeof *ranges, NULL);
  ranges[0] = both.ranges[0];
  ranges[1] = (ice_epoch_range){.topic = ICE_STR("t"), .partition = 1, .from = 0, .to = 5};
  both.ranges = ranges;
  both.range_count = 2;
  assert_int_equal(attempt(&b, &both), ICE_ATTEMPT_FENCED);
  ice_epoch_deinit(&one);
  ice_epoch_deinit(&both);
  expect(2, 5, 0, 5, 0);
}

static void test_commit__epochs_without_dead_letters_lie_between_those_with(void **state) {
  (void)state;
  static const int64_t dead[] = {3, 0, 0, 2, 0, 5};
  begin();
  for (int64_t i = 0; i < 6; i++) {
    ice_epoch epoch;
    make_epoch(&epoch, 0, i * 5, i * 5 + 5, dead[i]);
    assert_int_equal(settle(i % 2 ? &a : &b, &epoch), ICE_ATTEMPT_DONE);
    ice_epoch_deinit(&epoch);
    // An epoch replaces or removes what the one before left pending.
    ice_lead now;
    assert_int_equal(ice_lead_load(&a, lead, &now, NULL), ICE_OK);
    assert_int_equal(now.has_pending, dead[i] > 0);
    assert_true(!now.has_pending || now.pending.epoch == i + 2);
    ice_lead_deinit(&now);
  }
  expect(7, 30, 0, 20, 10);
}

static void test_commit__a_certain_refusal_lets_the_files_go(void **state) {
  (void)state;
  ice_epoch epoch;
  ice_attempt outcome;
  ice_error err = {0};
  begin();
  make_epoch(&epoch, 0, 0, 5, 1);
  FATES(ICE_MEMORY_REFUSE);
  assert_int_equal(ice_commit_attempt(&a, &epoch, &outcome, &err), ICE_IO);
  assert_false(epoch.unknown);
  assert_int_equal(epoch.file_count, 4);
  assert_int_equal(ice_epoch_discard(&epoch, catalog->store), 0);
  int64_t size;
  assert_int_equal(ice_store_stat(catalog->store, epoch.tables[0].manifest.file.path, &size, NULL), ICE_NOT_FOUND);
  ice_epoch_deinit(&epoch);
  // A later certain refusal does not settle an earlier unknown attempt.
  make_epoch(&epoch, 0, 0, 5, 1);
  FATES(ICE_MEMORY_APPLY_UNKNOWN, ICE_MEMORY_REFUSE);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_true(epoch.unknown);
  assert_int_equal(ice_epoch_discard(&epoch, catalog->store), 4);
  ice_epoch_deinit(&epoch);
  script_size = 0;
  expect(2, 5, 0, 4, 1);
}

// docs/protocol.md, mistakes and what becomes of them ------------------------------------------------------------------

// "offsets not compared", "unknown taken for failure, blind retry with rebase"
static void test_commit__a_lost_reply_is_no_failure(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_true(epoch.unknown);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(epoch.attempts, 1);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

static void test_commit__a_lost_request_is_sent_again(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_LOSE, ICE_MEMORY_LOSE);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "unknown resolved by the newest snapshot's id"
static void test_commit__a_foreign_commit_hides_no_lost_reply(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  append_foreign(lead);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

static void test_commit__a_foreign_commit_in_between_is_a_conflict(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  meanwhile = foreign_lead;
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_false(epoch.unknown);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "followers first, reprocessing after a crash"
static void test_commit__nothing_reaches_a_follower_before_the_lead_has_decided(void **state) {
  (void)state;
  ice_epoch with_dead;
  ice_epoch all_good;
  ice_attempt outcome;
  begin();
  make_epoch(&with_dead, 0, 0, 5, 1);
  FATES(ICE_MEMORY_REFUSE);
  assert_int_equal(ice_commit_attempt(&a, &with_dead, &outcome, NULL), ICE_IO);
  assert_true(ice_str_equal(last_commit_name, lead.name));
  assert_int_equal(total_rows(follower), 0);
  ice_epoch_deinit(&with_dead);
  // A stops; B's configuration has the record good.
  make_epoch(&all_good, 0, 0, 5, 0);
  assert_int_equal(settle(&b, &all_good), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&all_good);
  expect(2, 5, 0, 5, 0);
}

// "pending not finished before the next lead commit"; ordered
static void test_commit__a_successor_finishes_what_is_pending_first(void **state) {
  (void)state;
  ice_epoch first;
  ice_epoch second;
  begin();
  make_epoch(&first, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY, ICE_MEMORY_REFUSE);
  assert_int_equal(attempt(&a, &first), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(follower), 0);
  // A is gone with its memory; B's epoch has a part for the follower too.
  ice_epoch_deinit(&first);
  make_epoch(&second, 0, 5, 9, 1);
  assert_int_equal(settle(&b, &second), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&second);
  expect(3, 9, 0, 6, 3);
}

// "pending finished at first, not on a rebuild"; ordered
static void test_commit__a_rebuild_finishes_what_a_neighbour_left_pending(void **state) {
  (void)state;
  ice_epoch own;
  ice_epoch neighbour;
  begin();
  make_epoch(&own, 0, 0, 5, 1);
  make_epoch(&neighbour, 1, 0, 4, 2);
  FATES(ICE_MEMORY_LOSE, ICE_MEMORY_APPLY, ICE_MEMORY_REFUSE);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&b, &neighbour), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(follower), 0);
  assert_int_equal(settle(&a, &own), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&own);
  ice_epoch_deinit(&neighbour);
  expect(3, 5, 4, 6, 3);
}

// "an epoch of properties alone": the empty first epoch has a snapshot too, so its late request meets the fence.
static void test_commit__a_late_request_of_an_empty_epoch_meets_the_fence(void **state) {
  (void)state;
  ice_epoch first;
  ice_epoch rows;
  make_first(&first);
  FATES(ICE_MEMORY_HOLD);
  assert_int_equal(attempt(&a, &first), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &first), ICE_ATTEMPT_DONE);
  make_epoch(&rows, 0, 0, 5, 0);
  assert_int_equal(attempt(&a, &rows), ICE_ATTEMPT_DONE);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  ice_epoch_deinit(&first);
  ice_epoch_deinit(&rows);
  expect(2, 5, 0, 5, 0);
}

static void test_commit__of_two_requests_one_lands(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_HOLD, ICE_MEMORY_HOLD);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "follower without the epoch check"; ordered
static void test_commit__a_follower_whose_reply_was_lost_takes_it_once(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY, ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(follower), 2);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "follower without assert-ref"; ordered
static void test_commit__of_two_requests_of_a_follower_one_lands(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY, ICE_MEMORY_HOLD);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(ice_catalog_memory_held(catalog), 1);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

static void test_commit__a_follower_that_others_write_to_is_finished(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  meanwhile = foreign_follower;
  assert_int_equal(settle(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "FENCED deletes files"
static void test_commit__a_fenced_writer_keeps_files_that_may_be_in_the_table(void **state) {
  (void)state;
  ice_epoch own;
  ice_epoch next;
  begin();
  make_epoch(&own, 0, 0, 5, 2);
  FATES(ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_AGAIN);
  make_epoch(&next, 0, 5, 8, 0);
  assert_int_equal(settle(&b, &next), ICE_ATTEMPT_DONE);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_FENCED);
  assert_true(own.unknown);
  assert_int_equal(ice_epoch_discard(&own, catalog->store), 4);
  ice_epoch_deinit(&own);
  ice_epoch_deinit(&next);
  expect(3, 8, 0, 6, 2);
}

// "a refusal taken for proof", where something on the way sends requests twice
static void test_commit__a_request_that_arrived_twice_is_no_refusal(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  catalog->remote = true;
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_REPEAT, ICE_MEMORY_REPEAT);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(epoch.attempts, 1);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

static void test_commit__a_fenced_writer_keeps_files_of_a_request_that_may_have_arrived_twice(void **state) {
  (void)state;
  ice_epoch own;
  ice_epoch next;
  begin();
  catalog->remote = true;
  make_epoch(&own, 0, 0, 5, 2);
  FATES(ICE_MEMORY_REPEAT);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_AGAIN);
  make_epoch(&next, 0, 5, 8, 0);
  assert_int_equal(settle(&b, &next), ICE_ATTEMPT_DONE);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_FENCED);
  assert_int_equal(ice_epoch_discard(&own, catalog->store), 4);
  ice_epoch_deinit(&own);
  ice_epoch_deinit(&next);
  expect(3, 8, 0, 6, 2);
}

static void test_commit__manifest_lists_of_refused_attempts_go_when_the_epoch_is_in(void **state) {
  (void)state;
  ice_epoch epoch;
  int64_t size;
  begin();
  catalog->remote = true;
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_CONFLICT, ICE_MEMORY_CONFLICT);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_true(epoch.kept_list_count >= 2);
  const uint32_t count = epoch.kept_list_count;
  for (uint32_t i = 0; i < count; i++) {
    assert_int_equal(ice_store_stat(catalog->store, epoch.kept_lists[i], &size, NULL), ICE_OK);
  }
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  for (uint32_t i = 0; i < count; i++) {
    assert_int_equal(ice_store_stat(catalog->store, epoch.kept_lists[i], &size, NULL), ICE_NOT_FOUND);
  }
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "followers finished from memory"
static void test_commit__a_record_changes_no_side(void **state) {
  (void)state;
  ice_epoch good;
  ice_epoch bad;
  begin();
  make_epoch(&good, 0, 0, 5, 0);
  make_epoch(&bad, 0, 0, 5, 5);
  FATES(ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(attempt(&a, &good), ICE_ATTEMPT_AGAIN);
  // B's configuration has the same records bad; it sees its ends and leaves the follower alone.
  assert_int_equal(attempt(&b, &bad), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(follower), 0);
  ice_epoch_deinit(&good);
  ice_epoch_deinit(&bad);
  expect(2, 5, 0, 5, 0);
}

static void release_held(void) { assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_OK); }

// "two loads in one attempt"
static void test_commit__a_held_request_that_lands_within_an_attempt_is_seen(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_HOLD);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  meanwhile = release_held;
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

// "foreign rollback while a request is held"
static void test_commit__a_rollback_lets_no_late_request_in(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 0);
  FATES(ICE_MEMORY_HOLD);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  roll_back();
  assert_int_not_equal(ice_catalog_memory_release(catalog, NULL), ICE_OK);
  ice_epoch_deinit(&epoch);
  make_epoch(&epoch, 0, 5, 9, 0);
  expect_policy(&a, &epoch, "was rolled back");
  ice_epoch_deinit(&epoch);
}

// "epoch number kept on a rebuild"
static void test_commit__a_rebuild_renews_the_number_of_the_epoch(void **state) {
  (void)state;
  ice_epoch own;
  ice_epoch neighbour;
  begin();
  make_epoch(&own, 0, 0, 5, 2);
  make_epoch(&neighbour, 1, 0, 5, 1);
  FATES(ICE_MEMORY_LOSE);
  assert_int_equal(attempt(&a, &own), ICE_ATTEMPT_AGAIN);
  assert_int_equal(settle(&b, &neighbour), ICE_ATTEMPT_DONE);
  assert_int_equal(settle(&a, &own), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&own);
  ice_epoch_deinit(&neighbour);
  expect(3, 5, 5, 7, 3);
}

// "lead recreated, epochs from 1 again"
static void test_commit__a_recreated_lead_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  assert_int_equal(settle(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  assert_int_equal(ice_catalog_drop_table(catalog, lead, NULL), ICE_OK);
  create_table(lead);
  make_first(&epoch);
  expect_policy(&a, &epoch, "from another lead table");
  ice_epoch_deinit(&epoch);
  assert_int_equal(total_rows(follower), 2);
}

// "pending cleared without the fence"
static void test_commit__a_late_removal_of_pending_meets_the_fence(void **state) {
  (void)state;
  ice_epoch first;
  ice_epoch removal;
  ice_epoch neighbour;
  begin();
  make_epoch(&first, 0, 0, 5, 1);
  assert_int_equal(settle(&a, &first), ICE_ATTEMPT_DONE);
  make_epoch(&removal, 0, 5, 6, 0);
  make_epoch(&neighbour, 1, 0, 5, 2);
  FATES(ICE_MEMORY_HOLD, ICE_MEMORY_APPLY, ICE_MEMORY_REFUSE);
  assert_int_equal(attempt(&a, &removal), ICE_ATTEMPT_AGAIN);
  assert_int_equal(attempt(&b, &neighbour), ICE_ATTEMPT_DONE);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  script_size = 0;
  assert_int_equal(settle(&a, &removal), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&first);
  ice_epoch_deinit(&removal);
  ice_epoch_deinit(&neighbour);
  expect(4, 6, 5, 8, 3);
}

// "one request for both tables, no pending, catalog tears it"; atomic
static void test_commit__a_torn_request_that_kept_the_lead_is_finished(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_TEAR_FIRST);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  // Whoever comes next finds it pending.
  make_epoch(&epoch, 0, 5, 6, 0);
  assert_int_equal(settle(&b, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(3, 6, 0, 4, 2);
}

// The other half: the follower is ahead of its lead, and nobody may guess.
static void test_commit__a_torn_request_that_kept_the_follower_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_TEAR_REST);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  make_epoch(&epoch, 0, 5, 6, 0);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_FENCED);
  ice_epoch_deinit(&epoch);
  make_epoch(&epoch, 0, 0, 5, 0);
  expect_policy(&b, &epoch, "has taken epoch 2 of sink s, its lead db.lead is at epoch 1");
  ice_epoch_deinit(&epoch);
}

// "follower's head not asserted when there are no dead letters"; atomic
static void test_commit__a_remote_catalog_that_tears_is_seen_at_once_and_not_trusted_again(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  catalog->remote = true;
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_TEAR_FIRST);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_false(catalog->atomic);
  assert_int_equal(total_rows(follower), 2);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 3, 2);
}

static void test_commit__a_remote_catalog_that_tears_the_lead_off_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  catalog->remote = true;
  make_epoch(&epoch, 0, 0, 5, 2);
  FATES(ICE_MEMORY_TEAR_REST);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_FENCED);
  assert_false(catalog->atomic);
  assert_int_equal(ice_epoch_discard(&epoch, catalog->store), 4);
  ice_epoch_deinit(&epoch);
  make_epoch(&epoch, 0, 0, 5, 2);
  expect_policy(&a, &epoch, "a commit was torn");
  ice_epoch_deinit(&epoch);
}

static void test_commit__a_follower_without_a_part_has_its_head_asserted(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 0);
  meanwhile = foreign_follower;
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_AGAIN);
  assert_int_equal(last_commit_tables, 2);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  expect(2, 5, 0, 5, 0);
}

// Followers that are not what they were ------------------------------------------------------------------------------

static void leave_pending(void) {
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 2);
  if (catalog->atomic) {
    FATES(ICE_MEMORY_TEAR_FIRST);
  } else {
    FATES(ICE_MEMORY_APPLY, ICE_MEMORY_REFUSE);
  }
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(follower), 0);
  ice_epoch_deinit(&epoch);
}

static void test_commit__a_recreated_follower_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  leave_pending();
  assert_int_equal(ice_catalog_drop_table(catalog, follower, NULL), ICE_OK);
  create_table(follower);
  make_epoch(&epoch, 0, 5, 6, 0);
  expect_policy(&b, &epoch, "table db.follower was recreated");
  ice_epoch_deinit(&epoch);
}

static void test_commit__a_dropped_follower_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  leave_pending();
  make_epoch(&epoch, 0, 5, 6, 0);
  assert_int_equal(ice_catalog_drop_table(catalog, follower, NULL), ICE_OK);
  expect_policy(&b, &epoch, "table db.follower was dropped while");
  ice_epoch_deinit(&epoch);
}

// A catalog that refused the lead's part of a commit and kept the follower's: the number is taken, by another epoch.
static void test_commit__a_follower_that_took_another_epoch_of_that_number_stops(void **state) {
  (void)state;
  ice_epoch epoch;
  ice_lead now;
  char text[200];
  leave_pending();
  assert_int_equal(ice_lead_load(&b, lead, &now, NULL), ICE_OK);
  snprintf(text, sizeof text, "{\"lead-uuid\":\"%.*s\",\"epoch\":%lld,\"snapshot-id\":7}",
           ICE_STR_ARG(now.table.metadata->uuid), (long long)now.pending.epoch);
  ice_lead_deinit(&now);
  const ice_property taken = {.key = ICE_STR("icesink.epoch.s"), .value = ice_str_of(text)};
  const ice_table_update update = {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &taken, .count = 1};
  const ice_table_commit commit = {.ident = follower, .change = {.updates = &update, .update_count = 1}};
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
  make_epoch(&epoch, 0, 5, 6, 0);
  expect_policy(&b, &epoch, "took epoch 2 of sink s in snapshot 7, its lead says in");
  ice_epoch_deinit(&epoch);
}

// on_recreated: restart gives up what was pending for the table that is gone.
static void test_commit__a_recreated_follower_is_taken_as_new_by_policy(void **state) {
  (void)state;
  ice_epoch epoch;
  leave_pending();
  assert_int_equal(ice_catalog_drop_table(catalog, follower, NULL), ICE_OK);
  create_table(follower);
  make_epoch(&epoch, 0, 5, 9, 1);
  b.policies.restart_recreated = true;
  assert_int_equal(settle(&b, &epoch), ICE_ATTEMPT_DONE);
  assert_int_equal(total_rows(lead), 6);
  assert_int_equal(total_rows(follower), 1);
  ice_epoch_deinit(&epoch);
}

// What is pending finds its table by the uuid when the sink knows it under another name.
static void test_commit__a_renamed_follower_is_finished_under_its_new_name(void **state) {
  (void)state;
  static const ice_table_ident renamed = {ICE_STR_INIT("db"), ICE_STR_INIT("renamed")};
  const ice_table_ident tables[] = {lead, renamed};
  ice_lead now;
  bool complete;
  leave_pending();
  assert_int_equal(ice_catalog_memory_rename(catalog, follower, renamed, NULL), ICE_OK);
  assert_int_equal(ice_lead_load(&b, lead, &now, NULL), ICE_OK);
  assert_int_equal(ice_followers_finish(&b, &now, &complete, NULL), ICE_INVALID_STATE);
  b.tables = tables;
  b.table_count = 2;
  assert_int_equal(ice_followers_finish(&b, &now, &complete, NULL), ICE_OK);
  assert_true(complete);
  assert_int_equal(total_rows(renamed), 2);
  ice_lead_deinit(&now);
}

static const ice_catalog_interface *whole_interface;

// The catalog, but that one of the sink's tables cannot be loaded just now.
static ice_status load_all_but_renamed(ice_catalog *self, ice_table_ident ident, ice_table *out, ice_error *err) {
  if (ice_str_equal_c(ident.name, "renamed")) {
    *out = (ice_table){0};
    return ice_error_set(err, ICE_IO, "the catalog is away");
  }
  return whole_interface->load_table(self, ident, out, err);
}

// A table that cannot be read may be the renamed one: nothing is given up for it, also where the policy would.
static void test_commit__a_table_that_cannot_be_loaded_is_not_taken_for_gone(void **state) {
  (void)state;
  static const ice_table_ident renamed = {ICE_STR_INIT("db"), ICE_STR_INIT("renamed")};
  const ice_table_ident tables[] = {lead, renamed};
  ice_lead now;
  bool complete;
  leave_pending();
  assert_int_equal(ice_catalog_memory_rename(catalog, follower, renamed, NULL), ICE_OK);
  b.tables = tables;
  b.table_count = 2;
  b.policies.restart_recreated = true;
  whole_interface = catalog->interface;
  static ice_catalog_interface broken;
  broken = *whole_interface;
  broken.load_table = load_all_but_renamed;
  catalog->interface = &broken;
  assert_int_equal(ice_lead_load(&b, lead, &now, NULL), ICE_OK);
  assert_int_equal(ice_followers_finish(&b, &now, &complete, NULL), ICE_IO);
  catalog->interface = whole_interface;
  assert_int_equal(ice_followers_finish(&b, &now, &complete, NULL), ICE_OK);
  assert_int_equal(total_rows(renamed), 2);
  ice_lead_deinit(&now);
}

static void test_commit__a_lead_that_was_rolled_back_stops_or_fences_by_policy(void **state) {
  (void)state;
  ice_epoch epoch;
  begin();
  make_epoch(&epoch, 0, 0, 5, 0);
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
  ice_epoch_deinit(&epoch);
  roll_back();
  make_epoch(&epoch, 0, 5, 7, 0);
  expect_policy(&a, &epoch, "table db.lead was rolled back: sink s committed epoch 2");
  // Where a policy says how to go on the next start corrects the position; this epoch is not for it.
  a.policies.on_rollback = ICE_ROLLBACK_CONTINUE;
  assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_FENCED);
  ice_epoch_deinit(&epoch);
}

// Expiry leaves parents that nobody has any more; a rollback must not hide behind them.
static void test_commit__a_rollback_is_seen_where_history_has_expired(void **state) {
  (void)state;
  ice_epoch epoch;
  ice_table table;
  begin();
  for (int64_t i = 0; i < 3; i++) {
    make_epoch(&epoch, 0, i * 5, i * 5 + 5, 0);
    assert_int_equal(attempt(&a, &epoch), ICE_ATTEMPT_DONE);
    ice_epoch_deinit(&epoch);
  }
  assert_int_equal(ice_catalog_load_table(catalog, lead, &table, NULL), ICE_OK);
  const ice_table_update update = {
      .kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = &table.metadata->snapshots[0].snapshot_id, .count = 1};
  const ice_table_commit commit = {.ident = lead, .change = {.updates = &update, .update_count = 1}};
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
  ice_table_deinit(&table);
  roll_back();
  make_epoch(&epoch, 0, 15, 17, 0);
  expect_policy(&a, &epoch, "table db.lead was rolled back: sink s committed epoch 4");
  // Neither behind what somebody commits afterwards.
  append_foreign(lead);
  expect_policy(&a, &epoch, "table db.lead was rolled back: sink s committed epoch 4");
  ice_epoch_deinit(&epoch);
}

// Two writers take turns, each on its partition, while a third commits something else all the time.
static void test_commit__racing_writers_tile_their_partitions(void **state) {
  (void)state;
  ice_epoch own;
  ice_epoch other;
  begin();
  for (int64_t i = 0; i < 20; i++) {
    static const ice_memory_fate fates[] = {ICE_MEMORY_APPLY, ICE_MEMORY_LOSE, ICE_MEMORY_APPLY_UNKNOWN,
                                            ICE_MEMORY_CONFLICT, ICE_MEMORY_APPLY};
    make_epoch(&own, 0, i * 3, i * 3 + 3, i % 3);
    make_epoch(&other, 1, i * 2, i * 2 + 2, i % 2);
    next_fates(1, &fates[i % 5]);
    meanwhile = i % 4 == 0 ? foreign_lead : NULL;
    (void)attempt(&a, &own);
    assert_int_equal(settle(&b, &other), ICE_ATTEMPT_DONE);
    assert_int_equal(settle(&a, &own), ICE_ATTEMPT_DONE);
    ice_epoch_deinit(&own);
    ice_epoch_deinit(&other);
  }
  int64_t dead = 0;
  for (int64_t i = 0; i < 20; i++) {
    dead += i % 3 + i % 2;
  }
  expect(41, 60, 40, 100 - dead, dead);
}

static int yes;
#define ORDERED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ATOMIC(f) cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, &yes)
#define BOTH(f) ORDERED(f), ATOMIC(f)

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(test_commit__the_first_epoch_fixes_the_starts),
      BOTH(test_commit__starts_ends_and_elsewhere_are_told_apart),
      BOTH(test_commit__a_mixture_of_starts_and_ends_is_fenced),
      BOTH(test_commit__epochs_without_dead_letters_lie_between_those_with),
      BOTH(test_commit__a_certain_refusal_lets_the_files_go),
      BOTH(test_commit__a_lost_reply_is_no_failure),
      BOTH(test_commit__a_lost_request_is_sent_again),
      BOTH(test_commit__a_foreign_commit_hides_no_lost_reply),
      BOTH(test_commit__a_foreign_commit_in_between_is_a_conflict),
      BOTH(test_commit__nothing_reaches_a_follower_before_the_lead_has_decided),
      ORDERED(test_commit__a_successor_finishes_what_is_pending_first),
      ORDERED(test_commit__a_rebuild_finishes_what_a_neighbour_left_pending),
      BOTH(test_commit__a_late_request_of_an_empty_epoch_meets_the_fence),
      BOTH(test_commit__of_two_requests_one_lands),
      ORDERED(test_commit__a_follower_whose_reply_was_lost_takes_it_once),
      ORDERED(test_commit__of_two_requests_of_a_follower_one_lands),
      BOTH(test_commit__a_follower_that_others_write_to_is_finished),
      BOTH(test_commit__a_fenced_writer_keeps_files_that_may_be_in_the_table),
      BOTH(test_commit__a_request_that_arrived_twice_is_no_refusal),
      BOTH(test_commit__a_fenced_writer_keeps_files_of_a_request_that_may_have_arrived_twice),
      BOTH(test_commit__manifest_lists_of_refused_attempts_go_when_the_epoch_is_in),
      BOTH(test_commit__a_record_changes_no_side),
      BOTH(test_commit__a_held_request_that_lands_within_an_attempt_is_seen),
      BOTH(test_commit__a_rollback_lets_no_late_request_in),
      BOTH(test_commit__a_rebuild_renews_the_number_of_the_epoch),
      BOTH(test_commit__a_recreated_lead_stops),
      ORDERED(test_commit__a_late_removal_of_pending_meets_the_fence),
      ATOMIC(test_commit__a_torn_request_that_kept_the_lead_is_finished),
      ATOMIC(test_commit__a_torn_request_that_kept_the_follower_stops),
      ATOMIC(test_commit__a_remote_catalog_that_tears_is_seen_at_once_and_not_trusted_again),
      ATOMIC(test_commit__a_remote_catalog_that_tears_the_lead_off_stops),
      ATOMIC(test_commit__a_follower_without_a_part_has_its_head_asserted),
      BOTH(test_commit__a_recreated_follower_stops),
      BOTH(test_commit__a_dropped_follower_stops),
      BOTH(test_commit__a_follower_that_took_another_epoch_of_that_number_stops),
      BOTH(test_commit__a_recreated_follower_is_taken_as_new_by_policy),
      BOTH(test_commit__a_renamed_follower_is_finished_under_its_new_name),
      BOTH(test_commit__a_table_that_cannot_be_loaded_is_not_taken_for_gone),
      BOTH(test_commit__a_lead_that_was_rolled_back_stops_or_fences_by_policy),
      BOTH(test_commit__a_rollback_is_seen_where_history_has_expired),
      BOTH(test_commit__racing_writers_tile_their_partitions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
