#include "ingest/commit_follower.h"

#include <stdio.h>

enum { FOLLOWER_TRIES = 5, PROPERTY_MAX = 1 << 16 };

// A lead without a position takes the followers of the one before it over, where the policy says so.
static bool follows(const ice_committer *committer, const ice_follower_epoch *taken, const ice_lead *lead) {
  return ice_str_equal_c(lead->table.metadata->uuid, taken->lead_uuid) ||
         ice_position_replaces(&lead->position, ice_str_of(taken->lead_uuid)) ||
         (!lead->has_position && committer->policies.restart_recreated);
}

ice_status ice_follower_load(const ice_committer *committer, ice_table_ident ident, const ice_lead *lead,
                             ice_follower *out, ice_error *err) {
  *out = (ice_follower){0};
  ice_bytes key;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(committer->catalog, ident, &out->table, err));
  if (committer->watch) {
    committer->watch(committer->watcher, ident, out->table.metadata);
  }
  ICE_TRY(ice_sink_property(ICE_PROPERTY_EPOCH, committer->sink, &key, err));
  ice_str text = ice_table_property(out->table.metadata, ice_bytes_str(&key));
  if (!text.data) {
    goto done;
  }
  status = ice_follower_epoch_parse(text, &out->taken, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s.%.*s, property %.*s", ICE_IDENT_ARG(ident), ICE_STR_ARG(ice_bytes_str(&key)));
    goto done;
  }
  if (!follows(committer, &out->taken, lead)) {
    ice_error_set(
        err, ICE_INVALID_STATE,
        "table %.*s.%.*s took epoch %lld of sink %.*s from another lead table (uuid %s, the lead is %.*s now): "
        "the lead was changed (see tables.lead) or recreated (see on_recreated)",
        ICE_IDENT_ARG(ident), (long long)out->taken.epoch, ICE_STR_ARG(committer->sink), out->taken.lead_uuid,
        ICE_STR_ARG(lead->table.metadata->uuid));
    status = ice_policy_error(err);
  }
done:
  if (status != ICE_OK) {
    ice_follower_deinit(out);
  }
  ice_bytes_deinit(&key);
  return status;
}

void ice_follower_deinit(ice_follower *follower) {
  ice_table_deinit(&follower->table);
  *follower = (ice_follower){0};
}

ice_status ice_follower_build(const ice_committer *committer, const ice_follower *follower,
                              const ice_follower_part *part, ice_build *out, ice_error *err) {
  *out = (ice_build){0};
  char epoch_text[32];
  int epoch_size = snprintf(epoch_text, sizeof epoch_text, "%lld", (long long)part->epoch);
  ice_property summary[] = {
      {.key = ICE_STR("icesink.sink"), .value = committer->sink},
      {.key = ICE_STR("icesink.epoch"), .value = ice_str_make(epoch_text, (size_t)epoch_size)},
      {.key = ICE_STR("icesink.lead-uuid"), .value = part->lead_uuid},
  };
  ice_build_options options = {.table = &follower->table,
                               .snapshot_id = part->snapshot_id,
                               .manifests = part->manifest,
                               .manifest_count = 1,
                               .summary = summary,
                               .summary_count = ICE_COUNT_OF(summary),
                               .attempt = part->attempt,
                               .uuid = part->uuid};
  ice_follower_epoch taken = {.present = true, .epoch = part->epoch, .snapshot_id = part->snapshot_id};
  snprintf(taken.lead_uuid, sizeof taken.lead_uuid, "%.*s", ICE_STR_ARG(part->lead_uuid));
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_bytes_init(&value, PROPERTY_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_build_append(committer, &options, out, err));
  ICE_TRY(ice_sink_property(ICE_PROPERTY_EPOCH, committer->sink, &key, err));
  ICE_TRY(ice_follower_epoch_format(&taken, &value, err));
  ICE_TRY(ice_build_set_property(out, ice_bytes_str(&key), ice_bytes_str(&value), err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

typedef enum finish_step { FINISH_DONE, FINISH_AGAIN } finish_step;

// True where a load shows that a table is not the one that is looked for. One that cannot be read just now may be it.
static bool is_another(ice_status status, const ice_follower *follower, ice_str uuid) {
  return status == ICE_NOT_FOUND || (status == ICE_OK && !ice_str_equal(follower->table.metadata->uuid, uuid));
}

// The table that an epoch is pending for: under its name, or under another one that the sink writes. `*gone` where it was
// dropped or recreated; `err` says so then, as the stop of a policy.
static ice_status find_follower(const ice_committer *committer, const ice_lead *lead,
                                const ice_pending_follower *pending, ice_table_ident *ident, ice_follower *out,
                                bool *gone, ice_error *err) {
  *gone = false;
  ice_status status = ice_table_ident_parse(pending->table, ident, err);
  if (status != ICE_OK) {
    return status;
  }
  status = ice_follower_load(committer, *ident, lead, out, err);
  bool dropped = status == ICE_NOT_FOUND;
  for (uint32_t i = 0; i < committer->table_count && is_another(status, out, pending->uuid); i++) {
    ice_follower_deinit(out);
    *ident = committer->tables[i];
    status = ice_follower_load(committer, *ident, lead, out, err);
  }
  if (!is_another(status, out, pending->uuid)) {
    return status;
  }
  ice_follower_deinit(out);
  *gone = true;
  ice_error_set(err, ICE_INVALID_STATE,
                "table %.*s was %s while %lld rows of epoch %lld of sink %.*s were pending for it; see on_recreated",
                ICE_STR_ARG(pending->table), dropped ? "dropped" : "recreated",
                (long long)pending->manifest.file.added_rows, (long long)lead->pending.epoch,
                ICE_STR_ARG(committer->sink));
  return ice_policy_error(err);
}

static ice_status append_part(const ice_committer *committer, const ice_lead *lead,
                              const ice_pending_follower *pending, ice_table_ident ident,
                              const ice_follower *follower, uint32_t attempt, finish_step *step, ice_error *err) {
  ice_build build = {0};
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  ICE_TRY(ice_uuid_random_text(&committer->port->random, uuid, err));
  ice_follower_part part = {.ident = ident,
                            .lead_uuid = lead->table.metadata->uuid,
                            .epoch = lead->pending.epoch,
                            .snapshot_id = pending->snapshot_id,
                            .manifest = &pending->manifest,
                            .attempt = attempt,
                            .uuid = ice_str_of(uuid)};
  ICE_TRY(ice_follower_build(committer, follower, &part, &build, err));
  ice_table_commit commit = {.ident = ident, .change = ice_build_change(&build), .base = &follower->table};
  status = ice_catalog_commit(committer->catalog, &commit, 1, err);
  if (status == ICE_CONFLICT || status == ICE_COMMIT_UNKNOWN) {
    if (status == ICE_CONFLICT && !committer->catalog->remote) {
      ice_build_discard(committer, &build);
    }
    *step = FINISH_AGAIN;
    status = ICE_OK;
  } else if (status == ICE_OK) {
    ice_observe_count(committer->observer, "icesink_followers_finished_total", (ice_str){0}, 1);
  }
done:
  ice_build_deinit(&build);
  return status;
}

// One load of the follower and one commit from it.
static ice_status finish_once(const ice_committer *committer, const ice_lead *lead,
                              const ice_pending_follower *pending, uint32_t attempt, finish_step *step,
                              ice_error *err) {
  ice_follower follower = {0};
  ice_table_ident ident;
  *step = FINISH_DONE;
  bool gone;
  ice_status status = find_follower(committer, lead, pending, &ident, &follower, &gone, err);
  if (gone && committer->policies.restart_recreated) {
    const ice_log_field fields[] = {ICE_LOG_TEXT("table", pending->table),
                                    ICE_LOG_NUMBER("epoch", lead->pending.epoch),
                                    ICE_LOG_NUMBER("rows", pending->manifest.file.added_rows)};
    ice_observe_log(committer->observer, ICE_LOG_WARN,
                    ICE_STR("on_recreated: what was pending for a table went with it"), fields, ICE_COUNT_OF(fields));
    ice_error_clear(err);
    return ICE_OK;
  }
  if (status == ICE_OK && follower.taken.present && follower.taken.epoch == lead->pending.epoch &&
      follower.taken.snapshot_id != pending->snapshot_id) {
    ice_error_set(
        err, ICE_INVALID_STATE,
        "table %.*s.%.*s took epoch %lld of sink %.*s in snapshot %lld, its lead says in %lld: the catalog kept "
        "one part of a commit that it refused",
        ICE_IDENT_ARG(ident), (long long)lead->pending.epoch, ICE_STR_ARG(committer->sink),
        (long long)follower.taken.snapshot_id, (long long)pending->snapshot_id);
    status = ice_policy_error(err);
  }
  if (status == ICE_OK && (!follower.taken.present || follower.taken.epoch < lead->pending.epoch)) {
    status = append_part(committer, lead, pending, ident, &follower, attempt, step, err);
  }
  ice_follower_deinit(&follower);
  return status;
}

ice_status ice_followers_finish(const ice_committer *committer, const ice_lead *lead, bool *complete,
                                ice_error *err) {
  *complete = true;
  for (uint32_t i = 0; lead->has_pending && i < lead->pending.follower_count; i++) {
    finish_step step = FINISH_AGAIN;
    for (uint32_t attempt = 1; attempt <= FOLLOWER_TRIES && step == FINISH_AGAIN; attempt++) {
      ice_status status = finish_once(committer, lead, &lead->pending.followers[i], attempt, &step, err);
      if (status != ICE_OK) {
        return status;
      }
    }
    if (step == FINISH_AGAIN) {
      ice_error_set(err, ICE_CONFLICT, "table %.*s: other writers were faster %d times",
                    ICE_STR_ARG(lead->pending.followers[i].table), (int)FOLLOWER_TRIES);
      *complete = false;
      return ICE_OK;
    }
  }
  return ICE_OK;
}
