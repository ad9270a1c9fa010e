/// Conversions between the type that a source gives and the type that a table wants.
#ifndef ICE_PIPELINE_PIPELINE_CONVERT_H
#define ICE_PIPELINE_PIPELINE_CONVERT_H

#include "pipeline/pipeline_view.h"

typedef enum ice_conversion {
  ICE_CONVERT_NONE,  ///< impossible
  ICE_CONVERT_COPY,  ///< same shape: values are taken as they are
  ICE_CONVERT_TEXT,  ///< text parsed as the target type
  ICE_CONVERT_NUMBER,
  ICE_CONVERT_TO_TEXT
} ice_conversion;

/// How a value of `from` becomes one of `to`.
ice_conversion ice_conversion_find(const ice_type *from, const ice_type *to);

/// Append `row_count` converted values to `out` (of the target type); what does not convert is marked in `faults` with
/// column `index`, and null is appended for it. Rows that have a fault already are skipped the same way.
/// Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_conversion_apply(ice_conversion conversion, const ice_view *view, size_t row_count,
                                               uint32_t index, ice_column *out, ice_fault *faults, ice_error *err);

/// Mark rows whose text (also inside lists, maps and structs) is no UTF-8.
void ice_text_check(const ice_view *view, size_t row_count, uint32_t index, ice_fault *faults);

/// Mark rows whose nested value has a null where `type` requires one.
void ice_nested_required_check(const ice_type *type, const ice_view *view, size_t row_count, uint32_t index,
                               ice_fault *faults);

#endif
