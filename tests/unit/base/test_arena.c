#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_arena__memory_is_zeroed_and_aligned(void **state) {
  (void)state;
  ice_arena arena;
  ice_arena_init(&arena, 1 << 20);
  for (size_t size = 0; size < 300; size++) {
    unsigned char *memory = ice_arena_alloc(&arena, size, NULL);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % 16, 0);
    for (size_t i = 0; i < size; i++) {
      assert_int_equal(memory[i], 0);
      memory[i] = 0xFF;
    }
  }
  ice_arena_deinit(&arena);
  assert_int_equal(arena.size, 0);
}

static void test_arena__restore_gives_zeroed_memory_again(void **state) {
  (void)state;
  ice_arena arena;
  ice_arena_init(&arena, 1 << 20);
  char *kept = ice_arena_alloc(&arena, 10, NULL);
  memcpy(kept, "remember", 9);
  ice_arena_mark mark = ice_arena_get_mark(&arena);
  unsigned char *first = ice_arena_alloc(&arena, 100, NULL);
  memset(first, 1, 100);
  for (int i = 0; i < 100; i++) {
    assert_non_null(ice_arena_alloc(&arena, 5000, NULL));
  }
  ice_arena_restore(&arena, mark);
  assert_int_equal(arena.size, mark.size);
  unsigned char *second = ice_arena_alloc(&arena, 100, NULL);
  assert_ptr_equal(second, first);
  assert_int_equal(second[99], 0);
  assert_string_equal(kept, "remember");
  ice_arena_deinit(&arena);
}

static void test_arena__restore_to_the_empty_arena_frees_everything(void **state) {
  (void)state;
  ice_arena arena;
  ice_arena_init(&arena, 1 << 20);
  ice_arena_mark mark = ice_arena_get_mark(&arena);
  assert_non_null(ice_arena_alloc(&arena, 5000, NULL));
  ice_arena_restore(&arena, mark);
  assert_null(arena.head);
  assert_int_equal(arena.size, 0);
  ice_arena_deinit(&arena);
}

static void test_arena__ceiling_is_a_limit(void **state) {
  (void)state;
  ice_arena arena;
  ice_error err = {0};
  ice_arena_init(&arena, 4096);
  size_t total = 0;
  while (ice_arena_alloc(&arena, 64, &err)) {
    total += 64;
    assert_true(total <= 4096);
  }
  assert_int_equal(err.status, ICE_LIMIT);
  assert_true(total >= 3000);
  assert_true(arena.size <= 4096);
  assert_null(ice_arena_alloc(&arena, SIZE_MAX, &err));
  assert_int_equal(err.status, ICE_LIMIT);
  assert_null(ice_arena_alloc(&arena, SIZE_MAX - 20, &err));
  assert_int_equal(err.status, ICE_LIMIT);
  ice_arena_deinit(&arena);
}

static void test_arena__array_size_is_checked(void **state) {
  (void)state;
  ice_arena arena;
  ice_error err = {0};
  ice_arena_init(&arena, 1 << 20);
  assert_null(ice_arena_alloc_array(&arena, SIZE_MAX / 4, 8, &err));
  assert_int_equal(err.status, ICE_LIMIT);
  uint64_t *array = ice_arena_alloc_array(&arena, 100, 8, &err);
  assert_non_null(array);
  assert_int_equal(array[99], 0);
  assert_non_null(ice_arena_alloc_array(&arena, 0, 8, &err));
  ice_arena_deinit(&arena);
}

static void test_arena__copies_text_with_a_terminator(void **state) {
  (void)state;
  ice_arena arena;
  ice_str copy;
  ice_arena_init(&arena, 1 << 20);
  assert_int_equal(ice_arena_copy_str(&arena, ice_str_make("abcdef", 3), &copy, NULL), ICE_OK);
  assert_int_equal(copy.size, 3);
  assert_string_equal(copy.data, "abc");
  assert_int_equal(ice_arena_copy_str(&arena, (ice_str){0}, &copy, NULL), ICE_OK);
  assert_string_equal(copy.data, "");
  assert_int_equal(ice_arena_copy_str(&arena, ice_str_make("a", SIZE_MAX), &copy, NULL), ICE_LIMIT);
  assert_null(copy.data);
  ice_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_arena__memory_is_zeroed_and_aligned),
      cmocka_unit_test(test_arena__restore_gives_zeroed_memory_again),
      cmocka_unit_test(test_arena__restore_to_the_empty_arena_frees_everything),
      cmocka_unit_test(test_arena__ceiling_is_a_limit),
      cmocka_unit_test(test_arena__array_size_is_checked),
      cmocka_unit_test(test_arena__copies_text_with_a_terminator),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
