#include "parquet/parquet_page_index.h"

static int compare_integers(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int compare_reals(double a, double b) { return (a > b) - (a < b); }

int ice_parquet_bound_compare(const ice_parquet_leaf *leaf, ice_str a, ice_str b) {
  switch (leaf->physical) {
    case ICE_PARQUET_BOOLEAN: return compare_integers(a.data[0], b.data[0]);
    case ICE_PARQUET_INT32: {
      int32_t values[2];
      memcpy(&values[0], a.data, sizeof values[0]);
      memcpy(&values[1], b.data, sizeof values[1]);
      return compare_integers(values[0], values[1]);
    }
    case ICE_PARQUET_INT64: {
      int64_t values[2];
      memcpy(&values[0], a.data, sizeof values[0]);
      memcpy(&values[1], b.data, sizeof values[1]);
      return compare_integers(values[0], values[1]);
    }
    case ICE_PARQUET_FLOAT: {
      float values[2];
      memcpy(&values[0], a.data, sizeof values[0]);
      memcpy(&values[1], b.data, sizeof values[1]);
      return compare_reals((double)values[0], (double)values[1]);
    }
    case ICE_PARQUET_DOUBLE: {
      double values[2];
      memcpy(&values[0], a.data, sizeof values[0]);
      memcpy(&values[1], b.data, sizeof values[1]);
      return compare_reals(values[0], values[1]);
    }
    case ICE_PARQUET_BYTE_ARRAY:
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY: return ice_parquet_text_compare(ice_parquet_leaf_order(leaf), a, b);
    case ICE_PARQUET_INT96: break;
  }
  return 0;
}

static ice_str page_min(const ice_parquet_chunk *chunk, const ice_parquet_page_record *page) {
  return ice_str_make((const char *)chunk->page_bounds.data + page->min_offset, page->min_size);
}

static ice_str page_max(const ice_parquet_chunk *chunk, const ice_parquet_page_record *page) {
  return ice_str_make((const char *)chunk->page_bounds.data + page->max_offset, page->max_size);
}

// Ascending or descending over the pages that have bounds; pages of nulls do not count.
static ice_parquet_boundary_order boundary_order(const ice_parquet_chunk *chunk) {
  bool ascending = true;
  bool descending = true;
  const ice_parquet_page_record *previous = NULL;
  for (uint32_t i = 0; i < chunk->page_count; i++) {
    const ice_parquet_page_record *page = &chunk->pages[i];
    if (!page->bounded) {
      continue;
    }
    if (previous) {
      int min = ice_parquet_bound_compare(chunk->leaf, page_min(chunk, previous), page_min(chunk, page));
      int max = ice_parquet_bound_compare(chunk->leaf, page_max(chunk, previous), page_max(chunk, page));
      ascending = ascending && min <= 0 && max <= 0;
      descending = descending && min >= 0 && max >= 0;
    }
    previous = page;
  }
  return ascending ? ICE_PARQUET_ASCENDING : descending ? ICE_PARQUET_DESCENDING : ICE_PARQUET_UNORDERED;
}

static void write_histograms(ice_thrift_writer *writer, int16_t id, const ice_parquet_chunk *chunk, uint32_t from,
                             uint32_t count) {
  uint32_t stride = ice_parquet_leaf_histogram_count(chunk->leaf);
  ice_thrift_list(writer, id, ICE_THRIFT_I64, (size_t)chunk->page_count * count);
  for (uint32_t page = 0; page < chunk->page_count; page++) {
    for (uint32_t i = 0; i < count; i++) {
      const uint8_t *at = chunk->histograms.data + ((size_t)page * stride + from + i) * 8;
      ice_thrift_element_i64(writer, (int64_t)ice_load_u64le(at));
    }
  }
}

ice_status ice_parquet_column_index_write(const ice_parquet_chunk *chunk, ice_bytes *out, ice_error *err) {
  if (!chunk->index_possible) {
    return ICE_OK;
  }
  const ice_parquet_page_record *pages = chunk->pages;
  uint32_t count = chunk->page_count;
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, out, err);
  ice_thrift_list(&writer, 1, ICE_THRIFT_TRUE, count);
  for (uint32_t i = 0; i < count; i++) {
    ice_thrift_element_bool(&writer, !pages[i].bounded);
  }
  ice_thrift_list(&writer, 2, ICE_THRIFT_BINARY, count);
  for (uint32_t i = 0; i < count; i++) {
    ice_thrift_element_binary(&writer, pages[i].bounded ? page_min(chunk, &pages[i]) : (ice_str){0});
  }
  ice_thrift_list(&writer, 3, ICE_THRIFT_BINARY, count);
  for (uint32_t i = 0; i < count; i++) {
    ice_thrift_element_binary(&writer, pages[i].bounded ? page_max(chunk, &pages[i]) : (ice_str){0});
  }
  ice_thrift_i32(&writer, 4, (int32_t)boundary_order(chunk));
  ice_thrift_list(&writer, 5, ICE_THRIFT_I64, count);
  for (uint32_t i = 0; i < count; i++) {
    ice_thrift_element_i64(&writer, pages[i].null_count);
  }
  uint32_t repetition = chunk->leaf->repetition_level_max > 0 ? chunk->leaf->repetition_level_max + 1u : 0;
  if (repetition > 0) {
    write_histograms(&writer, 6, chunk, 0, repetition);
  }
  if (chunk->leaf->definition_level_max > 1) {
    write_histograms(&writer, 7, chunk, repetition, chunk->leaf->definition_level_max + 1u);
  }
  ice_thrift_end(&writer);
  return writer.status;
}

ice_status ice_parquet_offset_index_write(const ice_parquet_chunk *chunk, uint64_t offset, ice_bytes *out,
                                          ice_error *err) {
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, out, err);
  int64_t first_row = 0;
  ice_thrift_list(&writer, 1, ICE_THRIFT_STRUCT, chunk->page_count);
  for (uint32_t i = 0; i < chunk->page_count; i++) {
    const ice_parquet_page_record *page = &chunk->pages[i];
    ice_thrift_element_struct(&writer);
    ice_thrift_i64(&writer, 1, (int64_t)offset);
    ice_thrift_i32(&writer, 2, (int32_t)page->size);
    ice_thrift_i64(&writer, 3, first_row);
    ice_thrift_end(&writer);
    offset += page->size;
    first_row += page->row_count;
  }
  if (chunk->leaf->physical == ICE_PARQUET_BYTE_ARRAY) {
    ice_thrift_list(&writer, 2, ICE_THRIFT_I64, chunk->page_count);
    for (uint32_t i = 0; i < chunk->page_count; i++) {
      ice_thrift_element_i64(&writer, (int64_t)chunk->pages[i].text_size);
    }
  }
  ice_thrift_end(&writer);
  return writer.status;
}
