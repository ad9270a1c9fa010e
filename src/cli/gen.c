#include "cli/gen.h"

#include "port/port.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_MESSAGES = 64, PARTITIONS_MAX = 4096, LEDGER_LINE_MAX = 1 << 20 };

typedef struct producer {
  const ice_gen_options *options;
  ice_segment_writer *writers[PARTITIONS_MAX];
  ice_record_batch_builder builder;
  ice_bytes message;
  ice_bytes ledger_line;
  ice_file ledger;
  FILE *lines;
  char *line;
  size_t line_capacity;
} producer;

static ice_status write_schema(const ice_gen_options *options, ice_error *err) {
  if (options->json || options->lines) {
    return ICE_OK;
  }
  const ice_port *port = ice_port_system();
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/schemas", options->directory);
  ice_status status = port->files.make_directories(port->files.context, path, err);
  if (status != ICE_OK) {
    return status;
  }
  snprintf(path, sizeof path, "%s/schemas/%d.avsc", options->directory, (int)ICE_HEALTH_SCHEMA_ID);
  const char *schema = ice_health_schema();
  status = ice_port_write_new_file(port, path, schema, strlen(schema), err);
  if (status == ICE_ALREADY_EXISTS) {
    ice_error_clear(err);
    status = ICE_OK;
  }
  return status;
}

ice_status ice_gen_prepare(const ice_gen_options *options, ice_error *err) {
  ice_status status = write_schema(options, err);
  for (int32_t i = 0; status == ICE_OK && i < options->partitions; i++) {
    ice_segment_writer *writer;
    status = ice_segment_writer_open(ice_port_system(), options->directory, options->topic, i, &writer, err);
    if (status == ICE_OK) {
      ice_segment_writer_close(writer);
    }
  }
  return status;
}

static ice_status open_producer(producer *p, ice_error *err) {
  const ice_gen_options *options = p->options;
  const ice_port *port = ice_port_system();
  ice_record_batch_builder_init(&p->builder);
  ice_bytes_init(&p->message, ICE_RECORD_BATCH_SIZE_MAX);
  ice_bytes_init(&p->ledger_line, LEDGER_LINE_MAX);
  p->ledger = -1;
  if (options->partitions < 1 || options->partitions > PARTITIONS_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "%d partitions; 1 to %d are possible", options->partitions,
                         (int)PARTITIONS_MAX);
  }
  ice_status status = ICE_OK;
  if (options->lines) {
    p->lines = fopen(options->lines, "r");
    if (!p->lines) {
      return ice_error_set(err, ICE_NOT_FOUND, "%s: %s", options->lines, strerror(errno));
    }
  }
  if (options->ledger) {
    status = port->files.open(port->files.context, options->ledger, ICE_FILE_READ_APPEND, &p->ledger, err);
  }
  for (int32_t i = 0; status == ICE_OK && i < options->partitions; i++) {
    status = ice_segment_writer_open(port, options->directory, options->topic, i, &p->writers[i], err);
  }
  return status;
}

static void close_producer(producer *p) {
  const ice_port *port = ice_port_system();
  for (int32_t i = 0; i < p->options->partitions && i < PARTITIONS_MAX; i++) {
    ice_segment_writer_close(p->writers[i]);
  }
  if (p->ledger >= 0) {
    port->files.close(port->files.context, p->ledger);
  }
  if (p->lines) {
    fclose(p->lines);
  }
  free(p->line);
  ice_record_batch_builder_deinit(&p->builder);
  ice_bytes_deinit(&p->message);
  ice_bytes_deinit(&p->ledger_line);
}

static ice_status add_ledger_line(producer *p, int32_t partition, int64_t offset, const ice_health_verdict *verdict,
                                  ice_error *err) {
  if (p->ledger < 0) {
    return ICE_OK;
  }
  return ice_bytes_append_format(
      &p->ledger_line, err,
      "{\"partition\":%d,\"offset\":%lld,\"elements\":%d,\"rows\":%d,\"filtered\":%d,\"error_type\":%s%s%s,"
      "\"element_index\":%d}\n",
      partition, (long long)offset, verdict->elements, verdict->rows, verdict->filtered,
      verdict->error_type ? "\"" : "", verdict->error_type ? verdict->error_type : "null",
      verdict->error_type ? "\"" : "", verdict->element_index);
}

// The value of the next message; false at the end of the lines.
static bool next_value(producer *p, int32_t partition, int64_t offset, ice_status *status, ice_error *err) {
  const ice_gen_options *options = p->options;
  ice_bytes_clear(&p->message);
  if (p->lines) {
    ssize_t size = getline(&p->line, &p->line_capacity, p->lines);
    if (size < 0) {
      *status = ferror(p->lines) ? ice_error_set(err, ICE_IO, "%s: cannot be read", options->lines) : ICE_OK;
      return false;
    }
    size -= size > 0 && p->line[size - 1] == '\n';
    *status = ice_bytes_append(&p->message, p->line, (size_t)size, err);
    return *status == ICE_OK;
  }
  ice_health_generator generator = {
      .seed = options->seed, .bad_per_10000 = options->bad_per_10000, .json = options->json};
  ice_health_verdict verdict;
  *status = ice_health_generate(&generator, partition, offset, &p->message, &verdict, err);
  if (*status == ICE_OK) {
    *status = add_ledger_line(p, partition, offset, &verdict, err);
  }
  return *status == ICE_OK;
}

// The ledger is written before the batch: a killed producer may promise records that are not there, never the reverse.
static ice_status write_batch(producer *p, int32_t partition, int64_t *count, ice_error *err) {
  const ice_port *port = ice_port_system();
  int64_t offset = ice_segment_writer_next(p->writers[partition]);
  int64_t added = 0;
  ice_status status = ICE_OK;
  ice_bytes_clear(&p->ledger_line);
  for (; added < *count && next_value(p, partition, offset + added, &status, err); added++) {
    char key[32];
    long long number = offset + added;
    int size = snprintf(key, sizeof key, "%lld", number);
    int64_t now_ms = port->clock.now_us(port->clock.context) / 1000;
    ICE_TRY(ice_record_batch_builder_add(&p->builder, now_ms, ice_str_make(key, (size_t)size),
                                         ice_bytes_str(&p->message), err));
  }
  *count = added;
  if (status != ICE_OK || added == 0) {
    goto done;
  }
  if (p->ledger >= 0) {
    ICE_TRY(port->files.write(port->files.context, p->ledger, p->ledger_line.data, p->ledger_line.size, err));
  }
  ICE_TRY(ice_segment_writer_append(p->writers[partition], &p->builder, p->options->codec, err));
done:
  return status;
}

static void pace(const ice_gen_options *options, int64_t begin_us, int64_t written) {
  const ice_port *port = ice_port_system();
  int64_t due_us = begin_us + options->pace_ms * 1000 * written / options->messages;
  int64_t wait_us = due_us - port->clock.monotonic_us(port->clock.context);
  if (options->pace_ms > 0 && wait_us > 0) {
    struct timespec time = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    nanosleep(&time, NULL);
  }
}

ice_status ice_gen_write(const ice_gen_options *options, int64_t *written, ice_error *err) {
  const ice_port *port = ice_port_system();
  *written = 0;
  producer *p = calloc(1, sizeof *p);
  if (!p) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the generator");
  }
  p->options = options;
  int64_t begin_us = port->clock.monotonic_us(port->clock.context);
  int32_t partition = 0;
  ice_status status = ICE_OK;
  ICE_TRY(write_schema(options, err));
  ICE_TRY(open_producer(p, err));
  while (*written < options->messages && !(options->stop && *options->stop)) {
    int64_t count = options->messages - *written < BATCH_MESSAGES ? options->messages - *written : BATCH_MESSAGES;
    ICE_TRY(write_batch(p, partition, &count, err));
    if (count == 0) {
      break;
    }
    *written += count;
    partition = (partition + 1) % options->partitions;
    pace(options, begin_us, *written);
  }
  for (int32_t i = 0; i < options->partitions; i++) {
    ICE_TRY(ice_segment_writer_sync(p->writers[i], err));
  }
done:
  close_producer(p);
  free(p);
  return status;
}
