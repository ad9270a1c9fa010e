/// The files that the AWS tools share: `credentials` and `config`, sections of "key = value" lines.
#ifndef ICE_HTTP_HTTP_AWS_PROFILE_H
#define ICE_HTTP_HTTP_AWS_PROFILE_H

#include "base/arena.h"
#include "base/macros.h"
#include <stdbool.h>

enum { ICE_AWS_FILE_MAX = 1 << 20 };

/// What a profile says of credentials; empty texts where it does not.
typedef struct ice_aws_profile {
  bool found;
  ice_str access_key_id;
  ice_str secret_access_key;
  ice_str session_token;
  ice_str role_arn;
  ice_str role_session_name;
  ice_str external_id;
  ice_str source_profile;
  ice_str web_identity_token_file;
  /// The name of a key that asks for a way to credentials that there is not here (a program to run, a single sign-on).
  ice_str unsupported;
} ice_aws_profile;

/// Add what a file says of the profile `name` to `profile`; what is set there already stays. `is_config` is true for the file in
/// which sections are called "profile NAME". Lines that are none are passed over, as the AWS tools do.
///
/// Ownership: texts are from `arena`. Errors: NO_MEMORY, LIMIT. Threads: any.
ICE_MUST_CHECK ice_status ice_aws_profile_read(ice_str text, bool is_config, ice_str name, ice_arena *arena,
                                               ice_aws_profile *profile, ice_error *err);

#endif
