/// Avro's binary encoding of primitive values, appended to a buffer (specification, "Binary Encoding").
/// Errors of every call: NO_MEMORY, LIMIT (the buffer's ceiling).
#ifndef ICE_AVRO_AVRO_ENCODE_H
#define ICE_AVRO_AVRO_ENCODE_H

#include "base/bytes.h"
#include "base/checked.h"

enum { ICE_AVRO_VARINT_SIZE_MAX = 10 };

/// int and long: zig-zag, then seven bits a byte, least significant first.
ICE_MUST_CHECK static inline ice_status ice_avro_put_long(ice_bytes *out, int64_t value, ice_error *err) {
  uint8_t buffer[ICE_AVRO_VARINT_SIZE_MAX];
  size_t size = 0;
  uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
  while (rest >= 0x80) {
    buffer[size++] = (uint8_t)(rest | 0x80);
    rest >>= 7;
  }
  buffer[size++] = (uint8_t)rest;
  return ice_bytes_append(out, buffer, size, err);
}

ICE_MUST_CHECK static inline ice_status ice_avro_put_int(ice_bytes *out, int32_t value, ice_error *err) {
  return ice_avro_put_long(out, value, err);
}

ICE_MUST_CHECK static inline ice_status ice_avro_put_boolean(ice_bytes *out, bool value, ice_error *err) {
  return ice_bytes_append_u8(out, value ? 1 : 0, err);
}

ICE_MUST_CHECK static inline ice_status ice_avro_put_float(ice_bytes *out, float value, ice_error *err) {
  uint32_t bits;
  uint8_t raw[4];
  memcpy(&bits, &value, 4);
  ice_store_u32le(raw, bits);
  return ice_bytes_append(out, raw, 4, err);
}

ICE_MUST_CHECK static inline ice_status ice_avro_put_double(ice_bytes *out, double value, ice_error *err) {
  uint64_t bits;
  uint8_t raw[8];
  memcpy(&bits, &value, 8);
  ice_store_u64le(raw, bits);
  return ice_bytes_append(out, raw, 8, err);
}

/// bytes and string: the length as a long, then the bytes.
ICE_MUST_CHECK static inline ice_status ice_avro_put_bytes(ice_bytes *out, ice_str value, ice_error *err) {
  ice_status status = ice_avro_put_long(out, (int64_t)value.size, err);
  return status == ICE_OK ? ice_bytes_append_str(out, value, err) : status;
}

#endif
