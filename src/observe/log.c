#include "observe/log.h"

#include "codec/iso8601.h"
#include "json/json_text.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 64 * 1024 };

struct ice_log {
  const ice_port *port;
  int fd;
  ice_log_level level;
  ice_log_format format;
  pthread_mutex_t lock;
  ice_bytes line;
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

bool ice_log_level_parse(ice_str text, ice_log_level *out) {
  for (size_t i = 0; i < ICE_COUNT_OF(level_names); i++) {
    ice_str name = ice_str_of(level_names[i]);
    bool same = text.size == name.size;
    for (size_t j = 0; same && j < name.size; j++) {
      same = (text.data[j] | 0x20) == name.data[j];
    }
    if (same) {
      *out = (ice_log_level)i;
      return true;
    }
  }
  return false;
}

ice_status ice_log_create(const ice_port *port, int fd, ice_log_level level, ice_log_format format, ice_log **out,
                          ice_error *err) {
  *out = NULL;
  ice_log *log = calloc(1, sizeof *log);
  if (!log) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the log");
  }
  *log = (ice_log){.port = port, .fd = fd, .level = level, .format = format};
  pthread_mutex_init(&log->lock, NULL);
  ice_bytes_init(&log->line, LINE_MAX_SIZE);
  *out = log;
  return ICE_OK;
}

void ice_log_destroy(ice_log *log) {
  if (log) {
    pthread_mutex_destroy(&log->lock);
    ice_bytes_deinit(&log->line);
    free(log);
  }
}

ice_status ice_log_append_text(ice_bytes *line, ice_str message, const ice_log_field *fields, size_t count) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(line, message, NULL));
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(ice_bytes_append_format(line, NULL, " %s=", fields[i].name));
    if (!fields[i].text.data) {
      ICE_TRY(ice_bytes_append_format(line, NULL, "%lld", (long long)fields[i].number));
    } else if (memchr(fields[i].text.data, ' ', fields[i].text.size)) {
      ICE_TRY(ice_json_append_string(line, fields[i].text, NULL));
    } else {
      ICE_TRY(ice_bytes_append_str(line, fields[i].text, NULL));
    }
  }
done:
  return status;
}

static ice_status format_text(ice_bytes *line, const char *time, ice_log_level level, ice_str message,
                              const ice_log_field *fields, size_t count) {
  ice_status status = ice_bytes_append_format(line, NULL, "%s %-5s ", time, level_names[level]);
  return status == ICE_OK ? ice_log_append_text(line, message, fields, count) : status;
}

static ice_status format_json(ice_bytes *line, const char *time, ice_log_level level, ice_str message,
                              const ice_log_field *fields, size_t count) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(line, NULL, "{\"timestamp\":\"%s\",\"level\":\"%s\",\"message\":", time,
                                  level_names[level]));
  ICE_TRY(ice_json_append_string(line, message, NULL));
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(ice_bytes_append_format(line, NULL, ",\"%s\":", fields[i].name));
    if (fields[i].text.data) {
      ICE_TRY(ice_json_append_string(line, fields[i].text, NULL));
    } else {
      ICE_TRY(ice_bytes_append_format(line, NULL, "%lld", (long long)fields[i].number));
    }
  }
  ICE_TRY(ice_bytes_append_u8(line, '}', NULL));
done:
  return status;
}

void ice_log_event(ice_log *log, ice_log_level level, ice_str message, const ice_log_field *fields,
                   size_t field_count) {
  if (level < log->level) {
    return;
  }
  char time[ICE_ISO8601_SIZE + 1];
  int64_t now_ms = log->port->clock.now_us(log->port->clock.context) / 1000;
  size_t size = ice_iso8601_format_timestamp(now_ms * 1000, time);
  memcpy(time + size, "Z", 2);
  pthread_mutex_lock(&log->lock);
  ice_bytes_clear(&log->line);
  ice_status status = log->format == ICE_LOG_JSON_LINES
                          ? format_json(&log->line, time, level, message, fields, field_count)
                          : format_text(&log->line, time, level, message, fields, field_count);
  if (status == ICE_OK) {
    status = ice_bytes_append_u8(&log->line, '\n', NULL);
  }
  if (status == ICE_OK) {
    // Where the line cannot be written there is nobody left to tell.
    (void)!write(log->fd, log->line.data, log->line.size);
  }
  pthread_mutex_unlock(&log->lock);
}
