#include "source/schema_registry.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct schema_directory {
  ice_schema_registry base;
  const ice_port *port;
  char *directory;
} schema_directory;

static schema_directory *self_of(ice_schema_registry *registry) { return (schema_directory *)(void *)registry; }

static ice_status read_schema(const schema_directory *self, uint32_t id, const char *ending, ice_bytes *text,
                              ice_error *err) {
  char path[PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/%u.%s", self->directory, id, ending);
  if (size < 0 || (size_t)size >= sizeof path) {
    return ice_error_set(err, ICE_LIMIT, "path too long: %s", self->directory);
  }
  return ice_port_read_file(self->port, path, text, err);
}

static ice_status directory_find(ice_schema_registry *registry, uint32_t id, ice_schema_language *language,
                                 ice_bytes *text, ice_error *err) {
  const schema_directory *self = self_of(registry);
  // A directory that is gone says nothing about the id; only a missing file in it does.
  ice_file_info info;
  ice_status status = self->port->files.stat(self->port->files.context, self->directory, &info, err);
  if (status == ICE_NOT_FOUND) {
    if (err) {
      err->status = ICE_IO;
      err->flags |= ICE_ERROR_RETRYABLE;
    }
    return ICE_IO;
  }
  if (status != ICE_OK) {
    return status;
  }
  *language = ICE_SCHEMA_AVRO;
  status = read_schema(self, id, "avsc", text, err);
  if (status == ICE_NOT_FOUND) {
    *language = ICE_SCHEMA_JSON;
    status = read_schema(self, id, "json", text, err);
  }
  return status;
}

static void directory_destroy(ice_schema_registry *registry) {
  schema_directory *self = self_of(registry);
  free(self->directory);
  free(self);
}

static const ice_schema_registry_interface directory_interface = {.find = directory_find,
                                                                  .destroy = directory_destroy};

ice_status ice_schema_directory_open(const ice_port *port, const char *directory, ice_schema_registry **out,
                                     ice_error *err) {
  *out = NULL;
  schema_directory *self = calloc(1, sizeof *self);
  char *copy = strdup(directory);
  if (!self || !copy) {
    free(self);
    free(copy);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a schema directory");
  }
  *self = (schema_directory){.base.interface = &directory_interface, .port = port, .directory = copy};
  *out = &self->base;
  return ICE_OK;
}
