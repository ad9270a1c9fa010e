/// The shape that a source without a writer's schema is read in: what the paths of a spec want.
#ifndef ICE_PIPELINE_PIPELINE_SHAPE_H
#define ICE_PIPELINE_PIPELINE_SHAPE_H

#include "pipeline/pipeline_spec.h"

/// Build the schema of the wanted paths: records along the paths, the exploded array as a list, and at the end of each path
/// the type of its column. A path that several columns want with different types is text, which each of them converts; one
/// that only dead letters want is text.
///
/// Ownership: `*out` holds one reference. Errors: INVALID_ARGUMENT (a path that is wanted as a value and as a record, or with
/// types that text does not convert to: names it), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_shape_build(const ice_pipeline_spec *spec, ice_schema **out, ice_error *err);

#endif
