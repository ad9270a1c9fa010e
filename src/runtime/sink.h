/// The running sink: one thread drives source and ingest, workers decode between them.
#ifndef ICE_RUNTIME_SINK_H
#define ICE_RUNTIME_SINK_H

#include "ingest/ingest.h"
#include "pipeline/pipeline.h"
#include "source/source.h"
#include <stdatomic.h>

/// What a sink shows while it runs.
typedef struct ice_sink_progress {
  ice_ingest_totals totals;
  int64_t lag;              ///< records between the next offset and the last known end of the logs
  int64_t since_commit_ms;  ///< -1 before the first
  int64_t last_commit_ms;   ///< how long the last commit took, -1 before the first
  bool deciding_failed;     ///< a commit round has failed; the source is held back
} ice_sink_progress;

typedef struct ice_sink_options {
  const ice_port *port;
  const ice_observer *observer;
  ice_budget *budget;
  ice_ingest *ingest;
  ice_source *source;
  const ice_pipeline_options *pipeline;
  /// Threads that decode; 0: the calling thread does it, and no other is made.
  uint32_t workers;
  uint32_t batch_size;
  int64_t batch_timeout_ms;
  int64_t commit_interval_ms;
  uint32_t commit_retries;
  int64_t commit_retry_delay_ms;
  int64_t commit_give_up_ms;  ///< 0: never
  /// How often to look for new partitions and at the ends of the logs. 0: twice a second, whenever the sink is idle;
  /// -1: never.
  int64_t discovery_interval_ms;
  /// Stop as soon as everything up to the ends of the logs, as they are at start, is committed.
  bool until_end;
  /// With `until_end`: as long as this says true the logs still grow, and their ends are looked at again. May be
  /// NULL.
  bool (*growing)(void *context);
  void *growing_context;
  /// Set by anybody, a signal handler too: finish the open epoch and stop.
  const _Atomic bool *stop;
  /// Called about four times a second, and at the end. May be NULL.
  void (*progress)(void *context, const ice_sink_progress *progress);
  void *progress_context;
  /// The tables have changed, and `ingest` has loaded them again: make `pipeline` fit what they are now. No worker runs. NULL:
  /// tables are written as they were found.
  ice_status (*rebind)(void *context, ice_error *err);
  void *rebind_context;
} ice_sink_options;

/// Run until stopped, until the end is reached, or until an error that waiting does not cure.
///
/// Errors: as of ice_ingest_start, ice_pipeline_process, ice_ingest_add; after an error the open epoch is dropped:
/// the next
///   run reads its records again. With ICE_ERROR_POLICY a policy stopped the sink.
/// Threads: makes its workers and ends them; the calling thread does everything else.
ICE_MUST_CHECK ice_status ice_sink_run(const ice_sink_options *options, ice_sink_progress *out, ice_error *err);

#endif
