// metadata.json and REST commit bodies of anybody: what parses can be changed, printed and parsed again.
#include "fuzz_replay.h"
#include "iceberg/iceberg_table_update.h"
#include <stdlib.h>

static void change(const ice_table_metadata *table) {
  static const ice_property summary[] = {{ICE_STR_INIT("operation"), ICE_STR_INIT("append")}};
  ice_table_metadata *next = NULL;
  ice_error err;
  const ice_snapshot snapshot = {.snapshot_id = 1234567,
                                 .sequence_number = table->last_sequence_number < INT64_MAX
                                                        ? table->last_sequence_number + 1
                                                        : table->last_sequence_number,
                                 .timestamp_ms = table->last_updated_ms,
                                 .manifest_list = ICE_STR("l"),
                                 .summary = summary,
                                 .summary_count = 1};
  const ice_table_update updates[] = {
      {.kind = ICE_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
      {.kind = ICE_UPDATE_SET_SNAPSHOT_REF, .text = ICE_STR("main"), .snapshot_id = 1234567},
      {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = summary, .count = 1},
      {.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = &table->current_snapshot_id, .count = 1}};
  if (ice_table_apply_updates(table, updates, 4, ICE_STR("m"), table->last_updated_ms, &next, &err) == ICE_OK) {
    ice_bytes text;
    ice_table_metadata *again = NULL;
    ice_bytes_init(&text, 1 << 28);
    if (ice_table_metadata_append_json(next, &text, &err) != ICE_OK ||
        ice_table_metadata_parse(ice_bytes_str(&text), &again, &err) != ICE_OK) {
      abort();
    }
    ice_table_metadata_destroy(again);
    ice_bytes_deinit(&text);
  }
  ice_table_metadata_destroy(next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_table_metadata *table = NULL;
  json_t *body = NULL;
  ice_error err;
  ice_str text = {.data = (const char *)data, .size = size};
  if (ice_table_metadata_parse(text, &table, &err) == ICE_OK) {
    (void)ice_table_is_ancestor(table, 1, 2, table->current_snapshot_id);
    change(table);
  }
  if (ice_json_text_parse(text, &body, &err) == ICE_OK) {
    ice_table_change_read read;
    if (ice_table_change_from_json(body, &read, &err) == ICE_OK && table) {
      ice_table_metadata *next = NULL;
      if (ice_table_apply_updates(table, read.change.updates, read.change.update_count, (ice_str){0}, 1, &next,
                                  &err) == ICE_OK) {
        ice_table_metadata_destroy(next);
      }
    }
    ice_table_change_read_deinit(&read);
  }
  json_decref(body);
  ice_table_metadata_destroy(table);
  return 0;
}
