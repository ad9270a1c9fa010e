#include "parquet/parquet_row_group.h"

#include "parquet/parquet_column_values.h"
#include "parquet/parquet_page_index.h"
#include <stdlib.h>

ice_status ice_parquet_sink_write(ice_parquet_sink *sink, const void *data, size_t size, ice_error *err) {
  ice_status status = size == 0 ? ICE_OK : sink->output.write(sink->output.context, data, size, err);
  if (status == ICE_OK) {
    sink->position += size;
  }
  return status;
}

static ice_status write_dictionary(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_parquet_sink *sink,
                                   ice_parquet_column_metadata *column, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_page_header header = {.type = ICE_PARQUET_DICTIONARY_PAGE,
                                    .value_count = (int32_t)chunk->dictionary->count,
                                    .encoding = ICE_PARQUET_PLAIN};
  ice_str body;
  ICE_TRY(ice_parquet_page_pack(scratch, chunk->codec, chunk->settings->level,
                                ice_bytes_str(&chunk->dictionary->plain), &header, &body, err));
  column->dictionary_page_offset = (int64_t)sink->position;
  column->plain_size += (int64_t)scratch->header.size + header.uncompressed_size;
  column->size += (int64_t)(scratch->header.size + body.size);
  ICE_TRY(ice_parquet_sink_write(sink, scratch->header.data, scratch->header.size, err));
  ICE_TRY(ice_parquet_sink_write(sink, body.data, body.size, err));
done:
  return status;
}

static ice_status write_page(ice_parquet_chunk *chunk, ice_parquet_page_record *page, const ice_parquet_spill *spill,
                             ice_parquet_scratch *scratch, ice_parquet_sink *sink, ice_error *err) {
  ice_status status = ICE_OK;
  if (page->data) {
    ICE_TRY(ice_parquet_sink_write(sink, page->data, page->size, err));
    free(page->data);
    page->data = NULL;
    chunk->encoded_memory -= page->size;
  } else {
    ice_bytes_clear(&scratch->page);
    ICE_TRY(ice_bytes_reserve(&scratch->page, page->size, err));
    ICE_TRY(spill->read(spill->context, page->spill_offset, scratch->page.data, page->size, err));
    ICE_TRY(ice_parquet_sink_write(sink, scratch->page.data, page->size, err));
  }
done:
  return status;
}

static void add_encoding(ice_parquet_column_metadata *column, ice_parquet_page_type type,
                         ice_parquet_encoding encoding, uint32_t count) {
  if (count > 0) {
    column->encodings |= 1u << encoding;
    column->encoding_stats[column->encoding_stats_count++] =
        (ice_parquet_encoding_stats){.page_type = type, .encoding = encoding, .count = (int32_t)count};
  }
}

// A bound into the arena, by way of the scratch.
static ice_status keep_bound(const ice_parquet_chunk *chunk, bool is_max, ice_parquet_scratch *scratch,
                             ice_arena *arena, ice_str *out, bool *exact, bool *there, ice_error *err) {
  ice_status status = ICE_OK;
  if (chunk->chunk_bounds.present) {
    ice_bytes_clear(&scratch->header);
    ICE_TRY(ice_parquet_bounds_write(&chunk->chunk_bounds, chunk->leaf, is_max, &scratch->header, exact, there, err));
    ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&scratch->header), out, err));
  }
done:
  return status;
}

static ice_status sum_histograms(const ice_parquet_chunk *chunk, ice_arena *arena, const int64_t **out,
                                 ice_error *err) {
  uint32_t count = ice_parquet_leaf_histogram_count(chunk->leaf);
  if (count == 0) {
    return ICE_OK;
  }
  int64_t *sums = ice_arena_alloc_array(arena, count, sizeof *sums, err);
  if (!sums) {
    return ICE_NO_MEMORY;
  }
  for (uint32_t page = 0; page < chunk->page_count; page++) {
    for (uint32_t i = 0; i < count; i++) {
      sums[i] += (int64_t)ice_load_u64le(chunk->histograms.data + ((size_t)page * count + i) * 8);
    }
  }
  *out = sums;
  return ICE_OK;
}

static ice_status describe(const ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_arena *arena,
                           ice_parquet_column_metadata *column, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_compression compression;
  ICE_TRY(ice_parquet_compression_of(chunk->codec, &compression, err));
  column->physical = chunk->leaf->physical;
  column->compression = (int32_t)compression;
  column->value_count = (int64_t)chunk->totals.slot_count;
  column->has_null_count = true;
  column->null_count = (int64_t)chunk->totals.null_count;
  column->has_text_size = chunk->leaf->physical == ICE_PARQUET_BYTE_ARRAY;
  column->text_size = (int64_t)chunk->totals.text_size;
  // Every data page header names RLE for its levels, also where there are none.
  column->encodings |= 1u << ICE_PARQUET_RLE;
  bool dictionary = chunk->dictionary_pages > 0;
  add_encoding(column, ICE_PARQUET_DICTIONARY_PAGE, ICE_PARQUET_PLAIN, dictionary ? 1 : 0);
  add_encoding(column, ICE_PARQUET_DATA_PAGE, ICE_PARQUET_RLE_DICTIONARY, chunk->dictionary_pages);
  add_encoding(column, ICE_PARQUET_DATA_PAGE, ICE_PARQUET_PLAIN, chunk->page_count - chunk->dictionary_pages);
  ICE_TRY(keep_bound(chunk, false, scratch, arena, &column->min, &column->min_exact, &column->has_min, err));
  ICE_TRY(keep_bound(chunk, true, scratch, arena, &column->max, &column->max_exact, &column->has_max, err));
  ICE_TRY(sum_histograms(chunk, arena, &column->histograms, err));
done:
  return status;
}

static ice_status write_indexes(const ice_parquet_chunk *chunk, uint64_t offset, const ice_parquet_tail *tail,
                                ice_parquet_column_metadata *column, ice_error *err) {
  ice_status status = ICE_OK;
  column->column_index_offset = (int64_t)tail->column_index->size;
  ICE_TRY(ice_parquet_column_index_write(chunk, tail->column_index, err));
  column->column_index_size = (int32_t)((int64_t)tail->column_index->size - column->column_index_offset);
  column->offset_index_offset = (int64_t)tail->offset_index->size;
  ICE_TRY(ice_parquet_offset_index_write(chunk, offset, tail->offset_index, err));
  column->offset_index_size = (int32_t)((int64_t)tail->offset_index->size - column->offset_index_offset);
done:
  return status;
}

static ice_status write_chunk(ice_parquet_chunk *chunk, const ice_parquet_spill *spill, ice_parquet_scratch *scratch,
                              ice_parquet_sink *sink, const ice_parquet_tail *tail,
                              ice_parquet_column_metadata *column, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(describe(chunk, scratch, tail->arena, column, err));
  column->plain_size = (int64_t)chunk->encoded_plain;
  column->size = (int64_t)chunk->encoded_size;
  if (chunk->dictionary_pages > 0) {
    ICE_TRY(write_dictionary(chunk, scratch, sink, column, err));
  }
  if (chunk->dictionary_open) {
    // A dictionary that was given up has left its hashes already.
    ICE_TRY(ice_parquet_values_bloom_dictionary(chunk, err));
  }
  column->data_page_offset = (int64_t)sink->position;
  ICE_TRY(write_indexes(chunk, sink->position, tail, column, err));
  for (uint32_t i = 0; i < chunk->page_count; i++) {
    ICE_TRY(write_page(chunk, &chunk->pages[i], spill, scratch, sink, err));
  }
done:
  return status;
}

static ice_status write_blooms(const ice_parquet_layout *layout, ice_parquet_chunk *chunks,
                               ice_parquet_scratch *scratch, ice_parquet_sink *sink,
                               ice_parquet_row_group_metadata *group, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < layout->leaf_count; i++) {
    if (!chunks[i].bloom) {
      continue;
    }
    ice_bytes_clear(&scratch->page);
    ICE_TRY(ice_parquet_bloom_write(chunks[i].bloom, &scratch->page, err));
    group->columns[i].bloom_offset = (int64_t)sink->position;
    group->columns[i].bloom_size = (int32_t)scratch->page.size;
    ICE_TRY(ice_parquet_sink_write(sink, scratch->page.data, scratch->page.size, err));
  }
done:
  return status;
}

ice_status ice_parquet_row_group_write(const ice_parquet_layout *layout, ice_parquet_chunk *chunks,
                                       const ice_parquet_spill *spill, ice_parquet_scratch *scratch,
                                       ice_parquet_sink *sink, const ice_parquet_tail *tail,
                                       ice_parquet_row_group_metadata *group, ice_error *err) {
  ice_status status = ICE_OK;
  group->file_offset = (int64_t)sink->position;
  group->columns = ice_arena_alloc_array(tail->arena, layout->leaf_count, sizeof *group->columns, err);
  if (!group->columns) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the metadata of a row group");
  }
  for (uint32_t i = 0; i < layout->leaf_count; i++) {
    ICE_TRY(write_chunk(&chunks[i], spill, scratch, sink, tail, &group->columns[i], err));
    group->plain_size += group->columns[i].plain_size;
    group->size += group->columns[i].size;
  }
  ICE_TRY(write_blooms(layout, chunks, scratch, sink, group, err));
done:
  return status;
}
