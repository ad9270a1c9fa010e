/// What a person sees of a run: a progress line or log lines, and a summary at the end.
#ifndef ICE_CLI_RUN_REPORT_H
#define ICE_CLI_RUN_REPORT_H

#include "assembly/sink_tables.h"
#include "cli/cli.h"
#include "runtime/sink.h"

typedef struct ice_run_report {
  const ice_observer *observer;
  const ice_budget *budget;
  bool terminal;
  int64_t began_us;
  int64_t logged_us;
  int64_t last_records;
  int64_t last_us;
  double rate;
  ice_sink_progress last;
} ice_run_report;

void ice_run_report_begin(ice_run_report *report, const ice_observer *observer, const ice_budget *budget);

/// For ice_sink_options: on a terminal one line that is written over, else a log line every ten seconds.
void ice_run_report_progress(void *context, const ice_sink_progress *progress);

/// Print the summary: rows, dead letters by cause, files, snapshots, rate, memory, first rows, what to try next.
void ice_run_report_end(ice_run_report *report, ice_catalog *catalog, const ice_sink_tables *tables, bool stopped,
                        bool embedded, bool json);

#endif
