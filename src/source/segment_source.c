#include "source/segment.h"
#include "source/segment_log.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_READ_SIZE = 512 * 1024, READ_SIZE_MIN = 4096, IDLE_STEPS_MAX = 2 };

typedef struct partition_reader {
  ice_segment_log log;
  ice_file file;
  int64_t file_base;  ///< base offset of the open file
  int64_t byte;       ///< where the next batch begins in it
  int64_t end_base;   ///< base offset of the file whose end was found last, -1 before the first look
  int64_t end_byte;   ///< that end: the next look goes on from here
  int64_t end_offset;
  char path[ICE_SEGMENT_PATH_MAX];
} partition_reader;

typedef struct segment_source {
  ice_source base;
  const ice_port *port;
  char *root;
  char *topic;
  size_t read_size;
  partition_reader **readers;
  uint32_t reader_count;
  uint32_t capacity;
  uint32_t turn;
  ice_compressor *compressor;
  ice_bytes data;
} segment_source;

static segment_source *self_of(ice_source *source) {
  // The interface hands out the first member.
  return (segment_source *)(void *)source;
}

static void close_file(segment_source *self, partition_reader *reader) {
  if (reader->file >= 0) {
    self->port->files.close(self->port->files.context, reader->file);
    reader->file = -1;
  }
}

static void segment_destroy(ice_source *source) {
  segment_source *self = self_of(source);
  for (uint32_t i = 0; i < self->reader_count; i++) {
    close_file(self, self->readers[i]);
    ice_segment_log_close(&self->readers[i]->log);
    free(self->readers[i]);
  }
  free(self->readers);
  free(self->base.partitions);
  free(self->root);
  free(self->topic);
  ice_compressor_destroy(self->compressor);
  ice_bytes_deinit(&self->data);
  free(self);
}

static ice_status reserve_partition(segment_source *self, ice_error *err) {
  if (self->reader_count < self->capacity) {
    return ICE_OK;
  }
  if (self->reader_count >= ICE_SEGMENT_PARTITIONS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d partitions", (int)ICE_SEGMENT_PARTITIONS_MAX);
  }
  uint32_t capacity = self->capacity == 0 ? 8 : self->capacity * 2;
  partition_reader **readers = realloc(self->readers, capacity * sizeof(partition_reader *));
  if (!readers) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
  }
  self->readers = readers;
  ice_source_partition *partitions = realloc(self->base.partitions, capacity * sizeof *partitions);
  if (!partitions) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
  }
  self->base.partitions = partitions;
  self->capacity = capacity;
  return ICE_OK;
}

static ice_status add_partition(segment_source *self, int32_t partition, ice_error *err) {
  ice_status status = reserve_partition(self, err);
  if (status != ICE_OK) {
    return status;
  }
  char directory[PATH_MAX];
  int size = snprintf(directory, sizeof directory, "%s/%s-%d", self->root, self->topic, partition);
  if (size < 0 || (size_t)size >= sizeof directory) {
    return ice_error_set(err, ICE_LIMIT, "path too long: %s", self->root);
  }
  partition_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a partition");
  }
  reader->file = -1;
  reader->end_base = -1;
  status = ice_segment_log_open(&reader->log, self->port, directory, err);
  if (status != ICE_OK) {
    free(reader);
    return status;
  }
  self->readers[self->reader_count] = reader;
  self->base.partitions[self->reader_count] =
      (ice_source_partition){.topic = ice_str_of(self->topic), .partition = partition, .next = -1, .committed = -1};
  self->reader_count++;
  self->base.partition_count = self->reader_count;
  return ICE_OK;
}

typedef struct discovery {
  const char *topic;
  int32_t *found;
  size_t count;
  size_t capacity;
} discovery;

// Accepts "<topic>-<digits>".
static ice_status find_partition(void *context, const char *name, ice_file_kind kind, ice_error *err) {
  discovery *found = context;
  size_t topic_size = strlen(found->topic);
  if (kind != ICE_FILE_KIND_DIRECTORY || strncmp(name, found->topic, topic_size) != 0 || name[topic_size] != '-') {
    return ICE_OK;
  }
  const char *digits = name + topic_size + 1;
  size_t size = strlen(digits);
  if (size == 0 || size > 9 || strspn(digits, "0123456789") != size) {
    return ICE_OK;
  }
  if (found->count == found->capacity) {
    size_t capacity = found->capacity == 0 ? 16 : found->capacity * 2;
    int32_t *list = realloc(found->found, capacity * sizeof *list);
    if (!list) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu partitions", capacity);
    }
    found->found = list;
    found->capacity = capacity;
  }
  found->found[found->count++] = (int32_t)strtol(digits, NULL, 10);
  return ICE_OK;
}

static int compare_numbers(const void *a, const void *b) {
  int32_t x;
  int32_t y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static ice_status discover(segment_source *self, ice_error *err) {
  discovery found = {.topic = self->topic};
  ice_status status = self->port->files.list(self->port->files.context, self->root, find_partition, &found, err);
  if (status == ICE_OK && found.count > 1) {
    qsort(found.found, found.count, sizeof *found.found, compare_numbers);
  }
  for (size_t i = 0; status == ICE_OK && i < found.count; i++) {
    if (ice_source_find(&self->base, ice_str_of(self->topic), found.found[i]) < 0) {
      status = add_partition(self, found.found[i], err);
    }
  }
  free(found.found);
  return status;
}

// The end of the last file; what was walked over before is not walked again.
static ice_status find_end(partition_reader *reader, ice_error *err) {
  const ice_segment_log *log = &reader->log;
  int64_t base = log->base_offsets[log->file_count - 1];
  if (reader->end_base != base) {
    reader->end_base = base;
    reader->end_byte = 0;
    reader->end_offset = base;
  }
  return ice_segment_log_find_end(log, base, true, &reader->end_byte, &reader->end_offset, err);
}

static ice_status segment_refresh(ice_source *source, ice_error *err) {
  segment_source *self = self_of(source);
  ice_status status = ICE_OK;
  ICE_TRY(discover(self, err));
  for (uint32_t i = 0; i < self->reader_count; i++) {
    ice_segment_log *log = &self->readers[i]->log;
    ice_source_partition *partition = &self->base.partitions[i];
    ICE_TRY(ice_segment_log_refresh(log, err));
    partition->log_start = 0;
    partition->log_end = 0;
    if (log->file_count > 0) {
      partition->log_start = log->base_offsets[0];
      ICE_TRY(find_end(self->readers[i], err));
      partition->log_end = self->readers[i]->end_offset;
    }
  }
done:
  return status;
}

static ice_status segment_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  segment_source *self = self_of(source);
  if (partition >= self->reader_count || offset < 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "partition index %u, offset %lld", partition, (long long)offset);
  }
  close_file(self, self->readers[partition]);
  self->base.partitions[partition].next = offset;
  self->base.partitions[partition].assigned = true;
  return ICE_OK;
}

// The file that holds `offset`: the last whose base is not beyond it.
static bool find_file(const ice_segment_log *log, int64_t offset, size_t *index) {
  size_t low = 0;
  size_t high = log->file_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (log->base_offsets[middle] <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  *index = low - 1;
  return low > 0;
}

static bool is_last_file(const partition_reader *reader) {
  return reader->log.file_count == 0 || reader->file_base == reader->log.base_offsets[reader->log.file_count - 1];
}

// Opens the file that holds the next offset and walks the headers to the batch with it.
static ice_status open_position(segment_source *self, partition_reader *reader, int64_t offset, ice_error *err) {
  const ice_files *files = &self->port->files;
  ice_status status = ICE_OK;
  size_t index;
  if (!find_file(&reader->log, offset, &index)) {
    if (reader->log.file_count == 0) {
      goto done;
    }
    status = ice_error_set(err, ICE_NOT_FOUND, "%s begins at offset %lld, offset %lld is wanted",
                           reader->log.directory, (long long)reader->log.base_offsets[0], (long long)offset);
    if (err) {
      err->flags |= ICE_ERROR_POLICY;
    }
    goto done;
  }
  reader->file_base = reader->log.base_offsets[index];
  reader->byte = 0;
  ICE_TRY(ice_segment_log_path(&reader->log, reader->file_base, reader->path, err));
  ICE_TRY(files->open(files->context, reader->path, ICE_FILE_READ, &reader->file, err));
  for (;;) {
    ice_record_batch batch;
    ice_segment_step step;
    ICE_TRY(ice_segment_log_look(&reader->log, reader->file, reader->path, is_last_file(reader), reader->byte, false,
                                 &self->data, &batch, &step, err));
    if (step == ICE_SEGMENT_END || batch.base_offset + batch.last_offset_delta >= offset) {
      break;
    }
    reader->byte += (int64_t)batch.size;
  }
done:
  return status;
}

// At the end of a file: go to the next one when there is one. New files are seen by refresh.
static ice_status next_file(segment_source *self, partition_reader *reader, bool *moved, ice_error *err) {
  *moved = false;
  ice_status status = ICE_OK;
  size_t index;
  if (!find_file(&reader->log, reader->file_base, &index) || reader->log.base_offsets[index] != reader->file_base) {
    // Retention deleted the file that was just read to its end: look for the offset anew, or say that it is gone.
    close_file(self, reader);
    *moved = reader->log.file_count > 0;
    goto done;
  }
  if (index + 1 >= reader->log.file_count) {
    goto done;
  }
  close_file(self, reader);
  reader->file_base = reader->log.base_offsets[index + 1];
  reader->byte = 0;
  ICE_TRY(ice_segment_log_path(&reader->log, reader->file_base, reader->path, err));
  ICE_TRY(self->port->files.open(self->port->files.context, reader->path, ICE_FILE_READ, &reader->file, err));
  *moved = true;
done:
  return status;
}

// Adds the batch at `at` of the chunk's data, if any of it is wanted.
static ice_status add_batch(segment_source *self, uint32_t index, const ice_record_batch *batch, size_t at,
                            ice_chunk *chunk, ice_error *err) {
  ice_source_partition *partition = &self->base.partitions[index];
  if (batch->transactional && !batch->control) {
    return ice_error_set(err, ICE_UNSUPPORTED, "a transactional batch; read this topic through the broker");
  }
  if (batch->base_offset + batch->last_offset_delta < partition->next) {
    return ICE_OK;
  }
  ice_status status = ice_record_batch_read(batch, self->compressor, at, index, partition->next, chunk, err);
  if (status == ICE_OK) {
    partition->next = batch->base_offset + batch->last_offset_delta + 1;
  }
  return status;
}

// Adds the whole batches that stand in the chunk's data from `start` on; `*consumed` counts their bytes.
static ice_status read_batches(segment_source *self, uint32_t index, partition_reader *reader, size_t start,
                               ice_chunk *chunk, size_t *consumed, ice_error *err) {
  size_t end = chunk->data.size;
  *consumed = 0;
  while (end - start - *consumed >= ICE_RECORD_BATCH_HEADER) {
    size_t at = start + *consumed;
    ice_record_batch batch;
    if (ice_record_batch_parse(chunk->data.data + at, end - at, &batch, NULL) != ICE_OK || batch.size > end - at ||
        !ice_record_batch_check(&batch, chunk->data.data + at)) {
      // Not whole here, torn, or damaged: the caller looks again, with the file in view.
      break;
    }
    ice_status status = add_batch(self, index, &batch, at, chunk, err);
    if (status != ICE_OK) {
      int64_t byte = reader->byte + (int64_t)*consumed;
      ice_error_prepend(err, "%s, byte %lld", reader->path, (long long)byte);
      return status;
    }
    *consumed += batch.size;
  }
  return ICE_OK;
}

static ice_status read_block(segment_source *self, uint32_t index, ice_chunk *chunk, bool *progress, ice_error *err) {
  const ice_files *files = &self->port->files;
  partition_reader *reader = self->readers[index];
  size_t start = chunk->data.size;
  ice_status status = ICE_OK;
  *progress = false;
  if (reader->file < 0) {
    ICE_TRY(open_position(self, reader, self->base.partitions[index].next, err));
    if (reader->file < 0) {
      goto done;
    }
  }
  size_t wanted = self->read_size;
  for (int attempt = 0; attempt < IDLE_STEPS_MAX; attempt++) {
    size_t got;
    size_t consumed;
    chunk->data.size = start;
    ICE_TRY(ice_bytes_reserve(&chunk->data, wanted, err));
    ICE_TRY(files->read_at(files->context, reader->file, reader->byte, chunk->data.data + start, wanted, &got, err));
    chunk->data.size += got;
    ICE_TRY(read_batches(self, index, reader, start, chunk, &consumed, err));
    reader->byte += (int64_t)consumed;
    if (consumed > 0) {
      *progress = true;
      break;
    }
    ice_record_batch batch;
    ice_segment_step step;
    ICE_TRY(ice_segment_log_look(&reader->log, reader->file, reader->path, is_last_file(reader), reader->byte, true,
                                 &self->data, &batch, &step, err));
    if (step == ICE_SEGMENT_END) {
      ICE_TRY(next_file(self, reader, progress, err));
      chunk->data.size = start;
      break;
    }
    wanted = batch.size;
  }
done:
  return status;
}

static ice_status segment_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err) {
  // Files give what they have at once; whoever drives the source waits between polls.
  (void)timeout_us;
  segment_source *self = self_of(source);
  for (uint32_t tried = 0; tried < self->reader_count; tried++) {
    uint32_t index = self->turn;
    self->turn = (self->turn + 1) % self->reader_count;
    if (!self->base.partitions[index].assigned) {
      continue;
    }
    int64_t before = self->base.partitions[index].next;
    bool progress = true;
    while (progress && self->base.partitions[index].next == before) {
      ice_status status = read_block(self, index, chunk, &progress, err);
      if (status != ICE_OK) {
        return status;
      }
    }
    if (self->base.partitions[index].next != before) {
      break;
    }
  }
  return ICE_OK;
}

static const ice_source_interface segment_interface = {
    .refresh = segment_refresh,
    .seek = segment_seek,
    .poll = segment_poll,
    .destroy = segment_destroy,
};

ice_status ice_segment_source_open(const ice_port *port, const ice_segment_options *options, ice_source **out,
                                   ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  segment_source *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a source");
  }
  self->base.interface = &segment_interface;
  self->port = port;
  self->read_size = options->read_size == 0              ? DEFAULT_READ_SIZE
                    : options->read_size < READ_SIZE_MIN ? READ_SIZE_MIN
                                                         : options->read_size;
  ice_bytes_init(&self->data, ICE_RECORD_BATCH_SIZE_MAX + ICE_RECORD_BATCH_OVERHEAD);
  self->root = strdup(options->root);
  self->topic = strndup(options->topic.data, options->topic.size);
  if (!self->root || !self->topic) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a source");
  }
  ICE_TRY(ice_compressor_create(&self->compressor, err));
  ICE_TRY(segment_refresh(&self->base, err));
  if (self->reader_count == 0) {
    ICE_FAIL(ICE_NOT_FOUND, "no partition of topic %s in %s", self->topic, self->root);
  }
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    segment_destroy(&self->base);
  }
  return status;
}
