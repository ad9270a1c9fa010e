/// Columns out of levels and values: the inverse of shredding.
#ifndef ICE_PARQUET_ASSEMBLY_H
#define ICE_PARQUET_ASSEMBLY_H

#include "parquet/parquet_column_reader.h"

/// Append `row_count` rows to `column`, of which `readers` (the leaves of its type, in order) have just read them.
///
/// Errors: CORRUPT (leaves that do not agree about the structure above them), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_assemble(ice_column *column, ice_parquet_column_reader *const *readers,
                                               uint32_t reader_count, size_t row_count, ice_error *err);

#endif
