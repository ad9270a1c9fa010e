#include "ingest/commit.h"

#include "ingest/commit_follower.h"
#include "ingest/epoch_summary.h"
#include <stdio.h>
#include <stdlib.h>

enum { PROPERTY_MAX = 64 << 20 };

// Loading -----------------------------------------------------------------------------------------------------------

static ice_status read_property(const ice_committer *committer, const ice_table *table, ice_str prefix, ice_str *out,
                                ice_bytes *key, ice_error *err) {
  ice_bytes_clear(key);
  ice_status status = ice_sink_property(prefix, committer->sink, key, err);
  if (status == ICE_OK) {
    *out = ice_table_property(table->metadata, ice_bytes_str(key));
  }
  return status;
}

ice_status ice_policy_error(ice_error *err) {
  if (err) {
    err->flags |= ICE_ERROR_POLICY;
  }
  return ICE_INVALID_STATE;
}

ice_status ice_rollback_error(const ice_committer *committer, ice_table_ident ident, const ice_lead *lead,
                              ice_error *err) {
  const ice_snapshot *head = ice_table_ref_snapshot(lead->table.metadata, ICE_REF_MAIN);
  ice_error_set(
      err, ICE_INVALID_STATE,
      "table %.*s.%.*s was rolled back: sink %.*s committed epoch %lld in snapshot %lld, which is no ancestor "
      "of the current snapshot %lld; set on_rollback: rewind or continue",
      ICE_IDENT_ARG(ident), ICE_STR_ARG(committer->sink), (long long)lead->position.epoch,
      (long long)lead->position.snapshot_id, (long long)(head ? head->snapshot_id : -1));
  return ice_policy_error(err);
}

static bool was_rolled_back(const ice_lead *lead) {
  const ice_snapshot *head = ice_table_ref_snapshot(lead->table.metadata, ICE_REF_MAIN);
  return !head || ice_table_is_ancestor(lead->table.metadata, lead->position.snapshot_id,
                                        lead->position.sequence_number, head->snapshot_id) == ICE_ANCESTRY_NO;
}

static ice_status check_uuid(const ice_committer *committer, ice_table_ident ident, const ice_lead *lead,
                             ice_error *err) {
  ice_str uuid = lead->table.metadata->uuid;
  if (committer->lead_uuid.size == 0 || ice_str_equal(uuid, committer->lead_uuid)) {
    return ICE_OK;
  }
  ice_error_set(err, ICE_INVALID_STATE,
                "table %.*s.%.*s was recreated while the sink ran (uuid %.*s, now %.*s); a start decides what to do, "
                "see on_recreated",
                ICE_IDENT_ARG(ident), ICE_STR_ARG(committer->lead_uuid), ICE_STR_ARG(uuid));
  return ice_policy_error(err);
}

ice_status ice_lead_load(const ice_committer *committer, ice_table_ident ident, ice_lead *out, ice_error *err) {
  *out = (ice_lead){0};
  ice_bytes key;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_str text;
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(committer->catalog, ident, &out->table, err));
  if (committer->watch) {
    committer->watch(committer->watcher, ident, out->table.metadata);
  }
  ICE_TRY(check_uuid(committer, ident, out, err));
  ICE_TRY(read_property(committer, &out->table, ICE_PROPERTY_POSITION, &text, &key, err));
  if (text.data) {
    status = ice_position_parse(text, &out->position, err);
    if (status != ICE_OK) {
      goto located;
    }
    out->has_position = true;
    out->rolled_back = was_rolled_back(out);
  }
  ICE_TRY(read_property(committer, &out->table, ICE_PROPERTY_PENDING, &text, &key, err));
  if (text.data) {
    status = ice_pending_parse(text, &out->pending, err);
    out->has_pending = status == ICE_OK;
  }
located:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s.%.*s, property %.*s", ICE_IDENT_ARG(ident), ICE_STR_ARG(ice_bytes_str(&key)));
  }
done:
  ice_bytes_deinit(&key);
  if (status != ICE_OK) {
    ice_lead_deinit(out);
  }
  return status;
}

void ice_lead_deinit(ice_lead *lead) {
  ice_table_deinit(&lead->table);
  ice_position_deinit(&lead->position);
  ice_pending_deinit(&lead->pending);
  *lead = (ice_lead){0};
}

// Comparing ---------------------------------------------------------------------------------------------------------

typedef enum standing { AT_STARTS, AT_ENDS, ELSEWHERE } standing;

// An epoch without ranges (the first one) begins where there is no position, and ends where there is one.
static standing compare(const ice_lead *lead, const ice_epoch *epoch) {
  if (epoch->range_count == 0) {
    return lead->has_position ? AT_ENDS : AT_STARTS;
  }
  bool starts = true;
  bool ends = true;
  for (uint32_t i = 0; i < epoch->range_count; i++) {
    const ice_epoch_range *range = &epoch->ranges[i];
    const ice_position_entry *entry = ice_position_find(&lead->position, range->topic, range->partition);
    starts = starts && (entry ? !range->from_absent && entry->offset == range->from : range->from_absent);
    ends = ends && entry && entry->offset == range->to;
  }
  return ends ? AT_ENDS : starts ? AT_STARTS : ELSEWHERE;
}

// Building ----------------------------------------------------------------------------------------------------------

/// One attempt's own memory: builds of all tables, and the texts that they borrow.
typedef struct attempt {
  ice_build builds[ICE_COMMIT_TABLES_MAX];
  ice_follower followers[ICE_COMMIT_TABLES_MAX];
  ice_table_commit commits[ICE_COMMIT_TABLES_MAX];
  ice_table_requirement heads[ICE_COMMIT_TABLES_MAX][2];
  uint32_t count;
  int64_t number;  ///< of the epoch
  ice_arena arena;
} attempt;

static ice_status attempt_create(attempt **out, ice_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a commit");
  }
  ice_arena_init(&(*out)->arena, PROPERTY_MAX);
  return ICE_OK;
}

static void attempt_destroy(attempt *a) {
  if (!a) {
    return;
  }
  for (uint32_t i = 0; i < ICE_COMMIT_TABLES_MAX; i++) {
    ice_build_deinit(&a->builds[i]);
    ice_follower_deinit(&a->followers[i]);
  }
  ice_arena_deinit(&a->arena);
  free(a);
}

// The position after this epoch: the neighbours' offsets as loaded, ours moved; or what a correction makes of it.
static ice_status next_position(const ice_lead *lead, const ice_epoch *epoch, const attempt *a,
                                int64_t sequence_number, ice_bytes *out, ice_error *err) {
  ice_position next;
  ice_position_init(&next);
  ice_status status = ICE_OK;
  ICE_TRY(ice_position_copy(epoch->correction ? epoch->correction->position : &lead->position, &next, err));
  for (uint32_t i = 0; i < epoch->start_count; i++) {
    const ice_position_entry *entry = &epoch->starts[i];
    ICE_TRY(ice_position_set(&next, entry->topic, entry->partition, entry->start, entry->offset, err));
  }
  for (uint32_t i = 0; i < epoch->range_count; i++) {
    const ice_epoch_range *range = &epoch->ranges[i];
    ICE_TRY(ice_position_set(&next, range->topic, range->partition, range->from, range->to, err));
  }
  // Followers that name another lead were let pass, so this one stands for it from now on.
  for (uint32_t i = 1; i < epoch->table_count; i++) {
    const ice_follower_epoch *taken = &a->followers[i].taken;
    if (taken->present && !ice_str_equal_c(lead->table.metadata->uuid, taken->lead_uuid)) {
      ICE_TRY(ice_position_add_replaced(&next, ice_str_of(taken->lead_uuid), err));
    }
  }
  next.epoch = a->number;
  next.snapshot_id = epoch->tables[0].snapshot_id;
  next.sequence_number = sequence_number;
  ice_counts_add(&next.totals, &epoch->counts);
  ICE_TRY(ice_position_format(&next, out, err));
done:
  ice_position_deinit(&next);
  return status;
}

static ice_status set_position(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                               attempt *a, ice_error *err) {
  ice_build *build = &a->builds[0];
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_bytes_init(&value, PROPERTY_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(next_position(lead, epoch, a, build->append.snapshot.sequence_number, &value, err));
  ICE_TRY(ice_sink_property(ICE_PROPERTY_POSITION, committer->sink, &key, err));
  ICE_TRY(ice_build_set_property(build, ice_bytes_str(&key), ice_bytes_str(&value), err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

// Names in the lead what each follower has to take; an epoch without followers removes the last one's.
static ice_status set_pending(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                              attempt *a, ice_error *err) {
  ice_build *build = &a->builds[0];
  ice_pending_follower followers[ICE_COMMIT_TABLES_MAX];
  ice_pending pending = {.epoch = a->number, .followers = followers};
  char names[ICE_COMMIT_TABLES_MAX][512];
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_bytes_init(&value, PROPERTY_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_sink_property(ICE_PROPERTY_PENDING, committer->sink, &key, err));
  for (uint32_t i = 1; i < epoch->table_count; i++) {
    const ice_epoch_table *table = &epoch->tables[i];
    if (!table->has_manifest) {
      continue;
    }
    int size = snprintf(names[i], sizeof names[i], "%.*s.%.*s", ICE_IDENT_ARG(table->ident));
    if (size < 0 || (size_t)size >= sizeof names[i]) {
      ICE_FAIL(ICE_LIMIT, "table name of %d bytes is too long", size);
    }
    followers[pending.follower_count++] = (ice_pending_follower){.table = ice_str_make(names[i], (size_t)size),
                                                                 .uuid = a->followers[i].table.metadata->uuid,
                                                                 .snapshot_id = table->snapshot_id,
                                                                 .manifest = table->manifest};
  }
  if (pending.follower_count > 0) {
    ICE_TRY(ice_pending_format(&pending, &value, err));
    ICE_TRY(ice_build_set_property(build, ice_bytes_str(&key), ice_bytes_str(&value), err));
  } else if (lead->has_pending) {
    ICE_TRY(ice_build_remove_property(build, ice_bytes_str(&key), err));
  }
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

// A follower that is ahead of its lead was torn, rolled back or recreated; or the lead has moved since it was loaded.
static ice_status check_not_ahead(const ice_committer *committer, const ice_lead *lead, ice_table_ident lead_ident,
                                  const ice_follower *follower, ice_table_ident ident, bool *moved, ice_error *err) {
  *moved = false;
  if (!follower->taken.present || follower->taken.epoch <= lead->position.epoch) {
    return ICE_OK;
  }
  ice_lead fresh;
  ice_status status = ice_lead_load(committer, lead_ident, &fresh, err);
  if (status != ICE_OK) {
    return status;
  }
  *moved = fresh.position.epoch != lead->position.epoch;
  ice_lead_deinit(&fresh);
  if (*moved) {
    ice_error_set(err, ICE_CONFLICT, "the lead has moved since it was loaded");
    return ICE_OK;
  }
  ice_error_set(
      err, ICE_INVALID_STATE,
      "table %.*s.%.*s has taken epoch %lld of sink %.*s, its lead %.*s.%.*s is at epoch %lld: the lead was "
      "rolled back, or a commit was torn",
      ICE_IDENT_ARG(ident), (long long)follower->taken.epoch, ICE_STR_ARG(committer->sink), ICE_IDENT_ARG(lead_ident),
      (long long)lead->position.epoch);
  return ice_policy_error(err);
}

// A part was written for one table; another one of its name may have other columns.
static ice_status check_part(const ice_epoch_table *part, const ice_follower *follower, ice_error *err) {
  ice_str uuid = follower->table.metadata->uuid;
  if (part->uuid.size == 0 || ice_str_equal(part->uuid, uuid)) {
    return ICE_OK;
  }
  ice_error_set(err, ICE_INVALID_STATE,
                "table %.*s.%.*s was recreated while the sink ran (uuid %.*s, now %.*s); start the sink again",
                ICE_IDENT_ARG(part->ident), ICE_STR_ARG(part->uuid), ICE_STR_ARG(uuid));
  return ice_policy_error(err);
}

// True where followers may be ahead of the lead: it is new, or a rewind reads again what they are ahead by.
static bool may_be_ahead(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch) {
  bool rewinds = epoch->correction && epoch->correction->lost_first > 0 &&
                 committer->policies.on_rollback == ICE_ROLLBACK_REWIND;
  return rewinds || (!lead->has_position && committer->policies.restart_recreated);
}

// Loads the followers and numbers the epoch: one behind the lead's, and above every follower's.
static ice_status load_followers(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                                 attempt *a, bool *moved, ice_error *err) {
  ice_status status = ICE_OK;
  *moved = false;
  a->number = lead->position.epoch + 1;
  for (uint32_t i = 1; i < epoch->table_count && !*moved; i++) {
    ice_follower *follower = &a->followers[i];
    ICE_TRY(ice_follower_load(committer, epoch->tables[i].ident, lead, follower, err));
    ICE_TRY(check_part(&epoch->tables[i], follower, err));
    if (!may_be_ahead(committer, lead, epoch)) {
      ICE_TRY(check_not_ahead(committer, lead, epoch->tables[0].ident, follower, epoch->tables[i].ident, moved, err));
    } else if (follower->taken.present && follower->taken.epoch >= a->number) {
      a->number = follower->taken.epoch + 1;
    }
  }
done:
  return status;
}

static ice_status build_lead(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch, attempt *a,
                             ice_error *err) {
  const ice_epoch_table *table = &epoch->tables[0];
  ice_property summary[ICE_EPOCH_SUMMARY_MAX];
  uint32_t summary_count;
  ice_status status = ICE_OK;
  ICE_TRY(ice_epoch_summary_write(epoch, a->number, committer->sink, &a->arena, summary, &summary_count, err));
  ice_build_options options = {.table = &lead->table,
                               .snapshot_id = table->snapshot_id,
                               .manifests = &table->manifest,
                               .manifest_count = table->has_manifest ? 1 : 0,
                               .summary = summary,
                               .summary_count = summary_count,
                               .attempt = epoch->attempts,
                               .uuid = ice_str_of(epoch->uuid)};
  ICE_TRY(ice_build_append(committer, &options, &a->builds[0], err));
  ICE_TRY(set_position(committer, lead, epoch, a, err));
  ICE_TRY(set_pending(committer, lead, epoch, a, err));
  if (epoch->property.key.data) {
    ICE_TRY(ice_build_set_property(&a->builds[0], epoch->property.key, epoch->property.value, err));
  }
  a->commits[a->count++] =
      (ice_table_commit){.ident = table->ident, .change = ice_build_change(&a->builds[0]), .base = &lead->table};
done:
  return status;
}

// A follower without files still has its head asserted, so that a catalog that tears a request cannot keep half of it.
static void assert_head(attempt *a, uint32_t index, ice_table_ident ident) {
  const ice_table *table = &a->followers[index].table;
  const ice_snapshot *head = ice_table_ref_snapshot(table->metadata, ICE_REF_MAIN);
  a->heads[index][0] = (ice_table_requirement){.kind = ICE_ASSERT_TABLE_UUID, .uuid = table->metadata->uuid};
  a->heads[index][1] = (ice_table_requirement){.kind = ICE_ASSERT_REF_SNAPSHOT_ID,
                                               .ref = ICE_REF_MAIN,
                                               .has_snapshot_id = head != NULL,
                                               .snapshot_id = head ? head->snapshot_id : 0};
  a->commits[a->count++] = (ice_table_commit){
      .ident = ident, .change = {.requirements = a->heads[index], .requirement_count = 2}, .base = table};
}

static ice_status build_followers(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                                  attempt *a, ice_error *err) {
  for (uint32_t i = 1; i < epoch->table_count; i++) {
    const ice_epoch_table *table = &epoch->tables[i];
    if (!table->has_manifest) {
      assert_head(a, i, table->ident);
      continue;
    }
    ice_follower_part part = {.ident = table->ident,
                              .lead_uuid = lead->table.metadata->uuid,
                              .epoch = a->number,
                              .snapshot_id = table->snapshot_id,
                              .manifest = &table->manifest,
                              .attempt = epoch->attempts,
                              .uuid = ice_str_of(epoch->uuid)};
    ice_status status = ice_follower_build(committer, &a->followers[i], &part, &a->builds[i], err);
    if (status != ICE_OK) {
      return status;
    }
    a->commits[a->count++] = (ice_table_commit){
        .ident = table->ident, .change = ice_build_change(&a->builds[i]), .base = &a->followers[i].table};
  }
  return ICE_OK;
}

// Deciding ----------------------------------------------------------------------------------------------------------

// The attempt was refused. From a remote catalog that may be the answer to a second copy of a request that was applied: then the
// files that it names are kept, those of the epoch for good.
static void give_up(const ice_committer *committer, ice_epoch *epoch, attempt *a) {
  for (uint32_t i = 0; i < ICE_COMMIT_TABLES_MAX; i++) {
    if (!committer->catalog->remote) {
      ice_build_discard(committer, &a->builds[i]);
    } else if (a->builds[i].manifest_list) {
      // One that cannot be remembered is found by `maintain orphans`.
      (void)!ice_epoch_keep_list(epoch, ice_str_of(a->builds[i].manifest_list), NULL);
    }
  }
  epoch->unknown = epoch->unknown || committer->catalog->remote;
}

// This attempt was applied, so no other one of the epoch is or will be: each asserts that the position has not moved.
static void discard_kept(const ice_committer *committer, ice_epoch *epoch) {
  for (uint32_t i = 0; i < epoch->kept_list_count; i++) {
    (void)!ice_store_remove(committer->catalog->store, epoch->kept_lists[i], NULL);
  }
  epoch->kept_list_count = 0;
}

static ice_status send(const ice_committer *committer, ice_epoch *epoch, attempt *a, ice_attempt *outcome,
                       ice_error *err) {
  ice_status status = ice_catalog_commit(committer->catalog, a->commits, a->count, err);
  switch (status) {
    case ICE_OK:
      discard_kept(committer, epoch);
      *outcome = ICE_ATTEMPT_DONE;
      return ICE_OK;
    case ICE_CONFLICT:
      ice_observe_count(committer->observer, "icesink_commit_conflicts_total", (ice_str){0}, 1);
      give_up(committer, epoch, a);
      *outcome = ICE_ATTEMPT_AGAIN;
      return ICE_OK;
    case ICE_COMMIT_UNKNOWN:
      ice_observe_count(committer->observer, "icesink_commit_unknown_total", (ice_str){0}, 1);
      epoch->unknown = true;
      *outcome = ICE_ATTEMPT_AGAIN;
      return ICE_OK;
    case ICE_INVALID_ARGUMENT:
    case ICE_INVALID_STATE:
    case ICE_NO_MEMORY:
    case ICE_LIMIT:
    case ICE_CORRUPT:
    case ICE_UNSUPPORTED:
    case ICE_NOT_FOUND:
    case ICE_ALREADY_EXISTS:
    case ICE_IO:
    case ICE_TIMEOUT:
    case ICE_AUTH:
    case ICE_CANCELLED:
    case ICE_INTERNAL: break;
  }
  give_up(committer, epoch, a);
  return status;
}

// On ordered catalogs the followers come after the lead's decision, from what the lead then says.
static ice_status finish_after_commit(const ice_committer *committer, const ice_epoch *epoch, ice_error *err) {
  ice_lead lead;
  bool complete;
  ice_status status = ice_lead_load(committer, epoch->tables[0].ident, &lead, err);
  if (status == ICE_OK) {
    status = ice_followers_finish(committer, &lead, &complete, err);
    ice_lead_deinit(&lead);
  }
  return status;
}

// Whether all tables show what one request gave them. Followers come before the lead: neighbours may commit between the loads, and
// an epoch of theirs is in the lead first. What cannot be loaded is seen by the next attempt, which loads it anyway.
static bool was_torn(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch, const attempt *a,
                     bool *lead_has_it) {
  bool torn = false;
  bool parts = false;
  *lead_has_it = true;
  for (uint32_t i = 1; i < epoch->table_count; i++) {
    ice_follower follower;
    if (epoch->tables[i].has_manifest &&
        ice_follower_load(committer, epoch->tables[i].ident, lead, &follower, NULL) == ICE_OK) {
      parts = true;
      torn = torn || !follower.taken.present || follower.taken.epoch < a->number;
      ice_follower_deinit(&follower);
    }
  }
  ice_lead now;
  if (parts && ice_lead_load(committer, epoch->tables[0].ident, &now, NULL) == ICE_OK) {
    *lead_has_it = now.position.epoch >= a->number;
    ice_lead_deinit(&now);
  }
  return torn || !*lead_has_it;
}

// A catalog that answered a commit of several tables and kept only some of them is used for one table at a time from now on.
// A lost follower is pending in the lead. A lost lead fences the epoch: a follower has its part, so it is not for a second attempt but
// for the start, which finds the follower ahead.
static void read_back(const ice_committer *committer, const ice_lead *lead, ice_epoch *epoch, const attempt *a,
                      ice_attempt *outcome) {
  bool lead_has_it;
  if (!was_torn(committer, lead, epoch, a, &lead_has_it)) {
    return;
  }
  const ice_log_field field = ICE_LOG_NUMBER("epoch", a->number);
  ice_observe_log(
      committer->observer, ICE_LOG_ERROR,
      ICE_STR("The catalog kept only a part of a commit of several tables; from now on it gets one table at "
              "a time. Set catalog.atomic_transactions: no"),
      &field, 1);
  ice_observe_count(committer->observer, "icesink_commits_torn_total", (ice_str){0}, 1);
  committer->catalog->atomic = false;
  // Some table has its part.
  epoch->unknown = true;
  *outcome = lead_has_it ? ICE_ATTEMPT_DONE : ICE_ATTEMPT_FENCED;
}

static ice_status commit_from(const ice_committer *committer, const ice_lead *lead, ice_epoch *epoch,
                              ice_attempt *outcome, ice_error *err) {
  attempt *a = NULL;
  bool moved;
  ice_status status = ICE_OK;
  ICE_TRY(attempt_create(&a, err));
  ICE_TRY(load_followers(committer, lead, epoch, a, &moved, err));
  if (moved) {
    *outcome = ICE_ATTEMPT_AGAIN;
    goto done;
  }
  epoch->attempts++;
  ICE_TRY(build_lead(committer, lead, epoch, a, err));
  if (committer->catalog->atomic) {
    ICE_TRY(build_followers(committer, lead, epoch, a, err));
  }
  ICE_TRY(send(committer, epoch, a, outcome, err));
  if (*outcome == ICE_ATTEMPT_DONE && a->count > 1 && committer->catalog->remote) {
    read_back(committer, lead, epoch, a, outcome);
  }
  if (*outcome == ICE_ATTEMPT_DONE && !committer->catalog->atomic) {
    // The epoch is decided whatever becomes of this: what is pending is finished by whoever comes next.
    if (finish_after_commit(committer, epoch, err) != ICE_OK) {
      ice_observe_log(committer->observer, ICE_LOG_WARN, ICE_STR("Followers are pending after a commit"), NULL, 0);
    }
  }
done:
  attempt_destroy(a);
  return status;
}

ice_status ice_commit_attempt(const ice_committer *committer, ice_epoch *epoch, ice_attempt *outcome,
                              ice_error *err) {
  ice_lead lead;
  bool complete;
  *outcome = ICE_ATTEMPT_AGAIN;
  ice_status status = ice_lead_load(committer, epoch->tables[0].ident, &lead, err);
  if (status != ICE_OK) {
    return status;
  }
  if (lead.rolled_back && committer->policies.on_rollback == ICE_ROLLBACK_STOP) {
    status = ice_rollback_error(committer, epoch->tables[0].ident, &lead, err);
    goto done;
  }
  standing where = lead.rolled_back ? ELSEWHERE : compare(&lead, epoch);
  if (where == ELSEWHERE) {
    ice_observe_count(committer->observer, "icesink_fenced_total", (ice_str){0}, 1);
    *outcome = ICE_ATTEMPT_FENCED;
    goto done;
  }
  ICE_TRY(ice_followers_finish(committer, &lead, &complete, err));
  if (!complete) {
    goto done;
  }
  if (where == AT_ENDS) {
    *outcome = ICE_ATTEMPT_DONE;
    goto done;
  }
  ICE_TRY(commit_from(committer, &lead, epoch, outcome, err));
done:
  ice_lead_deinit(&lead);
  return status;
}

ice_status ice_commit_correction(const ice_committer *committer, const ice_lead *lead, ice_epoch *epoch,
                                 ice_attempt *outcome, ice_error *err) {
  *outcome = ICE_ATTEMPT_AGAIN;
  return commit_from(committer, lead, epoch, outcome, err);
}
