#include "store/store_memory.h"

#include "base/map.h"
#include <stdlib.h>

enum { OBJECT_BYTES_MAX = 1 << 30 };

typedef struct memory_object {
  ice_bytes data;
  bool present;
} memory_object;

typedef struct memory_store {
  ice_store base;
  ice_map objects;  ///< location → memory_object, kept (not present) after removal
} memory_store;

typedef struct memory_upload {
  ice_upload base;
  memory_store *store;
  char *location;
  ice_bytes data;
} memory_upload;

static memory_store *store_of(ice_store *store) { return (memory_store *)(void *)store; }
static memory_upload *upload_of(ice_upload *upload) { return (memory_upload *)(void *)upload; }

static memory_object *find(const memory_store *self, ice_str location) {
  memory_object *object = ice_map_get(&self->objects, location);
  return object && object->present ? object : NULL;
}

static ice_status not_found(ice_str location, ice_error *err) {
  return ice_error_set(err, ICE_NOT_FOUND, "%.*s is not there", ICE_STR_ARG(location));
}

static ice_status upload_write(ice_upload *upload, const void *data, size_t size, ice_error *err) {
  return ice_bytes_append(&upload_of(upload)->data, data, size, err);
}

static ice_status upload_submit(ice_upload *upload, ice_error *err) {
  (void)upload;
  (void)err;
  return ICE_OK;
}

static ice_status upload_poll(ice_upload *upload, bool *complete, ice_error *err) {
  memory_upload *self = upload_of(upload);
  ice_str location = ice_str_of(self->location);
  *complete = false;
  memory_object *object = ice_map_get(&self->store->objects, location);
  if (object && object->present) {
    return ice_error_set(err, ICE_ALREADY_EXISTS, "%s is there already", self->location);
  }
  if (!object) {
    object = calloc(1, sizeof *object);
    if (!object) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an object");
    }
    ice_status status = ice_map_put(&self->store->objects, location, object, err);
    if (status != ICE_OK) {
      free(object);
      return status;
    }
  }
  object->data = self->data;
  object->present = true;
  ice_bytes_init(&self->data, OBJECT_BYTES_MAX);
  *complete = true;
  return ICE_OK;
}

static void upload_destroy(ice_upload *upload) {
  memory_upload *self = upload_of(upload);
  ice_bytes_deinit(&self->data);
  free(self->location);
  free(self);
}

static const ice_upload_interface upload_interface = {
    .write = upload_write, .submit = upload_submit, .poll = upload_poll, .destroy = upload_destroy};

static ice_status memory_create(ice_store *store, ice_str location, ice_upload **out, ice_error *err) {
  *out = NULL;
  memory_upload *upload = calloc(1, sizeof *upload);
  char *copy = strndup(location.data, location.size);
  if (!upload || !copy) {
    free(upload);
    free(copy);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an upload");
  }
  *upload = (memory_upload){.base.interface = &upload_interface, .store = store_of(store), .location = copy};
  ice_bytes_init(&upload->data, OBJECT_BYTES_MAX);
  *out = &upload->base;
  return ICE_OK;
}

static ice_status memory_read(ice_store *store, ice_str location, int64_t offset, void *data, size_t size,
                              ice_error *err) {
  const memory_object *object = find(store_of(store), location);
  if (!object) {
    return not_found(location, err);
  }
  if (offset < 0 || (uint64_t)offset > object->data.size || size > object->data.size - (size_t)offset) {
    return ice_error_set(err, ICE_CORRUPT, "%.*s has %zu bytes, %zu from byte %lld are wanted", ICE_STR_ARG(location),
                         object->data.size, size, (long long)offset);
  }
  if (size != 0) {
    memcpy(data, object->data.data + offset, size);
  }
  return ICE_OK;
}

static ice_status memory_stat(ice_store *store, ice_str location, int64_t *size, ice_error *err) {
  const memory_object *object = find(store_of(store), location);
  if (!object) {
    return not_found(location, err);
  }
  *size = (int64_t)object->data.size;
  return ICE_OK;
}

static ice_status memory_remove(ice_store *store, ice_str location, ice_error *err) {
  memory_object *object = find(store_of(store), location);
  if (!object) {
    return not_found(location, err);
  }
  ice_bytes_deinit(&object->data);
  object->present = false;
  return ICE_OK;
}

static ice_status memory_list(ice_store *store, ice_str prefix, ice_object_visit visit, void *context,
                              ice_error *err) {
  memory_store *self = store_of(store);
  for (size_t i = 0; i < self->objects.count; i++) {
    const memory_object *object = self->objects.entries[i].value;
    ice_str location = self->objects.entries[i].key;
    if (!object->present || !ice_str_starts_with(location, prefix)) {
      continue;
    }
    ice_object_info info = {.location = location, .size = (int64_t)object->data.size};
    ice_status status = visit(context, &info, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static void memory_destroy(ice_store *store) {
  memory_store *self = store_of(store);
  for (size_t i = 0; i < self->objects.count; i++) {
    memory_object *object = self->objects.entries[i].value;
    ice_bytes_deinit(&object->data);
    free(object);
  }
  ice_map_deinit(&self->objects);
  free(self);
}

static const ice_store_interface memory_interface = {
    .create = memory_create,
    .read = memory_read,
    .stat = memory_stat,
    .remove = memory_remove,
    .list = memory_list,
    .destroy = memory_destroy,
};

ice_status ice_store_memory_open(ice_store **out, ice_error *err) {
  *out = NULL;
  memory_store *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a store");
  }
  self->base.interface = &memory_interface;
  ice_map_init(&self->objects, ICE_STORE_MEMORY_OBJECTS_MAX);
  *out = &self->base;
  return ICE_OK;
}
