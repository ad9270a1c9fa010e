#include "ingest/verify.h"

#include "base/map.h"
#include "iceberg/iceberg_manifest.h"
#include "store/store_s3.h"
#include <stdio.h>

enum { TEXT_MAX = 1 << 30, FILES_MAX = 100000000 };

typedef struct stray_search {
  const ice_verify_options *options;
  ice_map listed;  ///< what some snapshot lists, by path
  ice_stray_visit visit;
  void *context;
  ice_stray *found;
} stray_search;

// "file:///a", "file:/a" and "/a" are one file, "s3://a/b" and "s3a://a/b" are one object.
static ice_str path_of(ice_str location) {
  size_t scheme = ice_store_s3_scheme(location);
  if (scheme > 0) {
    return ice_str_make(location.data + scheme, location.size - scheme);
  }
  if (ice_str_starts_with(location, ICE_STR("file:"))) {
    location = ice_str_make(location.data + strlen("file:"), location.size - strlen("file:"));
    while (location.size > 1 && location.data[0] == '/' && location.data[1] == '/') {
      location = ice_str_make(location.data + 1, location.size - 1);
    }
  }
  return location;
}

static bool is_listed(const stray_search *self, ice_str location) {
  return ice_map_get(&self->listed, path_of(location)) != NULL;
}

static ice_status list_one(stray_search *self, ice_str location, ice_error *err) {
  return ice_map_put(&self->listed, path_of(location), self, err);
}

static ice_status add_manifest(stray_search *self, const ice_manifest_file *manifest, ice_error *err) {
  ice_manifest_reader *reader = NULL;
  ice_arena arena;
  ice_bytes text;
  ice_arena_init(&arena, TEXT_MAX);
  ice_bytes_init(&text, TEXT_MAX);
  bool more = true;
  ice_status status = ICE_OK;
  ICE_TRY(list_one(self, manifest->path, err));
  ICE_TRY(ice_store_read_all(self->options->catalog->store, manifest->path, &text, err));
  ICE_TRY(ice_manifest_reader_create(ice_bytes_str(&text), manifest, NULL, &reader, err));
  while (more) {
    ice_manifest_entry entry;
    ICE_TRY(ice_manifest_reader_next(reader, &arena, &entry, &more, err));
    if (more) {
      ICE_TRY(list_one(self, entry.file.path, err));
    }
  }
done:
  ice_manifest_reader_destroy(reader);
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&text);
  return status;
}

// Our own commits are fast appends: they keep every manifest of their parent. So the parent's list needs no reading, and a table of
// many epochs is searched in one reading of its newest list.
static bool is_covered(const ice_table_metadata *metadata, int64_t snapshot_id) {
  for (uint32_t i = 0; i < metadata->snapshot_count; i++) {
    const ice_snapshot *child = &metadata->snapshots[i];
    if (child->has_parent && child->parent_snapshot_id == snapshot_id &&
        ice_snapshot_summary(child, "icesink.sink").data) {
      return true;
    }
  }
  return false;
}

static ice_status add_snapshot(stray_search *self, const ice_table_metadata *metadata, const ice_snapshot *snapshot,
                               ice_error *err) {
  ice_manifest_file *manifests;
  uint32_t count = 0;
  ice_arena arena;
  ice_bytes text;
  ice_arena_init(&arena, TEXT_MAX);
  ice_bytes_init(&text, TEXT_MAX);
  ice_status status = ICE_OK;
  if (snapshot->manifest_list.size == 0) {
    goto done;
  }
  ICE_TRY(list_one(self, snapshot->manifest_list, err));
  if (is_covered(metadata, snapshot->snapshot_id)) {
    goto done;
  }
  ICE_TRY(ice_store_read_all(self->options->catalog->store, snapshot->manifest_list, &text, err));
  ICE_TRY(ice_manifest_list_read(ice_bytes_str(&text), &arena, &manifests, &count, err));
  for (uint32_t i = 0; i < count; i++) {
    if (!is_listed(self, manifests[i].path)) {
      ICE_TRY(add_manifest(self, &manifests[i], err));
    }
  }
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(snapshot->manifest_list));
  }
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&text);
  return status;
}

static bool is_manifest_list(ice_str location) {
  for (size_t i = location.size; i > 0; i--) {
    if (location.data[i - 1] == '/') {
      return ice_str_starts_with(ice_str_make(location.data + i, location.size - i), ICE_STR("snap-"));
    }
  }
  return false;
}

// Metadata files, statistics and the like are no business of this search.
static bool is_of_interest(const stray_search *self, ice_str location) {
  if (self->found->hidden_history && is_manifest_list(location)) {
    return false;
  }
  return ice_str_ends_with(location, ICE_STR(".parquet")) || ice_str_ends_with(location, ICE_STR(".avro"));
}

static ice_status visit_object(void *context, const ice_object_info *info, ice_error *err) {
  stray_search *self = context;
  (void)err;
  if (is_of_interest(self, info->location) && !is_listed(self, info->location)) {
    self->found->files++;
    self->found->bytes += info->size;
    self->visit(self->context, info);
  }
  return ICE_OK;
}

ice_status ice_verify_stray(const ice_verify_options *options, ice_stray_visit visit, void *context, ice_stray *out,
                            ice_error *err) {
  *out = (ice_stray){0};
  stray_search self = {.options = options, .visit = visit, .context = context, .found = out};
  ice_table table = {0};
  ice_map_init(&self.listed, FILES_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(options->catalog, options->table, &table, err));
  for (uint32_t i = 0; i < table.metadata->snapshot_count; i++) {
    ICE_TRY(add_snapshot(&self, table.metadata, &table.metadata->snapshots[i], err));
  }
  // Every commit takes one number, so a table that has given out more of them has had more snapshots.
  out->hidden_history = table.metadata->last_sequence_number > (int64_t)table.metadata->snapshot_count;
  ice_error refused = {0};
  status = ice_store_list(options->catalog->store, table.metadata->location, visit_object, &self, &refused);
  if (status == ICE_AUTH) {
    // Reading is allowed, and that proves the rest.
    snprintf(out->refused, sizeof out->refused, "%s", refused.message);
    status = ICE_OK;
  } else if (status != ICE_OK && err) {
    *err = refused;
  }
done:
  ice_map_deinit(&self.listed);
  ice_table_deinit(&table);
  return status;
}
