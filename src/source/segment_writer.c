#include "source/segment.h"
#include "source/segment_log.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct ice_segment_writer {
  const ice_port *port;
  ice_file file;
  int64_t next;
  ice_compressor *compressor;
  ice_bytes batch;
};

// Opens the last segment behind its last whole batch; what a killed writer left torn is cut off.
static ice_status open_last(ice_segment_writer *writer, const char *directory, ice_error *err) {
  const ice_files *files = &writer->port->files;
  ice_segment_log log = {0};
  char path[ICE_SEGMENT_PATH_MAX];
  int64_t end_byte = 0;
  ice_status status = ICE_OK;
  ICE_TRY(ice_segment_log_open(&log, writer->port, directory, err));
  int64_t base_offset = log.file_count > 0 ? log.base_offsets[log.file_count - 1] : 0;
  writer->next = base_offset;
  if (log.file_count > 0) {
    ICE_TRY(ice_segment_log_find_end(&log, base_offset, true, &end_byte, &writer->next, err));
  }
  ICE_TRY(ice_segment_log_path(&log, base_offset, path, err));
  ICE_TRY(files->open(files->context, path, ICE_FILE_READ_APPEND, &writer->file, err));
  ICE_TRY(files->truncate(files->context, writer->file, end_byte, err));
  if (log.file_count == 0) {
    ICE_TRY(files->sync_directory(files->context, directory, err));
  }
done:
  ice_segment_log_close(&log);
  return status;
}

ice_status ice_segment_writer_open(const ice_port *port, const char *root, ice_str topic, int32_t partition,
                                   ice_segment_writer **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  char directory[PATH_MAX];
  ice_segment_writer *writer = calloc(1, sizeof *writer);
  if (!writer) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a segment writer");
  }
  writer->port = port;
  writer->file = -1;
  ice_bytes_init(&writer->batch, ICE_RECORD_BATCH_SIZE_MAX + ICE_RECORD_BATCH_OVERHEAD);
  int size = snprintf(directory, sizeof directory, "%s/%.*s-%d", root, ICE_STR_ARG(topic), partition);
  if (size < 0 || (size_t)size >= sizeof directory) {
    ICE_FAIL(ICE_LIMIT, "path too long: %s", root);
  }
  ICE_TRY(ice_compressor_create(&writer->compressor, err));
  ICE_TRY(port->files.make_directories(port->files.context, directory, err));
  ICE_TRY(open_last(writer, directory, err));
  *out = writer;
  writer = NULL;
done:
  ice_segment_writer_close(writer);
  return status;
}

int64_t ice_segment_writer_next(const ice_segment_writer *writer) { return writer->next; }

ice_status ice_segment_writer_append(ice_segment_writer *writer, ice_record_batch_builder *builder, ice_codec codec,
                                     ice_error *err) {
  int32_t count = builder->record_count;
  ice_bytes_clear(&writer->batch);
  ice_status status =
      ice_record_batch_builder_finish(builder, writer->compressor, codec, writer->next, &writer->batch, err);
  if (status == ICE_OK) {
    status = writer->port->files.write(writer->port->files.context, writer->file, writer->batch.data,
                                       writer->batch.size, err);
  }
  if (status == ICE_OK) {
    writer->next += count;
  }
  return status;
}

ice_status ice_segment_writer_sync(ice_segment_writer *writer, ice_error *err) {
  return writer->port->files.sync(writer->port->files.context, writer->file, err);
}

void ice_segment_writer_close(ice_segment_writer *writer) {
  if (!writer) {
    return;
  }
  if (writer->file >= 0) {
    writer->port->files.close(writer->port->files.context, writer->file);
  }
  ice_compressor_destroy(writer->compressor);
  ice_bytes_deinit(&writer->batch);
  free(writer);
}
