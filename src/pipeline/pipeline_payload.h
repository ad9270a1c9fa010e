/// What a dead letter says to people: the message of a fault, and the bad element as text.
#ifndef ICE_PIPELINE_PIPELINE_PAYLOAD_H
#define ICE_PIPELINE_PIPELINE_PAYLOAD_H

#include "pipeline/pipeline_mapping.h"

/// A fault of a row of a block, and what is needed to tell it.
typedef struct ice_fault_place {
  const ice_mapping *mapping;
  const ice_chunk *chunk;
  const ice_view *views;  ///< per column of the spec
  const ice_fault *fault;
  size_t row;
  size_t letters_before;  ///< dead letters that the row's message has had already
} ice_fault_place;

/// Append what is wrong with a row: "Cannot convert start_date to timestamp: \"yesterday\"". `scratch` is used.
/// Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_payload_describe(const ice_fault_place *place, ice_bytes *scratch, ice_bytes *out,
                                               ice_error *err);

/// Append the row's element with its parent's fields, as JSON: the text of the message without the element's siblings
/// where the message is text (the element alone where its parent has more than 4 KiB, and from the message's 101st dead letter on), else what was decoded. Bytes that are no UTF-8 become U+FFFD. What a dead letter cuts off is
/// not all appended. Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_payload_append(const ice_fault_place *place, ice_bytes *out, ice_error *err);

#endif
