/// The operating system as tables of functions: clock, randomness, files. Everything below `runtime/` takes them from
/// here, so that the simulator and the torture tests can put their own in their place.
#ifndef ICE_PORT_PORT_H
#define ICE_PORT_PORT_H

#include "base/bytes.h"
#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ice_clock {
  void *context;
  /// Microseconds since 1970-01-01T00:00:00Z; may jump.
  int64_t (*now_us)(void *context);
  /// Microseconds since some fixed moment; never goes back.
  int64_t (*monotonic_us)(void *context);
  /// Return after about `us` microseconds (none for 0 and below); a signal may end it early.
  void (*wait_us)(void *context, int64_t us);
} ice_clock;

typedef struct ice_random {
  void *context;
  /// Fill `data` with unpredictable bytes.
  ice_status (*fill)(void *context, void *data, size_t size, ice_error *err);
} ice_random;

typedef enum ice_file_mode {
  ICE_FILE_READ,
  ICE_FILE_CREATE_NEW,   ///< write; ALREADY_EXISTS when the name is taken
  ICE_FILE_READ_APPEND,  ///< read and write at the end; made when it is missing
  ICE_FILE_TEMPORARY     ///< read and write; `path` is a directory, the file has no name and goes with its handle
} ice_file_mode;

typedef enum ice_file_kind { ICE_FILE_KIND_REGULAR, ICE_FILE_KIND_DIRECTORY, ICE_FILE_KIND_OTHER } ice_file_kind;

typedef struct ice_file_info {
  ice_file_kind kind;
  int64_t size;
  int64_t modified_us;
} ice_file_info;

/// An open file; -1 is none.
typedef int ice_file;

/// Called once per entry, "." and ".." left out. Another status than OK ends the listing with it.
typedef ice_status (*ice_file_visit)(void *context, const char *name, ice_file_kind kind, ice_error *err);

/// Errors of all calls: NOT_FOUND, ALREADY_EXISTS, IO (message with path and cause, origin_code errno; RETRYABLE where
/// the cause may go away: no space, too many open files).
typedef struct ice_files {
  void *context;
  ice_status (*open)(void *context, const char *path, ice_file_mode mode, ice_file *out, ice_error *err);
  void (*close)(void *context, ice_file file);
  /// Read up to `size` bytes at `offset`; fewer only at the end of the file.
  ice_status (*read_at)(void *context, ice_file file, int64_t offset, void *data, size_t size, size_t *got,
                        ice_error *err);
  /// Write all of `data` behind what was written before.
  ice_status (*write)(void *context, ice_file file, const void *data, size_t size, ice_error *err);
  ice_status (*truncate)(void *context, ice_file file, int64_t size, ice_error *err);
  /// Make the contents durable.
  ice_status (*sync)(void *context, ice_file file, ice_error *err);
  /// Make the names in a directory durable.
  ice_status (*sync_directory)(void *context, const char *path, ice_error *err);
  /// Give the file `from` the additional name `to`; ALREADY_EXISTS when it is taken.
  ice_status (*link)(void *context, const char *from, const char *to, ice_error *err);
  /// Give the file `from` the name `to`, in place of what has it.
  ice_status (*rename)(void *context, const char *from, const char *to, ice_error *err);
  ice_status (*unlink)(void *context, const char *path, ice_error *err);
  /// Make a directory and its parents; one that is there is fine.
  ice_status (*make_directories)(void *context, const char *path, ice_error *err);
  ice_status (*stat)(void *context, const char *path, ice_file_info *out, ice_error *err);
  ice_status (*list)(void *context, const char *path, ice_file_visit visit, void *visit_context, ice_error *err);
} ice_files;

typedef struct ice_port {
  ice_clock clock;
  ice_random random;
  ice_files files;
} ice_port;

/// The real operating system. A constant of the library; threads: any.
const ice_port *ice_port_system(void);

/// A delay of which half is random, so that those who met do not meet again. Without randomness the shortest.
int64_t ice_port_jitter(const ice_port *port, int64_t delay_ms);

/// Append the contents of a file to `out` (its ceiling bounds the size: LIMIT).
ICE_MUST_CHECK ice_status ice_port_read_file(const ice_port *port, const char *path, ice_bytes *out, ice_error *err);

/// Make a new file with these contents, durable under its name, or none: written beside under another name, synced,
/// linked, and the directory synced. ALREADY_EXISTS when the name is taken.
ICE_MUST_CHECK ice_status ice_port_write_new_file(const ice_port *port, const char *path, const void *data,
                                                  size_t size, ice_error *err);

#endif
