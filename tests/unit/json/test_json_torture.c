#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "json_rows.h"

static const char message[] =
    "{\"id\":\"x\\u00e9\",\"b\":\"AQID\",\"none\":[1],\"l\":[{\"v\":1,\"m\":{\"k\":\"w\",\"k\\n\":null}},{\"v\":"
    "\"bad\"},7]}";

// One message after the other, so that every buffer has to grow; after the failure the same message goes in.
static ice_status decode_messages(json_rows *rows, ice_error *err) {
  enum { MESSAGES = 100 };
  const ice_str text = ice_str_make(message, sizeof message - 1);
  ice_status first = ICE_OK;
  for (int i = 0; i < MESSAGES; i++) {
    size_t faults = rows->notes.faults.size;
    size_t elements = rows->notes.elements.size;
    ice_status status = ice_json_decode(rows->decoder, text, &rows->batch, &rows->notes, err);
    if (status != ICE_OK) {
      assert_int_equal(rows->notes.faults.size, faults);
      assert_int_equal(rows->notes.elements.size, elements);
      ice_batch_truncate(&rows->batch, i);
      first = status;
      assert_int_equal(ice_json_decode(rows->decoder, text, &rows->batch, &rows->notes, NULL), ICE_OK);
    }
  }
  assert_int_equal(rows->batch.row_count, MESSAGES);
  assert_int_equal(ice_json_fault_count(&rows->notes), 2 * MESSAGES);
  assert_int_equal(rows->notes.elements.size, 3 * MESSAGES * sizeof(ice_json_span));
  for (int64_t row = 0; row < MESSAGES; row++) {
    assert_int_equal(ice_column_text(&rows->batch.columns[0], row).size, 3);
    assert_int_equal(ice_column_text(&rows->batch.columns[1], row).size, 3);
  }
  return first;
}

static ice_status scenario(ice_error *err) {
  json_rows rows;
  ice_status status =
      json_rows_open(&rows, "struct<id: string, b: binary, l: list<struct<v: int, m: map<string,string>>>>", "l");
  if (status == ICE_OK) {
    status = decode_messages(&rows, err);
  } else {
    *err = rows.err;
  }
  json_rows_close(&rows);
  return status;
}

static void test_json_decoder__survives_every_allocation_that_fails(void **state) {
  (void)state;
  assert_true(torture(scenario) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_decoder__survives_every_allocation_that_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
