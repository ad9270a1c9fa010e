// Writes the rows of tests/support/parquet_rows.h to a Parquet file, for tests/interop/check_parquet_files.py.
//
//   parquet_sample FILE [ROWS [SEED [CODEC [PAGE_SIZE [ROW_GROUP_SIZE]]]]]
#include "parquet/parquet_writer.h"
#include "parquet_rows.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS = 700 };

static ice_status write_file(void *context, const void *data, size_t size, ice_error *err) {
  return fwrite(data, 1, size, context) == size ? ICE_OK : ice_error_set(err, ICE_IO, "write failed");
}

static ice_status codec_of(const char *name, ice_codec *out, ice_error *err) {
  static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_SNAPPY, ICE_CODEC_ZSTD, ICE_CODEC_LZ4_RAW,
                                     ICE_CODEC_GZIP};
  for (size_t i = 0; i < ICE_COUNT_OF(codecs); i++) {
    if (strcmp(name, ice_codec_name(codecs[i])) == 0) {
      *out = codecs[i];
      return ICE_OK;
    }
  }
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "no codec %s", name);
}

static ice_status write_rows(ice_parquet_writer *writer, const ice_schema *schema, uint64_t seed, uint64_t row_count,
                             ice_error *err) {
  ice_status status = ICE_OK;
  ice_batch batch = {0};
  ICE_TRY(ice_batch_init(&batch, schema, err));
  for (uint64_t row = 0; row < row_count;) {
    ice_batch_clear(&batch);
    for (; row < row_count && batch.row_count < BATCH_ROWS; row++) {
      ICE_TRY(rows_append(&batch, seed, row, err));
    }
    ICE_TRY(ice_parquet_writer_append(writer, &batch, NULL, (size_t)batch.row_count, err));
  }
done:
  ice_batch_deinit(&batch);
  return status;
}

static ice_status write_sample(FILE *out, uint64_t row_count, uint64_t seed, ice_parquet_writer_options options,
                               ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  ice_parquet_scratch *scratch = NULL;
  ice_parquet_writer *writer = NULL;
  ice_parquet_file file = {0};
  char rows_text_value[32];
  char seed_text[32];
  snprintf(rows_text_value, sizeof rows_text_value, "%llu", (unsigned long long)row_count);
  snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
  const ice_parquet_key_value pairs[] = {{ICE_STR("sample.rows"), ice_str_of(rows_text_value)},
                                         {ICE_STR("sample.seed"), ice_str_of(seed_text)}};
  // The ids of `id`, `word` and `unique_text`.
  static const int32_t blooms[] = {1, 14, 15};
  options.key_values = pairs;
  options.key_value_count = ICE_COUNT_OF(pairs);
  options.bloom_ids = blooms;
  options.bloom_id_count = ICE_COUNT_OF(blooms);
  ICE_TRY(rows_schema(&schema, err));
  ICE_TRY(ice_parquet_scratch_create(&scratch, err));
  ICE_TRY(ice_parquet_writer_create(schema, &options, (ice_parquet_output){.context = out, .write = write_file},
                                    scratch, &writer, err));
  ICE_TRY(write_rows(writer, schema, seed, row_count, err));
  ICE_TRY(ice_parquet_writer_finish(writer, &file, err));
  printf("%lld rows, %lld bytes, %u row groups\n", (long long)file.row_count, (long long)file.file_size,
         file.split_offset_count);
done:
  ice_parquet_file_deinit(&file);
  ice_parquet_writer_destroy(writer);
  ice_parquet_scratch_destroy(scratch);
  ice_schema_unref(schema);
  return status;
}

int main(int argc, char **argv) {
  ice_error err = {0};
  if (argc < 2) {
    fprintf(stderr, "usage: parquet_sample FILE [ROWS [SEED [CODEC [PAGE_SIZE [ROW_GROUP_SIZE]]]]]\n");
    return 2;
  }
  uint64_t row_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000;
  uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.page_size = argc > 5 ? (size_t)strtoull(argv[5], NULL, 10) : options.page_size;
  options.row_group_size = argc > 6 ? strtoull(argv[6], NULL, 10) : options.row_group_size;
  FILE *out = fopen(argv[1], "wb");
  if (!out) {
    perror(argv[1]);
    return 1;
  }
  ice_status status = codec_of(argc > 4 ? argv[4] : "snappy", &options.codec, &err);
  if (status == ICE_OK) {
    status = write_sample(out, row_count, seed, options, &err);
  }
  if (fclose(out) != 0 && status == ICE_OK) {
    status = ice_error_set(&err, ICE_IO, "close failed");
  }
  if (status != ICE_OK) {
    fprintf(stderr, "parquet_sample: %s\n", err.message);
  }
  return status == ICE_OK ? 0 : 1;
}
