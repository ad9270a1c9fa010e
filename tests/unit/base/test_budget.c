#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/budget.h"
#include <pthread.h>

static void test_budget__counts_and_remembers_the_peak(void **state) {
  (void)state;
  ice_budget budget;
  ice_budget_init(&budget, 100);
  ice_budget_add(&budget, 60);
  ice_budget_add(&budget, 40);
  assert_false(ice_budget_exceeded(&budget));
  ice_budget_add(&budget, 1);
  assert_true(ice_budget_exceeded(&budget));
  ice_budget_add(&budget, -101);
  assert_int_equal(ice_budget_used(&budget), 0);
  assert_int_equal(budget.peak, 101);
  ice_budget_add(&budget, 5);
  assert_int_equal(budget.peak, 101);
}

static void test_budget__a_null_budget_counts_nothing(void **state) {
  (void)state;
  ice_budget_add(NULL, 5);
}

enum { ROUNDS = 100000 };

static void *add_and_take(void *context) {
  for (int i = 0; i < ROUNDS; i++) {
    ice_budget_add(context, 3);
    ice_budget_add(context, -2);
  }
  return NULL;
}

static void test_budget__threads_lose_no_byte(void **state) {
  (void)state;
  ice_budget budget;
  pthread_t threads[3];
  ice_budget_init(&budget, 1);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, add_and_take, &budget), 0);
  }
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(ice_budget_used(&budget), 3 * ROUNDS);
  assert_true(budget.peak >= 3 * ROUNDS);
  assert_true(budget.peak <= 3 * ROUNDS + 3 * 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_budget__counts_and_remembers_the_peak),
      cmocka_unit_test(test_budget__a_null_budget_counts_nothing),
      cmocka_unit_test(test_budget__threads_lose_no_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
