/// How what a decoder gives fills the columns of a spec: compiled once per schema id (once, where the format has no
/// writer's schema), then run per block of messages.
#ifndef ICE_PIPELINE_PIPELINE_MAPPING_H
#define ICE_PIPELINE_PIPELINE_MAPPING_H

#include "pipeline/pipeline_convert.h"
#include "pipeline/pipeline_decoder.h"
#include "source/source.h"

enum { ICE_PATH_STEPS_MAX = 16 };

/// Where a path leads in the source's columns: child indexes from the top, and whether the exploded array lies between.
typedef struct ice_place {
  bool found;
  bool in_element;
  uint32_t step_count;
  uint32_t steps[ICE_PATH_STEPS_MAX];  ///< of a place in an element: from the element on
} ice_place;

typedef struct ice_mapped_column {
  ice_place place;
  ice_conversion conversion;
  ice_column scratch;  ///< converted values of the block; unused for COPY
  bool has_scratch;
} ice_mapped_column;

typedef struct ice_mapping {
  uint32_t schema_id;
  const ice_pipeline_spec *spec;  ///< borrowed
  /// Not empty: records of this schema are schema errors with this text.
  char schema_error[500];
  ice_decoder *decoder;
  size_t datum_at;  ///< bytes of a record's value before the datum
  ice_batch source;
  size_t block_bytes;  ///< bytes of the datums in `source`
  /// Index into the chunk's records of each source row.
  uint32_t *source_records;
  ice_place explode;
  ice_mapped_column *columns;
  ice_place *dead_letter_columns;
  /// Of the block: the message of each row. Where an array is exploded, row r is element r of all its messages' elements.
  uint32_t *parents;
  size_t row_capacity;
  size_t row_count;
} ice_mapping;

/// Compile the mapping of an Avro schema's text. A schema that cannot serve gives a mapping with `schema_error`, not a
/// failure. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_mapping_create_avro(uint32_t schema_id, ice_str schema_text,
                                                  const ice_pipeline_spec *spec, ice_mapping **out, ice_error *err);

/// The mapping of JSON text, as above.
ICE_MUST_CHECK ice_status ice_mapping_create_json(const ice_pipeline_spec *spec, ice_mapping **out, ice_error *err);

/// A mapping that says of every record that its schema cannot serve, and why.
ICE_MUST_CHECK ice_status ice_mapping_create_unfit(uint32_t schema_id, const char *schema_error,
                                                   const ice_pipeline_spec *spec, ice_mapping **out, ice_error *err);

/// Accepts NULL.
void ice_mapping_destroy(ice_mapping *mapping);

/// A block is flushed when it holds this much: it stays in the cache, and large messages stay within the budget.
enum { ICE_MAPPING_BLOCK_MESSAGES = 512, ICE_MAPPING_BLOCK_BYTES = 4 << 20, ICE_MAPPING_BLOCK_FAULTS = 1 << 16 };

/// The block is due to be flushed.
bool ice_mapping_is_full(const ice_mapping *mapping);

/// Drop the messages of the block, keep the memory.
void ice_mapping_clear(ice_mapping *mapping);

/// The datum of message `row` of the block. `chunk` is the one that its messages came from.
ice_str ice_mapping_datum(const ice_mapping *mapping, const ice_chunk *chunk, uint32_t row);

/// The column that a place leads to in the block, and the map that goes with it. A place not found gives NULL.
ice_view ice_mapping_view(const ice_mapping *mapping, const ice_place *place);

/// Lay out the rows of the block: one per message, or one per element of the exploded array. Messages without an element
/// are counted in `*empty`.
ICE_MUST_CHECK ice_status ice_mapping_explode(ice_mapping *mapping, int64_t *empty, ice_error *err);

/// The place of a row's element in its message's exploded array; -1 where none is exploded.
int64_t ice_mapping_element_index(const ice_mapping *mapping, size_t row);

/// Mark the rows in which a value did not fit column `index` when it was decoded: those whose text is no UTF-8, or, later
/// and in the order of the columns, the others. A required value that is an empty text is left to whoever looks for
/// missing ones.
void ice_mapping_mark_misfits(const ice_mapping *mapping, const ice_chunk *chunk, uint32_t index, ice_fault_kind kind,
                              ice_fault *faults);

size_t ice_mapping_memory(const ice_mapping *mapping);

#endif
