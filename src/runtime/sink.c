#include "runtime/sink.h"

#include "runtime/workers.h"
#include <stdlib.h>

enum {
  PROGRESS_MS = 250,
  IDLE_US = 2000,
  TAKE_US = 20000,
  ROUND_DELAY_FIRST_MS = 1000,
  ROUND_DELAY_MAX_MS = 60000,
  FENCED_MAX = 1000,
  REFRESH_MS = 500,
  SOURCE_RETRY_MS = 1000,
  UNSETTLED_MAX = 3
};

typedef struct sink {
  const ice_sink_options *options;
  ice_workers *workers;
  int64_t *ends;  ///< with until_end: the ends of the logs to reach
  uint32_t end_count;
  int64_t started_ms;
  int64_t epoch_ms;     ///< when the open epoch began
  int64_t commit_ms;    ///< when the last commit was decided, -1 before the first
  int64_t last_commit;  ///< how long it took
  int64_t progress_ms;
  int64_t refresh_ms;
  bool failing;
  uint32_t fenced;
  /// How often the log has lost the wanted offset since `unsettled_epochs` epochs were committed.
  uint32_t unsettled;
  int64_t unsettled_epochs;
  int64_t *added;  ///< per partition: what the ingest has taken, open epoch included
  uint32_t added_count;
} sink;

static int64_t now_ms(const sink *self) {
  const ice_port *port = self->options->port;
  return port->clock.monotonic_us(port->clock.context) / 1000;
}

static bool stopping(const sink *self) {
  return self->options->stop && atomic_load_explicit(self->options->stop, memory_order_relaxed);
}

static void sleep_us(const sink *self, int64_t us) {
  const ice_port *port = self->options->port;
  port->clock.wait_us(port->clock.context, us);
}

static void log_text(const sink *self, ice_log_level level, const char *message, const char *detail) {
  ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(detail));
  ice_observe_log(self->options->observer, level, ice_str_of(message), &field, 1);
}

static void fill_progress(const sink *self, ice_sink_progress *out) {
  const ice_source *source = self->options->source;
  *out = (ice_sink_progress){.totals = ice_ingest_get_totals(self->options->ingest),
                             .since_commit_ms = self->commit_ms < 0 ? -1 : now_ms(self) - self->commit_ms,
                             .last_commit_ms = self->last_commit,
                             .deciding_failed = self->failing};
  for (uint32_t i = 0; i < source->partition_count; i++) {
    const ice_source_partition *partition = &source->partitions[i];
    if (partition->assigned && partition->log_end > partition->next) {
      out->lag += partition->log_end - partition->next;
    }
  }
}

static void report_progress(sink *self, bool force) {
  if (!self->options->progress || (!force && now_ms(self) - self->progress_ms < PROGRESS_MS)) {
    return;
  }
  ice_sink_progress progress;
  self->progress_ms = now_ms(self);
  fill_progress(self, &progress);
  self->options->progress(self->options->progress_context, &progress);
}

// The ends to reach -------------------------------------------------------------------------------------------------

static ice_status remember_ends(sink *self, ice_error *err) {
  const ice_source *source = self->options->source;
  int64_t *ends = realloc(self->ends, (source->partition_count + 1) * sizeof *ends);
  if (!ends) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", source->partition_count);
  }
  self->ends = ends;
  self->end_count = source->partition_count;
  for (uint32_t i = 0; i < source->partition_count; i++) {
    ends[i] = source->partitions[i].log_end;
  }
  return ICE_OK;
}

static bool ends_reached(const sink *self) {
  for (uint32_t i = 0; i < self->end_count; i++) {
    const ice_source_partition *partition = &self->options->source->partitions[i];
    if (!partition->excluded && partition->next < self->ends[i]) {
      return false;
    }
  }
  return true;
}

// True once everything that has to be read was read. Logs that grow have no end yet; once they do not, they are
// looked at again.
static ice_status drained(sink *self, bool *out, ice_error *err) {
  *out = false;
  if (!self->options->until_end || self->options->source->joining || !ends_reached(self)) {
    return ICE_OK;
  }
  ice_status status = ICE_OK;
  if (self->options->growing) {
    // Asked before the look: what a producer wrote before it ended is seen by the look that follows.
    if (self->options->growing(self->options->growing_context)) {
      goto done;
    }
    ICE_TRY(ice_source_refresh(self->options->source, err));
    ICE_TRY(remember_ends(self, err));
  }
  *out = ends_reached(self);
done:
  return status;
}

// Deciding ----------------------------------------------------------------------------------------------------------

static void wait_ms(const sink *self, int64_t ms) {
  int64_t until = now_ms(self) + ms;
  while (!stopping(self) && now_ms(self) < until) {
    sleep_us(self, IDLE_US);
  }
}

// One round of attempts. OK with AGAIN means that all of them met conflicts or unknown outcomes.
static ice_status decide_round(sink *self, ice_attempt *outcome, ice_error *err) {
  int64_t delay_ms = self->options->commit_retry_delay_ms;
  for (uint32_t attempt = 0;; attempt++) {
    ice_status status = ice_ingest_attempt(self->options->ingest, outcome, err);
    if (status != ICE_OK || *outcome != ICE_ATTEMPT_AGAIN || attempt >= self->options->commit_retries) {
      return status;
    }
    log_text(self, ICE_LOG_WARN, "Commit attempt was not decided; trying again", err->message);
    sleep_us(self, ice_port_jitter(self->options->port, delay_ms) * 1000);
    delay_ms *= 2;
  }
}

static bool curable(ice_status status, const ice_error *err) {
  return (err->flags & (ICE_ERROR_POLICY | ICE_ERROR_FATAL)) == 0 && status != ICE_INTERNAL &&
         status != ICE_INVALID_ARGUMENT && status != ICE_UNSUPPORTED && status != ICE_NO_MEMORY;
}

// Repeats rounds until the epoch is decided. When the sink is stopped meanwhile one more round is tried.
static ice_status decide(sink *self, ice_error *err) {
  int64_t begin = now_ms(self);
  int64_t delay_ms = ROUND_DELAY_FIRST_MS;
  ice_attempt outcome;
  for (;;) {
    bool last = stopping(self);
    ice_status status = decide_round(self, &outcome, err);
    if (status == ICE_OK && outcome != ICE_ATTEMPT_AGAIN) {
      break;
    }
    int64_t failed_for = now_ms(self) - begin;
    bool give_up = self->options->commit_give_up_ms > 0 && failed_for >= self->options->commit_give_up_ms;
    if (status != ICE_OK && !curable(status, err)) {
      return status;
    }
    if (last || give_up) {
      ice_error_prepend(err,
                        "the open epoch could not be committed for %lld s; files that may be in the table stay, the "
                        "next start resolves it",
                        (long long)(failed_for / 1000));
      return status != ICE_OK ? status : err->status != ICE_OK ? err->status : ICE_CONFLICT;
    }
    self->failing = true;
    log_text(self, ICE_LOG_ERROR, "Commit failed; the source is held back", err->message);
    report_progress(self, true);
    wait_ms(self, ice_port_jitter(self->options->port, delay_ms));
    delay_ms = delay_ms * 2 > ROUND_DELAY_MAX_MS ? ROUND_DELAY_MAX_MS : delay_ms * 2;
  }
  self->failing = false;
  self->commit_ms = now_ms(self);
  self->last_commit = self->commit_ms - begin;
  if (outcome == ICE_ATTEMPT_DONE) {
    return ICE_OK;
  }
  ice_observe_log(self->options->observer, ICE_LOG_WARN,
                  ICE_STR("Fenced: another process of this sink has moved the position; starting again from it"),
                  NULL, 0);
  if (++self->fenced > FENCED_MAX) {
    return ice_error_set(err, ICE_INVALID_STATE, "fenced %u times; is another process running this sink?",
                         self->fenced);
  }
  return ICE_CONFLICT;
}

// Where the table is, for the source to tell ------------------------------------------------------------------------

// Called right after the source was sought: it stands where the table says.
static ice_status begin_positions(sink *self, ice_error *err) {
  ice_source *source = self->options->source;
  int64_t *added = realloc(self->added, (source->partition_count + 1) * sizeof *added);
  if (!added) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", source->partition_count);
  }
  self->added = added;
  self->added_count = source->partition_count;
  for (uint32_t i = 0; i < source->partition_count; i++) {
    added[i] = source->partitions[i].next;
    source->partitions[i].committed = source->partitions[i].next;
  }
  return ICE_OK;
}

static void note_added(sink *self, const ice_chunk *chunk) {
  for (size_t i = 0; i < chunk->range_count; i++) {
    if (chunk->ranges[i].partition < self->added_count) {
      self->added[chunk->ranges[i].partition] = chunk->ranges[i].to;
    }
  }
}

// Offsets in the group serve lag tools only, so a failure is worth a line and nothing more.
static void tell_positions(sink *self) {
  ice_source *source = self->options->source;
  ice_error ignored = {0};
  for (uint32_t i = 0; i < self->added_count; i++) {
    source->partitions[i].committed = self->added[i];
  }
  if (ice_source_commit(source, &ignored) != ICE_OK) {
    log_text(self, ICE_LOG_WARN, "Group offsets were not committed", ignored.message);
  }
}

// A source that cannot be reached is waited for. CANCELLED when the sink is stopped meanwhile.
static ice_status refresh_source(sink *self, ice_error *err) {
  for (;;) {
    ice_status status = ice_source_refresh(self->options->source, err);
    if (status == ICE_OK || (err->flags & ICE_ERROR_RETRYABLE) == 0) {
      return status;
    }
    if (stopping(self)) {
      return ice_error_set(err, ICE_CANCELLED, "stopped while waiting for the source");
    }
    log_text(self, ICE_LOG_WARN, "Source cannot be reached; waiting", err->message);
    wait_ms(self, SOURCE_RETRY_MS);
  }
}

// Moving data -------------------------------------------------------------------------------------------------------

// The ranges of a job count once all of its output is there; nothing is committed in between, because a checkpoint takes
// every job to its end.
static ice_status add_job(sink *self, ice_job *job, ice_error *err) {
  ice_status status = job->status;
  bool last = !job->output.unfinished;
  if (status != ICE_OK) {
    if (err) {
      *err = job->error;
    }
  } else {
    status = ice_ingest_add(self->options->ingest, self->options->source, job->chunk.ranges,
                            last ? job->chunk.range_count : 0, &job->output, err);
    if (status == ICE_OK && !last) {
      ice_workers_resume(self->workers, job);
      return ICE_OK;
    }
    if (status == ICE_OK) {
      note_added(self, &job->chunk);
    }
  }
  ice_workers_release(self->workers, job);
  return status;
}

// Takes every job that is under way; with a first error the others are dropped. A job that was cancelled because the
// sink stops ends the epoch before it.
static ice_status drain(sink *self, bool drop, ice_error *err) {
  ice_status status = ICE_OK;
  while (ice_workers_pending(self->workers) > 0) {
    ice_job *job = ice_workers_take(self->workers, TAKE_US);
    report_progress(self, false);
    if (!job) {
      continue;
    }
    drop = drop || (job->status == ICE_CANCELLED && stopping(self));
    if (drop || status != ICE_OK) {
      ice_workers_release(self->workers, job);
    } else {
      status = add_job(self, job, err);
    }
  }
  return status;
}

static ice_status start_workers(sink *self, ice_error *err) {
  const ice_workers_options workers = {.pipeline = self->options->pipeline,
                                       .count = self->options->workers,
                                       .source = self->options->source,
                                       .budget = self->options->budget,
                                       .observer = self->options->observer,
                                       .stop = self->options->stop};
  return ice_workers_create(&workers, &self->workers, err);
}

// Others have changed a table's columns or partitions: from the next epoch on rows are made for what it is now. Nothing is
// open and nothing under way.
static ice_status follow_tables(sink *self, ice_error *err) {
  ice_status status = ICE_OK;
  if (!self->options->rebind || !ice_ingest_tables_changed(self->options->ingest)) {
    return ICE_OK;
  }
  ice_observe_log(self->options->observer, ICE_LOG_INFO,
                  ICE_STR("A table's schema or partition spec was changed; following it"), NULL, 0);
  ice_workers_destroy(self->workers);
  self->workers = NULL;
  ICE_TRY(ice_ingest_reload(self->options->ingest, err));
  ICE_TRY(self->options->rebind(self->options->rebind_context, err));
  ICE_TRY(start_workers(self, err));
done:
  return status;
}

static ice_status checkpoint(sink *self, ice_error *err) {
  ice_ingest *ingest = self->options->ingest;
  ice_status status = ICE_OK;
  ICE_TRY(drain(self, false, err));
  if (ice_ingest_dirty(ingest)) {
    int64_t begin = now_ms(self);
    ICE_TRY(ice_ingest_close(ingest, self->options->source, err));
    ICE_TRY(decide(self, err));
    self->last_commit = now_ms(self) - begin;
    ice_observe_gauge(self->options->observer, "checkpointDuration", (ice_str){0}, (double)self->last_commit);
    ice_observe_sample(self->options->observer, "icesink_commit_seconds", (double)self->last_commit / 1000);
    tell_positions(self);
  }
  ICE_TRY(follow_tables(self, err));
  self->epoch_ms = now_ms(self);
done:
  return status;
}

// Seeks the source to where the table is.
static ice_status begin(sink *self, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_ingest_start(self->options->ingest, self->options->source, err));
  ICE_TRY(begin_positions(self, err));
  tell_positions(self);
done:
  return status;
}

// Forgets what is not committed and begins again where the table says.
static ice_status begin_again(sink *self, ice_error *err) {
  ice_status status = ICE_OK;
  (void)!drain(self, true, NULL);
  ice_ingest_drop(self->options->ingest);
  ICE_TRY(refresh_source(self, err));
  ICE_TRY(begin(self, err));
  ICE_TRY(follow_tables(self, err));
  self->epoch_ms = now_ms(self);
done:
  return status;
}

// Fills one job: until it holds a batch, until the source has no more, or until the batch's time is over.
static ice_status fill_job(sink *self, ice_job *job, ice_error *err) {
  int64_t begin = now_ms(self);
  size_t before;
  do {
    before = job->chunk.range_count == 0 ? 0 : job->chunk.data.size;
    ice_status status = ice_source_poll(self->options->source, &job->chunk, 0, err);
    if (status != ICE_OK) {
      return status;
    }
  } while (job->chunk.range_count > 0 && job->chunk.data.size > before &&
           job->chunk.record_count < self->options->batch_size &&
           now_ms(self) - begin < self->options->batch_timeout_ms);
  return ICE_OK;
}

static bool may_read(const sink *self) {
  return ice_workers_pending(self->workers) == 0 || !ice_budget_exceeded(self->options->budget);
}

static ice_status dispatch(sink *self, bool *idle, ice_error *err) {
  *idle = true;
  for (ice_job *job = may_read(self) ? ice_workers_begin(self->workers) : NULL; job;
       job = may_read(self) ? ice_workers_begin(self->workers) : NULL) {
    ice_status status = fill_job(self, job, err);
    if (status != ICE_OK) {
      return status;
    }
    if (job->chunk.range_count == 0) {
      break;
    }
    ice_workers_submit(self->workers, job);
    *idle = false;
  }
  return ICE_OK;
}

static ice_status collect(sink *self, bool *idle, ice_error *err) {
  ice_job *job = ice_workers_take(self->workers, *idle && ice_workers_pending(self->workers) > 0 ? TAKE_US : 0);
  if (!job) {
    return ICE_OK;
  }
  if (job->status == ICE_CANCELLED && stopping(self)) {
    // The checkpoint at the end drops it, with all that came after it.
    return ICE_OK;
  }
  *idle = false;
  return add_job(self, job, err);
}

static bool refresh_due(const sink *self, bool idle) {
  int64_t interval = self->options->discovery_interval_ms;
  if (self->options->until_end || interval < 0 || (interval == 0 && !idle)) {
    return false;
  }
  return now_ms(self) - self->refresh_ms >= (interval == 0 ? REFRESH_MS : interval);
}

static ice_status refresh_lag(sink *self, ice_error *err) {
  uint32_t before = self->options->source->partition_count;
  self->refresh_ms = now_ms(self);
  // Partitions that are new move the table that the workers read, so nothing may be under way.
  ice_status status = drain(self, false, err);
  if (status == ICE_OK) {
    status = ice_source_refresh(self->options->source, err);
    if (status != ICE_OK && (err->flags & ICE_ERROR_RETRYABLE)) {
      // Nothing depends on it now, and what is open must still be committed in time.
      log_text(self, ICE_LOG_WARN, "Source cannot be reached; waiting", err->message);
      ice_error_clear(err);
      status = ICE_OK;
    }
  }
  if (status == ICE_OK && self->options->source->partition_count > before) {
    status = checkpoint(self, err);
    if (status == ICE_OK) {
      status = begin_again(self, err);
    }
  }
  return status;
}

// The group stands still until this is through, so that what was read is in the table before somebody else reads on from it.
// Were it not, the next commit of the old reader would find another position and be fenced.
static ice_status rebalance(sink *self, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(checkpoint(self, err));
  ICE_TRY(ice_source_rebalance(self->options->source, err));
  ICE_TRY(begin_again(self, err));
  uint32_t count = 0;
  for (uint32_t i = 0; i < self->options->source->partition_count; i++) {
    count += !self->options->source->partitions[i].excluded;
  }
  ice_log_field field = ICE_LOG_NUMBER("partitions", count);
  ice_observe_log(self->options->observer, ICE_LOG_INFO, ICE_STR("The consumer group divided its partitions anew"),
                  &field, 1);
done:
  return status;
}

static ice_status step(sink *self, bool *finished, ice_error *err) {
  bool idle;
  ice_status status = ICE_OK;
  *finished = stopping(self);
  if (*finished) {
    goto done;
  }
  if (self->options->source->rebalancing) {
    ICE_TRY(rebalance(self, err));
  }
  ICE_TRY(dispatch(self, &idle, err));
  ICE_TRY(collect(self, &idle, err));
  ICE_TRY(ice_ingest_drive(self->options->ingest, err));
  if (now_ms(self) - self->epoch_ms >= self->options->commit_interval_ms) {
    ICE_TRY(checkpoint(self, err));
  }
  report_progress(self, false);
  if (idle && ice_workers_pending(self->workers) == 0) {
    ICE_TRY(drained(self, finished, err));
  } else {
    idle = false;
  }
  if (!*finished && refresh_due(self, idle)) {
    ICE_TRY(refresh_lag(self, err));
  }
  if (idle && !*finished) {
    sleep_us(self, IDLE_US);
  }
done:
  return status;
}

// The log has lost the wanted offset while it was read: as at a start, the policies say what becomes of it. A log that says
// so again and again without a commit in between is no matter of a policy.
static bool may_settle(sink *self, ice_status status, const ice_error *err) {
  if (status != ICE_NOT_FOUND || (err->flags & ICE_ERROR_POLICY) == 0) {
    return false;
  }
  int64_t epochs = ice_ingest_get_totals(self->options->ingest).epochs;
  self->unsettled = epochs == self->unsettled_epochs ? self->unsettled + 1 : 1;
  self->unsettled_epochs = epochs;
  return self->unsettled <= UNSETTLED_MAX;
}

static bool passes(const sink *self, ice_status status, const ice_error *err) {
  return status != ICE_OK && (err->flags & ICE_ERROR_RETRYABLE) != 0 && curable(status, err) &&
         !ice_ingest_deciding(self->options->ingest);
}

// Catalog or store are away. What is not committed is forgotten, and read again once they are back. CANCELLED when the sink is
// stopped meanwhile.
static ice_status recover(sink *self, ice_error *err) {
  int64_t begin = now_ms(self);
  int64_t delay_ms = ROUND_DELAY_FIRST_MS;
  int64_t give_up_ms = self->options->commit_give_up_ms;
  for (;;) {
    log_text(self, ICE_LOG_WARN, "Interrupted; waiting, then going on where the table is", err->message);
    self->failing = true;
    report_progress(self, true);
    wait_ms(self, ice_port_jitter(self->options->port, delay_ms));
    if (stopping(self)) {
      return ice_error_set(err, ICE_CANCELLED, "stopped while waiting for catalog or store");
    }
    bool last = give_up_ms > 0 && now_ms(self) - begin >= give_up_ms;
    ice_error_clear(err);
    ice_status status = begin_again(self, err);
    if (status == ICE_OK || last || !passes(self, status, err)) {
      self->failing = status != ICE_OK;
      return status;
    }
    delay_ms = delay_ms * 2 > ROUND_DELAY_MAX_MS ? ROUND_DELAY_MAX_MS : delay_ms * 2;
  }
}

// Goes on after a step that failed: fenced from where the table is, interrupted once what was away is back.
static ice_status go_on(sink *self, ice_status status, ice_error *err) {
  if (status == ICE_CONFLICT && !ice_ingest_deciding(self->options->ingest)) {
    status = begin_again(self, err);
  }
  return passes(self, status, err) && !stopping(self) ? recover(self, err) : status;
}

static ice_status run(sink *self, ice_error *err) {
  bool finished = false;
  ice_status status = ICE_OK;
  status = refresh_source(self, err);
  if (status == ICE_CANCELLED && stopping(self)) {
    // Nothing was begun, so nothing is to be finished.
    ice_error_clear(err);
    return ICE_OK;
  }
  ICE_TRY(status);
  status = begin(self, err);
  if (status != ICE_OK) {
    status = go_on(self, status, err);
  }
  if (status == ICE_CANCELLED && stopping(self)) {
    ice_error_clear(err);
    return ICE_OK;
  }
  ICE_TRY(status);
  ICE_TRY(remember_ends(self, err));
  self->epoch_ms = now_ms(self);
  self->refresh_ms = self->epoch_ms;
  while (!finished) {
    status = step(self, &finished, err);
    if (status == ICE_OK && finished) {
      status = checkpoint(self, err);
    }
    if (may_settle(self, status, err)) {
      // What was read before it was lost must not be lost with it.
      ice_error_clear(err);
      status = checkpoint(self, err);
      status = status == ICE_OK ? ICE_CONFLICT : status;
    }
    if (status != ICE_OK) {
      finished = false;
      status = go_on(self, status, err);
    }
    if (status == ICE_CANCELLED && stopping(self)) {
      ice_error_clear(err);
      return ICE_OK;
    }
    ICE_TRY(status);
  }
done:
  return status;
}

ice_status ice_sink_run(const ice_sink_options *options, ice_sink_progress *out, ice_error *err) {
  ice_error own = {0};
  ice_error *error = err ? err : &own;
  sink self = {.options = options, .commit_ms = -1, .last_commit = -1};
  ice_status status = start_workers(&self, error);
  if (status == ICE_OK) {
    self.started_ms = now_ms(&self);
    status = run(&self, error);
  }
  // What is still under way is dropped; a worker that waits for the registry ends here too.
  ice_workers_destroy(self.workers);
  fill_progress(&self, out);
  report_progress(&self, true);
  // What is not committed is read again by the next run.
  ice_ingest_drop(options->ingest);
  free(self.ends);
  free(self.added);
  return status;
}
