#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include "observe/metrics.h"

static const char *text_of(ice_metrics *metrics, ice_bytes *out) {
  ice_bytes_clear(out);
  assert_int_equal(ice_metrics_write(metrics, out, NULL), ICE_OK);
  return ice_bytes_c_str(out, NULL);
}

static void test_metrics__writes_kinds_labels_and_numbers(void **context) {
  (void)context;
  ice_metrics *metrics;
  ice_bytes out;
  ice_bytes_init(&out, 1 << 20);
  assert_int_equal(ice_metrics_create(&metrics, NULL), ICE_OK);
  ice_metrics_set(metrics, "icesink_lag_records", ICE_STR("a.b/3"), 7);
  ice_metrics_set(metrics, "icesink_lag_records", ICE_STR("a.b/3"), 5);
  ice_metrics_add(metrics, "icesink_filtered_total", ICE_STR("a/b\"\\\n"), 2);
  ice_metrics_add(metrics, "icesink_filtered_total", ICE_STR("a/b\"\\\n"), 3);
  ice_metrics_add(metrics, "numRecordsOut", (ice_str){0}, INT64_C(1) << 52);
  ice_metrics_observe(metrics, "icesink_commit_seconds", 0.25);
  ice_metrics_observe(metrics, "icesink_commit_seconds", 1.5);
  ice_metrics_set(metrics, "other", ICE_STR("x"), -INFINITY);
  ice_metrics_set(metrics, "other", ICE_STR("y"), NAN);
  assert_string_equal(text_of(metrics, &out),
                      "# HELP icesink_lag_records Records between the next offset and the end of the log.\n"
                      "# TYPE icesink_lag_records gauge\n"
                      "icesink_lag_records{topic=\"a.b\",partition=\"3\"} 5\n"
                      "# HELP icesink_filtered_total Elements dropped on purpose, by cause.\n"
                      "# TYPE icesink_filtered_total counter\n"
                      "icesink_filtered_total{cause=\"a/b\\\"\\\\\\n\"} 5\n"
                      "# HELP numRecordsOut Rows committed to data tables.\n"
                      "# TYPE numRecordsOut counter\n"
                      "numRecordsOut 4503599627370496\n"
                      "# HELP icesink_commit_seconds Time that commits took.\n"
                      "# TYPE icesink_commit_seconds summary\n"
                      "icesink_commit_seconds_sum 1.75\n"
                      "icesink_commit_seconds_count 2\n"
                      "# TYPE other untyped\n"
                      "other{label=\"x\"} -Inf\n"
                      "other{label=\"y\"} NaN\n"
                      "# TYPE icesink_metrics_dropped_total counter\n"
                      "icesink_metrics_dropped_total 0\n");
  ice_metrics_destroy(metrics);
  ice_bytes_deinit(&out);
}

static void test_metrics__counts_what_it_cannot_hold(void **context) {
  (void)context;
  ice_metrics *metrics;
  ice_bytes out;
  ice_bytes_init(&out, 64 << 20);
  assert_int_equal(ice_metrics_create(&metrics, NULL), ICE_OK);
  char label[ICE_METRICS_LABEL_MAX + 1] = {0};
  for (int i = 0; i < ICE_METRICS_SERIES_MAX + 3; i++) {
    int size = snprintf(label, sizeof label, "t/%d", i);
    ice_metrics_set(metrics, "icesink_lag_records", ice_str_make(label, (size_t)size), 1);
  }
  ice_metrics_set(metrics, "no name", (ice_str){0}, 1);
  ice_metrics_set(metrics, "9", (ice_str){0}, 1);
  ice_metrics_set(metrics, "", (ice_str){0}, 1);
  ice_metrics_set(metrics, "long", ice_str_make(label, sizeof label), 1);
  assert_non_null(strstr(text_of(metrics, &out), "\nicesink_metrics_dropped_total 7\n"));
  // A series that is there goes on.
  ice_metrics_set(metrics, "icesink_lag_records", ICE_STR("t/0"), 42);
  assert_non_null(strstr(text_of(metrics, &out), "{topic=\"t\",partition=\"0\"} 42\n"));
  ice_bytes small;
  ice_bytes_init(&small, 100);
  assert_int_equal(ice_metrics_write(metrics, &small, NULL), ICE_LIMIT);
  ice_bytes_deinit(&small);
  ice_metrics_destroy(metrics);
  ice_bytes_deinit(&out);
}

static void *count_up(void *context) {
  for (int i = 0; i < 10000; i++) {
    ice_metrics_add(context, "icesink_filtered_total", i % 2 == 0 ? ICE_STR("even") : ICE_STR("odd"), 1);
  }
  return NULL;
}

static void test_metrics__adds_from_several_threads(void **context) {
  (void)context;
  ice_metrics *metrics;
  pthread_t threads[4];
  ice_bytes out;
  ice_bytes_init(&out, 1 << 20);
  assert_int_equal(ice_metrics_create(&metrics, NULL), ICE_OK);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, count_up, metrics), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  const char *text = text_of(metrics, &out);
  assert_non_null(strstr(text, "{cause=\"even\"} 20000\n"));
  assert_non_null(strstr(text, "{cause=\"odd\"} 20000\n"));
  ice_metrics_destroy(metrics);
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_metrics__writes_kinds_labels_and_numbers),
      cmocka_unit_test(test_metrics__counts_what_it_cannot_hold),
      cmocka_unit_test(test_metrics__adds_from_several_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
