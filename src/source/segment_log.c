#include "source/segment_log.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_DIGITS = 20 };

static int compare_offsets(const void *a, const void *b) {
  int64_t x;
  int64_t y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

// "00000000000000000042.log" → 42.
static bool parse_name(const char *name, int64_t *out) {
  int64_t value = 0;
  for (int i = 0; i < NAME_DIGITS; i++) {
    if (name[i] < '0' || name[i] > '9' || value > (INT64_MAX - 9) / 10) {
      return false;
    }
    value = value * 10 + (name[i] - '0');
  }
  *out = value;
  return strcmp(name + NAME_DIGITS, ".log") == 0;
}

static ice_status add_file(void *context, const char *name, ice_file_kind kind, ice_error *err) {
  ice_segment_log *log = context;
  int64_t base_offset;
  if (kind != ICE_FILE_KIND_REGULAR || strlen(name) < NAME_DIGITS || !parse_name(name, &base_offset)) {
    return ICE_OK;
  }
  if (log->file_count == log->file_capacity) {
    if (log->file_count >= ICE_SEGMENT_FILES_MAX) {
      return ice_error_set(err, ICE_LIMIT, "more than %d segments in %s", (int)ICE_SEGMENT_FILES_MAX, log->directory);
    }
    size_t capacity = log->file_capacity == 0 ? 16 : log->file_capacity * 2;
    int64_t *offsets = realloc(log->base_offsets, capacity * sizeof *offsets);
    if (!offsets) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu segments", capacity);
    }
    log->base_offsets = offsets;
    log->file_capacity = capacity;
  }
  log->base_offsets[log->file_count++] = base_offset;
  return ICE_OK;
}

ice_status ice_segment_log_refresh(ice_segment_log *log, ice_error *err) {
  log->file_count = 0;
  ice_status status = log->port->files.list(log->port->files.context, log->directory, add_file, log, err);
  if (status == ICE_OK && log->file_count > 1) {
    qsort(log->base_offsets, log->file_count, sizeof *log->base_offsets, compare_offsets);
  }
  return status;
}

ice_status ice_segment_log_open(ice_segment_log *log, const ice_port *port, const char *directory, ice_error *err) {
  *log = (ice_segment_log){.port = port, .directory = strdup(directory)};
  if (!log->directory) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a path");
  }
  ice_status status = ice_segment_log_refresh(log, err);
  if (status != ICE_OK) {
    ice_segment_log_close(log);
  }
  return status;
}

void ice_segment_log_close(ice_segment_log *log) {
  free(log->directory);
  free(log->base_offsets);
  *log = (ice_segment_log){0};
}

ice_status ice_segment_log_path(const ice_segment_log *log, int64_t base_offset, char out[ICE_SEGMENT_PATH_MAX],
                                ice_error *err) {
  int size =
      snprintf(out, ICE_SEGMENT_PATH_MAX, "%s/%0*lld.log", log->directory, (int)NAME_DIGITS, (long long)base_offset);
  return size > 0 && size < ICE_SEGMENT_PATH_MAX ? ICE_OK
                                                 : ice_error_set(err, ICE_LIMIT, "path too long: %s", log->directory);
}

static ice_status corrupt_at(const char *path, int64_t at, ice_error *err) {
  ice_error_prepend(err, "%s, byte %lld", path, (long long)at);
  return err ? err->status : ICE_CORRUPT;
}

ice_status ice_segment_log_look(const ice_segment_log *log, ice_file file, const char *path, bool last, int64_t at,
                                bool whole, ice_bytes *data, ice_record_batch *batch, ice_segment_step *step,
                                ice_error *err) {
  const ice_files *files = &log->port->files;
  uint8_t header[ICE_RECORD_BATCH_HEADER];
  size_t got;
  ice_status status = ICE_OK;
  *step = ICE_SEGMENT_END;
  ICE_TRY(files->read_at(files->context, file, at, header, sizeof header, &got, err));
  if (got < sizeof header) {
    if (got != 0 && !last) {
      ICE_FAIL(ICE_CORRUPT, "%s, byte %lld: a record batch header is cut short", path, (long long)at);
    }
    goto done;
  }
  // Room that was made for a write which never came (preallocation, power loss) is the end too.
  static const uint8_t nothing[ICE_RECORD_BATCH_HEADER];
  if (last && memcmp(header, nothing, sizeof header) == 0) {
    goto done;
  }
  status = ice_record_batch_parse(header, sizeof header, batch, err);
  if (status != ICE_OK) {
    status = corrupt_at(path, at, err);
    goto done;
  }
  // The last byte tells whether the batch is whole without reading it.
  size_t wanted = whole ? batch->size : 1;
  int64_t from = whole ? at : at + (int64_t)batch->size - 1;
  ice_bytes_clear(data);
  ICE_TRY(ice_bytes_reserve(data, wanted, err));
  ICE_TRY(files->read_at(files->context, file, from, data->data, wanted, &got, err));
  if (got < wanted) {
    if (!last) {
      ICE_FAIL(ICE_CORRUPT, "%s, byte %lld: a record batch is cut short", path, (long long)at);
    }
    goto done;
  }
  data->size = got;
  if (whole && !ice_record_batch_check(batch, data->data)) {
    uint8_t beyond;
    ICE_TRY(files->read_at(files->context, file, at + (int64_t)batch->size, &beyond, 1, &got, err));
    if (!last || got != 0) {
      ICE_FAIL(ICE_CORRUPT, "%s, byte %lld: CRC-32C of the batch at offset %lld is wrong", path, (long long)at,
               (long long)batch->base_offset);
    }
    goto done;
  }
  *step = ICE_SEGMENT_BATCH;
done:
  return status;
}

ice_status ice_segment_log_find_end(const ice_segment_log *log, int64_t base_offset, bool last, int64_t *end_byte,
                                    int64_t *end_offset, ice_error *err) {
  const ice_files *files = &log->port->files;
  char path[ICE_SEGMENT_PATH_MAX];
  ice_file file = -1;
  ice_bytes data;
  ice_bytes_init(&data, ICE_RECORD_BATCH_SIZE_MAX + ICE_RECORD_BATCH_OVERHEAD);
  ice_status status = ICE_OK;
  ICE_TRY(ice_segment_log_path(log, base_offset, path, err));
  ICE_TRY(files->open(files->context, path, ICE_FILE_READ, &file, err));
  ice_record_batch batch;
  ice_record_batch previous = {0};
  int64_t previous_at = -1;
  ice_segment_step step = ICE_SEGMENT_BATCH;
  while (step == ICE_SEGMENT_BATCH) {
    ICE_TRY(ice_segment_log_look(log, file, path, last, *end_byte, false, &data, &batch, &step, err));
    if (step == ICE_SEGMENT_BATCH) {
      previous = batch;
      previous_at = *end_byte;
      *end_byte += (int64_t)batch.size;
      *end_offset = batch.base_offset + batch.last_offset_delta + 1;
    }
  }
  // Only the last batch can be torn, so only its CRC needs a look here; readers check every one.
  if (last && previous_at >= 0) {
    ICE_TRY(ice_segment_log_look(log, file, path, last, previous_at, true, &data, &batch, &step, err));
    if (step == ICE_SEGMENT_END) {
      *end_byte = previous_at;
      *end_offset = previous.base_offset;
    }
  }
done:
  if (file >= 0) {
    files->close(files->context, file);
  }
  ice_bytes_deinit(&data);
  return status;
}
