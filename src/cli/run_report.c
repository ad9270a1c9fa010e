#include "cli/run_report.h"

#include "ingest/table_scan.h"
#include "json/json_text.h"
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LOG_EVERY_US = 10 * 1000000, STATUS_MAX = 8191 };

static int64_t now_us(void) {
  const ice_port *port = ice_port_system();
  return port->clock.monotonic_us(port->clock.context);
}

void ice_run_report_begin(ice_run_report *report, const ice_observer *observer, const ice_budget *budget) {
  *report = (ice_run_report){
      .observer = observer, .budget = budget, .terminal = isatty(STDERR_FILENO) != 0, .began_us = now_us()};
  report->last_us = report->began_us;
  report->logged_us = report->began_us;
}

static int64_t records_of(const ice_sink_progress *progress) {
  return progress->totals.committed.records + progress->totals.open.records;
}

static void print_line(ice_run_report *report, const ice_sink_progress *progress) {
  char records[32];
  char rate[32];
  char lag[32];
  char dead[32];
  ice_cli_number(records_of(progress), records);
  ice_cli_rate(report->rate, rate);
  ice_cli_number(progress->lag, lag);
  ice_cli_number(progress->totals.committed.dead_letters + progress->totals.open.dead_letters, dead);
  fprintf(stderr, "\r\033[K%s records, %s/s, lag %s, epoch %lld", records, rate, lag,
          (long long)progress->totals.epochs);
  if (progress->since_commit_ms >= 0) {
    fprintf(stderr, ", commit %.1f s ago", (double)progress->since_commit_ms / 1000);
  }
  fprintf(stderr, ", %s dead letters%s", dead, progress->deciding_failed ? ", COMMIT FAILING" : "");
  fflush(stderr);
}

static void log_progress(const ice_run_report *report, const ice_sink_progress *progress) {
  ice_log_field fields[] = {
      ICE_LOG_NUMBER("records", records_of(progress)),
      ICE_LOG_NUMBER("records_per_second", (int64_t)report->rate),
      ICE_LOG_NUMBER("lag", progress->lag),
      ICE_LOG_NUMBER("epochs", progress->totals.epochs),
      ICE_LOG_NUMBER("dead_letters", progress->totals.committed.dead_letters + progress->totals.open.dead_letters),
  };
  ice_observe_log(report->observer, ICE_LOG_INFO, ICE_STR("Progress"), fields, ICE_COUNT_OF(fields));
}

void ice_run_report_progress(void *context, const ice_sink_progress *progress) {
  ice_run_report *report = context;
  int64_t now = now_us();
  int64_t elapsed = now - report->last_us;
  if (elapsed > 0) {
    report->rate = (double)(records_of(progress) - report->last_records) * 1e6 / (double)elapsed;
    report->last_us = now;
    report->last_records = records_of(progress);
  }
  if (report->terminal) {
    print_line(report, progress);
  } else if (now - report->logged_us >= LOG_EVERY_US) {
    report->logged_us = now;
    log_progress(report, progress);
  }
}

static double cpu_seconds(const struct rusage *usage) {
  return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
         (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

// The kernel's high-water mark of this program; what getrusage gives may be that of the program which started it.
static uint64_t peak_resident(const struct rusage *usage) {
  const ice_files *files = &ice_port_system()->files;
  char text[STATUS_MAX + 1];
  size_t size = 0;
  ice_file file;
  if (files->open(files->context, "/proc/self/status", ICE_FILE_READ, &file, NULL) == ICE_OK) {
    if (files->read_at(files->context, file, 0, text, STATUS_MAX, &size, NULL) != ICE_OK) {
      size = 0;
    }
    files->close(files->context, file);
  }
  text[size] = '\0';
  const char *mark = strstr(text, "VmHWM:");
  return mark ? strtoull(mark + strlen("VmHWM:"), NULL, 10) * 1024 : (uint64_t)usage->ru_maxrss * 1024;
}

static void print_json(const ice_run_report *report, const struct rusage *usage, double seconds, bool stopped) {
  const ice_ingest_totals *totals = &report->last.totals;
  printf(
      "{\"records\":%lld,\"gaps\":%lld,\"elements\":%lld,\"rows\":%lld,\"dead_letters\":%lld,\"filtered\":%lld,"
      "\"epochs\":%lld,\"data_files\":%llu,\"bytes\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,"
      "\"peak_resident_bytes\":%lld,\"peak_budget_bytes\":%lld,\"stopped\":%s,\"dead_letters_by_type\":{",
      (long long)totals->committed.records, (long long)totals->committed.gaps, (long long)totals->committed.elements,
      (long long)totals->committed.rows, (long long)totals->committed.dead_letters,
      (long long)totals->committed.filtered, (long long)totals->epochs, (unsigned long long)totals->files,
      (unsigned long long)totals->bytes, seconds, cpu_seconds(usage), (long long)peak_resident(usage),
      (long long)atomic_load_explicit(&report->budget->peak, memory_order_relaxed), stopped ? "true" : "false");
  for (int i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
    printf("%s\"%s\":%lld", i == 0 ? "" : ",", ice_error_type_name((ice_error_type)i),
           (long long)totals->dead_letters_by_type[i]);
  }
  printf("}}\n");
}

// The first rows of a table, its first columns, cut to fit a line.
static ice_status print_first_rows(ice_catalog *catalog, const ice_table *table, ice_error *err) {
  enum { ROWS_SHOWN = 3, COLUMNS_SHOWN = 5, CELL_WIDTH = 24, CELL_MAX = 1 << 26 };
  const ice_schema *schema = ice_table_current_schema(table->metadata);
  ice_str columns[COLUMNS_SHOWN];
  uint32_t count = schema->root.field_count < COLUMNS_SHOWN ? schema->root.field_count : COLUMNS_SHOWN;
  ice_table_scan *scan = NULL;
  ice_batch batch = {0};
  ice_bytes cell;
  ice_bytes_init(&cell, CELL_MAX);
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < count; i++) {
    columns[i] = schema->root.fields[i].name;
  }
  ICE_TRY(ice_table_scan_create(catalog, table, columns, count, NULL, &scan, err));
  ICE_TRY(ice_batch_init(&batch, ice_table_scan_schema(scan), err));
  ICE_TRY(ice_table_scan_next(scan, &batch, err));
  for (int64_t row = 0; row < batch.row_count && row < ROWS_SHOWN; row++) {
    printf("   ");
    for (uint32_t i = 0; i < count; i++) {
      ice_bytes_clear(&cell);
      ICE_TRY(ice_json_append_plain(&cell, &batch.columns[i], row, err));
      printf(" %-*.*s", (int)CELL_WIDTH, (int)(cell.size < CELL_WIDTH ? cell.size : CELL_WIDTH),
             cell.data ? (const char *)cell.data : "");
    }
    printf("\n");
  }
done:
  ice_bytes_deinit(&cell);
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  return status;
}

static void print_table(ice_catalog *catalog, ice_table_ident ident) {
  ice_table table = {0};
  ice_error err = {0};
  if (ice_catalog_load_table(catalog, ident, &table, &err) != ICE_OK) {
    printf("  %s\n", err.message);
    return;
  }
  const ice_snapshot *head = ice_table_current_snapshot(table.metadata);
  char rows[32];
  char files[32];
  char size[32];
  ice_cli_number(head ? ice_snapshot_summary_i64(head, "total-records", 0) : 0, rows);
  ice_cli_number(head ? ice_snapshot_summary_i64(head, "total-data-files", 0) : 0, files);
  ice_cli_size(head ? (uint64_t)ice_snapshot_summary_i64(head, "total-files-size", 0) : 0, size);
  printf("  %.*s.%.*s: %s rows in %s files, %s, %u snapshots\n", ICE_IDENT_ARG(ident), rows, files, size,
         table.metadata->snapshot_count);
  if (print_first_rows(catalog, &table, &err) != ICE_OK) {
    printf("    %s\n", err.message);
  }
  ice_table_deinit(&table);
}

static void print_counts(const ice_run_report *report) {
  const ice_ingest_totals *totals = &report->last.totals;
  char records[32];
  char rows[32];
  char dead[32];
  char filtered[32];
  ice_cli_number(totals->committed.records, records);
  ice_cli_number(totals->committed.rows, rows);
  ice_cli_number(totals->committed.dead_letters, dead);
  ice_cli_number(totals->committed.filtered, filtered);
  printf("%s records became %s rows and %s dead letters; %s were filtered.\n", records, rows, dead, filtered);
  for (int i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
    if (totals->dead_letters_by_type[i] > 0) {
      ice_cli_number(totals->dead_letters_by_type[i], dead);
      printf("  %-22s %s\n", ice_error_type_name((ice_error_type)i), dead);
    }
  }
}

void ice_run_report_end(ice_run_report *report, ice_catalog *catalog, const ice_sink_tables *tables, bool stopped,
                        bool embedded, bool json) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double seconds = (double)(now_us() - report->began_us) / 1e6;
  if (report->terminal) {
    fprintf(stderr, "\r\033[K");
  }
  if (json) {
    print_json(report, &usage, seconds, stopped);
    return;
  }
  const ice_ingest_totals *totals = &report->last.totals;
  char rate[32];
  char per_cpu[32];
  char size[32];
  char memory[32];
  printf("%s\n\n", stopped ? "Stopped: the open epoch was finished and committed."
                           : "Done: everything up to the end of the topic is committed.");
  print_counts(report);
  ice_cli_rate(seconds > 0 ? (double)totals->committed.elements / seconds : 0, rate);
  ice_cli_rate(cpu_seconds(&usage) > 0 ? (double)totals->committed.elements / cpu_seconds(&usage) : 0, per_cpu);
  ice_cli_size(totals->bytes, size);
  ice_cli_size(peak_resident(&usage), memory);
  printf("\n%lld commits, %llu data files, %s; %s elements/s, %s per CPU-second, peak memory %s.\n\n",
         (long long)totals->epochs, (unsigned long long)totals->files, size, rate, per_cpu, memory);
  for (uint32_t i = 0; i < tables->count; i++) {
    print_table(catalog, tables->idents[i]);
  }
  if (embedded) {
    ice_table_ident data = tables->idents[0];
    printf(
        "\nTry next:\n  icesink scan %.*s.%.*s --limit 5\n  icesink inspect %.*s.%.*s\n  icesink verify %.*s.%.*s\n",
        ICE_IDENT_ARG(data), ICE_IDENT_ARG(data), ICE_IDENT_ARG(data));
  }
}
