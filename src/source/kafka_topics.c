#include "source/kafka_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENDS_EVERY_US = 500000 };  // how often the known ends of the logs are brought up to date

// Topics --------------------------------------------------------------------------------------------------------------

static bool is_known(const ice_kafka_source *self, const char *topic) {
  for (uint32_t i = 0; i < self->topic_count; i++) {
    if (strcmp(self->topics[i], topic) == 0) {
      return true;
    }
  }
  return false;
}

static ice_status add_topic(ice_kafka_source *self, ice_str topic, ice_error *err) {
  if (topic.size == 0 || topic.size > ICE_KAFKA_TOPIC_MAX || memchr(topic.data, '\0', topic.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "source.kafka.topics: a topic's name has 1 to %d characters",
                         (int)ICE_KAFKA_TOPIC_MAX);
  }
  if (self->topic_count == ICE_KAFKA_TOPICS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d topics", (int)ICE_KAFKA_TOPICS_MAX);
  }
  char *name = strndup(topic.data, topic.size);
  if (!name) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a topic");
  }
  rd_kafka_topic_t *handle = NULL;
  ice_status status = ICE_OK;
  if (is_known(self, name)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.topics: %s is named twice", name);
  }
  handle = rd_kafka_topic_new(self->client, name, NULL);
  if (!handle) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "topic %s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
  }
  self->handles[self->topic_count] = handle;
  self->topics[self->topic_count++] = name;
  name = NULL;
done:
  free(name);
  return status;
}

static ice_status compile_pattern(ice_kafka_source *self, ice_str pattern, ice_error *err) {
  char text[ICE_KAFKA_PATTERN_MAX + 8];
  char problem[ICE_KAFKA_ERROR_MAX];
  ice_status status = ice_kafka_pattern(pattern, text, sizeof text, err);
  if (status != ICE_OK) {
    return status;
  }
  int code = regcomp(&self->pattern, text, REG_EXTENDED | REG_NOSUB);
  if (code != 0) {
    (void)regerror(code, &self->pattern, problem, sizeof problem);
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "source.kafka.topic_pattern: %s", problem);
  }
  self->has_pattern = true;
  return ICE_OK;
}

ice_status ice_kafka_topics_init(ice_kafka_source *self, const ice_kafka_options *options, ice_error *err) {
  ice_status status = ICE_OK;
  self->topics = calloc(ICE_KAFKA_TOPICS_MAX, sizeof(char *));
  self->handles = calloc(ICE_KAFKA_TOPICS_MAX, sizeof(rd_kafka_topic_t *));
  if (!self->topics || !self->handles) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the topics of a Kafka source");
  }
  if (options->topic_count == 0 && options->topic_pattern.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.topics must name 1 to %d topics", (int)ICE_KAFKA_TOPICS_MAX);
  }
  for (uint32_t i = 0; i < options->topic_count; i++) {
    ICE_TRY(add_topic(self, options->topics[i], err));
  }
  if (options->topic_pattern.size > 0) {
    ICE_TRY(compile_pattern(self, options->topic_pattern, err));
  }
done:
  return status;
}

void ice_kafka_topics_deinit(ice_kafka_source *self) {
  for (uint32_t i = 0; i < self->topic_count; i++) {
    rd_kafka_topic_destroy(self->handles[i]);
    free(self->topics[i]);
  }
  if (self->has_pattern) {
    regfree(&self->pattern);
  }
  free(self->topics);
  free(self->handles);
}

// Partitions ----------------------------------------------------------------------------------------------------------

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

static ice_status take_topic(ice_kafka_source *self, const char *name, const struct rd_kafka_metadata_topic *topic,
                             ice_error *err) {
  if (!topic || topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    char what[ICE_KAFKA_TOPIC_MAX + 16];
    snprintf(what, sizeof what, "topic %s", name);
    return ice_kafka_fail_request(self, what, topic ? topic->err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, err);
  }
  ice_status status = add_topic_partitions(self, name, topic->partition_cnt, err);
  for (int i = 0; status == ICE_OK && i < topic->partition_cnt; i++) {
    int64_t index = ice_source_find(&self->base, ice_str_of(name), topic->partitions[i].id);
    if (index >= 0) {
      self->leaders[index] = topic->partitions[i].leader;
    }
  }
  return status;
}

// Topics that match the pattern and were not there before.
static ice_status add_matching(ice_kafka_source *self, const struct rd_kafka_metadata *known, ice_error *err) {
  for (int i = 0; i < known->topic_cnt; i++) {
    const char *name = known->topics[i].topic;
    if (strncmp(name, "__", 2) != 0 && regexec(&self->pattern, name, 0, NULL, 0) == 0 && !is_known(self, name)) {
      ice_status status = add_topic(self, ice_str_of(name), err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  return self->topic_count > 0 ? ICE_OK
                               : ice_error_set(err, ICE_NOT_FOUND, "no topic matches source.kafka.topic_pattern");
}

static ice_status find_partitions(ice_kafka_source *self, ice_error *err) {
  const struct rd_kafka_metadata *known = NULL;
  ice_status status = ICE_OK;
  rd_kafka_resp_err_t code =
      rd_kafka_metadata(self->client, self->has_pattern, NULL, &known, self->request_timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ice_kafka_fail_request(self, "the broker was asked for its topics", code, err);
  }
  if (self->has_pattern) {
    ICE_TRY(add_matching(self, known, err));
  }
  for (uint32_t i = 0; i < self->topic_count; i++) {
    const struct rd_kafka_metadata_topic *topic = NULL;
    for (int j = 0; j < known->topic_cnt && !topic; j++) {
      topic = strcmp(known->topics[j].topic, self->topics[i]) == 0 ? &known->topics[j] : NULL;
    }
    ICE_TRY(take_topic(self, self->topics[i], topic, err));
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
