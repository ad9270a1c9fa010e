// A shared file of the AWS tools, or the JSON of an endpoint that gives out credentials; the first byte chooses.
#include "fuzz_replay.h"
#include "http/http_aws_answer.h"
#include "http/http_aws_profile.h"
#include <stdlib.h>

enum { ARENA_MAX = 16 << 20, INPUT_MAX = 1 << 16 };

static bool is_part_of(ice_str value, ice_str text) { return value.size == 0 || ice_str_contains(text, value); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_arena arena;
  ice_error err = {0};
  if (size == 0 || size > INPUT_MAX) {
    return 0;
  }
  ice_arena_init(&arena, ARENA_MAX);
  ice_str text = ice_str_make((const char *)data + 1, size - 1);
  if (data[0] % 3 == 0) {
    ice_aws_credentials credentials;
    if (ice_aws_json_read(text, &arena, &credentials, &err) == ICE_OK &&
        (credentials.access_key_id.size == 0 || credentials.secret_access_key.size == 0)) {
      abort();
    }
  } else {
    ice_aws_profile profile = {0};
    ice_status status = ice_aws_profile_read(text, data[0] % 3 == 1, ICE_STR("p"), &arena, &profile, &err);
    bool whole = is_part_of(profile.access_key_id, text) && is_part_of(profile.secret_access_key, text) &&
                 is_part_of(profile.role_arn, text);
    if (status != ICE_OK || !whole || (!profile.found && profile.access_key_id.size > 0)) {
      abort();
    }
  }
  ice_arena_deinit(&arena);
  return 0;
}
