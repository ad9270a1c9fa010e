#include "parquet/parquet_levels.h"

// In `indices`: a slot that is null or empty above the leaf.
#define ABSENT UINT32_MAX

// Room for `count` elements, from the buffer's start.
static ice_status make_room(ice_bytes *bytes, size_t count, size_t element_size, ice_error *err) {
  ice_bytes_clear(bytes);
  size_t size;
  if (!ice_mul_size(count, element_size, &size)) {
    return ice_error_set(err, ICE_LIMIT, "slice of %zu slots", count);
  }
  return ice_bytes_reserve(bytes, size == 0 ? 1 : size, err);
}

static ice_status null_in_required(const ice_parquet_leaf *leaf, ice_error *err) {
  char name[200];
  ice_parquet_leaf_name(leaf, name, sizeof name);
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "Parquet column \"%s\": null in a required field", name);
}

// A column of the batch itself: a bitmap, and the indices of what is not null.
static ice_status build_flat(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf, const ice_column *column,
                             ice_parquet_rows rows, ice_parquet_slice *out, ice_error *err) {
  if (column->null_count == 0) {
    out->values = rows;
    return ICE_OK;
  }
  ice_status status = ICE_OK;
  ICE_TRY(make_room(&scratch->validity, (rows.count + 63) / 64, 8, err));
  ICE_TRY(make_room(&scratch->leaf_indices, rows.count, sizeof(uint32_t), err));
  uint32_t *indices = ice_bytes_u32(&scratch->leaf_indices);
  const uint8_t *bits = column->validity.data;
  size_t there = 0;
  for (size_t from = 0; from < rows.count; from += 64) {
    size_t n = rows.count - from < 64 ? rows.count - from : 64;
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
      uint32_t row = rows.indices ? rows.indices[from + i] : rows.first + (uint32_t)(from + i);
      uint64_t bit = ice_bit_get(bits, row);
      word |= bit << i;
      indices[there] = row;
      there += (size_t)bit;
    }
    ice_store_u64le(scratch->validity.data + from / 8, word);
  }
  if (there == rows.count) {
    out->values = rows;
    return ICE_OK;
  }
  if (!leaf->steps[0].optional) {
    return null_in_required(leaf, err);
  }
  out->validity = scratch->validity.data;
  out->values = (ice_parquet_rows){.indices = indices, .count = there};
done:
  return status;
}

// Room for `count` slots in one half of the buffers.
static ice_status shred_room(ice_parquet_scratch *scratch, int half, size_t count, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(make_room(&scratch->indices[half], count, sizeof(uint32_t), err));
  ICE_TRY(make_room(&scratch->definition_levels[half], count, 1, err));
  ICE_TRY(make_room(&scratch->repetition_levels[half], count, 1, err));
done:
  return status;
}

static uint32_t *shred_indices(const ice_parquet_scratch *scratch) {
  return ice_bytes_u32(&scratch->indices[scratch->shredded.half]);
}

static uint8_t *shred_definition(const ice_parquet_scratch *scratch) {
  return scratch->definition_levels[scratch->shredded.half].data;
}

static uint8_t *shred_repetition(const ice_parquet_scratch *scratch) {
  return scratch->repetition_levels[scratch->shredded.half].data;
}

static ice_status shred_rows(ice_parquet_scratch *scratch, ice_parquet_rows rows, ice_error *err) {
  ice_status status = shred_room(scratch, 0, rows.count, err);
  if (status != ICE_OK) {
    return status;
  }
  scratch->shredded.half = 0;
  scratch->shredded.count = rows.count;
  uint32_t *indices = shred_indices(scratch);
  for (size_t i = 0; i < rows.count; i++) {
    indices[i] = rows.indices ? rows.indices[i] : rows.first + (uint32_t)i;
  }
  memset(shred_repetition(scratch), 0, rows.count);
  return ICE_OK;
}

// False where a required field is null though everything above it is there.
static bool shred_nulls(const ice_parquet_scratch *scratch, const ice_column *column, const ice_parquet_step *step) {
  uint32_t *indices = shred_indices(scratch);
  uint8_t *definition = shred_definition(scratch);
  uint8_t definition_level = (uint8_t)(step->definition_level - (step->optional ? 1 : 0));
  const uint8_t *validity = column->validity.data;
  size_t count = scratch->shredded.count;
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    if (indices[i] != ABSENT && !ice_bit_get(validity, indices[i])) {
      indices[i] = ABSENT;
      definition[i] = definition_level;
      found = true;
    }
  }
  return step->optional || !found;
}

static ice_status shred_list(ice_parquet_scratch *scratch, const ice_column *column, const ice_parquet_step *step,
                             ice_error *err) {
  const uint32_t *indices = shred_indices(scratch);
  const uint8_t *definition = shred_definition(scratch);
  const uint8_t *repetition = shred_repetition(scratch);
  size_t count = scratch->shredded.count;
  size_t total = count;
  for (size_t i = 0; i < count; i++) {
    uint32_t index = indices[i];
    if (index != ABSENT) {
      int32_t size = ice_column_offset(column, (int64_t)index + 1) - ice_column_offset(column, index);
      total += size > 1 ? (size_t)size - 1 : 0;
    }
  }
  int other = 1 - scratch->shredded.half;
  ice_status status = shred_room(scratch, other, total, err);
  if (status != ICE_OK) {
    return status;
  }
  scratch->shredded.half = other;
  scratch->shredded.count = total;
  uint32_t *to_indices = shred_indices(scratch);
  uint8_t *to_definition = shred_definition(scratch);
  uint8_t *to_repetition = shred_repetition(scratch);
  size_t slot = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t index = indices[i];
    to_repetition[slot] = repetition[i];
    to_indices[slot] = ABSENT;
    if (index == ABSENT) {
      to_definition[slot++] = definition[i];
      continue;
    }
    uint32_t from = (uint32_t)ice_column_offset(column, index);
    uint32_t to = (uint32_t)ice_column_offset(column, (int64_t)index + 1);
    if (from == to) {
      to_definition[slot++] = step->definition_level;
      continue;
    }
    to_indices[slot++] = from;
    for (uint32_t element = from + 1; element < to; element++, slot++) {
      to_indices[slot] = element;
      to_repetition[slot] = step->repetition_level;
    }
  }
  return ICE_OK;
}

// Shred down to what stands above the leaf. Leaves under the same parent follow one another, key and value of a map
// for one: the second finds the work done.
static ice_status shred_parent(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf, const ice_batch *batch,
                               ice_parquet_rows rows, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_shredded *at = &scratch->shredded;
  uint32_t parents = leaf->step_count - 1;
  const ice_field *parent = leaf->steps[parents - 1].field;
  if (at->parent == parent && at->row_indices == rows.indices && at->first == rows.first &&
      at->row_count == rows.count) {
    return ICE_OK;
  }
  at->parent = NULL;
  ICE_TRY(shred_rows(scratch, rows, err));
  const ice_column *column = NULL;
  for (uint32_t i = 0; i < parents; i++) {
    const ice_parquet_step *step = &leaf->steps[i];
    column = i == 0 ? &batch->columns[step->child] : &column->children[step->child];
    if (column->null_count != 0 && !shred_nulls(scratch, column, step)) {
      return null_in_required(leaf, err);
    }
    if (column->kind == ICE_KIND_LIST || column->kind == ICE_KIND_MAP) {
      ICE_TRY(shred_list(scratch, column, step, err));
    }
  }
  *at = (ice_parquet_shredded){.half = at->half,
                               .count = at->count,
                               .column = column,
                               .parent = parent,
                               .row_indices = rows.indices,
                               .first = rows.first,
                               .row_count = rows.count};
done:
  return status;
}

// The leaf's own step: levels of all slots, and the indices of the values that are there.
static ice_status shred_leaf(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf, const ice_column *column,
                             size_t *value_count, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_step *step = &leaf->steps[leaf->step_count - 1];
  const uint32_t *indices = shred_indices(scratch);
  const uint8_t *definition = shred_definition(scratch);
  size_t count = scratch->shredded.count;
  ICE_TRY(make_room(&scratch->leaf_indices, count, sizeof(uint32_t), err));
  ICE_TRY(make_room(&scratch->leaf_levels, count, 1, err));
  uint32_t *to_indices = ice_bytes_u32(&scratch->leaf_indices);
  uint8_t *to_levels = scratch->leaf_levels.data;
  uint8_t there_level = leaf->definition_level_max;
  const uint8_t *validity = column->null_count != 0 ? column->validity.data : NULL;
  size_t there = 0;
  size_t nulls = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t index = indices[i];
    if (index == ABSENT) {
      to_levels[i] = definition[i];
      continue;
    }
    bool valid = !validity || ice_bit_get(validity, index);
    to_levels[i] = (uint8_t)(there_level - !valid);
    to_indices[there] = index;
    there += valid;
    nulls += !valid;
  }
  if (nulls > 0 && !step->optional) {
    return null_in_required(leaf, err);
  }
  *value_count = there;
done:
  return status;
}

ice_status ice_parquet_levels_build(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf,
                                    const ice_batch *batch, ice_parquet_rows rows, ice_parquet_slice *out,
                                    ice_error *err) {
  ice_status status = ICE_OK;
  *out = (ice_parquet_slice){.row_count = rows.count, .slot_count = rows.count};
  if (leaf->step_count == 1) {
    out->column = &batch->columns[leaf->steps[0].child];
    return build_flat(scratch, leaf, out->column, rows, out, err);
  }
  size_t there = 0;
  ICE_TRY(shred_parent(scratch, leaf, batch, rows, err));
  out->column = &scratch->shredded.column->children[leaf->steps[leaf->step_count - 1].child];
  ICE_TRY(shred_leaf(scratch, leaf, out->column, &there, err));
  const uint32_t *indices = ice_bytes_u32(&scratch->leaf_indices);
  out->slot_count = scratch->shredded.count;
  out->definition_levels = leaf->definition_level_max > 0 ? scratch->leaf_levels.data : NULL;
  out->repetition_levels = leaf->repetition_level_max > 0 ? shred_repetition(scratch) : NULL;
  out->values = (ice_parquet_rows){.indices = indices, .count = there};
  // Children of neighbouring rows are neighbours, which spares the gathering.
  if (!rows.indices && there > 0 && indices[there - 1] - indices[0] == there - 1) {
    out->values = (ice_parquet_rows){.first = indices[0], .count = there};
  }
done:
  return status;
}
