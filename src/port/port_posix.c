#include "port/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static ice_status fail_errno(ice_error *err, const char *action, const char *path, int code) {
  char text[128];
  const char *cause = strerror_r(code, text, sizeof text);
  ice_status status = code == ENOENT   ? ICE_NOT_FOUND
                      : code == EEXIST ? ICE_ALREADY_EXISTS
                      : code == ENOMEM ? ICE_NO_MEMORY
                                       : ICE_IO;
  ice_error_set(err, status, "%s %s: %s", action, path, cause);
  if (err) {
    err->origin_code = code;
    err->flags = code == ENOSPC || code == EDQUOT || code == EMFILE || code == ENFILE ? ICE_ERROR_RETRYABLE : 0;
  }
  return status;
}

// A handle has no name any more; the kernel knows it, and an error without a path helps nobody.
static ice_status fail_file(ice_error *err, const char *action, ice_file file, int code) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  path[size < 0 ? 0 : size] = '\0';
  return fail_errno(err, action, path, code);
}

static int64_t clock_us(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_us(void *context) {
  (void)context;
  return clock_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *context) {
  (void)context;
  return clock_us(CLOCK_MONOTONIC);
}

static void system_wait_us(void *context, int64_t us) {
  (void)context;
  if (us > 0) {
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&time, NULL);
  }
}

static ice_status system_fill(void *context, void *data, size_t size, ice_error *err) {
  (void)context;
  unsigned char *to = data;
  while (size > 0) {
    ssize_t got = getrandom(to, size, 0);
    if (got < 0 && errno != EINTR) {
      return fail_errno(err, "read", "random bytes", errno);
    }
    if (got > 0) {
      to += got;
      size -= (size_t)got;
    }
  }
  return ICE_OK;
}

static int open_again(const char *path, int flags, mode_t permissions) {
  int fd;
  do {
    fd = open(path, flags, permissions);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Not every file system can make a file without a name (overlay on old kernels, NFS, FUSE): there it gets a random one,
// which goes at once. The caller sees errno either way.
static int open_named_temporary(const char *directory) {
  char path[PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/icesink.XXXXXX", directory);
  if (size < 0 || (size_t)size >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd >= 0 && unlink(path) != 0) {
    int code = errno;
    close(fd);
    errno = code;
    return -1;
  }
  return fd;
}

static int open_temporary(const char *directory) {
  int fd = open_again(directory, O_CLOEXEC | O_RDWR | O_TMPFILE | O_EXCL, 0600);
  // EISDIR is what kernels say that do not know the flag.
  return fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) ? open_named_temporary(directory) : fd;
}

static ice_status system_open(void *context, const char *path, ice_file_mode mode, ice_file *out, ice_error *err) {
  (void)context;
  int flags = O_CLOEXEC;
  const char *action = "open";
  switch (mode) {
    case ICE_FILE_READ: flags |= O_RDONLY; break;
    case ICE_FILE_CREATE_NEW:
      flags |= O_WRONLY | O_CREAT | O_EXCL;
      action = "create";
      break;
    case ICE_FILE_READ_APPEND: flags |= O_RDWR | O_CREAT | O_APPEND; break;
    case ICE_FILE_TEMPORARY: action = "create a temporary file in"; break;
  }
  int fd = mode == ICE_FILE_TEMPORARY ? open_temporary(path) : open_again(path, flags, 0644);
  *out = fd;
  return fd < 0 ? fail_errno(err, action, path, errno) : ICE_OK;
}

static void system_close(void *context, ice_file file) {
  (void)context;
  if (file >= 0) {
    close(file);
  }
}

static ice_status system_read_at(void *context, ice_file file, int64_t offset, void *data, size_t size, size_t *got,
                                 ice_error *err) {
  (void)context;
  unsigned char *to = data;
  *got = 0;
  while (*got < size) {
    ssize_t count = pread(file, to + *got, size - *got, offset + (int64_t)*got);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return fail_file(err, "read", file, errno);
    }
    if (count == 0) {
      break;
    }
    *got += (size_t)count;
  }
  return ICE_OK;
}

static ice_status system_write(void *context, ice_file file, const void *data, size_t size, ice_error *err) {
  (void)context;
  const unsigned char *from = data;
  while (size > 0) {
    ssize_t count = write(file, from, size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return fail_file(err, "write", file, errno);
    }
    from += count;
    size -= (size_t)count;
  }
  return ICE_OK;
}

static ice_status system_truncate(void *context, ice_file file, int64_t size, ice_error *err) {
  (void)context;
  return ftruncate(file, size) == 0 ? ICE_OK : fail_file(err, "truncate", file, errno);
}

static ice_status system_sync(void *context, ice_file file, ice_error *err) {
  (void)context;
  return fsync(file) == 0 ? ICE_OK : fail_file(err, "fsync", file, errno);
}

static ice_status system_sync_directory(void *context, const char *path, ice_error *err) {
  (void)context;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return fail_errno(err, "open", path, errno);
  }
  ice_status status = fsync(fd) == 0 ? ICE_OK : fail_errno(err, "fsync", path, errno);
  close(fd);
  return status;
}

static ice_status system_link(void *context, const char *from, const char *to, ice_error *err) {
  (void)context;
  return link(from, to) == 0 ? ICE_OK : fail_errno(err, "create", to, errno);
}

static ice_status system_rename(void *context, const char *from, const char *to, ice_error *err) {
  (void)context;
  return rename(from, to) == 0 ? ICE_OK : fail_errno(err, "rename to", to, errno);
}

static ice_status system_unlink(void *context, const char *path, ice_error *err) {
  (void)context;
  return unlink(path) == 0 ? ICE_OK : fail_errno(err, "delete", path, errno);
}

static ice_status make_directory(const char *path, ice_error *err) {
  if (mkdir(path, 0755) == 0 || errno == EEXIST) {
    return ICE_OK;
  }
  return fail_errno(err, "create directory", path, errno);
}

static ice_status system_make_directories(void *context, const char *path, ice_error *err) {
  (void)context;
  char part[PATH_MAX];
  size_t size = strlen(path);
  if (size == 0 || size >= sizeof part) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "directory path of %zu bytes", size);
  }
  for (size_t i = 1; i <= size; i++) {
    if (i < size && path[i] != '/') {
      continue;
    }
    memcpy(part, path, i);
    part[i] = '\0';
    ice_status status = make_directory(part, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_file_kind kind_of(mode_t mode) {
  return S_ISREG(mode) ? ICE_FILE_KIND_REGULAR : S_ISDIR(mode) ? ICE_FILE_KIND_DIRECTORY : ICE_FILE_KIND_OTHER;
}

static ice_status system_stat(void *context, const char *path, ice_file_info *out, ice_error *err) {
  (void)context;
  struct stat info;
  if (stat(path, &info) != 0) {
    return fail_errno(err, "stat", path, errno);
  }
  *out = (ice_file_info){.kind = kind_of(info.st_mode),
                         .size = info.st_size,
                         .modified_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000};
  return ICE_OK;
}

static ice_status system_list(void *context, const char *path, ice_file_visit visit, void *visit_context,
                              ice_error *err) {
  (void)context;
  DIR *directory = opendir(path);
  if (!directory) {
    return fail_errno(err, "list", path, errno);
  }
  ice_status status = ICE_OK;
  while (status == ICE_OK) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry) {
      status = errno == 0 ? ICE_OK : fail_errno(err, "list", path, errno);
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    struct stat info;
    if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      // The entry went away between the two calls: another process deletes here too.
      if (errno == ENOENT) {
        continue;
      }
      status = fail_errno(err, "stat in", path, errno);
      break;
    }
    status = visit(visit_context, entry->d_name, kind_of(info.st_mode), err);
  }
  closedir(directory);
  return status;
}

const ice_port *ice_port_system(void) {
  static const ice_port port = {
      .clock = {.now_us = system_now_us, .monotonic_us = system_monotonic_us, .wait_us = system_wait_us},
      .random = {.fill = system_fill},
      .files = {.open = system_open,
                .close = system_close,
                .read_at = system_read_at,
                .write = system_write,
                .truncate = system_truncate,
                .sync = system_sync,
                .sync_directory = system_sync_directory,
                .link = system_link,
                .rename = system_rename,
                .unlink = system_unlink,
                .make_directories = system_make_directories,
                .stat = system_stat,
                .list = system_list},
  };
  return &port;
}
