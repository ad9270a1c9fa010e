/// Thrift's compact protocol, as much of it as Parquet metadata needs
/// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
///
/// Both sides keep the first failure and make every later call a no-op, so that a caller checks once.
#ifndef ICE_PARQUET_THRIFT_H
#define ICE_PARQUET_THRIFT_H

#include "base/bytes.h"
#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ice_thrift_type {
  ICE_THRIFT_STOP = 0,
  ICE_THRIFT_TRUE = 1,
  ICE_THRIFT_FALSE = 2,
  ICE_THRIFT_I8 = 3,
  ICE_THRIFT_I16 = 4,
  ICE_THRIFT_I32 = 5,
  ICE_THRIFT_I64 = 6,
  ICE_THRIFT_DOUBLE = 7,
  ICE_THRIFT_BINARY = 8,
  ICE_THRIFT_LIST = 9,
  ICE_THRIFT_SET = 10,
  ICE_THRIFT_MAP = 11,
  ICE_THRIFT_STRUCT = 12
} ice_thrift_type;

/// Structs within structs, written or skipped.
enum { ICE_THRIFT_DEPTH_MAX = 24 };

// Writing -----------------------------------------------------------------------------------------------------------

/// Ownership: borrows the buffer, to which it appends. Threads: one at a time.
typedef struct ice_thrift_writer {
  ice_bytes *out;
  ice_error *err;
  ice_status status;
  unsigned depth;
  int16_t last_id[ICE_THRIFT_DEPTH_MAX];
} ice_thrift_writer;

/// Start at the inside of a root struct, which the first unmatched `ice_thrift_end` closes.
void ice_thrift_writer_init(ice_thrift_writer *writer, ice_bytes *out, ice_error *err);

void ice_thrift_bool(ice_thrift_writer *writer, int16_t id, bool value);
void ice_thrift_i8(ice_thrift_writer *writer, int16_t id, int8_t value);
void ice_thrift_i16(ice_thrift_writer *writer, int16_t id, int16_t value);
void ice_thrift_i32(ice_thrift_writer *writer, int16_t id, int32_t value);
void ice_thrift_i64(ice_thrift_writer *writer, int16_t id, int64_t value);
void ice_thrift_binary(ice_thrift_writer *writer, int16_t id, ice_str value);
/// A list of `count` elements, which the caller writes next.
void ice_thrift_list(ice_thrift_writer *writer, int16_t id, ice_thrift_type element, size_t count);
/// A field that is a struct; `ice_thrift_end` closes it.
void ice_thrift_struct(ice_thrift_writer *writer, int16_t id);
/// A field that is a struct without fields.
void ice_thrift_empty_struct(ice_thrift_writer *writer, int16_t id);
/// Close the innermost struct.
void ice_thrift_end(ice_thrift_writer *writer);

void ice_thrift_element_bool(ice_thrift_writer *writer, bool value);
void ice_thrift_element_i32(ice_thrift_writer *writer, int32_t value);
void ice_thrift_element_i64(ice_thrift_writer *writer, int64_t value);
void ice_thrift_element_binary(ice_thrift_writer *writer, ice_str value);
/// A list element that is a struct; `ice_thrift_end` closes it.
void ice_thrift_element_struct(ice_thrift_writer *writer);

// Reading -----------------------------------------------------------------------------------------------------------

/// Ownership: borrows the bytes; texts that it gives point into them. Threads: one at a time.
typedef struct ice_thrift_reader {
  const uint8_t *data;
  size_t size;
  size_t position;
  ice_status status;
  const char *problem;  ///< a constant; NULL while status is ICE_OK
} ice_thrift_reader;

/// The field that a struct's loop stands at; start with a zeroed one for each struct.
typedef struct ice_thrift_field {
  int16_t id;
  ice_thrift_type type;
} ice_thrift_field;

void ice_thrift_reader_init(ice_thrift_reader *reader, const void *data, size_t size);

/// Go to the next field of the struct; false at its end and after a failure.
bool ice_thrift_next(ice_thrift_reader *reader, ice_thrift_field *field);

/// Values of a field of that type; another type, or bytes that are not there, fail the reader and give 0.
bool ice_thrift_read_bool(ice_thrift_reader *reader, const ice_thrift_field *field);
int8_t ice_thrift_read_i8(ice_thrift_reader *reader, const ice_thrift_field *field);
int16_t ice_thrift_read_i16(ice_thrift_reader *reader, const ice_thrift_field *field);
int32_t ice_thrift_read_i32(ice_thrift_reader *reader, const ice_thrift_field *field);
int64_t ice_thrift_read_i64(ice_thrift_reader *reader, const ice_thrift_field *field);
ice_str ice_thrift_read_binary(ice_thrift_reader *reader, const ice_thrift_field *field);
/// The field is a struct: the caller loops over its fields next. False (and a failure) where it is not.
bool ice_thrift_read_struct(ice_thrift_reader *reader, const ice_thrift_field *field);
/// The field is a list of `element`: the caller reads that many next. The count never exceeds the bytes left.
uint32_t ice_thrift_read_list(ice_thrift_reader *reader, const ice_thrift_field *field, ice_thrift_type element);

bool ice_thrift_read_element_bool(ice_thrift_reader *reader);
int32_t ice_thrift_read_element_i32(ice_thrift_reader *reader);
int64_t ice_thrift_read_element_i64(ice_thrift_reader *reader);
ice_str ice_thrift_read_element_binary(ice_thrift_reader *reader);

/// Pass over the value of a field, whatever it is.
void ice_thrift_skip(ice_thrift_reader *reader, const ice_thrift_field *field);

/// Fail the reader with ICE_CORRUPT from outside; `problem` is a constant.
void ice_thrift_fail(ice_thrift_reader *reader, const char *problem);

/// The reader's status, with its message under `what` ("footer: …").
ICE_MUST_CHECK ice_status ice_thrift_reader_status(const ice_thrift_reader *reader, const char *what, ice_error *err);

#endif
