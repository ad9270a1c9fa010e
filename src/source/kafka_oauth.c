#include "source/kafka_oauth_priv.h"

#include "base/arena.h"
#include "http/http_oauth.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000, ARENA_MAX = 1 << 18 };

struct ice_kafka_oauth {
  const ice_observer *observer;
  pthread_mutex_t lock;
  ice_arena arena;
  ice_str client_id;
  ice_oauth *oauth;
  _Atomic bool waits;
};

ice_status ice_kafka_oauth_create(const ice_kafka_options *options, ice_kafka_oauth **out, ice_error *err) {
  *out = NULL;
  if (options->oauth_token_endpoint.size == 0) {
    return ICE_OK;
  }
  if (options->oauth_client_id.size == 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "source.kafka.oauth_token_endpoint needs source.kafka.oauth_client_id");
  }
  ice_kafka_oauth *oauth = calloc(1, sizeof *oauth);
  if (!oauth) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a token client");
  }
  oauth->observer = options->observer;
  ice_arena_init(&oauth->arena, ARENA_MAX);
  pthread_mutex_init(&oauth->lock, NULL);
  const ice_oauth_options settings = {
      .port = options->port,
      .http = {.connect_timeout_ms = TIMEOUT_MS, .silence_timeout_ms = TIMEOUT_MS, .ca_file = options->oauth_ca_file},
      .token_endpoint = options->oauth_token_endpoint,
      .client_id = options->oauth_client_id,
      .client_secret = options->oauth_client_secret,
      .scope = options->oauth_scope};
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&oauth->arena, options->oauth_client_id, &oauth->client_id, err));
  ICE_TRY(ice_oauth_create(&settings, &oauth->oauth, err));
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
  ice_oauth_destroy(oauth->oauth);
  ice_arena_deinit(&oauth->arena);
  pthread_mutex_destroy(&oauth->lock);
  free(oauth);
}

static ice_status fetch(ice_kafka_oauth *oauth, rd_kafka_t *client, ice_error *err) {
  char problem[256];
  ice_oauth_token token;
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  ice_status status = ICE_OK;
  // librdkafka asks when it wants a new one, whatever is left of the last.
  ICE_TRY(ice_oauth_get(oauth->oauth, true, &token, err));
  ICE_TRY(ice_bytes_append_str(&text, token.text, err));
  const char *c_text = ice_bytes_c_str(&text, err);
  if (!c_text) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a token");
  }
  if (rd_kafka_oauthbearer_set_token(client, c_text, token.expires_at_ms, oauth->client_id.data, NULL, 0, problem,
                                     sizeof problem) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ICE_FAIL(ICE_AUTH, "librdkafka does not take the token: %s", problem);
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

void ice_kafka_oauth_refresh(ice_kafka_oauth *oauth, rd_kafka_t *client) {
  ice_error err = {0};
  pthread_mutex_lock(&oauth->lock);
  ice_status status = fetch(oauth, client, &err);
  pthread_mutex_unlock(&oauth->lock);
  atomic_store(&oauth->waits, status != ICE_OK && (err.flags & ICE_ERROR_RETRYABLE) != 0);
  if (status != ICE_OK) {
    ice_error_prepend(&err, "no token: token endpoint");
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
