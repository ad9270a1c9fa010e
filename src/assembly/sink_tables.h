/// The tables of a sink, as settings name them.
#ifndef ICE_ASSEMBLY_SINK_TABLES_H
#define ICE_ASSEMBLY_SINK_TABLES_H

#include "catalog/catalog.h"
#include "config/settings.h"
#include "pipeline/pipeline_spec.h"

/// The tables of a pipeline: tables.data, the routes' tables, tables.dead_letters. Names get tables.database where they have
/// no dot. Ownership: from the settings' arena.
typedef struct ice_sink_tables {
  ice_table_ident *idents;
  uint32_t count;  ///< the last one takes the dead letters
  uint32_t lead;
} ice_sink_tables;
ICE_MUST_CHECK ice_status ice_sink_tables_read(ice_settings *settings, const ice_pipeline_spec *spec,
                                               ice_sink_tables *out, ice_error *err);

/// Create what is missing of the tables and their namespaces; `*created` counts.
ICE_MUST_CHECK ice_status ice_sink_tables_create(ice_catalog *catalog, const ice_pipeline_spec *spec,
                                                 const ice_sink_tables *tables, uint32_t *created, ice_error *err);

#endif
