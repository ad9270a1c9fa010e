#include "iceberg/iceberg_snapshot.h"

#include "base/checked.h"
#include "codec/uuid.h"

ice_status ice_snapshot_from_json(const json_t *json, ice_arena *arena, ice_snapshot *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_property *summary = NULL;
  int64_t parent = -1;
  int32_t schema_id = -1;
  *out = (ice_snapshot){0};
  if (!json_is_object(json)) {
    ICE_FAIL(ICE_CORRUPT, "snapshot is no JSON object");
  }
  ICE_TRY(ice_json_get_i64(json, "snapshot-id", &out->snapshot_id, err));
  ICE_TRY(ice_json_find_i64(json, "parent-snapshot-id", &parent, err));
  out->has_parent = parent != -1;
  out->parent_snapshot_id = parent;
  ICE_TRY(ice_json_find_i64(json, "sequence-number", &out->sequence_number, err));
  ICE_TRY(ice_json_get_i64(json, "timestamp-ms", &out->timestamp_ms, err));
  ICE_TRY(ice_json_find_str(json, "manifest-list", &out->manifest_list, err));
  ICE_TRY(ice_json_find_i32(json, "schema-id", &schema_id, err));
  out->has_schema_id = schema_id >= 0;
  out->schema_id = schema_id;
  out->has_row_ids = json_is_integer(json_object_get(json, "first-row-id"));
  ICE_TRY(ice_json_find_i64(json, "first-row-id", &out->first_row_id, err));
  ICE_TRY(ice_json_find_i64(json, "added-rows", &out->added_rows, err));
  ICE_TRY(ice_json_read_properties(json_object_get(json, "summary"), arena, &summary, &out->summary_count, err));
  out->summary = summary;
done:
  return status;
}

static ice_status put_summary(const ice_snapshot *snapshot, json_t *json, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *summary = json_object();
  ICE_TRY(ice_json_put(json, "summary", summary, err));
  for (uint32_t i = 0; i < snapshot->summary_count; i++) {
    ICE_TRY(ice_json_put_text(summary, snapshot->summary[i].key, snapshot->summary[i].value, err));
  }
done:
  return status;
}

ice_status ice_snapshot_to_json(const ice_snapshot *snapshot, json_t **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  json_t *json = NULL;
  if (!ice_snapshot_summary(snapshot, "operation").data) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "the summary of a snapshot has no \"operation\"");
  }
  json = json_object();
  ICE_TRY(json ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for JSON"));
  ICE_TRY(ice_json_put(json, "sequence-number", json_integer(snapshot->sequence_number), err));
  ICE_TRY(ice_json_put(json, "snapshot-id", json_integer(snapshot->snapshot_id), err));
  if (snapshot->has_parent) {
    ICE_TRY(ice_json_put(json, "parent-snapshot-id", json_integer(snapshot->parent_snapshot_id), err));
  }
  ICE_TRY(ice_json_put(json, "timestamp-ms", json_integer(snapshot->timestamp_ms), err));
  ICE_TRY(put_summary(snapshot, json, err));
  ICE_TRY(ice_json_put(json, "manifest-list", ice_json_string(snapshot->manifest_list), err));
  if (snapshot->has_schema_id) {
    ICE_TRY(ice_json_put(json, "schema-id", json_integer(snapshot->schema_id), err));
  }
  if (snapshot->has_row_ids) {
    ICE_TRY(ice_json_put(json, "first-row-id", json_integer(snapshot->first_row_id), err));
    ICE_TRY(ice_json_put(json, "added-rows", json_integer(snapshot->added_rows), err));
  }
  *out = json;
  json = NULL;
done:
  json_decref(json);
  return status;
}

ice_str ice_snapshot_summary(const ice_snapshot *snapshot, const char *key) {
  for (uint32_t i = 0; i < snapshot->summary_count; i++) {
    if (ice_str_equal_c(snapshot->summary[i].key, key)) {
      ice_str value = snapshot->summary[i].value;
      return value.data ? value : ICE_STR("");
    }
  }
  return (ice_str){0};
}

int64_t ice_snapshot_summary_i64(const ice_snapshot *snapshot, const char *key, int64_t fallback) {
  ice_str text = ice_snapshot_summary(snapshot, key);
  bool negative = text.size > 1 && text.data[0] == '-';
  int64_t value = 0;
  if (text.size == 0) {
    return fallback;
  }
  for (size_t i = negative; i < text.size; i++) {
    int digit = text.data[i] - '0';
    if (digit < 0 || digit > 9 || !ice_mul_i64(value, 10, &value) ||
        !ice_add_i64(value, negative ? -digit : digit, &value)) {
      return fallback;
    }
  }
  return value;
}

int64_t ice_snapshot_id_from_random(const uint8_t random[16]) {
  ice_uuid uuid = ice_uuid_v4(random);
  uint64_t halves = ice_load_u64be(uuid.bytes) ^ ice_load_u64be(uuid.bytes + 8);
  return (int64_t)(halves & INT64_MAX);
}

ice_status ice_manifest_list_name_append(int64_t snapshot_id, uint32_t attempt, ice_str uuid, ice_bytes *out,
                                         ice_error *err) {
  return ice_bytes_append_format(out, err, "snap-%lld-%u-%.*s.avro", (long long)snapshot_id, attempt,
                                 ICE_STR_ARG(uuid));
}

ice_status ice_manifest_name_append(ice_str uuid, uint32_t number, ice_bytes *out, ice_error *err) {
  return ice_bytes_append_format(out, err, "%.*s-m%u.avro", ICE_STR_ARG(uuid), number);
}

ice_status ice_metadata_name_append(uint32_t version, ice_str uuid, ice_bytes *out, ice_error *err) {
  return ice_bytes_append_format(out, err, "%05u-%.*s.metadata.json", version, ICE_STR_ARG(uuid));
}

int64_t ice_metadata_name_version(ice_str location) {
  size_t from = location.size;
  while (from > 0 && location.data[from - 1] != '/') {
    from--;
  }
  size_t i = from;
  // Hadoop tables put a "v" in front.
  if (i < location.size && location.data[i] == 'v') {
    i++;
  }
  int64_t version = 0;
  size_t digits = 0;
  for (; i < location.size && location.data[i] >= '0' && location.data[i] <= '9' && digits < 10; i++, digits++) {
    version = version * 10 + (location.data[i] - '0');
  }
  bool ended = i < location.size && (location.data[i] == '-' || location.data[i] == '.');
  return digits != 0 && ended ? version : -1;
}
