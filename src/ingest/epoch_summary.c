#include "ingest/epoch_summary.h"

#include <stdio.h>

enum { NUMBER_TEXT = 48, KEY_MAX = 32 };

// "icesink.records", …
static void count_key(size_t index, char out[KEY_MAX]) {
  snprintf(out, KEY_MAX, "icesink.%s", ice_count_name(index));
}

bool ice_epoch_summary_read(const ice_snapshot *snapshot, ice_str sink, ice_epoch_summary *out) {
  ice_str owner = ice_snapshot_summary(snapshot, "icesink.sink");
  *out = (ice_epoch_summary){.epoch = ice_snapshot_summary_i64(snapshot, "icesink.epoch", -1)};
  if (!owner.data || !ice_str_equal(owner, sink) || out->epoch <= 0) {
    return false;
  }
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    char key[KEY_MAX];
    count_key(i, key);
    *ice_count_at(&out->counts, i) = ice_snapshot_summary_i64(snapshot, key, -1);
  }
  out->ranges = ice_snapshot_summary(snapshot, "icesink.ranges");
  out->policy = ice_snapshot_summary(snapshot, "icesink.policy");
  out->moves = ice_snapshot_summary(snapshot, "icesink.moves");
  out->lost_first = ice_snapshot_summary_i64(snapshot, "icesink.lost-epochs-from", 0);
  return true;
}

// {"topic":{"0":[from,to]}}
static ice_status format_ranges(const ice_epoch_range *ranges, uint32_t count, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *root = json_object();
  for (uint32_t i = 0; i < count; i++) {
    const ice_epoch_range *range = &ranges[i];
    json_t *topic = json_object_getn(root, range->topic.data, range->topic.size);
    if (!topic) {
      topic = json_object();
      if (!topic || json_object_setn_new(root, range->topic.data, range->topic.size, topic) != 0) {
        ICE_FAIL(ICE_NO_MEMORY, "out of memory for the ranges of an epoch");
      }
    }
    char key[NUMBER_TEXT];
    snprintf(key, sizeof key, "%d", range->partition);
    json_t *pair = json_array();
    ICE_TRY(ice_json_put(topic, key, pair, err));
    ICE_TRY(ice_json_push(pair, json_integer(range->from), err));
    ICE_TRY(ice_json_push(pair, json_integer(range->to), err));
  }
  ICE_TRY(ice_json_text_append(root, out, err));
done:
  json_decref(root);
  return status;
}

typedef struct summary_writer {
  ice_arena *arena;
  ice_property *out;
  uint32_t *count;
} summary_writer;

static ice_status put_text(const summary_writer *writer, const char *key, ice_str value, ice_error *err) {
  ice_property *property = &writer->out[(*writer->count)++];
  ice_status status = ice_arena_copy_str(writer->arena, ice_str_of(key), &property->key, err);
  return status == ICE_OK ? ice_arena_copy_str(writer->arena, value, &property->value, err) : status;
}

static ice_status put_number(const summary_writer *writer, const char *key, int64_t value, ice_error *err) {
  char text[NUMBER_TEXT];
  snprintf(text, sizeof text, "%lld", (long long)value);
  return put_text(writer, key, ice_str_of(text), err);
}

static ice_status put_ranges(const summary_writer *writer, const char *key, const ice_epoch_range *ranges,
                             uint32_t count, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, ICE_EPOCH_SUMMARY_BYTES_MAX);
  ice_status status = format_ranges(ranges, count, &text, err);
  if (status == ICE_OK) {
    status = put_text(writer, key, ice_bytes_str(&text), err);
  }
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_epoch_summary_write(const ice_epoch *epoch, int64_t number, ice_str sink, ice_arena *arena,
                                   ice_property *out, uint32_t *count, ice_error *err) {
  const summary_writer writer = {.arena = arena, .out = out, .count = count};
  ice_counts counts = epoch->counts;
  const ice_correction *correction = epoch->correction;
  ice_status status = ICE_OK;
  *count = 0;
  ICE_TRY(put_text(&writer, "icesink.sink", sink, err));
  ICE_TRY(put_number(&writer, "icesink.epoch", number, err));
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    char key[KEY_MAX];
    count_key(i, key);
    ICE_TRY(put_number(&writer, key, *ice_count_at(&counts, i), err));
  }
  ICE_TRY(put_ranges(&writer, "icesink.ranges", epoch->ranges, epoch->range_count, err));
  if (correction) {
    ICE_TRY(put_text(&writer, "icesink.policy", correction->policy, err));
    ICE_TRY(put_ranges(&writer, "icesink.moves", correction->moves, correction->move_count, err));
  }
  if (correction && correction->lost_first > 0) {
    ICE_TRY(put_number(&writer, "icesink.lost-epochs-from", correction->lost_first, err));
  }
  for (uint32_t i = 0; i < epoch->summary_count; i++) {
    out[(*count)++] = epoch->summary[i];
  }
done:
  return status;
}

ice_status ice_ranges_visit(ice_str text, ice_range_visit visit, void *context, ice_error *err) {
  json_t *root = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_text_parse(text, &root, err));
  const char *topic;
  json_t *partitions;
  json_object_foreach(root, topic, partitions) {
    const char *key;
    json_t *pair;
    json_object_foreach(partitions, key, pair) {
      int32_t partition;
      const json_t *from = json_array_get(pair, 0);
      const json_t *to = json_array_get(pair, 1);
      if (!ice_partition_parse(key, &partition) || !json_is_integer(from) || !json_is_integer(to)) {
        ICE_FAIL(ICE_CORRUPT, "the range of topic %s, partition \"%s\", is wrong", topic, key);
      }
      ICE_TRY(visit(context, ice_str_of(topic), partition, json_integer_value(from), json_integer_value(to), err));
    }
  }
done:
  json_decref(root);
  return status;
}
