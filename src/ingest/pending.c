#include "ingest/pending.h"

#include "codec/base64.h"
#include "iceberg/iceberg_json.h"
#include <stdio.h>

enum { FOLLOWERS_MAX = ICE_COMMIT_TABLES_MAX, BOUND_TEXT_MAX = 1 << 16, SUMMARIES_MAX = 1000 };

void ice_pending_deinit(ice_pending *pending) {
  ice_arena_deinit(&pending->arena);
  *pending = (ice_pending){0};
}

static ice_status put_base64(json_t *object, const char *key, ice_str value, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, BOUND_TEXT_MAX);
  ice_status status = ice_base64_append(&text, value, err);
  if (status == ICE_OK) {
    status = ice_json_put(object, key, ice_json_string(ice_bytes_str(&text)), err);
  }
  ice_bytes_deinit(&text);
  return status;
}

static ice_status get_base64(const json_t *object, const char *key, ice_arena *arena, bool *has, ice_str *out,
                             ice_error *err) {
  ice_str text = {0};
  ice_bytes value;
  ice_bytes_init(&value, BOUND_TEXT_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_find_str(object, key, &text, err));
  *has = text.data != NULL;
  if (*has) {
    ICE_TRY(ice_base64_decode(&value, text, err));
    ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&value), out, err));
  }
done:
  ice_bytes_deinit(&value);
  return status;
}

static ice_status format_summary(const ice_partition_summary *summary, json_t *array, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *object = json_object();
  ICE_TRY(ice_json_put(object, "contains-null", json_boolean(summary->contains_null), err));
  if (summary->has_contains_nan) {
    ICE_TRY(ice_json_put(object, "contains-nan", json_boolean(summary->contains_nan), err));
  }
  if (summary->has_lower) {
    ICE_TRY(put_base64(object, "lower", summary->lower, err));
  }
  if (summary->has_upper) {
    ICE_TRY(put_base64(object, "upper", summary->upper, err));
  }
  ICE_TRY(ice_json_push(array, json_incref(object), err));
done:
  json_decref(object);
  return status;
}

static ice_status format_follower(const ice_pending_follower *follower, json_t *array, ice_error *err) {
  const ice_manifest_file *file = &follower->manifest.file;
  ice_status status = ICE_OK;
  json_t *object = json_object();
  json_t *summaries = json_array();
  ICE_TRY(ice_json_put(object, "table", ice_json_string(follower->table), err));
  ICE_TRY(ice_json_put(object, "table-uuid", ice_json_string(follower->uuid), err));
  ICE_TRY(ice_json_put(object, "snapshot-id", json_integer(follower->snapshot_id), err));
  ICE_TRY(ice_json_put(object, "manifest-path", ice_json_string(file->path), err));
  ICE_TRY(ice_json_put(object, "manifest-length", json_integer(file->length), err));
  ICE_TRY(ice_json_put(object, "partition-spec-id", json_integer(file->spec_id), err));
  ICE_TRY(ice_json_put(object, "added-files-count", json_integer(file->added_files), err));
  ICE_TRY(ice_json_put(object, "added-rows-count", json_integer(file->added_rows), err));
  ICE_TRY(ice_json_put(object, "added-files-size", json_integer(follower->manifest.added_files_size), err));
  ICE_TRY(ice_json_put(object, "changed-partition-count",
                       json_integer((json_int_t)follower->manifest.partition_count), err));
  for (uint32_t i = 0; i < file->partition_count; i++) {
    ICE_TRY(format_summary(&file->partitions[i], summaries, err));
  }
  ICE_TRY(ice_json_put(object, "partitions", json_incref(summaries), err));
  ICE_TRY(ice_json_push(array, json_incref(object), err));
done:
  json_decref(summaries);
  json_decref(object);
  return status;
}

ice_status ice_pending_format(const ice_pending *pending, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *root = json_object();
  json_t *followers = json_array();
  ICE_TRY(ice_json_put(root, "epoch", json_integer(pending->epoch), err));
  for (uint32_t i = 0; i < pending->follower_count; i++) {
    ICE_TRY(format_follower(&pending->followers[i], followers, err));
  }
  ICE_TRY(ice_json_put(root, "followers", json_incref(followers), err));
  ICE_TRY(ice_json_text_append(root, out, err));
done:
  json_decref(followers);
  json_decref(root);
  return status;
}

static ice_status parse_summaries(json_t *array, ice_arena *arena, ice_manifest_file *file, ice_error *err) {
  size_t count = json_array_size(array);
  ice_status status = ICE_OK;
  if (count > SUMMARIES_MAX) {
    ICE_FAIL(ICE_LIMIT, "%zu partition summaries in a pending epoch", count);
  }
  ice_partition_summary *summaries = ice_arena_alloc_array(arena, count, sizeof *summaries, err);
  if (!summaries) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a pending epoch");
  }
  for (size_t i = 0; i < count; i++) {
    const json_t *object = json_array_get(array, i);
    ICE_TRY(ice_json_get_boolean(object, "contains-null", &summaries[i].contains_null, err));
    summaries[i].has_contains_nan = json_object_get(object, "contains-nan") != NULL;
    ICE_TRY(ice_json_find_boolean(object, "contains-nan", &summaries[i].contains_nan, err));
    ICE_TRY(get_base64(object, "lower", arena, &summaries[i].has_lower, &summaries[i].lower, err));
    ICE_TRY(get_base64(object, "upper", arena, &summaries[i].has_upper, &summaries[i].upper, err));
  }
  file->partitions = summaries;
  file->partition_count = (uint32_t)count;
done:
  return status;
}

static ice_status parse_follower(const json_t *object, ice_arena *arena, ice_pending_follower *out, ice_error *err) {
  ice_manifest_file *file = &out->manifest.file;
  ice_str text;
  int64_t partitions;
  json_t *summaries;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_get_str(object, "table", &text, err));
  ICE_TRY(ice_arena_copy_str(arena, text, &out->table, err));
  ICE_TRY(ice_json_get_str(object, "table-uuid", &text, err));
  ICE_TRY(ice_arena_copy_str(arena, text, &out->uuid, err));
  ICE_TRY(ice_json_get_i64(object, "snapshot-id", &out->snapshot_id, err));
  ICE_TRY(ice_json_get_str(object, "manifest-path", &text, err));
  ICE_TRY(ice_arena_copy_str(arena, text, &file->path, err));
  ICE_TRY(ice_json_get_i64(object, "manifest-length", &file->length, err));
  ICE_TRY(ice_json_get_i32(object, "partition-spec-id", &file->spec_id, err));
  ICE_TRY(ice_json_get_i32(object, "added-files-count", &file->added_files, err));
  ICE_TRY(ice_json_get_i64(object, "added-rows-count", &file->added_rows, err));
  ICE_TRY(ice_json_get_i64(object, "added-files-size", &out->manifest.added_files_size, err));
  ICE_TRY(ice_json_get_i64(object, "changed-partition-count", &partitions, err));
  ICE_TRY(ice_json_get_array(object, "partitions", &summaries, err));
  ICE_TRY(parse_summaries(summaries, arena, file, err));
  out->manifest.partition_count = partitions < 0 ? 0 : (uint64_t)partitions;
  file->content = ICE_MANIFEST_DATA;
  file->sequence_number = ICE_SEQUENCE_UNASSIGNED;
  file->min_sequence_number = ICE_SEQUENCE_UNASSIGNED;
  file->added_snapshot_id = out->snapshot_id;
done:
  return status;
}

ice_status ice_pending_parse(ice_str text, ice_pending *out, ice_error *err) {
  *out = (ice_pending){0};
  ice_arena_init(&out->arena, ICE_POSITION_BYTES_MAX);
  json_t *root = NULL;
  json_t *followers;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_text_parse(text, &root, err));
  ICE_TRY(ice_json_get_i64(root, "epoch", &out->epoch, err));
  ICE_TRY(ice_json_get_array(root, "followers", &followers, err));
  size_t count = json_array_size(followers);
  if (count > FOLLOWERS_MAX) {
    ICE_FAIL(ICE_LIMIT, "%zu followers in a pending epoch", count);
  }
  out->followers = ice_arena_alloc_array(&out->arena, count, sizeof *out->followers, err);
  if (!out->followers) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a pending epoch");
  }
  out->follower_count = (uint32_t)count;
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(parse_follower(json_array_get(followers, i), &out->arena, &out->followers[i], err));
  }
done:
  json_decref(root);
  if (status != ICE_OK) {
    ice_pending_deinit(out);
  }
  return status;
}

ice_status ice_follower_epoch_parse(ice_str text, ice_follower_epoch *out, ice_error *err) {
  *out = (ice_follower_epoch){0};
  json_t *root = NULL;
  ice_str uuid;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_text_parse(text, &root, err));
  ICE_TRY(ice_json_get_str(root, "lead-uuid", &uuid, err));
  ICE_TRY(ice_json_get_i64(root, "epoch", &out->epoch, err));
  ICE_TRY(ice_json_get_i64(root, "snapshot-id", &out->snapshot_id, err));
  snprintf(out->lead_uuid, sizeof out->lead_uuid, "%.*s", ICE_STR_ARG(uuid));
  out->present = true;
done:
  json_decref(root);
  return status;
}

ice_status ice_follower_epoch_format(const ice_follower_epoch *epoch, ice_bytes *out, ice_error *err) {
  return ice_bytes_append_format(out, err, "{\"lead-uuid\":\"%s\",\"epoch\":%lld,\"snapshot-id\":%lld}",
                                 epoch->lead_uuid, (long long)epoch->epoch, (long long)epoch->snapshot_id);
}
