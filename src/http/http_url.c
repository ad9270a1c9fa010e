#include "http/http_url.h"

static bool is_http(ice_str text, size_t *scheme_size) {
  *scheme_size = ice_str_starts_with(text, ICE_STR("https://"))  ? 8
                 : ice_str_starts_with(text, ICE_STR("http://")) ? 7
                                                                 : 0;
  return *scheme_size > 0;
}

// The bytes between "://" and the next '/', '?' or '#'.
static ice_str authority_of(ice_str text, size_t scheme_size) {
  size_t end = scheme_size;
  while (end < text.size && text.data[end] != '/' && text.data[end] != '?' && text.data[end] != '#') {
    end++;
  }
  return ice_str_make(text.data + scheme_size, end - scheme_size);
}

// The last '@' ends the user information: a password may hold one that was not encoded.
static size_t user_information_size(ice_str authority) {
  for (size_t i = authority.size; i > 0; i--) {
    if (authority.data[i - 1] == '@') {
      return i;
    }
  }
  return 0;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

static ice_status percent_decode(ice_str text, ice_arena *arena, ice_str *out, ice_error *err) {
  char *data = ice_arena_alloc(arena, text.size + 1, err);
  if (!data) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++) {
    int high = text.data[i] == '%' && i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
    if (text.data[i] == '%' && (low < 0 || (high == 0 && low == 0))) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "the URL's user information has a '%%' that is no %%XX");
    }
    data[size++] = low < 0 ? text.data[i] : (char)(high * 16 + low);
    i += low < 0 ? 0 : 2;
  }
  *out = ice_str_make(data, size);
  return ICE_OK;
}

ice_status ice_http_url_read(ice_str text, ice_arena *arena, ice_http_url *out, ice_error *err) {
  *out = (ice_http_url){0};
  size_t scheme_size;
  ice_status status = ICE_OK;
  if (!is_http(text, &scheme_size)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a URL must begin with http:// or https://");
  }
  if (text.size > ICE_HTTP_URL_MAX) {
    ICE_FAIL(ICE_LIMIT, "a URL has more than %d bytes", (int)ICE_HTTP_URL_MAX);
  }
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c <= ' ' || c >= 0x7f || c == '?' || c == '#') {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "a base URL holds no white space, no query and no fragment");
    }
  }
  ice_str authority = authority_of(text, scheme_size);
  size_t hidden = user_information_size(authority);
  if (authority.size == hidden) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "the URL names no host");
  }
  if (hidden > 0) {
    ice_str user = ice_str_make(authority.data, hidden - 1);
    const char *colon = memchr(user.data, ':', user.size);
    ice_str password = {0};
    if (colon) {
      password = ice_str_make(colon + 1, user.size - (size_t)(colon - user.data) - 1);
      user.size = (size_t)(colon - user.data);
    }
    ICE_TRY(percent_decode(user, arena, &out->user, err));
    ICE_TRY(percent_decode(password, arena, &out->password, err));
  }
  size_t end = text.size;
  while (end > scheme_size + authority.size && text.data[end - 1] == '/') {
    end--;
  }
  char *base = ice_arena_alloc(arena, end - hidden + 1, err);
  if (!base) {
    status = err ? err->status : ICE_NO_MEMORY;
    goto done;
  }
  memcpy(base, text.data, scheme_size);
  memcpy(base + scheme_size, text.data + scheme_size + hidden, end - scheme_size - hidden);
  out->base = ice_str_make(base, end - hidden);
done:
  if (status != ICE_OK) {
    *out = (ice_http_url){0};
  }
  return status;
}

ice_str ice_http_url_shown(ice_str text) {
  size_t scheme_size;
  if (!is_http(text, &scheme_size)) {
    scheme_size = 0;
  }
  if (user_information_size(authority_of(text, scheme_size)) > 0) {
    return ICE_STR("(URL with credentials)");
  }
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '?' || text.data[i] == '#') {
      return ice_str_make(text.data, i);
    }
  }
  return text;
}

ice_status ice_http_url_encode(ice_str text, ice_bytes *out, ice_error *err) {
  static const char digits[] = "0123456789ABCDEF";
  static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < text.size; i++) {
    uint8_t byte = (uint8_t)text.data[i];
    if (byte != 0 && strchr(unreserved, byte)) {
      status = ice_bytes_append_u8(out, byte, err);
    } else {
      const char coded[3] = {'%', digits[byte >> 4], digits[byte & 15]};
      status = ice_bytes_append(out, coded, sizeof coded, err);
    }
  }
  return status;
}
