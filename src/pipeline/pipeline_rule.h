/// Conditions and validation rules over views.
#ifndef ICE_PIPELINE_PIPELINE_RULE_H
#define ICE_PIPELINE_PIPELINE_RULE_H

#include "pipeline/pipeline_spec.h"
#include "pipeline/pipeline_view.h"

/// True where the row holds what the condition asks for; no condition is always true. `views` has one view per column.
bool ice_when_matches(const ice_when *when, const ice_view *views, size_t row);

/// Mark the rows that fail the rule. Rows with a null in the rule's columns pass all rules but NOT_EMPTY: whether a value
/// has to be there is the column's `required`.
void ice_rule_apply(const ice_rule_spec *rule, uint32_t index, const ice_view *views, size_t row_count,
                    ice_fault *faults);

/// Append what a person reads about a failed rule: "value 300 is outside 20 to 250 (data_type heartRate)".
ICE_MUST_CHECK ice_status ice_rule_describe(const ice_rule_spec *rule, const ice_schema *schema,
                                            const ice_view *views, size_t row, ice_bytes *out, ice_error *err);

#endif
