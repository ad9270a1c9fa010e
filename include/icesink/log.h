/// What the library has to tell beside results: one function of the host that takes log events.
#ifndef ICESINK_LOG_H
#define ICESINK_LOG_H

#include <icesink/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ice_log_level { ICE_LOG_DEBUG, ICE_LOG_INFO, ICE_LOG_WARN, ICE_LOG_ERROR } ice_log_level;

/// Takes one event: `text` is the message with its fields behind it, "name=value", borrowed for the call.
/// Threads: the one that called the library.
typedef void (*ice_log_function)(void *context, ice_log_level level, const char *text);

#ifdef __cplusplus
}
#endif

#endif
