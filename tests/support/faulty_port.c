#include "faulty_port.h"

#include <errno.h>

static const ice_files *real(void) { return &ice_port_system()->files; }

static bool fails(void *context) {
  faulty_port *faulty = context;
  int64_t call = atomic_fetch_add(&faulty->calls, 1) + 1;
  return faulty->fail_at > 0 && (call == faulty->fail_at || (faulty->for_good && call > faulty->fail_at));
}

static ice_status fail_read(ice_error *err, const char *call) {
  ice_error_set(err, ICE_IO, "%s: injected: Input/output error", call);
  if (err) {
    err->origin_code = EIO;
  }
  return ICE_IO;
}

static ice_status fail(ice_error *err, const char *call) {
  ice_error_set(err, ICE_IO, "%s: injected: No space left on device", call);
  if (err) {
    err->origin_code = ENOSPC;
    err->flags = ICE_ERROR_RETRYABLE;
  }
  return ICE_IO;
}

static ice_status faulty_open(void *context, const char *path, ice_file_mode mode, ice_file *out, ice_error *err) {
  *out = -1;
  if (fails(context)) {
    return mode == ICE_FILE_READ ? fail_read(err, "open") : fail(err, "create");
  }
  return real()->open(NULL, path, mode, out, err);
}

static void faulty_close(void *context, ice_file file) {
  (void)context;
  real()->close(NULL, file);
}

static ice_status faulty_read_at(void *context, ice_file file, int64_t offset, void *data, size_t size, size_t *got,
                                 ice_error *err) {
  *got = 0;
  return fails(context) ? fail_read(err, "read") : real()->read_at(NULL, file, offset, data, size, got, err);
}

// Half of the bytes arrive, as when the disk fills up in the middle of a write.
static ice_status faulty_write(void *context, ice_file file, const void *data, size_t size, ice_error *err) {
  if (fails(context)) {
    (void)!real()->write(NULL, file, data, size / 2, NULL);
    return fail(err, "write");
  }
  return real()->write(NULL, file, data, size, err);
}

static ice_status faulty_truncate(void *context, ice_file file, int64_t size, ice_error *err) {
  return fails(context) ? fail(err, "truncate") : real()->truncate(NULL, file, size, err);
}

static ice_status faulty_sync(void *context, ice_file file, ice_error *err) {
  return fails(context) ? fail(err, "fsync") : real()->sync(NULL, file, err);
}

static ice_status faulty_sync_directory(void *context, const char *path, ice_error *err) {
  return fails(context) ? fail(err, "fsync of a directory") : real()->sync_directory(NULL, path, err);
}

static ice_status faulty_link(void *context, const char *from, const char *to, ice_error *err) {
  return fails(context) ? fail(err, "link") : real()->link(NULL, from, to, err);
}

static ice_status faulty_rename(void *context, const char *from, const char *to, ice_error *err) {
  return fails(context) ? fail(err, "rename") : real()->rename(NULL, from, to, err);
}

static ice_status faulty_unlink(void *context, const char *path, ice_error *err) {
  return fails(context) ? fail(err, "unlink") : real()->unlink(NULL, path, err);
}

static ice_status faulty_make_directories(void *context, const char *path, ice_error *err) {
  return fails(context) ? fail(err, "mkdir") : real()->make_directories(NULL, path, err);
}

static ice_status faulty_stat(void *context, const char *path, ice_file_info *out, ice_error *err) {
  return fails(context) ? fail_read(err, "stat") : real()->stat(NULL, path, out, err);
}

static ice_status faulty_list(void *context, const char *path, ice_file_visit visit, void *visit_context,
                              ice_error *err) {
  return fails(context) ? fail_read(err, "list") : real()->list(NULL, path, visit, visit_context, err);
}

void faulty_port_init(faulty_port *faulty, int64_t fail_at, bool for_good) {
  faulty->port = *ice_port_system();
  faulty->fail_at = fail_at;
  faulty->for_good = for_good;
  atomic_init(&faulty->calls, 0);
  faulty->port.files = (ice_files){.context = faulty,
                                   .open = faulty_open,
                                   .close = faulty_close,
                                   .read_at = faulty_read_at,
                                   .write = faulty_write,
                                   .truncate = faulty_truncate,
                                   .sync = faulty_sync,
                                   .sync_directory = faulty_sync_directory,
                                   .link = faulty_link,
                                   .rename = faulty_rename,
                                   .unlink = faulty_unlink,
                                   .make_directories = faulty_make_directories,
                                   .stat = faulty_stat,
                                   .list = faulty_list};
}
