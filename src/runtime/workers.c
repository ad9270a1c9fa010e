#include "runtime/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
  STATE_FREE,
  STATE_QUEUED,
  STATE_RUNNING,
  STATE_DONE,
  STATE_RESUMED,  ///< to be gone on with by the worker that began it
  STATE_GIVEN_UP  ///< to be forgotten by that worker
};

enum { RETRY_FIRST_MS = 100, RETRY_MAX_MS = 2000 };

typedef struct worker {
  ice_workers *pool;
  pthread_t thread;
  bool started;
  ice_pipeline *pipeline;
} worker;

struct ice_workers {
  ice_workers_options options;
  pthread_mutex_t lock;
  pthread_cond_t work;
  pthread_cond_t finished;
  /// A ring in the order of submission: [first, first + pending) are under way.
  ice_job *jobs;
  uint32_t job_count;
  uint32_t first;
  uint32_t pending;
  bool stopping;
  worker *workers;
  uint32_t worker_count;
};

static struct timespec after_ms(int64_t ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  return until;
}

// Called with the lock held.
static ice_job *find_queued(ice_workers *pool) {
  for (uint32_t i = 0; i < pool->pending; i++) {
    ice_job *job = &pool->jobs[(pool->first + i) % pool->job_count];
    if (job->state == STATE_QUEUED) {
      return job;
    }
  }
  return NULL;
}

static bool stop_asked(const ice_workers *pool) { return pool->options.stop && *pool->options.stop; }

// Waits for `ms` unless the pool stops; returns false when it does.
static bool wait_unless_stopping(ice_workers *pool, int64_t ms) {
  if (pool->options.count == 0) {
    const ice_clock *clock = &pool->options.pipeline->port->clock;
    clock->wait_us(clock->context, ms * 1000);
    return !stop_asked(pool);
  }
  struct timespec until = after_ms(ms);
  pthread_mutex_lock(&pool->lock);
  while (!pool->stopping && pthread_cond_timedwait(&pool->work, &pool->lock, &until) != ETIMEDOUT) {
  }
  bool go_on = !pool->stopping && !stop_asked(pool);
  pthread_mutex_unlock(&pool->lock);
  return go_on;
}

// A registry that is down is no bad record: the pipeline waits, the source is held back, and the log says so.
static ice_status prepare(worker *self, ice_job *job) {
  int64_t delay_ms = RETRY_FIRST_MS;
  for (;;) {
    ice_status status = ice_pipeline_prepare(self->pipeline, &job->chunk, &job->error);
    if (status == ICE_OK || (job->error.flags & ICE_ERROR_RETRYABLE) == 0) {
      return status;
    }
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(job->error.message));
    ice_observe_log(self->pool->options.observer, ICE_LOG_WARN, ICE_STR("Schema registry cannot be reached; waiting"),
                    &field, 1);
    if (!wait_unless_stopping(self->pool, delay_ms)) {
      return ice_error_set(&job->error, ICE_CANCELLED, "stopped while waiting for the schema registry");
    }
    delay_ms = delay_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : delay_ms * 2;
  }
}

static void run_job(worker *self, ice_job *job, bool resumed) {
  const ice_workers_options *options = &self->pool->options;
  ice_error_clear(&job->error);
  // A job that is gone on with was prepared when it began.
  job->status = resumed ? ICE_OK : prepare(self, job);
  if (job->status == ICE_OK) {
    job->status =
        ice_pipeline_process(self->pipeline, &job->chunk, options->source->partitions, &job->output, &job->error);
  }
  int64_t held = (int64_t)(ice_chunk_memory(&job->chunk) + ice_pipeline_output_memory(&job->output));
  ice_budget_add(options->budget, held - job->counted);
  job->counted = held;
}

// Called with the lock held, which is open while the job runs. A job whose output is full before its chunk is through stays
// this worker's, whose pipeline stands in the middle of the chunk, until it is through or given up.
static void run_locked(worker *self, ice_job *job) {
  ice_workers *pool = self->pool;
  bool unfinished;
  do {
    bool resumed = job->state == STATE_RESUMED;
    job->state = STATE_RUNNING;
    pthread_mutex_unlock(&pool->lock);
    run_job(self, job, resumed);
    pthread_mutex_lock(&pool->lock);
    job->state = STATE_DONE;
    unfinished = job->output.unfinished;
    pthread_cond_signal(&pool->finished);
    while (unfinished && !pool->stopping && job->state == STATE_DONE) {
      pthread_cond_wait(&pool->work, &pool->lock);
    }
  } while (unfinished && !pool->stopping && job->state == STATE_RESUMED);
  if (unfinished) {
    ice_pipeline_forget(self->pipeline);
    job->state = STATE_FREE;
    pthread_cond_signal(&pool->finished);
  }
}

static void *worker_main(void *context) {
  worker *self = context;
  ice_workers *pool = self->pool;
  pthread_mutex_lock(&pool->lock);
  while (!pool->stopping) {
    ice_job *job = find_queued(pool);
    if (!job) {
      pthread_cond_wait(&pool->work, &pool->lock);
      continue;
    }
    run_locked(self, job);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static ice_status start_worker(ice_workers *pool, worker *self, ice_error *err) {
  self->pool = pool;
  ice_status status = ice_pipeline_create(pool->options.pipeline, &self->pipeline, err);
  if (status != ICE_OK || pool->options.count == 0) {
    return status;
  }
  int code = pthread_create(&self->thread, NULL, worker_main, self);
  if (code != 0) {
    return ice_error_set(err, ICE_NO_MEMORY, "cannot start a thread (error %d)", code);
  }
  self->started = true;
  return ICE_OK;
}

ice_status ice_workers_create(const ice_workers_options *options, ice_workers **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_workers *pool = calloc(1, sizeof *pool);
  if (!pool) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for workers");
  }
  pool->options = *options;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, &monotonic);
  pthread_cond_init(&pool->finished, &monotonic);
  pthread_condattr_destroy(&monotonic);
  // Without a thread there still is one pipeline.
  pool->worker_count = options->count == 0 ? 1 : options->count;
  pool->workers = calloc(pool->worker_count, sizeof *pool->workers);
  pool->jobs = calloc(options->count + ICE_WORKER_JOBS_EXTRA, sizeof *pool->jobs);
  if (!pool->workers || !pool->jobs) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u workers", options->count);
  }
  pool->job_count = options->count + ICE_WORKER_JOBS_EXTRA;
  for (uint32_t i = 0; i < pool->job_count; i++) {
    ice_chunk_init(&pool->jobs[i].chunk);
  }
  for (uint32_t i = 0; i < pool->worker_count; i++) {
    ICE_TRY(start_worker(pool, &pool->workers[i], err));
  }
  for (uint32_t i = 0; i < pool->job_count; i++) {
    ICE_TRY(ice_pipeline_output_init(pool->workers[0].pipeline, &pool->jobs[i].output, err));
  }
  *out = pool;
  pool = NULL;
done:
  ice_workers_destroy(pool);
  return status;
}

void ice_workers_destroy(ice_workers *pool) {
  if (!pool) {
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; pool->workers && i < pool->worker_count; i++) {
    if (pool->workers[i].started) {
      pthread_join(pool->workers[i].thread, NULL);
    }
    ice_pipeline_destroy(pool->workers[i].pipeline);
  }
  for (uint32_t i = 0; pool->jobs && i < pool->job_count; i++) {
    ice_budget_add(pool->options.budget, -pool->jobs[i].counted);
    ice_chunk_deinit(&pool->jobs[i].chunk);
    ice_pipeline_output_deinit(&pool->jobs[i].output);
  }
  free(pool->jobs);
  free(pool->workers);
  pthread_cond_destroy(&pool->work);
  pthread_cond_destroy(&pool->finished);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

// Without a thread there is one pipeline: what comes behind an unfinished job waits for its end.
static void run_queued_here(ice_workers *pool) {
  for (uint32_t i = 0; i < pool->pending; i++) {
    ice_job *job = &pool->jobs[(pool->first + i) % pool->job_count];
    if (job->state == STATE_QUEUED) {
      run_job(&pool->workers[0], job, false);
      job->state = STATE_DONE;
    }
    if (job->output.unfinished) {
      break;
    }
  }
}

// Only the driving thread moves the ring, so it may look at `pending` without the lock.
ice_job *ice_workers_begin(ice_workers *pool) {
  if (pool->pending == pool->job_count) {
    return NULL;
  }
  ice_job *job = &pool->jobs[(pool->first + pool->pending) % pool->job_count];
  ice_chunk_clear(&job->chunk);
  ice_pipeline_output_clear(&job->output);
  return job;
}

void ice_workers_submit(ice_workers *pool, ice_job *job) {
  if (pool->options.count == 0) {
    job->state = STATE_QUEUED;
    pool->pending++;
    run_queued_here(pool);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  job->state = STATE_QUEUED;
  pool->pending++;
  // A worker that waits for the registry listens too, so one signal might wake the wrong one.
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
}

uint32_t ice_workers_pending(ice_workers *pool) { return pool->pending; }

ice_job *ice_workers_take(ice_workers *pool, int64_t timeout_us) {
  if (pool->pending == 0) {
    return NULL;
  }
  struct timespec until = after_ms(timeout_us / 1000);
  pthread_mutex_lock(&pool->lock);
  ice_job *job = &pool->jobs[pool->first];
  while (job->state != STATE_DONE &&
         (timeout_us > 0 && pthread_cond_timedwait(&pool->finished, &pool->lock, &until) != ETIMEDOUT)) {
  }
  bool finished = job->state == STATE_DONE;
  pthread_mutex_unlock(&pool->lock);
  return finished ? job : NULL;
}

void ice_workers_resume(ice_workers *pool, ice_job *job) {
  ice_pipeline_output_clear(&job->output);
  if (pool->options.count == 0) {
    run_job(&pool->workers[0], job, true);
    run_queued_here(pool);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  job->state = STATE_RESUMED;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
}

void ice_workers_release(ice_workers *pool, ice_job *job) {
  pthread_mutex_lock(&pool->lock);
  if (job->output.unfinished && pool->options.count == 0) {
    ice_pipeline_forget(pool->workers[0].pipeline);
  } else if (job->output.unfinished) {
    job->state = STATE_GIVEN_UP;
    pthread_cond_broadcast(&pool->work);
    while (job->state == STATE_GIVEN_UP) {
      pthread_cond_wait(&pool->finished, &pool->lock);
    }
  }
  job->state = STATE_FREE;
  pool->first = (pool->first + 1) % pool->job_count;
  pool->pending--;
  pthread_mutex_unlock(&pool->lock);
  if (pool->options.count == 0) {
    run_queued_here(pool);
  }
}
