/// Structured log: lines for people or one JSON object per line, to a file descriptor.
#ifndef ICE_OBSERVE_LOG_H
#define ICE_OBSERVE_LOG_H

#include "base/observer.h"
#include "port/port.h"

typedef enum ice_log_format { ICE_LOG_TEXT_LINES, ICE_LOG_JSON_LINES } ice_log_format;

typedef struct ice_log ice_log;

/// Ownership: `*out` is the caller's; `port` is borrowed. Threads: any, once created.
ICE_MUST_CHECK ice_status ice_log_create(const ice_port *port, int fd, ice_log_level level, ice_log_format format,
                                         ice_log **out, ice_error *err);
/// Accepts NULL.
void ice_log_destroy(ice_log *log);

/// Write one event where its level is high enough. One write per line; a line that cannot be written is lost, and
/// logging never fails its caller.
void ice_log_event(ice_log *log, ice_log_level level, ice_str message, const ice_log_field *fields,
                   size_t field_count);

/// Append an event as one line's text without its time and level: the message, and " name=value" for each field.
/// Errors: NO_MEMORY, LIMIT; what was appended stays.
ice_status ice_log_append_text(ice_bytes *line, ice_str message, const ice_log_field *fields, size_t field_count);

/// "debug", "info", "warn", "error" (any case); false for anything else.
bool ice_log_level_parse(ice_str text, ice_log_level *out);

#endif
