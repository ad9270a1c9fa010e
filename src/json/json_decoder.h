/// JSON text (RFC 8259) straight into columns: a schema of wanted columns compiles once into a small tree that is
/// walked per message.
///
/// A message is an object; its members fill the columns of the same names, members that no column wants are skipped and
/// checked against the grammar. null and an absent member are null. Of a member that comes twice the last one counts.
/// What a value may be for a column (docs/pipeline.md, "JSON"):
///   - text: a string; any other value as the text that it has in the message
///   - int, long, float, double, decimal: a number, or a string that is one; integers and decimals exactly or not at
///     all, floating point correctly rounded, with "NaN", "Infinity" and "-Infinity"
///   - boolean: true, false, or a string of these letters
///   - date, time, timestamps: ISO-8601 text; uuid: its text; binary, fixed: base64 text
///   - list: an array; struct and map: an object
/// A value that does not fit is null in its column and noted. Damage of the text is CORRUPT.
/// Text is not checked for UTF-8 here: check whole columns, which costs a fraction.
///
/// Threads: one at a time per decoder.
#ifndef ICE_JSON_JSON_DECODER_H
#define ICE_JSON_JSON_DECODER_H

#include "columnar/batch.h"

/// Limits of one message.
enum {
  ICE_JSON_DEPTH_MAX = 256,  ///< arrays and objects inside each other
  /// Rows of the exploded array, nulls for absent members, values that do not fit (at 8 each), and members that come
  /// again (at one more than the values that do not fit).
  ICE_JSON_EXTRAS_MAX = 1 << 24
};

typedef struct ice_json_decoder ice_json_decoder;

/// A piece of a message's text.
typedef struct ice_json_span {
  uint32_t from;
  uint32_t to;
} ice_json_span;

/// A value that does not fit its column.
typedef struct ice_json_fault {
  /// Where the null is that stands for it: a column of the batch that is no list, map or part of one, or the outermost
  /// list or map around the value. The exploded array's elements count as columns of their own.
  const ice_column *column;
  int64_t index;       ///< of the value in that column
  uint32_t row;        ///< of the batch: which message
  ice_json_span span;  ///< the text of the value
} ice_json_fault;

/// What the columns of a batch do not tell about its messages.
///
/// Ownership: the caller's storage.
typedef struct ice_json_notes {
  ice_bytes faults;    ///< ice_json_fault, in the order of the text
  ice_bytes arrays;    ///< ice_json_span per row: the exploded array
  ice_bytes elements;  ///< ice_json_span per element of the exploded arrays
} ice_json_notes;

void ice_json_notes_init(ice_json_notes *notes);
void ice_json_notes_deinit(ice_json_notes *notes);
/// Forget all notes, keep the memory.
void ice_json_notes_clear(ice_json_notes *notes);
size_t ice_json_notes_memory(const ice_json_notes *notes);

static inline size_t ice_json_fault_count(const ice_json_notes *notes) {
  return notes->faults.size / sizeof(ice_json_fault);
}
const ice_json_fault *ice_json_fault_at(const ice_json_notes *notes, size_t index);
/// Of `arrays` or `elements`.
ice_json_span ice_json_span_at(const ice_bytes *spans, size_t index);

/// Compile a decoder. `explode` (empty: none) is the path, by names and dots, of a list in `schema` whose elements are
/// rows of the caller's: values that do not fit are then noted per element.
///
/// Ownership: `*out` is the caller's to destroy; it holds a reference to the schema.
/// Errors: INVALID_ARGUMENT (a map whose keys are no text; no such list), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_json_decoder_create(const ice_schema *schema, ice_str explode, ice_json_decoder **out,
                                                  ice_error *err);

/// Accepts NULL.
void ice_json_decoder_destroy(ice_json_decoder *decoder);

/// Borrowed; take a reference to keep it.
const ice_schema *ice_json_decoder_schema(const ice_json_decoder *decoder);

/// Decode the message that `data` is, and append it as one row. `batch` was made with the decoder's schema.
///
/// Errors: CORRUPT (damage: the message says what and at which byte), NOT_FOUND (a sound message without the exploded
///   array), INVALID_ARGUMENT (one in which it is neither an array nor null), NO_MEMORY, LIMIT. After any error the notes
///   are as before, the batch is unfinished, and the caller truncates it to the rows it had.
ICE_MUST_CHECK ice_status ice_json_decode(ice_json_decoder *decoder, ice_str data, ice_batch *batch,
                                          ice_json_notes *notes, ice_error *err);

#endif
