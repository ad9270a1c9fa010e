/// Changing a table's schema so that it takes what the pipeline makes: missing columns added, types widened (spec, "Schema
/// Evolution"). Only by choice, and by the catalog's requirements.
#ifndef ICE_INGEST_EVOLVE_H
#define ICE_INGEST_EVOLVE_H

#include "catalog/catalog.h"

typedef enum ice_evolve_policy {
  ICE_EVOLVE_NONE,
  ICE_EVOLVE_ADD,   ///< add columns that the table lacks, as optional ones
  ICE_EVOLVE_WIDEN  ///< that, and widen int to long, float to double, decimals to more digits
} ice_evolve_policy;

typedef struct ice_evolved {
  uint32_t added;
  uint32_t widened;
} ice_evolved;

/// Bring a table's current schema to what `wanted` needs, as far as the policy allows; columns are compared by name. What needs
/// nothing commits nothing. Whether the rest fits is for ice_pipeline_create to say.
///
/// Errors: as ice_catalog_load_table and ice_catalog_commit; CONFLICT where others were faster several times.
ICE_MUST_CHECK ice_status ice_evolve_table(ice_catalog *catalog, ice_table_ident ident, const ice_schema *wanted,
                                           ice_evolve_policy policy, ice_evolved *out, ice_error *err);

#endif
