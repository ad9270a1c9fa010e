/// A pipeline spec from the `pipeline` part of a configuration (docs/configuration.md, "pipeline").
#ifndef ICE_PIPELINE_PIPELINE_CONFIG_H
#define ICE_PIPELINE_PIPELINE_CONFIG_H

#include "config/yaml.h"
#include "pipeline/pipeline_spec.h"

/// Read a spec from a map with the keys explode, columns, partition, filter, validate, route, tombstones, dead_letters.
/// `file` is the name in messages.
///
/// Ownership: `out` is the caller's storage; ice_pipeline_spec_deinit in any case. The tree is not needed afterwards.
/// Errors: INVALID_ARGUMENT ("file:line: …"), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_pipeline_spec_read(const ice_yaml *tree, ice_str file, ice_pipeline_spec *out,
                                                 ice_error *err);

#endif
