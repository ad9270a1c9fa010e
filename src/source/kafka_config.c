#include "source/kafka_config_priv.h"

#include <stdio.h>

enum {
  MEMORY_DEFAULT = 32 << 20,
  MEMORY_MIN = 1 << 20,
  MEMORY_MAX = 512 << 20,
  RECORD_OVERHEAD = 512,  ///< what librdkafka holds for a queued record beside its bytes, rounded up
  QUEUED_RECORDS_MIN = 1000,
  QUEUED_RECORDS_MAX = 100000,
  PARTITION_FETCH_MAX = 1 << 20,
  VALUE_MAX = 1 << 16
};

/// What icesink's promise rests on. A property may repeat the value, nothing else.
static const struct {
  const char *name;
  const char *value;
  const char *instead;
  bool is_default;  ///< of librdkafka, so it is not set: a build without TLS does not know every name
} owned[] = {
    {"enable.auto.commit", "false", "the table holds the position", false},
    {"enable.auto.offset.store", "false", "the table holds the position", false},
    {"auto.offset.reset", "error", "an offset that is gone must be seen; see source.kafka.start and on_gap", false},
    {"enable.partition.eof", "true", "gaps at the end of a partition are seen by it", false},
    {"isolation.level", "read_committed", "records of aborted transactions are none", false},
    {"bootstrap.servers", NULL, "set source.kafka.brokers", false},
    {"metadata.broker.list", NULL, "set source.kafka.brokers", false},
    {"group.id", NULL, "set source.kafka.group", false},
    {"check.crcs", "true", "damaged batches must be seen", false},
    {"log.queue", "false", "icesink has its own log", false},
    {"enable.ssl.certificate.verification", "true", "TLS verification has no off switch; see ssl.ca.location", true},
};

static ice_status set(rd_kafka_conf_t *conf, const char *name, const char *value, ice_error *err) {
  char problem[256];
  rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, problem, sizeof problem);
  return result == RD_KAFKA_CONF_OK
             ? ICE_OK
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "librdkafka refuses %s: %s", name, problem);
}

static ice_status set_number(rd_kafka_conf_t *conf, const char *name, int64_t value, ice_error *err) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  return set(conf, name, text, err);
}

static ice_status set_text(rd_kafka_conf_t *conf, const char *name, ice_str value, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, VALUE_MAX);
  ice_status status = ICE_OK;
  if (value.size == 0) {
    goto done;
  }
  if (memchr(value.data, '\0', value.size)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "%s holds a zero byte", name);
  }
  ICE_TRY(ice_bytes_append_str(&text, value, err));
  const char *terminated = ice_bytes_c_str(&text, err);
  if (!terminated) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %s", name);
  }
  status = set(conf, name, terminated, err);
done:
  ice_bytes_deinit(&text);
  return status;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

// Half of the memory for the bytes of queued records, the other half for what librdkafka holds beside them and for
// answers that are being read.
static ice_status set_memory(rd_kafka_conf_t *conf, int64_t memory, ice_error *err) {
  memory = clamp(memory > 0 ? memory : MEMORY_DEFAULT, MEMORY_MIN, MEMORY_MAX);
  int64_t fetch = clamp(memory / 4, 256 << 10, 16 << 20);
  int64_t partition = clamp(fetch, 1, PARTITION_FETCH_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(set_number(conf, "queued.max.messages.kbytes", memory / 2 / 1024, err));
  ICE_TRY(set_number(conf, "queued.min.messages",
                     clamp(memory / 2 / RECORD_OVERHEAD, QUEUED_RECORDS_MIN, QUEUED_RECORDS_MAX), err));
  ICE_TRY(set_number(conf, "message.max.bytes", partition, err));
  ICE_TRY(set_number(conf, "max.partition.fetch.bytes", partition, err));
  ICE_TRY(set_number(conf, "fetch.max.bytes", fetch, err));
done:
  return status;
}

static ice_status set_property(rd_kafka_conf_t *conf, const ice_kafka_property *property, ice_error *err) {
  char name[128];
  ice_status status = ICE_OK;
  for (size_t i = 0; i < ICE_COUNT_OF(owned); i++) {
    if (ice_str_equal_c(property->name, owned[i].name) &&
        !(owned[i].value && ice_str_equal_c(property->value, owned[i].value))) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.properties: %s is set by icesink itself: %s", owned[i].name,
               owned[i].instead);
    }
  }
  if (property->name.size == 0 || property->name.size >= sizeof name) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.properties: a name of %zu bytes", property->name.size);
  }
  memcpy(name, property->name.data, property->name.size);
  name[property->name.size] = '\0';
  status = property->value.size == 0 ? set(conf, name, "", err) : set_text(conf, name, property->value, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "source.kafka.properties");
  }
done:
  return status;
}

ice_status ice_kafka_config_create(const ice_kafka_options *options, rd_kafka_conf_t **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  if (!conf) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a Kafka client");
  }
  for (size_t i = 0; i < ICE_COUNT_OF(owned); i++) {
    if (owned[i].value && !owned[i].is_default) {
      ICE_TRY(set(conf, owned[i].name, owned[i].value, err));
    }
  }
  ICE_TRY(set(conf, "client.id", "icesink", err));
  // One fetch is under way per broker: at the start the first may ask for idle partitions alone, and then the others
  // wait for it.
  ICE_TRY(set(conf, "fetch.wait.max.ms", "50", err));
  // A broker that comes back is found soon; the default waits up to ten seconds.
  ICE_TRY(set(conf, "reconnect.backoff.max.ms", "2000", err));
  if (rd_kafka_version() >= ICE_KAFKA_QUEUE_BACKOFF_VERSION) {
    ICE_TRY(set(conf, "fetch.queue.backoff.ms", "5", err));
  }
  ICE_TRY(set_memory(conf, options->memory, err));
  ICE_TRY(set_text(conf, "security.protocol", options->security_protocol, err));
  ICE_TRY(set_text(conf, "sasl.mechanism", options->sasl_mechanism, err));
  if (options->oauth_token_endpoint.size > 0) {
    ICE_TRY(set(conf, "sasl.mechanism", "OAUTHBEARER", err));
    rd_kafka_conf_enable_sasl_queue(conf, 1);
  }
  ICE_TRY(set_text(conf, "sasl.username", options->sasl_username, err));
  ICE_TRY(set_text(conf, "sasl.password", options->sasl_password, err));
  for (size_t i = 0; i < options->property_count; i++) {
    ICE_TRY(set_property(conf, &options->properties[i], err));
  }
  ICE_TRY(set_text(conf, "bootstrap.servers", options->brokers, err));
  // Without a name librdkafka assigns nothing; nothing is written under this one.
  ICE_TRY(set_text(conf, "group.id", options->group.size > 0 ? options->group : ICE_STR("icesink"), err));
  *out = conf;
  conf = NULL;
done:
  if (conf) {
    rd_kafka_conf_destroy(conf);
  }
  return status;
}

ice_status ice_kafka_pattern(ice_str pattern, char *out, size_t size, ice_error *err) {
  if (pattern.size > ICE_KAFKA_PATTERN_MAX || memchr(pattern.data, '\0', pattern.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "source.kafka.topic_pattern has at most %d characters",
                         (int)ICE_KAFKA_PATTERN_MAX);
  }
  snprintf(out, size, "^(%.*s)$", ICE_STR_ARG(pattern));
  return ICE_OK;
}
