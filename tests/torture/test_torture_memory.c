// Fails the n-th allocation of a whole run: it ends with a clean error, and the next run leaves every message in the tables
// once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "small_sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 4, PARTITIONS = 1, STEP = 7 };

static int64_t count_allocations(void) {
  small_sink sink;
  ice_error err = {0};
  small_sink_create(&sink, MESSAGES, PARTITIONS);
  fail_allocation(0);
  assert_int_equal(small_sink_run(&sink, ice_port_system(), &err), ICE_OK);
  int64_t count = allocations_made();
  small_sink_finish_and_check(&sink, "a run without faults");
  small_sink_remove(&sink);
  return count;
}

static void test_torture_memory__one_failing_allocation_loses_nothing(void **state) {
  (void)state;
  const char *all = getenv("ICESINK_TEST_ALL");
  int64_t step = all && strcmp(all, "1") == 0 ? 1 : STEP;
  int64_t count = count_allocations();
  int64_t failed = 0;
  assert_true(count > 500);
  for (int64_t n = 1; n <= count; n += step) {
    small_sink sink;
    ice_error err = {0};
    char after[64];
    small_sink_create(&sink, MESSAGES, PARTITIONS);
    fail_allocation(n);
    ice_status status = small_sink_run(&sink, ice_port_system(), &err);
    fail_allocation(0);
    if (status != ICE_OK) {
      assert_string_not_equal(err.message, "");
      failed++;
    }
    snprintf(after, sizeof after, "allocation %lld failed", (long long)n);
    small_sink_finish_and_check(&sink, after);
    small_sink_remove(&sink);
  }
  print_message("%lld allocations, every %lld. failed, %lld of them made the run fail\n", (long long)count,
                (long long)step, (long long)failed);
  assert_true(failed > count / step / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_torture_memory__one_failing_allocation_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
