#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/port.h"
#include "scratch_directory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, ...);

static int tmpfile_error;
static int tmpfile_asked;

// Refuses O_TMPFILE the way that file systems without it do.
int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_TMPFILE) == O_TMPFILE) {
    tmpfile_asked++;
    if (tmpfile_error != 0) {
      errno = tmpfile_error;
      return -1;
    }
  }
  return __real_open(path, flags, mode);
}

static scratch directory;

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  tmpfile_error = 0;
  tmpfile_asked = 0;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  scratch_remove(&directory);
  return 0;
}

static void write_file(const char *name, const char *text, size_t size, char path[SCRATCH_PATH]) {
  scratch_path(&directory, name, path);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, size, file), size);
  fclose(file);
}

static void test_port_files__reads_a_file_up_to_the_ceiling(void **state) {
  (void)state;
  static char text[3 << 20];
  char path[SCRATCH_PATH];
  static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, sizeof text};
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] = (char)(i * 31 + i / 4096);
  }
  for (size_t i = 0; i < ICE_COUNT_OF(sizes); i++) {
    write_file("file", text, sizes[i], path);
    ice_bytes out;
    ice_error err = {0};
    ice_bytes_init(&out, sizes[i]);
    assert_int_equal(ice_port_read_file(ice_port_system(), path, &out, &err), ICE_OK);
    assert_int_equal(out.size, sizes[i]);
    assert_memory_equal(out.data ? (const char *)out.data : "", text, sizes[i]);
    ice_bytes_deinit(&out);
    if (sizes[i] > 0) {
      ice_bytes_init(&out, sizes[i] - 1);
      assert_int_equal(ice_port_read_file(ice_port_system(), path, &out, &err), ICE_LIMIT);
      assert_non_null(strstr(err.message, path));
      ice_bytes_deinit(&out);
    }
  }
}

static void test_port_files__reading_appends_to_what_is_there(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  ice_bytes out;
  write_file("file", "world", 5, path);
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_bytes_append_str(&out, ICE_STR("hello "), NULL), ICE_OK);
  assert_int_equal(ice_port_read_file(ice_port_system(), path, &out, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_bytes_str(&out), "hello world"));
  ice_bytes_deinit(&out);
}

static void test_port_files__a_missing_file_is_not_found(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  ice_bytes out;
  ice_error err = {0};
  ice_bytes_init(&out, 100);
  scratch_path(&directory, "absent", path);
  assert_int_equal(ice_port_read_file(ice_port_system(), path, &out, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, path));
  assert_int_equal(err.origin_code, ENOENT);
}

static void test_port_files__a_new_file_is_there_as_a_whole_or_not_at_all(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  ice_bytes out;
  ice_error err = {0};
  scratch_path(&directory, "new", path);
  assert_int_equal(ice_port_write_new_file(ice_port_system(), path, "first", 5, NULL), ICE_OK);
  assert_int_equal(scratch_count(directory.path), 1);
  assert_int_equal(ice_port_write_new_file(ice_port_system(), path, "second", 6, &err), ICE_ALREADY_EXISTS);
  assert_non_null(strstr(err.message, path));
  // Nothing is left over of the one that lost.
  assert_int_equal(scratch_count(directory.path), 1);
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_port_read_file(ice_port_system(), path, &out, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_bytes_str(&out), "first"));
  ice_bytes_deinit(&out);
  scratch_path(&directory, "absent/new", path);
  assert_int_equal(ice_port_write_new_file(ice_port_system(), path, "x", 1, NULL), ICE_NOT_FOUND);
}

/// A port whose file functions fail from the n-th call on.
typedef struct failing {
  ice_port port;
  int left;
} failing;

static failing fail_after;

static bool fails(void) { return fail_after.left-- <= 0; }

static ice_status failing_write(void *context, ice_file file, const void *data, size_t size, ice_error *err) {
  return fails() ? ice_error_set(err, ICE_IO, "disk")
                 : ice_port_system()->files.write(context, file, data, size, err);
}

static ice_status failing_sync(void *context, ice_file file, ice_error *err) {
  return fails() ? ice_error_set(err, ICE_IO, "disk") : ice_port_system()->files.sync(context, file, err);
}

static ice_status failing_link(void *context, const char *from, const char *to, ice_error *err) {
  return fails() ? ice_error_set(err, ICE_IO, "disk") : ice_port_system()->files.link(context, from, to, err);
}

static void test_port_files__a_write_that_fails_half_way_leaves_no_file(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  scratch_path(&directory, "new", path);
  fail_after.port = *ice_port_system();
  fail_after.port.files.write = failing_write;
  fail_after.port.files.sync = failing_sync;
  fail_after.port.files.link = failing_link;
  for (int calls = 0; calls < 3; calls++) {
    fail_after.left = calls;
    assert_int_equal(ice_port_write_new_file(&fail_after.port, path, "x", 1, NULL), ICE_IO);
    assert_int_equal(scratch_count(directory.path), 0);
  }
  fail_after.left = 3;
  assert_int_equal(ice_port_write_new_file(&fail_after.port, path, "x", 1, NULL), ICE_OK);
  assert_int_equal(scratch_count(directory.path), 1);
}

static void test_port_files__makes_directories_that_are_missing(void **state) {
  (void)state;
  const ice_files *files = &ice_port_system()->files;
  char path[SCRATCH_PATH];
  ice_file_info info;
  ice_error err = {0};
  scratch_path(&directory, "a/b/c", path);
  assert_int_equal(files->make_directories(NULL, path, NULL), ICE_OK);
  assert_int_equal(files->make_directories(NULL, path, NULL), ICE_OK);
  assert_int_equal(files->stat(NULL, path, &info, NULL), ICE_OK);
  assert_int_equal(info.kind, ICE_FILE_KIND_DIRECTORY);
  write_file("file", "x", 1, path);
  scratch_path(&directory, "file/below", path);
  assert_int_equal(files->make_directories(NULL, path, &err), ICE_IO);
  assert_int_equal(err.origin_code, ENOTDIR);
  assert_int_equal(files->make_directories(NULL, "", NULL), ICE_INVALID_ARGUMENT);
}

static void use_temporary_file(void) {
  const ice_files *files = &ice_port_system()->files;
  ice_file file = -1;
  char read[10] = "";
  size_t got = 0;
  assert_int_equal(files->open(NULL, directory.path, ICE_FILE_TEMPORARY, &file, NULL), ICE_OK);
  assert_true(file >= 0);
  assert_int_equal(scratch_count(directory.path), 0);
  assert_int_equal(files->write(NULL, file, "spilled", 7, NULL), ICE_OK);
  assert_int_equal(files->read_at(NULL, file, 2, read, sizeof read, &got, NULL), ICE_OK);
  assert_int_equal(got, 5);
  assert_memory_equal(read, "illed", 5);
  struct stat info;
  assert_int_equal(fstat(file, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_true((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
  files->close(NULL, file);
}

static void test_port_files__a_temporary_file_has_no_name(void **state) {
  (void)state;
  use_temporary_file();
  assert_int_equal(tmpfile_asked, 1);
}

static void test_port_files__a_temporary_file_needs_no_o_tmpfile(void **state) {
  (void)state;
  static const int errors[] = {EOPNOTSUPP, EISDIR, EINVAL};
  for (size_t i = 0; i < ICE_COUNT_OF(errors); i++) {
    tmpfile_error = errors[i];
    use_temporary_file();
  }
  assert_int_equal(tmpfile_asked, 3);
}

static void test_port_files__no_space_for_a_temporary_file_is_retryable(void **state) {
  (void)state;
  ice_file file = 7;
  ice_error err = {0};
  tmpfile_error = ENOSPC;
  assert_int_equal(ice_port_system()->files.open(NULL, directory.path, ICE_FILE_TEMPORARY, &file, &err), ICE_IO);
  assert_int_equal(err.flags, ICE_ERROR_RETRYABLE);
  assert_int_equal(file, -1);
  tmpfile_error = EOPNOTSUPP;
  assert_int_equal(ice_port_system()->files.open(NULL, "/absent-directory", ICE_FILE_TEMPORARY, &file, &err),
                   ICE_NOT_FOUND);
}

static ice_status count_entries(void *context, const char *name, ice_file_kind kind, ice_error *err) {
  int *counts = context;
  counts[kind]++;
  return strcmp(name, "stop") == 0 ? ice_error_set(err, ICE_CANCELLED, "stopped") : ICE_OK;
}

static void test_port_files__lists_entries_with_their_kinds(void **state) {
  (void)state;
  const ice_files *files = &ice_port_system()->files;
  char path[SCRATCH_PATH];
  int counts[3] = {0};
  write_file("file", "x", 1, path);
  scratch_path(&directory, "below", path);
  assert_int_equal(files->make_directories(NULL, path, NULL), ICE_OK);
  scratch_path(&directory, "link", path);
  assert_int_equal(symlink("/etc", path), 0);
  assert_int_equal(files->list(NULL, directory.path, count_entries, counts, NULL), ICE_OK);
  assert_int_equal(counts[ICE_FILE_KIND_REGULAR], 1);
  assert_int_equal(counts[ICE_FILE_KIND_DIRECTORY], 1);
  assert_int_equal(counts[ICE_FILE_KIND_OTHER], 1);
  write_file("stop", "x", 1, path);
  assert_int_equal(files->list(NULL, directory.path, count_entries, counts, NULL), ICE_CANCELLED);
  scratch_path(&directory, "absent", path);
  assert_int_equal(files->list(NULL, path, count_entries, counts, NULL), ICE_NOT_FOUND);
}

static void test_port_files__clock_and_randomness_are_real(void **state) {
  (void)state;
  const ice_port *port = ice_port_system();
  uint8_t a[300] = {0};
  uint8_t b[300] = {0};
  int64_t before = port->clock.monotonic_us(NULL);
  // 2020 to 2100.
  assert_in_range(port->clock.now_us(NULL), INT64_C(1577836800000000), INT64_C(4102444800000000));
  assert_true(port->clock.monotonic_us(NULL) >= before);
  assert_int_equal(port->random.fill(NULL, a, sizeof a, NULL), ICE_OK);
  assert_int_equal(port->random.fill(NULL, b, sizeof b, NULL), ICE_OK);
  assert_memory_not_equal(a, b, sizeof a);
}

static void test_port_files__waiting_takes_at_least_as_long_as_asked(void **state) {
  (void)state;
  const ice_clock *clock = &ice_port_system()->clock;
  int64_t before = clock->monotonic_us(clock->context);
  clock->wait_us(clock->context, 3000);
  assert_true(clock->monotonic_us(clock->context) - before >= 3000);
  // What is over already is not waited for.
  clock->wait_us(clock->context, 0);
  clock->wait_us(clock->context, INT64_MIN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_port_files__reads_a_file_up_to_the_ceiling, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__reading_appends_to_what_is_there, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__a_missing_file_is_not_found, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__a_new_file_is_there_as_a_whole_or_not_at_all, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__a_write_that_fails_half_way_leaves_no_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__makes_directories_that_are_missing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__a_temporary_file_has_no_name, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__a_temporary_file_needs_no_o_tmpfile, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__no_space_for_a_temporary_file_is_retryable, setup, teardown),
      cmocka_unit_test_setup_teardown(test_port_files__lists_entries_with_their_kinds, setup, teardown),
      cmocka_unit_test(test_port_files__clock_and_randomness_are_real),
      cmocka_unit_test(test_port_files__waiting_takes_at_least_as_long_as_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
