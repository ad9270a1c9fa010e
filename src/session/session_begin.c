#include "assembly/preset.h"
#include "ingest/reconcile.h"
#include "session/session_priv.h"
#include "source/pushed_source.h"

#include <icesink/sink.h>

/// A first position on its way, for ice_session_drive.
typedef struct begin_run {
  ice_pipeline_spec spec;
  ice_committer committer;
  ice_table_ident tables[ICE_COMMIT_TABLES_MAX];  ///< the lead first
  uint32_t table_count;
  ice_position starts;
  ice_source *source;  ///< the partitions of the starts
  ice_epoch epoch;
} begin_run;

static ice_status read_tables(ice_session *session, begin_run *run, ice_error *err) {
  ice_sink_tables read;
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(&session->settings, ICE_OPTION_ID_NAME, err));
  ICE_TRY(ice_read_pipeline(&session->settings, &run->spec, err));
  ICE_TRY(ice_sink_tables_read(&session->settings, &run->spec, &read, err));
  if (read.count > ICE_COMMIT_TABLES_MAX) {
    ICE_FAIL(ICE_LIMIT, "%u tables", read.count);
  }
  run->tables[run->table_count++] = read.idents[read.lead];
  for (uint32_t i = 0; i < read.count; i++) {
    if (i != read.lead) {
      run->tables[run->table_count++] = read.idents[i];
    }
  }
done:
  return status;
}

static ice_status read_starts(const char *text, begin_run *run, ice_error *err) {
  uint32_t place;
  ice_status status = ice_position_parse_offsets(ice_str_of(text), &run->starts, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "where a sink begins");
    err->status = status == ICE_CORRUPT ? ICE_INVALID_ARGUMENT : status;
    return err->status;
  }
  ICE_TRY(ice_pushed_source_open(&run->source, err));
  for (uint32_t i = 0; i < run->starts.entry_count; i++) {
    ICE_TRY(ice_pushed_source_place(run->source, run->starts.entries[i].topic.data, run->starts.entries[i].partition,
                                    &place, err));
  }
done:
  return status;
}

// The first epoch: empty, of all partitions.
static ice_status build_epoch(begin_run *run, ice_error *err) {
  ice_status status = ice_epoch_init(&run->epoch, ice_port_system(), run->tables, run->table_count, err);
  run->epoch.starts = run->starts.entries;
  run->epoch.start_count = run->starts.entry_count;
  return status;
}

static ice_status attempt_begin(void *context, bool *done, bool *unknown, ice_error *err) {
  begin_run *run = context;
  const ice_reconcile_options options = {
      .committer = &run->committer, .tables = run->tables, .table_count = run->table_count, .source = run->source};
  ice_lead lead = {0};
  ice_attempt outcome = ICE_ATTEMPT_AGAIN;
  ice_status status = ICE_OK;
  ICE_TRY(ice_lead_load(&run->committer, run->tables[0], &lead, err));
  *done = lead.has_position;
  if (!lead.has_position) {
    ICE_TRY(ice_reconcile_first(&options, &lead, err));
    ICE_TRY(ice_commit_attempt(&run->committer, &run->epoch, &outcome, err));
    *done = outcome != ICE_ATTEMPT_AGAIN;
  }
done:
  *unknown = run->epoch.unknown;
  ice_lead_deinit(&lead);
  return status;
}

ice_status ice_session_begin(ice_session *session, const char *starts, ice_error *err) {
  begin_run run = {0};
  ice_position_init(&run.starts);
  ice_error own = {0};
  ice_error *told = err ? err : &own;
  ice_status status = read_tables(session, &run, told);
  if (status == ICE_OK) {
    status = read_starts(starts, &run, told);
  }
  if (status == ICE_OK) {
    status = ice_session_reach(session, false, told);
  }
  if (status == ICE_OK) {
    run.committer = ice_session_committer(session);
    run.committer.policies.start_renamed =
        ice_str_equal_c(ice_settings_text(&session->settings, ICE_OPTION_ID_ON_RENAMED), "start");
    status = build_epoch(&run, told);
  }
  if (status == ICE_OK) {
    status = ice_session_drive(session, attempt_begin, &run, told);
  }
  ice_epoch_deinit(&run.epoch);
  ice_source_destroy(run.source);
  ice_position_deinit(&run.starts);
  ice_pipeline_spec_deinit(&run.spec);
  return status;
}
