#include "source/kafka_priv.h"

enum {
  POLL_BYTES = 512 * 1024,  ///< a poll ends behind this
  POLL_RECORDS = 50000,
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

ice_status ice_kafka_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
  if (partition >= self->base.partition_count || offset < 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "partition index %u, offset %lld", partition, (long long)offset);
  }
  self->base.partitions[partition].next = offset;
  self->base.partitions[partition].assigned = true;
  self->reassign = true;
  return ICE_OK;
}

// All partitions anew, each from its next offset: librdkafka drops what was fetched under the assignment before.
static ice_status assign(ice_kafka_source *self, ice_error *err) {
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

static int64_t find_index(ice_kafka_source *self, const rd_kafka_message_t *message) {
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

static ice_status close_run(const ice_kafka_source *self, taken *run, ice_chunk *chunk, ice_error *err) {
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

static ice_status open_run(const ice_kafka_source *self, taken *run, uint32_t partition, ice_chunk *chunk,
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

static ice_status fail_offset(ice_kafka_source *self, const ice_source_partition *partition, ice_error *err) {
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
static ice_status take_failure(ice_kafka_source *self, const rd_kafka_message_t *message, int64_t index,
                               ice_error *err) {
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
  ice_status status = ice_kafka_is_authorization(code) ? ICE_AUTH
                      : missing                        ? ICE_NOT_FOUND
                      : damaged                        ? ICE_CORRUPT
                                                       : ICE_IO;
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

static ice_status take_message(ice_kafka_source *self, const rd_kafka_message_t *message, taken *run,
                               ice_chunk *chunk, ice_error *err) {
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
static ice_status take_step(ice_kafka_source *self, int timeout_ms, ice_chunk *chunk, ssize_t *count,
                            ice_error *err) {
  taken run = {0};
  ice_status status = ICE_OK;
  *count = rd_kafka_consume_batch_queue(self->records, timeout_ms, self->messages, ICE_KAFKA_STEP_RECORDS);
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
static void wake_fetchers(ice_kafka_source *self, bool idle) {
  int64_t now = ice_kafka_now_us(self);
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
  self->wake_us = ice_kafka_now_us(self);
}

ice_status ice_kafka_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
  size_t start = chunk->data.size;
  size_t ranges = chunk->range_count;
  size_t records = chunk->record_count;
  int timeout_ms = timeout_us <= 0                 ? 0
                   : timeout_us > 3600 * 1000000LL ? 3600 * 1000
                                                   : (int)((timeout_us + 999) / 1000);
  ssize_t count = 0;
  ice_status status = ICE_OK;
  ICE_TRY(ice_kafka_serve_events(self, err));
  ice_kafka_tell_again(self);
  if (self->group && ice_kafka_group_poll(self->group)) {
    self->base.rebalancing = true;
    goto done;
  }
  if (self->reassign) {
    ICE_TRY(assign(self, err));
  }
  // Records may be empty, so their number is bounded too; what does not fit waits in the queue.
  size_t records_max = chunk->record_count + POLL_RECORDS;
  records_max = records_max < ICE_CHUNK_RECORDS_MAX - ICE_KAFKA_STEP_RECORDS
                    ? records_max
                    : ICE_CHUNK_RECORDS_MAX - ICE_KAFKA_STEP_RECORDS;
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
  ice_kafka_update_ends(self);
done:
  return status;
}

// Every partition is sought anew afterwards: those that stay too, for the table may have moved.
ice_status ice_kafka_rebalance(ice_source *source, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
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
