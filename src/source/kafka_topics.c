#include "source/kafka_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENDS_EVERY_US = 500000 };  // how often the known ends of the logs are brought up to date

static ice_status reserve_partition(ice_kafka_source *self, ice_error *err) {
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

static ice_status add_topic_partitions(ice_kafka_source *self, const char *topic, int32_t count, ice_error *err) {
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

static ice_status find_partitions(ice_kafka_source *self, ice_error *err) {
  const struct rd_kafka_metadata *known = NULL;
  ice_status status = ICE_OK;
  rd_kafka_resp_err_t code = rd_kafka_metadata(self->client, 0, NULL, &known, self->request_timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ice_kafka_fail_request(self, "the broker was asked for its topics", code, err);
  }
  for (uint32_t i = 0; i < self->topic_count; i++) {
    const struct rd_kafka_metadata_topic *topic = NULL;
    for (int j = 0; j < known->topic_cnt && !topic; j++) {
      topic = strcmp(known->topics[j].topic, self->topics[i]) == 0 ? &known->topics[j] : NULL;
    }
    if (!topic || topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      char what[ICE_KAFKA_ERROR_MAX + 16];
      snprintf(what, sizeof what, "topic %s", self->topics[i]);
      status = ice_kafka_fail_request(self, what, topic ? topic->err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, err);
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
static ice_status ask_offsets(ice_kafka_source *self, bool ends, ice_error *err) {
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
    status = ice_kafka_fail_request(
        self,
        ends ? "the broker was asked for the ends of the logs" : "the broker was asked for the starts of the logs",
        code, err);
  }
  rd_kafka_topic_partition_list_destroy(list);
  return status;
}

ice_status ice_kafka_refresh(ice_source *source, ice_error *err) {
  ice_kafka_source *self = ice_kafka_self(source);
  ice_status status = ICE_OK;
  ICE_TRY(ice_kafka_serve_events(self, err));
  self->last_error[0] = '\0';
  self->run_topic = NULL;
  ICE_TRY(find_partitions(self, err));
  ICE_TRY(ask_offsets(self, false, err));
  ICE_TRY(ask_offsets(self, true, err));
done:
  return status;
}

// The fetch answers carry the ends of the logs, so the lag costs no request.
void ice_kafka_update_ends(ice_kafka_source *self) {
  int64_t now = ice_kafka_now_us(self);
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
