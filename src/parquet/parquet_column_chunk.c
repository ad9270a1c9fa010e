#include "parquet/parquet_column_chunk.h"

#include "parquet/parquet_column_values.h"
#include "parquet/parquet_encoding.h"
#include <stdlib.h>

enum {
  // Rows that are taken through all columns' inner loops at a time: their indices and values stay in the cache.
  SLICE_ROWS = 1024,
  CHECK_FIRST = 1024,
  // A dictionary that has come to a page's end and saves nothing at all goes.
  SHARE_AT_PAGE = 100,
  PAGES_FIRST = 4,
  // A page of codes closes when its values as PLAIN would be so many pages: it may have to become PLAIN after all.
  CODED_PAGES_MAX = 4,
  // The first page decides on compression where it is at least so large.
  JUDGED_SIZE_MIN = 4096,
  LEVELS = 256
};

static ice_status open_dictionary(ice_parquet_chunk *chunk, ice_error *err) {
  const ice_parquet_leaf *leaf = chunk->leaf;
  if (leaf->physical == ICE_PARQUET_BOOLEAN || chunk->settings->dictionary_size_max == 0) {
    return ICE_OK;
  }
  chunk->dictionary = malloc(sizeof *chunk->dictionary);
  if (!chunk->dictionary) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a dictionary");
  }
  ice_parquet_dictionary_init(chunk->dictionary, leaf->value_width, chunk->settings->dictionary_size_max);
  chunk->dictionary_open = true;
  chunk->coded_check = CHECK_FIRST;
  return ICE_OK;
}

static void drop_dictionary(ice_parquet_chunk *chunk) {
  if (chunk->dictionary) {
    ice_parquet_dictionary_deinit(chunk->dictionary);
    free(chunk->dictionary);
    chunk->dictionary = NULL;
  }
  chunk->dictionary_open = false;
}

ice_status ice_parquet_chunk_init(ice_parquet_chunk *chunk, const ice_parquet_leaf *leaf,
                                  const ice_parquet_page_settings *settings, bool bloom, ice_error *err) {
  *chunk = (ice_parquet_chunk){.leaf = leaf,
                               .settings = settings,
                               .codec = settings->codec,
                               .order = ice_parquet_leaf_order(leaf),
                               .slice_rows = SLICE_ROWS,
                               .index_possible = true};
  ice_bytes_init(&chunk->values, ICE_PARQUET_PAGE_SIZE_MAX);
  ice_bytes_init(&chunk->definition_levels, ICE_PARQUET_PAGE_SIZE_MAX);
  ice_bytes_init(&chunk->repetition_levels, ICE_PARQUET_PAGE_SIZE_MAX);
  ice_bytes_init(&chunk->page_bounds, UINT32_MAX);
  ice_bytes_init(&chunk->histograms, SIZE_MAX);
  ice_parquet_bounds_init(&chunk->bounds);
  ice_parquet_bounds_init(&chunk->chunk_bounds);
  if (bloom) {
    chunk->bloom = malloc(sizeof *chunk->bloom);
    if (!chunk->bloom) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a Bloom filter");
    }
    ice_parquet_bloom_init(chunk->bloom);
  }
  return ICE_OK;
}

static void free_pages(ice_parquet_chunk *chunk) {
  for (uint32_t i = 0; i < chunk->page_count; i++) {
    free(chunk->pages[i].data);
  }
  chunk->page_count = 0;
}

void ice_parquet_chunk_deinit(ice_parquet_chunk *chunk) {
  free_pages(chunk);
  free(chunk->pages);
  chunk->pages = NULL;
  drop_dictionary(chunk);
  if (chunk->bloom) {
    ice_parquet_bloom_deinit(chunk->bloom);
    free(chunk->bloom);
    chunk->bloom = NULL;
  }
  ice_bytes_deinit(&chunk->values);
  ice_bytes_deinit(&chunk->definition_levels);
  ice_bytes_deinit(&chunk->repetition_levels);
  ice_bytes_deinit(&chunk->page_bounds);
  ice_bytes_deinit(&chunk->histograms);
  ice_parquet_bounds_deinit(&chunk->bounds);
  ice_parquet_bounds_deinit(&chunk->chunk_bounds);
}

void ice_parquet_chunk_reset(ice_parquet_chunk *chunk) {
  free_pages(chunk);
  drop_dictionary(chunk);
  ice_bytes_clear(&chunk->page_bounds);
  ice_bytes_clear(&chunk->histograms);
  ice_parquet_bounds_clear(&chunk->chunk_bounds);
  chunk->codec = chunk->settings->codec;
  chunk->pages_spilled = 0;
  chunk->pages_listed_out = 0;
  chunk->bounds_listed_out = 0;
  chunk->dictionary_pages = 0;
  chunk->coded_values = 0;
  chunk->coded_size = 0;
  chunk->encoded_size = 0;
  chunk->encoded_memory = 0;
  chunk->encoded_plain = 0;
  chunk->index_possible = true;
  chunk->totals = (ice_parquet_totals){0};
}

size_t ice_parquet_chunk_memory(const ice_parquet_chunk *chunk) {
  return chunk->values.capacity + chunk->definition_levels.capacity + chunk->repetition_levels.capacity +
         (chunk->dictionary ? ice_parquet_dictionary_memory(chunk->dictionary) : 0) +
         chunk->page_capacity * sizeof *chunk->pages + (size_t)chunk->encoded_memory + chunk->page_bounds.capacity +
         chunk->histograms.capacity + ice_parquet_bounds_memory(&chunk->bounds) +
         ice_parquet_bounds_memory(&chunk->chunk_bounds) +
         (chunk->bloom ? sizeof *chunk->bloom + chunk->bloom->data.capacity : 0);
}

uint64_t ice_parquet_chunk_size(const ice_parquet_chunk *chunk) {
  uint64_t dictionary = chunk->dictionary ? chunk->dictionary->plain.size : 0;
  uint64_t values = chunk->values.size;
  if (chunk->dictionary_open && chunk->dictionary->count > 0) {
    values = (uint64_t)chunk->page_values * ice_parquet_bit_width(chunk->dictionary->count - 1) / 8;
  }
  return chunk->encoded_size + dictionary + values;
}

// Levels ------------------------------------------------------------------------------------------------------------

static ice_status append_validity(ice_parquet_chunk *chunk, const ice_parquet_slice *slice, ice_error *err) {
  ice_status status = ICE_OK;
  // Pages without nulls never have a bitmap; the first null makes it for the slots before.
  if (chunk->definition_levels.size == 0) {
    if (!slice->validity) {
      return ICE_OK;
    }
    ICE_TRY(ice_parquet_bits_append(&chunk->definition_levels, 0, NULL, chunk->page_slots, err));
  }
  ICE_TRY(
      ice_parquet_bits_append(&chunk->definition_levels, chunk->page_slots, slice->validity, slice->slot_count, err));
done:
  return status;
}

static ice_status append_levels(ice_parquet_chunk *chunk, const ice_parquet_slice *slice, ice_error *err) {
  ice_status status = ICE_OK;
  if (chunk->leaf->step_count == 1 && chunk->leaf->definition_level_max <= 1) {
    if (chunk->leaf->definition_level_max == 1) {
      ICE_TRY(append_validity(chunk, slice, err));
    }
  } else {
    if (slice->definition_levels) {
      ICE_TRY(ice_bytes_append(&chunk->definition_levels, slice->definition_levels, slice->slot_count, err));
    }
    if (slice->repetition_levels) {
      ICE_TRY(ice_bytes_append(&chunk->repetition_levels, slice->repetition_levels, slice->slot_count, err));
    }
  }
done:
  return status;
}

// Appending ---------------------------------------------------------------------------------------------------------

// The first rows of `rows`, fewer than wanted where their values are larger than a page.
static ice_status build_slice(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, const ice_batch *batch,
                              ice_parquet_rows *rows, ice_parquet_slice *slice, uint64_t *size, ice_error *err) {
  size_t page_left = chunk->settings->page_row_max - chunk->page_rows;
  size_t count = chunk->slice_rows;
  count = rows->count < count ? rows->count : count;
  count = page_left < count ? page_left : count;
  for (;;) {
    ice_parquet_rows first = {.indices = rows->indices, .first = rows->first, .count = count};
    ice_status status = ice_parquet_levels_build(scratch, chunk->leaf, batch, first, slice, err);
    if (status != ICE_OK) {
      return status;
    }
    *size = ice_parquet_values_size(chunk->leaf, slice);
    uint64_t buffered = *size + (chunk->leaf->step_count > 1 ? 2 * slice->slot_count : 0);
    if (count == 1 || buffered <= chunk->settings->page_size) {
      if (buffered < chunk->settings->page_size / 4 && chunk->slice_rows < SLICE_ROWS) {
        chunk->slice_rows *= 2;
      }
      break;
    }
    count /= 2;
    chunk->slice_rows = (uint32_t)count;
  }
  ice_parquet_rows_take(rows, count);
  if (slice->slot_count > UINT32_MAX - chunk->page_slots) {
    return ice_error_set(err, ICE_LIMIT, "page of more than 2^32 values");
  }
  return ICE_OK;
}

ice_status ice_parquet_chunk_append(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, const ice_batch *batch,
                                    ice_parquet_rows rows, ice_error *err) {
  ice_status status = ICE_OK;
  while (rows.count > 0) {
    if (chunk->totals.slot_count == 0 && chunk->page_slots == 0 && !chunk->dictionary) {
      ICE_TRY(open_dictionary(chunk, err));
    }
    ice_parquet_slice slice;
    uint64_t size = 0;
    ICE_TRY(build_slice(chunk, scratch, batch, &rows, &slice, &size, err));
    ICE_TRY(append_levels(chunk, &slice, err));
    ICE_TRY(ice_parquet_values_append(chunk, scratch, &slice, size, err));
    chunk->page_slots += (uint32_t)slice.slot_count;
    chunk->page_rows += (uint32_t)slice.row_count;
    if (chunk->page_rows >= chunk->settings->page_row_max ||
        ice_parquet_chunk_page_size(chunk) >= chunk->settings->page_size ||
        chunk->page_coded_size / CODED_PAGES_MAX >= chunk->settings->page_size) {
      ICE_TRY(ice_parquet_chunk_close_page(chunk, scratch, err));
    }
  }
done:
  if (status != ICE_OK) {
    char name[200];
    ice_parquet_leaf_name(chunk->leaf, name, sizeof name);
    ice_error_prepend(err, "column \"%s\"", name);
  }
  return status;
}

// Closing a page ----------------------------------------------------------------------------------------------------

static ice_status begin_levels(ice_bytes *page, size_t *at, ice_error *err) {
  *at = page->size;
  return ice_bytes_append_zero(page, 4, err);
}

static void end_levels(ice_bytes *page, size_t at) {
  ice_store_u32le(page->data + at, (uint32_t)(page->size - at - 4));
}

static ice_status encode_levels(const ice_parquet_chunk *chunk, ice_bytes *page, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_leaf *leaf = chunk->leaf;
  size_t at;
  if (leaf->repetition_level_max > 0) {
    ICE_TRY(begin_levels(page, &at, err));
    ICE_TRY(ice_parquet_rle_encode_u8(chunk->repetition_levels.data, chunk->page_slots,
                                      ice_parquet_bit_width(leaf->repetition_level_max), page, err));
    end_levels(page, at);
  }
  if (leaf->definition_level_max > 0) {
    ICE_TRY(begin_levels(page, &at, err));
    if (leaf->step_count > 1) {
      ICE_TRY(ice_parquet_rle_encode_u8(chunk->definition_levels.data, chunk->page_slots,
                                        ice_parquet_bit_width(leaf->definition_level_max), page, err));
    } else if (chunk->definition_levels.size == 0 || chunk->page_values == 0) {
      ICE_TRY(ice_parquet_rle_encode_run(chunk->page_values > 0, chunk->page_slots, 1, page, err));
    } else {
      ICE_TRY(ice_parquet_rle_encode_bits(chunk->definition_levels.data, chunk->page_slots, page, err));
    }
    end_levels(page, at);
  }
done:
  return status;
}

static ice_status encode_codes(const ice_parquet_chunk *chunk, ice_bytes *page, ice_error *err) {
  uint32_t count = chunk->dictionary->count;
  unsigned width = count == 0 ? 0 : ice_parquet_bit_width(count - 1);
  // Readers of old take no indices of zero bits.
  width = width == 0 ? 1 : width;
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(page, (uint8_t)width, err));
  if (chunk->page_values > 0) {
    ICE_TRY(ice_parquet_rle_encode_u16(ice_bytes_u16(&chunk->values), chunk->page_values, width, page, err));
  }
done:
  return status;
}

// Four counters of each level, because a level often follows itself and a counter waits for its last value.
static void count_levels(const ice_bytes *levels, uint8_t level_max, int64_t *counts) {
  uint32_t lanes[4][LEVELS] = {{0}};
  size_t i = 0;
  for (; i + 4 <= levels->size; i += 4) {
    lanes[0][levels->data[i]]++;
    lanes[1][levels->data[i + 1]]++;
    lanes[2][levels->data[i + 2]]++;
    lanes[3][levels->data[i + 3]]++;
  }
  for (; i < levels->size; i++) {
    lanes[0][levels->data[i]]++;
  }
  for (unsigned level = 0; level <= level_max; level++) {
    counts[level] = (int64_t)lanes[0][level] + lanes[1][level] + lanes[2][level] + lanes[3][level];
  }
}

static ice_status count_histograms(ice_parquet_chunk *chunk, ice_error *err) {
  const ice_parquet_leaf *leaf = chunk->leaf;
  uint32_t count = ice_parquet_leaf_histogram_count(leaf);
  if (count == 0) {
    return ICE_OK;
  }
  int64_t counts[2 * LEVELS] = {0};
  int64_t *definition = counts;
  if (leaf->repetition_level_max > 0) {
    count_levels(&chunk->repetition_levels, leaf->repetition_level_max, counts);
    definition += leaf->repetition_level_max + 1;
  }
  if (leaf->definition_level_max > 1) {
    count_levels(&chunk->definition_levels, leaf->definition_level_max, definition);
  }
  return ice_bytes_append(&chunk->histograms, counts, count * sizeof counts[0], err);
}

static ice_status record_bounds(ice_parquet_chunk *chunk, ice_parquet_page_record *record, ice_error *err) {
  ice_status status = ICE_OK;
  bool exact;
  bool min_fits = false;
  bool max_fits = false;
  record->min_offset = (uint32_t)chunk->page_bounds.size;
  if (chunk->bounds.present) {
    ICE_TRY(
        ice_parquet_bounds_write(&chunk->bounds, chunk->leaf, false, &chunk->page_bounds, &exact, &min_fits, err));
    record->min_size = (uint32_t)chunk->page_bounds.size - record->min_offset;
    record->max_offset = (uint32_t)chunk->page_bounds.size;
    ICE_TRY(ice_parquet_bounds_write(&chunk->bounds, chunk->leaf, true, &chunk->page_bounds, &exact, &max_fits, err));
    record->max_size = (uint32_t)chunk->page_bounds.size - record->max_offset;
  }
  record->bounded = min_fits && max_fits;
  // A page whose values are all NaN, or whose maximum cannot be stated, has no place in a ColumnIndex.
  if (!record->bounded && chunk->page_values > 0) {
    chunk->index_possible = false;
  }
  ICE_TRY(ice_parquet_bounds_merge(&chunk->chunk_bounds, chunk->order, &chunk->bounds, err));
done:
  return status;
}

static ice_status add_record(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_str body,
                             const ice_parquet_page_header *header, bool dictionary, ice_error *err) {
  ice_status status = ICE_OK;
  size_t size = scratch->header.size + body.size;
  size_t plain_size = scratch->header.size + (size_t)header->uncompressed_size;
  ice_parquet_page_record record = {.size = (uint32_t)size,
                                    .plain_size = (uint32_t)plain_size,
                                    .row_count = chunk->page_rows,
                                    .slot_count = chunk->page_slots,
                                    .null_count = chunk->page_slots - chunk->page_values,
                                    .text_size = chunk->page_text_size,
                                    .dictionary = dictionary};
  if (chunk->page_count == chunk->page_capacity) {
    uint32_t capacity = chunk->page_capacity == 0 ? PAGES_FIRST : chunk->page_capacity * 2;
    ice_parquet_page_record *pages = realloc(chunk->pages, capacity * sizeof *pages);
    if (!pages) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for the list of pages");
    }
    chunk->pages = pages;
    chunk->page_capacity = capacity;
  }
  ICE_TRY(record_bounds(chunk, &record, err));
  ICE_TRY(count_histograms(chunk, err));
  record.data = malloc(size);
  if (!record.data) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a page of %zu bytes", size);
  }
  memcpy(record.data, scratch->header.data, scratch->header.size);
  if (body.size > 0) {
    memcpy(record.data + scratch->header.size, body.data, body.size);
  }
  chunk->pages[chunk->page_count++] = record;
  chunk->encoded_size += size;
  chunk->encoded_memory += size;
  chunk->encoded_plain += record.plain_size;
done:
  return status;
}

static void clear_page(ice_parquet_chunk *chunk) {
  chunk->totals.slot_count += chunk->page_slots;
  chunk->totals.null_count += chunk->page_slots - chunk->page_values;
  chunk->totals.nan_count += chunk->page_nans;
  chunk->totals.text_size += chunk->page_text_size;
  ice_bytes_clear(&chunk->values);
  ice_bytes_clear(&chunk->definition_levels);
  ice_bytes_clear(&chunk->repetition_levels);
  ice_parquet_bounds_clear(&chunk->bounds);
  chunk->page_slots = 0;
  chunk->page_rows = 0;
  chunk->page_values = 0;
  chunk->page_text_size = 0;
  chunk->page_coded_size = 0;
  chunk->page_nans = 0;
}

// What is much larger than a page is now came from one large value, or from a larger page size.
static void shrink(ice_parquet_chunk *chunk) {
  ice_bytes *buffers[] = {&chunk->values, &chunk->definition_levels, &chunk->repetition_levels};
  for (size_t i = 0; i < ICE_COUNT_OF(buffers); i++) {
    if (buffers[i]->capacity / 2 > chunk->settings->page_size) {
      ice_bytes_deinit(buffers[i]);
    }
  }
}

// Packs a page. A codec that saves less than an eighth of a chunk's first page, as Snappy does with UUIDs, costs more time
// there than anywhere else: such a chunk is written as it is. One with a dictionary is not judged, for its first page of
// codes says nothing of its texts.
static ice_status pack_page(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_str plain,
                            ice_parquet_page_header *header, ice_str *body, ice_error *err) {
  int level = chunk->settings->level;
  ice_status status = ice_parquet_page_pack(scratch, chunk->codec, level, plain, header, body, err);
  bool judged =
      chunk->page_count + chunk->pages_listed_out == 0 && !chunk->dictionary && plain.size >= JUDGED_SIZE_MIN;
  if (status == ICE_OK && judged && chunk->codec != ICE_CODEC_NONE && body->size > plain.size - plain.size / 8) {
    chunk->codec = ICE_CODEC_NONE;
    status = ice_parquet_page_pack(scratch, chunk->codec, level, plain, header, body, err);
  }
  return status;
}

ice_status ice_parquet_chunk_close_page(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_error *err) {
  ice_status status = ICE_OK;
  if (chunk->page_slots == 0) {
    return ICE_OK;
  }
  if (chunk->dictionary_open && ice_parquet_values_dictionary_costs(chunk, SHARE_AT_PAGE)) {
    ICE_TRY(ice_parquet_values_close_dictionary(chunk, scratch, err));
  }
  // A page of nulls alone needs no dictionary, which may stay empty then.
  bool dictionary = chunk->dictionary_open && chunk->page_values > 0;
  ice_str plain = ice_bytes_str(&chunk->values);
  if (dictionary) {
    ICE_TRY(ice_parquet_values_bound_codes(chunk, scratch, err));
  }
  if (dictionary || chunk->leaf->definition_level_max > 0 || chunk->leaf->repetition_level_max > 0) {
    ice_bytes *page = &scratch->page;
    ice_bytes_clear(page);
    ICE_TRY(encode_levels(chunk, page, err));
    if (dictionary) {
      ICE_TRY(encode_codes(chunk, page, err));
    } else {
      ICE_TRY(ice_bytes_append_str(page, plain, err));
    }
    plain = ice_bytes_str(page);
  }
  ice_parquet_page_header header = {.type = ICE_PARQUET_DATA_PAGE,
                                    .value_count = (int32_t)chunk->page_slots,
                                    .encoding = dictionary ? ICE_PARQUET_RLE_DICTIONARY : ICE_PARQUET_PLAIN};
  if (chunk->page_slots > INT32_MAX) {
    ICE_FAIL(ICE_LIMIT, "page of %u values", chunk->page_slots);
  }
  ice_str body;
  ICE_TRY(pack_page(chunk, scratch, plain, &header, &body, err));
  ICE_TRY(add_record(chunk, scratch, body, &header, dictionary, err));
  chunk->dictionary_pages += dictionary;
  clear_page(chunk);
  shrink(chunk);
done:
  return status;
}

ice_status ice_parquet_chunk_compact(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_error *err) {
  ice_status status = ice_parquet_chunk_close_page(chunk, scratch, err);
  if (status == ICE_OK && chunk->dictionary_open) {
    status = ice_parquet_values_close_dictionary(chunk, scratch, err);
  }
  if (status == ICE_OK) {
    ice_bytes_deinit(&chunk->values);
    ice_bytes_deinit(&chunk->definition_levels);
    ice_bytes_deinit(&chunk->repetition_levels);
  }
  return status;
}
