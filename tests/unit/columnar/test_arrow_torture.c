#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Fails every allocation once, while a batch goes out and comes back: each failure is a clean NO_MEMORY, and all that was
// given away is released.
#include "columnar/arrow.h"
#include "columnar_test_support.h"
#include "failing_memory.h"

static void test_arrow_torture__every_allocation_may_fail(void **state) {
  (void)state;
  for (int64_t n = 1;; n++) {
    assert_true(n < 10000);
    ice_schema *schema = test_schema("struct<a: int, b: list<struct<c: string>>, m: map<string, uuid>>");
    ice_batch batch;
    ice_batch back = {0};
    struct ArrowSchema exported = {0};
    struct ArrowArray array = {0};
    OK(ice_batch_init(&batch, schema, NULL));
    for (int row = 1; row <= 20; row++) {
      for (uint32_t i = 0; i < batch.column_count; i++) {
        test_append_number(&batch.columns[i], row, 3);
      }
      OK(ice_batch_end_row(&batch, NULL));
    }
    fail_allocation(n);
    ice_status status = ice_arrow_export_schema(schema, &exported, NULL);
    if (status == ICE_OK) {
      status = ice_arrow_export_batch(&batch, &array, NULL);
    }
    if (status == ICE_OK) {
      status = ice_arrow_import_batch(&array, &exported, schema, &back, NULL);
    }
    bool complete = allocations_made() < n;
    fail_allocation(0);
    assert_int_equal(status, complete ? ICE_OK : ICE_NO_MEMORY);
    assert_null(array.release);
    assert_int_equal(back.row_count, complete ? 20 : 0);
    if (exported.release) {
      exported.release(&exported);
    }
    ice_batch_deinit(&batch);
    ice_batch_deinit(&back);
    ice_schema_unref(schema);
    if (complete) {
      assert_true(n > 50);
      break;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_arrow_torture__every_allocation_may_fail)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
