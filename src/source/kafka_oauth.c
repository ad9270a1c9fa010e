#include "source/kafka_oauth_priv.h"

#include "http/http_client.h"
#include "http/http_url.h"
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
  TIMEOUT_MS = 10000,
  TOKEN_MAX = 1 << 20,
  FORM_MAX = 1 << 16,
  ARENA_MAX = 1 << 18,
  LIFETIME_DEFAULT_S = 300,  ///< of a token whose answer does not tell (RFC 6749: expires_in is recommended)
  LIFETIME_MAX_S = 86400 * 365
};

struct ice_kafka_oauth {
  const ice_port *port;
  const ice_observer *observer;
  pthread_mutex_t lock;
  ice_arena arena;
  const char *endpoint;
  ice_str client_id;
  ice_str client_secret;
  ice_str scope;
  ice_http_client *http;
  _Atomic bool waits;
};

static ice_status copy_settings(ice_kafka_oauth *oauth, const ice_kafka_options *options, ice_error *err) {
  ice_str endpoint;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&oauth->arena, options->oauth_token_endpoint, &endpoint, err));
  ICE_TRY(ice_arena_copy_str(&oauth->arena, options->oauth_client_id, &oauth->client_id, err));
  ICE_TRY(ice_arena_copy_str(&oauth->arena, options->oauth_client_secret, &oauth->client_secret, err));
  ICE_TRY(ice_arena_copy_str(&oauth->arena, options->oauth_scope, &oauth->scope, err));
  oauth->endpoint = endpoint.data;
done:
  return status;
}

ice_status ice_kafka_oauth_create(const ice_kafka_options *options, ice_kafka_oauth **out, ice_error *err) {
  *out = NULL;
  if (options->oauth_token_endpoint.size == 0) {
    return ICE_OK;
  }
  if (options->oauth_client_id.size == 0 ||
      memchr(options->oauth_token_endpoint.data, '\0', options->oauth_token_endpoint.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "source.kafka.oauth_token_endpoint needs source.kafka.oauth_client_id");
  }
  ice_kafka_oauth *oauth = calloc(1, sizeof *oauth);
  if (!oauth) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a token client");
  }
  oauth->port = options->port;
  oauth->observer = options->observer;
  ice_arena_init(&oauth->arena, ARENA_MAX);
  pthread_mutex_init(&oauth->lock, NULL);
  const ice_http_options http = {
      .connect_timeout_ms = TIMEOUT_MS, .silence_timeout_ms = TIMEOUT_MS, .ca_file = options->oauth_ca_file};
  ice_status status = ICE_OK;
  ICE_TRY(copy_settings(oauth, options, err));
  ICE_TRY(ice_http_client_create(&http, &oauth->http, err));
  *out = oauth;
  oauth = NULL;
done:
  ice_kafka_oauth_destroy(oauth);
  return status;
}

void ice_kafka_oauth_destroy(ice_kafka_oauth *oauth) {
  if (!oauth) {
    return;
  }
  ice_http_client_destroy(oauth->http);
  ice_arena_deinit(&oauth->arena);
  pthread_mutex_destroy(&oauth->lock);
  free(oauth);
}

static ice_status build_form(const ice_kafka_oauth *oauth, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("grant_type=client_credentials"), err));
  if (oauth->scope.size > 0) {
    ICE_TRY(ice_bytes_append_str(out, ICE_STR("&scope="), err));
    ICE_TRY(ice_http_url_encode(oauth->scope, out, err));
  }
done:
  return status;
}

// "access_token" and "expires_in" of the answer (RFC 6749, section 5.1).
static ice_status give_token(const ice_kafka_oauth *oauth, ice_str answer, rd_kafka_t *client, ice_error *err) {
  char problem[256];
  json_error_t place;
  ice_status status = ICE_OK;
  json_t *root = json_loadb(answer.data, answer.size, JSON_REJECT_DUPLICATES, &place);
  const char *token = json_string_value(json_object_get(root, "access_token"));
  const json_t *expires = json_object_get(root, "expires_in");
  json_int_t seconds = json_is_integer(expires) ? json_integer_value(expires) : LIFETIME_DEFAULT_S;
  if (!token || seconds <= 0) {
    ICE_FAIL(ICE_CORRUPT, "the answer has no access_token that lives");
  }
  seconds = seconds < LIFETIME_MAX_S ? seconds : LIFETIME_MAX_S;
  int64_t now_ms = oauth->port->clock.now_us(oauth->port->clock.context) / 1000;
  if (rd_kafka_oauthbearer_set_token(client, token, now_ms + seconds * 1000, oauth->client_id.data, NULL, 0, problem,
                                     sizeof problem) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ICE_FAIL(ICE_AUTH, "librdkafka does not take the token: %s", problem);
  }
done:
  json_decref(root);
  return status;
}

static ice_status fetch(ice_kafka_oauth *oauth, rd_kafka_t *client, ice_error *err) {
  static const ice_http_header headers[] = {
      {ICE_STR_INIT("Content-Type"), ICE_STR_INIT("application/x-www-form-urlencoded")},
      {ICE_STR_INIT("Accept"), ICE_STR_INIT("application/json")}};
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
  // Both are form-encoded before they are joined (RFC 6749, section 2.3.1).
  ICE_TRY(ice_http_url_encode(oauth->client_id, &user, err));
  ICE_TRY(ice_http_url_encode(oauth->client_secret, &password, err));
  const ice_http_request request = {.method = ICE_HTTP_POST,
                                    .url = oauth->endpoint,
                                    .headers = headers,
                                    .header_count = ICE_COUNT_OF(headers),
                                    .body = ice_bytes_str(&form),
                                    .user = ice_bytes_str(&user),
                                    .password = ice_bytes_str(&password)};
  ICE_TRY(ice_http_client_send(oauth->http, &request, &response, err));
  if (response.status != 200) {
    // An error's body may repeat what was sent, so it is not quoted.
    ice_bytes_clear(&response.body);
    ICE_TRY(ice_http_response_check(&response, "no token", err));
    ICE_FAIL(ICE_AUTH, "status %d", response.status);
  }
  ICE_TRY(give_token(oauth, ice_bytes_str(&response.body), client, err));
done:
  ice_http_response_deinit(&response);
  ice_bytes_deinit(&password);
  ice_bytes_deinit(&user);
  ice_bytes_deinit(&form);
  return status;
}

void ice_kafka_oauth_refresh(ice_kafka_oauth *oauth, rd_kafka_t *client) {
  ice_error err = {0};
  pthread_mutex_lock(&oauth->lock);
  ice_status status = fetch(oauth, client, &err);
  pthread_mutex_unlock(&oauth->lock);
  atomic_store(&oauth->waits, status != ICE_OK && (err.flags & ICE_ERROR_RETRYABLE) != 0);
  if (status != ICE_OK) {
    ice_error_prepend(&err, "token endpoint %s", oauth->endpoint);
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(err.message));
    ice_observe_log(oauth->observer, ICE_LOG_WARN, ICE_STR("No token for the broker; asking again"), &field, 1);
    (void)rd_kafka_oauthbearer_set_token_failure(client, err.message);
  }
}

ice_status ice_kafka_oauth_enable(rd_kafka_t *client, ice_error *err) {
  rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(client);
  ice_status status = ICE_OK;
  if (error) {
    status = ice_error_set(err, ICE_INVALID_ARGUMENT, "librdkafka does not refresh tokens: %s",
                           rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
  }
  return status;
}

bool ice_kafka_oauth_waits(const ice_kafka_oauth *oauth) { return oauth && atomic_load(&oauth->waits); }
