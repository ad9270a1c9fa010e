/// Writing a row group: its chunks one behind the other, then their Bloom filters.
#ifndef ICE_PARQUET_ROW_GROUP_H
#define ICE_PARQUET_ROW_GROUP_H

#include "parquet/parquet_column_chunk.h"
#include "parquet/parquet_footer.h"
#include "parquet/parquet_writer.h"

/// The output, and how far it is.
typedef struct ice_parquet_sink {
  ice_parquet_output output;
  uint64_t position;
} ice_parquet_sink;

ICE_MUST_CHECK ice_status ice_parquet_sink_write(ice_parquet_sink *sink, const void *data, size_t size,
                                                 ice_error *err);

/// What a row group adds to the end of the file.
typedef struct ice_parquet_tail {
  ice_arena *arena;         ///< for `group` below
  ice_bytes *column_index;  ///< ColumnIndexes; offsets in the metadata count from its start
  ice_bytes *offset_index;
} ice_parquet_tail;

/// Write the chunks of `layout`, whose pages are closed, to the sink and fill `group`. Memory of pages is given back
/// as they go.
///
/// Errors: those of output and spill, NO_MEMORY. The chunks are of no use after an error.
ICE_MUST_CHECK ice_status ice_parquet_row_group_write(const ice_parquet_layout *layout, ice_parquet_chunk *chunks,
                                                      const ice_parquet_spill *spill, ice_parquet_scratch *scratch,
                                                      ice_parquet_sink *sink, const ice_parquet_tail *tail,
                                                      ice_parquet_row_group_metadata *group, ice_error *err);

#endif
