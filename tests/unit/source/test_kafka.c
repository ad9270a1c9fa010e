#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "source/kafka.h"

enum {
  OFFSET_COMMIT_KEY = 8,
  SYNC_GROUP_KEY = 14,
  SYNC_GROUP_MS = 10000,
  JOIN_MS = 4000,
  PARTITIONS = 2,
  POLL_US = 100000,
  TRIES = 200
};

/// librdkafka's mock cluster with one topic "t" of two partitions.
typedef struct fixture {
  rd_kafka_t *producer;
  rd_kafka_mock_cluster_t *cluster;
  ice_str brokers;
  ice_source *source;
  ice_chunk chunk;
} fixture;

static void begin(fixture *self) {
  char problem[256];
  memset(self, 0, sizeof *self);
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  // The cluster's owner talks to nobody and would warn of that.
  assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", problem, sizeof problem), RD_KAFKA_CONF_OK);
  self->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof problem);
  assert_non_null(self->producer);
  self->cluster = rd_kafka_mock_cluster_new(self->producer, 1);
  assert_non_null(self->cluster);
  assert_int_equal(rd_kafka_mock_topic_create(self->cluster, "t", PARTITIONS, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  self->brokers = ice_str_of(rd_kafka_mock_cluster_bootstraps(self->cluster));
  ice_chunk_init(&self->chunk);
}

static void end(fixture *self) {
  ice_source_destroy(self->source);
  ice_chunk_deinit(&self->chunk);
  rd_kafka_mock_cluster_destroy(self->cluster);
  rd_kafka_destroy(self->producer);
}

// Writes "<first>" to "<first + count - 1>"; every seventh value is null, every third has a key.
static void produce(fixture *self, int32_t partition, int first, int count) {
  char problem[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  char brokers[256];
  snprintf(brokers, sizeof brokers, "%.*s", ICE_STR_ARG(self->brokers));
  assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, problem, sizeof problem), RD_KAFKA_CONF_OK);
  rd_kafka_t *writer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof problem);
  assert_non_null(writer);
  for (int i = first; i < first + count; i++) {
    char value[32];
    int size = snprintf(value, sizeof value, "%d", i);
    const char *text = i % 7 == 0 ? NULL : value;
    size_t text_size = i % 7 == 0 ? 0 : (size_t)size;
    const char *key = i % 3 == 0 ? "k" : NULL;
    size_t key_size = i % 3 == 0 ? 1 : 0;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        writer, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)text, text_size), RD_KAFKA_V_KEY((void *)(uintptr_t)key, key_size),
        RD_KAFKA_V_TIMESTAMP(1000000 + i), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  assert_int_equal(rd_kafka_flush(writer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_destroy(writer);
}

static ice_kafka_options options_of(const fixture *self) {
  static const ice_str topics[] = {ICE_STR_INIT("t")};
  return (ice_kafka_options){.port = ice_port_system(), .brokers = self->brokers, .topics = topics, .topic_count = 1};
}

static void open_source(fixture *self) {
  ice_kafka_options options = options_of(self);
  options.group = ICE_STR("g");
  assert_int_equal(ice_kafka_source_open(&options, &self->source, NULL), ICE_OK);
  assert_int_equal(ice_source_refresh(self->source, NULL), ICE_OK);
}

// Polls until partition `index` stands at `offset`.
static void read_to(fixture *self, uint32_t index, int64_t offset) {
  for (int i = 0; i < TRIES && self->source->partitions[index].next < offset; i++) {
    assert_int_equal(ice_source_poll(self->source, &self->chunk, POLL_US, NULL), ICE_OK);
  }
  assert_int_equal(self->source->partitions[index].next, offset);
}

// The records of partition `index` in the chunk are `from` … `to - 1`, each as produce wrote it (value = offset +
// shift).
static void assert_records(const fixture *self, uint32_t index, int64_t from, int64_t to, int shift) {
  int64_t expected = from;
  for (size_t i = 0; i < self->chunk.record_count; i++) {
    const ice_record *record = &self->chunk.records[i];
    if (record->partition != index) {
      continue;
    }
    int number = (int)expected + shift;
    char text[32];
    int size = snprintf(text, sizeof text, "%d", number);
    assert_int_equal(record->offset, expected);
    assert_int_equal(record->timestamp_ms, 1000000 + number);
    assert_int_equal(record->key_size, number % 3 == 0 ? 1 : -1);
    assert_int_equal(record->value_size, number % 7 == 0 ? -1 : size);
    if (number % 7 != 0) {
      assert_memory_equal(ice_record_value(&self->chunk, record).data, text, (size_t)size);
    }
    expected++;
  }
  assert_int_equal(expected, to);
}

static const ice_chunk_range *range_of(const fixture *self, uint32_t index) {
  for (size_t i = 0; i < self->chunk.range_count; i++) {
    if (self->chunk.ranges[i].partition == index) {
      return &self->chunk.ranges[i];
    }
  }
  return NULL;
}

static void test_kafka__finds_partitions_and_the_ends_of_their_logs(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  produce(&self, 1, 0, 12);
  open_source(&self);
  assert_int_equal(self.source->partition_count, PARTITIONS);
  assert_int_equal(ice_source_find(self.source, ICE_STR("t"), 1), 1);
  assert_int_equal(self.source->partitions[0].log_end, 0);
  assert_int_equal(self.source->partitions[1].log_start, 0);
  assert_int_equal(self.source->partitions[1].log_end, 12);
  assert_int_equal(self.source->partitions[1].next, -1);
  assert_int_equal(self.source->partitions[1].committed, -1);
  produce(&self, 1, 12, 3);
  assert_int_equal(ice_source_refresh(self.source, NULL), ICE_OK);
  assert_int_equal(self.source->partitions[1].log_end, 15);
  end(&self);
}

static void test_kafka__gives_every_record_once_and_nothing_before_a_seek(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  produce(&self, 0, 0, 500);
  produce(&self, 1, 0, 40);
  open_source(&self);
  assert_int_equal(ice_source_poll(self.source, &self.chunk, 0, NULL), ICE_OK);
  assert_int_equal(self.chunk.record_count, 0);
  assert_int_equal(ice_source_seek(self.source, 0, 0, NULL), ICE_OK);
  read_to(&self, 0, 500);
  assert_records(&self, 0, 0, 500, 0);
  assert_null(range_of(&self, 1));
  // The middle of a batch is where this one begins.
  assert_int_equal(ice_source_seek(self.source, 1, 13, NULL), ICE_OK);
  read_to(&self, 1, 40);
  assert_records(&self, 1, 13, 40, 0);
  assert_records(&self, 0, 0, 500, 0);
  assert_int_equal(range_of(&self, 0)->from, 0);
  assert_int_equal(range_of(&self, 0)->to, 500);
  assert_int_equal(range_of(&self, 0)->record_count, 500);
  assert_int_equal(range_of(&self, 1)->from, 13);
  assert_int_equal(range_of(&self, 1)->to, 40);
  assert_int_equal(range_of(&self, 1)->record_count, 27);
  end(&self);
}

static void test_kafka__goes_back_without_mixing_in_what_was_fetched_ahead(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  produce(&self, 0, 0, 3000);
  open_source(&self);
  for (int round = 0; round < 8; round++) {
    int64_t back = round * 37;
    ice_chunk_clear(&self.chunk);
    assert_int_equal(ice_source_seek(self.source, 0, back, NULL), ICE_OK);
    // Some rounds leave records in the queue, some wait until it holds many.
    if (round % 3 == 0) {
      assert_int_equal(ice_source_poll(self.source, &self.chunk, 0, NULL), ICE_OK);
      usleep(20000);
      ice_chunk_clear(&self.chunk);
      assert_int_equal(ice_source_seek(self.source, 0, back, NULL), ICE_OK);
    }
    for (int i = 0; i < TRIES && self.chunk.record_count == 0; i++) {
      assert_int_equal(ice_source_poll(self.source, &self.chunk, POLL_US, NULL), ICE_OK);
    }
    const ice_chunk_range *range = range_of(&self, 0);
    assert_int_equal(range->from, back);
    assert_int_equal(range->to - range->from, range->record_count);
    assert_records(&self, 0, back, range->to, 0);
  }
  end(&self);
}

static void test_kafka__refuses_an_offset_that_the_log_does_not_have(void **context) {
  (void)context;
  fixture self;
  ice_error err = {0};
  begin(&self);
  produce(&self, 0, 0, 10);
  open_source(&self);
  assert_int_equal(ice_source_seek(self.source, 0, 99, NULL), ICE_OK);
  ice_status status = ICE_OK;
  for (int i = 0; i < TRIES && status == ICE_OK; i++) {
    status = ice_source_poll(self.source, &self.chunk, POLL_US, &err);
  }
  assert_int_equal(status, ICE_NOT_FOUND);
  assert_int_equal(self.chunk.record_count, 0);
  assert_int_equal(self.chunk.range_count, 0);
  assert_non_null(strstr(err.message, "topic t, partition 0: offset 99 is wanted, the log has [0, 10)"));
  assert_int_equal(ice_source_seek(self.source, 2, 0, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_source_seek(self.source, 0, -1, NULL), ICE_INVALID_ARGUMENT);
  end(&self);
}

static int64_t group_offset(fixture *self, int32_t partition) {
  char problem[256];
  char brokers[256];
  snprintf(brokers, sizeof brokers, "%.*s", ICE_STR_ARG(self->brokers));
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, problem, sizeof problem), RD_KAFKA_CONF_OK);
  assert_int_equal(rd_kafka_conf_set(conf, "group.id", "g", problem, sizeof problem), RD_KAFKA_CONF_OK);
  rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem, sizeof problem);
  assert_non_null(reader);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, "t", partition);
  assert_int_equal(rd_kafka_committed(reader, list, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
  int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(reader);
  return offset;
}

static void test_kafka__tells_the_group_what_the_table_has_not_what_was_read(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  produce(&self, 0, 0, 50);
  open_source(&self);
  assert_int_equal(ice_source_seek(self.source, 0, 0, NULL), ICE_OK);
  read_to(&self, 0, 50);
  assert_int_equal(ice_source_commit(self.source, NULL), ICE_OK);
  self.source->partitions[0].committed = 20;
  assert_int_equal(ice_source_commit(self.source, NULL), ICE_OK);
  ice_source_destroy(self.source);
  self.source = NULL;
  assert_int_equal(group_offset(&self, 0), 20);
  assert_int_equal(group_offset(&self, 1), RD_KAFKA_OFFSET_INVALID);
  end(&self);
}

// A group that divides its partitions refuses offsets for a while.
static void test_kafka__tells_the_group_again_what_it_refused(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  produce(&self, 0, 0, 50);
  open_source(&self);
  self.source->partitions[0].committed = 20;
  rd_kafka_mock_push_request_errors(self.cluster, OFFSET_COMMIT_KEY, 2, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
                                    RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  assert_int_equal(ice_source_commit(self.source, NULL), ICE_OK);
  ice_source_destroy(self.source);
  self.source = NULL;
  assert_int_equal(group_offset(&self, 0), 20);
  end(&self);
}

// The member has joined and waits for what it is to read when it leaves.
static void test_kafka__a_member_may_leave_before_its_first_assignment(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  static const ice_kafka_property sticky = {ICE_STR_INIT("partition.assignment.strategy"),
                                            ICE_STR_INIT("cooperative-sticky")};
  ice_kafka_options options = options_of(&self);
  options.group = ICE_STR("g");
  options.join_group = true;
  options.properties = &sticky;
  options.property_count = 1;
  assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(self.cluster, 1, SYNC_GROUP_KEY, 1,
                                                                RD_KAFKA_RESP_ERR_NO_ERROR, SYNC_GROUP_MS),
                   RD_KAFKA_RESP_ERR_NO_ERROR);
  assert_int_equal(ice_kafka_source_open(&options, &self.source, NULL), ICE_OK);
  assert_int_equal(ice_source_refresh(self.source, NULL), ICE_OK);
  for (int i = 0; i < JOIN_MS * 1000 / POLL_US; i++) {
    assert_int_equal(ice_source_poll(self.source, &self.chunk, POLL_US, NULL), ICE_OK);
    assert_true(self.source->joining);
  }
  end(&self);
}

static void test_kafka__says_which_topic_is_not_there(void **context) {
  (void)context;
  fixture self;
  ice_error err = {0};
  begin(&self);
  // The mock cluster makes a topic that is asked for, so the answer is made to say that it is not there.
  rd_kafka_mock_topic_set_error(self.cluster, "absent", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  static const ice_str topics[] = {ICE_STR_INIT("t"), ICE_STR_INIT("absent")};
  ice_kafka_options options = options_of(&self);
  options.topics = topics;
  options.topic_count = 2;
  assert_int_equal(ice_kafka_source_open(&options, &self.source, NULL), ICE_OK);
  assert_int_equal(ice_source_refresh(self.source, &err), ICE_NOT_FOUND);
  assert_non_null(strstr(err.message, "topic absent"));
  assert_int_equal(err.flags & ICE_ERROR_RETRYABLE, 0);
  end(&self);
}

static void test_kafka__waits_for_a_broker_that_cannot_be_reached(void **context) {
  (void)context;
  fixture self;
  ice_error err = {0};
  begin(&self);
  ice_kafka_options options = options_of(&self);
  options.brokers = ICE_STR("127.0.0.1:1");
  options.request_timeout_ms = 300;
  assert_int_equal(ice_kafka_source_open(&options, &self.source, NULL), ICE_OK);
  ice_status status = ice_source_refresh(self.source, &err);
  assert_true(status == ICE_IO || status == ICE_TIMEOUT);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  end(&self);
}

static void test_kafka__refuses_settings_that_exactly_once_rests_on(void **context) {
  (void)context;
  static const struct {
    ice_kafka_property property;
    ice_status status;
  } cases[] = {
      {{ICE_STR_INIT("enable.auto.commit"), ICE_STR_INIT("true")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("enable.auto.commit"), ICE_STR_INIT("false")}, ICE_OK},
      {{ICE_STR_INIT("check.crcs"), ICE_STR_INIT("false")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("enable.auto.offset.store"), ICE_STR_INIT("true")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("auto.offset.reset"), ICE_STR_INIT("latest")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("isolation.level"), ICE_STR_INIT("read_uncommitted")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("enable.partition.eof"), ICE_STR_INIT("false")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("enable.ssl.certificate.verification"), ICE_STR_INIT("false")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("bootstrap.servers"), ICE_STR_INIT("x")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("group.id"), ICE_STR_INIT("x")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("no.such"), ICE_STR_INIT("x")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("fetch.wait.max.ms"), ICE_STR_INIT("many")}, ICE_INVALID_ARGUMENT},
      {{ICE_STR_INIT("fetch.wait.max.ms"), ICE_STR_INIT("10")}, ICE_OK},
      {{ICE_STR_INIT(""), ICE_STR_INIT("10")}, ICE_INVALID_ARGUMENT},
  };
  fixture self;
  begin(&self);
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_error err = {0};
    ice_kafka_options options = options_of(&self);
    options.properties = &cases[i].property;
    options.property_count = 1;
    assert_int_equal(ice_kafka_source_open(&options, &self.source, &err), cases[i].status);
    if (cases[i].status != ICE_OK) {
      assert_null(self.source);
      assert_non_null(strstr(err.message, "source.kafka.properties"));
    }
    ice_source_destroy(self.source);
    self.source = NULL;
  }
  static const int64_t budgets[] = {1, 1 << 20, 4 << 20, 128 << 20, INT64_MAX};
  for (size_t i = 0; i < ICE_COUNT_OF(budgets); i++) {
    ice_kafka_options options = options_of(&self);
    options.memory = budgets[i];
    assert_int_equal(ice_kafka_source_open(&options, &self.source, NULL), ICE_OK);
    ice_source_destroy(self.source);
    self.source = NULL;
  }
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kafka__finds_partitions_and_the_ends_of_their_logs),
      cmocka_unit_test(test_kafka__gives_every_record_once_and_nothing_before_a_seek),
      cmocka_unit_test(test_kafka__goes_back_without_mixing_in_what_was_fetched_ahead),
      cmocka_unit_test(test_kafka__refuses_an_offset_that_the_log_does_not_have),
      cmocka_unit_test(test_kafka__tells_the_group_what_the_table_has_not_what_was_read),
      cmocka_unit_test(test_kafka__tells_the_group_again_what_it_refused),
      cmocka_unit_test(test_kafka__a_member_may_leave_before_its_first_assignment),
      cmocka_unit_test(test_kafka__says_which_topic_is_not_there),
      cmocka_unit_test(test_kafka__waits_for_a_broker_that_cannot_be_reached),
      cmocka_unit_test(test_kafka__refuses_settings_that_exactly_once_rests_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
