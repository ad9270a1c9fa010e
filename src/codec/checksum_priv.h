/// What tests compare the fast paths of checksum.c with.
#ifndef ICE_CODEC_CHECKSUM_PRIV_H
#define ICE_CODEC_CHECKSUM_PRIV_H

#include <stddef.h>
#include <stdint.h>

/// ice_crc32c without the CPU's instruction, whatever the machine has.
uint32_t ice_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
