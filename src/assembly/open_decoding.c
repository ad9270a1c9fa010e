#include "assembly/open_decoding.h"

#include "source/schema_registry_http.h"

ice_status ice_read_payload_format(const ice_settings *settings, ice_payload_format *out, ice_error *err) {
  ice_str format = ice_settings_text(settings, ICE_OPTION_ID_DECODE_FORMAT);
  bool has_schema = ice_settings_text(settings, ICE_OPTION_ID_DECODE_SCHEMA).size > 0;
  bool is_avro = ice_str_equal_c(format, "avro");
  if (has_schema && !is_avro) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "source.decode.schema is an Avro schema; the format is %.*s",
                         ICE_STR_ARG(format));
  }
  if (has_schema || ice_str_equal_c(format, "json")) {
    *out = has_schema ? ICE_PAYLOAD_AVRO : ICE_PAYLOAD_JSON;
    return ICE_OK;
  }
  *out = is_avro ? ICE_PAYLOAD_REGISTRY_AVRO : ICE_PAYLOAD_REGISTRY_JSON;
  return ice_settings_require(settings, ICE_OPTION_ID_DECODE_REGISTRY, err);
}

ice_status ice_open_registry(const ice_settings *settings, const _Atomic bool *stop, ice_schema_registry **out,
                             ice_error *err) {
  *out = NULL;
  ice_str place = ice_settings_text(settings, ICE_OPTION_ID_DECODE_REGISTRY);
  if (ice_str_starts_with(place, ICE_STR("file:"))) {
    return ice_schema_directory_open(ice_port_system(), place.data + strlen("file:"), out, err);
  }
  const char *ca_file = ice_settings_c_str(settings, ICE_OPTION_ID_DECODE_REGISTRY_CA_FILE);
  ice_schema_registry_http_options options = {
      .url = place,
      .user = ice_settings_text(settings, ICE_OPTION_ID_DECODE_REGISTRY_USERNAME),
      .password = ice_settings_text(settings, ICE_OPTION_ID_DECODE_REGISTRY_PASSWORD),
      .ca_file = *ca_file != '\0' ? ca_file : NULL,
      .stop = stop};
  return ice_schema_registry_http_open(&options, out, err);
}

ice_status ice_open_decoding(const ice_settings *settings, const _Atomic bool *stop, ice_bytes *schema_text,
                             ice_schema_registry **registry, ice_pipeline_options *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_read_payload_format(settings, &out->format, err));
  if (out->format == ICE_PAYLOAD_AVRO) {
    const char *schema = ice_settings_c_str(settings, ICE_OPTION_ID_DECODE_SCHEMA);
    ICE_TRY(ice_port_read_file(ice_port_system(), schema, schema_text, err));
    out->schema_text = ice_bytes_str(schema_text);
  } else if (out->format != ICE_PAYLOAD_JSON) {
    ICE_TRY(ice_open_registry(settings, stop, registry, err));
    out->registry = *registry;
  }
done:
  return status;
}
