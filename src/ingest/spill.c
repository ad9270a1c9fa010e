#include "ingest/spill.h"

#include <stdlib.h>

static ice_status spill_append(void *context, const void *data, size_t size, uint64_t *offset, ice_error *err) {
  ice_spill *spill = context;
  const ice_files *files = &spill->port->files;
  ice_status status = ICE_OK;
  if (spill->file < 0) {
    status = files->open(files->context, spill->directory, ICE_FILE_TEMPORARY, &spill->file, err);
  }
  if (status == ICE_OK) {
    status = files->write(files->context, spill->file, data, size, err);
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "write.spill_directory");
    return status;
  }
  *offset = spill->size;
  spill->size += size;
  return ICE_OK;
}

static ice_status spill_read(void *context, uint64_t offset, void *data, size_t size, ice_error *err) {
  ice_spill *spill = context;
  const ice_files *files = &spill->port->files;
  size_t got;
  ice_status status = files->read_at(files->context, spill->file, (int64_t)offset, data, size, &got, err);
  if (status == ICE_OK && got != size) {
    status = ice_error_set(err, ICE_IO, "write.spill_directory: %zu of %zu bytes at %llu came back", got, size,
                           (unsigned long long)offset);
  }
  return status;
}

ice_status ice_spill_init(ice_spill *spill, const ice_port *port, const char *directory, ice_error *err) {
  *spill = (ice_spill){.port = port, .directory = strdup(directory), .file = -1};
  spill->target = (ice_parquet_spill){.context = spill, .append = spill_append, .read = spill_read};
  return spill->directory ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for a path");
}

void ice_spill_reset(ice_spill *spill) {
  if (spill->port && spill->file >= 0) {
    spill->port->files.close(spill->port->files.context, spill->file);
  }
  spill->file = -1;
  spill->size = 0;
}

void ice_spill_deinit(ice_spill *spill) {
  ice_spill_reset(spill);
  free(spill->directory);
  *spill = (ice_spill){.file = -1};
}
