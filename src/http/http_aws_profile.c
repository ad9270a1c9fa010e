#include "http/http_aws_profile.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static ice_str trim(ice_str text) {
  while (text.size > 0 && is_blank(text.data[0])) {
    text = ice_str_make(text.data + 1, text.size - 1);
  }
  while (text.size > 0 && is_blank(text.data[text.size - 1])) {
    text.size--;
  }
  return text;
}

// "[name]", and "[profile name]" with or without quotes in the other file. No data where the line begins no section.
static ice_str section_name(ice_str line, bool is_config) {
  const char *end = memchr(line.data, ']', line.size);
  if (line.data[0] != '[' || !end) {
    return (ice_str){0};
  }
  ice_str name = trim(ice_str_make(line.data + 1, (size_t)(end - line.data) - 1));
  const ice_str word = ICE_STR("profile");
  if (!is_config || ice_str_equal(name, ICE_STR("default"))) {
    return name;
  }
  // Sections of other kinds ("sso-session x") may not be taken for profiles.
  if (!ice_str_starts_with(name, word) || name.size == word.size || !is_blank(name.data[word.size])) {
    return ICE_STR("");
  }
  name = trim(ice_str_make(name.data + word.size, name.size - word.size));
  bool quoted =
      name.size >= 2 && (name.data[0] == '"' || name.data[0] == '\'') && name.data[name.size - 1] == name.data[0];
  return quoted ? ice_str_make(name.data + 1, name.size - 2) : name;
}

// A comment begins behind white space.
static ice_str without_comment(ice_str value) {
  for (size_t i = 1; i < value.size; i++) {
    if ((value.data[i] == '#' || value.data[i] == ';') && is_blank(value.data[i - 1])) {
      return trim(ice_str_make(value.data, i));
    }
  }
  return value;
}

static ice_status take_setting(ice_aws_profile *profile, ice_str key, ice_str value, ice_arena *arena,
                               ice_error *err) {
  const struct {
    ice_str key;
    ice_str *value;
  } known[] = {{ICE_STR("aws_access_key_id"), &profile->access_key_id},
               {ICE_STR("aws_secret_access_key"), &profile->secret_access_key},
               {ICE_STR("aws_session_token"), &profile->session_token},
               {ICE_STR("role_arn"), &profile->role_arn},
               {ICE_STR("role_session_name"), &profile->role_session_name},
               {ICE_STR("external_id"), &profile->external_id},
               {ICE_STR("source_profile"), &profile->source_profile},
               {ICE_STR("web_identity_token_file"), &profile->web_identity_token_file}};
  static const ice_str unsupported[] = {ICE_STR_INIT("credential_process"), ICE_STR_INIT("credential_source"),
                                        ICE_STR_INIT("sso_session"), ICE_STR_INIT("sso_start_url"),
                                        ICE_STR_INIT("mfa_serial")};
  for (size_t i = 0; i < ICE_COUNT_OF(known); i++) {
    if (ice_str_equal(key, known[i].key)) {
      return ice_arena_copy_str(arena, value, known[i].value, err);
    }
  }
  for (size_t i = 0; i < ICE_COUNT_OF(unsupported); i++) {
    if (ice_str_equal(key, unsupported[i])) {
      profile->unsupported = unsupported[i];
    }
  }
  return ICE_OK;
}

static void merge(ice_aws_profile *into, const ice_aws_profile *from) {
#define KEEP(field) into->field = into->field.size > 0 ? into->field : from->field
  into->found = into->found || from->found;
  // Halves of two pairs of keys make no pair.
  if (into->access_key_id.size == 0 && into->secret_access_key.size == 0) {
    into->access_key_id = from->access_key_id;
    into->secret_access_key = from->secret_access_key;
    into->session_token = from->session_token;
  }
  KEEP(role_arn);
  KEEP(role_session_name);
  KEEP(external_id);
  KEEP(source_profile);
  KEEP(web_identity_token_file);
  KEEP(unsupported);
#undef KEEP
}

ice_status ice_aws_profile_read(ice_str text, bool is_config, ice_str name, ice_arena *arena,
                                ice_aws_profile *profile, ice_error *err) {
  bool ours = false;
  // Of two lines with the same key in a file the last counts, so this file is read apart from what is there.
  ice_aws_profile here = {0};
  ice_status status = ICE_OK;
  for (size_t from = 0; from < text.size;) {
    const char *end = memchr(text.data + from, '\n', text.size - from);
    size_t size = end ? (size_t)(end - text.data) - from : text.size - from;
    ice_str line = ice_str_make(text.data + from, size);
    from += size + 1;
    bool indented = line.size > 0 && is_blank(line.data[0]);
    line = trim(line);
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';') {
      continue;
    }
    if (line.data[0] == '[') {
      ice_str section = section_name(line, is_config);
      ours = section.data && ice_str_equal(section, name);
      here.found = here.found || ours;
      continue;
    }
    const char *equals = memchr(line.data, '=', line.size);
    // What is indented belongs to the key above it.
    if (ours && equals && !indented) {
      size_t key = (size_t)(equals - line.data);
      ice_str value = trim(ice_str_make(equals + 1, line.size - key - 1));
      ICE_TRY(take_setting(&here, trim(ice_str_make(line.data, key)), without_comment(value), arena, err));
    }
  }
  merge(profile, &here);
done:
  return status;
}
