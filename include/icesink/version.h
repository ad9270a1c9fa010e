/// Version of the library, as the build sets it.
#ifndef ICESINK_VERSION_H
#define ICESINK_VERSION_H

#include <icesink/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The version of the linked library, for example "0.1.0".
///
/// Ownership: a constant of the library.
/// Threads: any.
ICE_API const char *ice_version(void);

#ifdef __cplusplus
}
#endif

#endif
