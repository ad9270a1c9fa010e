/// Checksums and hashes of the formats.
#ifndef ICE_CODEC_CHECKSUM_H
#define ICE_CODEC_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32 (IEEE 802.3), as Parquet pages and gzip use it. `crc` is 0 or the value so far.
uint32_t ice_crc32(uint32_t crc, const void *data, size_t size);

/// CRC-32C (Castagnoli), as Kafka's record batch v2 uses it. `crc` is 0 or the value so far.
uint32_t ice_crc32c(uint32_t crc, const void *data, size_t size);

/// XXH64 with seed 0, as Parquet's bloom filters use it.
uint64_t ice_xxh64(const void *data, size_t size);

/// Murmur3 x86 32-bit with seed 0, as Iceberg's bucket transform uses it (spec, Appendix B).
uint32_t ice_murmur3(const void *data, size_t size);

#endif
