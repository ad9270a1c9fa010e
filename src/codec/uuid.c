#include "codec/uuid.h"

#include <openssl/evp.h>
#include <string.h>

static ice_uuid with_version(const uint8_t bytes[16], unsigned version) {
  ice_uuid uuid;
  memcpy(uuid.bytes, bytes, sizeof uuid.bytes);
  uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0F) | (version << 4));
  uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3F) | 0x80);
  return uuid;
}

ice_uuid ice_uuid_v4(const uint8_t random[16]) { return with_version(random, 4); }

ice_status ice_uuid_v5(const ice_uuid *space, ice_str name, ice_uuid *out, ice_error *err) {
  *out = (ice_uuid){0};
  uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!context) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a SHA-1 context");
  }
  bool complete = EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                  EVP_DigestUpdate(context, space->bytes, sizeof space->bytes) == 1 &&
                  EVP_DigestUpdate(context, name.data, name.size) == 1 &&
                  EVP_DigestFinal_ex(context, digest, NULL) == 1;
  EVP_MD_CTX_free(context);
  if (!complete) {
    return ice_error_set(err, ICE_INTERNAL, "SHA-1 is not available in libcrypto");
  }
  *out = with_version(digest, 5);
  return ICE_OK;
}

void ice_uuid_format(const ice_uuid *uuid, char out[ICE_UUID_TEXT_SIZE + 1]) {
  static const char hex[] = "0123456789abcdef";
  size_t at = 0;
  for (size_t i = 0; i < sizeof uuid->bytes; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      out[at++] = '-';
    }
    out[at++] = hex[uuid->bytes[i] >> 4];
    out[at++] = hex[uuid->bytes[i] & 15];
  }
  out[at] = '\0';
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool ice_uuid_parse(ice_str text, ice_uuid *out) {
  if (text.size != ICE_UUID_TEXT_SIZE) {
    return false;
  }
  ice_uuid uuid;
  size_t at = 0;
  for (size_t i = 0; i < sizeof uuid.bytes; i++) {
    if ((i == 4 || i == 6 || i == 8 || i == 10) && text.data[at++] != '-') {
      return false;
    }
    int high = hex_value(text.data[at]);
    int low = hex_value(text.data[at + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    uuid.bytes[i] = (uint8_t)(high << 4 | low);
    at += 2;
  }
  *out = uuid;
  return true;
}

ice_status ice_uuid_random_text(const ice_random *random, char out[ICE_UUID_TEXT_SIZE + 1], ice_error *err) {
  uint8_t bytes[16];
  ice_status status = random->fill(random->context, bytes, sizeof bytes, err);
  if (status == ICE_OK) {
    ice_uuid uuid = ice_uuid_v4(bytes);
    ice_uuid_format(&uuid, out);
  }
  return status;
}

ice_status ice_uuid_v7_text(const ice_random *random, int64_t now_ms, char out[ICE_UUID_TEXT_SIZE + 1],
                            ice_error *err) {
  enum { TIME_BYTES = 6 };
  uint8_t bytes[16];
  ice_status status = random->fill(random->context, bytes, sizeof bytes, err);
  if (status == ICE_OK) {
    for (int i = 0; i < TIME_BYTES; i++) {
      bytes[i] = (uint8_t)((uint64_t)now_ms >> (8 * (TIME_BYTES - 1 - i)));
    }
    ice_uuid uuid = with_version(bytes, 7);
    ice_uuid_format(&uuid, out);
  }
  return status;
}
