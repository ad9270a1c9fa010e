// An answer of S3 or STS; the first byte chooses what it is read as.
#include "fuzz_replay.h"
#include "http/http_aws_answer.h"
#include "store/store_s3_answer.h"
#include <stdlib.h>

enum { ARENA_MAX = 64 << 20, INPUT_MAX = 1 << 20, KINDS = 5 };

static void check_page(const ice_s3_page *page, ice_status status) {
  if (status != ICE_OK && page->count != 0) {
    abort();
  }
  for (size_t i = 0; i < page->count; i++) {
    if (page->objects[i].key.size == 0 || page->objects[i].size < 0) {
      abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_arena arena;
  ice_error err = {0};
  if (size == 0 || size > INPUT_MAX) {
    return 0;
  }
  ice_arena_init(&arena, ARENA_MAX);
  ice_str text = ice_str_make((const char *)data + 1, size - 1);
  ice_status status = ICE_OK;
  switch (data[0] % KINDS) {
    case 0: {
      ice_s3_page page;
      status = ice_s3_page_read(text, &arena, &page, &err);
      check_page(&page, status);
      break;
    }
    case 1: {
      ice_s3_problem problem;
      status = ice_s3_problem_read(text, &arena, &problem, &err);
      break;
    }
    case 2: {
      ice_str id;
      status = ice_s3_upload_id_read(text, &arena, &id, &err);
      break;
    }
    case 3: {
      ice_s3_completed completed;
      status = ice_s3_completed_read(text, &arena, &completed, &err);
      break;
    }
    default: {
      ice_aws_credentials credentials;
      status = ice_aws_sts_read(text, &arena, &credentials, &err);
      ice_str fault = ice_aws_sts_fault(text, &arena);
      if ((status == ICE_OK && credentials.access_key_id.size == 0) || fault.size > 64) {
        abort();
      }
    }
  }
  if (status != ICE_OK && status != ICE_CORRUPT && status != ICE_LIMIT) {
    abort();
  }
  ice_arena_deinit(&arena);
  return 0;
}
