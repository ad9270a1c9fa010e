#include "parquet/parquet_page_lists.h"

#include <stdlib.h>

/// What a piece has of one chunk; entries, bounds and histograms follow.
typedef struct piece_part {
  uint32_t page_count;
  uint32_t bounds_size;
} piece_part;

static size_t histogram_size(const ice_parquet_chunk *chunk) {
  return ice_parquet_leaf_histogram_count(chunk->leaf) * sizeof(int64_t);
}

size_t ice_parquet_page_lists_memory(const ice_parquet_chunk *chunks, uint32_t chunk_count) {
  size_t size = 0;
  for (uint32_t i = 0; i < chunk_count; i++) {
    size += chunks[i].page_capacity * sizeof *chunks[i].pages + chunks[i].page_bounds.capacity +
            chunks[i].histograms.capacity;
  }
  return size;
}

// Spilling ----------------------------------------------------------------------------------------------------------

static ice_status append_part(const ice_parquet_chunk *chunk, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  piece_part part = {.page_count = chunk->page_count, .bounds_size = (uint32_t)chunk->page_bounds.size};
  ICE_TRY(ice_bytes_append(out, &part, sizeof part, err));
  ICE_TRY(ice_bytes_append(out, chunk->pages, chunk->page_count * sizeof *chunk->pages, err));
  ICE_TRY(ice_bytes_append_str(out, ice_bytes_str(&chunk->page_bounds), err));
  ICE_TRY(ice_bytes_append_str(out, ice_bytes_str(&chunk->histograms), err));
done:
  return status;
}

static void forget_pages(ice_parquet_chunk *chunk) {
  chunk->pages_listed_out += chunk->page_count;
  chunk->bounds_listed_out += chunk->page_bounds.size;
  free(chunk->pages);
  chunk->pages = NULL;
  chunk->page_count = 0;
  chunk->page_capacity = 0;
  chunk->pages_spilled = 0;
  ice_bytes_deinit(&chunk->page_bounds);
  ice_bytes_deinit(&chunk->histograms);
}

ice_status ice_parquet_page_lists_spill(ice_parquet_page_lists *lists, ice_parquet_chunk *chunks,
                                        uint32_t chunk_count, const ice_parquet_spill *spill,
                                        ice_parquet_scratch *scratch, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *piece = &scratch->page;
  ice_bytes_clear(piece);
  ICE_TRY(ice_bytes_append(piece, lists, sizeof *lists, err));
  for (uint32_t i = 0; i < chunk_count; i++) {
    if (chunks[i].pages_spilled != chunks[i].page_count) {
      ICE_FAIL(ICE_INTERNAL, "a page list goes before its pages");
    }
    ICE_TRY(append_part(&chunks[i], piece, err));
  }
  ICE_TRY(spill->append(spill->context, piece->data, piece->size, &lists->offset, err));
  lists->size = piece->size;
  for (uint32_t i = 0; i < chunk_count; i++) {
    forget_pages(&chunks[i]);
  }
done:
  return status;
}

// Loading -----------------------------------------------------------------------------------------------------------

static void move_bounds(ice_parquet_page_record *pages, uint32_t count, uint64_t by) {
  for (uint32_t i = 0; i < count; i++) {
    pages[i].min_offset += (uint32_t)by;
    pages[i].max_offset += (uint32_t)by;
  }
}

// `size` bytes to come before those of `bytes`.
static ice_status make_room_before(ice_bytes *bytes, size_t size, ice_error *err) {
  size_t old = bytes->size;
  ice_status status = ice_bytes_append_zero(bytes, size, err);
  if (status == ICE_OK && old > 0) {
    memmove(bytes->data + size, bytes->data, old);
  }
  return status;
}

// Room in the chunk's lists for all that is out, before what is there.
static ice_status make_room(ice_parquet_chunk *chunk, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t out = chunk->pages_listed_out;
  uint32_t count = out + chunk->page_count;
  if (count == 0) {
    return ICE_OK;
  }
  ice_parquet_page_record *pages = calloc(count, sizeof *pages);
  if (!pages) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the list of pages");
  }
  for (uint32_t i = 0; i < chunk->page_count; i++) {
    pages[out + i] = chunk->pages[i];
  }
  move_bounds(pages + out, chunk->page_count, chunk->bounds_listed_out);
  free(chunk->pages);
  chunk->pages = pages;
  chunk->page_count = count;
  chunk->page_capacity = count;
  chunk->pages_spilled += out;
  ICE_TRY(make_room_before(&chunk->page_bounds, (size_t)chunk->bounds_listed_out, err));
  ICE_TRY(make_room_before(&chunk->histograms, out * histogram_size(chunk), err));
done:
  return status;
}

// Pieces come back last first, so each goes right before what is there.
static const uint8_t *take_part(ice_parquet_chunk *chunk, const uint8_t *at) {
  piece_part part;
  memcpy(&part, at, sizeof part);
  at += sizeof part;
  chunk->pages_listed_out -= part.page_count;
  chunk->bounds_listed_out -= part.bounds_size;
  if (part.page_count > 0) {
    ice_parquet_page_record *pages = chunk->pages + chunk->pages_listed_out;
    memcpy(pages, at, part.page_count * sizeof *pages);
    move_bounds(pages, part.page_count, chunk->bounds_listed_out);
    at += part.page_count * sizeof *pages;
  }
  if (part.bounds_size > 0) {
    memcpy(chunk->page_bounds.data + chunk->bounds_listed_out, at, part.bounds_size);
    at += part.bounds_size;
  }
  size_t width = histogram_size(chunk);
  if (part.page_count * width > 0) {
    memcpy(chunk->histograms.data + chunk->pages_listed_out * width, at, part.page_count * width);
    at += part.page_count * width;
  }
  return at;
}

ice_status ice_parquet_page_lists_load(ice_parquet_page_lists *lists, ice_parquet_chunk *chunks, uint32_t chunk_count,
                                       const ice_parquet_spill *spill, ice_parquet_scratch *scratch, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *piece = &scratch->page;
  for (uint32_t i = 0; i < chunk_count && lists->size > 0; i++) {
    ICE_TRY(make_room(&chunks[i], err));
  }
  while (lists->size > 0) {
    ice_bytes_clear(piece);
    ICE_TRY(ice_bytes_reserve(piece, lists->size, err));
    ICE_TRY(spill->read(spill->context, lists->offset, piece->data, lists->size, err));
    const uint8_t *at = piece->data;
    memcpy(lists, at, sizeof *lists);
    at += sizeof *lists;
    for (uint32_t i = 0; i < chunk_count; i++) {
      at = take_part(&chunks[i], at);
    }
  }
done:
  return status;
}
