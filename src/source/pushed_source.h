/// A source whose records somebody else reads and hands over: its partitions are those that records came from so far, and it has
/// nothing to poll.
#ifndef ICE_SOURCE_PUSHED_SOURCE_H
#define ICE_SOURCE_PUSHED_SOURCE_H

#include "source/source.h"
#include <icesink/record.h>

/// Ownership: `*out` is the caller's to destroy. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_pushed_source_open(ice_source **out, ice_error *err);

/// The index of a partition, which is added where it is not known yet, with `next` -1. Errors: LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_pushed_source_place(ice_source *source, const char *topic, int32_t partition,
                                                  uint32_t *out, ice_error *err);

/// Make `chunk` one of these records, without ranges. Ownership: records are copied. Errors: LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_pushed_source_fill(ice_source *source, const ice_kafka_record *records, size_t count,
                                                 ice_chunk *chunk, ice_error *err);

#endif
