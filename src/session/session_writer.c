#include "assembly/sink_parts.h"
#include "columnar/arrow.h"
#include "session/session_priv.h"

#include <icesink/writer.h>
#include <stdlib.h>

struct ice_writer {
  ice_session *session;
  ice_table table;
  ice_spill spill;
  ice_parquet_scratch *scratch;
  ice_table_writer *files;
  bool failed;
};

static ice_status open_files(ice_writer *writer, ice_table_ident ident, ice_error *err) {
  ice_session *session = writer->session;
  const ice_settings *settings = &session->settings;
  ice_status status = ICE_OK;
  ICE_TRY(ice_spill_init(&writer->spill, ice_port_system(),
                         ice_settings_c_str(settings, ICE_OPTION_ID_WRITE_SPILL_DIRECTORY), err));
  ICE_TRY(ice_parquet_scratch_create(&writer->scratch, err));
  const ice_table_writer_options options = {.table = &writer->table,
                                            .ident = ident,
                                            .store = session->catalog->store,
                                            .port = ice_port_system(),
                                            .observer = &session->observer,
                                            .budget = &session->budget,
                                            .spill = &writer->spill,
                                            .scratch = writer->scratch,
                                            .write = ice_read_write_options(settings)};
  ICE_TRY(ice_table_writer_create(&options, &writer->files, err));
  session->writers[session->writer_count++] = writer->files;
done:
  return status;
}

ice_status ice_writer_open(ice_session *session, const char *table, ice_writer **out, ice_error *err) {
  *out = NULL;
  if (session->writer_count == ICE_SESSION_WRITERS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d writers in a session", (int)ICE_SESSION_WRITERS_MAX);
  }
  ice_writer *writer = calloc(1, sizeof *writer);
  if (!writer) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a writer");
  }
  writer->session = session;
  ice_table_ident ident;
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_load(session, table, &ident, &writer->table, err));
  ICE_TRY(open_files(writer, ident, err));
  *out = writer;
  writer = NULL;
done:
  ice_writer_close(writer);
  return status;
}

void ice_writer_close(ice_writer *writer) {
  if (!writer) {
    return;
  }
  ice_session *session = writer->session;
  for (uint32_t i = 0; i < session->writer_count; i++) {
    if (session->writers[i] == writer->files) {
      session->writers[i] = session->writers[--session->writer_count];
    }
  }
  ice_table_writer_destroy(writer->files);
  ice_parquet_scratch_destroy(writer->scratch);
  ice_spill_deinit(&writer->spill);
  ice_table_deinit(&writer->table);
  free(writer);
}

// What was begun is incomplete, and nobody can say which rows are missing.
static ice_status fail(ice_writer *writer, ice_status status, ice_error *err) {
  writer->failed = true;
  ice_table_writer_discard(writer->files);
  return ice_session_fatal(status, err);
}

static ice_status check_usable(const ice_writer *writer, ice_error *err) {
  return writer->failed
             ? ice_session_fatal(
                   ice_error_set(err, ICE_INVALID_STATE, "the writer has failed before and can only be closed"), err)
             : ICE_OK;
}

ice_status ice_writer_append(ice_writer *writer, struct ArrowArray *rows, const struct ArrowSchema *schema,
                             ice_error *err) {
  const ice_schema *columns = ice_table_current_schema(writer->table.metadata);
  ice_batch batch = {0};
  ice_status status = check_usable(writer, err);
  if (status != ICE_OK) {
    if (rows->release) {
      rows->release(rows);
    }
    return status;
  }
  status = ice_arrow_import_batch(rows, schema, columns, &batch, err);
  if (status != ICE_OK) {
    return status;
  }
  ice_parquet_scratch_forget(writer->scratch);
  ICE_TRY(ice_table_writer_append(writer->files, &batch, err));
  ICE_TRY(ice_table_writers_relieve(writer->session->writers, writer->session->writer_count, &writer->session->budget,
                                    err));
  ICE_TRY(ice_store_drive(writer->session->catalog->store, 0, err));
done:
  ice_batch_deinit(&batch);
  return status == ICE_OK ? ICE_OK : fail(writer, status, err);
}

ice_status ice_writer_finish(ice_writer *writer, ice_text *files, ice_error *err) {
  *files = (ice_text){0};
  int64_t rows;
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = check_usable(writer, err);
  if (status != ICE_OK) {
    return status;
  }
  ICE_TRY(ice_table_writer_describe(writer->files, &text, &rows, err));
  ice_spill_reset(&writer->spill);
  ICE_TRY(ice_session_text(&text, files, err));
done:
  ice_bytes_deinit(&text);
  return status == ICE_OK ? ICE_OK : fail(writer, status, err);
}

ice_writer_totals ice_writer_get_totals(const ice_writer *writer) {
  ice_table_writer_totals totals = ice_table_writer_get_totals(writer->files);
  return (ice_writer_totals){.rows = totals.rows,
                             .bytes = totals.bytes,
                             .files = totals.files,
                             .memory = (uint64_t)ice_budget_used(&writer->session->budget)};
}
