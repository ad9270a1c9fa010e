/// Split-block Bloom filters over XXH64 (parquet-format, BloomFilter.md).
#ifndef ICE_PARQUET_BLOOM_H
#define ICE_PARQUET_BLOOM_H

#include "base/bytes.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

enum { ICE_PARQUET_BLOOM_SIZE_MIN = 32, ICE_PARQUET_BLOOM_SIZE_MAX = 1 << 20 };

/// A filter under construction. It keeps hashes until they would take more than the largest filter; what it becomes
/// then is sized by the number of different hashes, for one false positive in a hundred.
///
/// Ownership: the caller's storage; `deinit` frees it.
typedef struct ice_parquet_bloom {
  bool direct;    ///< `data` is a bitset of ICE_PARQUET_BLOOM_SIZE_MAX bytes, else a list of hashes
  size_t sorted;  ///< bytes of `data` that are sorted and unique already
  ice_bytes data;
} ice_parquet_bloom;

void ice_parquet_bloom_init(ice_parquet_bloom *bloom);
void ice_parquet_bloom_deinit(ice_parquet_bloom *bloom);

/// Add the XXH64 of a value as PLAIN stores it, without the length of a byte array.
ICE_MUST_CHECK ice_status ice_parquet_bloom_add(ice_parquet_bloom *bloom, uint64_t hash, ice_error *err);

/// Append BloomFilterHeader and bitset to `out`, and forget the hashes.
ICE_MUST_CHECK ice_status ice_parquet_bloom_write(ice_parquet_bloom *bloom, ice_bytes *out, ice_error *err);

/// Set the bits of `hash` in a bitset of `size` bytes (a multiple of 32).
void ice_parquet_bloom_set(uint8_t *bits, size_t size, uint64_t hash);
/// False where the value of `hash` is certainly not in it.
bool ice_parquet_bloom_check(const uint8_t *bits, size_t size, uint64_t hash);

#endif
