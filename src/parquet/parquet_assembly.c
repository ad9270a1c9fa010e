#include "parquet/parquet_assembly.h"

#include <stdlib.h>

// How far a leaf is.
typedef struct cursor {
  const ice_parquet_column_reader *reader;
  size_t slot;
  int64_t value;
} cursor;

static ice_status disagree(ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "Parquet columns of one field do not agree about its structure");
}

static bool at_end(const cursor *at) { return at->slot >= at->reader->slot_count; }

static uint8_t definition_at(const cursor *at) { return at->reader->definition_levels.data[at->slot]; }

static uint8_t repetition_at(const cursor *at) {
  return at->reader->leaf->repetition_level_max == 0 ? 0 : at->reader->repetition_levels.data[at->slot];
}

static uint32_t count_leaves(const ice_type *type) {
  if (!ice_kind_nested(type->kind)) {
    return 1;
  }
  uint32_t count = 0;
  for (uint32_t i = 0; i < type->field_count; i++) {
    count += count_leaves(&type->fields[i].type);
  }
  return count;
}

// Everything below ends here: each leaf has one slot, whose level says how far down there is something.
static ice_status pass(cursor *at, uint32_t count, uint8_t level, ice_error *err) {
  for (uint32_t i = 0; i < count; i++) {
    if (at_end(&at[i]) || definition_at(&at[i]) != level) {
      return disagree(err);
    }
    at[i].slot++;
  }
  return ICE_OK;
}

static ice_status build(ice_column *column, cursor *at, uint32_t count, uint32_t depth, ice_error *err);

static ice_status build_leaf(ice_column *column, cursor *at, ice_error *err) {
  const ice_parquet_leaf *leaf = at->reader->leaf;
  unsigned missing = leaf->definition_level_max - definition_at(at);
  at->slot++;
  if (missing > 0) {
    // The level just below the value's own is a null; a lower one belongs to something above that is there.
    bool null = missing == 1 && leaf->steps[leaf->step_count - 1].optional;
    return null ? ice_column_append_null(column, err) : disagree(err);
  }
  int64_t value = at->value++;
  return ice_column_append_range(column, &at->reader->values, value, value + 1, err);
}

static ice_status build_struct(ice_column *column, cursor *at, uint32_t depth, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < column->child_count; i++) {
    uint32_t count = count_leaves(column->children[i].type);
    ICE_TRY(build(&column->children[i], at, count, depth + 1, err));
    at += count;
  }
  ICE_TRY(ice_column_append_struct_end(column, err));
done:
  return status;
}

// `level` is the repetition level of the list's further elements.
static ice_status build_list(ice_column *column, cursor *at, uint32_t count, uint32_t depth, uint8_t level,
                             ice_error *err) {
  ice_status status = ICE_OK;
  bool more = true;
  while (more) {
    cursor *leaf = at;
    for (uint32_t i = 0; i < column->child_count; i++) {
      uint32_t below = count_leaves(column->children[i].type);
      ICE_TRY(build(&column->children[i], leaf, below, depth + 1, err));
      leaf += below;
    }
    more = !at_end(at) && repetition_at(at) == level;
    for (uint32_t i = 0; i < count; i++) {
      bool too = !at_end(&at[i]) && repetition_at(&at[i]) == level;
      bool inner = !at_end(&at[i]) && repetition_at(&at[i]) > level;
      if (too != more || inner) {
        return disagree(err);
      }
    }
  }
  ICE_TRY(ice_column_append_list_end(column, err));
done:
  return status;
}

// One value of the column, from the leaves below it. Depth is that of the schema.
static ice_status build(ice_column *column, cursor *at, uint32_t count, uint32_t depth, ice_error *err) {
  if (at_end(at)) {
    return disagree(err);
  }
  const ice_parquet_step *step = &at->reader->leaf->steps[depth];
  if (!ice_kind_nested(column->kind)) {
    return build_leaf(column, at, err);
  }
  ice_status status = ICE_OK;
  uint8_t definition = definition_at(at);
  if (definition < step->definition_level) {
    if (!step->optional || definition + 1u != step->definition_level) {
      return disagree(err);
    }
    ICE_TRY(pass(at, count, definition, err));
    ICE_TRY(ice_column_append_null(column, err));
  } else if (column->kind == ICE_KIND_STRUCT) {
    ICE_TRY(build_struct(column, at, depth, err));
  } else if (definition == step->definition_level) {
    ICE_TRY(pass(at, count, definition, err));
    ICE_TRY(ice_column_append_list_end(column, err));
  } else {
    ICE_TRY(build_list(column, at, count, depth, step->repetition_level, err));
  }
done:
  return status;
}

// A column that is a leaf: runs of values, and nulls between them.
static ice_status assemble_flat(ice_column *column, const ice_parquet_column_reader *reader, size_t row_count,
                                ice_error *err) {
  ice_status status = ICE_OK;
  const uint8_t *definition = reader->definition_levels.data;
  uint8_t level_max = reader->leaf->definition_level_max;
  if ((size_t)reader->values.length == row_count) {
    return ice_column_append_range(column, &reader->values, 0, reader->values.length, err);
  }
  int64_t value = 0;
  for (size_t slot = 0; slot < row_count;) {
    size_t end = slot;
    while (end < row_count && definition[end] == level_max) {
      end++;
    }
    if (end > slot) {
      int64_t run = (int64_t)(end - slot);
      ICE_TRY(ice_column_append_range(column, &reader->values, value, value + run, err));
      value += run;
      slot = end;
    } else {
      ICE_TRY(ice_column_append_null(column, err));
      slot++;
    }
  }
done:
  return status;
}

ice_status ice_parquet_assemble(ice_column *column, ice_parquet_column_reader *const *readers, uint32_t reader_count,
                                size_t row_count, ice_error *err) {
  ice_status status = ICE_OK;
  if (!ice_kind_nested(column->kind)) {
    return assemble_flat(column, readers[0], row_count, err);
  }
  cursor *cursors = calloc(reader_count, sizeof *cursors);
  if (!cursors) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for assembling a column");
  }
  for (uint32_t i = 0; i < reader_count; i++) {
    cursors[i].reader = readers[i];
  }
  for (size_t row = 0; row < row_count; row++) {
    for (uint32_t i = 0; i < reader_count; i++) {
      if (at_end(&cursors[i]) || repetition_at(&cursors[i]) != 0) {
        status = disagree(err);
        goto done;
      }
    }
    ICE_TRY(build(column, cursors, reader_count, 0, err));
  }
  for (uint32_t i = 0; i < reader_count; i++) {
    if (!at_end(&cursors[i])) {
      status = disagree(err);
      goto done;
    }
  }
done:
  free(cursors);
  return status;
}
