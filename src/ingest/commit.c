#include "ingest/commit.h"

#include "ingest/commit_follower.h"
#include <stdio.h>
#include <stdlib.h>

enum { PROPERTY_MAX = 64 << 20, NUMBER_TEXT = 24 };

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

static ice_status check_rollback(const ice_committer *committer, ice_table_ident ident, const ice_lead *lead,
                                 ice_error *err) {
  const ice_snapshot *head = ice_table_ref_snapshot(lead->table.metadata, ICE_REF_MAIN);
  bool rolled_back =
      !head || ice_table_is_ancestor(lead->table.metadata, lead->position.snapshot_id, lead->position.sequence_number,
                                     head->snapshot_id) == ICE_ANCESTRY_NO;
  if (!rolled_back || committer->on_rollback == ICE_ROLLBACK_CONTINUE) {
    return ICE_OK;
  }
  ice_error_set(
      err, ICE_INVALID_STATE,
      "table %.*s.%.*s was rolled back: sink %.*s committed epoch %lld in snapshot %lld, which is no ancestor "
      "of the current snapshot %lld; set on_rollback: rewind or continue",
      ICE_IDENT_ARG(ident), ICE_STR_ARG(committer->sink), (long long)lead->position.epoch,
      (long long)lead->position.snapshot_id, (long long)(head ? head->snapshot_id : -1));
  if (err) {
    err->flags |= ICE_ERROR_POLICY;
  }
  return ICE_INVALID_STATE;
}

ice_status ice_lead_load(const ice_committer *committer, ice_table_ident ident, ice_lead *out, ice_error *err) {
  *out = (ice_lead){0};
  ice_bytes key;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_str text;
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(committer->catalog, ident, &out->table, err));
  ICE_TRY(read_property(committer, &out->table, ICE_PROPERTY_POSITION, &text, &key, err));
  if (text.data) {
    status = ice_position_parse(text, &out->position, err);
    if (status != ICE_OK) {
      goto located;
    }
    out->has_position = true;
    ICE_TRY(check_rollback(committer, ident, out, err));
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

static ice_status number_text(ice_arena *arena, int64_t number, ice_str *out, ice_error *err) {
  char text[NUMBER_TEXT];
  int size = snprintf(text, sizeof text, "%lld", (long long)number);
  return ice_arena_copy_str(arena, ice_str_make(text, (size_t)size), out, err);
}

// {"topic":{"0":[from,to]}}
static ice_status format_ranges(const ice_epoch *epoch, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *root = json_object();
  for (uint32_t i = 0; i < epoch->range_count; i++) {
    const ice_epoch_range *range = &epoch->ranges[i];
    json_t *topic = json_object_getn(root, range->topic.data, range->topic.size);
    if (!topic) {
      topic = json_object();
      if (!topic || json_object_setn_new(root, range->topic.data, range->topic.size, topic) != 0) {
        ICE_FAIL(ICE_NO_MEMORY, "out of memory for the ranges of an epoch");
      }
    }
    char key[NUMBER_TEXT];
    snprintf(key, sizeof key, "%d", range->partition);
    json_t *pair = json_array();
    ICE_TRY(ice_json_put(topic, key, pair, err));
    ICE_TRY(ice_json_push(pair, json_integer(range->from), err));
    ICE_TRY(ice_json_push(pair, json_integer(range->to), err));
  }
  ICE_TRY(ice_json_text_append(root, out, err));
done:
  json_decref(root);
  return status;
}

static ice_status lead_summary(const ice_committer *committer, const ice_epoch *epoch, int64_t number,
                               ice_arena *arena, ice_property *out, uint32_t *count, ice_error *err) {
  const struct {
    ice_str key;
    int64_t value;
  } numbers[] = {
      {ICE_STR_INIT("icesink.epoch"), number},
      {ICE_STR_INIT("icesink.records"), epoch->counts.records},
      {ICE_STR_INIT("icesink.gaps"), epoch->counts.gaps},
      {ICE_STR_INIT("icesink.elements"), epoch->counts.elements},
      {ICE_STR_INIT("icesink.rows"), epoch->counts.rows},
      {ICE_STR_INIT("icesink.dead-letters"), epoch->counts.dead_letters},
      {ICE_STR_INIT("icesink.filtered"), epoch->counts.filtered},
  };
  ice_bytes ranges;
  ice_bytes_init(&ranges, PROPERTY_MAX);
  ice_status status = ICE_OK;
  *count = 0;
  out[(*count)++] = (ice_property){.key = ICE_STR("icesink.sink"), .value = committer->sink};
  for (size_t i = 0; i < ICE_COUNT_OF(numbers); i++, (*count)++) {
    out[*count].key = numbers[i].key;
    ICE_TRY(number_text(arena, numbers[i].value, &out[*count].value, err));
  }
  ICE_TRY(format_ranges(epoch, &ranges, err));
  out[*count].key = ICE_STR("icesink.ranges");
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&ranges), &out[*count].value, err));
  (*count)++;
done:
  ice_bytes_deinit(&ranges);
  return status;
}

// The position after this epoch: the neighbours' offsets as loaded, ours moved.
static ice_status next_position(const ice_lead *lead, const ice_epoch *epoch, int64_t number, int64_t sequence_number,
                                ice_bytes *out, ice_error *err) {
  ice_position next;
  ice_position_init(&next);
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < lead->position.entry_count; i++) {
    const ice_position_entry *entry = &lead->position.entries[i];
    ICE_TRY(ice_position_set(&next, entry->topic, entry->partition, entry->start, entry->offset, err));
  }
  for (uint32_t i = 0; i < epoch->start_count; i++) {
    const ice_position_entry *entry = &epoch->starts[i];
    ICE_TRY(ice_position_set(&next, entry->topic, entry->partition, entry->start, entry->offset, err));
  }
  for (uint32_t i = 0; i < epoch->range_count; i++) {
    const ice_epoch_range *range = &epoch->ranges[i];
    ICE_TRY(ice_position_set(&next, range->topic, range->partition, range->from, range->to, err));
  }
  next.epoch = number;
  next.snapshot_id = epoch->tables[0].snapshot_id;
  next.sequence_number = sequence_number;
  next.totals = lead->position.totals;
  ice_counts_add(&next.totals, &epoch->counts);
  ICE_TRY(ice_position_format(&next, out, err));
done:
  ice_position_deinit(&next);
  return status;
}

static ice_status set_position(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                               int64_t number, ice_build *build, ice_error *err) {
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, PROPERTY_MAX);
  ice_bytes_init(&value, PROPERTY_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(next_position(lead, epoch, number, build->append.snapshot.sequence_number, &value, err));
  ICE_TRY(ice_sink_property(ICE_PROPERTY_POSITION, committer->sink, &key, err));
  ICE_TRY(ice_build_set_property(build, ice_bytes_str(&key), ice_bytes_str(&value), err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

// Names in the lead what each follower has to take; an epoch without followers removes the last one's.
static ice_status set_pending(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                              int64_t number, const attempt *a, ice_build *build, ice_error *err) {
  ice_pending_follower followers[ICE_COMMIT_TABLES_MAX];
  ice_pending pending = {.epoch = number, .followers = followers};
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
  if (err) {
    err->flags |= ICE_ERROR_POLICY;
  }
  return ICE_INVALID_STATE;
}

static ice_status load_followers(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                                 attempt *a, bool *moved, ice_error *err) {
  *moved = false;
  for (uint32_t i = 1; i < epoch->table_count && !*moved; i++) {
    ice_status status =
        ice_follower_load(committer, epoch->tables[i].ident, lead->table.metadata->uuid, &a->followers[i], err);
    if (status == ICE_OK) {
      status = check_not_ahead(committer, lead, epoch->tables[0].ident, &a->followers[i], epoch->tables[i].ident,
                               moved, err);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status build_lead(const ice_committer *committer, const ice_lead *lead, const ice_epoch *epoch,
                             int64_t number, attempt *a, ice_error *err) {
  const ice_epoch_table *table = &epoch->tables[0];
  ice_property summary[ICE_BUILD_SUMMARY_MAX];
  uint32_t summary_count;
  ice_status status = ICE_OK;
  ICE_TRY(lead_summary(committer, epoch, number, &a->arena, summary, &summary_count, err));
  ice_build_options options = {.table = &lead->table,
                               .snapshot_id = table->snapshot_id,
                               .manifest = table->has_manifest ? &table->manifest : NULL,
                               .summary = summary,
                               .summary_count = summary_count,
                               .attempt = epoch->attempts,
                               .uuid = ice_str_of(epoch->uuid)};
  ICE_TRY(ice_build_append(committer, &options, &a->builds[0], err));
  ICE_TRY(set_position(committer, lead, epoch, number, &a->builds[0], err));
  ICE_TRY(set_pending(committer, lead, epoch, number, a, &a->builds[0], err));
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
                                  int64_t number, attempt *a, ice_error *err) {
  for (uint32_t i = 1; i < epoch->table_count; i++) {
    const ice_epoch_table *table = &epoch->tables[i];
    if (!table->has_manifest) {
      assert_head(a, i, table->ident);
      continue;
    }
    ice_follower_part part = {.ident = table->ident,
                              .lead_uuid = lead->table.metadata->uuid,
                              .epoch = number,
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

static void discard_lists(const ice_committer *committer, attempt *a) {
  for (uint32_t i = 0; i < ICE_COMMIT_TABLES_MAX; i++) {
    ice_build_discard(committer, &a->builds[i]);
  }
}

static ice_status send(const ice_committer *committer, ice_epoch *epoch, attempt *a, ice_attempt *outcome,
                       ice_error *err) {
  ice_status status = ice_catalog_commit(committer->catalog, a->commits, a->count, err);
  switch (status) {
    case ICE_OK: *outcome = ICE_ATTEMPT_DONE; return ICE_OK;
    case ICE_CONFLICT:
      ice_observe_count(committer->observer, "icesink_commit_conflicts_total", (ice_str){0}, 1);
      discard_lists(committer, a);
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
  discard_lists(committer, a);
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

static ice_status commit_from(const ice_committer *committer, const ice_lead *lead, ice_epoch *epoch,
                              ice_attempt *outcome, ice_error *err) {
  attempt *a = NULL;
  bool moved;
  int64_t number = lead->position.epoch + 1;
  ice_status status = ICE_OK;
  ICE_TRY(attempt_create(&a, err));
  ICE_TRY(load_followers(committer, lead, epoch, a, &moved, err));
  if (moved) {
    *outcome = ICE_ATTEMPT_AGAIN;
    goto done;
  }
  epoch->attempts++;
  ICE_TRY(build_lead(committer, lead, epoch, number, a, err));
  if (committer->catalog->atomic) {
    ICE_TRY(build_followers(committer, lead, epoch, number, a, err));
  }
  ICE_TRY(send(committer, epoch, a, outcome, err));
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
  standing where = compare(&lead, epoch);
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
