#include "http/http_aws_credentials.h"

#include "base/arena.h"
#include <stdlib.h>

enum { TEXTS_MAX = 256 * 1024 };

typedef struct fixed_provider {
  ice_aws_provider base;
  ice_arena texts;
  ice_aws_credentials credentials;
} fixed_provider;

static ice_status fixed_get(ice_aws_provider *provider, bool renew, ice_aws_credentials *out, ice_error *err) {
  (void)renew;
  (void)err;
  *out = ((fixed_provider *)(void *)provider)->credentials;
  return ICE_OK;
}

static void fixed_destroy(ice_aws_provider *provider) {
  fixed_provider *self = (fixed_provider *)(void *)provider;
  ice_arena_deinit(&self->texts);
  free(self);
}

static const ice_aws_provider_interface fixed_interface = {.get = fixed_get, .destroy = fixed_destroy};

ice_status ice_aws_provider_fixed(const ice_aws_credentials *credentials, ice_aws_provider **out, ice_error *err) {
  *out = NULL;
  fixed_provider *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for credentials");
  }
  self->base.interface = &fixed_interface;
  self->credentials.expires_at_ms = credentials->expires_at_ms;
  ice_arena_init(&self->texts, TEXTS_MAX);
  ice_aws_credentials *own = &self->credentials;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&self->texts, credentials->access_key_id, &own->access_key_id, err));
  ICE_TRY(ice_arena_copy_str(&self->texts, credentials->secret_access_key, &own->secret_access_key, err));
  ICE_TRY(ice_arena_copy_str(&self->texts, credentials->session_token, &own->session_token, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    fixed_destroy(&self->base);
  }
  return status;
}
