#include "ingest/manifest_merge.h"

#include "base/number.h"
#include "ingest/described_files.h"

enum { MERGE_BYTES_MAX = 1 << 30, LOCATION_MAX = 1 << 16 };

void ice_manifest_merge_deinit(ice_manifest_merge *merge) {
  for (uint32_t i = 0; i < merge->count; i++) {
    ice_manifest_writer_destroy(merge->manifests[i].writer);
    ice_bytes_deinit(&merge->manifests[i].text);
  }
  merge->count = 0;
}

// The schema that the files were written with, where the table still has it: partition fields may be of a column that is gone.
static const ice_schema *schema_of(const ice_table_metadata *metadata, const ice_manifest_reader *reader) {
  int64_t id;
  const ice_schema *schema = ice_number_parse_count(ice_manifest_reader_header(reader, ICE_STR("schema-id")), &id)
                                 ? ice_table_find_schema(metadata, (int32_t)id)
                                 : NULL;
  return schema ? schema : ice_table_current_schema(metadata);
}

static ice_status begin_manifest(const ice_manifest_merge *merge, const ice_manifest_reader *reader,
                                 ice_merged_manifest *out, ice_error *err) {
  const ice_random *random = &merge->port->random;
  ice_manifest_writer_options options = {.schema = schema_of(merge->metadata, reader),
                                         .spec = ice_table_find_spec(merge->metadata, out->spec_id),
                                         .content = out->content,
                                         .snapshot_id = merge->snapshot_id};
  ice_status status = ICE_OK;
  ice_bytes_init(&out->text, MERGE_BYTES_MAX);
  ICE_TRY(random->fill(random->context, options.sync, sizeof options.sync, err));
  ICE_TRY(ice_manifest_writer_create(&options, &out->text, &out->writer, err));
done:
  return status;
}

// The manifest that entries of `reader` go to.
static ice_status find_manifest(ice_manifest_merge *merge, const ice_manifest_reader *reader,
                                ice_manifest_content content, ice_merged_manifest **out, ice_error *err) {
  int64_t spec_id;
  if (!ice_number_parse_count(ice_manifest_reader_header(reader, ICE_STR("partition-spec-id")), &spec_id)) {
    return ice_error_set(err, ICE_CORRUPT, "a manifest names no partition spec");
  }
  uint32_t specs = 0;
  for (uint32_t i = 0; i < merge->count; i++) {
    if (merge->manifests[i].content == content && merge->manifests[i].spec_id == spec_id) {
      *out = &merge->manifests[i];
      return ICE_OK;
    }
    specs += merge->manifests[i].content == content;
  }
  if (!ice_table_find_spec(merge->metadata, (int32_t)spec_id)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT,
                         "files of partition spec %lld, which table %.*s.%.*s does not have", (long long)spec_id,
                         ICE_IDENT_ARG(merge->ident));
  }
  if (specs == ICE_MERGE_SPECS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "files of more than %d partition specs", (int)ICE_MERGE_SPECS_MAX);
  }
  *out = &merge->manifests[merge->count++];
  **out = (ice_merged_manifest){.spec_id = (int32_t)spec_id, .content = content};
  return begin_manifest(merge, reader, *out, err);
}

// The live entries become those of the merge's snapshot.
static ice_status take_entries(const ice_manifest_merge *merge, ice_manifest_reader *reader, ice_entry_status as,
                               ice_merged_manifest *out, ice_error *err) {
  ice_arena arena;
  ice_arena_init(&arena, MERGE_BYTES_MAX);
  ice_status status = ICE_OK;
  for (bool found = true; found;) {
    ice_arena_mark mark = ice_arena_get_mark(&arena);
    ice_manifest_entry entry;
    ICE_TRY(ice_manifest_reader_next(reader, &arena, &entry, &found, err));
    if (found && entry.status != ICE_ENTRY_DELETED) {
      entry.status = as;
      entry.has_snapshot_id = true;
      entry.snapshot_id = merge->snapshot_id;
      ICE_TRY(ice_manifest_writer_append(out->writer, &entry, err));
    }
    ice_arena_restore(&arena, mark);
  }
done:
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_manifest_merge_add(ice_manifest_merge *merge, ice_str files, ice_error *err) {
  ice_manifest_reader *reader = NULL;
  ice_merged_manifest *to = NULL;
  ice_str uuid;
  ice_str manifest;
  ice_status status = ICE_OK;
  ICE_TRY(ice_described_files_read(files, &uuid, &manifest, err));
  if (!ice_str_equal(uuid, merge->metadata->uuid)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT,
             "files of the table with uuid %.*s cannot be appended to %.*s.%.*s, which has %.*s", ICE_STR_ARG(uuid),
             ICE_IDENT_ARG(merge->ident), ICE_STR_ARG(merge->metadata->uuid));
  }
  ICE_TRY(ice_manifest_reader_create(manifest, NULL, NULL, &reader, err));
  ICE_TRY(find_manifest(merge, reader, ICE_MANIFEST_DATA, &to, err));
  ICE_TRY(take_entries(merge, reader, ICE_ENTRY_ADDED, to, err));
done:
  ice_manifest_reader_destroy(reader);
  return status;
}

ice_status ice_manifest_merge_delete(ice_manifest_merge *merge, const ice_manifest_file *manifest, ice_error *err) {
  ice_manifest_reader *reader = NULL;
  ice_merged_manifest *to = NULL;
  ice_bytes text;
  ice_bytes_init(&text, MERGE_BYTES_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_read_all(merge->store, manifest->path, &text, err));
  ICE_TRY(ice_manifest_reader_create(ice_bytes_str(&text), manifest, NULL, &reader, err));
  ICE_TRY(find_manifest(merge, reader, manifest->content, &to, err));
  ICE_TRY(take_entries(merge, reader, ICE_ENTRY_DELETED, to, err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(manifest->path));
  }
  ice_manifest_reader_destroy(reader);
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_manifest_merge_store(ice_manifest_merge *merge, uint32_t index, ice_str uuid, uint32_t number,
                                    ice_arena *arena, ice_manifest_totals *totals, ice_error *err) {
  ice_merged_manifest *from = &merge->manifests[index];
  ice_bytes location;
  ice_bytes_init(&location, LOCATION_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_manifest_writer_finish(from->writer, arena, totals, err));
  ICE_TRY(ice_bytes_append_str(&location, merge->metadata->location, err));
  ICE_TRY(ice_bytes_append_str(&location, ICE_STR("/metadata/"), err));
  ICE_TRY(ice_manifest_name_append(uuid, number, &location, err));
  ICE_TRY(ice_store_write_all(merge->store, ice_bytes_str(&location), from->text.data, from->text.size, err));
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&location), &totals->file.path, err));
done:
  ice_bytes_deinit(&location);
  return status;
}
