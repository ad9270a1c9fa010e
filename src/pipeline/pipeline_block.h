/// A block of decoded messages on its way through conversion, filters, rules and routes into the output batches.
#ifndef ICE_PIPELINE_PIPELINE_BLOCK_H
#define ICE_PIPELINE_PIPELINE_BLOCK_H

#include "pipeline/pipeline.h"
#include "pipeline/pipeline_dead_letter.h"
#include "pipeline/pipeline_mapping.h"

typedef struct ice_block {
  const ice_pipeline_options *options;
  const ice_pipeline_spec *spec;
  ice_dead_letter_writer *dead_letter_writer;
  /// Per data table, per column of the table: the spec's column, or -1 for null.
  int32_t **table_columns;
  // Set by begin.
  const ice_chunk *chunk;
  const ice_source_partition *partitions;
  ice_pipeline_output *output;
  int64_t now_us;
  // Scratch of one flush.
  ice_view *views;      ///< per spec column
  ice_view *own_views;  ///< per own dead-letter column
  ice_fault *faults;    ///< per row
  uint32_t *rows;       ///< rows of a slice that go to the table at hand
  uint32_t *mapped;     ///< the same through a view's map
  uint8_t *row_tables;  ///< per row, with routes
  size_t row_capacity;
  ice_bytes text;
  ice_bytes payload;
  // Of the block whose rows are judged and not yet all in the output.
  ice_mapping *open;       ///< NULL: none
  int64_t empty;           ///< messages without an element
  size_t written;          ///< the good ones of so many rows are in the output
  size_t next_letter;      ///< and the dead letters of the rows before this one
  int64_t letters_parent;  ///< message of the last dead letter
  size_t letters;          ///< dead letters that it had before that one
} ice_block;

/// Bind the spec to the tables. Ownership: `*out` is the caller's; the options are borrowed. Errors as
/// ice_pipeline_create.
ICE_MUST_CHECK ice_status ice_block_create(const ice_pipeline_options *options, ice_block **out, ice_error *err);
/// Accepts NULL.
void ice_block_destroy(ice_block *block);

/// Start on a chunk; everything is borrowed until the last flush. `now_us` is the batch's one reading of the clock.
void ice_block_begin(ice_block *block, const ice_chunk *chunk, const ice_source_partition *partitions,
                     ice_pipeline_output *output, int64_t now_us);

/// Decode record `index` into the mapping's block, and flush the block when it is full. Damage of the datum makes one
/// dead letter of the whole message. The record's value has at least the mapping's `datum_at` bytes.
ICE_MUST_CHECK ice_status ice_block_add_message(ice_block *block, ice_mapping *mapping, uint32_t index,
                                                ice_error *err);

/// A message that is bad as a whole. Its text for people begins at byte `text_at` of the value.
ICE_MUST_CHECK ice_status ice_block_add_bad_message(ice_block *block, uint32_t index, size_t text_at,
                                                    ice_error_type type, const char *cause, ice_error *err);

/// A record without a value: by configuration a dead letter or filtered.
ICE_MUST_CHECK ice_status ice_block_add_tombstone(ice_block *block, uint32_t index, ice_error *err);

/// Turn the mapping's decoded messages into rows and dead letters. The block stays open where the output is full before
/// that is done; nothing is to be added then until it has gone on to its end.
ICE_MUST_CHECK ice_status ice_block_flush(ice_block *block, ice_mapping *mapping, ice_error *err);

static inline bool ice_block_is_open(const ice_block *block) { return block->open != NULL; }

/// Go on with an open block, into an output that has room again.
ICE_MUST_CHECK ice_status ice_block_go_on(ice_block *block, ice_pipeline_output *output, ice_error *err);

/// Give up an open block.
static inline void ice_block_forget(ice_block *block) { block->open = NULL; }

size_t ice_block_memory(const ice_block *block);

#endif
