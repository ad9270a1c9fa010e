// A table from C, without Kafka: rows go in as Arrow arrays, exactly once by their number, and come out as a stream.
//   cc append.c $(pkg-config --cflags --libs icesink) -o append && ./append
#include <icesink/icesink.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static ice_error err;

static void check(ice_status status) {
  if (status != ICE_OK) {
    fprintf(stderr, "append: %s: %s\n", ice_status_name(status), err.message);
    exit(1);
  }
}

// Any Arrow library makes these two; by hand, one column of longs is this much.
static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void keep_array(struct ArrowArray *array) { array->release = NULL; }
static struct ArrowSchema column = {.format = "l", .name = "number", .release = keep_schema};
static struct ArrowSchema *columns[] = {&column};
static struct ArrowSchema schema = {
    .format = "+s", .name = "", .n_children = 1, .children = columns, .release = keep_schema};

static void append_numbers(ice_writer *writer, const int64_t *numbers, int64_t count) {
  const void *buffers[] = {NULL, numbers};
  const void *no_buffers[] = {NULL};
  struct ArrowArray values = {.length = count, .n_buffers = 2, .buffers = buffers, .release = keep_array};
  struct ArrowArray *children[] = {&values};
  struct ArrowArray rows = {.length = count,
                            .n_buffers = 1,
                            .buffers = no_buffers,
                            .n_children = 1,
                            .children = children,
                            .release = keep_array};
  check(ice_writer_append(writer, &rows, &schema, &err));
}

int main(void) {
  const char *settings[] = {"catalog.type=sqlite", "catalog.uri=numbers.db", "catalog.warehouse=./numbers"};
  const ice_session_options options = {.settings = settings, .setting_count = 3};
  const int64_t numbers[] = {2, 3, 5, 7, 11};
  ice_session *session;
  ice_writer *writer;
  ice_text files;
  ice_append_result result;
  struct ArrowArrayStream stream;
  struct ArrowArray batch;

  check(ice_session_open(&options, &session, &err));
  check(ice_session_create_namespace(session, "db", &err));
  const ice_table_definition definition = {.schema = &schema};
  ice_status status = ice_session_create_table(session, "db.numbers", &definition, &err);
  check(status == ICE_ALREADY_EXISTS ? ICE_OK : status);

  check(ice_writer_open(session, "db.numbers", &writer, &err));
  append_numbers(writer, numbers, 5);
  check(ice_writer_finish(writer, &files, &err));
  // Run it again: the number was there before, and nothing is appended twice.
  const ice_append_request request = {
      .table = "db.numbers", .files = &files, .file_count = 1, .writer = "primes", .number = 1};
  check(ice_session_append(session, &request, &result, &err));
  printf("%s\n", result.done_before ? "appended before" : "appended");

  check(ice_session_scan(session, "db.numbers", NULL, 0, &stream, &err));
  while (stream.get_next(&stream, &batch) == 0 && batch.release) {
    const int64_t *values = batch.children[0]->buffers[1];
    for (int64_t i = 0; i < batch.length; i++) {
      printf("%" PRId64 "\n", values[i]);
    }
    batch.release(&batch);
  }
  stream.release(&stream);
  ice_text_free(&files);
  ice_writer_close(writer);
  ice_session_close(session);
  return 0;
}
