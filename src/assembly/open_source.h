/// Opening what the section `source` of a configuration names, for `run` and `check` alike.
#ifndef ICE_ASSEMBLY_OPEN_SOURCE_H
#define ICE_ASSEMBLY_OPEN_SOURCE_H

#include "config/settings.h"
#include "pipeline/pipeline.h"
#include "source/schema_registry.h"
#include "source/source.h"
#include <stdatomic.h>

/// What the Kafka client may hold of a memory budget, in bytes.
int64_t ice_source_kafka_memory(const ice_settings *settings);

/// How often to look for new partitions, in milliseconds. 0: whenever the sink is idle, for files; -1: never.
int64_t ice_source_discovery_interval(const ice_settings *settings);

/// True where records come from a broker.
bool ice_source_is_kafka(const ice_settings *settings);

/// Open the source: source.segment.* where a directory is set, else source.kafka.*. A broker is not waited for. Without
/// `join` no consumer group is joined, whatever source.kafka.assignment says: for looking on.
///
/// Ownership: `*out` is the caller's; settings and observer are borrowed while it lives. Errors: as the sources'
/// open;
///   INVALID_ARGUMENT where nothing is set.
ICE_MUST_CHECK ice_status ice_open_source(ice_settings *settings, const ice_observer *observer, bool join,
                                          ice_source **out, ice_error *err);

/// How values are encoded, by source.decode.*. Errors: INVALID_ARGUMENT where a registry is missing, or settings contradict
/// each other.
ICE_MUST_CHECK ice_status ice_read_payload_format(const ice_settings *settings, ice_payload_format *out,
                                                  ice_error *err);

/// Open source.decode.registry: file:DIRECTORY or an http(s) URL. Nothing is asked yet.
///
/// Ownership: `*out` is the caller's; `stop` (may be NULL) is borrowed while it lives.
ICE_MUST_CHECK ice_status ice_open_registry(const ice_settings *settings, const _Atomic bool *stop,
                                            ice_schema_registry **out, ice_error *err);

/// Fill in how a pipeline decodes, by source.decode.*: its format, with the schema or the registry that it needs.
///
/// Ownership: `schema_text` (an empty buffer) and `*registry` are the caller's to give back; the options borrow them.
ICE_MUST_CHECK ice_status ice_open_decoding(const ice_settings *settings, const _Atomic bool *stop,
                                            ice_bytes *schema_text, ice_schema_registry **registry,
                                            ice_pipeline_options *out, ice_error *err);

#endif
