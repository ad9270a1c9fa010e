#include "parquet/parquet_footer.h"

#include "base/checked.h"

enum { FORMAT_VERSION = 2 };

enum {
  FILE_VERSION = 1,
  FILE_SCHEMA = 2,
  FILE_NUM_ROWS = 3,
  FILE_ROW_GROUPS = 4,
  FILE_KEY_VALUES = 5,
  FILE_CREATED_BY = 6,
  FILE_COLUMN_ORDERS = 7
};

enum {
  GROUP_COLUMNS = 1,
  GROUP_TOTAL_BYTE_SIZE = 2,
  GROUP_NUM_ROWS = 3,
  GROUP_FILE_OFFSET = 5,
  GROUP_TOTAL_COMPRESSED_SIZE = 6,
  GROUP_ORDINAL = 7
};

enum {
  CHUNK_FILE_PATH = 1,
  CHUNK_FILE_OFFSET = 2,
  CHUNK_META_DATA = 3,
  CHUNK_OFFSET_INDEX_OFFSET = 4,
  CHUNK_OFFSET_INDEX_LENGTH = 5,
  CHUNK_COLUMN_INDEX_OFFSET = 6,
  CHUNK_COLUMN_INDEX_LENGTH = 7,
  CHUNK_CRYPTO = 8
};

enum {
  COLUMN_TYPE = 1,
  COLUMN_ENCODINGS = 2,
  COLUMN_PATH = 3,
  COLUMN_CODEC = 4,
  COLUMN_NUM_VALUES = 5,
  COLUMN_UNCOMPRESSED_SIZE = 6,
  COLUMN_COMPRESSED_SIZE = 7,
  COLUMN_DATA_PAGE_OFFSET = 9,
  COLUMN_DICTIONARY_PAGE_OFFSET = 11,
  COLUMN_STATISTICS = 12,
  COLUMN_ENCODING_STATS = 13,
  COLUMN_BLOOM_OFFSET = 14,
  COLUMN_BLOOM_LENGTH = 15,
  COLUMN_SIZE_STATISTICS = 16
};

enum {
  STATISTICS_NULL_COUNT = 3,
  STATISTICS_MAX_VALUE = 5,
  STATISTICS_MIN_VALUE = 6,
  STATISTICS_MAX_EXACT = 7,
  STATISTICS_MIN_EXACT = 8
};

void ice_parquet_footer_deinit(ice_parquet_metadata *metadata) {
  ice_parquet_layout_unref(metadata->layout);
  ice_arena_deinit(&metadata->arena);
  *metadata = (ice_parquet_metadata){0};
}

// Writing -----------------------------------------------------------------------------------------------------------

static void write_statistics(ice_thrift_writer *writer, const ice_parquet_column_metadata *column) {
  ice_thrift_struct(writer, COLUMN_STATISTICS);
  ice_thrift_i64(writer, STATISTICS_NULL_COUNT, column->null_count);
  if (column->has_max) {
    ice_thrift_binary(writer, STATISTICS_MAX_VALUE, column->max);
  }
  if (column->has_min) {
    ice_thrift_binary(writer, STATISTICS_MIN_VALUE, column->min);
  }
  if (column->has_max) {
    ice_thrift_bool(writer, STATISTICS_MAX_EXACT, column->max_exact);
  }
  if (column->has_min) {
    ice_thrift_bool(writer, STATISTICS_MIN_EXACT, column->min_exact);
  }
  ice_thrift_end(writer);
}

static void write_encoding_stats(ice_thrift_writer *writer, const ice_parquet_column_metadata *column) {
  ice_thrift_list(writer, COLUMN_ENCODING_STATS, ICE_THRIFT_STRUCT, column->encoding_stats_count);
  for (uint32_t i = 0; i < column->encoding_stats_count; i++) {
    ice_thrift_element_struct(writer);
    ice_thrift_i32(writer, 1, (int32_t)column->encoding_stats[i].page_type);
    ice_thrift_i32(writer, 2, (int32_t)column->encoding_stats[i].encoding);
    ice_thrift_i32(writer, 3, column->encoding_stats[i].count);
    ice_thrift_end(writer);
  }
}

static void write_size_statistics(ice_thrift_writer *writer, const ice_parquet_leaf *leaf,
                                  const ice_parquet_column_metadata *column) {
  if (!column->has_text_size && !column->histograms) {
    return;
  }
  ice_thrift_struct(writer, COLUMN_SIZE_STATISTICS);
  if (column->has_text_size) {
    ice_thrift_i64(writer, 1, column->text_size);
  }
  const int64_t *counts = column->histograms;
  if (counts && leaf->repetition_level_max > 0) {
    ice_thrift_list(writer, 2, ICE_THRIFT_I64, leaf->repetition_level_max + 1u);
    for (unsigned level = 0; level <= leaf->repetition_level_max; level++) {
      ice_thrift_element_i64(writer, *counts++);
    }
  }
  if (counts && leaf->definition_level_max > 1) {
    ice_thrift_list(writer, 3, ICE_THRIFT_I64, leaf->definition_level_max + 1u);
    for (unsigned level = 0; level <= leaf->definition_level_max; level++) {
      ice_thrift_element_i64(writer, *counts++);
    }
  }
  ice_thrift_end(writer);
}

static void write_column(ice_thrift_writer *writer, const ice_parquet_leaf *leaf,
                         const ice_parquet_column_metadata *column) {
  ice_thrift_element_struct(writer);
  // Deprecated, and 0 for chunks whose metadata stand in the footer only.
  ice_thrift_i64(writer, CHUNK_FILE_OFFSET, 0);
  ice_thrift_struct(writer, CHUNK_META_DATA);
  ice_thrift_i32(writer, COLUMN_TYPE, (int32_t)column->physical);
  ice_thrift_list(writer, COLUMN_ENCODINGS, ICE_THRIFT_I32, (size_t)__builtin_popcount(column->encodings));
  for (int32_t encoding = 0; encoding < 32; encoding++) {
    if (column->encodings >> encoding & 1u) {
      ice_thrift_element_i32(writer, encoding);
    }
  }
  ice_thrift_list(writer, COLUMN_PATH, ICE_THRIFT_BINARY, leaf->path_count);
  for (uint32_t i = 0; i < leaf->path_count; i++) {
    ice_thrift_element_binary(writer, leaf->path[i]);
  }
  ice_thrift_i32(writer, COLUMN_CODEC, column->compression);
  ice_thrift_i64(writer, COLUMN_NUM_VALUES, column->value_count);
  ice_thrift_i64(writer, COLUMN_UNCOMPRESSED_SIZE, column->plain_size);
  ice_thrift_i64(writer, COLUMN_COMPRESSED_SIZE, column->size);
  ice_thrift_i64(writer, COLUMN_DATA_PAGE_OFFSET, column->data_page_offset);
  if (column->dictionary_page_offset != 0) {
    ice_thrift_i64(writer, COLUMN_DICTIONARY_PAGE_OFFSET, column->dictionary_page_offset);
  }
  write_statistics(writer, column);
  write_encoding_stats(writer, column);
  if (column->bloom_offset != 0) {
    ice_thrift_i64(writer, COLUMN_BLOOM_OFFSET, column->bloom_offset);
    ice_thrift_i32(writer, COLUMN_BLOOM_LENGTH, column->bloom_size);
  }
  write_size_statistics(writer, leaf, column);
  ice_thrift_end(writer);
  if (column->offset_index_offset != 0) {
    ice_thrift_i64(writer, CHUNK_OFFSET_INDEX_OFFSET, column->offset_index_offset);
    ice_thrift_i32(writer, CHUNK_OFFSET_INDEX_LENGTH, column->offset_index_size);
  }
  if (column->column_index_offset != 0) {
    ice_thrift_i64(writer, CHUNK_COLUMN_INDEX_OFFSET, column->column_index_offset);
    ice_thrift_i32(writer, CHUNK_COLUMN_INDEX_LENGTH, column->column_index_size);
  }
  ice_thrift_end(writer);
}

static void write_row_group(ice_thrift_writer *writer, const ice_parquet_metadata *metadata, uint32_t ordinal) {
  const ice_parquet_row_group_metadata *group = &metadata->row_groups[ordinal];
  ice_thrift_element_struct(writer);
  ice_thrift_list(writer, GROUP_COLUMNS, ICE_THRIFT_STRUCT, metadata->layout->leaf_count);
  for (uint32_t i = 0; i < metadata->layout->leaf_count; i++) {
    write_column(writer, &metadata->layout->leaves[i], &group->columns[i]);
  }
  ice_thrift_i64(writer, GROUP_TOTAL_BYTE_SIZE, group->plain_size);
  ice_thrift_i64(writer, GROUP_NUM_ROWS, group->row_count);
  ice_thrift_i64(writer, GROUP_FILE_OFFSET, group->file_offset);
  ice_thrift_i64(writer, GROUP_TOTAL_COMPRESSED_SIZE, group->size);
  if (ordinal <= INT16_MAX) {
    ice_thrift_i16(writer, GROUP_ORDINAL, (int16_t)ordinal);
  }
  ice_thrift_end(writer);
}

ice_status ice_parquet_footer_write(const ice_parquet_metadata *metadata, ice_bytes *out, ice_error *err) {
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, out, err);
  ice_thrift_i32(&writer, FILE_VERSION, FORMAT_VERSION);
  ice_parquet_schema_write(&writer, FILE_SCHEMA, metadata->layout->schema);
  ice_thrift_i64(&writer, FILE_NUM_ROWS, metadata->row_count);
  ice_thrift_list(&writer, FILE_ROW_GROUPS, ICE_THRIFT_STRUCT, metadata->row_group_count);
  for (uint32_t i = 0; i < metadata->row_group_count; i++) {
    write_row_group(&writer, metadata, i);
  }
  if (metadata->key_value_count > 0) {
    ice_thrift_list(&writer, FILE_KEY_VALUES, ICE_THRIFT_STRUCT, metadata->key_value_count);
    for (uint32_t i = 0; i < metadata->key_value_count; i++) {
      ice_thrift_element_struct(&writer);
      ice_thrift_binary(&writer, 1, metadata->key_values[i].key);
      ice_thrift_binary(&writer, 2, metadata->key_values[i].value);
      ice_thrift_end(&writer);
    }
  }
  ice_thrift_binary(&writer, FILE_CREATED_BY, metadata->created_by);
  // Without column_orders, min_value and max_value mean nothing to readers.
  ice_thrift_list(&writer, FILE_COLUMN_ORDERS, ICE_THRIFT_STRUCT, metadata->layout->leaf_count);
  for (uint32_t i = 0; i < metadata->layout->leaf_count; i++) {
    ice_thrift_element_struct(&writer);
    ice_thrift_empty_struct(&writer, 1);
    ice_thrift_end(&writer);
  }
  ice_thrift_end(&writer);
  return writer.status;
}

// Reading -----------------------------------------------------------------------------------------------------------

typedef struct parse {
  ice_thrift_reader reader;
  ice_parquet_metadata *out;
  uint64_t file_size;
  ice_status status;  ///< the first failure that is not the thrift reader's
  ice_error *err;
} parse;

static void *allocate(parse *in, size_t count, size_t size) {
  void *memory = in->status == ICE_OK ? ice_arena_alloc_array(&in->out->arena, count, size, in->err) : NULL;
  if (!memory && in->status == ICE_OK) {
    in->status = in->err ? in->err->status : ICE_NO_MEMORY;
    in->reader.status = in->status;
    in->reader.problem = "out of memory";
  }
  return memory;
}

static ice_str copy(parse *in, ice_str text) {
  char *memory = allocate(in, text.size + 1, 1);
  if (memory && text.size > 0) {
    memcpy(memory, text.data, text.size);
  }
  return memory ? ice_str_make(memory, text.size) : (ice_str){0};
}

static void read_statistics(parse *in, const ice_thrift_field *field, ice_parquet_column_metadata *column) {
  ice_thrift_reader *reader = &in->reader;
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  // Absent flags mean "may be anything": readers that need an exact bound must not take it for one.
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case STATISTICS_NULL_COUNT:
        column->null_count = ice_thrift_read_i64(reader, &at);
        column->has_null_count = column->null_count >= 0;
        break;
      case STATISTICS_MAX_VALUE:
        column->max = copy(in, ice_thrift_read_binary(reader, &at));
        column->has_max = true;
        break;
      case STATISTICS_MIN_VALUE:
        column->min = copy(in, ice_thrift_read_binary(reader, &at));
        column->has_min = true;
        break;
      case STATISTICS_MAX_EXACT: column->max_exact = ice_thrift_read_bool(reader, &at); break;
      case STATISTICS_MIN_EXACT: column->min_exact = ice_thrift_read_bool(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_encoding_stats(ice_thrift_reader *reader, const ice_thrift_field *field,
                                ice_parquet_column_metadata *column) {
  uint32_t count = ice_thrift_read_list(reader, field, ICE_THRIFT_STRUCT);
  for (uint32_t i = 0; i < count && reader->status == ICE_OK; i++) {
    ice_parquet_encoding_stats stats = {0};
    ice_thrift_field at = {0};
    while (ice_thrift_next(reader, &at)) {
      switch (at.id) {
        case 1: stats.page_type = (ice_parquet_page_type)ice_thrift_read_i32(reader, &at); break;
        case 2: stats.encoding = (ice_parquet_encoding)ice_thrift_read_i32(reader, &at); break;
        case 3: stats.count = ice_thrift_read_i32(reader, &at); break;
        default: ice_thrift_skip(reader, &at); break;
      }
    }
    if (column->encoding_stats_count < ICE_PARQUET_ENCODING_STATS_MAX) {
      column->encoding_stats[column->encoding_stats_count++] = stats;
    }
  }
}

static void read_column_metadata(parse *in, const ice_thrift_field *field, ice_parquet_column_metadata *column) {
  ice_thrift_reader *reader = &in->reader;
  if (!ice_thrift_read_struct(reader, field)) {
    return;
  }
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case COLUMN_TYPE: column->physical = (ice_parquet_physical)ice_thrift_read_i32(reader, &at); break;
      case COLUMN_ENCODINGS: {
        uint32_t count = ice_thrift_read_list(reader, &at, ICE_THRIFT_I32);
        for (uint32_t i = 0; i < count && reader->status == ICE_OK; i++) {
          int32_t encoding = ice_thrift_read_element_i32(reader);
          column->encodings |= encoding >= 0 && encoding < 32 ? 1u << encoding : 0;
        }
        break;
      }
      case COLUMN_CODEC: column->compression = ice_thrift_read_i32(reader, &at); break;
      case COLUMN_NUM_VALUES: column->value_count = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_UNCOMPRESSED_SIZE: column->plain_size = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_COMPRESSED_SIZE: column->size = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_DATA_PAGE_OFFSET: column->data_page_offset = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_DICTIONARY_PAGE_OFFSET: column->dictionary_page_offset = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_STATISTICS: read_statistics(in, &at, column); break;
      case COLUMN_ENCODING_STATS: read_encoding_stats(reader, &at, column); break;
      case COLUMN_BLOOM_OFFSET: column->bloom_offset = ice_thrift_read_i64(reader, &at); break;
      case COLUMN_BLOOM_LENGTH: column->bloom_size = ice_thrift_read_i32(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_chunk(parse *in, ice_parquet_column_metadata *column) {
  ice_thrift_reader *reader = &in->reader;
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case CHUNK_META_DATA: read_column_metadata(in, &at, column); break;
      case CHUNK_OFFSET_INDEX_OFFSET: column->offset_index_offset = ice_thrift_read_i64(reader, &at); break;
      case CHUNK_OFFSET_INDEX_LENGTH: column->offset_index_size = ice_thrift_read_i32(reader, &at); break;
      case CHUNK_COLUMN_INDEX_OFFSET: column->column_index_offset = ice_thrift_read_i64(reader, &at); break;
      case CHUNK_COLUMN_INDEX_LENGTH: column->column_index_size = ice_thrift_read_i32(reader, &at); break;
      case CHUNK_FILE_PATH: ice_thrift_fail(reader, "column chunk in another file"); break;
      case CHUNK_CRYPTO: ice_thrift_fail(reader, "encrypted column chunk"); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_row_group(parse *in, ice_parquet_row_group_metadata *group) {
  ice_thrift_reader *reader = &in->reader;
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case GROUP_COLUMNS: {
        uint32_t count = ice_thrift_read_list(reader, &at, ICE_THRIFT_STRUCT);
        if (!in->out->layout || count != in->out->layout->leaf_count || group->columns) {
          ice_thrift_fail(reader, "row group whose columns are not those of the schema");
          break;
        }
        group->columns = allocate(in, count, sizeof *group->columns);
        for (uint32_t i = 0; i < count && group->columns && reader->status == ICE_OK; i++) {
          read_chunk(in, &group->columns[i]);
        }
        break;
      }
      case GROUP_TOTAL_BYTE_SIZE: group->plain_size = ice_thrift_read_i64(reader, &at); break;
      case GROUP_NUM_ROWS: group->row_count = ice_thrift_read_i64(reader, &at); break;
      case GROUP_FILE_OFFSET: group->file_offset = ice_thrift_read_i64(reader, &at); break;
      case GROUP_TOTAL_COMPRESSED_SIZE: group->size = ice_thrift_read_i64(reader, &at); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

static void read_row_groups(parse *in, const ice_thrift_field *field) {
  uint32_t count = ice_thrift_read_list(&in->reader, field, ICE_THRIFT_STRUCT);
  if (in->out->row_groups) {
    ice_thrift_fail(&in->reader, "row groups twice");
    return;
  }
  in->out->row_groups = allocate(in, count, sizeof *in->out->row_groups);
  for (uint32_t i = 0; i < count && in->reader.status == ICE_OK; i++) {
    read_row_group(in, &in->out->row_groups[i]);
    in->out->row_group_count++;
  }
}

static void read_key_values(parse *in, const ice_thrift_field *field) {
  ice_thrift_reader *reader = &in->reader;
  uint32_t count = ice_thrift_read_list(reader, field, ICE_THRIFT_STRUCT);
  in->out->key_value_count = 0;
  in->out->key_values = allocate(in, count, sizeof *in->out->key_values);
  for (uint32_t i = 0; i < count && reader->status == ICE_OK; i++) {
    ice_parquet_key_value *pair = &in->out->key_values[in->out->key_value_count++];
    ice_thrift_field at = {0};
    while (ice_thrift_next(reader, &at)) {
      if (at.id == 1 || at.id == 2) {
        ice_str text = copy(in, ice_thrift_read_binary(reader, &at));
        *(at.id == 1 ? &pair->key : &pair->value) = text;
      } else {
        ice_thrift_skip(reader, &at);
      }
    }
  }
}

static void read_file(parse *in) {
  ice_thrift_reader *reader = &in->reader;
  ice_thrift_field at = {0};
  while (ice_thrift_next(reader, &at)) {
    switch (at.id) {
      case FILE_SCHEMA:
        if (in->out->layout) {
          ice_thrift_fail(reader, "schema twice");
          break;
        }
        in->status = ice_parquet_schema_read(reader, &at, &in->out->layout, in->err);
        if (in->status != ICE_OK) {
          reader->status = in->status;
          reader->problem = "schema";
        }
        break;
      case FILE_NUM_ROWS: in->out->row_count = ice_thrift_read_i64(reader, &at); break;
      case FILE_ROW_GROUPS: read_row_groups(in, &at); break;
      case FILE_KEY_VALUES: read_key_values(in, &at); break;
      case FILE_CREATED_BY: in->out->created_by = copy(in, ice_thrift_read_binary(reader, &at)); break;
      default: ice_thrift_skip(reader, &at); break;
    }
  }
}

// Pages of the chunk begin at its dictionary, where it has one before its data.
static bool chunk_within(const ice_parquet_column_metadata *column, uint64_t file_size) {
  int64_t start = column->data_page_offset;
  if (column->dictionary_page_offset > 0 && column->dictionary_page_offset < start) {
    start = column->dictionary_page_offset;
  }
  return column->value_count >= 0 && column->size >= 0 && column->plain_size >= 0 &&
         start >= ICE_PARQUET_MAGIC_SIZE && (uint64_t)start <= file_size &&
         (uint64_t)column->size <= file_size - (uint64_t)start;
}

static ice_status check(const parse *in) {
  const ice_parquet_metadata *metadata = in->out;
  if (!metadata->layout) {
    return ice_error_set(in->err, ICE_CORRUPT, "Parquet footer without a schema");
  }
  int64_t rows = 0;
  for (uint32_t i = 0; i < metadata->row_group_count; i++) {
    const ice_parquet_row_group_metadata *group = &metadata->row_groups[i];
    if (!group->columns || group->row_count < 0 || !ice_add_i64(rows, group->row_count, &rows)) {
      return ice_error_set(in->err, ICE_CORRUPT, "Parquet footer: row group %u without columns or rows", i);
    }
    for (uint32_t k = 0; k < metadata->layout->leaf_count; k++) {
      const ice_parquet_leaf *leaf = &metadata->layout->leaves[k];
      const ice_parquet_column_metadata *column = &group->columns[k];
      char name[200];
      if (!chunk_within(column, in->file_size)) {
        ice_parquet_leaf_name(leaf, name, sizeof name);
        return ice_error_set(in->err, ICE_CORRUPT, "Parquet footer: row group %u, column \"%s\" is not in the file",
                             i, name);
      }
      bool counted = leaf->repetition_level_max > 0 || column->value_count == group->row_count;
      if (column->physical != leaf->physical || !counted) {
        ice_parquet_leaf_name(leaf, name, sizeof name);
        return ice_error_set(in->err, ICE_CORRUPT,
                             "Parquet footer: row group %u, column \"%s\" does not agree with the schema", i, name);
      }
    }
  }
  if (rows != metadata->row_count) {
    return ice_error_set(in->err, ICE_CORRUPT, "Parquet footer: %lld rows in row groups of %lld", (long long)rows,
                         (long long)metadata->row_count);
  }
  return ICE_OK;
}

ice_status ice_parquet_footer_read(const void *data, size_t size, uint64_t file_size, size_t memory_max,
                                   ice_parquet_metadata *out, ice_error *err) {
  *out = (ice_parquet_metadata){0};
  ice_arena_init(&out->arena, memory_max);
  ice_error ignored = {0};
  parse in = {.out = out, .file_size = file_size, .err = err ? err : &ignored};
  ice_thrift_reader_init(&in.reader, data, size);
  read_file(&in);
  ice_status status = in.status;
  if (status == ICE_OK) {
    status = ice_thrift_reader_status(&in.reader, "Parquet footer", in.err);
  }
  if (status == ICE_OK) {
    status = check(&in);
  }
  if (status != ICE_OK) {
    ice_parquet_footer_deinit(out);
  }
  return status;
}
