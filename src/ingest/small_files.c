#include "ingest/small_files.h"

enum { SMALL_FILE_COUNT = 100, SMALL_FILE_BYTES = 32 << 20 };

ice_file_totals ice_file_totals_of(const ice_snapshot *snapshot) {
  return snapshot ? (ice_file_totals){.files = ice_snapshot_summary_i64(snapshot, "total-data-files", 0),
                                      .bytes = ice_snapshot_summary_i64(snapshot, "total-files-size", 0)}
                  : (ice_file_totals){0};
}

bool ice_files_are_small(ice_file_totals totals) {
  return totals.files >= SMALL_FILE_COUNT && totals.bytes / totals.files < SMALL_FILE_BYTES;
}

// How often the limit fits in by doubling; 0 for fewer or larger files.
static int level(ice_file_totals totals) {
  int doublings = 0;
  for (int64_t files = totals.files; ice_files_are_small(totals) && files >= SMALL_FILE_COUNT; files /= 2) {
    doublings++;
  }
  return doublings;
}

void ice_warn_of_small_files(const ice_observer *observer, ice_str location, const ice_snapshot *parent,
                             const ice_snapshot *snapshot) {
  ice_file_totals totals = ice_file_totals_of(snapshot);
  if (level(totals) <= level(ice_file_totals_of(parent))) {
    return;
  }
  const ice_log_field fields[] = {
      ICE_LOG_TEXT("table", location),
      ICE_LOG_NUMBER("files", totals.files),
      ICE_LOG_NUMBER("mean_bytes", totals.bytes / totals.files),
      ICE_LOG_NUMBER("partitions", ice_snapshot_summary_i64(snapshot, "changed-partition-count", 0)),
      ICE_LOG_TEXT("advice", ICE_STR(ICE_SMALL_FILES_ADVICE)),
  };
  ice_observe_log(observer, ICE_LOG_WARN, ICE_STR("Too many small files in Iceberg table"), fields,
                  ICE_COUNT_OF(fields));
}
