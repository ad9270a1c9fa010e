#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_s3_answer.h"

enum { ARENA_MAX = 64 << 20 };

static ice_arena arena;

static int setup(void **state) {
  (void)state;
  ice_arena_init(&arena, ARENA_MAX);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_arena_deinit(&arena);
  return 0;
}

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

static void test_store_s3_answer__reads_a_list(void **state) {
  (void)state;
  static const char text[] =
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix>t%2F</Prefix>"
      "<KeyCount>2</KeyCount><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>a&amp;b</NextContinuationToken>"
      "<Contents><Key>t/a+b%2Bc%C3%B6</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><Size>5</Size>"
      "<Owner><ID>x</ID></Owner></Contents><Contents><Key>t/z</Key><Size>0</Size></Contents>"
      "<CommonPrefixes><Prefix>t/y/</Prefix></CommonPrefixes></ListBucketResult>";
  ice_s3_page page;
  assert_int_equal(ice_s3_page_read(ICE_STR(text), &arena, &page, NULL), ICE_OK);
  assert_int_equal(page.count, 2);
  assert_true(page.truncated);
  assert_text(page.token, "a&b");
  assert_text(page.objects[0].key, "t/a b+c\xc3\xb6");
  assert_int_equal(page.objects[0].size, 5);
  assert_int_equal(page.objects[0].modified_us, INT64_C(1767323045678000));
  assert_text(page.objects[1].key, "t/z");
  // Names that were not asked to be encoded, or a server that does not, stand as they are.
  static const char plain[] =
      "<ListBucketResult><Contents><Key>a%2Fb+</Key><Size>1</Size></Contents></ListBucketResult>";
  assert_int_equal(ice_s3_page_read(ICE_STR(plain), &arena, &page, NULL), ICE_OK);
  assert_text(page.objects[0].key, "a%2Fb+");
  assert_false(page.truncated);
}

static void test_store_s3_answer__refuses_lists_that_are_none(void **state) {
  (void)state;
#define OBJECT(inner) "<ListBucketResult><Contents>" inner "</Contents></ListBucketResult>"
  static const char *const bad[] = {
      "<Error><Code>x</Code></Error>",
      "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
      OBJECT("<Size>1</Size>"),
      OBJECT("<Key>k</Key>"),
      OBJECT("<Key></Key><Size>1</Size>"),
      OBJECT("<Key>k</Key><Size>-1</Size>"),
      OBJECT("<Key>k</Key><Size>99999999999999999999</Size>"),
      OBJECT("<Key>k</Key><Size>1</Size><LastModified>soon</LastModified>"),
      "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>k%2</Key><Size>1</Size></Contents>"
      "</ListBucketResult>"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_s3_page page;
    if (ice_s3_page_read(ice_str_of(bad[i]), &arena, &page, NULL) != ICE_CORRUPT) {
      fail_msg("accepted: %s", bad[i]);
    }
    assert_int_equal(page.count, 0);
  }
}

static void test_store_s3_answer__reads_the_other_answers(void **state) {
  (void)state;
  ice_s3_problem problem;
  ice_s3_completed completed;
  ice_str id;
  assert_int_equal(ice_s3_problem_read(ICE_STR("<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region "
                                               "&apos;x&apos; is wrong</Message><Region>eu-west-1</Region></Error>"),
                                       &arena, &problem, NULL),
                   ICE_OK);
  assert_text(problem.code, "AuthorizationHeaderMalformed");
  assert_text(problem.message, "the region 'x' is wrong");
  assert_text(problem.region, "eu-west-1");
  assert_int_equal(problem.header.size, 0);
  assert_int_equal(ice_s3_problem_read(ICE_STR("<html/>"), &arena, &problem, NULL), ICE_CORRUPT);
  assert_int_equal(ice_s3_upload_id_read(ICE_STR("<InitiateMultipartUploadResult><UploadId>i/d+</UploadId>"
                                                 "</InitiateMultipartUploadResult>"),
                                         &arena, &id, NULL),
                   ICE_OK);
  assert_text(id, "i/d+");
  assert_int_equal(
      ice_s3_upload_id_read(ICE_STR("<InitiateMultipartUploadResult><Key>k</Key></InitiateMultipartUploadResult>"),
                            &arena, &id, NULL),
      ICE_CORRUPT);
  assert_int_equal(
      ice_s3_completed_read(ICE_STR("<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag><ChecksumCRC32C>"
                                    "x-2</ChecksumCRC32C></CompleteMultipartUploadResult>"),
                            &arena, &completed, NULL),
      ICE_OK);
  assert_text(completed.etag, "\"e-2\"");
  assert_text(completed.checksum_crc32c, "x-2");
  // The server says 200 before it knows.
  assert_int_equal(
      ice_s3_completed_read(ICE_STR("<Error><Code>InternalError</Code></Error>"), &arena, &completed, NULL),
      ICE_CORRUPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_store_s3_answer__reads_a_list, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_s3_answer__refuses_lists_that_are_none, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_s3_answer__reads_the_other_answers, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
