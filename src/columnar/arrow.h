/// Batches through the Arrow C data interface, in and out.
#ifndef ICE_COLUMNAR_ARROW_H
#define ICE_COLUMNAR_ARROW_H

#include "columnar/batch.h"
#include <icesink/arrow.h>

/// Export a schema as a struct; field ids stand in the metadata key `PARQUET:field_id`, as Arrow writers do.
///
/// Ownership: `*out` is the caller's to release. Errors: NO_MEMORY; `out->release` is NULL then.
ICE_MUST_CHECK ice_status ice_arrow_export_schema(const ice_schema *schema, struct ArrowSchema *out, ice_error *err);

/// Export a batch as a struct array.
///
/// Ownership: moves the buffers of `batch`, which is empty (deinit) afterwards, also on failure.
ICE_MUST_CHECK ice_status ice_arrow_export_batch(ice_batch *batch, struct ArrowArray *out, ice_error *err);

/// The schema that an ArrowSchema (a struct) describes; ids come from `PARQUET:field_id`, else 0.
///
/// Ownership: `*out` is a new reference; `schema` stays the caller's.
/// Errors: UNSUPPORTED (names the column and its format), INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_arrow_import_schema(const struct ArrowSchema *schema, ice_schema **out, ice_error *err);

/// Copy a struct array into a new batch of `schema`, matching `array_schema`'s columns by name. Optional columns that are
/// not there become null. Large texts and lists, views, dictionaries, small and unsigned numbers and times of other units are taken too. Lengths and offsets are checked before use, text for UTF-8.
///
/// Ownership: moves `array`, also on failure (its `release` is NULL on return). `*out` is the caller's to deinit.
/// Errors: INVALID_ARGUMENT (a column of another type, one that the schema does not have, a required one that is not there
///   or has a null, a number or a time that its column cannot hold exactly, lengths and offsets that cannot be), UNSUPPORTED (half floats,
///   intervals, unions, run ends, dictionaries of nested values), LIMIT.
ICE_MUST_CHECK ice_status ice_arrow_import_batch(struct ArrowArray *array, const struct ArrowSchema *array_schema,
                                                 const ice_schema *schema, ice_batch *out, ice_error *err);

#endif
