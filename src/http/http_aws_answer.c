#include "http/http_aws_answer.h"

#include "codec/iso8601.h"
#include "codec/xml.h"
#include <jansson.h>

enum { FAULT_MAX = 64 };

// A word: letters and digits.
static bool is_word(ice_str text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) {
      return false;
    }
  }
  return text.size > 0 && text.size <= FAULT_MAX;
}

static bool is_header_text(ice_str text) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
      return false;
    }
  }
  return true;
}

ice_status ice_aws_credentials_check(const ice_aws_credentials *credentials, ice_error *err) {
  if (credentials->access_key_id.size == 0 || credentials->secret_access_key.size == 0) {
    return ice_error_set(err, ICE_CORRUPT, "credentials without a key");
  }
  if (!is_header_text(credentials->access_key_id) || !is_header_text(credentials->secret_access_key) ||
      !is_header_text(credentials->session_token)) {
    return ice_error_set(err, ICE_CORRUPT, "credentials with a byte that no credentials have");
  }
  return ICE_OK;
}

static ice_status read_expiry(ice_str text, ice_aws_credentials *out, ice_error *err) {
  int64_t expires_us;
  if (!ice_iso8601_parse_timestamp(text, &expires_us)) {
    return ice_error_set(err, ICE_CORRUPT, "credentials with a time of expiry that is none");
  }
  out->expires_at_ms = expires_us / 1000;
  return ICE_OK;
}

typedef struct sts_answer {
  ice_arena *arena;
  ice_aws_credentials *found;
  ice_str code;
} sts_answer;

static ice_status take_element(void *context, const ice_xml_element *element, ice_error *err) {
  sts_answer *self = context;
  const struct {
    ice_str name;
    ice_str *value;
  } texts[] = {{ICE_STR("AccessKeyId"), &self->found->access_key_id},
               {ICE_STR("SecretAccessKey"), &self->found->secret_access_key},
               {ICE_STR("SessionToken"), &self->found->session_token}};
  if (ice_str_equal(element->parent, ICE_STR("Error")) && ice_str_equal(element->name, ICE_STR("Code"))) {
    return ice_arena_copy_str(self->arena, element->text, &self->code, err);
  }
  if (!ice_str_equal(element->parent, ICE_STR("Credentials"))) {
    return ICE_OK;
  }
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    if (ice_str_equal(element->name, texts[i].name)) {
      return ice_arena_copy_str(self->arena, element->text, texts[i].value, err);
    }
  }
  return ice_str_equal(element->name, ICE_STR("Expiration")) ? read_expiry(element->text, self->found, err) : ICE_OK;
}

ice_status ice_aws_sts_read(ice_str text, ice_arena *arena, ice_aws_credentials *out, ice_error *err) {
  sts_answer self = {.arena = arena, .found = out};
  *out = (ice_aws_credentials){0};
  ice_status status = ice_xml_read(text, take_element, &self, err);
  return status == ICE_OK ? ice_aws_credentials_check(out, err) : status;
}

ice_str ice_aws_sts_fault(ice_str text, ice_arena *arena) {
  ice_aws_credentials ignored = {0};
  sts_answer self = {.arena = arena, .found = &ignored};
  bool named = ice_xml_read(text, take_element, &self, NULL) == ICE_OK && is_word(self.code);
  return named ? self.code : (ice_str){0};
}

static ice_status take_text(const json_t *object, const char *name, ice_arena *arena, ice_str *out, ice_error *err) {
  const json_t *value = json_object_get(object, name);
  ice_str text =
      json_is_string(value) ? ice_str_make(json_string_value(value), json_string_length(value)) : (ice_str){0};
  return ice_arena_copy_str(arena, text, out, err);
}

ice_status ice_aws_json_read(ice_str text, ice_arena *arena, ice_aws_credentials *out, ice_error *err) {
  *out = (ice_aws_credentials){0};
  ice_str expiry;
  ice_str code;
  ice_status status = ICE_OK;
  json_t *object = json_loadb(text.data ? text.data : "", text.size, 0, NULL);
  if (!json_is_object(object)) {
    ICE_FAIL(ICE_CORRUPT, "the answer is no JSON object");
  }
  ICE_TRY(take_text(object, "Code", arena, &code, err));
  if (is_word(code) && !ice_str_equal(code, ICE_STR("Success"))) {
    ICE_FAIL(ICE_AUTH, "the endpoint has no credentials: %.*s", ICE_STR_ARG(code));
  }
  ICE_TRY(take_text(object, "AccessKeyId", arena, &out->access_key_id, err));
  ICE_TRY(take_text(object, "SecretAccessKey", arena, &out->secret_access_key, err));
  ICE_TRY(take_text(object, "Token", arena, &out->session_token, err));
  ICE_TRY(take_text(object, "Expiration", arena, &expiry, err));
  ICE_TRY(expiry.size > 0 ? read_expiry(expiry, out, err) : ICE_OK);
  status = ice_aws_credentials_check(out, err);
done:
  json_decref(object);
  return status;
}
