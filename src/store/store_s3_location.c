#include "store/store_s3_priv.h"

enum { BUCKET_MIN = 3, BUCKET_MAX = 255 };

static ice_status refuse(ice_str location, const char *why, ice_error *err) {
  // The location may hold anything: a log takes what can be shown.
  char shown[256];
  size_t size = location.size < sizeof shown - 1 ? location.size : sizeof shown - 1;
  for (size_t i = 0; i < size; i++) {
    shown[i] = (char)(location.data[i] < ' ' || location.data[i] == 0x7f ? '?' : location.data[i]);
  }
  shown[size] = '\0';
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%s\" %s", shown, why);
}

static bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A bucket becomes part of a host or a path: nothing in its name may end either.
static bool is_bucket(ice_str name) {
  if (name.size < BUCKET_MIN || name.size > BUCKET_MAX || !is_alphanumeric(name.data[0])) {
    return false;
  }
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool dots = c == '.' && i + 1 < name.size && name.data[i + 1] == '.';
    if (dots || (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_')) {
      return false;
    }
  }
  return true;
}

static const char *wrong_with_key(ice_str key) {
  if (key.size > ICE_S3_KEY_MAX) {
    return "has a key of more than 1,024 bytes";
  }
  for (size_t i = 0; i < key.size; i++) {
    if ((unsigned char)key.data[i] < ' ' || key.data[i] == 0x7f) {
      return "has a control byte in its key";
    }
  }
  // Servers that keep objects in files walk along such steps.
  for (size_t from = 0; from < key.size;) {
    const char *slash = memchr(key.data + from, '/', key.size - from);
    size_t end = slash ? (size_t)(slash - key.data) : key.size;
    ice_str step = ice_str_make(key.data + from, end - from);
    if (ice_str_equal(step, ICE_STR("..")) || ice_str_equal(step, ICE_STR("."))) {
      return "has a \".\" or \"..\" step";
    }
    from = end + 1;
  }
  return NULL;
}

size_t ice_store_s3_scheme(ice_str location) {
  static const ice_str schemes[] = {ICE_STR_INIT("s3://"), ICE_STR_INIT("s3a://"), ICE_STR_INIT("s3n://")};
  for (size_t i = 0; i < ICE_COUNT_OF(schemes); i++) {
    if (ice_str_starts_with(location, schemes[i])) {
      return schemes[i].size;
    }
  }
  return 0;
}

ice_status ice_s3_place_read(ice_str location, bool is_prefix, ice_s3_place *out, ice_error *err) {
  *out = (ice_s3_place){.location = location};
  size_t at = ice_store_s3_scheme(location);
  if (at == 0 || location.size >= ICE_S3_LOCATION_MAX) {
    return refuse(location, "is no location in S3 (s3://bucket/key)", err);
  }
  ice_str rest = ice_str_make(location.data + at, location.size - at);
  const char *slash = memchr(rest.data, '/', rest.size);
  out->bucket = ice_str_make(rest.data, slash ? (size_t)(slash - rest.data) : rest.size);
  out->key = slash ? ice_str_make(slash + 1, rest.size - out->bucket.size - 1) : (ice_str){0};
  if (!is_bucket(out->bucket)) {
    return refuse(location, "names no bucket that S3 could have", err);
  }
  if (!is_prefix && (out->key.size == 0 || ice_str_ends_with(out->key, ICE_STR("/")))) {
    return refuse(location, "names no object", err);
  }
  const char *wrong = wrong_with_key(out->key);
  return wrong ? refuse(location, wrong, err) : ICE_OK;
}

bool ice_s3_place_holds(const ice_s3_place *prefix, const ice_s3_place *place) {
  ice_str key = prefix->key;
  while (key.size > 0 && key.data[key.size - 1] == '/') {
    key.size--;
  }
  return ice_str_equal(prefix->bucket, place->bucket) && ice_str_starts_with(place->key, key) &&
         (key.size == 0 || place->key.size == key.size || place->key.data[key.size] == '/');
}
