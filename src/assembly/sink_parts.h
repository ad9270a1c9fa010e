/// Everything that a sink is made of, opened from settings: what `run` drives and `verify --source` reads beside.
#ifndef ICE_ASSEMBLY_SINK_PARTS_H
#define ICE_ASSEMBLY_SINK_PARTS_H

#include "assembly/preset.h"
#include "assembly/sink_tables.h"
#include "ingest/ingest.h"
#include "pipeline/pipeline.h"
#include <stdatomic.h>

/// How a sink's source is opened from its settings: ice_open_source.
typedef ice_status ice_open_source_fn(ice_settings *settings, const ice_observer *observer, ice_budget *budget,
                                      bool join, ice_source **out, ice_error *err);

/// Begin with the members before `spec` as they are to be and the rest zero.
typedef struct ice_sink_parts {
  ice_settings *settings;        ///< borrowed
  const ice_observer *observer;  ///< may be NULL
  const _Atomic bool *stop;      ///< ends waiting for the registry; may be NULL
  bool looks_on;                 ///< joins no consumer group
  /// NULL: records are handed over, by pushed_source.h. A host that does so is spared the Kafka client.
  ice_open_source_fn *open_source;
  ice_catalog *shared_catalog;  ///< NULL: one is opened
  ice_budget *budget;           ///< NULL: one is made, of `memory`
  ice_budget own_budget;
  ice_pipeline_spec spec;
  ice_sink_tables tables;
  ice_catalog *catalog;  ///< `shared_catalog`, or one of its own
  ice_ingest *ingest;
  ice_source *source;
  ice_schema_registry *registry;
  const ice_schema **schemas;
  ice_bytes schema_text;
  ice_pipeline_options pipeline;
} ice_sink_parts;

/// Open all of it; with `create` missing tables are made. No server is waited for but the catalog's.
///
/// Ownership: ice_sink_parts_close in any case. Errors: INVALID_ARGUMENT (settings), NOT_FOUND
/// (a table), and what opening the parts gives.
ICE_MUST_CHECK ice_status ice_sink_parts_open(ice_sink_parts *sink, bool create, ice_error *err);
/// Make the pipeline fit the tables as the ingest has loaded them again; `sink` is an ice_sink_parts.
ICE_MUST_CHECK ice_status ice_sink_parts_rebind(void *sink, ice_error *err);
void ice_sink_parts_close(ice_sink_parts *sink);

/// How files are written, by write.*.
ice_write_options ice_read_write_options(const ice_settings *settings);

#endif
