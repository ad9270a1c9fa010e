/// One partition directory: its segment files in order, and walking the batches in them.
#ifndef ICE_SOURCE_SEGMENT_LOG_H
#define ICE_SOURCE_SEGMENT_LOG_H

#include "port/port.h"
#include "source/record_batch.h"

enum { ICE_SEGMENT_FILES_MAX = 1 << 20 };

typedef struct ice_segment_log {
  const ice_port *port;
  char *directory;
  int64_t *base_offsets;  ///< of the files, ascending
  size_t file_count;
  size_t file_capacity;
} ice_segment_log;

/// List the segment files of a directory. NOT_FOUND when it is not there.
ICE_MUST_CHECK ice_status ice_segment_log_open(ice_segment_log *log, const ice_port *port, const char *directory,
                                               ice_error *err);
void ice_segment_log_close(ice_segment_log *log);
/// List the files again, after others appended or deleted.
ICE_MUST_CHECK ice_status ice_segment_log_refresh(ice_segment_log *log, ice_error *err);

enum { ICE_SEGMENT_PATH_MAX = 4096 };
/// The path of file `index`.
ICE_MUST_CHECK ice_status ice_segment_log_path(const ice_segment_log *log, int64_t base_offset,
                                               char out[ICE_SEGMENT_PATH_MAX], ice_error *err);

typedef enum ice_segment_step {
  ICE_SEGMENT_BATCH,  ///< a whole batch stands at the position
  ICE_SEGMENT_END     ///< the file ends here, or with a torn batch
} ice_segment_step;

/// Look at the batch at byte `at` of an open file.
///
/// `last` tells whether a torn batch is the end (the last file) or damage. With `whole` the batch's bytes are read into
/// `data` (cleared first) and its CRC is checked; else only the header is.
/// Errors: CORRUPT with path and byte.
ICE_MUST_CHECK ice_status ice_segment_log_look(const ice_segment_log *log, ice_file file, const char *path, bool last,
                                               int64_t at, bool whole, ice_bytes *data, ice_record_batch *batch,
                                               ice_segment_step *step, ice_error *err);

/// Find the end of a file: the byte and the offset behind its last whole batch. `*end_byte` and `*end_offset` say where to
/// begin (0 and the base offset, or what an earlier look gave) and then where it ends.
ICE_MUST_CHECK ice_status ice_segment_log_find_end(const ice_segment_log *log, int64_t base_offset, bool last,
                                                   int64_t *end_byte, int64_t *end_offset, ice_error *err);

#endif
