#include "ingest/position.h"

#include "iceberg/iceberg_json.h"

const char *ice_count_name(size_t index) {
  static const char *const names[ICE_COUNT_FIELDS] = {"records", "gaps",         "elements",
                                                      "rows",    "dead-letters", "filtered"};
  return names[index];
}

int64_t *ice_count_at(ice_counts *counts, size_t index) {
  int64_t *const fields[ICE_COUNT_FIELDS] = {&counts->records, &counts->gaps,         &counts->elements,
                                             &counts->rows,    &counts->dead_letters, &counts->filtered};
  return fields[index];
}

void ice_counts_add(ice_counts *counts, const ice_counts *more) {
  ice_counts from = *more;
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    *ice_count_at(counts, i) += *ice_count_at(&from, i);
  }
}

ice_status ice_counts_check(const ice_counts *counts, int64_t consumed, int64_t written, ice_status code,
                            ice_error *err) {
  if (counts->elements == counts->rows + counts->dead_letters + counts->filtered &&
      consumed == counts->records + counts->gaps && written == counts->rows + counts->dead_letters) {
    return ICE_OK;
  }
  return ice_error_set(
      err, code,
      "an epoch does not add up: %lld elements, %lld rows, %lld dead letters, %lld filtered, %lld rows in "
      "its files; %lld offsets, %lld records, %lld gaps",
      (long long)counts->elements, (long long)counts->rows, (long long)counts->dead_letters,
      (long long)counts->filtered, (long long)written, (long long)consumed, (long long)counts->records,
      (long long)counts->gaps);
}

void ice_counts_subtract(ice_counts *counts, const ice_counts *less) {
  ice_counts from = *less;
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    *ice_count_at(counts, i) -= *ice_count_at(&from, i);
  }
}

void ice_position_init(ice_position *position) {
  *position = (ice_position){0};
  ice_arena_init(&position->arena, ICE_POSITION_BYTES_MAX);
}

void ice_position_deinit(ice_position *position) {
  ice_arena_deinit(&position->arena);
  ice_position_init(position);
}

ice_position_entry *ice_position_find(const ice_position *position, ice_str topic, int32_t partition) {
  for (uint32_t i = 0; i < position->entry_count; i++) {
    if (position->entries[i].partition == partition && ice_str_equal(position->entries[i].topic, topic)) {
      return &position->entries[i];
    }
  }
  return NULL;
}

static ice_status grow(ice_position *position, ice_error *err) {
  if (position->entry_count < position->entry_capacity) {
    return ICE_OK;
  }
  if (position->entry_count >= ICE_POSITION_PARTITIONS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d partitions in a position", (int)ICE_POSITION_PARTITIONS_MAX);
  }
  uint32_t capacity = position->entry_capacity == 0 ? 16 : position->entry_capacity * 2;
  ice_position_entry *entries = ice_arena_alloc_array(&position->arena, capacity, sizeof *entries, err);
  if (!entries) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  if (position->entry_count > 0) {
    memcpy(entries, position->entries, position->entry_count * sizeof *entries);
  }
  position->entries = entries;
  position->entry_capacity = capacity;
  return ICE_OK;
}

// Adds an entry of a partition that the position does not have; its topic is copied.
static ice_status append_entry(ice_position *position, ice_position_entry entry, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(grow(position, err));
  ICE_TRY(ice_arena_copy_str(&position->arena, entry.topic, &entry.topic, err));
  position->entries[position->entry_count++] = entry;
done:
  return status;
}

ice_status ice_position_set(ice_position *position, ice_str topic, int32_t partition, int64_t start, int64_t offset,
                            ice_error *err) {
  ice_position_entry *known = ice_position_find(position, topic, partition);
  if (known) {
    known->offset = offset;
    return ICE_OK;
  }
  const ice_position_entry entry = {.topic = topic, .partition = partition, .start = start, .offset = offset};
  return append_entry(position, entry, err);
}

ice_status ice_position_copy(const ice_position *position, ice_position *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < position->entry_count; i++) {
    ICE_TRY(append_entry(out, position->entries[i], err));
  }
  for (uint32_t i = 0; i < position->replaced_count; i++) {
    ICE_TRY(ice_position_add_replaced(out, position->replaced[i], err));
  }
  out->epoch = position->epoch;
  out->snapshot_id = position->snapshot_id;
  out->sequence_number = position->sequence_number;
  out->totals = position->totals;
done:
  return status;
}

bool ice_position_replaces(const ice_position *position, ice_str uuid) {
  for (uint32_t i = 0; i < position->replaced_count; i++) {
    if (ice_str_equal(position->replaced[i], uuid)) {
      return true;
    }
  }
  return false;
}

ice_status ice_position_add_replaced(ice_position *position, ice_str uuid, ice_error *err) {
  if (ice_position_replaces(position, uuid)) {
    return ICE_OK;
  }
  if (position->replaced_count == ICE_POSITION_REPLACED_MAX) {
    return ice_error_set(err, ICE_LIMIT, "the lead table was replaced more than %d times",
                         (int)ICE_POSITION_REPLACED_MAX);
  }
  return ice_arena_copy_str(&position->arena, uuid, &position->replaced[position->replaced_count++], err);
}

static ice_status parse_counts(const json_t *object, ice_counts *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < ICE_COUNT_FIELDS && status == ICE_OK; i++) {
    status = ice_json_get_i64(object, ice_count_name(i), ice_count_at(out, i), err);
  }
  return status;
}

bool ice_partition_parse(const char *key, int32_t *out) {
  int64_t value = 0;
  size_t size = strlen(key);
  for (size_t i = 0; i < size; i++) {
    if (key[i] < '0' || key[i] > '9' || value > INT32_MAX) {
      return false;
    }
    value = value * 10 + (key[i] - '0');
  }
  *out = (int32_t)value;
  return size > 0 && value <= INT32_MAX;
}

typedef enum entry_member { ENTRY_START, ENTRY_OFFSET, ENTRY_MOVED } entry_member;

static int64_t *member_of(ice_position_entry *entry, entry_member member) {
  return member == ENTRY_START ? &entry->start : member == ENTRY_OFFSET ? &entry->offset : &entry->moved;
}

// Reads {"topic": {"0": offset, …}, …}. The starts come first and make the entries.
static ice_status parse_offsets(json_t *topics, entry_member member, ice_position *out, ice_error *err) {
  const char *topic;
  json_t *partitions;
  json_object_foreach(topics, topic, partitions) {
    const char *key;
    json_t *value;
    if (!json_is_object(partitions)) {
      return ice_error_set(err, ICE_CORRUPT, "offsets of topic %s are no object", topic);
    }
    json_object_foreach(partitions, key, value) {
      int32_t partition;
      if (!ice_partition_parse(key, &partition) || !json_is_integer(value) ||
          (member != ENTRY_MOVED && json_integer_value(value) < 0)) {
        return ice_error_set(err, ICE_CORRUPT, "offset of %s, partition \"%s\", is wrong", topic, key);
      }
      int64_t offset = json_integer_value(value);
      if (member == ENTRY_START) {
        ice_status status = ice_position_set(out, ice_str_of(topic), partition, offset, offset, err);
        if (status != ICE_OK) {
          return status;
        }
      }
      ice_position_entry *known = ice_position_find(out, ice_str_of(topic), partition);
      if (!known) {
        return ice_error_set(err, ICE_CORRUPT, "%s, partition %s, has no start", topic, key);
      }
      *member_of(known, member) = offset;
    }
  }
  return ICE_OK;
}

static ice_status check_entries(const ice_position *position, ice_error *err) {
  for (uint32_t i = 0; i < position->entry_count; i++) {
    const ice_position_entry *entry = &position->entries[i];
    if (entry->offset - entry->start - entry->moved < 0) {
      return ice_error_set(err, ICE_CORRUPT, "offset %lld of %.*s, partition %d, does not fit its start",
                           (long long)entry->offset, ICE_STR_ARG(entry->topic), entry->partition);
    }
  }
  return ICE_OK;
}

static ice_status parse_replaced(const json_t *root, ice_position *out, ice_error *err) {
  json_t *list = NULL;
  size_t index;
  json_t *uuid;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_find_array(root, "replaces", &list, err));
  json_array_foreach(list, index, uuid) {
    const char *text = json_string_value(uuid);
    if (!text) {
      ICE_FAIL(ICE_CORRUPT, "member replaces holds something else than texts");
    }
    ICE_TRY(ice_position_add_replaced(out, ice_str_of(text), err));
  }
done:
  return status;
}

ice_status ice_position_parse(ice_str text, ice_position *out, ice_error *err) {
  ice_position_init(out);
  json_t *root = NULL;
  json_t *object;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_text_parse(text, &root, err));
  ICE_TRY(ice_json_get_i64(root, "epoch", &out->epoch, err));
  ICE_TRY(ice_json_get_i64(root, "snapshot-id", &out->snapshot_id, err));
  ICE_TRY(ice_json_get_i64(root, "sequence-number", &out->sequence_number, err));
  ICE_TRY(ice_json_get_object(root, "start", &object, err));
  ICE_TRY(parse_offsets(object, ENTRY_START, out, err));
  ICE_TRY(ice_json_get_object(root, "offsets", &object, err));
  ICE_TRY(parse_offsets(object, ENTRY_OFFSET, out, err));
  if (json_object_get(root, "moved")) {
    ICE_TRY(ice_json_get_object(root, "moved", &object, err));
    ICE_TRY(parse_offsets(object, ENTRY_MOVED, out, err));
  }
  ICE_TRY(check_entries(out, err));
  ICE_TRY(parse_replaced(root, out, err));
  ICE_TRY(ice_json_get_object(root, "totals", &object, err));
  ICE_TRY(parse_counts(object, &out->totals, err));
done:
  json_decref(root);
  if (status != ICE_OK) {
    ice_position_deinit(out);
  }
  return status;
}

ice_status ice_position_parse_offsets(ice_str text, ice_position *out, ice_error *err) {
  ice_position_init(out);
  json_t *root = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_text_parse(text, &root, err));
  if (!json_is_object(root)) {
    ICE_FAIL(ICE_CORRUPT, "offsets are no object");
  }
  ICE_TRY(parse_offsets(root, ENTRY_START, out, err));
done:
  json_decref(root);
  return status;
}

// Topics in order of first mention, each once. Nothing moved is not written.
static ice_status format_offsets(const ice_position *position, entry_member member, json_t *out, ice_error *err) {
  for (uint32_t i = 0; i < position->entry_count; i++) {
    ice_position_entry *entry = &position->entries[i];
    if (member == ENTRY_MOVED && entry->moved == 0) {
      continue;
    }
    json_t *topic = json_object_getn(out, entry->topic.data, entry->topic.size);
    ice_status status = ICE_OK;
    if (!topic) {
      topic = json_object();
      if (!topic || json_object_setn_new(out, entry->topic.data, entry->topic.size, topic) != 0) {
        return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a position");
      }
    }
    ice_bytes key;
    ice_bytes_init(&key, 64);
    status = ice_bytes_append_format(&key, err, "%d", entry->partition);
    const char *name = status == ICE_OK ? ice_bytes_c_str(&key, err) : NULL;
    if (name) {
      status = ice_json_put(topic, name, json_integer(*member_of(entry, member)), err);
    }
    ice_bytes_deinit(&key);
    if (!name || status != ICE_OK) {
      return status != ICE_OK ? status : ICE_NO_MEMORY;
    }
  }
  return ICE_OK;
}

ice_status ice_position_format_offsets(const ice_position *position, ice_bytes *out, ice_error *err) {
  json_t *offsets = json_object();
  ice_status status = ICE_OK;
  if (!offsets) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a position");
  }
  ICE_TRY(format_offsets(position, ENTRY_OFFSET, offsets, err));
  ICE_TRY(ice_json_text_append(offsets, out, err));
done:
  json_decref(offsets);
  return status;
}

static ice_status format_counts(const ice_counts *counts, json_t *out, ice_error *err) {
  ice_counts from = *counts;
  ice_status status = ICE_OK;
  for (size_t i = 0; i < ICE_COUNT_FIELDS && status == ICE_OK; i++) {
    status = ice_json_put(out, ice_count_name(i), json_integer(*ice_count_at(&from, i)), err);
  }
  return status;
}

ice_status ice_position_format(const ice_position *position, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *root = json_object();
  json_t *starts = json_object();
  json_t *offsets = json_object();
  json_t *moved = json_object();
  json_t *totals = json_object();
  json_t *replaced = json_array();
  if (!root || !starts || !offsets || !moved || !totals || !replaced) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a position");
  }
  ICE_TRY(ice_json_put(root, "epoch", json_integer(position->epoch), err));
  ICE_TRY(ice_json_put(root, "snapshot-id", json_integer(position->snapshot_id), err));
  ICE_TRY(ice_json_put(root, "sequence-number", json_integer(position->sequence_number), err));
  ICE_TRY(format_offsets(position, ENTRY_START, starts, err));
  ICE_TRY(format_offsets(position, ENTRY_OFFSET, offsets, err));
  ICE_TRY(format_offsets(position, ENTRY_MOVED, moved, err));
  ICE_TRY(format_counts(&position->totals, totals, err));
  ICE_TRY(ice_json_put(root, "start", json_incref(starts), err));
  ICE_TRY(ice_json_put(root, "offsets", json_incref(offsets), err));
  if (json_object_size(moved) > 0) {
    ICE_TRY(ice_json_put(root, "moved", json_incref(moved), err));
  }
  ICE_TRY(ice_json_put(root, "totals", json_incref(totals), err));
  for (uint32_t i = 0; i < position->replaced_count; i++) {
    ICE_TRY(ice_json_push(replaced, ice_json_string(position->replaced[i]), err));
  }
  if (position->replaced_count > 0) {
    ICE_TRY(ice_json_put(root, "replaces", json_incref(replaced), err));
  }
  ICE_TRY(ice_json_text_append(root, out, err));
done:
  json_decref(replaced);
  json_decref(totals);
  json_decref(moved);
  json_decref(offsets);
  json_decref(starts);
  json_decref(root);
  return status;
}

ice_status ice_sink_property(ice_str prefix, ice_str sink, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, prefix, err));
  ICE_TRY(ice_bytes_append_str(out, sink, err));
done:
  return status;
}
