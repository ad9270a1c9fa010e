#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The public functions from the outside, on a SQLite catalog and files in a directory of the test's own.
#include "session/session_priv.h"

#include "scratch_directory.h"
#include "session_rows.h"
#include <icesink/icesink.h>
#include <sqlite3.h>

#define OK(call) assert_int_equal(call, ICE_OK)

static const char good[] = "struct<id: long, name: string>";

static scratch directory;
static ice_session *session;
static ice_error err;
static char told[4096];
/// Holds the catalog until something is told.
static sqlite3 *locker;
static bool scattered;

static void remember(void *context, ice_log_level level, const char *text) {
  (void)context;
  assert_int_equal(level, ICE_LOG_WARN);
  snprintf(told, sizeof told, "%s", text);
  if (locker) {
    assert_int_equal(sqlite3_exec(locker, "rollback", NULL, NULL, NULL), SQLITE_OK);
  }
}

static ice_session *open_session(size_t extra_count, const char *const *extra) {
  char uri[SCRATCH_PATH + 32];
  char warehouse[SCRATCH_PATH + 32];
  const char *settings[16] = {uri, warehouse, "catalog.type=sqlite", "catalog.name=c"};
  snprintf(uri, sizeof uri, "catalog.uri=%s/catalog.db", directory.path);
  snprintf(warehouse, sizeof warehouse, "catalog.warehouse=%s/warehouse", directory.path);
  for (size_t i = 0; i < extra_count; i++) {
    settings[4 + i] = extra[i];
  }
  const ice_session_options options = {.settings = settings, .setting_count = 4 + extra_count, .log = remember};
  ice_session *opened;
  if (ice_session_open(&options, &opened, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return opened;
}

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  ice_error_clear(&err);
  scattered = false;
  locker = NULL;
  session = open_session(0, NULL);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_session_close(session);
  scratch_remove(&directory);
  return 0;
}

static void create_table(const char *name) {
  struct ArrowArray rows;
  struct ArrowSchema schema;
  const char *partition[] = {"bucket(4, id)"};
  const char *properties[] = {"owner=test", "note=a=b"};
  session_rows(good, 0, 0, false, &rows, &schema);
  schema.children[0]->flags = 0;
  const ice_table_definition definition = {
      .schema = &schema, .partition = partition, .partition_count = 1, .properties = properties, .property_count = 2};
  OK(ice_session_create_namespace(session, "db", &err));
  OK(ice_session_create_table(session, name, &definition, &err));
  rows.release(&rows);
  schema.release(&schema);
}

static ice_status append_rows(ice_writer *writer, const char *type, int64_t first, int64_t count) {
  struct ArrowArray rows;
  struct ArrowSchema schema;
  session_rows(type, first, count, scattered, &rows, &schema);
  ice_status status = ice_writer_append(writer, &rows, &schema, &err);
  assert_null(rows.release);
  schema.release(&schema);
  return status;
}

static ice_append_result commit(const ice_text *files, size_t count, const char *writer, int64_t number) {
  const char *summary[] = {"source=test"};
  const ice_append_request request = {.table = "db.t",
                                      .files = files,
                                      .file_count = count,
                                      .writer = writer,
                                      .number = number,
                                      .summary = summary,
                                      .summary_count = 1};
  ice_append_result result;
  if (ice_session_append(session, &request, &result, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return result;
}

// Rows that a scan gives; the sum of the first column goes to `*sum`.
static int64_t scan(uint64_t *sum) {
  const char *columns[] = {"id"};
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  int64_t rows = 0;
  *sum = 0;
  OK(ice_session_scan(session, "db.t", columns, 1, &stream, &err));
  assert_int_equal(stream.get_schema(&stream, &schema), 0);
  assert_string_equal(schema.children[0]->name, "id");
  schema.release(&schema);
  for (;;) {
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    if (!batch.release) {
      break;
    }
    const int64_t *values = batch.children[0]->buffers[1];
    for (int64_t i = 0; i < batch.length; i++) {
      *sum += (uint64_t)values[i];
    }
    rows += batch.length;
    batch.release(&batch);
  }
  assert_null(stream.get_last_error(&stream));
  stream.release(&stream);
  return rows;
}

static void test_session__misspelt_settings_are_named(void **state) {
  (void)state;
  const char *settings[] = {"catalog.wareHouse=x"};
  const ice_session_options options = {.settings = settings, .setting_count = 1};
  ice_session *none;
  ice_text text;
  assert_int_equal(ice_session_open(&options, &none, &err), ICE_INVALID_ARGUMENT);
  assert_null(none);
  assert_non_null(strstr(err.message, "catalog.warehouse"));
  assert_int_equal(ice_session_setting(session, "catalog.nmae", &text, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "catalog.name"));
  OK(ice_session_setting(session, "catalog.name", &text, &err));
  assert_string_equal(text.data, "c");
  ice_text_free(&text);
  assert_null(text.data);
}

static void test_session__secrets_are_not_told(void **state) {
  (void)state;
  const char *extra[] = {"store.s3.secret_key=hush", "store.s3.access_key=${me}"};
  ice_text text;
  ice_session *other = open_session(2, extra);
  OK(ice_session_setting(other, "store.s3.secret_key", &text, &err));
  assert_int_equal(text.size, 0);
  ice_text_free(&text);
  // What a program says is no template.
  OK(ice_session_setting(other, "store.s3.access_key", &text, &err));
  assert_string_equal(text.data, "${me}");
  ice_text_free(&text);
  ice_session_close(other);
}

static void test_session__a_catalog_that_is_not_there_is_an_error_until_it_is_made(void **state) {
  (void)state;
  assert_int_not_equal(ice_session_connect(session, &err), ICE_OK);
  assert_non_null(strstr(err.message, "Failed to register Iceberg catalog"));
  create_table("db.t");
  OK(ice_session_connect(session, &err));
}

static void test_session__tables_are_made_listed_described_and_dropped(void **state) {
  (void)state;
  ice_text text;
  struct ArrowSchema schema;
  create_table("db.t");
  OK(ice_session_list(session, NULL, &text, &err));
  assert_string_equal(text.data, "db\n");
  ice_text_free(&text);
  OK(ice_session_list(session, "db", &text, &err));
  assert_string_equal(text.data, "t\n");
  ice_text_free(&text);
  OK(ice_session_create_namespace(session, "empty", &err));
  OK(ice_session_list(session, "empty", &text, &err));
  assert_string_equal(text.data, "");
  ice_text_free(&text);
  assert_int_equal(ice_session_list(session, "none", &text, &err), ICE_NOT_FOUND);
  OK(ice_session_load_table(session, "db.t", &text, &err));
  assert_non_null(strstr(text.data, "{\"metadata-location\":\"file://"));
  assert_non_null(strstr(text.data, "\"bucket[4]\""));
  assert_non_null(strstr(text.data, "\"note\":\"a=b\""));
  ice_text_free(&text);
  OK(ice_session_table_schema(session, "db.t", &schema, &err));
  assert_int_equal(schema.n_children, 2);
  assert_int_equal(schema.children[0]->flags & ARROW_FLAG_NULLABLE, 0);
  schema.release(&schema);
  OK(ice_session_drop_table(session, "db.t", &err));
  assert_int_equal(ice_session_load_table(session, "db.t", &text, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, "Table does not exist: db.t"));
}

static void test_session__rows_are_appended_once_by_their_number_and_scanned(void **state) {
  (void)state;
  ice_writer *writer;
  ice_text files[2];
  uint64_t sum;
  int64_t number;
  bool known;
  create_table("db.t");
  OK(ice_writer_open(session, "db.t", &writer, &err));
  OK(append_rows(writer, good, 0, 100));
  OK(append_rows(writer, good, 100, 100));
  OK(ice_writer_finish(writer, &files[0], &err));
  OK(append_rows(writer, good, 200, 50));
  OK(ice_writer_finish(writer, &files[1], &err));
  assert_int_equal(ice_writer_get_totals(writer).rows, 250);
  assert_int_equal(ice_writer_get_totals(writer).files, 8);
  ice_writer_close(writer);
  OK(ice_session_token(session, "db.t", "job", &known, &number, &err));
  assert_false(known);
  ice_append_result first = commit(files, 2, "job", 3);
  assert_false(first.done_before);
  ice_append_result again = commit(files, 2, "job", 3);
  assert_true(again.done_before);
  assert_int_equal(again.snapshot_id, first.snapshot_id);
  assert_int_equal(scan(&sum), 250);
  assert_int_equal(sum, 250 * 249 / 2);
  OK(ice_session_token(session, "db.t", "job", &known, &number, &err));
  assert_true(known);
  assert_int_equal(number, 3);
  ice_text_free(&files[0]);
  ice_text_free(&files[1]);
}

static void test_session__a_writer_without_rows_describes_nothing(void **state) {
  (void)state;
  ice_writer *writer;
  ice_text files;
  create_table("db.t");
  OK(ice_writer_open(session, "db.t", &writer, &err));
  OK(ice_writer_finish(writer, &files, &err));
  assert_non_null(files.data);
  assert_int_equal(files.size, 0);
  assert_int_equal(commit(&files, 1, NULL, 0).snapshot_id, -1);
  ice_text_free(&files);
  ice_writer_close(writer);
}

static void test_session__bad_rows_are_named_and_the_writer_goes_on(void **state) {
  (void)state;
  ice_writer *writer;
  ice_text files;
  uint64_t sum;
  create_table("db.t");
  OK(ice_writer_open(session, "db.t", &writer, &err));
  OK(append_rows(writer, good, 0, 10));
  assert_int_equal(append_rows(writer, "struct<id: long, nmae: string>", 0, 10), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "nmae"));
  assert_int_equal(append_rows(writer, "struct<id: long, id2: string>", 0, 10), ICE_INVALID_ARGUMENT);
  assert_false(err.flags & ICE_ERROR_FATAL);
  OK(append_rows(writer, good, 10, 10));
  OK(ice_writer_finish(writer, &files, &err));
  (void)commit(&files, 1, NULL, 0);
  assert_int_equal(scan(&sum), 20);
  ice_text_free(&files);
  ice_writer_close(writer);
}

static void test_session__a_writer_whose_store_is_gone_can_only_be_closed(void **state) {
  (void)state;
  char warehouse[SCRATCH_PATH];
  char away[SCRATCH_PATH];
  ice_writer *writer;
  ice_text files;
  create_table("db.t");
  OK(ice_writer_open(session, "db.t", &writer, &err));
  scratch_path(&directory, "warehouse", warehouse);
  scratch_path(&directory, "away", away);
  assert_int_equal(rename(warehouse, away), 0);
  FILE *file = fopen(warehouse, "w");
  fclose(file);
  ice_status status = append_rows(writer, good, 0, 10);
  status = status == ICE_OK ? ice_writer_finish(writer, &files, &err) : status;
  assert_int_equal(status, ICE_IO);
  assert_true(err.flags & ICE_ERROR_FATAL);
  assert_int_equal(append_rows(writer, good, 0, 10), ICE_INVALID_STATE);
  assert_int_equal(ice_writer_finish(writer, &files, &err), ICE_INVALID_STATE);
  ice_writer_close(writer);
}

static void test_session__writers_share_a_budget_and_spill(void **state) {
  (void)state;
  enum { WRITERS = 3, ROUNDS = 100 };
  const char *extra[] = {"memory=16MB"};
  ice_writer *writers[WRITERS];
  ice_text files[WRITERS];
  uint64_t sum;
  uint64_t most = 0;
  create_table("db.t");
  ice_session_close(session);
  session = open_session(1, extra);
  scattered = true;
  for (size_t i = 0; i < WRITERS; i++) {
    OK(ice_writer_open(session, "db.t", &writers[i], &err));
  }
  for (int64_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < WRITERS; i++) {
      OK(append_rows(writers[i], good, round * 10000, 10000));
      uint64_t memory = ice_writer_get_totals(writers[i]).memory;
      most = memory > most ? memory : most;
    }
  }
  assert_true(most <= 17 << 20);
  for (size_t i = 0; i < WRITERS; i++) {
    OK(ice_writer_finish(writers[i], &files[i], &err));
    ice_writer_close(writers[i]);
  }
  (void)commit(files, WRITERS, "job", 1);
  assert_int_equal(scan(&sum), WRITERS * ROUNDS * 10000);
  for (size_t i = 0; i < WRITERS; i++) {
    ice_text_free(&files[i]);
  }
}

static void test_session__an_append_waits_for_its_catalog(void **state) {
  (void)state;
  const ice_append_request request = {.table = "db.t", .writer = "job", .number = 1};
  ice_append_result result;
  char path[SCRATCH_PATH];
  create_table("db.t");
  scratch_path(&directory, "catalog.db", path);
  assert_int_equal(sqlite3_open(path, &locker), SQLITE_OK);
  assert_int_equal(sqlite3_exec(locker, "begin exclusive", NULL, NULL, NULL), SQLITE_OK);
  // The first attempt is told of, and that unlocks it.
  OK(ice_session_append(session, &request, &result, &err));
  assert_false(result.done_before);
  assert_non_null(strstr(told, "A commit was not decided; trying again error="));
  assert_int_equal(sqlite3_close(locker), SQLITE_OK);
}

static void test_session__a_stopped_session_waits_for_nobody(void **state) {
  (void)state;
  const ice_append_request request = {.table = "db.t", .writer = "job", .number = 1};
  ice_append_result result;
  create_table("db.t");
  ice_session_stop(session);
  assert_int_equal(ice_session_append(session, &request, &result, &err), ICE_CANCELLED);
}

static int attempts;

static ice_status undecided(void *context, bool *done, bool *unknown, ice_error *error) {
  (void)context;
  (void)error;
  attempts++;
  *done = false;
  *unknown = false;
  return ICE_OK;
}

static void test_session__what_is_never_decided_is_never_called_done(void **state) {
  (void)state;
  const char *extra[] = {"commit.give_up=20ms", "commit.retry_delay=1ms"};
  ice_session *other = open_session(2, extra);
  attempts = 0;
  ice_error_clear(&err);
  assert_int_equal(ice_session_drive(other, undecided, NULL, &err), ICE_CONFLICT);
  assert_int_equal(err.status, ICE_CONFLICT);
  assert_string_not_equal(err.message, "");
  assert_true(attempts > 1);
  ice_session_close(other);
}

// Decoders ----------------------------------------------------------------------------------------------------------

static const char message[] =
    "{\"deviceId\":\"d\",\"userId\":\"u\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"appVersion\":\"1\",\"samples\":["
    "{\"id\":\"s1\",\"type\":\"heartRate\",\"value\":60,\"unit\":\"count/"
    "min\",\"startDate\":\"2026-01-02T03:04:05Z\","
    "\"endDate\":\"2026-01-02T03:04:05Z\",\"isSynced\":true,\"createdAt\":\"2026-01-02T03:04:05Z\",\"metadata\":{}},"
    "{\"id\":\"s2\",\"type\":\"heartRate\",\"value\":600,\"unit\":\"count/"
    "min\",\"startDate\":\"2026-01-02T03:04:05Z\","
    "\"endDate\":\"2026-01-02T03:04:05Z\",\"isSynced\":true,\"createdAt\":\"2026-01-02T03:04:05Z\",\"metadata\":{}}]"
    "}";

static void test_session__a_decoder_gives_rows_and_dead_letters(void **state) {
  (void)state;
  const char *extra[] = {"preset=health", "source.decode.format=json", "name=health", "tables.data=db.raw",
                         "tables.dead_letters=db.errors"};
  ice_kafka_record records[] = {{.topic = "t", .partition = 3, .offset = 7, .value = (const uint8_t *)message},
                                {.topic = "t", .partition = 4, .offset = 8, .value = (const uint8_t *)"nonsense"}};
  ice_decoder *decoder;
  ice_text name;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  records[0].value_size = sizeof message - 1;
  records[1].value_size = 8;
  ice_session *other = open_session(5, extra);
  OK(ice_decoder_open(other, &decoder, &err));
  assert_int_equal(ice_decoder_table_count(decoder), 2);
  OK(ice_decoder_table(decoder, 1, &name, &schema, &err));
  assert_string_equal(name.data, "db.errors");
  ice_text_free(&name);
  schema.release(&schema);
  for (int round = 1; round <= 2; round++) {
    OK(ice_decoder_add(decoder, records, 2, &err));
    OK(ice_decoder_take(decoder, 0, &rows, &err));
    assert_int_equal(rows.length, 1);
    rows.release(&rows);
    OK(ice_decoder_take(decoder, 1, &rows, &err));
    assert_int_equal(rows.length, 2);
    rows.release(&rows);
    ice_decoder_counts counts = ice_decoder_get_counts(decoder);
    assert_int_equal(counts.records, 2 * round);
    assert_int_equal(counts.elements, 3 * round);
    assert_int_equal(counts.rows, round);
    assert_int_equal(counts.dead_letters, 2 * round);
  }
  assert_int_equal(ice_decoder_take(decoder, 2, &rows, &err), ICE_INVALID_ARGUMENT);
  ice_decoder_close(decoder);
  ice_session_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_session__misspelt_settings_are_named),
      TEST(test_session__secrets_are_not_told),
      TEST(test_session__a_catalog_that_is_not_there_is_an_error_until_it_is_made),
      TEST(test_session__tables_are_made_listed_described_and_dropped),
      TEST(test_session__rows_are_appended_once_by_their_number_and_scanned),
      TEST(test_session__a_writer_without_rows_describes_nothing),
      TEST(test_session__bad_rows_are_named_and_the_writer_goes_on),
      TEST(test_session__a_writer_whose_store_is_gone_can_only_be_closed),
      TEST(test_session__writers_share_a_budget_and_spill),
      TEST(test_session__an_append_waits_for_its_catalog),
      TEST(test_session__a_stopped_session_waits_for_nobody),
      TEST(test_session__what_is_never_decided_is_never_called_done),
      TEST(test_session__a_decoder_gives_rows_and_dead_letters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
