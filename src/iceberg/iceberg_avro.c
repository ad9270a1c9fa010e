#include "base/arena.h"
#include "iceberg/iceberg_avro_priv.h"

enum { PROJECTION_BYTES_MAX = 16 << 20 };

static bool is_wanted(const wanted_field *wanted, int32_t id, ice_str name) {
  if (id != 0 || wanted->id == 0) {
    // The id of `status` is 0, which is also what a missing attribute reads as: its name decides.
    return wanted->id == id && (id != 0 || ice_str_equal_c(name, wanted->name));
  }
  return ice_str_equal_c(name, wanted->name) || (wanted->legacy && ice_str_equal_c(name, wanted->legacy));
}

static const ice_avro_type *record_of(const ice_avro_type *type) {
  if (type->kind == ICE_AVRO_UNION) {
    for (uint32_t i = 0; i < type->branch_count; i++) {
      if (type->branches[i]->kind == ICE_AVRO_RECORD) {
        return type->branches[i];
      }
    }
  }
  return type->kind == ICE_AVRO_RECORD ? type : NULL;
}

static bool is_null_only(const ice_avro_type *type) {
  return type->kind == ICE_AVRO_NULL ||
         (type->kind == ICE_AVRO_UNION && type->branch_count == 1 && type->branches[0]->kind == ICE_AVRO_NULL);
}

static ice_status add_node(ice_projection *parent, ice_str name, ice_arena *arena, ice_projection **out,
                           ice_error *err) {
  ice_projection *node = ice_arena_alloc(arena, sizeof *node, err);
  if (!node) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  node->name = name;
  node->next = parent->children;
  parent->children = node;
  *out = node;
  return ICE_OK;
}

// A whole record without the fields that are always null (Java writes those for partitions of dropped columns).
static ice_status project_whole(const ice_avro_type *record, ice_projection *node, ice_arena *arena, ice_error *err) {
  node->whole = true;
  for (uint32_t i = 0; record && i < record->field_count; i++) {
    node->whole = node->whole && !is_null_only(record->fields[i].type);
  }
  for (uint32_t i = 0; record && !node->whole && i < record->field_count; i++) {
    if (!is_null_only(record->fields[i].type)) {
      ice_projection *child = NULL;
      ice_status status = add_node(node, record->fields[i].name, arena, &child, err);
      if (status != ICE_OK) {
        return status;
      }
      child->whole = true;
    }
  }
  return ICE_OK;
}

static ice_status project(const ice_avro_type *record, const wanted_field *wanted, uint32_t count,
                          ice_projection *parent, ice_arena *arena, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < record->field_count; i++) {
    const ice_avro_field *field = &record->fields[i];
    for (uint32_t k = 0; k < count; k++) {
      if (!is_wanted(&wanted[k], field->field_id, field->name) || is_null_only(field->type)) {
        continue;
      }
      ice_projection *node = NULL;
      const ice_avro_type *inner = record_of(field->type);
      ICE_TRY(add_node(parent, field->name, arena, &node, err));
      if (wanted[k].inside && inner) {
        ICE_TRY(project(inner, wanted[k].inside, wanted[k].inside_count, node, arena, err));
      } else {
        ICE_TRY(project_whole(inner, node, arena, err));
      }
      break;
    }
  }
done:
  return status;
}

ice_status ice_avro_rows_open(avro_rows *rows, ice_str file, const wanted_field *wanted, uint32_t count,
                              ice_error *err) {
  ice_status status = ICE_OK;
  *rows = (avro_rows){0};
  ice_projection root = {0};
  ice_arena arena;
  ice_arena_init(&arena, PROJECTION_BYTES_MAX);
  ICE_TRY(ice_avro_reader_create(file, &rows->reader, err));
  ice_str text = ice_avro_reader_find(rows->reader, ICE_STR("avro.schema"));
  if (!text.data) {
    ICE_FAIL(ICE_CORRUPT, "Avro file without a schema");
  }
  ICE_TRY(ice_avro_schema_parse(text, &rows->schema, err));
  const ice_avro_type *record = ice_avro_schema_root(rows->schema);
  if (record->kind != ICE_AVRO_RECORD) {
    ICE_FAIL(ICE_CORRUPT, "Avro file that holds no records");
  }
  ICE_TRY(project(record, wanted, count, &root, &arena, err));
  ICE_TRY(ice_avro_decoder_create(rows->schema, NULL, &root, &rows->decoder, err));
  ICE_TRY(ice_batch_init(&rows->batch, ice_avro_decoder_schema(rows->decoder), err));
done:
  ice_arena_deinit(&arena);
  return status;
}

void ice_avro_rows_close(avro_rows *rows) {
  ice_batch_deinit(&rows->batch);
  ice_avro_decoder_destroy(rows->decoder);
  ice_avro_schema_destroy(rows->schema);
  ice_avro_reader_destroy(rows->reader);
  *rows = (avro_rows){0};
}

ice_status ice_avro_rows_next(avro_rows *rows, bool *found, ice_error *err) {
  ice_status status = ICE_OK;
  *found = false;
  while (rows->left == 0) {
    if (rows->data.size != 0) {
      ICE_FAIL(ICE_CORRUPT, "%zu bytes behind the last of %lld rows of a block", rows->data.size,
               (long long)rows->row);
    }
    ICE_TRY(ice_avro_reader_next(rows->reader, &rows->left, &rows->data, err));
    if (!rows->data.data) {
      goto done;
    }
  }
  size_t consumed = 0;
  ice_batch_clear(&rows->batch);
  status = ice_avro_decode(rows->decoder, rows->data.data, rows->data.size, &rows->batch, &consumed, err);
  // Rows of no size would make a block of any count.
  if (status == ICE_OK && consumed == 0) {
    status = ice_error_set(err, ICE_CORRUPT, "a row of no bytes");
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "row %lld", (long long)rows->row);
    goto done;
  }
  rows->data.data += consumed;
  rows->data.size -= consumed;
  rows->left--;
  rows->row++;
  *found = true;
done:
  return status;
}

const ice_column *ice_avro_find_column(const ice_type *type, const ice_column *columns, const wanted_field *wanted) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    if (is_wanted(wanted, type->fields[i].id, type->fields[i].name)) {
      return &columns[i];
    }
  }
  return NULL;
}

ice_status ice_avro_get_i64(const ice_column *column, int64_t row, const char *what, int64_t *out, bool *present,
                            ice_error *err) {
  *present = false;
  if (!column || ice_column_is_null(column, row)) {
    return ICE_OK;
  }
  if (column->kind == ICE_KIND_LONG) {
    *out = ice_column_i64(column, row);
  } else if (column->kind == ICE_KIND_INT) {
    *out = ice_column_i32(column, row);
  } else {
    return ice_error_set(err, ICE_CORRUPT, "%s is of type %s", what, ice_kind_name(column->kind));
  }
  *present = true;
  return ICE_OK;
}

ice_status ice_avro_get_text(const ice_column *column, int64_t row, const char *what, ice_str *out, bool *present,
                             ice_error *err) {
  *present = false;
  *out = (ice_str){0};
  if (!column || ice_column_is_null(column, row)) {
    return ICE_OK;
  }
  if (column->kind == ICE_KIND_STRING || column->kind == ICE_KIND_BINARY) {
    *out = ice_column_text(column, row);
  } else if (column->kind == ICE_KIND_FIXED) {
    *out = ice_str_make((const char *)ice_column_fixed(column, row), column->width);
  } else {
    return ice_error_set(err, ICE_CORRUPT, "%s is of type %s", what, ice_kind_name(column->kind));
  }
  *present = true;
  return ICE_OK;
}
