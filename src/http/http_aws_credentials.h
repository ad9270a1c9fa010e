/// Where AWS credentials come from: given ones, or what the AWS SDKs look through in their order: environment, web identity,
/// shared files and profiles, container endpoint, instance metadata.
#ifndef ICE_HTTP_HTTP_AWS_CREDENTIALS_H
#define ICE_HTTP_HTTP_AWS_CREDENTIALS_H

#include "http/http_sigv4.h"
#include "port/port.h"

typedef struct ice_aws_provider ice_aws_provider;

typedef struct ice_aws_provider_interface {
  /// Credentials that are good for a while yet: `*out` is borrowed until the next call. With `renew` those that were given
  /// last were refused, and are fetched again where they can be.
  ice_status (*get)(ice_aws_provider *provider, bool renew, ice_aws_credentials *out, ice_error *err);
  void (*destroy)(ice_aws_provider *provider);
} ice_aws_provider_interface;

struct ice_aws_provider {
  const ice_aws_provider_interface *interface;
};

/// Errors: AUTH (none are found: says where was looked), IO, TIMEOUT (an endpoint does not answer; RETRYABLE). Threads: one
/// at a time.
ICE_MUST_CHECK static inline ice_status ice_aws_provider_get(ice_aws_provider *provider, bool renew,
                                                             ice_aws_credentials *out, ice_error *err) {
  return provider->interface->get(provider, renew, out, err);
}

static inline void ice_aws_provider_destroy(ice_aws_provider *provider) {
  if (provider) {
    provider->interface->destroy(provider);
  }
}

/// These credentials, for ever. Ownership: texts are copied, `*out` is the caller's. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_aws_provider_fixed(const ice_aws_credentials *credentials, ice_aws_provider **out,
                                                 ice_error *err);

typedef struct ice_aws_chain_options {
  const ice_port *port;
  ice_http_options http;
  /// The environment, as getenv: NULL reads the process's own.
  const char *(*variable)(void *context, const char *name);
  void *context;
  ice_str profile;         ///< empty: AWS_PROFILE, else "default"
  ice_str container_host;  ///< where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is; empty: http://169.254.170.2
} ice_aws_chain_options;

/// The chain of the AWS SDKs. Nothing is fetched before the first get. Ownership: texts are copied, `port` is borrowed.
ICE_MUST_CHECK ice_status ice_aws_provider_chain(const ice_aws_chain_options *options, ice_aws_provider **out,
                                                 ice_error *err);

#endif
