#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columnar/arrow.h"
#include "columnar_test_support.h"
#include <stdio.h>

static const char every_type[] =
    "struct<b: boolean, i: int, l: long, f: float, g: double, d: decimal(9,2), day: date, t: time, ts: timestamp, "
    "tz: timestamptz, s: string, u: uuid, w: fixed[3], z: binary, li: list<int>, ls: list<string>, "
    "m: map<string, long>, st: struct<a: int, b: string, c: boolean>, "
    "deep: list<struct<a: string, b: list<boolean>, m: map<int, uuid>>>>";

static void fill(ice_batch *batch, int rows, int null_every) {
  for (int n = 1; n <= rows; n++) {
    for (uint32_t i = 0; i < batch->column_count; i++) {
      test_append_number(&batch->columns[i], n + (int)i, null_every);
    }
    OK(ice_batch_end_row(batch, NULL));
  }
}

static void test_arrow__schema_has_the_formats_of_the_interface(void **state) {
  (void)state;
  static const char *const formats[] = {"b", "i",    "l",   "f", "g",  "d:9,2", "tdD", "ttu", "tsu:", "tsu:UTC",
                                        "u", "w:16", "w:3", "z", "+l", "+l",    "+m",  "+s",  "+l"};
  ice_schema *schema = test_schema(every_type);
  struct ArrowSchema out;
  schema->root.fields[1].required = true;
  OK(ice_arrow_export_schema(schema, &out, NULL));
  ice_schema_unref(schema);
  assert_string_equal(out.format, "+s");
  assert_int_equal(out.n_children, ICE_COUNT_OF(formats));
  for (size_t i = 0; i < ICE_COUNT_OF(formats); i++) {
    assert_string_equal(out.children[i]->format, formats[i]);
    assert_int_equal(out.children[i]->flags, i == 1 ? 0 : ARROW_FLAG_NULLABLE);
  }
  assert_string_equal(out.children[0]->name, "b");
  const struct ArrowSchema *map = out.children[16];
  assert_int_equal(map->n_children, 1);
  assert_string_equal(map->children[0]->name, "entries");
  assert_string_equal(map->children[0]->format, "+s");
  assert_int_equal(map->children[0]->flags, 0);
  assert_string_equal(map->children[0]->children[0]->format, "u");
  assert_int_equal(map->children[0]->children[0]->flags, 0);
  assert_string_equal(map->children[0]->children[1]->format, "l");
  // One entry: PARQUET:field_id = 17.
  static const char key[] = "PARQUET:field_id";
  int32_t number;
  memcpy(&number, map->metadata, 4);
  assert_int_equal(number, 1);
  memcpy(&number, map->metadata + 4, 4);
  assert_int_equal(number, sizeof key - 1);
  assert_memory_equal(map->metadata + 8, key, sizeof key - 1);
  assert_memory_equal(map->metadata + 8 + sizeof key - 1 + 4, "17", 2);
  assert_null(map->children[0]->metadata);
  out.release(&out);
  assert_null(out.release);
}

static void test_arrow__schema_goes_there_and_back(void **state) {
  (void)state;
  ice_schema *schema = test_schema(every_type);
  ice_schema *back = NULL;
  struct ArrowSchema out;
  schema->root.fields[3].required = true;
  OK(ice_arrow_export_schema(schema, &out, NULL));
  OK(ice_arrow_import_schema(&out, &back, NULL));
  out.release(&out);
  assert_true(ice_type_equal(&schema->root, &back->root));
  ice_schema_unref(schema);
  ice_schema_unref(back);
}

static void test_arrow__batches_go_there_and_back(void **state) {
  (void)state;
  for (int null_every = 0; null_every <= 7; null_every++) {
    for (int rows = 0; rows <= 70; rows += 7) {
      ice_schema *schema = test_schema(every_type);
      ice_batch batch;
      ice_batch expected;
      ice_batch back;
      struct ArrowSchema exported_schema;
      struct ArrowArray array;
      OK(ice_batch_init(&batch, schema, NULL));
      OK(ice_batch_init(&expected, schema, NULL));
      fill(&batch, rows, null_every);
      fill(&expected, rows, null_every);
      OK(ice_arrow_export_schema(schema, &exported_schema, NULL));
      OK(ice_arrow_export_batch(&batch, &array, NULL));
      assert_null(batch.columns);
      assert_int_equal(array.length, rows);
      OK(ice_arrow_import_batch(&array, &exported_schema, schema, &back, NULL));
      assert_null(array.release);
      assert_int_equal(back.row_count, rows);
      for (uint32_t i = 0; i < expected.column_count; i++) {
        assert_int_equal(back.columns[i].length, rows);
        assert_int_equal(back.columns[i].null_count, expected.columns[i].null_count);
        for (int64_t row = 0; row < rows; row++) {
          if (!ice_column_equal(&back.columns[i], row, &expected.columns[i], row)) {
            fail_msg("column %u, row %d, nulls every %d", i, (int)row, null_every);
          }
        }
      }
      exported_schema.release(&exported_schema);
      ice_batch_deinit(&back);
      ice_batch_deinit(&expected);
      ice_schema_unref(schema);
    }
  }
}

// Offsets at every level that has one: the batch, its columns, a struct's and a map's children.
static void test_arrow__offsets_are_applied_at_every_level(void **state) {
  (void)state;
  for (int null_every = 0; null_every <= 3; null_every += 3) {
    ice_schema *schema = test_schema(every_type);
    ice_batch batch;
    ice_batch expected;
    ice_batch back;
    struct ArrowSchema exported_schema;
    struct ArrowArray array;
    OK(ice_batch_init(&batch, schema, NULL));
    OK(ice_batch_init(&expected, schema, NULL));
    fill(&batch, 60, null_every);
    fill(&expected, 60, null_every);
    OK(ice_arrow_export_schema(schema, &exported_schema, NULL));
    OK(ice_arrow_export_batch(&batch, &array, NULL));
    // Row r of the slice is row 5 + 8 + r of what was exported.
    array.offset = 5;
    array.length = 20;
    for (int64_t i = 0; i < array.n_children; i++) {
      array.children[i]->offset = 8;
      array.children[i]->length = 40;
      array.children[i]->null_count = -1;
    }
    OK(ice_arrow_import_batch(&array, &exported_schema, schema, &back, NULL));
    assert_int_equal(back.row_count, 20);
    for (uint32_t i = 0; i < expected.column_count; i++) {
      for (int64_t row = 0; row < 20; row++) {
        assert_true(ice_column_equal(&back.columns[i], row, &expected.columns[i], row + 13));
      }
    }
    exported_schema.release(&exported_schema);
    ice_batch_deinit(&back);
    ice_batch_deinit(&expected);
    ice_schema_unref(schema);
  }
}

static void test_arrow__children_may_be_moved_away(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: list<string>, b: int>");
  ice_batch batch;
  struct ArrowSchema exported_schema;
  struct ArrowArray array;
  OK(ice_batch_init(&batch, schema, NULL));
  fill(&batch, 20, 3);
  OK(ice_arrow_export_schema(schema, &exported_schema, NULL));
  OK(ice_arrow_export_batch(&batch, &array, NULL));
  struct ArrowArray moved = *array.children[0];
  array.children[0]->release = NULL;
  struct ArrowSchema moved_schema = *exported_schema.children[0];
  exported_schema.children[0]->release = NULL;
  array.release(&array);
  exported_schema.release(&exported_schema);
  assert_int_equal(moved.length, 20);
  assert_string_equal(moved_schema.children[0]->format, "u");
  moved.release(&moved);
  moved_schema.release(&moved_schema);
  ice_schema_unref(schema);
}

static int released;

/// An array that a hostile or foreign producer made: nothing is owned.
typedef struct foreign {
  struct ArrowSchema schema, column_schema, item_schema;
  struct ArrowSchema *schemas[1], *item_schemas[1];
  struct ArrowArray array, column, item;
  struct ArrowArray *columns[1], *items[1];
  const void *buffers[1], *column_buffers[3], *item_buffers[3];
} foreign;

static void release_foreign(struct ArrowArray *array) {
  released++;
  array->release = NULL;
}

static void release_nothing(struct ArrowArray *array) { array->release = NULL; }
static void release_nothing_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static const int32_t good_offsets[] = {0, 2, 2, 5};
static const int64_t numbers[] = {1, 2, 3, 4, 5};

// One column "x": long, string or list<long>, three rows.
static void make_foreign(foreign *f, const char *format) {
  *f = (foreign){
      .schema = {.format = "+s", .name = "", .n_children = 1, .release = release_nothing_schema},
      .column_schema = {.format = format,
                        .name = "x",
                        .flags = ARROW_FLAG_NULLABLE,
                        .release = release_nothing_schema},
      .item_schema = {.format = "l", .name = "item", .flags = ARROW_FLAG_NULLABLE, .release = release_nothing_schema},
      .array = {.length = 3, .n_buffers = 1, .n_children = 1, .release = release_foreign},
      .column = {.length = 3, .n_buffers = 2, .release = release_nothing},
      .item = {.length = 5, .n_buffers = 2, .release = release_nothing}};
  f->schema.children = f->schemas;
  f->schemas[0] = &f->column_schema;
  f->item_schemas[0] = &f->item_schema;
  f->array.buffers = f->buffers;
  f->array.children = f->columns;
  f->columns[0] = &f->column;
  f->column.buffers = f->column_buffers;
  f->column_buffers[1] = numbers;
  f->item.buffers = f->item_buffers;
  f->item_buffers[1] = numbers;
  f->items[0] = &f->item;
  if (strcmp(format, "+l") == 0) {
    f->column_schema.n_children = 1;
    f->column_schema.children = f->item_schemas;
    f->column.n_children = 1;
    f->column.children = f->items;
    f->column_buffers[1] = good_offsets;
  } else if (strcmp(format, "u") == 0) {
    f->column.n_buffers = 3;
    f->column_buffers[1] = good_offsets;
    f->column_buffers[2] = "abcde";
  }
}

static void import_foreign(foreign *f, const char *type, ice_status expected, const char *part) {
  char text[64];
  snprintf(text, sizeof text, "struct<x: %s>", type);
  ice_schema *schema = test_schema(text);
  ice_batch batch;
  ice_error err = {0};
  released = 0;
  ice_status status = ice_arrow_import_batch(&f->array, &f->schema, schema, &batch, &err);
  if (status != expected || !strstr(err.message, part)) {
    fail_msg("%s: %s, expected \"%s\"", ice_status_name(status), err.message, part);
  }
  assert_int_equal(released, 1);
  assert_null(f->array.release);
  if (status != ICE_OK) {
    assert_null(batch.columns);
  }
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
}

static void test_arrow__foreign_batches_are_taken(void **state) {
  (void)state;
  foreign f;
  make_foreign(&f, "l");
  import_foreign(&f, "long", ICE_OK, "");
  make_foreign(&f, "u");
  import_foreign(&f, "string", ICE_OK, "");
  make_foreign(&f, "+l");
  import_foreign(&f, "list<long>", ICE_OK, "");
  // A validity bitmap with all three set.
  make_foreign(&f, "l");
  f.column_buffers[0] = "\x07";
  f.column_schema.flags = 0;
  import_foreign(&f, "long", ICE_OK, "");
  // No rows: buffers may be missing.
  make_foreign(&f, "u");
  f.array.length = 0;
  f.column.length = 0;
  f.column_buffers[1] = NULL;
  f.column_buffers[2] = NULL;
  import_foreign(&f, "string", ICE_OK, "");
}

static void test_arrow__hostile_lengths_are_refused(void **state) {
  (void)state;
  static const int64_t lengths[] = {-1, INT64_MIN, INT64_MAX, (int64_t)INT32_MAX + 1};
  foreign f;
  for (size_t i = 0; i < ICE_COUNT_OF(lengths); i++) {
    make_foreign(&f, "l");
    f.array.length = lengths[i];
    import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "out of range");
    make_foreign(&f, "l");
    f.array.offset = lengths[i];
    import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "out of range");
    make_foreign(&f, "l");
    f.column.offset = lengths[i];
    import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "out of range");
    make_foreign(&f, "l");
    f.column.length = lengths[i];
    import_foreign(&f, "long", ICE_INVALID_ARGUMENT, i < 2 ? "fewer rows" : "out of range");
    make_foreign(&f, "+l");
    f.item.length = lengths[i];
    import_foreign(&f, "list<long>", ICE_INVALID_ARGUMENT, "out of range");
  }
  make_foreign(&f, "l");
  f.column.length = 2;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "fewer rows");
  make_foreign(&f, "l");
  f.array.offset = 1;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "fewer rows");
  make_foreign(&f, "+l");
  f.item.length = 4;
  import_foreign(&f, "list<long>", ICE_INVALID_ARGUMENT, "offsets go back, or beyond");
}

static void test_arrow__hostile_offsets_are_refused(void **state) {
  (void)state;
  static const int32_t back[] = {0, 2, 1, 5};
  static const int32_t negative[] = {-1, 2, 2, 5};
  static const int32_t beyond[] = {0, 2, 2, 6};
  static const int32_t huge[] = {0, INT32_MAX, INT32_MIN, 5};
  const int32_t *const bad[] = {back, negative, beyond, huge};
  foreign f;
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    make_foreign(&f, "+l");
    f.column_buffers[1] = bad[i];
    import_foreign(&f, "list<long>", ICE_INVALID_ARGUMENT, "offsets go back");
  }
  make_foreign(&f, "u");
  f.column_buffers[1] = back;
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "offsets go back");
  make_foreign(&f, "u");
  f.column_buffers[1] = negative;
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "offsets go back");
}

static void test_arrow__missing_parts_are_refused(void **state) {
  (void)state;
  foreign f;
  make_foreign(&f, "l");
  f.column_buffers[1] = NULL;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "a buffer is missing");
  make_foreign(&f, "u");
  f.column_buffers[2] = NULL;
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "a buffer is missing");
  make_foreign(&f, "l");
  f.column.buffers = NULL;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "not those of its format");
  make_foreign(&f, "l");
  f.column.n_buffers = 3;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "not those of its format");
  make_foreign(&f, "l");
  f.column.release = NULL;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "released already");
  make_foreign(&f, "l");
  f.columns[0] = NULL;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "released already");
  make_foreign(&f, "+l");
  f.items[0] = NULL;
  import_foreign(&f, "list<long>", ICE_INVALID_ARGUMENT, "released already");
  make_foreign(&f, "+l");
  f.column.n_children = 0;
  import_foreign(&f, "list<long>", ICE_INVALID_ARGUMENT, "not those of its format");
  make_foreign(&f, "l");
  f.array.n_children = 2;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "not those of its format");
  make_foreign(&f, "l");
  f.column.null_count = 1;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "no validity bitmap");
}

static void test_arrow__nulls_where_none_may_be_are_refused(void **state) {
  (void)state;
  foreign f;
  make_foreign(&f, "l");
  f.array.buffers[0] = "\x05";
  f.array.null_count = 1;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "null as a whole");
  make_foreign(&f, "l");
  f.column_buffers[0] = "\x05";
  f.column.null_count = 1;
  ice_schema *schema = test_schema("struct<x: long>");
  ice_batch batch;
  ice_error err = {0};
  schema->root.fields[0].required = true;
  assert_int_equal(ice_arrow_import_batch(&f.array, &f.schema, schema, &batch, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "\"x\": a required value is null"));
  ice_schema_unref(schema);
}

static void test_arrow__columns_are_matched_by_name(void **state) {
  (void)state;
  foreign f;
  make_foreign(&f, "l");
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "\"x\" is long, another string is wanted");
  make_foreign(&f, "l");
  f.column_schema.name = "y";
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "\"y\" is no column of the table");
  // An optional column that is not there is null; a required one is missed.
  make_foreign(&f, "l");
  ice_schema *schema = test_schema("struct<before: string, x: long>");
  ice_batch batch;
  ice_error err = {0};
  OK(ice_arrow_import_batch(&f.array, &f.schema, schema, &batch, &err));
  assert_int_equal(batch.columns[0].null_count, 3);
  assert_int_equal(ice_column_i64(&batch.columns[1], 2), 3);
  ice_batch_deinit(&batch);
  schema->root.fields[0].required = true;
  make_foreign(&f, "l");
  assert_int_equal(ice_arrow_import_batch(&f.array, &f.schema, schema, &batch, &err), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "\"before\": it is required and not there"));
  ice_schema_unref(schema);
}

static void test_arrow__text_must_be_utf8(void **state) {
  (void)state;
  foreign f;
  make_foreign(&f, "u");
  f.column_buffers[2] =
      "ab\xFF"
      "de";
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "no UTF-8");
  make_foreign(&f, "u");
  f.column_schema.format = "z";
  f.column_buffers[2] =
      "ab\xFF"
      "de";
  import_foreign(&f, "binary", ICE_OK, "");
}

static void test_arrow__unknown_formats_are_named(void **state) {
  (void)state;
  static const char *const formats[] = {"e", "tiD", "+r", "d:9,2,256", "d:9", "w:", "+ud:0", "+w:3", "ts", ""};
  for (size_t i = 0; i < ICE_COUNT_OF(formats); i++) {
    foreign f;
    char part[64];
    make_foreign(&f, formats[i]);
    snprintf(part, sizeof part, "\"x\" has format \"%s\"", formats[i]);
    import_foreign(&f, "long", ICE_UNSUPPORTED, part);
  }
  foreign f;
  make_foreign(&f, "f");
  f.column_schema.dictionary = &f.item_schema;
  import_foreign(&f, "long", ICE_UNSUPPORTED, "with a dictionary");
  make_foreign(&f, "l");
  f.schema.format = "l";
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "must be a struct");
  make_foreign(&f, "l");
  f.column_schema.format = NULL;
  import_foreign(&f, "long", ICE_UNSUPPORTED, "");
  make_foreign(&f, "l");
  static const int32_t bad_count = -5;
  f.column_schema.metadata = (const char *)&bad_count;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "metadata is damaged");
}

// Imports the column and gives value `row` of it as a number.
static int64_t imported_number(foreign *f, const char *type, int64_t row) {
  char text[64];
  snprintf(text, sizeof text, "struct<x: %s>", type);
  ice_schema *schema = test_schema(text);
  ice_batch batch;
  ice_error err = {0};
  if (ice_arrow_import_batch(&f->array, &f->schema, schema, &batch, &err) != ICE_OK) {
    fail_msg("%s: %s", f->column_schema.format, err.message);
  }
  const ice_column *column = &batch.columns[0];
  int64_t value = column->width == 4 ? ice_column_i32(column, row) : ice_column_i64(column, row);
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
  return value;
}

static void expect_text(foreign *f, const char *const expected[3]) {
  ice_schema *schema = test_schema("struct<x: string>");
  ice_batch batch;
  ice_error err = {0};
  if (ice_arrow_import_batch(&f->array, &f->schema, schema, &batch, &err) != ICE_OK) {
    fail_msg("%s: %s", f->column_schema.format, err.message);
  }
  for (int64_t row = 0; row < 3; row++) {
    assert_true(ice_str_equal_c(ice_column_text(&batch.columns[0], row), expected[row]));
  }
  ice_batch_deinit(&batch);
  ice_schema_unref(schema);
}

static void test_arrow__numbers_of_every_width_and_unit_are_converted(void **state) {
  (void)state;
  static const int8_t i8[] = {1, -2, 3};
  static const uint8_t u8[] = {1, 254, 3};
  static const int16_t i16[] = {1, -30000, 3};
  static const uint16_t u16[] = {1, 60000, 3};
  static const uint32_t u32[] = {1, 4000000000, 3};
  static const uint64_t u64[] = {1, 5000000000, 3};
  static const int32_t seconds[] = {1, 86399, 3};
  static const int64_t moments[] = {0, -172800000, 0};
  static const struct {
    const char *format;
    const char *type;
    const void *values;
    int64_t second;
  } cases[] = {
      {"c", "int", i8, -2},
      {"C", "int", u8, 254},
      {"s", "int", i16, -30000},
      {"S", "int", u16, 60000},
      {"I", "long", u32, 4000000000},
      {"L", "long", u64, 5000000000},
      {"tts", "time", seconds, 86399000000},
      {"ttm", "time", seconds, 86399000},
      {"ttn", "time", moments, -172800},
      {"tdm", "date", moments, -2},
      {"tss:", "timestamp", moments, -172800000000000},
      {"tsm:", "timestamp", moments, -172800000000},
      {"tsm:Europe/Berlin", "timestamptz", moments, -172800000000},
      {"tsn:", "timestamp", moments, -172800},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    foreign f;
    make_foreign(&f, cases[i].format);
    f.column_buffers[1] = cases[i].values;
    assert_int_equal(imported_number(&f, cases[i].type, 1), cases[i].second);
  }
}

static void test_arrow__numbers_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const uint64_t large[] = {1, UINT64_MAX, 3};
  static const int64_t fine[] = {0, 1001, 0};
  static const int64_t far[] = {0, INT64_MAX, 0};
  static const struct {
    const char *format;
    const char *type;
    const void *values;
  } cases[] = {{"L", "long", large}, {"tsn:", "timestamp", fine}, {"tdm", "date", fine}, {"tss:", "timestamp", far}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    foreign f;
    make_foreign(&f, cases[i].format);
    f.column_buffers[1] = cases[i].values;
    import_foreign(&f, cases[i].type, ICE_INVALID_ARGUMENT, "out of range, or finer");
  }
}

static void test_arrow__large_texts_and_lists_are_taken(void **state) {
  (void)state;
  static const int64_t offsets[] = {0, 2, 2, 5};
  static const int64_t bad[] = {0, 2, 1, 5};
  static const int64_t beyond[] = {0, 2, 2, INT64_MAX};
  static const char *const texts[] = {"ab", "", "cde"};
  foreign f;
  make_foreign(&f, "u");
  f.column_schema.format = "U";
  f.column_buffers[1] = offsets;
  expect_text(&f, texts);
  make_foreign(&f, "u");
  f.column_schema.format = "U";
  f.column_buffers[1] = bad;
  import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "offsets go back");
  for (int i = 0; i < 2; i++) {
    make_foreign(&f, "+l");
    f.column_schema.format = "+L";
    f.column_buffers[1] = i == 0 ? offsets : beyond;
    import_foreign(&f, "list<long>", i == 0 ? ICE_OK : ICE_INVALID_ARGUMENT, i == 0 ? "" : "beyond the values");
  }
}

static void test_arrow__list_views_are_taken(void **state) {
  (void)state;
  static const int32_t offsets[] = {3, 0, 0};
  static const int32_t sizes[] = {2, 3, 0};
  static const int32_t beyond[] = {3, 3, 0};
  static const int32_t negative[] = {2, -1, 0};
  const int32_t *const all[] = {sizes, beyond, negative};
  for (size_t i = 0; i < ICE_COUNT_OF(all); i++) {
    foreign f;
    make_foreign(&f, "+l");
    f.column_schema.format = "+vl";
    f.column.n_buffers = 3;
    f.column_buffers[1] = offsets;
    f.column_buffers[2] = all[i];
    import_foreign(&f, "list<long>", i == 0 ? ICE_OK : ICE_INVALID_ARGUMENT, i == 0 ? "" : "beyond the values");
  }
}

/// A view as Arrow lays it out: the text itself, or its start, block and offset.
typedef struct view {
  int32_t size;
  union {
    char text[12];
    struct {
      char start[4];
      int32_t block;
      int32_t offset;
    } there;
  } of;
} view;

static void test_arrow__text_views_are_taken(void **state) {
  (void)state;
  static const char block[] = "a text of more than twelve bytes";
  static const int64_t sizes[] = {sizeof block - 1};
  static const char *const texts[] = {"short", "text of more than twelve", ""};
  static const view hostile[] = {{.size = 24, .of.there = {.block = 1, .offset = 2}},
                                 {.size = 24, .of.there = {.block = -1, .offset = 2}},
                                 {.size = 24, .of.there = {.block = 0, .offset = 20}},
                                 {.size = 24, .of.there = {.block = 0, .offset = -1}},
                                 {.size = INT32_MAX, .of.there = {.block = 0, .offset = INT32_MAX}},
                                 {.size = -1}};
  view views[3] = {{.size = 5, .of.text = "short"},
                   {.size = 24, .of.there = {.start = "text", .block = 0, .offset = 2}}};
  const void *buffers[] = {NULL, views, block, sizes};
  foreign f;
  make_foreign(&f, "vu");
  f.column.n_buffers = 4;
  f.column.buffers = buffers;
  expect_text(&f, texts);
  for (size_t i = 0; i < ICE_COUNT_OF(hostile); i++) {
    make_foreign(&f, "vu");
    f.column.n_buffers = 4;
    f.column.buffers = buffers;
    views[2] = hostile[i];
    import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "points beyond its blocks");
  }
}

static void test_arrow__dictionaries_are_looked_up(void **state) {
  (void)state;
  static const int8_t indexes[] = {2, 0, 1};
  static const int8_t beyond[] = {2, 3, 1};
  static const int8_t negative[] = {2, -1, 1};
  static const char *const texts[] = {"cde", "ab", ""};
  const int8_t *const all[] = {indexes, beyond, negative};
  for (size_t i = 0; i < ICE_COUNT_OF(all); i++) {
    foreign values;
    foreign f;
    make_foreign(&values, "u");
    make_foreign(&f, "c");
    f.column_buffers[1] = all[i];
    f.column_schema.dictionary = &values.column_schema;
    f.column.dictionary = &values.column;
    if (i == 0) {
      expect_text(&f, texts);
    } else {
      import_foreign(&f, "string", ICE_INVALID_ARGUMENT, "beyond its dictionary");
    }
  }
  foreign f;
  make_foreign(&f, "c");
  f.column_schema.dictionary = &f.item_schema;
  import_foreign(&f, "long", ICE_INVALID_ARGUMENT, "not those of its format");
}

static void test_arrow__a_released_array_is_refused(void **state) {
  (void)state;
  foreign f;
  ice_schema *schema = test_schema("struct<x: long>");
  ice_batch batch;
  make_foreign(&f, "l");
  f.array.release = NULL;
  assert_int_equal(ice_arrow_import_batch(&f.array, &f.schema, schema, &batch, NULL), ICE_INVALID_ARGUMENT);
  ice_schema_unref(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_arrow__schema_has_the_formats_of_the_interface),
      cmocka_unit_test(test_arrow__schema_goes_there_and_back),
      cmocka_unit_test(test_arrow__batches_go_there_and_back),
      cmocka_unit_test(test_arrow__offsets_are_applied_at_every_level),
      cmocka_unit_test(test_arrow__children_may_be_moved_away),
      cmocka_unit_test(test_arrow__foreign_batches_are_taken),
      cmocka_unit_test(test_arrow__hostile_lengths_are_refused),
      cmocka_unit_test(test_arrow__hostile_offsets_are_refused),
      cmocka_unit_test(test_arrow__missing_parts_are_refused),
      cmocka_unit_test(test_arrow__nulls_where_none_may_be_are_refused),
      cmocka_unit_test(test_arrow__columns_are_matched_by_name),
      cmocka_unit_test(test_arrow__text_must_be_utf8),
      cmocka_unit_test(test_arrow__unknown_formats_are_named),
      cmocka_unit_test(test_arrow__numbers_of_every_width_and_unit_are_converted),
      cmocka_unit_test(test_arrow__numbers_that_do_not_fit_are_refused),
      cmocka_unit_test(test_arrow__large_texts_and_lists_are_taken),
      cmocka_unit_test(test_arrow__list_views_are_taken),
      cmocka_unit_test(test_arrow__text_views_are_taken),
      cmocka_unit_test(test_arrow__dictionaries_are_looked_up),
      cmocka_unit_test(test_arrow__a_released_array_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
