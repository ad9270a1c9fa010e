#include "source/pushed_source.h"

#include "base/arena.h"
#include "base/map.h"
#include <stdio.h>
#include <stdlib.h>

enum { TOPICS_BYTES_MAX = 64 << 20, PARTITIONS_MAX = 1 << 20, KEY_MAX = 512 };

typedef struct pushed_source {
  ice_source base;
  uint32_t capacity;
  ice_map places;  ///< "topic/partition" → index + 1
  ice_arena arena;
} pushed_source;

static pushed_source *self_of(ice_source *source) { return (pushed_source *)(void *)source; }

// Whoever reads the topics looks after them.
static ice_status pushed_refresh(ice_source *source, ice_error *err) {
  (void)source;
  (void)err;
  return ICE_OK;
}

static ice_status pushed_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  (void)err;
  source->partitions[partition].next = offset;
  return ICE_OK;
}

static ice_status pushed_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err) {
  (void)source;
  (void)chunk;
  (void)timeout_us;
  (void)err;
  return ICE_OK;
}

static void pushed_destroy(ice_source *source) {
  pushed_source *self = self_of(source);
  free(self->base.partitions);
  ice_map_deinit(&self->places);
  ice_arena_deinit(&self->arena);
  free(self);
}

ice_status ice_pushed_source_open(ice_source **out, ice_error *err) {
  static const ice_source_interface interface = {
      .refresh = pushed_refresh, .seek = pushed_seek, .poll = pushed_poll, .destroy = pushed_destroy};
  *out = NULL;
  pushed_source *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a source");
  }
  self->base.interface = &interface;
  ice_map_init(&self->places, PARTITIONS_MAX);
  ice_arena_init(&self->arena, TOPICS_BYTES_MAX);
  *out = &self->base;
  return ICE_OK;
}

static ice_status add_partition(pushed_source *self, const char *topic, int32_t partition, ice_str key,
                                ice_error *err) {
  uint32_t count = self->base.partition_count;
  if (count == self->capacity) {
    uint32_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
    ice_source_partition *grown = realloc(self->base.partitions, capacity * sizeof *grown);
    if (!grown) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u topic partitions", capacity);
    }
    self->base.partitions = grown;
    self->capacity = capacity;
  }
  ice_source_partition *added = &self->base.partitions[count];
  *added = (ice_source_partition){.partition = partition, .next = -1, .committed = -1, .assigned = true};
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&self->arena, ice_str_of(topic), &added->topic, err));
  ICE_TRY(ice_map_put(&self->places, key, (void *)(uintptr_t)(count + 1), err));
  self->base.partition_count++;
done:
  return status;
}

ice_status ice_pushed_source_place(ice_source *source, const char *topic, int32_t partition, uint32_t *out,
                                   ice_error *err) {
  pushed_source *self = self_of(source);
  char key[KEY_MAX];
  int size = snprintf(key, sizeof key, "%s/%d", topic, partition);
  if (size < 0 || (size_t)size >= sizeof key) {
    return ice_error_set(err, ICE_LIMIT, "the topic's name is longer than Kafka allows");
  }
  ice_str name = ice_str_make(key, (size_t)size);
  uintptr_t place = (uintptr_t)ice_map_get(&self->places, name);
  if (place == 0) {
    ice_status status = add_partition(self, topic, partition, name, err);
    if (status != ICE_OK) {
      return status;
    }
    place = self->base.partition_count;
  }
  *out = (uint32_t)(place - 1);
  return ICE_OK;
}

static ice_status add_bytes(ice_chunk *chunk, const uint8_t *data, size_t data_size, uint32_t *at, int32_t *size,
                            ice_error *err) {
  *at = (uint32_t)chunk->data.size;
  *size = -1;
  if (!data) {
    return ICE_OK;
  }
  if (data_size > ICE_CHUNK_BYTES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "a record of %zu bytes", data_size);
  }
  *size = (int32_t)data_size;
  return ice_bytes_append(&chunk->data, data, data_size, err);
}

ice_status ice_pushed_source_fill(ice_source *source, const ice_kafka_record *records, size_t count, ice_chunk *chunk,
                                  ice_error *err) {
  uint32_t place = UINT32_MAX;
  ice_status status = ICE_OK;
  ice_chunk_clear(chunk);
  for (size_t i = 0; i < count; i++) {
    const ice_kafka_record *from = &records[i];
    const ice_source_partition *last = place == UINT32_MAX ? NULL : &source->partitions[place];
    // Most records are of the partition of the one before.
    if (!last || last->partition != from->partition || !ice_str_equal_c(last->topic, from->topic)) {
      ICE_TRY(ice_pushed_source_place(source, from->topic, from->partition, &place, err));
    }
    ice_record record = {.offset = from->offset, .timestamp_ms = from->timestamp_ms, .partition = place};
    ICE_TRY(add_bytes(chunk, from->key, from->key_size, &record.key_at, &record.key_size, err));
    ICE_TRY(add_bytes(chunk, from->value, from->value_size, &record.value_at, &record.value_size, err));
    ICE_TRY(ice_chunk_add_record(chunk, &record, err));
  }
done:
  return status;
}
