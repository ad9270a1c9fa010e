// File operations that are made of the table's own calls.
#include "port/port.h"

#include <limits.h>
#include <stdio.h>

enum { READ_STEP = 1 << 20 };

int64_t ice_port_jitter(const ice_port *port, int64_t delay_ms) {
  uint16_t random = 0;
  if (port->random.fill(port->random.context, &random, sizeof random, NULL) != ICE_OK) {
    random = 0;
  }
  return delay_ms / 2 + delay_ms * random / 2 / UINT16_MAX;
}

ice_status ice_port_read_file(const ice_port *port, const char *path, ice_bytes *out, ice_error *err) {
  const ice_files *files = &port->files;
  ice_file file = -1;
  ice_status status = ICE_OK;
  ice_file_info info = {0};
  ICE_TRY(files->stat(files->context, path, &info, err));
  ICE_TRY(files->open(files->context, path, ICE_FILE_READ, &file, err));
  size_t step = info.size > 0 && info.size < READ_STEP ? (size_t)info.size + 1 : READ_STEP;
  int64_t offset = 0;
  for (;;) {
    size_t room = out->size_max - out->size < step ? out->size_max - out->size + 1 : step;
    status = ice_bytes_reserve(out, room > out->size_max - out->size ? room - 1 : room, err);
    if (status != ICE_OK) {
      goto done;
    }
    size_t capacity = out->capacity - out->size;
    size_t got = 0;
    if (capacity == 0) {
      unsigned char beyond;
      ICE_TRY(files->read_at(files->context, file, offset, &beyond, 1, &got, err));
      if (got != 0) {
        ICE_FAIL(ICE_LIMIT, "%s is larger than the limit of %zu bytes", path, out->size_max);
      }
      break;
    }
    size_t wanted = capacity < step ? capacity : step;
    ICE_TRY(files->read_at(files->context, file, offset, out->data + out->size, wanted, &got, err));
    out->size += got;
    offset += (int64_t)got;
    if (got < wanted) {
      break;
    }
  }
done:
  if (file >= 0) {
    files->close(files->context, file);
  }
  return status;
}

static void directory_of(const char *path, char *out, size_t size) {
  const char *slash = strrchr(path, '/');
  if (!slash) {
    snprintf(out, size, ".");
  } else {
    snprintf(out, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  }
}

ice_status ice_port_write_new_file(const ice_port *port, const char *path, const void *data, size_t size,
                                   ice_error *err) {
  const ice_files *files = &port->files;
  char directory[PATH_MAX];
  char temporary[PATH_MAX];
  uint8_t random[8];
  ice_file file = -1;
  bool made = false;
  ice_status status = ICE_OK;
  directory_of(path, directory, sizeof directory);
  ICE_TRY(port->random.fill(port->random.context, random, sizeof random, err));
  int length = snprintf(temporary, sizeof temporary, "%s.%02x%02x%02x%02x%02x%02x%02x%02x.tmp", path, random[0],
                        random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
  if (length < 0 || (size_t)length >= sizeof temporary) {
    ICE_FAIL(ICE_LIMIT, "path of %zu bytes is too long: %s", strlen(path), path);
  }
  ICE_TRY(files->open(files->context, temporary, ICE_FILE_CREATE_NEW, &file, err));
  made = true;
  ICE_TRY(files->write(files->context, file, data, size, err));
  ICE_TRY(files->sync(files->context, file, err));
  ICE_TRY(files->link(files->context, temporary, path, err));
  ICE_TRY(files->unlink(files->context, temporary, err));
  made = false;
  ICE_TRY(files->sync_directory(files->context, directory, err));
done:
  if (file >= 0) {
    files->close(files->context, file);
  }
  if (made) {
    // The first error counts; a left-over temporary file is no part of any table.
    (void)!files->unlink(files->context, temporary, NULL);
  }
  return status;
}
