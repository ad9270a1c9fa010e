/// A record as Kafka has it.
#ifndef ICESINK_RECORD_H
#define ICESINK_RECORD_H

#include <stddef.h>
#include <stdint.h>

typedef struct ice_kafka_record {
  const char *topic;  ///< ended by a zero byte
  int32_t partition;
  int64_t offset;
  int64_t timestamp_ms;
  const uint8_t *key;  ///< NULL: none
  size_t key_size;
  const uint8_t *value;  ///< NULL: a tombstone
  size_t value_size;
} ice_kafka_record;

#endif
