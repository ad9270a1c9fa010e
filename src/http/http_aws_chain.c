// The chain of places where the AWS SDKs look for credentials, and when what was found there is fetched again.
#include "http/http_aws_answer.h"
#include "http/http_aws_lookup_priv.h"
#include "http/http_aws_profile.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  TEXTS_MAX = 8 << 20,
  EARLY_MS = 5 * 60 * 1000,  ///< before expiry: time enough for several attempts
  PAUSE_MS = 30 * 1000,      ///< between attempts while what is there still holds
  SLACK_MS = 10 * 1000
};

ice_str ice_aws_variable(const ice_aws_lookup *lookup, const char *name) {
  return ice_str_of(lookup->variable(lookup->context, name));
}

ice_status ice_aws_read_file(const ice_aws_lookup *lookup, ice_str path, size_t size_max, ice_str *out,
                             ice_error *err) {
  ice_bytes contents;
  ice_str name;
  ice_bytes_init(&contents, size_max);
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(lookup->texts, path, &name, err));
  ICE_TRY(ice_port_read_file(lookup->port, name.data, &contents, err));
  ice_str text = ice_bytes_str(&contents);
  while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ') {
    text.size--;
  }
  ICE_TRY(ice_arena_copy_str(lookup->texts, text, out, err));
done:
  ice_bytes_deinit(&contents);
  return status;
}

ice_status ice_aws_read_secret(const ice_aws_lookup *lookup, ice_str path, ice_str *out, ice_error *err) {
  ice_status status = ice_aws_read_file(lookup, path, ICE_AWS_TOKEN_MAX, out, err);
  return status == ICE_NOT_FOUND ? ice_error_set(err, ICE_AUTH, "%.*s is not there", ICE_STR_ARG(path)) : status;
}

ice_status ice_aws_from_environment(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err) {
  const ice_aws_credentials found = {.access_key_id = ice_aws_variable(lookup, "AWS_ACCESS_KEY_ID"),
                                     .secret_access_key = ice_aws_variable(lookup, "AWS_SECRET_ACCESS_KEY"),
                                     .session_token = ice_aws_variable(lookup, "AWS_SESSION_TOKEN")};
  ice_status status = ICE_OK;
  // Who asks for a profile by a setting means that one.
  if (lookup->profile.size > 0 || (found.access_key_id.size == 0 && found.secret_access_key.size == 0)) {
    return ICE_NOT_FOUND;
  }
  ICE_TRY(ice_aws_credentials_check(&found, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, found.access_key_id, &out->access_key_id, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, found.secret_access_key, &out->secret_access_key, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, found.session_token, &out->session_token, err));
done:
  if (status == ICE_CORRUPT) {
    ice_error_prepend(err, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN");
  }
  return status;
}

// Profiles ---------------------------------------------------------------------------------------------------------------

static ice_str profile_name(const ice_aws_lookup *lookup) {
  ice_str name = lookup->profile.size > 0 ? lookup->profile : ice_aws_variable(lookup, "AWS_PROFILE");
  return name.size > 0 ? name : ICE_STR("default");
}

// What one of the two files says of a profile; a file that is not there says nothing.
static ice_status read_shared_file(const ice_aws_lookup *lookup, bool is_config, ice_str name, ice_aws_profile *out,
                                   ice_error *err) {
  ice_str set = ice_aws_variable(lookup, is_config ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
  ice_str home = ice_aws_variable(lookup, "HOME");
  char path[4096];
  ice_str text;
  int size = set.size > 0 ? snprintf(path, sizeof path, "%.*s", ICE_STR_ARG(set))
                          : snprintf(path, sizeof path, "%.*s/.aws/%s", ICE_STR_ARG(home),
                                     is_config ? "config" : "credentials");
  if ((set.size == 0 && home.size == 0) || size < 0 || (size_t)size >= sizeof path) {
    return ICE_OK;
  }
  ice_status status = ice_aws_read_file(lookup, ice_str_of(path), ICE_AWS_FILE_MAX, &text, err);
  if (status == ICE_NOT_FOUND) {
    return ICE_OK;
  }
  return status == ICE_OK ? ice_aws_profile_read(text, is_config, name, lookup->texts, out, err) : status;
}

static ice_status read_profile(const ice_aws_lookup *lookup, ice_str name, ice_aws_profile *out, ice_error *err) {
  *out = (ice_aws_profile){0};
  ice_status status = read_shared_file(lookup, false, name, out, err);
  return status == ICE_OK ? read_shared_file(lookup, true, name, out, err) : status;
}

static ice_aws_credentials keys_of(const ice_aws_profile *profile) {
  return (ice_aws_credentials){.access_key_id = profile->access_key_id,
                               .secret_access_key = profile->secret_access_key,
                               .session_token = profile->session_token};
}

// A role that is taken on with the keys of another profile.
static ice_status assume_from(const ice_aws_lookup *lookup, const ice_aws_profile *profile, ice_aws_credentials *out,
                              ice_error *err) {
  const ice_aws_role role = {
      .arn = profile->role_arn, .session_name = profile->role_session_name, .external_id = profile->external_id};
  ice_aws_profile source;
  ice_status status = ICE_OK;
  ICE_TRY(read_profile(lookup, profile->source_profile, &source, err));
  const ice_aws_credentials keys = keys_of(&source);
  if (ice_aws_credentials_check(&keys, NULL) != ICE_OK) {
    ICE_FAIL(ICE_AUTH, "the source profile \"%.*s\" has no keys", ICE_STR_ARG(profile->source_profile));
  }
  ICE_TRY(ice_aws_assume_with_keys(lookup, &role, &keys, out, err));
done:
  return status;
}

ice_status ice_aws_from_profile(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err) {
  ice_aws_profile profile;
  ice_str name = profile_name(lookup);
  ice_status status = ICE_OK;
  ICE_TRY(read_profile(lookup, name, &profile, err));
  const ice_aws_role role = {.arn = profile.role_arn, .session_name = profile.role_session_name};
  if (profile.role_arn.size > 0 && profile.web_identity_token_file.size > 0) {
    status = ice_aws_assume_with_token(lookup, &role, profile.web_identity_token_file, out, err);
  } else if (profile.role_arn.size > 0 && profile.source_profile.size > 0) {
    status = assume_from(lookup, &profile, out, err);
  } else if (profile.access_key_id.size > 0 || profile.secret_access_key.size > 0) {
    *out = keys_of(&profile);
    status = ice_aws_credentials_check(out, err);
  } else if (profile.unsupported.size > 0) {
    status = ice_error_set(err, ICE_UNSUPPORTED, "\"%.*s\" is not supported: give the keys another way",
                           ICE_STR_ARG(profile.unsupported));
  } else if (lookup->profile.size > 0 || ice_aws_variable(lookup, "AWS_PROFILE").size > 0) {
    status = ice_error_set(err, ICE_AUTH, "has no credentials, or is not there");
  } else {
    return ICE_NOT_FOUND;
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "the AWS profile \"%.*s\"", ICE_STR_ARG(name));
  }
done:
  return status;
}

// The chain --------------------------------------------------------------------------------------------------------------

typedef ice_status (*place)(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err);

static const place places[] = {ice_aws_from_environment, ice_aws_from_web_identity, ice_aws_from_profile,
                               ice_aws_from_container, ice_aws_from_instance};
enum { PLACE_COUNT = sizeof places / sizeof places[0], INSTANCE = PLACE_COUNT - 1 };

typedef struct chain_provider {
  ice_aws_provider base;
  ice_aws_lookup lookup;
  ice_arena settings;
  ice_arena texts;
  ice_aws_credentials current;
  bool found;
  size_t place;  ///< where
  int64_t asked_at_ms;
} chain_provider;

static const char *own_variable(void *context, const char *name) {
  (void)context;
  return getenv(name);
}

static int64_t now_ms(const chain_provider *self) {
  return self->lookup.port->clock.now_us(self->lookup.port->clock.context) / 1000;
}

static ice_status not_found(ice_error *err) {
  return ice_error_set(
      err, ICE_AUTH,
      "no AWS credentials: looked at AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, the shared files and "
      "their profile, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI, and the "
      "instance metadata");
}

// Asks one place after the other. One that is set up and fails ends it: other credentials than those that were meant are worse than
// none. The instance's endpoint alone cannot be told from one that is not there.
static ice_status look(chain_provider *self, ice_aws_credentials *out, size_t *where, ice_error *err) {
  for (size_t i = 0; i < PLACE_COUNT; i++) {
    ice_status status = places[i](&self->lookup, out, err);
    if (status == ICE_OK) {
      *where = i;
      return ICE_OK;
    }
    bool known = i != INSTANCE || (self->found && self->place == INSTANCE);
    if (status != ICE_NOT_FOUND && (known || status == ICE_CANCELLED || status == ICE_NO_MEMORY)) {
      return status;
    }
  }
  return not_found(err);
}

static ice_status fetch(chain_provider *self, ice_error *err) {
  ice_arena texts;
  ice_aws_credentials found = {0};
  size_t where = 0;
  ice_arena_init(&texts, TEXTS_MAX);
  self->lookup.texts = &texts;
  self->asked_at_ms = now_ms(self);
  ice_status status = look(self, &found, &where, err);
  self->lookup.texts = NULL;
  if (status == ICE_OK) {
    ice_arena_deinit(&self->texts);
    self->texts = texts;
    self->current = found;
    self->place = where;
    self->found = true;
  } else {
    ice_arena_deinit(&texts);
  }
  return status;
}

static ice_status chain_get(ice_aws_provider *provider, bool renew, ice_aws_credentials *out, ice_error *err) {
  chain_provider *self = (chain_provider *)(void *)provider;
  int64_t left_ms = self->current.expires_at_ms - now_ms(self);
  bool expires = self->found && self->current.expires_at_ms != 0;
  bool holds = self->found && (!expires || left_ms > SLACK_MS);
  bool paused = now_ms(self) - self->asked_at_ms < PAUSE_MS;
  bool early = expires && left_ms < EARLY_MS && !paused;
  ice_status status = ICE_OK;
  if (!holds || renew || early) {
    status = fetch(self, err);
  }
  // What is there goes on while the endpoint does not answer, unless a server has refused it.
  if (status != ICE_OK && holds && !renew) {
    status = ICE_OK;
  }
  if (status == ICE_OK) {
    *out = self->current;
  }
  return status;
}

static void chain_destroy(ice_aws_provider *provider) {
  chain_provider *self = (chain_provider *)(void *)provider;
  ice_arena_deinit(&self->texts);
  ice_arena_deinit(&self->settings);
  free(self);
}

static const ice_aws_provider_interface chain_interface = {.get = chain_get, .destroy = chain_destroy};

static ice_status copy_c_str(ice_arena *arena, const char **text, ice_error *err) {
  ice_str copy;
  if (!*text) {
    return ICE_OK;
  }
  ice_status status = ice_arena_copy_str(arena, ice_str_of(*text), &copy, err);
  *text = copy.data;
  return status;
}

ice_status ice_aws_provider_chain(const ice_aws_chain_options *options, ice_aws_provider **out, ice_error *err) {
  *out = NULL;
  chain_provider *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for credentials");
  }
  self->base.interface = &chain_interface;
  ice_arena_init(&self->settings, TEXTS_MAX);
  ice_arena_init(&self->texts, TEXTS_MAX);
  self->lookup = (ice_aws_lookup){.port = options->port,
                                  .http = options->http,
                                  .variable = options->variable ? options->variable : own_variable,
                                  .context = options->context};
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&self->settings, options->profile, &self->lookup.profile, err));
  ICE_TRY(ice_arena_copy_str(&self->settings, options->container_host, &self->lookup.container_host, err));
  ICE_TRY(copy_c_str(&self->settings, &self->lookup.http.ca_file, err));
  ICE_TRY(copy_c_str(&self->settings, &self->lookup.http.proxy, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    chain_destroy(&self->base);
  }
  return status;
}
