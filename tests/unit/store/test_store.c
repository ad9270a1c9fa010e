#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_directory.h"
#include "store/store_local.h"
#include "store/store_memory.h"
#include <errno.h>

static scratch directory;
static ice_store *store;

static int setup(void **state) {
  (void)state;
  char root[SCRATCH_PATH];
  char second[SCRATCH_PATH];
  scratch_create(&directory);
  scratch_path(&directory, "warehouse/", root);
  snprintf(second, sizeof second, "file://%s/other", directory.path);
  ice_str roots[] = {ice_str_of(root), ice_str_of(second)};
  return ice_store_local_open(ice_port_system(), roots, 2, &store, NULL) != ICE_OK;
}

static int teardown(void **state) {
  (void)state;
  ice_store_destroy(store);
  scratch_remove(&directory);
  return 0;
}

static int setup_memory(void **state) {
  (void)state;
  scratch_create(&directory);
  return ice_store_memory_open(&store, NULL) != ICE_OK;
}

static ice_str in_scratch(const char *name, char out[SCRATCH_PATH]) {
  scratch_path(&directory, name, out);
  return ice_str_of(out);
}

static void expect_contents(ice_str location, const char *text) {
  ice_bytes out;
  ice_bytes_init(&out, strlen(text));
  assert_int_equal(ice_store_read_all(store, location, &out, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_bytes_str(&out), text));
  ice_bytes_deinit(&out);
}

// What holds of every store.
static void test_store__an_object_is_written_once_and_read_in_ranges(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  char read[4];
  int64_t size;
  ice_str location = in_scratch("warehouse/db/t/data/f.parquet", path);
  assert_int_equal(ice_store_write_all(store, location, "0123456789", 10, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_OK);
  assert_int_equal(size, 10);
  expect_contents(location, "0123456789");
  assert_int_equal(ice_store_read(store, location, 3, read, 4, NULL), ICE_OK);
  assert_memory_equal(read, "3456", 4);
  assert_int_equal(ice_store_read(store, location, 7, read, 4, NULL), ICE_CORRUPT);
  assert_int_equal(ice_store_write_all(store, location, "other", 5, NULL), ICE_ALREADY_EXISTS);
  expect_contents(location, "0123456789");
  ice_bytes small;
  ice_bytes_init(&small, 9);
  assert_int_equal(ice_store_read_all(store, location, &small, NULL), ICE_LIMIT);
  assert_int_equal(ice_store_remove(store, location, NULL), ICE_OK);
  assert_int_equal(ice_store_remove(store, location, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_store_read(store, location, 0, read, 1, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_store_write_all(store, location, "", 0, NULL), ICE_OK);
  expect_contents(location, "");
}

static void test_store__an_object_is_not_there_before_it_is_done(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  int64_t size;
  bool complete = false;
  ice_upload *upload = NULL;
  ice_str location = in_scratch("warehouse/half", path);
  assert_int_equal(ice_store_create(store, location, &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, "half", 4, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_NOT_FOUND);
  ice_upload_destroy(upload);
  assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_NOT_FOUND);
  assert_int_equal(ice_store_create(store, location, &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, "ha", 2, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, "lf", 2, NULL), ICE_OK);
  assert_int_equal(ice_upload_submit(upload, NULL), ICE_OK);
  for (int i = 0; i < 100 && !complete; i++) {
    assert_int_equal(ice_upload_poll(upload, &complete, NULL), ICE_OK);
  }
  assert_true(complete);
  ice_upload_destroy(upload);
  expect_contents(location, "half");
  ice_upload_destroy(NULL);
}

typedef struct seen {
  int count;
  int64_t bytes;
} seen;

static ice_status see(void *context, const ice_object_info *info, ice_error *err) {
  seen *all = context;
  all->count++;
  all->bytes += info->size;
  return ice_str_ends_with(info->location, ICE_STR("stop")) ? ice_error_set(err, ICE_CANCELLED, "stop") : ICE_OK;
}

static void test_store__lists_what_is_below_a_prefix(void **state) {
  (void)state;
  static const char *const names[] = {"warehouse/t/a", "warehouse/t/b/c", "warehouse/t/b/d/e", "warehouse/u/x"};
  char path[SCRATCH_PATH];
  seen all = {0};
  assert_int_equal(ice_store_list(store, in_scratch("warehouse/t", path), see, &all, NULL), ICE_OK);
  assert_int_equal(all.count, 0);
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    assert_int_equal(ice_store_write_all(store, in_scratch(names[i], path), "abc", i, NULL), ICE_OK);
  }
  assert_int_equal(ice_store_list(store, in_scratch("warehouse/t", path), see, &all, NULL), ICE_OK);
  assert_int_equal(all.count, 3);
  assert_int_equal(all.bytes, 0 + 1 + 2);
  assert_int_equal(ice_store_write_all(store, in_scratch("warehouse/t/stop", path), "", 0, NULL), ICE_OK);
  assert_int_equal(ice_store_list(store, in_scratch("warehouse/t", path), see, &all, NULL), ICE_CANCELLED);
}

// What holds of the local store.
static void test_store_local__touches_only_what_is_under_its_roots(void **state) {
  (void)state;
  static const char *const outside[] = {
      "warehouse2/f", "f", "warehouse/../f", "warehouse/./f", "warehouse//f", "warehouse/a/../../f", "other/../f"};
  char path[SCRATCH_PATH];
  char byte;
  int64_t size;
  ice_upload *upload = NULL;
  ice_error err = {0};
  seen all = {0};
  for (size_t i = 0; i < ICE_COUNT_OF(outside); i++) {
    ice_str location = in_scratch(outside[i], path);
    assert_int_equal(ice_store_create(store, location, &upload, &err), ICE_INVALID_ARGUMENT);
    assert_null(upload);
    assert_int_equal(ice_store_read(store, location, 0, &byte, 1, NULL), ICE_INVALID_ARGUMENT);
    assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_INVALID_ARGUMENT);
    assert_int_equal(ice_store_remove(store, location, NULL), ICE_INVALID_ARGUMENT);
    assert_int_equal(ice_store_list(store, location, see, &all, NULL), ICE_INVALID_ARGUMENT);
  }
  assert_int_equal(ice_store_create(store, in_scratch("warehouse2/f", path), &upload, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "outside the warehouse"));
  assert_int_equal(ice_store_create(store, ICE_STR("s3://b/k"), &upload, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_store_create(store, ICE_STR("relative/f"), &upload, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_store_create(store, ICE_STR(""), &upload, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_store_create(store, ice_str_make("/tmp/a\0b", 8), &upload, NULL), ICE_INVALID_ARGUMENT);
}

static void test_store_local__a_uri_and_a_path_are_the_same_place(void **state) {
  (void)state;
  static const char *const forms[] = {"%s/other/f", "file:%s/other/f", "file://%s/other/f"};
  char path[SCRATCH_PATH];
  assert_int_equal(ice_store_write_all(store, in_scratch("other/f", path), "x", 1, NULL), ICE_OK);
  for (size_t i = 0; i < ICE_COUNT_OF(forms); i++) {
    char location[SCRATCH_PATH];
    const char *colon = strstr(forms[i], "%s");
    snprintf(location, sizeof location, "%.*s%s%s", (int)(colon - forms[i]), forms[i], directory.path, colon + 2);
    expect_contents(ice_str_of(location), "x");
  }
}

static void test_store_local__leaves_no_temporary_file_behind(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  ice_upload *upload = NULL;
  ice_str location = in_scratch("warehouse/a", path);
  assert_int_equal(ice_store_write_all(store, location, "x", 1, NULL), ICE_OK);
  assert_int_equal(ice_store_write_all(store, location, "y", 1, NULL), ICE_ALREADY_EXISTS);
  assert_int_equal(ice_store_create(store, in_scratch("warehouse/b", path), &upload, NULL), ICE_OK);
  ice_upload_destroy(upload);
  scratch_path(&directory, "warehouse", path);
  assert_int_equal(scratch_count(path), 1);
}

static void test_store_local__a_directory_is_no_object(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  int64_t size;
  assert_int_equal(ice_store_write_all(store, in_scratch("warehouse/d/f", path), "x", 1, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, in_scratch("warehouse/d", path), &size, NULL), ICE_NOT_FOUND);
}

/// Directories that were synced, each with a space behind it; the error of the next one.
static char synced[4096];
static int sync_error;

static ice_status sync_directory(void *context, const char *path, ice_error *err) {
  (void)context;
  size_t size = strlen(synced);
  snprintf(synced + size, sizeof synced - size, "%s ", path);
  if (sync_error != 0) {
    ice_error_set(err, ICE_IO, "injected");
    err->origin_code = sync_error;
    return ICE_IO;
  }
  return ICE_OK;
}

static void expect_synced(const char *const *names, size_t count) {
  char expected[4096] = "";
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(expected);
    snprintf(expected + size, sizeof expected - size, "%s%s ", directory.path, names[i]);
  }
  assert_string_equal(synced, expected);
  synced[0] = '\0';
}

// Another process may have made the directories and died before their names were durable.
static void test_store_local__directories_that_are_there_are_made_durable_once(void **state) {
  (void)state;
  static const char *const first[] = {"", "/warehouse", "/warehouse/db", "/warehouse/db/t"};
  static const char *const second[] = {"/warehouse/db/t"};
  static const char *const beside[] = {"/warehouse/db", "/warehouse/db/u"};
  char path[SCRATCH_PATH];
  ice_port port = *ice_port_system();
  ice_str root = in_scratch("warehouse", path);
  port.files.sync_directory = sync_directory;
  sync_error = 0;
  synced[0] = '\0';
  ice_store_destroy(store);
  assert_int_equal(ice_store_local_open(&port, &root, 1, &store, NULL), ICE_OK);
  assert_int_equal(port.files.make_directories(NULL, in_scratch("warehouse/db/t", path).data, NULL), ICE_OK);
  assert_int_equal(ice_store_write_all(store, in_scratch("warehouse/db/t/1", path), "x", 1, NULL), ICE_OK);
  expect_synced(first, ICE_COUNT_OF(first));
  assert_int_equal(ice_store_write_all(store, in_scratch("warehouse/db/t/2", path), "x", 1, NULL), ICE_OK);
  expect_synced(second, ICE_COUNT_OF(second));
  assert_int_equal(ice_store_write_all(store, in_scratch("warehouse/db/u/3", path), "x", 1, NULL), ICE_OK);
  expect_synced(beside, ICE_COUNT_OF(beside));
}

static void test_store_local__what_the_warehouse_lies_in_need_not_be_readable(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  ice_upload *upload;
  ice_port port = *ice_port_system();
  ice_str root = in_scratch("warehouse", path);
  port.files.sync_directory = sync_directory;
  synced[0] = '\0';
  ice_store_destroy(store);
  assert_int_equal(ice_store_local_open(&port, &root, 1, &store, NULL), ICE_OK);
  assert_int_equal(port.files.make_directories(NULL, in_scratch("warehouse/db", path).data, NULL), ICE_OK);
  ice_error err = {0};
  sync_error = EIO;
  assert_int_equal(ice_store_create(store, in_scratch("warehouse/db/1", path), &upload, &err), ICE_IO);
  assert_string_equal(err.message, "injected");
  sync_error = EACCES;
  assert_int_equal(ice_store_create(store, in_scratch("warehouse/db/1", path), &upload, &err), ICE_OK);
  ice_upload_destroy(upload);
  // A directory that is new has to be durable.
  assert_int_equal(ice_store_create(store, in_scratch("warehouse/new/1", path), &upload, &err), ICE_IO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_store__an_object_is_written_once_and_read_in_ranges, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store__an_object_is_not_there_before_it_is_done, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store__lists_what_is_below_a_prefix, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_local__touches_only_what_is_under_its_roots, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_local__a_uri_and_a_path_are_the_same_place, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_local__leaves_no_temporary_file_behind, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_local__a_directory_is_no_object, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_local__directories_that_are_there_are_made_durable_once, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_store_local__what_the_warehouse_lies_in_need_not_be_readable, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_store__an_object_is_written_once_and_read_in_ranges, setup_memory,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_store__an_object_is_not_there_before_it_is_done, setup_memory, teardown),
      cmocka_unit_test_setup_teardown(test_store__lists_what_is_below_a_prefix, setup_memory, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
