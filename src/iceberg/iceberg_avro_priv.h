/// Reading Avro files of Iceberg by field id: only what is asked for becomes columns, whatever else a writer put in.
#ifndef ICE_ICEBERG_ICEBERG_AVRO_PRIV_H
#define ICE_ICEBERG_ICEBERG_AVRO_PRIV_H

#include "avro/avro_container.h"
#include "avro/avro_decoder.h"
#include "columnar/batch.h"

/// A field that is wanted. `name` and `legacy` (may be NULL) serve where a writer left the ids out.
typedef struct wanted_field {
  int32_t id;
  const char *name;
  const char *legacy;
  const struct wanted_field *inside;  ///< fields of a record; NULL: the field with everything in it
  uint32_t inside_count;
} wanted_field;

/// One row at a time: row 0 of `batch`.
typedef struct avro_rows {
  ice_avro_reader *reader;
  ice_avro_schema *schema;
  ice_avro_decoder *decoder;
  ice_batch batch;
  ice_str data;
  int64_t left;
  int64_t row;  ///< rows read so far
} avro_rows;

/// `rows` is the caller's storage; close in any case.
ICE_MUST_CHECK ice_status ice_avro_rows_open(avro_rows *rows, ice_str file, const wanted_field *wanted,
                                             uint32_t count, ice_error *err);
void ice_avro_rows_close(avro_rows *rows);
/// Errors: CORRUPT (names the row).
ICE_MUST_CHECK ice_status ice_avro_rows_next(avro_rows *rows, bool *found, ice_error *err);

/// The child with this id (or name, where ids are missing), or NULL. `columns` belong to `type`'s fields.
const ice_column *ice_avro_find_column(const ice_type *type, const ice_column *columns, const wanted_field *wanted);

/// Integers of either width; `*present` is false for null and for a column that is not there.
ICE_MUST_CHECK ice_status ice_avro_get_i64(const ice_column *column, int64_t row, const char *what, int64_t *out,
                                           bool *present, ice_error *err);
/// string and binary, borrowed from the batch.
ICE_MUST_CHECK ice_status ice_avro_get_text(const ice_column *column, int64_t row, const char *what, ice_str *out,
                                            bool *present, ice_error *err);

#endif
