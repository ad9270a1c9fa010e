/// Writing the generated stream, or the lines of a file, into a directory in Kafka's own segment format.
#ifndef ICE_CLI_GEN_H
#define ICE_CLI_GEN_H

#include "cli/health_generator.h"
#include "codec/compress.h"
#include "source/segment.h"
#include <stdatomic.h>

typedef struct ice_gen_options {
  const char *directory;  ///< the log directory; the Avro schema goes to `<directory>/schemas`
  ice_str topic;
  int32_t partitions;
  int64_t messages;
  uint64_t seed;
  int32_t bad_per_10000;
  bool json;  ///< plain JSON values, and no schema; else Avro
  ice_codec codec;
  int64_t pace_ms;     ///< spread the messages over this time; 0: as fast as it goes
  const char *ledger;  ///< append one JSON line per message here; NULL: none
  const char *lines;   ///< the values are the lines of this file, as many as it has; NULL: generated messages
  const _Atomic bool *stop;
} ice_gen_options;

/// Make the directories of all partitions and the schema file, so that a reader finds them.
ICE_MUST_CHECK ice_status ice_gen_prepare(const ice_gen_options *options, ice_error *err);

/// Append the messages; `*written` counts them, also when stopped early. Messages go to the partitions in turn, a batch of
/// them at a time.
ICE_MUST_CHECK ice_status ice_gen_write(const ice_gen_options *options, int64_t *written, ice_error *err);

#endif
