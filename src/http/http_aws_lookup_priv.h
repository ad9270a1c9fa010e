/// The places where AWS credentials are looked for, each a function: OK with credentials, NOT_FOUND where nothing is set up there.
#ifndef ICE_HTTP_HTTP_AWS_LOOKUP_PRIV_H
#define ICE_HTTP_HTTP_AWS_LOOKUP_PRIV_H

#include "http/http_aws_credentials.h"

enum { ICE_AWS_ANSWER_MAX = 64 * 1024, ICE_AWS_TOKEN_MAX = 64 * 1024 };

typedef struct ice_aws_lookup {
  const ice_port *port;
  ice_http_options http;  ///< texts are the provider's
  const char *(*variable)(void *context, const char *name);
  void *context;
  ice_str profile;  ///< asked for by a setting; else empty
  ice_str container_host;
  ice_arena *texts;  ///< where the texts of what is found go
} ice_aws_lookup;

/// The value of an environment variable; empty where it is not set.
ice_str ice_aws_variable(const ice_aws_lookup *lookup, const char *name);

/// A small file without the white space at its end, from the arena. Errors: those of files; the message names no contents.
ICE_MUST_CHECK ice_status ice_aws_read_file(const ice_aws_lookup *lookup, ice_str path, size_t size_max, ice_str *out,
                                            ice_error *err);

/// The same for a file that a setting names and that has to be there: AUTH where it is not.
ICE_MUST_CHECK ice_status ice_aws_read_secret(const ice_aws_lookup *lookup, ice_str path, ice_str *out,
                                              ice_error *err);

ICE_MUST_CHECK ice_status ice_aws_from_environment(const ice_aws_lookup *lookup, ice_aws_credentials *out,
                                                   ice_error *err);
/// Of AWS_WEB_IDENTITY_TOKEN_FILE and its companions. In http_aws_sts.c.
ICE_MUST_CHECK ice_status ice_aws_from_web_identity(const ice_aws_lookup *lookup, ice_aws_credentials *out,
                                                    ice_error *err);
ICE_MUST_CHECK ice_status ice_aws_from_profile(const ice_aws_lookup *lookup, ice_aws_credentials *out,
                                               ice_error *err);
/// In http_aws_metadata.c.
ICE_MUST_CHECK ice_status ice_aws_from_container(const ice_aws_lookup *lookup, ice_aws_credentials *out,
                                                 ice_error *err);
ICE_MUST_CHECK ice_status ice_aws_from_instance(const ice_aws_lookup *lookup, ice_aws_credentials *out,
                                                ice_error *err);

/// A role to take on. Empty texts where there are none.
typedef struct ice_aws_role {
  ice_str arn;
  ice_str session_name;
  ice_str external_id;
} ice_aws_role;

/// AssumeRoleWithWebIdentity with the token of a file.
ICE_MUST_CHECK ice_status ice_aws_assume_with_token(const ice_aws_lookup *lookup, const ice_aws_role *role,
                                                    ice_str token_file, ice_aws_credentials *out, ice_error *err);
/// AssumeRole with other credentials.
ICE_MUST_CHECK ice_status ice_aws_assume_with_keys(const ice_aws_lookup *lookup, const ice_aws_role *role,
                                                   const ice_aws_credentials *keys, ice_aws_credentials *out,
                                                   ice_error *err);

#endif
