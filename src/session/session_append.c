#include "ingest/table_append.h"
#include "session/session_priv.h"

#include <icesink/writer.h>
#include <stdlib.h>

enum { DELAY_MAX_MS = 5000, FILES_MAX = 1 << 20, SUMMARY_MAX = 1000, REQUEST_BYTES_MAX = 64 << 20 };

// Whether another attempt may go better without anybody's doing.
static bool passes(ice_status status, const ice_error *err) {
  return status == ICE_OK || status == ICE_TIMEOUT || (err->flags & ICE_ERROR_RETRYABLE) != 0;
}

// Attempts until the table says that the append was made, or until commit.give_up.
static ice_status drive(ice_session *session, ice_table_append *append, ice_append_outcome *outcome, ice_error *err) {
  const ice_clock *clock = &ice_port_system()->clock;
  int64_t delay_ms = ice_settings_number(&session->settings, ICE_OPTION_ID_COMMIT_RETRY_DELAY);
  int64_t give_up_ms = ice_settings_number(&session->settings, ICE_OPTION_ID_COMMIT_GIVE_UP);
  int64_t begin_us = clock->monotonic_us(clock->context);
  for (;;) {
    ice_status status = ice_table_append_attempt(append, outcome, err);
    if (status == ICE_OK && outcome->attempt == ICE_ATTEMPT_DONE) {
      return ICE_OK;
    }
    bool over = give_up_ms > 0 && clock->monotonic_us(clock->context) - begin_us >= give_up_ms * 1000;
    if (!passes(status, err) || over) {
      // An earlier attempt may have been applied, whatever the last one says.
      status = append->unknown ? ICE_COMMIT_UNKNOWN : status == ICE_OK ? err->status : status;
      err->status = status;
      return status;
    }
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(err->message));
    ice_observe_log(&session->observer, ICE_LOG_WARN, ICE_STR("An append was not decided; trying again"), &field, 1);
    ice_status stopped = ice_session_wait(session, ice_port_jitter(ice_port_system(), delay_ms), err);
    if (stopped != ICE_OK) {
      return append->unknown ? ice_error_set(err, ICE_COMMIT_UNKNOWN, "stopped while an append was undecided")
                             : stopped;
    }
    delay_ms = delay_ms * 2 > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms * 2;
  }
}

static ice_status read_request(const ice_append_request *request, ice_arena *arena, ice_table_append_options *out,
                               ice_error *err) {
  if (request->file_count > FILES_MAX || request->summary_count > SUMMARY_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d descriptions of files, or %d entries of a summary",
                         (int)FILES_MAX, (int)SUMMARY_MAX);
  }
  ice_str *files = ice_arena_alloc_array(arena, request->file_count, sizeof *files, err);
  ice_property *summary = ice_arena_alloc_array(arena, request->summary_count, sizeof *summary, err);
  if (!files || !summary) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an append");
  }
  for (size_t i = 0; i < request->file_count; i++) {
    files[i] = ice_str_make(request->files[i].data, request->files[i].size);
  }
  for (size_t i = 0; i < request->summary_count; i++) {
    ice_status status = ice_session_property(request->summary[i], &summary[i], err);
    if (status != ICE_OK) {
      return status;
    }
  }
  out->files = files;
  out->file_count = request->file_count;
  out->summary = summary;
  out->summary_count = (uint32_t)request->summary_count;
  out->writer = ice_str_of(request->writer);
  out->number = request->number;
  out->replace = request->overwrite;
  return ice_table_ident_parse(ice_str_of(request->table), &out->ident, err);
}

ice_status ice_session_append(ice_session *session, const ice_append_request *request, ice_append_result *result,
                              ice_error *err) {
  ice_error own = {0};
  ice_error *told = err ? err : &own;
  ice_table_append append = {0};
  ice_append_outcome outcome;
  ice_arena arena;
  ice_arena_init(&arena, REQUEST_BYTES_MAX);
  ice_table_append_options options = {.port = ice_port_system(), .observer = &session->observer};
  *result = (ice_append_result){.snapshot_id = -1};
  ice_status status = read_request(request, &arena, &options, told);
  if (status == ICE_OK) {
    status = ice_session_reach(session, false, told);
  }
  options.catalog = session->catalog;
  if (status == ICE_OK) {
    status = ice_table_append_init(&append, &options, told);
  }
  if (status == ICE_OK) {
    status = drive(session, &append, &outcome, told);
  }
  if (status == ICE_OK) {
    *result = (ice_append_result){.done_before = outcome.done_before, .snapshot_id = outcome.snapshot_id};
  }
  ice_table_append_deinit(&append);
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_session_token(ice_session *session, const char *table, const char *writer, bool *known,
                             int64_t *number, ice_error *err) {
  ice_table_ident ident;
  ice_table loaded;
  int64_t snapshot_id;
  *known = false;
  *number = 0;
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_load(session, table, &ident, &loaded, err));
  ICE_TRY(ice_table_token(&loaded, ice_str_of(writer), known, number, &snapshot_id, err));
done:
  ice_table_deinit(&loaded);
  return status;
}
