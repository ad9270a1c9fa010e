/// The one seam between formats and pipelines: whatever the format, a decoder has the columns of the source's shape and
/// a function that appends a message to them.
#ifndef ICE_PIPELINE_PIPELINE_DECODER_H
#define ICE_PIPELINE_PIPELINE_DECODER_H

#include "json/json_decoder.h"
#include "pipeline/pipeline_spec.h"

typedef struct ice_decoder ice_decoder;

typedef struct ice_decoder_interface {
  ice_status (*decode)(ice_decoder *decoder, ice_str datum, ice_batch *batch, ice_error_type *type, ice_error *err);
  void (*destroy)(ice_decoder *decoder);
} ice_decoder_interface;

struct ice_decoder {
  const ice_decoder_interface *interface;
  const ice_schema *schema;  ///< the columns that come out; borrowed
  /// Of a format without a writer's schema: what did not fit its column, and where elements stand in the text. Else NULL.
  ice_json_notes *notes;
};

/// A decoder of the data of one Avro schema, for what the spec wants of it.
///
/// Ownership: `*out` is the caller's; text and spec are not needed afterwards. Errors: those of a schema that cannot
/// serve (CORRUPT, UNSUPPORTED, LIMIT), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_decoder_open_avro(ice_str schema_text, const ice_pipeline_spec *spec, ice_decoder **out,
                                                ice_error *err);

/// A decoder of JSON text; the columns are what the spec's paths and types say (pipeline_shape.h).
///
/// Ownership: `*out` is the caller's; the spec is borrowed. Errors: INVALID_ARGUMENT (names the column that no JSON can
/// fill), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_decoder_open_json(const ice_pipeline_spec *spec, ice_decoder **out, ice_error *err);

/// Append the message that `datum` is as one row of `batch` (made with the decoder's schema).
///
/// Errors: CORRUPT: the message is bad as a whole, `*type` says how and the message why. NO_MEMORY, LIMIT, INTERNAL. After
///   any error the caller truncates the batch to the rows it had.
ICE_MUST_CHECK static inline ice_status ice_decoder_decode(ice_decoder *decoder, ice_str datum, ice_batch *batch,
                                                           ice_error_type *type, ice_error *err) {
  return decoder->interface->decode(decoder, datum, batch, type, err);
}

/// Accepts NULL.
static inline void ice_decoder_destroy(ice_decoder *decoder) {
  if (decoder) {
    decoder->interface->destroy(decoder);
  }
}

#endif
