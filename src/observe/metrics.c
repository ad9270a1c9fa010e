#include "observe/metrics.h"

#include "base/map.h"
#include "json/json_text.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

typedef enum metric_kind { KIND_UNTYPED, KIND_COUNTER, KIND_GAUGE, KIND_SUMMARY } metric_kind;

typedef struct metric_info {
  const char *name;
  metric_kind kind;
  const char *labels;  ///< names, separated by '/'; NULL: none
  const char *help;
} metric_info;

static const metric_info infos[] = {
    {"numRecordsOut", KIND_COUNTER, NULL, "Rows committed to data tables."},
    {"numRecordsFailed", KIND_COUNTER, NULL, "Dead letters committed."},
    {"checkpointDuration", KIND_GAUGE, NULL, "Milliseconds that the last checkpoint took, its commit included."},
    {"lastCheckpointSize", KIND_GAUGE, NULL, "Bytes of data files in the last checkpoint."},
    {"icesink_records_in_total", KIND_COUNTER, NULL, "Source records taken and committed."},
    {"icesink_elements_total", KIND_COUNTER, NULL, "Elements that committed records held."},
    {"icesink_gaps_total", KIND_COUNTER, NULL, "Committed offsets without a record: control, aborted, compacted."},
    {"icesink_filtered_total", KIND_COUNTER, "cause", "Elements dropped on purpose, by cause."},
    {"icesink_dead_letters_total", KIND_COUNTER, "error_type", "Dead letters written, by cause."},
    {"icesink_commits_total", KIND_COUNTER, NULL, "Epochs committed."},
    {"icesink_commit_seconds", KIND_SUMMARY, NULL, "Time that commits took."},
    {"icesink_commit_failing", KIND_GAUGE, NULL, "1 while a commit fails and the source is held back."},
    {"icesink_commit_conflicts_total", KIND_COUNTER, NULL, "Attempts that met another writer's commit."},
    {"icesink_commit_unknown_total", KIND_COUNTER, NULL, "Attempts whose outcome was not known at once."},
    {"icesink_corrections_total", KIND_COUNTER, "policy", "Times that a policy put the position right."},
    {"icesink_fenced_total", KIND_COUNTER, NULL, "Epochs given up because the position had moved."},
    {"icesink_followers_finished_total", KIND_COUNTER, NULL, "Follower tables brought up to their lead."},
    {"icesink_since_commit_seconds", KIND_GAUGE, NULL, "Time since the last commit."},
    {"icesink_lag_records", KIND_GAUGE, "topic/partition", "Records between the next offset and the end of the log."},
    {"icesink_data_files_total", KIND_COUNTER, NULL, "Data files written."},
    {"icesink_data_bytes_total", KIND_COUNTER, NULL, "Bytes of data files written."},
    {"icesink_spilled_bytes_total", KIND_COUNTER, NULL, "Bytes moved to temporary files."},
    {"icesink_store_requests_total", KIND_COUNTER, "operation",
     "Requests sent to the object store, retries among them."},
    {"icesink_store_retries_total", KIND_COUNTER, NULL, "Requests to the object store that were sent again."},
    {"icesink_store_slow_downs_total", KIND_COUNTER, NULL, "Times that the object store asked for fewer requests."},
    {"icesink_store_sent_bytes_total", KIND_COUNTER, NULL, "Bytes of bodies sent to the object store."},
    {"icesink_memory_bytes", KIND_GAUGE, NULL, "Bytes counted against the memory budget."},
    {"icesink_memory_limit_bytes", KIND_GAUGE, NULL, "The memory budget."},
    {"icesink_ready", KIND_GAUGE, NULL, "What /readyz says."},
    {"icesink_build_info", KIND_GAUGE, "version", "Always 1."},
};

static const char *const kind_names[] = {"untyped", "counter", "gauge", "summary"};

typedef struct series {
  double value;
  int64_t count;  ///< of a summary
} series;

typedef struct family {
  const metric_info *info;
  char *name;
  ice_map series;
} family;

struct ice_metrics {
  pthread_mutex_t lock;
  ice_map names;  ///< to families
  family *families[ICE_METRICS_FAMILIES_MAX];
  size_t family_count;
  size_t series_count;
  int64_t dropped;
};

ice_status ice_metrics_create(ice_metrics **out, ice_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for metrics");
  }
  pthread_mutex_init(&(*out)->lock, NULL);
  ice_map_init(&(*out)->names, ICE_METRICS_FAMILIES_MAX);
  return ICE_OK;
}

static void destroy_family(family *self) {
  for (size_t i = 0; i < self->series.count; i++) {
    free(self->series.entries[i].value);
  }
  ice_map_deinit(&self->series);
  free(self->name);
  free(self);
}

void ice_metrics_destroy(ice_metrics *metrics) {
  if (!metrics) {
    return;
  }
  for (size_t i = 0; i < metrics->family_count; i++) {
    destroy_family(metrics->families[i]);
  }
  ice_map_deinit(&metrics->names);
  pthread_mutex_destroy(&metrics->lock);
  free(metrics);
}

static const metric_info *find_info(const char *name) {
  for (size_t i = 0; i < ICE_COUNT_OF(infos); i++) {
    if (strcmp(infos[i].name, name) == 0) {
      return &infos[i];
    }
  }
  return NULL;
}

// [a-zA-Z_:][a-zA-Z0-9_:]*
static bool is_name(const char *name) {
  for (const char *at = name; *at; at++) {
    bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_' || *at == ':';
    if (!letter && !(at > name && *at >= '0' && *at <= '9')) {
      return false;
    }
  }
  return *name != '\0';
}

static family *find_family(ice_metrics *metrics, const char *name) {
  family *found = ice_map_get(&metrics->names, ice_str_of(name));
  if (found || !is_name(name) || metrics->family_count == ICE_METRICS_FAMILIES_MAX) {
    return found;
  }
  found = calloc(1, sizeof *found);
  if (!found) {
    return NULL;
  }
  ice_map_init(&found->series, ICE_METRICS_SERIES_MAX);
  found->info = find_info(name);
  found->name = strdup(name);
  if (!found->name || ice_map_put(&metrics->names, ice_str_of(name), found, NULL) != ICE_OK) {
    destroy_family(found);
    return NULL;
  }
  metrics->families[metrics->family_count++] = found;
  return found;
}

// Called with the lock held. NULL when there is no room.
static series *find_series(ice_metrics *metrics, const char *name, ice_str label) {
  family *owner = label.size <= ICE_METRICS_LABEL_MAX ? find_family(metrics, name) : NULL;
  series *found = owner ? ice_map_get(&owner->series, label) : NULL;
  if (!found && owner && metrics->series_count < ICE_METRICS_SERIES_MAX) {
    found = calloc(1, sizeof *found);
    if (found && ice_map_put(&owner->series, label, found, NULL) != ICE_OK) {
      free(found);
      found = NULL;
    }
    metrics->series_count += found != NULL;
  }
  metrics->dropped += found == NULL;
  return found;
}

void ice_metrics_add(ice_metrics *metrics, const char *name, ice_str label, int64_t delta) {
  pthread_mutex_lock(&metrics->lock);
  series *found = find_series(metrics, name, label);
  if (found) {
    found->value += (double)delta;
  }
  pthread_mutex_unlock(&metrics->lock);
}

void ice_metrics_set(ice_metrics *metrics, const char *name, ice_str label, double value) {
  pthread_mutex_lock(&metrics->lock);
  series *found = find_series(metrics, name, label);
  if (found) {
    found->value = value;
  }
  pthread_mutex_unlock(&metrics->lock);
}

void ice_metrics_observe(ice_metrics *metrics, const char *name, double value) {
  pthread_mutex_lock(&metrics->lock);
  series *found = find_series(metrics, name, (ice_str){0});
  if (found) {
    found->value += value;
    found->count++;
  }
  pthread_mutex_unlock(&metrics->lock);
}

// Text --------------------------------------------------------------------------------------------------------------

static ice_status write_value(ice_bytes *out, double value, ice_error *err) {
  if (isinf(value)) {
    return ice_bytes_append_str(out, value > 0 ? ICE_STR("+Inf") : ICE_STR("-Inf"), err);
  }
  // Whole numbers are written as such, for people and for tools that count on it.
  if (value == floor(value) && fabs(value) < 9007199254740992.0) {
    return ice_bytes_append_format(out, err, "%lld", (long long)value);
  }
  return ice_json_append_double(out, value, err);
}

// Label values are quoted, with backslash, quote and line feed escaped.
static ice_status write_label(ice_bytes *out, ice_str name, ice_str value, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(out, err, "%.*s=\"", ICE_STR_ARG(name)));
  for (size_t i = 0; i < value.size; i++) {
    char c = value.data[i];
    if (c == '\n') {
      ICE_TRY(ice_bytes_append_str(out, ICE_STR("\\n"), err));
      continue;
    }
    if (c == '\\' || c == '"') {
      ICE_TRY(ice_bytes_append_u8(out, '\\', err));
    }
    ICE_TRY(ice_bytes_append_u8(out, (uint8_t)c, err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '"', err));
done:
  return status;
}

static ice_str take_part(ice_str *rest, bool last) {
  const char *slash = last || rest->size == 0 ? NULL : memchr(rest->data, '/', rest->size);
  ice_str part = ice_str_make(rest->data, slash ? (size_t)(slash - rest->data) : rest->size);
  *rest = slash ? ice_str_make(slash + 1, rest->size - part.size - 1) : (ice_str){0};
  return part;
}

static ice_status write_labels(ice_bytes *out, const metric_info *info, ice_str label, ice_error *err) {
  if (label.size == 0) {
    return ICE_OK;
  }
  ice_str names = info && info->labels ? ice_str_of(info->labels) : ICE_STR("label");
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(out, '{', err));
  for (bool first = true; names.size > 0; first = false) {
    ice_str name = take_part(&names, false);
    if (!first) {
      ICE_TRY(ice_bytes_append_u8(out, ',', err));
    }
    ICE_TRY(write_label(out, name, take_part(&label, names.size == 0), err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '}', err));
done:
  return status;
}

static ice_status write_series(ice_bytes *out, const family *owner, const char *suffix, ice_str label, double value,
                               ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(out, err, "%s%s", owner->name, suffix));
  ICE_TRY(write_labels(out, owner->info, label, err));
  ICE_TRY(ice_bytes_append_u8(out, ' ', err));
  ICE_TRY(write_value(out, value, err));
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
done:
  return status;
}

static ice_status write_family(ice_bytes *out, const family *owner, ice_error *err) {
  metric_kind kind = owner->info ? owner->info->kind : KIND_UNTYPED;
  ice_status status = ICE_OK;
  if (owner->info) {
    ICE_TRY(ice_bytes_append_format(out, err, "# HELP %s %s\n", owner->name, owner->info->help));
  }
  ICE_TRY(ice_bytes_append_format(out, err, "# TYPE %s %s\n", owner->name, kind_names[kind]));
  for (size_t i = 0; i < owner->series.count; i++) {
    const ice_map_entry *entry = &owner->series.entries[i];
    const series *found = entry->value;
    ICE_TRY(write_series(out, owner, kind == KIND_SUMMARY ? "_sum" : "", entry->key, found->value, err));
    if (kind == KIND_SUMMARY) {
      ICE_TRY(write_series(out, owner, "_count", entry->key, (double)found->count, err));
    }
  }
done:
  return status;
}

ice_status ice_metrics_write(ice_metrics *metrics, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  pthread_mutex_lock(&metrics->lock);
  for (size_t i = 0; i < metrics->family_count; i++) {
    ICE_TRY(write_family(out, metrics->families[i], err));
  }
  ICE_TRY(ice_bytes_append_format(out, err,
                                  "# TYPE icesink_metrics_dropped_total counter\n"
                                  "icesink_metrics_dropped_total %lld\n",
                                  (long long)metrics->dropped));
done:
  pthread_mutex_unlock(&metrics->lock);
  return status;
}
