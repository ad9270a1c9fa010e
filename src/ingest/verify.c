#include "ingest/verify_priv.h"

#include "base/map.h"
#include "iceberg/iceberg_manifest.h"
#include "ingest/epoch_summary.h"
#include <stdio.h>
#include <stdlib.h>

enum { LIST_BYTES_MAX = 1 << 30, FILES_MAX = 100000000, VIOLATION_MAX = 700 };

typedef struct audit {
  const ice_verify_options *options;
  ice_violations violations;
  ice_verify_result *result;
  ice_lead lead;
  ice_epoch_summary *epochs;
  uint32_t epoch_count;
  ice_error *err;
} audit;

void ice_violate(const ice_violations *to, const char *format, ...) {
  char text[VIOLATION_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (*to->count)++;
  to->report(to->context, text);
}

// Epochs ------------------------------------------------------------------------------------------------------------

static int compare_epochs(const void *a, const void *b) {
  const ice_epoch_summary *x = a;
  const ice_epoch_summary *y = b;
  return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

// The sink's snapshots that the branch head still reaches.
static ice_status collect_epochs(audit *self) {
  const ice_table_metadata *metadata = self->lead.table.metadata;
  self->epochs = calloc((size_t)metadata->snapshot_count + 1, sizeof *self->epochs);
  if (!self->epochs) {
    return ice_error_set(self->err, ICE_NO_MEMORY, "out of memory for %u snapshots", metadata->snapshot_count);
  }
  const ice_snapshot *at = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  for (uint32_t steps = 0; at && steps <= metadata->snapshot_count; steps++) {
    if (ice_epoch_summary_read(at, self->options->sink, &self->epochs[self->epoch_count])) {
      self->epoch_count++;
    }
    at = at->has_parent ? ice_table_find_snapshot(metadata, at->parent_snapshot_id) : NULL;
  }
  if (self->epoch_count > 1) {
    qsort(self->epochs, self->epoch_count, sizeof *self->epochs, compare_epochs);
  }
  return ICE_OK;
}

static void check_counts(audit *self, const ice_epoch_summary *epoch, int64_t consumed) {
  const ice_counts *c = &epoch->counts;
  if (c->elements != c->rows + c->dead_letters + c->filtered) {
    ice_violate(&self->violations, "epoch %lld: %lld elements are not %lld rows + %lld dead letters + %lld filtered",
                (long long)epoch->epoch, (long long)c->elements, (long long)c->rows, (long long)c->dead_letters,
                (long long)c->filtered);
  }
  if (consumed != c->records + c->gaps) {
    ice_violate(&self->violations, "epoch %lld: its ranges hold %lld offsets, not %lld records + %lld gaps",
                (long long)epoch->epoch, (long long)consumed, (long long)c->records, (long long)c->gaps);
  }
}

/// Where the ranges have come to, while they are walked in the order of epochs.
typedef struct reached {
  ice_position position;
  bool from_start;  ///< every epoch from the first one is there
} reached;

/// One epoch on the walk.
typedef struct walking {
  audit *self;
  reached *at;
  const ice_epoch_summary *epoch;
  int64_t consumed;
} walking;

// Where a partition has come to. Before the first range that is still listed only the start is known, and only where no
// epoch is missing.
static int64_t reached_offset(const walking *walk, ice_str topic, int32_t partition, int64_t otherwise) {
  const ice_position_entry *end = ice_position_find(&walk->self->lead.position, topic, partition);
  const ice_position_entry *known = ice_position_find(&walk->at->position, topic, partition);
  return known ? known->offset : end && walk->at->from_start ? end->start : otherwise;
}

static ice_status walk_range(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                             ice_error *err) {
  walking *walk = context;
  audit *self = walk->self;
  long long epoch = (long long)walk->epoch->epoch;
  int64_t expected = reached_offset(walk, topic, partition, from);
  if (!ice_position_find(&self->lead.position, topic, partition)) {
    ice_violate(&self->violations, "epoch %lld: topic %.*s, partition %d is not in the position", epoch,
                ICE_STR_ARG(topic), partition);
  }
  if (to <= from) {
    ice_violate(&self->violations, "epoch %lld: topic %.*s, partition %d: the range [%lld, %lld) is empty", epoch,
                ICE_STR_ARG(topic), partition, (long long)from, (long long)to);
  }
  if (from != expected) {
    ice_violate(&self->violations,
                "epoch %lld: topic %.*s, partition %d: the range [%lld, %lld) %s: %lld was reached", epoch,
                ICE_STR_ARG(topic), partition, (long long)from, (long long)to,
                from < expected ? "overlaps" : "leaves a gap", (long long)expected);
  }
  walk->consumed += to - from;
  return ice_position_set(&walk->at->position, topic, partition, from, to, err);
}

// A move of a policy is no violation, but it is told.
static ice_status walk_move(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                            ice_error *err) {
  walking *walk = context;
  audit *self = walk->self;
  int64_t expected = reached_offset(walk, topic, partition, from);
  if (from != expected) {
    ice_violate(&self->violations,
                "epoch %lld: topic %.*s, partition %d: %.*s moved from %lld to %lld: %lld was reached",
                (long long)walk->epoch->epoch, ICE_STR_ARG(topic), partition, ICE_STR_ARG(walk->epoch->policy),
                (long long)from, (long long)to, (long long)expected);
  }
  self->result->moves++;
  self->result->moved += to - from;
  return ice_position_set(&walk->at->position, topic, partition, from, to, err);
}

static ice_status walk_epoch(audit *self, reached *at, const ice_epoch_summary *epoch) {
  walking walk = {.self = self, .at = at, .epoch = epoch};
  ice_status status = ICE_OK;
  if (!epoch->ranges.data) {
    ice_violate(&self->violations, "epoch %lld: its snapshot has no icesink.ranges", (long long)epoch->epoch);
    goto done;
  }
  ICE_TRY(ice_ranges_visit(epoch->ranges, walk_range, &walk, self->err));
  if (epoch->moves.data) {
    ICE_TRY(ice_ranges_visit(epoch->moves, walk_move, &walk, self->err));
  }
  check_counts(self, epoch, walk.consumed);
done:
  return status;
}

static void check_end(audit *self, const reached *at) {
  for (uint32_t i = 0; i < self->lead.position.entry_count; i++) {
    const ice_position_entry *end = &self->lead.position.entries[i];
    const ice_position_entry *entry = ice_position_find(&at->position, end->topic, end->partition);
    int64_t offset = entry ? entry->offset : end->start;
    if ((entry || at->from_start) && offset != end->offset) {
      ice_violate(&self->violations, "topic %.*s, partition %d: the ranges end at %lld, the position is %lld",
                  ICE_STR_ARG(end->topic), end->partition, (long long)offset, (long long)end->offset);
    }
  }
}

// Where no epoch is missing the sums of all must be the running totals; else the totals must add up among themselves.
static void check_totals(audit *self, bool from_start) {
  const ice_counts *totals = &self->lead.position.totals;
  ice_counts sums = {0};
  int64_t consumed = 0;
  for (uint32_t i = 0; i < self->epoch_count; i++) {
    ice_counts_add(&sums, &self->epochs[i].counts);
  }
  for (uint32_t i = 0; i < self->lead.position.entry_count; i++) {
    const ice_position_entry *entry = &self->lead.position.entries[i];
    consumed += entry->offset - entry->start - entry->moved;
  }
  if (totals->elements != totals->rows + totals->dead_letters + totals->filtered) {
    ice_violate(&self->violations,
                "the totals do not add up: %lld elements, %lld rows, %lld dead letters, %lld filtered",
                (long long)totals->elements, (long long)totals->rows, (long long)totals->dead_letters,
                (long long)totals->filtered);
  }
  if (consumed != totals->records + totals->gaps) {
    ice_violate(&self->violations, "the position moved over %lld offsets, the totals are %lld records and %lld gaps",
                (long long)consumed, (long long)totals->records, (long long)totals->gaps);
  }
  if (from_start && memcmp(&sums, totals, sizeof sums) != 0) {
    ice_violate(
        &self->violations,
        "the counts of all epochs (%lld records, %lld rows, %lld dead letters) are not the totals (%lld, %lld, "
        "%lld)",
        (long long)sums.records, (long long)sums.rows, (long long)sums.dead_letters, (long long)totals->records,
        (long long)totals->rows, (long long)totals->dead_letters);
  }
}

static ice_status check_epochs(audit *self) {
  reached at;
  ice_position_init(&at.position);
  ice_status status = ICE_OK;
  at.from_start = self->epoch_count > 0 && self->epochs[0].epoch == 1;
  for (uint32_t i = 0; i < self->epoch_count; i++) {
    int64_t before = i > 0 ? self->epochs[i - 1].epoch : self->epochs[i].epoch - 1;
    int64_t lost = self->epochs[i].lost_first;
    if (self->epochs[i].epoch != before + 1 && lost != before + 1) {
      ice_violate(&self->violations, "epoch %lld is followed by epoch %lld", (long long)before,
                  (long long)self->epochs[i].epoch);
    }
    self->result->lost_epochs += lost > 0 ? self->epochs[i].epoch - lost : 0;
    ICE_TRY(walk_epoch(self, &at, &self->epochs[i]));
  }
  if (self->epoch_count > 0) {
    self->result->proven_from = self->epochs[0].epoch;
    if (self->epochs[self->epoch_count - 1].epoch != self->lead.position.epoch) {
      ice_violate(&self->violations, "the newest snapshot of the sink is epoch %lld, the position says %lld",
                  (long long)self->epochs[self->epoch_count - 1].epoch, (long long)self->lead.position.epoch);
    }
    check_end(self, &at);
  }
  check_totals(self, at.from_start);
done:
  ice_position_deinit(&at.position);
  return status;
}

// Files -------------------------------------------------------------------------------------------------------------

static ice_status check_file(audit *self, ice_map *seen, const ice_data_file *file) {
  int64_t size = 0;
  ice_error cause = {0};
  if (ice_map_get(seen, file->path)) {
    ice_violate(&self->violations, "%.*s is listed twice", ICE_STR_ARG(file->path));
    return ICE_OK;
  }
  ice_status status = ice_map_put(seen, file->path, self, self->err);
  if (status != ICE_OK) {
    return status;
  }
  status = ice_store_stat(self->options->catalog->store, file->path, &size, &cause);
  if (status == ICE_NOT_FOUND) {
    ice_violate(&self->violations, "%.*s is listed and not there", ICE_STR_ARG(file->path));
  } else if (status != ICE_OK) {
    if (self->err) {
      *self->err = cause;
    }
    return status;
  } else if (size != file->file_size) {
    ice_violate(&self->violations, "%.*s has %lld bytes, its manifest says %lld", ICE_STR_ARG(file->path),
                (long long)size, (long long)file->file_size);
  }
  self->result->data_files++;
  self->result->rows += file->content == ICE_CONTENT_DATA ? file->record_count : 0;
  return ICE_OK;
}

static ice_status check_manifest(audit *self, ice_map *seen, const ice_manifest_file *manifest) {
  ice_error *err = self->err;
  ice_manifest_reader *reader = NULL;
  ice_arena arena;
  ice_bytes text;
  ice_arena_init(&arena, LIST_BYTES_MAX);
  ice_bytes_init(&text, LIST_BYTES_MAX);
  bool found = true;
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_read_all(self->options->catalog->store, manifest->path, &text, err));
  ICE_TRY(ice_manifest_reader_create(ice_bytes_str(&text), manifest, NULL, &reader, err));
  while (found) {
    ice_manifest_entry entry;
    ICE_TRY(ice_manifest_reader_next(reader, &arena, &entry, &found, err));
    if (found && entry.status != ICE_ENTRY_DELETED) {
      ICE_TRY(check_file(self, seen, &entry.file));
    }
  }
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(manifest->path));
  }
  ice_manifest_reader_destroy(reader);
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&text);
  return status;
}

static ice_status check_files(audit *self) {
  ice_error *err = self->err;
  const ice_snapshot *head = ice_table_ref_snapshot(self->lead.table.metadata, ICE_REF_MAIN);
  ice_manifest_file *manifests = NULL;
  uint32_t count = 0;
  ice_arena arena;
  ice_bytes text;
  ice_map seen;
  ice_arena_init(&arena, LIST_BYTES_MAX);
  ice_bytes_init(&text, LIST_BYTES_MAX);
  ice_map_init(&seen, FILES_MAX);
  ice_status status = ICE_OK;
  if (head) {
    ICE_TRY(ice_store_read_all(self->options->catalog->store, head->manifest_list, &text, err));
    ICE_TRY(ice_manifest_list_read(ice_bytes_str(&text), &arena, &manifests, &count, err));
  }
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(check_manifest(self, &seen, &manifests[i]));
  }
done:
  ice_map_deinit(&seen);
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&text);
  return status;
}

// A table's own entry -----------------------------------------------------------------------------------------------

ice_status ice_verify_sinks(const ice_table_metadata *metadata,
                            ice_status (*visit)(void *context, ice_str sink, ice_error *err), void *context,
                            ice_error *err) {
  for (uint32_t i = 0; i < metadata->property_count; i++) {
    ice_str key = metadata->properties[i].key;
    if (ice_str_starts_with(key, ICE_PROPERTY_POSITION)) {
      size_t prefix = ICE_PROPERTY_POSITION.size;
      ice_status status = visit(context, ice_str_make(key.data + prefix, key.size - prefix), err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  return ICE_OK;
}

ice_status ice_verify_sink(const ice_verify_options *options, ice_verify_report report, void *context,
                           ice_verify_result *out, ice_error *err) {
  *out = (ice_verify_result){0};
  audit self = {.options = options, .violations = {report, context, &out->violations}, .result = out, .err = err};
  ice_committer committer = {.catalog = options->catalog, .port = options->port, .sink = options->sink};
  ice_status status = ICE_OK;
  ICE_TRY(ice_lead_load(&committer, options->table, &self.lead, err));
  if (!self.lead.has_position) {
    ICE_FAIL(ICE_NOT_FOUND, "table %.*s.%.*s has no position of sink %.*s", ICE_IDENT_ARG(options->table),
             ICE_STR_ARG(options->sink));
  }
  if (self.lead.rolled_back) {
    ice_violate(&self.violations, "the table was rolled back behind epoch %lld", (long long)self.lead.position.epoch);
  }
  out->epochs = self.lead.position.epoch;
  out->totals = self.lead.position.totals;
  out->partitions = self.lead.position.entry_count;
  ICE_TRY(collect_epochs(&self));
  ICE_TRY(check_epochs(&self));
  ICE_TRY(check_files(&self));
done:
  free(self.epochs);
  ice_lead_deinit(&self.lead);
  return status;
}
