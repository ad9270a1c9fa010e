#include "ingest/epoch_part.h"
#include "ingest/epoch_summary.h"
#include "ingest/table_append.h"
#include "session/session_priv.h"

#include <icesink/sink.h>
#include <stdio.h>

enum { PARTS_MAX = 1 << 16, TOKEN_MAX = 1 << 16 };

ice_committer ice_session_committer(const ice_session *session) {
  return (ice_committer){.catalog = session->catalog,
                         .port = ice_port_system(),
                         .observer = &session->observer,
                         .sink = ice_settings_text(&session->settings, ICE_OPTION_ID_NAME)};
}

/// An epoch on its way, for ice_session_drive.
typedef struct commit_run {
  ice_committer committer;
  ice_epoch epoch;
} commit_run;

static ice_status stands_elsewhere(const ice_committer *committer, const ice_position *position,
                                   const ice_epoch_range *range, ice_error *err) {
  const ice_position_entry *entry = ice_position_find(position, range->topic, range->partition);
  char at[32] = "nowhere";
  if (entry) {
    snprintf(at, sizeof at, "at offset %lld", (long long)entry->offset);
  }
  ice_error_set(
      err, ICE_INVALID_STATE,
      "sink %.*s is %s in topic %.*s, partition %d, and what is to be committed goes from %lld to %lld: another "
      "writer has moved the position, or this one went back to an older state",
      ICE_STR_ARG(committer->sink), at, ICE_STR_ARG(range->topic), range->partition, (long long)range->from,
      (long long)range->to);
  return ice_policy_error(err);
}

static ice_status attempt_epoch(void *context, bool *done, bool *unknown, ice_error *err) {
  commit_run *run = context;
  ice_attempt outcome = ICE_ATTEMPT_AGAIN;
  ice_status status = ice_commit_attempt(&run->committer, &run->epoch, &outcome, err);
  *unknown = run->epoch.unknown;
  // Fenced is decided too: where the position is now is seen when it is compared again.
  *done = status == ICE_OK && outcome != ICE_ATTEMPT_AGAIN;
  return status;
}

// What was there already, or cannot be committed, was never named in a request: its manifests are nobody's.
static void discard_unsent(const ice_session *session, const ice_epoch *epoch) {
  for (uint32_t i = 0; epoch->attempts == 0 && i < epoch->table_count; i++) {
    if (epoch->tables[i].has_manifest) {
      (void)!ice_store_remove(session->catalog->store, epoch->tables[i].manifest.file.path, NULL);
    }
  }
}

/// What a commit reads from its request.
typedef struct commit_plan {
  ice_arena arena;
  ice_committer committer;
  ice_epoch_part *parts;
  uint32_t part_count;
  ice_part_standing *standings;
  uint32_t *group;
  ice_property *summary;
  uint32_t summary_count;
  ice_str writer;
  int64_t number;
} commit_plan;

static ice_status read_request(const ice_commit_request *request, commit_plan *out, ice_error *err) {
  size_t count = request->part_count;
  ice_status status = ICE_OK;
  if (count > PARTS_MAX || request->summary_count > ICE_EPOCH_SUMMARY_MAX - ICE_EPOCH_SUMMARY_OWN) {
    ICE_FAIL(ICE_LIMIT, "%zu parts, %zu entries of a summary", count, request->summary_count);
  }
  out->parts = ice_arena_alloc_array(&out->arena, count, sizeof *out->parts, err);
  out->standings = ice_arena_alloc_array(&out->arena, count, sizeof *out->standings, err);
  out->group = ice_arena_alloc_array(&out->arena, count, sizeof *out->group, err);
  out->summary = ice_arena_alloc_array(&out->arena, request->summary_count, sizeof *out->summary, err);
  if (!out->parts || !out->standings || !out->group || !out->summary) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a commit");
  }
  for (; out->summary_count < request->summary_count; out->summary_count++) {
    ICE_TRY(ice_session_property(request->summary[out->summary_count], &out->summary[out->summary_count], err));
  }
  for (size_t i = 0; i < count; i++) {
    ice_str text = ice_str_make(request->parts[i].data, request->parts[i].size);
    if (text.size > 0) {
      ICE_TRY(ice_epoch_part_read(text, &out->parts[out->part_count], err));
      out->part_count++;
    }
  }
  out->writer = ice_str_of(request->writer);
  out->number = request->number;
done:
  return status;
}

static void plan_deinit(commit_plan *plan) {
  for (uint32_t i = 0; i < plan->part_count; i++) {
    ice_epoch_part_deinit(&plan->parts[i]);
  }
  ice_arena_deinit(&plan->arena);
}

// The last epoch of a request brings its number.
static ice_status set_token(commit_plan *plan, ice_epoch *epoch, ice_error *err) {
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, TOKEN_MAX);
  ice_bytes_init(&value, TOKEN_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_token_format(plan->writer, plan->number, epoch->tables[0].snapshot_id, &key, &value, err));
  ICE_TRY(ice_arena_copy_str(&plan->arena, ice_bytes_str(&key), &epoch->property.key, err));
  ICE_TRY(ice_arena_copy_str(&plan->arena, ice_bytes_str(&value), &epoch->property.value, err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

static bool is_last(const commit_plan *plan) {
  for (uint32_t i = 0; i < plan->part_count; i++) {
    if (plan->standings[i] != ICE_PART_PAST) {
      return false;
    }
  }
  return true;
}

static ice_status commit_group(ice_session *session, commit_plan *plan, uint32_t group_count, ice_error *err) {
  commit_run run = {.committer = plan->committer};
  ice_status status = ICE_OK;
  ICE_TRY(ice_epoch_of_parts(session->catalog, ice_port_system(), plan->parts, plan->group, group_count, &run.epoch,
                             err));
  run.epoch.summary = plan->summary;
  run.epoch.summary_count = plan->summary_count;
  if (plan->writer.size > 0 && is_last(plan)) {
    ICE_TRY(set_token(plan, &run.epoch, err));
  }
  ICE_TRY(ice_session_drive(session, attempt_epoch, &run, err));
done:
  discard_unsent(session, &run.epoch);
  ice_epoch_deinit(&run.epoch);
  return status;
}

// Where the parts stand now, from one load of the lead.
static ice_status place_parts(commit_plan *plan, ice_error *err) {
  ice_lead lead = {0};
  const ice_epoch_range *elsewhere;
  bool known = false;
  int64_t number;
  int64_t snapshot_id;
  ice_status status = ICE_OK;
  ICE_TRY(ice_lead_load(&plan->committer, plan->parts[0].tables[0].ident, &lead, err));
  if (plan->writer.size > 0) {
    ICE_TRY(ice_table_token(&lead.table, plan->writer, &known, &number, &snapshot_id, err));
  }
  if (known && number >= plan->number) {
    for (uint32_t i = 0; i < plan->part_count; i++) {
      plan->standings[i] = ICE_PART_PAST;
    }
    goto done;
  }
  ICE_TRY(ice_epoch_parts_place(plan->parts, plan->part_count, &lead.position, plan->standings, &elsewhere, err));
  if (elsewhere) {
    status = stands_elsewhere(&plan->committer, &lead.position, elsewhere, err);
  }
done:
  ice_lead_deinit(&lead);
  return status;
}

// Commits what stands next until all is past. Each round commits something, or finds that somebody else has.
static ice_status commit_all(ice_session *session, commit_plan *plan, ice_error *err) {
  plan->committer = ice_session_committer(session);
  plan->committer.sink = plan->parts[0].sink;
  plan->committer.lead_uuid = plan->parts[0].tables[0].uuid;
  for (uint32_t round = 0; round <= plan->part_count; round++) {
    uint32_t group_count;
    bool any = false;
    ice_status status = place_parts(plan, err);
    while (status == ICE_OK &&
           (group_count = ice_epoch_part_group(plan->parts, plan->part_count, plan->standings, plan->group)) > 0) {
      any = true;
      status = commit_group(session, plan, group_count, err);
    }
    if (status != ICE_OK || !any) {
      return status;
    }
  }
  return ice_error_set(err, ICE_CONFLICT, "parts of sink %.*s cannot be settled: other writers are faster",
                       ICE_STR_ARG(plan->committer.sink));
}

ice_status ice_session_commit(ice_session *session, const ice_commit_request *request, ice_error *err) {
  commit_plan plan = {.part_count = 0};
  ice_arena_init(&plan.arena, ICE_SESSION_TEXT_MAX);
  ice_error own = {0};
  ice_error *told = err ? err : &own;
  ice_status status = read_request(request, &plan, told);
  if (status == ICE_OK) {
    status = ice_session_reach(session, false, told);
  }
  if (status == ICE_OK && plan.part_count > 0) {
    status = commit_all(session, &plan, told);
  }
  plan_deinit(&plan);
  return status;
}
