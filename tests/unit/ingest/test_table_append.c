#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Appends with and without a token, on a catalog that loses, holds, repeats and refuses commits. What must come out is always the
// same: the rows of each append once.
#include "catalog/catalog_memory.h"
#include "iceberg/iceberg_schema.h"
#include "ingest/described_files.h"
#include "ingest/table_append.h"
#include "ingest/table_scan.h"
#include "ingest/table_writer.h"
#include "store/store_memory.h"

enum { SCRIPT_MAX = 8, TEXT_MAX = 1 << 20, ROWS = 3 };

static ice_catalog *catalog;
/// Fates of the commits to come, in order; then all are applied.
static ice_memory_fate script[SCRIPT_MAX];
static size_t script_size;
static size_t script_at;
/// Called before the next commit is decided, once.
static void (*meanwhile)(void);

static const ice_table_ident ident = {ICE_STR_INIT("db"), ICE_STR_INIT("t")};
static const ice_table_ident other = {ICE_STR_INIT("db"), ICE_STR_INIT("other")};

static ice_memory_fate decide(void *context, const ice_table_commit *commits, size_t count, int64_t number) {
  (void)context;
  (void)commits;
  (void)count;
  (void)number;
  if (meanwhile) {
    void (*story)(void) = meanwhile;
    meanwhile = NULL;
    story();
  }
  return script_at < script_size ? script[script_at++] : ICE_MEMORY_APPLY;
}

static void next_fate(ice_memory_fate fate) {
  script[0] = fate;
  script_size = 1;
  script_at = 0;
}

static void create_table(ice_table_ident name) {
  static const char text[] =
      "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}";
  ice_schema *schema = NULL;
  ice_table table = {0};
  assert_int_equal(ice_schema_from_json_text(ICE_STR(text), &schema, NULL), ICE_OK);
  const ice_table_create create = {.schema = schema};
  assert_int_equal(ice_catalog_create_table(catalog, name, &create, &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  ice_schema_unref(schema);
}

static int setup(void **state) {
  ice_store *store = NULL;
  const ice_catalog_memory_options options = {.remote = *state != NULL, .warehouse = ICE_STR("memory://w")};
  const ice_memory_hook hook = {.before = decide};
  script_size = 0;
  script_at = 0;
  meanwhile = NULL;
  assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_open(ice_port_system(), &options, store, &catalog, NULL), ICE_OK);
  ice_catalog_memory_set_hook(catalog, &hook);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  create_table(ident);
  create_table(other);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_catalog_destroy(catalog);
  return 0;
}

// Rows written to a table by the real writer, described.
static void write_rows(ice_table_ident name, int64_t count, ice_bytes *out) {
  ice_table table;
  ice_table_writer *writer;
  ice_parquet_scratch *scratch;
  ice_batch batch;
  int64_t written;
  ice_bytes_init(out, TEXT_MAX);
  assert_int_equal(ice_catalog_load_table(catalog, name, &table, NULL), ICE_OK);
  assert_int_equal(ice_parquet_scratch_create(&scratch, NULL), ICE_OK);
  const ice_table_writer_options options = {
      .table = &table,
      .ident = name,
      .store = catalog->store,
      .port = ice_port_system(),
      .scratch = scratch,
      .write = {.page_size = 1 << 20, .row_group_size = 1 << 27, .target_file_size = 1 << 28}};
  assert_int_equal(ice_table_writer_create(&options, &writer, NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&batch, ice_table_current_schema(table.metadata), NULL), ICE_OK);
  for (int64_t i = 0; i < count; i++) {
    assert_int_equal(ice_column_append_i64(&batch.columns[0], i, NULL), ICE_OK);
    assert_int_equal(ice_batch_end_row(&batch, NULL), ICE_OK);
  }
  assert_int_equal(ice_table_writer_append(writer, &batch, NULL), ICE_OK);
  assert_int_equal(ice_table_writer_describe(writer, out, &written, NULL), ICE_OK);
  assert_int_equal(written, count);
  ice_batch_deinit(&batch);
  ice_table_writer_destroy(writer);
  ice_parquet_scratch_destroy(scratch);
  ice_table_deinit(&table);
}

static ice_status begin(ice_table_append *append, const ice_str *files, size_t count, const char *writer,
                        int64_t number) {
  const ice_table_append_options options = {.catalog = catalog,
                                            .port = ice_port_system(),
                                            .ident = ident,
                                            .files = files,
                                            .file_count = count,
                                            .writer = ice_str_of(writer),
                                            .number = number};
  return ice_table_append_init(append, &options, NULL);
}

// Attempts until it is decided.
static ice_append_outcome settle(ice_table_append *append) {
  ice_append_outcome outcome;
  ice_error err = {0};
  for (int i = 0; i < 10; i++) {
    if (ice_table_append_attempt(append, &outcome, &err) != ICE_OK) {
      fail_msg("%s", err.message);
    }
    if (outcome.attempt == ICE_ATTEMPT_DONE) {
      return outcome;
    }
  }
  fail_msg("ten attempts decided nothing");
  return outcome;
}

static ice_append_outcome append_rows(const char *writer, int64_t number) {
  ice_table_append append;
  ice_bytes files;
  write_rows(ident, ROWS, &files);
  const ice_str text = ice_bytes_str(&files);
  assert_int_equal(begin(&append, &text, 1, writer, number), ICE_OK);
  ice_append_outcome outcome = settle(&append);
  ice_table_append_deinit(&append);
  ice_bytes_deinit(&files);
  return outcome;
}

// Rows that a reader sees, and that the snapshot's summary says.
static int64_t rows_in_table(void) {
  ice_table table;
  ice_table_scan *scan;
  ice_batch batch;
  int64_t rows = 0;
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  assert_int_equal(ice_table_scan_create(catalog, &table, NULL, 0, NULL, &scan, NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&batch, ice_table_scan_schema(scan), NULL), ICE_OK);
  do {
    assert_int_equal(ice_table_scan_next(scan, &batch, NULL), ICE_OK);
    rows += batch.row_count;
  } while (batch.row_count > 0);
  const ice_snapshot *head = ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN);
  assert_int_equal(head ? ice_snapshot_summary_i64(head, "total-records", -1) : 0, rows);
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  ice_table_deinit(&table);
  return rows;
}

static uint32_t snapshots_in_table(void) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  uint32_t count = table.metadata->snapshot_count;
  ice_table_deinit(&table);
  return count;
}

static void change_table(const ice_table_update *update) {
  const ice_table_commit commit = {.ident = ident, .change = {.updates = update, .update_count = 1}};
  assert_int_equal(ice_catalog_commit(catalog, &commit, 1, NULL), ICE_OK);
}

static void append_foreign(void) { (void)append_rows("somebody else", 1); }

// Stories -----------------------------------------------------------------------------------------------------------

static void test_table_append__a_number_is_appended_once(void **state) {
  (void)state;
  ice_append_outcome first = append_rows("job", 5);
  assert_false(first.done_before);
  ice_append_outcome again = append_rows("job", 5);
  assert_true(again.done_before);
  assert_int_equal(again.snapshot_id, first.snapshot_id);
  ice_append_outcome lower = append_rows("job", 4);
  assert_true(lower.done_before);
  assert_int_equal(lower.snapshot_id, -1);
  assert_int_equal(rows_in_table(), ROWS);
  assert_false(append_rows("job", 6).done_before);
  assert_false(append_rows("another job", 1).done_before);
  assert_int_equal(rows_in_table(), 3 * ROWS);
}

static void test_table_append__the_number_outlives_its_snapshot(void **state) {
  (void)state;
  ice_append_outcome first = append_rows("job", 5);
  append_foreign();
  const ice_table_update expire = {
      .kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = &first.snapshot_id, .count = 1};
  change_table(&expire);
  assert_true(append_rows("job", 5).done_before);
  assert_int_equal(rows_in_table(), 2 * ROWS);
}

static void test_table_append__every_fate_of_a_commit_appends_once(void **state) {
  (void)state;
  static const ice_memory_fate fates[] = {ICE_MEMORY_APPLY,         ICE_MEMORY_CONFLICT, ICE_MEMORY_LOSE,
                                          ICE_MEMORY_APPLY_UNKNOWN, ICE_MEMORY_HOLD,     ICE_MEMORY_REPEAT};
  static const char *const writers[] = {"job", ""};
  for (size_t i = 0; i < ICE_COUNT_OF(fates) * ICE_COUNT_OF(writers); i++) {
    bool foreign = i % 4 < 2;
    int64_t before = rows_in_table();
    meanwhile = foreign ? append_foreign : NULL;
    next_fate(fates[i / 2]);
    // A refusal that is no refusal is a remote catalog's; nobody else sends a request twice.
    if (fates[i / 2] == ICE_MEMORY_REPEAT && !catalog->remote) {
      next_fate(ICE_MEMORY_APPLY);
    }
    (void)append_rows(writers[i % 2], (int64_t)i + 1);
    bool added_foreign = rows_in_table() == before + 2 * ROWS;
    assert_true(added_foreign || rows_in_table() == before + ROWS);
    if (ice_catalog_memory_held(catalog) > 0) {
      assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
    }
    assert_int_equal(rows_in_table(), before + (added_foreign ? 2 : 1) * ROWS);
  }
}

static void test_table_append__a_late_request_of_a_zombie_is_refused(void **state) {
  (void)state;
  ice_table_append zombie;
  ice_append_outcome outcome;
  ice_bytes files;
  write_rows(ident, ROWS, &files);
  const ice_str text = ice_bytes_str(&files);
  assert_int_equal(begin(&zombie, &text, 1, "job", 5), ICE_OK);
  next_fate(ICE_MEMORY_HOLD);
  assert_int_equal(ice_table_append_attempt(&zombie, &outcome, NULL), ICE_OK);
  assert_int_equal(outcome.attempt, ICE_ATTEMPT_AGAIN);
  // Its successor does the same work.
  assert_false(append_rows("job", 5).done_before);
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  assert_true(settle(&zombie).done_before);
  assert_int_equal(rows_in_table(), ROWS);
  ice_table_append_deinit(&zombie);
  ice_bytes_deinit(&files);
}

static void test_table_append__without_a_token_hidden_history_is_not_guessed_at(void **state) {
  (void)state;
  ice_table_append append;
  ice_append_outcome outcome;
  ice_error err = {0};
  ice_bytes files;
  ice_table table;
  int64_t hidden[8];
  uint32_t count = 0;
  write_rows(ident, ROWS, &files);
  const ice_str text = ice_bytes_str(&files);
  assert_int_equal(begin(&append, &text, 1, "", 0), ICE_OK);
  next_fate(ICE_MEMORY_APPLY_UNKNOWN);
  assert_int_equal(ice_table_append_attempt(&append, &outcome, NULL), ICE_OK);
  (void)append_rows("x", 1);
  (void)append_rows("x", 2);
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  for (uint32_t i = 0; i < table.metadata->snapshot_count; i++) {
    if (table.metadata->snapshots[i].snapshot_id != table.metadata->current_snapshot_id) {
      hidden[count++] = table.metadata->snapshots[i].snapshot_id;
    }
  }
  ice_table_deinit(&table);
  const ice_table_update expire = {.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = hidden, .count = count};
  change_table(&expire);
  assert_int_equal(ice_table_append_attempt(&append, &outcome, &err), ICE_COMMIT_UNKNOWN);
  assert_non_null(strstr(err.message, "token"));
  assert_int_equal(rows_in_table(), 3 * ROWS);
  ice_table_append_deinit(&append);
  ice_bytes_deinit(&files);
}

static void test_table_append__descriptions_of_several_writers_are_one_snapshot(void **state) {
  (void)state;
  ice_table_append append;
  ice_bytes files[3];
  ice_str texts[4] = {{0}};
  for (size_t i = 0; i < 3; i++) {
    write_rows(ident, (int64_t)i, &files[i]);
    texts[i] = ice_bytes_str(&files[i]);
  }
  assert_int_equal(texts[0].size, 0);
  assert_int_equal(begin(&append, texts, 4, "job", 1), ICE_OK);
  (void)settle(&append);
  assert_int_equal(append.manifest_count, 1);
  assert_int_equal(rows_in_table(), 3);
  assert_int_equal(snapshots_in_table(), 1);
  ice_table_append_deinit(&append);
  for (size_t i = 0; i < 3; i++) {
    ice_bytes_deinit(&files[i]);
  }
}

static void test_table_append__files_of_two_specs_are_two_manifests(void **state) {
  (void)state;
  ice_table_append append;
  ice_bytes files[2];
  ice_str texts[2];
  ice_partition_field field = {.source_id = 1, .field_id = 1000, .name = ICE_STR("x")};
  field.transform = (ice_transform){.kind = ICE_TRANSFORM_IDENTITY};
  field.transform_text = ICE_STR("identity");
  const ice_partition_spec spec = {.spec_id = 1, .field_count = 1, .fields = &field};
  write_rows(ident, 2, &files[0]);
  change_table(&(ice_table_update){.kind = ICE_UPDATE_ADD_SPEC, .spec = &spec});
  change_table(&(ice_table_update){.kind = ICE_UPDATE_SET_DEFAULT_SPEC, .id = 1});
  write_rows(ident, 2, &files[1]);
  for (size_t i = 0; i < 2; i++) {
    texts[i] = ice_bytes_str(&files[i]);
  }
  assert_int_equal(begin(&append, texts, 2, "job", 1), ICE_OK);
  (void)settle(&append);
  assert_int_equal(append.manifest_count, 2);
  assert_int_equal(append.manifests[1].file.added_files, 2);
  assert_int_equal(rows_in_table(), 4);
  ice_table_append_deinit(&append);
  ice_bytes_deinit(&files[0]);
  ice_bytes_deinit(&files[1]);
}

static void test_table_append__nothing_to_append_records_the_number_alone(void **state) {
  (void)state;
  ice_table_append append;
  assert_int_equal(begin(&append, NULL, 0, "", 0), ICE_OK);
  assert_int_equal(settle(&append).snapshot_id, -1);
  ice_table_append_deinit(&append);
  assert_int_equal(snapshots_in_table(), 0);
  assert_int_equal(begin(&append, NULL, 0, "job", 7), ICE_OK);
  assert_true(settle(&append).snapshot_id > 0);
  ice_table_append_deinit(&append);
  assert_int_equal(snapshots_in_table(), 1);
  assert_true(append_rows("job", 7).done_before);
}

static int64_t summary_of_head(const char *key) {
  ice_table table;
  assert_int_equal(ice_catalog_load_table(catalog, ident, &table, NULL), ICE_OK);
  int64_t value = ice_snapshot_summary_i64(ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN), key, -1);
  ice_table_deinit(&table);
  return value;
}

static ice_status count_object(void *context, const ice_object_info *object, ice_error *error) {
  (void)object;
  (void)error;
  ++*(int64_t *)context;
  return ICE_OK;
}

static int64_t objects_in_store(void) {
  int64_t count = 0;
  assert_int_equal(ice_store_list(catalog->store, ICE_STR("memory://w"), count_object, &count, NULL), ICE_OK);
  return count;
}

static void replace_all(const ice_str *files, size_t count, int64_t number) {
  ice_table_append append;
  assert_int_equal(begin(&append, files, count, "job", number), ICE_OK);
  append.options.replace = true;
  (void)settle(&append);
  ice_table_append_deinit(&append);
}

static void test_table_append__a_replacement_deletes_what_is_there_at_its_commit(void **state) {
  (void)state;
  ice_bytes files;
  (void)append_rows("job", 1);
  (void)append_rows("job", 2);
  write_rows(ident, 5, &files);
  const ice_str text = ice_bytes_str(&files);
  // Somebody appends after the first attempt has looked; the second one deletes that too.
  meanwhile = append_foreign;
  replace_all(&text, 1, 3);
  assert_int_equal(rows_in_table(), 5);
  assert_int_equal(summary_of_head("deleted-data-files"), 3);
  assert_int_equal(summary_of_head("deleted-records"), 3 * ROWS);
  assert_int_equal(summary_of_head("added-records"), 5);
  int64_t objects = objects_in_store();
  replace_all(&text, 1, 3);
  assert_int_equal(rows_in_table(), 5);
  assert_int_equal(objects_in_store(), objects);
  replace_all(NULL, 0, 4);
  assert_int_equal(rows_in_table(), 0);
  assert_int_equal(summary_of_head("deleted-records"), 5);
  (void)append_rows("job", 5);
  assert_int_equal(rows_in_table(), ROWS);
  ice_bytes_deinit(&files);
}

static void test_table_append__a_replacement_that_was_refused_leaves_no_manifest(void **state) {
  (void)state;
  ice_table_append append;
  ice_append_outcome outcome;
  (void)append_rows("job", 1);
  int64_t objects = objects_in_store();
  assert_int_equal(begin(&append, NULL, 0, "job", 2), ICE_OK);
  append.options.replace = true;
  next_fate(ICE_MEMORY_CONFLICT);
  assert_int_equal(ice_table_append_attempt(&append, &outcome, NULL), ICE_OK);
  assert_int_equal(outcome.attempt, ICE_ATTEMPT_AGAIN);
  assert_int_equal(objects_in_store(), objects);
  (void)settle(&append);
  assert_int_equal(rows_in_table(), 0);
  ice_table_append_deinit(&append);
}

static void test_table_append__what_is_no_description_of_this_table_is_refused(void **state) {
  (void)state;
  ice_table_append append;
  ice_append_outcome outcome;
  ice_bytes files;
  ice_bytes mine;
  write_rows(other, 1, &files);
  write_rows(ident, 1, &mine);
  const ice_str whole = ice_bytes_str(&mine);
  const struct {
    ice_str text;
    ice_status status;
    const char *says;
  } cases[] = {
      {ice_bytes_str(&files), ICE_INVALID_ARGUMENT, "cannot be appended to db.t"},
      {ICE_STR("nonsense"), ICE_CORRUPT, "no description of data files"},
      {ICE_STR("icesink files 2 93aa1dbb-cc70-4d17-9396-312407a8226f\n"), ICE_UNSUPPORTED, "later version"},
      {ice_str_make(whole.data, 30), ICE_CORRUPT, "cut off"},
      {ice_str_make(whole.data, whole.size / 2), ICE_CORRUPT, ""},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_error err = {0};
    assert_int_equal(begin(&append, &cases[i].text, 1, "job", 1), ICE_OK);
    assert_int_equal(ice_table_append_attempt(&append, &outcome, &err), cases[i].status);
    assert_non_null(strstr(err.message, cases[i].says));
    ice_table_append_deinit(&append);
  }
  assert_int_equal(snapshots_in_table(), 0);
  ice_bytes_deinit(&files);
  ice_bytes_deinit(&mine);
}

static void test_table_append__a_spoilt_token_is_named(void **state) {
  (void)state;
  const ice_property property = {.key = ICE_STR("icesink.token.job"), .value = ICE_STR("{\"number\":\"x\"}")};
  const ice_table_update update = {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &property, .count = 1};
  ice_table_append append;
  ice_append_outcome outcome;
  ice_error err = {0};
  change_table(&update);
  assert_int_equal(begin(&append, NULL, 0, "job", 1), ICE_OK);
  assert_int_equal(ice_table_append_attempt(&append, &outcome, &err), ICE_CORRUPT);
  assert_non_null(strstr(err.message, "icesink.token.job"));
  ice_table_append_deinit(&append);
}

#define ON(name, state) {#name " on " state, name, setup, teardown, state[0] == 'r' ? catalog_kind : NULL}

int main(void) {
  static char catalog_kind[] = "remote";
  const struct CMUnitTest tests[] = {
      ON(test_table_append__a_number_is_appended_once, "local"),
      ON(test_table_append__the_number_outlives_its_snapshot, "local"),
      ON(test_table_append__every_fate_of_a_commit_appends_once, "local"),
      ON(test_table_append__every_fate_of_a_commit_appends_once, "remote"),
      ON(test_table_append__a_late_request_of_a_zombie_is_refused, "local"),
      ON(test_table_append__a_late_request_of_a_zombie_is_refused, "remote"),
      ON(test_table_append__without_a_token_hidden_history_is_not_guessed_at, "local"),
      ON(test_table_append__descriptions_of_several_writers_are_one_snapshot, "local"),
      ON(test_table_append__files_of_two_specs_are_two_manifests, "local"),
      ON(test_table_append__nothing_to_append_records_the_number_alone, "local"),
      ON(test_table_append__a_replacement_deletes_what_is_there_at_its_commit, "local"),
      ON(test_table_append__a_replacement_deletes_what_is_there_at_its_commit, "remote"),
      ON(test_table_append__a_replacement_that_was_refused_leaves_no_manifest, "local"),
      ON(test_table_append__what_is_no_description_of_this_table_is_refused, "local"),
      ON(test_table_append__a_spoilt_token_is_named, "local"),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
