/// Counters and gauges by name and label, and their text for Prometheus (exposition format 0.0.4).
#ifndef ICE_OBSERVE_METRICS_H
#define ICE_OBSERVE_METRICS_H

#include "base/bytes.h"
#include "base/macros.h"
#include "base/observer.h"

enum { ICE_METRICS_FAMILIES_MAX = 256, ICE_METRICS_SERIES_MAX = 32768, ICE_METRICS_LABEL_MAX = 512 };

/// Metrics of one process. A name that metrics.c lists has a help text and names for its labels; another name is
/// taken as it stands, its label is called "label". Several labels come as one text, their values separated by '/'.
typedef struct ice_metrics ice_metrics;

/// Ownership: `*out` is the caller's to destroy. Errors: NO_MEMORY. Threads: all calls below may come from any.
ICE_MUST_CHECK ice_status ice_metrics_create(ice_metrics **out, ice_error *err);
/// Accepts NULL.
void ice_metrics_destroy(ice_metrics *metrics);

/// Add to a counter. Beyond the limits, or without memory, a series is left out and icesink_metrics_dropped_total
/// counts it.
void ice_metrics_add(ice_metrics *metrics, const char *name, ice_str label, int64_t delta);
/// Set a gauge, or a counter whose total is kept elsewhere.
void ice_metrics_set(ice_metrics *metrics, const char *name, ice_str label, double value);
/// Add one observation to a summary: <name>_sum and <name>_count.
void ice_metrics_observe(ice_metrics *metrics, const char *name, double value);

/// Append all metrics as text. Errors: LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_metrics_write(ice_metrics *metrics, ice_bytes *out, ice_error *err);

#endif
