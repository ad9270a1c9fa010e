#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_memory.h"
#include "store/store_router.h"

static ice_store *local;
static ice_store *s3;
static ice_store *store;

static int setup(void **state) {
  (void)state;
  return ice_store_memory_open(&local, NULL) != ICE_OK || ice_store_memory_open(&s3, NULL) != ICE_OK ||
         ice_store_router_open(local, s3, &store, NULL) != ICE_OK;
}

static int teardown(void **state) {
  (void)state;
  ice_store_destroy(store);
  return 0;
}

static ice_status count_one(void *context, const ice_object_info *info, ice_error *err) {
  (void)info;
  (void)err;
  ++*(int *)context;
  return ICE_OK;
}

static void test_store_router__each_scheme_has_its_store(void **state) {
  (void)state;
  static const struct {
    const char *location;
    bool is_s3;
  } cases[] = {{"/w/a", false}, {"file:///w/b", false}, {"s3://b/c", true}, {"s3a://b/d", true}, {"s3n://b/e", true}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_str location = ice_str_of(cases[i].location);
    int64_t size;
    char read[3];
    int listed = 0;
    assert_int_equal(ice_store_write_all(store, location, "abc", 3, NULL), ICE_OK);
    assert_int_equal(ice_store_stat(cases[i].is_s3 ? s3 : local, location, &size, NULL), ICE_OK);
    assert_int_equal(ice_store_stat(cases[i].is_s3 ? local : s3, location, &size, NULL), ICE_NOT_FOUND);
    assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_OK);
    assert_int_equal(ice_store_read(store, location, 0, read, 3, NULL), ICE_OK);
    assert_memory_equal(read, "abc", 3);
    assert_int_equal(ice_store_list(store, location, count_one, &listed, NULL), ICE_OK);
    assert_int_equal(listed, 1);
    assert_int_equal(ice_store_remove(store, location, NULL), ICE_OK);
    assert_int_equal(ice_store_stat(store, location, &size, NULL), ICE_NOT_FOUND);
  }
  assert_int_equal(ice_store_drive(store, 0, NULL), ICE_OK);
}

static void test_store_router__says_which_store_is_missing(void **state) {
  (void)state;
  ice_store *memory;
  ice_store *half;
  ice_error err;
  int64_t size;
  assert_int_equal(ice_store_memory_open(&memory, NULL), ICE_OK);
  assert_int_equal(ice_store_router_open(memory, NULL, &half, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(half, ICE_STR("s3://b/k"), &size, &err), ICE_UNSUPPORTED);
  assert_non_null(strstr(err.message, "store.s3"));
  assert_int_equal(ice_store_stat(half, ICE_STR("gs://b/k"), &size, &err), ICE_UNSUPPORTED);
  assert_null(strstr(err.message, "store.s3"));
  assert_int_equal(ice_store_drive(half, 0, NULL), ICE_OK);
  ice_store_destroy(half);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_store_router__each_scheme_has_its_store, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_router__says_which_store_is_missing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
