#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Fails each allocation of a session once: the error is clean, and the rows are in the table once, whatever the host had to repeat.
#include "base/macros.h"
#include "failing_memory.h"
#include "scratch_directory.h"
#include "session_rows.h"
#include <icesink/icesink.h>

enum { ROWS = 50 };

static const char columns[] = "struct<id: long, name: string>";
static const char message[] = "{\"deviceId\":\"d\",\"userId\":\"u\",\"samples\":[]}";

static scratch directory;
static char uri[SCRATCH_PATH];
static char warehouse[SCRATCH_PATH];
static const char *const settings[] = {uri,
                                       warehouse,
                                       "catalog.type=sqlite",
                                       "catalog.name=c",
                                       "preset=health",
                                       "source.decode.format=json",
                                       "name=health",
                                       "tables.data=db.raw",
                                       "tables.dead_letters=db.errors"};

// The rows of the test itself are made before the allocation that fails is counted.
static struct ArrowArray rows;
static struct ArrowSchema schema;

static ice_status open_session(ice_session **out, ice_error *err) {
  const ice_session_options options = {.settings = settings, .setting_count = ICE_COUNT_OF(settings)};
  return ice_session_open(&options, out, err);
}

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  snprintf(uri, sizeof uri, "catalog.uri=%s/catalog.db", directory.path);
  snprintf(warehouse, sizeof warehouse, "catalog.warehouse=%s/warehouse", directory.path);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  scratch_remove(&directory);
  return 0;
}

// Nothing of the array is the library's: it may be handed over again and again.
static void keep(struct ArrowArray *array) { array->release = NULL; }

static ice_status write_and_append(ice_session *session, ice_error *err) {
  ice_writer *writer = NULL;
  ice_text files = {0};
  ice_append_result result;
  ice_append_request request = {.table = "db.t", .files = &files, .file_count = 1, .writer = "job", .number = 1};
  struct ArrowArray given = rows;
  given.release = keep;
  ice_status status = ICE_OK;
  ICE_TRY(ice_writer_open(session, "db.t", &writer, err));
  ICE_TRY(ice_writer_append(writer, &given, &schema, err));
  ICE_TRY(ice_writer_finish(writer, &files, err));
  ICE_TRY(ice_session_append(session, &request, &result, err));
done:
  ice_text_free(&files);
  ice_writer_close(writer);
  return status;
}

static ice_status scan_all(ice_session *session, ice_error *err) {
  struct ArrowArrayStream stream = {0};
  struct ArrowArray batch = {0};
  int64_t count = 0;
  ice_status status = ice_session_scan(session, "db.t", NULL, 0, &stream, err);
  while (status == ICE_OK) {
    if (stream.get_next(&stream, &batch) != 0) {
      status = ice_error_set(err, ICE_NO_MEMORY, "%s", stream.get_last_error(&stream));
    }
    if (!batch.release) {
      break;
    }
    count += batch.length;
    batch.release(&batch);
  }
  if (status == ICE_OK) {
    assert_int_equal(count, ROWS);
  }
  if (stream.release) {
    stream.release(&stream);
  }
  return status;
}

static ice_status make_append_and_scan(ice_error *err) {
  ice_session *session = NULL;
  const char *partition[] = {"bucket(2, id)"};
  const ice_table_definition definition = {.schema = &schema, .partition = partition, .partition_count = 1};
  ice_status status = ICE_OK;
  ICE_TRY(open_session(&session, err));
  ICE_TRY(ice_session_create_namespace(session, "db", err));
  status = ice_session_create_table(session, "db.t", &definition, err);
  if (status != ICE_OK && status != ICE_ALREADY_EXISTS) {
    goto done;
  }
  ICE_TRY(write_and_append(session, err));
  ICE_TRY(scan_all(session, err));
done:
  ice_session_close(session);
  return status;
}

static ice_status decode(ice_error *err) {
  ice_session *session = NULL;
  ice_decoder *decoder = NULL;
  struct ArrowArray taken = {0};
  const ice_kafka_record records[] = {
      {.topic = "t", .offset = 7, .value = (const uint8_t *)message, .value_size = sizeof message - 1},
      {.topic = "u", .offset = 8, .value = (const uint8_t *)"nonsense", .value_size = 8}};
  ice_status status = ICE_OK;
  ICE_TRY(open_session(&session, err));
  ICE_TRY(ice_decoder_open(session, &decoder, err));
  ICE_TRY(ice_decoder_add(decoder, records, 2, err));
  for (uint32_t i = 0; i < ice_decoder_table_count(decoder); i++) {
    ICE_TRY(ice_decoder_take(decoder, i, &taken, err));
    assert_int_equal(taken.length, i);
    taken.release(&taken);
  }
done:
  ice_decoder_close(decoder);
  ice_session_close(session);
  return status;
}

static void test_session_torture__an_append_is_made_once(void **state) {
  (void)state;
  session_rows(columns, 0, ROWS, false, &rows, &schema);
  schema.children[0]->flags = 0;
  assert_true(torture(make_append_and_scan) > 100);
  rows.release(&rows);
  schema.release(&schema);
}

static void test_session_torture__a_decoder_fails_cleanly(void **state) {
  (void)state;
  assert_true(torture(decode) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_session_torture__an_append_is_made_once, setup, teardown),
      cmocka_unit_test_setup_teardown(test_session_torture__a_decoder_fails_cleanly, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
