#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include <stdio.h>

static ice_str number_key(int number, char out[16]) {
  int size = snprintf(out, 16, "key-%d", number);
  return ice_str_make(out, (size_t)size);
}

static void test_map__finds_what_was_put_and_nothing_else(void **state) {
  (void)state;
  static int values[5000];
  char text[16];
  ice_map map;
  ice_map_init(&map, 10000);
  assert_null(ice_map_get(&map, ICE_STR("key-1")));
  for (int i = 0; i < 5000; i++) {
    assert_int_equal(ice_map_put(&map, number_key(i, text), &values[i], NULL), ICE_OK);
  }
  assert_int_equal(map.count, 5000);
  for (int i = 0; i < 5000; i++) {
    assert_ptr_equal(ice_map_get(&map, number_key(i, text)), &values[i]);
  }
  assert_null(ice_map_get(&map, ICE_STR("key-5000")));
  assert_null(ice_map_get(&map, ICE_STR("")));
  ice_map_deinit(&map);
  assert_int_equal(map.count, 0);
  assert_null(ice_map_get(&map, ICE_STR("key-1")));
}

static void test_map__iterates_in_the_order_of_insertion(void **state) {
  (void)state;
  char text[16];
  ice_map map;
  ice_map_init(&map, 1000);
  for (int i = 500; i > 0; i--) {
    assert_int_equal(ice_map_put(&map, number_key(i * 7 % 501, text), &map, NULL), ICE_OK);
  }
  for (int i = 500; i > 0; i--) {
    assert_true(ice_str_equal(map.entries[500 - i].key, number_key(i * 7 % 501, text)));
  }
  ice_map_deinit(&map);
}

static void test_map__put_replaces_the_value_in_its_place(void **state) {
  (void)state;
  int a;
  int b;
  ice_map map;
  ice_map_init(&map, 2);
  assert_int_equal(ice_map_put(&map, ICE_STR("x"), &a, NULL), ICE_OK);
  assert_int_equal(ice_map_put(&map, ICE_STR("y"), &a, NULL), ICE_OK);
  assert_int_equal(ice_map_put(&map, ICE_STR("x"), &b, NULL), ICE_OK);
  assert_int_equal(map.count, 2);
  assert_ptr_equal(ice_map_get(&map, ICE_STR("x")), &b);
  assert_true(ice_str_equal_c(map.entries[0].key, "x"));
  ice_map_deinit(&map);
}

static void test_map__keys_are_copied_and_may_hold_any_byte(void **state) {
  (void)state;
  char key[3] = {'a', 0, 'b'};
  ice_map map;
  ice_map_init(&map, 10);
  assert_int_equal(ice_map_put(&map, ice_str_make(key, 3), key, NULL), ICE_OK);
  assert_int_equal(ice_map_put(&map, ICE_STR(""), &map, NULL), ICE_OK);
  key[2] = 'c';
  assert_null(ice_map_get(&map, ice_str_make(key, 3)));
  key[2] = 'b';
  assert_ptr_equal(ice_map_get(&map, ice_str_make(key, 3)), key);
  assert_ptr_equal(ice_map_get(&map, ICE_STR("")), &map);
  ice_map_deinit(&map);
}

static void test_map__ceiling_is_a_limit(void **state) {
  (void)state;
  ice_error err = {0};
  ice_map map;
  ice_map_init(&map, 1);
  assert_int_equal(ice_map_put(&map, ICE_STR("a"), &map, &err), ICE_OK);
  assert_int_equal(ice_map_put(&map, ICE_STR("b"), &map, &err), ICE_LIMIT);
  assert_int_equal(ice_map_put(&map, ICE_STR("a"), &err, &err), ICE_OK);
  assert_null(ice_map_get(&map, ICE_STR("b")));
  assert_int_equal(map.count, 1);
  ice_map_deinit(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_map__finds_what_was_put_and_nothing_else),
      cmocka_unit_test(test_map__iterates_in_the_order_of_insertion),
      cmocka_unit_test(test_map__put_replaces_the_value_in_its_place),
      cmocka_unit_test(test_map__keys_are_copied_and_may_hold_any_byte),
      cmocka_unit_test(test_map__ceiling_is_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
