#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columnar_test_support.h"
#include <stdio.h>

static void init(ice_schema **schema, ice_column *column, const char *text) {
  char whole[256];
  snprintf(whole, sizeof whole, "struct<x: %s>", text);
  *schema = test_schema(whole);
  OK(ice_column_init(column, &(*schema)->root.fields[0].type, NULL));
}

static const char *const types[] = {"boolean",
                                    "int",
                                    "long",
                                    "float",
                                    "double",
                                    "decimal(9,2)",
                                    "date",
                                    "time",
                                    "timestamp",
                                    "timestamptz",
                                    "string",
                                    "uuid",
                                    "fixed[3]",
                                    "binary",
                                    "list<int>",
                                    "list<string>",
                                    "map<string, long>",
                                    "struct<a: int, b: string, c: boolean>",
                                    "list<struct<a: string, b: list<boolean>>>",
                                    "struct<a: struct<b: map<int, uuid>>>"};

static void test_column__values_are_read_back(void **state) {
  (void)state;
  ice_schema *schema;
  ice_column column;
  init(&schema, &column, "long");
  OK(ice_column_append_i64(&column, INT64_MIN, NULL));
  OK(ice_column_append_null(&column, NULL));
  OK(ice_column_append_i64(&column, 7, NULL));
  assert_int_equal(column.length, 3);
  assert_int_equal(column.null_count, 1);
  assert_int_equal(ice_column_i64(&column, 0), INT64_MIN);
  assert_true(ice_column_is_null(&column, 1));
  assert_int_equal(ice_column_i64(&column, 1), 0);
  assert_false(ice_column_is_null(&column, 2));
  ice_column_deinit(&column);
  ice_schema_unref(schema);
  init(&schema, &column, "string");
  OK(ice_column_append_text(&column, ICE_STR(""), NULL));
  assert_non_null(ice_column_text(&column, 0).data);
  OK(ice_column_append_text(&column, ICE_STR("ab"), NULL));
  OK(ice_column_append_null(&column, NULL));
  assert_true(ice_str_equal_c(ice_column_text(&column, 1), "ab"));
  assert_int_equal(ice_column_text(&column, 2).size, 0);
  assert_int_equal(ice_column_size(&column), 2 + 16 + 1);
  assert_true(ice_column_memory(&column) >= ice_column_size(&column));
  ice_column_deinit(&column);
  ice_schema_unref(schema);
}

// What truncation leaves must be what a column has that never got more: the later appends show it.
static void test_column__truncation_leaves_no_trace(void **state) {
  (void)state;
  for (size_t t = 0; t < ICE_COUNT_OF(types); t++) {
    for (int null_every = 0; null_every <= 5; null_every++) {
      for (int keep = 0; keep <= 40; keep++) {
        ice_schema *schema;
        ice_column cut;
        ice_column plain;
        init(&schema, &cut, types[t]);
        OK(ice_column_init(&plain, cut.type, NULL));
        for (int n = 1; n <= 40; n++) {
          test_append_number(&cut, n, null_every);
        }
        ice_column_truncate(&cut, keep);
        assert_int_equal(cut.length, keep);
        for (int n = 1; n <= keep; n++) {
          test_append_number(&plain, n, null_every);
        }
        assert_int_equal(cut.null_count, plain.null_count);
        for (int n = 100; n <= 120; n++) {
          test_append_number(&cut, n, null_every);
          test_append_number(&plain, n, null_every);
        }
        assert_int_equal(cut.null_count, plain.null_count);
        assert_int_equal(cut.values.size, plain.values.size);
        if (plain.values.size != 0) {
          assert_memory_equal(cut.values.data, plain.values.data, plain.values.size);
        }
        for (int64_t i = 0; i < plain.length; i++) {
          assert_true(ice_column_equal(&cut, i, &plain, i));
        }
        ice_column_deinit(&cut);
        ice_column_deinit(&plain);
        ice_schema_unref(schema);
      }
    }
  }
}

static void test_column__rows_are_gathered_in_any_order(void **state) {
  (void)state;
  static const uint32_t rows[] = {39, 0, 0, 17, 5, 39, 20, 1};
  for (size_t t = 0; t < ICE_COUNT_OF(types); t++) {
    for (int source_nulls = 0; source_nulls <= 3; source_nulls++) {
      for (int own_nulls = 0; own_nulls <= 3; own_nulls++) {
        ice_schema *schema;
        ice_column source;
        ice_column column;
        init(&schema, &source, types[t]);
        OK(ice_column_init(&column, source.type, NULL));
        for (int n = 1; n <= 40; n++) {
          test_append_number(&source, n, source_nulls);
        }
        for (int n = 1; n <= 6; n++) {
          test_append_number(&column, n, own_nulls);
        }
        OK(ice_column_append_rows(&column, &source, rows, ICE_COUNT_OF(rows), NULL));
        OK(ice_column_append_rows(&column, &source, rows, 0, NULL));
        OK(ice_column_append_range(&column, &source, 10, 20, NULL));
        assert_int_equal(column.length, 6 + (int)ICE_COUNT_OF(rows) + 10);
        for (size_t i = 0; i < ICE_COUNT_OF(rows); i++) {
          assert_true(ice_column_equal(&column, 6 + (int64_t)i, &source, rows[i]));
        }
        for (int64_t i = 0; i < 10; i++) {
          assert_true(ice_column_equal(&column, 14 + i, &source, 10 + i));
        }
        ice_column_deinit(&source);
        ice_column_deinit(&column);
        ice_schema_unref(schema);
      }
    }
  }
}

// Rows without great gaps are appended in runs; what comes out, and what comes after, is the same.
static void test_column__runs_of_rows_are_gathered_as_single_rows_are(void **state) {
  (void)state;
  for (size_t t = 0; t < ICE_COUNT_OF(types); t++) {
    for (int source_nulls = 0; source_nulls <= 3; source_nulls++) {
      for (int own_nulls = 0; own_nulls <= 3; own_nulls++) {
        ice_schema *schema;
        ice_column source;
        ice_column runs;
        ice_column single;
        init(&schema, &source, types[t]);
        OK(ice_column_init(&runs, source.type, NULL));
        OK(ice_column_init(&single, source.type, NULL));
        for (int n = 1; n <= 40; n++) {
          test_append_number(&source, n, source_nulls);
        }
        for (int n = 1; n <= 5; n++) {
          test_append_number(&runs, n, own_nulls);
          test_append_number(&single, n, own_nulls);
        }
        uint32_t rows[40];
        size_t count = 0;
        for (uint32_t row = 3; row < 40; row++) {
          if (row != 17 && row != 21) {
            rows[count++] = row;
            OK(ice_column_append_rows(&single, &source, &row, 1, NULL));
          }
        }
        OK(ice_column_append_rows(&runs, &source, rows, count, NULL));
        for (int n = 1; n <= 9; n++) {
          test_append_number(&runs, n, own_nulls);
          test_append_number(&single, n, own_nulls);
        }
        assert_int_equal(runs.length, single.length);
        assert_int_equal(runs.null_count, single.null_count);
        assert_int_equal(ice_column_size(&runs), ice_column_size(&single));
        for (int64_t i = 0; i < runs.length; i++) {
          assert_true(ice_column_equal(&runs, i, &single, i));
        }
        for (size_t i = 0; i < count; i++) {
          assert_true(ice_column_equal(&runs, 5 + (int64_t)i, &source, rows[i]));
        }
        ice_column_deinit(&source);
        ice_column_deinit(&runs);
        ice_column_deinit(&single);
        ice_schema_unref(schema);
      }
    }
  }
}

static void test_column__empty_texts_are_gathered_into_an_empty_column(void **state) {
  (void)state;
  static const uint32_t rows[] = {1, 0};
  ice_schema *schema;
  ice_column source;
  ice_column column;
  init(&schema, &source, "string");
  OK(ice_column_init(&column, source.type, NULL));
  OK(ice_column_append_text(&source, ICE_STR(""), NULL));
  OK(ice_column_append_text(&source, ICE_STR(""), NULL));
  OK(ice_column_append_rows(&column, &source, rows, 2, NULL));
  assert_int_equal(column.length, 2);
  assert_int_equal(ice_column_text(&column, 1).size, 0);
  assert_non_null(ice_column_text(&column, 1).data);
  ice_column_deinit(&source);
  ice_column_deinit(&column);
  ice_schema_unref(schema);
}

static void test_column__equality_sees_every_difference(void **state) {
  (void)state;
  for (size_t t = 0; t < ICE_COUNT_OF(types); t++) {
    ice_schema *schema;
    ice_column column;
    init(&schema, &column, types[t]);
    test_append_number(&column, 7, 0);
    test_append_number(&column, 9, 0);
    test_append_number(&column, 7, 0);
    test_append_number(&column, 0, 1);
    test_append_number(&column, 0, 1);
    assert_false(ice_column_equal(&column, 0, &column, 1));
    assert_true(ice_column_equal(&column, 0, &column, 2));
    assert_false(ice_column_equal(&column, 0, &column, 3));
    assert_true(ice_column_equal(&column, 3, &column, 4));
    ice_column_deinit(&column);
    ice_schema_unref(schema);
  }
}

static void test_column__unfinished_maps_and_structs_are_refused(void **state) {
  (void)state;
  ice_schema *schema;
  ice_column column;
  init(&schema, &column, "map<string, long>");
  OK(ice_column_append_text(&column.children[0], ICE_STR("k"), NULL));
  assert_int_equal(ice_column_append_list_end(&column, NULL), ICE_INTERNAL);
  ice_column_truncate(&column, 0);
  assert_int_equal(column.children[0].length, 0);
  OK(ice_column_append_list_end(&column, NULL));
  ice_column_deinit(&column);
  ice_schema_unref(schema);
  init(&schema, &column, "struct<a: int, b: int>");
  OK(ice_column_append_i32(&column.children[0], 1, NULL));
  assert_int_equal(ice_column_append_struct_end(&column, NULL), ICE_INTERNAL);
  OK(ice_column_append_i32(&column.children[1], 1, NULL));
  OK(ice_column_append_struct_end(&column, NULL));
  ice_column_deinit(&column);
  ice_schema_unref(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_column__values_are_read_back),
      cmocka_unit_test(test_column__truncation_leaves_no_trace),
      cmocka_unit_test(test_column__rows_are_gathered_in_any_order),
      cmocka_unit_test(test_column__runs_of_rows_are_gathered_as_single_rows_are),
      cmocka_unit_test(test_column__empty_texts_are_gathered_into_an_empty_column),
      cmocka_unit_test(test_column__equality_sees_every_difference),
      cmocka_unit_test(test_column__unfinished_maps_and_structs_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
