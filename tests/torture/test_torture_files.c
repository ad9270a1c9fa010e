// Fails the n-th file operation of a whole run, for each n that a small run has: the run ends with a clean error or goes on,
// and the next run, with a disk that works, leaves every message in the tables once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_port.h"
#include "small_sink.h"
#include <stdio.h>

enum { MESSAGES = 6, PARTITIONS = 2, CALLS_MAX = 100000 };

static int64_t count_calls(void) {
  small_sink sink;
  faulty_port faulty;
  ice_error err = {0};
  small_sink_create(&sink, MESSAGES, PARTITIONS);
  faulty_port_init(&faulty, 0, false);
  assert_int_equal(small_sink_run(&sink, &faulty.port, &err), ICE_OK);
  small_sink_finish_and_check(&sink, "a run without faults");
  small_sink_remove(&sink);
  return faulty.calls;
}

static void torture_call(int64_t n, bool for_good, int64_t *failed) {
  small_sink sink;
  faulty_port faulty;
  ice_error err = {0};
  char after[64];
  small_sink_create(&sink, MESSAGES, PARTITIONS);
  faulty_port_init(&faulty, n, for_good);
  ice_status status = small_sink_run(&sink, &faulty.port, &err);
  if (status != ICE_OK) {
    assert_string_not_equal(err.message, "");
    (*failed)++;
  }
  snprintf(after, sizeof after, "file operation %lld failed%s", (long long)n, for_good ? " for good" : "");
  small_sink_finish_and_check(&sink, after);
  small_sink_remove(&sink);
}

static void torture_all(bool for_good) {
  // What fails once is met again by the same run, but for what it needs before it begins.
  int64_t calls = count_calls();
  int64_t failed = 0;
  assert_in_range(calls, 50, CALLS_MAX);
  // The number of polls at the end of a run depends on time, so a run may have a few calls more.
  for (int64_t n = 1; n <= calls + 5; n++) {
    torture_call(n, for_good, &failed);
  }
  print_message("%lld file operations, %lld of them made the run fail\n", (long long)calls, (long long)failed);
  assert_true(for_good ? failed > calls / 2 : failed < calls / 2);
}

static void test_torture_files__one_failing_operation_loses_nothing(void **state) {
  (void)state;
  torture_all(false);
}

static void test_torture_files__a_disk_that_fails_for_good_loses_nothing(void **state) {
  (void)state;
  torture_all(true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_torture_files__one_failing_operation_loses_nothing),
      cmocka_unit_test(test_torture_files__a_disk_that_fails_for_good_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
