#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/yaml.h"
#include <stdio.h>
#include <stdlib.h>

static ice_arena arena;

static int setup(void **state) {
  (void)state;
  ice_arena_init(&arena, 64 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_arena_deinit(&arena);
  return 0;
}

static const ice_yaml *parse(const char *text) {
  ice_yaml *root = NULL;
  ice_error err = {0};
  if (ice_yaml_parse(ice_str_of(text), ICE_STR("f.yaml"), &arena, &root, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return root;
}

static void refuse(const char *text, ice_status status, const char *message) {
  ice_yaml *root = NULL;
  ice_error err = {0};
  assert_int_equal(ice_yaml_parse(ice_str_of(text), ICE_STR("f.yaml"), &arena, &root, &err), status);
  if (strncmp(err.message, message, strlen(message)) != 0) {
    fail_msg("%s, expected %s", err.message, message);
  }
}

static void test_yaml__remembers_where_everything_stood(void **state) {
  (void)state;
  const ice_yaml *root = parse("# comment\na: 1\nb:\n  - x\n  - {c: 'y z', d: }\n");
  assert_int_equal(root->kind, ICE_YAML_MAP);
  assert_int_equal(root->count, 2);
  const ice_yaml *a = ice_yaml_get(root, "a");
  assert_true(ice_str_equal_c(a->text, "1"));
  assert_int_equal(a->line, 2);
  assert_int_equal(a->column, 4);
  const ice_yaml *b = ice_yaml_get(root, "b");
  assert_int_equal(b->kind, ICE_YAML_LIST);
  assert_int_equal(b->count, 2);
  const ice_yaml *map = b->first->next;
  assert_int_equal(map->line, 5);
  assert_true(ice_str_equal_c(ice_yaml_get(map, "c")->text, "y z"));
  assert_true(ice_yaml_get(map, "d")->is_null);
  assert_null(ice_yaml_get(map, "e"));
  assert_null(ice_yaml_get(b, "c"));
  assert_null(ice_yaml_get(NULL, "c"));
}

static void test_yaml__null_is_plain_alone(void **state) {
  (void)state;
  const ice_yaml *root = parse("a: ~\nb: null\nc: 'null'\nd: \"\"\ne:\nf: nullable\n");
  static const bool expected[] = {true, true, false, false, true, false};
  size_t i = 0;
  for (const ice_yaml *entry = root->first; entry; entry = entry->next) {
    assert_int_equal(entry->is_null, expected[i++]);
  }
  assert_int_equal(i, 6);
}

static void test_yaml__no_text_is_an_empty_map(void **state) {
  (void)state;
  static const char *const texts[] = {"", "\n\n", "# nothing\n", "---\n", "~\n", "--- null\n...\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const ice_yaml *root = parse(texts[i]);
    assert_int_equal(root->kind, ICE_YAML_MAP);
    assert_int_equal(root->count, 0);
  }
  ice_yaml *root = NULL;
  assert_int_equal(ice_yaml_parse((ice_str){0}, ICE_STR("f"), &arena, &root, NULL), ICE_OK);
  assert_int_equal(root->count, 0);
}

static void test_yaml__anchors_aliases_and_tags_are_refused(void **state) {
  (void)state;
  refuse("a: &x 1\n", ICE_INVALID_ARGUMENT, "f.yaml:1:4: anchors");
  refuse("a: 1\nb: &x [1]\n", ICE_INVALID_ARGUMENT, "f.yaml:2:4: anchors");
  refuse("a: &x {b: 1}\n", ICE_INVALID_ARGUMENT, "f.yaml:1:4: anchors");
  refuse("a: 1\nb: *x\n", ICE_INVALID_ARGUMENT, "f.yaml:2:4: anchors");
  refuse("a: !!str 1\n", ICE_INVALID_ARGUMENT, "f.yaml:1:4: anchors");
  refuse("a: [!x {}]\n", ICE_INVALID_ARGUMENT, "f.yaml:1:5: anchors");
}

static void test_yaml__a_key_stands_once(void **state) {
  (void)state;
  refuse("a: 1\nb:\n  c: 1\n  c: 2\n", ICE_INVALID_ARGUMENT, "f.yaml:4:3: this key stands here twice");
  refuse("a: 1\na: 1\n", ICE_INVALID_ARGUMENT, "f.yaml:2:1: this key stands here twice");
  assert_int_equal(parse("a: {c: 1}\nb: {c: 1}\n")->count, 2);
  refuse("? [a]\n: 1\n", ICE_INVALID_ARGUMENT, "f.yaml:1:3: a key must be plain text");
  refuse("{}: 1\n", ICE_INVALID_ARGUMENT, "f.yaml:1:1: a key must be plain text");
}

static void test_yaml__one_document(void **state) {
  (void)state;
  refuse("a: 1\n---\nb: 1\n", ICE_INVALID_ARGUMENT, "f.yaml:2:1: a second document begins");
}

static void test_yaml__damage_is_named_with_its_place(void **state) {
  (void)state;
  refuse("a: [1, 2\n", ICE_INVALID_ARGUMENT, "f.yaml:2:1: ");
  refuse("a: 1\n  b: 2\n", ICE_INVALID_ARGUMENT, "f.yaml:2:");
  refuse("a: \"x\n", ICE_INVALID_ARGUMENT, "f.yaml:");
  refuse("a: \x01\n", ICE_INVALID_ARGUMENT, "f.yaml:");
  refuse("a: \xFF\n", ICE_INVALID_ARGUMENT, "f.yaml:");
}

static void test_yaml__depth_is_bounded(void **state) {
  (void)state;
  char text[100000];
  memset(text, '[', sizeof text);
  text[sizeof text - 1] = '\0';
  refuse(text, ICE_INVALID_ARGUMENT, "f.yaml:1:34: values nest too deep");
  memset(text, '\0', sizeof text);
  memset(text, '[', ICE_YAML_DEPTH_MAX);
  memset(text + ICE_YAML_DEPTH_MAX, ']', ICE_YAML_DEPTH_MAX);
  assert_int_equal(parse(text)->kind, ICE_YAML_LIST);
  for (size_t i = 0; i + 3 < sizeof text; i += 3) {
    memcpy(text + i, "{a:", 3);
  }
  refuse(text, ICE_INVALID_ARGUMENT, "f.yaml:1:");
}

static void test_yaml__size_and_number_of_values_are_bounded(void **state) {
  (void)state;
  size_t size = (size_t)ICE_YAML_BYTES_MAX + 1;
  char *text = malloc(size + 1);
  assert_non_null(text);
  memset(text, ' ', size);
  text[size] = '\0';
  refuse(text, ICE_LIMIT, "f.yaml has 4194305 bytes");
  text[0] = '[';
  for (size_t i = 1; i + 2 < size; i += 2) {
    memcpy(text + i, "a,", 2);
  }
  text[size - 1] = '\0';
  refuse(text, ICE_INVALID_ARGUMENT, "f.yaml:1:");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_yaml__remembers_where_everything_stood),
      cmocka_unit_test(test_yaml__null_is_plain_alone),
      cmocka_unit_test(test_yaml__no_text_is_an_empty_map),
      cmocka_unit_test(test_yaml__anchors_aliases_and_tags_are_refused),
      cmocka_unit_test(test_yaml__a_key_stands_once),
      cmocka_unit_test(test_yaml__one_document),
      cmocka_unit_test(test_yaml__damage_is_named_with_its_place),
      cmocka_unit_test(test_yaml__depth_is_bounded),
      cmocka_unit_test(test_yaml__size_and_number_of_values_are_bounded),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
