#include "parquet/parquet_bloom.h"

#include "base/checked.h"
#include "parquet/parquet_thrift.h"
#include <stdlib.h>

enum { BLOCK_SIZE = 32, BLOCK_WORDS = 8, BITS_PER_VALUE = 10 };

void ice_parquet_bloom_init(ice_parquet_bloom *bloom) {
  *bloom = (ice_parquet_bloom){0};
  ice_bytes_init(&bloom->data, ICE_PARQUET_BLOOM_SIZE_MAX);
}

void ice_parquet_bloom_deinit(ice_parquet_bloom *bloom) { ice_bytes_deinit(&bloom->data); }

// The high half of the hash chooses the block, the low half a bit in each of its words.
static size_t block_of(size_t size, uint64_t hash) {
  uint64_t blocks = size / BLOCK_SIZE;
  return (size_t)(((hash >> 32) * blocks) >> 32) * BLOCK_SIZE;
}

static uint32_t bit_of(uint64_t hash, unsigned word) {
  static const uint32_t salt[BLOCK_WORDS] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                             0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
  return 1u << ((uint32_t)hash * salt[word] >> 27);
}

void ice_parquet_bloom_set(uint8_t *bits, size_t size, uint64_t hash) {
  uint8_t *block = bits + block_of(size, hash);
  for (unsigned word = 0; word < BLOCK_WORDS; word++) {
    ice_store_u32le(block + word * 4, ice_load_u32le(block + word * 4) | bit_of(hash, word));
  }
}

bool ice_parquet_bloom_check(const uint8_t *bits, size_t size, uint64_t hash) {
  const uint8_t *block = bits + block_of(size, hash);
  for (unsigned word = 0; word < BLOCK_WORDS; word++) {
    if ((ice_load_u32le(block + word * 4) & bit_of(hash, word)) == 0) {
      return false;
    }
  }
  return true;
}

static int compare_hashes(const void *a, const void *b) {
  uint64_t left = ice_load_u64le(a);
  uint64_t right = ice_load_u64le(b);
  return (left > right) - (left < right);
}

// Sort the hashes and drop those that are there twice.
static void compact(ice_parquet_bloom *bloom) {
  size_t count = bloom->data.size / 8;
  if (bloom->sorted == bloom->data.size) {
    return;
  }
  qsort(bloom->data.data, count, 8, compare_hashes);
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t hash = ice_load_u64le(bloom->data.data + i * 8);
    if (kept == 0 || hash != ice_load_u64le(bloom->data.data + (kept - 1) * 8)) {
      ice_store_u64le(bloom->data.data + kept++ * 8, hash);
    }
  }
  bloom->data.size = kept * 8;
  bloom->sorted = bloom->data.size;
}

static ice_status fill(const ice_bytes *hashes, size_t size, ice_bytes *out, ice_error *err) {
  ice_status status = ice_bytes_append_zero(out, size, err);
  if (status == ICE_OK) {
    uint8_t *bits = out->data + out->size - size;
    for (size_t i = 0; i < hashes->size; i += 8) {
      ice_parquet_bloom_set(bits, size, ice_load_u64le(hashes->data + i));
    }
  }
  return status;
}

// The list has become as large as the largest filter: be that filter.
static ice_status become_direct(ice_parquet_bloom *bloom, ice_error *err) {
  ice_bytes bits;
  ice_bytes_init(&bits, ICE_PARQUET_BLOOM_SIZE_MAX);
  ice_status status = fill(&bloom->data, ICE_PARQUET_BLOOM_SIZE_MAX, &bits, err);
  if (status == ICE_OK) {
    ice_bytes_deinit(&bloom->data);
    bloom->data = bits;
    bloom->direct = true;
  }
  return status;
}

ice_status ice_parquet_bloom_add(ice_parquet_bloom *bloom, uint64_t hash, ice_error *err) {
  if (!bloom->direct && bloom->data.size == ICE_PARQUET_BLOOM_SIZE_MAX) {
    compact(bloom);
    // Sorting again and again would be quadratic: the list stays one only where half of it was repetition.
    if (bloom->data.size > ICE_PARQUET_BLOOM_SIZE_MAX / 2) {
      ice_status status = become_direct(bloom, err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  if (bloom->direct) {
    ice_parquet_bloom_set(bloom->data.data, bloom->data.size, hash);
    return ICE_OK;
  }
  uint8_t bytes[8];
  ice_store_u64le(bytes, hash);
  return ice_bytes_append(&bloom->data, bytes, sizeof bytes, err);
}

static size_t size_for(size_t count) {
  size_t size = ICE_PARQUET_BLOOM_SIZE_MIN;
  while (size < ICE_PARQUET_BLOOM_SIZE_MAX && size * 8 < count * BITS_PER_VALUE) {
    size *= 2;
  }
  return size;
}

ice_status ice_parquet_bloom_write(ice_parquet_bloom *bloom, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  if (!bloom->direct) {
    compact(bloom);
  }
  size_t size = bloom->direct ? ICE_PARQUET_BLOOM_SIZE_MAX : size_for(bloom->data.size / 8);
  ice_thrift_writer writer;
  ice_thrift_writer_init(&writer, out, err);
  ice_thrift_i32(&writer, 1, (int32_t)size);
  for (int16_t id = 2; id <= 4; id++) {
    // Algorithm BLOCK, hash XXHASH, compression UNCOMPRESSED: each the first of its union.
    ice_thrift_struct(&writer, id);
    ice_thrift_empty_struct(&writer, 1);
    ice_thrift_end(&writer);
  }
  ice_thrift_end(&writer);
  ICE_TRY(writer.status);
  if (bloom->direct) {
    ICE_TRY(ice_bytes_append(out, bloom->data.data, bloom->data.size, err));
  } else {
    ICE_TRY(fill(&bloom->data, size, out, err));
  }
  ice_bytes_deinit(&bloom->data);
  ice_parquet_bloom_init(bloom);
done:
  return status;
}
