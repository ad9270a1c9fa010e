/// How lower layers report: log events and counters go through this one table of functions, which `observe/`
/// implements. A NULL observer drops everything.
#ifndef ICE_BASE_OBSERVER_H
#define ICE_BASE_OBSERVER_H

#include "base/str.h"
#include <icesink/log.h>
#include <stddef.h>
#include <stdint.h>

/// One structured field of a log event. Exactly one of `text` (data not NULL) and `number` counts.
typedef struct ice_log_field {
  const char *name;
  ice_str text;
  int64_t number;
} ice_log_field;

#define ICE_LOG_TEXT(n, s) ((ice_log_field){.name = (n), .text = (s)})
#define ICE_LOG_NUMBER(n, v) ((ice_log_field){.name = (n), .number = (v)})

typedef struct ice_observer {
  void *context;
  /// Threads: any. `message` and the fields are borrowed for the call.
  void (*log)(void *context, ice_log_level level, ice_str message, const ice_log_field *fields, size_t field_count);
  /// Add `delta` to the counter `name`; `label_name`/`label` may be empty. Threads: any.
  void (*count)(void *context, const char *name, ice_str label, int64_t delta);
  /// Set the gauge `name`. Threads: any.
  void (*gauge)(void *context, const char *name, ice_str label, double value);
  /// Add one observation to the summary `name`. Threads: any.
  void (*sample)(void *context, const char *name, double value);
} ice_observer;

static inline void ice_observe_count(const ice_observer *observer, const char *name, ice_str label, int64_t delta) {
  if (observer && observer->count) {
    observer->count(observer->context, name, label, delta);
  }
}

static inline void ice_observe_gauge(const ice_observer *observer, const char *name, ice_str label, double value) {
  if (observer && observer->gauge) {
    observer->gauge(observer->context, name, label, value);
  }
}

static inline void ice_observe_sample(const ice_observer *observer, const char *name, double value) {
  if (observer && observer->sample) {
    observer->sample(observer->context, name, value);
  }
}

static inline void ice_observe_log(const ice_observer *observer, ice_log_level level, ice_str message,
                                   const ice_log_field *fields, size_t field_count) {
  if (observer && observer->log) {
    observer->log(observer->context, level, message, fields, field_count);
  }
}

#endif
