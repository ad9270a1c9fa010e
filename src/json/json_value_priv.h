// Scalar values of JSON text into columns.
#ifndef ICE_JSON_JSON_VALUE_PRIV_H
#define ICE_JSON_JSON_VALUE_PRIV_H

#include "columnar/column.h"
#include "json/json_number_priv.h"

/// Append what `text`, the content of a string, stands for in a column of another type than string. `*fits` is false, and
/// nothing appended, where it stands for no value of the type. `decoded` is scratch in which `text` does not lie.
ICE_MUST_CHECK ice_status ice_json_append_text_as(ice_column *column, ice_str text, ice_bytes *decoded, bool *fits,
                                                  ice_error *err);

/// Append a number to a column of numbers or decimals; `*fits` as above.
ICE_MUST_CHECK ice_status ice_json_append_number(ice_column *column, const json_number *number, bool *fits,
                                                 ice_error *err);

/// True where JSON writes values of this type as numbers.
bool ice_json_is_numeric(ice_kind kind);

#endif
