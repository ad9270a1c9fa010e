/// Rows with a column of every type and every nesting, as a function of a seed and a row number. The same function
/// stands in tests/interop/check_parquet_files.py.
#ifndef ICE_TESTS_PARQUET_ROWS_H
#define ICE_TESTS_PARQUET_ROWS_H

#include "columnar/batch.h"
#include <math.h>
#include <stdio.h>

/// splitmix64 over seed, row and a number that tells apart what is drawn for.
static inline uint64_t rows_draw(uint64_t seed, uint64_t row, uint64_t what) {
  uint64_t z = seed * 0x9e3779b97f4a7c15u + row * 0xd1b54a32d192ed03u + what * 0x8cb92ba72f3d8dd7u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline bool rows_null(uint64_t seed, uint64_t row, uint64_t what) {
  return rows_draw(seed, row, what + 5000) % 7 == 0;
}

/// The columns as people write them; the ids are given depth first from 1 on.
static const struct {
  const char *name;
  const char *type;
  bool required;
} rows_columns[] = {
    {"id", "long", true},
    {"flag", "boolean", false},
    {"i", "int", false},
    {"l", "long", false},
    {"f", "float", false},
    {"d", "double", false},
    {"dec9", "decimal(9,2)", false},
    {"dec18", "decimal(18,4)", false},
    {"dec38", "decimal(38,10)", false},
    {"day", "date", false},
    {"clock", "time", false},
    {"ts", "timestamp", false},
    {"tz", "timestamptz", false},
    {"word", "string", false},
    {"unique_text", "string", true},
    {"uuid", "uuid", false},
    {"fixed", "fixed[5]", false},
    {"bin", "binary", false},
    {"st", "struct<a: int, b: string, inner: struct<x: double>>", false},
    {"li", "list<int>", false},
    {"m", "map<string,long>", false},
    {"lm", "list<map<string,struct<p: int, q: list<string>>>>", false},
};

static inline void rows_number_fields(ice_type *type, int32_t *next) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    type->fields[i].id = (*next)++;
    rows_number_fields(&type->fields[i].type, next);
  }
}

static inline ice_status rows_schema(ice_schema **out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  uint32_t count = (uint32_t)ICE_COUNT_OF(rows_columns);
  int32_t next = 1;
  ICE_TRY(ice_schema_create(&schema, err));
  schema->root.kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(schema, &schema->root, count, err));
  for (uint32_t i = 0; i < count; i++) {
    ice_field *field = &schema->root.fields[i];
    field->name = ice_str_of(rows_columns[i].name);
    field->required = rows_columns[i].required;
    ICE_TRY(ice_type_parse(schema, ice_str_of(rows_columns[i].type), &field->type, err));
  }
  rows_number_fields(&schema->root, &next);
  ICE_TRY(ice_schema_validate(schema, err));
done:
  if (status != ICE_OK) {
    ice_schema_unref(schema);
    schema = NULL;
  }
  *out = schema;
  return status;
}

static inline ice_status rows_text(ice_column *column, ice_error *err, const char *format, unsigned long long value) {
  char text[128];
  // The formats are literals of this file.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  int size = snprintf(text, sizeof text, format, value);
#pragma GCC diagnostic pop
  return ice_column_append_text(column, ice_str_make(text, (size_t)size), err);
}

/// 16 bytes little-endian of `high` * 2^64 + `low`.
static inline ice_status rows_decimal(ice_column *column, int64_t high, uint64_t low, ice_error *err) {
  uint8_t bytes[16];
  ice_store_u64le(bytes, low);
  ice_store_u64le(bytes + 8, (uint64_t)high);
  return ice_column_append_fixed(column, bytes, err);
}

static inline double rows_double(uint64_t draw) {
  switch (draw % 23) {
    case 0: return NAN;
    case 1: return -0.0;
    case 2: return 0.0;
    case 3: return INFINITY;
    default: return (double)(int64_t)(draw % 2000001) / 8.0 - 125000.0;
  }
}

static inline ice_status rows_scalar(ice_column *column, uint64_t seed, uint64_t row, uint64_t what, ice_error *err) {
  uint64_t draw = rows_draw(seed, row, what);
  uint8_t bytes[16];
  ice_store_u64be(bytes, draw);
  ice_store_u64be(bytes + 8, rows_draw(seed, row, what + 9000));
  switch (what) {
    case 1: return ice_column_append_i64(column, (int64_t)row, err);
    case 2: return ice_column_append_boolean(column, draw & 1, err);
    case 3: return ice_column_append_i32(column, (int32_t)(draw % 200) - 100, err);
    case 4: return ice_column_append_i64(column, (int64_t)draw, err);
    case 5: return ice_column_append_f32(column, (float)rows_double(draw), err);
    case 6: return ice_column_append_f64(column, rows_double(draw), err);
    case 7:
      return rows_decimal(column, (int64_t)(draw % 1999999999) < 999999999 ? -1 : 0,
                          (uint64_t)((int64_t)(draw % 1999999999) - 999999999), err);
    case 8:
      return rows_decimal(column, (int64_t)(draw % 2000000000000000001u) < 1000000000000000000 ? -1 : 0,
                          (uint64_t)((int64_t)(draw % 2000000000000000001u) - 1000000000000000000), err);
    case 9: return rows_decimal(column, (int64_t)(draw % 2000000001) - 1000000000, rows_draw(seed, row, 99), err);
    case 10: return ice_column_append_i32(column, (int32_t)(draw % 40000) - 5000, err);
    case 11: return ice_column_append_i64(column, (int64_t)(draw % 86400000000u), err);
    case 12: return ice_column_append_i64(column, (int64_t)(draw % 4000000000000000u) - 1000000000000000, err);
    case 13: return ice_column_append_i64(column, 1700000000000000 + (int64_t)row * 1000001, err);
    case 14: return rows_text(column, err, draw % 11 == 0 ? "" : draw % 5 ? "w%llu" : "wörter-%llu", draw % 40);
    case 15: return rows_text(column, err, "unique-%016llx-and-some-more-to-be-longer-than-sixty-four", draw);
    case 16: return ice_column_append_fixed(column, bytes, err);
    case 17: return ice_column_append_fixed(column, bytes, err);
    case 18: return ice_column_append_text(column, ice_str_make((const char *)bytes, draw % 17), err);
    default: return ice_error_set(err, ICE_INTERNAL, "no such column");
  }
}

static inline ice_status rows_struct(ice_column *column, uint64_t seed, uint64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  ice_column *a = &column->children[0];
  ice_column *b = &column->children[1];
  ice_column *inner = &column->children[2];
  uint64_t draw = rows_draw(seed, row, 19);
  ICE_TRY(draw % 3 ? ice_column_append_i32(a, (int32_t)(draw % 1000), err) : ice_column_append_null(a, err));
  ICE_TRY(draw % 4 ? rows_text(b, err, "b%llu", draw % 100) : ice_column_append_null(b, err));
  if (draw % 5 == 0) {
    ICE_TRY(ice_column_append_null(inner, err));
  } else {
    ICE_TRY(draw % 6 ? ice_column_append_f64(&inner->children[0], (double)(draw % 77), err)
                     : ice_column_append_null(&inner->children[0], err));
    ICE_TRY(ice_column_append_struct_end(inner, err));
  }
  ICE_TRY(ice_column_append_struct_end(column, err));
done:
  return status;
}

static inline ice_status rows_list(ice_column *column, uint64_t seed, uint64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  uint64_t size = rows_draw(seed, row, 20) % 4;
  for (uint64_t i = 0; i < size; i++) {
    uint64_t draw = rows_draw(seed, row, 200 + i);
    ICE_TRY(draw % 5 ? ice_column_append_i32(&column->children[0], (int32_t)(draw % 100000), err)
                     : ice_column_append_null(&column->children[0], err));
  }
  ICE_TRY(ice_column_append_list_end(column, err));
done:
  return status;
}

static inline ice_status rows_map(ice_column *column, uint64_t seed, uint64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  uint64_t size = rows_draw(seed, row, 21) % 3;
  for (uint64_t i = 0; i < size; i++) {
    uint64_t draw = rows_draw(seed, row, 300 + i);
    ICE_TRY(rows_text(&column->children[0], err, "key%llu", i));
    ICE_TRY(draw % 5 ? ice_column_append_i64(&column->children[1], (int64_t)(draw % 100000), err)
                     : ice_column_append_null(&column->children[1], err));
  }
  ICE_TRY(ice_column_append_list_end(column, err));
done:
  return status;
}

static inline ice_status rows_pair(ice_column *pair, uint64_t seed, uint64_t row, uint64_t what, ice_error *err) {
  ice_status status = ICE_OK;
  uint64_t draw = rows_draw(seed, row, what);
  if (draw % 7 == 0) {
    return ice_column_append_null(pair, err);
  }
  ICE_TRY(draw % 3 ? ice_column_append_i32(&pair->children[0], (int32_t)(draw % 50), err)
                   : ice_column_append_null(&pair->children[0], err));
  ice_column *texts = &pair->children[1];
  if (draw % 5 == 0) {
    ICE_TRY(ice_column_append_null(texts, err));
  } else {
    for (uint64_t k = 0; k < draw % 4; k++) {
      ICE_TRY(draw % (k + 3) ? rows_text(&texts->children[0], err, "t%llu", draw % 9 + k)
                             : ice_column_append_null(&texts->children[0], err));
    }
    ICE_TRY(ice_column_append_list_end(texts, err));
  }
  ICE_TRY(ice_column_append_struct_end(pair, err));
done:
  return status;
}

static inline ice_status rows_nested(ice_column *column, uint64_t seed, uint64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  ice_column *map = &column->children[0];
  uint64_t size = rows_draw(seed, row, 22) % 4;
  for (uint64_t i = 0; i < size; i++) {
    uint64_t draw = rows_draw(seed, row, 400 + i);
    if (draw % 6 == 0) {
      ICE_TRY(ice_column_append_null(map, err));
      continue;
    }
    for (uint64_t k = 0; k < draw % 3; k++) {
      ICE_TRY(rows_text(&map->children[0], err, "k%llu", k));
      ICE_TRY(rows_pair(&map->children[1], seed, row, 500 + i * 10 + k, err));
    }
    ICE_TRY(ice_column_append_list_end(map, err));
  }
  ICE_TRY(ice_column_append_list_end(column, err));
done:
  return status;
}

/// Append row number `row`.
static inline ice_status rows_append(ice_batch *batch, uint64_t seed, uint64_t row, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint64_t i = 0; i < batch->column_count; i++) {
    ice_column *column = &batch->columns[i];
    uint64_t what = i + 1;
    if (!rows_columns[i].required && rows_null(seed, row, what)) {
      ICE_TRY(ice_column_append_null(column, err));
      continue;
    }
    switch (what) {
      case 19: ICE_TRY(rows_struct(column, seed, row, err)); break;
      case 20: ICE_TRY(rows_list(column, seed, row, err)); break;
      case 21: ICE_TRY(rows_map(column, seed, row, err)); break;
      case 22: ICE_TRY(rows_nested(column, seed, row, err)); break;
      default: ICE_TRY(rows_scalar(column, seed, row, what, err)); break;
    }
  }
  ICE_TRY(ice_batch_end_row(batch, err));
done:
  return status;
}

#endif
