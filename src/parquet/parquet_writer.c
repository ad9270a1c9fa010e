#include "parquet/parquet_writer.h"

#include "parquet/parquet_column_chunk.h"
#include "parquet/parquet_footer.h"
#include "parquet/parquet_page_lists.h"
#include "parquet/parquet_row_group.h"
#include <icesink/version.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  // Rows between two looks at the size of the row group.
  BLOCK_ROWS = 4096,
  DICTIONARY_SIZE_MAX = 1 << 30,
  CREATED_BY_SIZE = 96,
  // Lists of pages are spilled from this size on.
  PAGE_LISTS_MIN = 8 * 1024
};

// A column over all row groups.
typedef struct column_totals {
  ice_parquet_totals counts;
  int64_t size;
  ice_parquet_bounds bounds;
} column_totals;

struct ice_parquet_writer {
  ice_parquet_page_settings settings;
  uint64_t row_group_size;
  ice_parquet_spill spill;
  bool can_spill;
  ice_budget *budget;
  ice_parquet_scratch *scratch;
  ice_parquet_layout *layout;
  ice_parquet_sink sink;
  ice_parquet_chunk *chunks;
  column_totals *totals;
  int64_t group_rows;
  uint64_t group_size;  ///< estimate, as of the last append
  ice_parquet_metadata metadata;
  uint32_t row_group_capacity;
  ice_parquet_page_lists page_lists;  ///< of the open row group, as far as they are spilled
  // Of the batch at hand.
  ice_parquet_rows left;   ///< rows still to come
  ice_parquet_rows block;  ///< rows that go through the columns now
  uint32_t leaf;           ///< the next one
  ice_bytes column_index;
  ice_bytes offset_index;
  size_t memory;  ///< as counted in the budget
  bool closed;    ///< failed or finished
};

ice_parquet_writer_options ice_parquet_writer_options_default(void) {
  return (ice_parquet_writer_options){.codec = ICE_CODEC_SNAPPY,
                                      .page_size = 1 << 20,
                                      .page_row_max = 20000,
                                      .row_group_size = 128 << 20,
                                      .dictionary_size_max = 1 << 20};
}

void ice_parquet_file_deinit(ice_parquet_file *file) {
  ice_arena_deinit(&file->arena);
  *file = (ice_parquet_file){0};
}

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status check_options(const ice_parquet_writer_options *options, ice_error *err) {
  ice_parquet_compression compression;
  ice_status status = ice_parquet_compression_of(options->codec, &compression, err);
  if (status != ICE_OK) {
    return status;
  }
  if (options->page_size == 0 || options->page_size > ICE_PARQUET_PAGE_SIZE_MAX / 2 || options->page_row_max == 0 ||
      options->page_row_max > INT32_MAX || options->row_group_size == 0 ||
      options->dictionary_size_max > DICTIONARY_SIZE_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "size of Parquet pages, row groups or dictionaries out of range");
  }
  return ICE_OK;
}

static bool wants_bloom(const ice_parquet_writer_options *options, const ice_parquet_leaf *leaf) {
  for (size_t i = 0; i < options->bloom_id_count; i++) {
    if (options->bloom_ids[i] == leaf->field->id && leaf->physical != ICE_PARQUET_BOOLEAN) {
      return true;
    }
  }
  return false;
}

static ice_status check_blooms(const ice_parquet_writer_options *options, const ice_parquet_layout *layout,
                               ice_error *err) {
  for (size_t i = 0; i < options->bloom_id_count; i++) {
    bool found = false;
    for (uint32_t k = 0; k < layout->leaf_count; k++) {
      const ice_parquet_leaf *leaf = &layout->leaves[k];
      found = found || (leaf->field->id == options->bloom_ids[i] && leaf->physical != ICE_PARQUET_BOOLEAN);
    }
    if (!found) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "no column with id %d for a Bloom filter",
                           (int)options->bloom_ids[i]);
    }
  }
  return ICE_OK;
}

static ice_status keep_texts(ice_parquet_writer *writer, const ice_parquet_writer_options *options, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_metadata *metadata = &writer->metadata;
  char created_by[CREATED_BY_SIZE];
  ice_str text = options->created_by;
  if (text.size == 0) {
    // parquet-java parses this; where it cannot, it ignores statistics of texts.
    snprintf(created_by, sizeof created_by, "icesink version %s (build %s)", ice_version(), ice_version());
    text = ice_str_of(created_by);
  }
  ICE_TRY(ice_arena_copy_str(&metadata->arena, text, &metadata->created_by, err));
  metadata->key_values =
      ice_arena_alloc_array(&metadata->arena, options->key_value_count, sizeof *metadata->key_values, err);
  if (!metadata->key_values) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for key-value metadata");
  }
  for (size_t i = 0; i < options->key_value_count; i++) {
    ice_parquet_key_value *pair = &metadata->key_values[i];
    ICE_TRY(ice_arena_copy_str(&metadata->arena, options->key_values[i].key, &pair->key, err));
    ICE_TRY(ice_arena_copy_str(&metadata->arena, options->key_values[i].value, &pair->value, err));
  }
  metadata->key_value_count = (uint32_t)options->key_value_count;
done:
  return status;
}

static ice_status create_columns(ice_parquet_writer *writer, const ice_parquet_writer_options *options,
                                 ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t count = writer->layout->leaf_count;
  writer->chunks = calloc(count, sizeof *writer->chunks);
  if (!writer->chunks) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the columns of a Parquet file");
  }
  for (uint32_t i = 0; i < count; i++) {
    const ice_parquet_leaf *leaf = &writer->layout->leaves[i];
    ICE_TRY(ice_parquet_chunk_init(&writer->chunks[i], leaf, &writer->settings, wants_bloom(options, leaf), err));
  }
done:
  return status;
}

// Totals come with the first row group: files that are only open have none.
static ice_status create_totals(ice_parquet_writer *writer, ice_error *err) {
  if (writer->totals) {
    return ICE_OK;
  }
  uint32_t count = writer->layout->leaf_count;
  writer->totals = calloc(count, sizeof *writer->totals);
  if (!writer->totals) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the columns of a Parquet file");
  }
  for (uint32_t i = 0; i < count; i++) {
    ice_parquet_bounds_init(&writer->totals[i].bounds);
  }
  return ICE_OK;
}

// Counts what is held, in the budget too, and estimates the size of the open row group.
static void refresh(ice_parquet_writer *writer) {
  uint32_t count = writer->layout->leaf_count;
  size_t memory = sizeof *writer + count * sizeof *writer->chunks +
                  writer->row_group_capacity * sizeof *writer->metadata.row_groups + writer->metadata.arena.size +
                  writer->column_index.capacity + writer->offset_index.capacity;
  uint64_t size = 0;
  for (uint32_t i = 0; i < count; i++) {
    memory += ice_parquet_chunk_memory(&writer->chunks[i]);
    memory += writer->totals ? sizeof *writer->totals + ice_parquet_bounds_memory(&writer->totals[i].bounds) : 0;
    size += ice_parquet_chunk_size(&writer->chunks[i]);
  }
  writer->group_size = size;
  ice_budget_add(writer->budget, (int64_t)memory - (int64_t)writer->memory);
  writer->memory = memory;
}

ice_status ice_parquet_writer_create(const ice_schema *schema, const ice_parquet_writer_options *options,
                                     ice_parquet_output output, ice_parquet_scratch *scratch,
                                     ice_parquet_writer **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_parquet_writer *writer = NULL;
  ICE_TRY(check_options(options, err));
  writer = calloc(1, sizeof *writer);
  if (!writer) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Parquet writer");
  }
  writer->settings = (ice_parquet_page_settings){.codec = options->codec,
                                                 .level = options->level,
                                                 .page_size = options->page_size,
                                                 .page_row_max = options->page_row_max,
                                                 .dictionary_size_max = options->dictionary_size_max};
  writer->row_group_size = options->row_group_size;
  writer->can_spill = options->spill != NULL;
  if (options->spill) {
    writer->spill = *options->spill;
  }
  writer->budget = options->budget;
  writer->scratch = scratch;
  writer->sink.output = output;
  ice_arena_init(&writer->metadata.arena, SIZE_MAX);
  ice_bytes_init(&writer->column_index, INT32_MAX);
  ice_bytes_init(&writer->offset_index, INT32_MAX);
  ICE_TRY(ice_parquet_scratch_layout(scratch, schema, &writer->layout, err));
  writer->metadata.layout = ice_parquet_layout_ref(writer->layout);
  ICE_TRY(check_blooms(options, writer->layout, err));
  ICE_TRY(keep_texts(writer, options, err));
  ICE_TRY(create_columns(writer, options, err));
  refresh(writer);
  *out = writer;
  writer = NULL;
done:
  ice_parquet_writer_destroy(writer);
  return status;
}

void ice_parquet_writer_destroy(ice_parquet_writer *writer) {
  if (!writer) {
    return;
  }
  ice_budget_add(writer->budget, -(int64_t)writer->memory);
  for (uint32_t i = 0; writer->layout && i < writer->layout->leaf_count; i++) {
    if (writer->chunks) {
      ice_parquet_chunk_deinit(&writer->chunks[i]);
    }
    if (writer->totals) {
      ice_parquet_bounds_deinit(&writer->totals[i].bounds);
    }
  }
  free(writer->chunks);
  free(writer->totals);
  free(writer->metadata.row_groups);
  ice_parquet_footer_deinit(&writer->metadata);
  ice_bytes_deinit(&writer->column_index);
  ice_bytes_deinit(&writer->offset_index);
  ice_parquet_layout_unref(writer->layout);
  free(writer);
}

// Row groups --------------------------------------------------------------------------------------------------------

static ice_status begin_file(ice_parquet_writer *writer, ice_error *err) {
  return writer->sink.position > 0
             ? ICE_OK
             : ice_parquet_sink_write(&writer->sink, ICE_PARQUET_MAGIC, ICE_PARQUET_MAGIC_SIZE, err);
}

static ice_status reserve_row_group(ice_parquet_writer *writer, ice_error *err) {
  ice_parquet_metadata *metadata = &writer->metadata;
  if (metadata->row_group_count < writer->row_group_capacity) {
    return ICE_OK;
  }
  uint32_t capacity = writer->row_group_capacity == 0 ? 2 : writer->row_group_capacity * 2;
  ice_parquet_row_group_metadata *groups = realloc(metadata->row_groups, capacity * sizeof *groups);
  if (!groups) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the metadata of row groups");
  }
  metadata->row_groups = groups;
  writer->row_group_capacity = capacity;
  return ICE_OK;
}

static ice_status close_row_group(ice_parquet_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  if (writer->group_rows == 0) {
    return ICE_OK;
  }
  uint32_t count = writer->layout->leaf_count;
  ICE_TRY(begin_file(writer, err));
  ICE_TRY(reserve_row_group(writer, err));
  ICE_TRY(create_totals(writer, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_parquet_chunk_close_page(&writer->chunks[i], writer->scratch, err));
  }
  ICE_TRY(
      ice_parquet_page_lists_load(&writer->page_lists, writer->chunks, count, &writer->spill, writer->scratch, err));
  ice_parquet_row_group_metadata group = {.row_count = writer->group_rows};
  ice_parquet_tail tail = {
      .arena = &writer->metadata.arena, .column_index = &writer->column_index, .offset_index = &writer->offset_index};
  ICE_TRY(ice_parquet_row_group_write(writer->layout, writer->chunks, &writer->spill, writer->scratch, &writer->sink,
                                      &tail, &group, err));
  for (uint32_t i = 0; i < count; i++) {
    ice_parquet_chunk *chunk = &writer->chunks[i];
    column_totals *totals = &writer->totals[i];
    totals->counts.slot_count += chunk->totals.slot_count;
    totals->counts.null_count += chunk->totals.null_count;
    totals->counts.nan_count += chunk->totals.nan_count;
    totals->size += group.columns[i].size;
    ICE_TRY(ice_parquet_bounds_merge(&totals->bounds, chunk->order, &chunk->chunk_bounds, err));
    ice_parquet_chunk_reset(chunk);
  }
  writer->metadata.row_groups[writer->metadata.row_group_count++] = group;
  writer->metadata.row_count += group.row_count;
  writer->group_rows = 0;
done:
  return status;
}

// Appending ---------------------------------------------------------------------------------------------------------

static ice_status check_rows(const ice_batch *batch, const uint32_t *rows, size_t row_count, ice_parquet_rows *out,
                             ice_error *err) {
  *out = (ice_parquet_rows){.count = row_count};
  if (!rows) {
    return row_count == (size_t)batch->row_count
               ? ICE_OK
               : ice_error_set(err, ICE_INVALID_ARGUMENT, "all rows of a batch of %lld, but %zu",
                               (long long)batch->row_count, row_count);
  }
  if (row_count == 0) {
    return ICE_OK;
  }
  uint32_t highest = 0;
  uint32_t gaps = 0;
  for (size_t i = 0; i < row_count; i++) {
    highest = rows[i] > highest ? rows[i] : highest;
    gaps |= rows[i] ^ (rows[0] + (uint32_t)i);
  }
  if (highest >= batch->row_count) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "row %u of a batch of %lld", highest,
                         (long long)batch->row_count);
  }
  out->indices = gaps ? rows : NULL;
  out->first = gaps ? 0 : rows[0];
  return ICE_OK;
}

static ice_status begin_batch(ice_parquet_writer *writer, const ice_batch *batch, const uint32_t *rows,
                              size_t row_count, ice_error *err) {
  const ice_schema *schema = writer->layout->schema;
  if (writer->closed) {
    return ice_error_set(err, ICE_INVALID_STATE, "append to a Parquet file that is closed");
  }
  if (batch->schema != schema && !ice_type_equal(&batch->schema->root, &schema->root)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "batch of another schema than the Parquet file");
  }
  return check_rows(batch, rows, row_count, &writer->left, err);
}

static bool begin_block(ice_parquet_writer *writer) {
  size_t count = writer->left.count < BLOCK_ROWS ? writer->left.count : BLOCK_ROWS;
  writer->block = ice_parquet_rows_take(&writer->left, count);
  writer->leaf = 0;
  return count > 0;
}

static ice_status append_column(ice_parquet_writer *writer, const ice_batch *batch, uint32_t column, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_layout *layout = writer->layout;
  while (status == ICE_OK && writer->leaf < layout->leaf_count &&
         layout->leaves[writer->leaf].steps[0].child == column) {
    status = ice_parquet_chunk_append(&writer->chunks[writer->leaf++], writer->scratch, batch, writer->block, err);
  }
  return status;
}

static ice_status end_block(ice_parquet_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  writer->group_rows += (int64_t)writer->block.count;
  refresh(writer);
  if (writer->group_size >= writer->row_group_size) {
    status = close_row_group(writer, err);
    refresh(writer);
  }
  return status;
}

ice_status ice_parquet_writer_append_shares(const ice_batch *batch, const ice_parquet_share *shares,
                                            uint32_t share_count, uint32_t *failed, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t i = 0;
  bool more = false;
  for (; i < share_count; i++) {
    ICE_TRY(begin_batch(shares[i].writer, batch, shares[i].rows, shares[i].row_count, err));
    ice_parquet_scratch_forget(shares[i].writer->scratch);
  }
  do {
    more = false;
    for (i = 0; i < share_count; i++) {
      more = begin_block(shares[i].writer) || more;
    }
    for (uint32_t column = 0; more && column < batch->column_count; column++) {
      for (i = 0; i < share_count; i++) {
        ICE_TRY(append_column(shares[i].writer, batch, column, err));
      }
    }
    for (i = 0; more && i < share_count; i++) {
      ICE_TRY(end_block(shares[i].writer, err));
    }
  } while (more);
done:
  if (status != ICE_OK) {
    shares[i].writer->closed = true;
    *failed = i;
  }
  return status;
}

ice_status ice_parquet_writer_append(ice_parquet_writer *writer, const ice_batch *batch, const uint32_t *rows,
                                     size_t row_count, ice_error *err) {
  ice_parquet_share share = {.writer = writer, .rows = rows, .row_count = row_count};
  uint32_t failed;
  return ice_parquet_writer_append_shares(batch, &share, 1, &failed, err);
}

size_t ice_parquet_writer_memory(const ice_parquet_writer *writer) { return writer->memory; }

uint64_t ice_parquet_writer_size(const ice_parquet_writer *writer) {
  return writer->sink.position + writer->group_size;
}

int64_t ice_parquet_writer_row_count(const ice_parquet_writer *writer) {
  return writer->metadata.row_count + writer->group_rows;
}

void ice_parquet_writer_set_page_size(ice_parquet_writer *writer, size_t page_size) {
  size_t highest = ICE_PARQUET_PAGE_SIZE_MAX / 2;
  writer->settings.page_size = page_size == 0 ? 1 : page_size > highest ? highest : page_size;
}

ice_status ice_parquet_writer_spill(ice_parquet_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  if (writer->closed) {
    return ice_error_set(err, ICE_INVALID_STATE, "spilling of a Parquet file that is closed");
  }
  if (!writer->can_spill) {
    return ICE_OK;
  }
  for (uint32_t i = 0; i < writer->layout->leaf_count; i++) {
    ice_parquet_chunk *chunk = &writer->chunks[i];
    for (; chunk->pages_spilled < chunk->page_count; chunk->pages_spilled++) {
      ice_parquet_page_record *page = &chunk->pages[chunk->pages_spilled];
      ICE_TRY(writer->spill.append(writer->spill.context, page->data, page->size, &page->spill_offset, err));
      free(page->data);
      page->data = NULL;
      chunk->encoded_memory -= page->size;
    }
  }
done:
  writer->closed = status != ICE_OK;
  refresh(writer);
  return status;
}

ice_status ice_parquet_writer_compact(ice_parquet_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  if (writer->closed) {
    return ice_error_set(err, ICE_INVALID_STATE, "compacting of a Parquet file that is closed");
  }
  uint32_t count = writer->layout->leaf_count;
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_parquet_chunk_compact(&writer->chunks[i], writer->scratch, err));
  }
  ICE_TRY(ice_parquet_writer_spill(writer, err));
  if (writer->can_spill && ice_parquet_page_lists_memory(writer->chunks, count) >= PAGE_LISTS_MIN) {
    status = ice_parquet_page_lists_spill(&writer->page_lists, writer->chunks, count, &writer->spill, writer->scratch,
                                          err);
  }
done:
  writer->closed = status != ICE_OK;
  refresh(writer);
  return status;
}

// Finishing ---------------------------------------------------------------------------------------------------------

static void rebase_indexes(ice_parquet_writer *writer, int64_t column_index, int64_t offset_index) {
  for (uint32_t group = 0; group < writer->metadata.row_group_count; group++) {
    for (uint32_t i = 0; i < writer->layout->leaf_count; i++) {
      ice_parquet_column_metadata *column = &writer->metadata.row_groups[group].columns[i];
      column->column_index_offset = column->column_index_size > 0 ? column->column_index_offset + column_index : 0;
      column->offset_index_offset += offset_index;
    }
  }
}

static ice_status write_tail(ice_parquet_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  uint8_t end[4 + ICE_PARQUET_MAGIC_SIZE];
  ice_bytes footer;
  ice_bytes_init(&footer, INT32_MAX);
  ICE_TRY(begin_file(writer, err));
  int64_t column_index = (int64_t)writer->sink.position;
  ICE_TRY(ice_parquet_sink_write(&writer->sink, writer->column_index.data, writer->column_index.size, err));
  int64_t offset_index = (int64_t)writer->sink.position;
  ICE_TRY(ice_parquet_sink_write(&writer->sink, writer->offset_index.data, writer->offset_index.size, err));
  rebase_indexes(writer, column_index, offset_index);
  ICE_TRY(ice_parquet_footer_write(&writer->metadata, &footer, err));
  ice_store_u32le(end, (uint32_t)footer.size);
  memcpy(end + 4, ICE_PARQUET_MAGIC, ICE_PARQUET_MAGIC_SIZE);
  ICE_TRY(ice_bytes_append(&footer, end, sizeof end, err));
  ICE_TRY(ice_parquet_sink_write(&writer->sink, footer.data, footer.size, err));
done:
  ice_bytes_deinit(&footer);
  return status;
}

// A bound as columnar holds the value.
static ice_status columnar_bound(const ice_parquet_leaf *leaf, const ice_parquet_bounds *bounds, bool is_max,
                                 ice_arena *arena, ice_str *out, ice_error *err) {
  ice_parquet_number number = is_max ? bounds->max : bounds->min;
  uint8_t bytes[16];
  ice_str value = {.data = (const char *)bytes};
  ice_parquet_order order = ice_parquet_leaf_order(leaf);
  if (order == ICE_PARQUET_ORDER_BYTES) {
    value = ice_bytes_str(is_max ? &bounds->max_text : &bounds->min_text);
  } else if (order == ICE_PARQUET_ORDER_DECIMAL) {
    ice_str text = ice_bytes_str(is_max ? &bounds->max_text : &bounds->min_text);
    bool negative = (uint8_t)text.data[0] >= 0x80;
    memset(bytes, negative ? 0xff : 0, sizeof bytes);
    for (size_t i = 0; i < text.size; i++) {
      bytes[i] = (uint8_t)text.data[text.size - 1 - i];
    }
    value.size = sizeof bytes;
  } else if (order == ICE_PARQUET_ORDER_REAL) {
    number.real = number.real == 0 ? (is_max ? 0.0 : -0.0) : number.real;
    float single = (float)number.real;
    value.size = leaf->value_width;
    memcpy(bytes, &number.real, sizeof number.real);
    if (leaf->physical == ICE_PARQUET_FLOAT) {
      memcpy(bytes, &single, sizeof single);
    }
  } else {
    memset(bytes, number.integer < 0 ? 0xff : 0, sizeof bytes);
    ice_store_u64le(bytes, (uint64_t)number.integer);
    value.size = leaf->kind == ICE_KIND_DECIMAL          ? sizeof bytes
                 : leaf->physical == ICE_PARQUET_BOOLEAN ? 1
                                                         : leaf->value_width;
  }
  return ice_arena_copy_str(arena, value, out, err);
}

static ice_status report_column(const ice_parquet_leaf *leaf, const column_totals *totals, ice_arena *arena,
                                ice_parquet_file_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = (ice_parquet_file_column){
      .field_id = leaf->field->id,
      .kind = leaf->kind,
      .single = ice_parquet_leaf_single(leaf),
      .size = totals->size,
      .value_count = (int64_t)totals->counts.slot_count,
      .null_count = (int64_t)totals->counts.null_count,
      .has_nan_count = leaf->kind == ICE_KIND_FLOAT || leaf->kind == ICE_KIND_DOUBLE,
      .nan_count = (int64_t)totals->counts.nan_count,
      .has_bounds = ice_parquet_leaf_single(leaf) && totals->bounds.present,
  };
  if (out->has_bounds) {
    out->min_truncated = totals->bounds.min_truncated;
    out->max_truncated = totals->bounds.max_truncated;
    ICE_TRY(columnar_bound(leaf, &totals->bounds, false, arena, &out->min, err));
    ICE_TRY(columnar_bound(leaf, &totals->bounds, true, arena, &out->max, err));
  }
done:
  return status;
}

static ice_status report(const ice_parquet_writer *writer, ice_parquet_file *out, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_metadata *metadata = &writer->metadata;
  uint32_t column_count = writer->layout->leaf_count;
  ice_arena_init(&out->arena, SIZE_MAX);
  out->row_count = metadata->row_count;
  out->file_size = (int64_t)writer->sink.position;
  out->split_offsets = ice_arena_alloc_array(&out->arena, metadata->row_group_count, sizeof *out->split_offsets, err);
  out->columns = ice_arena_alloc_array(&out->arena, column_count, sizeof *out->columns, err);
  if (!out->split_offsets || !out->columns) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the description of a Parquet file");
  }
  for (uint32_t i = 0; i < metadata->row_group_count; i++) {
    out->split_offsets[out->split_offset_count++] = metadata->row_groups[i].file_offset;
  }
  for (uint32_t i = 0; i < column_count; i++) {
    ICE_TRY(report_column(&writer->layout->leaves[i], &writer->totals[i], &out->arena, &out->columns[i], err));
    out->column_count++;
  }
done:
  return status;
}

ice_status ice_parquet_writer_finish(ice_parquet_writer *writer, ice_parquet_file *out, ice_error *err) {
  *out = (ice_parquet_file){0};
  ice_status status = ICE_OK;
  if (writer->closed) {
    return ice_error_set(err, ICE_INVALID_STATE, "finishing a Parquet file that is closed");
  }
  writer->closed = true;
  ICE_TRY(close_row_group(writer, err));
  ICE_TRY(create_totals(writer, err));
  ICE_TRY(write_tail(writer, err));
  ICE_TRY(report(writer, out, err));
done:
  refresh(writer);
  if (status != ICE_OK) {
    ice_parquet_file_deinit(out);
  }
  return status;
}
