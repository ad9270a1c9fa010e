#include "source/source.h"

#include <stdlib.h>

void ice_chunk_init(ice_chunk *chunk) {
  *chunk = (ice_chunk){0};
  ice_bytes_init(&chunk->data, ICE_CHUNK_BYTES_MAX);
}

void ice_chunk_deinit(ice_chunk *chunk) {
  ice_bytes_deinit(&chunk->data);
  free(chunk->records);
  free(chunk->ranges);
  ice_chunk_init(chunk);
}

void ice_chunk_clear(ice_chunk *chunk) {
  ice_bytes_clear(&chunk->data);
  chunk->record_count = 0;
  chunk->range_count = 0;
}

ice_status ice_chunk_add_record(ice_chunk *chunk, const ice_record *record, ice_error *err) {
  if (chunk->record_count == chunk->record_capacity) {
    if (chunk->record_count >= ICE_CHUNK_RECORDS_MAX) {
      return ice_error_set(err, ICE_LIMIT, "more than %d records in a chunk", (int)ICE_CHUNK_RECORDS_MAX);
    }
    size_t capacity = chunk->record_capacity == 0 ? 256 : chunk->record_capacity * 2;
    ice_record *records = realloc(chunk->records, capacity * sizeof *records);
    if (!records) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu records", capacity);
    }
    chunk->records = records;
    chunk->record_capacity = capacity;
  }
  chunk->records[chunk->record_count++] = *record;
  return ICE_OK;
}

ice_status ice_chunk_add_range(ice_chunk *chunk, const ice_chunk_range *range, ice_error *err) {
  for (size_t i = 0; i < chunk->range_count; i++) {
    ice_chunk_range *known = &chunk->ranges[i];
    if (known->partition == range->partition) {
      if (known->to != range->from) {
        return ice_error_set(err, ICE_INTERNAL, "range of partition %u goes on at %lld, it ended at %lld",
                             range->partition, (long long)range->from, (long long)known->to);
      }
      known->to = range->to;
      known->record_count += range->record_count;
      return ICE_OK;
    }
  }
  if (chunk->range_count == chunk->range_capacity) {
    size_t capacity = chunk->range_capacity == 0 ? 8 : chunk->range_capacity * 2;
    ice_chunk_range *ranges = realloc(chunk->ranges, capacity * sizeof *ranges);
    if (!ranges) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu ranges", capacity);
    }
    chunk->ranges = ranges;
    chunk->range_capacity = capacity;
  }
  chunk->ranges[chunk->range_count++] = *range;
  return ICE_OK;
}

size_t ice_chunk_memory(const ice_chunk *chunk) {
  return chunk->data.capacity + chunk->record_capacity * sizeof *chunk->records +
         chunk->range_capacity * sizeof *chunk->ranges;
}

int64_t ice_source_find(const ice_source *source, ice_str topic, int32_t partition) {
  for (uint32_t i = 0; i < source->partition_count; i++) {
    if (source->partitions[i].partition == partition && ice_str_equal(source->partitions[i].topic, topic)) {
      return i;
    }
  }
  return -1;
}

ice_status ice_source_ask_group(ice_source *source, int64_t *offsets, ice_error *err) {
  if (!source->interface->ask_group) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "source.kafka.start: committed needs a broker; files have no consumer groups");
  }
  return source->interface->ask_group(source, offsets, err);
}
