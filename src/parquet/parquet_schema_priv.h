/// What the two halves of the schema, writing and reading, share.
#ifndef ICE_PARQUET_SCHEMA_PRIV_H
#define ICE_PARQUET_SCHEMA_PRIV_H

#include "parquet/parquet_schema.h"

/// Field ids of SchemaElement.
enum {
  ELEMENT_TYPE = 1,
  ELEMENT_TYPE_LENGTH = 2,
  ELEMENT_REPETITION = 3,
  ELEMENT_NAME = 4,
  ELEMENT_NUM_CHILDREN = 5,
  ELEMENT_CONVERTED = 6,
  ELEMENT_SCALE = 7,
  ELEMENT_PRECISION = 8,
  ELEMENT_FIELD_ID = 9,
  ELEMENT_LOGICAL = 10
};

/// Physical type, length and width of a leaf from its field's type, as the writer stores it.
void ice_parquet_leaf_set_storage(ice_parquet_leaf *leaf);

/// `value_width` from the physical type and `type_length`.
void ice_parquet_leaf_set_width(ice_parquet_leaf *leaf);

#endif
