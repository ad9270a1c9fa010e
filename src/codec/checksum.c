#include "codec/checksum.h"

#include "base/checked.h"
#include "codec/checksum_priv.h"
#include <libdeflate.h>
#include <stdatomic.h>
#include <xxhash.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define CRC32C_HARDWARE 1
#else
#define CRC32C_HARDWARE 0
#endif

uint32_t ice_crc32(uint32_t crc, const void *data, size_t size) {
  // libdeflate takes NULL as "give me the initial value".
  return size == 0 ? crc : libdeflate_crc32(crc, data, size);
}

enum { CRC32C_POLYNOMIAL_HIGH = 0x82f6, CRC32C_POLYNOMIAL_LOW = 0x3b78, CRC32C_SLICES = 8 };

typedef struct crc32c_table {
  uint32_t entries[CRC32C_SLICES][256];
} crc32c_table;

static uint32_t crc32c_step(uint32_t value) {
  uint32_t polynomial = ((uint32_t)CRC32C_POLYNOMIAL_HIGH << 16) | CRC32C_POLYNOMIAL_LOW;
  return (value >> 1) ^ (polynomial & (0u - (value & 1u)));
}

// Slicing by eight: entries[k] advances a byte over k further zero bytes.
static void crc32c_fill(crc32c_table *table) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) {
      value = crc32c_step(value);
    }
    table->entries[0][byte] = value;
  }
  for (int slice = 1; slice < CRC32C_SLICES; slice++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t previous = table->entries[slice - 1][byte];
      table->entries[slice][byte] = (previous >> 8) ^ table->entries[0][previous & 0xff];
    }
  }
}

static const crc32c_table *crc32c_get_table(void) {
  // 0: empty, 1: being filled, 2: ready. A thread that meets 1 waits: filling takes microseconds, once.
  static crc32c_table table;
  static _Atomic int state;
  if (atomic_load_explicit(&state, memory_order_acquire) == 2) {
    return &table;
  }
  int expected = 0;
  if (atomic_compare_exchange_strong(&state, &expected, 1)) {
    crc32c_fill(&table);
    atomic_store_explicit(&state, 2, memory_order_release);
  }
  while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
  }
  return &table;
}

static uint32_t crc32c_software(uint32_t crc, const uint8_t *data, size_t size) {
  const crc32c_table *table = crc32c_get_table();
  for (; size >= 8; data += 8, size -= 8) {
    uint32_t low = ice_load_u32le(data) ^ crc;
    uint32_t high = ice_load_u32le(data + 4);
    crc = table->entries[7][low & 0xff] ^ table->entries[6][(low >> 8) & 0xff] ^
          table->entries[5][(low >> 16) & 0xff] ^ table->entries[4][low >> 24] ^ table->entries[3][high & 0xff] ^
          table->entries[2][(high >> 8) & 0xff] ^ table->entries[1][(high >> 16) & 0xff] ^
          table->entries[0][high >> 24];
  }
  for (; size > 0; data++, size--) {
    crc = (crc >> 8) ^ table->entries[0][(crc ^ *data) & 0xff];
  }
  return crc;
}

#if CRC32C_HARDWARE
enum { CRC32C_LANE = 1024 };

// Multiply `crc` by x^(8 * zeros) modulo the polynomial: what the register becomes after `zeros` zero bytes.
static uint32_t crc32c_shift(uint32_t crc, size_t zeros) {
  for (size_t bit = 0; bit < zeros * 8; bit++) {
    crc = crc32c_step(crc);
  }
  return crc;
}

typedef struct crc32c_lanes {
  uint32_t one[4][256];  ///< advance by one lane of zeros, per byte of the register
  uint32_t two[4][256];
} crc32c_lanes;

static const crc32c_lanes *crc32c_get_lanes(void) {
  static crc32c_lanes lanes;
  static _Atomic int state;
  if (atomic_load_explicit(&state, memory_order_acquire) == 2) {
    return &lanes;
  }
  int expected = 0;
  if (atomic_compare_exchange_strong(&state, &expected, 1)) {
    // The shift is linear, so the images of the 32 single bits give all entries.
    uint32_t one[32];
    uint32_t two[32];
    for (int bit = 0; bit < 32; bit++) {
      one[bit] = crc32c_shift(1u << bit, CRC32C_LANE);
    }
    for (int bit = 0; bit < 32; bit++) {
      two[bit] = 0;
      for (int inner = 0; inner < 32; inner++) {
        two[bit] ^= (one[bit] >> inner) & 1u ? one[inner] : 0;
      }
    }
    for (int byte = 0; byte < 4; byte++) {
      for (uint32_t value = 0; value < 256; value++) {
        for (int bit = 0; bit < 8; bit++) {
          if ((value >> bit) & 1u) {
            lanes.one[byte][value] ^= one[byte * 8 + bit];
            lanes.two[byte][value] ^= two[byte * 8 + bit];
          }
        }
      }
    }
    atomic_store_explicit(&state, 2, memory_order_release);
  }
  while (atomic_load_explicit(&state, memory_order_acquire) != 2) {
  }
  return &lanes;
}

static uint32_t crc32c_advance(const uint32_t table[4][256], uint32_t crc) {
  return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^ table[3][crc >> 24];
}

// The instruction has a latency of three cycles and a throughput of one: three lanes run side by side.
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *data, size_t size) {
  uint64_t state = crc;
  if (size >= 3 * CRC32C_LANE) {
    const crc32c_lanes *lanes = crc32c_get_lanes();
    do {
      uint64_t b = 0;
      uint64_t c = 0;
      for (size_t i = 0; i < CRC32C_LANE; i += 8) {
        state = __builtin_ia32_crc32di(state, ice_load_u64le(data + i));
        b = __builtin_ia32_crc32di(b, ice_load_u64le(data + CRC32C_LANE + i));
        c = __builtin_ia32_crc32di(c, ice_load_u64le(data + 2 * CRC32C_LANE + i));
      }
      state = crc32c_advance(lanes->two, (uint32_t)state) ^ crc32c_advance(lanes->one, (uint32_t)b) ^ (uint32_t)c;
      data += 3 * CRC32C_LANE;
      size -= 3 * CRC32C_LANE;
    } while (size >= 3 * CRC32C_LANE);
  }
  for (; size >= 8; data += 8, size -= 8) {
    state = __builtin_ia32_crc32di(state, ice_load_u64le(data));
  }
  uint32_t result = (uint32_t)state;
  for (; size > 0; data++, size--) {
    result = __builtin_ia32_crc32qi(result, *data);
  }
  return result;
}
#endif

uint32_t ice_crc32c(uint32_t crc, const void *data, size_t size) {
#if CRC32C_HARDWARE
  if (__builtin_cpu_supports("sse4.2")) {
    return ~crc32c_hardware(~crc, data, size);
  }
#endif
  return ~crc32c_software(~crc, data, size);
}

uint32_t ice_crc32c_portable(uint32_t crc, const void *data, size_t size) {
  return ~crc32c_software(~crc, data, size);
}

uint64_t ice_xxh64(const void *data, size_t size) { return XXH64(data, size, 0); }

static uint32_t rotate_left(uint32_t value, unsigned count) { return (value << count) | (value >> (32 - count)); }

uint32_t ice_murmur3(const void *data, size_t size) {
  const uint8_t *bytes = data;
  const uint32_t c1 = 0xcc9e2d51u;
  const uint32_t c2 = 0x1b873593u;
  uint32_t hash = 0;
  size_t i = 0;
  for (; size - i >= 4; i += 4) {
    uint32_t k = ice_load_u32le(bytes + i) * c1;
    hash ^= rotate_left(k, 15) * c2;
    hash = rotate_left(hash, 13) * 5 + 0xe6546b64u;
  }
  uint32_t tail = 0;
  for (size_t j = size - i; j > 0; j--) {
    tail = (tail << 8) | bytes[i + j - 1];
  }
  if (size != i) {
    hash ^= rotate_left(tail * c1, 15) * c2;
  }
  // The algorithm is defined over a 32-bit length.
  hash ^= (uint32_t)size;
  hash ^= hash >> 16;
  hash *= 0x85ebca6bu;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35u;
  hash ^= hash >> 16;
  return hash;
}
