#include "source/kafka_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { REQUEST_TIMEOUT_MS = 5000, SCRAM_NONCE_VERSION = 0x020601ff };

// Events of librdkafka ----------------------------------------------------------------------------------------------

// Called from librdkafka's threads. What troubles a connection is a warning: the source waits and goes on.
static void take_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  const ice_kafka_source *self = rd_kafka_opaque(client);
  ice_log_level severity = level <= 4 ? ICE_LOG_WARN : ICE_LOG_DEBUG;
  ice_log_field fields[] = {ICE_LOG_TEXT("facility", ice_str_of(facility)), ICE_LOG_TEXT("text", ice_str_of(text))};
  if (self) {
    ice_observe_log(self->observer, severity, ICE_STR("librdkafka"), fields, ICE_COUNT_OF(fields));
  }
}

bool ice_kafka_is_authorization(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM || code == RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE;
}

static void take_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
  ice_kafka_source *self = opaque;
  char text[ICE_KAFKA_ERROR_MAX];
  snprintf(self->last_error, sizeof self->last_error, "%s", reason ? reason : "");
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    (void)rd_kafka_fatal_error(client, text, sizeof text);
    snprintf(self->last_error, sizeof self->last_error, "%s", text);
    self->broken = ICE_IO;
  } else if (ice_kafka_is_authorization((rd_kafka_resp_err_t)code) && !ice_kafka_oauth_waits(self->oauth)) {
    self->broken = ICE_AUTH;
  } else {
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(reason));
    ice_observe_log(self->observer, ICE_LOG_WARN, ICE_STR("Broker trouble; waiting for it"), &field, 1);
  }
}

ice_status ice_kafka_serve_events(ice_kafka_source *self, ice_error *err) {
  (void)rd_kafka_poll(self->client, 0);
  if (self->commits_under_way > 0) {
    rd_kafka_queue_poll_callback(self->commits, 0);
  }
  if (self->broken == ICE_OK) {
    return ICE_OK;
  }
  ice_error_set(err, self->broken, "Kafka: %s%s", self->last_error, self->broken == ICE_AUTH ? self->auth_hint : "");
  if (err) {
    err->flags |= ICE_ERROR_FATAL;
  }
  return self->broken;
}

ice_status ice_kafka_fail_request(ice_kafka_source *self, const char *what, rd_kafka_resp_err_t code,
                                  ice_error *err) {
  ice_status status = ice_kafka_serve_events(self, err);
  if (status != ICE_OK) {
    return status;
  }
  status = ice_kafka_is_authorization(code)       ? ICE_AUTH
           : code == RD_KAFKA_RESP_ERR__TIMED_OUT ? ICE_TIMEOUT
           : code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
               ? ICE_NOT_FOUND
               : ICE_IO;
  ice_error_set(err, status, "%s: %s%s%s", what, rd_kafka_err2str(code), self->last_error[0] ? "; " : "",
                self->last_error);
  if (err) {
    err->flags = status == ICE_IO || status == ICE_TIMEOUT ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = code;
  }
  return status;
}

// Handle ------------------------------------------------------------------------------------------------------------

static void kafka_destroy(ice_source *source) {
  ice_kafka_source *self = ice_kafka_self(source);
  ice_kafka_finish_offsets(self);
  if (self->records) {
    rd_kafka_queue_destroy(self->records);
  }
  if (self->commits) {
    rd_kafka_queue_destroy(self->commits);
  }
  bool whole = ice_kafka_group_destroy(self->group);
  ice_kafka_topics_deinit(self);
  if (self->client) {
    rd_kafka_destroy_flags(self->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  if (whole) {
    ice_kafka_oauth_destroy(self->oauth);
  }
  free(self->base.partitions);
  free(self->told);
  free(self->leaders);
  free(self->messages);
  free(self);
}

static const ice_source_interface kafka_interface = {
    .refresh = ice_kafka_refresh,
    .seek = ice_kafka_seek,
    .poll = ice_kafka_poll,
    .commit = ice_kafka_commit,
    .ask_group = ice_kafka_ask_group,
    .rebalance = ice_kafka_rebalance,
    .destroy = kafka_destroy,
};

static void refresh_token(rd_kafka_t *client, const char *config, void *opaque) {
  (void)config;
  const ice_kafka_source *self = opaque;
  ice_kafka_oauth_refresh(self->oauth, client);
}

// Brokers from 4.0 on refuse what older clients send in the last step (confluentinc/librdkafka#4895).
static const char *auth_hint(const rd_kafka_conf_t *conf) {
  char mechanism[32];
  size_t size = sizeof mechanism;
  bool scram = rd_kafka_conf_get(conf, "sasl.mechanism", mechanism, &size) == RD_KAFKA_CONF_OK &&
               strncmp(mechanism, "SCRAM", strlen("SCRAM")) == 0;
  return scram && rd_kafka_version() < SCRAM_NONCE_VERSION
             ? "; librdkafka before 2.6.1 cannot log in with SCRAM at Kafka 4 and later"
             : "";
}

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name) {
  char text[32];
  size_t size = sizeof text;
  return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

static ice_status create_client(ice_kafka_source *self, const ice_kafka_options *options, ice_error *err) {
  char problem[ICE_KAFKA_ERROR_MAX];
  rd_kafka_conf_t *conf;
  ice_status status = ice_kafka_config_create(options, &conf, err);
  if (status != ICE_OK) {
    return status;
  }
  self->queued_records = number_of(conf, "queued.min.messages");
  self->queued_bytes = number_of(conf, "queued.max.messages.kbytes") * 1024;
  self->auth_hint = auth_hint(conf);
  rd_kafka_conf_set_opaque(conf, self);
  rd_kafka_conf_set_log_cb(conf, take_log);
  rd_kafka_conf_set_error_cb(conf, take_error);
  if (self->oauth) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh_token);
  }
  self->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem, sizeof problem);
  if (!self->client) {
    rd_kafka_conf_destroy(conf);
    ICE_FAIL(ICE_INVALID_ARGUMENT, "librdkafka does not start: %s", problem);
  }
  if (self->oauth) {
    ICE_TRY(ice_kafka_oauth_enable(self->client, err));
  }
  self->records = rd_kafka_queue_get_consumer(self->client);
  self->commits = rd_kafka_queue_new(self->group ? ice_kafka_group_client(self->group) : self->client);
  if (!self->records || !self->commits) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Kafka client");
  }
done:
  return status;
}

ice_status ice_kafka_source_open(const ice_kafka_options *options, ice_source **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_kafka_source *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a Kafka source");
  }
  self->base.interface = &kafka_interface;
  self->port = options->port;
  self->observer = options->observer;
  self->has_group = options->group.size > 0;
  self->run_index = -1;
  self->tell_delay_us = ICE_KAFKA_TELL_AGAIN_US;
  self->request_timeout_ms = options->request_timeout_ms > 0 && options->request_timeout_ms < INT32_MAX
                                 ? (int)options->request_timeout_ms
                                 : REQUEST_TIMEOUT_MS;
  if (options->brokers.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.brokers is not set");
  }
  self->messages = calloc(ICE_KAFKA_STEP_RECORDS, sizeof(rd_kafka_message_t *));
  if (!self->messages) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Kafka source");
  }
  ICE_TRY(ice_kafka_oauth_create(options, &self->oauth, err));
  if (options->join_group) {
    ICE_TRY(ice_kafka_group_create(options, self->oauth, &self->group, err));
    self->base.joining = true;
  }
  ICE_TRY(create_client(self, options, err));
  ICE_TRY(ice_kafka_topics_init(self, options, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    kafka_destroy(&self->base);
  }
  return status;
}
