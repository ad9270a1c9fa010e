#include "assembly/open_source.h"

#include "source/kafka.h"
#include "source/segment.h"

enum {
  SEGMENT_READ_MAX = 512 * 1024,
  // Jobs under way hold a chunk each; a small budget reads in smaller steps.
  SEGMENT_SHARE = 128,
  KAFKA_SHARE = 4,
  KAFKA_MEMORY_MAX = 128 << 20,
  PROPERTIES_MAX = 1000
};

// What the Kafka client may hold of the memory budget, in bytes.
static int64_t kafka_memory(const ice_settings *settings) {
  int64_t share = ice_settings_number(settings, ICE_OPTION_ID_MEMORY) / KAFKA_SHARE;
  return share < KAFKA_MEMORY_MAX ? share : KAFKA_MEMORY_MAX;
}

int64_t ice_source_discovery_interval(const ice_settings *settings) {
  int64_t interval = ice_settings_number(settings, ICE_OPTION_ID_SOURCE_KAFKA_DISCOVERY);
  return !ice_source_is_kafka(settings) ? 0 : interval > 0 ? interval : -1;
}

bool ice_source_is_kafka(const ice_settings *settings) {
  return ice_settings_text(settings, ICE_OPTION_ID_SOURCE_SEGMENT_DIRECTORY).size == 0;
}

static ice_status open_segments(const ice_settings *settings, ice_source **out, ice_error *err) {
  size_t share = (size_t)ice_settings_number(settings, ICE_OPTION_ID_MEMORY) / SEGMENT_SHARE;
  ice_segment_options options = {.root = ice_settings_c_str(settings, ICE_OPTION_ID_SOURCE_SEGMENT_DIRECTORY),
                                 .topic = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_SEGMENT_TOPIC),
                                 .read_size = share < SEGMENT_READ_MAX ? share : SEGMENT_READ_MAX};
  ice_status status = ice_settings_require(settings, ICE_OPTION_ID_SOURCE_SEGMENT_TOPIC, err);
  return status == ICE_OK ? ice_segment_source_open(ice_port_system(), &options, out, err) : status;
}

// source.kafka.properties: a flat map; values are texts as they stand.
static ice_status read_properties(ice_settings *settings, ice_kafka_options *out, ice_error *err) {
  const ice_setting *setting = ice_settings_get(settings, ICE_OPTION_ID_SOURCE_KAFKA_PROPERTIES);
  if (!setting->tree || setting->tree->is_null) {
    return ICE_OK;
  }
  if (setting->tree->kind != ICE_YAML_MAP || setting->tree->count > PROPERTIES_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "%.*s: source.kafka.properties must be a map of names and values",
                         ICE_STR_ARG(setting->origin));
  }
  ice_kafka_property *properties =
      ice_arena_alloc_array(&settings->arena, setting->tree->count, sizeof *properties, err);
  if (!properties) {
    return ICE_NO_MEMORY;
  }
  for (const ice_yaml *entry = setting->tree->first; entry; entry = entry->next) {
    if (entry->kind != ICE_YAML_SCALAR) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "%.*s:%u: source.kafka.properties.%.*s must be one value",
                           ICE_STR_ARG(settings->file), entry->line, ICE_STR_ARG(entry->key));
    }
    properties[out->property_count++] = (ice_kafka_property){.name = entry->key, .value = entry->text};
  }
  out->properties = properties;
  return ICE_OK;
}

static ice_status open_kafka(ice_settings *settings, const ice_observer *observer, bool join, ice_source **out,
                             ice_error *err) {
  const ice_setting *topics = ice_settings_get(settings, ICE_OPTION_ID_SOURCE_KAFKA_TOPICS);
  const char *oauth_ca_file = ice_settings_c_str(settings, ICE_OPTION_ID_SOURCE_KAFKA_OAUTH_CA_FILE);
  ice_kafka_options options = {
      .port = ice_port_system(),
      .observer = observer,
      .brokers = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_BROKERS),
      .topics = topics->items,
      .topic_count = topics->item_count,
      .topic_pattern = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_TOPIC_PATTERN),
      .discovery_interval_ms = ice_source_discovery_interval(settings),
      .group = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_GROUP),
      .join_group =
          join && ice_str_equal_c(ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_ASSIGNMENT), "group"),
      .security_protocol = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_SECURITY_PROTOCOL),
      .sasl_mechanism = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_MECHANISM),
      .sasl_username = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_USERNAME),
      .sasl_password = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_SASL_PASSWORD),
      .oauth_token_endpoint = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_OAUTH_TOKEN_ENDPOINT),
      .oauth_client_id = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_OAUTH_CLIENT_ID),
      .oauth_client_secret = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_OAUTH_CLIENT_SECRET),
      .oauth_scope = ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_OAUTH_SCOPE),
      .oauth_ca_file = *oauth_ca_file != '\0' ? oauth_ca_file : NULL,
      .memory = kafka_memory(settings),
  };
  ice_status status = ICE_OK;
  if (options.brokers.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT,
             "there is no source: set source.kafka.brokers (KAFKA_BROKERS), or "
             "source.segment.directory");
  }
  if (options.topic_pattern.size == 0) {
    ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_SOURCE_KAFKA_TOPICS, err));
  }
  ICE_TRY(read_properties(settings, &options, err));
  ICE_TRY(ice_kafka_source_open(&options, out, err));
done:
  return status;
}

ice_status ice_open_source(ice_settings *settings, const ice_observer *observer, ice_budget *budget, bool join,
                           ice_source **out, ice_error *err) {
  *out = NULL;
  if (!ice_source_is_kafka(settings)) {
    return open_segments(settings, out, err);
  }
  if (budget) {
    ice_budget_add(budget, kafka_memory(settings));
  }
  return open_kafka(settings, observer, join, out, err);
}
