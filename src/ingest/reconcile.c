#include "ingest/reconcile.h"

#include "ingest/commit_follower.h"
#include "ingest/epoch_summary.h"

/// A correction while it is made. Its texts and arrays are in the epoch's arena.
typedef struct correcting {
  const ice_reconcile_options *options;
  const ice_lead *lead;
  ice_epoch epoch;
  ice_correction correction;
  ice_position position;
  ice_epoch_range *moves;
  uint32_t move_capacity;
} correcting;

static ice_status begin_correction(correcting *self, const ice_reconcile_options *options, const ice_lead *lead,
                                   ice_str policy, ice_error *err) {
  *self = (correcting){.options = options, .lead = lead, .correction = {.policy = policy}};
  ice_position_init(&self->position);
  ice_status status = ICE_OK;
  ICE_TRY(ice_epoch_init(&self->epoch, options->committer->port, options->tables, options->table_count, err));
  ICE_TRY(ice_position_copy(&lead->position, &self->position, err));
done:
  return status;
}

static void end_correction(correcting *self) {
  ice_position_deinit(&self->position);
  ice_epoch_deinit(&self->epoch);
}

static ice_status add_move(correcting *self, const ice_epoch_range *move, ice_error *err) {
  uint32_t count = self->correction.move_count;
  if (count == self->move_capacity) {
    uint32_t capacity = count == 0 ? 16 : count * 2;
    ice_epoch_range *moves = ice_arena_alloc_array(&self->epoch.arena, capacity, sizeof *moves, err);
    if (!moves) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a correction of %u partitions", capacity);
    }
    if (count > 0) {
      memcpy(moves, self->moves, count * sizeof *moves);
    }
    self->moves = moves;
    self->move_capacity = capacity;
  }
  self->moves[self->correction.move_count++] = *move;
  return ICE_OK;
}

static void log_correction(const correcting *self) {
  const ice_observer *observer = self->options->committer->observer;
  ice_observe_count(observer, "icesink_corrections_total", self->correction.policy, 1);
  if (self->correction.lost_first > 0) {
    const ice_log_field fields[] = {ICE_LOG_TEXT("policy", self->correction.policy),
                                    ICE_LOG_NUMBER("first_lost_epoch", self->correction.lost_first)};
    ice_observe_log(observer, ICE_LOG_WARN, ICE_STR("The lead lost epochs; the position was corrected"), fields,
                    ICE_COUNT_OF(fields));
  }
  for (uint32_t i = 0; i < self->correction.move_count; i++) {
    const ice_epoch_range *move = &self->moves[i];
    const ice_log_field fields[] = {ICE_LOG_TEXT("policy", self->correction.policy),
                                    ICE_LOG_TEXT("topic", move->topic), ICE_LOG_NUMBER("partition", move->partition),
                                    ICE_LOG_NUMBER("from", move->from), ICE_LOG_NUMBER("to", move->to)};
    ice_observe_log(observer, ICE_LOG_WARN, ICE_STR("The position was moved"), fields, ICE_COUNT_OF(fields));
  }
}

static ice_status commit(correcting *self, ice_error *err) {
  ice_attempt outcome;
  self->correction.position = &self->position;
  self->correction.moves = self->moves;
  self->epoch.correction = &self->correction;
  ice_status status = ice_commit_correction(self->options->committer, self->lead, &self->epoch, &outcome, err);
  if (status == ICE_OK && outcome == ICE_ATTEMPT_DONE) {
    log_correction(self);
  }
  return status;
}

// The table was rolled back ------------------------------------------------------------------------------------------

typedef struct undoing {
  correcting *self;
  bool is_move;
} undoing;

// Takes one range of a lost epoch back. The newest come first, so each ends where the position is.
static ice_status undo_range(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                             ice_error *err) {
  const undoing *undo = context;
  ice_position_entry *entry = ice_position_find(&undo->self->position, topic, partition);
  if (!entry || entry->offset != to) {
    return ice_error_set(err, ICE_UNSUPPORTED,
                         "topic %.*s, partition %d: a lost epoch ends at %lld, the position is %lld",
                         ICE_STR_ARG(topic), partition, (long long)to, (long long)(entry ? entry->offset : -1));
  }
  entry->offset = from;
  entry->moved -= undo->is_move ? to - from : 0;
  return ICE_OK;
}

// A rewind among the lost epochs changed nothing as seen from its parent: it put the position to where that branch was.
static ice_status undo_epoch(correcting *self, const ice_epoch_summary *lost, ice_error *err) {
  undoing undo = {.self = self};
  ice_status status = ICE_OK;
  if (!lost->ranges.data) {
    ICE_FAIL(ICE_UNSUPPORTED, "its epoch %lld does not tell what it consumed", (long long)lost->epoch);
  }
  ICE_TRY(ice_ranges_visit(lost->ranges, undo_range, &undo, err));
  if (lost->moves.data) {
    undo.is_move = true;
    ICE_TRY(ice_ranges_visit(lost->moves, undo_range, &undo, err));
  }
  ice_counts_subtract(&self->position.totals, &lost->counts);
  // What a correction among them had given up is lost with it.
  self->correction.lost_first = lost->lost_first > 0 ? lost->lost_first : lost->epoch;
done:
  return status;
}

// Walks from the snapshot of the position back to the branch that the table is on now. UNSUPPORTED where a snapshot in
// between is gone, so that nobody can tell what the table has lost.
static ice_status undo_lost_epochs(correcting *self, ice_error *err) {
  const ice_table_metadata *metadata = self->lead->table.metadata;
  const ice_snapshot *head = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  int64_t id = self->lead->position.snapshot_id;
  for (uint32_t i = 0; i <= metadata->snapshot_count; i++) {
    const ice_snapshot *at = ice_table_find_snapshot(metadata, id);
    ice_ancestry ancestry = !at     ? ICE_ANCESTRY_UNKNOWN
                            : !head ? ICE_ANCESTRY_NO
                                    : ice_table_is_ancestor(metadata, id, at->sequence_number, head->snapshot_id);
    if (ancestry == ICE_ANCESTRY_YES) {
      return ICE_OK;
    }
    if (ancestry == ICE_ANCESTRY_UNKNOWN) {
      break;
    }
    ice_epoch_summary lost;
    if (ice_epoch_summary_read(at, self->options->committer->sink, &lost)) {
      ice_status status = undo_epoch(self, &lost, err);
      if (status != ICE_OK) {
        return status;
      }
    }
    if (!at->has_parent) {
      return ICE_OK;
    }
    id = at->parent_snapshot_id;
  }
  return ice_error_set(err, ICE_UNSUPPORTED,
                       "the snapshots between %lld, where the sink was, and the table's branch were expired",
                       (long long)self->lead->position.snapshot_id);
}

// What was undone in `self->position` stays lost: the position goes on where it was, and the offsets in between count
// as moved.
static ice_status keep_offsets(correcting *self, ice_error *err) {
  for (uint32_t i = 0; i < self->position.entry_count; i++) {
    ice_position_entry *entry = &self->position.entries[i];
    int64_t offset = self->lead->position.entries[i].offset;
    if (entry->offset == offset) {
      continue;
    }
    const ice_epoch_range move = {
        .topic = entry->topic, .partition = entry->partition, .from = entry->offset, .to = offset};
    ice_status status = add_move(self, &move, err);
    if (status != ICE_OK) {
      return status;
    }
    entry->moved += offset - entry->offset;
    entry->offset = offset;
  }
  return ICE_OK;
}

static ice_status correct_rollback(const ice_reconcile_options *options, const ice_lead *lead, ice_error *err) {
  const ice_committer *committer = options->committer;
  correcting self;
  ice_status status = begin_correction(&self, options, lead, ICE_STR("on_rollback"), err);
  if (status == ICE_OK) {
    status = undo_lost_epochs(&self, err);
  }
  if (status == ICE_OK && committer->policies.on_rollback == ICE_ROLLBACK_CONTINUE) {
    status = keep_offsets(&self, err);
  }
  if (status == ICE_UNSUPPORTED && committer->policies.on_rollback == ICE_ROLLBACK_CONTINUE) {
    // The position needs no knowledge of it; the audit will miss the epochs, as it has to.
    ice_error_clear(err);
    end_correction(&self);
    status = begin_correction(&self, options, lead, ICE_STR("on_rollback"), err);
    self.correction.lost_first = lead->position.epoch;
  } else if (status == ICE_UNSUPPORTED) {
    ice_error_prepend(err, "table %.*s.%.*s was rolled back and cannot be rewound",
                      ICE_IDENT_ARG(options->tables[0]));
    status = ice_policy_error(err);
  }
  if (status == ICE_OK) {
    status = commit(&self, err);
  }
  end_correction(&self);
  return status;
}

// The lead's properties are those of an older state than its followers have seen: a restored catalog, or a torn commit. What
// they are ahead by is read again.
static ice_status correct_followers_ahead(const ice_reconcile_options *options, const ice_lead *lead, bool *corrected,
                                          ice_error *err) {
  bool ahead = false;
  *corrected = false;
  for (uint32_t i = 1; i < options->table_count && !ahead; i++) {
    ice_follower follower;
    ice_status status = ice_follower_load(options->committer, options->tables[i], lead, &follower, err);
    if (status != ICE_OK) {
      return status;
    }
    ahead = follower.taken.present && follower.taken.epoch > lead->position.epoch;
    ice_follower_deinit(&follower);
  }
  if (!ahead) {
    return ICE_OK;
  }
  // A neighbour's commit between the two loads looks the same; then the head has moved and this one conflicts.
  correcting self;
  *corrected = true;
  ice_status status = begin_correction(&self, options, lead, ICE_STR("on_rollback"), err);
  self.correction.lost_first = lead->position.epoch + 1;
  if (status == ICE_OK) {
    status = commit(&self, err);
  }
  end_correction(&self);
  return status;
}

// The log has moved --------------------------------------------------------------------------------------------------

static ice_status gap_error(const ice_source_partition *partition, int64_t offset, ice_error *err) {
  ice_error_set(err, ICE_INVALID_STATE,
                "topic %.*s, partition %d: the table's position is %lld, the log begins at %lld; %lld records were "
                "removed before they were read; set on_gap: skip to go on behind them",
                ICE_STR_ARG(partition->topic), partition->partition, (long long)offset,
                (long long)partition->log_start, (long long)(partition->log_start - offset));
  return ice_policy_error(err);
}

static ice_status reset_error(const ice_source_partition *partition, int64_t offset, ice_error *err) {
  ice_error_set(err, ICE_INVALID_STATE,
                "topic %.*s, partition %d: the table's position is %lld, the log ends at %lld; the topic was "
                "recreated or truncated; set on_reset: earliest to read it from its start",
                ICE_STR_ARG(partition->topic), partition->partition, (long long)offset,
                (long long)partition->log_end);
  return ice_policy_error(err);
}

static ice_status move_to_start(correcting *self, const ice_source_partition *partition, ice_error *err) {
  ice_position_entry *entry = ice_position_find(&self->position, partition->topic, partition->partition);
  const ice_epoch_range move = {
      .topic = entry->topic, .partition = entry->partition, .from = entry->offset, .to = partition->log_start};
  entry->moved += move.to - move.from;
  entry->offset = move.to;
  return add_move(self, &move, err);
}

static bool is_outside(const ice_source_partition *partition, const ice_position_entry *entry, bool gaps) {
  return entry && !partition->excluded &&
         (gaps ? entry->offset < partition->log_start : entry->offset > partition->log_end);
}

// All partitions of one cause in one epoch.
static ice_status correct_offsets(const ice_reconcile_options *options, const ice_lead *lead, bool gaps,
                                  bool *corrected, ice_error *err) {
  const ice_policies *policies = &options->committer->policies;
  correcting self;
  ice_status status = ICE_OK;
  *corrected = false;
  for (uint32_t i = 0; status == ICE_OK && i < options->source->partition_count; i++) {
    const ice_source_partition *partition = &options->source->partitions[i];
    const ice_position_entry *entry = ice_position_find(&lead->position, partition->topic, partition->partition);
    if (!is_outside(partition, entry, gaps)) {
      continue;
    }
    if (gaps ? !policies->skip_gaps : !policies->reset_to_earliest) {
      return gaps ? gap_error(partition, entry->offset, err) : reset_error(partition, entry->offset, err);
    }
    if (!*corrected) {
      *corrected = true;
      status = begin_correction(&self, options, lead, gaps ? ICE_STR("on_gap") : ICE_STR("on_reset"), err);
    }
    if (status == ICE_OK) {
      status = move_to_start(&self, partition, err);
    }
  }
  if (!*corrected) {
    return status;
  }
  if (status == ICE_OK) {
    status = commit(&self, err);
  }
  end_correction(&self);
  return status;
}

static bool has_topic(const ice_source *source, ice_str topic) {
  for (uint32_t i = 0; i < source->partition_count; i++) {
    if (ice_str_equal(source->partitions[i].topic, topic)) {
      return true;
    }
  }
  return false;
}

// The topic is there, the partition is not.
static bool lacks_partition(const ice_source *source, const ice_position_entry *entry) {
  return ice_source_find(source, entry->topic, entry->partition) < 0 && has_topic(source, entry->topic);
}

bool ice_reconcile_is_behind(const ice_reconcile_options *options, const ice_lead *lead) {
  const ice_source *source = options->source;
  for (uint32_t i = 0; i < lead->position.entry_count; i++) {
    const ice_position_entry *entry = &lead->position.entries[i];
    int64_t index = ice_source_find(source, entry->topic, entry->partition);
    if (index < 0 ? lacks_partition(source, entry)
                  : !source->partitions[index].excluded && entry->offset > source->partitions[index].log_end) {
      return true;
    }
  }
  return false;
}

// A topic whose partitions have become fewer was recreated.
static ice_status check_partitions(const ice_reconcile_options *options, const ice_lead *lead, ice_error *err) {
  for (uint32_t i = 0; i < lead->position.entry_count; i++) {
    const ice_position_entry *entry = &lead->position.entries[i];
    if (!options->committer->policies.reset_to_earliest && lacks_partition(options->source, entry)) {
      ice_error_set(err, ICE_INVALID_STATE,
                    "topic %.*s has no partition %d, in which the table's position is %lld; the topic was recreated; "
                    "set on_reset: earliest to go on without it",
                    ICE_STR_ARG(entry->topic), entry->partition, (long long)entry->offset);
      return ice_policy_error(err);
    }
  }
  return ICE_OK;
}

// All of it ----------------------------------------------------------------------------------------------------------

ice_status ice_reconcile(const ice_reconcile_options *options, const ice_lead *lead, bool *agreed, ice_error *err) {
  const ice_committer *committer = options->committer;
  ice_rollback_policy on_rollback = committer->policies.on_rollback;
  bool complete;
  bool corrected;
  ice_status status = ICE_OK;
  *agreed = false;
  if (lead->rolled_back && on_rollback == ICE_ROLLBACK_STOP) {
    return ice_rollback_error(committer, options->tables[0], lead, err);
  }
  // What is pending of an epoch that is read again must not be finished: its records come again, all of them.
  if (!lead->rolled_back || on_rollback == ICE_ROLLBACK_CONTINUE) {
    ICE_TRY(ice_followers_finish(committer, lead, &complete, err));
    if (!complete) {
      goto done;
    }
  }
  if (lead->rolled_back) {
    status = correct_rollback(options, lead, err);
    goto done;
  }
  if (on_rollback == ICE_ROLLBACK_REWIND) {
    ICE_TRY(correct_followers_ahead(options, lead, &corrected, err));
    if (corrected) {
      goto done;
    }
  }
  ICE_TRY(check_partitions(options, lead, err));
  ICE_TRY(correct_offsets(options, lead, true, &corrected, err));
  if (!corrected) {
    ICE_TRY(correct_offsets(options, lead, false, &corrected, err));
  }
  *agreed = !corrected;
done:
  return status;
}

// The first commit -----------------------------------------------------------------------------------------------------

static ice_status check_lead_changed(const ice_reconcile_options *options, ice_error *err) {
  for (uint32_t i = 1; i < options->table_count; i++) {
    ice_lead other;
    ice_committer committer = *options->committer;
    committer.lead_uuid = (ice_str){0};
    ice_status status = ice_lead_load(&committer, options->tables[i], &other, err);
    if (status != ICE_OK) {
      return status;
    }
    if (other.has_position) {
      ice_error_set(err, ICE_INVALID_STATE,
                    "table %.*s.%.*s has the position of sink %.*s at epoch %lld, and %.*s.%.*s is configured as the "
                    "lead: set tables.lead: %.*s.%.*s",
                    ICE_IDENT_ARG(options->tables[i]), ICE_STR_ARG(committer.sink), (long long)other.position.epoch,
                    ICE_IDENT_ARG(options->tables[0]), ICE_IDENT_ARG(options->tables[i]));
      status = ice_policy_error(err);
    }
    ice_lead_deinit(&other);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Another sink's position, whose property is named `key`: does it read a topic of the source?
static ice_status check_other_sink(const ice_reconcile_options *options, const ice_property *property,
                                   ice_error *err) {
  ice_table_ident lead = options->tables[0];
  ice_str name =
      ice_str_make(property->key.data + ICE_PROPERTY_POSITION.size, property->key.size - ICE_PROPERTY_POSITION.size);
  ice_position other;
  ice_status status = ice_position_parse(property->value, &other, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s.%.*s, property %.*s", ICE_IDENT_ARG(lead), ICE_STR_ARG(property->key));
    return status;
  }
  for (uint32_t i = 0; i < other.entry_count && status == ICE_OK; i++) {
    if (has_topic(options->source, other.entries[i].topic)) {
      ice_error_set(err, ICE_INVALID_STATE,
                    "table %.*s.%.*s has no position of sink %.*s, but sink %.*s is at epoch %lld of topic %.*s: a "
                    "sink that was renamed would read everything again; call it %.*s, or set on_renamed: start",
                    ICE_IDENT_ARG(lead), ICE_STR_ARG(options->committer->sink), ICE_STR_ARG(name),
                    (long long)other.epoch, ICE_STR_ARG(other.entries[i].topic), ICE_STR_ARG(name));
      status = ice_policy_error(err);
    }
  }
  ice_position_deinit(&other);
  return status;
}

static ice_status check_renamed(const ice_reconcile_options *options, const ice_lead *lead, ice_error *err) {
  const ice_table_metadata *metadata = lead->table.metadata;
  ice_status status = ICE_OK;
  if (options->committer->policies.start_renamed) {
    return ICE_OK;
  }
  for (uint32_t i = 0; i < metadata->property_count && status == ICE_OK; i++) {
    if (ice_str_starts_with(metadata->properties[i].key, ICE_PROPERTY_POSITION)) {
      status = check_other_sink(options, &metadata->properties[i], err);
    }
  }
  return status;
}

ice_status ice_reconcile_first(const ice_reconcile_options *options, const ice_lead *lead, ice_error *err) {
  ice_status status = check_lead_changed(options, err);
  return status == ICE_OK ? check_renamed(options, lead, err) : status;
}
