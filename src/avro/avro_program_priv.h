/// The program of a decoder: operations, and what compiling needs to hand over between its parts.
#ifndef ICE_AVRO_AVRO_PROGRAM_PRIV_H
#define ICE_AVRO_AVRO_PROGRAM_PRIV_H

#include "avro/avro_schema.h"
#include "base/bytes.h"
#include "columnar/projection.h"
#include "columnar/schema.h"

enum { PROGRAM_OPS_MAX = 1 << 20, PROGRAM_CONSTANTS_MAX = 64 << 20, DEFAULT_STEPS_MAX = 100000 };

typedef enum op_code {
  OP_END,
  // One value of the writer, appended to column `column` of the columns at hand.
  OP_BOOLEAN,
  OP_INT,
  OP_INT_LONG,
  OP_INT_MILLIS,
  OP_INT_FLOAT,
  OP_INT_DOUBLE,
  OP_LONG,
  OP_LONG_MILLIS,
  OP_LONG_FLOAT,
  OP_LONG_DOUBLE,
  OP_FLOAT,
  OP_FLOAT_DOUBLE,
  OP_DOUBLE,
  OP_TEXT,
  OP_FIXED,
  OP_FIXED_TEXT,
  OP_ENUM,           ///< a: first entry of `symbols`, b: count
  OP_DECIMAL_BYTES,  ///< a: precision
  OP_DECIMAL_FIXED,  ///< a: precision, b: size
  OP_RECORD,         ///< a: body, over the children of the column
  OP_LIST,           ///< a: body, over the children of the column
  OP_MAP,            ///< a: body for the value, over the children of the column
  OP_NULL,           ///< nothing is read
  OP_DEFAULT,        ///< a: offset of the constant, b: its size, c: body that reads it
  OP_UNION,          ///< a: first entry of `tables`, b: count
  OP_FAIL,           ///< a branch that the reader cannot take
  // Values that nobody wants.
  OP_SKIP_VARINT,
  OP_SKIP_BYTES,
  OP_SKIP_FIXED,   ///< a: size
  OP_SKIP_BLOCKS,  ///< a: body of one item of an array or map
  OP_SKIP_UNION,   ///< as OP_UNION
  OP_SKIP_CALL     ///< a: entry of `calls`
} op_code;

typedef struct op {
  uint8_t code;
  /// Index of the null branch of a union [null,T] or [T,null] around the value, else -1.
  int8_t null_branch;
  uint32_t column;
  uint32_t a;
  uint32_t b;
  uint32_t c;
} op;

typedef struct op_list {
  op *data;
  uint32_t count;
  uint32_t capacity;
} op_list;

typedef struct u32_list {
  uint32_t *data;
  uint32_t count;
  uint32_t capacity;
} u32_list;

/// A compiled program. Bodies are runs of operations that end with OP_END; `entry` is the body of the root record.
typedef struct program {
  op_list ops;
  u32_list tables;  ///< bodies of union branches
  u32_list calls;   ///< bodies of records that are skipped
  ice_bytes constants;
  ice_str *symbols;  ///< enum symbols as the reader sees them; `data` NULL: none that fits
  uint32_t symbol_count;
  uint32_t symbol_capacity;
  uint32_t entry;
} program;

void ice_avro_program_deinit(program *run);

/// Compile `writer` to the columns of `schema`, which was built from `reader`.
ICE_MUST_CHECK ice_status ice_avro_program_compile(const ice_avro_type *writer, const ice_avro_type *reader,
                                                   const ice_schema *schema, ice_arena *arena, program *out,
                                                   ice_error *err);

/// The type beside null that a reader's type has; NULL for null alone and for unions of several types.
const ice_avro_type *ice_avro_value_type(const ice_avro_type *type, bool *optional);

/// True for an array that stands for a map.
bool ice_avro_is_logical_map(const ice_avro_type *type);

typedef struct column_list {
  ice_str *missing;
  uint32_t missing_count;
  uint32_t missing_capacity;
} column_list;

/// Build the output schema of `root` under a projection (NULL: everything); wanted paths that are not there are
/// collected in `missing`, which is allocated from `arena`.
ICE_MUST_CHECK ice_status ice_avro_columns_build(const ice_avro_type *root, const ice_projection *projection,
                                                 ice_arena *arena, ice_schema **out, column_list *missing,
                                                 ice_error *err);

/// Append the binary encoding of a default value under `type` (specification, "Complex Types", record defaults).
/// `*steps` bounds the work: a default may name defaults of its own, over and over.
/// Errors: INVALID_ARGUMENT (the value does not fit), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_avro_default_encode(const ice_avro_type *type, json_t *value, uint32_t *steps,
                                                  ice_bytes *out, ice_error *err);

#endif
