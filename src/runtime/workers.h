/// Threads that turn chunks of records into rows. Jobs come back in the order in which they were given.
#ifndef ICE_RUNTIME_WORKERS_H
#define ICE_RUNTIME_WORKERS_H

#include "base/budget.h"
#include "pipeline/pipeline.h"

enum { ICE_WORKERS_MAX = 256, ICE_WORKER_JOBS_EXTRA = 2 };

/// A chunk on its way, and what became of it.
typedef struct ice_job {
  ice_chunk chunk;
  ice_pipeline_output output;
  ice_status status;
  ice_error error;
  int state;        ///< the pool's own
  int64_t counted;  ///< bytes that the budget holds for it
} ice_job;

typedef struct ice_workers ice_workers;

typedef struct ice_workers_options {
  const ice_pipeline_options *pipeline;
  /// 0: no thread is made; the caller's own does each job when it is submitted.
  uint32_t count;
  const ice_source *source;  ///< its partitions, which must not change while a job is under way
  ice_budget *budget;
  const ice_observer *observer;
  /// Set by anybody: a job that waits for the registry ends with CANCELLED. May be NULL.
  const _Atomic bool *stop;
} ice_workers_options;

/// Start the threads, each with a pipeline of its own.
///
/// Ownership: `*out` is the caller's to destroy; the options are borrowed. Errors: as ice_pipeline_create, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_workers_create(const ice_workers_options *options, ice_workers **out, ice_error *err);
/// Ends the threads. Accepts NULL.
void ice_workers_destroy(ice_workers *workers);

/// A job to fill, or NULL when all are under way. Its chunk is empty.
ice_job *ice_workers_begin(ice_workers *workers);
/// Hand the job of the last begin over.
void ice_workers_submit(ice_workers *workers, ice_job *job);
/// Jobs that were submitted and not yet released.
uint32_t ice_workers_pending(ice_workers *workers);
/// The oldest job once it is done, or NULL after `timeout_us`, or at once when nothing is pending.
ice_job *ice_workers_take(ice_workers *workers, int64_t timeout_us);
/// Have the taken job, whose output is unfinished, gone on with: it stays the oldest. Its output is cleared.
void ice_workers_resume(ice_workers *workers, ice_job *job);
/// Give the taken job back. What is missing of an unfinished one is given up.
void ice_workers_release(ice_workers *workers, ice_job *job);

#endif
