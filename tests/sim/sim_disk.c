// A disk: names and contents, and of each what a machine that loses its power would still have. Spill files are on it too.
#include "sim.h"

#include "base/map.h"
#include <stdlib.h>

enum { NAMES_MAX = 100000, HANDLES_MAX = 128, FILE_BYTES_MAX = 1 << 28 };

/// The contents of a file; lives while it has a name or a handle.
typedef struct inode {
  ice_bytes data;
  size_t durable;  ///< bytes that were synced
  uint32_t users;
} inode;

/// A name, kept after its removal: the removal may not be durable.
typedef struct name {
  inode *file;  ///< NULL: a directory
  bool present;
  bool durable;  ///< whether it is, on the platter
} name;

struct sim_disk {
  ice_map names;
  inode *handles[HANDLES_MAX];
};

// Inodes and names ------------------------------------------------------------------------------------------------------

static void release(inode *file) {
  if (file && --file->users == 0) {
    ice_bytes_deinit(&file->data);
    free(file);
  }
}

static ice_str parent_of(ice_str path) {
  size_t size = path.size;
  while (size > 0 && path.data[size - 1] != '/') {
    size--;
  }
  return ice_str_make(path.data, size > 1 ? size - 1 : size);
}

static name *find(const sim_disk *disk, ice_str path) {
  name *found = ice_map_get(&disk->names, path);
  return found && found->present ? found : NULL;
}

static bool is_directory(const sim_disk *disk, ice_str path) {
  const name *found = find(disk, path);
  return ice_str_equal_c(path, "/") || (found && !found->file);
}

static ice_status put_name(sim_disk *disk, ice_str path, inode *file, ice_error *err) {
  name *known = ice_map_get(&disk->names, path);
  if (!known) {
    known = calloc(1, sizeof *known);
    ice_status status =
        known ? ice_map_put(&disk->names, path, known, err) : ice_error_set(err, ICE_NO_MEMORY, "out of memory");
    if (status != ICE_OK) {
      free(known);
      return status;
    }
  }
  release(known->file);
  known->file = file;
  known->present = true;
  if (file) {
    file->users++;
  }
  return ICE_OK;
}

sim_disk *sim_disk_create(void) {
  sim_disk *disk = calloc(1, sizeof *disk);
  if (disk) {
    ice_map_init(&disk->names, NAMES_MAX);
  }
  return disk;
}

void sim_disk_destroy(sim_disk *disk) {
  if (!disk) {
    return;
  }
  for (size_t i = 0; i < disk->names.count; i++) {
    name *known = disk->names.entries[i].value;
    release(known->file);
    free(known);
  }
  ice_map_deinit(&disk->names);
  free(disk);
}

// A name whose directory is gone is gone.
static bool is_reachable(const sim_disk *disk, ice_str path) {
  for (ice_str at = parent_of(path); at.size > 1; at = parent_of(at)) {
    if (!is_directory(disk, at)) {
      return false;
    }
  }
  return true;
}

// What was not synced is there or not, as it happened to be written; of contents a part.
void sim_disk_lose_power(sim *world) {
  sim_disk *disk = world->disk;
  for (size_t i = 0; i < disk->names.count; i++) {
    name *known = disk->names.entries[i].value;
    if (known->present != known->durable) {
      known->present = sim_draw(world, 2) == 0;
      known->durable = known->present;
    }
    inode *file = known->file;
    if (file && file->durable < file->data.size) {
      file->data.size = file->durable + (size_t)sim_draw(world, (int64_t)(file->data.size - file->durable) + 1);
      file->durable = file->data.size;
    }
  }
  for (size_t i = 0; i < disk->names.count; i++) {
    name *known = disk->names.entries[i].value;
    if (!is_reachable(disk, disk->names.entries[i].key)) {
      known->present = false;
      known->durable = false;
    }
  }
}

// Calls -----------------------------------------------------------------------------------------------------------------

static sim_disk *disk_of(void *context) { return ((sim_system *)context)->world->disk; }

// Trouble of a process' call; the world's own calls have none.
static ice_status begin(void *context, sim_kind kind, ice_error *err) {
  sim_process *process = ((sim_system *)context)->process;
  if (!process) {
    return ICE_OK;
  }
  if (!sim_enter(process, SIM_COST_STORE)) {
    return sim_dead(err);
  }
  return sim_happens(process->world, kind) ? sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "No space left on device", err)
                                           : ICE_OK;
}

static ice_status finish(void *context, ice_status status, ice_error *err) {
  sim_process *process = ((sim_system *)context)->process;
  return !process || sim_leave(process, SIM_COST_STORE) ? status : sim_dead(err);
}

static ice_status missing(const char *path, ice_error *err) {
  return ice_error_set(err, ICE_NOT_FOUND, "%s: No such file or directory", path);
}

static ice_status taken(const char *path, ice_error *err) {
  return ice_error_set(err, ICE_ALREADY_EXISTS, "%s: File exists", path);
}

static ice_status take_handle(sim_disk *disk, inode *file, ice_file *out, ice_error *err) {
  for (int i = 0; i < HANDLES_MAX; i++) {
    if (!disk->handles[i]) {
      disk->handles[i] = file;
      file->users++;
      *out = i;
      return ICE_OK;
    }
  }
  return ice_error_set(err, ICE_LIMIT, "too many open files");
}

static ice_status make_file(sim_disk *disk, const char *path, bool named, ice_file *out, ice_error *err) {
  inode *file = calloc(1, sizeof *file);
  if (!file) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a file");
  }
  ice_bytes_init(&file->data, FILE_BYTES_MAX);
  file->users = 1;
  ice_status status = named ? put_name(disk, ice_str_of(path), file, err) : ICE_OK;
  if (status == ICE_OK) {
    status = take_handle(disk, file, out, err);
  }
  release(file);
  return status;
}

static ice_status open_named(sim_disk *disk, const char *path, ice_file_mode mode, ice_file *out, ice_error *err) {
  const name *known = find(disk, ice_str_of(path));
  if (mode == ICE_FILE_CREATE_NEW) {
    if (known) {
      return taken(path, err);
    }
    return is_directory(disk, parent_of(ice_str_of(path))) ? make_file(disk, path, true, out, err)
                                                           : missing(path, err);
  }
  return known && known->file ? take_handle(disk, known->file, out, err) : missing(path, err);
}

static ice_status disk_open(void *context, const char *path, ice_file_mode mode, ice_file *out, ice_error *err) {
  sim_system *system = context;
  *out = -1;
  bool temporary = mode == ICE_FILE_TEMPORARY;
  ice_status status = begin(context, temporary ? SIM_SPILL_FAILS : SIM_STORE_FAILS, err);
  if (status == ICE_OK) {
    status = temporary ? make_file(system->world->disk, path, false, out, err)
                       : open_named(system->world->disk, path, mode, out, err);
  }
  if (status == ICE_OK && system->process) {
    system->process->open_files++;
  }
  return status;
}

// Closing is no call that fails: the system does it for a dead process too.
static void disk_close(void *context, ice_file file) {
  sim_system *system = context;
  sim_disk *disk = system->world->disk;
  release(disk->handles[file]);
  disk->handles[file] = NULL;
  if (system->process) {
    system->process->open_files--;
  }
}

static ice_status disk_read_at(void *context, ice_file file, int64_t offset, void *data, size_t size, size_t *got,
                               ice_error *err) {
  *got = 0;
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  if (status != ICE_OK) {
    return status;
  }
  const ice_bytes *bytes = &disk_of(context)->handles[file]->data;
  size_t left = (size_t)offset < bytes->size ? bytes->size - (size_t)offset : 0;
  *got = left < size ? left : size;
  if (*got > 0) {
    memcpy(data, bytes->data + offset, *got);
  }
  return ICE_OK;
}

static ice_status disk_write(void *context, ice_file file, const void *data, size_t size, ice_error *err) {
  ice_bytes *bytes = &disk_of(context)->handles[file]->data;
  ice_status status = begin(context, SIM_SPILL_FAILS, err);
  // Half of it arrives where the disk fills up.
  ice_status written = ice_bytes_append(bytes, data, status == ICE_OK ? size : size / 2, err);
  return finish(context, status != ICE_OK ? status : written, err);
}

static ice_status disk_sync(void *context, ice_file file, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  if (status == ICE_OK) {
    inode *synced = disk_of(context)->handles[file];
    synced->durable = synced->data.size;
  }
  return finish(context, status, err);
}

static ice_status disk_sync_directory(void *context, const char *path, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  sim_disk *disk = disk_of(context);
  for (size_t i = 0; status == ICE_OK && i < disk->names.count; i++) {
    if (ice_str_equal_c(parent_of(disk->names.entries[i].key), path)) {
      name *known = disk->names.entries[i].value;
      known->durable = known->present;
    }
  }
  return finish(context, status, err);
}

static ice_status disk_link(void *context, const char *from, const char *to, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  sim_disk *disk = disk_of(context);
  const name *known = find(disk, ice_str_of(from));
  if (status == ICE_OK) {
    status = !known                       ? missing(from, err)
             : find(disk, ice_str_of(to)) ? taken(to, err)
                                          : put_name(disk, ice_str_of(to), known->file, err);
  }
  return finish(context, status, err);
}

static ice_status disk_unlink(void *context, const char *path, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  name *known = find(disk_of(context), ice_str_of(path));
  if (status == ICE_OK) {
    status = known && known->file ? ICE_OK : missing(path, err);
  }
  if (status == ICE_OK) {
    known->present = false;
    sim_trace(((sim_system *)context)->world, "deletes %s", path);
  }
  return finish(context, status, err);
}

static ice_status disk_make_directories(void *context, const char *path, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  ice_str whole = ice_str_of(path);
  for (size_t i = 1; status == ICE_OK && i <= whole.size; i++) {
    ice_str part = ice_str_make(path, i);
    if ((i == whole.size || path[i] == '/') && !find(disk_of(context), part)) {
      status = put_name(disk_of(context), part, NULL, err);
    }
  }
  return finish(context, status, err);
}

static ice_status disk_stat(void *context, const char *path, ice_file_info *out, ice_error *err) {
  ice_status status = begin(context, SIM_STORE_FAILS, err);
  const name *known = find(disk_of(context), ice_str_of(path));
  *out = (ice_file_info){.kind = ICE_FILE_KIND_DIRECTORY};
  if (status == ICE_OK && !known) {
    status = missing(path, err);
  } else if (status == ICE_OK && known->file) {
    *out = (ice_file_info){.kind = ICE_FILE_KIND_REGULAR, .size = (int64_t)known->file->data.size};
  }
  return status;
}

ice_files sim_disk_files(sim_system *system) {
  return (ice_files){.context = system,
                     .open = disk_open,
                     .close = disk_close,
                     .read_at = disk_read_at,
                     .write = disk_write,
                     .sync = disk_sync,
                     .sync_directory = disk_sync_directory,
                     .link = disk_link,
                     .unlink = disk_unlink,
                     .make_directories = disk_make_directories,
                     .stat = disk_stat};
}
