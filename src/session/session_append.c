#include "ingest/table_append.h"
#include "session/session_priv.h"

#include <icesink/writer.h>
#include <stdlib.h>

enum { FILES_MAX = 1 << 20, SUMMARY_MAX = 1000, REQUEST_BYTES_MAX = 64 << 20 };

/// An append on its way, for ice_session_drive.
typedef struct append_run {
  ice_table_append append;
  ice_append_outcome outcome;
} append_run;

static ice_status attempt_append(void *context, bool *done, bool *unknown, ice_error *err) {
  append_run *run = context;
  ice_status status = ice_table_append_attempt(&run->append, &run->outcome, err);
  *done = status == ICE_OK && run->outcome.attempt == ICE_ATTEMPT_DONE;
  *unknown = run->append.unknown;
  return status;
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
  append_run run = {.outcome = {.snapshot_id = -1}};
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
    status = ice_table_append_init(&run.append, &options, told);
  }
  if (status == ICE_OK) {
    status = ice_session_drive(session, attempt_append, &run, told);
  }
  if (status == ICE_OK) {
    *result = (ice_append_result){.done_before = run.outcome.done_before, .snapshot_id = run.outcome.snapshot_id};
  }
  ice_table_append_deinit(&run.append);
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
