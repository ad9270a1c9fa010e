#include "base/utf8.h"

#include "base/checked.h"

bool ice_utf8_ascii(const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint64_t high = 0;
  while (size >= 32) {
    high |=
        ice_load_u64le(bytes) | ice_load_u64le(bytes + 8) | ice_load_u64le(bytes + 16) | ice_load_u64le(bytes + 24);
    if (high & 0x8080808080808080u) {
      return false;
    }
    bytes += 32;
    size -= 32;
  }
  for (size_t i = 0; i < size; i++) {
    high |= bytes[i];
  }
  return (high & 0x8080808080808080u) == 0;
}

// Size of the valid sequence at `p`, 0 when there is none (RFC 3629, section 4, as a table of lead bytes).
static size_t sequence_size(const uint8_t *p, size_t left) {
  uint8_t lead = p[0];
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2) {
    return 0;
  }
  if (lead < 0xE0) {
    return left >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
  }
  if (lead < 0xF0) {
    if (left < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80) {
      return 0;
    }
    bool overlong = lead == 0xE0 && p[1] < 0xA0;
    bool surrogate = lead == 0xED && p[1] >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead < 0xF5) {
    if (left < 4 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80 || (p[3] & 0xC0) != 0x80) {
      return 0;
    }
    bool overlong = lead == 0xF0 && p[1] < 0x90;
    bool beyond = lead == 0xF4 && p[1] >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

bool ice_utf8_valid(const void *data, size_t size) {
  const uint8_t *p = data;
  size_t left = size;
  while (left > 0) {
    if (left >= 8 && (ice_load_u64le(p) & 0x8080808080808080u) == 0) {
      p += 8;
      left -= 8;
      continue;
    }
    size_t step = sequence_size(p, left);
    if (step == 0) {
      return false;
    }
    p += step;
    left -= step;
  }
  return true;
}

size_t ice_utf8_prefix(const void *data, size_t size, size_t count) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) {
    if ((bytes[i] & 0xC0) != 0x80) {
      if (count == 0) {
        return i;
      }
      count--;
    }
  }
  return size;
}

size_t ice_utf8_cut(const void *data, size_t size, size_t limit) {
  if (size <= limit) {
    return size;
  }
  const uint8_t *bytes = data;
  size_t cut = limit;
  while (cut > 0 && (bytes[cut] & 0xC0) == 0x80) {
    cut--;
  }
  return cut;
}

size_t ice_utf8_encode(uint32_t code_point, uint8_t out[4]) {
  if (code_point < 0x80) {
    out[0] = (uint8_t)code_point;
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = (uint8_t)(0xC0 | (code_point >> 6));
    out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = (uint8_t)(0xE0 | (code_point >> 12));
    out[1] = (uint8_t)(0x80 | ((code_point >> 6) & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 3;
  }
  out[0] = (uint8_t)(0xF0 | (code_point >> 18));
  out[1] = (uint8_t)(0x80 | ((code_point >> 12) & 0x3F));
  out[2] = (uint8_t)(0x80 | ((code_point >> 6) & 0x3F));
  out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
  return 4;
}

size_t ice_utf8_decode(const void *data, size_t size, uint32_t *code_point) {
  const uint8_t *p = data;
  if (size == 0) {
    return 0;
  }
  size_t length = sequence_size(p, size);
  if (length <= 1) {
    *code_point = p[0];
    return 1;
  }
  uint32_t value = p[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    value = (value << 6) | (p[i] & 0x3Fu);
  }
  *code_point = value;
  return length;
}

ice_status ice_utf8_append_repaired(ice_bytes *out, ice_str text, ice_error *err) {
  ice_status status = ICE_OK;
  if (ice_utf8_valid(text.data, text.size)) {
    return ice_bytes_append_str(out, text, err);
  }
  for (size_t i = 0; i < text.size;) {
    size_t size = sequence_size((const uint8_t *)text.data + i, text.size - i);
    ICE_TRY(size == 0 ? ice_bytes_append_str(out, ICE_STR("\xEF\xBF\xBD"), err)
                      : ice_bytes_append(out, text.data + i, size, err));
    i += size == 0 ? 1 : size;
  }
done:
  return status;
}
