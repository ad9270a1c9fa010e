#include "columnar/arrow.h"
#include "ingest/table_scan.h"
#include "session/session_priv.h"

#include <errno.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 10000 };

/// Behind an ArrowArrayStream.
typedef struct stream {
  ice_table table;
  ice_table_scan *scan;
  ice_error err;
} stream;

static void stream_destroy(stream *self) {
  ice_table_scan_destroy(self->scan);
  ice_table_deinit(&self->table);
  free(self);
}

static int to_errno(ice_status status) {
  return status == ICE_OK ? 0 : status == ICE_NO_MEMORY ? ENOMEM : status == ICE_INVALID_ARGUMENT ? EINVAL : EIO;
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  stream *s = self->private_data;
  return to_errno(ice_arrow_export_schema(ice_table_scan_schema(s->scan), out, &s->err));
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
  stream *s = self->private_data;
  ice_batch batch = {0};
  out->release = NULL;
  ice_status status = ice_batch_init(&batch, ice_table_scan_schema(s->scan), &s->err);
  if (status == ICE_OK) {
    status = ice_table_scan_next(s->scan, &batch, &s->err);
  }
  // An array that is released already is the end.
  if (status == ICE_OK && batch.row_count > 0) {
    status = ice_arrow_export_batch(&batch, out, &s->err);
  }
  ice_batch_deinit(&batch);
  return to_errno(status);
}

static const char *get_last_error(struct ArrowArrayStream *self) {
  const stream *s = self->private_data;
  return s->err.status == ICE_OK ? NULL : s->err.message;
}

static void release(struct ArrowArrayStream *self) {
  stream_destroy(self->private_data);
  self->release = NULL;
}

ice_status ice_session_scan(ice_session *session, const char *table, const char *const *columns, size_t column_count,
                            struct ArrowArrayStream *out, ice_error *err) {
  ice_str names[COLUMNS_MAX];
  ice_table_ident ident;
  out->release = NULL;
  if (column_count > COLUMNS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d columns", (int)COLUMNS_MAX);
  }
  for (size_t i = 0; i < column_count; i++) {
    names[i] = ice_str_of(columns[i]);
  }
  stream *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a scan");
  }
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_load(session, table, &ident, &self->table, err));
  ICE_TRY(
      ice_table_scan_create(session->catalog, &self->table, names, (uint32_t)column_count, NULL, &self->scan, err));
  *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                   .get_next = get_next,
                                   .get_last_error = get_last_error,
                                   .release = release,
                                   .private_data = self};
  self = NULL;
done:
  if (self) {
    stream_destroy(self);
  }
  return status;
}
