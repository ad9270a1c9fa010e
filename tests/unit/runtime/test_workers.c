#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health_pipeline.h"
#include "runtime/workers.h"

static health_pipeline p;
static ice_source source;
static ice_schema_registry registry;
static ice_port port;
static _Atomic bool stop;
/// Questions that the registry does not answer yet, and what was waited for meanwhile.
static int unanswered;
static int64_t waited_us;
static int64_t stop_after_us;

static ice_status find(ice_schema_registry *self, uint32_t id, ice_schema_language *language, ice_bytes *text,
                       ice_error *err) {
  (void)self;
  (void)id;
  *language = ICE_SCHEMA_AVRO;
  if (unanswered > 0) {
    unanswered--;
    ice_error_set(err, ICE_IO, "the registry is down");
    err->flags = ICE_ERROR_RETRYABLE;
    return ICE_IO;
  }
  return ice_bytes_append_str(text, ice_str_of(health_schema), err);
}

static void wait_us(void *context, int64_t us) {
  (void)context;
  waited_us += us;
  stop = stop_after_us > 0 && waited_us >= stop_after_us;
}

static ice_workers *open_limited(uint32_t count, size_t output_size_max) {
  static const ice_schema_registry_interface interface = {.find = find};
  static ice_pipeline_options pipeline;
  static const ice_schema *schemas[1];
  ice_workers *workers;
  assert_int_equal(health_open(&p, NULL, NULL, 1, NULL, NULL), ICE_OK);
  registry.interface = &interface;
  port = p.port;
  port.clock.wait_us = wait_us;
  schemas[0] = p.spec.schema;
  source.partitions = &p.partition;
  source.partition_count = 1;
  unanswered = 0;
  waited_us = 0;
  stop_after_us = 0;
  stop = false;
  pipeline = (ice_pipeline_options){.spec = &p.spec,
                                    .sink = ICE_STR("s"),
                                    .format = ICE_PAYLOAD_REGISTRY_AVRO,
                                    .registry = &registry,
                                    .port = &port,
                                    .table_schemas = schemas,
                                    .table_count = 1,
                                    .dead_letter_schema = p.spec.dead_letter_schema,
                                    .output_size_max = output_size_max};
  const ice_workers_options options = {.pipeline = &pipeline, .count = count, .source = &source, .stop = &stop};
  assert_int_equal(ice_workers_create(&options, &workers, NULL), ICE_OK);
  return workers;
}

static ice_workers *open_workers(uint32_t count) { return open_limited(count, 0); }

static void close_workers(ice_workers *workers) {
  ice_workers_destroy(workers);
  health_close(&p);
}

static bool submit_messages(ice_workers *workers, int64_t first, int64_t count, const health_sample *samples,
                            size_t sample_count) {
  const health_message message = {"d", "u", "2024-01-01T10:00:00Z", "1", samples, sample_count};
  ice_job *job = ice_workers_begin(workers);
  if (!job) {
    return false;
  }
  for (int64_t i = 0; i < count; i++) {
    ice_bytes bytes;
    health_encode(&message, &bytes);
    ice_record record = {.offset = first + i,
                         .key_size = -1,
                         .value_at = (uint32_t)job->chunk.data.size,
                         .value_size = (int32_t)bytes.size};
    assert_int_equal(ice_bytes_append(&job->chunk.data, bytes.data, bytes.size, NULL), ICE_OK);
    assert_int_equal(ice_chunk_add_record(&job->chunk, &record, NULL), ICE_OK);
    ice_bytes_deinit(&bytes);
  }
  ice_workers_submit(workers, job);
  return true;
}

// A job of `count` good messages from offset `first` on.
static bool submit(ice_workers *workers, int64_t first, int64_t count) {
  return submit_messages(workers, first, count, &health_good, 1);
}

// A job of one message of many bad elements.
static bool submit_bad(ice_workers *workers, int64_t first) {
  enum { COUNT = 500 };
  static health_sample samples[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    samples[i] = health_good;
    samples[i].value = -1;
  }
  return submit_messages(workers, first, 1, samples, COUNT);
}

static ice_job *take(ice_workers *workers) {
  ice_job *job = NULL;
  for (int i = 0; i < 1000 && !job; i++) {
    job = ice_workers_take(workers, 20000);
  }
  return job;
}

static void check_order(uint32_t count) {
  ice_workers *workers = open_workers(count);
  int64_t submitted = 0;
  int64_t taken = 0;
  while (taken < 20) {
    while (submitted < 20 && submit(workers, submitted * 100, submitted + 1)) {
      submitted++;
    }
    ice_job *job = take(workers);
    assert_non_null(job);
    assert_int_equal(job->status, ICE_OK);
    assert_int_equal(job->chunk.records[0].offset, taken * 100);
    assert_int_equal(job->output.counts.rows, taken + 1);
    ice_workers_release(workers, job);
    taken++;
  }
  assert_int_equal(ice_workers_pending(workers), 0);
  assert_null(ice_workers_take(workers, 0));
  close_workers(workers);
}

static void test_workers__jobs_come_back_in_order(void **state) {
  (void)state;
  check_order(1);
  check_order(3);
}

// Every third job comes in parts; `give_up` drops it after the first.
static void check_parts(uint32_t count, bool give_up) {
  ice_workers *workers = open_limited(count, 20000);
  int64_t submitted = 0;
  for (int64_t taken = 0; taken < 20; taken++) {
    while (submitted < 20 &&
           (submitted % 3 == 0 ? submit_bad(workers, submitted * 100) : submit(workers, submitted * 100, 2))) {
      submitted++;
    }
    int64_t letters = 0;
    int parts = 0;
    ice_job *job = take(workers);
    for (;;) {
      assert_non_null(job);
      assert_int_equal(job->status, ICE_OK);
      assert_int_equal(job->chunk.records[0].offset, taken * 100);
      letters += job->output.counts.dead_letters;
      parts++;
      if (!job->output.unfinished || give_up) {
        break;
      }
      ice_workers_resume(workers, job);
      job = take(workers);
    }
    assert_int_equal(parts > 1, taken % 3 == 0 && !give_up);
    assert_true(give_up || letters == (taken % 3 == 0 ? 500 : 0));
    assert_int_equal(job->output.counts.rows, taken % 3 == 0 ? 0 : 2);
    ice_workers_release(workers, job);
  }
  assert_int_equal(ice_workers_pending(workers), 0);
  close_workers(workers);
}

static void test_workers__a_job_whose_output_is_full_comes_in_parts(void **state) {
  (void)state;
  for (uint32_t count = 0; count <= 3; count++) {
    check_parts(count, false);
    check_parts(count, true);
  }
}

static void test_workers__end_with_a_job_in_the_middle(void **state) {
  (void)state;
  for (uint32_t count = 0; count <= 2; count++) {
    ice_workers *workers = open_limited(count, 20000);
    assert_true(submit_bad(workers, 0));
    assert_true(take(workers)->output.unfinished);
    close_workers(workers);
  }
}

static void test_workers__without_threads_the_caller_does_the_job(void **state) {
  (void)state;
  check_order(0);
  ice_workers *workers = open_workers(0);
  assert_true(submit(workers, 0, 1));
  assert_true(submit(workers, 1, 1));
  assert_false(submit(workers, 2, 1));
  // Done before anybody waits for it.
  assert_non_null(ice_workers_take(workers, 0));
  close_workers(workers);
}

static void test_workers__without_threads_a_registry_that_is_down_is_waited_for(void **state) {
  (void)state;
  ice_workers *workers = open_workers(0);
  unanswered = 3;
  assert_true(submit(workers, 0, 1));
  ice_job *job = ice_workers_take(workers, 0);
  assert_int_equal(job->status, ICE_OK);
  assert_int_equal(waited_us, (100 + 200 + 400) * 1000);
  ice_workers_release(workers, job);
  close_workers(workers);
}

static void test_workers__without_threads_a_stop_ends_the_wait(void **state) {
  (void)state;
  ice_workers *workers = open_workers(0);
  unanswered = INT32_MAX;
  stop_after_us = 1000000;
  assert_true(submit(workers, 0, 1));
  ice_job *job = ice_workers_take(workers, 0);
  assert_int_equal(job->status, ICE_CANCELLED);
  assert_true(waited_us < 3000000);
  ice_workers_release(workers, job);
  close_workers(workers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_workers__jobs_come_back_in_order),
      cmocka_unit_test(test_workers__a_job_whose_output_is_full_comes_in_parts),
      cmocka_unit_test(test_workers__end_with_a_job_in_the_middle),
      cmocka_unit_test(test_workers__without_threads_the_caller_does_the_job),
      cmocka_unit_test(test_workers__without_threads_a_registry_that_is_down_is_waited_for),
      cmocka_unit_test(test_workers__without_threads_a_stop_ends_the_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
