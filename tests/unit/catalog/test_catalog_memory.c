#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/catalog_memory.h"
#include "catalog_test_support.h"
#include "store/store_memory.h"

static ice_catalog *catalog;
static ice_memory_fate next_fate;
static int asked;
static ice_status answered;

static ice_memory_fate choose(void *context, const ice_table_commit *commits, size_t count, int64_t number) {
  (void)context;
  (void)commits;
  (void)count;
  asked++;
  assert_int_equal(number, asked);
  ice_memory_fate fate = next_fate;
  next_fate = ICE_MEMORY_APPLY;
  return fate;
}

static void remember(void *context, const ice_table_commit *commits, size_t count, int64_t number,
                     ice_status status) {
  (void)context;
  (void)commits;
  (void)count;
  (void)number;
  answered = status;
}

static int open_catalog(bool atomic) {
  ice_store *store = NULL;
  const ice_catalog_memory_options options = {.atomic = atomic, .warehouse = ICE_STR("memory://w/")};
  const ice_memory_hook hook = {.before = choose, .after = remember};
  asked = 0;
  next_fate = ICE_MEMORY_APPLY;
  assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
  assert_int_equal(ice_catalog_memory_open(ice_port_system(), &options, store, &catalog, NULL), ICE_OK);
  ice_catalog_memory_set_hook(catalog, &hook);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  assert_int_equal(test_create(catalog, "b", NULL), ICE_OK);
  assert_int_equal(test_create(catalog, "a", NULL), ICE_OK);
  return 0;
}

static int setup(void **state) {
  (void)state;
  return open_catalog(true);
}

static int setup_ordered(void **state) {
  (void)state;
  return open_catalog(false);
}

static int teardown(void **state) {
  (void)state;
  ice_catalog_destroy(catalog);
  return 0;
}

static ice_status join_names(void *context, ice_str name, ice_error *err) {
  return ice_bytes_append_format(context, err, "%.*s ", ICE_STR_ARG(name));
}

static void test_catalog_memory__names(void **state) {
  (void)state;
  ice_bytes names;
  ice_table table;
  ice_error err = {0};
  ice_bytes_init(&names, 100);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("a.b"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_create_namespace(catalog, ICE_STR("db"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_list_namespaces(catalog, join_names, &names, NULL), ICE_OK);
  assert_int_equal(ice_catalog_list_tables(catalog, ICE_STR("db"), join_names, &names, NULL), ICE_OK);
  assert_int_equal(ice_catalog_list_tables(catalog, ICE_STR("a.b"), join_names, &names, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&names, NULL), "a.b db a b ");
  ice_bytes_deinit(&names);
  assert_int_equal(test_create(catalog, "a", &err), ICE_ALREADY_EXISTS);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("c"), &table, &err), ICE_NOT_FOUND);
  assert_string_equal(err.message, "Table does not exist: db.c");
}

static void test_catalog_memory__a_dropped_table_comes_back_as_another(void **state) {
  (void)state;
  ice_table first;
  ice_table second;
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &first, NULL), ICE_OK);
  assert_int_equal(ice_catalog_drop_table(catalog, test_ident("a"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_drop_table(catalog, test_ident("a"), NULL), ICE_NOT_FOUND);
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_NOT_FOUND);
  assert_int_equal(test_create(catalog, "a", NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(catalog, test_ident("a"), &second, NULL), ICE_OK);
  assert_false(ice_str_equal(first.metadata->uuid, second.metadata->uuid));
  assert_true(ice_str_equal_c(second.metadata->location, "memory://w/db/a"));
  ice_table_deinit(&first);
  ice_table_deinit(&second);
}

static void test_catalog_memory__requirements_are_checked(void **state) {
  (void)state;
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  assert_int_equal(test_commit(catalog, "a", "2", "another", NULL), ICE_CONFLICT);
  ASSERT_PROPERTY(catalog, "a", "1");
}

static void test_catalog_memory__several_tables_change_together_or_not_at_all(void **state) {
  (void)state;
  assert_int_equal(test_commit_two(catalog, "1", "another", NULL), ICE_CONFLICT);
  ASSERT_PROPERTY(catalog, "a", "");
  assert_int_equal(test_commit_two(catalog, "1", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  ASSERT_PROPERTY(catalog, "b", "1");
}

static void test_catalog_memory__an_ordered_one_takes_one_table_at_a_time(void **state) {
  (void)state;
  assert_int_equal(test_commit_two(catalog, "1", NULL, NULL), ICE_UNSUPPORTED);
  assert_int_equal(test_commit(catalog, "a", "1", NULL, NULL), ICE_OK);
}

static void test_catalog_memory__every_fate_is_what_it_says(void **state) {
  (void)state;
  static const struct {
    ice_memory_fate fate;
    ice_status status;
    const char *a, *b;
  } cases[] = {
      {ICE_MEMORY_CONFLICT, ICE_CONFLICT, "", ""},   {ICE_MEMORY_REFUSE, ICE_IO, "", ""},
      {ICE_MEMORY_LOSE, ICE_COMMIT_UNKNOWN, "", ""}, {ICE_MEMORY_APPLY_UNKNOWN, ICE_COMMIT_UNKNOWN, "1", "1"},
      {ICE_MEMORY_TEAR_FIRST, ICE_OK, "2", "1"},     {ICE_MEMORY_TEAR_REST, ICE_OK, "2", "3"},
      {ICE_MEMORY_APPLY, ICE_OK, "4", "4"}};
  static const char *const values[] = {"x", "x", "x", "1", "2", "3", "4"};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    next_fate = cases[i].fate;
    assert_int_equal(test_commit_two(catalog, values[i], NULL, NULL), cases[i].status);
    assert_int_equal(answered, cases[i].status);
    ASSERT_PROPERTY(catalog, "a", cases[i].a);
    ASSERT_PROPERTY(catalog, "b", cases[i].b);
  }
  assert_int_equal(asked, ICE_COUNT_OF(cases));
}

static void test_catalog_memory__held_requests_arrive_late_and_in_order(void **state) {
  (void)state;
  next_fate = ICE_MEMORY_HOLD;
  assert_int_equal(test_commit_two(catalog, "1", NULL, NULL), ICE_COMMIT_UNKNOWN);
  next_fate = ICE_MEMORY_HOLD;
  assert_int_equal(test_commit_two(catalog, "2", "another", NULL), ICE_COMMIT_UNKNOWN);
  assert_int_equal(ice_catalog_memory_held(catalog), 2);
  assert_int_equal(test_commit(catalog, "a", "between", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "between");
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "1");
  ASSERT_PROPERTY(catalog, "b", "1");
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_CONFLICT);
  ASSERT_PROPERTY(catalog, "a", "1");
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_INVALID_STATE);
  // Any of them may be the one that arrives.
  for (int i = 3; i < 6; i++) {
    static const char *const values[] = {"3", "4", "5"};
    next_fate = ICE_MEMORY_HOLD;
    assert_int_equal(test_commit(catalog, "a", values[i - 3], NULL, NULL), ICE_COMMIT_UNKNOWN);
  }
  assert_int_equal(ice_catalog_memory_release_at(catalog, 3, NULL), ICE_INVALID_STATE);
  assert_int_equal(ice_catalog_memory_release_at(catalog, 1, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "4");
  assert_int_equal(ice_catalog_memory_release_at(catalog, 1, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "5");
  assert_int_equal(ice_catalog_memory_release(catalog, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "3");
  // One that is never released is freed with the catalog.
  next_fate = ICE_MEMORY_HOLD;
  assert_int_equal(test_commit(catalog, "a", "3", NULL, NULL), ICE_COMMIT_UNKNOWN);
}

static ice_memory_fate commit_in_between(void *context, const ice_table_commit *commits, size_t count,
                                         int64_t number) {
  (void)context;
  (void)commits;
  (void)count;
  assert_int_equal(number, 1);
  assert_int_equal(test_commit(catalog, "b", "foreign", NULL, NULL), ICE_OK);
  return ICE_MEMORY_APPLY;
}

static void test_catalog_memory__a_hook_may_commit_itself(void **state) {
  (void)state;
  const ice_memory_hook hook = {.before = commit_in_between};
  ice_catalog_memory_set_hook(catalog, &hook);
  assert_int_equal(test_commit(catalog, "a", "own", NULL, NULL), ICE_OK);
  ASSERT_PROPERTY(catalog, "a", "own");
  ASSERT_PROPERTY(catalog, "b", "foreign");
  ice_catalog_memory_set_hook(catalog, NULL);
  assert_int_equal(test_commit(catalog, "a", "2", NULL, NULL), ICE_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_catalog_memory__names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__a_dropped_table_comes_back_as_another, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__requirements_are_checked, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__several_tables_change_together_or_not_at_all, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__an_ordered_one_takes_one_table_at_a_time, setup_ordered,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__every_fate_is_what_it_says, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__held_requests_arrive_late_and_in_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_catalog_memory__a_hook_may_commit_itself, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
