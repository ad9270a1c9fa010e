#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comma_locale.h"
#include "health_pipeline.h"
#include <stdio.h>

static ice_status read_spec(const char *yaml, ice_pipeline_spec *out, ice_error *err) {
  ice_arena arena;
  ice_yaml *tree = NULL;
  ice_arena_init(&arena, 1 << 20);
  *out = (ice_pipeline_spec){0};
  ice_status status = ice_yaml_parse(ice_str_of(yaml), ICE_STR("p.yaml"), &arena, &tree, err);
  if (status == ICE_OK) {
    status = ice_pipeline_spec_read(tree, ICE_STR("p.yaml"), out, err);
  }
  ice_arena_deinit(&arena);
  return status;
}

static void test_pipeline_config__the_preset_is_read(void **state) {
  (void)state;
  ice_bytes preset;
  ice_pipeline_spec spec;
  health_preset(&preset);
  assert_int_equal(read_spec(ice_bytes_c_str(&preset, NULL), &spec, NULL), ICE_OK);
  ice_bytes_deinit(&preset);
  assert_int_equal(spec.column_count, 15);
  assert_true(ice_str_equal_c(spec.explode, "samples"));
  assert_int_equal(spec.rule_count, 11);
  assert_int_equal(spec.dead_letter_column_count, 4);
  assert_int_equal(ice_pipeline_spec_find(&spec, ICE_STR("value")), 4);
  assert_int_equal(ice_pipeline_spec_find(&spec, ICE_STR("absent")), -1);
  assert_int_equal(spec.dead_letter_schema->root.field_count, 14);
  ice_pipeline_spec_deinit(&spec);
  ice_pipeline_spec_deinit(&spec);
}

static void test_pipeline_config__mistakes_are_named_with_their_line(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"colums: {}\n", "p.yaml:1: unknown key \"colums\""},
      {"explode: x\n", "this key is missing: \"columns\""},
      {"columns: {}\n", "columns must be a map of 1 to 2000"},
      {"columns:\n  a: {path: a}\n", "p.yaml:2: this key is missing: \"type\""},
      {"columns:\n  a: {path: a, type: strin}\n", "p.yaml:2: type \"strin\""},
      {"columns:\n  a: {type: int}\n", "p.yaml:2: either path or value"},
      {"columns:\n  a: {path: a, value: kafka_key, type: int}\n", "either path or value"},
      {"columns:\n  a: {value: kafka_keys, type: binary}\n", "unknown value \"kafka_keys\""},
      {"columns:\n  a: {value: kafka_offset, type: string}\n", "does not fit the type of column \"a\""},
      {"columns:\n  a: {path: a, type: int, required: yes}\n", "true or false is expected"},
      {"columns:\n  a: {path: a, type: int}\nvalidate:\n  - {rule: between, column: b, min: 1}\n",
       "p.yaml:4: there is no column \"b\""},
      {"columns:\n  a: {path: a, type: int}\nvalidate:\n  - {rule: between, column: a}\n", "needs min or max"},
      {"columns:\n  a: {path: a, type: int}\nvalidate:\n  - {rule: between, column: a, min: x}\n",
       "a number is expected for \"min\""},
      {"columns:\n  a: {path: a, type: int}\nvalidate:\n  - {rule: between, column: a, min: 0x10}\n",
       "a number is expected"},
      {"columns:\n  a: {path: a, type: int}\nvalidate:\n  - {rule: between, column: a, min: nan}\n",
       "a number is expected"},
      {"columns:\n  a: {path: a, type: string}\nvalidate:\n  - {rule: finite, column: a}\n",
       "does not fit the column"},
      {"columns:\n  a: {path: a, type: int}\nfilter:\n  - {name: n, when: {a: 1}}\n", "when compares text columns"},
      {"columns:\n  a: {path: a, type: int}\ntombstones: maybe\n", "tombstones is dead_letter or filter"},
      {"columns:\n  a: {path: a, type: int}\nroute:\n  - {table: t}\n", "this key is missing: \"when\""},
      {"- 1\n", "a map of keys is expected"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_pipeline_spec spec;
    ice_error err = {0};
    assert_int_equal(read_spec(cases[i][0], &spec, &err), ICE_INVALID_ARGUMENT);
    if (!strstr(err.message, cases[i][1])) {
      fail_msg("\"%s\" is not in \"%s\"", cases[i][1], err.message);
    }
    ice_pipeline_spec_deinit(&spec);
  }
}

static void test_pipeline_config__a_locale_with_a_comma_changes_nothing(void **state) {
  (void)state;
  assert_true(comma_locale_set());
  ice_pipeline_spec spec;
  static const char yaml[] =
      "columns:\n  a: {path: a, type: double}\nvalidate:\n"
      "  - {rule: between, column: a, min: 0.5, max: 2.5e1}\n";
  assert_int_equal(read_spec(yaml, &spec, NULL), ICE_OK);
  assert_true(spec.rules[0].min == 0.5);
  assert_true(spec.rules[0].max == 25);
  ice_pipeline_spec_deinit(&spec);
  // The whole way: text to a number, and a number into a message.
  health_pipeline p;
  health_sample bad = health_good;
  bad.value = 19.9;
  assert_int_equal(health_open(&p, NULL, NULL, 1, NULL, NULL), ICE_OK);
  health_send(&p, &bad, 1);
  assert_int_equal(health_run(&p, NULL), ICE_OK);
  assert_true(ice_str_equal_c(ice_column_text(&p.output.dead_letters.columns[2], 0),
                              "value 19.9 is outside 20 to 250 (data_type heartRate)"));
  health_close(&p);
  comma_locale_unset();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pipeline_config__the_preset_is_read),
      cmocka_unit_test(test_pipeline_config__mistakes_are_named_with_their_line),
      cmocka_unit_test(test_pipeline_config__a_locale_with_a_comma_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
