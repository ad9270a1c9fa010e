#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include "ingest/small_files.h"

static int warnings;
static int64_t told_files;
static int64_t told_mean;

static void take_log(void *context, ice_log_level level, ice_str message, const ice_log_field *fields, size_t count) {
  (void)context;
  assert_int_equal(level, ICE_LOG_WARN);
  assert_true(ice_str_equal_c(message, "Too many small files in Iceberg table"));
  for (size_t i = 0; i < count; i++) {
    if (strcmp(fields[i].name, "files") == 0) {
      told_files = fields[i].number;
    } else if (strcmp(fields[i].name, "mean_bytes") == 0) {
      told_mean = fields[i].number;
    }
  }
  warnings++;
}

typedef struct totals {
  char files[24];
  char bytes[24];
  ice_property summary[2];
  ice_snapshot snapshot;
} totals;

static void make(totals *self, int64_t files, int64_t mean) {
  *self = (totals){0};
  snprintf(self->files, sizeof self->files, "%lld", (long long)files);
  snprintf(self->bytes, sizeof self->bytes, "%lld", (long long)(files * mean));
  self->summary[0] = (ice_property){.key = ICE_STR("total-data-files"), .value = ice_str_of(self->files)};
  self->summary[1] = (ice_property){.key = ICE_STR("total-files-size"), .value = ice_str_of(self->bytes)};
  self->snapshot = (ice_snapshot){.summary = self->summary, .summary_count = 2};
}

// How many warnings a commit gives that brings a table of files of `mean` bytes from one number of files to another.
static int commit(int64_t before, int64_t after, int64_t mean) {
  totals parent;
  totals child;
  make(&parent, before, mean);
  make(&child, after, mean);
  const ice_observer observer = {.log = take_log};
  warnings = 0;
  ice_warn_of_small_files(&observer, ICE_STR("file:/t"), before > 0 ? &parent.snapshot : NULL, &child.snapshot);
  return warnings;
}

static void test_small_files__warns_when_there_are_a_hundred_and_when_they_double(void **state) {
  (void)state;
  assert_int_equal(commit(0, 99, 1000), 0);
  assert_int_equal(commit(99, 100, 1000), 1);
  assert_int_equal(told_files, 100);
  assert_int_equal(told_mean, 1000);
  assert_int_equal(commit(100, 101, 1000), 0);
  assert_int_equal(commit(101, 199, 1000), 0);
  assert_int_equal(commit(199, 200, 1000), 1);
  assert_int_equal(commit(200, 399, 1000), 0);
  assert_int_equal(commit(390, 410, 1000), 1);
  assert_int_equal(commit(0, 5000, 1000), 1);
}

static void test_small_files__large_files_may_be_many(void **state) {
  (void)state;
  assert_int_equal(commit(99, 5000, 32 << 20), 0);
  assert_int_equal(commit(99, 5000, (32 << 20) - 1), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_files__warns_when_there_are_a_hundred_and_when_they_double),
      cmocka_unit_test(test_small_files__large_files_may_be_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
