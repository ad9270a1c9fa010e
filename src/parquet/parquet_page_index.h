/// ColumnIndex and OffsetIndex of a chunk (parquet-format, PageIndex.md).
#ifndef ICE_PARQUET_PAGE_INDEX_H
#define ICE_PARQUET_PAGE_INDEX_H

#include "parquet/parquet_column_chunk.h"

/// Append the ColumnIndex of the chunk's pages to `out`; nothing where a page cannot be stated in one.
ICE_MUST_CHECK ice_status ice_parquet_column_index_write(const ice_parquet_chunk *chunk, ice_bytes *out,
                                                         ice_error *err);

/// Append the OffsetIndex of pages that stand one behind the other from `offset` on.
ICE_MUST_CHECK ice_status ice_parquet_offset_index_write(const ice_parquet_chunk *chunk, uint64_t offset,
                                                         ice_bytes *out, ice_error *err);

/// Compare two bounds in the form of the file: <0, 0, >0, in the leaf's order.
int ice_parquet_bound_compare(const ice_parquet_leaf *leaf, ice_str a, ice_str b);

#endif
