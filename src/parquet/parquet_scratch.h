/// Working memory that all writers of one thread share, so that an open file costs little more than its data.
#ifndef ICE_PARQUET_SCRATCH_H
#define ICE_PARQUET_SCRATCH_H

#include "base/bytes.h"
#include "codec/compress.h"
#include "columnar/column.h"
#include "parquet/parquet_schema.h"

/// Which rows the shredded slots are of, and of which parent: valid until the batch changes.
typedef struct ice_parquet_shredded {
  int half;
  size_t count;  ///< slots
  const ice_column *column;
  const ice_field *parent;  ///< NULL: nothing is kept
  const uint32_t *row_indices;
  uint32_t first;
  size_t row_count;
} ice_parquet_shredded;

/// Threads: one at a time.
typedef struct ice_parquet_scratch {
  ice_compressor *compressor;
  ice_bytes page;        ///< body of a page before compression
  ice_bytes compressed;  ///< after it
  ice_bytes header;
  ice_bytes values;  ///< gathered values of a slice
  ice_bytes seen;    ///< a byte per dictionary entry
  /// Slots of the last parent of a leaf, two of each because lists expand from one into the other.
  ice_bytes indices[2];
  ice_bytes definition_levels[2];
  ice_bytes repetition_levels[2];
  ice_parquet_shredded shredded;
  /// What the leaf itself makes of them.
  ice_bytes leaf_indices;
  ice_bytes leaf_levels;
  ice_bytes validity;
  /// The layout of the last schema asked for: the writers of one table share it.
  ice_parquet_layout *layout;
} ice_parquet_scratch;

/// Largest page body that the format can state.
enum { ICE_PARQUET_PAGE_SIZE_MAX = 0x7ff00000 };

/// Ownership: `*out` is the caller's to destroy, after every writer that uses it.
ICE_MUST_CHECK ice_status ice_parquet_scratch_create(ice_parquet_scratch **out, ice_error *err);
/// Accepts NULL.
void ice_parquet_scratch_destroy(ice_parquet_scratch *scratch);

/// Forget the slots of the last batch. To be called before a batch is read that may stand where another stood.
static inline void ice_parquet_scratch_forget(ice_parquet_scratch *scratch) { scratch->shredded.parent = NULL; }

/// Bytes held.
size_t ice_parquet_scratch_memory(const ice_parquet_scratch *scratch);

/// A reference to the layout of `schema`. Errors: as ice_parquet_layout_create.
ICE_MUST_CHECK ice_status ice_parquet_scratch_layout(ice_parquet_scratch *scratch, const ice_schema *schema,
                                                     ice_parquet_layout **out, ice_error *err);

#endif
