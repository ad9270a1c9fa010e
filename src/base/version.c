#include <icesink/version.h>

const char *ice_version(void) { return ICESINK_VERSION; }
