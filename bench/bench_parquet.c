// What it costs to encode rows of 15 columns, as of health data: CPU nanoseconds per row, without I/O.
//
//   bench_parquet [ROWS [SELECTED [CODEC]]]      SELECTED: of 100 rows, how many a file gets (100: whole batches)
#include "parquet/parquet_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_ROWS = 1000, BATCH_COUNT = 10, SAMPLES_PER_MESSAGE = 20, DEVICES = 400 };

static const struct {
  const char *name;
  const char *type;
  bool required;
} columns[] = {
    {"device_id", "string", true},
    {"user_id", "string", true},
    {"sample_id", "string", true},
    {"data_type", "string", true},
    {"value", "double", true},
    {"unit", "string", true},
    {"start_date", "timestamp", true},
    {"end_date", "timestamp", true},
    {"source_bundle", "string", false},
    {"metadata", "map<string,string>", false},
    {"is_synced", "boolean", true},
    {"created_at", "timestamp", true},
    {"payload_timestamp", "timestamp", true},
    {"app_version", "string", true},
    {"processing_time", "timestamp", true},
};

static uint64_t state = 42;

static uint64_t draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  uint64_t z = (state ^ (state >> 33)) * 0xff51afd7ed558ccdu;
  return z ^ (z >> 33);
}

static int32_t number_fields(ice_type *type, int32_t next) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    type->fields[i].id = next++;
    next = number_fields(&type->fields[i].type, next);
  }
  return next;
}

static ice_status make_schema(ice_schema **out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_schema_create(out, err));
  (*out)->root.kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(*out, &(*out)->root, (uint32_t)ICE_COUNT_OF(columns), err));
  for (size_t i = 0; i < ICE_COUNT_OF(columns); i++) {
    ice_field *field = &(*out)->root.fields[i];
    field->name = ice_str_of(columns[i].name);
    field->required = columns[i].required;
    ICE_TRY(ice_type_parse(*out, ice_str_of(columns[i].type), &field->type, err));
  }
  number_fields(&(*out)->root, 1);
done:
  return status;
}

static ice_status text(ice_column *column, ice_error *err, const char *value) {
  return ice_column_append_text(column, ice_str_of(value), err);
}

static ice_status uuid_text(ice_column *column, uint64_t a, uint64_t b, ice_error *err) {
  char value[48];
  snprintf(value, sizeof value, "%08x-%04x-%04x-%04x-%012llx", (unsigned)a, (unsigned)(a >> 32 & 0xffff),
           (unsigned)(a >> 48), (unsigned)(b & 0xffff), (unsigned long long)(b >> 16));
  return text(column, err, value);
}

typedef struct message {
  uint64_t device;
  int64_t time;
  uint64_t version;
} message;

static ice_status append_row(ice_batch *batch, const message *from, ice_error *err) {
  static const char *const types[] = {"heartRate", "steps", "activeEnergy", "distance", "sleepAnalysis"};
  static const char *const units[] = {"count/min", "count", "kcal", "m", "s"};
  ice_status status = ICE_OK;
  ice_column *c = batch->columns;
  uint64_t kind = draw() % 10 < 6 ? 0 : draw() % ICE_COUNT_OF(types);
  int64_t start = from->time - (int64_t)(draw() % 3600000000);
  char value[64];
  ICE_TRY(uuid_text(&c[0], from->device * 0x9e3779b97f4a7c15u, from->device, err));
  snprintf(value, sizeof value, "user-%08llu", (unsigned long long)(from->device / 2));
  ICE_TRY(text(&c[1], err, value));
  ICE_TRY(uuid_text(&c[2], draw(), draw(), err));
  ICE_TRY(text(&c[3], err, types[kind]));
  ICE_TRY(ice_column_append_f64(&c[4], kind == 0 ? 50 + (double)(draw() % 120) : (double)(draw() % 100000) / 7, err));
  ICE_TRY(text(&c[5], err, units[kind]));
  ICE_TRY(ice_column_append_i64(&c[6], start, err));
  ICE_TRY(ice_column_append_i64(&c[7], start + (int64_t)(draw() % 60) * 1000000, err));
  ICE_TRY(draw() % 5 ? text(&c[8], err, "com.example.health") : ice_column_append_null(&c[8], err));
  if (draw() % 4) {
    ICE_TRY(ice_column_append_null(&c[9], err));
  } else {
    ICE_TRY(text(&c[9].children[0], err, "motionContext"));
    ICE_TRY(text(&c[9].children[1], err, draw() % 2 ? "active" : "sedentary"));
    ICE_TRY(ice_column_append_list_end(&c[9], err));
  }
  ICE_TRY(ice_column_append_boolean(&c[10], draw() % 10 != 0, err));
  ICE_TRY(ice_column_append_i64(&c[11], start + 1000000, err));
  ICE_TRY(ice_column_append_i64(&c[12], from->time, err));
  snprintf(value, sizeof value, "2.%llu.0", (unsigned long long)from->version);
  ICE_TRY(text(&c[13], err, value));
  ICE_TRY(ice_column_append_i64(&c[14], 1700000000000000 + (int64_t)batch->row_count / 500, err));
  ICE_TRY(ice_batch_end_row(batch, err));
done:
  return status;
}

static ice_status make_batches(ice_batch *batches, const ice_schema *schema, ice_error *err) {
  ice_status status = ICE_OK;
  message from = {0};
  for (int i = 0; i < BATCH_COUNT; i++) {
    ICE_TRY(ice_batch_init(&batches[i], schema, err));
    for (int row = 0; row < BATCH_ROWS; row++) {
      if (row % SAMPLES_PER_MESSAGE == 0) {
        from = (message){.device = draw() % DEVICES,
                         .time = 1700000000000000 + (int64_t)i * 1000000 + (int64_t)(draw() % 1000000),
                         .version = draw() % 6};
      }
      ICE_TRY(append_row(&batches[i], &from, err));
    }
  }
done:
  return status;
}

static ice_status discard(void *context, const void *data, size_t size, ice_error *err) {
  (void)data;
  (void)err;
  *(uint64_t *)context += size;
  return ICE_OK;
}

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static ice_status run(const ice_schema *schema, const ice_batch *batches, uint64_t row_count, unsigned selected,
                      ice_codec codec, ice_error *err) {
  ice_status status = ICE_OK;
  uint64_t written = 0;
  ice_parquet_scratch *scratch = NULL;
  ice_parquet_writer *writer = NULL;
  ice_parquet_file file = {0};
  ice_parquet_writer_options options = ice_parquet_writer_options_default();
  options.codec = codec;
  uint32_t rows[BATCH_ROWS];
  size_t chosen = 0;
  for (uint32_t i = 0; i < BATCH_ROWS; i++) {
    if (i * 37 % 100 < selected) {
      rows[chosen++] = i;
    }
  }
  ICE_TRY(ice_parquet_scratch_create(&scratch, err));
  double start = cpu_seconds();
  ICE_TRY(ice_parquet_writer_create(schema, &options, (ice_parquet_output){.context = &written, .write = discard},
                                    scratch, &writer, err));
  for (uint64_t done_rows = 0, i = 0; done_rows < row_count; done_rows += chosen, i++) {
    ICE_TRY(ice_parquet_writer_append(writer, &batches[i % BATCH_COUNT], selected < 100 ? rows : NULL, chosen, err));
  }
  ICE_TRY(ice_parquet_writer_finish(writer, &file, err));
  double seconds = cpu_seconds() - start;
  printf("%-8s %9lld rows  %7.1f ns/row  %6.1f bytes/row\n", ice_codec_name(codec), (long long)file.row_count,
         seconds * 1e9 / (double)file.row_count, (double)file.file_size / (double)file.row_count);
done:
  ice_parquet_file_deinit(&file);
  ice_parquet_writer_destroy(writer);
  ice_parquet_scratch_destroy(scratch);
  return status;
}

int main(int argc, char **argv) {
  static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_SNAPPY, ICE_CODEC_ZSTD};
  ice_error err = {0};
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  static ice_batch batches[BATCH_COUNT];
  uint64_t row_count = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
  unsigned selected = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100;
  ICE_TRY(make_schema(&schema, &err));
  ICE_TRY(make_batches(batches, schema, &err));
  for (size_t i = 0; i < ICE_COUNT_OF(codecs); i++) {
    if (argc <= 3 || strcmp(argv[3], ice_codec_name(codecs[i])) == 0) {
      ICE_TRY(run(schema, batches, row_count, selected, codecs[i], &err));
    }
  }
done:
  for (int i = 0; i < BATCH_COUNT; i++) {
    ice_batch_deinit(&batches[i]);
  }
  ice_schema_unref(schema);
  if (status != ICE_OK) {
    fprintf(stderr, "bench_parquet: %s\n", err.message);
  }
  return status == ICE_OK ? 0 : 1;
}
