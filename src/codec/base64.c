#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ice_status ice_base64_append(ice_bytes *out, ice_str data, ice_error *err) {
  ice_status status = ice_bytes_reserve(out, (data.size + 2) / 3 * 4, err);
  if (status != ICE_OK) {
    return status;
  }
  for (size_t i = 0; i < data.size; i += 3) {
    size_t left = data.size - i;
    unsigned a = (unsigned char)data.data[i];
    unsigned b = left > 1 ? (unsigned char)data.data[i + 1] : 0;
    unsigned c = left > 2 ? (unsigned char)data.data[i + 2] : 0;
    uint8_t *to = out->data + out->size;
    to[0] = (uint8_t)alphabet[a >> 2];
    to[1] = (uint8_t)alphabet[(a & 3) << 4 | b >> 4];
    to[2] = left > 1 ? (uint8_t)alphabet[(b & 15) << 2 | c >> 6] : '=';
    to[3] = left > 2 ? (uint8_t)alphabet[c & 63] : '=';
    out->size += 4;
  }
  return ICE_OK;
}

static int value_of(char c) {
  const char *found = c == '\0' ? NULL : strchr(alphabet, c);
  return found ? (int)(found - alphabet) : -1;
}

ice_status ice_base64_decode(ice_bytes *out, ice_str text, ice_error *err) {
  if (text.size % 4 != 0) {
    return ice_error_set(err, ICE_CORRUPT, "base64 text of %zu characters", text.size);
  }
  size_t start = out->size;
  for (size_t i = 0; i < text.size; i += 4) {
    int values[4];
    size_t padding = 0;
    for (size_t j = 0; j < 4; j++) {
      char c = text.data[i + j];
      bool padded = c == '=' && i + 4 == text.size && j >= 2;
      padding += padded;
      values[j] = padded ? 0 : padding > 0 ? -1 : value_of(c);
      if (values[j] < 0) {
        out->size = start;
        return ice_error_set(err, ICE_CORRUPT, "base64 text is wrong at character %zu", i + j + 1);
      }
    }
    uint8_t bytes[3] = {(uint8_t)(values[0] << 2 | values[1] >> 4), (uint8_t)(values[1] << 4 | values[2] >> 2),
                        (uint8_t)(values[2] << 6 | values[3])};
    ice_status status = ice_bytes_append(out, bytes, 3 - padding, err);
    if (status != ICE_OK) {
      out->size = start;
      return status;
    }
  }
  return ICE_OK;
}
