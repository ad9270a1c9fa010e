// Parts of an epoch and descriptions of data files, as a host's checkpoints bring them back: what is read does not point outside the
// text, a part that is read formats to one that reads the same, and merging its files ends with a manifest or an error.
#include "fuzz_replay.h"
#include "iceberg/iceberg_schema.h"
#include "ingest/epoch_part.h"
#include "ingest/manifest_merge.h"
#include "port/port.h"
#include "store/store_memory.h"
#include <stdlib.h>

enum { TEXT_MAX = 1 << 20 };

#define UUID "93aa1dbb-cc70-4d17-9396-312407a8226f"

static const ice_table_metadata *table(void) {
  static ice_table_metadata *metadata;
  if (!metadata) {
    ice_schema *schema = NULL;
    ice_partition_field field = {
        .source_id = 1, .field_id = 1000, .name = ICE_STR("x"), .transform_text = ICE_STR("identity")};
    field.transform.kind = ICE_TRANSFORM_IDENTITY;
    const ice_partition_spec spec = {.field_count = 1, .fields = &field};
    const ice_str text =
        ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}");
    const ice_table_create create = {.uuid = ICE_STR(UUID), .location = ICE_STR("memory://w"), .spec = &spec};
    ice_table_create with_schema = create;
    if (ice_schema_from_json_text(text, &schema, NULL) != ICE_OK) {
      abort();
    }
    with_schema.schema = schema;
    if (ice_table_metadata_create(&with_schema, &metadata, NULL) != ICE_OK) {
      abort();
    }
    ice_schema_unref(schema);
  }
  return metadata;
}

static void merge_files(ice_str files) {
  ice_store *store = NULL;
  ice_arena arena;
  ice_arena_init(&arena, TEXT_MAX);
  if (ice_store_memory_open(&store, NULL) != ICE_OK) {
    abort();
  }
  ice_manifest_merge merge = {.store = store, .port = ice_port_system(), .metadata = table(), .snapshot_id = 1};
  ice_status status = ice_manifest_merge_add(&merge, files, NULL);
  for (uint32_t i = 0; status == ICE_OK && i < merge.count; i++) {
    ice_manifest_totals totals;
    status = ice_manifest_merge_store(&merge, i, ICE_STR(UUID), i, &arena, &totals, NULL);
  }
  ice_manifest_merge_deinit(&merge);
  ice_store_destroy(store);
  ice_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_epoch_part part;
  ice_epoch_part again;
  ice_bytes text;
  ice_bytes_init(&text, TEXT_MAX * 4);
  ice_str given = ice_str_make((const char *)data, size);
  merge_files(given);
  if (ice_epoch_part_read(given, &part, NULL) != ICE_OK) {
    return 0;
  }
  for (uint32_t i = 0; i < part.table_count; i++) {
    merge_files(part.tables[i].files);
  }
  if (ice_epoch_part_format(&part, &text, NULL) == ICE_OK) {
    if (ice_epoch_part_read(ice_bytes_str(&text), &again, NULL) != ICE_OK || again.range_count != part.range_count ||
        again.table_count != part.table_count || again.counts.rows != part.counts.rows) {
      abort();
    }
    ice_epoch_part_deinit(&again);
  }
  ice_epoch_part_deinit(&part);
  ice_bytes_deinit(&text);
  return 0;
}
