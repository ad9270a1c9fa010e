#include "source/kafka_priv.h"

enum {
  FINISH_US = 2000000,  ///< how long the end of a source waits for offsets under way
  FINISH_STEP_MS = 50,
  TELL_AGAIN_MAX_US = 10000000
};

static void take_commit(rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets,
                        void *opaque) {
  (void)client;
  ice_kafka_source *self = opaque;
  if (self->commits_under_way > 0) {
    self->commits_under_way--;
  }
  for (int i = 0; offsets && code == RD_KAFKA_RESP_ERR_NO_ERROR && i < offsets->cnt; i++) {
    code = offsets->elems[i].err;
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    self->tell_delay_us = ICE_KAFKA_TELL_AGAIN_US;
    return;
  }
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    self->told[i] = -1;
  }
  self->tell_again_us = ice_kafka_now_us(self) + self->tell_delay_us;
  self->tell_delay_us = self->tell_delay_us * 2 < TELL_AGAIN_MAX_US ? self->tell_delay_us * 2 : TELL_AGAIN_MAX_US;
  ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(rd_kafka_err2str(code)));
  ice_observe_log(self->observer, ICE_LOG_WARN, ICE_STR("Group offsets were refused; telling them again"), &field, 1);
}

// Tells the group what changed since it was told last.
static ice_status tell(ice_kafka_source *self, ice_error *err) {
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
void ice_kafka_tell_again(ice_kafka_source *self) {
  if (self->tell_again_us != 0 && ice_kafka_now_us(self) >= self->tell_again_us) {
    (void)!tell(self, NULL);
  }
}

ice_status ice_kafka_commit(ice_source *source, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
  ice_status status = ice_kafka_serve_events(self, err);
  return status == ICE_OK && self->has_group ? tell(self, err) : status;
}

// A run that ends with a commit would otherwise leave the group one epoch behind.
void ice_kafka_finish_offsets(ice_kafka_source *self) {
  int64_t end = ice_kafka_now_us(self) + FINISH_US;
  while ((self->commits_under_way > 0 || self->tell_again_us != 0) && ice_kafka_now_us(self) < end) {
    rd_kafka_queue_poll_callback(self->commits, FINISH_STEP_MS);
    ice_kafka_tell_again(self);
  }
}

ice_status ice_kafka_ask_group(ice_source *source, int64_t *offsets, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
  ice_status status = ICE_OK;
  if (!self->has_group) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "source.kafka.start: committed begins where a group is; set source.kafka.group "
                         "(KAFKA_GROUP_ID)");
  }
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->partition_count);
  for (uint32_t i = 0; i < source->partition_count; i++) {
    rd_kafka_topic_partition_list_add(list, source->partitions[i].topic.data, source->partitions[i].partition);
  }
  rd_kafka_resp_err_t code = rd_kafka_committed(self->group ? ice_kafka_group_client(self->group) : self->client,
                                                list, self->request_timeout_ms);
  // librdkafka keeps the order of the list.
  for (uint32_t i = 0; i < source->partition_count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    code = list->elems[i].err;
    offsets[i] = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    status = ice_kafka_fail_request(self, "the broker was asked for the offsets of the group", code, err);
  }
  rd_kafka_topic_partition_list_destroy(list);
  return status;
}
