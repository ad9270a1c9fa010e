#include "iceberg/iceberg_append.h"

#include "base/checked.h"
#include <stdio.h>
#include <stdlib.h>

enum { APPEND_ARENA_MAX = 256 << 20, MANIFEST_LIST_SIZE_MAX = 1 << 30, COMPUTED_KEYS_MAX = 16 };

/// The summary under construction.
typedef struct summary_builder {
  ice_arena *arena;
  ice_property *list;
  uint32_t count;
  ice_error *err;
} summary_builder;

static ice_status put_text(summary_builder *run, ice_str key, ice_str value) {
  for (uint32_t i = 0; i < run->count; i++) {
    if (ice_str_equal(run->list[i].key, key)) {
      return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "summary key \"%.*s\" is given twice", ICE_STR_ARG(key));
    }
  }
  run->list[run->count++] = (ice_property){.key = key, .value = value};
  return ICE_OK;
}

static ice_status put_number(summary_builder *run, const char *key, int64_t value) {
  char text[24];
  int size = snprintf(text, sizeof text, "%lld", (long long)value);
  ice_str copy = {0};
  ice_status status = ice_arena_copy_str(run->arena, ice_str_make(text, (size_t)size), &copy, run->err);
  return status == ICE_OK ? put_text(run, ice_str_of(key), copy) : status;
}

// A total is carried on from the parent; where the parent does not say, nobody knows, and it is left out.
static ice_status put_total(summary_builder *run, const ice_snapshot *parent, const char *key, int64_t added) {
  int64_t before = parent ? ice_snapshot_summary_i64(parent, key, -1) : 0;
  int64_t total;
  if (before < 0) {
    return ICE_OK;
  }
  if (!ice_add_i64(before, added, &total)) {
    return ice_error_set(run->err, ICE_LIMIT, "%s is out of range", key);
  }
  return put_number(run, key, total);
}

/// What the new manifests add up to.
typedef struct append_counts {
  int64_t files;
  int64_t records;
  int64_t size;
  int64_t partitions;
  int64_t deleted_files;
  int64_t deleted_records;
  int64_t deleted_size;
  int64_t deleted_delete_files;
} append_counts;

static ice_status count_manifests(const ice_append_options *options, append_counts *out, ice_error *err) {
  *out = (append_counts){0};
  for (uint32_t i = 0; i < options->added_count; i++) {
    const ice_manifest_totals *added = &options->added[i];
    bool data = added->file.content == ICE_MANIFEST_DATA;
    int64_t *deleted_files = data ? &out->deleted_files : &out->deleted_delete_files;
    if (!ice_add_i64(out->files, added->file.added_files, &out->files) ||
        !ice_add_i64(out->records, added->file.added_rows, &out->records) ||
        !ice_add_i64(out->size, added->added_files_size, &out->size) ||
        !ice_add_i64(out->partitions, (int64_t)added->partition_count, &out->partitions) ||
        !ice_add_i64(*deleted_files, added->file.deleted_files, deleted_files) ||
        !ice_add_i64(out->deleted_records, data ? added->file.deleted_rows : 0, &out->deleted_records) ||
        !ice_add_i64(out->deleted_size, added->deleted_files_size, &out->deleted_size)) {
      return ice_error_set(err, ICE_LIMIT, "the counts of the new manifests are out of range");
    }
  }
  return ICE_OK;
}

static ice_status put_deleted(summary_builder *run, const append_counts *counts) {
  ice_status status = ICE_OK;
  if (counts->deleted_files != 0) {
    ICE_TRY(put_number(run, "deleted-data-files", counts->deleted_files));
    ICE_TRY(put_number(run, "deleted-records", counts->deleted_records));
  }
  if (counts->deleted_delete_files != 0) {
    ICE_TRY(put_number(run, "removed-delete-files", counts->deleted_delete_files));
  }
  if (counts->deleted_size != 0) {
    ICE_TRY(put_number(run, "removed-files-size", counts->deleted_size));
  }
done:
  return status;
}

static ice_status build_summary(const ice_append_options *options, const ice_snapshot *parent, ice_append *out,
                                ice_error *err) {
  ice_status status = ICE_OK;
  summary_builder run = {.arena = &out->arena, .err = err};
  append_counts counts;
  ICE_TRY(count_manifests(options, &counts, err));
  run.list =
      ice_arena_alloc_array(&out->arena, (size_t)options->summary_count + COMPUTED_KEYS_MAX, sizeof *run.list, err);
  if (!run.list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  ICE_TRY(put_text(&run, ICE_STR("operation"), options->replace ? ICE_STR("overwrite") : ICE_STR("append")));
  for (uint32_t i = 0; i < options->summary_count; i++) {
    ICE_TRY(put_text(&run, options->summary[i].key, options->summary[i].value));
  }
  if (counts.files != 0) {
    ICE_TRY(put_number(&run, "added-data-files", counts.files));
    ICE_TRY(put_number(&run, "added-records", counts.records));
    ICE_TRY(put_number(&run, "added-files-size", counts.size));
  }
  ICE_TRY(put_deleted(&run, &counts));
  ICE_TRY(put_number(&run, "changed-partition-count", counts.partitions));
  // What is replaced counts no more.
  parent = options->replace ? NULL : parent;
  ICE_TRY(put_total(&run, parent, "total-records", counts.records));
  ICE_TRY(put_total(&run, parent, "total-files-size", counts.size));
  ICE_TRY(put_total(&run, parent, "total-data-files", counts.files));
  ICE_TRY(put_total(&run, parent, "total-delete-files", 0));
  ICE_TRY(put_total(&run, parent, "total-position-deletes", 0));
  ICE_TRY(put_total(&run, parent, "total-equality-deletes", 0));
  out->snapshot.summary = run.list;
  out->snapshot.summary_count = run.count;
done:
  return status;
}

static ice_status check_options(const ice_append_options *options, const ice_snapshot_ref *ref, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_table_metadata *table = options->metadata;
  if (table->format_version != 2) {
    ICE_FAIL(ICE_UNSUPPORTED, "tables of format v%d are read only, v2 is written", table->format_version);
  }
  if (options->snapshot_id < 0 || ice_table_find_snapshot(table, options->snapshot_id)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "snapshot id %lld is taken or negative", (long long)options->snapshot_id);
  }
  if (ref && ref->is_tag) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "\"%.*s\" is a tag, not a branch", ICE_STR_ARG(ref->name));
  }
  if (options->manifest_list_location.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "an append needs the location of its manifest list");
  }
  if (options->replace && options->existing_count != 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "what is replaced cannot be carried on");
  }
  for (uint32_t i = 0; i < options->added_count; i++) {
    const ice_manifest_file *file = &options->added[i].file;
    bool adds_only = file->content == ICE_MANIFEST_DATA && file->deleted_files == 0;
    if (file->existing_files != 0 || (!adds_only && !options->replace)) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "manifest \"%.*s\" does more than add data files", ICE_STR_ARG(file->path));
    }
  }
done:
  return status;
}

static ice_status write_list(const ice_append_options *options, ice_append *out, ice_error *err) {
  size_t count = (size_t)options->added_count + options->existing_count;
  if (count > UINT32_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%zu manifests", count);
  }
  ice_manifest_file *all = ice_arena_alloc_array(&out->arena, count, sizeof *all, err);
  if (!all) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  // New manifests stand first, as Java writes them: planners meet the newest files early.
  for (uint32_t i = 0; i < options->added_count; i++) {
    all[i] = options->added[i].file;
    all[i].sequence_number = ICE_SEQUENCE_UNASSIGNED;
    all[i].added_snapshot_id = options->snapshot_id;
  }
  if (options->existing_count != 0) {
    memcpy(all + options->added_count, options->existing, options->existing_count * sizeof *all);
  }
  ice_manifest_list_header header = {.snapshot_id = options->snapshot_id,
                                     .has_parent = out->snapshot.has_parent,
                                     .parent_snapshot_id = out->snapshot.parent_snapshot_id,
                                     .sequence_number = out->snapshot.sequence_number};
  memcpy(header.sync, options->sync, sizeof header.sync);
  return ice_manifest_list_write(&header, all, (uint32_t)count, &out->manifest_list, err);
}

ice_status ice_append_build(const ice_append_options *options, ice_append *out, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_table_metadata *table = options->metadata;
  ice_str branch = options->branch.size == 0 ? ICE_REF_MAIN : options->branch;
  *out = (ice_append){0};
  ice_arena_init(&out->arena, APPEND_ARENA_MAX);
  ice_bytes_init(&out->manifest_list, MANIFEST_LIST_SIZE_MAX);
  const ice_snapshot_ref *ref = ice_table_find_ref(table, branch);
  const ice_snapshot *parent = ice_table_ref_snapshot(table, branch);
  ICE_TRY(check_options(options, ref, err));
  if (ref && !parent) {
    ICE_FAIL(ICE_CORRUPT, "branch \"%.*s\" is at snapshot %lld, which the table does not have", ICE_STR_ARG(branch),
             (long long)ref->snapshot_id);
  }
  int64_t time = options->timestamp_ms > table->last_updated_ms ? options->timestamp_ms : table->last_updated_ms;
  time = parent && parent->timestamp_ms > time ? parent->timestamp_ms : time;
  out->snapshot = (ice_snapshot){.snapshot_id = options->snapshot_id,
                                 .has_parent = parent != NULL,
                                 .parent_snapshot_id = parent ? parent->snapshot_id : -1,
                                 .timestamp_ms = time,
                                 .manifest_list = options->manifest_list_location,
                                 .has_schema_id = true,
                                 .schema_id = table->current_schema_id};
  if (!ice_add_i64(table->last_sequence_number, 1, &out->snapshot.sequence_number)) {
    ICE_FAIL(ICE_LIMIT, "the table has no sequence numbers left");
  }
  ICE_TRY(build_summary(options, parent, out, err));
  ICE_TRY(write_list(options, out, err));
  out->updates[0] = (ice_table_update){.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &out->snapshot};
  out->updates[1] =
      (ice_table_update){.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = branch, .snapshot_id = options->snapshot_id};
  out->requirements[0] = (ice_table_requirement){.kind = ICE_ASSERT_TABLE_UUID, .uuid = table->uuid};
  out->requirements[1] = (ice_table_requirement){.kind = ICE_ASSERT_REF_SNAPSHOT_ID,
                                                 .ref = branch,
                                                 .has_snapshot_id = ref != NULL,
                                                 .snapshot_id = ref ? ref->snapshot_id : -1};
done:
  return status;
}

void ice_append_deinit(ice_append *append) {
  ice_bytes_deinit(&append->manifest_list);
  ice_arena_deinit(&append->arena);
  *append = (ice_append){0};
}
