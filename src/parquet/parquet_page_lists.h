/// The lists of a row group's pages on their way to the spill target and back. Every page has an entry, so where pages have
/// to be small the entries are what an open file holds most of.
#ifndef ICE_PARQUET_PAGE_LISTS_H
#define ICE_PARQUET_PAGE_LISTS_H

#include "parquet/parquet_column_chunk.h"
#include "parquet/parquet_writer.h"

/// Where the last piece of the lists is; a zeroed one has none. A piece knows the one before.
typedef struct ice_parquet_page_lists {
  uint64_t offset;
  uint64_t size;
} ice_parquet_page_lists;

/// Bytes that spilling would give back.
size_t ice_parquet_page_lists_memory(const ice_parquet_chunk *chunks, uint32_t chunk_count);

/// Move the entries of all pages out; the pages themselves are out already.
///
/// Errors: those of the target, NO_MEMORY; the chunks are of no use then.
ICE_MUST_CHECK ice_status ice_parquet_page_lists_spill(ice_parquet_page_lists *lists, ice_parquet_chunk *chunks,
                                                       uint32_t chunk_count, const ice_parquet_spill *spill,
                                                       ice_parquet_scratch *scratch, ice_error *err);

/// Bring the entries of all pages back, in their order; `*lists` is empty then. Errors: as for spilling.
ICE_MUST_CHECK ice_status ice_parquet_page_lists_load(ice_parquet_page_lists *lists, ice_parquet_chunk *chunks,
                                                      uint32_t chunk_count, const ice_parquet_spill *spill,
                                                      ice_parquet_scratch *scratch, ice_error *err);

#endif
