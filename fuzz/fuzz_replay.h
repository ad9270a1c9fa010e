/// The entry point that every fuzz target defines, as libFuzzer calls it.
#ifndef ICE_FUZZ_REPLAY_H
#define ICE_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
