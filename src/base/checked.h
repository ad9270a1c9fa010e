/// Checked arithmetic for sizes that come from input, and unaligned loads and stores in a stated byte order.
/// Every function that returns bool returns false on overflow and leaves `*out` unspecified.
#ifndef ICE_BASE_CHECKED_H
#define ICE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool ice_add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool ice_mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool ice_add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool ice_sub_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_sub_overflow(a, b, out); }
static inline bool ice_mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

static inline uint16_t ice_load_u16le(const void *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap16(v);
#endif
  return v;
}

static inline uint32_t ice_load_u32le(const void *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  return v;
}

static inline uint64_t ice_load_u64le(const void *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static inline uint16_t ice_load_u16be(const void *p) { return __builtin_bswap16(ice_load_u16le(p)); }
static inline uint32_t ice_load_u32be(const void *p) { return __builtin_bswap32(ice_load_u32le(p)); }
static inline uint64_t ice_load_u64be(const void *p) { return __builtin_bswap64(ice_load_u64le(p)); }

static inline void ice_store_u16le(void *p, uint16_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap16(v);
#endif
  memcpy(p, &v, sizeof v);
}

static inline void ice_store_u32le(void *p, uint32_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  memcpy(p, &v, sizeof v);
}

static inline void ice_store_u64le(void *p, uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  memcpy(p, &v, sizeof v);
}

static inline void ice_store_u16be(void *p, uint16_t v) { ice_store_u16le(p, __builtin_bswap16(v)); }
static inline void ice_store_u32be(void *p, uint32_t v) { ice_store_u32le(p, __builtin_bswap32(v)); }
static inline void ice_store_u64be(void *p, uint64_t v) { ice_store_u64le(p, __builtin_bswap64(v)); }

#endif
