#include "cli/run_metrics.h"

#include <icesink/version.h>
#include <stdio.h>

enum { LABEL_SIZE = 300 };

static void set(const ice_run_metrics *self, const char *name, double value) {
  ice_metrics_set(self->metrics, name, (ice_str){0}, value);
}

static void show_lag(const ice_run_metrics *self) {
  char label[LABEL_SIZE];
  for (uint32_t i = 0; i < self->source->partition_count; i++) {
    const ice_source_partition *partition = &self->source->partitions[i];
    if (!partition->assigned) {
      continue;
    }
    int size = snprintf(label, sizeof label, "%.*s/%d", ICE_STR_ARG(partition->topic), partition->partition);
    int64_t lag = partition->log_end > partition->next ? partition->log_end - partition->next : 0;
    if (size > 0 && (size_t)size < sizeof label) {
      ice_metrics_set(self->metrics, "icesink_lag_records", ice_str_make(label, (size_t)size), (double)lag);
    }
  }
}

void ice_run_metrics_update(const ice_run_metrics *self, const ice_sink_progress *progress) {
  const ice_ingest_totals *totals = &progress->totals;
  set(self, "numRecordsOut", (double)totals->committed.rows);
  set(self, "numRecordsFailed", (double)totals->committed.dead_letters);
  set(self, "icesink_records_in_total", (double)totals->committed.records);
  set(self, "icesink_elements_total", (double)totals->committed.elements);
  set(self, "icesink_gaps_total", (double)totals->committed.gaps);
  set(self, "icesink_commits_total", (double)totals->epochs);
  set(self, "icesink_data_files_total", (double)totals->files);
  set(self, "icesink_data_bytes_total", (double)totals->bytes);
  set(self, "icesink_commit_failing", progress->deciding_failed ? 1 : 0);
  set(self, "icesink_ready", progress->deciding_failed ? 0 : 1);
  set(self, "icesink_memory_bytes", (double)ice_budget_used(self->budget));
  set(self, "icesink_memory_limit_bytes", (double)self->budget->limit);
  if (progress->since_commit_ms >= 0) {
    set(self, "icesink_since_commit_seconds", (double)progress->since_commit_ms / 1000);
  }
  for (int i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
    ice_metrics_set(self->metrics, "icesink_dead_letters_total", ice_str_of(ice_error_type_name((ice_error_type)i)),
                    (double)totals->dead_letters_by_type[i]);
  }
  ice_metrics_set(self->metrics, "icesink_build_info", ice_str_of(ice_version()), 1);
  show_lag(self);
}
