/// Avro data straight into columns: a writer's schema, an optional reader's schema and the wanted paths compile once
/// into a small program that runs per datum.
///
/// How types map: record → struct, array → list, map → map<string,V>, [null,T] → optional T, enum → string,
/// date → date, time-* → time, timestamp-* → timestamptz (timestamp where the attribute `adjust-to-utc` is false),
/// local-timestamp-* → timestamp, milliseconds → microseconds, decimal → decimal, fixed with logical type uuid →
/// uuid, string with logical type uuid → string, an array with logical type map → map. Field ids are the attributes
/// `field-id`, `element-id`, `key-id`, `value-id`, else 0. A union of more than one type beside null, and a field of
/// type null, have no column type: UNSUPPORTED where they are wanted, skipped where not.
/// Text is not checked for UTF-8 here: check whole columns, which costs a fraction.
///
/// Threads: one at a time per decoder.
#ifndef ICE_AVRO_AVRO_DECODER_H
#define ICE_AVRO_AVRO_DECODER_H

#include "avro/avro_schema.h"
#include "columnar/batch.h"
#include "columnar/projection.h"
#include "columnar/schema.h"

/// Limits of one datum: levels of records, blocks and unions; items.
enum {
  ICE_AVRO_DATUM_DEPTH_MAX = 256,
  /// Items of arrays and maps beyond one per byte of the datum: items of no size (null, empty records) end here.
  ICE_AVRO_DATUM_EXTRA_ITEMS_MAX = 65536
};

typedef struct ice_avro_decoder ice_avro_decoder;

/// Compile a decoder.
///
/// `reader` (may be NULL: the writer's own schema) resolves as in the specification, "Schema Resolution": defaults,
/// promotions, aliases, unions, enum defaults. `projection` (may be NULL: everything) names fields of the reader's
/// schema; a list or map goes without a step of its own, a map is always taken whole.
///
/// Ownership: `*out` is the caller's to destroy; the schemas and the projection are not needed afterwards.
/// Errors: UNSUPPORTED (a wanted field has no column type or contains itself; the root is no record),
///   INVALID_ARGUMENT (the schemas do not resolve), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_avro_decoder_create(const ice_avro_schema *writer, const ice_avro_schema *reader,
                                                  const ice_projection *projection, ice_avro_decoder **out,
                                                  ice_error *err);

/// Accepts NULL.
void ice_avro_decoder_destroy(ice_avro_decoder *decoder);

/// The columns that come out: borrowed; take a reference to keep it.
const ice_schema *ice_avro_decoder_schema(const ice_avro_decoder *decoder);

/// Wanted paths that the schema does not have. Whether that is an error is the caller's decision.
uint32_t ice_avro_decoder_missing_count(const ice_avro_decoder *decoder);
ice_str ice_avro_decoder_missing(const ice_avro_decoder *decoder, uint32_t index);

/// Decode one datum at the start of `data` and append it as one row. `batch` was made with the decoder's schema.
/// `*consumed` is the size of the datum; bytes behind it are the caller's to judge.
///
/// Errors: CORRUPT (a bad datum; the message says what and at which byte), NO_MEMORY, LIMIT. After any error the
///   batch is unfinished and the caller truncates it to the rows it had.
ICE_MUST_CHECK ice_status ice_avro_decode(ice_avro_decoder *decoder, const void *data, size_t size, ice_batch *batch,
                                          size_t *consumed, ice_error *err);

#endif
