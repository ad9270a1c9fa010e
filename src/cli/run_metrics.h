/// The progress of a run as metrics.
#ifndef ICE_CLI_RUN_METRICS_H
#define ICE_CLI_RUN_METRICS_H

#include "base/budget.h"
#include "observe/metrics.h"
#include "runtime/sink.h"

/// Everything is borrowed.
typedef struct ice_run_metrics {
  ice_metrics *metrics;
  const ice_budget *budget;
  const ice_source *source;
} ice_run_metrics;

/// Bring the metrics up to date. Threads: the sink's own, for it reads the source's partitions.
void ice_run_metrics_update(const ice_run_metrics *self, const ice_sink_progress *progress);

#endif
