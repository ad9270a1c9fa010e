#include "http/http_oauth.h"

#include "http/http_url.h"
#include <jansson.h>
#include <stdlib.h>

enum {
  TOKEN_MAX = 1 << 20,
  FORM_MAX = 2 * TOKEN_MAX,
  SETTINGS_MAX = 2 * TOKEN_MAX,
  LIFETIME_DEFAULT_S = 300,  ///< of a token whose answer does not tell (RFC 6749: expires_in is recommended)
  LIFETIME_MAX_S = 86400 * 365,
  EARLY_MS = 60 * 1000,  ///< a token is renewed this long before it expires, at most a fifth of its lifetime
  EARLY_SHARE = 5
};

struct ice_oauth {
  const ice_port *port;
  ice_arena arena;
  ice_oauth_options settings;
  ice_http_client *http;
  ice_bytes token;
  int64_t expires_at_ms;
  int64_t renew_at_ms;  ///< 0: never by itself
};

static ice_status copy_settings(ice_oauth *oauth, const ice_oauth_options *options, ice_error *err) {
  ice_oauth_options *own = &oauth->settings;
  *own = *options;
  own->http = (ice_http_options){0};
  ice_str *const texts[] = {&own->token_endpoint, &own->client_id, &own->client_secret, &own->token,
                            &own->scope,          &own->audience,  &own->resource};
  ice_status status = ICE_OK;
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    ICE_TRY(ice_arena_copy_str(&oauth->arena, *texts[i], texts[i], err));
  }
  ICE_TRY(ice_bytes_append_str(&oauth->token, own->token, err));
done:
  return status;
}

ice_status ice_oauth_create(const ice_oauth_options *options, ice_oauth **out, ice_error *err) {
  *out = NULL;
  bool asks = options->token_endpoint.size > 0 && (options->client_secret.size > 0 || options->client_id.size > 0);
  if ((!asks && options->token.size == 0) ||
      (options->token_endpoint.size > 0 &&
       memchr(options->token_endpoint.data, '\0', options->token_endpoint.size))) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "neither a token nor a token endpoint with a client's id and secret");
  }
  ice_oauth *oauth = calloc(1, sizeof *oauth);
  if (!oauth) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a token client");
  }
  oauth->port = options->port;
  ice_arena_init(&oauth->arena, SETTINGS_MAX);
  ice_bytes_init(&oauth->token, TOKEN_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(copy_settings(oauth, options, err));
  ICE_TRY(ice_http_client_create(&options->http, &oauth->http, err));
  *out = oauth;
  oauth = NULL;
done:
  ice_oauth_destroy(oauth);
  return status;
}

void ice_oauth_destroy(ice_oauth *oauth) {
  if (!oauth) {
    return;
  }
  ice_http_client_destroy(oauth->http);
  ice_bytes_deinit(&oauth->token);
  ice_arena_deinit(&oauth->arena);
  free(oauth);
}

// Asking ------------------------------------------------------------------------------------------------------------

static ice_status add_field(ice_bytes *form, const char *name, ice_str value, ice_error *err) {
  ice_status status = ICE_OK;
  if (value.size == 0) {
    goto done;
  }
  ICE_TRY(ice_bytes_append_format(form, err, "%s%s=", form->size > 0 ? "&" : "", name));
  ICE_TRY(ice_http_url_encode(value, form, err));
done:
  return status;
}

static bool exchanges(const ice_oauth *oauth) {
  return oauth->settings.client_secret.size == 0 && oauth->token.size > 0;
}

static ice_status build_form(const ice_oauth *oauth, ice_bytes *out, ice_error *err) {
  const ice_oauth_options *own = &oauth->settings;
  ice_status status = ICE_OK;
  if (exchanges(oauth)) {
    ICE_TRY(add_field(out, "grant_type", ICE_STR("urn:ietf:params:oauth:grant-type:token-exchange"), err));
    ICE_TRY(add_field(out, "subject_token", ice_bytes_str(&oauth->token), err));
    ICE_TRY(add_field(out, "subject_token_type", ICE_STR("urn:ietf:params:oauth:token-type:access_token"), err));
  } else {
    ICE_TRY(add_field(out, "grant_type", ICE_STR("client_credentials"), err));
  }
  if (own->secret_in_form && !exchanges(oauth)) {
    ICE_TRY(add_field(out, "client_id", own->client_id, err));
    ICE_TRY(add_field(out, "client_secret", own->client_secret, err));
  }
  ICE_TRY(add_field(out, "scope", own->scope, err));
  ICE_TRY(add_field(out, "audience", own->audience, err));
  ICE_TRY(add_field(out, "resource", own->resource, err));
done:
  return status;
}

static int64_t now_ms(const ice_oauth *oauth) { return oauth->port->clock.now_us(oauth->port->clock.context) / 1000; }

// "access_token" and "expires_in" of the answer (RFC 6749, section 5.1).
static ice_status take_token(ice_oauth *oauth, ice_str answer, ice_error *err) {
  json_error_t place;
  ice_status status = ICE_OK;
  json_t *root = json_loadb(answer.data, answer.size, JSON_REJECT_DUPLICATES, &place);
  const json_t *token = json_object_get(root, "access_token");
  const json_t *expires = json_object_get(root, "expires_in");
  json_int_t seconds = json_is_integer(expires) ? json_integer_value(expires) : LIFETIME_DEFAULT_S;
  if (json_string_length(token) == 0 || seconds <= 0) {
    ICE_FAIL(ICE_CORRUPT, "%s: the answer has no access_token that lives", oauth->settings.token_endpoint.data);
  }
  ice_bytes_clear(&oauth->token);
  ICE_TRY(ice_bytes_append(&oauth->token, json_string_value(token), json_string_length(token), err));
  int64_t lifetime_ms = (seconds < LIFETIME_MAX_S ? seconds : LIFETIME_MAX_S) * 1000;
  int64_t early_ms = lifetime_ms / EARLY_SHARE < EARLY_MS ? lifetime_ms / EARLY_SHARE : EARLY_MS;
  oauth->expires_at_ms = now_ms(oauth) + lifetime_ms;
  oauth->renew_at_ms = oauth->expires_at_ms - early_ms;
done:
  json_decref(root);
  return status;
}

static ice_status fetch(ice_oauth *oauth, ice_error *err) {
  static const ice_http_header headers[] = {
      {ICE_STR_INIT("Content-Type"), ICE_STR_INIT("application/x-www-form-urlencoded")},
      {ICE_STR_INIT("Accept"), ICE_STR_INIT("application/json")}};
  const ice_oauth_options *own = &oauth->settings;
  ice_bytes form;
  ice_bytes user;
  ice_bytes password;
  ice_http_response response;
  ice_bytes_init(&form, FORM_MAX);
  ice_bytes_init(&user, FORM_MAX);
  ice_bytes_init(&password, FORM_MAX);
  ice_http_response_init(&response, TOKEN_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(build_form(oauth, &form, err));
  ice_http_request request = {.method = ICE_HTTP_POST,
                              .url = own->token_endpoint.data,
                              .headers = headers,
                              .header_count = ICE_COUNT_OF(headers),
                              .body = ice_bytes_str(&form)};
  if (!own->secret_in_form && !exchanges(oauth)) {
    // Both are form-encoded before they are joined (RFC 6749, section 2.3.1).
    ICE_TRY(ice_http_url_encode(own->client_id, &user, err));
    ICE_TRY(ice_http_url_encode(own->client_secret, &password, err));
    request.user = ice_bytes_str(&user);
    request.password = ice_bytes_str(&password);
  }
  ICE_TRY(ice_http_client_send(oauth->http, &request, &response, err));
  if (response.status != 200) {
    // An error's body may repeat what was sent, so it is not quoted.
    ice_bytes_clear(&response.body);
    ICE_TRY(ice_http_response_check(&response, own->token_endpoint.data, err));
    ICE_FAIL(ICE_AUTH, "%s: HTTP status %d", own->token_endpoint.data, response.status);
  }
  ICE_TRY(take_token(oauth, ice_bytes_str(&response.body), err));
done:
  ice_http_response_deinit(&response);
  ice_bytes_deinit(&password);
  ice_bytes_deinit(&user);
  ice_bytes_deinit(&form);
  return status;
}

bool ice_oauth_can_renew(const ice_oauth *oauth) { return oauth->settings.token_endpoint.size > 0; }

ice_status ice_oauth_get(ice_oauth *oauth, bool renew, ice_oauth_token *out, ice_error *err) {
  *out = (ice_oauth_token){0};
  bool due = oauth->renew_at_ms > 0 && now_ms(oauth) >= oauth->renew_at_ms;
  if (oauth->token.size == 0 || due || renew) {
    if (!ice_oauth_can_renew(oauth)) {
      return ice_error_set(err, ICE_AUTH, "the token was refused, and there is no token endpoint to ask for another");
    }
    ice_status status = fetch(oauth, err);
    // A token that can be used yet is used on, whatever the endpoint says.
    bool usable = !renew && oauth->token.size > 0 && now_ms(oauth) < oauth->expires_at_ms;
    if (status != ICE_OK && !usable) {
      return status;
    }
    ice_error_clear(err);
  }
  *out = (ice_oauth_token){.text = ice_bytes_str(&oauth->token), .expires_at_ms = oauth->expires_at_ms};
  return ICE_OK;
}
