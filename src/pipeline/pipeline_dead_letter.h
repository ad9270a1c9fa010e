/// Rows of the dead-letter table.
#ifndef ICE_PIPELINE_PIPELINE_DEAD_LETTER_H
#define ICE_PIPELINE_PIPELINE_DEAD_LETTER_H

#include "pipeline/pipeline.h"
#include "pipeline/pipeline_view.h"

enum { ICE_RAW_PAYLOAD_MAX = 64 * 1024, ICE_ERROR_MESSAGE_MAX = 4096 };

/// One dead letter, all text borrowed for the call.
typedef struct ice_dead_letter {
  ice_error_type type;
  ice_str message;
  ice_str topic;
  int32_t partition;
  int64_t offset;
  int64_t element_index;  ///< -1: the whole message
  ice_str raw_payload;    ///< `data` NULL: none; must be UTF-8
  ice_str raw_bytes;      ///< `data` NULL: none
  const ice_view *own;    ///< one view per own column of the spec, at `own_row`; NULL: none are known
  size_t own_row;
} ice_dead_letter;

typedef struct ice_dead_letter_writer ice_dead_letter_writer;

/// Bind the layout of dead letters to the table as it is; columns that the table does not have are left out.
///
/// Ownership: `*out` is the caller's to destroy; spec, sink and schema are borrowed. Errors: INVALID_ARGUMENT (a required
/// column of the table that no dead letter fills, or one of another type: names it), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_dead_letter_writer_create(const ice_pipeline_spec *spec, ice_str sink,
                                                        const ice_schema *schema, ice_dead_letter_writer **out,
                                                        ice_error *err);
/// Accepts NULL.
void ice_dead_letter_writer_destroy(ice_dead_letter_writer *writer);

/// Append one row to `batch` (of the bound schema). `now_us` is error_timestamp.
ICE_MUST_CHECK ice_status ice_dead_letter_append(ice_dead_letter_writer *writer, const ice_dead_letter *letter,
                                                 int64_t now_us, ice_batch *batch, ice_error *err);

#endif
