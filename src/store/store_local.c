#include "store/store_local.h"

#include "base/map.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { KNOWN_DIRECTORIES_MAX = 1 << 16, LIST_DEPTH_MAX = 32 };

typedef struct local_store {
  ice_store base;
  const ice_port *port;
  char **roots;
  size_t root_count;
  /// Directories that are there and whose names are durable. The lock covers this map alone.
  pthread_mutex_t lock;
  ice_map known;
} local_store;

typedef struct local_upload {
  ice_upload base;
  local_store *store;
  ice_file file;
  char *path;
  char *temporary;
  bool made;
} local_upload;

static local_store *store_of(ice_store *store) { return (local_store *)(void *)store; }
static local_upload *upload_of(ice_upload *upload) { return (local_upload *)(void *)upload; }

ice_status ice_location_path(ice_str location, ice_bytes *out, ice_error *err) {
  ice_str path = location;
  if (ice_str_starts_with(path, ICE_STR("file:"))) {
    path = ice_str_make(path.data + 5, path.size - 5);
    // file:/p, file:///p and file://localhost/p are the same; only an empty authority is written by anybody here.
    if (ice_str_starts_with(path, ICE_STR("//"))) {
      path = ice_str_make(path.data + 2, path.size - 2);
    }
  }
  if (path.size == 0 || path.data[0] != '/' || path.size >= PATH_MAX || memchr(path.data, 0, path.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%.*s\" is no absolute path of the local file system",
                         ICE_STR_ARG(location));
  }
  for (size_t from = 1; from < path.size;) {
    const char *slash = memchr(path.data + from, '/', path.size - from);
    size_t end = slash ? (size_t)(slash - path.data) : path.size;
    ice_str step = ice_str_make(path.data + from, end - from);
    if (step.size == 0 || ice_str_equal_c(step, "..") || ice_str_equal_c(step, ".")) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%.*s\" has an empty, \".\" or \"..\" step",
                           ICE_STR_ARG(location));
    }
    from = end + 1;
  }
  ice_status status = ice_bytes_append_str(out, path, err);
  return status == ICE_OK && !ice_bytes_c_str(out, err) ? ICE_NO_MEMORY : status;
}

static bool under_root(const local_store *self, ice_str path) {
  for (size_t i = 0; i < self->root_count; i++) {
    ice_str root = ice_str_of(self->roots[i]);
    if (ice_str_starts_with(path, root) && (path.size == root.size || path.data[root.size] == '/')) {
      return true;
    }
  }
  return false;
}

// The path of a location that this store may touch, with a terminator.
static ice_status checked_path(const local_store *self, ice_str location, ice_bytes *out, ice_error *err) {
  ice_bytes_init(out, PATH_MAX);
  ice_status status = ice_location_path(location, out, err);
  if (status == ICE_OK && !under_root(self, ice_bytes_str(out))) {
    status = ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "%.*s is outside the warehouse; list its place in catalog.allowed_locations",
                           ICE_STR_ARG(location));
  }
  return status;
}

static bool is_known(local_store *self, ice_str path) {
  pthread_mutex_lock(&self->lock);
  bool known = ice_map_get(&self->known, path) != NULL;
  pthread_mutex_unlock(&self->lock);
  return known;
}

static ice_status remember(local_store *self, ice_str path, ice_error *err) {
  pthread_mutex_lock(&self->lock);
  ice_status status = ICE_OK;
  if (self->known.count >= KNOWN_DIRECTORIES_MAX) {
    ice_map_deinit(&self->known);
  }
  status = ice_map_put(&self->known, path, self, err);
  pthread_mutex_unlock(&self->lock);
  return status;
}

// Makes one directory where it is missing, and its name durable: within the roots also that of one that is there, because whoever
// made it may have died before the name was.
static ice_status ensure_step(local_store *self, const char *path, const char *parent, ice_error *err) {
  const ice_files *files = &self->port->files;
  ice_file_info info;
  ice_error cause = {0};
  ice_status status = files->stat(files->context, path, &info, &cause);
  bool made = status == ICE_NOT_FOUND;
  if (made) {
    status = files->make_directories(files->context, path, &cause);
  }
  if (status == ICE_OK && (made || under_root(self, ice_str_of(path)))) {
    status = files->sync_directory(files->context, parent, &cause);
    // What the warehouse lies in is somebody else's, and need not be readable.
    status = !made && cause.origin_code == EACCES ? ICE_OK : status;
  }
  if (status != ICE_OK && err) {
    *err = cause;
  }
  return status;
}

// Makes a directory with all above it, from the top down.
static ice_status ensure_directory(local_store *self, const char *path, ice_error *err) {
  ice_str whole = ice_str_of(path);
  if (is_known(self, whole)) {
    return ICE_OK;
  }
  char part[PATH_MAX];
  char parent[PATH_MAX] = "/";
  ice_status status = ICE_OK;
  for (size_t i = 1; i <= whole.size; i++) {
    if (i < whole.size && path[i] != '/') {
      continue;
    }
    memcpy(part, path, i);
    part[i] = '\0';
    if (!is_known(self, ice_str_of(part))) {
      ICE_TRY(ensure_step(self, part, parent, err));
      ICE_TRY(remember(self, ice_str_of(part), err));
    }
    memcpy(parent, part, i + 1);
  }
done:
  return status;
}

static ice_status upload_write(ice_upload *upload, const void *data, size_t size, ice_error *err) {
  local_upload *self = upload_of(upload);
  const ice_files *files = &self->store->port->files;
  return files->write(files->context, self->file, data, size, err);
}

static ice_status upload_submit(ice_upload *upload, ice_error *err) {
  (void)upload;
  (void)err;
  return ICE_OK;
}

static void split_directory(const char *path, char out[PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  size_t size = slash == path ? 1 : (size_t)(slash - path);
  memcpy(out, path, size);
  out[size] = '\0';
}

static ice_status upload_poll(ice_upload *upload, bool *complete, ice_error *err) {
  local_upload *self = upload_of(upload);
  const ice_files *files = &self->store->port->files;
  char directory[PATH_MAX];
  ice_status status = ICE_OK;
  *complete = false;
  ICE_TRY(files->sync(files->context, self->file, err));
  ICE_TRY(files->link(files->context, self->temporary, self->path, err));
  ICE_TRY(files->unlink(files->context, self->temporary, err));
  self->made = false;
  split_directory(self->path, directory);
  ICE_TRY(files->sync_directory(files->context, directory, err));
  *complete = true;
done:
  return status;
}

static void upload_destroy(ice_upload *upload) {
  local_upload *self = upload_of(upload);
  const ice_files *files = &self->store->port->files;
  if (self->file >= 0) {
    files->close(files->context, self->file);
  }
  if (self->made) {
    // Nothing refers to a temporary name; one that cannot be deleted is found by `maintain orphans`.
    (void)!files->unlink(files->context, self->temporary, NULL);
  }
  free(self->path);
  free(self->temporary);
  free(self);
}

static const ice_upload_interface upload_interface = {
    .write = upload_write, .submit = upload_submit, .poll = upload_poll, .destroy = upload_destroy};

static ice_status local_create(ice_store *store, ice_str location, ice_upload **out, ice_error *err) {
  local_store *self = store_of(store);
  const ice_files *files = &self->port->files;
  *out = NULL;
  ice_status status = ICE_OK;
  ice_bytes path;
  char directory[PATH_MAX];
  char name[PATH_MAX];
  uint8_t random[8];
  local_upload *upload = calloc(1, sizeof *upload);
  ICE_TRY(checked_path(self, location, &path, err));
  if (!upload) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an upload");
  }
  upload->base.interface = &upload_interface;
  upload->store = self;
  upload->file = -1;
  ICE_TRY(self->port->random.fill(self->port->random.context, random, sizeof random, err));
  upload->path = strdup((const char *)path.data);
  if (!upload->path) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a path");
  }
  split_directory(upload->path, directory);
  int size = snprintf(name, sizeof name, "%s.%02x%02x%02x%02x%02x%02x%02x%02x.tmp", upload->path, random[0],
                      random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
  if (size < 0 || (size_t)size >= sizeof name) {
    ICE_FAIL(ICE_LIMIT, "path too long: %s", upload->path);
  }
  upload->temporary = strdup(name);
  if (!upload->temporary) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a path");
  }
  ICE_TRY(ensure_directory(self, directory, err));
  ICE_TRY(files->open(files->context, upload->temporary, ICE_FILE_CREATE_NEW, &upload->file, err));
  upload->made = true;
  *out = &upload->base;
  upload = NULL;
done:
  if (upload && upload->store) {
    upload_destroy(&upload->base);
  } else {
    free(upload);
  }
  ice_bytes_deinit(&path);
  return status;
}

static ice_status local_read(ice_store *store, ice_str location, int64_t offset, void *data, size_t size,
                             ice_error *err) {
  local_store *self = store_of(store);
  const ice_files *files = &self->port->files;
  ice_file file = -1;
  ice_bytes path;
  size_t got;
  ice_status status = ICE_OK;
  ICE_TRY(checked_path(self, location, &path, err));
  ICE_TRY(files->open(files->context, (const char *)path.data, ICE_FILE_READ, &file, err));
  ICE_TRY(files->read_at(files->context, file, offset, data, size, &got, err));
  if (got != size) {
    ICE_FAIL(ICE_CORRUPT, "%.*s ends at byte %lld, %zu bytes from byte %lld are wanted", ICE_STR_ARG(location),
             (long long)(offset + (int64_t)got), size, (long long)offset);
  }
done:
  if (file >= 0) {
    files->close(files->context, file);
  }
  ice_bytes_deinit(&path);
  return status;
}

static ice_status local_stat(ice_store *store, ice_str location, int64_t *size, ice_error *err) {
  local_store *self = store_of(store);
  ice_bytes path;
  ice_file_info info = {0};
  ice_status status = ICE_OK;
  ICE_TRY(checked_path(self, location, &path, err));
  ICE_TRY(self->port->files.stat(self->port->files.context, (const char *)path.data, &info, err));
  if (info.kind != ICE_FILE_KIND_REGULAR) {
    ICE_FAIL(ICE_NOT_FOUND, "%.*s is no file", ICE_STR_ARG(location));
  }
  *size = info.size;
done:
  ice_bytes_deinit(&path);
  return status;
}

static ice_status local_remove(ice_store *store, ice_str location, ice_error *err) {
  local_store *self = store_of(store);
  ice_bytes path;
  ice_status status = ICE_OK;
  ICE_TRY(checked_path(self, location, &path, err));
  ICE_TRY(self->port->files.unlink(self->port->files.context, (const char *)path.data, err));
done:
  ice_bytes_deinit(&path);
  return status;
}

typedef struct listing {
  local_store *store;
  const char *directory;
  int depth;
  ice_object_visit visit;
  void *context;
} listing;

static ice_status list_entry(void *context, const char *name, ice_file_kind kind, ice_error *err) {
  const listing *here = context;
  const ice_files *files = &here->store->port->files;
  char path[PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/%s", here->directory, name);
  if (size < 0 || (size_t)size >= sizeof path) {
    return ice_error_set(err, ICE_LIMIT, "path too long in %s", here->directory);
  }
  if (kind == ICE_FILE_KIND_DIRECTORY) {
    if (here->depth >= LIST_DEPTH_MAX) {
      return ice_error_set(err, ICE_LIMIT, "directories nest deeper than %d at %s", (int)LIST_DEPTH_MAX, path);
    }
    listing below = *here;
    below.directory = path;
    below.depth++;
    return files->list(files->context, path, list_entry, &below, err);
  }
  if (kind != ICE_FILE_KIND_REGULAR) {
    return ICE_OK;
  }
  ice_file_info info;
  ice_status status = files->stat(files->context, path, &info, err);
  if (status == ICE_NOT_FOUND) {
    return ICE_OK;
  }
  if (status != ICE_OK) {
    return status;
  }
  char location[PATH_MAX + 8];
  int length = snprintf(location, sizeof location, "file://%s", path);
  ice_object_info object = {
      .location = ice_str_make(location, (size_t)length), .size = info.size, .modified_us = info.modified_us};
  return here->visit(here->context, &object, err);
}

static ice_status local_list(ice_store *store, ice_str prefix, ice_object_visit visit, void *context,
                             ice_error *err) {
  local_store *self = store_of(store);
  ice_bytes path;
  ice_status status = ICE_OK;
  ICE_TRY(checked_path(self, prefix, &path, err));
  listing top = {.store = self, .directory = (const char *)path.data, .visit = visit, .context = context};
  status = self->port->files.list(self->port->files.context, top.directory, list_entry, &top, err);
  // A table without a file yet has no directory.
  if (status == ICE_NOT_FOUND) {
    status = ICE_OK;
  }
done:
  ice_bytes_deinit(&path);
  return status;
}

static void local_destroy(ice_store *store) {
  local_store *self = store_of(store);
  for (size_t i = 0; i < self->root_count; i++) {
    free(self->roots[i]);
  }
  free(self->roots);
  ice_map_deinit(&self->known);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

static const ice_store_interface local_interface = {
    .create = local_create,
    .read = local_read,
    .stat = local_stat,
    .remove = local_remove,
    .list = local_list,
    .destroy = local_destroy,
};

static ice_status add_root(local_store *self, ice_str root, ice_error *err) {
  ice_bytes path;
  ice_bytes_init(&path, PATH_MAX);
  while (root.size > 1 && root.data[root.size - 1] == '/') {
    root.size--;
  }
  ice_status status = ice_location_path(root, &path, err);
  if (status == ICE_OK) {
    char *copy = strdup((const char *)path.data);
    if (copy) {
      self->roots[self->root_count++] = copy;
    } else {
      status = ice_error_set(err, ICE_NO_MEMORY, "out of memory for a path");
    }
  }
  ice_bytes_deinit(&path);
  return status;
}

ice_status ice_store_local_open(const ice_port *port, const ice_str *roots, size_t root_count, ice_store **out,
                                ice_error *err) {
  *out = NULL;
  local_store *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a store");
  }
  self->base.interface = &local_interface;
  self->port = port;
  pthread_mutex_init(&self->lock, NULL);
  ice_map_init(&self->known, KNOWN_DIRECTORIES_MAX);
  ice_status status = ICE_OK;
  self->roots = calloc(root_count == 0 ? 1 : root_count, sizeof *self->roots);
  if (!self->roots) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a store");
  }
  for (size_t i = 0; i < root_count; i++) {
    ICE_TRY(add_root(self, roots[i], err));
  }
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    local_destroy(&self->base);
  }
  return status;
}
