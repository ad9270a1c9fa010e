#include "source/kafka.h"

#include "source/kafka_config_priv.h"
#include "source/kafka_group_priv.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  REQUEST_TIMEOUT_MS = 5000,
  STEP_RECORDS = 2000,      ///< taken from librdkafka's queue at once
  POLL_BYTES = 512 * 1024,  ///< a poll ends behind this
  POLL_RECORDS = 50000,
  ENDS_EVERY_US = 500000,    ///< how often the known ends of the logs are brought up to date
  COMMIT_WAIT_US = 2000000,  ///< how long destroy waits for offsets under way
  COMMIT_STEP_MS = 50,
  TELL_AGAIN_US = 100000,  ///< after the group refused offsets, as it does while it divides its partitions
  TELL_AGAIN_MAX_US = 10000000,
  LAST_ERROR_MAX = 256,
  LOOK_AT_OFFSET_MS = 2000,
  WAKE_TIMEOUT_MS = 100,
  WAKE_LEADERS_MAX = 32,
  WAKE_EVERY_US = 5000,
  WAKE_RECORDS_MIN = 200  ///< a trickle needs no waking
};

/// What poll has taken of one partition in a row, not yet in the chunk.
typedef struct taken {
  bool open;
  uint32_t partition;
  int64_t from;
  int64_t records;
} taken;

typedef struct kafka_source {
  ice_source base;
  const ice_port *port;
  const ice_observer *observer;
  int request_timeout_ms;
  rd_kafka_t *client;
  rd_kafka_queue_t *records;
  rd_kafka_queue_t *commits;
  ice_kafka_group *group;  ///< NULL: all partitions are this process's
  char **topics;
  rd_kafka_topic_t **handles;  ///< keep the topics known to the client
  uint32_t topic_count;
  uint32_t capacity;
  int64_t *told;     ///< per partition: what the group was told last, -1 before
  int32_t *leaders;  ///< per partition: the broker that had it when last looked at, -1: none
  bool reassign;     ///< a seek waits for the next poll
  bool has_group;
  uint32_t commits_under_way;
  int64_t tell_again_us;  ///< when to tell the group again what it refused; 0: it has refused nothing
  int64_t tell_delay_us;  ///< doubles with every refusal
  int64_t ends_us;
  // What fills librdkafka's queue, and what was taken of it since its threads were woken last.
  int64_t queued_records;
  int64_t queued_bytes;
  int64_t taken_records;
  int64_t taken_bytes;
  int64_t wake_us;
  rd_kafka_message_t **messages;
  // Partition of the message before, for records come in runs.
  const rd_kafka_topic_t *run_topic;
  int32_t run_partition;
  int64_t run_index;
  // Reported by librdkafka, served in the source's own thread.
  ice_status broken;
  char last_error[LAST_ERROR_MAX];
} kafka_source;

static kafka_source *self_of(ice_source *source) { return (kafka_source *)(void *)source; }

static int64_t now_us(const kafka_source *self) { return self->port->clock.monotonic_us(self->port->clock.context); }

// Events of librdkafka ----------------------------------------------------------------------------------------------

// Called from librdkafka's threads. What troubles a connection is a warning: the source waits and goes on.
static void take_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  const kafka_source *self = rd_kafka_opaque(client);
  ice_log_level severity = level <= 4 ? ICE_LOG_WARN : ICE_LOG_DEBUG;
  ice_log_field fields[] = {ICE_LOG_TEXT("facility", ice_str_of(facility)), ICE_LOG_TEXT("text", ice_str_of(text))};
  if (self) {
    ice_observe_log(self->observer, severity, ICE_STR("librdkafka"), fields, ICE_COUNT_OF(fields));
  }
}

static bool is_authorization(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM || code == RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE;
}

static void take_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
  kafka_source *self = opaque;
  char text[LAST_ERROR_MAX];
  snprintf(self->last_error, sizeof self->last_error, "%s", reason ? reason : "");
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    (void)rd_kafka_fatal_error(client, text, sizeof text);
    snprintf(self->last_error, sizeof self->last_error, "%s", text);
    self->broken = ICE_IO;
  } else if (is_authorization((rd_kafka_resp_err_t)code)) {
    self->broken = ICE_AUTH;
  } else {
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(reason));
    ice_observe_log(self->observer, ICE_LOG_WARN, ICE_STR("Broker trouble; waiting for it"), &field, 1);
  }
}

static void take_commit(rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets,
                        void *opaque) {
  (void)client;
  kafka_source *self = opaque;
  if (self->commits_under_way > 0) {
    self->commits_under_way--;
  }
  for (int i = 0; offsets && code == RD_KAFKA_RESP_ERR_NO_ERROR && i < offsets->cnt; i++) {
    code = offsets->elems[i].err;
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    self->tell_delay_us = TELL_AGAIN_US;
    return;
  }
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    self->told[i] = -1;
  }
  self->tell_again_us = now_us(self) + self->tell_delay_us;
  self->tell_delay_us = self->tell_delay_us * 2 < TELL_AGAIN_MAX_US ? self->tell_delay_us * 2 : TELL_AGAIN_MAX_US;
  ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(rd_kafka_err2str(code)));
  ice_observe_log(self->observer, ICE_LOG_WARN, ICE_STR("Group offsets were refused; telling them again"), &field, 1);
}

static ice_status serve_events(kafka_source *self, ice_error *err) {
  (void)rd_kafka_poll(self->client, 0);
  if (self->commits_under_way > 0) {
    rd_kafka_queue_poll_callback(self->commits, 0);
  }
  if (self->broken == ICE_OK) {
    return ICE_OK;
  }
  ice_error_set(err, self->broken, "Kafka: %s", self->last_error);
  if (err) {
    err->flags |= ICE_ERROR_FATAL;
  }
  return self->broken;
}

static ice_status fail_request(kafka_source *self, const char *what, rd_kafka_resp_err_t code, ice_error *err) {
  ice_status status = serve_events(self, err);
  if (status != ICE_OK) {
    return status;
  }
  status = is_authorization(code)                 ? ICE_AUTH
           : code == RD_KAFKA_RESP_ERR__TIMED_OUT ? ICE_TIMEOUT
           : code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
               ? ICE_NOT_FOUND
               : ICE_IO;
  ice_error_set(err, status, "%s: %s%s%s", what, rd_kafka_err2str(code), self->last_error[0] ? "; " : "",
                self->last_error);
  if (err) {
    err->flags = status == ICE_IO || status == ICE_TIMEOUT ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = code;
  }
  return status;
}

// Partitions and their logs -----------------------------------------------------------------------------------------

static ice_status reserve_partition(kafka_source *self, ice_error *err) {
  if (self->base.partition_count < self->capacity) {
    return ICE_OK;
  }
  if (self->base.partition_count >= ICE_KAFKA_PARTITIONS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d partitions", (int)ICE_KAFKA_PARTITIONS_MAX);
  }
  uint32_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
  ice_source_partition *partitions = realloc(self->base.partitions, capacity * sizeof *partitions);
  if (!partitions) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
  }
  self->base.partitions = partitions;
  int64_t *told = realloc(self->told, capacity * sizeof *told);
  if (!told) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
  }
  self->told = told;
  int32_t *leaders = realloc(self->leaders, capacity * sizeof *leaders);
  if (!leaders) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
  }
  self->leaders = leaders;
  self->capacity = capacity;
  return ICE_OK;
}

static ice_status add_topic_partitions(kafka_source *self, const char *topic, int32_t count, ice_error *err) {
  ice_status status = ICE_OK;
  for (int32_t partition = 0; partition < count; partition++) {
    if (ice_source_find(&self->base, ice_str_of(topic), partition) >= 0) {
      continue;
    }
    ICE_TRY(reserve_partition(self, err));
    self->told[self->base.partition_count] = -1;
    self->leaders[self->base.partition_count] = -1;
    self->base.partitions[self->base.partition_count++] = (ice_source_partition){
        .topic = ice_str_of(topic),
        .partition = partition,
        .next = -1,
        .committed = -1,
        .excluded = self->group && !ice_kafka_group_has(self->group, ice_str_of(topic), partition)};
  }
done:
  return status;
}

static ice_status find_partitions(kafka_source *self, ice_error *err) {
  const struct rd_kafka_metadata *known = NULL;
  ice_status status = ICE_OK;
  rd_kafka_resp_err_t code = rd_kafka_metadata(self->client, 0, NULL, &known, self->request_timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail_request(self, "the broker was asked for its topics", code, err);
  }
  for (uint32_t i = 0; i < self->topic_count; i++) {
    const struct rd_kafka_metadata_topic *topic = NULL;
    for (int j = 0; j < known->topic_cnt && !topic; j++) {
      topic = strcmp(known->topics[j].topic, self->topics[i]) == 0 ? &known->topics[j] : NULL;
    }
    if (!topic || topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      char what[LAST_ERROR_MAX + 16];
      snprintf(what, sizeof what, "topic %s", self->topics[i]);
      status = fail_request(self, what, topic ? topic->err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, err);
      goto done;
    }
    ICE_TRY(add_topic_partitions(self, self->topics[i], topic->partition_cnt, err));
    for (int j = 0; j < topic->partition_cnt; j++) {
      int64_t index = ice_source_find(&self->base, ice_str_of(self->topics[i]), topic->partitions[j].id);
      if (index >= 0) {
        self->leaders[index] = topic->partitions[j].leader;
      }
    }
  }
done:
  rd_kafka_metadata_destroy(known);
  return status;
}

// Asks the leaders of all partitions at once. The times -1 and -2 of ListOffsets stand for the end, which for
// committed reads is the last stable offset, and the start.
static ice_status ask_offsets(kafka_source *self, bool ends, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t count = self->base.partition_count;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
  for (uint32_t i = 0; i < count; i++) {
    const ice_source_partition *partition = &self->base.partitions[i];
    rd_kafka_topic_partition_list_add(list, partition->topic.data, partition->partition)->offset =
        ends ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(self->client, list, self->request_timeout_ms);
  for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    const rd_kafka_topic_partition_t *answer = &list->elems[i];
    int64_t index = ice_source_find(&self->base, ice_str_of(answer->topic), answer->partition);
    code = answer->err;
    if (index < 0 || (code == RD_KAFKA_RESP_ERR_NO_ERROR && answer->offset < 0)) {
      code = RD_KAFKA_RESP_ERR__BAD_MSG;
    } else if (ends) {
      self->base.partitions[index].log_end = answer->offset;
    } else {
      self->base.partitions[index].log_start = answer->offset;
    }
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    status = fail_request(
        self,
        ends ? "the broker was asked for the ends of the logs" : "the broker was asked for the starts of the logs",
        code, err);
  }
  rd_kafka_topic_partition_list_destroy(list);
  return status;
}

static ice_status kafka_refresh(ice_source *source, ice_error *err) {
  kafka_source *self = self_of(source);
  ice_status status = ICE_OK;
  ICE_TRY(serve_events(self, err));
  self->last_error[0] = '\0';
  self->run_topic = NULL;
  ICE_TRY(find_partitions(self, err));
  ICE_TRY(ask_offsets(self, false, err));
  ICE_TRY(ask_offsets(self, true, err));
done:
  return status;
}

// The fetch answers carry the ends of the logs, so the lag costs no request.
static void update_ends(kafka_source *self) {
  int64_t now = now_us(self);
  if (now - self->ends_us < ENDS_EVERY_US) {
    return;
  }
  self->ends_us = now;
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    ice_source_partition *partition = &self->base.partitions[i];
    int64_t low;
    int64_t high;
    if (partition->assigned &&
        rd_kafka_get_watermark_offsets(self->client, partition->topic.data, partition->partition, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
      partition->log_end = high > partition->log_end ? high : partition->log_end;
    }
  }
}

// Offsets ------------------------------------------------------------------------------------------------------------

// Tells the group what changed since it was told last.
static ice_status tell(kafka_source *self, ice_error *err) {
  ice_status status = ICE_OK;
  self->tell_again_us = 0;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)self->base.partition_count);
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    const ice_source_partition *partition = &self->base.partitions[i];
    if (partition->committed >= 0 && partition->committed != self->told[i]) {
      rd_kafka_topic_partition_list_add(list, partition->topic.data, partition->partition)->offset =
          partition->committed;
    }
  }
  if (list->cnt == 0) {
    goto done;
  }
  rd_kafka_t *member = self->group ? ice_kafka_group_client(self->group) : self->client;
  rd_kafka_resp_err_t code = rd_kafka_commit_queue(member, list, self->commits, take_commit, self);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ICE_FAIL(ICE_IO, "offsets of the group: %s", rd_kafka_err2str(code));
  }
  self->commits_under_way++;
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    self->told[i] = self->base.partitions[i].committed;
  }
done:
  rd_kafka_topic_partition_list_destroy(list);
  return status;
}

// What the group refused is told again. What cannot be told now is told with the next commit.
static void tell_again(kafka_source *self) {
  if (self->tell_again_us != 0 && now_us(self) >= self->tell_again_us) {
    (void)!tell(self, NULL);
  }
}

static ice_status kafka_commit(ice_source *source, ice_error *err) {
  kafka_source *self = self_of(source);
  ice_status status = serve_events(self, err);
  return status == ICE_OK && self->has_group ? tell(self, err) : status;
}

// A run that ends with a commit would otherwise leave the group one epoch behind.
static void finish_offsets(kafka_source *self) {
  int64_t end = now_us(self) + COMMIT_WAIT_US;
  while ((self->commits_under_way > 0 || self->tell_again_us != 0) && now_us(self) < end) {
    rd_kafka_queue_poll_callback(self->commits, COMMIT_STEP_MS);
    tell_again(self);
  }
}

// Reading -----------------------------------------------------------------------------------------------------------

static ice_status kafka_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  kafka_source *self = self_of(source);
  if (partition >= self->base.partition_count || offset < 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "partition index %u, offset %lld", partition, (long long)offset);
  }
  self->base.partitions[partition].next = offset;
  self->base.partitions[partition].assigned = true;
  self->reassign = true;
  return ICE_OK;
}

// All partitions anew, each from its next offset: librdkafka drops what was fetched under the assignment before.
static ice_status assign(kafka_source *self, ice_error *err) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)self->base.partition_count);
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    const ice_source_partition *partition = &self->base.partitions[i];
    if (partition->assigned) {
      rd_kafka_topic_partition_list_add(list, partition->topic.data, partition->partition)->offset = partition->next;
    }
  }
  rd_kafka_resp_err_t code = rd_kafka_assign(self->client, list);
  rd_kafka_topic_partition_list_destroy(list);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ice_error_set(err, ICE_IO, "librdkafka does not take the partitions: %s", rd_kafka_err2str(code));
  }
  self->reassign = false;
  return ICE_OK;
}

static int64_t find_index(kafka_source *self, const rd_kafka_message_t *message) {
  if (!message->rkt) {
    return -1;
  }
  if (message->rkt != self->run_topic || message->partition != self->run_partition) {
    self->run_topic = message->rkt;
    self->run_partition = message->partition;
    self->run_index = ice_source_find(&self->base, ice_str_of(rd_kafka_topic_name(message->rkt)), message->partition);
  }
  return self->run_index;
}

static ice_status close_run(const kafka_source *self, taken *run, ice_chunk *chunk, ice_error *err) {
  if (!run->open) {
    return ICE_OK;
  }
  run->open = false;
  ice_chunk_range range = {.partition = run->partition,
                           .from = run->from,
                           .to = self->base.partitions[run->partition].next,
                           .record_count = run->records};
  return ice_chunk_add_range(chunk, &range, err);
}

static ice_status open_run(const kafka_source *self, taken *run, uint32_t partition, ice_chunk *chunk,
                           ice_error *err) {
  if (run->open && run->partition == partition) {
    return ICE_OK;
  }
  ice_status status = close_run(self, run, chunk, err);
  *run = (taken){.open = true, .partition = partition, .from = self->base.partitions[partition].next};
  return status;
}

static ice_status copy_bytes(ice_chunk *chunk, const void *data, size_t size, uint32_t *at, int32_t *length,
                             ice_error *err) {
  *at = (uint32_t)chunk->data.size;
  *length = data ? (int32_t)size : -1;
  if (size > INT32_MAX) {
    return ice_error_set(err, ICE_LIMIT, "a record of %zu bytes", size);
  }
  return data ? ice_bytes_append(&chunk->data, data, size, err) : ICE_OK;
}

static ice_status add_message(const rd_kafka_message_t *message, uint32_t partition, ice_chunk *chunk,
                              ice_error *err) {
  rd_kafka_timestamp_type_t kind;
  ice_record record = {.offset = message->offset, .partition = partition};
  record.timestamp_ms = rd_kafka_message_timestamp(message, &kind);
  if (kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
    record.timestamp_ms = -1;
  }
  ice_status status = ICE_OK;
  ICE_TRY(copy_bytes(chunk, message->key, message->key_len, &record.key_at, &record.key_size, err));
  ICE_TRY(copy_bytes(chunk, message->payload, message->len, &record.value_at, &record.value_size, err));
  ICE_TRY(ice_chunk_add_record(chunk, &record, err));
done:
  return status;
}

static bool passes_by_itself(rd_kafka_resp_err_t code) {
  static const rd_kafka_resp_err_t codes[] = {RD_KAFKA_RESP_ERR__TRANSPORT,
                                              RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
                                              RD_KAFKA_RESP_ERR__RESOLVE,
                                              RD_KAFKA_RESP_ERR__TIMED_OUT,
                                              RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
                                              RD_KAFKA_RESP_ERR__SSL,
                                              RD_KAFKA_RESP_ERR__WAIT_COORD,
                                              RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                              RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
                                              RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                                              RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                              RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
                                              RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
                                              RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
                                              RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
                                              RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
                                              RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
                                              RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                              RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                              RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                              RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED};
  for (size_t i = 0; i < ICE_COUNT_OF(codes); i++) {
    if (codes[i] == code) {
      return true;
    }
  }
  return false;
}

static ice_status fail_offset(kafka_source *self, const ice_source_partition *partition, ice_error *err) {
  int64_t low = partition->log_start;
  int64_t high = partition->log_end;
  (void)rd_kafka_query_watermark_offsets(self->client, partition->topic.data, partition->partition, &low, &high,
                                         LOOK_AT_OFFSET_MS);
  ice_error_set(err, ICE_NOT_FOUND,
                "topic %.*s, partition %d: offset %lld is wanted, the log has [%lld, %lld); the records in between "
                "are gone, or the topic was recreated",
                ICE_STR_ARG(partition->topic), partition->partition, (long long)partition->next, (long long)low,
                (long long)high);
  if (err) {
    err->flags |= ICE_ERROR_POLICY;
  }
  return ICE_NOT_FOUND;
}

// Whatever may stand for skipped records ends the run: librdkafka goes on behind a batch that it could not read.
static ice_status take_failure(kafka_source *self, const rd_kafka_message_t *message, int64_t index, ice_error *err) {
  rd_kafka_resp_err_t code = message->err;
  const char *text = rd_kafka_message_errstr(message);
  if (passes_by_itself(code)) {
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(text));
    ice_observe_log(self->observer, ICE_LOG_WARN, ICE_STR("Broker trouble; waiting for it"), &field, 1);
    return ICE_OK;
  }
  const ice_source_partition *partition = index >= 0 ? &self->base.partitions[index] : NULL;
  if (partition && (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)) {
    return fail_offset(self, partition, err);
  }
  bool missing = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                 code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  bool damaged = code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
                 code == RD_KAFKA_RESP_ERR_INVALID_MSG;
  ice_status status = is_authorization(code) ? ICE_AUTH : missing ? ICE_NOT_FOUND : damaged ? ICE_CORRUPT : ICE_IO;
  ice_error_set(err, status, "Kafka: %s", text);
  if (err) {
    err->origin_code = code;
  }
  if (partition) {
    ice_error_prepend(err, "topic %.*s, partition %d, offset %lld", ICE_STR_ARG(partition->topic),
                      partition->partition, (long long)partition->next);
  }
  return status;
}

static ice_status take_message(kafka_source *self, const rd_kafka_message_t *message, taken *run, ice_chunk *chunk,
                               ice_error *err) {
  int64_t index = find_index(self, message);
  bool at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !at_end) {
    return take_failure(self, message, index, err);
  }
  if (index < 0 || !self->base.partitions[index].assigned) {
    return ICE_OK;
  }
  ice_source_partition *partition = &self->base.partitions[index];
  // A batch is fetched whole: what stands before the wanted offset in it was taken earlier.
  if (message->offset < partition->next || (at_end && message->offset == partition->next)) {
    return ICE_OK;
  }
  ice_status status = ICE_OK;
  ICE_TRY(open_run(self, run, (uint32_t)index, chunk, err));
  if (at_end) {
    // What lies between the last record and the end is control records, aborted and compacted ones.
    partition->next = message->offset;
  } else {
    ICE_TRY(add_message(message, (uint32_t)index, chunk, err));
    partition->next = message->offset + 1;
    run->records++;
  }
done:
  return status;
}

// Takes one step from the queue; `*count` is how much there was.
static ice_status take_step(kafka_source *self, int timeout_ms, ice_chunk *chunk, ssize_t *count, ice_error *err) {
  taken run = {0};
  ice_status status = ICE_OK;
  *count = rd_kafka_consume_batch_queue(self->records, timeout_ms, self->messages, STEP_RECORDS);
  for (ssize_t i = 0; i < *count; i++) {
    if (status == ICE_OK) {
      status = take_message(self, self->messages[i], &run, chunk, err);
    }
    rd_kafka_message_destroy(self->messages[i]);
  }
  if (status == ICE_OK) {
    status = close_run(self, &run, chunk, err);
  }
  return status;
}

// A thread of librdkafka that found the queue full looks again only after a second (until version 2.2), unless it has
// something to do meanwhile. So that a queue much smaller than a second's records does not hold the reading back,
// each leader is asked for one offset whenever a good part of the queue was taken.
static void wake_fetchers(kafka_source *self, bool idle) {
  int64_t now = now_us(self);
  bool due = self->taken_records >= self->queued_records / 16 || self->taken_bytes >= self->queued_bytes / 16 ||
             (idle && self->taken_records >= WAKE_RECORDS_MIN);
  if (!due || now - self->wake_us < WAKE_EVERY_US || rd_kafka_version() >= ICE_KAFKA_QUEUE_BACKOFF_VERSION) {
    return;
  }
  int32_t asked[WAKE_LEADERS_MAX];
  int count = 0;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(WAKE_LEADERS_MAX);
  for (uint32_t i = 0; i < self->base.partition_count && count < WAKE_LEADERS_MAX; i++) {
    const ice_source_partition *partition = &self->base.partitions[i];
    bool known = !partition->assigned || self->leaders[i] < 0;
    for (int j = 0; j < count && !known; j++) {
      known = asked[j] == self->leaders[i];
    }
    if (!known) {
      asked[count++] = self->leaders[i];
      rd_kafka_topic_partition_list_add(list, partition->topic.data, partition->partition)->offset =
          RD_KAFKA_OFFSET_END;
    }
  }
  // Only the asking counts; what is wrong with a broker is seen elsewhere.
  if (count > 0) {
    (void)rd_kafka_offsets_for_times(self->client, list, WAKE_TIMEOUT_MS);
  }
  rd_kafka_topic_partition_list_destroy(list);
  self->taken_records = 0;
  self->taken_bytes = 0;
  self->wake_us = now_us(self);
}

static ice_status kafka_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err) {
  kafka_source *self = self_of(source);
  size_t start = chunk->data.size;
  size_t ranges = chunk->range_count;
  size_t records = chunk->record_count;
  int timeout_ms = timeout_us <= 0                 ? 0
                   : timeout_us > 3600 * 1000000LL ? 3600 * 1000
                                                   : (int)((timeout_us + 999) / 1000);
  ssize_t count = 0;
  ice_status status = ICE_OK;
  ICE_TRY(serve_events(self, err));
  tell_again(self);
  if (self->group && ice_kafka_group_poll(self->group)) {
    self->base.rebalancing = true;
    goto done;
  }
  if (self->reassign) {
    ICE_TRY(assign(self, err));
  }
  // Records may be empty, so their number is bounded too; what does not fit waits in the queue.
  size_t records_max = chunk->record_count + POLL_RECORDS;
  records_max =
      records_max < ICE_CHUNK_RECORDS_MAX - STEP_RECORDS ? records_max : ICE_CHUNK_RECORDS_MAX - STEP_RECORDS;
  if (chunk->record_count >= records_max) {
    goto done;
  }
  do {
    // librdkafka waits until a step is full, so only the first record is waited for.
    ICE_TRY(take_step(self, 0, chunk, &count, err));
    if (count <= 0 && timeout_ms > 0 && chunk->range_count == ranges) {
      rd_kafka_message_t *first = rd_kafka_consume_queue(self->records, timeout_ms);
      taken run = {0};
      timeout_ms = 0;
      count = first != NULL;
      if (first) {
        status = take_message(self, first, &run, chunk, err);
        rd_kafka_message_destroy(first);
        ICE_TRY(status);
        ICE_TRY(close_run(self, &run, chunk, err));
      }
    }
  } while (count > 0 && chunk->data.size - start < POLL_BYTES && chunk->record_count < records_max);
  self->taken_records += (int64_t)(chunk->record_count - records);
  self->taken_bytes += (int64_t)(chunk->data.size - start);
  wake_fetchers(self, count <= 0);
  update_ends(self);
done:
  return status;
}

// Every partition is sought anew afterwards: those that stay too, for the table may have moved.
static ice_status kafka_rebalance(ice_source *source, ice_error *err) {
  kafka_source *self = self_of(source);
  if (!self->group) {
    return ICE_OK;
  }
  ice_status status = ice_kafka_group_accept(self->group, err);
  if (status != ICE_OK) {
    return status;
  }
  self->base.rebalancing = false;
  self->base.joining = !ice_kafka_group_joined(self->group);
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    ice_source_partition *partition = &self->base.partitions[i];
    partition->excluded = !ice_kafka_group_has(self->group, partition->topic, partition->partition);
    partition->assigned = false;
    partition->next = -1;
    partition->committed = -1;
    self->told[i] = -1;
  }
  return assign(self, err);
}

// Handle ------------------------------------------------------------------------------------------------------------

static void kafka_destroy(ice_source *source) {
  kafka_source *self = self_of(source);
  finish_offsets(self);
  if (self->records) {
    rd_kafka_queue_destroy(self->records);
  }
  if (self->commits) {
    rd_kafka_queue_destroy(self->commits);
  }
  ice_kafka_group_destroy(self->group);
  for (uint32_t i = 0; i < self->topic_count; i++) {
    if (self->handles && self->handles[i]) {
      rd_kafka_topic_destroy(self->handles[i]);
    }
    free(self->topics[i]);
  }
  if (self->client) {
    rd_kafka_destroy_flags(self->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  free(self->topics);
  free(self->handles);
  free(self->base.partitions);
  free(self->told);
  free(self->leaders);
  free(self->messages);
  free(self);
}

static const ice_source_interface kafka_interface = {
    .refresh = kafka_refresh,
    .seek = kafka_seek,
    .poll = kafka_poll,
    .commit = kafka_commit,
    .rebalance = kafka_rebalance,
    .destroy = kafka_destroy,
};

static ice_status copy_topics(kafka_source *self, const ice_kafka_options *options, ice_error *err) {
  ice_status status = ICE_OK;
  if (options->topic_count == 0 || options->topic_count > ICE_KAFKA_TOPICS_MAX) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.topics must name 1 to %d topics", (int)ICE_KAFKA_TOPICS_MAX);
  }
  self->topics = calloc(options->topic_count, sizeof(char *));
  self->handles = calloc(options->topic_count, sizeof(rd_kafka_topic_t *));
  self->messages = calloc(STEP_RECORDS, sizeof(rd_kafka_message_t *));
  if (!self->topics || !self->handles || !self->messages) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Kafka source");
  }
  for (uint32_t i = 0; i < options->topic_count; i++) {
    ice_str topic = options->topics[i];
    if (topic.size == 0 || topic.size > 249 || memchr(topic.data, '\0', topic.size)) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.topics: a topic's name has 1 to 249 characters");
    }
    for (uint32_t j = 0; j < i; j++) {
      if (ice_str_equal_c(topic, self->topics[j])) {
        ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.topics: %s is named twice", self->topics[j]);
      }
    }
    self->topics[i] = strndup(topic.data, topic.size);
    if (!self->topics[i]) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Kafka source");
    }
    self->topic_count++;
  }
done:
  return status;
}

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name) {
  char text[32];
  size_t size = sizeof text;
  return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

static ice_status create_client(kafka_source *self, const ice_kafka_options *options, ice_error *err) {
  char problem[LAST_ERROR_MAX];
  rd_kafka_conf_t *conf;
  ice_status status = ice_kafka_config_create(options, &conf, err);
  if (status != ICE_OK) {
    return status;
  }
  self->queued_records = number_of(conf, "queued.min.messages");
  self->queued_bytes = number_of(conf, "queued.max.messages.kbytes") * 1024;
  rd_kafka_conf_set_opaque(conf, self);
  rd_kafka_conf_set_log_cb(conf, take_log);
  rd_kafka_conf_set_error_cb(conf, take_error);
  self->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem, sizeof problem);
  if (!self->client) {
    rd_kafka_conf_destroy(conf);
    ICE_FAIL(ICE_INVALID_ARGUMENT, "librdkafka does not start: %s", problem);
  }
  self->records = rd_kafka_queue_get_consumer(self->client);
  self->commits = rd_kafka_queue_new(self->group ? ice_kafka_group_client(self->group) : self->client);
  if (!self->records || !self->commits) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Kafka client");
  }
  for (uint32_t i = 0; i < self->topic_count; i++) {
    self->handles[i] = rd_kafka_topic_new(self->client, self->topics[i], NULL);
    if (!self->handles[i]) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "topic %s: %s", self->topics[i], rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
done:
  return status;
}

ice_status ice_kafka_source_open(const ice_kafka_options *options, ice_source **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  kafka_source *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a Kafka source");
  }
  self->base.interface = &kafka_interface;
  self->port = options->port;
  self->observer = options->observer;
  self->has_group = options->group.size > 0;
  self->run_index = -1;
  self->tell_delay_us = TELL_AGAIN_US;
  self->request_timeout_ms = options->request_timeout_ms > 0 && options->request_timeout_ms < INT32_MAX
                                 ? (int)options->request_timeout_ms
                                 : REQUEST_TIMEOUT_MS;
  if (options->brokers.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.brokers is not set");
  }
  ICE_TRY(copy_topics(self, options, err));
  if (options->join_group) {
    ICE_TRY(ice_kafka_group_create(options, &self->group, err));
    self->base.joining = true;
  }
  ICE_TRY(create_client(self, options, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    kafka_destroy(&self->base);
  }
  return status;
}
