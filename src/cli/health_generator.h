/// The generated stream of the worked example: health messages in the registry's wire format or as JSON text, seeded, some
/// of them bad, each with the verdict that the sink must reach. The other half of presets/health.yaml.
#ifndef ICE_CLI_HEALTH_GENERATOR_H
#define ICE_CLI_HEALTH_GENERATOR_H

#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum { ICE_HEALTH_SCHEMA_ID = 1, ICE_HEALTH_SAMPLES_MAX = 7 };

/// What has to become of a message.
typedef struct ice_health_verdict {
  int32_t elements;  ///< as the counts have it: 1 for a message that is bad as a whole or empty
  int32_t rows;
  int32_t filtered;
  const char *error_type;  ///< NULL: no dead letter; else there is exactly one
  int32_t element_index;   ///< of the dead letter; -1: the whole message
} ice_health_verdict;

typedef struct ice_health_generator {
  uint64_t seed;
  int32_t bad_per_10000;
  bool json;  ///< plain JSON text; else Avro in the registry's wire format
} ice_health_generator;

/// The Avro schema of the messages, as text.
const char *ice_health_schema(void);

/// Append message number `offset` of `partition` to `out`. The same seed, partition and offset give the same bytes, and the
/// same message in either format; sample ids of different partitions and offsets never meet.
ICE_MUST_CHECK ice_status ice_health_generate(const ice_health_generator *generator, int32_t partition,
                                              int64_t offset, ice_bytes *out, ice_health_verdict *verdict,
                                              ice_error *err);

#endif
